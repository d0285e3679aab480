"""Data that a script prepares before it trains: where that took many calls, they are taken off the tape.

What comes of them counts as given then. All that judges a turn goes over the whole tape, and people wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tinygrad_scratch.verifier.recording.steps import Rename, Step, shows
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.recording.watch import Watch

MANY = 3_000  # calls


class Prepared:
    """The calls before a step that no parameter went into, and which of their values are read later or still there."""

    def __init__(self, tape: Tape, first: int, parameters: Iterable[int]) -> None:
        self.tape, self.first, self.parameters = tape, first, set(parameters)
        self.moving = self._moving()
        self.given = set[int]()  # values that count as given
        self.kept = self._kept()  # steps before the first one

    def _moving(self) -> set[int]:
        """The values before the first step that parameters went into, or that became parameters."""
        found = {node for node in self.parameters if self.tape.nodes[node].step < self.first}
        slots = {self.tape.nodes[node].slot for node in found}
        for step in self.tape.steps[: self.first]:
            if not found.isdisjoint(step.reads) or not slots.isdisjoint(self.tape.nodes[n].slot for n in step.makes):
                found.update(step.makes)
        return found

    def _kept(self) -> set[int]:
        tape, found = self.tape, set[int]()
        waiting = {read for step in tape.steps[self.first :] for read in step.reads} | self.moving
        waiting |= {node for slot, node in tape.current.items() if tape._arrays[slot]() is not None}
        parents = tape.parents()
        waiting = {node for node in waiting if tape.nodes[node].step < self.first}
        seen = set[int]()
        while waiting:
            node = waiting.pop()
            step = tape.steps[tape.nodes[node].step]
            seen.add(node)
            found.add(step.index)
            if step.function is None:
                continue
            if node in self.moving or shows(step) or step.makes != (node,):
                waiting |= ({*step.makes} | parents[node]) - seen
            else:
                self.given.add(node)
        return found

    def take_off(self, watch: Watch) -> tuple[dict[int, int], list[int]]:
        """Take the other calls off the tape: the new numbers of the values, and of the steps, that are left."""
        tape = self.tape
        for node in self.given:
            tape.give(node)
        steps = [step for step in tape.steps if step.index >= self.first or step.index in self.kept]
        moved = {node: i for i, node in enumerate(sorted(node for step in steps for node in step.makes))}
        later = later_of(tape.steps, steps)
        tape.nodes = [node for node in tape.nodes if node.number in moved]
        for held in tape.nodes:
            held.number, held.step = moved[held.number], later[held.step]
        tape.taken_off += len(tape.steps) - len(steps)
        tape.steps = steps
        for step in steps:
            step.index = later[step.index]
            step.reads, step.makes = (tuple(moved[node] for node in nodes) for nodes in (step.reads, step.makes))
        tape.current = {slot: moved[node] for slot, node in tape.current.items() if node in moved}
        tape.copies = {moved[a]: moved[b] for a, b in tape.copies.items() if a in moved and b in moved}
        tape.decided = [moved[node] for node in tape.decided if node in moved]
        tape.draws = [(moved[node], index) for node, index in tape.draws if node in moved]
        tape.leaks = [leak for leak in tape.leaks if leak.node in moved]
        for leak in tape.leaks:
            leak.node, leak.time = moved[leak.node], later[leak.time]
        for i, rename in enumerate(tape.renames):
            tape.renames[i] = rename_now(rename, moved, later, tape)
        for events in watch.lists:
            events[:] = [replace(e, node=moved[e.node], time=later[e.time]) for e in events if e.node in moved]
        return moved, later


def later_of(before: list[Step], now: list[Step]) -> list[int]:
    """Of each step the number of the first one from it on that is left, and the number of all that are."""
    left, later, count = {step.index for step in now}, list[int](), 0
    for step in before:
        later.append(count)
        count += step.index in left
    return [*later, count]


def rename_now(rename: Rename, moved: dict[int, int], later: list[int], tape: Tape) -> Rename:
    """A rename by the new numbers; that of a value that is not there any more says nothing, and keeps its place."""
    if rename.node not in moved:
        return Rename("", rename.place, rename.owner, tape.nodes[0].slot, 0, rename.before, 0, False)
    rename.node, rename.time = moved[rename.node], later[rename.time]
    return rename


def without_preparation(watch: Watch, first: int, parameters: Iterable[int]) -> tuple[dict[int, int], list[int]] | None:
    """Take the many calls by which data was prepared off the tape; None where there are not so many."""
    if first < MANY:
        return None
    prepared = Prepared(watch.tape, first, parameters)
    if first - len(prepared.kept) < MANY:
        return None
    return prepared.take_off(watch)
