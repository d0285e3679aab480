"""What there was before a turn of a loop, by its names: looked up value by value, as inner loops turn often."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np

from tinygrad_scratch.verifier.reading.loops import Turn, begun_in, makes_room
from tinygrad_scratch.verifier.reading.source import is_rename
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.references import refs_in
from tinygrad_scratch.verifier.recording.steps import Array, shows
from tinygrad_scratch.verifier.recording.watch import Watch


@dataclass
class Met:
    """What a run came by so far: it is gone on with as the run goes on, and never looked through again."""

    watch: Watch
    events: dict[int, list[tuple[int, Event]]] = field(default_factory=dict)  # by value, each with its number
    versions: dict[int, list[int]] = field(default_factory=dict)  # what each array held
    readers: dict[int, list[int]] = field(default_factory=dict)  # the steps that read each value
    reads: dict[int, list[int]] = field(default_factory=dict)  # the steps that read each array, in order
    entries: dict[tuple[int, int], tuple[int, Array]] = field(default_factory=dict)  # what written() found
    late: dict[int, list[Event]] = field(default_factory=dict)  # by value: what it was called before a call read it
    arguments: dict[int, list[Event]] = field(default_factory=dict)  # by value: what functions that got it call it
    counts: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)

    def until_now(self) -> None:
        tape, events, arguments = self.watch.tape, self.watch.events, self.watch.arguments
        if tape.tied != self.counts[4]:  # earlier steps read something else now
            self.events, self.arguments, self.versions, self.readers = {}, {}, {}, {}
            self.reads, self.entries, self.counts = {}, {}, (0, 0, 0, 0, 0)
        for number in range(self.counts[0], len(events)):
            self.events.setdefault(events[number].node, []).append((number, events[number]))
        for node in tape.nodes[self.counts[1] :]:
            self.versions.setdefault(node.slot, []).append(node.number)
        for step in tape.steps[self.counts[2] :]:
            for read in step.reads:
                self.readers.setdefault(read, []).append(step.index)
            for slot in {tape.nodes[read].slot for read in step.reads}:
                self.reads.setdefault(slot, []).append(step.index)
        for argument in arguments[self.counts[3] :]:
            self.arguments.setdefault(argument.node, []).append(argument)
        self.counts = len(events), len(tape.nodes), len(tape.steps), len(arguments), tape.tied
        self.late = {}
        for slot, event in self.watch.unused():
            self.late.setdefault(self.versions[slot][0], []).append(event)

    def reads_between(self, slot: int, first: int, end: int) -> list[int]:
        """The steps from one on, and before another, that read an array, whatever it held."""
        reads = self.reads.get(slot, [])
        return reads[bisect_left(reads, first) : bisect_left(reads, end)]

    def written(self, slot: int, first: int, end: int) -> Array:
        """The entries of an array that the steps from one on, and before another, assigned to."""
        tape = self.watch.tape
        done, found = self.entries.get((slot, first), (first, None))
        if found is None or done > end:
            done, found = first, np.zeros(tape.nodes[self.versions[slot][0]].value.shape, dtype=bool)
        for step in (tape.steps[read] for read in self.reads_between(slot, done, end)):
            if name_of(step.function) == "setitem" and tape.nodes[step.reads[0]].slot == slot:
                chosen = step.arguments[1]
                found[... if any(refs_in(chosen)) else chosen] = True  # which are chosen by a value may be any
        self.entries[slot, first] = end, found
        return found

    def names(self, node: int) -> Iterator[Event]:
        """All names of a value, at whatever time it got them."""
        return chain((event for _, event in self.events.get(node, [])), self.late.get(node, []))

    def arguments_of(self, node: int, owners: set[int]) -> list[Event]:
        """What functions that still run call a value that they were given."""
        return [event for event in self.arguments.get(node, []) if event.owner in owners]

    def behind(self, node: int, first: int, until: int) -> set[int]:
        """A value and all that it was made from since a step; of one value, it is not asked further."""
        tape, found, waiting = self.watch.tape, set[int](), [node]
        while waiting:
            here = waiting.pop()
            if here not in found and tape.nodes[here].step >= first:
                found.add(here)
                if here != until:
                    versions = self.versions[tape.nodes[here].slot]
                    place = bisect_left(versions, here)
                    waiting += [*tape.steps[tape.nodes[here].step].reads, *versions[max(place - 1, 0) : place]]
        return found

    def views_of(self, node: int) -> set[int]:
        """The views of what an array held, and the views of those; the array itself may be gone since."""
        found, waiting = set[int](), [node]
        while waiting:
            steps = (self.watch.tape.steps[number] for number in self.readers.get(waiting.pop(), []))
            new = {made for step in steps if step.function is not None and shows(step) for made in step.makes} - found
            found |= new
            waiting += new
        return found

    def is_gone_by(self, node: int, first: int) -> bool:
        """Whether an array held something else by the time that a step was made."""
        versions = self.versions[self.watch.tape.nodes[node].slot]
        later = versions[bisect_right(versions, node) :][:1]
        return bool(later) and self.watch.tape.nodes[later[0]].step < first

    def is_made_between(self, node: int, of: int, first: int, last: int) -> bool:
        """Whether what went into a value was made of another one by one of some steps."""
        readers, steps = self.readers.get(of, []), self.watch.tape.steps
        between = readers[bisect_left(readers, first) : bisect_left(readers, last)]
        made = {each for step in between for each in steps[step].makes}
        return bool(made) and not made.isdisjoint(self.behind(node, first, of))

    def goes_by(self, some: list[int], node: int, of: int, first: int, last: int) -> bool:
        """Whether all that steps made of a value, and that went into another one, went into some others, too."""
        moved = {of}
        for step in self.watch.tape.steps[first:last]:
            moved.update(step.makes if not moved.isdisjoint(step.reads) else ())
        behind = set[int]().union(*(self.behind(each, first, of) for each in some))
        return moved & self.behind(node, first, of) <= behind | {of}


class NamedBefore:
    """The names of what was there before a turn; a number gets its own in the line that reads it first."""

    def __init__(self, met: Met, turn: Turn) -> None:
        self.met, self.turn, self.tape = met, turn, met.watch.tape
        met.until_now()
        self._found: dict[int, list[Event]] = {}
        self._last: dict[int, set[int]] = {}

    def get(self, node: int) -> list[Event]:
        """The names of a value, in order; none where it was not there before the turn."""
        if node not in self._found:
            self._found[node] = self._names_of(node)
        return self._found[node]

    def _names_of(self, node: int) -> list[Event]:
        known, since = self.met.events.get(node, []), self.turn.events
        given = [event for number, event in known if number < since]
        given += self.met.late.get(node, [])
        made, value = self.tape.steps[self.tape.nodes[node].step], self.tape.nodes[node].value
        if made.function is None or made.index < self.turn.steps:
            given += [
                event
                for number, event in known
                # `for w, dw in zip(weights, gradients)` names what there was, too; a number is never written to
                if number >= since
                and (value.ndim or not is_rename(event.place.file, event.place.line))
                and not makes_room(event.place.file, event.place.line)
            ]
        # what begins in each turn was not there before it
        rest = [event for event in given if event.short not in begun_in(event.place.file, self.turn.first)]
        is_new = rest[:1] != given[:1] and self.turn.first < given[0].place.line <= self.turn.last
        return [] if is_new and value.ndim else rest

    def items(self) -> Iterator[tuple[int, list[Event]]]:
        """All values with names, in the order in which they were made."""
        for node in sorted({*self.met.events, *self.met.late}):
            if self.get(node):
                yield node, self.get(node)

    def is_lent(self, node: int, event: Event) -> bool:
        """Whether a line of the loop gave a name to what had another, as `z = b` and `y = coef[0]` do before a sum."""
        names, turn = self.get(node), self.turn
        is_other = event in names[1:] and event.short != names[0].short
        return is_other and event.place.file == turn.file and turn.first < event.place.line <= turn.last

    def last_of(self, slot: int) -> set[int]:
        """What an array held last before the turn."""
        if slot not in self._last:
            named = (node for node in reversed(self.met.versions.get(slot, [])) if self.get(node))
            self._last[slot] = set(islice(named, 1))
        return self._last[slot]


def is_same_name(one: Event, other: Event) -> bool:
    """Whether two values got one name after the other; of a list that was made anew the entries, too.

    A list may have two names itself: `layer[1]` is `self.layers[0][1]`.
    """
    in_containers = other.name.endswith("]") and one.name == other.name
    held = [(each.owner, each.name.rpartition("[")[2]) for each in (one, other) if each.name.endswith("]")]
    in_one = other.owner >= 0 and len(held) == 2 and held[0] == held[1]
    return in_containers or in_one or (one.owner, one.short) == (other.owner, other.short)
