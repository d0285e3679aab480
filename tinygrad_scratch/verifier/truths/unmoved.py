"""Entries that are infinite from outside, as outer bounds of classes are: what any parameter adds leaves them so."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.recording.tape import Tape

MOVING = {
    "getitem", "reshape", "ravel", "flatten", "T", "transpose", "swapaxes", "squeeze", "expand_dims", "copy", "array",
    "asarray", "concatenate", "append", "hstack", "vstack", "stack", "column_stack", "take", "repeat", "tile",
    "broadcast_to", "renamed", "full", "setitem", "where", "pad",
}  # fmt: skip


def unmoved(tape: Tape, until: int) -> dict[int, Array]:
    """Which entries of a value are infinite and stay so whatever the parameters are, by node, up to a step.

    An infinity that a calculation makes, as `log(0)` and an overflow do, is none of these.
    """
    found = dict[int, Array]()
    for step in tape.steps[: until + 1]:
        for node in step.makes:
            infinite = infinities(tape.nodes[node].value)
            if infinite is not None and is_handed_on(tape, step, infinite, found):
                found[node] = infinite
    return found


def infinities(value: Array) -> Array | None:
    """Where a value is infinite; None where it is nowhere."""
    places = np.isinf(value) if value.dtype.kind == "f" else np.zeros(1, bool)
    return np.asarray(places) if np.any(places) else None


def is_handed_on(tape: Tape, step: Step, infinite: Array, given: Container[int]) -> bool:
    """Whether all infinite entries of what a step makes are from outside."""
    places = {read: infinities(tape.nodes[read].value) for read in step.reads}
    if any(where is not None and read not in given for read, where in places.items()):
        return False
    if step.function is None or name_of(step.function) in MOVING:
        return True
    known = [where for where in places.values() if where is not None]
    if not isinstance(step.function, np.ufunc) or not known:
        return False
    try:
        spread = np.broadcast_arrays(infinite, *known)
    except ValueError:
        return False
    return spread[0].shape == infinite.shape and np.array_equal(infinite, np.logical_or.reduce(spread[1:]) & infinite)


def held_there(value: Any, places: Array) -> Any:
    """A Tensor that depends on nothing in some places."""
    return np.where(places, value.numpy(), value) if value.shape == places.shape else value
