"""Plain numbers that are subtracted from what was computed, or that it is subtracted from, as targets are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.pairs.update_steps import literals_of
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.recording.tape import Tape


def numbers_met(tape: Tape, outputs: set[int]) -> Iterator[tuple[int, str, Array]]:
    """The single outputs that meet plain numbers, each with that as a target."""
    for step in tape.steps:
        met = met_in(tape, step)
        if met is not None and met[0] in outputs:
            yield met[0], f"{met[1]:g}", np.full(tape.nodes[met[0]].value.shape, met[1])


def met_in(tape: Tape, step: Step) -> tuple[int, float] | None:
    """The number and the plain number of which a step is the difference; none of `1 - s` in a slope `s * (1 - s)`."""
    numbers = literals_of(step)
    if name_of(step.function) != "subtract" or len(numbers) != 1 or tape.nodes[step.reads[0]].value.ndim:
        return None
    return None if is_in_slope(tape, step) else (step.reads[0], float(numbers[0]))


def is_in_slope(tape: Tape, rest: Step) -> bool:
    """Whether what a call leaves of 1 is multiplied by what it took off: `f(x) * (1 - f(x))`."""
    return any(is_of_slope(tape, tape.steps[each], rest) for each in tape.readers().get(rest.makes[0], ()))


def is_of_slope(tape: Tape, product: Step, rest: Step) -> bool:
    """Whether a product is one of what is left of 1 and what was taken off, made once or twice: `f(x) * (1 - f(x))`."""
    if name_of(product.function) != "multiply" or rest.makes[0] not in product.reads:
        return False
    return any(np.array_equal(tape.nodes[node].value, tape.nodes[rest.reads[0]].value) for node in product.reads)
