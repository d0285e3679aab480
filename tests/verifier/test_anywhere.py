"""Mistakes that no single value tells: one change of a call, wherever it stands, makes all gradients right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, module_of
from tinygrad_scratch import verify

GATED = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

class Cell:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]

    def forward(self, x, h):
        Wx, Wh, b = self.params
        keep = sigmoid(x @ Wx[:, :4] + h @ Wh[:, :4] + b[:4])
        new = np.tanh(x @ Wx[:, 4:] + (keep * h) @ Wh[:, 4:] + b[4:])
        self.cache = x, h, keep, new
        return (1 - keep) * h + keep * new

    def backward(self, dout):
        Wx, Wh, b = self.params
        x, h, keep, new = self.cache
        dnew = dout * keep * (1 - new ** 2)
        dh = dout * (1 - keep)
        dkeep = dout * (new - h)
        inner = dnew @ Wh[:, 4:].T
        dh = dh + inner * keep
        dgate = (dkeep + inner * h) * keep * (1 - keep)
        dh = dh + dgate @ Wh[:, :4].T
        self.grads[0][...] = np.hstack((x.T @ dgate, x.T @ dnew))
        self.grads[1][...] = np.hstack((h.T @ dgate, (keep * h).T @ dnew))
        self.grads[2][...] = np.hstack((dgate.sum(axis=0), dnew.sum(axis=0)))
        return dh

class Unrolled:
    def __init__(self, rng):
        self.params = [rng.normal(size=s) * 0.7 for s in ((3, 8), (4, 8), (8,))]

    def forward(self, xs):
        self.cells, h = [], np.zeros((5, 4)) + 0.1
        for t in range(2):
            cell = Cell(*self.params)
            h = cell.forward(xs[:, t], h)
            self.cells.append(cell)
        return h

    def backward(self, dh):
        grads = [0, 0, 0]
        for cell in reversed(self.cells):
            dh = cell.backward(dh)
            for i, grad in enumerate(cell.grads):
                grads[i] += grad
        self.grads = grads

def check(verify):
    rng = np.random.default_rng(3)
    net, xs, goal = Unrolled(rng), rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 4))
    with verify(net) as check:
        h = net.forward(xs)
        check.loss = 0.5 * np.sum((h - goal) ** 2)
        net.backward(h - goal)
        check.gradients = dict(zip(("params[0]", "params[1]", "params[2]"), net.grads))
    return check
"""

SAMPLES = """
import numpy as np

class Stretched:
    def __init__(self, rng):
        self.ws = [rng.normal(size=s) for s in ((4, 3), (3, 4), (2, 3))]
        self.bs = [rng.normal(size=(n, 1)) for n in (4, 3, 2)]

    @staticmethod
    def bend(z):
        return 1.5 * np.arctan(z / 3)

    @staticmethod
    def slope(z):
        return 1.5 / 3 / (1 + (z / 3) ** 2)

    def loss(self, samples):
        total = 0
        for x, goal in samples:
            for w, b in zip(self.ws, self.bs):
                x = self.bend(w @ x + b)
            total = total + np.sum((x - goal) ** 2) / 2
        return total / len(samples)

    def gradients(self, samples):
        dws, dbs = [np.zeros_like(w) for w in self.ws], [np.zeros_like(b) for b in self.bs]
        for x, goal in samples:
            outs, inner = [x], []
            for w, b in zip(self.ws, self.bs):
                inner.append(w @ outs[-1] + b)
                outs.append(self.bend(inner[-1]))
            above = outs[-1] - goal
            for k in (2, 1, 0):
                below = above * self.slope(inner[k])
                dws[k] += below @ outs[k].T / len(samples)
                dbs[k] += below / len(samples)
                above = self.ws[k].T @ below
        return dws, dbs

def check(verify):
    rng = np.random.default_rng(5)
    net = Stretched(rng)
    samples = [(rng.normal(size=(3, 1)), rng.normal(size=(2, 1))) for _ in range(2)]
    with verify(net) as check:
        check.loss = net.loss(samples)
        dws, dbs = net.gradients(samples)
        check.gradients = {f"ws[{k}]": dw for k, dw in enumerate(dws)} | {f"bs[{k}]": db for k, db in enumerate(dbs)}
    return check
"""

PROGRAMS = {"gated": GATED, "samples": SAMPLES}

CASES = [
    # a cell that is called in each turn
    ("gated", "dgate.sum(axis=0)", "dgate.mean(axis=0)", {"missing-batch-sum-or-mean"}),
    ("gated", "(keep * h).T @ dnew", "h.T @ dnew", {"wrong-operand", "missing-term", "missing-derivative"}),
    # a derivative that each layer asks for, of each sample
    ("samples", "(1 + (z / 3) ** 2)", "(1 + z ** 2)", {"derivative-at-wrong-point", "wrong-operand"}),
]


@pytest.mark.parametrize("name", PROGRAMS)
def test_right(tmp_path: Path, name: str) -> None:
    check = module_of(tmp_path / f"anywhere_{name}.py", PROGRAMS[name]).check(verify)
    assert check.ok, str(check)


@pytest.mark.parametrize(("name", "right", "wrong", "kinds"), CASES)
def test_the_line_and_the_kind(tmp_path: Path, name: str, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / f"anywhere_{name}.py", PROGRAMS[name], right, wrong)
    first = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind in kinds) == (line, True), str(check)
