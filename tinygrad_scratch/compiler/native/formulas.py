"""exp, log and tanh: plain arithmetic that LLVM turns into vector instructions.

Each function is written for one width of float and is accurate to about one unit in the last place, denormals,
infinities and NaN included. The numbers come from fdlibm (Sun Microsystems, 1993) and cephes (Moshier, 1992); the frame
of exp, two scalings by half the exponent, keeps denormals.

A formula runs while code is generated: numba has nothing of it to find types for, which would take longer than for all
that calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

from tinygrad_scratch.compiler.native.floats import Float, choose, exponent_of, mantissa_of, power_of_two

# ---- float64 ---------------------------------------------------------------------------------------------------------


def exp64(x: Float) -> Float:
    """With n = round(x / ln 2) and r = x - n ln 2, it is 2**n times the series of exp(r) up to r**13."""
    x = choose(x > 710.0, 710.0, choose(x < -746.0, -746.0, x))
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    n = shifted - 6755399441055744.0
    r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10
    r2 = r * r
    r4 = r2 * r2
    low = (0.5 + r * 0.16666666666666666) + r2 * (0.041666666666666664 + r * 0.008333333333333333)
    middle = (0.001388888888888889 + r * 0.0001984126984126984) + r2 * (
        2.48015873015873e-05 + r * 2.7557319223985893e-06
    )
    high = (2.755731922398589e-07 + r * 2.505210838544172e-08) + r2 * (
        2.08767569878681e-09 + r * 1.6059043836821613e-10
    )
    y = 1.0 + (r + r2 * (low + r4 * (middle + r4 * high)))
    return y * power_of_two(shifted, 1) * power_of_two(shifted, 2)


def log64(x: Float) -> Float:
    """The frame below with fdlibm's series."""

    def series(z: Float) -> Float:
        w = z * z
        odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
        even = 2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)
        return odd + z * (6.666666666666735130e-01 + w * even)

    return log_by(x, (2.2250738585072014e-308, 54.0), (6.93147180369123816490e-01, 1.90821492927058770002e-10), series)


def tanh64(x: Float) -> Float:
    """Near 0 the rational function of cephes."""
    z = x * x
    p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3
    q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3
    return tanh_by(x, x + x * z * (p / q), exp64)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def exp32(x: Float) -> Float:
    """The same frame with the polynomial of cephes."""
    x = choose(x > 89.0, 89.0, choose(x < -104.0, -104.0, x))
    shifted = x * 1.4426950408889634 + 12582912.0
    n = shifted - 12582912.0
    r = (x - n * 0.693359375) + n * 2.12194440e-4
    series = (
        (((1.9875691500e-4 * r + 1.3981999507e-3) * r + 8.3334519073e-3) * r + 4.1665795894e-2) * r + 1.6666665459e-1
    ) * r + 5.0000001201e-1
    y = 1.0 + (r + r * r * series)
    return y * power_of_two(shifted, 1) * power_of_two(shifted, 2)


def log32(x: Float) -> Float:
    """The frame below with the shorter series for floats."""

    def series(z: Float) -> Float:
        w = z * z
        return z * (0.66666662693 + w * 0.28498786688) + w * (0.40000972152 + w * 0.24279078841)

    return log_by(x, (1.17549435e-38, 25.0), (6.9313812256e-01, 9.0580006145e-06), series)


def tanh32(x: Float) -> Float:
    """Near 0 the polynomial of cephes."""
    z = x * x
    near = x + x * z * (
        (((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z
        - 3.33332819422e-1
    )
    return tanh_by(x, near, exp32)


# ---- both ------------------------------------------------------------------------------------------------------------


def log_by(x: Float, tiny: tuple[float, float], ln2: tuple[float, float], series: Callable[[Float], Float]) -> Float:
    """With x = 2**k * m, it is k ln 2 + log(m), the latter by a series in s = f / (2 + f) where f = m - 1.

    `tiny` is the least normal number, and the power of two by which what is below it is raised; `ln2` is ln 2 in two
    parts.
    """
    least, power = tiny
    normal = choose(x < least, x * 2.0**power, x)
    k = exponent_of(normal) - choose(x < least, power, 0.0)
    f = mantissa_of(normal) - 1.0
    s = f / (2.0 + f)
    square = 0.5 * f * f
    y = k * ln2[0] - ((square - (s * (square + series(s * s)) + k * ln2[1])) - f)
    y = choose(x < inf, y, x)
    return choose(x > 0.0, y, choose(x.equals(0.0), -inf, nan))


def tanh_by(x: Float, near: Float, exp: Callable[[Float], Float]) -> Float:
    """What is known near 0; further out 1 - 2 / (exp(2 |x|) + 1)."""
    size = abs(x)
    far = 1.0 - 2.0 / (exp(size + size) + 1.0)
    return choose(size < 0.625, near, choose(x < 0.0, -far, far))


def log1p(x: Float, log: Callable[[Float], Float]) -> Float:
    """The quotient log(u) * x / (u - 1) with u = 1 + x as rounded, whose errors cancel (Kahan; Goldberg, 1991)."""
    u = 1.0 + x
    d = u - 1.0
    return choose(d.equals(0.0), x, choose(u.equals(inf), u, log(u) * (x / d)))
