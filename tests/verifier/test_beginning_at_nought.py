"""Programs of which all parameters begin as 0: in the first turn every class is alike, and too many losses fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import check_of_script, module_of, told
from tinygrad_scratch import verify

SORTING = """
import numpy as np

class Sorter:
    def __init__(self, steps, turns):
        self.steps, self.turns = steps, turns

    def shares(self, scores):
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def fit(self, fruit, kinds):
        self.table = np.zeros((fruit.shape[1], kinds.max() + 1))
        self.shift = np.zeros(kinds.max() + 1)
        wanted = np.eye(kinds.max() + 1)[kinds]
        for turn in range(self.turns):
            scores = fruit @ self.table + self.shift
            found = self.shares(scores)
            gap = found - wanted
            d_table = fruit.T @ gap / len(fruit)
            d_shift = gap.mean(axis=0)
            self.table -= self.steps * d_table
            self.shift -= self.steps * d_shift

draw = np.random.default_rng(3)
kinds = np.repeat([0, 1, 2], 5)
fruit = draw.normal(size=(15, 2)) + 2 * kinds[:, None]
"""
TRAINED = SORTING + "Sorter(0.1, 3).fit(fruit, kinds)\n"


def test_the_loss_is_that_of_the_next_turn(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TRAINED)
    assert check.ok, str(check)
    assert check.entry.loss_name.startswith("cross-entropy of")


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("d_shift = gap.mean(axis=0)", "d_shift = gap.sum(axis=0)", "missing-batch-sum-or-mean"),
        ("self.shift -= self.steps", "self.shift += self.steps", "sign"),
    ],
)
def test_a_mistake_that_the_first_turn_hides(tmp_path: Path, old: str, new: str, kind: str) -> None:
    """There are as many of each kind, so that the gradient of the shift is 0 at first."""
    line = TRAINED[: TRAINED.index(old)].count("\n") + 1
    assert told(check_of_script(tmp_path, TRAINED.replace(old, new))) == (line, kind)


def test_in_a_block_losses_are_tried_at_other_values(tmp_path: Path) -> None:
    module = module_of(tmp_path / "sorting.py", SORTING)
    sorter = module.Sorter(0.1, 1)
    with verify(sorter) as check:
        sorter.fit(module.fruit, np.arange(15) // 4 % 3)
    assert check.ok, str(check)
    assert "cross-entropy of" in check.entry.loss_name
