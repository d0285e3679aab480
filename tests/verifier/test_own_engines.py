"""Engines of their own: objects that hold a value and its gradient, and operators that keep how to go back."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

ENGINE = """
import numpy as np

class Box:
    def __init__(self, data, parts=(), back=None):
        self.data, self.parts, self.back = np.asarray(data, float), parts, back
        self.grad = np.zeros_like(self.data)

    def take(self, g):
        while g.ndim > self.data.ndim:
            g = g.sum(axis=0)
        self.grad = self.grad + g

    def __add__(self, o):
        return Box(self.data + o.data, (self, o), lambda g: (self.take(g), o.take(g)))

    def __sub__(self, o):
        return Box(self.data - o.data, (self, o), lambda g: (self.take(g), o.take(-g)))

    def __mul__(self, o):
        return Box(self.data * o.data, (self, o), lambda g: (self.take(g * o.data), o.take(g * self.data)))

    def __matmul__(self, o):
        return Box(self.data @ o.data, (self, o), lambda g: (self.take(g @ o.data.T), o.take(self.data.T @ g)))

    def tanh(self):
        t = np.tanh(self.data)
        return Box(t, (self,), lambda g: self.take(g * (1 - t * t)))

    def mean(self):
        n = self.data.size
        return Box(self.data.mean(), (self,), lambda g: self.take(np.ones_like(self.data) * g / n))

    def backward(self):
        order = []

        def visit(box):
            if box not in order:
                for part in box.parts:
                    visit(part)
                order.append(box)

        visit(self)
        self.grad = np.ones_like(self.data)
        for box in reversed(order):
            if box.back:
                box.back(box.grad)

rng = np.random.default_rng(38)
x, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
U, c, V = Box(rng.normal(size=(3, 4))), Box(np.zeros(4)), Box(rng.normal(size=(4, 2)))
for turn in range(5):
    apart = (Box(x) @ U + c).tanh() @ V - Box(y)
    loss = (apart * apart).mean()
    for p in (U, c, V):
        p.grad = np.zeros_like(p.data)
    loss.backward()
    for p in (U, c, V):
        p.data = p.data - 0.3 * p.grad
    print(turn, float(loss.data))
"""


def test_what_is_added_up_in_an_object_is_no_parameter(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ENGINE)
    assert check.ok is True, str(check)
    assert len(check.entry.finals) == 3


def test_a_wrong_rule_of_such_an_engine(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, ENGINE, "(1 - t * t)", "(1 - t)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)
