"""What stands nowhere, and is known all the same: slopes of results, and the numbers of the function of a slope."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import permutations

from tinygrad_scratch.verifier.rewriting.part import NAMES, Part
from tinygrad_scratch.verifier.rewriting.rewrite import MADE, PUT_IN, Rewrite
from tinygrad_scratch.verifier.rewriting.text import factors_in

MODULE = re.compile(r"\b(?:numpy|np)\.")
PLAIN = (0, 1, 2)  # numbers that say nothing of a function


def usual(part: Part) -> Iterator[Rewrite]:
    """What a value may lack that nobody has to have written elsewhere."""
    if not part.is_value or part.in_index:
        return
    if part.is_whole and is_result(part):
        yield from slopes_of_result(part)
    if part.is_whole:
        yield from numbers_of_partner(part)
        yield from numbers_of_module(part)
    if isinstance(part.node, NAMES):
        yield from signs(part)
    if isinstance(part.node, ast.BinOp) and isinstance(part.node.op, ast.Sub):
        yield from of_cross_entropy(part)
    if isinstance(part.node, ast.BinOp) and isinstance(part.node.op, ast.Mult):
        yield from of_shares(part)
    if isinstance(part.node, NAMES) and isinstance(part.around, ast.BinOp):
        yield from with_itself(part)
    if isinstance(part.node, NAMES) and is_given_to_numpy(part):
        yield from masks(part)
    if isinstance(part.node, NAMES) and isinstance(part.around, ast.BinOp) and isinstance(part.around.op, ast.Mult):
        yield from mask_for_value(part)


def is_result(part: Part) -> bool:
    """Whether it is a name, or a call of a function of one number."""
    if isinstance(part.node, ast.Call):
        return part.source.code(part.node.func) in part.source.takes_one(part.line)
    return isinstance(part.node, NAMES)


def slopes_of_result(part: Part) -> Iterator[Rewrite]:
    """The slope of a sigmoid or a tanh for its result."""
    for text in (f"{part.code} * (1 - {part.code})", f"1 - {part.code} ** 2"):
        said = f"{part.code} is the result and no slope: `{text}` is"
        yield part.change(text, "missing-derivative", said, PUT_IN)


def signs(part: Part) -> Iterator[Rewrite]:
    """The sign of what a size was taken of, as the slope of that has it: `bound * np.sign(d)` for `bound`."""
    written = part.source.operand(part.node)
    for module, name in dict.fromkeys(SIZES.findall(part.source.text)):
        text = f"{module}.sign({name})"
        said = f"`{part.code}` is not multiplied by {text}, the slope of the size of {name}"
        yield part.change(f"{written} * {text}", "derivative-at-wrong-point", said, PUT_IN)


SIZES = re.compile(r"\b(numpy|np)\.(?:abs|absolute|fabs)\(([A-Za-z_]\w*)\)")


def is_given_to_numpy(part: Part) -> bool:
    call = part.around
    given = isinstance(call, ast.Call) and call.args[:1] == [part.node]
    return given and MODULE.match(part.source.code(call.func)) is not None


def masks(part: Part) -> Iterator[Rewrite]:
    """The slope of a ReLU by its input, where that itself was given to a call."""
    said = f"{part.code} is no slope: `{part.code} > 0` is that of a ReLU"
    yield part.change(f"{part.code} > 0", "missing-derivative", said, MADE)


def mask_for_value(part: Part) -> Iterator[Rewrite]:
    """The mask of a ReLU for its value, in a product; where a ReLU is."""
    if RELU.search(part.source.text):
        said = f"{part.code} is no slope of a ReLU: `{part.code} > 0` is"
        yield part.change(f"({part.code} > 0)", "missing-derivative", said, PUT_IN)


RELU = re.compile(r"relu|maximum\(", re.IGNORECASE)


def of_cross_entropy(part: Part) -> Iterator[Rewrite]:
    """The slope of a cross-entropy by its output, where what it is by the input of a sigmoid was written."""
    inside = isinstance(part.around, ast.BinOp) and isinstance(part.around.op, ast.Mult | ast.Div)
    for side in (part.node.left, part.node.right) if not inside else ():
        if isinstance(side, NAMES):
            name = part.source.code(side)
            said = f"`{part.code}` is not divided by {name} * (1 - {name})"
            text = f"(({part.code}) / ({name} * (1 - {name})))"
            yield part.change(text, "missing-derivative", said, PUT_IN)


def of_shares(part: Part) -> Iterator[Rewrite]:
    """The slope of a softmax, whose results sum to 1: `p * (d - (p * d).sum(axis=1, keepdims=True))` for `p * d`."""
    inside = isinstance(part.around, ast.BinOp) and isinstance(part.around.op, ast.Mult | ast.Div)
    if inside or not SOFTMAX.search(part.source.text):
        return
    factors = factors_in(part.node)
    for share, other in permutations(factors[-MOST_FACTORS:], 2):
        if isinstance(share, NAMES):
            name, code = part.source.code(share), part.source.operand(other)
            sum_ = f"({name} * {' '.join(code.split())}).sum(axis=-1, keepdims=True)"  # in one line
            said = f"each of the shares in {name} depends on all values: the term `{sum_}` is missing"
            rest = "".join(f"{part.source.operand(each)} * " for each in factors if each not in (share, other))
            yield part.change(f"{rest}{name} * ({code} - {sum_})", "missing-term", said, PUT_IN)


MOST_FACTORS = 3
SOFTMAX = re.compile(r"soft_?max|exp\(.*exp\(|/.*sum\(.*axis", re.IGNORECASE | re.DOTALL)


def with_itself(part: Part) -> Iterator[Rewrite]:
    """All products of the entries of a result, taken off its diagonal: so the slope of a softmax is."""
    module = MODULE.search(part.source.text)
    if module and "diag" in part.source.code(part.statement) and isinstance(part.around.op, ast.Add | ast.Sub):
        text = f"{module.group()}outer({part.code}, {part.code})"
        yield part.change(text, "wrong-operand", f"{part.code} should be `{text}`", PUT_IN)


def numbers_of_partner(part: Part) -> Iterator[Rewrite]:
    """A number that stands in a function, in the function of its slope: `leaky` and `leaky_slope`."""
    own = part.source.function_around(part.line)
    functions = (node for node in part.source.statements if isinstance(node, ast.FunctionDef))
    partners = [node for node in functions if own is not None and is_partner(node.name, own.name)]
    inside = [(n, node) for node in partners for n in ast.walk(node) if isinstance(n, ast.Constant)]
    numbers = {n.value: node.name for n, node in inside if isinstance(n.value, int | float) and n.value not in PLAIN}
    written = part.source.operand(part.node)
    for number, name in numbers.items():
        said = f"the number {number}, as in {name}(), is missing"
        yield part.change(f"{number} + {written}", "missing-term", said, PUT_IN)
        for text in (f"{written} * {number}", f"{written} * (1 - {number})", f"{written} / {number}"):
            yield part.change(text, "scale-factor", said, PUT_IN)


def numbers_of_module(part: Part) -> Iterator[Rewrite]:
    """A number with a name in the module, which other functions multiply by: `K = np.sqrt(2 / np.pi)`."""
    own = part.source.function_around(part.line) if part.source.named_factors else None
    if own is None:
        return
    read = {node.id for node in ast.walk(own) if isinstance(node, ast.Name)}
    for name in (name for name in part.source.named_factors if name not in read):
        for sign, said in (("*", "multiplied"), ("/", "divided")):
            text = f"{part.source.operand(part.node)} {sign} {name}"
            yield part.change(text, "scale-factor", f"`{part.code}` is not {said} by {name}", PUT_IN, about=name)


def is_partner(name: str, slope: str) -> bool:
    """Whether the name of a slope is made of that of a function."""
    short = name.strip("_").lower()
    return name != slope and len(short) > 1 and short in slope.lower()
