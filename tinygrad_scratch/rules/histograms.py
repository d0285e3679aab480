"""Derivatives of histograms and counts: of the counts by their weights, of the edges by the data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_scratch.rules.indexing import scatter
from tinygrad_scratch.rules.registry import array, compose, define_vjp, differentiable, plain
from tinygrad_scratch.rules.statistics import as_type

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
    bins = array(bins) if isinstance(bins, list | tuple) else bins
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
        weights = array(weights)
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
    columns = sample.T if getattr(sample, "ndim", 1) == 2 else np.atleast_2d(array(sample))
    number = len(columns)
    bins = bins if has_length(bins) else [bins] * number
    if len(bins) != number:
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    if range is not None and len(range) != number:
        raise ValueError("range argument must have one entry per dimension")
    ranges = [None] * number if range is None else range
    edges = [np.histogram_bin_edges(x, b, r) for x, b, r in zip(columns, bins, ranges, strict=True)]
    if weights is not None:
        weights = array(weights)
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
