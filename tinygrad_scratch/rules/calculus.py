"""Derivatives of the calculus on samples: differences, integrals, interpolation, convolution, grids of numbers.

Conventions: `interp` has at a knot the slope of the piece to its right, at the last knot that of the piece to its left,
and outside of the knots slope 0. `unwrap` adds whole periods, whose number is piecewise constant.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_scratch.graph import is_array
from tinygrad_scratch.rules.indexing import scatter
from tinygrad_scratch.rules.reductions import axes_of
from tinygrad_scratch.rules.registry import Rule, array, compose, define_vjp, differentiable, plain
from tinygrad_scratch.rules.shapes import cast


def cut(a: Any, axis: int, start: int | None, stop: int | None) -> Any:
    """The part of an array from one place along an axis to another."""
    return a[(slice(None),) * axis + (slice(start, stop),)]


# ---- differences -----------------------------------------------------------------------------------------------------


@compose(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    """Each element less the one before it, n times."""
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"np.diff: the order n must not be negative, {n} was given.")
    a = array(a)
    if a.ndim == 0:
        raise ValueError("np.diff needs an array of at least one dimension, this has none.")
    (axis,) = axes_of(a, axis)
    one = (*a.shape[:axis], 1, *a.shape[axis + 1 :])
    ends = [None if end is np._NoValue else array(end) for end in (prepend, append)]
    before, after = (end if end is None or end.ndim else np.broadcast_to(end, one) for end in ends)
    if before is not None or after is not None:
        a = np.concatenate([part for part in (before, a, after) if part is not None], axis=axis)
    less = np.not_equal if a.dtype == bool else np.subtract
    for _ in range(n):
        a = less(cut(a, axis, 1, None), cut(a, axis, None, -1))
    return a


@compose(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """The differences of the flattened array, between what is put at either end, all in the dtype of the array."""
    flat = np.ravel(array(ary))
    steps = flat[1:] - flat[:-1]
    if to_begin is None and to_end is None:
        return steps
    joined = [part for part in (to_begin, steps, to_end) if part is not None]
    return np.concatenate(joined, axis=None, dtype=flat.dtype, casting="same_kind")


@compose(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """The slope along each axis, of spacings that are numbers or given by coordinates."""
    f = array(f)
    axes = axes_of(f, axis)
    spacings = [array(h) if isinstance(h, list | tuple) else h for h in varargs] or [1.0]
    if len(spacings) == 1 and np.ndim(spacings[0]) == 0:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"np.gradient: {len(varargs)} spacings were given for {len(axes)} axes.")
    if edge_order not in (1, 2):
        raise ValueError(f"np.gradient: edge_order must be 1 or 2, {edge_order} was given.")
    if f.dtype.kind not in "fc":
        f = cast(f, np.float64)
    slopes = tuple(slope(f, i, h, edge_order) for i, h in zip(axes, spacings, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def slope(f: Any, axis: int, spacing: Any, edge_order: int) -> Any:
    """Between two pieces the mean of their slopes, the nearer piece counting more; at the ends the slope of the last
    piece, for `edge_order=2` extended by how it changes. See Fornberg, "Generation of finite difference formulas on
    arbitrarily spaced grids" (1988).
    """
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(f"np.gradient: axis {axis} of length {n} is too short for edge_order={edge_order}.")
    if np.ndim(spacing) == 0:
        pieces = np.diff(f, axis=axis) / spacing
        inner = (cut(f, axis, 2, None) - cut(f, axis, None, -2)) / (2.0 * spacing)
        share_first = share_last = 0.5
    else:
        if np.shape(spacing) != (n,):
            raise ValueError(f"np.gradient: coordinates of shape {np.shape(spacing)} were given for {n} elements.")
        widths = np.diff(spacing * 1.0).reshape([-1 if i == axis else 1 for i in range(f.ndim)])
        pieces = np.diff(f, axis=axis) / widths
        before, after = cut(widths, axis, None, -1), cut(widths, axis, 1, None)
        both = before + after
        inner = (after * cut(pieces, axis, None, -1) + before * cut(pieces, axis, 1, None)) / both
        share_first = cut(before, axis, 0, 1) / cut(both, axis, 0, 1)
        share_last = cut(after, axis, -1, None) / cut(both, axis, -1, None)
    first, last = cut(pieces, axis, 0, 1), cut(pieces, axis, -1, None)
    if edge_order == 2:
        first = first + share_first * (first - cut(pieces, axis, 1, 2))
        last = last + share_last * (last - cut(pieces, axis, -2, -1))
    return np.concatenate([first, inner, last], axis=axis, dtype=f.dtype)


# ---- integrals -------------------------------------------------------------------------------------------------------


@compose(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The sum over the pieces of their width times the mean of their ends."""
    y = array(y)
    (axis,) = axes_of(y, axis)
    if x is not None:
        x = array(x)
        if x.ndim == 1:
            dx = np.diff(x).reshape([-1 if i == axis else 1 for i in range(y.ndim)])
        else:
            dx = np.diff(x, axis=axis)
    return np.sum(dx * (cut(y, axis, 1, None) + cut(y, axis, None, -1)) / 2.0, axis=axis)


# ---- interpolation ---------------------------------------------------------------------------------------------------


@differentiable
def interpolate(x: Any, xp: Any, fp: Any, left: Any, right: Any) -> Any:
    """np.interp without a period. For left and right it takes complex numbers of Python, but no arrays of them."""
    left, right = (end.item() if is_array(end) else end for end in (left, right))
    return np.interp(x, xp, fp, left, right)


def position(x: Any, xp: Any) -> tuple[Any, Any, Any, Any, Any]:
    """The two knots around each x, their distance, whether x lies outside of all knots, and how far it is on the way
    from one to the other. Outside this is 0 or 1 for good.
    """
    n = len(xp)
    at = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, n - 1)
    low = np.minimum(at, max(n - 2, 0))
    high = np.minimum(low + 1, n - 1)
    outside = np.logical_or(x < xp[0], x > xp[-1])
    width = xp[high] - xp[low]
    width = np.where(width == 0, np.inf, width)
    return low, high, width, outside, np.where(outside, 0, x - xp[at]) / width + (at - low)


def interpolated_slope(x: Any, xp: Any, fp: Any) -> Any:
    low, high, width, outside, _ = position(x, xp)
    return np.where(outside, 0, (fp[high] - fp[low]) / width)


def to_knots(g: Any, x: Any, xp: Any) -> Any:
    """A cotangent for each x, given to the knots around it: the nearer gets more."""
    low, high, _, _, share = position(x, xp)
    return scatter(g * (1 - share), low, xp.shape) + scatter(g * share, high, xp.shape)


def interpolated_fp(g: Any, y: Any, x: Any, xp: Any, fp: Any, left: Any, right: Any) -> Any:
    """What the knots get; the places where `left` or `right` was put have nothing to give."""
    if left is not None:
        g = np.where(x < xp[0], 0, g)
    if right is not None:
        g = np.where(x > xp[-1], 0, g)
    return to_knots(g, x, xp)


define_vjp(
    interpolate,
    x=lambda g, y, x, xp, fp, left, right: g * interpolated_slope(x, xp, fp),
    xp=lambda g, y, x, xp, fp, left, right: to_knots(-g * interpolated_slope(x, xp, fp), x, xp),
    fp=interpolated_fp,
    left=lambda g, y, x, xp, fp, left, right: np.where(x < xp[0], g, 0),
    right=lambda g, y, x, xp, fp, left, right: np.where(x > xp[-1], g, 0),
)


@compose(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """With a period, all is brought into one, which is continued by a knot at either side."""
    x, xp, fp = (cast(each, np.float64) if each.dtype.kind in "biu" else each for each in map(array, (x, xp, fp)))
    if period is None:
        return interpolate(x, xp, fp, left, right)
    if period == 0:
        raise ValueError("np.interp: the period must not be zero.")
    x, xp = cast(x, np.float64), cast(xp, np.float64)
    if xp.ndim != 1 or xp.shape != fp.shape:
        raise ValueError(f"np.interp: xp and fp must be 1-D and of the same length, not {xp.shape} and {fp.shape}.")
    period = np.abs(period)
    x, xp = np.remainder(x, period), np.remainder(xp, period)
    order = np.argsort(xp)
    xp, fp = xp[order], fp[order]
    xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
    return interpolate(x, xp, np.concatenate([fp[-1:], fp, fp[:1]]), None, None)


# ---- convolution -----------------------------------------------------------------------------------------------------
# Of the places where two sequences overlap, modes leave away as many at either end. Which mode it was need not be told:
# the length of the result says it. `np.correlate` is the convolution with the conjugate of v, turned round.


def overlaps(g: Any, a: Any, v: Any, more: int = 0) -> Any:
    """The cotangent of all places where two sequences overlap; `more` is 1 to leave one more away at the start."""
    n = np.size(a) + np.size(v) - 1
    start = (n - len(g) + more) // 2
    return scatter(g, slice(start, start + len(g)), (n,))


def swapped(a: Any, v: Any) -> bool:
    """Whether NumPy swaps the two and turns the result round."""
    return np.size(a) < np.size(v)


define_vjp(
    np.convolve,
    a=lambda g, y, a, v, mode="full": np.convolve(overlaps(g, a, v), np.flip(v), "valid"),
    v=lambda g, y, a, v, mode="full": np.convolve(overlaps(g, a, v), np.flip(a), "valid"),
)


def correlate_a(g: Any, y: Any, a: Any, v: Any, mode: Any = "valid") -> Any:
    return np.convolve(overlaps(g, a, v, swapped(a, v)), np.conjugate(v), "valid")


def correlate_v(g: Any, y: Any, a: Any, v: Any, mode: Any = "valid") -> Any:
    return np.conjugate(np.convolve(np.flip(overlaps(g, a, v, swapped(a, v))), a, "valid"))


define_vjp(np.correlate, a=correlate_a, v=correlate_v)

# ---- phases ----------------------------------------------------------------------------------------------------------


@compose(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    """The phases, and whole periods added to them."""
    p = array(p)
    before, one = plain(p), plain(period)
    after = np.unwrap(before, plain(discont), axis, period=one)
    if after.dtype.kind not in "fc":
        return after
    return p + np.rint((after - before) / one) * period


# ---- grids of numbers ------------------------------------------------------------------------------------------------


def shares(g: Any, num: int, divisions: int, axis: int) -> Any:
    """How far each number of a grid is on the way from the start to the stop, along an axis of the cotangent."""
    return (np.arange(num) / max(divisions, 1)).reshape([-1 if i == axis % g.ndim else 1 for i in range(g.ndim)])


def linear(of_stop: bool) -> Rule:
    """The rule of np.linspace for its stop, or for its start."""

    def rule(
        g: Any,
        y: Any,
        start: Any,
        stop: Any,
        num: int = 50,
        endpoint: bool = True,
        retstep: bool = False,
        dtype: Any = None,
        axis: int = 0,
        *,
        device: Any = None,
    ) -> Any:
        g, g_step = g if retstep else (g, None)
        divisions = operator.index(num) - bool(endpoint)
        share = shares(g, num, divisions, axis)
        part = np.sum(g * (share if of_stop else 1 - share), axis=axis)
        if g_step is None or divisions <= 0:
            return part
        return part + (g_step if of_stop else -g_step) / divisions

    return rule


define_vjp(np.linspace, start=linear(of_stop=False), stop=linear(of_stop=True))


@compose(np.logspace)
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """The powers of a base whose exponents are np.linspace."""
    start, stop, base = (array(a) if isinstance(a, list | tuple) else a for a in (start, stop, base))
    if np.ndim(base):
        ndim = max(np.ndim(start), np.ndim(stop), np.ndim(base))
        start, stop, base = (np.reshape(a, (1,) * (ndim - np.ndim(a)) + np.shape(a)) for a in (start, stop, base))
        base = np.expand_dims(base, axis)
    powers = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return powers if dtype is None else cast(powers, np.dtype(dtype))


def geometric(of_stop: bool) -> Rule:
    """The rule of np.geomspace for its stop, or for its start: of y = start**(1 - t) * stop**t."""

    def rule(
        g: Any,
        y: Any,
        start: Any,
        stop: Any,
        num: int = 50,
        endpoint: bool = True,
        dtype: Any = None,
        axis: int = 0,
    ) -> Any:
        share = shares(g, num, operator.index(num) - bool(endpoint), axis)
        return np.sum(g * y * (share if of_stop else 1 - share), axis=axis) / (stop if of_stop else start)

    return rule


define_vjp(np.geomspace, start=geometric(of_stop=False), stop=geometric(of_stop=True))
