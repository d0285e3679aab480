"""Derivatives of the functions of polynomials given by their coefficients, the one of the highest power first.

Conventions: coefficients are known by their power. Where NumPy leaves leading zeros away (`polymul`, `polydiv`,
`roots`), those that it was given still get the gradient that they have as the coefficients of their powers. Simple
roots have a derivative; a root that is there twice has none, and its gradient is infinite or NaN.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tinygrad_scratch.rules.indexing import assign
from tinygrad_scratch.rules.registry import array, compose, define_vjp, differentiable, plain
from tinygrad_scratch.rules.shapes import cast


def coefficients(p: Any) -> Any:
    """Coefficients as an array or a Tensor of one dimension."""
    if isinstance(p, np.poly1d):
        raise TypeError(
            "An np.poly1d holds plain numbers, so a polynomial made of it and a Tensor would lose the gradient. "
            "Pass its coefficients, p.coeffs."
        )
    return np.atleast_1d(array(p))


# ---- values ----------------------------------------------------------------------------------------------------------


@differentiable
def evaluate(p: Any, x: Any) -> Any:
    """np.polyval of arrays."""
    return np.polyval(p, x)


def evaluated_coefficients(g: Any, y: Any, p: Any, x: Any) -> Any:
    """The powers of x, each from the one before. Each coefficient may itself be an array, broadcast against x."""
    axes = tuple(range(1 + y.ndim - p.ndim))
    power, parts = np.ones_like(x), []
    for k in range(len(p)):
        power = power * x if k else power
        parts.append(np.sum(g * power, axis=axes))
    return np.stack(parts[::-1]) if parts else np.zeros_like(p)


define_vjp(evaluate, p=evaluated_coefficients, x=lambda g, y, p, x: g * derivative_at(p, x))


def derivative_at(p: Any, x: Any) -> Any:
    """The value of the derivative."""
    powers = np.arange(len(p) - 1, 0, -1).reshape((-1,) + (1,) * (p.ndim - 1))
    return evaluate(p[:-1] * powers, x)


@compose(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    if isinstance(x, np.poly1d):
        coefficients(x)
    return evaluate(array(p), array(x))


def vander_of(g: Any, y: Any, x: Any, N: Any = None, increasing: bool = False) -> Any:  # noqa: N803
    """Each power has the derivative k * x**(k - 1), and the lower powers are a Vandermonde matrix, too."""
    n = max(y.shape[1] - 1, 0)
    powers, lower = np.arange(1, n + 1), np.vander(x, n, increasing)
    if increasing:
        return np.sum(g[:, 1:] * powers * lower, axis=1)
    return np.sum(g[:, :-1] * powers[::-1] * lower, axis=1)


define_vjp(np.vander, x=vander_of)

# ---- arithmetic ------------------------------------------------------------------------------------------------------


def aligned(a1: Any, a2: Any) -> tuple[Any, Any]:
    """Two polynomials with as many coefficients, zeros put in front of the shorter one."""
    a1, a2 = coefficients(a1), coefficients(a2)
    n = max(len(a1), len(a2))
    longer = (a if len(a) == n else np.concatenate([np.zeros(n - len(a), a.dtype), a]) for a in (a1, a2))
    return next(longer), next(longer)


@compose(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    return np.add(*aligned(a1, a2))


@compose(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    return np.subtract(*aligned(a1, a2))


@compose(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """The convolution, without the leading zeros that come from leading zeros."""
    a1, a2 = coefficients(a1), coefficients(a2)
    return np.convolve(a1, a2)[leading_zeros(a1) + leading_zeros(a2) :]


def leading_zeros(p: Any) -> int:
    """How many coefficients NumPy leaves away: all zeros in front, but not the last coefficient."""
    nonzero = np.flatnonzero(p)
    return int(nonzero[0]) if len(nonzero) else len(p) - 1


@compose(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """The long division, as at school: the quotient, and the remainder without the zeros in front."""
    u, v = coefficients(u) + 0.0, coefficients(v) + 0.0
    dtype = np.result_type(u.dtype, v.dtype)
    steps = len(u) - len(v) + 1
    scale, rest, quotient = 1.0 / v[0], cast(u, dtype), []
    for k in range(steps):
        place = slice(k, k + len(v))
        quotient.append(scale * rest[k])
        rest = assign(rest, rest[place] - quotient[k] * v, place)
    while len(rest) > 1 and np.allclose(rest[0], 0, rtol=1e-14):
        rest = rest[1:]
    return np.stack(quotient) if quotient else np.zeros(1, dtype), rest


@compose(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """Each coefficient times its power, m times."""
    p, m = coefficients(p), int(m)
    if m < 0:
        raise ValueError(f"np.polyder: the order m must not be negative, {m} was given. See np.polyint.")
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@compose(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """Each coefficient by its new power, and a constant of integration, m times."""
    p, m = coefficients(p), int(m)
    if m < 0:
        raise ValueError(f"np.polyint: the order m must not be negative, {m} was given. See np.polyder.")
    constants = np.zeros(m) if k is None else np.atleast_1d(array(k))
    if len(constants) == 1 and m > 1:
        constants = constants * np.ones(m)
    if len(constants) < m:
        raise ValueError(f"np.polyint: k must be one number or {m} numbers, {len(constants)} were given.")
    for i in range(m):
        p = np.concatenate([p / np.arange(len(p), 0, -1), constants[i : i + 1]])
    return p


# ---- fits ------------------------------------------------------------------------------------------------------------


@compose(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: Any, rcond: float | None = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    """Least squares on the powers of x, weighted, and scaled to columns of length 1, in the steps that NumPy takes."""
    x, y, w = array(x) + 0.0, array(y) + 0.0, None if w is None else array(w) + 0.0
    check_points(x, y, deg, w)
    if rcond is None:
        rcond = len(x) * np.finfo(x.dtype).eps
    powers = np.vander(x, int(deg) + 1)
    if w is not None:
        powers = powers * w[:, None]
        y = y * (w if y.ndim == 1 else w[:, None])
    scale = np.sqrt(np.sum(powers * powers, axis=0))
    powers = powers / scale
    scaled, residuals, rank, singular = np.linalg.lstsq(powers, y, rcond)
    c = (scaled.T / scale).T
    if full:
        return c, residuals, rank, singular, rcond
    if rank != len(scale):
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=4)
    if not cov:
        return c
    covariance = np.linalg.inv(np.dot(powers.T, powers)) / np.outer(scale, scale)
    if cov != "unscaled":
        covariance = covariance[..., None] * noise(residuals, len(x), len(scale))
        return c, covariance[..., 0] if y.ndim == 1 else covariance
    return c, covariance if y.ndim == 1 else covariance[..., None]


def check_points(x: Any, y: Any, deg: Any, w: Any) -> None:
    """Refuse what can't be fitted."""
    if deg < 0:
        raise ValueError(f"np.polyfit: the degree must not be negative, {deg} was given.")
    if x.ndim != 1 or x.size == 0 or y.ndim not in (1, 2) or len(y) != len(x):
        raise TypeError(
            "np.polyfit: x must be a vector that is not empty, and y a vector as long or a matrix with as many rows; "
            f"these have the shapes {x.shape} and {y.shape}."
        )
    if w is not None and w.shape != x.shape:
        raise TypeError(f"np.polyfit: the weights must have the shape {x.shape} of x, these have {w.shape}.")


def noise(residuals: Any, points: int, columns: int) -> Any:
    """The variance of y about the polynomial, from what the fit leaves over."""
    if points <= columns:
        raise ValueError(
            f"np.polyfit: {points} points leave nothing over to scale the covariance of {columns} coefficients with. "
            'Give more, or write cov="unscaled".'
        )
    return residuals / (points - columns)


# ---- roots -----------------------------------------------------------------------------------------------------------


def roots_of(g: Any, y: Any, p: Any) -> Any:
    """The implicit function theorem: a root z moves by -z**k / p'(z) for each unit of the coefficient of x**k."""
    return -np.dot(g / derivative_at(np.atleast_1d(p), y), np.vander(y, np.size(p)))


define_vjp(np.roots, p=roots_of)


@differentiable
def characteristic(a: Any) -> Any:
    """The characteristic polynomial of a square matrix."""
    return np.poly(a)


def characteristic_of(g: Any, y: Any, a: Any) -> Any:
    """From d det(xI - A) = -tr(adj(xI - A) dA). The adjugate is a polynomial of matrices, whose coefficients B satisfy
    B_k = A B_(k-1) + y_k I (Faddeev and Le Verrier). So equal eigenvalues do no harm.
    """
    adjugate = identity = np.eye(len(a))
    total = g[1] * adjugate
    for k in range(2, len(y)):
        adjugate = np.matmul(a, adjugate) + y[k - 1] * identity
        total = total + g[k] * adjugate
    return -np.transpose(total)


define_vjp(characteristic, a=characteristic_of)


@compose(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The product of the factors (x - z), or the characteristic polynomial of a matrix."""
    zeros = np.atleast_1d(array(seq_of_zeros))
    if zeros.ndim != 1:
        return characteristic(zeros)
    if zeros.dtype.kind not in "fc":
        zeros = cast(zeros, np.float64)
    if len(zeros) == 0:
        return 1.0
    one = np.ones(1, zeros.dtype)
    product: Any = one
    for i in range(len(zeros)):
        product = np.convolve(product, np.concatenate([one, -zeros[i : i + 1]]))
    values = plain(zeros)
    if values.dtype.kind == "c" and np.array_equal(np.sort(values), np.sort(values.conj())):
        return np.copy(np.real(product))  # the roots come in pairs of conjugates
    return product
