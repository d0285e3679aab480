"""Lines that only give another name to a value, as `d_next = d` does, as calls of their own.

While a program is recorded such a line makes no call. Where a gradient is wrong, each becomes one that shows the same
array anew, and what the program read by the new name reads that. So a name that was given to the wrong value, or to
one that lacks a factor, is found and explained as any other step is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.losses.entry import Entry
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.names import alike, is_called_after, without_holder
from tinygrad_scratch.verifier.reading.source import in_same_function
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.references import Ref, map_tree, refs_in
from tinygrad_scratch.verifier.recording.steps import Array, Node, Rename, Step, renamed
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.truth import Truth


def with_renames(entry: Entry, case: Case) -> Truth | None:
    """Make calls of the renames of the backward pass: the truth by their numbers; none where there were no renames."""
    tape = entry.tape
    own = {final.parameter.node: rename_of(entry, case, final) for final in entry.finals}
    names = {event.short for event in case.events if event.node in case.truth.cotangents}
    numbers = {number for number, rename in enumerate(tape.renames, 1) if may_be_wrong(case, rename, names)}
    numbers |= {number for number in own.values() if number}
    numbers -= read_by_forward(tape, case.forward)
    numbers -= {number for number in numbers if only_holds(case, tape.renames[number - 1])}
    if not numbers:
        return None
    run = Unfolded(tape, numbers)
    finals = [replace(final, node=run.node(final.node, own[final.parameter.node])) for final in entry.finals]
    watch = entry.watch
    now = [
        [replace(e, node=run.node(e.node, e.renamed), time=run.later[min(e.time, len(tape.steps))]) for e in events]
        for events in watch.lists
    ]
    named = list(run.names())
    known = {(event.node, event.name, str(event.place)) for event in named}
    now[0] = [*named, *(event for event in now[0] if (event.node, event.name, str(event.place)) not in known)]
    run.put_in()
    entry.renumber(run.moved.__getitem__)
    for events, new in zip(watch.lists, now, strict=True):
        events[:] = new
    entry.loss = run.moved[case.truth.loss]
    entry.finals = finals
    return case.truth.renumbered(run.moved, run.later)


def rename_of(entry: Entry, case: Case, final: Final) -> int:
    """The rename by which a value became the gradient of a parameter, if it is right as something else; 0 for none."""
    tape, value = entry.tape, entry.tape.nodes[final.node].value
    slot = tape.nodes[final.node].slot
    number = entry.renamed.get(final.path, 0)
    if number and tape.renames[number - 1].slot == slot:
        return number
    known = case.match(value)
    other = known is not None and known.how == "" and known.of != final.parameter.node
    shared = [each.node for each in entry.finals].count(final.node) > 1
    given = case.step_of(final.node).function is None or case.is_forward(final.node)
    if not (shared or given or other) or case.is_right(value, final):
        return 0
    named = [(called(final, r.name), i) for i, r in enumerate(tape.renames, 1) if r.slot == slot]
    handed = [event for event in entry.watch.entries if event.node == final.node]
    if named and max(named)[0] > 0:
        return max(named)[1]
    if not handed:
        return 0
    event = max(handed, key=lambda event: called(final, event.name))
    where = event.name, event.place, event.owner
    tape.renames.append(Rename(*where, slot, event.node, event.renamed, len(tape.steps), True))
    return len(tape.renames)


def called(final: Final, name: str) -> float:
    """How much a name says that it is the gradient of a parameter."""
    return max(alike(without_holder(name), final.parameter.name), 10.0 * name.endswith(final.name))


def may_be_wrong(case: Case, rename: Rename, names: set[str]) -> bool:
    """Whether a rename belongs to the backward pass.

    Of data and values of the forward pass only those do that are called gradients, or gradients of what has one of
    these names, or that a function returned then.
    """
    given = rename.node in case.forward or case.step_of(rename.node).function is None
    returned = "()" in rename.name and rename.time > case.tape.nodes[case.truth.loss].step
    return not given or rename.claims or returned or is_called_after(without_holder(rename.name), names)


def only_holds(case: Case, rename: Rename) -> bool:
    """Whether a line only puts a value into a list that has its name: `d = [d]`."""
    name, held, _ = rename.name.partition("[")
    named = (event for event in (*case.arguments, *case.events) if event.node == rename.node and event.short == name)
    return bool(held) and any(in_same_function(event.place, rename.place) for event in named)


def read_by_forward(tape: Tape, forward: set[int]) -> set[int]:
    """The renames by whose names the forward pass read something."""
    found: set[int] = set()
    for step in tape.steps:
        if not forward.isdisjoint(step.makes):
            for ref in refs_in((step.arguments, step.keywords)):
                number = ref.renamed
                while number:
                    found.add(number)
                    number = tape.renames[number - 1].before
    return found


COUNTED = re.compile(r"\[-?\d+\]")


class Unfolded:
    """The same run with some renames as calls: the new numbers of its steps and nodes.

    An array and what renames it share their memory: a write to one makes a new state of each.
    """

    def __init__(self, tape: Tape, numbers: set[int]) -> None:
        self.tape = tape
        self.numbers = numbers
        self.steps: list[Step] = []
        self.nodes: list[Node] = []
        self.moved: dict[int, int] = {}
        self.later: list[int] = []  # where each step is now, and where the next one would be
        self.twins: dict[tuple[int, int], int] = {}  # a rename, and a node of what it renames -> its own node
        self.slots: dict[int, int] = {}  # of each rename
        self.sites: dict[tuple[str, str], int] = {}
        self.shown: dict[int, list[int]] = {}  # the renames of an array
        self.current: dict[int, int] = {}
        self.old_of: dict[int, int] = {}  # what each array held last, by its number before
        self._unfold()

    def number(self, number: int) -> int:
        """The rename itself, or the nearest before it that became a call."""
        while number and number not in self.slots:
            number = self.tape.renames[number - 1].before
        return number

    def node(self, node: int, number: int) -> int:
        """The new number of a node, as a rename knows it."""
        return self.twins.get((self.number(number), node), self.moved[node])

    def _unfold(self) -> None:
        waiting = sorted(self.numbers, key=lambda number: (self.tape.renames[number - 1].time, number))
        for index, step in enumerate(self.tape.steps):
            while waiting and self.tape.renames[waiting[0] - 1].time <= index:
                self._rename(waiting.pop(0))
            self.later.append(len(self.steps))
            self._again(step)
        for number in waiting:
            self._rename(number)
        self.later.append(len(self.steps))

    def _rename(self, number: int) -> None:
        rename = self.tape.renames[number - 1]
        read = self.current[self.slots.get(self.number(rename.before), rename.slot)]
        slot = self.slots[number] = self.tape.slot_beside(rename.slot)
        arguments = (Ref(self.nodes[read].slot),)
        key = str(rename.place), COUNTED.sub("[]", rename.name)  # one line may give several names
        place = replace(rename.place, offset=-self.sites.setdefault(key, len(self.sites) + 1))
        self.steps.append(Step(len(self.steps), renamed, arguments, {}, place, (read,), (), Ref(slot)))
        self.shown.setdefault(rename.slot, []).append(number)
        self._show(number, self.old_of[rename.slot])

    def _again(self, step: Step) -> None:
        """A step as it was, of what renames have made of its arguments."""
        arguments, keywords, result = step.arguments, step.keywords, step.result
        reads: tuple[int, ...] = ()
        if step.function is not None:
            arguments, keywords, result = map_tree(self._reference, (arguments, keywords, result))
            reads = tuple(dict.fromkeys(self.current[ref.slot] for ref in refs_in((arguments, keywords))))
        changed = {"arguments": arguments, "keywords": keywords, "reads": reads, "makes": (), "result": result}
        self.steps.append(replace(step, index=len(self.steps), **changed))
        for old in step.makes:
            node = self.tape.nodes[old]
            self.moved[old] = self._make(node.slot, node.value)
            self.old_of[node.slot] = old
        for old in step.makes:
            for number in self.shown.get(self.tape.nodes[old].slot, ()):
                self._show(number, old)

    def _reference(self, part: Any) -> Any:
        return Ref(self.slots.get(self.number(part.renamed), part.slot)) if type(part) is Ref else part

    def _show(self, number: int, old: int) -> None:
        """What a rename shows now."""
        self.twins[number, old] = self._make(self.slots[number], self.tape.nodes[old].value)

    def _make(self, slot: int, value: Array) -> int:
        node = Node(len(self.nodes), slot, len(self.steps) - 1, value)
        self.nodes.append(node)
        self.steps[-1].makes += (node.number,)
        self.current[slot] = node.number
        return node.number

    def names(self) -> Iterator[Event]:
        """The names that renames gave."""
        for number in self.numbers:
            rename = self.tape.renames[number - 1]
            node = self.twins[number, rename.node]
            step = self.steps[self.nodes[node].step]
            assert step.place is not None
            yield Event(rename.name, node, step.place, rename.owner, step.index + 1)

    def put_in(self) -> None:
        """Let the tape hold this run."""
        tape = self.tape
        tape.decided = [self.moved[node] for node in tape.decided]
        tape.draws = [(self.moved[node], index) for node, index in tape.draws]
        tape.worked_out = {self.later[index] for index in tape.worked_out}
        tape.copies = {self.moved[copy]: self.moved[node] for copy, node in tape.copies.items()}
        for leak in tape.leaks:
            leak.node, leak.time = self.moved[leak.node], self.later[leak.time]
        tape.steps, tape.nodes, tape.current, tape.renames = self.steps, self.nodes, self.current, []
