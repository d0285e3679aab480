"""Dense: the layer in which every output sees every input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.messages import describe
from tinygrad_scratch.nn.initializers import RandomGenerator, glorot_uniform
from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.rules.registry import label
from tinygrad_scratch.tensor import Tensor


class Dense(Module):
    """activation(x @ weight + bias): rows of `in_features` numbers become rows of `out_features`.

    x has shape (..., in_features), the result (..., out_features). `weight`, of shape (in_features, out_features), is
    drawn by `initializer(shape, generator)`; `bias`, of shape (out_features,), begins as zeros, and is None with
    bias=False. `activation` is any function of Tensors. Give all layers of a network the same `generator`, an
    np.random.Generator or RandomState, to draw the same weights in every run. `dtype` is that of the parameters.

    Raises TypeError for an activation that can't be called, a generator that can't draw, and a dtype that is no real
    float; when called, ValueError for inputs of another width.

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
        in_features: int,
        out_features: int,
        activation: Callable[[Any], Any] | None = None,
        bias: bool = True,
        generator: RandomGenerator | None = None,
        initializer: Callable[[tuple[int, int], RandomGenerator], Any] = glorot_uniform,
        dtype: Any = float,
    ) -> None:
        if activation is not None and not callable(activation):
            raise TypeError(
                f"activation={activation!r} can't be called. Pass a function, such as np.tanh or functional.sigmoid."
            )
        if generator is None:
            generator = np.random.default_rng()
        elif not isinstance(generator, RandomGenerator):
            raise TypeError(
                f"generator={generator!r} can't draw weights. Pass np.random.default_rng(seed), made once and given to "
                "all layers: layers that each begin with the same seed would draw the same numbers."
            )
        if np.dtype(dtype).kind == "c":
            raise TypeError(f"dtype={dtype!r} is complex; a Dense has real parameters. Pass float or np.float32.")
        weight = initializer((in_features, out_features), generator)
        self.weight = Tensor(weight, requires_grad=True, name="weight", dtype=dtype)
        self.bias = Tensor(np.zeros(out_features), requires_grad=True, name="bias", dtype=dtype) if bias else None
        self.activation = activation

    def __call__(self, x: Any) -> Any:
        if (x.shape if hasattr(x, "shape") else np.shape(x))[-1:] != self.weight.shape[:1]:
            raise ValueError(self._wrong_width(x))
        z = x @ self.weight
        if self.bias is not None:
            z = z + self.bias
        return z if self.activation is None else self.activation(z)

    def __repr__(self) -> str:
        in_features, out_features = self.weight.shape
        activation = f", activation={label(self.activation)}" if self.activation is not None else ""
        return f"Dense({in_features}, {out_features}{activation}{', bias=False' if self.bias is None else ''})"

    def _wrong_width(self, x: Any) -> str:
        in_features, out_features = self.weight.shape
        given = x if type(x) is Tensor else np.asarray(x)
        fix = f"Write Dense({given.shape[-1]}, {out_features}, ...), or pass" if given.ndim else "Pass"
        return (
            f"{self!r} takes inputs of shape (..., {in_features}), as its weight has shape {self.weight.shape}. "
            f"It was given {describe(given)}. {fix} one sample a row, {in_features} numbers each."
        )
