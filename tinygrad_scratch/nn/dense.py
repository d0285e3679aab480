"""Dense: the layer in which every output sees every input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.functional import linear
from tinygrad_scratch.nn.initializers import RandomGenerator, glorot_uniform
from tinygrad_scratch.nn.module import LATER, Module
from tinygrad_scratch.nn.options import (
    checked_activation,
    checked_generator,
    checked_initializer,
    checked_size,
    drawn,
    parameter,
    real_dtype,
    shape_of,
    shown,
    wrong_input,
)


class Dense(Module):
    """activation(x @ weight + bias): rows of `in_features` numbers become rows of `out_features`.

    x has shape (..., in_features), the result (..., out_features). `weight`, of shape (in_features, out_features), is
    drawn by `initializer(shape, generator)`; `bias`, of shape (out_features,), begins as zeros, and is None with
    bias=False. `activation` is any function of Tensors. Give all layers of a network the same `generator`, an
    np.random.Generator or RandomState, to draw the same weights in every run. `dtype` is that of the parameters.
    With None for `in_features`, the first input tells, and the weight is drawn then.

    Raises TypeError for an activation or an initializer that can't be called, a generator that can't draw, and a dtype
    that is no real float; ValueError for sizes that are no whole numbers, 1 or more, for an initializer that draws
    another shape, and, when called, for inputs of another width.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import Dense
    >>> layer = Dense(3, 2, activation=np.tanh, generator=np.random.default_rng(0))
    >>> layer
    Dense(3, 2, activation=np.tanh)
    >>> layer(np.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self,
        in_features: int | None,
        out_features: int,
        activation: Callable[[Any], Any] | None = None,
        bias: bool = True,
        generator: RandomGenerator | None = None,
        initializer: Callable[[tuple[int, int], RandomGenerator], Any] = glorot_uniform,
        dtype: Any = float,
    ) -> None:
        self.activation = checked_activation(activation)
        self.generator = checked_generator(generator)
        self.initializer = checked_initializer(initializer)
        self.out_features = checked_size(out_features, "out_features", "Dense")
        self.weight = LATER
        self.bias = parameter(np.zeros(out_features), "bias", real_dtype(dtype, "Dense")) if bias else None
        self.dtype = dtype
        if in_features is not None:
            self._draw(checked_size(in_features, "in_features", "Dense"))

    def _draw(self, in_features: int) -> None:
        shape = in_features, self.out_features
        self.weight = drawn(self.initializer, shape, self.generator, "weight", self.dtype)

    def __call__(self, x: Any) -> Any:
        width = shape_of(x)[-1:]
        if self.weight is LATER and width:
            self._draw(width[0])
        if self.weight is LATER or width != self.weight.shape[:1]:
            raise self._wrong_width(x)
        z = x @ self.weight if self.bias is None else linear(x, self.weight, self.bias)
        return z if self.activation is None else self.activation(z)

    def __repr__(self) -> str:
        in_features = None if self.weight is LATER else self.weight.shape[0]
        options = shown(activation=self.activation, bias=None if self.bias is not None else False)
        return f"Dense({in_features}, {self.out_features}{options})"

    def _wrong_width(self, x: Any) -> ValueError:
        shape = shape_of(x)
        if self.weight is LATER:
            return wrong_input(self, x, "inputs of shape (..., in_features)", "Pass one sample a row.")
        in_features, out_features = self.weight.shape
        fix = f"Write Dense({shape[-1]}, {out_features}, ...), or pass" if shape else "Pass"
        return wrong_input(
            self,
            x,
            f"inputs of shape (..., {in_features}), as its weight has shape {self.weight.shape}",
            f"{fix} one sample a row, {in_features} numbers each.",
        )
