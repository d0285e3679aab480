"""What a program moves by a rule of its own, and fills, beside what it trains: that is no parameter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.verifier.files import check_of_script

BEGIN = """
import numpy as np
gen = np.random.default_rng(5)
"""
WANDERING = """
M = gen.normal(size=(2, 3)) * 0.2
place = np.array([0.4, -0.7, 0.2])
for k in range(5):
    seen = np.tanh(place[:2] + 0.1 * gen.normal(size=2)) + place[1:]
    miss = seen @ M - place
    loss = 0.5 * miss @ miss
    M -= 0.1 * np.outer(seen, miss)
    place = 0.9 * place + 0.2 * gen.normal(size=3)
"""
NOISY = """
c = gen.normal(size=4); hum = np.zeros(4); rate = 0.05
for k in range(5):
    hum = hum + 0.2 * (0 - hum) + 0.1 * gen.normal(size=4)
    clear = gen.normal(size=4)
    miss = (clear + hum) @ c - clear.sum()
    loss = 0.5 * miss ** 2
    c -= rate * miss * (clear + hum)
"""
EPISODES = """
V = gen.normal(size=(3, 2)) * 0.3
for episode in range(3):
    where, seen, taken, paid = gen.normal(size=3), [], [], []
    for k in range(6):
        odds = np.exp(where @ V); odds /= odds.sum()
        act = gen.choice(2, p=np.asarray(odds))
        seen.append(where); taken.append(act); paid.append(act - np.abs(where).sum())
        where = 0.7 * where + 0.3 * gen.normal(size=3)
    worth = np.cumsum(paid[::-1])[::-1] - np.mean(paid)
    S = np.array(seen)
    e = np.exp(S @ V); p = e / e.sum(1, keepdims=True)
    loss = -np.mean(worth * np.log(p[np.arange(6), taken]))
    d = p.copy(); d[np.arange(6), taken] -= 1
    V -= 0.1 * S.T @ (d * worth[:, None] / 6)
"""
TURNING = """
V = gen.normal(size=(2, 2)) * 0.3
for trip in range(3):
    at = gen.normal(size=2)
    way = [at]
    for k in range(9):
        at = at + 0.1 * np.array([at[1], -at[0]])
        way.append(at)
    way = np.array(way)
    miss = way[:-1] @ V - way[1:]
    loss = np.mean(miss ** 2)
    V -= 0.5 * way[:-1].T @ (2 * miss / miss.size)
"""
FILTER = """
series = np.cumsum(gen.normal(size=5)); raw = np.array([-0.5])
for k in range(3):
    share = 1 / (1 + np.exp(-raw))
    m, dm, dshare, loss = np.zeros(1), np.zeros(1), np.zeros(1), 0.0
    for one in series:
        miss = one - m
        loss = loss + np.sum(miss ** 2) / 5
        dshare = dshare - 2 * miss * dm / 5
        dm = dm * (1 - share) + miss
        m = m + share * miss
    raw -= 0.01 * dshare * share * (1 - share)
"""
BUFFER = """
X, T = gen.normal(size=(9, 4)), gen.normal(size=(9, 2))
V, U = gen.normal(size=(4, 3)), gen.normal(size=(3, 2))
held = np.zeros((9, 3))
for k in range(3):
    np.dot(X, V, out=held)
    np.tanh(held, out=held)
    miss = held @ U - T
    loss = 0.5 * np.sum(miss ** 2)
    dU = held.T @ miss
    held *= held
    held -= 1
    held *= -(miss @ U.T)
    dV = X.T @ held
    V -= 0.1 * dV; U -= 0.1 * dU
"""
LAGS = """
V = gen.normal(size=(3, 4)) * 0.5; u = gen.normal(size=4)
past = np.zeros(3) + gen.normal(size=3)
for k in range(5):
    new = 0.5 * past[0] + np.sin(k + 1.0)
    h = np.tanh(past @ V)
    miss = h @ u - new
    loss = miss ** 2
    du, dV = 2 * miss * h, np.outer(past, 2 * miss * u * (1 - h * h))
    V -= 0.1 * dV; u -= 0.1 * du
    past = np.roll(past, 1); past[0] = new
"""
DRAWN = """
V, b = gen.normal(size=(3, 2)), np.zeros(2)
for k in range(5):
    X, T = gen.normal(size=(5, 3)), gen.normal(size=(5, 2))
    miss = X @ V + b - T
    loss = 0.5 * np.sum(miss ** 2)
    V -= 0.1 * X.T @ miss
    b -= 0.1 * np.sum(miss, axis=0)
"""
MASKED = """
X = gen.normal(size=(8, 3)); T, some = X.sum(1), X[:, 1] > 0
V = gen.normal(size=3)
for k in range(5):
    miss = X[some] @ V - T[some]
    loss = 0.5 * np.sum(miss ** 2)
    V -= 0.01 * X[some].T @ miss
"""
PROGRAMS = {
    "wandering": (WANDERING, "M", "np.outer(seen, miss)", "np.outer(seen, miss + place)"),
    "noisy": (NOISY, "c", "miss * (clear + hum)", "miss * (clear - hum)"),
    "episodes": (EPISODES, "V", "(d * worth[:, None] / 6)", "(d / 6)"),
    "turning": (TURNING, "V", "way[:-1].T @ (2", "way[1:].T @ (2"),
    "filter": (FILTER, "raw", "dshare * share * (1 - share)", "dshare * share * (1 + share)"),
    "buffer": (BUFFER, "V U", "held -= 1", "held -= 2"),
    "lags": (LAGS, "V u", "(1 - h * h)", "(1 - h)"),
    "masked": (MASKED, "V", "X[some].T @ miss", "X[some].T @ (miss + T[some])"),
    "drawn": (DRAWN, "V b", "np.sum(miss, axis=0)", "np.sum(T, axis=0)"),
}


def check_of(tmp_path: Path, text: str) -> Any:
    return check_of_script(tmp_path, BEGIN + text)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_moves_by_itself_is_no_parameter(name: str, tmp_path: Path) -> None:
    text, trained, *_ = PROGRAMS[name]
    check = check_of(tmp_path, text)
    assert check.ok, str(check)
    assert {final.parameter.name for final in check.finals} == set(trained.split())


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_mistake_beside_it_is_told(name: str, tmp_path: Path) -> None:
    text, _, right, wrong = PROGRAMS[name]
    assert right in text
    line = (BEGIN + text).split(right)[0].count("\n") + 1
    first = check_of(tmp_path, text.replace(right, wrong)).first_wrong
    assert first is not None
    assert first.line == line


CARRIED = """import numpy as np

rng = np.random.default_rng(32)
x, aim = rng.normal(size=(12, 3)), rng.normal(size=(12, 4))
A, B = rng.normal(size=(3, 4)), 0.3 * rng.normal(size=(4, 4))
last = np.zeros(4)
for begin in range(0, 12, 4):
    h = np.zeros((5, 4))
    h[-1] = last
    for t in range(4):
        h[t] = np.tanh(x[begin + t] @ A + h[t - 1] @ B)
    loss = 0.5 * np.sum((h[:4] - aim[begin : begin + 4]) ** 2)
    gA, gB, dh = np.zeros_like(A), np.zeros_like(B), np.zeros(4)
    for t in reversed(range(4)):
        dz = (h[t] - aim[begin + t] + dh) * (1 - h[t] ** 2)
        gA += np.outer(x[begin + t], dz)
        gB += np.outer(h[t - 1], dz)
        dh = B @ dz
    A -= 0.1 * gA
    B -= 0.1 * gB
    last = h[3]
"""
BUFFERS = """import numpy as np

rng = np.random.default_rng(33)
x, aim = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
A, B = rng.normal(size=(3, 2)), 0.3 * rng.normal(size=(2, 2))


def run(A, B):
    kept, out = np.zeros((5, 2)), np.zeros((4, 2))
    for t in range(4):
        out[t] = np.tanh(x[t] @ A + kept[t] @ B)
        kept[t + 1] = 0.5 * kept[t] + out[t]
    return kept, out


for turn in range(3):
    kept, out = run(A, B)
    loss = 0.5 * np.sum((out - aim) ** 2)
    gA, gB, dk = np.zeros_like(A), np.zeros_like(B), np.zeros(2)
    for t in reversed(range(4)):
        dz = (out[t] - aim[t] + dk) * (1 - out[t] ** 2)
        gA += np.outer(x[t], dz)
        gB += np.outer(kept[t], dz)
        dk = B @ dz + 0.5 * dk
    A -= 0.1 * gA
    B -= 0.1 * gB
"""


@pytest.mark.parametrize("form", ["h[3]", "h[3].copy()", "1.0 * h[3]", "np.array(h[3])"])
def test_a_state_that_is_carried_on_is_no_parameter(form: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, CARRIED.replace("last = h[3]", f"last = {form}"))
    assert check.ok, str(check)


@pytest.mark.parametrize("form", ["0.5 * kept[t] + out[t]", "out[t]", "2 * out[t]"])
def test_buffers_of_states_are_no_parameters(form: str, tmp_path: Path) -> None:
    script = BUFFERS.replace("0.5 * kept[t] + out[t]", form).replace(
        " + 0.5 * dk", " + 0.5 * dk" if "+" in form else ""
    )
    check = check_of_script(tmp_path, script.replace("B @ dz", "2 * B @ dz") if form == "2 * out[t]" else script)
    assert check.ok, str(check)
