"""Steps by what was drawn, each times a number of its own, as a reward is: they are judged without these numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinygrad_scratch.verifier.pairs.in_parts import Part, again_and_again
from tinygrad_scratch.verifier.pairs.noise import draws_at
from tinygrad_scratch.verifier.pairs.update_steps import in_update
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import statement_at
from tinygrad_scratch.verifier.recording.edits import COMPARISONS, name_of
from tinygrad_scratch.verifier.recording.references import Ref
from tinygrad_scratch.verifier.recording.steps import Array, Step, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape

SHOWING = {"getitem", "reshape", "ravel", "squeeze", "flatten"}
GATHERING = {"array", "stack", "vstack", "hstack", "column_stack", "concatenate", "setitem", "copy"}
OF_REWARDS = re.compile(r"reward|return|advantage|gain|payoff|profit|utility", re.IGNORECASE)


@dataclass(frozen=True)
class Factor:
    """A number that a call multiplies something by: which argument of the call that is."""

    step: Step
    place: int

    def value(self, tape: Tape) -> float:
        given = self.step.arguments[self.place]
        return float(given if type(given) is not Ref else tape.nodes[self.node(tape)].value.reshape(-1)[0])

    def node(self, tape: Tape) -> int:
        slot = self.step.arguments[self.place].slot
        return next(read for read in self.step.reads if tape.nodes[read].slot == slot)

    def is_alone(self, tape: Tape, readers: dict[int, list[int]]) -> bool:
        """Whether nothing else reads the number."""
        if type(self.step.arguments[self.place]) is not Ref:
            return True
        node = self.node(tape)
        made = tape.steps[tape.nodes[node].step]
        return readers.get(node) == [self.step.index] and made.makes == (node,) and type(made.result) is Ref

    def leave_off(self, tape: Tape) -> None:
        given = self.step.arguments[self.place]
        if type(given) is not Ref:
            self.step.arguments = (*self.step.arguments[: self.place], 1.0, *self.step.arguments[self.place + 1 :])
            return
        node = self.node(tape)
        tape.give(node)
        made = tape.steps[tape.nodes[node].step]
        made.arguments = np.ones_like(made.arguments, dtype=float)


def updates_in_turns(tape: Tape, before: int, after: int) -> list[Part]:
    """The updates of a whole array in place that one line made in a loop; none where something else did, too."""
    slot, last = tape.nodes[before].slot, tape.steps[tape.nodes[after].step]
    is_stored = name_of(last.function) == "setitem" and last.reads
    if is_stored and tape.nodes[last.reads[-1]].value.shape != tape.nodes[after].value.shape:
        return []  # to some entries
    later = [node for node in tape.versions_of(slot) if before < node <= after]

    def change_in(now: int, was: int) -> tuple[int, int] | None:
        return in_update(tape, tape.steps[tape.nodes[now].step], now, was)

    found = again_and_again(tape, before, later, change_in)
    return found[0] if found is not None and found[1] == after else []


def leave_off_rewards(tape: Tape, updates: list[tuple[int, int]], moving: set[int]) -> list[Place]:
    """Let a run be what it would have been, had each step by one thing that was drawn the same weight; where they are.

    `updates` are what parameters were and what they became, `moving` is what was made of these. Where a step is by
    several draws, or by none, nothing is left off.
    """
    chances = {taken_from(tape, node) for node in drawn_by(tape, moving)}
    found = in_columns(tape, chances, moving) or in_steps(tape, chances, updates, moving) if chances else []
    readers = tape.readers()
    if not all(factor.is_alone(tape, readers) for factor in found):
        return []
    for factor in found:
        factor.leave_off(tape)
    if found:
        tape.make_again()
    return [factor.step.place for factor in found if factor.step.place is not None]


def drawn_by(tape: Tape, moving: set[int]) -> Iterator[int]:
    """The chances by which something was drawn, and those that a drawn number was compared with."""
    yield from (node for node, _ in tape.draws if node in moving)
    for step in tape.steps:
        if name_of(step.function) in COMPARISONS and step.place is not None and draws_at(step.place):
            yield from moving.intersection(step.reads)


def in_steps(tape: Tape, chances: set[int], updates: list[tuple[int, int]], moving: set[int]) -> list[Factor]:
    """The numbers of steps that are each by one thing that was drawn."""
    parents, found = tape.parents(), list[Factor]()
    for parts in [updates_in_turns(tape, before, after) for before, after in updates]:
        if not parts or any(len(chances & ancestors(parents, [part.change])) != 1 for part in parts):
            return []
        found += odd([list(factors_in(tape, part.change, moving)) for part in parts], tape)
    return found


def in_columns(tape: Tape, chances: set[int], moving: set[int]) -> list[Factor]:
    """The numbers by which the rows of an array are multiplied, one for each thing that was drawn."""
    parents = tape.parents()
    forward = ancestors(parents, chances)
    found = []
    for step in tape.steps:
        reads = step.reads if name_of(step.function) == "multiply" and len(step.reads) == 2 else ()
        for place, read in enumerate(reads):
            rest = reads[1 - place]
            is_slope = rest in moving and not chances.isdisjoint(ancestors(parents, [rest]))
            if is_slope and read not in moving and is_column(tape, read, rest) and not shown_in(tape, read) & forward:
                argument = next(i for i, part in enumerate(step.arguments) if stands_at(tape, part, read))
                found.append(Factor(step, argument))
    return found


def is_column(tape: Tape, node: int, of: int) -> bool:
    """Whether a value has one number for each row of another one, and not the same for all."""
    value, rows = tape.nodes[node].value, tape.nodes[of].value.shape
    is_one_each = rows and value.size == rows[0] > 1 and value.shape in ((rows[0],), (rows[0], 1))
    return bool(is_one_each and (len(rows) == 1 or value.ndim == len(rows)) and np.ptp(value))


def shown_in(tape: Tape, node: int) -> set[int]:
    """What an array is gathered from, or a part of, with itself."""
    waiting, found = [node], set[int]()
    while waiting:
        here = waiting.pop()
        step = tape.steps[tape.nodes[here].step]
        if here not in found:
            found.add(here)
            waiting += step.reads if name_of(step.function) in SHOWING | GATHERING else ()
    return found


def stands_at(tape: Tape, part: object, node: int) -> bool:
    return type(part) is Ref and part.slot == tape.nodes[node].slot


def taken_from(tape: Tape, node: int) -> int:
    """What a value is a part of, or shows in other axes."""
    step = tape.steps[tape.nodes[node].step]
    while step.reads and name_of(step.function) in SHOWING:
        node = step.reads[0]
        step = tape.steps[tape.nodes[node].step]
    return node


def factors_in(tape: Tape, change: int, moving: set[int]) -> Iterator[Factor]:
    """The numbers that an array is multiplied by, of which none was made of parameters."""
    node: int | None = change
    while node is not None:
        step, node = tape.steps[tape.nodes[node].step], None
        for place, given in enumerate(step.arguments if name_of(step.function) == "multiply" else ()):
            read = next((n for n in step.reads if type(given) is Ref and tape.nodes[n].slot == given.slot), None)
            if read is not None and read in moving:
                node = read
            elif read is None or tape.nodes[read].value.size == 1:
                yield Factor(step, place)


def odd(turns: list[list[Factor]], tape: Tape) -> list[Factor]:
    """Those of the factors in each turn that are not one number in all of them, as a rate is."""
    if len({len(factors) for factors in turns}) != 1:
        return []
    columns = list(zip(*turns, strict=True))
    return [f for column in columns if len({f.value(tape) for f in column}) > 1 for f in column]


def names_rewards(place: Place) -> bool:
    """Whether a statement says that what it multiplies by is to be made large."""
    return OF_REWARDS.search(statement_at(place.file, place.line)) is not None


def drawn_in_turns(tape: Tape, moving: set[int]) -> tuple[tuple[int, ...], Array] | None:
    """The chances by which things were drawn, with a row of ones and noughts for each: one for what was drawn."""
    draws = [(node, index) for node, index in tape.draws if node in moving]
    if len({tape.nodes[node].value.shape for node, _ in draws}) != 1:
        return None
    rows = np.zeros((len(draws), tape.nodes[draws[0][0]].value.size))
    rows[np.arange(len(draws)), [index for _, index in draws]] = 1
    return tuple(node for node, _ in draws), rows
