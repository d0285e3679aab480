"""Dropout: in training, some numbers are left out at random."""

from __future__ import annotations

from typing import Any

from tinygrad_scratch.nn.initializers import RandomGenerator
from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.nn.options import checked_generator
from tinygrad_scratch.rules.registry import array


class Dropout(Module):
    """In training x * mask / (1 - rate), where each element of the mask is 0 with probability `rate`, else 1.

    The result has the shape of x, and the same mean over many draws. When not training (see Module.eval), x is returned
    as it is. The masks come from `generator`: a generator of the same seed draws the same masks again. To repeat one
    draw, put `layer.generator.bit_generator.state` back to what it was before.

    Raises ValueError for a rate that is not in [0, 1). Source: Srivastava et al., "Dropout: a simple way to prevent
    neural networks from overfitting" (2014); scaled in training, not after it.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import Dropout
    >>> layer = Dropout(0.5, generator=np.random.default_rng(0))
    >>> layer(np.ones(6))
    array([2., 0., 0., 0., 2., 2.])
    >>> layer.eval()(np.ones(3))
    array([1., 1., 1.])
    """

    def __init__(self, rate: float, generator: RandomGenerator | None = None) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"rate={rate!r} of a Dropout must be 0 or more, and less than 1.")
        self.rate = rate
        self.generator = checked_generator(generator)

    def __call__(self, x: Any) -> Any:
        if not self.training or self.rate == 0:
            return x
        x = array(x)
        kept = self.generator.random(x.shape) >= self.rate
        scale = kept * (1 / (1 - self.rate))
        return x * (scale.astype(x.dtype) if x.dtype.kind in "fc" else scale)

    def __repr__(self) -> str:
        return f"Dropout({self.rate})"
