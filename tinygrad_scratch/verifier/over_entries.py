"""Loops over the entries of an array: each turn writes to other ones than those before it, so it trains nothing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tinygrad_scratch.verifier.edits import name_of
from tinygrad_scratch.verifier.references import refs_in
from tinygrad_scratch.verifier.steps import Array, Step
from tinygrad_scratch.verifier.tape import Tape


def goes_over_entries(tape: Tape, node: int, outer: int, begun: int, turn: int) -> bool:
    """Whether the last turn of a loop wrote to other entries of an array than its turns before it.

    The array was read before the loop began, in a turn of one around it that began at the step `outer`.
    """
    slot = tape.nodes[node].slot
    if not any(tape.nodes[read].slot == slot for step in tape.steps[outer:begun] for read in step.reads):
        return False
    before, now = (written(tape, slot, steps) for steps in (tape.steps[begun:turn], tape.steps[turn:]))
    return bool(np.any(before) and np.any(now) and not np.any(before & now))


def written(tape: Tape, slot: int, steps: Iterable[Step]) -> Array:
    """The entries of an array that some steps assigned to."""
    found = np.zeros(tape.first_of(slot).shape, dtype=bool)
    for step in steps:
        if name_of(step.function) == "setitem" and tape.nodes[step.reads[0]].slot == slot:
            chosen = step.arguments[1]
            found[... if any(refs_in(chosen)) else chosen] = True  # which are chosen by a value may be any
    return found
