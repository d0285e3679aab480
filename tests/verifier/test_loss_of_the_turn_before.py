"""Loops that work out the loss of the new weights last: the gradients of the next turn are of that one."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, line_of, told

DAMPED = """
import numpy as np

rng = np.random.default_rng(7)
X = rng.normal(size=(25, 3))
t = (X @ np.array([1.0, -0.6, 0.2]) + rng.normal(size=25) > 0).astype(float)
strength = 1.5


def cost_of(w):
    z = X @ w
    cost = 0
    for i in range(25):
        cost += (np.logaddexp(0, z[i]) - t[i] * z[i]) / 25
    flat = np.ravel(w)
    return cost + strength * np.dot(flat, flat) / (2.0 * 25)


def slopes_of(w):
    p = 1 / (1 + np.exp(-(X @ w)))
    slope = np.zeros((1, 3))
    curve = np.zeros((3, 3))
    for i in range(25):
        slope += (p[i] - t[i]) * X[i : i + 1] / 25
        curve += p[i] * (1 - p[i]) * np.outer(X[i], X[i]) / 25
    slope += strength / 25 * w
    return slope.ravel(), curve + strength / 25 * np.eye(3)


w = np.zeros(3)
before = w
cost = float("inf")
for turn in range(8):
    slope, curve = slopes_of(w)
    new = w - np.linalg.solve(curve, slope)
    cost_new = cost_of(new)
    print(turn, cost_new)
    if cost_new > cost:
        w = (before + w) / 2
        cost = cost_of(w)
        continue
    before = w
    w = new
    if abs(1 - cost_new / cost) < 1e-9:
        break
    cost = cost_new
"""


def test_a_turn_is_judged_by_the_loss_that_the_turn_before_ended_with(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, DAMPED)
    assert check.ok, str(check)
    assert check.first_wrong is None
    check, line = edited_script(
        tmp_path, DAMPED, "(p[i] - t[i]) * X[i : i + 1] / 25", "(p[i] + t[i]) * X[i : i + 1] / 25"
    )
    assert told(check)[0] == line, str(check)


def test_a_mean_of_two_values_of_the_weights_is_no_step_in_place_of_them(tmp_path: Path) -> None:
    right = "slope += (p[i] - t[i]) * X[i : i + 1] / 25"
    check, _ = edited_script(tmp_path, DAMPED, right, right.removesuffix(" / 25"))
    assert told(check)[0] != line_of(DAMPED, "w = (before + w) / 2"), str(check)
