"""Loops that work out the loss of the new weights last: the gradients of the next turn are of that one."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

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
    slope = X.T @ (p - t) / 25 + strength / 25 * w
    return slope, X.T @ ((p * (1 - p))[:, None] * X) / 25 + strength / 25 * np.eye(3)


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
    check, line = edited_script(tmp_path, DAMPED, "X.T @ (p - t) / 25", "X.T @ (p + t) / 25")
    assert told(check)[0] == line, str(check)
