"""Native text, run by Python itself: slow, but it needs no compiler, so that every case can go through it."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native.writer import NAMES

FUNCTIONS: dict[str, Any] = {
    "address": lambda array: array.ctypes.data,
    "select": lambda condition, x, y: x if condition else y,
    "add_in_any_order": lambda x, y: x + y,
    "sqrt": np.sqrt,
    "absolute": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "rint": np.rint,
    "maximum": np.maximum,
    "minimum": np.minimum,
    **{f"{name}{width}": getattr(np, name) for name in ("exp", "log", "log1p", "tanh") for width in (32, 64)},
}


def gemm(number: Any) -> Any:
    """CBLAS's product, on addresses as native code passes them."""

    def matrix(address: int, flag: int, rows: int, columns: int, step: int) -> Any:
        stored = (rows, columns) if flag == 111 else (columns, rows)
        count = (stored[0] - 1) * step + stored[1]
        flat = np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(number)), (count,))
        strides = (step * flat.itemsize, flat.itemsize)
        seen = np.lib.stride_tricks.as_strided(flat, stored, strides)
        return seen if flag == 111 else seen.T

    def call(order: int, ta: int, tb: int, m: int, n: int, k: int, alpha: Any, *rest: Any) -> None:
        a, lda, b, ldb, beta, c, ldc = rest
        assert order == 101
        target = matrix(c, 111, m, n, ldc)
        product = alpha * (matrix(a, ta, m, k, lda) @ matrix(b, tb, k, n, ldb))
        target[...] = product + beta * target if beta else product

    return call


def interpreted(text: str, functions: list[str]) -> dict[str, Any]:
    """The functions of native text as Python functions, to be bound to arrays."""

    def bind(function: Any) -> Any:
        return lambda *arrays: lambda *steps: function(*steps, *arrays)

    names = {**NAMES, **FUNCTIONS, "dgemm": gemm(ctypes.c_double), "sgemm": gemm(ctypes.c_float)}
    exec("\n".join(line for line in text.split("\n") if not line.startswith("from ")), names)
    return {name: bind(names[name]) for name in functions}
