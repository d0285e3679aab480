"""Initial weights: functions of a shape and a random generator, either NumPy's Generator or its RandomState."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from tinygrad_scratch.graph import Array

RandomGenerator: TypeAlias = np.random.Generator | np.random.RandomState


def glorot_uniform(shape: tuple[int, int], generator: RandomGenerator) -> Array:
    """Numbers drawn evenly from between -r and r, where r = sqrt(6 / (inputs + outputs)), as float64.

    With such weights the values keep their size on the way forward, and the gradients on the way back. Source: Glorot
    and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010), equation 16.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import glorot_uniform
    >>> bool(np.max(np.abs(glorot_uniform((2, 4), np.random.default_rng(0)))) < 1.0)
    True
    """
    limit = math.sqrt(6 / sum(shape))
    return generator.uniform(-limit, limit, shape)


def standard_normal(shape: tuple[int, ...], generator: RandomGenerator) -> Any:
    """Numbers drawn from the normal distribution of mean 0 and variance 1, as float64.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import standard_normal
    >>> standard_normal((2,), np.random.RandomState(1))
    array([ 1.62434536, -0.61175641])
    """
    return generator.standard_normal(shape)
