"""The gradients in updates that also divide them by a size: what is left once the rate alone is taken off."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.update_steps import first_number, inside
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.recorded import Recorded, record
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.recording.tape import Tape

Signed = tuple[int, int]  # a value, and 1 if it is taken off a parameter, -1 if it is added


def down_to(tape: Tape, change: Signed, gradient: int) -> Iterator[Signed]:
    """What an update changes a parameter by, and all that this is a multiple of, down to what is called its gradient.

    Of `w -= 0.5 * (x.T @ d / n)` these are the step, the mean and the sum.
    """
    node, sign = change
    while node != gradient:
        yield node, sign
        inner = inside(tape, node)
        if inner is None:
            return
        node, sign = inner[0], sign * inner[1]


def true_in(tape: Tape, change: Signed | None, final: Final, wanted: Array) -> Signed | None:
    """The true gradient on this way; None where what is called the gradient is the true one, or none is."""
    if change is None or final.by != "update" or is_true(tape, (final.node, final.direction), wanted):
        return None
    found = next((signed for signed in down_to(tape, change, final.node) if is_true(tape, signed, wanted)), None)
    return without_number(tape, change, wanted) if found is None else found


def without_number(tape: Tape, change: Signed, wanted: Array) -> Signed | None:
    """The true gradient in a change that begins with its rate: `x.T @ d / n` of `w -= 0.1 * x.T @ d / n`."""
    node, sign = change
    number = first_number(tape, node)
    held = Recorded(tape, tape.nodes[node].value, tape.nodes[node].slot)
    if number is None or held.node != node or not close(sign * tape.nodes[node].value / number, wanted):
        return None
    quotient: int = record(tape, np.divide, (held, number), {}).node
    tape.steps[-1].place = tape.steps[tape.nodes[node].step].place
    return quotient, sign


def is_true(tape: Tape, signed: Signed, wanted: Array) -> bool:
    value = signed[1] * tape.nodes[signed[0]].value
    return value.shape == wanted.shape and close(value, wanted)
