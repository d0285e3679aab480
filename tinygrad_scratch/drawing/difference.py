"""`diff`: two computations as one picture; what was added, removed and changed, and by how much values differ."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from tinygrad_scratch.drawing.clusters import frames_around
from tinygrad_scratch.drawing.data import ADDED, CHANGED, REMOVED, REST, Scene
from tinygrad_scratch.drawing.dot import dot_text
from tinygrad_scratch.drawing.expressions import arguments, is_number, is_value, plain
from tinygrad_scratch.drawing.items import unfolded
from tinygrad_scratch.drawing.labels import Look
from tinygrad_scratch.drawing.numbers import short
from tinygrad_scratch.drawing.picture import Drawing
from tinygrad_scratch.drawing.scene import Builder
from tinygrad_scratch.drawing.subject import Subject, subject_of
from tinygrad_scratch.graph import Node
from tinygrad_scratch.rules.registry import Several, label


def diff(before: Any, after: Any, *arguments: Any, limit: int = 500) -> Drawing:
    """A picture of two computations in one: what was added, removed and changed, and by how much values differ.

    `before` and `after` are Tensors, or models and functions that are called with the same `arguments`. Calls are
    matched in their order, by function and keywords; leaves by the calls that they are given to, else by name. What is
    new in `after` has a thick frame and says "added"; what only `before` has is dashed and says "removed"; of what is
    in both it is said how shapes, arguments, values and gradients differ, and the rest is grey.

    Each side is drawn up to its newest `limit` operations. Raises TypeError for what can't be drawn and where one side
    fails.

    >>> import numpy as np
    >>> from tinygrad_scratch.drawing import diff
    >>> x = np.array([1.0, 2.0])
    >>> diff(lambda x: np.sum(np.exp(x)), lambda x: np.sum(np.tanh(np.exp(x * 1.5))), x)
    Drawing(2 added, 3 changed)
    """
    frame = sys._getframe(1)
    sides = []
    for side in (before, after):
        subject = subject_of((side, *arguments) if callable(side) and arguments else (side,), frame, limit)
        if subject.failure is not None:
            raise subject.failure.error
        sides.append(Side(subject))
    return Comparison(*sides).drawing()


@dataclass
class Side:
    """One of two computations, with its scene."""

    subject: Subject
    builder: Builder = field(init=False)
    scene: Scene = field(init=False)
    cotangents: dict[int, Any] = field(init=False)

    def __post_init__(self) -> None:
        selection = self.subject.selection
        self.cotangents = self.subject.cotangents(False)
        items = unfolded(selection.nodes, frames_around(selection))
        self.builder = Builder(selection, items, self.cotangents, self.subject.place_of, self.subject.given)
        self.scene = self.builder.scene()

    @property
    def operations(self) -> list[Node]:
        return self.subject.selection.operations


@dataclass
class Comparison:
    """Two computations, and which value of the one is which of the other."""

    before: Side
    after: Side

    def drawing(self) -> Drawing:
        pairs = matched(self.before.operations, self.after.operations)
        old, new = self.before.builder.ids_of_nodes, self.after.builder.ids_of_nodes
        scene = self.after.scene
        ids = {old[a]: new[b] for a, b in pairs.items() if a in old and b in new} | {REST: REST}
        known = {new[b]: (a, b) for a, b in pairs.items() if b in new}
        for box in scene.boxes:
            if box.id in known:
                box.notes = self.notes(*known[box.id])
                box.change = CHANGED if box.notes else None
            elif box.kind != REST:
                box.change, box.notes = ADDED, [ADDED]
        self.add_removed(scene, ids)
        counts = Counter(box.change for box in scene.boxes if box.kind != REST)
        same = [f"{counts[None]:,} the same"] if counts[None] else []
        summary = ", ".join([f"{counts[c]:,} {c}" for c in (ADDED, REMOVED, CHANGED) if counts[c]] + same)
        return Drawing(dot_text(scene, Look(backward=False, changes=True)), summary, scene, False)

    def add_removed(self, scene: Scene, ids: dict[str, str]) -> None:
        """What only the first computation has, after what the second has; frames are those of the second."""
        there = {(arrow.tail, arrow.head): arrow for arrow in scene.arrows}
        changes = {box.id: box.change for box in scene.boxes}
        for arrow in scene.arrows:
            arrow.change = ADDED
        for box in self.before.scene.boxes:
            if box.id not in ids:
                ids[box.id] = f"n{len(scene.boxes)}"
                box.id, box.cluster, box.change, box.notes = ids[box.id], None, REMOVED, [REMOVED]
                scene.boxes.append(box)
        for arrow in self.before.scene.arrows:
            ends = ids[arrow.tail], ids[arrow.head]
            if ends in there:
                there[ends].change = None
            elif REST not in ends or REST in changes:
                arrow.id, arrow.tail, arrow.head, arrow.change = f"e{len(scene.arrows)}", *ends, REMOVED
                scene.arrows.append(arrow)

    def notes(self, old: Node, new: Node) -> list[str]:
        """How a value differs from what it was."""
        found = []
        if old.value.shape != new.value.shape or old.value.dtype != new.value.dtype:
            found.append(f"was {old.value.shape} {old.value.dtype}")
        was, now = plain_arguments(old), plain_arguments(new)
        found += [f"was given {one}, now {other}" for one, other in zip(was, now, strict=False) if one != other]
        found += difference("value", old.value, new.value)
        gradients = self.before.cotangents.get(old.order), self.after.cotangents.get(new.order)
        if old.requires_grad and new.requires_grad and gradients[0] is not None and gradients[1] is not None:
            found += difference("gradient", *gradients)
        return found


def matched(before: Sequence[Node], after: Sequence[Node]) -> dict[Node, Node]:
    """The calls of one computation that are those of another, in order; and the leaves that these are given."""
    one, other = ([(label(node.function), str(node.keywords)) for node in side] for side in (before, after))
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    found = {before[block.a + i]: after[block.b + i] for block in blocks for i in range(block.size)}
    taken: set[Node] = set()
    for old, new in list(found.items()):
        for part, now in zip(old.operands, new.operands, strict=False):
            if is_leaf(part) and is_leaf(now) and part not in found and now not in taken:
                found[part] = now
                taken.add(now)
    by_name = {part.name: part for node in after for part in node.inputs if is_leaf(part) and part not in taken}
    for part in (part for node in before for part in node.inputs if is_leaf(part) and part not in found):
        if part.name in by_name and part.name is not None:
            found[part] = by_name.pop(part.name)
    return found


def is_leaf(part: Any) -> bool:
    return is_value(part) and part.kind != "operation"


def plain_arguments(node: Node) -> list[str]:
    """The numbers, axes and indices that a call was given."""
    found = [part.value if is_number(part) else part for part in arguments(node)]
    return [plain(part).text for part in found if not isinstance(part, Node)]


def difference(what: str, old: Any, new: Any) -> list[str]:
    """By how much arrays of one shape differ, where they do; of several, each is a value of its own."""
    if isinstance(new, Several) or old.shape != new.shape or np.array_equal(old, new, equal_nan=old.dtype.kind in "fc"):
        return []
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(np.subtract(new, old, dtype=np.result_type(old, new, float)))
    if not np.isfinite(apart).all():
        return [f"{what} differs, also in NaN or infinity"]
    return [f"{what} differs by up to {short(float(apart.max()))}"]
