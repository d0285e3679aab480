"""What other objects keep, and what came a turn before: `layer.z` for what a slope is given, a state of none before."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from tinygrad_scratch.verifier.rewriting.part import NAMES, Part, counted_by
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, PUT_IN, Rewrite
from tinygrad_scratch.verifier.rewriting.text import lines_of, source_of

MOST_KEPT = 24
KEPT = re.compile(r"\bself\.([A-Za-z_]\w*)\b(?!\()")


def of_others(part: Part, texts: Sequence[str] = ()) -> Iterator[Rewrite]:
    """The same, by the texts of the other files of a program, too: a class may be in another one."""
    if part.is_value and not part.in_index:
        yield from kept_by_another(part)
        yield from kept_beside(part, texts)
        yield from entries_of_others(part)
        yield from of_turn_before(part)


def kept_by_another(part: Part) -> Iterator[Rewrite]:
    """For what is given to the slope that an object holds, what its class keeps: `layer.f.slope(layer.z)`."""
    call = part.around
    if not isinstance(part.node, NAMES) or not isinstance(call, ast.Call) or not part.is_in_some_slope:
        return
    holder = call.func
    while isinstance(holder, ast.Attribute):
        holder = holder.value
    if not isinstance(holder, ast.Name) or holder.id in ("self", "np", "numpy") or holder is call.func:
        return
    for name in list(dict.fromkeys(KEPT.findall(part.source.text)))[:MOST_KEPT]:
        other = f"{holder.id}.{name}"
        if other != part.code:
            said = f"the derivative is taken at {part.code}; it should be at {other}"
            yield part.change(other, "derivative-at-wrong-point", said, NAMED)


def kept_beside(part: Part, texts: Sequence[str]) -> Iterator[Rewrite]:
    """For what an object keeps, what its class keeps beside it: `neuron.w` for `neuron.x`."""
    node = part.node
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name) or node.value.id == "self":
        return
    own = list(dict.fromkeys(KEPT.findall(part.source.text)))
    numbers = numbers_held_by(part.source.text, node.value.id)
    kept = numbers if node.attr in numbers else own if node.attr in own else kept_with(node.attr, texts)
    for name in kept[:MOST_KEPT]:
        if name != node.attr:
            said = f"{part.code} should be {node.value.id}.{name}"
            yield part.change(f"{node.value.id}.{name}", "wrong-operand", said, NAMED)


@lru_cache(maxsize=64)
def numbers_held_by(text: str, name: str) -> list[str]:
    """The plain numbers that a program reads of a class, or of a tuple with names, of its own: `S.D` where `D=6`."""
    is_own = re.search(rf"^(?:class )?{name}\b(?! *[.,(\[])", text, re.MULTILINE) is not None
    read = dict.fromkeys(re.findall(rf"\b{name}\.([A-Za-z_]\w*)\b(?!\()", text)) if is_own else ()
    return [each for each in read if re.search(rf"\b{each} ?= ?\d", text)]


def kept_with(name: str, texts: Sequence[str]) -> list[str]:
    """What a class of some texts keeps that keeps an attribute."""
    return next((kept for text in texts for kept in kept_by_classes(text) if name in kept), [])


@lru_cache(maxsize=64)
def kept_by_classes(text: str) -> list[list[str]]:
    source = source_of(text)
    classes = (source.code(node) for node in source.blocks if isinstance(node, ast.ClassDef))
    return [list(dict.fromkeys(KEPT.findall(code))) for code in classes]


def entries_of_others(part: Part) -> Iterator[Rewrite]:
    """For an entry that a slope is given, those of other lists, of neighbours, too: `zs[i - 1]` for `outputs[i]`."""
    if not isinstance(part.node, ast.Subscript) or not isinstance(part.node.slice, ast.Name | ast.BinOp):
        return
    held, index = part.source.code(part.node.value), part.source.code(part.node.slice)
    if not part.is_in_some_slope:
        return
    holder, dot, _ = held.rpartition(".")
    lists = KEPT.findall(part.source.text) if dot else part.source.words(part.line).grown
    others = [name for name in dict.fromkeys(f"{holder}{dot}{name}" for name in lists) if name != held][:MOST_KEPT]
    for other in (f"{name}[{at}]" for name in others for at in (index, f"{index} - 1", f"{index} + 1")):
        said = f"the derivative is taken at {part.code}; it should be at {other}"
        yield part.change(other, "derivative-at-wrong-point", said, NAMED)


def of_turn_before(part: Part) -> Iterator[Rewrite]:
    """The entry of the turn before in a sum over all turns, and nothing where there is none before it."""
    node = part.node
    if not isinstance(node, ast.Subscript) or not isinstance(part.statement, ast.AugAssign):
        return
    counted = {counted_by(each) for each in part.source.statements if part.line in lines_of(each)}
    if not isinstance(node.slice, ast.Name) or node.slice.id not in counted:
        return
    held, i = part.source.code(node.value), node.slice.id
    said = f"{part.code} should be the one of the turn before"
    yield part.change(f"({held}[{i} - 1] if {i} else 0 * {part.code})", "off-by-one", said, PUT_IN)
