"""Derivatives of running sums and products, and of what else a ufunc accumulates.

A running product has the derivative that products have, also where elements are zero: nothing is divided by them. The
functions that ignore NaN give NaN the gradient 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.rules.registry import RULES, define_vjp, differentiable

# ---- running along axis 0 --------------------------------------------------------------------------------------------

LOOP = 64  # as many steps are done one by one, and more if each is at work on more elements


@differentiable
def recurrence(a: Any, b: Any) -> Any:
    """The x with x[k] = a[k] * x[k - 1] + b[k], beginning with x[0] = b[0]; all three of one shape.

    Of a long and narrow one, two steps at a time are made one step, which halves it, until it is short enough for a
    loop: the time is linear in the number of elements, and most of it is spent in NumPy.
    """
    x = np.array(b, dtype=np.result_type(a, b))
    n = len(x)
    if n > LOOP and x.size <= n * LOOP:
        steps = a[1::2]
        x[1::2] = recurrence(steps * a[: n - 1 : 2], steps * b[: n - 1 : 2] + b[1::2])
        x[2::2] += a[2::2] * x[1 : n - 1 : 2]
    else:
        for k in range(1, n):
            x[k] += a[k] * x[k - 1]
    return x


def recurrence_back(g: Any, a: Any) -> Any:
    """The cotangent of `b` in a recurrence: s[k] = g[k] + a[k + 1] * s[k + 1], a recurrence from the other end."""
    return np.flip(recurrence(np.roll(np.flip(a, 0), 1, 0), np.flip(g, 0)), 0)


def delayed(x: Any, first: Any) -> Any:
    """Each element one place later, and a number in the first place."""
    return np.concatenate([np.full((1, *x.shape[1:]), first, np.result_type(x.dtype, first)), x])[: len(x)]


define_vjp(
    recurrence,
    a=lambda g, y, a, b: recurrence_back(g, a) * delayed(y, 0),
    b=lambda g, y, a, b: recurrence_back(g, a),
)

# ---- any ufunc -------------------------------------------------------------------------------------------------------


@differentiable
def running(a: Any, ufunc: Any, axis: int) -> Any:
    """The accumulate of a ufunc: y[0] = x[0] and then y[k] = ufunc(y[k - 1], x[k])."""
    return ufunc.accumulate(a, axis)


def running_back(g: Any, y: Any, a: Any, ufunc: Any, axis: int) -> Any:
    """By the ufunc's own two rules: what an element does to its own step, and each step to the one after it.

    The first step is the first element itself.
    """
    g, y, x = (np.moveaxis(each, axis, 0) for each in (g, y, a))
    ones = np.ones_like(x[1:])
    before, element = (
        np.concatenate([np.ones_like(x[:1]), ones * rule(ones, y[1:], y[:-1], x[1:]) if rule else 0 * ones])
        for rule in RULES[ufunc]
    )
    return np.moveaxis(element * recurrence_back(g, before), 0, axis)


define_vjp(running, a=running_back)

# ---- NumPy's functions -----------------------------------------------------------------------------------------------


def in_line(x: Any, axis: int | None) -> Any:
    """The axis that a function runs along put first; None is the one axis of a flat array."""
    return x.reshape(-1) if axis is None or x.ndim == 0 else np.moveaxis(x, axis, 0)


def out_of_line(x: Any, a: Any, axis: int | None) -> Any:
    """The cotangent in the shape of `a` again."""
    return x.reshape(a.shape) if axis is None or a.ndim == 0 else np.moveaxis(x, 0, axis)


def running_sum_of(g: Any, y: Any, a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """An element is in its own sum and in all later ones: the running sum of the cotangent from the other end."""
    return out_of_line(np.flip(np.cumsum(np.flip(in_line(g, axis), 0), 0), 0), a, axis)


def running_product_of(g: Any, y: Any, a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The product of all before an element, times what all from it on make of the cotangent."""
    products, rest = in_line(y, axis), recurrence_back(in_line(g, axis), in_line(a, axis))
    return out_of_line(delayed(products, 1) * rest, a, axis)


define_vjp(np.cumsum, a=running_sum_of)
define_vjp(np.cumprod, a=running_product_of)


def nan_running_sum_of(g: Any, y: Any, a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    return np.where(np.isnan(a), 0, running_sum_of(g, y, a, axis))


def nan_running_product_of(g: Any, y: Any, a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """NaN counts as 1 here."""
    return np.where(np.isnan(a), 0, running_product_of(g, y, np.where(np.isnan(a), 1, a), axis))


define_vjp(np.nancumsum, a=nan_running_sum_of)
define_vjp(np.nancumprod, a=nan_running_product_of)

if hasattr(np, "cumulative_sum"):  # NumPy 2.1

    def without_initial(x: Any, axis: int | None, include_initial: bool) -> Any:
        """What `include_initial` put in front taken away again."""
        return x[(*(slice(None),) * ((axis or 0) % x.ndim), slice(1, None))] if include_initial else x

    def cumulative_sum_of(
        g: Any, y: Any, x: Any, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
    ) -> Any:
        return running_sum_of(without_initial(g, axis, include_initial), y, x, axis)

    def cumulative_product_of(
        g: Any, y: Any, x: Any, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
    ) -> Any:
        g, y = (without_initial(part, axis, include_initial) for part in (g, y))
        return running_product_of(g, y, x, axis)

    define_vjp(np.cumulative_sum, x=cumulative_sum_of)
    define_vjp(np.cumulative_prod, x=cumulative_product_of)
