"""A function called a loss that gives a number under any name, with the slope of it: that is the loss to judge by."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script

FISH = """
import numpy as np

rng = np.random.default_rng(5)
depth = rng.normal(size=(30, 4))
hours = rng.integers(1, 4, size=(30, 1)).astype(float)
caught = rng.poisson(hours * np.exp(0.5 * depth[:, :1]))
w = rng.normal(size=(4, 1)) * 0.1

def poisson_nll(eta, counts, hours):
    rate = hours * np.exp(eta)
    value = np.mean(rate - counts * (eta + np.log(hours)))

    def back():
        return (rate - counts) / counts.size
    return value, back

for day in range(20):
    value, back = poisson_nll(depth @ w, caught, hours)
    w -= 0.1 * depth.T @ back()
print(value)
"""


def test_it_is_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, FISH)
    assert check.ok, str(check)
    assert check.entry.loss_name == "value", str(check)


def test_the_slope_of_another_loss_is_wrong(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, FISH, "return (rate - counts)", "return (np.exp(eta) - counts)")
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == line, str(check)
