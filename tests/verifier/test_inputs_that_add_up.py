"""Layers with blobs of values and gradients: that of an input goes on from block to block, and none reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

BLOBS = """
import numpy as np
from tinygrad_scratch import verify

draw = np.random.default_rng(18)


class Blob:
    def __init__(self, value):
        self.value, self.slope = value, np.zeros_like(value)

    def clear(self):
        self.slope = np.zeros_like(self.value)


class Given:
    def __init__(self, shape):
        self.top = Blob(np.zeros(shape))

    def clear(self):
        pass


class Mix:
    def __init__(self, below, width):
        self.below = below.top
        self.mix = Blob(draw.normal(size=(self.below.value.shape[1], width)))
        self.share = Blob(0.3)
        self.top = Blob(np.zeros((self.below.value.shape[0], width)))

    def clear(self):
        self.top.clear()
        self.mix.clear()
        self.share.clear()

    def forward(self):
        self.bent = np.tanh(self.below.value @ self.mix.value)
        self.top.value = self.bent * self.share.value

    def backward(self):
        bend = self.top.slope * self.share.value * (1 - self.bent**2)
        self.mix.slope += self.below.value.T @ bend
        self.share.slope = np.sum(self.bent * self.top.slope)
        self.below.slope += bend @ self.mix.value.T


class Net:
    def __init__(self):
        given = Given((5, 3))
        self.layers = [given, (one := Mix(given, 4)), Mix(one, 2)]

    def forward(self, x, hopes):
        self.layers[0].top.value = x
        for layer in self.layers[1:]:
            layer.forward()
        self.off = self.layers[-1].top.value - hopes
        return 0.5 * np.sum(self.off**2)

    def backward(self):
        for layer in self.layers:
            layer.clear()
        self.layers[-1].top.slope = self.off
        for layer in reversed(self.layers[1:]):
            layer.backward()


net = Net()
for turn in range(2):
    net.forward(draw.normal(size=(5, 3)), draw.normal(size=(5, 2)))
    net.backward()
with verify(net) as check:
    check.loss = net.forward(draw.normal(size=(5, 3)), draw.normal(size=(5, 2)))
    net.backward()
"""


def test_what_is_added_up_for_an_input_is_no_mistake(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, BLOBS.replace(".slope", ".grad"))
    assert check.ok is True, str(check)
    assert any("is added up from before, and of data" in note for note in check.notes)


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("np.sum(self.bent * self.top.grad)", "np.sum(self.bent * -self.top.grad)", "sign"),
        ("bend @ self.mix.value.T", "bend @ -self.mix.value.T", "sign"),
    ],
)
def test_a_mistake_beside_it_is_told(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, BLOBS.replace(".slope", ".grad"), right, wrong)
    assert told(check) == (line, kind), str(check)


def test_what_is_added_up_for_weights_is_told(tmp_path: Path) -> None:
    text = BLOBS.replace(".slope", ".grad").replace("        self.mix.clear()\n", "")
    check = check_of_script(tmp_path, text)
    assert check.first_wrong is not None, str(check)
