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


SPARSE_NET = """
import numpy as np

rng = np.random.default_rng(14)
X, y = rng.normal(size=(15, 4)), rng.normal(size=15)
P, q = rng.normal(size=(4, 3)), rng.normal(size=3)
pull, rate = 0.03, 0.1

def near(v, t):
    return np.sign(v) * np.maximum(np.abs(v) - t, 0)

def fit_of(P, q):
    h = np.tanh(X @ P)
    e = h @ q - y
    f = e @ e / 30
    gq = h.T @ e / 15
    gP = X.T @ (np.outer(e / 15, q) * (1 - h**2))
    return f, gP, gq

for turn in range(20):
    f, gP, gq = fit_of(P, q)
    P = near(P - rate * gP, rate * pull)
    q = q - rate * gq
    if turn % 5 == 0:
        print(f + pull * np.abs(P).sum())
"""
SOFT = "np.sign(v) * np.maximum(np.abs(v) - t, 0)"
STEP = "P = near(P - rate * gP, rate * pull)"
IN_LINES = "P -= rate * gP\n    P = np.sign(P) * np.maximum(np.abs(P) - rate * pull, 0)"
OF_ROWS = """P = P - rate * gP
    long = np.linalg.norm(P, axis=1, keepdims=True)
    P = P * np.maximum(0, 1 - rate * pull / long)"""
FORMS: dict[str, list[tuple[str, str]]] = {
    "as a function": [],
    "by branches": [(SOFT, "np.where(v > t, v - t, np.where(v < -t, v + t, 0.0))")],
    "in two lines": [(STEP, IN_LINES)],
    "of rows": [(STEP, OF_ROWS), ("np.abs(P).sum()", "long.sum()")],
    "in the loss": [(STEP, f"loss = f + pull * np.abs(P).sum()\n    {STEP}")],
}


def sparse_net(form: str, *more: tuple[str, str]) -> str:
    text = SPARSE_NET
    for old, new in (*FORMS[form], *more):
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize("form", FORMS)
def test_a_step_that_draws_to_nought_sees_to_its_penalty(tmp_path: Path, form: str) -> None:
    check = check_of_script(tmp_path, sparse_net(form))
    assert check.ok, str(check)
    assert not check.convention


@pytest.mark.parametrize("form", FORMS)
def test_what_is_wrong_before_such_a_step_is_told(tmp_path: Path, form: str) -> None:
    text = sparse_net(form, ("1 - h**2", "1 - h"))
    assert told(check_of_script(tmp_path, text)) == (
        text[: text.index("    gP = X")].count("\n") + 1, "derivative-at-wrong-point"
    )  # fmt: skip


def test_a_state_that_is_squashed_is_no_such_step(tmp_path: Path) -> None:
    text = SPARSE_NET.replace("np.sign(v) * np.maximum(np.abs(v) - t, 0)", "np.tanh(v - t)")
    check = check_of_script(tmp_path, text)
    assert check.first_wrong is None
