"""The size of an error that a branch compares, as in Huber's loss written entry by entry: it is no loss of its own."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

HUBER = """
import math
import numpy as np

rs = np.random.RandomState(5)
pattern = rs.uniform(-1, 1, (9, 2))
goal = np.array([math.sin(2 * r[0]) + r[1] for r in pattern])
goal[::4] += 4.0
w = rs.uniform(-0.5, 0.5, (3, 3))
v = rs.uniform(-0.5, 0.5, 4)

def feed(x, hid):
    for j in range(3):
        s = w[j, 2]
        for i in range(2):
            s += w[j, i] * x[i]
        hid[j] = math.tanh(s)
    s = v[3]
    for j in range(3):
        s += v[j] * hid[j]
    return s

hid = np.zeros(3)
for epoch in range(20):
    dw = np.zeros_like(w)
    dv = np.zeros_like(v)
    err = 0.0
    for p in range(9):
        r = goal[p] - feed(pattern[p], hid)
        if abs(r) <= 0.7:
            err += 0.5 * r * r
            back = r
        else:
            err += 0.7 * (abs(r) - 0.35)
            back = 0.7 if r > 0 else -0.7
        for j in range(3):
            dv[j] += back * hid[j]
            delta = back * v[j] * (1.0 - hid[j] * hid[j])
            for i in range(2):
                dw[j, i] += delta * pattern[p, i]
            dw[j, 2] += delta
        dv[3] += back
    for j in range(3):
        for i in range(3):
            w[j, i] += 0.2 * dw[j, i] / 9
    for j in range(4):
        v[j] += 0.2 * dv[j] / 9
print("err", err / 9)
"""


def test_it_is_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HUBER)
    assert check.ok, str(check)


def test_a_mistake_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, HUBER, "back * v[j] * (1.0 - hid[j] * hid[j])", "back * v[j]")
    assert told(check) == (line, "missing-derivative"), str(check)
