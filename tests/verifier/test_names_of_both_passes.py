"""What both passes call alike, and the backward pass makes otherwise: told where it is made, and never as itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.verifier.files import module_of
from tinygrad_scratch import verify

BIASED = """import numpy as np


class Perceptron:
    def __init__(self, rng):
        self.weights = [rng.normal(size=(4, 4)), rng.normal(size=(2, 5))]

    def forward(self, x):
        x_bias = np.concatenate(([-1], x))
        self.h = np.tanh(self.weights[0] @ x_bias)
        h_bias = np.concatenate(([-1], self.h))
        self.out = self.weights[1] @ h_bias
        return self.out

    def backward(self, x, y):
        d = self.out - y
        below = (1 - self.h**2) * (self.weights[1][:, 1:].T @ d)
        h_bias = np.concatenate(([-1], self.h))
        x_bias = np.concatenate(([1], x))
        return [np.outer(below, x_bias), np.outer(d, h_bias)]
"""


def test_it_is_told_where_it_is_made(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    net = module_of(tmp_path / "biased.py", BIASED).Perceptron(rng)
    x, y = rng.normal(size=3), rng.normal(size=2)
    with verify(net) as check:
        check.loss = 0.5 * np.sum((net.forward(x) - y) ** 2)
        check.gradients = net.backward(x, y)
    found = check.first_wrong
    assert found is not None, str(check)
    assert (found.line, found.kind) == (19, "wrong-operand"), str(check)
    assert found.should_be == "np.concatenate(([-1], x))"
    assert "x_bias is made otherwise than in line 9" in found.sentence
