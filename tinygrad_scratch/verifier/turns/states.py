"""States that a turn of a loop moves by a rule of their own: an environment, a target that wanders, noise, a buffer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tinygrad_scratch.verifier.meant.leaks import is_harmless
from tinygrad_scratch.verifier.reading.loops import Turn, bound_between
from tinygrad_scratch.verifier.recording.events import Event, claims_gradient
from tinygrad_scratch.verifier.recording.watch import Watch
from tinygrad_scratch.verifier.turns.forward_values import Updates


@dataclass
class States:
    """What was given other values in a turn of a loop, and is no parameter: nothing that is trained moved it."""

    watch: Watch
    turn: Turn

    def __post_init__(self) -> None:
        self.tape = self.watch.tape

    def among(self, updates: Updates) -> set[int]:
        """Those among updates that move alone: by an array from outside, such as noise, or begun anew in the turn."""
        alone = (before for before, (_, after) in updates.items() if self.moves_alone(before, after))
        return {b for b in alone if self.given(self.besides(b, updates[b][1])) or self.is_begun(b)}

    def moves_alone(self, before: int, after: int) -> bool:
        """Whether a value was made of what it was, and of plain numbers, and besides of what is its own alone.

        That is an array that was drawn for it, or written down there: nothing else is made of it, and it was not there
        before the turn, so it is no data. A gradient is made of a parameter, or of what the loss is made of, too.
        """
        made_of = self.besides(before, after)
        own = {node for node in made_of if not self.is_number(node)}
        since = min(self.tape.nodes[node].step for node in own)
        readers = (step for step in self.tape.steps[since:] if not made_of.issuperset(step.makes))
        others = {node for step in readers for node in step.reads} - {after} | self.held
        values = [self.tape.nodes[node].value for node in self.given(made_of)]
        spread = all(bool(np.any(value != value.flat[0])) for value in values)
        return spread and others.isdisjoint(own) and self.claimed.isdisjoint(made_of) and not self.hides()

    def is_begun(self, node: int) -> bool:
        """Whether an assignment in the loop gave a name to a value."""
        events = [event for of, event in self.named if of == node]
        lines = [event.place.line for event in events if event.place.file == self.turn.file]
        bound = [bound_between(self.turn.file, max(line - 1, self.turn.first), line + 1) for line in lines]
        return any(event.short in names for names in bound for event in events)

    def is_apart(self, before: int, after: int, trained: Iterable[int]) -> bool:
        """Whether nothing that is trained went into the value that something has after the turn."""
        return self.besides(before, after).isdisjoint(trained) and not self.hides()

    def is_filled(self, node: int) -> bool:
        """Whether all that reads an array writes to it: a buffer is filled before anything is made of it."""
        slot, nodes = self.tape.nodes[node].slot, self.tape.nodes
        readers = [step for step in self.tape.steps[self.turn.steps :] if node in step.reads]
        return bool(readers) and all(any(nodes[made].slot == slot for made in step.makes) for step in readers)

    def besides(self, before: int, after: int) -> set[int]:
        """All that a value was made of, itself included, but what it was before."""
        found, waiting = set[int](), [after]
        while waiting:
            node = waiting.pop()
            if node != before and node not in found:
                found.add(node)
                waiting += self.tape.steps[self.tape.nodes[node].step].reads
        return found

    def given(self, nodes: set[int]) -> set[int]:
        """The arrays from outside among some values."""
        made = {node: self.tape.steps[self.tape.nodes[node].step] for node in nodes}
        return {n for n, step in made.items() if step.function is None and self.tape.nodes[n].value.size > 1}

    def is_number(self, node: int) -> bool:
        """Whether a value is a number from outside."""
        return self.tape.nodes[node].value.size == 1 and self.tape.steps[self.tape.nodes[node].step].function is None

    @cached_property
    def held(self) -> set[int]:
        """What had a name before the turn."""
        return {node for node, event in self.named if not self.turn.holds(event.place, event.time)}

    @cached_property
    def claimed(self) -> set[int]:
        """What is called a gradient."""
        return {node for node, event in self.named if claims_gradient(event.name)}

    @cached_property
    def named(self) -> list[tuple[int, Event]]:
        return [*((event.node, event) for event in self.watch.events), *self.watch.late()]

    def hides(self) -> bool:
        """Whether a value left the recording in the turn: then what came from outside may be made of a parameter."""
        return any(leak.time > self.turn.steps and not is_harmless(leak) for leak in self.tape.leaks)
