"""Data that leaves NumPy and comes back, and np.matrix, which is NumPy's own and multiplies in another way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import module_of
from tinygrad_scratch import verify

pytest.importorskip("scipy")
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of np.matrix

ONE_HOT = """
import numpy as np
import scipy.sparse

def loss_and_gradient(w, x, labels):
    count = len(labels)
    rows = scipy.sparse.csr_matrix((np.ones(count), (np.arange(count), labels)))
    goal = np.array(rows.todense())
    weights = np.exp(x @ w)
    chances = weights / weights.sum(axis=1, keepdims=True)
    loss = -np.sum(goal * np.log(chances)) / count
    grad = x.T @ (chances - goal) / count
    return loss, grad
"""
THROUGH_SCIPY = """
import numpy as np
import scipy.sparse

def loss_and_gradient(w, x, goal):
    error = x @ w - goal
    loss = 0.5 * np.sum(error ** 2)
    delta = scipy.sparse.csr_matrix(error * error).toarray()
    return loss, x.T @ delta
"""


def check_of(tmp_path: Path, text: str, goal: Any, old: str = "", new: str = "") -> Any:
    """The check of a function for the loss and its gradient."""
    assert old in text
    module = module_of(tmp_path / "leaving.py", text.replace(old, new) if old else text)
    rng = np.random.default_rng(3)
    w, x = rng.normal(size=(4, 3)), rng.normal(size=(7, 4))
    with verify(w=w) as check:
        check.loss, check.gradients = module.loss_and_gradient(w, x, goal)
    return check


LABELS = np.array([0, 2, 1, 1, 0, 2, 2])


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("", "", ""),
        ("(chances - goal) / count", "chances / count", "missing-term"),
        ("x.T @ (chances", "-x.T @ (chances", "sign"),
    ],
)
def test_labels_made_by_another_library_are_data(tmp_path: Path, old: str, new: str, kind: str) -> None:
    check = check_of(tmp_path, ONE_HOT, LABELS, old, new)
    assert check.problem is None, str(check)
    assert (check.first_wrong.kind if check.first_wrong else "") == kind, str(check)


def test_what_left_as_a_gradient_may_have_been_wrong_before(tmp_path: Path) -> None:
    check = check_of(tmp_path, THROUGH_SCIPY, np.random.default_rng(1).normal(size=(7, 3)))
    assert check.first_wrong is None
    assert "left NumPy" in str(check.problem)


# ---- np.matrix -------------------------------------------------------------------------------------------------------

MATRICES = """
import numpy as np

def squash(z):
    return 1 / (1 + np.exp(-z))

def loss_and_gradient(w, x, goal):
    w, x, goal = np.matrix(w), np.matrix(x), np.asmatrix(goal)
    out = squash(x * w)
    hit, miss = np.multiply(goal, np.log(out)), np.multiply(1 - goal, np.log(1 - out))
    loss = -np.sum(hit + miss) / len(x) + 0.05 * np.sum(np.power(w[1:], 2))
    error = out - goal
    grad = np.zeros(w.shape)
    for row in range(len(w)):
        grad[row] = (error.T * x[:, row]).T / len(x)
        if row > 0:
            grad[row] += np.asarray(0.1 * w[row]).ravel()
    return loss, grad
"""


@pytest.mark.parametrize(
    ("old", "new", "ok"),
    [
        ("", "", True),
        ("0.1 * w[row]", "0.2 * w[row]", False),
        ("row > 0", "row > 1", False),
        (".T / len(x)", ".T", False),
    ],
)
def test_products_of_matrices_are_judged(tmp_path: Path, old: str, new: str, ok: bool) -> None:
    goal = (np.random.default_rng(5).random((7, 3)) > 0.5) * 1.0
    check = check_of(tmp_path, MATRICES, goal, old, new)
    assert check.problem is None, str(check)
    assert check.ok is ok, str(check)


def test_a_parameter_may_be_a_matrix() -> None:
    rng = np.random.default_rng(2)
    w, x, goal = (np.asmatrix(rng.normal(size=shape)) for shape in ((3, 2), (6, 3), (6, 2)))
    before = w.copy()
    with verify(w=w) as check:
        error = x * w - goal
        check.loss = np.sum(np.square(error))
        check.gradients = {"w": 2 * x.T * error}
        w -= 0.1 * x.T * error
    assert check.ok, str(check)
    assert type(w) is np.matrix
    np.testing.assert_array_equal(w, before)


def of_both(m: Any, v: Any, rows: Any) -> list[Any]:
    """What matrices make of calls that arrays make something else of."""
    filled = m.copy()
    filled[:, 0], filled[1] = m[:, 1], m[0]
    filled *= np.asmatrix(np.eye(3))
    return [
        m * v, v.T * m.T, 2.0 * m, m * 2, m * rows, (m * m.T) ** 2, np.multiply(m, m), m[0], m[:, 1], m[1, 2],
        m.sum(axis=0), m.mean(1), np.sum(m, axis=1), m.max(axis=1), np.std(m, axis=0), m.ravel(), m.flatten(), m.A1,
        m.A * m.A, np.asarray(m) * 2, (m.T * m).I, np.vstack((m, m)), np.power(m, 2), -m, m @ m.T, filled,
        *(row * v for row in m),
    ]  # fmt: skip


def test_a_recorded_matrix_does_what_a_matrix_does() -> None:
    rng = np.random.default_rng(4)
    m, v, rows = np.asmatrix(rng.normal(size=(4, 3))), np.asmatrix(rng.normal(size=(3, 1))), [[1.0], [2.0], [3.0]]
    wanted = of_both(m, v, rows)
    with verify(m=m, v=v) as check:
        found = of_both(m, v, rows)
        check.loss = np.sum(found[0])
    for one, other in zip(found, wanted, strict=True):
        assert isinstance(one, np.matrix) is isinstance(other, np.matrix)
        np.testing.assert_allclose(np.asarray(one), np.asarray(other))
        assert np.shape(one) == np.shape(other)
