"""Slips in programs as students and hobbyists publish them: each is told in its line, and as what a marker calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, line_of, module_of, told
from tinygrad_scratch import verify

ROWS = """
import numpy as np

rng = np.random.default_rng(3)
data = np.empty((6, 2), dtype=object)
for row in data:
    row[0], row[1] = rng.normal(size=4), np.eye(2)[rng.integers(2)]
w0, b0 = rng.normal(size=(4, 3)), rng.normal(size=(1, 3))
w1, b1 = rng.normal(size=(3, 2)), rng.normal(size=(1, 2))


def squash(v):
    return 1 / (1 + np.exp(-v))


for turn in range(2):
    for sample in rng.permutation(data):
        x, aim = sample
        h = squash((x @ w0 + b0)[0])
        out = squash((h @ w1 + b1)[0])
        lack = aim - out
        e1 = lack * (out * (1 - out))
        e0 = np.dot(w1, e1) * (h * (1 - h))
        w0 += 0.1 * np.outer(x, e0)
        b0 += e0
        w1 += 0.1 * np.outer(h, e1)
        b1 += e1
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kinds"),
    [
        ("b0 += e0", "b0 -= e0", {"sign"}),
        ("b1 += e1", "b1 += lack", {"wrong-operand", "missing-derivative"}),
    ],
)
def test_samples_of_an_array_of_objects_and_biases_that_are_rows(
    tmp_path: Path, right: str, wrong: str, kinds: set[str]
) -> None:
    assert check_of_script(tmp_path, ROWS).ok is True
    line, kind = told(check_of_script(tmp_path, ROWS.replace(right, wrong)))
    assert line == line_of(ROWS, right)
    assert kind in kinds


BENT = """
import numpy as np

rng = np.random.default_rng(11)
x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))


def bend(z, kind):
    return np.tanh(z) if kind == "tanh" else np.maximum(z, 0)


def d_bend(z, kind):
    if kind == "tanh":
        return 1 - np.tanh(z) ** 2
    return (z > 0) * 1.0


class Net:
    def __init__(self):
        self.w, self.b = rng.normal(size=(3, 4)), rng.normal(size=4)
        self.v, self.c = rng.normal(size=(4, 2)), rng.normal(size=2)
        self.kind = "tanh"

    def forward(self):
        z = x @ self.w + self.b
        h = bend(z, self.kind)
        self.cache = h, z
        return h @ self.v + self.c

    def backward(self, out):
        up, deltas = (out - y) / len(x), []
        h = self.cache[0]
        dv = h.T @ up
        dc = 1.0 * np.sum(up, axis=0)
        slope = d_bend(self.cache[1], "tanh")
        down = slope * (up @ self.v.T)
        deltas.append(down)
        dw = x.T @ deltas[-1]
        db = deltas[-1].sum(axis=0)
        return dw, db, dv, dc


def check(verify):
    net = Net()
    with verify(net) as check:
        out = net.forward()
        check.loss = 0.5 * np.sum((out - y) ** 2) / len(x)
        dw, db, dv, dc = net.backward(out)
        check.gradients = {"w": dw, "b": db, "v": dv, "c": dc}
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("d_bend(self.cache[1]", "d_bend(self.cache[0]", "derivative-at-wrong-point"),
        ('d_bend(self.cache[1], "tanh")', 'bend(self.cache[1], "tanh")', "missing-derivative"),
        ("slope * (up @ self.v.T)", "up @ self.v.T", "missing-derivative"),
        ("dc = 1.0 * np.sum", "dc = 4.0 * np.sum", "scale-factor"),
        ("return 1 - np.tanh(z) ** 2", "return (1 - np.tanh(z) ** 2) * z", "scale-factor"),
    ],
)
def test_slopes_that_are_taken_of_what_was_kept(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    assert module_of(tmp_path / "bent.py", BENT).check(verify).ok is True
    check: Any = module_of(tmp_path / "bent.py", BENT.replace(right, wrong)).check(verify)
    assert told(check) == (line_of(BENT, right), kind)


GATED = """
import numpy as np

rng = np.random.default_rng(12)
xs, ys = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6, 5))
net = {"wz": rng.normal(size=(8, 5)) / 3, "wh": rng.normal(size=(8, 5)) / 3}


def squash(v):
    return 1 / (1 + np.exp(-v))


def squash_back(dout, out):
    return out * (1 - out) * dout


def bend_back(dout, out):
    return (1 - out**2) * dout


def forward():
    h, kept = np.zeros((6, 5)), []
    for x in xs:
        both = np.hstack([h, x])
        z, n = squash(both @ net["wz"]), np.tanh(both @ net["wh"])
        kept.append((both, z, n, h))
        h = (1 - z) * h + z * n
    return h, kept


def backward(dh, kept):
    grads = {"wz": np.zeros((8, 5)), "wh": np.zeros((8, 5))}
    for both, z, n, old in kept[::-1]:
        dz = (n - old) * dh
        dn = z * dh
        dz = squash_back(dz, z)
        dn = bend_back(dn, n)
        grads["wz"] += both.T @ dz
        grads["wh"] += both.T @ dn
        dh = (1 - z) * dh + (dz @ net["wz"].T + dn @ net["wh"].T)[:, :5]
    return grads


def check(verify):
    with verify(net) as check:
        h, kept = forward()
        check.loss = np.mean(np.sum((h - ys[-1]) ** 2, axis=1))
        check.gradients = backward(2 * (h - ys[-1]), kept)
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kinds"),
    [
        ("dz = squash_back(dz, z)", "dz = squash_back(dz, n)", {"derivative-at-wrong-point", "wrong-operand"}),
        ("dn = z * dh", "dn = dh", {"missing-derivative"}),
    ],
)
def test_mistakes_where_all_gradients_are_sums_for_means(
    tmp_path: Path, right: str, wrong: str, kinds: set[str]
) -> None:
    check: Any = module_of(tmp_path / "gated.py", GATED).check(verify)
    assert check.ok is True
    assert check.convention
    line, kind = told(module_of(tmp_path / "gated.py", GATED.replace(right, wrong)).check(verify))
    assert line == line_of(GATED, right)
    assert kind in kinds


def test_no_loss_is_made_up_of_a_part_of_a_gradient(tmp_path: Path) -> None:
    program = """
import numpy as np

rng = np.random.default_rng(13)
x, t, w = rng.normal(size=(9, 3)), rng.normal(size=9), rng.normal(size=3)


def cost(y):
    return np.mean((t - y) ** 2)


for turn in range(3):
    y = x @ w
    print(cost(y))
    w -= 0.1 * x.T @ (2.0 * (y - t)) / len(x)
"""
    assert check_of_script(tmp_path, program).ok is True
    check = check_of_script(tmp_path, program.replace("2.0 * (y - t)", "2.0 * y - t"))
    assert check.ok is False
    assert told(check)[0] == line_of(program, "    w -= ")


def test_one_mean_for_all_slopes_is_no_part_of_the_rate(tmp_path: Path) -> None:
    program = """
import numpy as np

rng = np.random.default_rng(14)
x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])
w, v = rng.normal(size=(2, 3)), rng.normal(size=(3, 1))
for turn in range(3):
    h = 1 / (1 + np.exp(-x @ w))
    p = 1 / (1 + np.exp(-h @ v))
    dp = (y - p) * p * (1 - p)
    dh = dp @ v.T * h * (1 - h)
    v += 0.5 * h.T @ dp
    w += 0.5 * x.T @ dh
"""
    assert check_of_script(tmp_path, program).ok is True
    check = check_of_script(tmp_path, program.replace("* p * (1 - p)", "* (p * (1 - p)).mean()"))
    assert told(check)[0] == line_of(program, "    dp = ")


def test_what_has_another_shape_than_what_reads_it_takes_stands_alone() -> None:
    w, x = np.ones((4, 5)), np.ones((5, 1))
    with verify(w=w) as check:
        error = w @ x
        check.loss = 0.5 * np.sum(error**2)
        dw = error @ x.T
        largest = np.dot(dw, x)
        check.gradients = {"w": dw}
    node, truth = check.case.finals[0].node, np.ones((3, 2))
    check.case.overrides[node] = truth
    assert check.case.replay()[node] is truth
    assert np.shape(largest) == (4, 1)
