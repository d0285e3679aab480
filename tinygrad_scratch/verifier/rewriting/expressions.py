"""The changes of the expressions in a statement, by what each of them is."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product, takewhile
from typing import Any

from tinygrad_scratch.verifier.reading.source import without_blanks
from tinygrad_scratch.verifier.rewriting.additions import additions
from tinygrad_scratch.verifier.rewriting.before_call import before_call
from tinygrad_scratch.verifier.rewriting.bound_elsewhere import bound_elsewhere, counted_elsewhere
from tinygrad_scratch.verifier.rewriting.brackets import into_brackets, out_of_brackets, power_of_term
from tinygrad_scratch.verifier.rewriting.calls import is_slope, of_call
from tinygrad_scratch.verifier.rewriting.counts import counts, marked
from tinygrad_scratch.verifier.rewriting.entries import of_entries
from tinygrad_scratch.verifier.rewriting.in_turns import in_turns
from tinygrad_scratch.verifier.rewriting.like_others import as_beside, like_others
from tinygrad_scratch.verifier.rewriting.made import made
from tinygrad_scratch.verifier.rewriting.new_axes import new_axes, of_same_rows
from tinygrad_scratch.verifier.rewriting.of_others import of_others
from tinygrad_scratch.verifier.rewriting.part import NAMES, Part, Way, counted_by, is_power, name_of
from tinygrad_scratch.verifier.rewriting.put_together import put_together
from tinygrad_scratch.verifier.rewriting.repeated import repeated, squares, sums_alike
from tinygrad_scratch.verifier.rewriting.rewrite import (
    CHANGED,
    NAMED,
    PUT_IN,
    Rewrite,
    kind_of_divisor,
    kind_of_factor,
    kind_of_name,
    kind_of_term,
)
from tinygrad_scratch.verifier.rewriting.slopes import other_slope
from tinygrad_scratch.verifier.rewriting.text import Source, factors_in, is_near, is_text
from tinygrad_scratch.verifier.rewriting.turned import turned
from tinygrad_scratch.verifier.rewriting.unused import unused
from tinygrad_scratch.verifier.rewriting.usual import usual
from tinygrad_scratch.verifier.rewriting.written_elsewhere import written_elsewhere

COMPARISONS = {
    ">": ("<", ">=", "<="),
    "<": (">", "<=", ">="),
    ">=": (">", "<=", "<"),
    "<=": ("<", ">=", ">"),
    "==": ("!=",),
    "!=": ("==",),
}
MOST_NAMES = 60
MOST_EXCHANGED = 12  # names of a tuple, of which two may be exchanged


def is_out(node: Any) -> bool:
    """Whether that is `out=...`, into which a call writes its result: in a value made there it would be lost."""
    return isinstance(node, ast.keyword) and node.arg == "out"


class Expressions:
    """The expressions of a statement, and the texts of the other files of the program."""

    def __init__(self, source: Source, statement: Any, texts: Sequence[str] = ()) -> None:
        self.source, self.statement, self.line, self.texts = source, statement, statement.lineno, texts

    def change(self, part: Any, text: str, kind: str, sentence: str, tier: int = CHANGED) -> Rewrite:
        start, end = part if isinstance(part, tuple) else self.source.span(part)
        return Rewrite(self.line, start, end, text, kind, sentence, tier)

    def of_expressions(self) -> Iterator[Rewrite]:
        for part in self.parts():
            change = BY_NODE.get(type(part.node))
            if change is not None:
                yield from change(part)
            if isinstance(part.node, NAMES) and part.is_value:
                yield from of_name(part)
            yield from of_handed_on(part)
            yield from of_target(part)
            if part.is_slice:
                yield from of_index(part)
            if isinstance(part.node, COMPUTED) and isinstance(part.around, ast.Call) and part.is_in_slope:
                yield from of_point(part)
            yield from bound_elsewhere(part)
            yield from counted_elsewhere(part)
            yield from unused(part)
            yield from written_elsewhere(part)
            yield from of_entries(part)
            yield from counts(part)
            yield from marked(part)
            yield from out_of_brackets(part)
            yield from into_brackets(part)
            yield from power_of_term(part)
            yield from new_axes(part)
            yield from turned(part)
            yield from of_same_rows(part)
            yield from other_slope(part)
            yield from additions(part)
            yield from made(part)
            yield from usual(part)
            yield from in_turns(part)
            yield from repeated(part)
            yield from squares(part)
            yield from sums_alike(part)
            yield from put_together(part)
            yield from like_others(part)
            yield from as_beside(part)
            yield from before_call(part)
            yield from of_others(part, self.texts)

    def parts(self) -> Iterator[Part]:
        """The expressions, outer ones first; of what is assigned to, the indices."""
        waiting: list[tuple[Any, Way]] = list(self.roots())
        while waiting:
            node, way = waiting.pop(0)
            if isinstance(getattr(node, "ctx", None), ast.Store):  # the variable of a comprehension
                continue
            if isinstance(node, ast.expr):
                yield Part(self.source, self.statement, node, way)
            inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, INNER) and not is_out(child)]
            waiting += [(child, (*way, node)) for child in inner]

    def roots(self) -> Iterator[tuple[Any, Way]]:
        node = self.statement
        targets = [
            *getattr(node, "targets", ()),
            *([node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else ()),
        ]
        for each in (n for target in targets for n in ast.walk(target) if isinstance(n, ast.Subscript)):
            yield each.slice, (node, each)
        value = getattr(node, "iter", None) or getattr(node, "test", None) or getattr(node, "value", None)
        if value is not None:
            yield value, (node,)


def of_operation(part: Part) -> Iterator[Rewrite]:
    match part.node.op:
        case ast.Add() | ast.Sub():
            yield from of_sum(part)
        case ast.Mult() | ast.Div() | ast.FloorDiv():
            yield from of_product(part)
        case ast.MatMult():
            yield from part.other_ways(part.node.left, part.node.right, "{} @ {}")
        case ast.Pow():
            yield from of_power(part)


def of_power(part: Part) -> Iterator[Rewrite]:
    """What was taken to a power; or to one that is one less, where it has a name: so the slope of a power is."""
    base, power = part.source.operand(part.node.left), part.source.operand(part.node.right)
    if isinstance(part.node.right, NAMES):
        said = f"`{part.code}` should be to the power of {power} - 1"
        yield part.change(f"({power} - 1)", "off-by-one", said, at=part.source.span(part.node.right))
    else:
        yield part.change(base, "wrong-operand", f"`{part.code}` should be {base} alone", about=base)


def of_sign(part: Part) -> Iterator[Rewrite]:
    """What a minus, or a `not`, is before; nothing at all, where a mask puts in a number."""
    if part.is_put_in_mask and isinstance(part.node.operand, ast.Constant):
        yield part.change("0", "missing-derivative", f"{part.code} should be 0")
    if part.is_axis:
        yield from of_axis(part)
    elif not part.is_argument:
        said = f"`{part.code[:1]}` is one too many in `{part.code}`"
        of_mask = isinstance(part.node.op, ast.Invert)
        kind = "off-by-one" if part.in_index else "derivative-at-wrong-point" if of_mask else "sign"
        yield part.change(part.source.code(part.node.operand), kind, said)


def transposed(part: Part) -> Iterator[Rewrite]:
    if part.node.attr == "T":
        said = f"`{part.code}` should not be transposed"
        yield part.change(part.source.code(part.node.value), "transpose", said)


def of_sum(part: Part) -> Iterator[Rewrite]:
    """Another sign, the other way round, and one of the two alone."""
    left, right = part.source.operand(part.node.left), part.source.operand(part.node.right)
    span = part.source.span(part.node.left)[1], part.source.span(part.node.right)[0]
    minus = isinstance(part.node.op, ast.Sub)
    own, due = "-+" if minus else "+-"
    other = part.source.text[slice(*span)].replace(own, due)
    counts = part.in_index or part.is_of_loop
    kind = "off-by-one" if counts else "sign"
    yield part.change(other, kind, f"`{own}` should be `{due}` in `{part.code}`", at=span)
    if minus:
        yield part.change(f"({right} - {left})", kind, f"`{part.code}` is the wrong way round")
    if not part.in_index:
        first = left.removeprefix("-") if left.startswith("-") else f"-{left}"
        said = f"the sign of `{left}` is wrong in `{part.code}`"
        yield part.change(first, "sign", said, NAMED, at=part.source.span(part.node.left))
        if "1" not in (left, right):
            said = f"`{own}` should be `*` in `{part.code}`"
            yield part.change(f"({left} * {right})", "wrong-operand", said)
        yield from of_sides(part)
    one_less = minus and isinstance(part.node.left, ast.Constant)  # `1 - m` is what a mask or a gate leaves out
    for kept, gone in ((left, right), (right, left)):
        if one_less and kept is left and isinstance(part.around, ast.BinOp) and isinstance(part.around.op, ast.Mult):
            continue  # all of it is one factor too many
        of_gate = one_less and kept is right
        kind = "off-by-one" if counts else "wrong-operand" if of_gate else kind_of_term(gone)
        about = gone if kind in ("regularisation", "missing-term") else ""
        said = f"`{part.code}` has one term too many: {kept} alone is right"
        yield part.change(f"({kept})", kind, said, about=about)


def of_sides(part: Part) -> Iterator[Rewrite]:
    """A name of one term for one of another, and that one for it: as in `a @ w + b @ v` for `a @ v + b @ w`."""
    one, other = (list(names_of(side)) for side in (part.node.left, part.node.right))
    begin, end = part.source.span(part.node)
    for first, second in list(product(one, other))[:MOST_EXCHANGED]:
        (a, b), (c, d) = part.source.span(first), part.source.span(second)
        codes = part.source.code(first), part.source.code(second)
        if b < c and codes[0] != codes[1]:
            text = part.source.text[begin:a] + codes[1] + part.source.text[b:c] + codes[0] + part.source.text[d:end]
            said = f"{codes[0]} and {codes[1]} should be exchanged"
            yield part.change(text, "wrong-operand", said, NAMED)


def names_of(node: ast.expr) -> Iterator[ast.expr]:
    """The names that an expression reads, as they stand in it."""
    if isinstance(node, NAMES) and getattr(node, "attr", "") != "T":
        yield node
    elif isinstance(node, ast.BinOp | ast.UnaryOp | ast.Attribute):
        for each in ast.iter_child_nodes(node):
            yield from names_of(each) if isinstance(each, ast.expr) else ()


def of_product(part: Part) -> Iterator[Rewrite]:
    """One of the two alone, and multiplied for divided."""
    left, right = part.source.operand(part.node.left), part.source.operand(part.node.right)
    divided = not isinstance(part.node.op, ast.Mult)
    kind = "off-by-one" if part.in_index else kind_of_divisor(right) if divided else kind_of_factor(right)
    about = "" if part.in_index else right
    yield part.change(left, kind, f"`{part.code}` has one factor too many: {left} alone is right", about=about)
    if not divided:
        kind = "off-by-one" if part.in_index else kind_of_factor(left)
        about = "" if part.in_index else left
        yield part.change(right, kind, f"`{part.code}` has one factor too many: {right} alone is right", about=about)
    if not part.in_index and not divided:
        yield from first_alone(part)
    of_numbers = isinstance(part.node.left, ast.Constant) and isinstance(part.node.right, ast.Constant)
    if not part.in_index and not divided and not of_numbers:
        for sign in "+-":
            said = f"`*` should be `{sign}` in `{part.code}`"
            yield part.change(f"({left} {sign} {right})", "wrong-operand", said)
    other = f"({left} * {right})" if divided else f"({left} / {right})"
    yield part.change(other, "wrong-operand", f"`{part.code}` should be `{other[1:-1]}`", about=right)
    for side in (part.node.left, part.node.right):
        if is_power(side) and not part.in_index:
            base = part.source.operand(side.left)
            said = f"`{part.code}` is the loss, and not its derivative: {base} is"
            yield part.change(base, "missing-derivative", said)
    if isinstance(part.node.op, ast.FloorDiv):
        said = f"`{part.code}` drops what is behind the point"
        yield part.change(f"({left} / {right})", "dtype-or-integer", said)


def first_alone(part: Part) -> Iterator[Rewrite]:
    """The first factor without two others or more, such as a slope: `d` for `d * s * (1 - s)`; or all but two."""
    factors = factors_in(part.node)
    inner = isinstance(part.around, ast.BinOp) and isinstance(part.around.op, ast.Mult)
    if len(factors) > 2 and not inner:
        first = part.source.operand(factors[0])
        yield part.change(first, "scale-factor", f"`{part.code}` has factors too many: {first} alone is right")
    left = part.node.left
    if len(factors) > 3 and not inner and isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mult):
        rest, gone = part.source.code(left.left), part.code[len(part.source.code(left.left)) :].lstrip("* ")
        yield part.change(rest, "scale-factor", f"`{gone}` are factors too many in `{part.code}`")
    if not inner:
        yield from of_slope_of_power(part, factors)


def of_slope_of_power(part: Part, factors: list[ast.expr]) -> Iterator[Rewrite]:
    """The power itself for its derivative: `g * x**3` for `g * 3 * x**2`."""
    powers = [each for each in factors if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Pow)]
    for number, power in product(factors, powers):
        lower = getattr(power.right, "value", None)
        if isinstance(lower, int) and getattr(number, "value", None) == lower + 1:
            others = [part.source.operand(each) for each in factors if each is not number and each is not power]
            whole = f"{part.source.operand(power.left)} ** {lower + 1}"
            said = f"`{lower + 1} * {part.source.code(power)}` is the derivative of `{whole}`, which is meant itself"
            yield part.change(" * ".join([*others, whole]), "derivative-at-wrong-point", said)


def of_comparison(part: Part) -> Iterator[Rewrite]:
    span = part.source.span(part.node.left)[1], part.source.span(part.node.comparators[0])[0]
    sign = part.source.text[slice(*span)].strip()
    counts = part.is_of_loop or part.is_condition
    right = part.node.comparators[0]
    word = isinstance(right, ast.Constant) and isinstance(right.value, str)  # what is told by it is sooner another one
    for other in COMPARISONS.get(sign, ()):
        said = f"the {'condition' if counts else 'mask'} `{part.code}` should be with `{other}`"
        same_way = sign[:1] == other[:1]  # `>=` for `>` lets through what the slope is 0 for
        kind = "off-by-one" if counts else "missing-derivative" if same_way else "derivative-at-wrong-point"
        yield part.change(f" {other} ", kind, said, PUT_IN if word else CHANGED, at=span)


def of_conditions(part: Part) -> Iterator[Rewrite]:
    """One condition of several left out: it lets too little through, or too much."""
    values = part.node.values
    for gone in values:
        text = f" {'and' if isinstance(part.node.op, ast.And) else 'or'} ".join(
            part.source.operand(each) for each in values if each is not gone
        )
        said = f"`{part.source.code(gone)}` is one condition too many in `{part.code}`"
        yield part.change(text, "missing-term", said)


def of_constant(part: Part) -> Iterator[Rewrite]:
    value = part.node.value
    if isinstance(value, bool) and part.argument == "copy":
        return
    if isinstance(value, bool):
        yield part.change(str(not value), "broadcasting-shape", f"{value} should be {not value}")
    elif isinstance(value, str):
        yield from of_string(part, value)
    elif isinstance(value, int | float):
        if not part.is_axis:
            yield from of_number(part, value)
        elif not isinstance(part.around, ast.UnaryOp):  # that is the axis then
            yield from of_axis(part)


OF_BACKWARD = re.compile(r"backward|deri?v|grad|prime", re.IGNORECASE)


def of_string(part: Part, value: str) -> Iterator[Rewrite]:
    """What else a function is told by a word, as the name of another activation: `activation="relu"`."""
    if not isinstance(part.around, ast.keyword | ast.Call):
        return
    call = next((each for each in reversed(part.way) if isinstance(each, ast.Call)), None)
    for other in part.source.words_told:
        if other != value and call is not None:
            of_slope = is_slope(part, name_of(call)) or OF_BACKWARD.search(name_of(call))
            kind = "derivative-at-wrong-point" if of_slope else "wrong-operand"
            yield part.change(repr(other), kind, f"{value!r} should be {other!r}", NAMED)


def of_axis(part: Part) -> Iterator[Rewrite]:
    for other in ("0", "1", "2", "-1"):
        said = f"it sums over axis {part.code}; it should be axis {other}"
        yield part.change(other, "broadcasting-shape", said)


def of_number(part: Part, value: float) -> Iterator[Rewrite]:
    """The next numbers; of a factor also twice it, half of it, and what is left of one."""
    counts = part.in_index or part.is_condition or part.is_of_loop
    others: list[float] = [value + 1, value - 1]
    if not part.in_index:
        others += [-value, value * 2, value / 2, 1 - value, 1.0, 2.0, 0.5]
    for other in dict.fromkeys(others):
        if other != value:
            base = part.base_of_power if not counts else ""
            kind = "off-by-one" if counts else "sign" if other == -value else "scale-factor"
            if base and kind == "scale-factor":
                too_high = "derivative-at-wrong-point" if part.is_rest_of_one else kind  # `1 - h**3` is no factor
                kind = "missing-derivative" if other > value and not part.is_negated else too_high
            if not other and isinstance(part.around, ast.UnaryOp):
                continue  # a minus is not left before nothing
            text = f"{other!r}" if other >= 0 else f"({other!r})"
            tier = NAMED if kind == "sign" else CHANGED
            about = base if kind == "missing-derivative" else ""  # of a number it is a factor
            yield part.change(text, kind, f"{value} should be {other:g}", tier, about=about)
    for counted in part.source.indices_around(part.line) if part.in_index and value == 0 else ():
        yield part.change(counted, "wrong-operand", f"the index {part.code} should be {counted}", NAMED)
    for size in part.source.words(part.line, of_class=True).divisors if not counts else ():
        kind = kind_of_divisor(size)
        tier = NAMED if kind == "missing-batch-sum-or-mean" else PUT_IN
        yield part.change(size, kind, f"{value} should be {size}", tier)


AXES = {":", "None"}, {":", "np.newaxis"}  # of an index: one that is there, and a new one


def of_indices(part: Part) -> Iterator[Rewrite]:
    """Two indices in a row, exchanged, or two of the values that several names are given, or that are returned."""
    given = isinstance(part.statement, ast.Assign | ast.Return) and part.is_whole
    if not part.is_slice and not given:
        return
    codes = [part.source.code(each) for each in part.node.elts]
    for i in range(len(codes) - 1):
        swapped = [*codes[:i], codes[i + 1], codes[i], *codes[i + 2 :]]
        said = f"{'' if given else 'the indices '}{codes[i]} and {codes[i + 1]} should be exchanged"
        inside = ", ".join(swapped)
        text = f"({inside})" if part.code.startswith("(") and part.code.endswith(")") and given else inside
        is_spread = not given and {codes[i], codes[i + 1]} in AXES
        kind = "wrong-operand" if given else "broadcasting-shape" if is_spread else "transpose"
        yield part.change(text, kind, f"{said}: it is spread along the wrong axis" if is_spread else said)


def of_tuple(part: Part) -> Iterator[Rewrite]:
    yield from of_indices(part)
    yield from of_display(part)


def of_display(part: Part) -> Iterator[Rewrite]:
    """Two names in a tuple or a list, or in those that it holds, exchanged."""
    around = takewhile(lambda each: not isinstance(each, ast.Call), reversed(part.way))
    outer = any(isinstance(each, ast.Tuple | ast.List) for each in around)
    if outer or isinstance(part.around, ast.Subscript):
        return
    names = list(entries_of(part.node))
    begin, end = part.source.span(part.node)
    for one, other in combinations(names[:MOST_EXCHANGED], 2):
        (a, b), (c, d) = sorted((part.source.span(one), part.source.span(other)))
        first, second = part.source.text[a:b], part.source.text[c:d]
        if b < c and first != second:
            text = part.source.text[begin:a] + second + part.source.text[b:c] + first + part.source.text[d:end]
            said = f"{first} and {second} should be exchanged"
            yield part.change(text, "wrong-operand", said)


def entries_of(node: ast.expr) -> Iterator[ast.expr]:
    """The names that a tuple or a list holds, and those in the ones that it holds."""
    for entry in getattr(node, "elts", ()):
        if isinstance(entry, ast.Name | ast.Attribute):
            yield entry
        elif isinstance(entry, ast.Tuple | ast.List):
            yield from entries_of(entry)


def of_slices(part: Part) -> Iterator[Rewrite]:
    """What is cut off at one end of an axis, at the other end, as `x[:, 1:]` for `x[:, :-1]`, or at no end.

    The same one further.
    """
    yield from of_cuts(part, part.node.slice)


def of_target(part: Part) -> Iterator[Rewrite]:
    """The same of the entries that are written to."""
    held = part.around
    if isinstance(held, ast.Subscript) and isinstance(held.ctx, ast.Store) and held.slice is part.node:
        yield from of_cuts(part, part.node)


def of_cuts(part: Part, index: ast.expr) -> Iterator[Rewrite]:
    inside = getattr(index, "elts", [index])
    for each in (n for n in inside if isinstance(n, ast.Slice)):
        yield from to_the_end(part, each)
    for each in (n for n in inside if isinstance(n, ast.Slice) and n.step is None):
        yield from one_further(part, each)
        bounds = [part.source.code(bound) for bound in (each.lower, each.upper) if bound is not None]
        if len(bounds) != 1:
            continue
        written, size = part.source.code(each), bounds[0].removeprefix("-")
        others = (f":-{size}", f":{size}") if each.lower else (f"{size}:", f"-{size}:")
        for other in others:
            said = f"`{written}` should be `{other}`: the other end is due"
            yield part.change(other, "off-by-one", said, at=part.source.span(each))


def to_the_end(part: Part, cut: ast.Slice) -> Iterator[Rewrite]:
    """The same without one of its bounds: `tape[::-1]` for `tape[:0:-1]`."""
    written = part.source.code(cut)
    for bound in (each for each in (cut.lower, cut.upper) if each is not None):
        begin, end = (place - part.source.span(cut)[0] for place in part.source.span(bound))
        other = f"{written[:begin]}{written[end:]}"
        said = f"`{written}` should be `{other}`: the entries at that end are left out"
        yield part.change(other, "off-by-one", said, NAMED, at=part.source.span(cut))


def one_further(part: Part, cut: ast.Slice) -> Iterator[Rewrite]:
    """As many entries, from the next one or the one before on: `x[1:n + 1]` for `x[:n]`."""
    if cut.upper is None:
        return
    written, upper = part.source.code(cut), part.source.code(cut.upper)
    lower = "" if cut.lower is None else part.source.code(cut.lower)
    for step in (1, -1):
        if lower or (step > 0 and not upper.startswith("-")):
            bounds = (moved_by(bound, step) for bound in (lower, upper))
            other = ":".join("" if bound == "0" else bound for bound in bounds)
            said = f"`{written}` should be `{other}`: the entries beside them are due"
            yield part.change(other, "off-by-one", said, NAMED, at=part.source.span(cut))


def moved_by(bound: str, step: int) -> str:
    """The bound of a slice that is one larger or smaller, as it is written.

    >>> moved_by("", 1), moved_by("n", 1), moved_by("n + 1", -1), moved_by("n - 1", 1)
    ('1', 'n + 1', 'n', 'n')
    >>> moved_by("2", -1), moved_by("-1", 1)
    ('1', '0')
    """
    own, back = bound or "0", re.sub(r"\s*[+-]\s*1$", "", bound)
    if re.fullmatch(r"-?\d+", own):
        return str(int(own) + step)
    signed = bound.removeprefix(back).replace(" ", "")
    return back if signed == f"{-step:+d}" else f"{own} {'+' if step > 0 else '-'} 1"


def of_index(part: Part) -> Iterator[Rewrite]:
    """Another index in its place, or the key of another entry that a method or a function puts in a dictionary.

    What is written to all of an array may be due to the entries that another method takes, as those of maxima.
    """
    of_class = part.source.class_around(part.line) is not None
    known = part.source.words(part.line, of_class=True) if of_class else part.source.everything
    keys = known.keys if is_text(part.node) else []
    stored = part.code in (":", "...") and isinstance(getattr(part.around, "ctx", None), ast.Store)
    taken = [each for each in known.indices if stored and "," in each and not is_all(each)]
    for other in taken:
        said = f"all of them get what only those at `[{other}]` should"
        yield part.change(other, "missing-derivative", said, NAMED)
    for other in dict.fromkeys([*part.source.words(part.line).indices, *keys]):
        if other != part.code:
            said = f"the index {part.code} should be {other}"
            kind = kind_of_name(f"[{part.code}]", f"[{other}]")
            whole = "broadcasting-shape" if is_all(part.code) != is_all(other) else kind  # of all rows one of each
            yield part.change(other, whole, said, NAMED)


def is_all(index: str) -> bool:
    """Whether an index takes all there is along one axis."""
    return ":" in re.split(r"\s*,\s*", index)


def of_name(part: Part) -> Iterator[Rewrite]:
    """Another name in its place; in an index its neighbours, and where it should be multiplied."""
    if part.in_index and isinstance(part.node, ast.Name):
        for other in (f"{part.code} + 1", f"{part.code} - 1", *part.larger_indices()):
            yield part.change(f"({other})", "off-by-one", f"`{part.code}` should be `{other}` here")
    if (isinstance(part.node, ast.Attribute) and part.node.attr == "T") or part.is_power:
        return
    attribute = isinstance(part.node, ast.Attribute) or "." in part.code
    stands = f"1-{without_blanks(part.code)}" in without_blanks(part.source.text)
    if (stands or is_factor(part)) and not part.in_index:
        text = f"(1 - {part.code})"
        said = f"{part.code} should be `{text[1:-1]}`, what it leaves of 1"
        yield part.change(text, "wrong-operand", said, CHANGED if stands else PUT_IN)
    own, in_slope = part.source.words(part.line).names, part.is_in_slope
    known = known_to(part, "" if attribute else "self.") if attribute or in_slope or part.is_compared else own
    others = sorted(dict.fromkeys([*keys_alike(part), *known]), key=lambda name: not is_near(part.code, name))[
        :MOST_NAMES
    ]
    measured, counters = part.measured, {counted_by(node) for node in part.source.statements}
    if not part.in_index and part.code not in counters:  # a value is no number of a turn
        others = [name for name in others if name not in counters]
    for other in others:
        if measured and measured.format(other) not in part.source.text:  # nobody counts by what is counted nowhere
            continue
        if part.is_condition and not (is_near(part.code, other) or part.is_compared):
            continue
        if other != part.code and other != part.given_to:
            kind = "wrong-operand" if part.in_index else kind_of_name(part.code, other, in_slope)
            kind = "inplace-corruption" if part.argument == "out" else kind
            tier = CHANGED if is_near(part.code, other) else NAMED
            yield part.change(other, kind, f"{part.code} should be {other}", tier)


def keys_alike(part: Part) -> list[str]:
    """What is kept under a key that differs from the one of an entry only by a mark: `kept["z_"]` for `kept["z"]`."""
    match part.node:
        case ast.Subscript(value=holder, slice=ast.Constant(value=str(key))):
            begin = part.source.code(holder)
        case _:
            return []
    alike = rf"{re.escape(begin)}\[(['\"])_*{re.escape(key.strip('_'))}_*\1\]"
    found = (each.group() for each in re.finditer(alike, part.source.text))
    return [each for each in dict.fromkeys(found) if each != part.code]


def of_handed_on(part: Part) -> Iterator[Rewrite]:
    """The other sign of what a function of theirs is given, where that is a value or a product."""
    is_product = isinstance(part.node, ast.BinOp) and isinstance(part.node.op, ast.Mult | ast.Div | ast.MatMult)
    is_named = isinstance(part.node, NAMES) and part.is_value
    if (is_named or is_product) and part.is_handed_on and not part.code.startswith("-"):
        yield part.change(f"-{part.code}", "sign", f"the sign of `{part.code}` is wrong where it is handed on", NAMED)


def is_factor(part: Part) -> bool:
    around = part.around
    if not isinstance(around, ast.BinOp) or not isinstance(around.op, ast.Mult | ast.Div):
        return False
    return isinstance(around.op, ast.Mult) or around.left is part.node


def known_to(part: Part, begin: str) -> list[str]:
    """The names of the function around, and of those of its class the ones that begin so."""
    of_class = part.source.words(part.line, of_class=True).names
    kept = (name for name in of_class if name.startswith(begin))
    return list(dict.fromkeys([*part.source.words(part.line).names, *kept]))


def of_point(part: Part) -> Iterator[Rewrite]:
    """What has a name, for what a slope is worked out at."""
    for name in known_to(part, "self.")[:MOST_NAMES]:
        said = f"the derivative is due at {name}"
        yield part.change(name, "derivative-at-wrong-point", said, NAMED)


COMPUTED = ast.Call | ast.BinOp
INNER = ast.expr, ast.keyword, ast.comprehension
BY_NODE: dict[type, Callable[[Part], Iterator[Rewrite]]] = {
    ast.BinOp: of_operation,
    ast.UnaryOp: of_sign,
    ast.Call: of_call,
    ast.BoolOp: of_conditions,
    ast.Compare: of_comparison,
    ast.Constant: of_constant,
    ast.Attribute: transposed,
    ast.Subscript: of_slices,
    ast.Tuple: of_tuple,
    ast.List: of_display,
}
