"""The same call again: what a call could reach is compared with what it was, so that nothing is looked for anew.

In a place where an array was, another one of the same layout may be now, and another Python number where it is known to
change, as an optimizer's learning rate. All else must be the very same object. Arrays are let go, those of a model's
parameters are others after each step; but one that lies in several places, or in a tuple, must stay the same.
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
        self.recording = is_recording()
        self.kinds = [kind_of(leaf) for leaf in around.leaves]
        self.arrays = sum(type(leaf) is ndarray for leaf in around.leaves)
        self.cells: list[tuple[Any, Any, int]] = []
        self.tensors: list[tuple[Any, Any, int]] = []
        self.spaces: list[tuple[Any, int, list[tuple[Any, Any, int]]]] = []  # lists and dicts, with their lengths
        alone: set[int] = set()
        for holder in around.holders:
            items = []
            for key, value in holder.items().items():
                place = place_of(around, holder, key, value)
                items.append((key, value if place < 0 else None, place))
                alone.add(place)
            if type(holder) is Cell:
                self.cells += [(holder.holder, value, place) for _, value, place in items]
            elif type(holder) is InTensor:
                self.tensors += [(holder.holder, holder.holder._record, place) for _, _, place in items]
            else:
                self.spaces.append((holder.holder, -1 if holder.names else len(holder.holder), items))
        alone -= around.shared
        self.kept = [MISSING if place in alone else leaf for place, leaf in enumerate(around.leaves)][count:]
        self.layouts = [(leaf, kind_of(leaf)) for leaf in self.kept if leaf is not MISSING]

    def leaves(self, arguments: tuple[Any, ...]) -> list[Any] | None:
        """The leaves as they are now, or None where something is another than before."""
        if len(arguments) != self.count or is_recording() is not self.recording:
            return None
        if any(kind_of(value) != kind for value, kind in zip(arguments, self.kinds, strict=False)):
            return None
        if any(kind_of(leaf) != kind for leaf, kind in self.layouts):  # given another shape in place
            return None
        found = [*arguments, *self.kept]
        same = (
            all(self._same(found, value, place, cell.cell_contents) for cell, value, place in self.cells)
            and all(
                t._record is record and self._same(found, None, place, t._value) for t, record, place in self.tensors
            )
            and all(self._same_within(found, *space) for space in self.spaces)
        )
        distinct = {id(leaf) for leaf in found if type(leaf) is ndarray}
        return found if same and len(distinct) == self.arrays else None

    def _same_within(self, found: list[Any], space: Any, length: int, items: list[tuple[Any, Any, int]]) -> bool:
        """The same for a list, a dict, or the globals that a function names."""
        if length >= 0 and len(space) != length:
            return False
        if type(space) is list:
            return all(self._same(found, value, place, space[key]) for key, value, place in items)
        return all(self._same(found, value, place, space.get(key, MISSING)) for key, value, place in items)

    def _same(self, found: list[Any], value: Any, place: int, now: Any) -> bool:
        """Whether a value is what it was; a leaf may be another one of its kind, and is found now."""
        if place < 0:
            return now is value
        if found[place] is not MISSING:
            return found[place] is now
        found[place] = now
        return bool(kind_of(now) == self.kinds[place])


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
