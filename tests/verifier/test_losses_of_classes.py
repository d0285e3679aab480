"""Classes that have losses beside what was called of them: of those that are abstract, or a list, none is called."""

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

BY_A_CLASS = """
from abc import ABC, abstractmethod
import numpy as np

class Loss(ABC):
    def slope_of_output(self, y, p):
        return p - y

    @abstractmethod
    def loss(self, y, p):
        pass

class CrossEntropy(Loss):
    def loss(self, y, p):
        return -np.sum(y * np.log(p))

rng = np.random.default_rng(23)
x, y, w = rng.normal(size=(9, 4)), np.eye(3)[rng.integers(0, 3, 9)], rng.normal(size=(4, 3))
cost = CrossEntropy()
for turn in range(5):
    e = np.exp(x @ w)
    p = e / e.sum(axis=1, keepdims=True)
    value = cost.loss(y, p)
    d = cost.slope_of_output(y, p)
    w -= 0.05 * x.T @ d
    print(value)
"""


@pytest.mark.parametrize("base", ["ABC", "list"])
def test_a_class_of_which_no_bare_object_can_be_made_has_no_method_to_call(tmp_path: Path, base: str) -> None:
    text = BY_A_CLASS.replace("class Loss(ABC)", f"class Loss({base})")
    assert check_of_script(tmp_path, text).ok
    check, line = edited_script(tmp_path, text, "return p - y", "return 2 * p - y")
    assert told(check) == (line, "scale-factor"), str(check)
