"""Losses that a loop computes in some of its turns alone, as a log is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

SEEN = """import numpy as np

rng = np.random.default_rng(12)
R, seen = rng.normal(size=(6, 5)), rng.random((6, 5)) < 0.7


def distance(guess):
    return np.sum(seen * (R - guess) ** 4) / np.sum(seen)


def train(turns, every):
    A, B = rng.normal(size=(6, 3)), rng.normal(size=(3, 5))
    losses = [distance(A @ B)]
    for turn in range(turns):
        miss = 4 * seen * (A @ B - R) ** 3 / np.sum(seen)
        dA = miss @ B.T
        dB = A.T @ miss
        A = A - 0.01 * dA
        B = B - 0.01 * dB
        if (turn + 1) % every == 0:
            losses.append(distance(A @ B))
    return losses


train(9, 3)
"""

PRINTED = """import numpy as np

rng = np.random.default_rng(5)
X = rng.normal(size=(9, 3))
y = rng.integers(0, 4, 9)
W, b = rng.normal(size=(3, 4)), np.zeros((1, 4))
lam = 0.02


def calculate_loss(model):
    scores = np.exp(X.dot(model["W"]) + model["b"])
    chances = scores / np.sum(scores, axis=1, keepdims=True)
    data_loss = np.sum(-np.log(chances[range(9), y]))
    data_loss += lam / 2 * np.sum(np.square(model["W"]))
    return 1.0 / 9 * data_loss


for i in range(2):
    scores = np.exp(X.dot(W) + b)
    delta = scores / np.sum(scores, axis=1, keepdims=True)
    delta[range(9), y] -= 1
    dW = X.T.dot(delta)
    db = np.sum(delta, axis=0, keepdims=True)
    dW += lam * W
    W += -0.01 * dW
    b += -0.01 * db
    model = {"W": W, "b": b}
    if i % 1 == 0:
        print("Loss after iteration %i: %f" % (i, calculate_loss(model)))
"""


@pytest.mark.parametrize("script", [SEEN, PRINTED], ids=["seen", "printed"])
def test_it_is_right(tmp_path: Path, script: str) -> None:
    check = check_of_script(tmp_path, script)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("script", "right", "wrong", "kind"),
    [
        (SEEN, "B = B - 0.01 * dB", "B = B + 0.01 * dB", "sign"),
        (SEEN, "4 * seen * (A @ B - R) ** 3", "4 * seen * (A @ B - R) ** 4", "scale-factor"),
        (SEEN, "dB = A.T @ miss", "dB = A.T @ (A @ B - R)", "wrong-operand"),
        (PRINTED, "y] -= 1", "y] += 1", "sign"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, script: str, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, script, right, wrong)
    assert told(check) == (line, kind), str(check)


OBJECTIVE = """import numpy as np

rng = np.random.default_rng(22)
x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
U, v, lam = rng.normal(size=(3, 4)), rng.normal(size=(4, 1)), 0.05


def objective(U, v):
    gap = np.tanh(x @ U) @ v - y
    return 0.5 * np.mean(gap**2) + 0.5 * lam * (np.sum(U**2) + np.sum(v**2))


FIRST
for turn in range(1, 9):
    h = np.tanh(x @ U)
    gap = (h @ v - y) / len(x)
    dv = h.T @ gap + lam * v
    dU = x.T @ (gap @ v.T * (1 - h * h)) + lam * U
    U -= 0.1 * dU
    v -= 0.1 * dv
    EACH
LAST
"""
CALLED: dict[str, tuple[str, str, str]] = {
    "before the loop": ("print(objective(U, v))", "pass", "pass"),
    "after it": ("pass", "pass", "print(objective(U, v))"),
    "in some turns": ("pass", "if turn % 3 == 0: print(objective(U, v))", "pass"),
}


@pytest.mark.parametrize("when", CALLED)
@pytest.mark.parametrize("lacks", ["", " + lam * U", " + lam * v"])
def test_a_penalty_of_an_objective_that_other_turns_compute_may_be_missing(
    when: str, lacks: str, tmp_path: Path
) -> None:
    first, each, last = CALLED[when]
    script = OBJECTIVE.replace("FIRST", first).replace("EACH", each).replace("LAST", last)
    check = check_of_script(tmp_path, script.replace(lacks, "") if lacks else script)
    assert "objective()" in check.entry.loss_name, str(check)
    if lacks:
        assert check.first_wrong.kind == "regularisation"
        assert check.first_wrong.name == f"d{lacks[-1]}"
    else:
        assert check.ok, str(check)
