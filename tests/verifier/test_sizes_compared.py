"""The size of an error that a branch compares, as in Huber's loss written entry by entry: it is no loss of its own."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script

HUBER = """
import math
import numpy as np

N_IN = 4
N_HID = 6
N_PAT = 25
CUT = 0.7          # Huber threshold
ETA = 0.2
EPOCHS = 11

rs = np.random.RandomState(5)
pattern = rs.uniform(-1, 1, (N_PAT, N_IN))
goal = np.array([math.sin(2 * r[0]) + r[1] * r[2] for r in pattern])
goal[::8] += 4.0    # a few far off

w = rs.uniform(-0.5, 0.5, (N_HID, N_IN + 1))     # last entry: bias
v = rs.uniform(-0.5, 0.5, N_HID + 1)


def feed(x, hid):
    for j in range(N_HID):
        s = w[j, N_IN]
        for i in range(N_IN):
            s += w[j, i] * x[i]
        hid[j] = math.tanh(s)
    s = v[N_HID]
    for j in range(N_HID):
        s += v[j] * hid[j]
    return s


hid = np.zeros(N_HID)
for epoch in range(EPOCHS):
    dw = np.zeros_like(w)
    dv = np.zeros_like(v)
    err = 0.0
    for p in range(N_PAT):
        y = feed(pattern[p], hid)
        r = goal[p] - y
        if abs(r) <= CUT:
            err += 0.5 * r * r
            back = r
        else:
            err += CUT * (abs(r) - 0.5 * CUT)
            back = CUT if r > 0 else -CUT

        for j in range(N_HID):
            dv[j] += back * hid[j]
            slope = 1.0 - hid[j] * hid[j]
            delta = back * v[j] * slope
            for i in range(N_IN):
                dw[j, i] += delta * pattern[p, i]
            dw[j, N_IN] += delta
        dv[N_HID] += back

    for j in range(N_HID):
        for i in range(N_IN + 1):
            w[j, i] += ETA * dw[j, i] / N_PAT
    for j in range(N_HID + 1):
        v[j] += ETA * dv[j] / N_PAT

    if epoch % 10 == 0:
        print("epoch", epoch, "err", err / N_PAT)
"""


def test_it_is_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HUBER)
    assert check.ok, str(check)
