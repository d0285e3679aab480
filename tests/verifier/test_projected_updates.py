"""Updates that a projection or a proximal step goes on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, told

PROGRAM = """
import numpy as np

rng = np.random.default_rng(1)
A, b = rng.normal(size=(12, 5)), rng.normal(size=12)

def onto_simplex(v):
    ranked = np.sort(v)[::-1]
    rest = (np.cumsum(ranked) - 1) / np.arange(1, len(v) + 1)
    return np.maximum(v - rest[np.nonzero(ranked > rest)[0][-1]], 0)

def soft_threshold(v, t):
    return np.sign(v) * np.maximum(np.abs(v) - t, 0)

w = np.full(5, 0.2)
for turn in range(30):
    error = A @ w - b
    loss = 0.5 * error @ error
    grad = A.T @ error
    w = onto_simplex(w - 0.01 * grad)
"""
SPARSE = PROGRAM.replace("onto_simplex(w - 0.01 * grad)", "soft_threshold(w - 0.01 * grad, 0.002)")
AHEAD = """    after = soft_threshold(v - 0.01 * grad, 0.002)
    v = after + turn / (turn + 3) * (after - w)
    w = after"""
QUICK = PROGRAM.replace("A @ w", "A @ v").replace("for", "v = w.copy()\nfor")
QUICK = QUICK.replace("    w = onto_simplex(w - 0.01 * grad)", AHEAD)


@pytest.mark.parametrize("text", [PROGRAM, SPARSE, QUICK])
def test_the_gradient_in_what_is_projected_is_judged(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)


@pytest.mark.parametrize("text", [PROGRAM, SPARSE])
def test_a_wrong_gradient_in_what_is_projected(tmp_path: Path, text: str) -> None:
    wrong = text.replace("grad = A.T @ error", "grad = A.T @ np.abs(error)")
    assert told(check_of_script(tmp_path, wrong))[0] == text[: text.index("grad = ")].count("\n") + 1


def test_a_layer_is_no_projection(tmp_path: Path) -> None:
    text = """
import numpy as np

rng = np.random.default_rng(2)
X, y = rng.normal(size=(6, 4)), rng.normal(size=4)
W = rng.normal(size=(4, 4))

def project(h, W):
    return np.tanh(h @ W)

h = 0.1 * rng.normal(size=4)
for t in range(6):
    h = project(h + X[t], W)
print(h)
"""
    check = check_of_script(tmp_path, text)
    assert check.first_wrong is None
    assert not check.ok
