"""What SciPy and scikit-learn solve and measure is recorded as NumPy spells it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited_script
from tinygrad_scratch.verifier.recording import distances_in_numpy

linalg: Any = pytest.importorskip("scipy.linalg")
distance: Any = pytest.importorskip("scipy.spatial.distance")

SQUARE = np.cov(np.random.default_rng(1).normal(size=(4, 9)))
ROWS, OTHERS = np.random.default_rng(2).normal(size=(5, 4)), np.random.default_rng(3).normal(size=(6, 4))
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("solve", (SQUARE, ROWS.T), {}),
    ("solve", (np.triu(SQUARE), ROWS.T), {"assume_a": "pos"}),
    ("inv", (SQUARE,), {}),
    ("det", (SQUARE,), {}),
    ("cholesky", (SQUARE,), {}),
    ("cholesky", (np.triu(SQUARE),), {}),
    ("cholesky", (SQUARE,), {"lower": True}),
    ("cho_solve", (linalg.cho_factor(SQUARE), ROWS.T), {}),
    ("cho_solve", (linalg.cho_factor(SQUARE, lower=True), ROWS.T), {}),
    ("solve_triangular", (SQUARE, ROWS.T), {"trans": "T"}),
    ("solve_triangular", (SQUARE, ROWS.T), {"lower": True, "unit_diagonal": True}),
    *(("cdist", (ROWS, OTHERS, metric), {}) for metric in ("euclidean", "sqeuclidean", "cityblock", "cosine")),
    ("pdist", (ROWS,), {}),
    ("squareform", (distance.pdist(ROWS),), {}),
    ("squareform", (distance.squareform(distance.pdist(ROWS)),), {}),
]


@pytest.mark.parametrize(("name", "arguments", "keywords"), CALLS)
def test_they_come_out_as_scipys(name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    theirs = getattr(linalg, name, None) or getattr(distance, name)
    ours = getattr(distances_in_numpy, name)
    np.testing.assert_allclose(ours(*arguments, **keywords), theirs(*arguments, **keywords), rtol=1e-10, atol=1e-12)


def test_a_factor_solves_as_scipys_does() -> None:
    factor = distances_in_numpy.cho_factor(SQUARE)
    np.testing.assert_allclose(distances_in_numpy.cho_solve(factor, ROWS.T), linalg.solve(SQUARE, ROWS.T))


def test_they_come_out_as_those_of_scikit_learn() -> None:
    theirs: Any = pytest.importorskip("sklearn.metrics.pairwise")
    for name, keywords in (
        ("pairwise_distances", {}),
        ("pairwise_distances", {"squared": True}),
        ("pairwise_distances", {"metric": "manhattan"}),
        ("euclidean_distances", {"squared": True}),
        ("rbf_kernel", {"gamma": 0.3}),
    ):
        ours = getattr(distances_in_numpy, name)
        for arrays in ((ROWS,), (ROWS, OTHERS)):
            made = getattr(theirs, name)(*arrays, **keywords)
            np.testing.assert_allclose(ours(*arrays, **keywords), made, atol=1e-7)


EVIDENCE = """
import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

rng = np.random.default_rng(0)
X, y, theta = rng.normal(size=(9, 2)), rng.normal(size=9), np.array([0.3, -0.4, -1.0])
for turn in range(5):
    length, scale, noise = np.exp(theta)
    squares = cdist(X, X, "sqeuclidean")
    shape = np.exp(-0.5 * squares / length**2)
    K = scale * shape + noise * np.eye(9)
    factor = cho_factor(K, lower=True)
    alpha = cho_solve(factor, y)
    loss = 0.5 * y @ alpha + np.sum(np.log(np.diag(factor[0])))
    inner = np.outer(alpha, alpha) - cho_solve(factor, np.eye(9))
    grad = np.array([
        -0.5 * np.sum(inner * scale * shape * squares / length**2),
        -0.5 * np.sum(inner * scale * shape),
        -0.5 * np.trace(inner) * noise,
    ])
    theta = theta - 0.01 * grad
    print(loss)
"""


def test_the_evidence_of_a_gaussian_process_is_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, EVIDENCE)
    assert check.ok is True, str(check)
    check, line = edited_script(tmp_path, EVIDENCE, "np.outer(alpha, alpha) - cho", "np.outer(alpha, alpha) + cho")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "sign"), str(check)


NEIGHBOURS = """
import numpy as np
from sklearn.metrics import pairwise_distances

rng = np.random.default_rng(0)
X, y, A = rng.normal(size=(9, 4)), rng.integers(0, 2, size=9), rng.normal(size=(2, 4))
same = y[:, None] == y[None]
for turn in range(5):
    Z = X @ A.T
    near = np.exp(-pairwise_distances(Z, squared=True))
    loss = np.sum(near * same)
    weights = near * same
    grad = -4 * (np.diag(weights.sum(axis=0)) - weights) @ Z
    A = A - 0.01 * grad.T @ X
    print(loss)
"""


def test_distances_of_scikit_learn_are_judged(tmp_path: Path) -> None:
    pytest.importorskip("sklearn.metrics")
    check = check_of_script(tmp_path, NEIGHBOURS)
    assert check.ok is True, str(check)
    check, line = edited_script(tmp_path, NEIGHBOURS, "sum(axis=0)) - weights", "sum(axis=0)) + weights")
    assert check.first_wrong.line == line, str(check)
    check, line = edited_script(tmp_path, NEIGHBOURS, "weights = near * same", "weights = near")  # a mere name
    assert (check.first_wrong.line, check.first_wrong.should_be) == (line, "weights = near * same"), str(check)
