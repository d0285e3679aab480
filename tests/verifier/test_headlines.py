"""What the first line says of gradients that are right, whatever the updates make of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited, edited_script, module_of, told
from tinygrad_scratch import verify

LINE = """
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(size=9)
y = 3 * x - 1 + 0.1 * rng.normal(size=9)
m, c, L, n = 0.2, 0.1, 0.05, 9
for turn in range(3):
    error = m * x + c - y
    loss = np.sum(error**2) / n
    D_m = 2 / n * np.sum(error * x)
    D_c = 2 / n * np.sum(error)
    m = m - L * D_m
    c = c - L * D_c
"""
AHEAD = """
import numpy as np

rng = np.random.default_rng(1)
x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
P = {"w": rng.normal(size=(3, 2)), "b": np.zeros(2)}
v = {k: np.zeros_like(p) for k, p in P.items()}
s = {k: np.zeros_like(p) for k, p in P.items()}
for t in range(1, 4):
    error = x @ P["w"] + P["b"] - y
    loss = 0.5 * np.sum(error**2)
    G = {"w": x.T @ error, "b": error.sum(axis=0)}
    for k in P:
        v[k] = 0.8 * v[k] + 0.2 * G[k]
        s[k] = 0.9 * s[k] + 0.1 * G[k] ** 2
        ahead = 0.8 * v[k] / (1 - 0.8 ** (t + 1)) + 0.2 * G[k] / (1 - 0.8**t)
        P[k] = P[k] - 0.1 * ahead / (np.sqrt(s[k] / (1 - 0.9**t)) + 1e-8)
"""
SHORT = """
import numpy as np

rng = np.random.default_rng(2)
x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
w, b, lr = rng.normal(size=(3, 2)), np.zeros(2), 0.1
for turn in range(3):
    p = np.clip(1 / (1 + np.exp(-(x @ w + b))), 1e-9, 1 - 1e-9)
    loss = -np.mean(np.log(p + 1e-9)) - np.mean(np.log(1 - p + 1e-9))
    d = (2 * p - 1) / p.size
    dw, db = x.T @ d, d.sum(axis=0)
    w = w - lr * dw
    b = b - lr * db
"""
SHARES = """
import numpy as np

rng = np.random.default_rng(3)
x = rng.uniform(size=(8, 4))
y = x @ [0.1, 0.5, 0.3, 0.1]
shares = np.full(4, 0.25)
for turn in range(3):
    error = x @ shares - y
    loss = np.sum(error**2)
    g = 2 * x.T @ error
    shares = shares * np.exp(-0.1 * g)
    shares /= shares.sum()
"""
CLIPPED = """
import numpy as np

rng = np.random.default_rng(4)
x, y = 5 * rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
w, b = rng.normal(size=(3, 2)), np.zeros(2)
for turn in range(3):
    error = x @ w + b - y
    loss = np.sum(error**2)
    gw, gb = 2 * x.T @ error, 2 * error.sum(axis=0)
    share = min(1.0, 5 / np.sqrt(np.sum(gw**2) + np.sum(gb**2)))
    for p, g in zip((w, b), (gw, gb)):
        p -= 0.1 * share * g
"""
PROGRAMS = {
    "a rate and gradients under names of their own": (LINE, "np.sum(error * x)", "np.sum(error + x)"),
    "a velocity that looks ahead": (AHEAD, "x.T @ error", "x.T @ error**2"),
    "an epsilon in the loss alone": (SHORT, "(2 * p - 1) / p.size", "(2 * p - p**2) / p.size"),
    "shares that are multiplied by exponentials": (SHARES, "2 * x.T @ error", "2 * x.T @ error**2"),
    "parameters that a loop updates under one name, clipped": (CLIPPED, "2 * x.T @ error", "2 * x.T @ error**2"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_that_are_right_are_no_steps(name: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PROGRAMS[name][0])
    assert str(check).startswith("All right"), str(check)
    assert "different multiples" not in str(check)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_mistake_in_them_is_told_where_it_is(name: str, tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, *PROGRAMS[name])
    assert told(check)[0] == line


def test_what_is_clipped_in_a_loop_is_called_by_its_own_name(tmp_path: Path) -> None:
    text = str(check_of_script(tmp_path, CLIPPED))
    assert "gw and gb are clipped" in text
    assert [line.split()[2] for line in text.splitlines() if line.split()[1:2] in (["gw"], ["gb"])] == ["w", "b"]


def test_shares_that_go_uphill_are_told(tmp_path: Path) -> None:
    line, kind = told(check_of_script(tmp_path, SHARES.replace("np.exp(-0.1", "np.exp(0.1")))
    assert kind == "sign"
    assert line in (11, 12)  # in what is added or in its gradient


PENALISED = """
import numpy as np


def split(row):
    return row[:6].reshape(3, 2), row[6:]


def gradient(row, x, y):
    w, b = split(row)
    error = x @ w + b - y
    dw = x.T @ error + 1.5 * w
    return np.concatenate([dw.ravel(), error.sum(axis=0)])


def check(verify):
    rng = np.random.default_rng(5)
    row, x, y = rng.normal(size=8), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    with verify(row=row) as check:
        w, b = split(row)
        check.loss = 0.5 * np.sum((x @ w + b - y) ** 2) + 0.75 * np.sum(w**2)
        check.gradients = gradient(row, x, y)
    return check
"""
DECAYED = """
import numpy as np


class Net:
    def __init__(self, rng):
        self.w, self.v = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

    def step(self, x, y):
        h = np.tanh(x @ self.w)
        error = h @ self.v - y
        loss = 0.5 * np.sum(error**2)
        dv = h.T @ error + 0.2 * self.v
        dw = x.T @ (error @ self.v.T * (1 - h**2)) + 0.2 * self.w
        self.v -= 0.1 * dv
        self.w -= 0.1 * dw
        return loss


def check(verify):
    rng = np.random.default_rng(6)
    net, x, y = Net(rng), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    with verify(net) as check:
        check.loss = net.step(x, y)
    return check
"""


def test_a_parameter_in_another_shape_is_no_gradient_of_its_penalty(tmp_path: Path) -> None:
    text = str(module_of(tmp_path / "penalised.py", PENALISED).check(verify))
    assert text.startswith("All right"), text
    assert "times 1/1.5" not in text
    check, line = edited(tmp_path / "penalised_wrong.py", PENALISED, "1.5 * w", "1.5 * abs(w)")
    assert told(check)[0] == line


def test_a_plain_step_by_a_gradient_with_a_decay_is_no_more_than_that(tmp_path: Path) -> None:
    check = module_of(tmp_path / "decayed.py", DECAYED).check(verify)
    assert check.ok, str(check)
    assert "more than multiples" not in str(check)
    check, _ = edited(tmp_path / "decayed_wrong.py", DECAYED, "h.T @ error + 0.2 * self.v", "h.T @ error")
    assert told(check)[1] == "regularisation"
