"""A person's source: the statement at a line, the part of it that made one call, and what sets two of them apart."""

from __future__ import annotations

import ast
import dis
import io
import linecache
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from types import CodeType

from tinygrad_scratch.verifier.reading.places import Place


@dataclass(frozen=True)
class Marked:
    """A text of code on one line, with the part of it to look at: the characters from `start` to `end`."""

    text: str
    start: int = 0
    end: int = 0

    @property
    def part(self) -> str:
        return self.text[self.start : self.end]


TEXTS: dict[str, tuple[list[str], str]] = {}  # by file: its lines, and what they are together


def text_of(file: str) -> str:
    """The text of a file, the same object as long as its lines are: many ask for it, and look things up by it."""
    lines = linecache.getlines(file)
    known = TEXTS.get(file)
    if known is None or known[0] is not lines:
        known = TEXTS[file] = lines, without_magics("".join(lines))
    return known[1]


@lru_cache(maxsize=64)
def without_magics(text: str) -> str:
    """A script without the commands of notebooks, such as `%matplotlib inline`, in lines of their own."""
    return re.sub(r"(?m)^([ \t]*)[%!]\w.*$", r"\1pass", text)


def statement_at(file: str, line: int, about: str | None = None) -> str:
    """The statement that a line belongs to, on one line and without comments; the head alone of a compound one.

    Of several on a line it is the first one that has what it is `about`, a name or an expression; else the last.
    """
    return statement_in(text_of(file), line, about)


@lru_cache(maxsize=4096)
def statement_in(text: str, line: int, about: str | None) -> str:
    """The same, of a text."""
    written = statements_on(text, line)
    whole = re.compile(rf"(?<!\w){re.escape(about)}(?!\w)") if about else None
    return next((statement for statement in written if whole and whole.search(statement)), written[-1])


@lru_cache(maxsize=4096)
def statements_on(text: str, line: int) -> tuple[str, ...]:
    """All statements that a line belongs to, each on one line; the line as it is where there are none."""
    lines = text.splitlines()
    found = [node for node in statements(text) if node.lineno <= line <= end_of_head(node)]
    if not found:
        return (lines[line - 1].strip() if 0 < line <= len(lines) else "",)
    return tuple(
        on_one_line("\n".join(lines[node.lineno - 1 : end_of_head(node)]), text, node)
        for node in found
        if not hasattr(node, "body") or node is found[-1]
    )


def on_one_line(text: str, whole: str, node: ast.stmt) -> str:
    simple = not hasattr(node, "body")
    segment = (ast.get_source_segment(whole, node) if simple else None) or text
    return joined(segment)


def joined(segment: str) -> str:
    """Code of several lines on one, without comments."""
    lines = segment.splitlines()
    try:
        for token in tokenize.generate_tokens(io.StringIO(segment).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                lines[row - 1] = lines[row - 1][:column]
    except (tokenize.TokenError, IndentationError):
        pass
    text = " ".join(part for line in lines if (part := line.strip().removesuffix("\\").strip()))
    return re.sub(r"(?<=[(\[{]) | (?=[)\]}])", "", text) if len(lines) > 1 else text


@lru_cache(maxsize=64)
def statements(text: str) -> tuple[ast.stmt, ...]:
    """All statements of a text, outer ones before inner ones."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.stmt))


@lru_cache(maxsize=1024)
def without_blanks(text: str) -> str:
    return re.sub(r"\s+", "", text)


def is_index_of(inner: ast.AST, outer: ast.AST) -> bool:
    """Whether something is in the square brackets of another, that are no way to put arrays together, as np.r_'s."""
    return isinstance(outer, ast.Subscript) and inner is not outer.value and not puts_together(outer.value)


def puts_together(node: ast.AST) -> bool:
    """Whether it is np.r_ or np.c_, which stand for no array."""
    return isinstance(node, ast.Attribute) and node.attr in ("r_", "c_")


def is_rename(file: str, line: int) -> bool:
    """Whether a line only gives another name to what has one: `a = b`, or hands it on: `return a`, `all.append(a)`."""
    match innermost_at(file, line):
        case ast.Assign(value=value) | ast.Return(value=value):
            pass
        case other:
            _, value = (append_in(other) if other is not None else None) or (None, None)
    return isinstance(value, ast.Name | ast.Attribute | ast.Subscript)


def only_appends(file: str, line: int) -> bool:
    """Whether a line does nothing but append a value to a list."""
    own = innermost_at(file, line)
    return own is not None and append_in(own) is not None


def innermost_at(file: str, line: int) -> ast.stmt | None:
    """The innermost statement that a line belongs to; None where there is none."""
    return innermost_in(text_of(file), line)


@lru_cache(maxsize=4096)
def innermost_in(text: str, line: int) -> ast.stmt | None:
    """The same of a text, looked for once, as loops ask for their lines in each turn."""
    found = [node for node in statements(text) if node.lineno <= line <= end_of_head(node)]
    return found[-1] if found else None


def append_in(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """The list that a statement only appends a value to, and that: `deltas.append(d)`."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=held, attr="append"), args=[value], keywords=[])):
            return held, value
    return None


def binding_of(place: Place) -> Place:
    """Of a line `return a` the last one before it, in that function, that says `a = b`; else the line itself."""
    inside = [node for node in statements(text_of(place.file)) if start_of_function(place) < node.lineno <= place.line]
    value = next((node.value for node in inside if isinstance(node, ast.Return) and node.lineno == place.line), None)
    if not isinstance(value, ast.Name):
        return place
    bound = [
        node.lineno
        for node in inside
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == value.id for target in node.targets)
    ]
    renames = bool(bound) and is_rename(place.file, max(bound))
    return replace(place, line=max(bound), offset=0) if renames else place


def in_same_function(one: Place, other: Place) -> bool:
    """Whether two places are in the body of one function, and not only in two of the same name."""
    return one.file == other.file and start_of_function(one) == start_of_function(other)


def start_of_function(place: Place) -> int:
    """The line at which the innermost function around a place begins; 0 for a module."""
    return start_of_function_in(text_of(place.file), place.line)


@lru_cache(maxsize=4096)
def start_of_function_in(text: str, line: int) -> int:
    """The same, of a text."""
    return max(
        (
            node.lineno
            for node in statements(text)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.lineno <= line <= (node.end_lineno or node.lineno)
        ),
        default=0,
    )


def in_its_function(one: Place, other: Place) -> bool:
    """Whether a place is in the innermost function around another one, or in a function that stands in that."""
    start = start_of_function(other)
    functions = (node for node in statements(text_of(other.file)) if node.lineno == start)
    ends = (n.end_lineno or start for n in functions if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return one.file == other.file and start <= one.line <= max(ends, default=0)


def end_of_head(node: ast.stmt) -> int:
    """The last line of a statement, or of what stands before the body of a compound one."""
    body = getattr(node, "body", None)
    return max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno


def end_of_turns(place: Place) -> Place | None:
    """What ends a loop around a place: a return or a break in its body, else the head of the innermost one."""
    loops = (node for node in statements(text_of(place.file)) if isinstance(node, ast.For | ast.While))
    around = [node for node in loops if node.body[0].lineno <= place.line <= (node.end_lineno or 0)]
    inside = [node for node in around if node.lineno > start_of_function(place)]
    if not inside:
        return None
    loops_out = sorted(inside, key=lambda node: -node.lineno)
    ends = [n.lineno for loop in loops_out for n in loop.body if isinstance(n, ast.Return | ast.Break)]
    return Place(place.file, next(iter(ends), loops_out[0].lineno), place.function, 0)


# ---- the part that made a call ---------------------------------------------------------------------------------------


def call_at(place: Place) -> str | None:
    """The text of the call at a place, on one line; None where the place knows no more than its line."""
    return call_in(text_of(place.file), place) if place.offset > 0 else None


@lru_cache(maxsize=4096)
def call_in(text: str, place: Place) -> str | None:
    """The same, of a text."""
    lines = text.splitlines()
    for code in codes(text):
        if code.co_name != place.function:
            continue
        positions = list(code.co_positions())
        if place.offset // 2 >= len(positions):
            continue
        first, last, start, end = positions[place.offset // 2]
        if first is None or last is None or start is None or end is None or not first <= place.line <= last:
            continue
        if code.co_code[place.offset] in NOT_CALLS:
            continue
        part = [line.encode() for line in lines[first - 1 : last]]
        part[-1] = part[-1][:end]
        part[0] = part[0][start:]
        return joined(b"\n".join(part).decode(errors="replace"))
    return None


NOT_CALLS = {dis.opmap[name] for name in ("RESUME", "RETURN_VALUE") if name in dis.opmap}


def with_factor(code: str, place: int, factor: str) -> str | None:
    """An expression such as `a + b` with one of its two operands times something; None for one of another form.

    >>> with_factor("dy * t + dy * (1 - t)", 1, "u"), with_factor("g * (a - b)", 1, "u"), with_factor("w @ d", 1, "u")
    ('dy * t + dy * (1 - t) * u', 'g * (a - b) * u', 'w @ (d * u)')
    """
    found = operand_in(code, place)
    if found is None:
        return None
    start, end = found
    product = f"{code[start:end]} * {factor}"
    binds = place == 1 and code[:start].rstrip().endswith(("@", "/", "**"))
    return f"{code[:start]}({product}){code[end:]}" if binds else f"{code[:start]}{product}{code[end:]}"


def with_operand(code: str, place: int, old: str, new: str) -> str | None:
    """An expression such as `a + b` with something else for one of its two operands; None where that isn't `old`.

    >>> with_operand("(1 - s) * s", 1, "s", "s.T")
    '(1 - s) * s.T'
    """
    found = operand_in(code, place)
    written = code[slice(*found)] if found else ""
    if found is None or written not in (old, f"({old})"):
        return None
    return f"{code[: found[0]]}{written.replace(old, new)}{code[found[1] :]}"


def operand_in(code: str, place: int) -> tuple[int, int] | None:
    """Where the first or the second operand of an expression such as `a + b` stands, with the brackets around it."""
    try:
        whole = ast.parse(code, mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(whole, ast.BinOp):
        return None
    operand = whole.right if place else whole.left
    start, end = operand.col_offset, operand.end_col_offset or len(code)
    while code[:start].endswith("(") and code[end:].startswith(")"):
        start, end = start - 1, end + 1
    return start, end


@lru_cache(maxsize=64)
def codes(text: str) -> tuple[CodeType, ...]:
    """The code of a text, and of all functions in it: the same as was run, as Python compiles a text in one way."""
    try:
        return tuple(nested(compile(text, "", "exec", dont_inherit=True)))
    except (SyntaxError, ValueError):
        return ()


def nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested(constant)


# ---- what sets two texts apart ---------------------------------------------------------------------------------------

TOKEN = re.compile(r"\s+|'\w*'|\"\w*\"|[^\W\d][\w.]*|\d[\w.]*|\*\*|//|[-+*/@]=|.", re.DOTALL)


def compared(mine: str, other: str) -> tuple[Marked, Marked]:
    """Two texts, each with the part that the other hasn't; where one was only added to, that part is empty."""
    one, two = TOKEN.findall(mine), TOKEN.findall(other)
    same = 0
    while same < min(len(one), len(two)) and one[same] == two[same]:
        same += 1
    rest = 0
    while rest < min(len(one), len(two)) - same and one[-1 - rest] == two[-1 - rest]:
        rest += 1
    return marked(one, same, rest), marked(two, same, rest)


def marked(tokens: list[str], same: int, rest: int) -> Marked:
    text = "".join(tokens)
    start = len("".join(tokens[:same]))
    end = len(text) - len("".join(tokens[len(tokens) - rest :]))
    blanks = len(text[start:end]) - len(text[start:end].lstrip())
    return Marked(text, min(start + blanks, end), max(end, start + blanks) if end > start else start)


def without_brackets(text: str, mine: str) -> str:
    """A text without the brackets that another one hasn't, where they change nothing."""
    for start, end in brackets_in(text):
        shorter = text[:start] + text[start + 1 : end] + text[end + 1 :]
        stood = text[start : end + 1] in mine or mine.startswith(text[: start + 1])
        if not stood and is_same(text, shorter):
            return without_brackets(shorter, mine)
    return text


def with_bare_names(text: str, mine: str) -> str:
    """A text without brackets around a name alone, where another text has none around it."""
    shorter = AROUND_NAME.sub(lambda found: found[0] if found[0] in mine else found[1], text)
    return text if shorter == text else with_bare_names(shorter, mine)


AROUND_NAME = re.compile(r"(?<![\w\])])\(([A-Za-z_][\w.]*)\)")


def bare(text: str) -> str:
    """A text without the brackets around all of it.

    >>> bare("(a + b)"), bare("(a).astype(int)"), bare("(a) + (b)")
    ('a + b', '(a).astype(int)', '(a) + (b)')
    """
    return text[1:-1] if text[:1] + text[-1:] == "()" and parsed(text[1:-1]) is not None else text


def brackets_in(text: str) -> Iterator[tuple[int, int]]:
    """Where round brackets open and close."""
    waiting: list[int] = []
    for place, sign in enumerate(text):
        if sign == "(":
            waiting.append(place)
        elif sign == ")" and waiting:
            yield waiting.pop(), place


def is_same(one: str, other: str) -> bool:
    """Whether two texts mean the same to Python, or are one, such as a sentence; the heads of loops among them."""
    whole = [f"{text} pass" if text.endswith(":") else text for text in (one, other)]
    try:
        return one == other or ast.dump(ast.parse(whole[0])) == ast.dump(ast.parse(whole[1]))
    except (SyntaxError, ValueError):
        return False


def is_same_sum(one: str, other: str) -> bool:
    """Whether two statements are the same, but for the order in which they add.

    >>> is_same_sum("d = a @ w + b", "d = b + a @ w"), is_same_sum("d = a @ w + b", "d = b - a @ w")
    (True, False)
    """
    return is_same(one, other) or in_order(parsed(one)) == in_order(parsed(other)) is not None


def in_order(tree: ast.AST | None) -> str | None:
    """A statement's dump with the terms of its sums in the order of the alphabet; None for no statement."""
    if tree is None:
        return None
    for node in ast.walk(tree):
        for name, part in ast.iter_fields(node):
            if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add):
                setattr(node, name, ast.Tuple(sorted(terms_in(part), key=ast.dump), ast.Load()))
    return ast.dump(tree)


def terms_in(node: ast.expr) -> list[ast.expr]:
    """What a sum adds."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*terms_in(node.left), *terms_in(node.right)]
    return [node]


def found_in(text: str, part: str) -> Marked:
    """A text with a part of it marked; all that is assigned or returned, where the part isn't in it."""
    pattern = re.compile(rf"(?<![\w.]){re.escape(part)}(?!\w)" if part[:1].isidentifier() else re.escape(part))
    start = value_starts(text)
    match = pattern.search(text, start)
    return Marked(text, *match.span()) if match else Marked(text, start, start + len(right_side(text)))


def value_starts(text: str) -> int:
    """Where the value of an assignment begins: 0 where there is none."""
    try:
        (node,) = ast.parse(text.strip()).body
    except (SyntaxError, ValueError):
        return 0
    value = getattr(node, "value", None)
    if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return) or value is None:
        return 0
    return len(text.encode()[: value.col_offset].decode())


def right_side(text: str) -> str:
    """The value of an assignment or a return, without brackets around all of it; all of another statement.

    >>> right_side("d = (y - t)"), right_side("d = (y - t) * (1 - y)")
    ('y - t', '(y - t) * (1 - y)')
    """
    value = text[value_starts(text) :]
    while value.endswith(")") and value.count(")") > value.count("("):
        value = value[:-1].rstrip()
    return value


def bracketed(text: str) -> str:
    return text if re.fullmatch(r"[\w.\[\]'\"-]+|[\w.]+\([^()]*\)", text) else f"({text})"


def names_in(code: str) -> set[str]:
    """The names that an expression reads.

    >>> sorted(names_in("np.exp(-z) * k"))
    ['k', 'np', 'z']
    """
    return {node.id for node in ast.walk(ast.parse(code, mode="eval")) if isinstance(node, ast.Name)}


def replaced(text: str, old: str, new: str) -> str | None:
    """A text with one name for another, but where it is that of an argument, or a key; None where it isn't in the text.

    >>> replaced("step(w, z=z)", "z", "h"), replaced("step(w, z=1)", "z", "h"), replaced("kept['z']", "z", "h")
    ('step(w, z=h)', None, None)
    """
    pattern = rf"(?<![\w.'\"]){re.escape(old)}(?![\w]|\s*=(?!=))"
    return re.sub(pattern, lambda _: new, text) if re.search(pattern, text) else None


def parsed(text: str) -> ast.stmt | None:
    """The one statement that a text is, or the head of a loop or a condition; None where it is none."""
    text = text.strip()
    try:
        found = ast.parse(f"{text} pass" if text.endswith(":") else text).body
    except SyntaxError:
        return None
    return found[0] if len(found) == 1 else None


def entries_of(node: ast.expr) -> list[ast.expr]:
    """What a tuple, list or dict holds, and such ones in it."""
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Dict(values=parts):
            return [entry for part in parts for entry in entries_of(part)]
    return [node]


def is_sum(node: ast.AST) -> bool:
    """Whether an expression is a sum or a difference."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


def leaves(node: ast.AST) -> Iterator[ast.AST]:
    """The factors of a product, also of `np.multiply(a, b)`."""
    match node:
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div(), right=right):
            parts = (left, right)
        case ast.Call(func=ast.Attribute(attr="multiply"), args=[left, right], keywords=[]):
            parts = (left, right)
        case _:
            yield node
            return
    for part in parts:
        yield from leaves(part)


def next_reading(place: Place, name: str) -> Place | None:
    """Where a function next reads a name that a line of it gives: in a later line, or in the next turn of a loop."""
    text, around = text_of(place.file), start_of_function(place)
    own = (n for n in statements(text) if not hasattr(n, "body") and start_of_function_in(text, n.lineno) == around)
    reading = [node.lineno for node in own if name in names_read(node)]
    later = [line for line in reading if line > place.line] or reading
    return replace(place, line=min(later), offset=0) if later else None


def is_bound_once(place: Place, name: str) -> bool:
    """Whether a function gives a name to one value alone."""
    text, around = text_of(place.file), start_of_function(place)
    own = (n for n in statements(text) if not hasattr(n, "body") and start_of_function_in(text, n.lineno) == around)
    names = (n for each in own for n in ast.walk(each) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return sum(node.id == name for node in names) == 1


def names_read(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def chooses_nothing(code: str) -> bool:
    """Whether some choice in a statement is between two of the same.

    >>> chooses_nothing("d = np.where(x > 0, d, 1.0 * d)"), chooses_nothing("d = np.where(x > 0, d, 0)")
    (True, False)
    >>> chooses_nothing("d = np.where(x > 0, d, 0) + np.where(x > 1, d, d)")
    True
    """

    def but_for_ones(node: ast.AST) -> list[str]:
        return [text for text in map(ast.unparse, leaves(node)) if text not in ("1", "1.0")]

    for node in ast.walk(tree) if (tree := parsed(code)) is not None else ():
        match node:
            case ast.Call(func=ast.Attribute(attr="where"), args=[_, one, other]):
                if but_for_ones(one) == but_for_ones(other):
                    return True
    return False
