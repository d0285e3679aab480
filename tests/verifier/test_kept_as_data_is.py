"""Slips with what labels and pixels are kept in, with temperatures and masks, and with arrays that keep each turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

LABELS = """
import numpy as np

draw = np.random.default_rng(4)
x = draw.normal(size=(30, 4))
labels = (x[:, 0] + x[:, 1] > 0).astype(np.uint8)
w, v = draw.normal(size=(4, 5)), draw.normal(size=5)

def margin_loss(score, label):
    return np.mean(np.logaddexp(0, -(2.0 * label - 1) * score))

for epoch in range(3):
    total = 0
    for k in range(0, 30, 10):
        rows, label = x[k : k + 10], labels[k : k + 10]
        h = np.arctan(rows @ w)
        score = h @ v
        total += margin_loss(score, label) / 3
        sign = 2.0 * label - 1
        d = -sign * np.exp(-np.logaddexp(0, sign * score)) / len(label)
        dh = np.outer(d, v) / (1 + np.tan(h) ** 2)
        v -= 0.1 * h.T @ d
        w -= 0.1 * rows.T @ dh
    print(total)
"""


def test_labels_that_wrap_are_told(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, LABELS).ok
    check, line = edited_script(tmp_path, LABELS, "sign = 2.0 * label", "sign = 2 * label")
    assert told(check) == (line, "dtype-or-integer"), str(check)
    assert "numbers of uint8 end at 0 and 255" in check.first_wrong.sentence
    assert "total is taken; 0 of 2 gradients fit it" in str(check)


ROOM = """
import numpy as np

draw = np.random.default_rng(8)
x = draw.normal(size=(40, 3))
y = np.where(x[:, 0] > 0.2, 1, -1)
a, c = np.zeros(1), np.zeros(3)

for epoch in range(8):
    for k in range(0, 40, 8):
        rows, t = x[k : k + 8], y[k : k + 8]
        f = a + rows @ c
        loss = np.mean(np.maximum(0, 1 - t * f) ** 2)
        df = np.zeros(len(t))
        near = t * f < 1
        df[near] = -2 * t[near] * (1 - t * f)[near] / (3 * len(t) / 3)
        dc, da = rows.T @ df, df.sum(keepdims=True)
        a -= 0.1 * da
        c -= 0.1 * dc
"""


def test_room_for_whole_numbers_is_told_though_no_turn_moves_anything(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, ROOM).ok
    check, line = edited_script(tmp_path, ROOM, "np.zeros(len(t))", "np.zeros_like(t)")
    assert told(check) == (line, "dtype-or-integer"), str(check)


WARM = """
import numpy as np

draw = np.random.default_rng(2)
x, hot = draw.normal(size=(12, 5)), draw.normal(size=(12, 3))
y = draw.integers(0, 3, 12)
w = draw.normal(size=(5, 3))
T, share = 4.0, 0.3

def log_softmax(s):
    s = s - s.max(axis=1, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=1, keepdims=True))

for turn in range(3):
    n = len(x)
    scores = x @ w
    plain, soft, aim = log_softmax(scores), log_softmax(scores / T), log_softmax(hot / T)
    hard = -plain[np.arange(n), y].mean()
    loss = share * hard + (1 - share) * T**2 * (np.exp(aim) * (aim - soft)).sum() / n
    d = (1 - share) * T * (np.exp(soft) - np.exp(aim)) / n
    d += share * (np.exp(plain) - np.eye(3)[y]) / n
    w -= 0.1 * x.T @ d
"""


def test_a_temperature_is_no_number_of_samples(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, WARM).ok
    check, line = edited_script(tmp_path, WARM, "d = (1 - share) * T *", "d = (1 - share) * T**2 *")
    assert told(check) == (line, "scale-factor"), str(check)


FREE = """
import numpy as np

draw = np.random.default_rng(6)
x, t = draw.normal(size=(6, 6)), draw.normal(size=6)
w = draw.normal(size=6)
free = np.r_[0.0, np.ones(5)]
for turn in range(3):
    out = np.tanh(x @ w)
    loss = np.sum((out - t) ** 2) / 12 + 0.5 * 0.3 * np.sum(free * w**2)
    lack = (out - t) * (1 - out**2)
    dw = (x * lack[:, None]).sum(axis=0) / 6 + 0.3 * free * w
    w = w - 0.1 * dw
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [("0.3 * free * w\n", "0.3 * w\n", "regularisation"), ("x * lack[:, None]", "x * lack", "broadcasting-shape")],
)
def test_what_is_spread_or_penalised_otherwise_is_told_where_it_is_read(
    tmp_path: Path, right: str, wrong: str, kind: str
) -> None:
    assert check_of_script(tmp_path, FREE).ok
    check, line = edited_script(tmp_path, FREE, right, wrong)
    assert told(check) == (line, kind), str(check)


SETS = """
import numpy as np

draw = np.random.default_rng(3)
x, t = draw.normal(size=(4, 4, 3)), draw.normal(size=4)
mask = (np.arange(4) < np.array([[2], [4], [3], [1]])).astype(float)
count = mask.sum(axis=1)
w, v = draw.normal(size=(3, 5)), draw.normal(size=5)
for turn in range(3):
    h = np.tanh(x @ w)
    pooled = (h * mask[:, :, None]).sum(axis=1) / count[:, None]
    loss = 0.5 * np.sum((pooled @ v - t) ** 2)
    d = pooled @ v - t
    share = mask / count[:, None]
    dh = share[:, :, None] * np.outer(d, v)[:, None, :]
    dw = np.einsum("ntd,nth->dh", x, dh * (1 - h**2))
    dv = pooled.T @ d
    w -= 0.1 * dw
    v -= 0.1 * dv
"""


def test_an_axis_that_lacks_is_one_of_broadcasting(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SETS).ok
    check, line = edited_script(tmp_path, SETS, "share = mask / count[:, None]", "share = mask / count")
    assert told(check) == (line, "broadcasting-shape"), str(check)


KEPT = """
import numpy as np
from tinygrad_scratch import verify

draw = np.random.default_rng(5)
W, U, V = draw.normal(size=(4, 4)) * 0.5, draw.normal(size=(4, 3)), draw.normal(size=(2, 4))
X, Y = draw.normal(size=(3, 6)), draw.normal(size=(2, 6))

def forward():
    h, A, H, O = np.zeros((4, 1)), np.zeros((4, 6)), np.zeros((4, 6)), np.zeros((2, 6))
    for t in range(6):
        a = W @ h + U @ X[:, [t]]
        h = np.tanh(a)
        o = V @ h
        A[:, [t]], H[:, [t]], O[:, [t]] = a, h, o
    return A, H, O

def backward(A, H, O):
    dO = O - Y
    dH, dA = np.zeros((6, 4)), np.zeros((4, 6))
    dH[-1] = V.T @ dO[:, -1]
    dA[:, -1] = dH[-1] * (1 - np.tanh(A[:, -1]) ** 2)
    for t in range(4, -1, -1):
        dH[t] = V.T @ dO[:, t] + W.T @ dA[:, t + 1]
        dA[:, t] = dH[t] * (1 - np.tanh(A[:, t]) ** 2)
    before = np.zeros_like(H)
    before[:, 1:] = H[:, :-1]
    return {"W": dA @ before.T, "U": dA @ X.T, "V": dO @ H.T}

with verify(W=W, U=U, V=V) as check:
    A, H, O = forward()
    check.loss = 0.5 * np.sum((O - Y) ** 2)
    check.gradients = backward(A, H, O)
"""


def test_an_array_that_only_keeps_each_turn_has_a_gradient(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, KEPT)
    assert check.ok, str(check)
    of = {step.name: step.of for step in check.steps}
    assert (of["dA"], of["dH"], of["dO"]) == ("A", "H", "O"), str(check)
    check, line = edited_script(tmp_path, KEPT, "dA[:, t] = dH[t] * (1 - np", "dA[:, t] = dH[t] * (1 + np")
    assert told(check) == (line, "sign"), str(check)
    assert len(check.causes) == 1
