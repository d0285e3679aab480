"""A float of LLVM's, on which Python's operators write instructions: how the formulas of `mathematics` become code.

An operand that is a Python number becomes a constant of the same width. The instructions carry flags of their own, so
that no caller's freedom to reorder sums folds the rounding away.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir

FLAGS = ("contract", "nsz")
"""What elementwise code may do: fuse a product with a sum, and forget the sign of a zero."""


class Float:
    """A value, and the builder that writes what is computed from it."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def known(self, number: Float | float) -> Any:
        return number.value if isinstance(number, Float) else self.value.type(number)

    def made(self, value: Any) -> Float:
        return Float(self.builder, value)

    def __add__(self, other: Float | float) -> Float:
        return self.made(self.builder.fadd(self.value, self.known(other), flags=FLAGS))

    __radd__ = __add__

    def __sub__(self, other: Float | float) -> Float:
        return self.made(self.builder.fsub(self.value, self.known(other), flags=FLAGS))

    def __rsub__(self, other: float) -> Float:
        return self.made(self.builder.fsub(self.known(other), self.value, flags=FLAGS))

    def __mul__(self, other: Float | float) -> Float:
        return self.made(self.builder.fmul(self.value, self.known(other), flags=FLAGS))

    __rmul__ = __mul__

    def __truediv__(self, other: Float | float) -> Float:
        return self.made(self.builder.fdiv(self.value, self.known(other), flags=FLAGS))

    def __rtruediv__(self, other: float) -> Float:
        return self.made(self.builder.fdiv(self.known(other), self.value, flags=FLAGS))

    def __neg__(self) -> Float:
        return self.made(self.builder.fneg(self.value, flags=FLAGS))

    def __abs__(self) -> Float:
        kind = self.value.type
        function = self.builder.module.declare_intrinsic("llvm.fabs", [kind], ir.FunctionType(kind, [kind]))
        return self.made(self.builder.call(function, [self.value]))

    def is_(self, comparison: str, other: float) -> Truth:
        """A comparison, false for NaN."""
        return Truth(self, self.builder.fcmp_ordered(comparison, self.value, self.known(other)))

    def __lt__(self, other: float) -> Truth:
        return self.is_("<", other)

    def __gt__(self, other: float) -> Truth:
        return self.is_(">", other)

    def equals(self, other: float) -> Truth:
        return self.is_("==", other)


class Truth:
    """A comparison of a float."""

    def __init__(self, of: Float, value: Any) -> None:
        self.of, self.value = of, value


def choose(truth: Truth, x: Float | float, y: Float | float) -> Float:
    """One of two values: both are computed, and there is no branch."""
    of = truth.of
    return of.made(of.builder.select(truth.value, of.known(x), of.known(y)))


# ---- the bits of a float ---------------------------------------------------------------------------------------------


def layout(x: Float) -> tuple[Any, int, int]:
    """The integer of the same width, how many bits the mantissa has, and the exponent's bias."""
    return (ir.IntType(64), 52, 1023) if x.value.type == ir.DoubleType() else (ir.IntType(32), 23, 127)


def bits_of(x: Float) -> Any:
    return x.builder.bitcast(x.value, layout(x)[0])


def bits_of_number(number: float, like: Float) -> Any:
    """The bits of a number in the width of a float."""
    integer, _, _ = layout(like)
    return integer(int(np.float64(number).view(np.int64) if integer.width == 64 else np.float32(number).view(np.int32)))


def power_of_two(shifted: Float, share: int) -> Float:
    """2 to the half of n, of which `share` says the first or the second; n lies in the last bits of `shifted`.

    These are the last bits of 1.5 * 2**52 + n, where the mantissa has 52 bits.
    """
    integer, mantissa, bias = layout(shifted)
    builder = shifted.builder
    n = builder.sub(bits_of(shifted), bits_of_number(1.5 * 2.0**mantissa, shifted))
    half = builder.ashr(n, integer(1))
    exponent = half if share == 1 else builder.sub(n, half)
    bits = builder.shl(builder.add(exponent, integer(bias)), integer(mantissa))
    return shifted.made(builder.bitcast(bits, shifted.value.type))


def exponent_of(x: Float) -> Float:
    """The k of x = 2**k * m with sqrt(1/2) <= m < sqrt(2), for a positive normal x."""
    integer, mantissa, bias = layout(x)
    k = x.builder.sub(x.builder.ashr(shifted_bits(x), integer(mantissa)), integer(bias))
    return x.made(x.builder.sitofp(k, x.value.type))


def mantissa_of(x: Float) -> Float:
    """The m of x = 2**k * m with sqrt(1/2) <= m < sqrt(2), for a positive normal x."""
    integer, mantissa, _ = layout(x)
    last = x.builder.and_(shifted_bits(x), integer((1 << mantissa) - 1))
    bits = x.builder.add(last, bits_of_number(ROOT_HALF, x))
    return x.made(x.builder.bitcast(bits, x.value.type))


ROOT_HALF = math.sqrt(0.5)


def shifted_bits(x: Float) -> Any:
    """The bits of a float, moved so that the exponent turns over at sqrt(1/2) in place of 1."""
    one, root = bits_of_number(1.0, x), bits_of_number(ROOT_HALF, x)
    return x.builder.add(bits_of(x), x.builder.sub(one, root))
