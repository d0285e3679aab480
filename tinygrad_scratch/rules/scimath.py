"""Derivatives of np.emath: the functions that go over to complex numbers where real ones have no value.

Each is its namesake of the main chapter, of a real argument cast to complex where that is needed. The gradient of a
real argument is real.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.rules.registry import array, compose
from tinygrad_scratch.rules.shapes import cast

SINGLE = {np.dtype(kind) for kind in (np.float32, np.int8, np.int16, np.uint8, np.uint16)}


def complex_where(x: Any, has_no_value: Any) -> Any:
    """An argument as complex numbers, if one of its elements has no real value."""
    x = array(x)
    if np.iscomplexobj(x) or not np.any(has_no_value(x)):
        return x
    return cast(x, np.dtype(np.complex64 if x.dtype in SINGLE else np.complex128))


def is_negative(x: Any) -> Any:
    return x < 0


def is_beyond_one(x: Any) -> Any:
    return np.abs(x) > 1


@compose(np.emath.sqrt)
def sqrt(x: Any) -> Any:
    return np.sqrt(complex_where(x, is_negative))


@compose(np.emath.log)
def log(x: Any) -> Any:
    return np.log(complex_where(x, is_negative))


@compose(np.emath.log2)
def log2(x: Any) -> Any:
    return np.log2(complex_where(x, is_negative))


@compose(np.emath.log10)
def log10(x: Any) -> Any:
    return np.log10(complex_where(x, is_negative))


@compose(np.emath.logn)
def logn(n: Any, x: Any) -> Any:
    """The logarithm to the base n."""
    return np.log(complex_where(x, is_negative)) / np.log(complex_where(n, is_negative))


@compose(np.emath.power)
def power(x: Any, p: Any) -> Any:
    """X to the power p, where negative integers as exponents make floats of integers."""
    p = array(p)
    return np.power(complex_where(x, is_negative), p * 1.0 if p.dtype.kind in "iu" and np.any(p < 0) else p)


@compose(np.emath.arcsin)
def arcsin(x: Any) -> Any:
    return np.arcsin(complex_where(x, is_beyond_one))


@compose(np.emath.arccos)
def arccos(x: Any) -> Any:
    return np.arccos(complex_where(x, is_beyond_one))


@compose(np.emath.arctanh)
def arctanh(x: Any) -> Any:
    return np.arctanh(complex_where(x, is_beyond_one))
