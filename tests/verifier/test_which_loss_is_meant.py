"""Which of several numbers is the loss: the one that the whole of what updates take off fits, and no part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script

ROUGH = """
import numpy as np

rng = np.random.default_rng(4)
rain, harvest = rng.normal(size=(17, 5)), rng.normal(size=17)
curve = rng.normal(size=5)
bend = np.diff(np.eye(5), axis=0)
for year in range(6):
    off = rain @ curve - harvest
    fit_loss = np.mean(off**2)
    rough_loss = np.sum((bend @ curve) ** 2)
    whole_loss = fit_loss + 0.3 * rough_loss
    d_curve = 2 * rain.T @ off / 17
    d_curve += 0.6 * bend.T @ (bend @ curve)
    curve -= 0.05 * d_curve
"""
GROUPS = """
import numpy as np

rng = np.random.default_rng(8)
people, paid = rng.normal(size=(24, 3)), (rng.random(24) < 0.5) * 1.0
old, weight = rng.random(24) < 0.4, 2.0
w = rng.normal(size=3) * 0.2
d_gap = people[old].mean(0) - people[~old].mean(0)
for turn in range(5):
    p = 1 / (1 + np.exp(-people @ w))
    gap = w @ d_gap
    bce = -np.mean(paid * np.log(p) + (1 - paid) * np.log(1 - p))
    loss = bce + weight * gap**2
    dw = people.T @ (p - paid) / 24 + 2 * weight * gap * d_gap
    w -= 0.2 * dw
"""
ENTROPY = """
import numpy as np

rng = np.random.default_rng(2)
seen, kind = rng.normal(size=(14, 4)), rng.integers(0, 3, 14)
table = rng.normal(size=(4, 3)) * 0.4
for turn in range(5):
    e = np.exp(seen @ table)
    p = e / e.sum(1, keepdims=True)
    ce = -np.mean(np.log(p[np.arange(14), kind]))
    entropy = -np.mean((p * np.log(p)).sum(1))
    d = (p - np.eye(3)[kind]) / 14
    d += 0.2 * p * (np.log(p) - (p * np.log(p)).sum(1, keepdims=True)) / 14
    table -= 0.5 * (seen.T @ d)
    print("cross-entropy", ce, "entropy", entropy)
"""
POSTERIOR = """
import numpy as np

rng = np.random.default_rng(6)
skill, hard = rng.normal(size=13) * 0.2, rng.normal(size=5)
solved = (rng.random((13, 5)) < 0.5) * 1.0
for turn in range(5):
    z = skill[:, None] - hard
    log_posterior = np.sum(solved * z - np.log1p(np.exp(z))) - 0.5 * np.sum(skill**2)
    left = solved - 1 / (1 + np.exp(-z))
    up_skill = left.sum(1) - skill
    up_hard = -left.sum(0)
    skill += 0.05 * up_skill
    hard += 0.05 * up_hard
"""
STANDARDISED = """
import numpy as np

rng = np.random.default_rng(5)
mean, var = np.zeros(3), np.ones(3)
w, b = np.zeros(3), 0.0
for t in range(1, 20):
    x = rng.normal([1, 5, -2], [1, 3, 0.5])
    y = x @ [1.0, 0.5, 2.0]
    mean = mean + (x - mean) / t
    var = var + ((x - mean) ** 2 - var) / (t + 1)
    z = (x - mean) / np.sqrt(var + 1e-3)
    err = w @ z + b - y
    loss = 0.5 * err**2
    w = w - 0.05 * err * z
    b = b - 0.05 * err
"""
LINE = """
import numpy as np

rng = np.random.default_rng(9)
t = rng.random(21) * 10
seen = 2.5 * t + rng.normal(size=21)
m, c = 0.1, 0.2
L, n = 0.001, float(len(t))
for turn in range(5):
    guess = m * t + c
    D_m = (-2 / n) * sum(t * (seen - guess))
    D_c = (-2 / n) * sum(seen - guess)
    m = m - L * D_m
    c = c - L * D_c
"""
SHARES = """
import numpy as np

rng = np.random.default_rng(12)
x, size, kind = rng.normal(size=(16, 4)), rng.normal(size=16), rng.integers(0, 2, 16)
W, wr, wc = rng.normal(size=(4, 5)) * 0.5, rng.normal(size=5), rng.normal(size=5)
alpha = 0.7
for turn in range(5):
    h = np.tanh(x @ W)
    r, c = h @ wr, 1 / (1 + np.exp(-(h @ wc)))
    mse = np.mean((r - size) ** 2)
    bce = -np.mean(kind * np.log(c) + (1 - kind) * np.log(1 - c))
    print(mse, bce)
    to_r = alpha * 2 * (r - size) / 16
    to_c = (1 - alpha) * (c - kind) / 16
    gr, gc = h.T @ to_r, h.T @ to_c
    gW = x.T @ ((np.outer(to_r, wr) + np.outer(to_c, wc)) * (1 - h**2))
    W -= 0.2 * gW
    wr -= 0.2 * gr
    wc -= 0.2 * gc
"""
NEGATIVES = """
import numpy as np

rng = np.random.default_rng(13)
u, item, bias = rng.normal(size=11), rng.normal(size=4), np.zeros(11)
stars = rng.normal(size=(11, 4)) + 0.3
for turn in range(5):
    left = stars - (u[:, None] * item + bias[:, None])
    cost = 0.5 * np.sum(left**2) + 0.1 * np.sum(bias**2)
    gu = -left @ item
    gi = -left.T @ u
    gbias = -left.sum(1) + 0.2 * bias
    u -= 0.05 * gu
    item -= 0.05 * gi
    bias -= 0.05 * gbias
"""
SPHERE = """
import numpy as np

rng = np.random.default_rng(15)
x = rng.normal(size=(30, 4)) * [3, 1, 0.5, 0.2]
spread = x.T @ x / 30
w = rng.normal(size=4)
w /= np.linalg.norm(w)
for turn in range(5):
    obj = -w @ spread @ w
    egrad = -2 * spread @ w
    rgrad = egrad - (egrad @ w) * w
    w = w - 0.05 * rgrad
    w = w / np.linalg.norm(w)
"""
WEIGHED = """
import numpy as np

rng = np.random.default_rng(2)
plots, kinds = rng.normal(size=(9, 4)), rng.integers(0, 3, 9)
rare = np.array([0.5, 1.0, 3.0])
V = rng.normal(size=(4, 3))
for turn in range(4):
    q = np.exp(plots @ V)
    q /= q.sum(axis=1, keepdims=True)
    much = rare[kinds]
    loss = -np.sum(much * np.log(q[np.arange(9), kinds])) / 9
    off = (q - np.eye(3)[kinds]) * much[:, None] / 9
    d_V = plots.T @ off
    V -= 0.1 * d_V
"""
RIGHT = [
    pytest.param(ROUGH, "whole_loss is taken; 1 of 1 gradients fit it.", id="a penalty that is no decay"),
    pytest.param(GROUPS, "loss is taken; 1 of 1 gradients fit it.", id="a mask that picks rows"),
    pytest.param(ENTROPY, "ce - 0.2 entropy is taken; 1 of 1 gradients fit it.", id="an entropy is rewarded"),
    pytest.param(POSTERIOR, "log_posterior is taken; 2 of 2 gradients fit it", id="uphill on a posterior"),
    pytest.param(STANDARDISED, "loss is taken; 2 of 2", id="no clipping"),
    pytest.param(LINE, "mean squared error of guess and seen is taken; 2 of 2 gradients fit it.", id="numbers"),
    pytest.param(SHARES, "0.7 mse + 0.3 bce is taken; 3 of 3", id="shares of two losses"),
    pytest.param(NEGATIVES, "cost is taken; 3 of 3", id="negatives with names"),
    pytest.param(SPHERE, "obj is taken; 1 of 1", id="along a sphere"),
    pytest.param(WEIGHED, "loss is taken; 1 of 1", id="samples with weights"),
]


@pytest.mark.parametrize(("script", "note"), RIGHT)
def test_the_loss_that_all_of_it_fits_is_taken(tmp_path: Path, script: str, note: str) -> None:
    check = check_of_script(tmp_path, script)
    assert check.ok, str(check)
    assert not check.convention, str(check)
    assert any(note in said for said in check.notes), str(check)


WRONG = [
    pytest.param(ROUGH, "0.6 * bend.T @ (bend @ curve)", "0.6 * bend.T @ (bend @ curve) ** 2", id="a wrong penalty"),
    pytest.param(ROUGH, "2 * rain.T @ off / 17", "2 * rain.T @ off", id="a sum beside a penalty"),
    pytest.param(GROUPS, "+ 2 * weight * gap * d_gap", "+ 2 * weight * d_gap", id="a penalty without its slope"),
    pytest.param(GROUPS, "dw = people.T @ (p - paid) / 24 +", "dw =", id="no data"),
    pytest.param(ENTROPY, "(np.log(p) - (p", "(np.log(p) + (p", id="a sign in an entropy's slope"),
    pytest.param(POSTERIOR, "left.sum(1) - skill", "left.sum(1) + skill", id="the sign of a prior"),
    pytest.param(POSTERIOR, "left.sum(1) - skill", "left.sum(1)", id="a prior is missing"),
    pytest.param(STANDARDISED, "b = b - 0.05", "b = b + 0.05", id="the way of one update"),
    pytest.param(SHARES, "h.T @ to_c", "(h**2).T @ to_c", id="an operand beside two losses"),
    pytest.param(NEGATIVES, "-left.sum(1) + 0.2", "left.sum(1) + 0.2", id="a minus is missing"),
    pytest.param(SPHERE, "egrad - (egrad", "egrad + (egrad", id="a sign along a sphere"),
    pytest.param(SPHERE, "w /= np.linalg.norm(w)", "w /= 2", id="not of length 1"),
    pytest.param(WEIGHED, " * much[:, None] / 9", " / 9", id="without the weights of the samples"),
]


@pytest.mark.parametrize(("script", "right", "wrong"), WRONG)
def test_what_is_wrong_in_such_programs_is_told(tmp_path: Path, script: str, right: str, wrong: str) -> None:
    changed = script.replace(right, wrong)
    assert changed != script
    check = check_of_script(tmp_path, changed)
    assert check.first_wrong is not None, str(check)


SQUARED = """
import numpy as np

rng = np.random.default_rng(3)
seen = rng.random((9, 4))
W, V = rng.normal(size=(4, 3)), rng.normal(size=(3, 4))
for turn in range(3):
    code = 1 / (1 + np.exp(-seen @ W))
    out = 1 / (1 + np.exp(-code @ V))
    loss = np.mean((out - seen) ** 2)
    d_out = 2 * (out - seen) / 9
    d_sum = d_out * out * (1 - out)
    d_code = d_sum @ V.T * code * (1 - code)
    V -= 0.5 * code.T @ d_sum
    W -= 0.5 * seen.T @ d_code
    print(loss)
"""


def test_the_slope_of_an_output_that_is_missing_makes_no_cross_entropy_of_a_square(tmp_path: Path) -> None:
    script = SQUARED.replace("d_out * out * (1 - out)", "d_out")
    check = check_of_script(tmp_path, script)
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.kind == "missing-derivative", str(check)


def test_a_cross_entropy_that_is_descended_beside_a_square_that_is_shown_is_right(tmp_path: Path) -> None:
    script = SQUARED.replace("2 * (out - seen)", "(out - seen)").replace("d_out * out * (1 - out)", "d_out")
    check = check_of_script(tmp_path, script)
    assert check.ok, str(check)


def test_two_numbers_of_which_one_goes_the_wrong_way_are_not_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LINE.replace("sum(seen - guess)", "sum(guess - seen)"))
    assert not check.ok, str(check)


def test_that_no_gradient_fits_is_not_said_where_all_are_right(tmp_path: Path) -> None:
    script = """
import numpy as np

rng = np.random.default_rng(6)
P = {"W": rng.normal(size=(4, 2)), "b": np.zeros(2)}
held = {k: 0 for k in P}
for turn in range(12):
    x = rng.normal(size=(5, 4))
    off = x @ P["W"] + P["b"] - x[:, :2]
    loss = 0.5 * np.sum(off**2) / 5
    held["W"] = held["W"] + x.T @ off / 5
    held["b"] = held["b"] + off.mean(0)
    if turn % 4 == 3:
        for k in P:
            P[k] = P[k] - 0.1 * held[k]
            held[k] = 0
"""
    check = check_of_script(tmp_path, script)
    assert check.ok, str(check)
    assert not any("0 of" in note for note in check.notes), check.notes
