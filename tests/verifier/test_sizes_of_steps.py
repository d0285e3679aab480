"""Steps that are right, and no plain rate times a gradient: by traces, by shares of the loss, by weights of samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

TRACES = """
import numpy as np

rng = np.random.default_rng(4)
places = rng.normal(size=(12, 5))
worths, trace = np.zeros((2, 5)), np.zeros((2, 5))
speed, later_counts, fades = 0.1, 0.9, 0.7
for now in range(10):
    here, there = places[now], places[now + 1]
    guesses = worths @ here
    way = now % 2
    goal = 0.5 - 0.1 * now + later_counts * np.max(worths @ there)
    surprise = goal - guesses[way]
    trace *= later_counts * fades
    trace[way] += here
    worths += speed * surprise * trace
    loss = surprise**2 / 2
"""

SHARES = """
import numpy as np

rng = np.random.default_rng(8)
points = rng.normal(size=(20, 4))
sides = np.where(points @ rng.normal(size=4) > 0, 1.0, -1.0)
w = np.zeros(4)
for x, side in zip(points, sides):
    loss = max(0.0, 1 - side * (w @ x))
    if loss > 0:
        dw = -side * x
        far = loss / (np.sum(dw**2) + 0.1)
        w -= far * dw
    print(loss)
"""

WATCHED = """
import numpy as np

rng = np.random.default_rng(2)
points = rng.normal(size=(9, 3))
goals = (points[:, 0] > 0).astype(float)
counts = np.where(goals > 0, 0.7, 1.9)
v, w = rng.normal(size=(3, 4)), rng.normal(size=4)
for turn in range(4):
    error = 0
    for i in range(len(points)):
        middle = np.tanh(points[i] @ v)
        guess = 1 / (1 + np.exp(-(middle @ w)))
        miss = (guess - goals[i]) * counts[i]
        out = miss * guess * (1 - guess)
        back = out * w * (1 - middle**2)
        w -= 0.3 * out * middle
        v -= 0.3 * np.outer(points[i], back)
        error += np.abs(miss)
    print(error)
"""

NOWHERE = """
import numpy as np

rng = np.random.default_rng(2)
points = rng.normal(size=(9, 3))
goals = (points[:, 0] > 0).astype(float)
weights_of_points = np.where(goals > 0, 0.7, 1.9)
v, w = rng.normal(size=(3, 4)), rng.normal(size=4)
for turn in range(4):
    for i in range(len(points)):
        middle = np.tanh(points[i] @ v)
        guess = middle @ w
        miss = (guess - goals[i]) * weights_of_points[i]
        dw = miss * middle
        dv = np.outer(points[i], miss * w * (1 - middle**2))
        w -= 0.05 * dw
        v -= 0.05 * dv
"""

FLAT = """
import numpy as np

class Held:
    def __init__(self, flat):
        self.flat = flat.copy()
    def __add__(self, other):
        return Held(self.flat + getattr(other, "flat", other))
    def __sub__(self, other):
        return Held(self.flat - getattr(other, "flat", other))
    def __mul__(self, other):
        return Held(self.flat * getattr(other, "flat", other))
    __rmul__ = __mul__

def descended(held, change, rate):
    return held - rate * change

rng = np.random.default_rng(5)
points, goals = rng.normal(size=(12, 4)), rng.normal(size=12)
held, kept = Held(rng.normal(size=4)), None
for turn in range(3):
    for rows in np.split(np.arange(12), 3):
        miss = points[rows] @ held.flat - goals[rows]
        change = Held(points[rows].T @ miss / 4)
        kept = change if kept is None else change + 0.5 * kept
        held = 0.99 * descended(held, kept, 0.1)
"""


def test_what_a_trace_keeps_of_turns_before_is_in_no_gradient(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TRACES)
    assert check.ok, check
    assert "a trace that fades" in str(check)


def test_a_mistake_beside_a_trace_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, TRACES, "surprise * trace", "guesses[way] * trace")
    assert told(check) == (line, "wrong-operand")


@pytest.mark.parametrize("far", ["loss / (np.sum(dw**2) + 0.1)", "min(0.2, loss / (x @ x))", "loss / (2 * (x @ x))"])
def test_a_step_may_go_until_the_loss_is_nothing(tmp_path: Path, far: str) -> None:
    check = check_of_script(tmp_path, SHARES.replace("loss / (np.sum(dw**2) + 0.1)", far))
    assert check.ok, check


def test_a_wrong_gradient_in_such_a_step_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, SHARES, "w -= far", "w += far")
    assert told(check) == (line, "sign")


def test_sizes_of_an_error_that_weighs_are_only_watched(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, WATCHED)
    assert check.ok, check


def test_a_slope_beside_sizes_that_are_watched_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, WATCHED, "out * w * (1 - middle**2)", "out * w * (1 - middle)")
    assert told(check)[0] == line


def test_a_sample_counts_by_its_weight(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, NOWHERE)
    assert check.first_wrong is None, check
    check, line = edited_script(tmp_path, NOWHERE, "miss * w * (1 - middle**2)", "miss * w * (1 - middle)")
    assert told(check)[0] == line


def test_all_weights_in_one_object_with_a_velocity_of_turns_before(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, FLAT)
    assert check.ok, check
