"""A gradient that nothing but its list tells of is that of the layer that the others in the list are of."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import edited, module_of
from tinygrad_scratch import verify

LAYERS = """
import numpy as np


class Dense:
    def __init__(self, rng):
        self.w, self.b, self.gain = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.w + self.b)
        return self.h * self.gain

    def backward(self, d):
        e = d * self.gain * (1 - self.h**2)
        dgain = (d * self.h).sum(axis=0)
        return e @ self.w.T, [self.x.T @ e, e.sum(axis=0), dgain]


def check(verify):
    rng = np.random.default_rng(0)
    layers = [Dense(rng), Dense(rng), Dense(rng)]
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    with verify(layers) as check:
        out = layers[2].forward(layers[1].forward(layers[0].forward(x)))
        check.loss = np.sum((out - y) ** 2)
        d, last = layers[2].backward(2 * (out - y))
        d, middle = layers[1].backward(d)
        d, first = layers[0].backward(d)
        check.gradients = [middle, last, first]
    return check
"""


def test_the_others_of_its_list_tell_of_which_layer_a_gradient_is(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "company.py", LAYERS, "(d * self.h)", "(d * np.abs(self.h))")
    first = check.first_wrong
    assert first is not None, str(check)
    assert first.line == line
    assert not check.unsure
    assert module_of(tmp_path / "company_right.py", LAYERS).check(verify).ok
