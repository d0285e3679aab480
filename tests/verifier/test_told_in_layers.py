"""A mistake in a layer's backward is told there, though a parameter beside it has no gradient, as it cancels."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

PAIRED = """
import numpy as np


class Affine:
    def __init__(self, a, b, rng):
        self.W, self.b = rng.normal(size=(a, b)), rng.normal(size=(1, b))

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, d, rate):
        down = d @ self.W.T
        self.W -= rate * self.x.T @ d
        self.b -= rate * d.sum(axis=0, keepdims=True)
        return down


class Softplus:
    def forward(self, x):
        self.x = x
        return np.log1p(np.exp(x))

    def backward(self, d, rate):
        return d * (1 / (1 + np.exp(-self.x)))


rng = np.random.default_rng(2)
layers = [Affine(3, 5, rng), Softplus(), Affine(5, 4, rng), Softplus(), Affine(4, 1, rng)]
items = [(rng.normal(size=(k, 3)), np.arange(k)[:, None] > np.arange(k)) for k in (6, 4, 5)]
for epoch in range(4):
    total = 0.0
    for out, above in items:
        for layer in layers:
            out = layer.forward(out)
        margin = out - out.T
        total += np.sum(above * np.log1p(np.exp(-margin)))
        push = -1.0 * above / (1 + np.exp(margin))
        d = push.sum(axis=1, keepdims=True) - push.sum(axis=0)[:, None]
        for layer in layers[::-1]:
            d = layer.backward(d, 0.02)
    print(epoch, total)
"""


def test_a_slope_of_whole_numbers_is_told_in_its_layer(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, PAIRED).ok
    right = "return d * (1 / (1 + np.exp(-self.x)))"
    check, line = edited_script(tmp_path, PAIRED, right, "return d * (1 / (1 + np.exp(-self.x))).round().astype(int)")
    assert told(check)[0] == line, str(check)
    check, line = edited_script(tmp_path, PAIRED, right, "return d * (1 / (1 + np.exp(-self.x))).astype(int)")
    assert told(check) == (line, "dtype-or-integer"), str(check)
