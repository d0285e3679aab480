"""Derivatives of the factorizations: Cholesky, QR, eigenvalues, singular values.

The conventions are those of linalg.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.rules.linalg import (
    adjoint,
    conjugate,
    diagonal_matrix,
    hermitian_part,
    negligible,
    product,
    transposed,
)
from tinygrad_scratch.rules.registry import QUICK, define_vjp, plain

# ---- Cholesky and QR -------------------------------------------------------------------------------------------------


def cholesky_of(g: Any, y: Any, a: Any, *, upper: bool = False) -> Any:
    """L^-T K conj(L^-1), where K is the lower triangle of L^T G with half the diagonal.

    See Murray, "Differentiation of the Cholesky decomposition" (2016), section 3.
    """
    lower, g = (adjoint(y), adjoint(g)) if upper else (y, g)
    n = a.shape[-1]
    half = (np.tri(n) - np.eye(n) / 2).astype(np.real(plain(a)).dtype)
    inverse = np.linalg.inv(lower)
    return hermitian_part(product(transposed(inverse), half * product(transposed(lower), g), conjugate(inverse)))


define_vjp(np.linalg.cholesky, a=cholesky_of)


def qr(a: Any, mode: Any = "reduced") -> Any:
    """np.linalg.qr, without the mode that has no rule."""
    if mode == "raw":
        raise TypeError(
            'mode="raw" of a Tensor is not supported: it returns the reflections that LAPACK stores. '
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
    within = transposed(plain(added)) @ plain(g_added)
    if np.max(np.abs(within - adjoint(within)), initial=0.0) > negligible_part(plain(gv)):
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
    same = tied(plain(values))
    wanted = (plain(g_values) != 0) & in_use[..., None]
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
    return np.any(plain(g) != 0, axis=(-2, -1))


def eigh_of(g: Any, y: Any, a: Any, UPLO: Any = "L") -> Any:  # noqa: N803
    """conj(V) (diag(gw) + (V^T GV)_ij / (w_j - w_i)) V^T, Hermitian as `a` is: section 3.1, transposed."""
    (gw, gv), (w, v) = g, y
    moved = product(transposed(v), gv)
    gap = w[..., None, :] - w[..., :, None]
    inner = over_gaps(moved, gap, w, gw, plain(moved) != 0, used(gv))
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
        size = np.abs(plain(v))
        largest = np.arange(a.shape[-1])[:, None] == np.argmax(size, axis=-2, keepdims=True)
        gv = gv - np.where(largest, 1j * np.imag(along) / np.where(largest, v, 1), 0)
    moved = product(transposed(v), gv)
    gap = w[..., None, :] - w[..., :, None]
    inner = over_gaps(moved, gap, w, gw, plain(moved) != 0, used(gv))
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
        sign = np.where(np.sum(plain(u) * transposed(plain(vh)), axis=-2).real < 0, -1, 1).astype(s.dtype)
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
        (plain(p) != 0) | (plain(q) != 0),
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
    size = plain(s)
    zero = size <= negligible(np.max(size, axis=-1, keepdims=True, initial=0.0), vectors.shape)
    asked = np.any(plain(vectors) != 0, axis=-2) | ((plain(gs) != 0) & in_use[..., None])
    hole = np.where(zero & asked, np.nan, 0).astype(vectors.dtype)
    return np.where(zero[..., None, :], hole[..., None, :], vectors / np.where(zero, 1, s)[..., None, :])


def singular_values_of(g: Any, y: Any, x: Any) -> Any:
    """conj(U) diag(g) conj(V*); of a value that is zero this is one of the subgradients."""
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return product(conjugate(u) * g[..., None, :], conjugate(vh))


def signed_values_of(g: Any, a: Any) -> Any:
    """The same for a Hermitian matrix, whose singular values are the absolute values of its eigenvalues, in order."""
    w = np.linalg.eigvalsh(plain(a))
    order = np.argsort(np.argsort(-np.abs(w)))[..., :, None] == np.arange(w.shape[-1])
    return eigvalsh_of(np.sum(np.where(order, g[..., None, :], 0), axis=-1) * np.sign(w), None, a)


define_vjp(np.linalg.svd, a=svd_of)
define_vjp(np.linalg.svdvals, x=singular_values_of)
