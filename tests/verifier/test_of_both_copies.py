"""What is used twice gets the gradients of both: one of the two alone is told where it is taken."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import edited, module_of, told
from tinygrad_scratch import verify

TWICE = """
import numpy as np


class Linear:
    def __init__(self, rng):
        self.w, self.dw = rng.normal(size=(3, 3)), np.zeros((3, 3))

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, d):
        self.dw += self.x.T @ d
        return d @ self.w.T


class Twice:
    def forward(self, x):
        return [x, x]

    def backward(self, d):
        self.dx = d[0] + d[1]
        return self.dx


class Beside:
    def __init__(self, one, other):
        self.parts = [one, other]

    def forward(self, xs):
        return [part.forward(x) for part, x in zip(self.parts, xs)]

    def backward(self, ds):
        return [part.backward(d) for part, d in zip(self.parts, ds)]


class Times:
    def forward(self, xs):
        self.xs = xs
        return xs[0] * xs[1]

    def backward(self, d):
        return [d * self.xs[1], d * self.xs[0]]


class Net:
    def __init__(self, rng):
        self.layers = [Linear(rng), Twice(), Beside(Linear(rng), Linear(rng)), Times(), Linear(rng)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, d):
        for layer in self.layers[::-1]:
            d = layer.backward(d)


def check(verify):
    rng = np.random.default_rng(0)
    net, x, y = Net(rng), rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    with verify(net) as check:
        out = net.forward(x)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        net.backward(out - y)
    return check
"""


def test_one_copy_alone_is_told_where_it_is_taken(tmp_path: Path) -> None:
    assert module_of(tmp_path / "twice.py", TWICE).check(verify).ok
    check, line = edited(tmp_path / "twice.py", TWICE, "d[0] + d[1]", "d[0]")
    assert told(check) == (line, "missing-term"), str(check)
    assert "d[0] + d[1]" in check.first_wrong.should_be, str(check)


def test_what_a_layer_calls_its_input_is_not_that_of_the_net(tmp_path: Path) -> None:
    program = TWICE.replace("self.dx = d[0] + d[1]\n        return self.dx", "return d[0] + d[1]")
    program = program.replace("return d @ self.w.T", "self.dx = d @ self.w.T\n        return self.dx")
    assert module_of(tmp_path / "kept.py", program).check(verify).ok
