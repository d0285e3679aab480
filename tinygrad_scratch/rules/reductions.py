"""Derivatives of the functions that reduce axes: sums, products, means, extremes, variance.

Convention: where several elements tie for a maximum or a minimum, they share its gradient equally.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygrad_scratch.rules.cumulative import delayed
from tinygrad_scratch.rules.registry import QUICK, array, compose, define_vjp
from tinygrad_scratch.rules.shapes import expand

Axis = int | tuple[int, ...] | None


def spread(g: Any, a: Any, axis: Axis, keepdims: bool) -> Any:
    """The cotangent of a reduction, brought back to the shape of what was reduced."""
    return expand(restore(g, a, axis, keepdims), a.shape)


def axes_of(a: Any, axis: Axis) -> tuple[int, ...]:
    """The axes that a reduction goes over, each counted from the front."""
    return tuple(range(a.ndim)) if axis is None else normalize_axis_tuple(axis, a.ndim)


def restore(g: Any, a: Any, axis: Axis, keepdims: bool) -> Any:
    """A reduction's result with its reduced axes put back, each of length 1, so that it broadcasts against `a`."""
    if keepdims or g.ndim == a.ndim or axis is None:
        return g
    axes = axes_of(a, axis)
    return g.reshape(tuple(1 if i in axes else n for i, n in enumerate(a.shape)))


def sum_of(
    g: Any,
    y: Any,
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    *,
    keepdims: Any = False,
    initial: Any = 0,
    where: Any = True,
) -> Any:
    """The cotangent of the sum, for each element that was summed."""
    full = expand(g, a.shape) if axis is None else spread(g, a, axis, keepdims)
    return full if where is True else np.where(where, full, 0)


def add_up(a: Any, axis: Axis = None, dtype: Any = None, **keywords: Any) -> Any:
    return np.add.reduce(a, axis, dtype, None, **keywords)


QUICK[np.sum] = add_up
define_vjp(np.sum, a=sum_of)


def extreme_of(
    g: Any, y: Any, a: Any, axis: Axis = None, *, keepdims: Any = False, initial: Any = None, where: Any = True
) -> Any:
    """The gradient goes to the elements that equal the extreme, or are NaN, in equal parts; `initial` shares, too."""
    chosen = np.logical_and(np.logical_or(a == restore(y, a, axis, keepdims), a != a), where)
    ties = np.sum(chosen, axis=axis, keepdims=True)
    if initial is not None:
        ties = ties + (restore(y, a, axis, keepdims) == initial)
    return np.where(chosen, restore(g, a, axis, keepdims) / np.maximum(ties, 1).astype(a.dtype), 0)


for extreme in (np.max, np.min, np.amax, np.amin):
    define_vjp(extreme, a=extreme_of)


def product_of(
    g: Any,
    y: Any,
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    *,
    keepdims: Any = False,
    initial: Any = 1,
    where: Any = True,
) -> Any:
    """The product of all the others, by running products from either end: right also where elements are zero."""
    if a.size == 0:
        return a
    kept = a if where is True else np.where(where, a, 1)
    axes = axes_of(a, axis) if a.ndim else ()  # the ufuncs also take axis=0 of one number
    order = (*axes, *(i for i in range(a.ndim) if i not in axes))
    flat = np.transpose(kept, order).reshape((-1, *(a.shape[i] for i in order[len(axes) :])))
    before, after = np.cumprod(delayed(flat, initial), 0), np.flip(np.cumprod(delayed(np.flip(flat, 0), 1), 0), 0)
    others = np.transpose((before * after).reshape(tuple(a.shape[i] for i in order)), np.argsort(order))
    full = restore(g, a, axis, keepdims) * others
    return full if where is True else np.where(where, full, 0)


define_vjp(np.prod, a=product_of)

# ---- made of the above -----------------------------------------------------------------------------------------------


def number_of(a: Any, axis: Axis, where: Any) -> Any:
    """How many elements each result was made of."""
    if where is not True:
        return np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=True)
    return math.prod(a.shape[i] for i in axes_of(a, axis))


def mean_of(
    g: Any, y: Any, a: Any, axis: Axis = None, dtype: Any = None, *, keepdims: Any = False, where: Any = True
) -> Any:
    """The cotangent of the mean in equal parts, for each element that it was taken of."""
    if where is True:
        return spread(g, a, axis, keepdims) / number_of(a, axis, where)
    return np.where(where, restore(g, a, axis, keepdims) / np.maximum(number_of(a, axis, where), 1), 0)


define_vjp(np.mean, a=mean_of)


def squared(a: Any) -> Any:
    """The square, of complex numbers the squared modulus."""
    return np.real(a * np.conjugate(a)) if np.iscomplexobj(a) else a * a


def of_variance(compute: Callable[..., Any]) -> Callable[..., Any]:
    """The text of a function that takes what np.var takes; `compute` is told how many degrees of freedom to take off.

    `correction` is the newer word for `ddof`.
    """

    def text(
        a: Any,
        axis: Axis = None,
        dtype: Any = None,
        *,
        ddof: Any = 0,
        keepdims: Any = False,
        where: Any = True,
        mean: Any = None,
        correction: Any = None,
    ) -> Any:
        if correction is not None and ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        return compute(array(a), axis, dtype, ddof if correction is None else correction, keepdims, where, mean)

    text.__module__, text.__name__, text.__doc__ = compute.__module__, compute.__name__, compute.__doc__  # for the page
    return text


@compose(np.var)
@of_variance
def var(a: Any, axis: Axis, dtype: Any, taken: Any, keepdims: Any, where: Any, mean: Any) -> Any:
    """The mean of the squares of what is left without the mean."""
    middle = np.mean(a, axis=axis, dtype=dtype, keepdims=True, where=where) if mean is None else mean
    square = squared(a - middle)
    if where is True:
        free = max(number_of(a, axis, where) - taken, 0)
    else:
        free = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims) - taken
        free = np.maximum(free, 0).astype(square.dtype)
    return np.sum(square, axis=axis, dtype=dtype, keepdims=keepdims, where=where) / free


def deviation(variance: Callable[..., Any]) -> Callable[..., Any]:
    """The text of a standard deviation, by the variance that it is the root of."""

    def root(a: Any, axis: Axis, dtype: Any, taken: Any, keepdims: Any, where: Any, mean: Any) -> Any:
        """The root of the variance; where that is 0, a subgradient of the root is 0."""
        return np.sqrt(variance(a, axis, dtype, ddof=taken, keepdims=keepdims, where=where, mean=mean))

    return of_variance(root)


compose(np.std)(deviation(np.var))


@compose(np.ptp)
def ptp(a: Any, axis: Axis = None, *, keepdims: Any = False) -> Any:
    """The maximum less the minimum."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)
