"""Derivatives of linear algebra: inverses, determinants, solutions, factorisations, norms.

Conventions. A function that reads one triangle of a Hermitian matrix (`eigh`, `eigvalsh`, `cholesky`, `svd` and `pinv`
with `hermitian=True`) has the gradient with respect to the whole matrix, which is Hermitian, too. Norms have gradient
0 at 0, and ties for a largest or smallest entry, sum or singular value share it equally. Where eigenvalues or singular
values are equal, they keep their gradients, and only a gradient that came through their vectors, which are then not
determined, is NaN. The phase of a complex eigenvector or singular vector is free: what is differentiated must not
depend on it, save in `eig`, where NumPy makes the largest component real. Of the columns that `mode="complete"` and
`full_matrices=True` add, only the space that they span has a derivative; a gradient that depends on more is refused.

The formulas, in the transposed form that complex cotangents need, are those of Giles, "An extended collection of
matrix derivative results" (2008), unless a rule says otherwise.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from tinygrad_scratch.rules import products
from tinygrad_scratch.rules.registry import array, compose, define_vjp, plain

# ---- helpers ---------------------------------------------------------------------------------------------------------


def product(*matrices: Any) -> Any:
    return functools.reduce(products.matmul, matrices)


def transposed(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def conjugate(a: Any) -> Any:
    return np.conjugate(a) if np.iscomplexobj(a) else a


def adjoint(a: Any) -> Any:
    return transposed(conjugate(a))


def hermitian_part(a: Any) -> Any:
    return (a + adjoint(a)) / 2


def diagonal_matrix(values: Any) -> Any:
    return values[..., None] * np.eye(values.shape[-1], dtype=values.dtype)


def negligible(largest: Any, shape: tuple[int, ...]) -> Any:
    """What rounding leaves of a zero in a matrix of this shape, whose size is `largest`."""
    return np.abs(largest) * (max(shape[-2:], default=0) * np.finfo(largest.dtype).eps)


# ---- inverses and solutions ------------------------------------------------------------------------------------------


def inverse_of(g: Any, y: Any, a: Any) -> Any:
    """From d(A^-1) = -A^-1 dA A^-1."""
    return -product(transposed(y), g, transposed(y))


define_vjp(np.linalg.inv, a=inverse_of)


def solved_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    """A^-T G; a `b` of one dimension is one vector for all matrices."""
    if np.ndim(b) == 1:
        return np.linalg.solve(transposed(a), g[..., None])[..., 0]
    return np.linalg.solve(transposed(a), g)


def solved_matrix(g: Any, y: Any, a: Any, b: Any) -> Any:
    """-A^-T G Y^T."""
    right = solved_right(g, y, a, b)
    if np.ndim(b) == 1:
        return -right[..., :, None] * y[..., None, :]
    return -product(right, transposed(y))


define_vjp(np.linalg.solve, a=solved_matrix, b=solved_right)


@compose(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of a matrix whose rows are the first `ind` axes."""
    if ind <= 0:
        raise ValueError(f"np.linalg.tensorinv: ind must be positive, it is {ind}.")
    rows, columns = a.shape[:ind], a.shape[ind:]
    return np.linalg.inv(a.reshape((math.prod(columns), -1))).reshape((*columns, *rows))


@compose(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """The solution for a matrix whose rows are the axes of `b`, once `axes` have been moved to the end of `a`."""
    a, b = array(a), array(b)
    if axes is not None:
        a = np.moveaxis(a, axes, range(a.ndim - len(axes), a.ndim))
    shape = a.shape[b.ndim :]
    n = math.prod(shape)
    if a.size != n * n:
        raise np.linalg.LinAlgError(
            f"np.linalg.tensorsolve: the axes {a.shape[: b.ndim]} and {shape} of `a` must hold equally many elements."
        )
    return np.linalg.solve(a.reshape((n, n)), np.ravel(b)).reshape(shape)


def inverse_of_rank(g: Any, y: Any, a: Any) -> Any:
    """The cotangent through a pseudo-inverse, from dY = -Y dA Y + Y Y* dA* (1 - A Y) + (1 - Y A) dA* Y* Y.

    See Golub & Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
    separate" (1973). It holds where the rank is constant and what was cut off is zero. For a tall matrix all goes by
    way of small squares; a wide one is the transpose of such.
    """
    if a.shape[-2] < a.shape[-1]:
        return transposed(inverse_of_rank(transposed(g), transposed(y), transposed(a)))
    turned = product(y, transposed(g))
    outside = product(transposed(g) - product(a, turned), product(y, adjoint(y)))
    inside = product(adjoint(y), turned - product(turned, product(y, a)))
    return conjugate(outside + inside) - there_and_back(transposed(y), g)


def there_and_back(a: Any, b: Any) -> Any:
    """The product a b a, by way of the smaller square."""
    return product(a, product(b, a)) if a.shape[-2] >= a.shape[-1] else product(a, b, a)


def cut_off_correction(g: Any, y: Any, a: Any) -> Any:
    """What the above lacks where singular values c were cut off that are not zero.

    In singular coordinates, dA = U M V* and dY = V N U*, the truth for k that is kept and c is
    N_ck = (conj(M_kc) + r M_ck) / (s_k**2 - s_c**2) with r = s_c / s_k, where the above has conj(M_kc) / s_k**2.
    """
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    rank = np.rint(np.sum(plain(y) * transposed(plain(a)), axis=(-2, -1)).real)
    kept = np.arange(s.shape[-1]) < rank[..., None]
    mixed = kept[..., :, None] != kept[..., None, :]
    rows, columns = s[..., :, None], s[..., None, :]
    larger, smaller = (np.where(kept[..., :, None], *pair) for pair in ((rows, columns), (columns, rows)))
    ratio = np.where(mixed, smaller / np.where(mixed, larger, 1), 0)
    straight = ratio / np.where(mixed, (larger - smaller) * (larger + smaller), 1)
    moved = product(conjugate(vh), g, conjugate(u))
    return product(conjugate(u), straight * moved + straight * ratio * adjoint(moved), conjugate(vh))


def pseudo_inverse_of(
    g: Any, y: Any, a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue
) -> Any:
    """The rank is that of the call: what it cut off stays cut off."""
    full = inverse_of_rank(g, y, a)
    value, inverse = plain(a), plain(y)
    size = np.max(np.abs(value), initial=0.0)
    if np.max(np.abs(value - there_and_back(value, inverse)), initial=0.0) > 1e3 * negligible(size, a.shape):
        full = full + cut_off_correction(g, y, a)
    return hermitian_part(full) if hermitian else full


define_vjp(np.linalg.pinv, a=pseudo_inverse_of)


def least_squares_parts(g: Any, y: Any, a: Any, b: Any) -> tuple[Any, ...]:
    """The cotangents of A+, of A alone and of b, with vectors as matrices of one column."""
    (gx, gr, _, _), (x, sums, _, _) = g, y
    if np.ndim(b) == 1:
        gx, x, b = gx[:, None], x[:, None], b[:, None]
    rest = 2 * gr * conjugate(b - product(a, x)) if np.shape(sums)[0] else 0 * conjugate(b - product(a, x))
    return gx, x, b, rest


def least_squares_matrix(g: Any, y: Any, a: Any, b: Any, rcond: Any = None) -> Any:
    """Through x = A+ b, the sums of squares |b - A x|**2, whose x is at its best, and the singular values."""
    gx, x, b, rest = least_squares_parts(g, y, a, b)
    inverse = pseudo_inverse(a, y)
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    of_values = product(conjugate(u) * g[3], conjugate(vh))
    return pseudo_inverse_of(product(gx, transposed(b)), inverse, a) - product(rest, transposed(x)) + of_values


def least_squares_right(g: Any, y: Any, a: Any, b: Any, rcond: Any = None) -> Any:
    """Through x = A+ b and the sums of squares."""
    gx, _, _, rest = least_squares_parts(g, y, a, b)
    return (product(transposed(pseudo_inverse(a, y)), gx) + rest).reshape(np.shape(b))


def pseudo_inverse(a: Any, y: Any) -> Any:
    """A+ of the rank that the call found."""
    rank, s = int(plain(y[2])), np.append(plain(y[3]), 0)
    return np.linalg.pinv(a, (s[rank - 1] + s[rank]) / (2 * s[0]) if rank else 1)


define_vjp(np.linalg.lstsq, a=least_squares_matrix, b=least_squares_right)


def matrix_power_of(g: Any, y: Any, a: Any, n: Any) -> Any:
    """The sum of A^T^i G A^T^(n-1-i): the corner of a power of [[A^T, G], [0, A^T]], for any integer n.

    See Higham, "Functions of Matrices" (2008), theorem 3.6.
    """
    k, turned = a.shape[-1], transposed(a)
    upper = np.concatenate([turned, g], axis=-1)
    lower = np.concatenate([np.zeros_like(turned), turned], axis=-1)
    return np.linalg.matrix_power(np.concatenate([upper, lower], axis=-2), n)[..., :k, k:]


define_vjp(np.linalg.matrix_power, a=matrix_power_of)


@compose(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Any:
    """The products in the order of the least work: Cormen et al., "Introduction to Algorithms", section 15.2."""
    factors = [array(factor) for factor in arrays]
    if len(factors) < 2:
        raise ValueError(f"np.linalg.multi_dot takes at least two arrays, {len(factors)} were given.")
    ends = {0, len(factors) - 1}
    if any(factor.ndim != 2 and not (factor.ndim == 1 and i in ends) for i, factor in enumerate(factors)):
        shapes = [factor.shape for factor in factors]
        raise np.linalg.LinAlgError(f"np.linalg.multi_dot takes matrices, and vectors first and last, not {shapes}.")
    first, last = factors[0], factors[-1]
    sides = [1 if first.ndim == 1 else first.shape[0], *(factor.shape[0] for factor in factors[1:])]
    sides.append(1 if last.ndim == 1 else last.shape[1])

    @functools.cache
    def least(i: int, j: int) -> tuple[int, int]:
        """The work for the factors i to j, and the last factor of the left one of the two that are multiplied last."""
        if i == j:
            return 0, i
        return min(
            (least(i, k)[0] + least(k + 1, j)[0] + sides[i] * sides[k + 1] * sides[j + 1], k) for k in range(i, j)
        )

    def multiplied(i: int, j: int) -> Any:
        k = least(i, j)[1]
        return factors[i] if i == j else np.dot(multiplied(i, k), multiplied(k + 1, j))

    return multiplied(0, len(factors) - 1)


# ---- determinants ----------------------------------------------------------------------------------------------------


def determinant_of(g: Any, y: Any, a: Any) -> Any:
    """The cofactors: y A^-T, and where A is singular, from what they are made of."""
    value = plain(a)
    finite = np.isfinite(value)
    s = np.linalg.svd(np.where(finite, value, 1), compute_uv=False)
    zeros = np.sum(s <= negligible(s[..., :1], a.shape), axis=-1) * finite.all(axis=(-2, -1))
    if not zeros.any():
        return (g * y)[..., None, None] * transposed(np.linalg.inv(a))
    flat, y, zeros = a.reshape((-1, *a.shape[-2:])), y.reshape(-1), zeros.reshape(-1)
    groups = [np.flatnonzero(zeros == k) for k in np.unique(zeros)]
    parts = [cofactors(y[group], flat[group], int(zeros[group[0]])) for group in groups]
    return g[..., None, None] * np.concatenate(parts)[np.argsort(np.concatenate(groups))].reshape(a.shape)


def cofactors(y: Any, a: Any, zeros: int) -> Any:
    """The cofactors of matrices with so many singular values that are zero, as a polynomial, so at any order.

    A = U D V* with the singular vectors of the value, which are constants. D, split after the nonzero singular values
    into P, Q, R and S, has determinant det P det C with the small matrix C = S - R P^-1 Q, and its adjugate follows.
    """
    if not zeros:
        return y[..., None, None] * transposed(np.linalg.inv(a))
    u, _, vh = np.linalg.svd(plain(a))
    d = product(adjoint(u), a, adjoint(vh))
    k = a.shape[-1] - zeros
    p, q, r, s = d[..., :k, :k], d[..., :k, k:], d[..., k:, :k], d[..., k:, k:]
    inverse = np.linalg.inv(p)
    right, left = product(inverse, q), product(r, inverse)
    determinant, inner = adjugate(s - product(left, q))
    upper = np.concatenate(
        [determinant[..., None, None] * inverse + product(right, inner, left), -product(right, inner)], axis=-1
    )
    lower = np.concatenate([-product(inner, left), inner], axis=-1)
    scale = np.linalg.det(p) * (np.linalg.det(u) * np.linalg.det(vh))
    return scale[..., None, None] * transposed(
        product(adjoint(vh), np.concatenate([upper, lower], axis=-2), adjoint(u))
    )


def adjugate(a: Any) -> tuple[Any, Any]:
    """Determinant and adjugate without a division by the determinant: the algorithm of Faddeev and LeVerrier."""
    n = a.shape[-1]
    identity = np.eye(n, dtype=a.dtype)
    power = identity + 0 * a
    for i in range(1, n):
        moved = product(a, power)
        power = moved - (np.sum(moved * identity, axis=(-2, -1)) / i)[..., None, None] * identity
    sign = -1 if n % 2 == 0 else 1
    return sign * np.sum(a * transposed(power), axis=(-2, -1)) / n, sign * power


define_vjp(np.linalg.det, a=determinant_of)


def log_determinant_of(g: Any, y: Any, a: Any) -> Any:
    """A^-T for the logarithm of the absolute value; a complex sign turns with the imaginary part of tr(A^-1 dA)."""
    turned = g[1] + 1j * np.imag(g[0] * y[0]) if np.iscomplexobj(a) else g[1]
    return turned[..., None, None] * transposed(np.linalg.inv(a))


define_vjp(np.linalg.slogdet, a=log_determinant_of)

# ---- functions of the main namespace under another name --------------------------------------------------------------


@compose(np.linalg.matmul)
def matmul(x1: Any, x2: Any, /) -> Any:
    return np.matmul(x1, x2)


@compose(np.linalg.tensordot)
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return np.tensordot(x1, x2, axes=axes)


@compose(np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return np.vecdot(x1, x2, axis=axis)  # type: ignore[call-overload]  # unknown to the stub


@compose(np.linalg.outer)
def outer(x1: Any, x2: Any, /) -> Any:
    """Of two vectors only."""
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(
            f"np.linalg.outer takes two arrays of one dimension, these have {np.ndim(x1)} and {np.ndim(x2)}. "
            "Use np.outer, which flattens."
        )
    return np.outer(x1, x2)


@compose(np.linalg.cross)
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Of vectors of three elements only."""
    if np.shape(x1)[axis] != 3 or np.shape(x2)[axis] != 3:
        raise ValueError(
            f"np.linalg.cross takes vectors of 3 elements, these have {np.shape(x1)[axis]} and {np.shape(x2)[axis]}."
        )
    return np.cross(x1, x2, axis=axis)


@compose(np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    return np.matrix_transpose(x)


@compose(np.linalg.diagonal)
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, axis1=-2, axis2=-1)


@compose(np.linalg.trace)
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return np.trace(x, offset, axis1=-2, axis2=-1, dtype=dtype)
