"""AdaGrad in the order of its first programs: a step is scaled by the squares of earlier ones, and adds its own then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

PAIRS = """
from math import log

import numpy as np

rng = np.random.default_rng(5)
words, shifts = rng.random((12, 5)) - 0.5, rng.random(12) - 0.5
squares, shift_squares = np.ones((12, 5)), np.ones(12)
met = [
    (words[i], words[j + 6], shifts[i : i + 1], shifts[j + 6 : j + 7],
     squares[i], squares[j + 6], shift_squares[i : i + 1], shift_squares[j + 6 : j + 7], 0.5 + 3 * rng.random())
    for i in range(6) for j in range(6) if i != j
]


def pass_over(met, rate=0.05):
    total = 0
    for one, other, b_one, b_other, sq_one, sq_other, sq_b_one, sq_b_other, count in met:
        trust = (count / 4) ** 0.75
        apart = one.dot(other) + b_one[0] + b_other[0] - log(count)
        total += 0.5 * trust * apart**2
        d_one = trust * apart * other
        d_other = trust * apart * one
        d_b_one = trust * apart
        d_b_other = trust * apart
        one -= rate * d_one / np.sqrt(sq_one)
        other -= rate * d_other / np.sqrt(sq_other)
        b_one -= rate * d_b_one / np.sqrt(sq_b_one)
        b_other -= rate * d_b_other / np.sqrt(sq_b_other)
        sq_one += np.square(d_one)
        sq_other += np.square(d_other)
        sq_b_one += d_b_one**2
        sq_b_other += d_b_other**2
    return total


for turn in range(3):
    print(pass_over(met))
"""


def test_sums_of_squares_that_are_added_to_last_are_no_parameters(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PAIRS)
    assert check.ok is True, str(check)
    assert {final.parameter.name for final in check.finals} == {"one", "other", "b_one", "b_other"}


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("d_one = trust * apart * other", "d_one = apart * other", "scale-factor"),
        ("d_b_one = trust * apart", "d_b_one = -trust * apart", "sign"),
        ("d_other = trust * apart * one", "d_other = trust * apart * other", "wrong-operand"),
    ],
)
def test_mistakes_beside_them_are_told(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, PAIRS, right, wrong)
    assert told(check) == (line, kind), str(check)
