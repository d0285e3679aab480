"""A slope that is taken at another value, in a script that computes no loss: told by the usual loss that is assumed."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

ERRORS = """import numpy as np


def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


np.random.seed(1)
X = np.random.random((6, 5))
y = np.random.random((6, 3)).round()
syn0 = 2 * np.random.random((5, 4)) - 1
syn1 = 2 * np.random.random((4, 3)) - 1

for j in range(60):
    l0 = X
    l1 = nonlin(np.dot(l0, syn0))
    l2 = nonlin(np.dot(l1, syn1))
    l2_error = y - l2
    if j % 10 == 0:
        print("Error:" + str(np.mean(np.abs(l2_error))))
    l2_delta = l2_error * nonlin(l2, deriv=True)
    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1, deriv=True)
    syn1 += l1.T.dot(l2_delta)
    syn0 += l0.T.dot(l1_delta)
"""
SLOPE = "nonlin(l2, deriv=True)"


def test_the_turn_that_shows_an_error_is_the_one_that_is_judged(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, ERRORS, SLOPE, "nonlin(l2_error, deriv=True)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)
    assert check.first_wrong.should_be == f"l2_delta = l2_error * {SLOPE}"
    assert any("half the squares of l2_error is taken" in note for note in check.notes)


def test_it_is_right_otherwise(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ERRORS)
    assert check.ok, str(check)
