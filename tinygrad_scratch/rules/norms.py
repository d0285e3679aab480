"""Derivatives of norms and condition numbers. A norm has gradient 0 at 0; ties share it equally."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.rules.elementwise import direction
from tinygrad_scratch.rules.linalg import conjugate, inverse_of, negligible, product
from tinygrad_scratch.rules.reductions import Axis, axes_of, extreme_of
from tinygrad_scratch.rules.registry import define_vjp, plain

# ---- norms -----------------------------------------------------------------------------------------------------------


def norm_of(g: Any, y: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Of a matrix where two axes are named, or the array has two, and an order that is not Frobenius'."""
    axes = axes_of(x, axis)
    of_matrix = len(axes) == 2 and ord is not None
    return matrix_norm_part(g, y, x, ord, axes) if of_matrix else vector_norm_part(g, y, x, ord, axes)


def with_axes(g: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """A norm with the axes that it was taken over, each of length 1."""
    return g.reshape(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def vector_norm_part(g: Any, y: Any, x: Any, ord: Any, axes: tuple[int, ...]) -> Any:
    """The unit vector, g x / y, for the length, else g sign(x) (|x| / y)**(p - 1)."""
    g, y = with_axes(g, x, axes), with_axes(y, x, axes)
    if ord is None or ord == 2:
        return g * (conjugate(x) / np.where(y == 0, np.inf, y))
    if ord == 0:
        return np.zeros_like(x)
    size = np.abs(x)
    if abs(ord) == np.inf:
        return extreme_of(g, y, size, axes, keepdims=True) * direction(x, size)
    if ord == 1:
        return g * direction(x, size)
    share = np.where(y == 0, 0, (np.where(size == 0, 1, size) / np.where(y == 0, 1, y)) ** (ord - 1))
    return g * (direction(x, size) * share)


def matrix_norm_part(g: Any, y: Any, x: Any, ord: Any, axes: tuple[int, ...]) -> Any:
    """Sums of rows or columns of absolute values, or singular values."""
    if ord in ("fro", "f"):
        return vector_norm_part(g, y, x, None, axes)
    g = with_axes(g, x, axes)
    if ord in ("nuc", 2, -2):
        u, s, vh = np.linalg.svd(np.moveaxis(x, axes, (-2, -1)), full_matrices=False)
        weights = weights_of_values(plain(s), ord, x.dtype)
        of_matrix = product(conjugate(u) * weights[..., None, :], conjugate(vh))
        return g * np.moveaxis(of_matrix, (-2, -1), axes)
    size = np.abs(x)
    sums = np.sum(size, axis=axes[0] if abs(ord) == 1 else axes[1], keepdims=True)
    extreme = (np.max if ord > 0 else np.min)(sums, axis=axes, keepdims=True)
    return extreme_of(g, extreme, sums, axes, keepdims=True) * direction(x, size)


def weights_of_values(s: Any, ord: Any, dtype: Any) -> Any:
    """What each singular value counts in a norm; those that are zero, but for rounding, count nothing."""
    largest = np.max(s, axis=-1, keepdims=True, initial=0.0)
    chosen = np.abs(s) > negligible(largest, (s.shape[-1],) * 2)
    if ord != "nuc":
        extreme = largest if ord == 2 else np.min(s, axis=-1, keepdims=True)
        chosen &= s == extreme
        return chosen / np.maximum(np.sum(chosen, axis=-1, keepdims=True), 1).astype(dtype)
    return chosen.astype(dtype)


def vector_norm_of(g: Any, y: Any, x: Any, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """Over any number of axes, whose elements are one vector."""
    return vector_norm_part(g, y, x, ord, axes_of(x, axis))


def matrix_norm_of(g: Any, y: Any, x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Over the last two axes."""
    return norm_of(g, y, x, ord, (-2, -1))


def condition_of(g: Any, y: Any, x: Any, p: Any = None) -> Any:
    """The quotient of the largest and smallest singular value, or the product of the norms of x and of its inverse."""
    g, y = np.real(g), np.real(y)  # NumPy 2.0 returns it as a complex number where x is complex
    if p is None or p in (2, -2):
        above, below = (-2, 2) if p == -2 else (2, -2)
        top, bottom = (np.linalg.norm(x, ord, axis=(-2, -1)) for ord in (above, below))
        bottom = np.where(bottom == 0, np.nan, bottom)
        return norm_of(g / bottom, top, x, above, (-2, -1)) - norm_of(g * y / bottom, bottom, x, below, (-2, -1))
    inverse = np.linalg.inv(x)
    mine, other = (np.linalg.norm(matrix, p, axis=(-2, -1)) for matrix in (x, inverse))
    through_inverse = inverse_of(norm_of(g * mine, other, inverse, p, (-2, -1)), inverse, x)
    return norm_of(g * other, mine, x, p, (-2, -1)) + through_inverse


define_vjp(np.linalg.norm, x=norm_of)
define_vjp(np.linalg.vector_norm, x=vector_norm_of)
define_vjp(np.linalg.matrix_norm, x=matrix_norm_of)
define_vjp(np.linalg.cond, x=condition_of)
