"""A gradient that an object keeps beside its one parameter is that parameter's, by whatever name this is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, module_of, told
from tinygrad_scratch import verify

BOXES = """
import numpy as np


class Box:
    def __init__(self, rng):
        self.V = rng.normal(size=(3, 3))
        self.grad = np.zeros((3, 3))


class Layer:
    def __init__(self, rng):
        self.box = Box(rng)

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.box.V)
        return self.h

    def backward(self, d):
        e = d * (1 - self.h**2)
        self.box.grad += self.x.T @ e
        return e @ self.box.V.T


class Net:
    def __init__(self, rng):
        self.layers = [Layer(rng), Layer(rng), Layer(rng)]


def check(verify):
    rng = np.random.default_rng(0)
    net, x, y = Net(rng), rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    with verify(net) as check:
        out = x
        for layer in net.layers:
            out = layer.forward(out)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        d = out - y
        for layer in net.layers[::-1]:
            d = layer.backward(d)
    return check
"""


def test_right_ones(tmp_path: Path) -> None:
    check = module_of(tmp_path / "boxes.py", BOXES).check(verify)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("d = out - y", "d = out + y", "sign"),
        ("d * (1 - self.h**2)", "d * (1 - self.h)", "derivative-at-wrong-point"),
        ("self.box.grad += self.x.T @ e", "self.box.grad += self.x.T @ d", "missing-derivative"),
        ("return e @ self.box.V.T", "return e @ self.box.V", "transpose"),
    ],
)
def test_wrong_ones_are_judged_though_no_value_tells_whose_they_are(
    tmp_path: Path, right: str, wrong: str, kind: str
) -> None:
    check, line = edited(tmp_path / "boxes.py", BOXES, right, wrong)
    assert told(check)[0] == line, str(check)
    assert told(check)[1] in (kind, "wrong-operand"), str(check)
