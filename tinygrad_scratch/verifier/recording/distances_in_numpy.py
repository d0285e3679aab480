"""Solutions of equations and distances, spelled in NumPy, as SciPy and scikit-learn are asked for them."""

from __future__ import annotations

from typing import Any

import numpy as np


def solve(a: Any, b: Any, assume_a: Any = None) -> Any:
    """scipy.linalg.solve; of what is assumed to be symmetric the upper half is read, as by SciPy."""
    whole = assume_a in (None, "gen", "general")
    return np.linalg.solve(a if whole else np.triu(a) + np.triu(a, 1).T, b)


def inv(a: Any) -> Any:
    """scipy.linalg.inv."""
    return np.linalg.inv(a)


def det(a: Any) -> Any:
    """scipy.linalg.det."""
    return np.linalg.det(a)


def cholesky(a: Any, lower: bool = False) -> Any:
    """scipy.linalg.cholesky."""
    if lower:
        return np.linalg.cholesky(a)
    return np.swapaxes(np.linalg.cholesky(np.swapaxes(a, -1, -2)), -1, -2)  # of the upper half, as SciPy's


def cho_factor(a: Any, lower: bool = False) -> Any:
    """scipy.linalg.cho_factor; the other half, of which SciPy promises nothing, is 0."""
    return cholesky(a, lower), lower


def cho_solve(c_and_lower: Any, b: Any) -> Any:
    """scipy.linalg.cho_solve."""
    factor, lower = c_and_lower
    below = np.tril(factor) if lower else np.triu(factor).T
    return np.linalg.solve(below.T, np.linalg.solve(below, b))


def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False) -> Any:
    """scipy.linalg.solve_triangular."""
    half = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        half = half - np.diag(np.diag(half)) + np.eye(len(half))
    return np.linalg.solve(half.T if trans in (1, 2, "T", "C") else half, b)


def squared_distances(one: Any, other: Any) -> Any:
    apart = one[:, None, :] - other[None, :, :]
    return np.sum(apart * apart, axis=-1)


def root(squares: Any) -> Any:
    """The square roots, with the slope 0 where both are the same point."""
    apart = squares > 0
    return np.where(apart, np.sqrt(np.where(apart, squares, 1.0)), 0.0)


def distances(one: Any, other: Any, metric: Any) -> Any:
    match metric:
        case "sqeuclidean":
            return squared_distances(one, other)
        case "cityblock" | "manhattan" | "l1":
            return np.sum(np.abs(one[:, None, :] - other[None, :, :]), axis=-1)
        case "cosine":
            lengths = root(np.sum(one * one, axis=1))[:, None] * root(np.sum(other * other, axis=1))[None, :]
            return 1 - one @ other.T / lengths
    return root(squared_distances(one, other))


WORDS: dict[str, set[Any]] = {
    "metric": {"euclidean", "l2", "sqeuclidean", "cityblock", "manhattan", "l1", "cosine"},
    "assume_a": {None, "gen", "general", "sym", "symmetric", "pos", "positive definite"},
}
"""What of their options can be said here."""


def cdist(XA: Any, XB: Any, metric: Any = "euclidean") -> Any:  # noqa: N803  # SciPy's names
    """scipy.spatial.distance.cdist."""
    return distances(XA, XB, metric)


def pdist(X: Any, metric: Any = "euclidean") -> Any:  # noqa: N803
    """scipy.spatial.distance.pdist."""
    return distances(X, X, metric)[np.triu_indices(len(X), 1)]


def squareform(X: Any) -> Any:  # noqa: N803
    """scipy.spatial.distance.squareform."""
    if np.ndim(X) == 2:
        return X[np.triu_indices(len(X), 1)]
    count = round((1 + np.sqrt(1 + 8 * len(X))) / 2)
    places = np.zeros((count, count), int)
    places[np.triu_indices(count, 1)] = np.arange(len(X))
    return np.where(np.eye(count, dtype=bool), 0.0, X[places + places.T])


def pairwise_distances(X: Any, Y: Any = None, metric: Any = "euclidean", squared: bool = False) -> Any:  # noqa: N803
    """sklearn.metrics.pairwise_distances."""
    return distances(X, X if Y is None else Y, "sqeuclidean" if squared else metric)


def euclidean_distances(X: Any, Y: Any = None, squared: bool = False) -> Any:  # noqa: N803
    """sklearn.metrics.pairwise.euclidean_distances."""
    squares = squared_distances(X, X if Y is None else Y)
    return squares if squared else root(squares)


def rbf_kernel(X: Any, Y: Any = None, gamma: Any = None) -> Any:  # noqa: N803
    """sklearn.metrics.pairwise.rbf_kernel."""
    width = 1.0 / np.shape(X)[1] if gamma is None else gamma
    return np.exp(-width * squared_distances(X, X if Y is None else Y))


SPELLED = {
    "scipy.linalg": (solve, inv, det, cholesky, cho_factor, cho_solve, solve_triangular),
    "scipy.spatial.distance": (cdist, pdist, squareform),
    "sklearn.metrics": (pairwise_distances, euclidean_distances),
    "sklearn.metrics.pairwise": (rbf_kernel,),
}
