"""What NumPy's functions of single elements are in the text of a native loop.

A formula names its operands {0}, {1}, ...; they are converted to the type that NumPy computes in, and {t} is the width
of that type, 32 or 64.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.traced import as_type
from tinygrad_scratch.functional import erf, leaky_relu, relu, sigmoid
from tinygrad_scratch.rules.elementwise import sigmoid_slope
from tinygrad_scratch.rules.shapes import cast

Dtype = np.dtype[Any]

FLOATS: dict[Any, str] = (
    {
        np.add: "{0} + {1}",
        np.subtract: "{0} - {1}",
        np.multiply: "{0} * {1}",
        np.divide: "{0} / {1}",
        np.negative: "-{0}",
        np.positive: "{0}",
        np.conjugate: "{0}",
        np.reciprocal: "one{t} / {0}",
        np.square: "{0} * {0}",
        np.sqrt: "sqrt({0})",
        np.absolute: "absolute({0})",
        np.fabs: "absolute({0})",
        np.floor: "floor({0})",
        np.ceil: "ceil({0})",
        np.trunc: "trunc({0})",
        np.rint: "rint({0})",
        np.exp: "exp{t}({0})",
        np.log: "log{t}({0})",
        np.log1p: "log1p{t}({0})",
        np.tanh: "tanh{t}({0})",
        np.maximum: "maximum({0}, {1})",
        np.minimum: "minimum({0}, {1})",
        np.fmax: "select({0} >= {1}, {0}, select({1} == {1}, {1}, {0}))",
        np.fmin: "select({0} <= {1}, {0}, select({1} == {1}, {1}, {0}))",
        np.sign: "select({0} > zero{t}, one{t}, select({0} < zero{t}, -one{t}, {0}))",
        np.degrees: "{0} * float{t}(180 / pi)",
        np.rad2deg: "{0} * float{t}(180 / pi)",
        np.radians: "{0} * float{t}(pi / 180)",
        np.deg2rad: "{0} * float{t}(pi / 180)",
        np.logaddexp: (
            "select({0} == {1}, {0} + float{t}(ln2), maximum({0}, {1}) + log1p{t}(exp{t}(-absolute({0} - {1}))))"
        ),
        sigmoid: "one{t} / (one{t} + exp{t}(-{0}))",
        sigmoid_slope: "{0} * ({0} * select({1} > largest{t}, largest{t}, {1}))",
        relu: "maximum({0}, zero{t})",
    }
    | {
        function: f"float{{t}}(math.{name}({{0}}))"
        for function, name in {
            np.expm1: "expm1",
            np.sin: "sin",
            np.cos: "cos",
            np.tan: "tan",
            np.arcsin: "asin",
            np.arccos: "acos",
            np.arctan: "atan",
            np.sinh: "sinh",
            np.cosh: "cosh",
            np.arcsinh: "asinh",
            np.arccosh: "acosh",
            np.arctanh: "atanh",
            np.log2: "log2",
            np.log10: "log10",
            erf: "erf",
        }.items()
    }
    | {np.hypot: "float{t}(math.hypot({0}, {1}))", np.arctan2: "float{t}(math.atan2({0}, {1}))"}
)

INTEGERS: dict[Any, str] = {
    np.add: "{0} + {1}",
    np.subtract: "{0} - {1}",
    np.multiply: "{0} * {1}",
    np.negative: "-{0}",
    np.positive: "{0}",
    np.conjugate: "{0}",
    np.square: "{0} * {0}",
    np.absolute: "({0} if {0} >= 0 else -{0})",
    np.maximum: "({0} if {0} >= {1} else {1})",
    np.minimum: "({0} if {0} <= {1} else {1})",
    np.sign: "(({0} > 0) - ({0} < 0))",
    np.bitwise_and: "{0} & {1}",
    np.bitwise_or: "{0} | {1}",
    np.bitwise_xor: "{0} ^ {1}",
    relu: "({0} if {0} >= 0 else 0)",
}

BOOLEANS: dict[Any, str] = {
    np.add: "{0} | {1}",
    np.multiply: "{0} & {1}",
    np.maximum: "{0} | {1}",
    np.minimum: "{0} & {1}",
    np.bitwise_and: "{0} & {1}",
    np.bitwise_or: "{0} | {1}",
    np.bitwise_xor: "{0} ^ {1}",
    np.invert: "not {0}",
    np.absolute: "{0}",
}

TRUTHS: dict[Any, str] = {
    np.equal: "{0} == {1}",
    np.not_equal: "{0} != {1}",
    np.less: "{0} < {1}",
    np.less_equal: "{0} <= {1}",
    np.greater: "{0} > {1}",
    np.greater_equal: "{0} >= {1}",
    np.isnan: "{0} != {0}",
    np.isfinite: "{0} - {0} == zero{t}",
    np.isinf: "({0} == {0}) & ({0} - {0} != zero{t})",
}
"""Functions of numbers whose result is a truth; the operands keep the type that NumPy compares in."""

FILLED: dict[Any, float] = {np.ones_like: 1, np.zeros_like: 0, np.empty_like: 0}
"""Functions that make arrays of one number."""
CASTS = {cast, as_type}
OF_PYTHON: dict[Any, Any] = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.divide,
    operator.pow: np.power,
    operator.neg: np.negative,
}
"""Operators of two Python numbers."""

LOGIC: dict[Any, str] = {
    np.logical_and: "{0} & {1}",
    np.logical_or: "{0} | {1}",
    np.logical_xor: "{0} ^ {1}",
    np.logical_not: "not {0}",
}
"""Functions of truths: each operand is compared with 0 first."""

SUPPORTED = {np.dtype(kind): kind for kind in ("f8", "f4", "i8", "i4", "i2", "i1", "u1", "b1")}
"""The types that native loops compute with, and what the arena is named when seen as an array of them."""


def formula(function: Any, operands: tuple[Any, ...], keywords: Any, result: Dtype) -> tuple[str, list[Dtype]] | None:
    """The text of a call and the types that its operands are brought to, or None where there is no native one.

    An operand is an object with a dtype, or a Python number.
    """
    function = OF_PYTHON.get(function, function)
    if function in CASTS and result in SUPPORTED and is_native(operands[0]):
        return "{0}", [result]
    if function is np.where and len(operands) == 3 and not keywords:
        return ("select({0}, {1}, {2})", [np.dtype(bool), result, result]) if all(map(is_native, operands)) else None
    if function is leaky_relu and result.kind == "f" and is_native(operands[0]):
        slope = operands[1] if len(operands) > 1 else keywords.get("slope", 0.01)
        return f"select({{0}} > zero{{t}}, {{0}}, {{0}} * float{{t}}({float(slope)!r}))", [result]
    if keywords or not all(map(is_native, operands)) or result not in SUPPORTED:
        return None
    if function is np.clip and len(operands) == 3:
        nested = "minimum(maximum({0}, {1}), {2})" if result.kind == "f" else "min(max({0}, {1}), {2})"
        return (nested, [result] * 3) if result.kind in "fiu" else None
    if function in (np.power, np.float_power):
        return power(operands, result)
    if function in LOGIC:
        return LOGIC[function], [np.dtype(bool)] * len(operands)
    if function in TRUTHS:
        return truth(function, operands)
    table = FLOATS if result.kind == "f" else BOOLEANS if result.kind == "b" else INTEGERS
    return (table[function], [result] * len(operands)) if function in table else None


def truth(function: Any, operands: tuple[Any, ...]) -> tuple[str, list[Dtype]] | None:
    """A comparison, in the type that NumPy compares in."""
    given = tuple(getattr(x, "dtype", type(x)) for x in operands)
    *types, _ = function.resolve_dtypes((*given, None))
    if any(dtype not in SUPPORTED for dtype in types) or (len(types) == 1 and types[0].kind != "f"):
        return None
    return TRUTHS[function], types


def power(operands: tuple[Any, ...], result: Dtype) -> tuple[str, list[Dtype]] | None:
    """Products for small whole exponents, a root for one half, else the library's pow."""
    exponent = operands[1]
    is_number = isinstance(exponent, int | float) and not isinstance(exponent, bool)
    if is_number and exponent in POWERS and (result.kind == "f" or exponent in (1, 2, 3)):
        return POWERS[exponent], [result]
    if result.kind != "f":
        return None
    return "float{t}(math.pow({0}, {1}))", [result, result]


POWERS: dict[Any, str] = {
    1: "{0}",
    2: "{0} * {0}",
    3: "{0} * {0} * {0}",
    4: "({0} * {0}) * ({0} * {0})",
    -1: "one{t} / {0}",
    -2: "one{t} / ({0} * {0})",
    0.5: "sqrt({0})",
    -0.5: "one{t} / sqrt({0})",
}


def is_native(operand: Any) -> bool:
    """Whether a loop can hold this operand."""
    dtype = getattr(operand, "dtype", None)
    return dtype in SUPPORTED if dtype is not None else isinstance(operand, int | float)


def literal(number: Any, dtype: Dtype) -> str:
    """A number as text, of a type."""
    if dtype.kind == "b":
        return str(bool(number))
    if dtype.kind in "iu":
        return converted(repr(int(number)), dtype) if dtype.itemsize < 8 else repr(int(number))
    value = float(dtype.type(number))
    text = repr(value) if math.isfinite(value) else "nan" if value != value else "inf" if value > 0 else "-inf"
    return text if dtype.itemsize == 8 else f"float32({text})"


def converted(text: str, dtype: Dtype, given: Dtype | None = None) -> str:
    """Text of one type brought to another."""
    if given == dtype:
        return text
    if dtype.kind == "b":
        return f"({text} != 0)"
    return f"{dtype.name}({text})"
