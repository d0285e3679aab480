"""AdaGrad in the order of its first programs: squares of earlier gradients scale a step, and its own come after it."""

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
        ("d_one = trust * apart * other", "d_one = trust * other", "scale-factor"),
        ("d_b_one = trust * apart", "d_b_one = -trust * apart", "sign"),
        ("d_other = trust * apart * one", "d_other = trust * apart * other", "wrong-operand"),
    ],
)
def test_mistakes_beside_them_are_told(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, PAIRS, right, wrong)
    assert told(check) == (line, kind), str(check)


SCALED_FIRST = """
import numpy as np

rng = np.random.default_rng(2)
w, b = rng.normal(size=(4, 3)), np.zeros(3)
v, c = rng.normal(size=(3, 2)), np.zeros(2)
mean_w = mean_b = mean_v = mean_c = 0
size_w = size_b = size_v = size_c = 0
for turn in range(5):
    x, aim = rng.normal(size=(1, 4)), rng.normal(size=(1, 2))
    h = np.tanh(x.dot(w) + b)
    out = h.dot(v) + c
    cost = np.sum((out - aim) ** 2)
    d_c = 2 * (out - aim)
    d_v = h.T.dot(d_c)
    d_b = d_c.dot(v.T) * (1 - h**2)
    d_w = x.T.dot(d_b)
    mean_w, size_w = 0.9 * mean_w + 0.1 * d_w, 0.99 * size_w + 0.01 * d_w**2
    mean_b, size_b = 0.9 * mean_b + 0.1 * d_b, 0.99 * size_b + 0.01 * d_b**2
    mean_v, size_v = 0.9 * mean_v + 0.1 * d_v, 0.99 * size_v + 0.01 * d_v**2
    mean_c, size_c = 0.9 * mean_c + 0.1 * d_c, 0.99 * size_c + 0.01 * d_c**2
    w = w - (0.001 / (np.sqrt(size_w / (1 - 0.99)) + 1e-8)) * (mean_w / (1 - 0.9))
    b = b - (0.001 / (np.sqrt(size_b / (1 - 0.99)) + 1e-8)) * (mean_b / (1 - 0.9))
    v = v - (0.001 / (np.sqrt(size_v / (1 - 0.99)) + 1e-8)) * (mean_v / (1 - 0.9))
    c = c - (0.001 / (np.sqrt(size_c / (1 - 0.99)) + 1e-8)) * (mean_c / (1 - 0.9))
    print(cost)
"""


def test_the_rate_through_the_root_may_stand_first_and_a_bias_be_a_row(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SCALED_FIRST)
    assert check.ok is True, str(check)
    assert {final.parameter.name for final in check.finals} == {"w", "b", "v", "c"}


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("d_v = h.T.dot(d_c)", "d_v = np.abs(h).T.dot(d_c)", "wrong-operand"),
        ("d_c = 2 * (out - aim)", "d_c = 2 * out - aim", "scale-factor"),
        ("(1 - h**2)", "(1 - h)", "derivative-at-wrong-point"),
        ("d_w = x.T.dot(d_b)", "d_w = -x.T.dot(d_b)", "sign"),
    ],
)
def test_what_it_scales_is_judged(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, SCALED_FIRST, right, wrong)
    assert told(check) == (line, kind), str(check)


OF_EACH_SAMPLE = """
import numpy as np

rng = np.random.default_rng(6)
rows, aims = rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
w, b = rng.normal(size=(4, 3)), np.zeros(3)
means, sizes = [0, 0], [0, 0]
for turn in range(3):
    out = np.tanh(rows @ w + b)
    loss = 0.5 * np.sum((out - aims) ** 2)
    d = (out - aims) * (1 - out**2)
    steps = [rows[:, :, None] * d[:, None, :], d]
    for i, grad in enumerate(steps):
        means[i] = 0.9 * means[i] + 0.1 * grad
        sizes[i] = 0.99 * sizes[i] + 0.01 * grad**2
        steps[i] = means[i] / (1 - 0.9 ** (turn + 1)) / (np.sqrt(sizes[i] / (1 - 0.99 ** (turn + 1))) + 1e-8)
    for sample in range(5):
        w = w - 0.01 * steps[0][sample]
        b = b - 0.01 * steps[1][sample]
    print(loss)
"""


def test_what_scales_each_sample_by_its_own_is_not_accused(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, OF_EACH_SAMPLE)
    assert check.first_wrong is None, str(check)
