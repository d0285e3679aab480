"""Bounds that are infinite: no parameter moves them, and an infinity that a calculation makes is no such one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script

GRADES = """
import numpy as np

draw = np.random.default_rng(8)
rows, grade = draw.normal(size=(12, 2)), draw.integers(0, 3, 12)
w, low = draw.normal(size=2) * 0.2, np.array([-0.6, 0.7])


def share(z):
    return 1 / (1 + np.exp(-z))


for turn in range(4):
    BOUNDS
    line = rows @ w
    over, under = share((bounds[grade + 1] - line) / 0.5), share((bounds[grade] - line) / 0.5)
    chance = over - under
    loss = -np.log(chance).sum()
    top, bottom = over * (1 - over) / chance / 0.5, under * (1 - under) / chance / 0.5
    dline = top - bottom
    dlow = np.array([bottom[grade == k + 1].sum() - top[grade == k].sum() for k in range(2)])
    w = w - 0.1 * (rows.T @ dline)
    low = low + 0.1 * -dlow
"""
BOUNDS = (
    "bounds = np.concatenate([[-np.inf], low, [np.inf]])",
    "bounds = np.full(4, np.inf); bounds[0] = -np.inf; bounds[1:3] = low",
)


@pytest.mark.parametrize("bounds", BOUNDS)
def test_no_gradient_goes_through_them(tmp_path: Path, bounds: str) -> None:
    check = check_of_script(tmp_path, GRADES.replace("BOUNDS", bounds))
    assert check.ok is True, str(check)


def test_a_mistake_beside_them_is_told(tmp_path: Path) -> None:
    text = GRADES.replace("BOUNDS", BOUNDS[0])
    check, line = edited_script(tmp_path, text, "dline = top - bottom", "dline = top + bottom")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "sign"), str(check)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("made", ["np.log(0 * low[:1])", "-np.exp(900 + low[:1])"])
def test_an_infinity_that_is_made_is_told(tmp_path: Path, made: str) -> None:
    text = GRADES.replace("BOUNDS", f"bounds = np.concatenate([{made}, low, [np.inf]])")
    check = check_of_script(tmp_path, text)
    assert not check.ok
    assert "not finite" in str(check)
