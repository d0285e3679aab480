"""Losses in bits, and under names that say so: the gradients are mostly those of natural logarithms."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, told
from tinygrad_scratch.verifier.verdicts.assumed import assumable

LETTERS = """
import numpy as np

draw = np.random.default_rng(4)
notes = draw.integers(0, 5, 40)
A, B, C = draw.normal(size=(6, 5)) * 0.2, draw.normal(size=(6, 6)) * 0.3, draw.normal(size=(5, 6)) * 0.2
a, c = np.zeros((6, 1)), np.zeros((5, 1))


def lesson(heard, sung):
    x, h, p, bits = {}, {-1: np.zeros((6, 1))}, {}, 0
    for t in range(len(heard)):
        x[t] = np.zeros((5, 1))
        x[t][heard[t]] = 1
        h[t] = np.maximum(A @ x[t] + B @ h[t - 1] + a, 0)
        y = C @ h[t] + c
        p[t] = np.exp(y) / np.sum(np.exp(y))
        bits += -np.log2(p[t][sung[t], 0])
    dA, dB, dC, da, dc = (np.zeros_like(each) for each in (A, B, C, a, c))
    later = np.zeros((6, 1))
    for t in reversed(range(len(heard))):
        dy = np.copy(p[t])
        dy[sung[t]] -= 1
        dC += dy @ h[t].T
        dc += dy
        dz = (h[t] > 0) * (C.T @ dy + later)
        da += dz
        dA += dz @ x[t].T
        dB += dz @ h[t - 1].T
        later = B.T @ dz
    return bits, [dA, dB, dC, da, dc]


for turn in range(3):
    bits, slopes = lesson(notes[turn : turn + 4], notes[turn + 1 : turn + 5])
    for weights, slope in zip((A, B, C, a, c), slopes):
        weights -= 0.1 * slope
    print("bits per note", bits / 4)
"""
BITS = "0.693147 times the gradient throughout: of natural logarithms, and not of those to the base of 2"


def test_gradients_of_natural_logarithms_are_a_convention(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LETTERS)
    assert check.ok, str(check)
    assert check.convention == BITS


def test_a_loss_may_be_called_bits(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LETTERS.replace("dy[sung[t]] -= 1", "dy[sung[t]] -= 1\n        dy /= np.log(2)"))
    assert check.ok, str(check)
    assert not check.convention
    assert check.entry.loss_name == "bits"


def test_one_of_many_outputs_is_not_judged_by_a_loss_of_its_own(tmp_path: Path) -> None:
    """Nobody says what is made small: then it is not the loss of one turn alone."""
    notes = LETTERS.replace("draw.integers(0, 5, 40)", "draw.integers(0, 5, 40).tolist()")
    check = check_of_script(tmp_path, notes.replace("bits", "much").replace("log2", "log"))
    assert check.first_wrong is None, str(check)
    assert not list(assumable(check.entry))


@pytest.mark.parametrize("logarithm", ["log", "log2"])
def test_a_state_of_the_shape_of_a_bias_is_no_step_ahead_of_it(tmp_path: Path, logarithm: str) -> None:
    wrong = LETTERS.replace("log2", logarithm).replace("later = B.T @ dz", "later = B @ dz")
    line = wrong[: wrong.index("later = B @ dz")].count("\n") + 1
    assert told(check_of_script(tmp_path, wrong)) == (line, "transpose")
