"""Derivatives of medians, percentiles and quantiles, also of those that ignore NaN."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.rules.reductions import Axis, axes_of
from tinygrad_scratch.rules.registry import array, compose, define_vjp, differentiable, plain
from tinygrad_scratch.rules.shapes import cast
from tinygrad_scratch.rules.statistics import along


class Ranked:
    """The elements that a reduction goes over, in order: `ranked[ranks]` reads those of the given ranks from each row.

    A row is what is reduced to one number. Ranks lie along axis 0, before the axes that are left. NaN comes last, as
    np.sort has it; `count` says how many elements of each row are numbers. Only what is read is moved.
    """

    def __init__(self, a: Any, axis: Axis) -> None:
        axes = axes_of(a, axis)
        others = [i for i in range(a.ndim) if i not in axes]
        self.order = (*axes, *others)
        self.length = math.prod(a.shape[i] for i in axes)
        self.left = tuple(a.shape[i] for i in others)
        self.kept = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
        self.rows = self.lined_up(a)
        self.places = np.argsort(self.rows, axis=0, kind="stable")
        self.count = self.length - np.count_nonzero(np.isnan(self.rows), axis=0)

    def lined_up(self, a: Any) -> Any:
        """The axes that are reduced as one, put first."""
        return np.transpose(a, self.order).reshape((self.length, *self.left))

    def __getitem__(self, ranks: Any) -> Any:
        row = np.take_along_axis(self.places, np.broadcast_to(ranks, (len(ranks), *self.left)), axis=0)
        width = math.prod(self.left)
        return self.rows.reshape(-1)[row * width + np.arange(width).reshape(self.left)]

    def nan_to_nan(self, ranks: Any) -> Any:
        """The same ranks, but in a row with NaN that of a NaN."""
        return np.where(self.count < self.length, self.length - 1, ranks)

    def nan_of_nothing(self, y: Any) -> Any:
        """The same results, but NaN for a row without numbers."""
        nothing = self.count == 0
        if not nothing.any():
            return y
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=6)
        return np.where(nothing, np.nan, y)


@compose(np.median)
def median(a: Any, axis: Axis = None, *, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    """The mean of the one or two elements in the middle. Nothing is overwritten."""
    ranked = Ranked(array(a), axis)
    n = ranked.length
    ranks = np.arange((n - 1) // 2, n // 2 + 1).reshape(-1, *(1 for _ in ranked.left))
    y = np.mean(ranked[ranked.nan_to_nan(ranks)] if n else ranked.rows, axis=0)
    return y.reshape(ranked.kept) if keepdims else y


@compose(np.nanmedian)
def nanmedian(a: Any, axis: Axis = None, *, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    """The median of the numbers of each row. Nothing is overwritten."""
    a = array(a)
    if a.size == 0:
        return np.nanmean(a, axis=axis, keepdims=keepdims)
    ranked = Ranked(a, axis)
    ranks = np.maximum([(ranked.count - 1) // 2, ranked.count // 2], 0)
    y = ranked.nan_of_nothing(np.mean(ranked[ranks], axis=0))
    return y.reshape(ranked.kept) if keepdims else y


SLOPES = {
    "interpolated_inverted_cdf": 0.0,
    "hazen": 0.0,
    "weibull": 1.0,
    "linear": -1.0,
    "median_unbiased": 1 / 3,
    "normal_unbiased": 1 / 4,
}
"""By how much the slope of a quantile's place exceeds the number of elements: 1 - alpha - beta of Hyndman and Fan,
"Sample quantiles in statistical packages" (1996). The methods that are not here jump from place to place."""


@differentiable
def place(q: Any, numbers: Any, method: Any) -> Any:
    """Where, among each number of sorted elements, NumPy looks for a quantile: the quantile of 0, 1, ... n - 1."""
    return np.stack([np.quantile(np.arange(n), q, method=method) for n in numbers])


def place_of(g: Any, y: Any, q: Any, numbers: Any, method: str) -> Any:
    """A place is linear in q, except where it is kept from lying before the first element or after the last."""
    if method not in SLOPES:
        return np.zeros_like(q)
    n = numbers.reshape(-1, *(1 for _ in q.shape))
    free = np.logical_or(method == "linear", np.logical_and(y > 0, y < n - 1))
    return g * np.where(free, n + SLOPES[method], 0)


define_vjp(place, q=place_of)


def quantile_of(a: Any, q: Any, axis: Axis, method: str, keepdims: Any, weights: Any, skip_nan: bool = False) -> Any:
    """The element at a place, or between two elements, as NumPy interpolates between them."""
    weak, a, q = type(q) in (int, float), array(a), array(q)
    if np.iscomplexobj(a):
        raise TypeError("a must be an array of real numbers")
    if skip_nan and a.size == 0:
        return np.nanmean(a, axis=axis, keepdims=keepdims)
    ranked = Ranked(a, axis)
    number = np.maximum(ranked.count, 1) if skip_nan else np.full(ranked.left, ranked.length)
    if weights is None:
        places = place_in_each(q, number, ranked, method)
    else:
        places = weighted_place(a, q, axis, method, weights, ranked, skip_nan)
    where = plain(places)
    low = np.floor(where).astype(int)
    if not skip_nan:
        low = ranked.nan_to_nan(low)
    y = ranked[low]
    if where.dtype.kind == "f":
        between = method in SLOPES or where != np.floor(where)  # else a jump from one element to another
        above = ranked[np.where(between, np.minimum(low + 1, number - 1), low)]
        apart = np.where(ranked.count == 0, 0, above - y) if skip_nan else above - y
        part = cast(places - np.floor(where), a.dtype if weak and a.dtype.kind == "f" else np.result_type(q.dtype, 0.0))
        y = np.where(part >= 0.5, above - apart * (1 - part), y + apart * part)
    if skip_nan:
        y = ranked.nan_of_nothing(y)
    return y.reshape((*q.shape, *(ranked.kept if keepdims else ranked.left)))


def place_in_each(q: Any, number: Any, ranked: Ranked, method: str) -> Any:
    """The places of the quantiles in each row, which may have fewer numbers than others."""
    distinct, which = np.unique(number, return_inverse=True) if number.size else (np.array([ranked.length]), number)
    places = place(q, distinct, method).reshape((len(distinct), q.size))
    return np.moveaxis(places[which.reshape(number.shape)], -1, 0)


def weighted_place(a: Any, q: Any, axis: Axis, method: Any, weights: Any, ranked: Ranked, skip_nan: bool) -> Any:
    """The weighted quantiles of the ranks of the elements."""
    each = ranked.lined_up(np.broadcast_to(plain(along(weights, a, axis)), a.shape))
    if skip_nan:
        each = np.where(ranked.count == 0, 1, np.where(np.isnan(ranked.rows), 0, each))
    ranks = np.argsort(ranked.places, axis=0)
    places = np.quantile(ranks, plain(q), axis=0, method=method, weights=each)
    return places.reshape((q.size, *ranked.left))


def quantiles(hundreds: bool, skip_nan: bool) -> Callable[..., Any]:
    """The text of a function of quantiles: in percent or parts of 1, of all elements or of those that are numbers."""

    def text(
        a: Any,
        q: Any,
        axis: Axis = None,
        *,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: Any = False,
        weights: Any = None,
    ) -> Any:
        """The element at the place that q says, or between two elements. Nothing is overwritten."""
        part = hundredth(q) if hundreds else q
        return quantile_of(a, part, axis, method, keepdims, weights, skip_nan)

    return text


def hundredth(q: Any) -> Any:
    """Percents as parts of 1; a number of Python's stays one, so that it changes no dtype."""
    return q / 100 if type(q) in (int, float) else np.divide(array(q), 100)


compose(np.quantile)(quantiles(hundreds=False, skip_nan=False))
compose(np.nanquantile)(quantiles(hundreds=False, skip_nan=True))
compose(np.percentile)(quantiles(hundreds=True, skip_nan=False))
compose(np.nanpercentile)(quantiles(hundreds=True, skip_nan=True))
