"""The boxes of a drawing, before they are drawn: which values each stands for, and what it is made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tinygrad_scratch.drawing.clusters import Around, Frames
from tinygrad_scratch.graph import Node


@dataclass(eq=False)
class Item:
    """One box of a drawing: a value, or several that are folded into one and go by the last of them.

    `title` is that of a fold. `others` are the values of the repetitions that this box also stands for.
    """

    nodes: list[Node]
    around: Around = ()
    title: str | None = None
    path: str = ""
    others: list[list[Node]] = field(default_factory=list)

    @property
    def last(self) -> Node:
        return self.nodes[-1]

    @property
    def is_fold(self) -> bool:
        return self.title is not None

    @property
    def everything(self) -> Iterator[Node]:
        for nodes in self.rounds:
            yield from nodes

    @property
    def rounds(self) -> list[list[Node]]:
        """The values of each repetition, those of the first first."""
        return [self.nodes, *self.others]


def unfolded(nodes: Iterable[Node], around: Frames) -> list[Item]:
    return [Item([node], around.get(node, ())) for node in nodes]


def places(items: Iterable[Item]) -> dict[Node, Item]:
    """The box that each value is in."""
    return {node: item for item in items for node in item.everything}


def inputs_of(item: Item, where: dict[Node, Item]) -> list[Item]:
    """The other boxes that a box is made from."""
    parts = (where.get(part) for node in item.nodes for part in node.inputs)
    return list(dict.fromkeys(part for part in parts if part is not None and part is not item))


def users_of(items: list[Item]) -> dict[Item, list[Item]]:
    """The boxes that are made from each; one is named as often as it uses it."""
    where = places(items)
    users: dict[Item, list[Item]] = {}
    for item in items:
        for node in item.nodes:
            for part in node.inputs:
                source = where.get(part)
                if source is not None and source is not item:
                    users.setdefault(source, []).append(item)
    return users
