"""What is told as right holds where it stands: in each turn of a loop, and by the names that are known there."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import edited

LAYERS = """
import numpy as np


class Net:
    def __init__(self, rng):
        sizes = [4, 5, 3, 2]
        self.count = 3
        self.weights = {i + 1: rng.normal(size=sizes[i : i + 2]) for i in range(3)}
        self.bends = {1: self.squash, 2: self.squash, 3: self.squash}
        self.grads = {}

    def squash(self, z, ahead=True):
        if ahead:
            return 1 / (1 + np.exp(-z))
        s = self.squash(z)
        return s * (1 - s)

    def forward(self, x):
        self.z, self.a = {}, {0: x}
        for i in range(1, self.count + 1):
            bend = self.bends[i]
            self.z[i] = self.a[i - 1] @ self.weights[i]
            self.a[i] = bend(self.z[i])
        return self.a[self.count]

    def backward(self, out, y):
        above, below = {self.count: (1 - y) / (1 - out) - y / out}, {}
        for i in reversed(range(1, self.count + 1)):
            bend = self.bends[i]
            below[i] = above[i] * bend(self.z[i], ahead=False)
            self.grads[i] = self.a[i - 1].T @ below[i]
            above[i - 1] = below[i] @ self.weights[i].T


def check(verify):
    rng = np.random.default_rng(4)
    net, x, y = Net(rng), rng.normal(size=(7, 4)), rng.uniform(size=(7, 2))
    with verify(net.weights) as check:
        out = net.forward(x)
        check.loss = -np.sum(y * np.log(out) + (1 - y) * np.log(1 - out))
        net.backward(out, y)
        check.gradients = net.grads
    return check
"""


def test_a_slope_that_any_layer_calls_is_told_once_and_where_it_is_made(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "layers.py", LAYERS, "        return s * (1 - s)", "        return z * (1 - z)")
    assert [(cause.line, cause.kind) for cause in check.causes] == [(line, "derivative-at-wrong-point")], str(check)
    assert "out * (1 - out)" not in str(check)
