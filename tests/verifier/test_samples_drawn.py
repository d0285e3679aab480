"""Losses that a loop watches on all samples, where each step is by some of them that are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

BERRIES = """
import numpy as np

draw = np.random.default_rng(8)
berries = draw.normal(size=(30, 4))
ripe = np.eye(3)[np.argmax(berries[:, :3] + draw.normal(size=(30, 3)), axis=1)]

class Sorter:
    def __init__(self):
        self.W = draw.normal(size=(4, 3))

    def chances(self, rows):
        raised = np.exp(rows @ self.W)
        return raised / raised.sum(axis=1, keepdims=True)

    def cross_entropy(self, rows, kinds):
        return -np.mean(np.sum(kinds * np.log(self.chances(rows)), axis=1))

    def slope(self, rows, kinds):
        p = self.chances(rows)
        return rows.T @ (p - kinds)

sorter, losses = Sorter(), []
for _ in range(12):
    losses.append(sorter.cross_entropy(berries, ripe))
    picked = draw.choice(30, 8)
    some, their = berries[picked], ripe[picked]
    grad = sorter.slope(some, their)
    sorter.W -= 0.05 * grad
print(losses[-1])
"""


def test_a_step_by_drawn_samples_is_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, BERRIES)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("wrong", "kinds"),
    [
        ("rows.T @ (p * (1 - p) * (p - kinds))", {"wrong-operand", "scale-factor", "derivative-at-wrong-point"}),
        ("rows.T @ (p * p - kinds)", {"wrong-operand", "scale-factor"}),
        ("rows.T @ (p - 2 * kinds)", {"wrong-operand", "scale-factor"}),
    ],
)
def test_it_is_judged_by_the_loss_of_these_where_it_is_wrong(tmp_path: Path, wrong: str, kinds: set[str]) -> None:
    check, line = edited_script(tmp_path, BERRIES, "rows.T @ (p - kinds)", wrong)
    first = told(check)
    assert first[0] == line
    assert first[1] in kinds
    assert "is of all samples" in str(check)


def test_a_loss_that_holds_for_as_many_samples_alone_is_taken_as_it_is(tmp_path: Path) -> None:
    program = BERRIES.replace("kinds * np.log(self.chances(rows))", "kinds * np.log(self.chances(rows)).reshape(30, 3)")
    assert check_of_script(tmp_path, program).ok
    check, line = edited_script(tmp_path, program, "rows.T @ (p - kinds)", "rows.T @ (p * p - kinds)")
    assert told(check)[0] == line
    assert "is of all samples" not in str(check)
