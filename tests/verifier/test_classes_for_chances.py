"""Predicted classes in the place of chances: whole numbers, which calls of several kinds make."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

VOTES = """
import numpy as np

draw = np.random.default_rng(4)
towns = draw.normal(size=(25, 3))
won = (towns @ np.array([1.0, -2.0, 0.5]) > 0).astype(float)

def chance(sums):
    return 1 / (1 + np.exp(-sums))

def likelihood(w):
    sums = towns @ w
    return np.sum(won * sums - np.log(1 + np.exp(sums)))

w = 0.3 * draw.normal(size=3)
for turn in range(10):
    sums = towns @ w
    guess = chance(sums)
    off = won - guess
    slope = towns.T @ off
    w += 0.01 * slope
    if turn % 3 == 0:
        print(likelihood(w))
"""


def test_chances_are_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, VOTES)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    "wrong",
    [
        "guess = chance(sums).round().astype(int)",
        "guess = np.round(chance(sums)).astype(int)",
        "guess = (chance(sums) > 0.5).astype(int)",
        "guess = np.where(chance(sums) > 0.5, 1, 0)",
    ],
)
def test_classes_in_the_place_of_chances(tmp_path: Path, wrong: str) -> None:
    check, line = edited_script(tmp_path, VOTES, "guess = chance(sums)", wrong)
    assert told(check) == (line, "dtype-or-integer")
