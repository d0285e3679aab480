"""What is like something else: room for outputs and targets, copies and other arrays, sums and means of samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

ROOM = """
import math

import numpy as np

rng = np.random.default_rng(5)
x, y = rng.normal(size=(6, 3)), [1, 0, 1, 1, 0, 1]
W, b = rng.normal(size=(3, 1)), rng.normal(size=1)


def squash(values):
    res = np.zeros(values.shape)
    for i, value in enumerate(values):
        res[i] = 1 / (1 + math.exp(-value)) if value > 0 else 1 - 1 / (1 + math.exp(value))
    return res


for turn in range(12):
    at = turn % 6
    out = squash(W.T @ x[at] + b)
    slope = squash(W.T @ x[at] + b) * (1 - squash(W.T @ x[at] + b))
    d = slope * (out - y[at])
    W -= 0.3 * np.outer(x[at], d)
    b -= 0.3 * d
"""

COPIED = """
import numpy as np

rng = np.random.default_rng(3)
x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 2))
W, V = rng.normal(size=(4, 5)), rng.normal(size=(5, 2))


def slope_of(a):
    s = a.copy()
    s[s > 0] = 1
    return s


for turn in range(5):
    a = np.maximum(x @ W, 0)
    out = a @ V
    loss = 0.5 * np.sum((out - y) ** 2) / 9
    d = (out - y) / 9
    s = slope_of(a)
    dV = a.T @ d
    dW = x.T @ (d @ V.T * s)
    W -= 0.1 * dW
    V -= 0.1 * dV
"""

MEAN_AND_SUM = """
import numpy as np

rng = np.random.default_rng(8)
x, kind = rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
W, V, b = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), np.zeros(3)
seen = 0
for turn in range(6):
    h = np.tanh(x @ W)
    z = h @ V + b
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    losses = -np.log(p[np.arange(12), kind])
    data_loss = np.mean(losses)
    seen += np.sum(losses)
    loss = data_loss + 0.05 * np.sum(W * W) + 0.02 * np.sum(V * V)
    print(turn, loss, data_loss)
    d = p.copy()
    d[np.arange(12), kind] -= 1
    d /= 12
    dV, db = h.T @ d, d.sum(0)
    dV += 0.04 * V
    dW = x.T @ (d @ V.T * (1 - h**2))
    dW += 0.1 * W
    W -= 0.2 * dW
    V -= 0.2 * dV
    b -= 0.2 * db
"""

TWICE_DIVIDED = """
import numpy as np

rng = np.random.default_rng(4)
x = rng.random(size=(10, 6))
W, V = rng.normal(size=(6, 3)), rng.normal(size=(3, 6))


def squash(z):
    return 1 / (1 + np.exp(-z) + 1e-6)


def slope(z):
    return squash(z) * (1 - squash(z))


total = 0.0
for turn in range(5):
    z1 = x @ W
    h = squash(z1)
    z2 = h @ V
    out = squash(z2)
    total += np.mean((out - x) ** 2) * len(x)
    d = 2 * (out - x) / x.size * slope(z2)
    dV = (1 / 10) * h.T @ d
    dW = (1 / 10) * x.T @ (d @ V.T * slope(z1))
    W -= 0.5 * dW
    V -= 0.5 * dV
print(total)
"""


def test_room_for_outputs_is_no_target(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ROOM)
    assert check.first_wrong is None  # no loss is computed
    assert "and res" not in str(check.notes)


def test_where_a_copy_mends_no_other_array_is_the_cause(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, COPIED).ok
    check, line = edited_script(tmp_path, COPIED, "s = a.copy()", "s = a")
    assert told(check) == (line, "inplace-corruption")
    assert check.first_wrong.should_be == "s = a.copy()"


@pytest.mark.parametrize(("right", "wrong"), [("dW += 0.1 * W", "dW -= 0.1 * W"), ("dV += 0.04", "dV += 0.02")])
def test_a_sum_of_samples_is_part_of_a_loss_with_their_mean(tmp_path: Path, right: str, wrong: str) -> None:
    assert check_of_script(tmp_path, MEAN_AND_SUM).ok
    check, line = edited_script(tmp_path, MEAN_AND_SUM, right, wrong)
    assert check.entry.loss_name == "loss"
    assert told(check)[0] == line


def test_all_may_be_divided_twice_beside_a_small_number(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TWICE_DIVIDED)
    assert check.first_wrong is None
    assert "the small number in" in check.convention


GATED = """
import numpy as np

rng = np.random.default_rng(7)
x, y, beta = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), 1.4
W, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))


def gate(z):
    return 1 / (1 + np.exp(-beta * z))


for turn in range(5):
    z = np.atleast_2d(x) @ W
    out = z * gate(z)
    loss = np.sum((out @ V - y) ** 2) / 8
    d = 2 * (out @ V - y) / 8
    slope = beta * out + gate(z) * (1 - beta * out)
    dV = np.atleast_2d(out).T.dot(d)
    dW = x.T @ (d @ V.T * slope)
    W -= 0.02 * dW
    V -= 0.02 * dV
"""
KINDS = [
    ("(1 - beta * out)", "(1 - beta * z)", "derivative-at-wrong-point"),
    ("dV = np.atleast_2d(out)", "dV = np.atleast_2d(z)", "wrong-operand"),
]


@pytest.mark.parametrize(("right", "wrong", "kind"), KINDS)
def test_what_a_share_or_a_layout_is_made_of(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    assert check_of_script(tmp_path, GATED).ok
    check, line = edited_script(tmp_path, GATED, right, wrong)
    assert told(check) == (line, kind)


CELLS = """
import numpy as np

rng = np.random.default_rng(11)
xs, y = rng.normal(size=(4, 5, 3)), rng.normal(size=(5, 2))
W, F, V = rng.normal(size=(3, 6)), rng.normal(size=(3, 6)), rng.normal(size=(6, 2))


def forward(x, before):
    gate, new = 1 / (1 + np.exp(-(x @ F))), np.tanh(x @ W)
    state = gate * before + (1 - gate) * new
    return state, (x, before, gate, new, state)


def backward(dstate, cache):
    x, before, gate, new, state = cache
    dgate = dstate * before - dstate * new
    dnew = dstate * (1 - gate)
    dF = x.T @ (dgate * gate * (1 - gate))
    dW = x.T @ (dnew * (1 - new**2))
    return dstate * gate, dW, dF


for turn in range(5):
    state, caches = np.zeros((5, 6)), []
    for x in xs:
        state, cache = forward(x, state)
        caches.append(cache)
    out = state @ V
    loss = 0.5 * np.sum((out - y) ** 2)
    d = out - y
    dV, dstate = state.T @ d, d @ V.T
    dW, dF = np.zeros_like(W), np.zeros_like(F)
    for cache in reversed(caches):
        dstate, more_W, more_F = backward(dstate, cache)
        dW += more_W
        dF += more_F
    W -= 0.01 * dW
    F -= 0.01 * dF
    V -= 0.01 * dV
"""


def test_what_has_a_name_of_its_own_is_read_by_another_name(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, CELLS).ok
    check, line = edited_script(tmp_path, CELLS, "dgate = dstate * before", "dgate = dstate * state")
    assert told(check)[0] == line
