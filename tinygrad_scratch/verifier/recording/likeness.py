"""How far a value is from another, and whether the two are the same but for rounding."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from math import isfinite, isnan
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.steps import Array

SHORTER = {np.dtype(np.float16), np.dtype(np.float32)}
KNOWN = nullcontext()
NOUGHT = 1e-12  # no larger entry is more than rounding


def tolerance_of(value: Array) -> float:
    return 2e-3 if value.dtype in SHORTER else 1e-6


def difference(value: Array, truth: Array) -> float:
    """The largest difference, relative to the largest true entry; infinite where shapes differ or one is no number."""
    if value.shape != truth.shape:
        return np.inf
    if value.dtype.kind == "b" or truth.dtype.kind == "b":
        value, truth = value.astype(float), truth.astype(float)
    scale = float(np.abs(truth).max(initial=0.0))
    with KNOWN if isfinite(scale) else np.errstate(invalid="ignore"):  # inf less inf
        apart = float(np.abs(value - truth).max(initial=0.0))
    if isnan(apart):
        return np.inf
    return apart / scale if scale > NOUGHT else (0.0 if apart < 1e-9 else np.inf)


def close(value: Any, truth: Array) -> bool:
    value = np.asarray(value)
    return value.dtype.kind in "biufc" and difference(value, truth) < tolerance_of(value)


def is_near_number(one: float | None, other: float) -> bool:
    """Whether a number is another one but for rounding; none is near nothing."""
    return one is not None and abs(one - other) < 1e-6 * abs(other)


def cosine(one: Array, other: Array) -> float:
    """That of the angle between two arrays of one size, whatever their signs; 0 where one has no direction."""
    sizes = float(np.linalg.norm(one) * np.linalg.norm(other))
    return abs(float(np.vdot(one, other))) / sizes if sizes else 0.0


def is_along(one: Array, other: Array) -> bool:
    """Whether one array is a number times another one."""
    return one.size == other.size and cosine(one, other) > 1 - 1e-12


def is_varied(value: Array) -> bool:
    """Whether the entries of an array are not all one number."""
    return bool(value.size > 1 and np.any(value != value.flat[0]))


def signature(value: Array) -> tuple[Any, ...]:
    """The same for arrays that are equal but for rounding in their last digits."""
    if value.dtype.kind not in "fiub" or not value.size:
        return value.shape, id(value)
    flat = value.ravel().astype(float, copy=False)
    with np.errstate(all="ignore"):
        total = float(flat @ unequal(flat.size))
    return value.shape, float(f"{total:.9e}") if np.isfinite(total) else id(value)


def unequal(count: int) -> Array:
    """So many numbers of which no sum is another one's."""
    return longer_than(1 << count.bit_length())[:count]


@cache
def longer_than(count: int) -> Array:
    found: Array = np.cos(np.arange(1, count + 1))
    return found


def is_telling(value: Array) -> bool:
    """Whether equal values are more than a coincidence."""
    if value.size < 3 or value.dtype.kind != "f":
        return False
    least, most = value.min(), value.max()
    if np.isnan(most):
        return len(np.unique(value)) > 2
    return bool(np.any((value != least) & (value != most)))  # a third number


def nearest_shares(columns: Array, value: Array) -> Array:
    """How many times each column comes nearest to an array, all together; noughts where something is not finite."""
    if not (np.all(np.isfinite(columns)) and np.all(np.isfinite(value))):
        return np.zeros(columns.shape[1])
    return least_squares(columns, value.reshape(-1))


def least_squares(columns: Array, value: Array, smallest: float | None = None) -> Array:
    """How many times each column adds up best to an array, in double precision: NumPy solves for nothing longer."""
    found: Array = np.linalg.lstsq(columns.astype(float), value.astype(float), rcond=smallest)[0]
    return found


def factor_of(value: Array, of: Array) -> float | None:
    """The number that an array is multiplied by in another one; None where that is no multiple."""
    return float(np.vdot(of, value) / np.vdot(of, of)) if is_multiple(value, of) else None


def is_one_number(factors: list[float | None]) -> bool:
    """Whether several factors are known, and one number."""
    known = [factor for factor in factors if factor]
    return 0 < len(known) == len(factors) and bool(np.allclose(known, known[0], rtol=1e-6, atol=0))


def nearest_multiple(value: Array, of: Array) -> Array:
    return np.asarray(np.vdot(of, value) / np.vdot(of, of) * of)


def is_almost(value: Array, truth: Array) -> bool:
    """Whether a gradient is the true one but for what an epsilon makes of it."""
    if value.size != truth.size:
        return False
    apart = np.abs(value.reshape(-1) - truth.reshape(-1))
    return bool(np.max(apart, initial=0.0) < 1e-3 * np.max(np.abs(truth), initial=0.0))


def is_multiple(value: Array, of: Array) -> bool:
    """Whether an array is another one times a number."""
    if value.shape != of.shape or not np.any(of):
        return False
    return bool(np.any(value)) and close(value, nearest_multiple(value, of))
