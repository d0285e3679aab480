"""Arrays that only keep values of the forward pass, as `A[:, t] = a` does: their gradients are those, put there, too.

The loss goes on from what is kept, and not from the array; people derive by the array all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.references import Ref, call_with_arrays
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.recording.tape import Tape


def stored(tape: Tape, cotangents: Mapping[int, Array], until: int) -> dict[int, Array]:
    """The gradients of such arrays as they are in the end, where all that they keep has one."""
    found: dict[int, Array] = {}
    last: dict[int, int] = {}  # slot -> the array in the end
    for step in tape.steps[: until + 1]:
        kept = kept_by(tape, step)
        if kept is None:
            continue
        before, value, made = kept
        slot, slope = tape.nodes[made].slot, cotangents.get(value)
        is_begun = before in found or (slot not in last and not np.any(tape.nodes[before].value))
        last[slot] = made
        if is_begun and slope is not None and not np.any(cotangents.get(made, 0)):
            whole = found.pop(before, np.zeros(tape.nodes[made].value.shape))
            if put(step, tape, whole, slope):
                found[made] = whole
    return {node: whole for node, whole in found.items() if last[tape.nodes[node].slot] == node and np.any(whole)}


def kept_by(tape: Tape, step: Step) -> tuple[int, int, int] | None:
    """An array, the value that is written to a part of it, and the array after that; None for any other call."""
    if name_of(step.function) != "setitem" or len(step.makes) != 1 or type(step.arguments[2]) is not Ref:
        return None
    slots = {tape.nodes[node].slot: node for node in step.reads}
    before, value = slots.get(step.arguments[0].slot), slots.get(step.arguments[2].slot)
    return None if before is None or value is None or before == value else (before, value, step.makes[0])


def put(step: Step, tape: Tape, whole: Array, slope: Array) -> bool:
    """Put a gradient where a call put the value that it is of; not where that was spread over more entries."""
    held = {tape.nodes[node].slot: tape.nodes[node].value for node in step.reads}
    index = call_with_arrays(step, held)[0][1]
    fits = np.size(whole[index]) == slope.size
    if fits:
        whole[index] = slope.reshape(np.shape(whole[index]))
    return fits
