"""Scripts of which an imported file sets the seed of the random numbers: that is imported once, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import changed, check_of_script, line_of, told

BENDS = """
def leaning(v, back=False, lean=0.2):
    if not back:
        return np.maximum(lean * v, v)
    return lean + (v > 0) * (1 - lean)
"""
LAYERS = """
import numpy as np
SEED

import bends

class Dense:
    def __init__(self, given, made):
        self.W = np.random.randn(given, made) / np.sqrt(given)

    def forward(self, v):
        self.v = v
        return v @ self.W

    def backward(self, above):
        self.dW = self.v.T @ above
        return above @ self.W.T

class Bend:
    def __init__(self, bend):
        self.bend = bend

    def forward(self, v):
        self.made = self.bend(v)
        return self.made

    def backward(self, above):
        slope = self.bend(self.made, back=True)
        return above * slope
"""
SCRIPT = """
import numpy as np
import layers
from bends import leaning

things = np.random.randn(9, 4)
wanted = np.random.randn(9, 2)
net = [layers.Dense(4, 5), layers.Bend(leaning), layers.Dense(5, 2)]
for turn in range(6):
    v = things
    for layer in net:
        v = layer.forward(v)
    off = v - wanted
    loss = 0.5 * np.sum(off ** 2)
    for layer in reversed(net):
        off = layer.backward(off)
    for layer in net[::2]:
        layer.W -= 0.01 * layer.dW
"""


@pytest.mark.parametrize("seed", ["np.random.seed(3)", "np.random.randn()"])
def test_a_slip_in_a_slope_of_a_file_is_told_there(tmp_path: Path, seed: str) -> None:
    layers, right = LAYERS.replace("SEED", seed), "lean + (v > 0) * (1 - lean)"
    files = {"layers": layers, "bends": "import numpy as np\n" + BENDS}
    assert check_of_script(tmp_path, SCRIPT, **files).ok
    wrong = changed(files["bends"], right, "(v > 0) * (1 - lean)")
    check = check_of_script(tmp_path, SCRIPT, **(files | {"bends": wrong}))
    assert told(check) == (line_of(wrong, "return (v > 0)"), "missing-term")
    assert check.first_wrong.file.endswith("bends.py")
