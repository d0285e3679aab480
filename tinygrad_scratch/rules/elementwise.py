"""Derivatives of the functions that work element by element.

Conventions at kinks: `abs`, `hypot` and `arctan2` have derivative 0 at 0, and so have the roots `sqrt`, `cbrt` and
powers between 0 and 1, whose slope is infinite there: a norm written with them then has the subgradient 0 at 0, and not
NaN. Where two arguments tie, `maximum`, `minimum`, `fmax` and `fmin` give half of the gradient to each, so that
`maximum(x, x)` has derivative 1; `clip` is made of these. What is piecewise constant (`floor`, `sign` of a real number)
has derivative 0. Holomorphic functions need no conjugates: complex cotangents follow JAX's convention.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from tinygrad_scratch.rules.registry import compose, define_vjp, differentiable, piecewise_constant, without_derivative

LOG2 = math.log(2.0)
LOG10 = math.log(10.0)

# ---- arithmetic ------------------------------------------------------------------------------------------------------

define_vjp(np.add, x1=lambda g, y, x1, x2: g, x2=lambda g, y, x1, x2: g)
define_vjp(np.subtract, x1=lambda g, y, x1, x2: g, x2=lambda g, y, x1, x2: -g)
define_vjp(np.multiply, x1=lambda g, y, x1, x2: g * x2, x2=lambda g, y, x1, x2: g * x1)
define_vjp(np.divide, x1=lambda g, y, x1, x2: g / x2, x2=lambda g, y, x1, x2: -g * y / x2)
define_vjp(np.negative, x=lambda g, y, x: -g)
define_vjp(np.positive, x=lambda g, y, x: g)
define_vjp(np.reciprocal, x=lambda g, y, x: -g * y * y)
define_vjp(np.square, x=lambda g, y, x: g * (2 * x))


def power_base(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    """The derivative x2 * x1**(x2 - 1); at x1 = 0 it is 0 for an exponent of 0, and for roots."""
    if type(x2) in (int, float):
        if x2 == 2:
            return g * (x1 + x1)
        return g * (x2 * (off_zero(x1) if 0 < x2 < 1 else x1) ** (x2 - 1)) if x2 else np.zeros_like(x1)
    x1, x2 = wide(x1, y), wide(x2, y)
    if np.any(x1 == 0):
        x1 = np.where(np.logical_and(x2 > 0, x2 < 1), off_zero(x1), x1)
    return g * (x2 * x1 ** np.where(np.logical_and(x1 == 0, x2 == 0), 1, x2 - 1))


def off_zero(x: Any) -> Any:
    """Infinity in place of real zeros, so that what is divided by them is 0."""
    return x if np.iscomplexobj(x) else np.where(x == 0, np.inf, x)


def power_exponent(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    """The derivative y * log(x1), and 0 where x1 = 0."""
    x1 = wide(x1, y)
    return g * (y * np.log(np.where(x1 == 0, 1, x1)))


def wide(x: Any, y: Any) -> Any:
    """An operand in the dtype of the result: bytes would wrap around, and half a float has half the digits."""
    return x.astype(y.dtype) if hasattr(x, "dtype") and x.dtype != y.dtype else x


define_vjp(np.power, x1=power_base, x2=power_exponent)
define_vjp(np.float_power, x1=power_base, x2=power_exponent)
define_vjp(np.remainder, x1=lambda g, y, x1, x2: g, x2=lambda g, y, x1, x2: -g * np.floor_divide(x1, x2))
define_vjp(np.fmod, x1=lambda g, y, x1, x2: g, x2=lambda g, y, x1, x2: -g * np.trunc(x1 / x2))

define_vjp(np.ldexp, x1=lambda g, y, x1, x2: np.ldexp(g, x2), x2=None)


@compose(np.divmod)
def divmod_(x1: Any, x2: Any) -> Any:
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@compose(np.modf)
def modf(x: Any) -> Any:
    """The part that np.trunc leaves over, 0 for infinities, and what it takes."""
    finite = np.where(np.isinf(x), 0.0, x)
    return finite - np.trunc(finite), np.trunc(x) * 1.0


@compose(np.frexp)
def frexp(x: Any) -> Any:
    """The mantissa is x scaled by a power of two, which is piecewise constant."""
    exponent = np.frexp(x.numpy())[1]
    return np.ldexp(x, -exponent), exponent


# ---- exponentials and logarithms -------------------------------------------------------------------------------------

define_vjp(np.exp, x=lambda g, y, x: g * y)
define_vjp(np.exp2, x=lambda g, y, x: g * y * LOG2)
define_vjp(np.expm1, x=lambda g, y, x: g * (y + 1))
define_vjp(np.log, x=lambda g, y, x: g / x)
define_vjp(np.log2, x=lambda g, y, x: g / (x * LOG2))
define_vjp(np.log10, x=lambda g, y, x: g / (x * LOG10))
define_vjp(np.log1p, x=lambda g, y, x: g / (1 + x))
define_vjp(np.sqrt, x=lambda g, y, x: g / (2 * off_zero(y)))
define_vjp(np.cbrt, x=lambda g, y, x: g / (3 * off_zero(y * y)))
define_vjp(
    np.logaddexp,
    x1=lambda g, y, x1, x2: g * part_of_sum(np.exp, x1, x2, y),
    x2=lambda g, y, x1, x2: g * part_of_sum(np.exp, x2, x1, y),
)
define_vjp(
    np.logaddexp2,
    x1=lambda g, y, x1, x2: g * part_of_sum(np.exp2, x1, x2, y),
    x2=lambda g, y, x1, x2: g * part_of_sum(np.exp2, x2, x1, y),
)


def part_of_sum(power: Any, x: Any, other: Any, y: Any) -> Any:
    """What x is of a sum of powers whose logarithm is y: power(x - y). What is infinite shares an infinite sum."""
    infinite = np.isinf(y)
    share = (x == np.inf) / (1.0 + (other == np.inf))
    return np.where(infinite, share, power(np.where(infinite, 0, x) - np.where(infinite, 0, y)))


LARGEST = {np.dtype(kind): np.finfo(kind).max for kind in (np.float16, np.float32, np.float64, np.longdouble)}


@differentiable
def sigmoid_slope(y: Any, e: Any) -> Any:
    """The derivative y * (1 - y) of y = 1 / (1 + e), as y * y * e: near 1 it keeps the digits that 1 - y loses."""
    return y * (y * np.minimum(e, LARGEST[e.dtype]))


define_vjp(sigmoid_slope, y=lambda g, slope, y, e: g * (1 - 2 * y), e=None)  # e is a function of y


def over_square(a: Any, b: Any) -> Any:
    """The quotient a / b**2, where the square might overflow; 0 where b is 0."""
    b = off_zero(b)
    return a / b / b


def side_of(x: Any) -> Any:
    """The root of 1 - x**2. Of complex x, -(x - 1) keeps the sign of a zero imaginary part, which says the branch."""
    return np.sqrt(-(x - 1) if np.iscomplexobj(x) else 1 - x) * np.sqrt(1 + x)


# ---- circles and hyperbolas ------------------------------------------------------------------------------------------

define_vjp(np.sin, x=lambda g, y, x: g * np.cos(x))
define_vjp(np.cos, x=lambda g, y, x: -g * np.sin(x))
define_vjp(np.tan, x=lambda g, y, x: g * (1 + y * y))
define_vjp(np.arcsin, x=lambda g, y, x: g / side_of(x))
define_vjp(np.arccos, x=lambda g, y, x: -g / side_of(x))
define_vjp(np.arctan, x=np.errstate(over="ignore")(lambda g, y, x: g / (1 + x * x)))
define_vjp(np.sinh, x=lambda g, y, x: g * np.cosh(x))
define_vjp(np.cosh, x=lambda g, y, x: g * np.sinh(x))
define_vjp(np.tanh, x=lambda g, y, x: g * (1 - y * y))
define_vjp(np.arcsinh, x=lambda g, y, x: g / np.cosh(y))
define_vjp(np.arccosh, x=lambda g, y, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))
define_vjp(np.arctanh, x=lambda g, y, x: g / ((1 - x) * (1 + x)))
define_vjp(
    np.arctan2,
    x1=lambda g, y, x1, x2: over_square(g * x2, np.hypot(x1, x2)),
    x2=lambda g, y, x1, x2: over_square(-g * x1, np.hypot(x1, x2)),
)
define_vjp(
    np.hypot,
    x1=lambda g, y, x1, x2: g * (x1 / off_zero(y)),
    x2=lambda g, y, x1, x2: g * (x2 / off_zero(y)),
)
define_vjp(np.degrees, x=lambda g, y, x: g * (180 / math.pi))
define_vjp(np.radians, x=lambda g, y, x: g * (math.pi / 180))
define_vjp(np.rad2deg, x=lambda g, y, x: g * (180 / math.pi))
define_vjp(np.deg2rad, x=lambda g, y, x: g * (math.pi / 180))

# ---- kinks -----------------------------------------------------------------------------------------------------------


def share(g: Any, lost: Any, tie: Any) -> Any:
    """The cotangent of an argument: nothing where it lost, half where both tie, else all; NaN never loses."""
    return np.where(tie, g * 0.5, np.where(lost, 0, g))


define_vjp(
    np.maximum,
    x1=lambda g, y, x1, x2: share(g, x1 < y, x1 == x2),
    x2=lambda g, y, x1, x2: share(g, x2 < y, x1 == x2),
)
define_vjp(
    np.minimum,
    x1=lambda g, y, x1, x2: share(g, x1 > y, x1 == x2),
    x2=lambda g, y, x1, x2: share(g, x2 > y, x1 == x2),
)
for ignores_nan in (np.fmax, np.fmin):
    define_vjp(
        ignores_nan,
        x1=lambda g, y, x1, x2: share(g, x1 != y, x1 == x2),
        x2=lambda g, y, x1, x2: share(g, x2 != y, x1 == x2),
    )


def direction(x: Any, y: Any) -> Any:
    """The derivative of |x|: sign(x), for complex x its conjugate direction; 0 at 0."""
    return np.conjugate(x) / off_zero(y) if np.iscomplexobj(x) else np.sign(x)


define_vjp(np.absolute, x=lambda g, y, x: g * direction(x, y))
define_vjp(np.fabs, x=lambda g, y, x: g * np.sign(x))
define_vjp(np.copysign, x1=lambda g, y, x1, x2: g * np.where(np.signbit(x1) == np.signbit(x2), 1, -1), x2=None)
define_vjp(np.heaviside, x1=None, x2=lambda g, y, x1, x2: g * (x1 == 0))
define_vjp(
    np.where,
    condition=None,
    x=lambda g, _, condition, x, y: np.where(condition, g, 0),
    y=lambda g, _, condition, x, y: np.where(condition, 0, g),
)


@compose(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None, dtype: Any = None) -> Any:
    """The composition minimum(maximum(a, a_min), a_max), with their convention at ties."""
    lower, upper = a_min if min is None else min, a_max if max is None else max
    if lower is None and upper is None:
        return np.copy(a)
    typed = {} if dtype is None else {"dtype": dtype}
    above = a if lower is None else np.maximum(a, lower, **typed)
    return above if upper is None else np.minimum(above, upper, **typed)


# ---- complex numbers -------------------------------------------------------------------------------------------------

define_vjp(np.conjugate, x=lambda g, y, x: np.conjugate(g))
define_vjp(np.real, val=lambda g, y, val: g)
define_vjp(np.imag, val=lambda g, y, val: g * -1j if np.iscomplexobj(val) else 0 * g)

# ---- piecewise constant ----------------------------------------------------------------------------------------------

piecewise_constant(np.floor, np.ceil, np.trunc, np.rint, np.floor_divide)


def sign_of(g: Any, y: Any, x: Any) -> Any:
    """0 for real numbers; z / |z| moves along the circle only, by the part of the change that is across z."""
    if not np.iscomplexobj(x):
        return np.zeros_like(x)
    size = np.where(x == 0, np.inf, np.abs(x))
    return 1j * np.imag(g * y) * np.conjugate(y) / size


define_vjp(np.sign, x=sign_of)
define_vjp(np.nextafter, x1=lambda g, y, x1, x2: g, x2=None)
without_derivative(np.signbit, np.spacing)

# ---- special functions and repairs -----------------------------------------------------------------------------------
# All derivatives of a special function are one function here, of the order too: each is accurate, where formulas with
# the function itself, such as (cos(x) - sin(x) / x) / x, lose all digits near 0.


@differentiable
def bessel(x: Any, order: int) -> Any:
    """The modified Bessel function I of the first kind and of an integer order from 1 on.

    The quotients of neighbours, x / (2 k + x * next), are had by running backward from an order so large that its
    quotient does not matter (Gautschi, "Computational aspects of three-term recurrence relations", 1967). All terms
    have one sign, so no digits are lost.
    """
    largest = float(np.max(np.abs(x), initial=0.0, where=np.abs(x) < 800))  # where np.i0 overflows
    quotient, y = 0 * x, np.i0(x)
    for k in range(order + 20 + int(7 * math.sqrt(largest)), 0, -1):
        quotient = x / (2 * k + x * quotient)
        if k <= order:
            y = y * quotient
    return y


def bessel_slope(g: Any, y: Any, x: Any, order: int) -> Any:
    """Half the sum of the two neighbours (DLMF 10.29.1)."""
    return g * (0.5 * ((bessel(x, order - 1) if order > 1 else np.i0(x)) + bessel(x, order + 1)))


define_vjp(bessel, x=bessel_slope)
define_vjp(np.i0, x=lambda g, y, x: g * bessel(x, 1))


def cosine(x: Any, order: int) -> Any:
    """A derivative of the cosine, of any order."""
    y = np.sin(x) if order % 2 else np.cos(x)
    return -y if order % 4 in (1, 2) else y


@functools.cache
def gauss(number: int) -> list[tuple[float, float]]:
    """The places in [0, 1] and the weights of Gauss's rule, which is exact for polynomials of degree 2 * number - 1."""
    places, weights = np.polynomial.legendre.leggauss(number)
    return list(zip((0.5 + 0.5 * places).tolist(), (0.5 * weights).tolist(), strict=True))


@differentiable
def sinc_derivative(x: Any, order: int) -> Any:
    """A derivative of np.sinc, of an order from 1 on.

    With u = pi * x, sin(u) / u is the mean of cos(u t) over t in [0, 1]. Near 0 its derivatives are had from that,
    further out from the one of the order before: u s_n + n s_(n-1) is a derivative of the sine.
    """
    u = math.pi * x
    near = np.abs(u) < max(2, order)
    small, large = np.where(near, u, 0), np.where(near, 9, u)
    inside = sum(weight * t**order * cosine(t * small, order) for t, weight in gauss(8 + order))
    outside = np.sin(large) / large
    for k in range(1, order + 1):
        outside = (cosine(large, k + 3) - k * outside) / large
    return math.pi**order * np.where(near, inside, outside)


define_vjp(sinc_derivative, x=lambda g, y, x, order: g * sinc_derivative(x, order + 1))
define_vjp(np.sinc, x=lambda g, y, x: g * sinc_derivative(x, 1))


@differentiable
def repaired(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    """np.nan_to_num, always of a copy."""
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


def parts_that(test: Any, g: Any, x: Any) -> Any:
    """The cotangent where x passes a test; of complex numbers, either part for itself."""
    if not np.iscomplexobj(x):
        return np.where(test(x), g, 0)
    return np.where(test(np.real(x)), np.real(g), 0) + 1j * np.where(test(np.imag(x)), np.imag(g), 0)


def put_in(test: Any, g: Any, x: Any) -> Any:
    """The cotangent of the real number that was put into the parts that pass a test."""
    part = parts_that(test, g, x)
    return np.real(part) - np.imag(part) if np.iscomplexobj(x) else part


define_vjp(
    repaired,
    x=lambda g, y, x, nan, posinf, neginf: parts_that(np.isfinite, g, x),
    nan=lambda g, y, x, nan, posinf, neginf: put_in(np.isnan, g, x),
    posinf=lambda g, y, x, nan, posinf, neginf: put_in(np.isposinf, g, x),
    neginf=lambda g, y, x, nan, posinf, neginf: put_in(np.isneginf, g, x),
)


@compose(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """What is replaced has no gradient. With `copy=False` the result is written into x, as any write is."""
    y = repaired(x, nan, posinf, neginf)
    if copy:
        return y
    x[...] = y
    return x


def angle_of(g: Any, y: Any, z: Any, deg: bool = False) -> Any:
    """The imaginary part of log(z); 0 at 0, and 0 for real numbers, whose angle is piecewise constant."""
    if not np.iscomplexobj(z):
        return np.zeros_like(z)
    part = -1j * g / np.where(z == 0, np.inf, z)
    return part * (180 / math.pi) if deg else part


define_vjp(np.angle, z=angle_of)
define_vjp(np.real_if_close, a=lambda g, y, a, tol=100: g)
piecewise_constant(np.round, np.around, np.fix)
