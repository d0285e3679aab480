"""The tape: every NumPy call that a person's program made, with the place in their source; it can be played again.

A replay makes the same calls on arrays of its own, in-place writes and views included. So one may put another value in
place of any that the program computed, and see what becomes of the rest.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Place:
    """Where in a person's source a call was made; `offset` tells apart the calls of one line."""

    file: str
    line: int
    function: str
    offset: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(eq=False, slots=True)
class Node:
    """What one array held until the next write into it. `slot` is the array, `value` a copy of its content."""

    number: int
    slot: int
    step: int
    value: Array


@dataclass(eq=False, slots=True)
class Step:
    """One call. Arguments hold a `Ref` for each recorded array; `reads` and `makes` are nodes, by number."""

    index: int
    function: Any
    arguments: Any
    keywords: Any
    place: Place | None
    reads: tuple[int, ...] = ()
    makes: tuple[int, ...] = ()
    result: Any = None  # a Ref, or a tuple of Refs and plain values
    caller: Place | None = None  # where the function that the call stands in was called


@dataclass(frozen=True)
class Ref:
    """Stands for an array in the arguments of a step, as it was read by the name that a rename gave it, if one did."""

    slot: int
    renamed: int = field(default=0, compare=False)


@dataclass(eq=False)
class Leak:
    """A recorded array that became a plain value, and where."""

    kind: str
    node: int
    place: Place | None
    time: int = 0  # how many steps had been made


@dataclass(eq=False)
class Rename:
    """A line that gave another name, key or place to a value that there was before it."""

    name: str
    place: Place
    owner: int  # what holds the name
    slot: int
    node: int
    before: int  # the number of the rename that gave the name by which the line read it; 0 for none
    time: int  # how many steps had been made
    claims: bool  # whether the name is one of gradients


class LimitReached(BaseException):
    """A run took longer, or more calls, than was allowed. Not an Exception, so that their own handlers let it pass."""


@dataclass
class Tape:
    """What is recorded of one run. Once it is closed, calls are made and no more written down."""

    steps: list[Step] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    decided: list[int] = field(default_factory=list)  # nodes of what became plain true or false, or an index
    renames: list[Rename] = field(default_factory=list)  # numbered from 1
    current: dict[int, int] = field(default_factory=dict)  # slot -> its node now
    matrices: Any = None  # the module that spells calls on np.matrix by those on arrays, which builds on what is here
    closed: bool = False
    most_steps: int = 200_000
    played: int = 0  # how many calls were made again, for all that was tried out
    wrapped: dict[int, Any] = field(default_factory=dict)  # id of an array from outside -> what stands for it
    _arrays: dict[int, weakref.ref[Any]] = field(default_factory=dict)  # slot -> its array
    _constants: dict[int, tuple[Any, int]] = field(default_factory=dict)  # id of an array from outside -> it, its slot
    _memory: dict[int, list[int]] = field(default_factory=dict)  # id of what owns the memory -> the slots that show it
    _written_to: tuple[int, dict[int, tuple[int, int]]] = (0, {})  # how many nodes there were, and what _earlier found

    # ---- recording ---------------------------------------------------------------------------------------------------

    def constant(self, array: Array) -> int:
        """The slot of an array that came from outside; the same array has the same slot."""
        known = self._constants.get(id(array))
        if known is not None and known[0] is array and same(self.value_of(known[1]), array):
            return known[1]
        slot = self._slot(array)
        step = Step(len(self.steps), None, array.copy("K"), {}, place_of(sys._getframe(1)), result=Ref(slot))
        self._append(step)
        step.makes = (self._node(slot, array),)
        self._constants[id(array)] = (array, slot)
        return slot

    def is_constant(self, array: Array) -> bool:
        """Whether a call has read an array from outside."""
        return id(array) in self._constants and self._constants[id(array)][0] is array

    def constants(self) -> Iterator[tuple[Array, int]]:
        """The arrays from outside, each with its first node."""
        first: dict[int, int] = {}
        for step in self.steps:
            if step.function is None:
                first[step.result.slot] = step.makes[0]
        return ((array, first[slot]) for array, slot in self._constants.values())

    def first_of(self, slot: int) -> Array:
        """What an array held when it was first used."""
        return next(node.value for node in self.nodes if node.slot == slot)

    def value_of(self, slot: int) -> Array:
        return self.nodes[self.current[slot]].value

    def record(self, function: Any, arguments: Any, keywords: Any, plain: Callable[[Any], Any]) -> tuple[Step, Any]:
        """Make a call and write it down; `plain` gives the array of what stands for one, and None for other things."""
        references = map_tree(lambda value: self._reference(value, plain), (arguments, keywords))
        slots = list(dict.fromkeys(ref.slot for ref in refs_in(references)))
        reads = tuple(self.current[slot] for slot in slots)
        given = map_tree(lambda value: value if (array := plain(value)) is None else array, (arguments, keywords))
        before = self._sharing(slots) if may_write(function, arguments, keywords) else []
        value = function(*given[0], **given[1])
        place, caller = places_of_call(sys._getframe(1))
        step = Step(len(self.steps), function, references[0], references[1], place, reads, caller=caller)
        self._append(step)
        written = target_of(function, references[0], references[1]) if before else None
        step.makes = tuple(self._node(slot, self._arrays[slot]()) for slot in self._changed(before, written))
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
        return sorted(slot for owner in owners for slot in self._memory[owner] if self._owner(slot) is owners[owner])

    def _owner(self, slot: int) -> Any:
        array = self._arrays[slot]()
        return None if array is None else owner_of(array)

    def _changed(self, slots: list[int], written: int | None) -> list[int]:
        """Those that a call wrote other content into, and the one that it was told to write to."""
        return [
            slot
            for slot in slots
            if (array := self._arrays[slot]()) is not None and (slot == written or not same(array, self.value_of(slot)))
        ]

    # ---- a call put in afterwards ------------------------------------------------------------------------------------

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
        for leak in self.leaks:
            leak.node, leak.time = moved(leak.node), leak.time + (leak.time > after)
        for rename in self.renames:
            rename.node, rename.time = moved(rename.node), rename.time + (rename.time > after)
        slot = len(self._arrays)
        self._arrays[slot] = weakref.ref(value)
        step.result, step.reads, step.makes = Ref(slot), reads, (first,)
        self.steps.insert(after + 1, step)
        self.nodes.insert(first, Node(first, slot, after + 1, value))
        self.current[slot] = first
        return first, moved

    # ---- playing it again --------------------------------------------------------------------------------------------

    def replay(
        self,
        overrides: dict[int, Array] | None = None,
        start: dict[int, Any] | None = None,
        edits: dict[int, Callable[[Step, Any, Any], Any]] | None = None,
        wrap: Callable[[Array], Any] = lambda array: array.copy("K"),
        until: int | None = None,
    ) -> dict[int, Any]:
        """What each node holds in a run with other values put in.

        `overrides` puts an array in place of a node as soon as it is made; `start` gives other values to constants, by
        node; `edits` makes another call of a step. `wrap` makes what a constant is played with.
        """
        playing: dict[int, Any] = {}
        found: dict[int, Any] = {}
        steps = self.steps if until is None else self.steps[: until + 1]
        self.played += len(steps)
        for step in steps:
            if step.function is None:
                node = step.makes[0]
                given = start[node] if start and node in start else wrap(step.arguments)
                playing[step.result.slot] = given
            else:
                arguments, keywords = with_arrays((step.arguments, step.keywords), playing)
                edit = edits.get(step.index) if edits else None
                value = edit(step, arguments, keywords) if edit else step.function(*arguments, **keywords)
                bind(step.result, value, playing)
            for node in step.makes:
                slot = self.nodes[node].slot
                if overrides and node in overrides and step.function is renamed:
                    playing[slot] = np.array(overrides[node])  # no other name stands for it
                elif overrides and node in overrides:
                    put(playing, slot, overrides[node])
                found[node] = kept(playing[slot])
        return found

    def is_short(self) -> bool:
        """Whether anything was made in less than float64."""
        return any(node.value.dtype in SHORTER for node in self.nodes)

    def in_double(self) -> bool:
        """Make the whole run again in float64; whether that could be done."""
        steps = []
        for step in self.steps:
            arguments, keywords = map_tree(longer, (step.arguments, step.keywords))
            steps.append(replace(step, arguments=arguments, keywords=keywords))
        before, self.steps = self.steps, steps
        try:
            with np.errstate(all="ignore"):
                values = self.replay()
        except (TypeError, ValueError):  # something in it wants what is shorter
            self.steps = before
            return False
        for number, value in values.items():
            self.nodes[number].value = np.array(value)
        return True

    def follow(
        self,
        values: Mapping[int, Any],
        edits: dict[int, Callable[[Step, Any, Any], Any]] | None = None,
        overrides: dict[int, Any] | None = None,
        until: int | None = None,
        held: Iterable[int] = (),
    ) -> dict[int, Any] | None:
        """The nodes that a change reaches, in a run that gave `values` without it; only the calls on the way are made.

        What is `held` stays as it was. None where a call writes to memory that several arrays show: then only a replay
        tells.
        """
        found: dict[int, Any] = {node: np.array(value) for node, value in (overrides or {}).items()}
        kept_as_they_are = {*found, *held}
        now: Mapping[int, Any] = ChainMap(found, values)  # type: ignore[arg-type]
        first = min([*(edits or ()), *(self.nodes[node].step + 1 for node in found)], default=0)
        for step in self.steps[first : None if until is None else until + 1]:
            edit = edits.get(step.index) if edits else None
            if edit is None and not any(read in found for read in step.reads):
                continue

            self.played += 1
            written = self._written(step, now)
            if written is None:
                return None
            playing = {self.nodes[node].slot: now[node] for node in step.reads} | written
            arguments, keywords = with_arrays((step.arguments, step.keywords), playing)
            bind(
                step.result, edit(step, arguments, keywords) if edit else step.function(*arguments, **keywords), playing
            )
            found |= {n: playing[self.nodes[n].slot] for n in step.makes if n not in kept_as_they_are}
        return found

    def _written(self, step: Step, now: Mapping[int, Any]) -> dict[int, Any] | None:
        """Copies of the arrays that a call writes to, by slot, which share memory as the real ones did."""
        earlier = self._earlier()
        found: dict[int, Any] = {}
        alone = 0
        for node in sorted((n for n in step.makes if n in earlier), key=lambda n: earlier[n][1]):
            slot, before = self.nodes[node].slot, earlier[node][0]
            maker = self.steps[earlier[node][1]]  # a view is made later than the array that it shows
            shown = [read for read in maker.reads if self.nodes[read].slot in found]
            if shown and maker.function is not None:
                playing = {self.nodes[read].slot: now[read] for read in maker.reads} | found
                arguments, keywords = with_arrays((maker.arguments, maker.keywords), playing)
                found[slot] = maker.function(*arguments, **keywords)
                apart = maker.function is renamed and not same(found[slot], np.asarray(now[before]))
                if apart or not np.shares_memory(found[slot], found[self.nodes[shown[0]].slot]):
                    return None
            else:
                found[slot] = np.array(now[before])
                alone += 1
        return found if alone < 2 else None

    def parents(self) -> dict[int, set[int]]:
        """What each node was made from: what its step read, and what its array held before."""
        found: dict[int, set[int]] = {}
        last: dict[int, int] = {}
        for step in self.steps:
            for node in step.makes:
                slot = self.nodes[node].slot
                found[node] = set(step.reads) | ({last[slot]} if slot in last else set())
            for node in step.makes:
                last[self.nodes[node].slot] = node
        return found

    def _earlier(self) -> dict[int, tuple[int, int]]:
        """For each node of an array that was written to: the node before it, and the step that made the array."""
        if self._written_to[0] != len(self.nodes):
            last: dict[int, tuple[int, int]] = {}
            found = {}
            for node in self.nodes:
                if node.slot in last:
                    found[node.number] = last[node.slot]
                last[node.slot] = node.number, last.get(node.slot, (0, node.step))[1]
            self._written_to = len(self.nodes), found
        return self._written_to[1]


def renamed(array: Any) -> Any:
    """The same array by another name."""
    return array[...]


def ancestors(parents: Mapping[int, Iterable[int]], nodes: Iterable[int]) -> set[int]:
    """Nodes and all that they were made from."""
    found: set[int] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += parents.get(node, ())
    return found


SHORTER = {np.dtype(np.float16), np.dtype(np.float32)}
SHORTER_NAMES = {*SHORTER, np.float16, np.float32, "float16", "float32"}


def longer(leaf: Any) -> Any:
    """An array, a number or a type of fewer bits as one of 64."""
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.astype(np.float64) if leaf.dtype in SHORTER else leaf
    named = isinstance(leaf, str | np.dtype | type) and leaf in SHORTER_NAMES
    return np.float64 if named else leaf


def with_arrays(tree: Any, playing: dict[int, Any]) -> Any:
    """The arguments of a step with arrays for their references."""
    kind = type(tree)
    if kind is Ref:
        return playing[tree.slot]
    if kind is tuple or kind is list:  # written out, as all that is tried out goes through here
        return kind([with_arrays(part, playing) if type(part) in HOLDING else part for part in tree])
    return map_tree(lambda part: playing[part.slot] if type(part) is Ref else part, tree) if kind in HOLDING else tree


HOLDING = {Ref, tuple, list, dict, slice}


def owner_of(array: Array) -> Any:
    """The array whose memory a view shows; itself for others."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def same(one: Array, other: Array) -> bool:
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")


WRITING = {
    "setitem", "setattr", "copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis", "fill", "sort",
    "partition", "itemset",
    "resize", "at", "setfield", "shuffle", "nan_to_num",
}  # fmt: skip


def may_write(function: Any, arguments: Any, keywords: Any) -> bool:
    """Whether a call may change one of its arguments."""
    if isinstance(function, np.ufunc) and len(arguments) > function.nin:
        return True
    return "out" in keywords or getattr(function, "__name__", "setitem") in WRITING


def put(playing: dict[int, Any], slot: int, value: Any) -> None:
    """Another content for an array; another array, where the one that there is can't hold it."""
    held = playing[slot]
    fits = isinstance(held, np.ndarray) and held.flags.writeable and held.shape == np.shape(value)
    if fits and np.can_cast(np.asarray(value).dtype, held.dtype, "same_kind"):
        held[...] = value
    else:
        playing[slot] = np.array(value) if isinstance(held, np.ndarray) else held * 0 + value


def target_of(function: Any, arguments: Any, keywords: Any) -> int | None:
    """The slot of the array that a call is told to write to."""
    target = keywords.get("out")
    if isinstance(target, tuple):
        target = target[0] if target else None
    if target is None and getattr(function, "__name__", "") in WRITING and arguments:
        target = arguments[0]
    return target.slot if type(target) is Ref else None


def bind(result: Any, value: Any, playing: dict[int, Any]) -> None:
    """Say what stands for the results of a step now."""
    if type(result) is Ref:
        playing[result.slot] = (
            value if hasattr(value, "shape") and not isinstance(value, np.generic) else np.asarray(value)
        )
    elif isinstance(result, tuple | list):
        for part, own in zip(result, value, strict=True):
            bind(part, own, playing)


def kept(value: Any) -> Any:
    """What is remembered of a value that may be written to later."""
    return value.copy() if isinstance(value, np.ndarray) else value.handle() if hasattr(value, "handle") else value


def map_tree(change: Callable[[Any], Any], tree: Any) -> Any:
    """The same tuples, lists, dicts and slices with every leaf changed."""
    if type(tree) in (tuple, list):
        return type(tree)([map_tree(change, part) for part in tree])
    if type(tree) is dict:
        return {key: map_tree(change, part) for key, part in tree.items()}
    if type(tree) is slice:
        return slice(map_tree(change, tree.start), map_tree(change, tree.stop), map_tree(change, tree.step))
    return change(tree)


def refs_in(tree: Any) -> Iterator[Ref]:
    if type(tree) is Ref:
        yield tree
    elif type(tree) in (tuple, list):
        for part in tree:
            yield from refs_in(part)
    elif type(tree) is dict:
        for part in tree.values():
            yield from refs_in(part)


# ---- places in a person's source -------------------------------------------------------------------------------------

PACKAGE = str(Path(__file__).resolve().parents[1])
PYTHON = tuple({str(Path(os.__file__).parent), f"{sys.prefix}/lib/python", f"{sys.base_prefix}/lib/python"})


@cache
def is_theirs(file: str) -> bool:
    """Whether a file is a person's own, and not of Python, of an installed package or of this one."""
    if file.startswith("<"):  # typed in, or run from a string
        return not file.startswith(("<frozen", "<__array_function__"))
    if "site-packages" in file or "dist-packages" in file:
        return False
    return not file.startswith((PACKAGE, *PYTHON))


def runs_theirs(frame: Any) -> bool:
    """Whether a frame runs a person's own code; what a library generated from text is the library's."""
    file = frame.f_code.co_filename
    return is_theirs(frame.f_globals.get("__file__") or file if file == "<string>" else file)


def place_of(frame: Any) -> Place | None:
    """The place of the innermost call that a person's code made."""
    return places_of_call(frame)[0]


def places_of_call(frame: Any) -> tuple[Place | None, Place | None]:
    """The place of the innermost call that a person's code made, and that of the call of the function around it."""
    while frame is not None and not runs_theirs(frame):
        frame = frame.f_back
    if frame is None:
        return None, None
    outer = frame.f_back
    return place_in(frame), place_in(outer) if outer is not None and runs_theirs(outer) else None


def place_in(frame: Any) -> Place:
    code = frame.f_code
    return Place(code.co_filename, frame.f_lineno, code.co_name, frame.f_lasti)
