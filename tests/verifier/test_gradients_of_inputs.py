"""Gradients of what a block gave to forward are judged, of whichever argument and by whatever name; none is dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.verifier.files import edited, module_of, told
from tinygrad_scratch import verify

CELL = """import numpy as np


class Cell:
    def __init__(self, rng):
        self.U, self.V = rng.normal(size=(3, 4)) * 0.3, rng.normal(size=(4, 4)) * 0.3

    def forward(self, x, h):
        self.x, self.h = x, h
        self.out = np.tanh(x @ self.U + h @ self.V)
        return self.out

    def backward(self, d):
        dz = d * (1 - self.out**2)
        self.dU, self.dV = self.x.T @ dz, self.h.T @ dz
        dx = dz @ self.U.T
        dh = dz @ self.V.T
        return dx, dh


def check(verify):
    rng = np.random.default_rng(1)
    cell = Cell(rng)
    today, memory, d = rng.normal(size=(5, 3)), rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    with verify(cell) as check:
        check.loss = np.sum(cell.forward(today, memory) * d)
        into, past = cell.backward(d)
    return check
"""
KEPT = CELL.replace("        return dx, dh", "        self.dx, self.dh = dx, dh").replace("into, past = ", "")
STEPS = """import numpy as np


class Cell:
    def __init__(self, rng):
        self.U, self.V = rng.normal(size=(3, 4)) * 0.3, rng.normal(size=(4, 4)) * 0.3
        self.dU, self.dV = np.zeros_like(self.U), np.zeros_like(self.V)

    def step(self, x, before):
        h = np.tanh(x @ self.U + before @ self.V)
        return h, (x, before, h)

    def step_back(self, d, cache):
        x, before, h = cache
        dz = d * (1 - h**2)
        self.dU += x.T @ dz
        self.dV += before.T @ dz
        dx = dz @ self.U.T
        return dx, dz @ self.V.T


def check(verify):
    rng = np.random.default_rng(1)
    cell = Cell(rng)
    days, h = [rng.normal(size=(5, 3)) for _ in range(3)], rng.normal(size=(5, 4))
    d = rng.normal(size=(5, 4))
    with verify(cell) as check:
        caches, dxs = [], []
        for x in days:
            h, cache = cell.step(x, h)
            caches.append(cache)
        check.loss = np.sum(h * d)
        for cache in caches[::-1]:
            dx, d = cell.step_back(d, cache)
            dxs.append(dx)
    return check
"""
CHAIN = """import numpy as np


class Gain:
    def __init__(self):
        self.g = np.array([0.9, 1.2, 0.7])

    def forward(self, x):
        self.x = x
        return x * self.g

    def backward(self, grad):
        self.dg = (grad * self.x).sum(axis=0)
        return grad * self.g


def check(verify):
    rng = np.random.default_rng(2)
    layers, x, t = [Gain(), Gain()], rng.normal(size=(7, 3)), rng.normal(size=(7, 3))
    with verify(layers) as check:
        out = x
        for layer in layers:
            out = np.sin(layer.forward(out))
        check.loss = np.sum((out - t) ** 2)
        grad = 2 * (out - t)
        for layer in layers[::-1]:
            grad = layer.backward(grad * np.cos(layer.x * layer.g))
    return check
"""
SHARED = """import numpy as np


def line(x, W):
    return x @ W


def line_back(d, x, W):
    return d @ W.T, x.T @ d


def check(verify):
    rng = np.random.default_rng(3)
    W, V, x = rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), rng.normal(size=(5, 3))
    with verify(W=W, V=V) as check:
        a, b = line(x, W), line(x, V)
        check.loss = np.sum(np.sin(a)) + np.sum(b**2)
        left, dW = line_back(np.cos(a), x, W)
        right, dV = line_back(2 * b, x, V)
    return check
"""
AVERAGED = """import numpy as np


class Line:
    def __init__(self, rng):
        self.W = rng.normal(size=(3, 2))

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, d):
        self.dW = self.x.T @ d / len(d)
        self.dx = d @ self.W.T
        return self.dx


def check(verify):
    rng = np.random.default_rng(4)
    line, x, t = Line(rng), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    with verify(line) as check:
        p = line.forward(x)
        check.loss = np.sum((p - t) ** 2) / 7
        dx = line.backward(2 * (p - t))
    return check
"""


def of(folder: Path, text: str) -> Any:

    return module_of(folder / "program.py", text).check(verify)


RIGHT = {"returned": CELL, "kept": KEPT, "in time": STEPS, "handed on": CHAIN, "used twice": SHARED, "mean": AVERAGED}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_right_gradients_of_inputs_are_right(text: str, tmp_path: Path) -> None:
    check = of(tmp_path, text)
    assert check.ok, str(check)


WRONG = {
    "of the second argument": (CELL, "dh = dz @ self.V.T", "dh = dz @ self.V", "transpose"),
    "of the first one": (CELL, "dx = dz @ self.U.T", "dx = -dz @ self.U.T", "sign"),
    "kept": (KEPT, "dh = dz @ self.V.T", "dh = dz @ self.V", "transpose"),
    "of steps in time": (STEPS, "dx = dz @ self.U.T", "dx = dz @ self.U.T * 0.5", "scale-factor"),
    "of the first layer alone": (CHAIN, "return grad * self.g", "return grad * self.x", "wrong-operand"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_gradient_of_an_input_is_told(name: str, tmp_path: Path) -> None:
    text, right, wrong, kind = WRONG[name]
    check, line = edited(tmp_path / "program.py", text, right, wrong)
    assert check.first_wrong is not None, str(check)
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, kind), str(check)


def test_a_mean_that_only_the_parameters_take_is_said(tmp_path: Path) -> None:
    check = of(tmp_path, AVERAGED)
    assert check.convention.endswith("dx is that of a sum"), str(check)
    check, line = edited(tmp_path / "program.py", AVERAGED, "self.dx = d @ self.W.T", "self.dx = 2 * d @ self.W.T")
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == line, str(check)


def test_what_goes_with_no_input_is_named_as_not_judged(tmp_path: Path) -> None:
    check, _ = edited(tmp_path / "program.py", SHARED, "return d @ W.T, x.T @ d", "return np.cumsum(d @ W.T), x.T @ d")
    assert "left goes with nothing of which a gradient is known: it was not judged." in check.notes, str(check)


CROSSED = """
import numpy as np


class Linear:
    def __init__(self, rng):
        self.weights, self.gradients = rng.normal(size=(3, 3)), {}

    def forward(self, x):
        self.x = x
        return x @ self.weights

    def backward(self, dy):
        self.gradients["dW"], self.gradients["dX"] = self.x.T @ dy, dy @ self.weights.T
        return self.gradients["dX"]


class Crossed:
    def __init__(self):
        rng = np.random.default_rng(2)
        self.by_keys, self.by_values, self.gradients = Linear(rng), Linear(rng), {}

    def forward(self, queries, given):
        self.queries = queries
        self.k, self.v = self.by_keys.forward(given), np.tanh(self.by_values.forward(given))
        return queries * self.k + self.v

    def backward(self, dy):
        from_keys = self.by_keys.backward(dy * self.queries)
        from_values = self.by_values.backward(dy * (1 - self.v**2))
        self.gradients["queries"] = dy * self.k
        self.gradients["given"] = from_keys + from_values
        return self.gradients["queries"], self.gradients["given"]


def check(verify):
    rng = np.random.default_rng(3)
    return verify.layer(Crossed(), rng.normal(size=(4, 3)), rng.normal(size=(4, 3)))
"""


def test_what_a_layer_returns_for_an_input_is_all_of_its_gradient(tmp_path: Path) -> None:
    assert module_of(tmp_path / "right.py", CROSSED).check(verify).ok
    check, line = edited(tmp_path / "crossed.py", CROSSED, "from_keys + from_values", "from_values")
    assert not check.ok
    assert told(check)[1] == "missing-term", str(check)
    assert told(check)[0] in (line - 2, line), str(check)  # where the sum is made, or where its one part was
