"""Derivatives of the convolution: a kernel slides over the last axes, and each place is one product.

Networks call convolution what mathematics calls cross-correlation: the kernel is not turned round. Three functions are
all there is. They share one sum, sum(g * convolve(x, w)), which is linear in each of x, w and g: `convolve` leaves out
g, `convolve_back` leaves out x, `convolve_weight` leaves out w, and so each is the derivative of the others. See
Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016).

Every patch under the kernel becomes a column, so that one matrix product does all sums (im2col; Chellapilla et al.,
"High performance convolutional neural networks for document processing", 2006). Arrays are (batch, channels, *space) to
the caller, and lie in memory as (channels, *space, batch): copies then run along the batch, and a row of convolutions
never turns them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinygrad_scratch.rules.registry import define_vjp, differentiable


@dataclass(frozen=True)
class Steps:
    """How a kernel moves, a number for each axis of space; padding has zeros before and after it."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int

    def spans(self, kernel: tuple[int, ...]) -> tuple[int, ...]:
        """How far a kernel reaches, gaps included."""
        return tuple(dilation * (size - 1) + 1 for dilation, size in zip(self.dilation, kernel, strict=True))

    def padded(self, space: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(before + size + after for size, (before, after) in zip(space, self.padding, strict=True))

    def places(self, space: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[int, ...]:
        """How many places a kernel takes along each axis."""
        return tuple(
            (size - span) // stride + 1
            for size, span, stride in zip(self.padded(space), self.spans(kernel), self.stride, strict=True)
        )

    def inside(self, space: tuple[int, ...]) -> tuple[slice, ...]:
        """Where the array lies in the padded one."""
        return tuple(slice(before, before + size) for size, (before, _) in zip(space, self.padding, strict=True))


def batch_last(x: Any) -> Any:
    return np.moveaxis(x, 0, -1)


def batch_first(x: Any) -> Any:
    return np.moveaxis(x, -1, 0)


def columns(x: Any, kernel: tuple[int, ...], steps: Steps) -> Any:
    """The patches of x, one a column: (groups, channels of a group * elements of the kernel, places * batch)."""
    n, channels, *space = x.shape
    image = np.zeros((channels, *steps.padded(tuple(space)), n), x.dtype)
    image[(slice(None), *steps.inside(tuple(space)))] = batch_last(x)
    axes = range(1, 1 + len(kernel))
    windows = sliding_window_view(image, steps.spans(kernel), tuple(axes))
    strides = (slice(None, None, step) for step in steps.stride)
    gaps = (slice(None, None, step) for step in steps.dilation)
    windows = windows[(slice(None), *strides, slice(None), *gaps)]
    last = 1 + len(kernel)
    windows = windows.transpose(0, *range(last + 1, last + 1 + len(kernel)), *axes, last)
    patch = channels // steps.groups * math.prod(kernel)
    return windows.reshape(steps.groups, patch, math.prod(windows.shape[last:]))


def rows(g: Any, groups: int) -> Any:
    """Outputs as a matrix a group: (groups, channels of a group, places * batch)."""
    n, channels, *places = g.shape
    return batch_last(g).reshape(groups, channels // groups, math.prod(places) * n)


def flat(w: Any, groups: int) -> Any:
    """Kernels as a matrix a group: (groups, outputs of a group, channels of a group * elements of the kernel)."""
    return w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))


@differentiable
def convolve(x: Any, w: Any, steps: Steps) -> Any:
    """(batch, channels, *space) under kernels (outputs, channels of a group, *kernel): (batch, outputs, *places)."""
    kernel = w.shape[2:]
    product = flat(w, steps.groups) @ columns(x, kernel, steps)
    return batch_first(product.reshape(w.shape[0], *steps.places(x.shape[2:], kernel), x.shape[0]))


@differentiable
def convolve_back(g: Any, w: Any, shape: tuple[int, ...], steps: Steps) -> Any:
    """The transposed convolution: each output gives its kernel's share back to the patch, in an x of that shape."""
    n, channels, *space = shape
    kernel, places = w.shape[2:], g.shape[2:]
    shares = np.swapaxes(flat(w, steps.groups), 1, 2) @ rows(g, steps.groups)
    shares = shares.reshape(channels, *kernel, *places, n)
    image = np.zeros((channels, *steps.padded(tuple(space)), n), shares.dtype)
    for offset in np.ndindex(kernel):
        starts = [i * dilation for i, dilation in zip(offset, steps.dilation, strict=True)]
        patch = (slice(i, i + s * m, s) for i, s, m in zip(starts, steps.stride, places, strict=True))
        image[(slice(None), *patch)] += shares[(slice(None), *offset)]
    return batch_first(image[(slice(None), *steps.inside(tuple(space)))])


@differentiable
def convolve_weight(x: Any, g: Any, shape: tuple[int, ...], steps: Steps) -> Any:
    """What each element of kernels of that shape met: the patches times the outputs, summed over batch and places."""
    return (rows(g, steps.groups) @ np.swapaxes(columns(x, shape[2:], steps), 1, 2)).reshape(shape)


define_vjp(
    convolve,
    x=lambda g, y, x, w, steps: convolve_back(g, w, x.shape, steps),
    w=lambda g, y, x, w, steps: convolve_weight(x, g, w.shape, steps),
)
define_vjp(
    convolve_back,
    g=lambda h, y, g, w, shape, steps: convolve(h, w, steps),
    w=lambda h, y, g, w, shape, steps: convolve_weight(h, g, w.shape, steps),
)
define_vjp(
    convolve_weight,
    x=lambda h, y, x, g, shape, steps: convolve_back(g, h, x.shape, steps),
    g=lambda h, y, x, g, shape, steps: convolve(x, h, steps),
)
