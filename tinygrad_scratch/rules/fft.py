"""Derivatives of the Fourier transforms.

A transform is linear and its matrix symmetric, so the cotangent takes the same transform once more, without conjugates;
what was cut off gets zeros, and what was filled up is cut off. The transforms of real numbers keep half of the
frequencies, the other half being their conjugates: `rfft` goes back by `hfft`, `irfft` by `ihfft`, and the other way
round, with each frequency counted as often as it occurs. The imaginary parts that `irfft` and `hfft` ignore have the
gradient 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.fft import fft, hfft, ifft, ihfft, irfft, rfft

from tinygrad_scratch.rules.indexing import scatter
from tinygrad_scratch.rules.registry import define_vjp

COUNTERPART: dict[Any, Any] = {fft: fft, ifft: ifft, rfft: hfft, hfft: rfft, irfft: ihfft, ihfft: irfft}

# ---- one axis --------------------------------------------------------------------------------------------------------


def pull_back(transform: Any, g: Any, n: int, axis: int, norm: Any, length: int) -> Any:
    """The cotangent of an axis of some length, whose transform is of n points."""
    if transform in (rfft, ihfft):
        part = COUNTERPART[transform](g / occurrences(n, axis, g), n, axis, norm)
    else:
        part = COUNTERPART[transform](g, None, axis, norm)
        if transform in (hfft, irfft):
            part = part * occurrences(n, axis, part)
    return fitted(part, axis, length)


def occurrences(n: int, axis: int, half: Any) -> Any:
    """How many of n frequencies each one of the half stands for: two, but one for the first and for the middle one."""
    frequency = np.arange(n // 2 + 1)
    counts = np.where((frequency == 0) | (2 * frequency == n), 1, 2).astype(half.real.dtype)
    return counts.reshape([-1 if i == axis else 1 for i in range(half.ndim)])


def fitted(part: Any, axis: int, length: int) -> Any:
    """An axis cut, or filled up with zeros, to a length."""
    common = (*[slice(None)] * axis, slice(min(length, part.shape[axis])))
    if part.shape[axis] >= length:
        return part[common]
    return scatter(part, common, (*part.shape[:axis], length, *part.shape[axis + 1 :]))


def points(transform: Any, n: int | None, length: int) -> int:
    """How many points a transform is of; where the call does not say it, all that it can tell."""
    return n if n is not None else 2 * (length - 1) if transform in (irfft, hfft) else length


def of_one_axis(transform: Any) -> Any:
    """The rule of a transform of one axis."""

    def rule(g: Any, y: Any, a: Any, n: Any = None, axis: Any = -1, norm: Any = None) -> Any:
        """The counterpart of the transform, fitted to the length that the axis had."""
        length = a.shape[axis]
        return pull_back(transform, g, points(transform, n, length), axis % a.ndim, norm, length)

    return rule


for each in COUNTERPART:
    define_vjp(each, a=of_one_axis(each))

# ---- several axes ----------------------------------------------------------------------------------------------------


def steps(transform: Any, of_last: Any, a: Any, s: Any, axes: Any) -> list[tuple[Any, int, int, int]]:
    """A transform of several axes as NumPy goes about it: transform, points, axis and its length, one by one.

    The last axis comes first, since `rfft` needs real numbers; but `irfft`, which makes them, comes at the end.
    """
    if axes is None:
        axes = range(-len(a.shape if s is None else s), 0)
    transforms = [*[transform] * (len(axes) - 1), of_last]
    if s is None:
        s = [None if one is irfft else a.shape[axis] for one, axis in zip(transforms, axes, strict=False)]
    calls = [*zip(transforms, s, axes, strict=False)]
    lengths, found = [*a.shape], []
    for one, n, axis in calls if of_last is irfft else reversed(calls):
        length = lengths[axis]
        lengths[axis] = points(one, a.shape[axis] if n == -1 else n, length)
        found.append((one, lengths[axis], axis % a.ndim, length))
        if one is rfft:
            lengths[axis] = lengths[axis] // 2 + 1
    return found


def of_axes(transform: Any, of_last: Any, standard: Any) -> Any:
    """The rule of a transform of several axes."""

    def rule(g: Any, y: Any, a: Any, s: Any = None, axes: Any = standard, norm: Any = None) -> Any:
        """The transforms of each axis are taken back in the opposite order."""
        for one, n, axis, length in reversed(steps(transform, of_last, a, s, axes)):
            g = pull_back(one, g, n, axis, norm, length)
        return g

    return rule


for several, of_two, each, last in (
    (np.fft.fftn, np.fft.fft2, fft, fft),
    (np.fft.ifftn, np.fft.ifft2, ifft, ifft),
    (np.fft.rfftn, np.fft.rfft2, fft, rfft),
    (np.fft.irfftn, np.fft.irfft2, ifft, irfft),
):
    define_vjp(several, a=of_axes(each, last, None))
    define_vjp(of_two, a=of_axes(each, last, (-2, -1)))

# ---- the frequency 0 in the middle -----------------------------------------------------------------------------------

define_vjp(np.fft.fftshift, x=lambda g, y, x, axes=None: np.fft.ifftshift(g, axes))
define_vjp(np.fft.ifftshift, x=lambda g, y, x, axes=None: np.fft.fftshift(g, axes))
