"""Scripts of one sample a turn, in which an inner loop goes over a list of kernels and the entries of their shifts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tinygrad_scratch.verifier.script import checks_of

pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of np.matrix

KERNELS = """
import numpy as np
rng = np.random.default_rng(5)

class Net:
    def __init__(self):
        self.kernels, self.shifts = [rng.normal(size=(3,)) for _ in range(2)], rng.normal(size=2)
        self.mix, self.rate_mix = rng.normal(size=(2, 2)), 0.3

    def train(self, inputs, goals):
        for x, goal in zip(inputs, goals):
            found = np.array([x @ self.kernels[k] - self.shifts[k] for k in range(2)])
            bent = np.tanh(found)
            out = bent @ self.mix
            d_out = out - goal
            d_bent = (self.mix @ d_out) * (1 - bent**2)
            count = np.shape([out, goal])[0]
            for k in range(count):
                delta = self.rate_mix * d_bent[k] * x
                self.kernels[k] = self.kernels[k] - delta
                self.shifts[k] = self.shifts[k] + d_bent[k] * self.rate_mix
            self.mix = self.mix - self.rate_mix * np.outer(bent, d_out)

Net().train(rng.normal(size=(4, 3)), rng.uniform(size=(4, 2)))
"""
ROWS = """
import numpy as np
rng = np.random.default_rng(2)
lr = 0.1
w, b = np.asmatrix(rng.normal(size=(2, 3))), rng.normal(size=2)
for turn in range(2):
    x, goal = np.asmatrix(rng.normal(size=3)), rng.uniform(size=2)
    out = 1 / (1 + np.exp(-(x * w.T - b)))
    d_out = np.multiply(goal - out, np.multiply(out, 1 - out))
    w = w + d_out.T * x * lr
    b = b - d_out * lr
"""


def check_of(tmp_path: Path, text: str, old: str = "", new: str = "") -> Any:
    assert not old or text.count(old) == 1
    path = tmp_path / "train.py"
    path.write_text(text.replace(old, new) if old else text)
    return checks_of(str(path))[0]


@pytest.mark.parametrize("text", [KERNELS, ROWS])
def test_all_that_is_updated_in_a_turn_is_judged(tmp_path: Path, text: str) -> None:
    check = check_of(tmp_path, text)
    assert check.ok, str(check)
    assert len(check.finals) == (4 if text is KERNELS else 2), str(check)
    assert not check.tape.leaks
    assert "throughout" not in str(check)


@pytest.mark.parametrize(
    ("text", "old", "new", "line"),
    [
        (KERNELS, "(1 - bent**2)", "(1 + bent**2)", 16),
        (KERNELS, "self.shifts[k] + d_bent[k]", "self.shifts[k] + out[k]", 21),
        (ROWS, "b - d_out", "b + d_out", 11),
    ],
)
def test_a_mistake_in_one_of_them_is_told(tmp_path: Path, text: str, old: str, new: str, line: int) -> None:
    check = check_of(tmp_path, text, old, new)
    assert check.first_wrong is not None, check.problem
    assert check.first_wrong.line == line, str(check)
