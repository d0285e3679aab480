"""A recorded run, played again: the same calls on arrays of its own, in-place writes and views included.

So one may put another value, or another call, in place of any that the program made, and see what becomes of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.likeness import SHORTER
from tinygrad_scratch.verifier.recording.references import bind, call_with_arrays, map_tree
from tinygrad_scratch.verifier.recording.steps import Array, Node, Parents, Step, renamed, shows

MOST_VIEWS = 8  # one of the other
LARGE = 1_000  # entries
Earlier = dict[int, tuple[int, int]]  # by node or slot: another node, and the step that made the array
Wiring = tuple[list[Step], int, int, int]  # calls, how many they are, how many values, how often that was changed


class Changed(dict[int, Any]):
    """What some nodes hold after a change; of all others what they held before it."""

    def __init__(self, before: Mapping[int, Any], found: Mapping[int, Any]) -> None:
        super().__init__(found)
        self.before = before

    def __missing__(self, node: int) -> Any:
        return self.before[node]


@dataclass
class Run:
    """The calls of a run in their order, and what each array held from one write to the next."""

    steps: list[Step] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    played: int = 0  # how many calls were made again, for all that was tried out
    copies: dict[int, int] = field(default_factory=dict)  # nodes of constants -> those that they are copies of
    rewired: int = 0  # how often a call that was there already came to read or make something else
    _parents_of: tuple[Wiring, Any, Parents, dict[int, int]] | None = None  # what it was found by, what of what is made
    _readers_of: tuple[Wiring, dict[int, list[int]]] | None = None
    _versions: tuple[list[Node], int, int, dict[int, list[int]]] | None = None  # of which run, and what was found
    _written_to: tuple[list[Node], int, int, Earlier, Earlier] = field(default_factory=lambda: ([], 0, 0, {}, {}))

    def replay(
        self,
        overrides: dict[int, Array] | None = None,
        start: dict[int, Any] | None = None,
        edits: dict[int, Callable[[Step, Any, Any], Any]] | None = None,
        until: int | None = None,
        only: Container[int] | None = None,
    ) -> dict[int, Any]:
        """What each node, or each of some, holds in a run with other values put in.

        `overrides` puts an array in place of a node as soon as it is made; `start` gives other values to constants, by
        node; `edits` makes another call of a step.
        """
        playing: dict[int, Any] = {}
        found: dict[int, Any] = {}
        steps = self.steps if until is None else self.steps[: until + 1]
        self.played += len(steps)
        for step in steps:
            if step.function is None:
                node = step.makes[0]
                given = start[node] if start and node in start else step.arguments.copy("K")
                playing[step.result.slot] = given
            else:
                arguments, keywords = call_with_arrays(step, playing)
                edit = edits.get(step.index) if edits else None
                value = edit(step, arguments, keywords) if edit else step.function(*arguments, **keywords)
                bind(step.result, value, playing)
            for node in step.makes:
                slot = self.nodes[node].slot
                if overrides and node in overrides and step.function is renamed:
                    playing[slot] = np.array(overrides[node])  # no other name stands for it
                elif overrides and node in overrides:
                    put(playing, slot, overrides[node])
                if only is None or node in only:
                    found[node] = kept(playing[slot], self.nodes[node].value)
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
            self.make_again()
            if self.copies:
                self._copy_again()
                self.make_again()
        except (TypeError, ValueError):  # something in it wants what is shorter
            self.steps = before
            return False
        return True

    def _copy_again(self) -> None:
        """Let each constant that is a copy of what a value was be what that is now."""
        for copy, node in self.copies.items():
            index = self.nodes[copy].step
            self.steps[index] = replace(self.steps[index], arguments=self.nodes[node].value.copy())

    def make_again(self) -> None:
        """Make the whole run again, as its calls are now, and keep what it gives."""
        with np.errstate(all="ignore"):
            self.hold(self.replay())

    def hold(self, values: Mapping[int, Any]) -> None:
        for number, value in values.items():
            self.nodes[number].value = np.array(value)

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
        found = Changed(values, {node: np.array(value) for node, value in (overrides or {}).items()})
        kept_as_they_are, readers = {*found, *held}, self.readers()
        waiting = list({*(edits or ()), *(index for node in found for index in readers.get(node, ()))})
        heapify(waiting)
        last, done = len(self.steps) - 1 if until is None else until, -1
        while waiting and waiting[0] <= last:
            index = heappop(waiting)
            step = self.steps[index]
            if index == done or step.function is None:  # it reads several that are others, or comes from outside
                continue
            done = index
            self.played += 1
            playing = self.made(step, found, edits.get(index) if edits else None)
            if playing is None:
                return None
            for node in step.makes:
                if node not in kept_as_they_are:
                    found[node] = playing[self.nodes[node].slot]
                    for later in readers.get(node, ()):
                        heappush(waiting, later)
        return dict(found)

    def made(
        self, step: Step, now: Mapping[int, Any], edit: Callable[[Step, Any, Any], Any] | None
    ) -> dict[int, Any] | None:
        """What arrays hold after a call, or after another one in its place, by slot; None as above."""
        written = self._written(step, now)
        if written is None:
            return None
        playing = {self.nodes[node].slot: now[node] for node in step.reads} | written
        arguments, keywords = call_with_arrays(step, playing)
        bind(step.result, edit(step, arguments, keywords) if edit else step.function(*arguments, **keywords), playing)
        return playing

    def _written(self, step: Step, now: Mapping[int, Any]) -> dict[int, Any] | None:
        """Copies of the arrays that a call writes to, by slot, which share memory as the real ones did."""
        earlier = self.earlier()
        again = [node for node in step.makes if node in earlier]
        found: dict[int, Any] = {}
        alone = 0
        for node in sorted(again, key=lambda n: earlier[n][1]) if again else ():
            slot, before = self.nodes[node].slot, earlier[node][0]
            maker = self.steps[earlier[node][1]]  # a view is made later than the array that it shows
            shown = self._shown_again(maker, found, now) if maker.function is not None else None
            if shown is not None:
                found[slot] = shown[slot]
                apart = maker.function is renamed and not same(found[slot], np.asarray(now[before]))
                if apart or not any(np.shares_memory(found[slot], other) for at, other in found.items() if at != slot):
                    return None
            else:
                found[slot] = np.array(now[before])
                alone += 1
        return found if alone < 2 else None

    def _shown_again(
        self, maker: Step, found: dict[int, Any], now: Mapping[int, Any], deep: int = MOST_VIEWS
    ) -> dict[int, Any] | None:
        """What a call makes of arrays that are in `found`, or of views of these; None where it reads none of them."""
        again: dict[int, Any] = {}
        for read in maker.reads:
            inner = self.steps[self.nodes[read].step]
            slot = self.nodes[read].slot
            if slot in found:
                again[slot] = found[slot]
            elif deep and shows(inner) and slot in (view := self._shown_again(inner, found, now, deep - 1) or {}):
                again[slot] = view[slot]
        if not again:
            return None
        playing = {self.nodes[read].slot: now[read] for read in maker.reads} | again
        arguments, keywords = call_with_arrays(maker, playing)
        bind(maker.result, maker.function(*arguments, **keywords), playing)
        return playing

    def parents(self) -> Parents:
        """What each node was made from: what its step read, and what its array held before."""
        if self._parents_of is None or not self._is_wired_as(self._parents_of[0]):
            of = [step.reads for step in self.steps], [step.makes for step in self.steps], [n.slot for n in self.nodes]
            self._parents_of = self._wiring(), of, *self._made_from(of)
        return self._parents_of[2]

    def readers(self) -> dict[int, list[int]]:
        """The steps that read each node."""
        (steps, count, _, rewired), found = self._readers_of or (([], 0, 0, 0), {})
        if steps is not self.steps or count > len(self.steps) or rewired != self.rewired:
            count, found = 0, {}
        for index in range(count, len(self.steps)):
            for node in self.steps[index].reads:
                found.setdefault(node, []).append(index)
        self._readers_of = self._wiring(), found
        return found

    def unfinished(self) -> set[int]:
        """States of an array whose entries the next turn of a statement goes on to set, and that nothing else reads."""
        found = set()
        for node, indices in self.readers().items():
            step, made_by = self.steps[indices[0]], self.steps[self.nodes[node].step]
            writes = getattr(step.function, "__name__", "") == "setitem" and len(indices) == len(step.makes) == 1
            same = writes and self.nodes[step.makes[0]].slot == self.nodes[node].slot
            if same and made_by.place == step.place:
                found.add(node)
        return found

    def _wiring(self) -> Wiring:
        return self.steps, len(self.steps), len(self.nodes), self.rewired

    def _is_wired_as(self, known: Wiring) -> bool:
        """Whether the calls read and make what they did; to compare them all would take longer than most calls do."""
        return known[0] is self.steps and known[1:] == self._wiring()[1:]

    def _made_from(self, of: tuple[list[Any], ...]) -> tuple[Parents, dict[int, int]]:
        """The same, and the last node of each array; what was found before is gone on with where calls came after."""
        before, known, held = self._parents_of[1:] if self._parents_of else (([], [], []), {}, {})
        grown = all(now[: len(then)] == then for now, then in zip(of, before, strict=True))
        found, last = (dict(known), dict(held)) if grown else ({}, {})
        for step in self.steps[len(before[0]) if grown else 0 :]:
            for node in step.makes:
                slot = self.nodes[node].slot
                found[node] = set(step.reads) | ({last[slot]} if slot in last else set())
            for node in step.makes:
                last[self.nodes[node].slot] = node
        return Parents(found), last

    def versions_of(self, slot: int) -> list[int]:
        """All that an array held, in order."""
        nodes, count, rewired, found = self._versions or ([], 0, 0, {})
        if nodes is not self.nodes or count > len(nodes) or rewired != self.rewired:
            count, found = 0, {}
        for node in self.nodes[count:]:
            found.setdefault(node.slot, []).append(node.number)
        self._versions = self.nodes, len(self.nodes), self.rewired, found
        return found.get(slot, [])

    def earlier(self) -> Earlier:
        """For each node of an array that was written to: the node before it, and the step that made the array."""
        nodes, count, rewired, last, found = self._written_to
        if nodes is not self.nodes or count > len(self.nodes) or rewired != self.rewired:
            count, last, found = 0, {}, {}
        for node in self.nodes[count:]:
            if node.slot in last:
                found[node.number] = last[node.slot]
            last[node.slot] = node.number, last.get(node.slot, (0, node.step))[1]
        self._written_to = self.nodes, len(self.nodes), self.rewired, last, found
        return found


SHORTER_NAMES = {*SHORTER, np.float16, np.float32, "float16", "float32"}


def longer(leaf: Any) -> Any:
    """An array, a number or a type of fewer bits as one of 64."""
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.astype(np.float64) if leaf.dtype in SHORTER else leaf
    named = isinstance(leaf, str | np.dtype | type) and leaf in SHORTER_NAMES
    return np.float64 if named else leaf


def same(one: Array, other: Array) -> bool:
    if one.shape != other.shape:
        return False
    if np.array_equal(one, other):
        return True
    has_none = one.dtype.kind in "fc" and bool(np.any(np.isnan(one)))
    return has_none and np.array_equal(one, other, equal_nan=True)


def put(playing: dict[int, Any], slot: int, value: Any) -> None:
    """Another content for an array; another array, where the one that there is can't hold it."""
    held = playing[slot]
    fits = isinstance(held, np.ndarray) and held.flags.writeable and held.shape == np.shape(value)
    if fits and np.can_cast(np.asarray(value).dtype, held.dtype, "same_kind"):
        held[...] = value
    else:
        playing[slot] = np.array(value) if isinstance(held, np.ndarray) else held * 0 + value


def kept(value: Any, known: Array) -> Any:
    """What is remembered of a value that may be written to later; the same that is known already, where it is that.

    A loop that writes to a large array makes as many of them as it has turns: a second of each would fill the memory.
    """
    if not isinstance(value, np.ndarray):
        return value.handle() if hasattr(value, "handle") else value
    is_large = value.size > LARGE and (value.shape, value.dtype) == (known.shape, known.dtype)
    return known if is_large and np.array_equal(value, known) else value.copy()
