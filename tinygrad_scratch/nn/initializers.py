"""Initial weights: functions of a shape and a random generator, either NumPy's Generator or its RandomState.

A weight of shape (inputs, outputs) has as many inputs as its first axis is long, its fan-in, and as many outputs as its
second, its fan-out. A weight of more axes is that of a convolution, of shape (outputs, inputs, *kernel), and the fans
count each number under the kernel.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from tinygrad_scratch.graph import Array

RandomGenerator: TypeAlias = np.random.Generator | np.random.RandomState


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many inputs an output is made from, and how many outputs an input goes to; 1 where there are none."""
    if len(shape) < 2:
        raise ValueError(
            f"A weight of shape {shape} has no inputs and outputs to draw by: they are its axes, (inputs, outputs) or "
            "(outputs, inputs, *kernel). Draw it with standard_normal, or by hand."
        )
    inputs, outputs = shape if len(shape) == 2 else (shape[1], shape[0])
    kernel = math.prod(shape[2:])
    return max(1, inputs * kernel), max(1, outputs * kernel)


def evenly(limit: float, shape: tuple[int, ...], generator: RandomGenerator) -> Array:
    return np.asarray(generator.uniform(-limit, limit, shape))


def normally(deviation: float, shape: tuple[int, ...], generator: RandomGenerator) -> Array:
    return np.asarray(deviation * generator.standard_normal(shape))


def glorot_uniform(shape: tuple[int, ...], generator: RandomGenerator) -> Array:
    """Numbers drawn evenly from between -r and r, where r = sqrt(6 / (inputs + outputs)), as float64.

    With such weights the values keep their size on the way forward, and the gradients on the way back. Source: Glorot
    and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010), equation 16.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import glorot_uniform
    >>> bool(np.max(np.abs(glorot_uniform((2, 4), np.random.default_rng(0)))) < 1.0)
    True
    """
    return evenly(math.sqrt(6 / sum(fans(shape))), shape, generator)


def glorot_normal(shape: tuple[int, ...], generator: RandomGenerator) -> Array:
    """Numbers drawn from the normal distribution of mean 0 and variance 2 / (inputs + outputs), as float64.

    The variance is that of `glorot_uniform`, whose source is its source: equation 12.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import glorot_normal
    >>> float(np.var(glorot_normal((1000, 1000), np.random.default_rng(0))).round(5))
    0.001
    """
    return normally(math.sqrt(2 / sum(fans(shape))), shape, generator)


def he_uniform(shape: tuple[int, ...], generator: RandomGenerator) -> Array:
    """Numbers drawn evenly from between -r and r, where r = sqrt(6 / inputs), as float64.

    For layers before a relu, which sets half of the values to 0: the weights' variance is twice as large as without.
    Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers" (2015), equation 10.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import he_uniform
    >>> bool(np.max(np.abs(he_uniform((6, 4), np.random.default_rng(0)))) < 1.0)
    True
    """
    return evenly(math.sqrt(6 / fans(shape)[0]), shape, generator)


def he_normal(shape: tuple[int, ...], generator: RandomGenerator) -> Array:
    """Numbers drawn from the normal distribution of mean 0 and variance 2 / inputs, as float64.

    The variance is that of `he_uniform`, whose source is its source.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import he_normal
    >>> float(np.var(he_normal((1000, 1000), np.random.default_rng(0))).round(5))
    0.002
    """
    return normally(math.sqrt(2 / fans(shape)[0]), shape, generator)


def lecun_uniform(shape: tuple[int, ...], generator: RandomGenerator) -> Array:
    """Numbers drawn evenly from between -r and r, where r = sqrt(3 / inputs), as float64.

    Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998), equation 16.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import lecun_uniform
    >>> bool(np.max(np.abs(lecun_uniform((3, 4), np.random.default_rng(0)))) < 1.0)
    True
    """
    return evenly(math.sqrt(3 / fans(shape)[0]), shape, generator)


def lecun_normal(shape: tuple[int, ...], generator: RandomGenerator) -> Array:
    """Numbers drawn from the normal distribution of mean 0 and variance 1 / inputs, as float64.

    The variance is that of `lecun_uniform`, whose source is its source.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import lecun_normal
    >>> float(np.var(lecun_normal((1000, 1000), np.random.default_rng(0))).round(5))
    0.001
    """
    return normally(math.sqrt(1 / fans(shape)[0]), shape, generator)


def orthogonal(shape: tuple[int, ...], generator: RandomGenerator, gain: float = 1.0) -> Array:
    """A matrix whose columns, or whose rows if it is wide, are orthogonal and of length `gain`, as float64.

    Every such matrix is as likely as any other. It keeps the length of what it is multiplied with, so a deep or a
    recurrent network begins with values and gradients that neither grow nor vanish. More axes than two are taken as
    those of a matrix whose first axis is the first; pass functools.partial(orthogonal, gain=...) for another gain.
    Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks" (2013); Mezzadri, "How to generate random matrices from the classical compact groups" (2007).

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import orthogonal
    >>> w = orthogonal((4, 2), np.random.default_rng(0))
    >>> bool(np.allclose(w.T @ w, np.eye(2)))
    True
    """
    fans(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # qr alone prefers some signs, and so some matrices
    return np.asarray(gain * (q if rows >= columns else q.T)).reshape(shape)


def standard_normal(shape: tuple[int, ...], generator: RandomGenerator) -> Any:
    """Numbers drawn from the normal distribution of mean 0 and variance 1, as float64.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import standard_normal
    >>> standard_normal((2,), np.random.RandomState(1))
    array([ 1.62434536, -0.61175641])
    """
    return generator.standard_normal(shape)
