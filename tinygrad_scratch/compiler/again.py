"""The same call again: what a call could reach is compared with what it was, so that nothing is looked for anew.

In a place where an array was, another one of the same layout may be now, and another Python number where it is known to
change, as an optimizer's learning rate. All else must be the very same object.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.compiler.holders import MISSING, Cell, Holder, InTensor
from tinygrad_scratch.compiler.surroundings import Surroundings
from tinygrad_scratch.graph import is_recording

ndarray = np.ndarray


class Again:
    """Where the leaves of a call with plain arrays lie."""

    def __init__(self, around: Surroundings, count: int) -> None:
        self.count = count
        self.holders = around.holders
        self.rest = around.leaves[count:]  # the arguments are let go
        self.recording = is_recording()
        self.kinds = [kind_of(leaf) for leaf in around.leaves]
        self.arrays = sum(type(leaf) is ndarray for leaf in around.leaves)
        self.cells: list[tuple[Any, Any, int]] = []
        self.tensors: list[tuple[Any, Any, int]] = []
        self.spaces: list[tuple[Any, int, list[tuple[Any, Any, int]]]] = []  # lists and dicts, with their lengths
        for holder in around.holders:
            items = [(key, value, place_of(around, holder, key, value)) for key, value in holder.items().items()]
            if type(holder) is Cell:
                self.cells += [(holder.holder, value, place) for _, value, place in items]
            elif type(holder) is InTensor:
                self.tensors += [(holder.holder, holder.holder._record, place) for _, _, place in items]
            else:
                self.spaces.append((holder.holder, -1 if holder.names else len(holder.holder), items))

    def leaves(self, arguments: tuple[Any, ...]) -> list[Any] | None:
        """The leaves as they are now, or None where something is another than before."""
        if len(arguments) != self.count or is_recording() is not self.recording:
            return None
        if any(kind_of(value) != kind for value, kind in zip(arguments, self.kinds, strict=False)):
            return None
        found = [*arguments, *self.rest]
        same = (
            all(
                cell.cell_contents is value or self._take(found, place, cell.cell_contents)
                for cell, value, place in self.cells
            )
            and all(t._record is record and self._take(found, place, t._value) for t, record, place in self.tensors)
            and all(self._look_into(found, *space) for space in self.spaces)
        )
        distinct = {id(leaf) for leaf in found if type(leaf) is ndarray}
        return found if same and len(distinct) == self.arrays else None

    def _look_into(self, found: list[Any], space: Any, length: int, items: list[tuple[Any, Any, int]]) -> bool:
        """The same for a list, a dict, or the globals that a function names."""
        if length >= 0 and len(space) != length:
            return False
        for key, value, place in items:
            now = space[key] if type(space) is list else space.get(key, MISSING)
            if now is not value and not self._take(found, place, now):
                return False
        return True

    def _take(self, found: list[Any], place: int, now: Any) -> bool:
        """Let a leaf be another value, if it is one of the same kind."""
        if place < 0 or kind_of(now) != self.kinds[place]:
            return False
        found[place] = now
        return True


def place_of(around: Surroundings, holder: Holder, key: Any, value: Any) -> int:
    """Which leaf lies here; -1 for what is none."""
    return holder.numbers[key] if key in holder.numbers else around.places.get(id(value), -1)


def kind_of(leaf: Any) -> Any:
    return (leaf.shape, leaf.dtype, leaf.strides) if type(leaf) is ndarray else type(leaf)


def again(arguments: tuple[Any, ...], keywords: Any, around: Surroundings) -> Again | None:
    """How to make a call again, if it had plain arrays, all different ones, by position."""
    if keywords or not around.comparable or not around.has_plain(arguments):
        return None
    return Again(around, len(arguments))
