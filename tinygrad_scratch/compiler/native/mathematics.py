"""exp, log, tanh and what else native loops call: plain arithmetic that LLVM turns into vector instructions.

Each function is written for one width of float and is accurate to about one unit in the last place, denormals,
infinities and NaN included. The numbers come from fdlibm (Sun Microsystems, 1993) and cephes (Moshier, 1992); the frame
of exp, two scalings by half the exponent, keeps denormals.

Everything here is compiled with its own flags, so that no caller's freedom to reorder sums folds the rounding away.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

FLAGS = {"contract", "nsz"}
"""What elementwise code may do: fuse a product with a sum, and forget the sign of a zero."""

intrinsic: Callable[..., Any] = numba_intrinsic
helper: Callable[..., Any] = njit(fastmath=FLAGS, error_model="numpy", forceinline=True)

# ---- single instructions ---------------------------------------------------------------------------------------------


def instruction(name: str, operands: int = 1) -> Any:
    """A function of floats that is an instruction of LLVM's."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = arguments[0].type
        function = ir.FunctionType(kind, [kind] * operands)
        return builder.call(builder.module.declare_intrinsic(name, [kind], function), arguments)

    def unary(typing_context: Any, x: Any) -> Any:
        return x(x), generate

    def binary(typing_context: Any, x: Any, y: Any) -> Any:
        return x(x, x), generate

    return intrinsic(unary if operands == 1 else binary)


sqrt, absolute = instruction("llvm.sqrt"), instruction("llvm.fabs")
floor, ceil, trunc, rint = (instruction(f"llvm.{name}") for name in ("floor", "ceil", "trunc", "rint"))
maximum, minimum = instruction("llvm.maximum", 2), instruction("llvm.minimum", 2)  # NaN if either is


@intrinsic
def select(typing_context: Any, condition: Any, x: Any, y: Any) -> Any:
    """One of two values: both are computed, and there is no branch."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        chosen = cgutils.as_bool_bit(builder, arguments[0])
        return builder.select(chosen, arguments[1], arguments[2])

    return x(types.boolean, x, x), generate


@intrinsic
def add_in_any_order(typing_context: Any, x: Any, y: Any) -> Any:
    """A sum that LLVM may regroup: with it, and it alone, a reduction becomes vector instructions."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if isinstance(x, types.Float):
            return builder.fadd(*arguments, flags=("reassoc", "contract", "nsz"))
        return builder.add(*arguments)

    return x(x, x), generate


# ---- the bits of a float ---------------------------------------------------------------------------------------------


def layout(type_: Any) -> tuple[Any, int, int]:
    """The integer of the same width, how many bits the mantissa has, and the exponent's bias."""
    return (ir.IntType(64), 52, 1023) if type_ is types.float64 else (ir.IntType(32), 23, 127)


@intrinsic
def power_of_two(typing_context: Any, shifted: Any, share: Any) -> Any:
    """2 to the half of n, of which `share` says the first or the second; n lies in the last bits of `shifted`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer, mantissa, bias = layout(shifted)
        magic = int(np.float64(1.5 * 2.0**52).view(np.int64) if bias == 1023 else np.float32(1.5 * 2.0**23).view("i4"))
        n = builder.sub(builder.bitcast(arguments[0], integer), integer(magic))
        half = builder.ashr(n, integer(1))
        exponent = half if share.literal_value == 1 else builder.sub(n, half)
        bits = builder.shl(builder.add(exponent, integer(bias)), integer(mantissa))
        return builder.bitcast(bits, arguments[0].type)

    return (shifted(shifted, share), generate) if isinstance(share, types.IntegerLiteral) else None


@intrinsic
def exponent_of(typing_context: Any, x: Any) -> Any:
    """The k of x = 2**k * m with sqrt(1/2) <= m < sqrt(2), as a float, for a positive normal x."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer, mantissa, bias = layout(x)
        bits = shifted_bits(builder, arguments[0], x)
        k = builder.sub(builder.ashr(bits, integer(mantissa)), integer(bias))
        return builder.sitofp(k, arguments[0].type)

    return x(x), generate


@intrinsic
def mantissa_of(typing_context: Any, x: Any) -> Any:
    """The m of x = 2**k * m with sqrt(1/2) <= m < sqrt(2), for a positive normal x."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer, mantissa, _ = layout(x)
        bits = builder.and_(shifted_bits(builder, arguments[0], x), integer((1 << mantissa) - 1))
        return builder.bitcast(builder.add(bits, integer(ROOT_HALF[x])), arguments[0].type)

    return x(x), generate


ROOT_HALF = {
    types.float64: int(np.float64(math.sqrt(0.5)).view(np.int64)),
    types.float32: int(np.float32(math.sqrt(0.5)).view(np.int32)),
}
ONE = {types.float64: int(np.float64(1).view(np.int64)), types.float32: int(np.float32(1).view(np.int32))}


def shifted_bits(builder: Any, value: Any, type_: Any) -> Any:
    """The bits of a float, moved so that the exponent turns over at sqrt(1/2) in place of 1."""
    integer, _, _ = layout(type_)
    return builder.add(builder.bitcast(value, integer), integer(ONE[type_] - ROOT_HALF[type_]))


# ---- float64 ---------------------------------------------------------------------------------------------------------

inf, nan = math.inf, math.nan


@helper
def exp64(x: Any) -> Any:
    """With n = round(x / ln 2) and r = x - n ln 2, it is 2**n times the series of exp(r) up to r**13."""
    x = select(x > 710.0, 710.0, select(x < -746.0, -746.0, x))
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


@helper
def log64(x: Any) -> Any:
    """With x = 2**k * m, it is k ln 2 + log(m), the latter by fdlibm's series in s = f / (2 + f) where f = m - 1."""
    tiny = x < 2.2250738585072014e-308
    normal = select(tiny, x * 18014398509481984.0, x)
    k = exponent_of(normal) - select(tiny, 54.0, 0.0)
    f = mantissa_of(normal) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    even = 2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)
    r = odd + z * (6.666666666666735130e-01 + w * even)
    square = 0.5 * f * f
    y = k * 6.93147180369123816490e-01 - ((square - (s * (square + r) + k * 1.90821492927058770002e-10)) - f)
    y = select(x < inf, y, x)
    return select(x > 0.0, y, select(x == 0.0, -inf, nan))


@helper
def tanh64(x: Any) -> Any:
    """Near 0 the rational function of cephes; further out 1 - 2 / (exp(2 |x|) + 1)."""
    size = absolute(x)
    z = x * x
    p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3
    q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3
    far = 1.0 - 2.0 / (exp64(size + size) + 1.0)
    return select(size < 0.625, x + x * z * (p / q), select(x < 0.0, -far, far))


@helper
def log1p64(x: Any) -> Any:
    """The quotient log(u) * x / (u - 1) with u = 1 + x as rounded, whose errors cancel (Kahan; Goldberg, 1991)."""
    u = 1.0 + x
    d = u - 1.0
    return select(d == 0.0, x, select(u == inf, u, log64(u) * (x / d)))


# ---- float32 ---------------------------------------------------------------------------------------------------------

f = np.float32
one, two, zero = f(1), f(2), f(0)
infinite, no_number = f(math.inf), f(math.nan)
EXP_TOP, EXP_BOTTOM, LOG2_E, MAGIC = f(89), f(-104), f(1.4426950408889634), f(1.5 * 2.0**23)
LN2_HIGH, LN2_LOW = f(0.693359375), f(-2.12194440e-4)
E0, E1, E2, E3, E4, E5 = map(
    f, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)
LEAST, UP, DOWN, HALF = f(1.17549435e-38), f(2.0**25), f(25), f(0.5)
L1, L2, L3, L4 = map(f, (0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841))
LN2_FIRST, LN2_REST = f(6.9313812256e-01), f(9.0580006145e-06)
T0, T1, T2, T3, T4 = map(
    f, (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
)
NEAR = f(0.625)


@helper
def exp32(x: Any) -> Any:
    """The same frame with the polynomial of cephes."""
    x = select(x > EXP_TOP, EXP_TOP, select(x < EXP_BOTTOM, EXP_BOTTOM, x))
    shifted = x * LOG2_E + MAGIC
    n = shifted - MAGIC
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    series = ((((E0 * r + E1) * r + E2) * r + E3) * r + E4) * r + E5
    y = one + (r + r * r * series)
    return y * power_of_two(shifted, 1) * power_of_two(shifted, 2)


@helper
def log32(x: Any) -> Any:
    """The same frame with the shorter series for floats."""
    tiny = x < LEAST
    normal = select(tiny, x * UP, x)
    k = exponent_of(normal) - select(tiny, DOWN, zero)
    f = mantissa_of(normal) - one
    s = f / (two + f)
    z = s * s
    w = z * z
    r = z * (L1 + w * L3) + w * (L2 + w * L4)
    square = HALF * f * f
    y = k * LN2_FIRST - ((square - (s * (square + r) + k * LN2_REST)) - f)
    y = select(x < infinite, y, x)
    return select(x > zero, y, select(x == zero, -infinite, no_number))


@helper
def tanh32(x: Any) -> Any:
    """Near 0 the polynomial of cephes; further out 1 - 2 / (exp(2 |x|) + 1)."""
    size = absolute(x)
    z = x * x
    near = x + x * z * ((((T0 * z + T1) * z + T2) * z + T3) * z + T4)
    far = one - two / (exp32(size + size) + one)
    return select(size < NEAR, near, select(x < zero, -far, far))


@helper
def log1p32(x: Any) -> Any:
    """Kahan's, as above."""
    u = one + x
    d = u - one
    return select(d == zero, x, select(u == infinite, u, log32(u) * (x / d)))
