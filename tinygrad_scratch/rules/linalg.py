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
from tinygrad_scratch.rules.elementwise import direction
from tinygrad_scratch.rules.reductions import Axis, axes_of, extreme_of
from tinygrad_scratch.rules.registry import QUICK, array, compose, define_vjp

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


def values_of(a: Any) -> Any:
    """The numbers alone, for decisions that carry no gradient."""
    return a if isinstance(a, np.ndarray) else a.numpy()


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
    rank = np.rint(np.sum(values_of(y) * transposed(values_of(a)), axis=(-2, -1)).real)
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
    plain, inverse = values_of(a), values_of(y)
    size = np.max(np.abs(plain), initial=0.0)
    if np.max(np.abs(plain - there_and_back(plain, inverse)), initial=0.0) > 1e3 * negligible(size, a.shape):
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
    rank, s = int(values_of(y[2])), np.append(values_of(y[3]), 0)
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
    plain = values_of(a)
    finite = np.isfinite(plain)
    s = np.linalg.svd(np.where(finite, plain, 1), compute_uv=False)
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
    u, _, vh = np.linalg.svd(values_of(a))
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

# ---- Cholesky and QR -------------------------------------------------------------------------------------------------


def cholesky_of(g: Any, y: Any, a: Any, *, upper: bool = False) -> Any:
    """L^-T K conj(L^-1), where K is the lower triangle of L^T G with half the diagonal.

    See Murray, "Differentiation of the Cholesky decomposition" (2016), section 3.
    """
    lower, g = (adjoint(y), adjoint(g)) if upper else (y, g)
    n = a.shape[-1]
    half = (np.tri(n) - np.eye(n) / 2).astype(np.real(values_of(a)).dtype)
    inverse = np.linalg.inv(lower)
    return hermitian_part(product(transposed(inverse), half * product(transposed(lower), g), conjugate(inverse)))


define_vjp(np.linalg.cholesky, a=cholesky_of)


def qr(a: Any, mode: Any = "reduced") -> Any:
    """np.linalg.qr, without the mode that has no rule."""
    if mode == "raw":
        raise TypeError(
            'np.linalg.qr of a Tensor does not support mode="raw", the reflections that LAPACK stores. '
            'Write mode="reduced", "complete" or "r".'
        )
    return np.linalg.qr(a, mode)


def qr_of(g: Any, y: Any, a: Any, mode: str = "reduced") -> Any:
    """(GQ + conj(Q) H) R^-T, where H is Hermitian, made of the upper triangle of GR R^T - Q^T GQ.

    See Walter & Lehmann, "Algorithmic differentiation of linear algebra functions with application in optimum
    experimental design" (2010). Of a wide matrix, R^-1 A beyond the square part is a solution.
    """
    m, n = a.shape[-2:]
    k = min(m, n)
    if mode == "r":
        gq, gr, q, r = 0, g, np.linalg.qr(a)[0], y
    else:
        (gq, gr), (q, r) = g, y
        q, gq = without_added(q, gq, k, 'np.linalg.qr with mode="complete"')
        r, gr = r[..., :k, :], gr[..., :k, :]
    beyond = product(conjugate(q), gr[..., k:])
    gq = gq + product(conjugate(a[..., k:]), adjoint(gr[..., k:]))
    r, gr = r[..., :k], gr[..., :k]
    apart = product(gr, transposed(r)) - product(transposed(q), gq)
    upper = np.triu(np.ones((k, k), bool), 1)
    above = np.where(upper, apart, 0)
    inner = above + adjoint(above) + np.where(np.eye(k, dtype=bool), np.real(apart), 0)
    square = transposed(np.linalg.solve(r, transposed(gq + product(conjugate(q), inner))))
    return np.concatenate([square, beyond], axis=-1)


QUICK[np.linalg.qr] = qr
define_vjp(np.linalg.qr, a=qr_of)


def without_added(v: Any, gv: Any, k: int, what: str) -> tuple[Any, Any]:
    """The first k columns of a unitary matrix, and their cotangent with what comes from the span of the others.

    The others, V2, are any basis of what is left: dV2 = -V1 dV1* V2. A gradient that changes with that basis has no
    meaning.
    """
    if v.shape[-1] == k:
        return v, gv
    first, added, g_added = v[..., :k], v[..., k:], gv[..., k:]
    within = transposed(values_of(added)) @ values_of(g_added)
    if np.max(np.abs(within - adjoint(within)), initial=0.0) > negligible_part(values_of(gv)):
        raise ValueError(
            f"{what}: the gradient depends on the choice of the columns beyond the first {k}, which are any basis of "
            "what the others leave. Use only their span, such as q[:, k:] @ q[:, k:].T, or leave them out."
        )
    return first, gv[..., :k] - conjugate(product(added, product(transposed(g_added), first)))


def negligible_part(a: Any) -> Any:
    """What rounding leaves of a cancelled sum of numbers as large as these."""
    return np.sqrt(np.finfo(a.dtype).eps) * np.max(np.abs(a), initial=0.0)


# ---- eigenvalues -----------------------------------------------------------------------------------------------------


def over_gaps(numerator: Any, gap: Any, values: Any, g_values: Any, asked: Any, in_use: Any) -> Any:
    """The cotangent of pairs of vectors over the gap of their values, with the cotangent of the values as diagonal.

    Where the gap is zero, but for rounding, the vectors are not determined: NaN if their gradient is `asked` for. To
    vectors that nobody used comes a cotangent of zeros. To those that were multiplied by a value of zero, too, but then
    that value has a cotangent while vectors are `in_use`.
    """
    off_diagonal = ~np.eye(values.shape[-1], dtype=bool)
    same = tied(values_of(values))
    wanted = (values_of(g_values) != 0) & in_use[..., None]
    asked = asked | transposed(asked) | wanted[..., :, None] | wanted[..., None, :]
    hole = np.where(off_diagonal & same & asked, np.nan, 0).astype(numerator.dtype)
    apart = off_diagonal & ~same
    return np.where(apart, numerator / np.where(apart, gap, 1), hole) + diagonal_matrix(g_values)


def tied(values: Any) -> Any:
    """Which pairs of values are equal, but for rounding."""
    n = values.shape[-1]
    largest = np.max(np.abs(values), axis=-1, initial=0.0)[..., None, None]
    return np.abs(values[..., :, None] - values[..., None, :]) <= negligible(largest, (n, n))


def used(g: Any) -> Any:
    """Whether any of the vectors of each matrix has a cotangent."""
    return np.any(values_of(g) != 0, axis=(-2, -1))


def eigh_of(g: Any, y: Any, a: Any, UPLO: Any = "L") -> Any:  # noqa: N803
    """conj(V) (diag(gw) + (V^T GV)_ij / (w_j - w_i)) V^T, Hermitian as `a` is: section 3.1, transposed."""
    (gw, gv), (w, v) = g, y
    moved = product(transposed(v), gv)
    gap = w[..., None, :] - w[..., :, None]
    inner = over_gaps(moved, gap, w, gw, values_of(moved) != 0, used(gv))
    return hermitian_part(product(conjugate(v), inner, transposed(v)))


def eigvalsh_of(g: Any, y: Any, a: Any, UPLO: Any = "L") -> Any:  # noqa: N803
    """conj(V) diag(g) V^T."""
    _, v = np.linalg.eigh(a, UPLO)
    return product(conjugate(v) * g[..., None, :], transposed(v))


define_vjp(np.linalg.eigh, a=eigh_of)
define_vjp(np.linalg.eigvalsh, a=eigvalsh_of)


def eig_of(g: Any, y: Any, a: Any) -> Any:
    """V^-T (diag(gw) + (V^T GV)_ij / (w_j - w_i)) V^T, once GV is free of what changes length and phase.

    NumPy's eigenvectors have length 1 and a largest component that is real.
    """
    (gw, gv), (w, v) = g, y
    along = np.sum(gv * v, axis=-2, keepdims=True)
    gv = gv - np.real(along) * conjugate(v)
    if np.iscomplexobj(v) and v.size:
        size = np.abs(values_of(v))
        largest = np.arange(a.shape[-1])[:, None] == np.argmax(size, axis=-2, keepdims=True)
        gv = gv - np.where(largest, 1j * np.imag(along) / np.where(largest, v, 1), 0)
    moved = product(transposed(v), gv)
    gap = w[..., None, :] - w[..., :, None]
    inner = over_gaps(moved, gap, w, gw, values_of(moved) != 0, used(gv))
    return np.linalg.solve(transposed(v), product(inner, transposed(v)))


def eigvals_of(g: Any, y: Any, a: Any) -> Any:
    """V^-T diag(g) V^T."""
    _, v = np.linalg.eig(a)
    return np.linalg.solve(transposed(v), g[..., :, None] * transposed(v))


define_vjp(np.linalg.eig, a=eig_of)
define_vjp(np.linalg.eigvals, a=eigvals_of)

# ---- singular values -------------------------------------------------------------------------------------------------


def svd_of(g: Any, y: Any, a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """See Wan & Zhang, "Automatic differentiation for complex valued SVD" (2019), whose gauge is that of JAX.

    With P = U^T GU and Q = V^T GV it is conj(U) K V^T, where K is diag(gs) and, off the diagonal, s_j (P - P*) +
    s_i (Q - Q*), each over s_j**2 - s_i**2. Where a matrix is tall or wide, its longer vectors turn out of their span.
    """
    if not compute_uv:
        return signed_values_of(g, a) if hermitian else singular_values_of(g, y, a)
    (gu, gs, gvh), (u, s, vh) = g, y
    if hermitian:  # the eigenvectors are those of U, the eigenvalues have signs
        sign = np.where(np.sum(values_of(u) * transposed(values_of(vh)), axis=-2).real < 0, -1, 1).astype(s.dtype)
        return eigh_of((gs * sign, gu + adjoint(gvh) * sign[..., None, :]), (s * sign, u), a)
    (m, n), k = a.shape[-2:], s.shape[-1]
    u, gu = without_added(u, gu, k, "np.linalg.svd with full_matrices=True")
    v, gv = without_added(adjoint(vh), adjoint(gvh), k, "np.linalg.svd with full_matrices=True")
    p, q = product(transposed(u), gu), product(transposed(v), gv)
    rows, columns = s[..., :, None], s[..., None, :]
    in_use = used(gu) | used(gv)
    inner = over_gaps(
        columns * (p - adjoint(p)) + rows * (q - adjoint(q)),
        (columns - rows) * (columns + rows),
        s,
        gs,
        (values_of(p) != 0) | (values_of(q) != 0),
        in_use,
    )
    if np.iscomplexobj(a):
        inner = inner + 1j * over_values(np.imag(p) * np.eye(k, dtype=s.dtype), s, gs, in_use)
    full = product(conjugate(u), inner, transposed(v))
    if m > k:
        full = full + product(over_values(gu - product(conjugate(u), p), s, gs, in_use), transposed(v))
    if n > k:
        full = full + product(conjugate(u), adjoint(over_values(gv - product(conjugate(v), q), s, gs, in_use)))
    return full


def over_values(vectors: Any, s: Any, gs: Any, in_use: Any) -> Any:
    """Columns over their singular values; where such a value is zero, as in `over_gaps`."""
    size = values_of(s)
    zero = size <= negligible(np.max(size, axis=-1, keepdims=True, initial=0.0), vectors.shape)
    asked = np.any(values_of(vectors) != 0, axis=-2) | ((values_of(gs) != 0) & in_use[..., None])
    hole = np.where(zero & asked, np.nan, 0).astype(vectors.dtype)
    return np.where(zero[..., None, :], hole[..., None, :], vectors / np.where(zero, 1, s)[..., None, :])


def singular_values_of(g: Any, y: Any, x: Any) -> Any:
    """conj(U) diag(g) conj(V*); of a value that is zero this is one of the subgradients."""
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return product(conjugate(u) * g[..., None, :], conjugate(vh))


def signed_values_of(g: Any, a: Any) -> Any:
    """The same for a Hermitian matrix, whose singular values are the absolute values of its eigenvalues, in order."""
    w = np.linalg.eigvalsh(values_of(a))
    order = np.argsort(np.argsort(-np.abs(w)))[..., :, None] == np.arange(w.shape[-1])
    return eigvalsh_of(np.sum(np.where(order, g[..., None, :], 0), axis=-1) * np.sign(w), None, a)


define_vjp(np.linalg.svd, a=svd_of)
define_vjp(np.linalg.svdvals, x=singular_values_of)

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
        weights = weights_of_values(values_of(s), ord, x.dtype)
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
