"""What is kept beside the parameters and is none of them, or no gradient of them, is not judged as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, module_of
from tinygrad_scratch import verify

LABELS = """
import numpy as np


class Regression:
    def __init__(self, x, y, rng):
        self.x, self.y = x, y
        self.w, self.b = rng.normal(size=(3, 2)), np.zeros(2)

    def forward(self):
        self.p = 1 / (1 + np.exp(-(self.x @ self.w + self.b)))
        return -np.sum(self.y * np.log(self.p) + (1 - self.y) * np.log(1 - self.p))

    def backward(self):
        self.dy = self.p - self.y
        self.dw = self.x.T @ self.dy
        self.db = self.dy.sum(axis=0)


def check(verify):
    rng = np.random.default_rng(1)
    net = Regression(rng.normal(size=(6, 3)), np.eye(2)[[0, 1, 1, 0, 1, 0]], rng)
    with verify(net) as check:
        check.loss = net.forward()
        net.backward()
    return check
"""

SLOPES = """
import numpy as np


class Net:
    def __init__(self, rng):
        self.w1, self.b1 = rng.normal(size=(3, 4)), rng.normal(size=(6, 4))
        self.w2, self.b2 = rng.normal(size=(4, 2)), rng.normal(size=(6, 2))

    def forward(self, x, y):
        self.h = np.maximum(x @ self.w1 + self.b1, 0)
        self.d_h = 1.0 * (self.h > 0)
        self.p = self.h @ self.w2 + self.b2
        return 0.5 * np.sum((self.p - y) ** 2)

    def backward(self, x, y):
        delta2 = self.p - y
        delta1 = delta2 @ self.w2.T * self.d_h
        db2, db1 = delta2, delta1
        self.w2 -= 0.1 * self.h.T @ delta2
        self.w1 -= 0.1 * x.T @ delta1


def check(verify):
    rng = np.random.default_rng(1)
    net, x, y = Net(rng), rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    with verify(net) as check:
        check.loss = net.forward(x, y)
        net.backward(x, y)
    return check
"""

WRITTEN_TO = """
import numpy as np


class Chain:
    def __init__(self, rng):
        self.u, self.w, self.v = rng.normal(size=(4, 3)), rng.normal(size=(4, 4)), rng.normal(size=(5, 4))

    def probabilities(self, h):
        e = np.exp(self.v @ h)
        return e / e.sum()

    def gradients(self, xs, classes):
        hs = [np.zeros(4)]
        for x in xs:
            hs.append(np.tanh(self.u @ x + self.w @ hs[-1]))
        du, dw, dv = np.zeros_like(self.u), np.zeros_like(self.w), np.zeros_like(self.v)
        for t in range(len(xs)):
            d = self.probabilities(hs[t + 1])
            d[classes[t]] -= 1
            dv += np.outer(d, hs[t + 1])
            dh = self.v.T @ d
            for s in range(t, -1, -1):
                dz = dh * (1 - hs[s + 1] ** 2)
                dw += np.outer(dz, hs[s])
                du += np.outer(dz, xs[s])
                dh = self.w.T @ dz
        return du, dw, dv


def check(verify):
    rng = np.random.default_rng(1)
    chain, xs = Chain(rng), rng.normal(size=(3, 3))
    with verify(chain) as check:
        check.gradients = chain.gradients(xs, [1, 4, 2])
    return check
"""

PROGRAMS = {
    "labels that an object keeps as y, beside a dy": (LABELS, "self.x.T @ self.dy", "self.x.T @ self.p"),
    "slopes that an object keeps, and biases without an update": (SLOPES, "1.0 * (self.h > 0)", "1.0 * (self.h > 1)"),
    "outputs of all turns, each written to in its turn": (WRITTEN_TO, "(1 - hs[s + 1] ** 2)", "(1 - hs[s + 1])"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_right_with_what_is_no_parameter_beside(name: str, tmp_path: Path) -> None:
    check = module_of(tmp_path / f"program_{list(PROGRAMS).index(name)}.py", PROGRAMS[name][0]).check(verify)
    assert check.first_wrong is None, str(check)
    assert check.ok or "Where is the gradient of b1 (6, 4) and b2 (6, 2)?" in str(check)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_mistake_in_it_is_told(name: str, tmp_path: Path) -> None:
    check, line = edited(tmp_path / f"mistaken_{list(PROGRAMS).index(name)}.py", *PROGRAMS[name])
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == line
