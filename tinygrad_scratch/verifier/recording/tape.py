"""The tape: every NumPy call that a person's program makes is written down, with the place in their source."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.places import FileLine, Place, place_of, places_of_call
from tinygrad_scratch.verifier.recording.one_memory import tie
from tinygrad_scratch.verifier.recording.references import (
    Ref,
    for_any_number,
    makes_room,
    map_tree,
    may_write,
    refs_in,
    target_of,
)
from tinygrad_scratch.verifier.recording.run import Run, same
from tinygrad_scratch.verifier.recording.steps import Array, Leak, Node, Rename, Step


class LimitReached(BaseException):
    """A run took longer, or more calls, than was allowed. Not an Exception, so that their own handlers let it pass."""


MANY_VIEWS = 20


@dataclass
class Tape(Run):
    """What is recorded of one run. Once it is closed, calls are made and no more written down."""

    leaks: list[Leak] = field(default_factory=list)
    decided: list[int] = field(default_factory=list)  # nodes of what became plain true or false, or an index
    draws: list[tuple[int, int]] = field(default_factory=list)  # the chances of a draw, and which of them was drawn
    renames: list[Rename] = field(default_factory=list)  # numbered from 1
    current: dict[int, int] = field(default_factory=dict)  # slot -> its node now
    worked_out: set[int] = field(default_factory=set)  # steps by which the check worked a gradient out of an update
    whole_numbers: set[int] = field(default_factory=set)  # slots of those that gradients are written to, and cut by
    matrices: Any = None  # the module that spells calls on np.matrix by those on arrays, which builds on what is here
    on_minimum: Callable[[str, Any, Any], None] | None = None  # is given what a minimiser of SciPy's begins with
    taken_off: int = 0  # calls that are not there any more, as no value of them is needed
    tied: int = 0  # how often arrays from outside were found to show one memory
    any_number: frozenset[FileLine] = frozenset()  # where room for whole numbers is made for any
    as_written: dict[int, Any] = field(default_factory=dict)  # slot of such room -> what its call is given as written
    closed: bool = False
    most_steps: int = 200_000
    wrapped: dict[int, Any] = field(default_factory=dict)  # id of an array from outside -> what stands for it
    _arrays: dict[int, weakref.ref[Any]] = field(default_factory=dict)  # slot -> its array
    _constants: dict[int, tuple[Any, int]] = field(default_factory=dict)  # id of an array from outside -> it, its slot
    _apart: set[int] = field(default_factory=set)  # slots of arrays from outside of which no views were looked for
    _memory: dict[int, list[int]] = field(default_factory=dict)  # id of what owns the memory -> the slots that show it

    # ---- recording ---------------------------------------------------------------------------------------------------

    def for_any_number(self, array: Array) -> Array:
        """What a call made of plain values; of whole numbers where there is to be room for any, the same as such."""
        may_be_room = self.any_number and array.dtype.kind in "iub"
        return array.astype(float) if may_be_room and self.is_for_any_number(place_of(sys._getframe(1))) else array

    def is_for_any_number(self, place: Place | None) -> bool:
        return bool(self.any_number) and place is not None and (place.file, place.line) in self.any_number

    def constant(self, array: Array, as_written: Array | None = None) -> int:
        """The slot of an array that came from outside; the same array has the same slot."""
        known = self._constants.get(id(array))
        if known is not None and known[0] is array and same(self.value_of(known[1]), array):
            return known[1]
        slot = self._slot(array)
        step = Step(len(self.steps), None, array.copy("K"), {}, place_of(sys._getframe(1)), result=Ref(slot))
        self._append(step)
        step.makes = (self._node(slot, array),)
        self._constants[id(array)] = (array, slot)
        self._apart.add(slot)
        if as_written is not None and as_written is not array:
            self.as_written[slot] = as_written.copy("K"), {}
        return slot

    def is_constant(self, array: Array) -> bool:
        """Whether a call has read an array from outside."""
        return id(array) in self._constants and self._constants[id(array)][0] is array

    def first_of(self, slot: int) -> Node:
        """What an array held when it was first used."""
        return next(node for node in self.nodes if node.slot == slot)

    def is_begun_with(self, node: int) -> bool:
        """Whether an array came from outside, or was made of numbers and one such: `0.01 * rng.normal(size=n)`."""
        while (step := self.steps[self.nodes[node].step]).function is not None:
            arrays = [read for read in step.reads if self.nodes[read].value.size > 1]
            if len(arrays) != 1:
                return not arrays
            node = arrays[0]
        return True

    def value_of(self, slot: int) -> Array:
        return self.nodes[self.current[slot]].value

    def record(self, function: Any, arguments: Any, keywords: Any, plain: Callable[[Any], Any]) -> tuple[Step, Any]:
        """Make a call and write it down; `plain` gives the array of what stands for one, and None for other things."""
        references = map_tree(lambda value: self._reference(value, plain), (arguments, keywords))
        slots = list(dict.fromkeys(ref.slot for ref in refs_in(references)))
        reads = tuple(self.current[slot] for slot in slots)
        given = map_tree(lambda value: value if (array := plain(value)) is None else array, (arguments, keywords))
        before: list[int] = []
        written = None
        if may_write(function, arguments, keywords):
            written = target_of(function, *references)
            is_alone = written is not None and written not in self._apart and "out" not in keywords
            before = self._sharing([ref for ref in slots if ref == written or not is_alone])
        place, caller = places_of_call(sys._getframe(1))
        if self.is_for_any_number(place) and makes_room(function):
            self.as_written[len(self._arrays)] = references
            given, references = (for_any_number(function, *each) for each in (given, references))
        value = function(*given[0], **given[1])
        step = Step(len(self.steps), function, references[0], references[1], place, reads, caller=caller)
        self._append(step)
        changed = self._changed(before, written)
        if written in self._apart and len(changed) > 1:
            tie(self, written, {slot: array for slot in changed if (array := self._arrays[slot]()) is not None})
            self.tied += 1
            self._apart.remove(written)
        step.makes = tuple(self._node(slot, self._arrays[slot]()) for slot in changed)
        return step, value

    def add_result(self, step: Step, array: Array) -> int:
        """The slot of an array that a step returned."""
        slot = self._slot(array)
        step.makes += (self._node(slot, array),)
        return slot

    def _append(self, step: Step) -> None:
        if len(self.steps) >= self.most_steps:
            raise LimitReached(f"{self.most_steps:,} calls of NumPy")
        self.steps.append(step)

    def _reference(self, value: Any, plain: Callable[[Any], Any]) -> Any:
        slot = getattr(value, "_slot", None)
        if slot is not None and plain(value) is not None:
            return Ref(slot, value._renamed)
        if type(value) is np.ndarray and value.dtype.kind in "biufc":
            return Ref(self.constant(value))
        return value

    def _slot(self, array: Array) -> int:
        slot = len(self._arrays)
        self._arrays[slot] = weakref.ref(array)
        self._memory.setdefault(id(owner_of(array)), []).append(slot)
        return slot

    def slot_beside(self, slot: int) -> int:
        """A new slot for the same array."""
        beside = len(self._arrays)
        self._arrays[beside] = self._arrays[slot]
        return beside

    def _node(self, slot: int, array: Any) -> int:
        node = Node(len(self.nodes), slot, len(self.steps) - 1, np.array(array))
        self.nodes.append(node)
        self.current[slot] = node.number
        return node.number

    def _sharing(self, slots: list[int]) -> list[int]:
        """The slots whose content a call might change: its arguments, and what shares memory with them."""
        owners = {id(owner): owner for slot in slots if (owner := self._owner(slot)) is not None}
        for owner in owners:
            known = self._memory[owner]
            if len(known) > MANY_VIEWS:  # most of them are gone, where a loop takes parts of an array
                self._memory[owner] = [slot for slot in known if self._arrays[slot]() is not None]
        return sorted(slot for owner in owners for slot in self._memory[owner] if self._owner(slot) is owners[owner])

    def _owner(self, slot: int) -> Any:
        array = self._arrays[slot]()
        return None if array is None else owner_of(array)

    def is_gone(self, node: int) -> bool:
        """Whether nobody has the array any more that a call made."""
        return self._arrays[self.nodes[node].slot]() is None

    def _changed(self, slots: list[int], written: int | None) -> list[int]:
        """Those that a call wrote other content into, and the one that it was told to write to."""
        return [
            slot
            for slot in slots
            if (array := self._arrays[slot]()) is not None and (slot == written or not same(array, self.value_of(slot)))
        ]

    def give(self, node: int) -> None:
        """Take a value for given, as if it came from outside, where a step made it alone."""
        step = self.steps[self.nodes[node].step]
        if step.makes == (node,):
            step.function, step.arguments, step.keywords, step.reads = None, self.nodes[node].value.copy(), {}, ()
            step.result = Ref(self.nodes[node].slot)
            self.rewired += 1

    def parts_shown(self, node: int) -> list[int]:
        """What an array from outside holds now, as the arrays beside it that show its memory part by part, in order."""
        whole = self._arrays[self.nodes[node].slot]()
        if whole is None or self.steps[self.nodes[node].step].function is not None:
            return []
        shown = {slot: self._arrays[slot]() for slot in self._memory[id(owner_of(whole))]}
        parts = {s: a for s, a in shown.items() if a is not None and a.size < whole.size and np.shares_memory(a, whole)}
        order = sorted(parts, key=lambda slot: parts[slot].ctypes.data)
        return [self.current[slot] for slot in order] if sum(a.size for a in parts.values()) == whole.size else []

    def slots_beside(self, slot: int) -> set[int]:
        """The slots of other arrays that show some of the memory of one."""
        own = self._arrays[slot]()
        shown = {} if own is None else {other: self._arrays[other]() for other in self._sharing([slot])}
        return {other for other, array in shown.items() if other != slot and np.may_share_memory(array, own)}

    # ---- a call put in afterwards ------------------------------------------------------------------------------------

    def near(self, step: Step, calls: int) -> set[int]:
        """The values that a step and the calls just before it read."""
        found: set[int] = set()
        waiting = set(step.reads)
        for _ in range(calls):
            found |= waiting
            waiting = {read for node in waiting for read in self.steps[self.nodes[node].step].reads} - found
        return found

    def state(self) -> dict[str, Any]:
        """What changes where calls are put in between others: with `vars(tape).update` that is taken back."""
        lists = {
            name: [replace(each) for each in getattr(self, name)] for name in ("steps", "nodes", "leaks", "renames")
        }
        return {
            **lists, "current": dict(self.current), "copies": dict(self.copies),
            "decided": list(self.decided), "draws": list(self.draws), "worked_out": set(self.worked_out),
        }  # fmt: skip

    def insert(self, after: int, function: Any, reads: tuple[int, ...]) -> tuple[int, Callable[[int], int]]:
        """Put a call of some values right after the step that made one of them: its node, and the new number of each.

        So a loss that nobody computed can be read off an output as it was then, whatever was written to it later.
        """
        step = Step(
            after + 1, function, tuple(Ref(self.nodes[node].slot) for node in reads), {}, self.steps[after].place
        )
        first = next((node.number for node in self.nodes if node.step > after), len(self.nodes))

        def moved(node: int) -> int:
            return node + (node >= first)

        value = np.asarray(function(*(self.nodes[node].value for node in reads)))
        for node in self.nodes:
            node.number, node.step = moved(node.number), node.step + (node.step > after)
        for later in self.steps:
            later.index += later.index > after
            later.reads, later.makes = tuple(map(moved, later.reads)), tuple(map(moved, later.makes))
        self.current = {slot: moved(node) for slot, node in self.current.items()}
        self.decided = list(map(moved, self.decided))
        self.draws = [(moved(node), index) for node, index in self.draws]
        self.worked_out = {index + (index > after) for index in self.worked_out}
        self.copies = {moved(copy): moved(node) for copy, node in self.copies.items()}
        for leak in self.leaks:
            leak.node, leak.time = moved(leak.node), leak.time + (leak.time > after)
        for rename in self.renames:
            rename.node, rename.time = moved(rename.node), rename.time + (rename.time > after)
        slot = self._slot(value)
        step.result, step.reads, step.makes = Ref(slot), reads, (first,)
        self.rewired += 1
        self.steps.insert(after + 1, step)
        self.nodes.insert(first, Node(first, slot, after + 1, value))
        self.current[slot] = first
        return first, moved


def copy(value: Any) -> Any:
    """What a value was before it was written to or given up, for a call that is put on the tape."""
    return np.copy(value)


def owner_of(array: Array) -> Any:
    """The array whose memory a view shows; itself for others."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
