"""Classifiers with margins, taught in branches or with masks, whose loss is written nowhere, or without its penalty."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, told

DATA = """
import numpy as np

rng = np.random.default_rng(3)
points = rng.normal(size=(10, 3))
sides = np.where(rng.random(10) > 0.5, 1, -1)
w, b, lam = 0.1 * rng.normal(size=3), 0.05, 0.02
"""

BRANCHES = (
    DATA
    + """for epoch in range(2):
    for i in range(1, 10):
        score = np.dot(points[i], w) - b
        if sides[i] * score >= 1:
            w -= 0.1 * (2 * lam * w)
        else:
            w -= 0.1 * (2 * lam * w - np.dot(points[i], sides[i]))
            b -= 0.1 * sides[i]
"""
)

WATCHED = (
    DATA
    + """for epoch in range(2):
    total = 0
    for point, side in zip(points[3:], sides[3:]):
        reach = side * (w @ point + b)
        total += max(0, 1 - reach)
        if reach < 1:
            w -= 0.1 * (lam * w - side * point); b -= 0.1 * (-side)
        else:
            w -= 0.1 * lam * w
    print(total)
"""
)

ALL_AT_ONCE = (
    DATA
    + """for epoch in range(3):
    reach = sides * (points @ w + b)
    cost = np.maximum(0, 1 - reach).sum()
    short = reach < 1
    w = w - 0.1 * (lam * w - points[short].T @ sides[short])
    b = b + 0.1 * sides[short].sum()
"""
)

SHRINKING = (
    DATA
    + """for t in range(1, 9):
    rate = 1 / (lam * t)
    if sides[t] * (w @ points[t]) < 1:
        w = (1 - rate * lam) * w + rate * sides[t] * points[t]
    else:
        w = (1 - rate * lam) * w
"""
)

CLASSES = """
import numpy as np

rng = np.random.default_rng(8)
kinds, spots = rng.integers(0, 4, 15), rng.normal(size=(15, 3))
W, c = 0.3 * rng.normal(size=(4, 3)), 0.1 * rng.normal(size=4)
for spot, kind in zip(spots, kinds):
    score = W @ spot + c
    lead = score + 1.0
    lead[kind] -= 1.0
    best = int(np.argmax(lead))
    hinge = max(0.0, 1.0 + score[best] - score[kind]) if best != kind else 0.0
    gW, gc = np.zeros_like(W), np.zeros_like(c)
    if best != kind:
        gW[best] += spot
        gW[kind] -= spot
        gc[best] += 1
        gc[kind] -= 1
    W -= 0.3 * gW
    c -= 0.3 * gc
"""

UNWATCHED = ALL_AT_ONCE.replace("    cost = np.maximum(0, 1 - reach).sum()\n", "")
RIGHT = {
    "in branches, and no loss": (BRANCHES, 2),
    "a loss without the penalty, sample by sample": (WATCHED, 2),
    "a loss without the penalty": (ALL_AT_ONCE, 2),
    "with a mask, and no loss": (UNWATCHED, 2),
    "a decay that leaves nothing at first": (SHRINKING, 1),
    "of classes, by Python's max": (CLASSES, 2),
}


@pytest.mark.parametrize("name", RIGHT)
def test_margins_are_right(tmp_path: Path, name: str) -> None:
    program, gradients = RIGHT[name]
    check = check_of_script(tmp_path, program)
    assert check.ok is True, str(check)
    assert check.findings.gradients == gradients, str(check)


WRONG = {
    "a sign in a branch": (BRANCHES, "w - np.dot(", "w + np.dot(", "sign"),
    "a sample alone": (BRANCHES, "np.dot(points[i], sides[i])", "points[i]", None),
    "the bias goes up beside a decay": (WATCHED, "b -= 0.1 * (-side)", "b -= 0.1 * side", "sign"),
    "a decay that makes weights larger": (ALL_AT_ONCE, "(lam * w", "(-lam * w", None),
    "a sign beside a decay of all samples": (ALL_AT_ONCE, "w - points", "w + points", "sign"),
    "a sign with a mask, and no loss": (UNWATCHED, "w - points", "w + points", "sign"),
    "a class that goes the wrong way": (CLASSES, "gW[kind] -= spot", "gW[kind] += spot", "sign"),
    "a class too often": (CLASSES, "gc[kind] -= 1", "gc[kind] -= 2", None),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_of_margins_are_told(tmp_path: Path, name: str) -> None:
    program, right, wrong, kind = WRONG[name]
    assert program.count(right) == 1
    check = check_of_script(tmp_path, program.replace(right, wrong))
    line, said = told(check)
    assert line == program[: program.index(right)].count("\n") + 1, str(check)
    assert kind in (None, said), str(check)


def test_what_is_right_in_an_update_in_place_is_told(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, CLASSES.replace("gW[best] += spot", "gW[best] -= spot"))
    assert "right is   gW[best] += spot" in str(check), str(check)


def test_the_statement_that_is_wrong_is_shown(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, WATCHED.replace("lam * w - side", "lam * w + side"))
    assert "you wrote  w -= 0.1 * (lam * w + side * point)" in str(check), str(check)


LOGISTIC = """
import numpy as np

rng = np.random.default_rng(2)
cells = rng.normal(size=(20, 3))
ill = (cells[:, 0] > cells[:, 1] * cells[:, 2]).astype(float)
theta = rng.normal(size=3)
for turn in range(3):
    chance = 1 / (1 + np.exp(-cells.dot(theta)))
    J = -(ill.dot(np.log(chance)) + (1 - ill).dot(np.log(1 - chance))) / 20
    slope = cells.T.dot(chance - ill) / 20
    theta = theta - 0.5 * slope
"""


def test_a_method_of_labels_that_were_made_of_data_is_followed(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LOGISTIC)
    assert check.ok is True, str(check)
    assert "J is taken; 1 of 1 gradients fit it" in str(check), str(check)
    check = check_of_script(tmp_path, LOGISTIC.replace("chance - ill", "chance + ill"))
    assert told(check) == (11, "sign"), str(check)


def test_a_running_mean_of_rewards_is_no_parameter(tmp_path: Path) -> None:
    program = """
import numpy as np

rng = np.random.default_rng(0)
liking, gains, usual = 0.2 * rng.normal(size=4), rng.normal(size=4), 0.0
for day in range(3):
    chance = np.exp(liking) / np.exp(liking).sum()
    pick = rng.choice(4, p=chance)
    gain = gains[pick] + rng.normal()
    way = -chance
    way[pick] += 1
    liking += 0.1 * (gain - usual) * way
    usual = 0.9 * usual + 0.1 * gain
"""
    check = check_of_script(tmp_path, program)
    assert [parameter.name for parameter in check.entry.updated] == ["liking"]
