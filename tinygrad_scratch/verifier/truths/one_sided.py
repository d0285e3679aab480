"""Absolute values of what is compared with 0, too, as in a sigmoid that does not overflow: at 0 they have one side.

Of `np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), ...)` each part is meant for its own side, and the whole is smooth.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.edits import COMPARISONS, name_of
from tinygrad_scratch.verifier.recording.tape import Tape

SIZES = "absolute", "fabs"


def one_sided(tape: Tape, until: int) -> set[int]:
    """The steps, up to one, that make absolute values of an array with noughts by which a choice is made."""
    steps = tape.steps[: until + 1]
    compared = {read for step in steps if name_of(step.function) in COMPARISONS for read in step.reads}
    sizes = (step for step in steps if name_of(step.function) in SIZES and compared.issuperset(step.reads))
    return {step.index for step in sizes if step.reads and np.any(tape.nodes[step.reads[0]].value == 0)}


def size_to_the_right(value: Any) -> Any:
    """The absolute value, with the slope 1 at 0."""
    return np.where(value >= 0, value, -value)
