"""Sizes of an error that are only watched, where gradients are made of the error itself: its squares are descended.

So is `error = np.mean(np.abs(d))` beside `w -= rate * x.T @ (d * slope)`. The slope of a size would be a sign, and that
of `np.linalg.norm(d)` the error divided by its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.losses import COMPARING, Candidate

LENGTH = "norm"
SIZES = {"abs", "absolute", "fabs"}
SUMMING = {"add", "sum", "mean", "divide", "multiply", "getitem"}


def squares_watched(
    entry: Any, losses: Iterable[Candidate], ends: Iterable[int]
) -> Iterator[tuple[Candidate, Candidate]]:
    """Numbers that are sums of sizes, each with half the squares of what these are of, if the gradients are made of it.

    Of an error that data weigh, the weights are those of the squares: these are of the error without them. That is a
    difference of an output and data: anything else may be an error with a mistake in it, or one in time.
    """
    moving, behind = entry.depending_on({p.node for p in entry.parameters if p.asked}), entry.all_behind(*ends)
    for loss in losses:
        error = sized(entry.tape, loss.node, moving) if loss.function is None else None
        if is_length(entry.tape, loss.node) and is_length_in(entry.tape, moving & behind):
            continue
        if error is not None and is_made_of(entry.tape, error, behind) and not is_compared(entry.tape, error, behind):
            names = [own(event.name) for event in entry.watch.events if event.node == error]
            output, weights = unweighed(entry.tape, error, moving)
            step = entry.tape.steps[entry.tape.nodes[output].step]
            if name_of(step.function) == "subtract" and len(moving.intersection(step.reads)) == 1:
                name = f"half the squares of {(names or ['the error'])[0]}"
                yield loss, Candidate(name, output, half_squares, weights)


def is_length(tape: Tape, node: int) -> bool:
    """Whether a number is the length of all of an error."""
    return name_of(tape.steps[tape.nodes[node].step].function) == LENGTH and tape.nodes[node].value.size == 1


def is_length_in(tape: Tape, made: set[int]) -> bool:
    """Whether any of some values is a length, or a root: gradients that were divided by it are those of a length."""
    return any(name_of(tape.steps[tape.nodes[node].step].function) in (LENGTH, "sqrt") for node in made)


def is_made_of(tape: Tape, error: int, behind: set[int]) -> bool:
    """Whether an error, or the same two the other way round, went into gradients."""
    step = tape.steps[tape.nodes[error].step]
    differences = (made for made in tape.steps if made.makes and made.makes[0] in behind)
    turned = step.reads[::-1] if name_of(step.function) == "subtract" else None
    return error in behind or any(d.reads == turned and name_of(d.function) == "subtract" for d in differences)


def sized(tape: Tape, node: int, moving: set[int]) -> int | None:
    """The one value that parameters went into of whose sizes a number is a sum; None where it is no such sum."""
    is_whole = is_length(tape, node)
    while True:
        step = tape.steps[tape.nodes[node].step]
        reads = [read for read in step.reads if read in moving]
        if len(reads) != 1:
            return None
        if name_of(step.function) in SIZES or is_whole:
            return reads[0]
        if name_of(step.function) not in SUMMING:
            return None
        node = reads[0]


def is_compared(tape: Tape, error: int, behind: set[int]) -> bool:
    """Whether the sign of an error, or a bound on it, went into a gradient."""
    readers = (step for step in tape.steps if error in step.reads and not behind.isdisjoint(step.makes))
    return any(name_of(step.function) in COMPARING for step in readers)


def unweighed(tape: Tape, error: int, moving: set[int]) -> tuple[int, Array]:
    """An error without the weights that data gave it, and these."""
    step = tape.steps[tape.nodes[error].step]
    reads = [read for read in step.reads if read in moving]
    if name_of(step.function) == "multiply" and len(reads) == 1 and len(step.reads) == 2:
        weights = next(read for read in step.reads if read not in reads)
        if tape.nodes[reads[0]].value.shape == tape.nodes[error].value.shape:
            return reads[0], tape.nodes[weights].value
    return error, np.ones(())


def half_squares(error: Any, weights: Array) -> Any:
    """Half the squares of an error, each times its weight."""
    return np.sum(weights * error * error) / 2
