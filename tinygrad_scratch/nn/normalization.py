"""Norms: numbers are brought to one size, then scaled by parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_scratch.functional import standardize
from tinygrad_scratch.nn.module import LATER, Module
from tinygrad_scratch.nn.options import checked_size, parameter, real_dtype, shape_of, shown, wrong_input
from tinygrad_scratch.rules.registry import array, plain
from tinygrad_scratch.tensor import Tensor


class LayerNorm(Module):
    """(x - mean) / sqrt(var + epsilon) * weight + bias, over the last axis: each sample for itself.

    x has shape (..., features), and so has the result; `weight` (ones at first) and `bias` (zeros; None with
    bias=False) have shape (features,). var is the mean of the squares of x - mean. With None for `features`, the first
    input tells.

    Raises ValueError for inputs of another width. Source: Ba, Kiros and Hinton, "Layer normalization" (2016).

    >>> from tinygrad_scratch.nn import LayerNorm
    >>> layer = LayerNorm(3, epsilon=0.0)
    >>> layer
    LayerNorm(3, epsilon=0.0)
    >>> layer([1.0, 2.0, 3.0]).numpy().round(3)
    array([-1.225,  0.   ,  1.225])
    """

    def __init__(self, features: int | None, epsilon: float = 1e-5, bias: bool = True, dtype: Any = float) -> None:
        self.epsilon = epsilon
        self.dtype = real_dtype(dtype, "LayerNorm")
        self.weight, self.bias = LATER, LATER if bias else None
        if features is not None:
            self._begin(checked_size(features, "features", "LayerNorm"))

    def _begin(self, features: int) -> None:
        self.weight = parameter(np.ones(features), "weight", self.dtype)
        if self.bias is not None:
            self.bias = parameter(np.zeros(features), "bias", self.dtype)

    def __call__(self, x: Any) -> Any:
        check_width(self, x)
        y = standardize(x, -1, self.epsilon) * self.weight
        return y if self.bias is None else y + self.bias

    def __repr__(self) -> str:
        options = shown(
            epsilon=self.epsilon if self.epsilon != 1e-5 else None, bias=False if self.bias is None else None
        )
        return f"LayerNorm({width_of(self)}{options})"


class RMSNorm(Module):
    """x / sqrt(mean(x**2) + epsilon) * weight, over the last axis.

    x has shape (..., features), and so has the result; `weight` (ones at first) has shape (features,). With None for
    `features`, the first input tells.

    Raises ValueError for inputs of another width. Source: Zhang and Sennrich, "Root mean square layer normalization"
    (2019), equation 4.

    >>> from tinygrad_scratch.nn import RMSNorm
    >>> RMSNorm(2, epsilon=0.0)([3.0, 3.0]).numpy()
    array([1., 1.])
    """

    def __init__(self, features: int | None, epsilon: float = 1e-6, dtype: Any = float) -> None:
        self.epsilon = epsilon
        self.dtype = real_dtype(dtype, "RMSNorm")
        self.weight = LATER
        if features is not None:
            self._begin(checked_size(features, "features", "RMSNorm"))

    def _begin(self, features: int) -> None:
        self.weight = parameter(np.ones(features), "weight", self.dtype)

    def __call__(self, x: Any) -> Any:
        check_width(self, x)
        x = array(x)
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.epsilon) * self.weight

    def __repr__(self) -> str:
        return f"RMSNorm({width_of(self)}{shown(epsilon=self.epsilon if self.epsilon != 1e-6 else None)})"


class BatchNorm(Module):
    """(x - mean) / sqrt(var + epsilon) * weight + bias, over all axes but one: each feature for itself.

    `axis` is the one of the features: 1, after the batch, as in (batch, features) and (batch, channels, height, width);
    -1 where features come last. The result has the shape of x; `weight` (ones at first) and `bias` (zeros) have shape
    (features,).

    In training, mean and var are those of the batch, var divided by n, and each call moves the buffers `running_mean`
    and `running_var` by `momentum` of the way to the batch's mean and var, this one divided by n - 1. Otherwise (see
    Module.eval) the buffers take the place of mean and var. With None for `features`, the first input tells.

    Raises ValueError for inputs of other features, and in training where there is but one value of each. Source: Ioffe
    and Szegedy, "Batch normalization" (2015), algorithms 1 and 2; momentum as in PyTorch.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import BatchNorm
    >>> layer = BatchNorm(2, epsilon=0.0)
    >>> layer(np.array([[1.0, 10.0], [3.0, 30.0]])).numpy()
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> layer.running_mean.numpy()
    array([0.2, 2. ])
    """

    def __init__(
        self, features: int | None, axis: int = 1, epsilon: float = 1e-5, momentum: float = 0.1, dtype: Any = float
    ) -> None:
        self.axis, self.epsilon, self.momentum = axis, epsilon, momentum
        self.dtype = real_dtype(dtype, "BatchNorm")
        self.weight = self.bias = self.running_mean = self.running_var = LATER
        if features is not None:
            self._begin(checked_size(features, "features", "BatchNorm"))

    def _begin(self, features: int) -> None:
        self.weight = parameter(np.ones(features), "weight", self.dtype)
        self.bias = parameter(np.zeros(features), "bias", self.dtype)
        self.running_mean = Tensor(np.zeros(features), name="running_mean", dtype=self.dtype)
        self.running_var = Tensor(np.ones(features), name="running_var", dtype=self.dtype)

    def __call__(self, x: Any) -> Any:
        check_width(self, x, self.axis)
        x = array(x)
        along = [1] * x.ndim
        along[self.axis] = -1
        weight, bias = self.weight.reshape(along), self.bias.reshape(along)
        if not self.training:
            scale = weight / np.sqrt(self.running_var.reshape(along) + self.epsilon)
            return (x - self.running_mean.reshape(along)) * scale + bias
        axes = tuple(i for i in range(x.ndim) if i != self.axis % x.ndim)
        self._follow(plain(x), axes)
        return standardize(x, axes, self.epsilon) * weight + bias

    def _follow(self, x: Any, axes: tuple[int, ...]) -> None:
        """Move the running statistics towards those of a batch."""
        n = math.prod(x.shape[i] for i in axes)
        if n < 2:
            raise wrong_input(
                self, x, "two values of each feature or more in training", "Pass a larger batch, or call eval() first."
            )
        for running, now in ((self.running_mean, x.mean(axis=axes)), (self.running_var, x.var(axis=axes, ddof=1))):
            running.data = running.numpy() + self.momentum * (now - running.numpy())

    def __repr__(self) -> str:
        options = shown(
            axis=self.axis if self.axis != 1 else None,
            epsilon=self.epsilon if self.epsilon != 1e-5 else None,
            momentum=self.momentum if self.momentum != 0.1 else None,
        )
        return f"BatchNorm({width_of(self)}{options})"


def width_of(layer: Any) -> int | None:
    return None if layer.weight is LATER else layer.weight.shape[0]


def check_width(layer: Any, x: Any, axis: int = -1) -> None:
    """Let the first input tell the width, and refuse one of another."""
    shape = shape_of(x)
    has_axis = -len(shape) <= axis < len(shape)
    if layer.weight is LATER and has_axis:
        layer._begin(shape[axis])
    if not has_axis or shape[axis] != width_of(layer):
        wanted = "features" if layer.weight is LATER else f"{width_of(layer)} features"
        place = "the last axis" if axis == -1 else f"axis {axis}"
        raise wrong_input(
            layer,
            x,
            f"inputs with {wanted} along {place}",
            "Move the features there with np.moveaxis, or name another size.",
        )
