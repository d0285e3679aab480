"""Numbers whose names may be those of losses, or of something else: adjoints, what is only watched, and likelihoods."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script

BACK_IN_TIME = """
import numpy as np

growth, inflow = 0.7, 0.4
seen = np.array([1.0, 1.3, 1.9, 2.2])

for attempt in range(3):
    level = [1.0]
    for n in range(3):
        level.append(level[-1] + 0.2 * (inflow + growth * level[-1]))
    distance = np.sum((np.array(level) - seen) ** 2)
    e = 0.0
    to_growth, to_inflow = 0.0, 0.0
    for n in range(2, -1, -1):
        e = e + 2 * (level[n + 1] - seen[n + 1])
        to_growth = to_growth + e * 0.2 * level[n]
        to_inflow = to_inflow + e * 0.2
        e = e * (1 + 0.2 * growth)
    growth = growth - 0.1 * to_growth
    inflow = inflow - 0.1 * to_inflow
"""
MISFIT = BACK_IN_TIME.replace("distance", "misfit")
WATCHED = """
import numpy as np

rng = np.random.default_rng(5)
pages, kinds = rng.random((4, 6)), [0, 2, 1, 2]
inner, outer = rng.normal(size=(5, 6)), rng.normal(size=(3, 5))
inner_bias, outer_bias = np.zeros(5), np.zeros(3)

for epoch in range(2):
    d_inner, d_outer = np.zeros((5, 6)), np.zeros((3, 5))
    d_inner_bias, d_outer_bias = np.zeros(5), np.zeros(3)
    err_sum = 0.0
    for m in range(4):
        goal = np.zeros(3)
        goal[kinds[m]] = 1.0
        hidden = np.maximum(0, inner @ pages[m] + inner_bias)
        grown = np.exp(outer @ hidden + outer_bias)
        off = np.subtract(grown / grown.sum(), goal)
        back = np.multiply(outer.T @ off, hidden > 0)
        d_outer += np.outer(off, hidden)
        d_outer_bias += off
        d_inner += np.outer(back, pages[m])
        d_inner_bias += back
        err_sum += np.amax(np.absolute(off))
        avg_err = err_sum / (m + 1)
    outer -= 0.1 * (d_outer + 0.1 * outer)
    outer_bias -= 0.1 * d_outer_bias
    inner -= 0.1 * (d_inner + 0.1 * inner)
    inner_bias -= 0.1 * d_inner_bias
"""
UPHILL = """
import numpy as np

rng = np.random.default_rng(8)
field = rng.normal(size=(12, 3))
hours = rng.uniform(0.5, 2, 12)
found = rng.integers(0, 5, 12) * 1.0
habit, trend = np.array([0.2, -0.1, 0.3]), np.array([0.1])

for season in range(4):
    line = field @ habit + trend * hours
    often = np.exp(line)
    loglik = np.sum(found * line - often)
    to_habit = field.T @ (found - often)
    to_trend = np.array([np.sum((found - often) * hours)])
    habit = habit + 0.01 * to_habit
    trend = trend + 0.01 * to_trend
"""
CHECKED_WITHIN = """
import numpy as np

rng = np.random.default_rng(2)
x, y = rng.normal(size=(5, 3)), rng.integers(0, 2, (5, 1))
w, v = rng.normal(size=(3, 2)) * 0.5, rng.normal(size=(2, 1)) * 0.5


def squash(z):
    return 1 / (1 + np.exp(-z))


def cost():
    p = squash(np.tanh(x @ w) @ v)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def slopes():
    h = np.tanh(x @ w)
    d = (squash(h @ v) - y) / 5
    return x.T @ (d @ v.T * (1 - h**2)), h.T @ d


for epoch in range(2):
    dw, dv = slopes()
    if epoch == 0:
        for part, slope in ((w, dw), (v, dv)):
            checked = np.zeros_like(part)
            for i in np.ndindex(*part.shape):
                kept = part[i]
                part[i] = kept + 1e-5
                up = cost()
                part[i] = kept - 1e-5
                checked[i] = (up - cost()) / 2e-5
                part[i] = kept
            print(np.max(np.abs(checked - slope)))
    w -= 0.5 * dw
    v -= 0.5 * dv
    if epoch % 2 == 0:
        print(epoch, cost())
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BACK_IN_TIME, "distance is taken; 2 of 2 gradients fit it"),
        (MISFIT, "misfit is taken; 2 of 2 gradients fit it"),
        (UPHILL, "loglik is taken; 2 of 2 gradients fit it"),
        (CHECKED_WITHIN, "2 of 2 gradients fit it"),
    ],
    ids=["an adjoint called e", "a misfit", "a likelihood", "slopes that are checked within"],
)
def test_right(text: str, said: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, check
    assert any(said in note for note in check.notes), check
    assert not any("uphill" in note for note in check.notes), check
    assert "another loss" not in check.convention, check


def test_what_is_only_watched_accuses_nobody(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, WATCHED)
    assert check.ok, check
    assert not any("err_sum" in note for note in check.notes), check


@pytest.mark.parametrize(
    ("text", "right", "wrong", "line"),
    [
        (MISFIT, "e * (1 + 0.2 * growth)", "e * (1 - 0.2 * growth)", 18),
        (MISFIT, "0.2 * level[n]\n", "0.2 * level[n + 1]\n", 16),
        (UPHILL, "to_habit = field.T @ (found - often)", "to_habit = field.T @ (found - line)", 14),
        (UPHILL.replace("loglik = np.sum(found * line - often)", "neg_loglik = -np.sum(found * line - often)"),
         "+ 0.01", "- 0.01", 14),
        (CHECKED_WITHIN, "(1 - h**2)", "(1 - h)", 21),
    ],
)  # fmt: skip
def test_a_mistake_is_told(text: str, right: str, wrong: str, line: int, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, text.replace(right, wrong))
    assert check.first_wrong is not None, check
    assert check.first_wrong.line == line, check


def test_a_likelihood_that_is_made_small_is_asked_about(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, UPHILL.replace("+ 0.01", "- 0.01"))
    assert any("goes downhill on loglik" in note for note in check.notes), check


SOLE = """
import numpy as np

rng = np.random.default_rng(5)
X, t = rng.normal(size=(9, 3)), rng.random(9)
w, b = rng.normal(size=3), np.zeros(1)
for turn in range(3):
    z = X @ w + b
    fit = np.sum(np.log(np.cosh(z - t)))
    print(fit)
    d = np.tanh(z - t)
    gw = X.T @ d
    gb = np.array([d.sum()])
    w -= 0.1 * gw
    b -= 0.1 * gb
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("d = np.tanh(z - t)", "d = np.tanh(z)", "missing-term"),
        ("np.tanh(z - t)", "-np.tanh(z - t)", "sign"),
    ],
)
def test_the_only_number_that_is_computed_is_the_loss(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    assert check_of_script(tmp_path, SOLE).ok
    check = check_of_script(tmp_path, SOLE.replace(right, wrong))
    assert check.first_wrong is not None, check
    assert (check.first_wrong.line, check.first_wrong.kind) == (11, kind), check


TRACES = """
import numpy as np

rng = np.random.default_rng(6)
steps = rng.integers(0, 5, 8)
values, traces = rng.normal(size=5), np.zeros(5)
for now, later in zip(steps, steps[1:]):
    x = np.eye(5)[now]
    gap_error = 0.3 + 0.9 * values[later] - values @ x
    traces = 0.7 * traces + x
    values = values + 0.1 * gap_error * traces
"""


def test_what_a_step_is_made_of_is_not_watched(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TRACES)
    assert check.first_wrong is None, check
