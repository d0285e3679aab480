"""Gradients that a matrix is solved for, as rows of their entries, beside those of others, or between two inverses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script

CLASSES = """
import numpy as np

draw = np.random.default_rng(21)
seen, kinds = draw.normal(size=(9, 2)), draw.random((9, 3))
weights = draw.normal(size=(2, 3)) * 0.3
still = 0.1 * np.eye(6)

for turn in range(4):
    away = seen @ weights - kinds
    loss = 0.5 * np.sum(away**2)
    grad = seen.T @ away
    left, right = seen.T @ seen, np.eye(3) + away.T @ away
    whole = np.kron(left, right) + still
    weights = weights - 0.5 * STEP
"""
STEPS = (
    "np.linalg.solve(whole, grad.ravel()).reshape(2, 3)",
    "np.linalg.solve(whole, -grad.reshape(-1, 1))[:, 0].reshape(grad.shape) * -1",
    "(np.linalg.inv(whole) @ grad.ravel()).reshape(grad.shape)",
    "np.linalg.inv(left) @ grad @ np.linalg.inv(right)",
    "np.linalg.solve(right, np.linalg.solve(left, grad).T).T",
)

BOTH = """
import numpy as np

draw = np.random.default_rng(22)
rows, marks = draw.normal(size=(10, 2)), (draw.random((10, 2)) < 0.5) * 1.0
slopes, starts = draw.normal(size=(2, 2)) * 0.3, np.zeros(2)

for turn in range(4):
    share = 1 / (1 + np.exp(-(rows @ slopes + starts)))
    loss = -np.sum(marks * np.log(share) + (1 - marks) * np.log(1 - share))
    rest = share - marks
    grad = np.concatenate([(rows.T @ rest).ravel(), rest.sum(axis=0)])
    long = np.c_[rows, np.ones(10)]
    curve = np.kron(long.T @ long, np.eye(2)) / 4
    step = np.linalg.solve(curve, grad)
    slopes = slopes - step[:4].reshape(2, 2)
    starts = starts - step[4:]
"""


@pytest.mark.parametrize("text", [*(CLASSES.replace("STEP", step) for step in STEPS), BOTH])
def test_what_is_solved_for_is_judged_and_not_the_step(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok is True, str(check)
    assert any(note.startswith("The updates are more than multiples") for note in check.notes)


@pytest.mark.parametrize("step", [STEPS[0], STEPS[3]])
def test_a_mistake_in_it_is_told(tmp_path: Path, step: str) -> None:
    text = CLASSES.replace("STEP", step)
    check, line = edited_script(tmp_path, text, "grad = seen.T @ away", "grad = seen.T @ away**2")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "wrong-operand"), str(check)


def test_a_step_that_is_put_back_in_another_order_is_no_such_one(tmp_path: Path) -> None:
    step = "np.linalg.solve(whole, grad.ravel()).reshape(3, 2).T"
    assert check_of_script(tmp_path, CLASSES.replace("STEP", step)).ok is not True
