"""A slope that a class of layers forgets, so that each layer lacks it, where the loss's own slope carries a factor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

STACK = """
import numpy as np

rng = np.random.default_rng(3)
soil = rng.normal(size=(12, 3))
grows = (np.stack([soil[:, 0], soil[:, 1] + soil[:, 2]], axis=1) > 0) * 1.0


class Bend:
    def ahead(self, z):
        self.out = 1 / (1 + np.exp(-z))
        return self.out

    def slope(self):
        return self.out * (1 - self.out)


class Layer:
    def __init__(self, fan_in, fan_out):
        self.w = rng.normal(size=(fan_in, fan_out)) * 0.5
        self.b = np.zeros((1, fan_out))
        self.bend = Bend()

    def ahead(self, x):
        z = np.dot(x, self.w) + self.b
        self.x = x
        return self.bend.ahead(z)

    def back(self, above, rate):
        dz = above * self.bend.slope()
        dw = np.dot(self.x.T, dz)
        db = np.sum(dz, axis=0)
        below = np.dot(dz, self.w.T)
        self.w -= rate * dw
        self.b -= rate * db
        return below


class Chance:
    def __init__(self, wanted, given):
        self.wanted, self.given = wanted, given

    def value(self):
        return np.mean(-(self.wanted * np.log(self.given) + (1 - self.wanted) * np.log(1 - self.given)))

    def slope(self):
        dloss = -self.wanted / self.given + (1 - self.wanted) / (1 - self.given)
        return dloss


layers = [Layer(3, 5), Layer(5, 4), Layer(4, 2)]
for turn in range(3):
    out = soil
    for layer in layers:
        out = layer.ahead(out)
    chance = Chance(grows, out)
    passed = chance.slope()
    for layer in reversed(layers):
        passed = layer.back(passed, 0.02)
    loss = chance.value()
"""


def as_it_is(text: str) -> str:
    return text


def with_loss_before(text: str) -> str:
    """The same where the loss is computed before its slope."""
    text = text.replace("    loss = chance.value()\n", "")
    return text.replace("    passed = chance.slope()\n", "    loss = chance.value()\n    passed = chance.slope()\n")


FORMS = [as_it_is, with_loss_before]


@pytest.mark.parametrize("form", FORMS)
def test_right_with_the_factor_of_the_mean(tmp_path: Path, form: Callable[[str], str]) -> None:
    assert check_of_script(tmp_path, form(STACK)).ok


@pytest.mark.parametrize("form", FORMS)
def test_the_slope_is_told_once_where_the_layer_forgets_it(tmp_path: Path, form: Callable[[str], str]) -> None:
    check, line = edited_script(tmp_path, form(STACK), "above * self.bend.slope()", "above")
    assert told(check) == (line, "missing-derivative")
    assert len(check.causes) == 1
