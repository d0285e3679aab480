"""A loss to which each turn of a loop adds a term, where gradients are those of the terms of some turns alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.losses import Candidate, Played


@dataclass(frozen=True)
class Added:
    """A term of a total, and what the total is with it."""

    term: int
    total: int


def terms_of(tape: Tape, total: int) -> list[Added]:
    """The terms that one line adds to a total and that one line makes, the first one first; else none."""
    found = list[Added]()
    step = tape.steps[tape.nodes[total].step]
    line = step.place
    while name_of(step.function) == "add" and step.place == line:
        found.append(Added(step.reads[-1], total))
        total = step.reads[0]
        step = tape.steps[tape.nodes[total].step]
    if step.reads:  # else it is what was added to, as a 0
        found.append(Added(total, total))
    made = {tape.steps[tape.nodes[added.term].step].place for added in found}
    return found[::-1] if len(found) > 1 and len(made) == 1 and None not in made else []


def has_slopes_of_others(run: Played, tape: Tape, others: list[int], moving: set[int], made: Iterable[int]) -> bool:
    """Whether the slopes of terms were worked out: of each, the gradient by something that it was made of."""
    values = [tape.nodes[node].value for node in made]

    def is_made(slope: Array) -> bool:
        return bool(slope.any()) and any(value.shape == slope.shape and close(value, slope) for value in values)

    slopes = (run.gradients(Candidate("", term), way_back(tape, term, moving)) for term in others)
    return all(any(map(is_made, of_term or [])) for of_term in slopes)


def way_back(tape: Tape, term: int, moving: set[int]) -> list[int]:
    """What a number was made of, as far as to arrays, of what depends on a parameter."""
    found, at = list[int](), [term]
    while at:
        reads = [read for node in at for read in tape.steps[tape.nodes[node].step].reads if read in moving]
        found += reads
        at = [read for read in reads if tape.nodes[read].value.size == 1]
    return list(dict.fromkeys(found))
