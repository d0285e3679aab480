"""Numbers that are called errors, and are no loss: what an output is off by, and what a loop hands back."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script

PRINTED = """
import numpy as np

draw = np.random.default_rng(6)
weights, last = draw.uniform(0.2, 1.0, (3, 2)), draw.uniform(0.2, 1.0, (1, 3))
points = [((2, 1), 21), ((3, 3), 30), ((5, 4), 52)]


def train(first, second, y):
    global weights, last
    x = np.array([[first], [second]])
    hidden = np.maximum(weights @ x, 0)
    out = last @ hidden
    d_last = hidden.T * (out - y)
    d_weights = (last.T * (hidden > 0) @ x.T) * (out - y)
    weights = weights - 0.001 * d_weights
    last = last - 0.001 * d_last
    print("Training error %6.3f" % (y - out).item())


for epoch in range(2):
    for x, y in points:
        train(x[0], x[1], y)
"""
HANDED_BACK = """
import numpy as np

draw = np.random.default_rng(7)
points, goals = draw.uniform(-1, 1, (5, 3)), draw.uniform(0.1, 0.9, (5, 2))
first, last = draw.uniform(-0.5, 0.5, (3, 4)), draw.uniform(-0.5, 0.5, (4, 2))
hidden, out, d_out, d_hidden = np.zeros(4), np.zeros(2), np.zeros(2), np.zeros(4)
moves = np.zeros((4, 2))


def forward(p):
    for j in range(4):
        s = 0.0
        for i in range(3):
            s += points[p, i] * first[i, j]
        hidden[j] = 1 / (1 + np.exp(-s))
    for k in range(2):
        s = 0.0
        for j in range(4):
            s += hidden[j] * last[j, k]
        out[k] = 1 / (1 + np.exp(-s))


def backward(p):
    for k in range(2):
        d_out[k] = (goals[p, k] - out[k]) * out[k] * (1 - out[k])
    for j in range(4):
        err = 0.0
        for k in range(2):
            w = last[j, k]
            moves[j, k] = 0.2 * d_out[k] * hidden[j] + 0.8 * moves[j, k]
            last[j, k] += moves[j, k]
            err += d_out[k] * w
        d_hidden[j] = err * hidden[j] * (1 - hidden[j])
    for j in range(4):
        for i in range(3):
            first[i, j] += 0.2 * d_hidden[j] * points[p, i]


for epoch in range(2):
    for p in range(5):
        forward(p)
        backward(p)
"""


def test_what_a_number_is_off_by_is_printed(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PRINTED)
    assert check.first_wrong is None, str(check)


def test_an_error_is_handed_back_in_a_loop(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HANDED_BACK)
    assert check.first_wrong is None, str(check)
