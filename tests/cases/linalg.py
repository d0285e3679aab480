"""Cases of rules/linalg.py, factorizations.py and norms.py.

What reads one triangle of its argument, or returns vectors whose sign, phase or rotation is free, is asked in a text
that makes the argument Hermitian and uses only what has a derivative.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.cases.table import (
    CALLED_BY,
    NEED_AXES,
    NEED_ELEMENTS,
    NOT_ANALYTIC,
    Function,
    case,
    complex_normal,
    distinct,
    domain,
    exactly,
    nonzero,
    normal,
)

linalg = np.linalg

TEXTS: dict[Function, Function] = {}
"""The texts that call a function of np.linalg, for any namespace: the other referee passes its own."""


def calls(called: Function) -> Callable[[Function], Function]:
    """Let a text stand for the function of np.linalg that it calls."""

    def register(text: Function) -> Function:
        @functools.wraps(text)
        def function(*arguments: Any, **keywords: Any) -> Any:
            return text(np, *arguments, **keywords)

        TEXTS[function], CALLED_BY[function] = text, called
        NOT_ANALYTIC.add(function)
        return function

    return register


def staircase(*shape: int) -> Any:
    """Zeros, and 1.5, 3.0, 4.5 ... on the diagonal of each matrix."""
    return np.eye(shape[-2], shape[-1]) * np.arange(1.5, 1.5 * shape[-1] + 1, 1.5)


shape: tuple[int, ...]
order: Any

invertible = domain(lambda generator, shape: 0.4 * generator.normal(size=shape) + 1.5 * np.eye(shape[-1]))
separated = domain(lambda generator, shape: 0.3 * generator.normal(size=shape) + staircase(*shape))

# ---- inverses and solutions ------------------------------------------------------------------------------------------

for function in (linalg.inv, linalg.det):
    case(function, invertible(3, 3))
    case(function, invertible(1, 1))
    case(function, invertible(0, 0))
    case(function, invertible(2, 3, 2, 2))
    case(function, invertible(0, 2, 2))
    case(function, complex_normal(2, 2))


@calls(linalg.inv)
def inv_of_shifted(np: Any, a: Any) -> Any:
    return np.linalg.inv(a + 2 * np.eye(a.shape[-1]))


@calls(linalg.det)
def det_of_shifted(np: Any, a: Any) -> Any:
    return np.linalg.det(a + 2 * np.eye(a.shape[-1]))


for function in (inv_of_shifted, det_of_shifted):
    case(function, complex_normal(3, 3))
    case(function, complex_normal(2, 2, 2))

case(linalg.solve, invertible(3, 3), normal(3))
case(linalg.solve, invertible(3, 3), normal(3, 2))
case(linalg.solve, invertible(2, 2, 2), normal(2))
case(linalg.solve, invertible(2, 2, 2), normal(2, 2, 3))
case(linalg.solve, invertible(2, 2), normal(3, 2, 1))
case(linalg.solve, invertible(3, 2, 2), normal(2, 2))
case(linalg.solve, invertible(1, 2, 2), normal(3, 2, 2))
case(linalg.solve, invertible(4, 1, 2, 2), normal(3, 2, 1))
case(linalg.solve, invertible(1, 1), normal(1))
case(linalg.solve, invertible(0, 0), normal(0, 2))
case(linalg.solve, invertible(2, 2), normal(2, 0))
case(linalg.solve, invertible(2, 2), [1.0, 2.0])
case(linalg.solve, [[3.0, 1.0], [1.0, 2.0]], normal(2, 2))
case(linalg.solve, complex_normal(2, 2), complex_normal(2))
case(linalg.solve, complex_normal(2, 2), normal(2, 3))
case(linalg.solve, invertible(2, 2), complex_normal(2, 1))


def flattened(*shape: int, rows: int) -> Any:
    """A tensor that is an invertible matrix once its axes are joined."""
    return domain(
        lambda generator, shape: (0.3 * generator.normal(size=(rows, rows)) + staircase(rows, rows)).reshape(shape)
    )(*shape)


case(linalg.tensorinv, flattened(4, 2, 2, rows=4), ind=1)
case(linalg.tensorinv, flattened(2, 3, 3, 2, rows=6))
case(linalg.tensorsolve, flattened(2, 3, 3, 2, rows=6), normal(2, 3))
case(linalg.tensorsolve, flattened(4, 2, 2, rows=4), normal(4))
case(linalg.tensorsolve, flattened(2, 3, 6, rows=6), normal(6), axes=(0, 1))
case(linalg.tensorsolve, flattened(2, 3, 6, rows=6), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], axes=(0, 1))
case(linalg.tensorsolve, flattened(0, 0, rows=0), normal(0))

for shape in ((3, 3), (4, 2), (2, 4), (1, 1), (2, 3, 2), (0, 2), (2, 0)):
    case(linalg.pinv, separated(*shape))
case(linalg.pinv, complex_normal(3, 2))
case(linalg.pinv, complex_normal(2, 2, 3))
for shape in ((3, 3), (4, 3), (3, 4), (2, 4, 3)):
    case(linalg.pinv, separated(*shape), rcond=0.5)
case(linalg.pinv, separated(2, 3, 3), rcond=np.array([0.5, 0.01]))
case(linalg.pinv, complex_normal(3, 3), rcond=0.5)
case(linalg.pinv, separated(3, 3), rtol=0.5)


@calls(linalg.pinv)
def pinv_of_low_rank(np: Any, a: Any, b: Any) -> Any:
    return np.linalg.pinv(a @ b, 1e-5)


case(pinv_of_low_rank, separated(4, 2), separated(2, 3))
case(pinv_of_low_rank, separated(2, 3, 1), separated(2, 1, 3))
case(linalg.pinv, exactly((1, 0, 0), (0, 2, 0), (0, 0, 0)), kink=[[[-1, -0.5, 1], [-0.5, -0.25, 0.25], [1, 0.25, 0]]])
case(linalg.pinv, exactly((0, 0), (0, 0)), kink=[[[0, 0], [0, 0]]])

case(linalg.lstsq, separated(4, 2), normal(4))
case(linalg.lstsq, separated(4, 2), normal(4, 3))
case(linalg.lstsq, separated(2, 4), normal(2, 2))
case(linalg.lstsq, separated(3, 3), normal(3))
case(linalg.lstsq, separated(4, 3), normal(4), rcond=0.5)
case(linalg.lstsq, separated(3, 2), [1.0, 2.0, 3.0])
case(linalg.lstsq, [[1.0, 2.0], [3.0, 1.0], [0.5, 0.5]], normal(3))
case(linalg.lstsq, separated(3, 2), normal(3, 0))
case(linalg.lstsq, separated(1, 1), normal(1))
case(linalg.lstsq, separated(3, 2), normal(3), rcond=-1)


@calls(linalg.lstsq)
def lstsq_of_low_rank(np: Any, a: Any, b: Any, c: Any) -> Any:
    return np.linalg.lstsq(a @ b, c, 1e-5)[0]


case(lstsq_of_low_rank, separated(4, 2), separated(2, 3), normal(4))
case(lstsq_of_low_rank, separated(3, 2), separated(2, 3), normal(3, 2))

for power in (-3, -2, -1, 0, 1, 2, 3, 4, 7):
    case(linalg.matrix_power, invertible(2, 2), power)
case(linalg.matrix_power, invertible(2, 3, 3), 3)
case(linalg.matrix_power, invertible(0, 0), 2)
case(linalg.matrix_power, complex_normal(2, 2), -2)

case(linalg.multi_dot, [normal(2, 3), normal(3, 4)])
case(linalg.multi_dot, [normal(2, 3), normal(3, 4), normal(4, 2)])
case(linalg.multi_dot, [normal(4, 2), normal(2, 3), normal(3, 1)])
case(linalg.multi_dot, [normal(3), normal(3, 2), normal(2)])
case(linalg.multi_dot, [normal(3), normal(3, 2), normal(2, 2), normal(2, 3)])
case(linalg.multi_dot, [normal(5, 2), normal(2, 4), normal(4, 3), normal(3, 2), normal(2)])
case(linalg.multi_dot, [normal(2, 3), np.arange(6.0).reshape(3, 2), normal(2, 2)])
case(linalg.multi_dot, [normal(2, 0), normal(0, 3), normal(3, 2)])
case(linalg.multi_dot, [complex_normal(2, 2), normal(2, 3), complex_normal(3, 1)])

# ---- determinants ----------------------------------------------------------------------------------------------------


@calls(linalg.det)
def det_of_singular(np: Any, a: Any, b: Any = 0.0) -> Any:
    """Differences see cofactors better than a complex step, in which a singular matrix no longer is."""
    y = np.linalg.det(a + 1j * b)
    return [np.real(y), np.imag(y)]


def of_rank(rank: int, *shape: int) -> Any:
    """Matrices that have no other singular values than so many."""
    return domain(
        lambda generator, shape: (
            generator.normal(size=(*shape[:-1], rank)) @ generator.normal(size=(*shape[:-2], rank, shape[-1]))
        )
    )(*shape)


def zeros(*shape: int) -> Any:
    return exactly(*np.zeros(shape).tolist())


case(det_of_singular, of_rank(2, 3, 3))
case(det_of_singular, of_rank(1, 2, 2, 2))
case(det_of_singular, of_rank(0, 1, 1))
case(det_of_singular, exactly((1, -2, 3), (3, 1, 0), (4, -1, 3)), exactly((2, 1, 0), (-1, 0, 2), (1, 1, 2)))
case(det_of_singular, exactly(((1, 2), (2, 4)), ((1, 2), (3, 4)), ((0, 0), (0, 0))))
case(
    det_of_singular,
    exactly(((1, 2, 3), (2, 4, 6), (3, 6, 9)), ((1, 2, 3), (4, 5, 6), (7, 8, 9)), ((1, 2, 0), (0, 1, 3), (1, 0, 1))),
)
case(det_of_singular, exactly([(0, 0, 0)] * 3, [(1, 1, 1)] * 3, ((1, 2, 0), (0, 1, 3), (1, 0, 1))))
case(linalg.det, exactly((1, 2, 3), (4, 5, 6), (7, 8, 9)), kink=[[[-3, 6, -3], [6, -12, 6], [-3, 6, -3]]])
case(linalg.det, exactly((1, 0, 0), (0, 0, 0), (0, 0, 0)), kink=[np.zeros((3, 3))])

for shape in ((3, 3), (1, 1), (0, 0), (2, 2, 2), (0, 2, 2)):
    case(linalg.slogdet, invertible(*shape))
case(linalg.slogdet, complex_normal(2, 2))
case(linalg.slogdet, complex_normal(2, 3, 3))
case(linalg.slogdet, exactly((0, 1), (1, 0)), kink=[[[0, 1], [1, 0]]])

# ---- Cholesky and QR -------------------------------------------------------------------------------------------------


def adjoint(np: Any, a: Any) -> Any:
    return np.conj(np.swapaxes(a, -1, -2))


@calls(linalg.cholesky)
def cholesky_of_definite(np: Any, a: Any, **keywords: Any) -> Any:
    return np.linalg.cholesky(a + adjoint(np, a) + 9 * np.eye(a.shape[-1]), **keywords)


for upper in (False, True):
    for shape in ((3, 3), (1, 1), (0, 0), (2, 2, 2)):
        case(cholesky_of_definite, normal(*shape), **({"upper": True} if upper else {}))
    case(cholesky_of_definite, complex_normal(3, 3), **({"upper": True} if upper else {}))

for shape in ((3, 3), (4, 2), (2, 4), (1, 1), (2, 3, 2), (0, 2), (2, 0), (0, 0)):
    case(linalg.qr, separated(*shape))
    case(linalg.qr, separated(*shape), mode="r")
for values in (separated, complex_normal):
    case(linalg.qr, values(2, 3), mode="complete")
case(linalg.qr, complex_normal(3, 3))
case(linalg.qr, complex_normal(4, 2))
case(linalg.qr, complex_normal(2, 3))
case(linalg.qr, complex_normal(3, 2), mode="r")


@calls(linalg.qr)
def span_by_qr(np: Any, a: Any, mode: str = "complete") -> Any:
    """All that `mode="complete"` has that does not depend on the choice of the columns that it adds."""
    k = a.shape[-1]
    q, r = np.linalg.qr(a, mode=mode)
    added = q[..., k:]
    return [q[..., :k], r, added @ adjoint(np, added)]


case(span_by_qr, separated(4, 2), mode="complete")
case(span_by_qr, separated(2, 3, 2), mode="complete")

# ---- eigenvalues -----------------------------------------------------------------------------------------------------


def hermitian(np: Any, a: Any) -> Any:
    return a + adjoint(np, a) + staircase(*a.shape)


@calls(linalg.eigh)
def eigh_of_hermitian(np: Any, a: Any, UPLO: str = "L") -> Any:  # noqa: N803
    """Values, and what does not depend on the phase of the vectors."""
    w, v = np.linalg.eigh(hermitian(np, a), UPLO)
    return [w, np.real(v * np.conj(v)), (v * np.sin(w)[..., None, :]) @ adjoint(np, v)]


@calls(linalg.eigvalsh)
def eigvalsh_of_hermitian(np: Any, a: Any, UPLO: str = "L") -> Any:  # noqa: N803
    return np.linalg.eigvalsh(hermitian(np, a), UPLO)


for function in (eigh_of_hermitian, eigvalsh_of_hermitian):
    for shape in ((3, 3), (1, 1), (0, 0), (2, 2, 2)):
        case(function, separated(*shape))
    case(function, separated(3, 3), UPLO="U")
    case(function, complex_normal(3, 3))
    case(function, complex_normal(2, 2, 2), UPLO="U")


@calls(linalg.eigh)
def sums_by_eigh(np: Any, a: Any) -> Any:
    """Of equal eigenvalues the sums have a derivative, and so has the vector of the one that is apart."""
    w, v = np.linalg.eigh(a)
    return [w[0] + w[1], w[2], v[:, 2] * v[0, 2]]


@calls(linalg.eigh)
def square_by_eigh(np: Any, a: Any) -> Any:
    w, v = np.linalg.eigh(a)
    return (v * w**2) @ v.T


twice = exactly((2, 0, 0), (0, 2, 0), (0, 0, 5))
case(sums_by_eigh, twice, kink=[[[1, 0, 1 / 6], [0, 1, 0], [1 / 6, 0, 1]]])
case(square_by_eigh, twice, kink=[np.full((3, 3), np.nan)])
case(linalg.eigvalsh, twice, kink=[np.eye(3)])
case(linalg.eigvalsh, zeros(2, 2), kink=[np.eye(2)])


@calls(linalg.eig)
def eig_in_parts(np: Any, a: Any) -> Any:
    w, v = np.linalg.eig(a)
    return [np.real(w), np.imag(w) * 1.0, np.real(v), np.imag(v) * 1.0]


@calls(linalg.eigvals)
def eigvals_in_parts(np: Any, a: Any) -> Any:
    w = np.linalg.eigvals(a)
    return [np.real(w), np.imag(w) * 1.0]


def turning(*shape: int) -> Any:
    """Pairs of complex eigenvalues, and a real one where the number of rows is odd."""
    n = shape[-1]
    turn = np.eye(n) * np.arange(1, n + 1) + np.diag(3.0 * (np.arange(n - 1) % 2 == 0), 1)
    turn = turn - np.triu(turn, 1).T / 3
    return domain(lambda generator, shape: 0.2 * generator.normal(size=shape) + turn)(*shape)


for function in (eig_in_parts, eigvals_in_parts):
    for shape in ((3, 3), (2, 2), (2, 3, 3)):
        case(function, turning(*shape))
    case(function, complex_normal(3, 3))
    case(function, complex_normal(2, 2, 2))
case(linalg.eig, separated(4, 4))
case(linalg.eigvals, separated(3, 3))
for shape in ((1, 1), (0, 0), (2, 2, 2)):
    case(linalg.eig, separated(*shape))
    case(linalg.eigvals, separated(*shape))
case(linalg.eigvals, exactly((2, 0), (0, 2)), kink=[np.eye(2)])

# ---- singular values -------------------------------------------------------------------------------------------------

SHAPES: list[tuple[int, ...]] = [(3, 3), (4, 2), (2, 4), (1, 1), (2, 3, 2), (0, 2), (2, 0)]
for shape in SHAPES:
    case(linalg.svd, separated(*shape), full_matrices=False)
    case(linalg.svd, separated(*shape), compute_uv=False)
    case(linalg.svdvals, separated(*shape))
case(linalg.svd, separated(3, 3))


@calls(linalg.svd)
def span_by_svd(np: Any, a: Any, **keywords: Any) -> Any:
    """All that does not depend on the phase of the vectors, nor on the choice of those that `full_matrices` adds."""
    u, s, vh = np.linalg.svd(a, **keywords)
    k = s.shape[-1]
    v = adjoint(np, vh)
    moduli = [np.real(vectors[..., :k] * np.conj(vectors[..., :k])) for vectors in (u, v)]
    spans = [vectors[..., k:] @ adjoint(np, vectors[..., k:]) for vectors in (u, v)]
    return [s, *moduli, *spans, (u[..., :k] * np.sin(s)[..., None, :]) @ vh[..., :k, :]]


for values in (separated, complex_normal):
    for full_matrices in (True, False):
        for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2)):
            case(span_by_svd, values(*shape), full_matrices=full_matrices)
case(linalg.svd, complex_normal(3, 2), compute_uv=False)
case(linalg.svdvals, complex_normal(2, 2, 3))


@calls(linalg.svd)
def svd_of_hermitian(np: Any, a: Any, **keywords: Any) -> Any:
    """Of a matrix with negative eigenvalues."""
    both = a + adjoint(np, a) + staircase(*a.shape) * np.where(np.arange(a.shape[-1]) % 2, -1, 1)
    found = np.linalg.svd(both, **keywords)
    if not keywords.get("compute_uv", True):
        return found
    u, s, vh = found
    return [s, np.real(u * np.conj(u)), (u * np.sin(s)[..., None, :]) @ vh]


@calls(linalg.pinv)
def pinv_of_hermitian(np: Any, a: Any, **keywords: Any) -> Any:
    return np.linalg.pinv(hermitian(np, a), **keywords)


for shape in ((3, 3), (2, 2, 2)):
    case(svd_of_hermitian, separated(*shape), hermitian=True)
    case(svd_of_hermitian, separated(*shape), hermitian=True, compute_uv=False)
    case(pinv_of_hermitian, separated(*shape), hermitian=True)
case(svd_of_hermitian, complex_normal(2, 2), hermitian=True)
case(pinv_of_hermitian, complex_normal(2, 2), hermitian=True)


@calls(linalg.svd)
def best_of_rank_one(np: Any, a: Any) -> Any:
    """Where the singular values that are left out are equal."""
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return (u[:, :1] * s[:1]) @ vh[:1]


@calls(linalg.svd)
def product_of_svd(np: Any, a: Any) -> Any:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return (u * s) @ vh


tall = exactly((3, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0))
case(best_of_rank_one, tall, kink=[[[1, 1, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0]]])
case(product_of_svd, tall, kink=[np.full((4, 3), np.nan)])
case(linalg.svdvals, exactly((2, 0), (0, 2)), kink=[np.eye(2)])

# ---- norms -----------------------------------------------------------------------------------------------------------

for shape in ((4,), (2, 3), (), (0,), (2, 2, 2)):
    case(linalg.norm, nonzero(*shape))
    case(linalg.vector_norm, nonzero(*shape))
for order in (1, 2, 3, 0.5, 2.5, -1, -2, 0, np.inf, -np.inf):
    case(linalg.norm, nonzero(4), order)
    case(linalg.norm, distinct(2, 3), ord=order, axis=1)
    case(linalg.vector_norm, distinct(2, 3), ord=order)
    case(linalg.norm, complex_normal(3), order)
for order in ("fro", "nuc", 1, 2, -1, -2, np.inf, -np.inf):
    case(linalg.norm, distinct(3, 3), order)
    case(linalg.norm, distinct(2, 4, 3), order, axis=(2, 0), keepdims=True)
    case(linalg.norm, complex_normal(2, 3), order, axis=(0, 1))
    case(linalg.matrix_norm, distinct(2, 3, 2), ord=order)
case(linalg.norm, distinct(2, 3), axis=0, keepdims=True)
case(linalg.norm, distinct(2, 3), keepdims=True)
case(linalg.norm, distinct(2, 3, 2), axis=(0, -1))
case(linalg.norm, distinct(0, 3), 1)
case(linalg.norm, distinct(2, 0), axis=1)
case(linalg.vector_norm, distinct(2, 3, 2), axis=(0, 2), keepdims=True, ord=3)
case(linalg.vector_norm, distinct(2, 3), axis=-1)
case(linalg.vector_norm, complex_normal(2, 3))
case(linalg.matrix_norm, distinct(2, 3))
case(linalg.matrix_norm, distinct(3, 2), keepdims=True)
case(linalg.matrix_norm, distinct(0, 2))
for order in (None, 1, 2, 3, 0.5, np.inf, -np.inf):
    case(linalg.norm, exactly(0, 0), order, kink=[[0, 0]])
case(linalg.norm, exactly(0, 4), 3, kink=[[0, 1]])
case(linalg.norm, exactly(0, 4), 0.5, kink=[[0, 1]])
case(linalg.norm, exactly(-3, 3, 1), np.inf, kink=[[-0.5, 0.5, 0]])
case(linalg.norm, exactly(-2, 2, 3), -np.inf, kink=[[-0.5, 0.5, 0]])
for order in ("fro", "nuc", 1, 2, -1, -2, np.inf, -np.inf):
    case(linalg.norm, zeros(2, 2), order, kink=[[[0, 0], [0, 0]]])
case(linalg.norm, exactly((1, -1), (2, 2)), 1, kink=[[[0.5, -0.5], [0.5, 0.5]]])
case(linalg.norm, exactly((2, 0), (0, 2)), 2, kink=[[[0.5, 0], [0, 0.5]]])
case(linalg.norm, exactly((2, 0, 0), (0, 2, 0), (0, 0, 0)), "nuc", kink=[[[1, 0, 0], [0, 1, 0], [0, 0, 0]]])

case(linalg.cond, invertible(3, 3))
for order in (None, 1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc"):
    case(linalg.cond, separated(4, 4), p=order)
    case(linalg.cond, separated(2, 2, 2), order)
case(linalg.cond, separated(3, 2))
case(linalg.cond, separated(1, 1))
case(linalg.cond, complex_normal(2, 2), 1)
case(linalg.cond, complex_normal(2, 3))
case(linalg.cond, exactly((2, 0), (0, 2)), kink=[[[0, 0], [0, 0]]])
case(linalg.cond, exactly((2, 0), (0, 0)), kink=[np.full((2, 2), np.nan)])

# ---- functions of the main namespace under another name --------------------------------------------------------------

case(linalg.matmul, normal(2, 3), normal(3, 4))
case(linalg.matmul, normal(0, 3), normal(3))
case(linalg.tensordot, normal(2, 3), normal(3, 4), axes=1)
case(linalg.tensordot, normal(2, 3), normal(2, 3))
case(linalg.tensordot, normal(), normal(0), axes=0)
case(linalg.vecdot, normal(2, 3), normal(3))
case(linalg.vecdot, normal(3, 2), normal(3, 2), axis=0)
case(linalg.vecdot, normal(0, 3), normal(3))
case(linalg.outer, normal(3), normal(2))
case(linalg.outer, normal(0), [1.0, 2.0])
case(linalg.cross, normal(2, 3), normal(3))
case(linalg.cross, normal(3, 2), normal(3, 2), axis=0)
case(linalg.cross, normal(0, 3), [1.0, 2.0, 3.0])
case(linalg.diagonal, normal(2, 3, 3))
case(linalg.diagonal, normal(3, 4), offset=1)
case(linalg.diagonal, normal(0, 2))
case(linalg.trace, normal(2, 3, 3))
case(linalg.trace, normal(3, 4), offset=-1)
case(linalg.trace, normal(2, 2), dtype=np.float32, kink=[np.eye(2)])
case(linalg.trace, normal(0, 2))
case(linalg.matrix_transpose, normal(2, 3))
case(linalg.matrix_transpose, normal(2, 0, 3))

NOT_ANALYTIC.update({
    linalg.pinv, linalg.lstsq, linalg.slogdet, linalg.cholesky, linalg.qr, linalg.eig, linalg.eigvals, linalg.eigvalsh,
    linalg.svd, linalg.svdvals, linalg.norm, linalg.vector_norm, linalg.matrix_norm, linalg.cond, linalg.vecdot,
})  # fmt: skip
NEED_AXES.update({
    linalg.inv, linalg.det, linalg.slogdet, linalg.solve, linalg.tensorinv, linalg.tensorsolve, linalg.pinv,
    linalg.lstsq, linalg.matrix_power, linalg.multi_dot, linalg.cholesky, linalg.qr, linalg.eigh, linalg.eigvalsh,
    linalg.eig, linalg.eigvals, linalg.svd, linalg.svdvals, linalg.matrix_norm, linalg.cond, linalg.matmul,
    linalg.vecdot, linalg.outer, linalg.cross, linalg.diagonal, linalg.trace, linalg.matrix_transpose,
})  # fmt: skip
NEED_ELEMENTS.update({linalg.cond, linalg.tensorinv})
