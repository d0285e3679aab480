"""Other values of the parameters, at which a program is made again."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.likeness import difference
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.recording.tape import Tape

FAR = 0.2  # of the spread of a parameter, or of 1 for a single number
NOTHING = 1e-12
OUT, TRIES = 100.0, 3  # how many spreads of it, and how often, where the loss is looked at far out
SAME = 1e-4  # a small number in the loss makes a difference, too


def moved(tape: Tape, parameters: list[int], every: bool = False) -> dict[int, Array]:
    """Other values of the parameters, if not of `every` one of those that are numbers that the program began with."""
    rng, found = np.random.default_rng(0), dict[int, Array]()
    for node in parameters:
        value = tape.nodes[node].value
        if (every or tape.steps[tape.nodes[node].step].function is None) and value.dtype == np.float64:
            found[node] = value + FAR * spread(value) * rng.uniform(-1, 1, value.shape)
    return found | {copy: found[node] for copy, node in tape.copies.items() if node in found}


def falls_far_out(tape: Tape, loss: int, parameters: list[int]) -> bool:
    """Whether a number is below 0, and less wherever the parameters are moved far: it is to be made large.

    A loss that is to be made small would be without end.
    """
    here, rng = tape.nodes[loss].value, np.random.default_rng(0)
    values = {node: tape.nodes[node].value for node in parameters}
    if not np.all(here < 0) or any(value.dtype.kind != "f" for value in values.values()):
        return False
    for _ in range(TRIES):
        there = {node: value + OUT * spread(value) * rng.normal(size=value.shape) for node, value in values.items()}
        try:
            with np.errstate(all="ignore"):
                made = tape.replay(there, until=tape.nodes[loss].step, only=(loss,))[loss]
        except Exception:  # a call that can't be made there
            return False
        if not np.all(np.asarray(made) < here):
            return False
    return True


def spread(value: Array) -> float:
    """How far the entries of an array are apart; 1 where they are all the same, but for what remains of a sum."""
    found = float(np.std(value))
    return found if found > max(SAME * np.max(np.abs(value), initial=0.0), NOTHING) else 1.0


def is_times(factor: float, value: Any, truth: Any) -> bool:
    """Whether a value is that many times the truth, in either direction."""
    value = np.asarray(value)
    if truth is None or np.shape(truth) != value.shape:
        return False
    return any(difference(value, sign * factor * truth) < SAME for sign in (1, -1))
