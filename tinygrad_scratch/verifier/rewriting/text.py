"""The text of a file, and what is written in it: where a node stands, its names, and what they are multiplied by."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from itertools import accumulate, chain
from typing import Any, TypeGuard

from tinygrad_scratch.verifier.reading.derivative_names import WORDS, is_derivative_of, is_of_activation
from tinygrad_scratch.verifier.reading.source import TOKEN

MOST_CALLED = 12  # functions that may be meant around a value
LONGEST = 60  # characters of an expression that may be put in elsewhere
OF_NUMPY = ("keepdims", "inplace", "verbose", "training", "train", "copy", "axis", "replace", "endpoint", "writeable")
OF_NUMBERS = re.compile(r"(?:np|numpy|math)\.(?:tanh|exp|log|sqrt|sin|cos|abs|sign|square)")
SLOPES_OF_RESULTS = (
    (re.compile(r"[\w.]*tanh\w*\("), "(1 - {0} ** 2)"),
    (
        re.compile(r"[\w.]*(?:sigm|logistic|expit)\w*\(|1(?:\.0?)?\s*/\s*\(1(?:\.0?)?\s*\+\s*[\w.]*exp\("),
        "({0} * (1 - {0}))",
    ),
    (re.compile(r"[\w.]*relu\w*\(|[\w.]*maximum\("), "({0} > 0)"),
)
"""What results are made of, with their slopes by the results."""
SAID_OF_OBJECTS = re.compile(r"\bdtype\s*=\s*(?:np\.|numpy\.)?object\b|astype\((?:np\.|numpy\.)?object\b")
FIRST_WORDS = ("self", "np", "numpy", "math")


class Source:
    """A text, with the trees of its statements."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.splitlines(keepends=True)
        self.starts = [0, *accumulate(map(len, self.lines))]
        self.tree = ast.parse(text)
        self.statements = [node for node in ast.walk(self.tree) if isinstance(node, ast.stmt)]
        self._words: dict[tuple[int, int], Words] = {}
        self._spans: dict[Any, tuple[int, int]] = {}

    def at(self, line: int, column: int = 0) -> int:
        """The place of a character, by its line and its column in bytes, as syntax trees have them."""
        if not column:
            return self.starts[line - 1]
        text = self.lines[line - 1]
        return self.starts[line - 1] + (column if text.isascii() else len(text.encode()[:column].decode()))

    def span(self, node: Any) -> tuple[int, int]:
        if node not in self._spans:
            start, end = self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)
            self._spans[node] = start, end
        return self._spans[node]

    def code(self, node: Any) -> str:
        return self.text[slice(*self.span(node))]

    def operand(self, node: Any) -> str:
        """The code of a node, in brackets where it needs them beside an operator."""
        code = self.code(node)
        return f"({code})" if isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare | ast.IfExp | ast.BoolOp) else code

    def statement_on(self, line: int) -> ast.stmt | None:
        """The statement that begins on a line."""
        return next((node for node in self.statements if node.lineno == line), None)

    # ---- what is around a line ----

    def function_around(self, line: int) -> ast.FunctionDef | None:
        """The outermost function around a line."""
        found: ast.FunctionDef | None = self._around(line, ast.FunctionDef, 0)
        return found

    def class_around(self, line: int) -> ast.ClassDef | None:
        found: ast.ClassDef | None = self._around(line, ast.ClassDef, -1)
        return found

    def lambda_at(self, line: int) -> ast.Assign | None:
        """The statement of a line, if it gives a name to a lambda."""
        here = (node for node in self.statements if isinstance(node, ast.Assign) and node.lineno == line)
        return next((node for node in here if isinstance(node.value, ast.Lambda)), None)

    def _around(self, line: int, kind: type, which: int) -> Any:
        inside = [node for node in self.blocks if isinstance(node, kind) and line in lines_of(node)]
        return inside[which] if inside else None

    @cached_property
    def blocks(self) -> list[Any]:
        """The functions and classes, in the order of their lines."""
        found = (node for node in self.statements if isinstance(node, ast.FunctionDef | ast.ClassDef))
        return sorted(found, key=lambda node: node.lineno)

    def indent_of(self, node: ast.stmt) -> str:
        """The blanks before a statement."""
        line = self.lines[node.lineno - 1]
        return line[: len(line) - len(line.lstrip())]

    def block_of(self, node: ast.stmt) -> list[ast.stmt]:
        """The statements of which one is."""
        for holder in (self.tree, *self.statements):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(holder, name, None)
                if isinstance(block, list) and any(each is node for each in block):
                    return block
        return [node]

    def alike(self, written: str, count: int) -> list[str]:
        """The other functions of the text that may take as many arguments, by the way that one is written.

        Those are slopes, too, that an object was given: `self.d_act` for `self.act`.
        """
        holder, dot, name = written.rpartition(".")
        method = holder == "self"
        if dot and not method:
            return []
        kept = re.findall(r"\bself\.(\w+)\s*=", self.text) if method else []
        slopes = [f"self.{other}" for other in dict.fromkeys(kept) if is_derivative_of(other, {name})]
        most, least, own = dict[str, int](), dict[str, int](), dict[str, None]()
        for other, given in functions_in(self.statements):
            is_method = bool(given.args) and given.args[0].arg == "self"
            most[other] = len(given.args) - is_method
            least[other] = most[other] - len(given.defaults)
            own |= {other: None} if is_method == method else {}
        others = [other for other in own if other != name and least[other] <= count <= most[other]]
        return slopes + ([f"{holder}{dot}{other}" for other in others] if name in own else [])

    def takes_one(self, line: int) -> list[str]:
        """The functions that are called with one value, as written in a line's class; and those of all the text.

        What is defined for one value and called nowhere comes first: the call of it may be what was left out.
        """
        own = [name for name in self.everything.called if not name.startswith("self.")]
        called = [*self.uncalled, *self.words(line, of_class=True).called, *self.methods_beside(line), *own]
        of_numpy = [*self.words(line).of_numpy, *self.everything.of_numpy[:MOST_CALLED]]
        return [*list(dict.fromkeys(called))[:MOST_CALLED], *dict.fromkeys(of_numpy)]

    def methods_beside(self, line: int) -> list[str]:
        """The other methods of one value that a class has, as they are called: `self.f`, and `self` of an object."""
        inner = self.function_around(line)
        functions = (node for node in getattr(self.class_around(line), "body", ()) if isinstance(node, ast.FunctionDef))
        methods = (node for node in functions if node is not inner)
        own = [node.name for node in methods if len(node.args.args) == 2 and node.args.args[0].arg == "self"]
        return ["self" if name == "__call__" else f"self.{name}" for name in own]

    @cached_property
    def has_objects(self) -> bool:
        """Whether the text says of any array that it is one of objects."""
        return SAID_OF_OBJECTS.search(self.text) is not None

    @cached_property
    def everything(self) -> Words:
        """What is written in all of the text."""
        return Words(self, list(ast.walk(self.tree)))

    @cached_property
    def imported_in_vain(self) -> list[str]:
        """The functions that are imported and read nowhere, a module's by its own name: `import sigmoid_prime as p`."""
        found = dict[str, str]()  # by the name that is read
        for node in self.statements:
            if isinstance(node, ast.ImportFrom):
                found |= {name: name for alias in node.names for name in [alias.asname or alias.name]}
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    found[bound] = f"{alias.asname or alias.name}.{alias.name.rpartition('.')[2]}"
        read = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        return [function for name, function in found.items() if name not in read]

    @cached_property
    def uncalled(self) -> list[str]:
        """The functions of one value that the text defines, and does not mention again."""
        functions = functions_in(getattr(self.tree, "body", ()))
        names = (node for node in ast.walk(self.tree) if isinstance(node, ast.Name))
        read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
        return [name for name, given in functions if len(given.args) == 1 and name not in read]

    @cached_property
    def calls_of_uncalled(self) -> list[str]:
        """Calls of the functions that are called as derivatives are, and that nothing mentions, of a value.

        What else one is given is what the function is that it is the derivative of: `f_prime({}, c)` beside `f(x, c)`.
        """
        functions = list(functions_in(self.statements))
        names = {name for name, _ in functions}
        bound = {node.id for node in self.everything.nodes if is_bound(node)}
        read = {*re.findall(r"\w+", " ".join(name for name in self.everything.names if name not in bound & names))}
        called = read | {name.rpartition(".")[2] for name in self.everything.called_at_all}
        found = []
        for name, arguments in functions:
            given = [argument.arg for argument in arguments.args]
            method = given[:1] == ["self"]
            count = len(given) - method - len(arguments.defaults)
            if name not in called and is_derivative_of(name, names - {name}):
                others = {other for other in names - {name} if is_derivative_of(name, {other})}
                written = f"self.{name}" if method else name
                found += [f"{written}({', '.join(['{}', *more])})" for more in self._given_beside(others, count)]
        return list(dict.fromkeys(found))

    def _given_beside(self, functions: set[str], count: int) -> list[list[str]]:
        """What calls of some functions give them beside a first value; nothing where they take one."""
        if count <= 1:
            return [[]] * count
        calls = (node for node in self.everything.nodes if isinstance(node, ast.Call) and len(node.args) == count)
        own = (node for node in calls if self.code(node.func).rpartition(".")[2] in functions)
        return [[self.code(argument) for argument in node.args[1:]] for node in own]

    @cached_property
    def slope_methods(self) -> list[str]:
        """The methods that give the slope of a function that is an object, of one value: `f.gradient(x)` of `f(x)`."""
        found = re.findall(r"def (\w+)\(\s*self,\s*\w+\s*\)|\w\.(\w+)\(", self.text)
        return list(dict.fromkeys(name for pair in found for name in pair if METHOD.fullmatch(name)))

    def is_slope_method(self, function: ast.FunctionDef | None) -> bool:
        """Whether a function is a method that gives the slope of an object, of one value."""
        return function is not None and function.name in self.slope_methods and len(function.args.args) == len(OF_ONE)

    def is_in_derivative(self, line: int) -> bool:
        """Whether a line is in a function called as derivatives are, or as the backward pass of an activation."""
        function = self.function_around(line)
        name = function.name if function is not None else ""
        called = re.search(rf"{WORDS}|^(?:d|df|dx|diff)$", name, re.IGNORECASE) is not None
        of_another = is_of_activation(name) or self.is_slope_of_another(name)
        return called or of_another or self.is_slope_method(function)

    def is_slope_of_another(self, name: str) -> bool:
        """Whether a function is called as the slope of another one is, as `dtanh` of `tanh`."""
        short = name.rpartition(".")[2]
        functions = {node.name for node in self.statements if isinstance(node, ast.FunctionDef)}
        return short[:1] == "d" and short[1:].lstrip("_") in functions

    @cached_property
    def named_factors(self) -> list[str]:
        """The numbers that the module gives names to, and that its functions multiply by."""
        bound = (node for node in self.tree.body if isinstance(node, ast.Assign) and is_worked_out(node.value))
        names = {target.id for node in bound for target in node.targets if isinstance(target, ast.Name)}
        inside = (node for each in self.blocks for node in ast.walk(each) if isinstance(node, ast.BinOp))
        products = (node for node in inside if isinstance(node.op, ast.Mult | ast.Div))
        sides = (side for node in products for side in (node.left, node.right) if isinstance(side, ast.Name))
        return list(dict.fromkeys(side.id for side in sides if side.id in names))

    @cached_property
    def words_told(self) -> list[str]:
        """The words that a source compares something with: `if activation == "relu"`."""
        compared = (node for node in ast.walk(self.tree) if isinstance(node, ast.Compare))
        parts = (part for node in compared for part in ast.walk(node) if isinstance(part, ast.Constant))
        return list(dict.fromkeys(part.value for part in parts if isinstance(part.value, str) and part.value))

    @cached_property
    def switches(self) -> list[str]:
        """The arguments of functions that are False where they are not given, and what calls give as True."""
        given = (each for node in ast.walk(self.tree) if isinstance(node, ast.Call) for each in node.keywords)
        on = (each.arg for each in given if isinstance(each.value, ast.Constant) and each.value.value is True)
        found = dict.fromkeys(name for name in on if name and name not in OF_NUMPY)
        for node in self.statements:
            if isinstance(node, ast.FunctionDef) and node.args.defaults:
                pairs = zip(node.args.args[::-1], node.args.defaults[::-1], strict=False)
                off = (name.arg for name, value in pairs if isinstance(value, ast.Constant) and value.value is False)
                found |= dict.fromkeys(off)
        return list(found)

    def words(self, line: int, of_class: bool = False) -> Words:
        """What is written in the function around a line, or in its class."""
        around = (self.class_around(line) if of_class else None) or self.function_around(line)
        lines = lines_of(around) if around is not None else self.loop_around(line)
        key = lines.start, lines.stop
        if key not in self._words:
            nodes = self.in_no_function if around is None else ast.walk(self.tree)
            own = [n for n in nodes if getattr(n, "lineno", 0) in lines]
            rest = [n for n in nodes if getattr(n, "lineno", 0) not in lines] if around is None else []
            self._words[key] = Words(self, [*own, *rest])
        return self._words[key]

    def is_given_later(self, name: str, line: int) -> bool:
        """Whether a function gives a name its first value after a line, so that nothing can read it there."""
        around = self.function_around(line)
        if around is None or self.loops_over(line):
            return False
        if around.lineno not in self._first_given:
            found: dict[str, int] = {}
            for node in ast.walk(around):
                if is_bound(node):
                    found[node.id] = min(found.get(node.id, node.lineno), node.lineno)
            given = {node.arg: 0 for node in ast.walk(around) if isinstance(node, ast.arg)}
            self._first_given[around.lineno] = found | given
        return self._first_given[around.lineno].get(name, 0) > line

    @cached_property
    def _first_given(self) -> dict[int, dict[str, int]]:
        return {}

    def is_given_by_name(self, function: str, codes: list[str], first: int) -> bool:
        """Whether a function here calls what it is given, from some argument on, as it is called where it is given."""
        own = [node for node in self.statements if isinstance(node, ast.FunctionDef) and node.name == function]
        called = ([each.arg for each in node.args.args if each.arg not in ("self", "cls")] for node in own)
        return any(code == name for names in called for code, name in list(zip(codes, names, strict=False))[first:])

    def loops_over(self, line: int) -> list[ast.For]:
        """The loops that a line is in."""
        return [node for node in self.statements if isinstance(node, ast.For) and line in lines_of(node)]

    def counts_around(self, line: int) -> list[str]:
        """How many turns the loops around a line take: `len(words)` of `for word in words`, `n` of `range(n)`."""
        found = []
        for loop in self.loops_over(line):
            match loop.iter:
                case ast.Name() | ast.Attribute():
                    found.append(f"len({self.code(loop.iter)})")
                case ast.Call(func=ast.Name(id="range"), args=[count]) if not isinstance(count, ast.Constant):
                    found.append(self.code(count))
        return usable(found)

    def indices_around(self, line: int) -> list[str]:
        """What the loops around a line count entries by, and its neighbours: `i`, `i - 1`, `i + 1`."""
        names = [loop.target.id for loop in self.loops_over(line) if isinstance(loop.target, ast.Name)]
        used = [name for name in names if re.search(rf"\[[^\]]*\b{name}\b", self.text)]
        return [text for name in used for text in (name, f"{name} - 1", f"{name} + 1")]

    def loop_around(self, line: int) -> range:
        """The lines of the outermost loop of a script around a line; that line alone where there is none."""
        loops = (lines_of(node) for node in self.tree.body if isinstance(node, ast.For | ast.While))
        return next((lines for lines in loops if line in lines), range(line, line + 1))

    @cached_property
    def in_no_function(self) -> list[ast.AST]:
        """What a script does itself, the outer parts first."""
        found: list[ast.AST] = []
        waiting: list[ast.AST] = [self.tree]
        while waiting:
            node = waiting.pop(0)
            found.append(node)
            waiting += [n for n in ast.iter_child_nodes(node) if not isinstance(n, ast.FunctionDef | ast.ClassDef)]
        return found


OF_ONE = ("self", "x")
METHOD = re.compile(r"(?:grad(?:ient)?|deri?v\w*|prime|slope|der|bprop)_?", re.IGNORECASE)


@lru_cache(maxsize=16)
def source_of(text: str) -> Source:
    return Source(text)


def lines_of(node: Any) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def first_factor(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.MatMult):
        node = node.left
    return node


def any_call(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Call | ast.Subscript) for part in ast.walk(node))


def is_worked_out(node: ast.expr) -> bool:
    """Whether a text says a number, by numbers alone.

    >>> [is_worked_out(ast.parse(t, mode="eval").body) for t in ("0.5", "np.sqrt(2 / np.pi)", "np.zeros(3)", "-len(x)")]
    [True, True, False, False]
    """
    match node:
        case ast.Constant(value=int() | float()) | ast.Attribute(attr="pi" | "e"):
            return True
        case ast.BinOp(left=one, right=other):
            return is_worked_out(one) and is_worked_out(other)
        case ast.UnaryOp(operand=one) | ast.Call(func=ast.Attribute(attr="sqrt" | "exp" | "log"), args=[one]):
            return is_worked_out(one)
    return False


class Words:
    """The names of a part of a text, and the factors, divisors and terms in it."""

    def __init__(self, source: Source, nodes: list[ast.AST]) -> None:
        self.source, self.nodes = source, nodes

    @cached_property
    def names(self) -> list[str]:
        """What could stand for a value: names, attributes, and entries such as `cache["a"]` and `w[i - 1]`."""
        found = [node.arg for node in self.nodes if isinstance(node, ast.arg)]
        for node in self.nodes:
            entry = isinstance(node, ast.Subscript) and isinstance(node.slice, SIMPLE)
            if isinstance(node, ast.Name | ast.Attribute) or entry:
                found.append(self.source.code(node))
        return [
            n
            for n in usable(found)
            if n not in self.called_at_all | {*FIRST_WORDS} and not n.startswith(("np.", "numpy."))
        ]

    @cached_property
    def text(self) -> str:
        """All names, one after the other."""
        return " ".join(self.names)

    @cached_property
    def called(self) -> list[str]:
        """The functions that are called with one argument alone, and those with names that are near theirs."""
        calls = [node for node in self.nodes if isinstance(node, ast.Call) and len(node.args) == 1]
        plain = (node for node in calls if not (node.keywords or is_of_text(node.func)))
        found = usable(self.source.code(node.func) for node in plain)
        theirs = [name for name in found if not name.startswith(("np.", "numpy.", "math."))]
        own = [name for name in theirs if not hasattr(builtins, name)]
        near = (name for name in self.names if any(name != other and is_near(name, other) for other in own))
        return list(dict.fromkeys([*own, *near]))

    @cached_property
    def called_at_all(self) -> set[str]:
        return {self.source.code(node.func) for node in self.nodes if isinstance(node, ast.Call)}

    @cached_property
    def grown(self) -> list[str]:
        """The lists that something is appended to."""
        return [name.removesuffix(".append") for name in sorted(self.called_at_all) if name.endswith(".append")]

    @cached_property
    def of_numpy(self) -> list[str]:
        """NumPy's functions of single numbers, such as `np.tanh`, that are called."""
        called = (self.source.code(node.func) for node in self.nodes if isinstance(node, ast.Call))
        return [name for name in dict.fromkeys(called) if OF_NUMBERS.fullmatch(name)]

    @cached_property
    def factors(self) -> list[str]:
        """What something is multiplied by, also all the factors from one on, as in `d * s * (1 - s)`.

        What a factor leaves of 1, as `m` of `(1 - m)`, is due elsewhere, and so is what one is the negative of: `-m`.
        """
        chains = [factors for node in self._operations((ast.Mult,)) if len(factors := factors_in(node)) > 2]
        tails = (" * ".join(map(self.source.operand, each[i:])) for each in chains for i in range(1, len(each) - 1))
        known = self._operands((ast.Mult,))
        rests = (found[1] for each in known if (found := re.fullmatch(r"\(?1\.?0? - (\w+)\)?", each)))
        negated = (found[1] for each in known if (found := re.fullmatch(r"\(?-([^\W\d][\w.]*)\)?", each)))
        return usable([*known, *tails, *rests, *negated])

    @cached_property
    def slopes(self) -> list[str]:
        """The slopes of named results of activations that nothing is multiplied by: `(1 - h ** 2)` of a tanh's."""
        written = {each.replace(" ", "") for each in self.factors}
        assigned = [node for node in self.nodes if isinstance(node, ast.Assign) and len(node.targets) == 1]
        named = [(n.targets[0], n.value) for n in assigned if isinstance(n.targets[0], ast.Name | ast.Subscript)]
        made = [(self.source.code(target), self.source.code(value)) for target, value in named]
        found = (slope.format(name) for name, value in made for of, slope in SLOPES_OF_RESULTS if of.match(value))
        return [each for each in usable(found) if each.replace(" ", "") not in written]

    @cached_property
    def leading(self) -> list[str]:
        """The numbers, such as `(1 / n)`, that values begin with that are products of them and of more."""
        values = (node.value for node in self.nodes if isinstance(node, ast.Assign | ast.AugAssign))
        firsts = (first_factor(value) for value in values if isinstance(value, ast.BinOp))
        of_numbers = (n for n in firsts if isinstance(n, ast.BinOp | ast.Constant) and not any_call(n))
        return usable(map(self.source.operand, of_numbers))

    @cached_property
    def divisors(self) -> list[str]:
        return usable(self.source.operand(n.right) for n in self._operations((ast.Div,)))

    @cached_property
    def terms(self) -> list[str]:
        """What something is added to, or taken off."""
        return self._operands((ast.Add, ast.Sub))

    @cached_property
    def in_indices(self) -> list[ast.BinOp]:
        """Sums and products in indices, such as `i * stride`."""
        inner = (n for each in self.nodes if isinstance(each, ast.Subscript) for n in ast.walk(each.slice))
        return [n for n in inner if isinstance(n, ast.BinOp)]

    @cached_property
    def indices(self) -> list[str]:
        """What stands in square brackets."""
        return usable(self.source.code(n.slice) for n in self.nodes if isinstance(n, ast.Subscript))

    @cached_property
    def keys(self) -> list[str]:
        """The texts by which entries of dictionaries are put in."""
        keys = [key for node in self.nodes if isinstance(node, ast.Dict) for key in node.keys]
        put = (node for node in self.nodes if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store))
        return usable(self.source.code(key) for key in (*keys, *(node.slice for node in put)) if is_text(key))

    def _operations(self, signs: tuple[type, ...]) -> Iterator[ast.BinOp]:
        return (n for n in self.nodes if isinstance(n, ast.BinOp) and isinstance(n.op, signs))

    def _operands(self, signs: tuple[type, ...]) -> list[str]:
        pairs = ((n.right, n.left) for n in self._operations(signs))
        return usable(self.source.operand(operand) for pair in pairs for operand in pair)


def is_text(node: Any) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def functions_in(statements: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.arguments]]:
    """The names of functions and what they are given, also of those that are written as `prime = lambda z: z > 0`."""
    for node in statements:
        match node:
            case ast.FunctionDef(name=name, args=given):
                yield name, given
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda(args=given)):
                yield name, given


def is_bound(node: Any) -> TypeGuard[ast.Name]:
    """Whether a node is a name that is given a value there."""
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def factors_in(node: ast.expr) -> list[ast.expr]:
    """The factors of a product from left to right."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*factors_in(node.left), *factors_in(node.right)]
    return [node]


SIMPLE = (ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.Attribute, ast.Tuple)


def is_of_text(function: ast.expr) -> bool:
    """Whether what is called is a method of a text that stands there, as of one that is printed.

    >>> [is_of_text(ast.parse(text, mode="eval").body) for text in ("'{} of {}'.format", "f'{n}'.join", "net.slope")]
    [True, True, False]
    """
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Constant | ast.JoinedStr)


def usable(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if "\n" not in text and len(text) < LONGEST]


# ---- how alike texts are ---------------------------------------------------------------------------------------------


def is_near(one: str, other: str) -> bool:
    """Whether two names differ in their numbers alone, or in one letter."""
    if re.sub(r"\d+", "#", one) == re.sub(r"\d+", "#", other):
        return True
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def effort(old: str, new: str) -> int:
    """How many words and signs a change takes away or puts in.

    One for another is one, wherever it stands, and so are two that change places.
    """
    one, two = ([t for t in TOKEN.findall(text) if t.strip()] for text in (old, new))
    if one != two and sorted(one) == sorted(two):
        return 1
    parts = SequenceMatcher(None, one, two, autojunk=False).get_opcodes()
    changed = {(tuple(one[a:b]), tuple(two[c:d])) for how, a, b, c, d in parts if how != "equal"}
    return sum(max(len(before), len(after)) for before, after in changed)


WORD_OR_SIGN = re.compile(r"[^\W\d]\w*|\d[\w.]*|\*\*|//|[-+*/@]=|'[^']*'|\S")
SIGNS = {"+", "-", "(", ")", ",", "~"}


def is_without(old: str, new: str) -> bool:
    """Whether a text is another one without a part of it, and that is more than signs; what is left keeps its sign."""
    one, two = (WORD_OR_SIGN.findall(plain(text)) for text in (old, new))
    parts = SequenceMatcher(None, one, two, autojunk=False).get_opcodes()
    gone = [one[a:b] for how, a, b, _, _ in parts if how != "equal"]
    only = all(how in ("equal", "delete") for how, *_ in parts)
    return only and not any(part[-1] == "-" for part in gone) and not SIGNS.issuperset(chain(*gone))


def plain(text: str) -> str:
    """A statement with no more brackets than it needs; as it is where it is no whole one."""
    try:
        return ast.unparse(ast.parse(text.strip()))
    except SyntaxError:
        return text
