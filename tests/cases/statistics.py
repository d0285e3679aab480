"""Cases of rules/statistics.py, quantiles.py and histograms.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.cases.table import (
    CALLED_BY,
    NEED_AXES,
    NEED_ELEMENTS,
    NOT_ANALYTIC,
    Draw,
    Function,
    case,
    complex_normal,
    distinct,
    exactly,
    normal,
    positive,
)
from tinygrad_scratch.rules.histograms import evenly_spaced
from tinygrad_scratch.rules.quantiles import place

function: Any  # the one that a loop below is at
nan = np.nan
AT_LEAST_2_4 = np.lib.NumpyVersion(np.__version__) >= "2.4.0"

# ---- reductions that ignore NaN --------------------------------------------------------------------------------------

HOLES = exactly((1.0, nan, 3.5, 2.0), (-2.0, 0.4, nan, 1.1), (0.3, -0.7, 1.4, 0.6))
NAN_REDUCTIONS: dict[Function, Callable[..., Draw]] = {
    np.nansum: normal, np.nanmean: normal, np.nanprod: normal, np.nanvar: normal, np.nanstd: distinct,
    np.nanmax: distinct, np.nanmin: distinct,
}  # fmt: skip
MASK = np.array([[True, True, True, False], [True, True, False, True], [False, True, True, True]])
for function, values in NAN_REDUCTIONS.items():
    case(function, HOLES)
    case(function, HOLES, axis=1)
    case(function, HOLES, 0)
    case(function, HOLES, axis=(-1, 0), keepdims=True)
    case(function, HOLES, keepdims=True)
    case(function, values(2, 3, 2), axis=(0, -1))
    case(function, values(0, 3), axis=1)
    if function is not np.nanstd:  # which has a kink at 0
        case(function, values())
    start = {"initial": 0.5} if function in (np.nanmax, np.nanmin) else {}
    case(function, HOLES, axis=1, where=MASK, **start)
for function in (np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd):
    case(function, HOLES, axis=1, dtype=np.float64)
    case(function, complex_normal(2, 3), axis=1)
for function in (np.nansum, np.nanprod):
    case(function, HOLES, axis=0, initial=2.0)
    case(function, exactly((nan, nan), (1.0, nan)), axis=1)
case(np.nanprod, exactly(0.0, nan, 2.0, 3.0))
for function in (np.nanmax, np.nanmin):
    case(function, HOLES, axis=1, initial=0.5)
    case(function, exactly(1.0, nan, 1.0), kink=[[0.5, 0, 0.5]])
for function in (np.nanvar, np.nanstd):
    case(function, HOLES, axis=1, ddof=1)
    case(function, HOLES, correction=0.5)
    case(function, HOLES, axis=1, mean=normal(3, 1))
case(np.nanstd, exactly((2.0, nan, 2.0), (1.0, nan, 3.0)), axis=1, kink=[[[0, 0, 0], [-0.5, 0, 0.5]]])
case(np.nanstd, normal(), kink=[0])

# ---- averages --------------------------------------------------------------------------------------------------------

case(np.average, normal(2, 3))
case(np.average, normal(2, 3), 0)
case(np.average, normal(2, 3), axis=-1, keepdims=True)
case(np.average, normal(2, 3), returned=True)
case(np.average, normal(2, 3), axis=1, returned=True)
case(np.average, normal(2, 3), weights=positive(2, 3))
case(np.average, normal(2, 3), axis=1, weights=positive(3))
case(np.average, normal(2, 3), axis=0, weights=positive(2), returned=True, keepdims=True)
case(np.average, normal(2, 3, 4), axis=(2, 0), weights=positive(4, 2))
case(np.average, normal(2, 3, 4), axis=(2, 0), weights=np.arange(8.0).reshape(4, 2), keepdims=True)
case(np.average, np.arange(6).reshape(2, 3), axis=1, weights=positive(2, 3), returned=True)
case(np.average, complex_normal(2, 3), axis=0, weights=positive(2))
case(np.average, normal(3), weights=[0.5, 1, 2])
case(np.average, normal())
case(np.average, normal(), weights=positive())
case(np.average, normal(0, 3), axis=1, weights=positive(3))

# ---- medians and quantiles -------------------------------------------------------------------------------------------

for function in (np.median, np.nanmedian):
    case(function, distinct(5))
    case(function, distinct(2, 4), axis=1)
    case(function, distinct(3, 4), 0)
    case(function, distinct(2, 3, 2), axis=(0, 1), keepdims=True)
    case(function, distinct(2, 3, 2), axis=(-1, 0))
    case(function, distinct(2, 3, 2), axis=(0, 2), overwrite_input=True)
    case(function, distinct(2, 3), keepdims=True)
    case(function, complex_normal(2, 5), axis=1)
    case(function, distinct())
    case(function, distinct(0, 3), axis=1)
    case(function, exactly(1.0, 3.0, 3.0, 3.0, 5.0), kink=[[0, 0, 1, 0, 0]])
    case(function, exactly((2.0, 1.0, 2.0, 2.0), (1.0, 4.0, 1.0, 4.0)), axis=1,
         kink=[[[0.5, 0, 0.5, 0], [0, 0.5, 0.5, 0]]])  # fmt: skip
case(np.median, exactly((1.0, nan, 3.0), (1.0, 2.0, 3.0)), axis=1, kink=[[[0, 1, 0], [0, 1, 0]]])
case(np.quantile, exactly(1.0, nan, 3.0), 0.4, kink=[[0, 1, 0]])
case(np.nanmedian, HOLES, axis=0)
case(np.nanmedian, HOLES, axis=1, keepdims=True)
case(np.nanmedian, HOLES)

CONTINUOUS = (
    "linear", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased",
)  # fmt: skip
STEPS = (
    "lower", "higher", "nearest", "midpoint", "inverted_cdf", "averaged_inverted_cdf", "closest_observation",
)  # fmt: skip
RANKED: dict[Function, float] = {np.quantile: 1, np.nanquantile: 1, np.percentile: 100, np.nanpercentile: 100}


SOME = np.array([[0.0, 1.0, 2.0], [0.5, 0.0, 3.0]])


def between(*parts: float) -> Any:
    """Quantiles to differentiate, off the corners."""
    return exactly(*parts) if len(parts) > 1 else Draw((), lambda generator, shape: np.array(parts[0]), f"{parts[0]}")


for function, whole in RANKED.items():
    case(function, distinct(6), 0.3 * whole)
    case(function, distinct(5, 2), 0.4 * whole, 0)
    case(function, distinct(2, 5), np.array([0.1, 0.5, 0.85]) * whole, axis=1)
    case(function, distinct(2, 5), np.array([[0.1, 0.5], [0.85, 1.0]]) * whole, axis=0)
    case(function, distinct(2, 3, 2), [0.1 * whole, 0.9 * whole], axis=(-1, 0), keepdims=True)
    case(function, distinct(2, 3, 2), 0.6 * whole, axis=(0, 2), overwrite_input=True, keepdims=True)
    case(function, distinct(4), np.array([0, 1]) * int(whole))
    case(function, distinct(4), 1 * int(whole), method="hazen")
    case(function, distinct(2, 5), between(0.3 * whole), axis=1)
    case(function, distinct(2, 5), between(0.13 * whole, 0.58 * whole), axis=1, keepdims=True)
    case(function, distinct(3), [between(0.3 * whole), 0.9 * whole])
    case(function, np.array([3.0, 1.0, 2.5, 0.2]), between(0.4 * whole))
    for method in CONTINUOUS:
        q = between(0.03 * whole, 0.36 * whole, 0.64 * whole, 0.97 * whole)
        case(function, distinct(2, 5), q, axis=1, method=method)
    for method in STEPS:
        case(function, distinct(2, 5), np.array([0.0, 0.2, 0.55, 1.0]) * whole, axis=1, method=method)
    case(function, distinct(2, 3), 0.35 * whole, axis=1, method="inverted_cdf", weights=SOME)
    case(function, distinct(2, 3), [0.2 * whole, 0.7 * whole], method="inverted_cdf", weights=SOME, keepdims=True)
    if function in (np.quantile, np.percentile):  # the others fail in NumPy itself
        case(function, distinct(2, 5), 0.4 * whole, axis=1, method="inverted_cdf", weights=np.arange(1.0, 6.0))
        if AT_LEAST_2_4:  # older ones mix up the weights of several axes
            case(
                function,
                distinct(3, 2, 3),
                0.35 * whole,
                axis=(2, 0),
                method="inverted_cdf",
                weights=np.arange(9.0).reshape(3, 3),
            )
    case(function, distinct(), 0.4 * whole)
    case(function, distinct(0, 3), 0.4 * whole, axis=1)
    case(function, exactly(3.0, 1.0, 3.0, 3.0, 5.0), 0.4 * whole, method="nearest", kink=[[0, 0, 1, 0, 0]])
    case(function, exactly(3.0, 1.0, 3.0, 3.0), 0.6 * whole, method="midpoint", kink=[[0.5, 0, 0.5, 0]])
    case(function, np.array([3.0, 1.0, 7.0]), exactly(0.0, 0.5 * whole, whole), kink=[[4 / whole, 8 / whole, 0]])
for function in (np.nanquantile, np.nanpercentile):
    whole = RANKED[function]
    case(function, HOLES, 0.4 * whole)
    case(function, HOLES, between(0.21 * whole, 0.79 * whole), axis=1)
    case(function, HOLES, between(0.21 * whole, 0.79 * whole), axis=0, method="hazen", keepdims=True)
    case(function, HOLES, 0.4 * whole, axis=(0, 1), method="lower")
    case(function, HOLES, 0.4 * whole, axis=1, method="inverted_cdf", weights=np.ones((3, 4)))

for method in CONTINUOUS:
    case(place, between(0.36), np.array([3, 5]), method)
    case(place, between(0.03, 0.36, 0.64, 0.97), np.array([5]), method)
case(place, between(0.36), np.array([3, 5]), "midpoint")

# ---- covariance ------------------------------------------------------------------------------------------------------

for function in (np.cov, np.corrcoef):
    case(function, normal(3, 5))
    case(function, normal(5, 2), rowvar=False)
    case(function, normal(5), normal(5))
    case(function, normal(2, 4), normal(4))
    case(function, normal(2, 4), y=normal(3, 4))
    case(function, normal(7, 2), normal(7, 1), rowvar=False)
    case(function, normal(2, 4), normal(1, 4))
    case(function, normal(2, 4), dtype=np.complex128)
    case(function, complex_normal(2, 4))
    case(function, normal(5))
    case(function, normal(0, 3))
case(np.cov, normal(2, 4), bias=True)
case(np.cov, normal(5), normal(5), ddof=0)
case(np.cov, normal(2, 4), ddof=2)
case(np.cov, normal(2, 4), fweights=np.array([1, 3, 2, 1]))
case(np.cov, normal(2, 4), aweights=positive(4))
case(np.cov, normal(2, 4), aweights=positive(4), ddof=0)
case(np.cov, normal(2, 4), fweights=[1, 3, 2, 1], aweights=positive(4))
case(np.cov, complex_normal(2, 4), aweights=positive(4))
case(np.cov, normal(), ddof=0)
case(np.corrcoef, exactly((1.0, 2.0, 3.0), (2.0, 4.0, 6.0)), kink=[np.zeros((2, 3))])

# ---- histograms ------------------------------------------------------------------------------------------------------

SAMPLES = exactly(0.1, 2.0, 0.45, 0.9, 0.55, 1.1)
POINTS = np.array([0.1, 2.0, 0.45, 0.9, 1.0, 1.1])
EDGES = exactly(0.0, 0.7, 1.2, 2.5)
case(np.bincount, np.array([0, 2, 0, 1]), normal(4))
case(np.bincount, np.array([0, 2, 0, 1]), weights=normal(4), minlength=5)
case(np.bincount, [3, 1], normal(2), 2)

case(evenly_spaced, normal(), normal(), 4, np.dtype(float))
case(evenly_spaced, normal(), 2.0, 3, np.dtype(float))

case(np.histogram_bin_edges, SAMPLES)
case(np.histogram_bin_edges, SAMPLES, 3)
case(np.histogram_bin_edges, SAMPLES, bins="sturges")
case(np.histogram_bin_edges, SAMPLES, EDGES)
case(np.histogram_bin_edges, SAMPLES, bins=[0.0, between(0.7), 2.5])
case(np.histogram_bin_edges, normal(2, 3), 2, weights=np.ones((2, 3)))
case(np.histogram_bin_edges, SAMPLES, 3, range=(between(-0.5), between(2.5)))
case(np.histogram_bin_edges, normal(), 2)
case(np.histogram_bin_edges, normal(0), bins=EDGES)

case(np.histogram, SAMPLES, 3)
case(np.histogram, SAMPLES)
case(np.histogram, SAMPLES, 3, density=True)
case(np.histogram, SAMPLES, bins="sturges", density=True)
case(np.histogram, POINTS, 3, weights=positive(6))
case(np.histogram, POINTS, bins=2, range=(0.4, 1.0), weights=positive(6))
case(np.histogram, SAMPLES, 3, weights=positive(6), density=True)
case(np.histogram, POINTS.reshape(2, 3), EDGES, weights=positive(2, 3))
case(np.histogram, POINTS.reshape(2, 3), bins=EDGES, weights=positive(2, 3), density=True)
case(np.histogram, POINTS, 2, weights=complex_normal(6))
case(np.histogram, normal(), 2)
case(np.histogram, normal(0), EDGES)


def histogramdd(*arguments: Any, **keywords: Any) -> Any:
    """np.histogramdd with all its results in one tuple."""
    count, edges = np.histogramdd(*arguments, **keywords)
    return count, *edges


CALLED_BY[histogramdd] = np.histogramdd
CORNERS = exactly((0.1, 2.0), (2.0, 0.4), (0.6, 1.5), (0.9, 0.7), (1.1, 1.9))
for function in (histogramdd,):
    case(function, CORNERS, 3)
    case(function, CORNERS, bins=(2, 3), density=True)
    case(function, CORNERS, bins=[EDGES, 2], density=True, weights=positive(5))
    case(function, CORNERS, 2, range=[None, (between(0.3), between(2.2))])
    case(function, [exactly(0.1, 2.0, 0.6), exactly(2.0, 0.4, 1.5), exactly(0.3, 0.1, 0.8)], bins=2, density=True)
    case(function, exactly(0.1, 2.0, 0.6), (2,))
    case(function, normal(0, 2), bins=[EDGES, 2])
case(np.histogram2d, exactly(0.1, 2.0, 0.6), exactly(2.0, 0.4, 1.5))
case(np.histogram2d, exactly(0.1, 2.0, 0.6), exactly(2.0, 0.4, 1.5), 3, weights=positive(3))
case(np.histogram2d, exactly(0.1, 2.0, 0.6), exactly(2.0, 0.4, 1.5), bins=[2, EDGES], density=True)
case(np.histogram2d, exactly(0.1, 2.0, 0.6), exactly(2.0, 0.4, 1.5), EDGES, density=True, weights=positive(3))
case(np.histogram2d, exactly(0.1, 2.0, 0.6), exactly(2.0, 0.4, 1.5), 2, range=[[0.0, 1.5], None])
case(np.histogram2d, normal(0), normal(0), EDGES)

NOT_ANALYTIC.update({
    np.nanvar, np.nanstd,  # a modulus is in them
    np.cov, np.corrcoef,
    np.quantile, np.nanquantile, np.percentile, np.nanpercentile, place, evenly_spaced,
    np.histogram, np.histogram_bin_edges, np.histogram2d, histogramdd, np.bincount,
})  # fmt: skip
NEED_AXES.update({np.corrcoef, np.bincount, histogramdd, np.histogramdd, np.histogram2d})
NEED_ELEMENTS.update({np.bincount, evenly_spaced, place})
