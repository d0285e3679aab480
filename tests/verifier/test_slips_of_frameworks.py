"""Mistakes as people make them in layers, helpers and loops of their own, in the line and of the kind that they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, module_of
from tinygrad_scratch import verify

LAYERS = """
import numpy as np

class Tanh:
    def __call__(self, z):
        return np.tanh(z)

    def gradient(self, z):
        return 1 - np.tanh(z) ** 2

class Relu:
    def forward(self, x):
        self.kept = np.maximum(0, x)
        return self.kept

    def backward(self, grad):
        return (self.kept > 0) * grad

class Logistic:
    def forward(self, x):
        self.kept = 1 / (1 + np.exp(-x))
        return self.kept

    def backward(self, grad):
        return self.kept * (1 - self.kept) * grad

class Leaky:
    def forward(self, x):
        self.mask, self.tilt = x > 0, 0.1
        return np.where(self.mask, x, self.tilt * x)

    def backward(self, grad):
        return np.where(self.mask, grad, self.tilt * grad)

class Soft:
    def forward(self, x):
        self.x = x
        return np.log1p(np.exp(x))

    def backward(self, grad):
        return grad / (1 + np.exp(-self.x))

class Bend:
    def __init__(self, function):
        self.function = function

    def forward(self, x):
        self.given = x
        return self.function(x)

    def backward(self, grad):
        return grad * self.function.gradient(self.given)

class Dense:
    def __init__(self, rows, columns, rng):
        self.w, self.b = rng.normal(size=(rows, columns)), rng.normal(size=columns)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, grad):
        self.dw = self.x.T @ grad
        self.db = np.sum(grad, axis=0)
        return grad @ self.w.T

class Beside:
    def __init__(self, inner):
        self.inner = inner

    def forward(self, x):
        return x + self.inner.forward(x)

    def backward(self, grad):
        return grad + self.inner.backward(grad)

class Net:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

def check(verify):
    rng = np.random.default_rng(2)
    x, goal = rng.normal(size=(7, 4)), rng.normal(size=(7, 2))
    kinds = [Bend(Tanh()), Relu(), Beside(Soft()), Logistic(), Leaky()]
    layers = [each for i, kind in enumerate(kinds) for each in (Dense(4 + i, 5 + i, rng), kind)]
    net = Net([*layers, Dense(9, 2, rng)])
    with verify(net) as check:
        out = net.forward(x)
        check.loss = np.sum((out - goal) ** 2) / 14
        net.backward((out - goal) / 7)
    return check
"""

GATES = """
import numpy as np

class Curve:
    def forward(self, z):
        self.out = 1 / (1 + np.exp(-z))
        return self.out

    def slope(self):
        return self.out * (1 - self.out)

class Cell:
    def __init__(self, rng):
        self.a_act, self.b_act = Curve(), Curve()
        self.A, self.B = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))

    def forward(self, x):
        self.x = x
        self.a, self.b = self.a_act.forward(x @ self.A), self.b_act.forward(x @ self.B)
        return self.a * self.b

    def backward(self, grad):
        grad_a = grad * self.b * self.a_act.slope()
        grad_b = grad * self.a * self.b_act.slope()
        self.dA, self.dB = self.x.T @ grad_a, self.x.T @ grad_b
        return grad_a @ self.A.T + grad_b @ self.B.T

def check(verify):
    rng = np.random.default_rng(3)
    cell, x, goal = Cell(rng), rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    with verify(cell) as check:
        out = cell.forward(x)
        check.loss = np.sum((out - goal) ** 2) / 2
        cell.backward(out - goal)
    return check
"""

STATES = """
import numpy as np

class Memory:
    def __init__(self, rng):
        self.W, self.R = rng.normal(size=(3, 4)), rng.normal(size=(4, 4))

    def forward(self, xs):
        self.xs, self.s = xs, [np.zeros((5, 4))]
        for x in xs:
            self.s.append(np.tanh(x @ self.W + self.s[-1] @ self.R))
        return self.s[-1]

    def backward(self, grad):
        self.dW, self.dR = np.zeros_like(self.W), np.zeros_like(self.R)
        for t in reversed(range(len(self.xs))):
            below = grad * (1 - self.s[t + 1] * self.s[t + 1])
            self.dW += self.xs[t].T @ below
            self.dR += self.s[t].T @ below
            grad = below @ self.R.T
        return grad

def check(verify):
    rng = np.random.default_rng(4)
    net, xs, goal = Memory(rng), rng.normal(size=(6, 5, 3)), rng.normal(size=(5, 4))
    with verify(net) as check:
        out = net.forward(xs)
        check.loss = np.sum((out - goal) ** 2) / 2
        net.backward(out - goal)
    return check
"""

HELPERS = """
import numpy as np

def tanh2deriv(out):
    return 1 - out**2

def back(grad, held):
    x, w = held
    m = x.shape[0]
    dw = x.T @ grad / m
    db = np.mean(grad, axis=0, keepdims=True)
    return grad @ w.T, dw, db

def run(x, goal, p):
    h = np.tanh(x @ p["w1"] + p["b1"])
    out = h @ p["w2"] + p["b2"]
    loss = np.sum((out - goal) ** 2) / (2 * len(x))
    grad, dw2, db2 = back(out - goal, (h, p["w2"]))
    grad = grad * tanh2deriv(h)
    _, dw1, db1 = back(grad, (x, p["w1"]))
    return loss, {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2}

def check(verify):
    rng = np.random.default_rng(5)
    p = {"w1": rng.normal(size=(4, 5)), "b1": np.zeros((1, 5)), "w2": rng.normal(size=(5, 1)), "b2": np.zeros((1, 1))}
    with verify(p) as check:
        check.loss, check.gradients = run(rng.normal(size=(9, 4)), rng.normal(size=(9, 1)), p)
    return check
"""

PROGRAMS = {"layers": LAYERS, "gates": GATES, "states": STATES, "helpers": HELPERS}


@pytest.mark.parametrize(
    ("name", "right", "wrong", "kinds"),
    [
        ("layers", "(self.kept > 0) * grad", "self.kept * grad", {"missing-derivative"}),
        ("layers", "np.where(self.mask, grad, self.tilt * grad)", "np.where(self.mask, grad, self.tilt)",
         {"missing-derivative"}),
        ("layers", "np.sum(grad, axis=0)", "np.mean(grad, axis=0)", {"missing-batch-sum-or-mean"}),
        ("gates", "self.b * self.a_act.slope()", "self.b * self.b_act.slope()", {"derivative-at-wrong-point"}),
        ("states", "self.s[t + 1] * self.s[t + 1]", "self.s[t] * self.s[t]",
         {"off-by-one", "derivative-at-wrong-point"}),
        ("helpers", "tanh2deriv(h)", "1", {"missing-derivative"}),
        ("helpers", "np.mean(grad, axis=0, keepdims=True)", "np.sum(grad, axis=0, keepdims=True)",
         {"missing-batch-sum-or-mean"}),
        ("helpers", "x.T @ grad / m", "x.T @ grad / x.shape[1]", {"scale-factor", "missing-batch-sum-or-mean"}),
    ],
)  # fmt: skip
def test_the_line_and_the_kind(tmp_path: Path, name: str, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / f"slips_{name}.py", PROGRAMS[name], right, wrong)
    first = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind in kinds) == (line, True), str(check)


def test_what_writes_over_its_argument_is_told(tmp_path: Path) -> None:
    right = "        return grad / (1 + np.exp(-self.x))\n"
    wrong = "        grad /= 1 + np.exp(-self.x)\n        return grad\n"
    check, line = edited(tmp_path / "slips_in_place.py", LAYERS, right, wrong)
    assert check.first_wrong is not None, str(check)
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "inplace-corruption"), str(check)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_are_right(tmp_path: Path, name: str) -> None:
    check = module_of(tmp_path / f"right_{name}.py", PROGRAMS[name]).check(verify)
    assert check.ok is True, str(check)


VECTORS = """
import numpy as np

class Weights:
    def __init__(self, flat):
        self.flat = flat

    def __add__(self, other):
        return self.joined(other, lambda one, another: one + another)

    def joined(self, other, how):
        return Weights(how(self.flat, other.flat))

class Line:
    def of_one(self, weights, x, y):
        error = weights.flat @ x - y
        return Weights(2 * error * x)

class Batch:
    def __init__(self, line):
        self.line = line

    def of_all(self, weights, xs, ys):
        total = Weights(np.zeros(len(weights.flat)))
        for x, y in zip(xs, ys):
            total += self.line.of_one(weights, x, y)
        return total

def check(verify):
    rng = np.random.default_rng(4)
    xs, ys, weights = rng.normal(size=(6, 4)), rng.normal(size=6), Weights(rng.normal(size=4))
    with verify(weights.flat) as check:
        check.loss = np.sum((xs @ weights.flat - ys) ** 2)
        check.gradients = Batch(Line()).of_all(weights, xs, ys).flat
    return check
"""


def test_a_line_that_only_calls_what_calls_others(tmp_path: Path) -> None:
    assert module_of(tmp_path / "vectors.py", VECTORS).check(verify).ok
    check, line = edited(tmp_path / "slip.py", VECTORS, "total += self.line", "total = self.line")
    assert check.first_wrong is not None
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "overwritten-accumulation"), str(check)
