"""What a turn gives another name is no state of it, though what has that name at its end is as large."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script

AS_WIDE = """
import numpy as np


class Net:
    def __init__(self, sizes):
        rng = np.random.default_rng(3)
        self.W = [rng.normal(size=(m, n)) for m, n in zip(sizes[:-1], sizes[1:])]

    def cost(self, X, Y):
        out = X
        for w in self.W:
            out = np.tanh(np.dot(out, w))
        return 0.5 * np.sum((out - Y) ** 2)

    def train(self, X, Y, turns):
        for turn in range(turns):
            out = X
            kept = [out]
            for w in self.W:
                out = np.tanh(np.dot(out, w))
                kept.append(out)
            d = kept[-1] - Y
            for i in range(len(self.W), 0, -1):
                d = d * (1 - kept[i] ** 2)
                dW = np.dot(kept[i - 1].T, d)
                d = np.dot(d, self.W[i - 1].T)
                self.W[i - 1] += -0.01 * dW
            if turn % 5 == 0:
                print(self.cost(X, Y))


rng = np.random.default_rng(1)
X, Y = rng.normal(size=(9, 2)), rng.random((9, 2))
Net([2, 4, 2]).train(X, Y, 20)
"""


def test_an_output_as_wide_as_the_data(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, AS_WIDE)
    assert check.ok is True, str(check)
    check, line = edited_script(tmp_path, AS_WIDE, "(1 - kept[i] ** 2)", "(1 - kept[i])")
    assert check.first_wrong.line == line, str(check)
