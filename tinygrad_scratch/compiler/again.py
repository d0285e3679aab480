"""The same call again: what a call could reach is compared with what it was, so that nothing is looked for anew.

In a place where an array was, another one of the same layout may be now, and another Python number where it is known to
change, as an optimizer's learning rate. All else must be the very same object. Arrays are let go, those of a model's
parameters are others after each step; but one that lies in several places, or in a tuple, must stay the same.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CellType
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.holders import MISSING, Cell, Holder, InTensor
from tinygrad_scratch.compiler.surroundings import Surroundings
from tinygrad_scratch.graph import is_recording

ndarray = np.ndarray
Read = Callable[[Any, Any], Any]


class Again:
    """Where the leaves of a call with plain arrays lie, and what else must be as it was."""

    def __init__(self, around: Surroundings, count: int) -> None:
        self.count = count
        self.holders = around.holders
        self.recording = is_recording()
        self.kinds = [kind_of(leaf) for leaf in around.leaves]
        self.arrays = sum(type(leaf) is ndarray for leaf in around.leaves)
        self.records = [(each.holder, each.holder._record) for each in around.holders if type(each) is InTensor]
        self.lengths = [(each.holder, len(each.holder)) for each in around.holders if is_whole(each)]
        self.fixed: list[tuple[Read, Any, Any]] = []
        self.places: list[tuple[Read, Any, int]] = []
        for holder in around.holders:
            read = reader(holder)
            for key, value in holder.items().items():
                place = place_of(around, holder, key, value)
                if place < 0:
                    self.fixed.append((read, key, value))
                else:
                    self.places.append((read, key, place))
        alone = {place for _, _, place in self.places} - around.shared
        self.kept = [MISSING if place in alone else leaf for place, leaf in enumerate(around.leaves)][count:]
        self.layouts = [(leaf, kind_of(leaf)) for leaf in self.kept if leaf is not MISSING]

    def leaves(self, arguments: tuple[Any, ...]) -> list[Any] | None:
        """The leaves as they are now, or None where something is another than before."""
        same = (
            len(arguments) == self.count
            and is_recording() is self.recording
            and all(kind_of(value) == kind for value, kind in zip(arguments, self.kinds, strict=False))
            and all(tensor._record is record for tensor, record in self.records)
            and all(len(holder) == length for holder, length in self.lengths)
            and all(read(key, MISSING) is value for read, key, value in self.fixed)
            and all(kind_of(leaf) == kind for leaf, kind in self.layouts)  # it may be given another shape in place
        )
        if not same:
            return None
        found = [*arguments, *self.kept]
        for read, key, place in self.places:
            now, before = read(key, MISSING), found[place]
            if now is not before and (before is not MISSING or kind_of(now) != self.kinds[place]):
                return None
            found[place] = now
        distinct = {id(leaf) for leaf in found if type(leaf) is ndarray}
        return found if len(distinct) == self.arrays else None


def is_whole(holder: Holder) -> bool:
    """Whether it is a list or a dict of which all items count."""
    return type(holder) is Holder and not holder.names


def reader(holder: Holder) -> Read:
    """What reads from a holder by a key, and returns another value where there is none."""
    if type(holder) is Cell:
        return lambda _, default: contents(holder.holder, default)
    if type(holder) is InTensor:
        return lambda _, default: holder.holder._value
    if isinstance(holder.holder, list):
        return lambda place, default: holder.holder[place]
    return holder.holder.get  # type: ignore[no-any-return]


def contents(cell: CellType, default: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it has no value any more
        return default


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
