"""Where a mistake is: the line that is named, where several lines could be, and the kind of its cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited, module_of, told
from tinygrad_scratch import verify

RECURRENT = """
import numpy as np

class Recurrent:
    def __init__(self, rng):
        self.U = rng.normal(size=(3, 4)) * 0.6
        self.W = rng.normal(size=(4, 4)) * 0.6
        self.V = rng.normal(size=(4, 2))

    def forward(self, xs):
        self.xs, self.states, state = xs, [np.zeros((5, 4))], np.zeros((5, 4))
        for x in xs:
            state = np.tanh(x @ self.U + state @ self.W)
            self.states.append(state)
        return state @ self.V

    def slope(self, state):
        return 1 - state ** 2

    def backward(self, given):
        dU, dW = np.zeros_like(self.U), np.zeros_like(self.W)
        dV = self.states[-1].T @ given
        carried = given @ self.V.T
        for t in range(len(self.xs) - 1, -1, -1):
            inner = carried * self.slope(self.states[t + 1])
            dU += self.xs[t].T @ inner
            dW += self.states[t].T @ inner
            carried = inner @ self.W.T
        return {"U": dU, "W": dW, "V": dV}

def check(verify):
    rng = np.random.default_rng(0)
    net, xs, goal = Recurrent(rng), rng.normal(size=(3, 5, 3)), rng.normal(size=(5, 2))
    with verify(net) as check:
        out = net.forward(xs)
        check.loss = 0.5 * np.sum((out - goal) ** 2)
        check.gradients = net.backward(out - goal)
    return check
"""

RESIDUAL = """
import numpy as np

class Block:
    def __init__(self, rng):
        self.a, self.b = rng.normal(size=(4, 5)) * 0.5, rng.normal(size=(5, 4)) * 0.5

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.a)
        return x + self.h @ self.b

    def backward(self, dy):
        self.db = self.h.T @ dy
        dh = dy @ self.b.T
        dinner = dh * (1 - self.h ** 2)
        self.da = self.x.T @ dinner
        dx = dy + dinner @ self.a.T
        return dx

def normalised(x, gain):
    mean = x.mean(axis=1, keepdims=True)
    away = x - mean
    spread = np.sqrt((away ** 2).mean(axis=1, keepdims=True) + 1e-5)
    norm = away / spread
    return norm * gain, (norm, spread, gain)

def normalised_back(dout, cache):
    norm, spread, gain = cache
    dgain = np.sum(dout * norm, axis=0)
    dnorm = dout * gain
    row = np.mean(dnorm * norm, axis=1, keepdims=True)
    dx = dnorm - dnorm.mean(axis=1, keepdims=True) - norm * row
    dx /= spread
    return dx, dgain

def error_slope(out, goal):
    return 2 * (out - goal) / out.size

def check(verify):
    rng = np.random.default_rng(1)
    x, goal, start = rng.normal(size=(7, 3)), rng.normal(size=(7, 4)), rng.normal(size=(3, 4))
    blocks, gain = [Block(rng) for _ in range(2)], rng.normal(size=4)
    with verify(start=start, blocks=blocks, gain=gain) as check:
        first = x @ start
        scaled, cache = normalised(first, gain)
        out = blocks[1].forward(blocks[0].forward(scaled))
        check.loss = np.mean((out - goal) ** 2)
        back = blocks[1].backward(error_slope(out, goal))
        back = blocks[0].backward(back)
        back, dgain = normalised_back(back, cache)
        check.gradients = {"start": x.T @ back, "gain": dgain, **{
            f"blocks[{i}].{name}": getattr(block, "d" + name) for i, block in enumerate(blocks) for name in "ab"}}
    return check
"""

UPDATING = """
import numpy as np

def check(verify):
    rng = np.random.default_rng(2)
    x, goal = rng.normal(size=(8, 3)), rng.uniform(size=(8, 2))
    w, b = rng.normal(size=(3, 2)), rng.normal(size=(1, 2))
    classes = np.array([0, 1, 1, 0, 1, 0, 0, 1])
    with verify(w=w, b=b) as check:
        out = 1 / (1 + np.exp(-(x @ w + b)))
        check.loss = np.sum((out - goal) ** 2) / 2 / len(x)
        m = len(x)
        apart = out - goal
        delta = apart * out * (1 - out)
        check.gradients = {"w": 1 / m * np.dot(x.T, delta), "b": 1 / m * np.sum(delta, axis=0, keepdims=True)}
    return check
"""

PICKED = """
import numpy as np

def hinge(w, x, labels):
    dw, loss = np.zeros(w.shape), 0.0
    for i in range(len(x)):
        scores = x[i] @ w
        for j in range(w.shape[1]):
            margin = scores[j] - scores[labels[i]] + 1
            if j != labels[i] and margin > 0:
                loss = loss + margin
                dw[:, j] += x[i]
                dw[:, labels[i]] -= x[i]
    return loss, dw

def check(verify):
    rng = np.random.default_rng(3)
    w, x = rng.normal(size=(4, 3)), rng.normal(size=(6, 4))
    with verify(w=w) as check:
        check.loss, check.gradients = hinge(w, x, [0, 2, 1, 1, 0, 2])
    return check
"""

CELLS = """
import numpy as np

def squash(x, slope=False):
    t = np.tanh(x)
    if slope:
        return 1 - t ** 2
    return t

def gate_slope(g):
    g = g * (1 - g)
    return g

def decay(w, rate):
    return rate * w

class Cell:
    def forward(self, x, h, w, v):
        self.x, self.h, self.w, self.v = x, h, w, v
        self.inner = x @ w + h @ v
        self.gate = 1 / (1 + np.exp(-(x @ w)))
        return squash(self.inner) * self.gate

    def backward(self, dout):
        dopen = dout * squash(self.inner)
        dgate = dopen * gate_slope(self.gate)
        dinner = dout * self.gate * squash(self.inner, slope=True)
        dw_gate = self.x.T @ dgate
        dw_inner = self.x.T @ dinner
        dw = dw_gate + dw_inner
        dv = self.h.T @ dinner
        dh = dinner @ self.v.T
        return dw, dv, dh

class Chain:
    def __init__(self, rng):
        self.w, self.v = rng.normal(size=(3, 4)) * 0.7, rng.normal(size=(4, 4)) * 0.7

    def forward(self, xs):
        self.cells, h = [], np.zeros((5, 4))
        for x in xs:
            cell = Cell()
            h = cell.forward(x, h, self.w, self.v)
            self.cells.append(cell)
        return h

    def backward(self, dout):
        total_w, total_v, dh = 0, 0, dout
        for cell in reversed(self.cells):
            dw, dv, dh = cell.backward(dh)
            total_w += dw
            total_v += dv
        total_v += decay(self.v, 0.2)
        self.dstart = dh
        return {"w": total_w, "v": total_v}

def check(verify):
    rng = np.random.default_rng(6)
    net, xs, goal = Chain(rng), rng.normal(size=(3, 5, 3)), rng.normal(size=(5, 4))
    with verify(net) as check:
        out = net.forward(xs)
        check.loss = 0.5 * np.sum((out - goal) ** 2) + 0.1 * np.sum(net.v ** 2)
        check.gradients = net.backward(out - goal)
    return check
"""

SCALES = """
import numpy as np

def scaled(x, gain):
    mean = x.mean(axis=0)
    spread = np.sqrt(x.var(axis=0) + 1e-5)
    norm = (x - mean) / spread
    return norm * gain, (x, mean, spread, norm, gain)

def scaled_back(dout, cache):
    x, mean, spread, norm, gain = cache
    dnorm = dout * gain
    dmean = -np.sum(dnorm / spread, axis=0)
    dspread = -np.sum(dnorm * norm / spread, axis=0)
    dgain = np.sum(dout * norm, axis=0)
    dx = dnorm / spread
    dx += dspread * norm / len(x)
    dx += dmean / len(x)
    return dx, dgain

def check(verify):
    rng = np.random.default_rng(7)
    x, gain, goal, w = rng.normal(size=(7, 3)), rng.normal(size=4), rng.normal(size=(7, 4)), rng.normal(size=(3, 4))
    with verify(w=w, gain=gain) as check:
        out, cache = scaled(x @ w, gain)
        check.loss = np.sum(out * goal)
        back, dgain = scaled_back(goal, cache)
        check.gradients = {"w": x.T @ back, "gain": dgain}
    return check
"""

TURNS = """
import numpy as np

class Memory:
    def __init__(self, rng):
        self.keys, self.asked = rng.normal(size=(6, 4)), rng.normal(size=(3, 4))
        self.b = rng.normal(size=8)

    def forward(self):
        self.weights, found = [], []
        low, high = self.b[:4], self.b[4:]
        for question in self.asked:
            e = np.exp(self.keys @ (question * high))
            p = e / e.sum()
            self.weights.append(p)
            found.append(p @ self.keys + low)
        return np.array(found)

    def backward(self, dfound):
        dkeys, db, dasked = np.zeros_like(self.keys), np.zeros_like(self.b), np.zeros_like(self.asked)
        high = self.b[4:]
        for t in range(len(self.asked)):
            p, dout, question = self.weights[t], dfound[t], self.asked[t]
            dp = self.keys @ dout
            part = p * dp
            ds = part - p * part.sum()
            dmixed = self.keys.T @ ds
            dhigh = dmixed * question
            dkeys += np.outer(p, dout) + np.outer(ds, question * high)
            db += np.hstack((dout, dhigh))
            dasked[t] = dmixed * high
        return {"keys": dkeys, "asked": dasked, "b": db}

def check(verify):
    rng = np.random.default_rng(8)
    net, goal = Memory(rng), rng.normal(size=(3, 4))
    with verify(net) as check:
        out = net.forward()
        check.loss = 0.5 * np.sum((out - goal) ** 2)
        check.gradients = net.backward(out - goal)
    return check
"""

PENALISED = """
import numpy as np

def gradients(x, out, goal, w):
    grads = {}
    dw = x.T @ (out - goal)
    dw += 0.2 * w
    grads["w"] = dw
    return grads

def check(verify):
    rng = np.random.default_rng(9)
    x, w, goal = rng.normal(size=(6, 3)), rng.normal(size=(3, 2)), rng.normal(size=(6, 2))
    with verify(w=w) as check:
        out = x @ w
        check.loss = 0.5 * np.sum((out - goal) ** 2) + 0.1 * np.sum(w * w)
        check.gradients = gradients(x, out, goal, w)
    return check
"""

PROGRAMS = {
    "recurrent": RECURRENT, "residual": RESIDUAL, "updating": UPDATING, "picked": PICKED, "cells": CELLS,
    "scales": SCALES, "turns": TURNS, "penalised": PENALISED,
}  # fmt: skip

CASES = [
    # what only a function's argument names is told where it was made
    ("recurrent", "net.backward(out - goal)", "net.backward(goal - out)", {"sign"}),
    ("recurrent", "net.backward(out - goal)", "net.backward(3 * (out - goal))", {"scale-factor"}),
    # a rename is wrong, and not what it renames
    ("recurrent", "inner = carried * self.slope(self.states[t + 1])", "inner = carried", {"missing-derivative"}),
    ("residual", "dinner = dh * (1 - self.h ** 2)", "dinner = dh", {"missing-derivative"}),
    # a helper is wrong in all of its calls
    ("recurrent", "return 1 - state ** 2", "return 1 - state", {"derivative-at-wrong-point"}),
    # in each turn of a loop
    ("recurrent", "inner = carried * self", "inner = 2 * carried * self", {"scale-factor"}),
    ("recurrent", "inner = carried * self", "inner = -carried * self", {"sign"}),
    ("recurrent", "carried = inner @ self.W.T", "carried = 0.5 * (inner @ self.W.T)", {"scale-factor"}),
    # what is called after the value that it is the gradient of is right, and its use is wrong
    ("residual", "self.da = self.x.T @ dinner", "self.da = self.x.T @ dh", {"wrong-operand", "missing-derivative"}),
    # an operand lacks a factor
    ("residual", "np.sum(dout * norm, axis=0)", "np.sum(dout, axis=0)", {"missing-term", "missing-derivative"}),
    # a value beside is right, and has a name of its own
    ("residual", "dx = dnorm - dnorm.mean(axis=1, keepdims=True) - norm * row",
     "dx = 3 * (dnorm - dnorm.mean(axis=1, keepdims=True) - norm * row)", {"scale-factor"}),
    ("residual", "dnorm - dnorm.mean(axis=1, keepdims=True) - norm", "dnorm - norm", {"missing-term"}),
    # written over on the way
    ("updating", "apart = out - goal", "out -= goal; apart = out", {"inplace-corruption"}),
    # numbers that are 0 before NumPy sees them
    ("updating", "1 / m * np.dot", "1 // m * np.dot", {"dtype-or-integer"}),
    # a gradient of another shape is wrong for itself
    ("updating", "np.sum(delta, axis=0, keepdims=True)", "np.sum(delta, axis=1, keepdims=True)",
     {"broadcasting-shape", "missing-batch-sum-or-mean"}),
    # accumulated by entries
    ("picked", "dw[:, labels[i]] -= x[i]", "dw[:, labels[i]] += x[i]", {"sign"}),
    ("picked", "dw[:, labels[i]] -= x[i]", "dw[:, labels[i]] -= x[i - 1]", {"off-by-one"}),
    # a statement is wrong, and not the helper that it calls
    ("cells", "total_v += decay(self.v, 0.2)", "total_v = decay(self.v, 0.2)", {"overwritten-accumulation"}),
    ("cells", "total_w += dw", "total_w = dw", {"overwritten-accumulation"}),
    ("penalised", "dw += 0.2 * w", "dw = 0.2 * w", {"overwritten-accumulation"}),
    ("recurrent", "inner = carried * self.slope(self.states[t + 1])", "inner = self.slope(self.states[t + 1])",
     {"missing-derivative"}),
    # a helper is wrong, and not what calls it, though the forward pass calls it too
    ("cells", "g = g * (1 - g)", "g = g", {"missing-derivative"}),
    # a number too many, that all carry from there on
    ("cells", "dinner = dout * self.gate * squash", "dinner = 2 * dout * self.gate * squash", {"scale-factor"}),
    ("cells", "dw_inner = self.x.T @ dinner", "dw_inner = 2 * (self.x.T @ dinner)", {"scale-factor"}),
    ("cells", "dgate = dopen * gate_slope(self.gate)", "dgate = -dopen * gate_slope(self.gate)", {"sign"}),
    ("turns", "ds = part - p * part.sum()", "ds = 2 * (part - p * part.sum())", {"scale-factor"}),
    ("turns", "dmixed = self.keys.T @ ds", "dmixed = -(self.keys.T @ ds)", {"sign"}),
    ("turns", "dhigh = dmixed * question", "dhigh = dmixed * question / 2", {"scale-factor"}),
    # a right gradient under the name of another one, to which the rest is added in place
    ("scales", "dx = dnorm / spread", "dx = dnorm", {"missing-derivative", "missing-term"}),
    # never written
    ("recurrent", "            dU += self.xs[t].T @ inner\n", "", {"missing-term"}),
]  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_right(tmp_path: Path, name: str) -> None:
    check = module_of(tmp_path / f"where_{name}.py", PROGRAMS[name]).check(verify)
    assert check.ok, str(check)


@pytest.mark.parametrize(("name", "right", "wrong", "kinds"), CASES)
def test_the_line_and_the_kind(tmp_path: Path, name: str, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / f"where_{name}.py", PROGRAMS[name], right, wrong)
    first = check.first_wrong
    assert first is not None, str(check)
    assert first.kind in kinds, str(check)
    if wrong:
        assert first.line == line, str(check)


def test_a_tiny_number_in_a_saturated_loss_accuses_nobody(tmp_path: Path) -> None:
    source = """
import numpy as np

def check(verify):
    rng = np.random.default_rng(4)
    w, x, labels = rng.normal(size=(3, 4)), 9 * rng.normal(size=(5, 3)), np.array([0, 1, 3, 2, 1])
    with verify(w=w) as check:
        scores = x @ w
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        check.loss = -np.sum(np.log(p[np.arange(5), labels] + 1e-7))
        p[np.arange(5), labels] -= 1
        check.gradients = {"w": x.T @ p}
    return check
"""
    check = module_of(tmp_path / "where_saturated.py", source).check(verify)
    assert check.ok, str(check)
    assert "1e-7" in check.convention


def test_one_transposed_gradient_beside_a_row_is_a_mistake(tmp_path: Path) -> None:
    source = """
import numpy as np

def check(verify):
    rng = np.random.default_rng(5)
    x, goal, w, v = rng.normal(size=(6, 3)), rng.normal(size=(6, 1)), rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
    with verify(w=w, v=v) as check:
        h = np.tanh(x @ w)
        error = h @ v - goal
        check.loss = 0.5 * np.sum(error ** 2)
        dw = (((error @ v.T) * (1 - h ** 2)).T) @ x
        dv = h.T @ error
        check.gradients = {"w": dw, "v": dv}
    return check
"""
    check = module_of(tmp_path / "where_transposed.py", source).check(verify)
    assert check.first_wrong is not None, str(check)
    assert (check.first_wrong.name, check.first_wrong.kind) == ("dw", "transpose"), str(check)


STEPS = """
import numpy as np

rng = np.random.default_rng(5)
X, goals = rng.normal(size=(8, 2)), rng.integers(0, 2, (8, 1))
w = np.MADE([[-1.2, 0.8]])

def chances(w):
    return 1 / (1 + np.exp(-X.dot(w.T)))

def gradient(w):
    return (chances(w) - goals).T BY X + w

def step(w, rate):
    return rate * gradient(w)

for turn in range(2):
    dw = step(w, rate=0.05)
    w = w - dw
"""


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of np.matrix
@pytest.mark.parametrize(("made", "by"), [("array", "@"), ("asmatrix", "*")])
def test_a_mistake_in_a_step_that_a_rate_went_into_already(tmp_path: Path, made: str, by: str) -> None:
    text = STEPS.replace("MADE", made).replace("BY", by)
    assert check_of_script(tmp_path, text.replace(" + w\n", "\n")).ok
    assert told(check_of_script(tmp_path, text)) == (12, "regularisation")
