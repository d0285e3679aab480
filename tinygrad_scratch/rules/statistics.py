"""Derivatives of statistics: averages, quantiles, covariances, histograms, and the reductions that ignore NaN.

Conventions: what ignores NaN gives NaN the gradient 0; elsewhere a NaN that makes the result NaN gets its gradient.
A median or quantile has the slope of the sorted elements that it is read from; of equal ones, those that a stable sort
puts there. As a function of `q` a quantile is a broken line, with the slope to the right at its corners. A count has no
slope, so histograms follow the weights and, with density=True, the widths of the bins; edges that NumPy spaces evenly
follow the least and the greatest element.
"""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygrad_scratch.rules.indexing import scatter
from tinygrad_scratch.rules.reductions import (
    Axis,
    axes_of,
    extreme_of,
    mean_of,
    product_of,
    squared,
    sum_of,
    taken_off,
)
from tinygrad_scratch.rules.registry import Rule, array, compose, define_vjp, differentiable, plain
from tinygrad_scratch.rules.shapes import cast

# ---- reductions that ignore NaN --------------------------------------------------------------------------------------


def ignoring_nan(rule: Rule) -> Rule:
    """The rule of a reduction, for the one that looks only at what is a number."""

    @functools.wraps(rule)
    def of_numbers(g: Any, y: Any, a: Any, *arguments: Any, where: Any = True, **keywords: Any) -> Any:
        return rule(g, y, a, *arguments, where=np.logical_and(np.logical_not(np.isnan(a)), where), **keywords)

    return of_numbers


define_vjp(np.nansum, a=ignoring_nan(sum_of))
define_vjp(np.nanprod, a=ignoring_nan(product_of))
define_vjp(np.nanmean, a=ignoring_nan(mean_of))
define_vjp(np.nanmax, a=ignoring_nan(extreme_of))
define_vjp(np.nanmin, a=ignoring_nan(extreme_of))


@compose(np.nanvar)
def nanvar(
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
    """As np.var of what is a number; NaN where too few are."""
    a, taken = array(a), taken_off(ddof, correction)
    missing = np.isnan(a)
    counted = np.logical_and(np.logical_not(missing), where)
    filled = np.where(missing, 0, a)
    if mean is None:
        number = np.sum(counted, axis=axis, keepdims=True)
        mean = np.sum(filled, axis, dtype, keepdims=True, where=where) / np.maximum(number, 1).astype(filled.dtype)
    square = np.where(counted, squared(filled - mean), 0)
    free = np.sum(counted, axis=axis, keepdims=keepdims) - taken
    if np.any(free <= 0):
        warnings.warn("Degrees of freedom <= 0 for slice.", RuntimeWarning, stacklevel=4)
    return np.sum(square, axis, dtype, keepdims=keepdims) / np.where(free > 0, free, np.nan).astype(square.dtype)


@compose(np.nanstd)
def nanstd(
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
    """The root of the variance; where that is 0, a subgradient of the root is 0."""
    taken = taken_off(ddof, correction)
    return np.sqrt(np.nanvar(a, axis, dtype, ddof=taken, keepdims=keepdims, where=where, mean=mean))


# ---- averages --------------------------------------------------------------------------------------------------------


def operand(value: Any) -> Any:
    """An argument as an array or a Tensor, also where it is a list with Tensors in it."""
    return np.stack(value) if isinstance(value, list | tuple) and value else array(value)


def along(weights: Any, a: Any, axis: Axis) -> Any:
    """Weights that broadcast against `a`: they have its shape, or that of the axes that are reduced, in their order."""
    weights = operand(weights)
    if weights.shape == a.shape:
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = normalize_axis_tuple(axis, a.ndim, argname="axis")
    if weights.shape != tuple(a.shape[i] for i in axes):
        raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
    return np.transpose(weights, np.argsort(axes)).reshape(tuple(n if i in axes else 1 for i, n in enumerate(a.shape)))


@compose(np.average)
def average(a: Any, axis: Axis = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    """The weighted sum over the sum of the weights, which `returned=True` returns, too."""
    a = array(a)
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        total: Any = mean.dtype.type(a.size / mean.size) if returned else None
    else:
        weights = along(weights, a, axis)
        dtype = np.result_type(a.dtype, weights.dtype, *(["f8"] if a.dtype.kind in "biu" else []))
        total = np.sum(weights, axis=axis, dtype=dtype, keepdims=keepdims)
        if np.any(total == 0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        mean = np.sum(a * weights, axis=axis, dtype=dtype, keepdims=keepdims) / total
    return (mean, np.copy(np.broadcast_to(total, mean.shape))) if returned else mean


# ---- medians and quantiles -------------------------------------------------------------------------------------------


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
    weak, a, q = type(q) in (int, float), array(a), operand(q)
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


@compose(np.quantile)
def quantile(
    a: Any,
    q: Any,
    axis: Axis = None,
    *,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    weights: Any = None,
) -> Any:
    """Nothing is overwritten."""
    return quantile_of(a, q, axis, method, keepdims, weights)


@compose(np.nanquantile)
def nanquantile(
    a: Any,
    q: Any,
    axis: Axis = None,
    *,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    weights: Any = None,
) -> Any:
    """The quantile of the numbers of each row. Nothing is overwritten."""
    return quantile_of(a, q, axis, method, keepdims, weights, skip_nan=True)


def hundredth(q: Any) -> Any:
    """Percents as parts of 1; a number of Python's stays one, so that it changes no dtype."""
    return q / 100 if type(q) in (int, float) else np.divide(operand(q), 100)


@compose(np.percentile)
def percentile(
    a: Any,
    q: Any,
    axis: Axis = None,
    *,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    weights: Any = None,
) -> Any:
    """Nothing is overwritten."""
    return quantile_of(a, hundredth(q), axis, method, keepdims, weights)


@compose(np.nanpercentile)
def nanpercentile(
    a: Any,
    q: Any,
    axis: Axis = None,
    *,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    weights: Any = None,
) -> Any:
    """The percentile of the numbers of each row. Nothing is overwritten."""
    return quantile_of(a, hundredth(q), axis, method, keepdims, weights, skip_nan=True)


# ---- covariance ------------------------------------------------------------------------------------------------------


def as_type(a: Any, dtype: Any) -> Any:
    return a if a.dtype == dtype else cast(a, np.dtype(dtype))


def variables(m: Any, y: Any, rowvar: bool, dtype: Any) -> Any:
    """The variables of np.cov, each a row of samples."""
    given = [("m", operand(m))] + ([] if y is None else [("y", operand(y))])
    for name, a in given:
        if a.ndim > 2:
            raise ValueError(f"{name} has more than 2 dimensions")
    dtype = np.result_type(*(a.dtype for _, a in given), np.float64) if dtype is None else dtype
    rows = [as_type(np.atleast_2d(a), dtype) for _, a in given]
    if not rowvar:
        rows[0] = rows[0] if given[0][1].ndim == 1 else rows[0].T
        rows[1:] = [row if row.shape[0] == 1 else row.T for row in rows[1:]]
    return rows[0] if rows[0].shape[0] == 0 else np.concatenate(rows)


def sample_weights(number: int, **weights: Any) -> Any:
    """The product of the weights of samples that were given, None where none were."""
    product = None
    for name, given in weights.items():
        if given is None:
            continue
        each = as_type(operand(given), float)
        if name == "fweights" and np.any(each != np.rint(each)):
            raise TypeError("fweights must be integer")
        if each.ndim > 1:
            raise RuntimeError(f"cannot handle multidimensional {name}")
        if each.shape[0] != number:
            raise RuntimeError(f"incompatible numbers of samples and {name}")
        if np.any(each < 0):
            raise ValueError(f"{name} cannot be negative")
        product = each if product is None else product * each
    return product


@compose(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """The products of what is left of the variables without their means, over the degrees of freedom."""
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    taken = (0 if bias else 1) if ddof is None else ddof
    rows = variables(m, y, rowvar, dtype)
    weights = sample_weights(rows.shape[1], fweights=fweights, aweights=aweights)
    if weights is None:
        means, free = np.mean(rows, axis=1, keepdims=True), rows.shape[1] - taken
    else:
        means, total = np.average(rows, axis=1, weights=weights, keepdims=True), np.sum(weights)
        if aweights is not None and taken != 0:
            taken = taken * np.sum(weights * operand(aweights)) / total
        free = total - taken
    if free <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=4)
        free = 0.0
    apart = as_type(rows - means, rows.dtype)
    other = (apart if weights is None else apart * weights).T
    products = np.dot(apart, np.conjugate(other) if np.iscomplexobj(other) else other)
    return np.squeeze(as_type(products * np.true_divide(1, free), products.dtype))


@compose(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """The covariances over the deviations. Rounding is kept from leaving [-1, 1], where the slope is as elsewhere."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    diagonal = np.arange(len(c))
    deviations = np.sqrt(np.real(c[diagonal, diagonal]))
    c = c / deviations[:, None] / deviations
    value = plain(c)
    limited = np.clip(value.real, -1, 1)
    if np.iscomplexobj(value):
        limited = limited + 1j * np.clip(value.imag, -1, 1)
    return c - (value - limited)


# ---- histograms ------------------------------------------------------------------------------------------------------

define_vjp(np.bincount, x=None, weights=lambda g, y, x, weights=None, minlength=0: g[x])


@differentiable
def evenly_spaced(low: Any, high: Any, number: int, dtype: Any) -> Any:
    return np.linspace(low, high, number, dtype=dtype)


define_vjp(
    evenly_spaced,
    low=lambda g, y, low, high, number, dtype: np.sum(g * np.linspace(1, 0, number)),
    high=lambda g, y, low, high, number, dtype: np.sum(g * np.linspace(0, 1, number)),
)


@compose(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges that are given, or as many as NumPy takes, evenly spaced between the ends of the data or the range."""
    bins = operand(bins) if isinstance(bins, list | tuple) else bins
    ends: Any = None if range is None else [plain(end) for end in range]
    edges = np.histogram_bin_edges(plain(a), plain(bins), ends, plain(weights))
    if np.ndim(bins) == 1:
        return bins
    if range is None:
        low, high = (np.min(a), np.max(a)) if np.size(a) else (0, 1)
    else:
        low, high = range
    if low == high:
        low, high = low - 0.5, high + 0.5
    return evenly_spaced(low, high, len(edges), edges.dtype)


def counts(columns: list[Any], edges: list[Any], weights: Any) -> Any:
    """How many samples lie in each bin, or how much they weigh; the last bin has both of its edges."""
    where = [np.searchsorted(e, x, side="right") - (x == e[-1]) for e, x in zip(edges, columns, strict=True)]
    shape = tuple(len(e) - 1 for e in edges)
    inside = np.logical_and.reduce([np.logical_and(i > 0, i <= n) for i, n in zip(where, shape, strict=True)])
    index = np.ravel_multi_index(tuple(i[inside] - 1 for i in where), shape)
    if weights is None:
        return np.bincount(index, minlength=math.prod(shape)).reshape(shape)
    weights = as_type(weights[inside], np.result_type(weights.dtype, np.float64))
    return scatter(weights, index, (math.prod(shape),)).reshape(shape)


@compose(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """The counts and the edges; with `density` the counts over their sum and the widths of the bins."""
    a = array(a)
    if weights is not None:
        weights = operand(weights)
        if weights.shape != a.shape:
            raise ValueError("weights should have the same shape as a.")
        weights = weights.reshape(-1)
    a = a.reshape(-1)
    edges = np.histogram_bin_edges(a, bins, range, weights)
    count = counts([plain(a)], [plain(edges)], weights)
    if weights is not None:
        count = as_type(count, weights.dtype)
    if density:
        return count / as_type(edges[1:] - edges[:-1], np.float64) / np.sum(count), edges
    return count, edges


def has_length(bins: Any) -> bool:
    return hasattr(bins, "__len__") and getattr(bins, "ndim", 1) > 0


@compose(np.histogramdd)
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """The same in several dimensions: one column of the samples, and one array of edges, for each."""
    columns = sample.T if getattr(sample, "ndim", 1) == 2 else np.atleast_2d(operand(sample))
    number = len(columns)
    bins = bins if has_length(bins) else [bins] * number
    if len(bins) != number:
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    if range is not None and len(range) != number:
        raise ValueError("range argument must have one entry per dimension")
    ranges = [None] * number if range is None else range
    edges = [np.histogram_bin_edges(x, b, r) for x, b, r in zip(columns, bins, ranges, strict=True)]
    if weights is not None:
        weights = operand(weights)
        if not np.can_cast(weights.dtype, float):
            raise TypeError(f"np.histogramdd: the weights must be real numbers, these have the dtype {weights.dtype}.")
    count = counts([plain(x) for x in columns], [plain(e) for e in edges], weights)
    count = as_type(count, np.float64)
    if density:
        total = np.sum(count)
        for i, e in enumerate(edges):
            count = count / (e[1:] - e[:-1]).reshape((-1, *(1 for _ in edges[i + 1 :])))
        count = count / total
    return count, edges


@compose(np.histogram2d)
def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """The same in two dimensions; bins may be one array of edges for both."""
    if len(x) != len(y):
        raise ValueError("x and y must have the same length.")
    if has_length(bins) and len(bins) > 2:
        bins = [bins, bins]
    count, edges = np.histogramdd([x, y], bins, range, density, weights)
    return count, *edges
