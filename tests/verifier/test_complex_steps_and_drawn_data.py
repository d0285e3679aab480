"""What is told beside a right program: nothing of complex steps, and nothing of data that was drawn."""

from __future__ import annotations

import warnings
from pathlib import Path

from tests.verifier.files import check_of_script

STEP = """
import numpy as np

draw = np.random.default_rng(31)
rows, aims = draw.normal(size=(7, 2)), draw.normal(size=7)
theta = draw.normal(size=5) * 0.4


def cost(flat):
    rest = np.tanh(rows @ flat[:4].reshape(2, 2)) @ flat[3:] - aims
    return (rest * rest).sum() / 7


def slopes(flat):
    found = np.empty(5)
    for i in range(5):
        moved = flat.astype(complex)
        moved[i] += 1e-30j
        found[i] = cost(moved).imag / 1e-30
    return found


for turn in range(4):
    theta = theta - 0.1 * slopes(theta)
    print(cost(theta))
"""

DRAWN = """
import numpy as np

draw = np.random.default_rng(32)
rows = draw.normal(size=(9, 2))
counts = draw.poisson(np.exp(0.3 * rows[:, 0]))
w = draw.normal(size=2) * 0.2

for turn in range(4):
    mean = np.exp(rows @ w)
    likely = draw.poisson(mean)
    loss = np.sum(mean - counts * (rows @ w))
    dw = rows.T @ (mean - counts)
    w = w - 0.01 * dw
"""


def test_a_complex_step_is_right_and_warns_of_nothing(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check = check_of_script(tmp_path, STEP)
    assert check.ok is True, str(check)


def test_data_that_is_drawn_left_nothing(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, DRAWN)
    assert check.ok is True, str(check)
    said = " ".join(str(check).split())
    assert "counts = draw.poisson" not in said
    assert "likely = draw.poisson" in said
