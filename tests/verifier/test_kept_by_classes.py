"""What a class keeps beside a value is meant, too, where the class is in another file than the line that reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import changed, check_of_script, line_of

UNITS = """
import numpy as np


class Stage:
    def __init__(self, rng, size, width):
        self.weight = rng.normal(size=(size, width))
        self.entered = self.left = None

    def run(self, x):
        self.entered = x
        self.left = np.tanh(x)
        return self.left


class Parts:
    def __init__(self, shapes, flat=None):
        self.shapes = shapes
        self.flat = np.zeros(sum(a * b for a, b in shapes)) if flat is None else flat.copy()

    def _room(self, index):
        begin = sum(a * b for a, b in self.shapes[:index])
        return slice(begin, begin + self.shapes[index][0] * self.shapes[index][1])

    def __getitem__(self, index):
        return self.flat[self._room(index)].reshape(self.shapes[index])

    def __setitem__(self, index, value):
        self.flat[self._room(index)] = value.reshape(-1)

    def __add__(self, other):
        return self._with(other, lambda x, y: x + y)

    def __truediv__(self, other):
        return self._with(other, lambda x, y: x / y)

    def _with(self, other, operation):
        return Parts(self.shapes, operation(self.flat, getattr(other, "flat", other)))
"""

BACK = """
import numpy as np
from {units} import Parts


def forward(stages, weights, x):
    x = stages[0].run(x)
    for i in range(len(stages) - 1):
        x = stages[i + 1].run(x @ weights[i])
    return x


def one(stages, weights, x, wanted):
    above = 2 * (forward(stages, weights, x) - wanted)
    found = []
    for i in reversed(range(len(stages) - 1)):
        above = above * (1 - stages[i + 1].left ** 2)
        found.append(above)
        above = weights[i] @ above
    sums = Parts(weights.shapes)
    for i, (below, delta) in enumerate(zip(stages[:-1], found[::-1])):
        values = below.left.copy()
        sums[i] = np.outer(values, delta)
    return sums


def mean(stages, weights, data):
    sums = Parts(weights.shapes)
    for x, wanted in data:
        sums += one(stages, weights, x, wanted)
    return sums / len(data)
"""

SCRIPT = """
import numpy as np
from {units} import Parts, Stage
from {back} import forward, mean
from tinygrad_scratch import verify

rng = np.random.default_rng(2)
sizes = (5, 4, 3)
stages = [Stage(rng, size, 1) for size in sizes]
weights = Parts([(5, 4), (4, 3)])
weights.flat = rng.normal(size=32) * 0.5
data = [(rng.normal(size=5), rng.normal(size=3)) for _ in range(4)]

with verify(weights) as check:
    check.loss = np.mean([np.sum((forward(stages, weights, x) - wanted) ** 2) for x, wanted in data])
    check.gradients = mean(stages, weights, data)
"""


@pytest.mark.parametrize("wrong", ["", "below.entered.copy()"])
def test_what_a_class_of_another_file_keeps_beside_a_value_may_be_meant(tmp_path: Path, wrong: str) -> None:
    names = {"units": "units_of_stages", "back": f"back_through_stages{len(wrong)}"}
    right = "below.left.copy()"
    text = BACK.format(**names)
    files = {names["units"]: UNITS, names["back"]: changed(text, right, wrong or right)}
    check = check_of_script(tmp_path, SCRIPT.format(**names), **files)
    if not wrong:
        assert check.ok, str(check)
        return
    first = check.first_wrong
    assert Path(first.file).stem == names["back"], str(check)
    assert (first.line, first.kind) == (line_of(text, right), "wrong-operand"), str(check)
    assert first.should_be == "values = below.left.copy()", str(check)
