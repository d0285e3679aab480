"""Cases of rules/calculus.py: differences, integrals, interpolation, convolution, phases, grids of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.table import (
    NEED_AXES,
    NEED_ELEMENTS,
    NOT_ANALYTIC,
    above_one,
    case,
    complex_normal,
    exactly,
    near_three,
    near_two,
    normal,
    positive,
)
from tinygrad_scratch.rules.calculus import interpolate

function: Any  # the one that a loop below is at

# ---- differences -----------------------------------------------------------------------------------------------------

case(np.diff, normal(4))
case(np.diff, normal(3, 4))
case(np.diff, normal(3, 4), axis=0)
case(np.diff, normal(5), n=3)
case(np.diff, normal(4, 2), 2, 0)
case(np.diff, normal(3), n=5)
case(np.diff, normal(2, 3), n=0)
case(np.diff, normal(2, 3), prepend=0.0)
case(np.diff, normal(2, 3), prepend=normal(), append=normal(2, 2))
case(np.diff, normal(2, 3), axis=0, append=normal(1, 3))
case(np.diff, normal(3), prepend=[normal(), normal()])
case(np.diff, np.array([1.0, 4.0, 2.0]), n=2, append=normal(2))
case(np.diff, normal(0, 3), axis=0)
case(np.diff, complex_normal(4))

case(np.ediff1d, normal(4))
case(np.ediff1d, normal(2, 3))
case(np.ediff1d, normal(3), to_end=normal())
case(np.ediff1d, normal(3), to_end=normal(2, 1), to_begin=normal(2))
case(np.ediff1d, normal(3), to_begin=[normal(), 1.5])
case(np.ediff1d, np.array([1.0, 4.0]), to_begin=normal())
case(np.ediff1d, normal(0), to_end=normal())
case(np.ediff1d, normal())

COORDINATES = exactly(0.0, 2.0, 3.5, 6.0)
case(np.gradient, normal(5))
case(np.gradient, normal(3, 4))
case(np.gradient, normal(2))
case(np.gradient, normal(3, 4), axis=1)
case(np.gradient, normal(3, 2, 4), axis=(0, -1))
case(np.gradient, normal(4), positive())
case(np.gradient, normal(3, 4), 0.5)
case(np.gradient, normal(3, 4), positive(), positive())
case(np.gradient, normal(3, 4), 2.0, COORDINATES)
case(np.gradient, normal(3, 4), COORDINATES, axis=1)
case(np.gradient, normal(4), exactly(0.0, 1.0, 2.0, 3.0))
case(np.gradient, normal(4), np.array([0, 1, 3, 4]))
case(np.gradient, normal(3), [0.0, positive(), 3.0])
case(np.gradient, normal(5), edge_order=2)
case(np.gradient, normal(3), positive(), edge_order=2)
case(np.gradient, normal(4), COORDINATES, edge_order=2)
case(np.gradient, normal(3), exactly(0.0, 2.0, 3.0), edge_order=2)
case(np.gradient, normal(3, 4), exactly(0.0, 2.0, 3.0), COORDINATES, edge_order=2)
case(np.gradient, np.array([1.0, 4.0, 2.0, 5.0]), COORDINATES)
case(np.gradient, normal(4, 0), axis=0)
case(np.gradient, complex_normal(4))

# ---- integrals -------------------------------------------------------------------------------------------------------

case(np.trapezoid, normal(5))
case(np.trapezoid, normal(3, 4))
case(np.trapezoid, normal(3, 4), dx=0.5, axis=0)
case(np.trapezoid, normal(3, 4), dx=positive())
case(np.trapezoid, normal(4), normal(4))
case(np.trapezoid, normal(3, 4), x=normal(4))
case(np.trapezoid, normal(3, 4), normal(3), axis=0)
case(np.trapezoid, normal(3, 4), normal(3, 4), axis=-2)
case(np.trapezoid, np.array([1.0, 4.0, 2.0]), normal(3))
case(np.trapezoid, normal(2), [0.0, positive()])
case(np.trapezoid, normal(0, 3))
case(np.trapezoid, complex_normal(4), normal(4))

# ---- interpolation ---------------------------------------------------------------------------------------------------

KNOTS, HEIGHTS = exactly(0.0, 1.0, 2.5, 4.0), normal(4)
BETWEEN = exactly((0.3, 1.6, 2.2), (0.7, 3.1, 3.9))
OUTSIDE = exactly(-1.0, 0.5, 5.0)
case(np.interp, BETWEEN, KNOTS, HEIGHTS)
case(np.interp, positive(), KNOTS, HEIGHTS)
case(np.interp, 1.6, KNOTS, HEIGHTS)
case(np.interp, BETWEEN, np.array([0, 1, 3, 4]), HEIGHTS)
case(np.interp, BETWEEN, np.array([0, 1, 3, 4], np.uint8), np.array([5, 1, 7, 2], np.uint8))  # differences wrap
case(np.interp, BETWEEN, KNOTS, complex_normal(4))
case(np.interp, normal(0, 3), KNOTS, HEIGHTS)
case(np.interp, OUTSIDE, KNOTS, HEIGHTS)
case(np.interp, OUTSIDE, KNOTS, HEIGHTS, -2.0)
case(np.interp, OUTSIDE, KNOTS, HEIGHTS, left=1.0, right=normal())
case(interpolate, OUTSIDE, KNOTS, HEIGHTS, normal(), normal())
case(interpolate, BETWEEN, KNOTS, complex_normal(4), None, complex_normal())
case(interpolate, positive(), KNOTS, HEIGHTS, None, None)
case(interpolate, normal(0, 3), KNOTS, HEIGHTS, None, 1.0)
case(np.interp, [positive(), 3.0], KNOTS, [normal(), 1.0, normal(), 2.0])
case(np.interp, exactly(-1.3, 0.4, 5.2, 3.7), exactly(2.3, 0.1, 1.4, 0.8), HEIGHTS, period=near_three())
case(np.interp, exactly(-1.3, 0.4), KNOTS, complex_normal(4), left=1.0, period=-5.0)

case(np.interp, exactly(0.0, 1.0, 2.5, 4.0), KNOTS, exactly(0.0, 2.0, 5.0, 2.0),
     kink=[[2, 2, -2, -2], [-2, -2, 2, 2], [1, 1, 1, 1]])  # fmt: skip
case(np.interp, exactly(-1.0, 5.0), exactly(2.0), exactly(3.0), kink=[[0, 0], [0], [2]])  # a single knot
case(np.interp, exactly(1.0), exactly(0.0, 1.0, 1.0), exactly(1.0, 2.0, 4.0),
     kink=[[0], [0, 0, 0], [0, 0, 1]])  # fmt: skip

# ---- convolution -----------------------------------------------------------------------------------------------------

for function in (np.convolve, np.correlate):
    for mode in ("full", "same", "valid"):
        for sizes in ((5, 3), (5, 2), (2, 5), (3, 4), (3, 3), (1, 4)):
            case(function, normal(sizes[0]), normal(sizes[1]), mode=mode)
    case(function, normal(4), normal(2), 2)
    case(function, normal(4), np.array([1, -2]))
    case(function, [1.0, 2.0, 4.0], normal(2), "same")
    case(function, complex_normal(4), complex_normal(3), "full")
    case(function, normal(3), complex_normal(4), "same")
    case(function, complex_normal(3), normal(2))
case(np.convolve, normal(), normal(3))
case(np.convolve, normal(3), normal())

# ---- phases ----------------------------------------------------------------------------------------------------------

PHASES = exactly((0.1, 3.0, -3.0, -0.5, 3.1), (6.0, 0.2, 6.5, 13.0, -2.0))
case(np.unwrap, PHASES)
case(np.unwrap, PHASES, axis=0)
case(np.unwrap, PHASES, discont=5.0)
case(np.unwrap, exactly(0.2, 3.7, 1.1, 9.8), period=4)
case(np.unwrap, exactly(0.2, 3.7, 1.1, 9.2), period=near_two())
case(np.unwrap, normal(0, 3))
case(np.unwrap, exactly(0.0, 2.0, 4.0, 0.0), period=4, kink=[[1, 1, 1, 1]])  # steps of half a period

# ---- grids of numbers ------------------------------------------------------------------------------------------------

for function, first, last in (
    (np.linspace, normal, normal), (np.logspace, normal, normal), (np.geomspace, positive, above_one)
):  # fmt: skip
    case(function, first(), last(), 5)
    case(function, first(), last())
    case(function, first(2, 3), last(3), 4)
    case(function, first(3), last(2, 1), num=4, axis=-1)
    case(function, first(2), last(2), 4, axis=1)
    case(function, first(2), last(2), 4, endpoint=False)
    case(function, first(), 2.0, num=1)
    case(function, 2.0, last(), num=1, endpoint=False)
    case(function, first(), last(2), num=0)
    case(function, first(2), [3.0, last()], 3)
    case(function, first(2), last(2), 4, dtype=np.float64)
    case(function, first(0, 3), last(3), 4)
    case(function, complex_normal(2), complex_normal(2), 4)
    case(function, complex_normal(2), 3.0, 4)
case(np.linspace, normal(2), normal(2), 4, retstep=True)
case(np.linspace, normal(), normal(2), 4, endpoint=False, retstep=True)
case(np.linspace, normal(), normal(), 1, retstep=True)
case(np.linspace, normal(), normal(), 3, device="cpu")
case(np.linspace, exactly(1.5), exactly(1.5), 3)
case(np.logspace, normal(), normal(), 4, base=near_two())
case(np.logspace, positive(2), normal(), 4, base=near_two(2))
case(np.logspace, normal(2), normal(3, 1), 4, base=near_two(2), axis=-1)
case(np.logspace, 0.5, 2.0, 4, True, near_two())
case(np.geomspace, exactly(-1.0, -8.0), exactly(-27.0, -1.0), 4)

# ---- what the laws must be told --------------------------------------------------------------------------------------

NEED_AXES.update({np.diff, np.gradient, np.correlate, np.unwrap})
NEED_ELEMENTS.update({np.convolve, np.correlate})
NOT_ANALYTIC.update({
    np.interp, interpolate, np.unwrap, np.correlate,
    np.ediff1d, np.gradient,  # their results have the dtype of the first argument
})  # fmt: skip
