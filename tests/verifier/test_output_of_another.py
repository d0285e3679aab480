"""Of two losses that as many gradients fit, that of the later output is meant: who makes a probability, means it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

SCORED = """
import numpy as np

rng = np.random.default_rng(3)
X = rng.normal(size=(31, 5))
y = (X @ rng.normal(size=5) > 0.2).astype(float)


class Chance:
    def train(self, X, y, turns, rate):
        self.w, self.b = np.zeros(5), 0
        for _ in range(turns):
            score = X @ self.w + self.b
            chance = 1 / (1 + np.exp(-score))
            dw = X.T @ (chance - y) / len(y)
            db = np.sum(chance - y) / len(y)
            self.w -= rate * dw
            self.b -= rate * db
        return self


print(Chance().train(X, y, 12, 0.1).w)
"""


@pytest.mark.parametrize("right", ["X.T @ (chance - y)", "np.sum(chance - y)"])
def test_the_score_in_place_of_the_chance_is_told_where_it_is_read(right: str, tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SCORED).ok
    check, line = edited_script(tmp_path, SCORED, right, right.replace("chance", "score"))
    assert told(check) == (line, "wrong-operand"), str(check)
