"""Parts of an array in a derivation: what several parts give is put into one array, part by part."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Step
from tinygrad_scratch.compiler.readable.tidy import Known
from tinygrad_scratch.graph import Array
from tinygrad_scratch.rules.indexing import is_basic, scatter


def put_together(shape: tuple[int, ...], dtype: Any, *parts: tuple[Any, Any]) -> Array:
    """Zeros of a shape, to which values are added, each at its place."""
    full = np.zeros(shape, dtype)
    for place, value in parts:
        full[place] += value
    return full


def together(step: Step, known: Known) -> Step | None:
    """The sum of arrays that are zero but for a part, as one array."""
    left, right = (parts_of(a, known) for a in step.arguments)
    if left is None or right is None:
        return None
    (result,) = step.results
    return Step(put_together, (result.shape, result.dtype, *left, *right), {}, step.result, step.line)


def parts_of(value: Any, known: Known) -> tuple[Any, ...] | None:
    """Each place of an array that is zero elsewhere, and what is there."""
    step = known.open(value, scatter, put_together)
    if step is None:
        return None
    if step.function is put_together:
        return step.arguments[2:]
    given, place, _ = step.arguments
    return ((place, given),) if is_basic(place) else None
