"""Whether the loss and its gradients are finite numbers: with others there is nothing to compare with."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.reading.source import statement_at
from tinygrad_scratch.verifier.recording.steps import Array, Step, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.truth import Truth


def not_finite(tape: Tape, truth: Truth, moving: set[int]) -> str | None:
    """What is said where the loss, or the slope of a value on its way, is infinite or no number.

    The slope of what does not depend on a parameter is left out then, as that of what `np.log(np.tri(n))` makes a mask
    of: nobody asks for it.
    """
    loss = tape.nodes[truth.loss].value
    if not is_finite(loss):
        step = first_infinite(tape, truth.loss)
        return (
            f"The loss is {float(np.sum(loss)):g}, so that there is no gradient to compare with. The first value that "
            f"is not finite {made_at(step)}. Check with data and weights for which the loss is a finite number."
        )
    infinite = {node for node, slope in truth.cotangents.items() if not is_finite(slope)}
    for node in infinite - moving:
        del truth.cotangents[node]
        truth.parts.pop(node, None)
    infinite &= moving
    if not infinite:
        return None
    ahead = tape.steps[: tape.nodes[truth.loss].step + 1]
    step = next((step for step in reversed(ahead) if not infinite.isdisjoint(step.reads)), ahead[-1])
    return (
        "The true gradients are not finite, so that there is nothing to compare with: the slope of what "
        f"{made_at(step)} is infinite, or no number, at these values. Check with other data or weights."
    )


def is_finite(value: Array) -> bool:
    return value.dtype.kind not in "fc" or bool(np.all(np.isfinite(value)))


def first_infinite(tape: Tape, node: int) -> Step:
    """The first step behind a value that made one which is not finite."""
    behind = ancestors(tape.parents(), (node,))
    return tape.steps[min(tape.nodes[n].step for n in behind if not is_finite(tape.nodes[n].value))]


def made_at(step: Step) -> str:
    """Where a value was made, in words."""
    if step.function is None or step.place is None:
        return "was there before: a weight, or the data"
    return f"is made in line {step.place.line}, `{statement_at(step.place.file, step.place.line)}`"
