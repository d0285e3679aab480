"""Networks whose weights are single numbers, trained on one sample after the other, as tutorials begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited_script
from tinygrad_scratch import verify

NUMBERS = """import numpy as np


def squash(z):
    return 1 / (1 + np.exp(-z))


def deriv_squash(z):
    s = squash(z)
    return s * (1 - s)


class Net:
    def __init__(self, rng):
        self.w1, self.w2, self.w3, self.w4 = (rng.normal() for _ in range(4))
        self.b1, self.b2 = rng.normal(), rng.normal()

    def train(self, data, labels):
        rate = 0.1
        for turn in range(4):
            for x, y in zip(data, labels):
                sum_h = self.w1 * x[0] + self.w2 * x[1] + self.w4 * x[2] + self.b1
                h = squash(sum_h)
                sum_o = self.w3 * h + self.b2
                o = squash(sum_o)
                dl_do = -2 * (y - o)
                do_dw3 = h * deriv_squash(sum_o)
                do_db2 = deriv_squash(sum_o)
                do_dh = self.w3 * deriv_squash(sum_o)
                dh_dw1 = x[0] * deriv_squash(sum_h)
                dh_dw2 = x[1] * deriv_squash(sum_h)
                dh_dw4 = x[2] * deriv_squash(sum_h)
                dh_db1 = deriv_squash(sum_h)
                self.w1 -= rate * dl_do * do_dh * dh_dw1
                self.w2 -= rate * dl_do * do_dh * dh_dw2
                self.w4 -= rate * dl_do * do_dh * dh_dw4
                self.b1 -= rate * dl_do * do_dh * dh_db1
                self.w3 -= rate * dl_do * do_dw3
                self.b2 -= rate * dl_do * do_db2


rng = np.random.default_rng(2)
net = Net(rng)
net.train(rng.normal(size=(6, 3)), rng.integers(0, 2, size=6))
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kinds"),
    [
        ("dh_db1 = deriv_squash(sum_h)", "dh_db1 = 1", {"missing-derivative"}),
        ("s = squash(z)", "s = z", {"derivative-at-wrong-point", "missing-derivative"}),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited_script(tmp_path, NUMBERS, right, wrong)
    found = check.first_wrong
    assert found is not None, str(check)
    assert found.line in (line, line + 1)
    assert found.kind in kinds, str(check)


def test_it_is_right_otherwise(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, NUMBERS)
    assert check.ok, str(check)


class Line:
    def __init__(self, rate: float) -> None:
        self.w, self.bias, self.rate = np.array([0.3, -0.2, 0.5]), np.float32(0.0), rate

    def step(self, x: Any, y: Any, by: Any) -> Any:
        error = x @ self.w + self.bias - y
        self.w -= self.rate * (2 * x.T @ error / len(x))
        self.bias -= self.rate * by(2 * error / len(x))
        return np.mean(error**2)


@pytest.mark.parametrize(("by", "is_right"), [(np.sum, True), (np.mean, False)])
def test_a_bias_that_is_one_of_numpys_numbers_is_judged(by: Any, is_right: bool) -> None:
    rng = np.random.default_rng(3)
    line = Line(0.1)
    with verify(line) as check:
        check.loss = line.step(rng.normal(size=(7, 3)), rng.normal(size=7), by)
    assert "bias" in [final.parameter.name for final in check.finals], str(check)
    assert check.ok is is_right, str(check)
