"""Derivatives of statistics: averages, quantiles, covariances, histograms, and the reductions that ignore NaN.

Conventions: what ignores NaN gives NaN the gradient 0; elsewhere a NaN that makes the result NaN gets its gradient.
A median or quantile has the slope of the sorted elements that it is read from; of equal ones, those that a stable sort
puts there. As a function of `q` a quantile is a broken line, with the slope to the right at its corners. A count has no
slope, so histograms follow the weights and, with density=True, the widths of the bins; edges that NumPy spaces evenly
follow the least and the greatest element.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygrad_scratch.rules.reductions import (
    Axis,
    deviation,
    extreme_of,
    mean_of,
    of_variance,
    product_of,
    squared,
    sum_of,
)
from tinygrad_scratch.rules.registry import Rule, array, compose, define_vjp, plain
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
@of_variance
def nanvar(a: Any, axis: Axis, dtype: Any, taken: Any, keepdims: Any, where: Any, mean: Any) -> Any:
    """As np.var of what is a number; NaN where too few are."""
    missing = np.isnan(a)
    counted = np.logical_and(np.logical_not(missing), where)
    filled = np.where(missing, 0, a)
    if mean is None:
        number = np.sum(counted, axis=axis, keepdims=True)
        mean = np.sum(filled, axis, dtype, keepdims=True, where=where) / np.maximum(number, 1).astype(filled.dtype)
    square = np.where(counted, squared(filled - mean), 0)
    free = np.sum(counted, axis=axis, keepdims=keepdims) - taken
    if np.any(free <= 0):
        warnings.warn("Degrees of freedom <= 0 for slice.", RuntimeWarning, stacklevel=5)
    return np.sum(square, axis, dtype, keepdims=keepdims) / np.where(free > 0, free, np.nan).astype(square.dtype)


compose(np.nanstd)(deviation(np.nanvar))

# ---- averages --------------------------------------------------------------------------------------------------------


def along(weights: Any, a: Any, axis: Axis) -> Any:
    """Weights that broadcast against `a`: they have its shape, or that of the axes that are reduced, in their order."""
    weights = array(weights)
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


# ---- covariance ------------------------------------------------------------------------------------------------------


def as_type(a: Any, dtype: Any) -> Any:
    return a if a.dtype == dtype else cast(a, np.dtype(dtype))


def variables(m: Any, y: Any, rowvar: bool, dtype: Any) -> Any:
    """The variables of np.cov, each a row of samples."""
    given = [("m", array(m))] + ([] if y is None else [("y", array(y))])
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
        each = as_type(array(given), float)
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
            taken = taken * np.sum(weights * array(aweights)) / total
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
