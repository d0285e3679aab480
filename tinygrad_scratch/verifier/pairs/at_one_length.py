"""Steps of weights that are kept at length 1, as directions are: gradients without what would change that length."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import Array


def along_sphere(gradient: Array, weights: Array) -> Iterator[Array]:
    """What is left of a gradient as in `g - (g @ w) * w`: of all weights, or of each row or column of length 1."""
    for axis in (None, *range(weights.ndim)) if gradient.shape == weights.shape else ():
        lengths = np.sum(weights * weights, axis=axis, keepdims=True)
        if close(lengths, np.ones_like(lengths)):
            yield gradient - np.sum(gradient * weights, axis=axis, keepdims=True) * weights
