"""Cases of rules/elementwise.py: arithmetic, kinks and extremes, choosing."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.cases.table import (
    AT_LEAST_2_1,
    CALLED_BY,
    NOT_ANALYTIC,
    PLAIN_WORDS,
    Draw,
    Function,
    above_one,
    case,
    complex_normal,
    distinct,
    exactly,
    inside,
    near_three,
    near_two,
    nonzero,
    normal,
    positive,
)
from tinygrad_scratch.rules.elementwise import bessel, repaired, sigmoid_slope, sinc_derivative
from tinygrad_scratch.rules.registry import plain

# ---- arithmetic: element by element ----------------------------------------------------------------------------------

function: Any  # the one that a loop below is at

ONE_ARGUMENT: dict[Function, Callable[..., Draw]] = {
    np.negative: normal, np.positive: normal, np.reciprocal: nonzero,
    np.square: normal, np.sqrt: positive, np.cbrt: nonzero,
    np.exp: normal, np.exp2: normal, np.expm1: normal,
    np.log: positive, np.log2: positive, np.log10: positive, np.log1p: positive,
    np.sin: normal, np.cos: normal, np.tan: inside, np.arcsin: inside, np.arccos: inside, np.arctan: normal,
    np.sinh: normal, np.cosh: normal, np.tanh: normal, np.arcsinh: normal, np.arccosh: above_one, np.arctanh: inside,
    np.degrees: normal, np.radians: normal, np.rad2deg: normal, np.deg2rad: normal,
    np.absolute: nonzero, np.fabs: nonzero, np.conjugate: normal, np.real: normal, np.imag: complex_normal,
}  # fmt: skip
for function, values in ONE_ARGUMENT.items():
    case(function, values(2, 3))
    case(function, values())
    case(function, values(0, 3))

TWO_ARGUMENTS: dict[Function, tuple[Callable[..., Draw], Callable[..., Draw]]] = {
    np.add: (normal, normal), np.subtract: (normal, normal),
    np.multiply: (normal, normal), np.divide: (normal, nonzero),
    np.power: (positive, normal), np.float_power: (positive, normal),
    np.remainder: (near_three, near_two), np.fmod: (near_three, near_two),
    np.logaddexp: (normal, normal), np.logaddexp2: (normal, normal),
    np.arctan2: (nonzero, nonzero), np.hypot: (nonzero, nonzero), np.copysign: (nonzero, nonzero),
    np.maximum: (distinct, distinct), np.minimum: (distinct, distinct),
    np.fmax: (distinct, distinct), np.fmin: (distinct, distinct),
}  # fmt: skip
for function, (left, right) in TWO_ARGUMENTS.items():
    case(function, left(2, 3), right(2, 3))
    case(function, left(3), right(2, 3))
    case(function, left(2, 1, 3), right(2, 1))
    case(function, left(), right(2, 2))
    case(function, left(2, 2), right())
    case(function, left(), right())
    case(function, left(0, 3), right(3))
    case(function, left(1, 3), right(0, 3))
    case(function, left(2, 3), 2.0)
    if function is not np.copysign:  # whose second argument has no derivative
        case(function, 5.0, right(2, 3))
    case(function, left(2, 3), np.array([2.1, 2.0, 1.9]))

case(np.add, normal(2, 3), True)
case(np.add, normal(2), [1.5, 2.5])
case(np.multiply, normal(2, 3), np.array([1, 2, 3]))
case(np.multiply, np.array([True, False, True]), normal(2, 3))
case(np.multiply, normal(2), [normal(), normal()])
case(np.multiply, np.float64(1.5), normal(2, 3))
for exponent in (-2, -1, 0, 1, 2, 3, 3.0, -1.0):
    case(np.power, nonzero(2, 3), exponent)
case(np.power, nonzero(2, 3), np.array([-2.0, 0.0, 3.0]))
case(np.power, nonzero(2, 3), np.array([0, 1, 3]))
case(np.power, 2, normal(2, 3))
case(np.power, exactly(0.0, 2.0), 2)
case(np.power, exactly(0.0, 0.0, 0.0, 0.0), np.array([0.0, 1.0, 2.0, 3.0]))
case(np.power, exactly(0.0, 0.0, 2.0), exactly(2.0, 0.0, 3.0), kink=[[0.0, 0.0, 12.0], [0.0, 0.0, 8.0 * np.log(2.0)]])
case(np.float_power, nonzero(2, 3), 3)

for exponents in (np.array([[1, -2, 0], [3, 0, 1]]), np.array([1, -2, 0]), 3):
    case(np.ldexp, normal(2, 3), exponents)
case(np.ldexp, normal(3), np.array([[1], [-2]]))
case(np.ldexp, normal(), 2)
case(np.ldexp, normal(0, 3), np.array([1, -2, 0]))
for function in (np.modf, np.frexp):
    case(function, exactly((-1.6, 0.7), (2.4, -3.4)))
    case(function, near_three())
    case(function, normal(0, 3))
case(np.divmod, near_three(2, 3), near_two(2, 1))
case(np.divmod, near_three(), near_two())
case(np.divmod, near_three(0, 3), near_two(3))
case(np.divmod, near_three(2), 2.0)

for function in (np.exp, np.log, np.sqrt, np.square, np.reciprocal, np.sin, np.tanh,
                 np.absolute, np.conjugate, np.real):  # fmt: skip
    case(function, complex_normal(2, 3))
for function in (np.add, np.subtract, np.multiply, np.divide, np.power):
    case(function, complex_normal(2, 3), complex_normal(3))
    case(function, positive(2, 3), complex_normal(3))  # a real argument has a real gradient
    case(function, complex_normal(3), positive(2, 3))

# ---- kinks and extremes ----------------------------------------------------------------------------------------------

case(np.absolute, exactly(-2.0, 0.0, 3.0), kink=[[-1, 0, 1]])
case(np.fabs, exactly(-2.0, 0.0, 3.0), kink=[[-1, 0, 1]])
case(np.hypot, exactly(0.0, 3.0), exactly(0.0, 4.0), kink=[[0, 0.6], [0, 0.8]])
case(np.arctan2, exactly(0.0, 3.0), exactly(0.0, 4.0), kink=[[0, 0.16], [0, -0.12]])
for function in (np.maximum, np.fmax):
    case(function, exactly(1.0, 2.0, 3.0), exactly(2.0, 2.0, 2.0), kink=[[0, 0.5, 1], [1, 0.5, 0]])
    case(function, exactly(-1.0, 0.0, 1.0), 0, kink=[[0, 0.5, 1]])
for function in (np.minimum, np.fmin):
    case(function, exactly(1.0, 2.0, 3.0), exactly(2.0, 2.0, 2.0), kink=[[1, 0.5, 0], [0, 0.5, 1]])
case(np.remainder, exactly(4.0, -4.0, 5.0), exactly(2.0, 2.0, -2.0), kink=[[1, 1, 1], [-2, 2, 3]])
case(np.fmod, exactly(4.0, -4.0, -5.0), exactly(2.0, 2.0, 2.0), kink=[[1, 1, 1], [-2, 2, 2]])
case(np.heaviside, np.array([0.0, -1.0, 0.0]), normal(2, 3))
case(np.heaviside, np.array([[2.0], [0.0]]), normal(3))
case(np.heaviside, 0.0, normal())
case(np.heaviside, np.zeros((0, 3)), normal(3))
case(np.heaviside, 0.0, normal(0, 3))
case(np.heaviside, exactly(-1.0, 0.0, 1.0), exactly(0.5, 0.5, 0.5), kink=[[0, 0, 0], [0, 1, 0]])

case(np.exp, exactly(-1000.0, -700.0, 0.0), extreme=[[0, np.exp(-700.0), 1]])
case(np.expm1, exactly(-1000.0, 1e-20), extreme=[[0, 1]])
case(np.log1p, exactly(1e-300, 1e300), extreme=[[1, 1e-300]])
case(np.tanh, exactly(-800.0, 0.0, 800.0), extreme=[[0, 1, 0]])
case(np.arctan, exactly(-1e150, 0.0, 1e150), extreme=[[1e-300, 1, 1e-300]])
case(np.arctan, exactly(1e200), extreme=[[0]])
case(np.arcsinh, exactly(-1e200, 0.0, 1e200), extreme=[[1e-200, 1, 1e-200]])
case(np.arccosh, exactly(1e200), extreme=[[1e-200]])
case(np.reciprocal, exactly(1e-150, 1e200), extreme=[[-1e300, 0]])
case(np.divide, exactly(1e-200), exactly(1e200), extreme=[[1e-200], [0]])
case(np.logaddexp, exactly(-1000.0, 0.0, 1000.0), exactly(1000.0, 0.0, -1000.0), extreme=[[0, 0.5, 1], [1, 0.5, 0]])
case(np.logaddexp, exactly(-np.inf, 0.0), exactly(0.0, -np.inf), extreme=[[0, 1], [1, 0]])
case(np.logaddexp2, exactly(np.inf, -np.inf), exactly(0.0, 0.0), extreme=[[1, 0], [0, 1]])
case(np.logaddexp, exactly(np.inf, 0.0), exactly(0.0, np.inf), extreme=[[1, 0], [0, 1]])
case(np.logaddexp, exactly(np.inf, np.inf, -np.inf), exactly(0.0, np.inf, -np.inf), extreme=[[1, 0.5, 0], [0, 0.5, 0]])
case(np.logaddexp2, exactly(-2000.0, 0.0, 2000.0), exactly(2000.0, 0.0, -2000.0), extreme=[[0, 0.5, 1], [1, 0.5, 0]])
case(np.hypot, exactly(3e200, 3e-200), exactly(4e200, 4e-200), extreme=[[0.6, 0.6], [0.8, 0.8]])
case(np.arctan2, exactly(1e150, 3.0), exactly(1e150, 4.0), extreme=[[5e-151, 0.16], [-5e-151, -0.12]])
case(np.arctan2, exactly(1e200, 1e-200), exactly(1e200, 1e-200), extreme=[[5e-201, 5e199], [-5e-201, -5e199]])

# ---- choosing --------------------------------------------------------------------------------------------------------

MASK = np.array([[True, False, True], [False, False, True]])
case(np.where, MASK, normal(2, 3), normal(2, 3))
case(np.where, MASK, normal(3), normal(2, 1))
case(np.where, MASK, normal(2, 1), normal(3))
case(np.where, MASK, normal(), 1.5)
case(np.where, MASK, 1.5, normal())
case(np.where, MASK[:, None, 0], normal(2, 2), normal(2))
case(np.where, True, normal(), normal())
case(np.where, MASK[:0], normal(0, 3), normal(3))
case(np.where, MASK, complex_normal(2, 3), normal(3))

case(np.clip, normal(2, 3), -0.5, 0.5)
case(np.clip, normal(), -0.5, 0.5)
case(np.clip, normal(0, 3), -0.5, 0.5)
case(np.clip, normal(3), normal(2, 1), above_one(3))
case(np.clip, normal(2, 3), None, 0.2)
case(np.clip, normal(2, 3), a_min=-0.2, a_max=0.2)
case(np.clip, normal(2, 3), -0.5, 0.5, dtype=np.float64)
if AT_LEAST_2_1:
    case(np.clip, normal(2, 3), min=-0.2, max=normal(3))
    case(np.clip, normal(2, 3), max=0.2)
case(np.clip, exactly(-1.0, 0.0, 1.0), -1.0, 1.0, kink=[[0.5, 1, 0.5]])
case(np.clip, exactly(-2.0, 0.0, 2.0), -1.0, 1.0)

# ---- piecewise constant ----------------------------------------------------------------------------------------------

for function in (np.floor, np.ceil, np.trunc, np.rint, np.sign):
    case(function, exactly((-1.6, 0.7), (2.4, -3.3)))
    case(function, inside())
    case(function, normal(0, 3))
case(np.sign, complex_normal(2, 3))
case(np.sign, exactly(-2.0, 0.0, 3.0), kink=[[0, 0, 0]])
case(np.floor, exactly(-2.0, 0.0, 3.0), kink=[[0, 0, 0]])
case(np.floor_divide, exactly((5.3, -4.4, 2.2), (7.1, -1.3, 3.4)), exactly(2.0, 1.5, -0.9))
case(np.floor_divide, near_three(), near_two())
case(np.floor_divide, normal(0, 3), normal(3))
case(np.nextafter, normal(2, 3), 1.0)
case(np.nextafter, normal(3), np.ones((2, 3)))
case(np.nextafter, normal(), 1.0)
case(np.nextafter, normal(0, 3), np.zeros(3))

# ---- roots at 0 ------------------------------------------------------------------------------------------------------

case(np.sqrt, exactly(0.0, 4.0), kink=[[0, 0.25]])


def slope_at(e: Any) -> Any:
    """The slope of a sigmoid 1 / (1 + e), which the walk computes of both."""
    return sigmoid_slope(1 / (1 + e), plain(e))


CALLED_BY[slope_at] = sigmoid_slope
PLAIN_WORDS[slope_at] = lambda e: e / (1 + e) ** 2
NOT_ANALYTIC.add(slope_at)
case(slope_at, positive(2, 3))
case(slope_at, positive())
case(slope_at, positive(0, 3))
case(np.cbrt, exactly(0.0, 8.0), kink=[[0, 1 / 12]])
case(np.power, exactly(0.0, 4.0), 0.5, kink=[[0, 0.25]])
case(np.power, exactly(0.0, 4.0, 0.0), np.array([0.5, 0.5, 2.0]), kink=[[0, 0.25, 0]])

# ---- what no complex step can differentiate --------------------------------------------------------------------------

NOT_ANALYTIC.update({
    # not defined by NumPy for complex numbers
    np.cbrt, np.fabs, np.logaddexp, np.logaddexp2, np.arctan2, np.hypot, np.copysign, np.heaviside,
    np.remainder, np.fmod, np.degrees, np.radians, np.rad2deg, np.deg2rad, np.ldexp, np.divmod, np.modf, np.frexp,
    # defined, but with |x| or a conjugate in it
    np.absolute, np.conjugate, np.real, np.imag,
    np.floor, np.ceil, np.trunc, np.rint, np.sign, np.floor_divide, np.nextafter,
})  # fmt: skip

# ---- special functions and repairs -----------------------------------------------------------------------------------

for function, orders in ((np.i0, [()]), (bessel, [(1,), (2,), (5,)]), (np.sinc, [()]), (sinc_derivative, [(1,), (4,)])):
    for order in orders:
        case(function, normal(2, 3), *order)
        case(function, exactly(0.0, -0.02, 0.6, 3.3, -8.2), *order)
        case(function, normal(), *order)
        case(function, normal(0, 3), *order)
case(np.i0, exactly(-700.0, 0.0, 1e-200), extreme=[[-1.5285003902339206e302, 0, 5e-201]])
case(bessel, exactly(0.0, 1e-160), 1, extreme=[[0.5, 0.5]])
case(np.sinc, exactly(0.0, 1e-200, 1e8), extreme=[[0, -(np.pi**2) / 3 * 1e-200, 1e-8]])
case(np.sinc, complex_normal(3))

NUMBERS = exactly(np.nan, np.inf, -np.inf, 2.0)
case(np.nan_to_num, normal(2, 3))
case(np.nan_to_num, normal())
case(np.nan_to_num, normal(0, 3))
case(np.nan_to_num, NUMBERS, kink=[[0, 0, 0, 1]])
case(np.nan_to_num, NUMBERS, nan=normal(), posinf=normal(), neginf=normal(), kink=[[0, 0, 0, 1], 1, 1, 1])
case(np.nan_to_num, nonzero(3), nan=np.array([1.0, 2.0, 3.0]))
case(np.nan_to_num, complex_normal(3))
HALF_NUMBERS = Draw((3,), lambda generator, shape: np.array([complex(np.nan, 1), complex(2, np.inf), 3 + 4j]), "half")
case(np.nan_to_num, HALF_NUMBERS, nan=positive(), posinf=5.0, kink=[[0, 1, 1], 1])
case(repaired, HALF_NUMBERS, 2.0, normal(), None, kink=[[0, 1, 1], 0])
case(repaired, np.array([np.nan, np.inf, -np.inf, 1.0]), normal(), normal(), normal())
case(repaired, np.array([complex(np.nan, 1), complex(-np.inf, np.inf)]), normal(2), normal(), normal(2))
case(repaired, normal(), 0.0, None, None)
case(repaired, normal(0, 3), 0.0, None, None)


def repaired_in_place(x: Any, copy: bool) -> Any:
    """What np.nan_to_num makes of its first argument."""
    target = np.copy(x)
    np.nan_to_num(target, copy=copy)
    return target


CALLED_BY[repaired_in_place] = np.nan_to_num
case(repaired_in_place, NUMBERS, copy=False, kink=[[0, 0, 0, 1]])

case(np.angle, complex_normal(2, 3))
case(np.angle, complex_normal(), deg=True)
case(np.angle, nonzero(2, 3))
case(np.angle, nonzero(), True)
case(np.angle, normal(0, 3))
case(np.angle, exactly(-2.0, 0.0, 3.0), kink=[[0, 0, 0]])
case(np.angle, Draw((2,), lambda generator, shape: np.array([0j, 2j]), "[0i,2i]"), kink=[[0, -0.5]])

case(np.real_if_close, complex_normal(3))
case(np.real_if_close, normal(2, 3))
case(np.real_if_close, normal())
case(np.real_if_close, normal(0, 3))
REAL = Draw((2,), lambda generator, shape: np.array([1 + 1e-15j, 2 - 1e-15j]), "almost-real")
case(np.real_if_close, REAL, kink=[[1, 1]])
case(np.real_if_close, REAL, tol=1.5, kink=[[1, 1]])  # too far from real: it stays

for function in (np.round, np.around):
    case(function, exactly((-1.6, 0.7), (2.4, -3.33)))
    case(function, exactly(1.234, -0.47), decimals=1)
    case(function, exactly(123.4, -47.0), -1)
    case(function, near_three())
    case(function, normal(0, 3))
    case(function, complex_normal(3))
    case(function, exactly(0.5, 1.5), kink=[[0, 0]])


def fix(x: Any) -> Any:
    """np.fix, which NumPy deprecates from 2.5 on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.fix(x)


CALLED_BY[fix] = np.fix
case(fix, exactly((-1.6, 0.7), (2.4, -3.3)))
case(fix, inside())
case(fix, normal(0, 3))

NOT_ANALYTIC.update({
    np.i0, bessel, repaired, np.angle, np.real_if_close, np.round, np.around, fix,
})  # fmt: skip
