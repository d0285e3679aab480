"""A cotangent that is a sum, as it grows: the part that each step of the backward pass adds to it, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from tinygrad_scratch.backward import conform, rules_applied
from tinygrad_scratch.drawing.data import Scene
from tinygrad_scratch.drawing.items import Item
from tinygrad_scratch.drawing.numbers import numbers_of_each
from tinygrad_scratch.graph import Node
from tinygrad_scratch.rules.indexing import Scattered


def add_parts(scene: Scene, ids: Mapping[Item, str], where: Mapping[Node, Item], cotangents: Mapping[int, Any]) -> None:
    """Give each step the parts that it adds to cotangents of several parts, and what these have come to.

    The first part is the sum so far itself. A box that is drawn once for several rounds shows the first of them; what a
    step adds to another round alone has no numbers.
    """
    uses = Counter(arrow.tail for arrow in scene.arrows if arrow.gradient)
    items = {name: item for item, name in ids.items()}
    sums: dict[str, Any] = {}
    told: list[tuple[dict[str, Any], str, Any]] = []
    for step in scene.steps:
        receiving = {items[name]: name for name in step.formulas if name in items}
        wanted = {item: name for item, name in receiving.items() if uses[name] > 1 or item.others}
        found = parts_of(items[step.box], wanted.keys(), where, cotangents)
        for tail, name in wanted.items():
            part = found.get(tail)
            if part is None:
                step.parts[name] = None
            if part is None or uses[name] == 1:
                continue
            told.append((step.parts, name, part))
            if name in sums:
                part = sums[name] + part
                told.append((step.sums, name, part))
            sums[name] = part
    for (place, name, _), numbers in zip(told, numbers_of_each([part for *_, part in told]), strict=True):
        place[name] = numbers


def parts_of(
    item: Item, wanted: AbstractSet[Item], where: Mapping[Node, Item], cotangents: Mapping[int, Any]
) -> dict[Item, Any]:
    """What the calls of a box add to the cotangents of the boxes that are wanted."""
    found: dict[Item, Any] = {}
    for node in item.everything:
        if node.order not in cotangents or not any(where.get(part) in wanted for part in node.inputs):
            continue
        for part, cotangent in pulled_back(node, cotangents[node.order]):
            tail = where.get(part)
            if tail is not None and tail in wanted and part is tail.last:
                found[tail] = found[tail] + cotangent if tail in found else cotangent
    return found


def pulled_back(node: Node, cotangent: Any) -> Iterator[tuple[Node, Any]]:
    """The values that a call was given and that gradient flows to, and what its rules make of its cotangent for each.

    A rule is never shown what stands in a record in the place of a parent, so a Node may stand there.
    """
    parents = [part if isinstance(part, Node) and part.requires_grad else None for part in node.operands]
    record = (node.order, node.function, node.value, node.keywords or None, *node.arguments, *parents)
    for parent, argument, part in rules_applied(record, cotangent, node.value, node.arguments, node.arguments, parents):
        if part.shape != argument.shape or part.dtype is not argument.dtype:
            part = conform(part, argument, node.function)
        part = part.whole() if type(part) is Scattered else part
        yield parent, part  # type: ignore[misc]  # it is the Node that stood there
