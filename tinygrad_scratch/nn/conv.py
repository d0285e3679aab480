"""Convolutions: one small Dense layer, applied to every patch of a row or a picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.functional import conv1d, conv2d, numbers, paddings
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


class Conv2d(Module):
    """activation(conv2d(x, weight) + bias): a kernel slides over height and width, as `functional.conv2d` says.

    x has shape (..., in_channels, height, width), the result (..., out_channels, places down, places across). `weight`
    has shape (out_channels, in_channels / groups, *kernel), `bias` (out_channels,); it is None with bias=False.
    `kernel`, `stride` and `dilation` are a number or two; `padding` is a number, two, "valid" or "same".

    With None for `in_channels`, the first input tells. Other options are as in Dense.

    Raises ValueError for sizes that are no positive numbers and channels that `groups` does not divide; when called,
    for an input of other channels, and one that the kernel does not fit in. Source: LeCun et al., "Gradient-based
    learning applied to document recognition" (1998).

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import Conv2d
    >>> layer = Conv2d(3, 8, 3, padding="same", generator=np.random.default_rng(0))
    >>> layer
    Conv2d(3, 8, kernel=(3, 3), padding='same')
    >>> layer(np.ones((5, 3, 28, 28))).shape
    (5, 8, 28, 28)
    """

    axes = 2
    convolve = staticmethod(conv2d)

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        activation: Callable[[Any], Any] | None = None,
        bias: bool = True,
        generator: RandomGenerator | None = None,
        initializer: Callable[[tuple[int, ...], RandomGenerator], Any] = glorot_uniform,
        dtype: Any = float,
    ) -> None:
        name = type(self).__name__
        self.kernel = numbers(kernel, self.axes, "kernel")
        self.stride = numbers(stride, self.axes, "stride")
        self.dilation = numbers(dilation, self.axes, "dilation")
        self.padding = padding
        paddings(padding, self.kernel, self.kernel, self.stride)  # refuses what is no padding
        self.groups = checked_size(groups, "groups", name)
        self.out_channels = checked_size(out_channels, "out_channels", name)
        self.activation = checked_activation(activation)
        self.generator = checked_generator(generator)
        self.initializer = checked_initializer(initializer)
        self.dtype = real_dtype(dtype, name)
        self.weight = LATER
        self.bias = parameter(np.zeros(out_channels), "bias", dtype) if bias else None
        if in_channels is not None:
            self._draw(checked_size(in_channels, "in_channels", name))

    def _draw(self, in_channels: int) -> None:
        if in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"groups={self.groups} must divide both in_channels={in_channels} and out_channels={self.out_channels}."
            )
        patch = (in_channels // self.groups, *self.kernel)
        self.weight = drawn(self.initializer, (self.out_channels, *patch), self.generator, "weight", self.dtype)

    def __call__(self, x: Any) -> Any:
        shape = shape_of(x)
        if self.weight is LATER and len(shape) > self.axes:
            self._draw(shape[-1 - self.axes])
        if len(shape) <= self.axes or shape[-1 - self.axes] != self.in_channels:
            space = "height, width" if self.axes == 2 else "length"
            raise wrong_input(
                self,
                x,
                f"inputs of shape (..., {self.in_channels or 'in_channels'}, {space})",
                "Channels come before space: x[..., None, :, :] gives pictures without a channel one, and "
                "np.moveaxis(x, -1, -3) brings the last axis there."
                if self.axes == 2
                else "Channels come before time: np.swapaxes(x, -1, -2) changes them.",
            )
        y = self.convolve(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        return y if self.activation is None else self.activation(y)

    @property
    def in_channels(self) -> int | None:
        """How many channels an input has; None until the first one tells."""
        return None if self.weight is LATER else self.weight.shape[1] * self.groups

    def __repr__(self) -> str:
        ones = (1,) * self.axes
        options = shown(
            kernel=self.kernel,
            stride=self.stride if self.stride != ones else None,
            padding=self.padding if self.padding not in (0, "valid") else None,
            dilation=self.dilation if self.dilation != ones else None,
            groups=self.groups if self.groups != 1 else None,
            activation=self.activation,
            bias=None if self.bias is not None else False,
        )
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}{options})"


class Conv1d(Conv2d):
    """activation(conv1d(x, weight) + bias): a kernel slides along the last axis, as in `Conv2d` over the last two.

    x has shape (..., in_channels, length), the result (..., out_channels, places), `weight` (out_channels, in_channels
    / groups, kernel). Options and errors are those of Conv2d.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import Conv1d
    >>> Conv1d(3, 8, 5, stride=2)(np.ones((5, 3, 33))).shape
    (5, 8, 15)
    """

    axes = 1
    convolve = staticmethod(conv1d)
