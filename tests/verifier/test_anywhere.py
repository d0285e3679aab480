"""Mistakes that no single value tells: one change of a call, wherever it stands, makes all gradients right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import module_of

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
        for t in range(3):
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
    net, xs, goal = Unrolled(rng), rng.normal(size=(5, 3, 3)), rng.normal(size=(5, 4))
    with verify(net) as check:
        h = net.forward(xs)
        check.loss = 0.5 * np.sum((h - goal) ** 2)
        net.backward(h - goal)
        check.gradients = dict(zip(("params[0]", "params[1]", "params[2]"), net.grads))
    return check
"""
