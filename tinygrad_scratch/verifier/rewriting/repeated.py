"""What stands more than once in a value, exchanged in all places: `s * (1 - s)` for `x * (1 - x)`."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tinygrad_scratch.verifier.rewriting.calls import SUMS, is_method, over_axes
from tinygrad_scratch.verifier.rewriting.part import NAMES, Part, name_of
from tinygrad_scratch.verifier.rewriting.rewrite import CHANGED, NAMED, PUT_IN, SLOPE, Rewrite, kind_of_name
from tinygrad_scratch.verifier.rewriting.text import is_near

MOST_NAMES = 24


def repeated(part: Part) -> Iterator[Rewrite]:
    """The value of a statement with another name, or a call of one, wherever one of its names stands.

    Of a call that stands more than once also what it is given, as in `x * (1 - x)` for `f(x) * (1 - f(x))`.
    """
    is_entry = isinstance(part.node, ast.BinOp) and isinstance(part.around, ast.List | ast.Tuple | ast.Call)
    if not (part.is_whole or is_entry) or isinstance(part.node, NAMES):
        return
    in_slope = SLOPE.search(part.code) is not None
    for written, places in places_of(part, names_in(part)).items():
        for other in others(part, written):
            kind, tier = kind_of_name(written, other, in_slope), CHANGED if is_near(written, other) else NAMED
            yield part.change(in_all(part, places, other), kind, f"{written} should be {other}", tier)
        for call in part.source.takes_one(part.line):
            said = f"`{call}({written})` is meant, and not {written} itself"
            text = in_all(part, places, f"{call}({written})")
            yield part.change(text, "derivative-at-wrong-point", said, PUT_IN)
    entries = [n for n in ast.walk(part.node) if isinstance(n, ast.Subscript) and not isinstance(n.slice, ast.Slice)]
    for written, places in places_of(part, entries).items():
        for other, kind in other_entries(part, written, in_slope):
            yield part.change(in_all(part, places, other), kind, f"{written} should be {other}", CHANGED)
    nodes = list(ast.walk(part.node))
    minuses: dict[ast.AST, ast.expr] = {
        n: n.operand for n in nodes if isinstance(n, ast.UnaryOp) and isinstance(n.op, ast.USub)
    }
    yield from bared(part, minuses, "sign")
    yield from unshifted(part)
    yield from neighbours(part, entries)
    calls: dict[ast.AST, ast.expr] = {n: n.args[0] for n in nodes if isinstance(n, ast.Call) and len(n.args) == 1}
    yield from bared(part, calls, "derivative-at-wrong-point" if in_slope else "wrong-operand")


def bared(part: Part, inside: Mapping[ast.AST, ast.expr], kind: str) -> Iterator[Rewrite]:
    """What is inside of expressions that stand more than once, in their places."""
    for written, places in places_of(part, inside).items():
        inner = part.source.operand(next(inside[node] for node in inside if part.source.code(node) == written))
        yield part.change(in_all(part, places, inner), kind, f"{written} should be {inner} wherever it stands")


def unshifted(part: Part) -> Iterator[Rewrite]:
    """All rows of arrays of which one was shifted against the other: `d.T @ x` for `d[1:].T @ x[:-1]`."""
    shifted = [n for n in ast.walk(part.node) if isinstance(n, ast.Subscript) and part.source.code(n.slice) in ONE_LESS]
    if len(shifted) == len(ONE_LESS):
        whole = in_places(part, [(part.source.span(each), part.source.code(each.value)) for each in shifted])
        yield part.change(whole, "off-by-one", f"`{part.code}` pairs each row with its neighbour")


def neighbours(part: Part, entries: Sequence[ast.Subscript]) -> Iterator[Rewrite]:
    """The neighbours in all arrays that are read at one place: `y[i + 1] - t[i + 1]` for `y[i] - t[i]`."""
    read = {part.source.code(node): node.slice for node in entries}
    counts = Counter(part.source.code(index) for index in read.values())
    for index, count in counts.items():
        counted = COUNTED.fullmatch(index)
        places = [part.source.span(node.slice) for node in entries if part.source.code(node.slice) == index]
        for other in beside(*counted.groups()) if counted is not None and count > 1 else ():
            text = in_all(part, places, other)
            yield part.change(text, "off-by-one", f"the index {index} should be {other}", CHANGED)


def beside(name: str, by: str | None) -> tuple[str, ...]:
    """The indices beside one: `i` beside `i + 1`, and `i - 1` and `i + 1` beside `i`."""
    return (name,) if by else (f"{name} + 1", f"{name} - 1")


COUNTED = re.compile(r"([A-Za-z_]\w*)(?: *([+-] *1))?")
ONE_LESS = ("1:", ":-1")


def sums_alike(part: Part) -> Iterator[Rewrite]:
    """All sums of a value over another axis, or over none, where none says one: `a.sum() + b.sum()`."""
    calls = [n for n in ast.walk(part.node) if isinstance(n, ast.Call) and name_of(n) in SUMS and not n.keywords]
    calls = [n for n in calls if isinstance(n.func, ast.Attribute) and len(n.args) == (0 if is_method(n) else 1)]
    if not part.is_whole or len(calls) < 2:
        return
    source, said = part.source, f"`{part.code}` sums over other axes than are due"
    for texts in zip(*(over_axes(source, call) for call in calls), strict=True):
        changed = in_places(part, [(source.span(call), text) for call, (text, _) in zip(calls, texts, strict=True)])
        yield part.change(changed, texts[0][1], said)


def squares(part: Part) -> Iterator[Rewrite]:
    """Another value for both factors of a square: `h * h` for `d * d`."""
    if isinstance(part.node, ast.BinOp) and isinstance(part.node.op, ast.Mult) and isinstance(part.node.left, NAMES):
        written = part.source.code(part.node.left)
        if written == part.source.code(part.node.right):
            for other in others(part, written):
                said = f"{written} should be {other} in `{part.code}`"
                yield part.change(f"{other} * {other}", kind_of_name(written, other, True), said, NAMED)


def other_entries(part: Part, written: str, in_slope: bool) -> Iterator[tuple[str, str]]:
    """The neighbours of an entry, the entries at the same place of what has a name, and those by other names."""
    holder, _, index = written.removesuffix("]").rpartition("[")
    known, by_name = part.source.words(part.line).names, index[:1] in "'\""
    for other in (f"{holder}[{index} + 1]", f"{holder}[{index} - 1]") if not by_name else ():
        yield other, "off-by-one"
    entries = (name for name in known if name.endswith(f"[{index}]") or (by_name and name.startswith(f"{holder}[")))
    for name in [name for name in entries if name != written][:MOST_NAMES]:
        yield name, kind_of_name(written, name, in_slope)


def names_in(part: Part) -> list[ast.AST]:
    """The names and attributes of a value, but for what is called, what holds an attribute, and what a loop binds."""
    nodes = list(ast.walk(part.node))
    inner = {id(n.func) for n in nodes if isinstance(n, ast.Call)}
    inner |= {id(n.value) for n in nodes if isinstance(n, ast.Attribute)}
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    found = [node for node in nodes if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner]
    return [node for node in found if getattr(node, "id", "") not in bound]


def places_of(part: Part, nodes: Iterable[ast.AST]) -> dict[str, list[tuple[int, int]]]:
    """Where each of some expressions stands that stands more than once."""
    found: dict[str, list[tuple[int, int]]] = {}
    for node in nodes:
        found.setdefault(part.source.code(node), []).append(part.source.span(node))
    return {code: places for code, places in found.items() if len(places) > 1}


def others(part: Part, written: str) -> list[str]:
    """The names that may be meant, the nearest first; of an attribute those of all classes, which often are alike."""
    names = part.source.words(part.line).names
    if written.startswith("self."):
        names = [*names, *(name for name in part.source.everything.names if name.startswith("self."))]
    names = [name for name in dict.fromkeys(names) if name != written and "[" not in name]
    return sorted(names, key=lambda name: not is_near(written, name))[:MOST_NAMES]


def in_all(part: Part, places: list[tuple[int, int]], text: str) -> str:
    """The code of a value with another text in some places."""
    return in_places(part, [(place, text) for place in places])


def in_places(part: Part, texts: list[tuple[tuple[int, int], str]]) -> str:
    """The code of a value with texts of their own in some places."""
    start, end = part.source.span(part.node)
    found, last = "", start
    for (begin, until), text in sorted(texts):
        found += part.source.text[last:begin] + text
        last = until
    return found + part.source.text[last:end]
