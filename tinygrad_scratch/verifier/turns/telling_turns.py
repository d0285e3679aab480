"""Which turn of a loop tells of all that it updates: what is nought hides what is multiplied by it, or taken off."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.pairs.over_turns import Update, sum_in
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.tape import Tape

ROUNDING = 1e-14  # no more than this is what remains of terms that cancel


def tells_of_all(tape: Tape, updates: list[Update], first: int, is_later: bool) -> bool:
    """Whether each parameter got another value: of an input of noughts, nothing is told of what reads it.

    One that only rounding moves is waited for in a first turn, and no later: the gradient of a bias that a mean over
    the batch is taken off is none in all of them. Nor is a target of nought told from none. Where all parameters are
    nought still, too much is alike: every class has the same output, and any loss may fit. But sums that go on from
    turn to turn are of one loss in the first alone.
    """
    pairs = [(tape.nodes[before].value, tape.nodes[after].value) for before, after in updates]
    least = 0.0 if is_later else ROUNDING
    moved = all(np.max(np.abs(after - before), initial=0.0) > least for before, after in pairs)
    begun = any(np.any(before) for before, _ in pairs) and not meets_nought(tape, updates, first)
    return moved and (begun or any(sum_in(tape, *update, first) for update in updates))


def meets_nought(tape: Tape, updates: list[Update], first: int) -> bool:
    """Whether, from a step on, data that is nought is taken off what parameters made, or the other way round."""
    moving = {before for before, _ in updates}
    for step in tape.steps[first:]:
        if not moving.isdisjoint(step.reads):
            given = (node for node in step.reads if node not in moving and not np.any(tape.nodes[node].value))
            is_0 = any(isinstance(part, int | np.integer) and part == 0 for part in step.arguments)  # of a list
            if name_of(step.function) == "subtract" and (is_0 or any(is_picked(tape, node) for node in given)):
                return True
            moving.update(step.makes)
    return False


def is_picked(tape: Tape, node: int) -> bool:
    """Whether a value is a part of data that is not nought as a whole."""
    step = tape.steps[tape.nodes[node].step]
    return name_of(step.function) == "getitem" and bool(np.any(tape.nodes[step.reads[0]].value))
