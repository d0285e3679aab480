"""Tables that two factors and biases are fitted to, entry by entry, with a decay in every step and no loss computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told
from tinygrad_scratch.verifier.script import checks_of

SCRIPT = """
import numpy as np

rng = np.random.default_rng(6)
table = rng.integers(1, 6, size=(4, 5))
lr, decay = 0.05, 0.2
left, right = 0.5 * rng.normal(size=(4, 3)), 0.5 * rng.normal(size=(5, 3))
of_row, of_column = np.zeros(4), np.zeros(5)
middle = table.mean()
for turn in range(3):
    for i in range(4):
        for j in range(5):
            guess = middle + of_row[i] + of_column[j] + left[i].dot(right[j])
            miss = table[i, j] - guess
            of_row[i] += lr * (miss - decay * of_row[i])
            of_column[j] += lr * (miss - decay * of_column[j])
            before = left[i].copy()
            left[i] += lr * (miss * right[j] - decay * left[i])
            right[j] += lr * (miss * before - decay * right[j])
"""
BLOCK = """
import numpy as np
from tinygrad_scratch import verify

class Factors:
    def __init__(self):
        rng = np.random.default_rng(6)
        self.left, self.right = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
        self.of_row = np.zeros(4)

    def step(self, i, j, value):
        miss = value - (self.of_row[i] + self.left[i].dot(self.right[j]))
        self.of_row[i] += 0.05 * (miss - 0.2 * self.of_row[i])
        before = self.left[i].copy()
        self.left[i] += 0.05 * (miss * self.right[j] - 0.2 * self.left[i])
        self.right[j] += 0.05 * (miss * before - 0.2 * self.right[j])

factors = Factors()
with verify(factors) as check:
    factors.step(1, 2, np.int64(4))
"""


@pytest.mark.parametrize(("text", "count"), [(SCRIPT, 4), (BLOCK, 3)])
def test_the_loss_is_that_of_one_entry_but_for_the_decay(tmp_path: Path, text: str, count: int) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert check.entry.loss_name.startswith("half squared error of ")
    assert len(check.finals) == count


@pytest.mark.parametrize(
    ("text", "right", "wrong", "line"),
    [
        (SCRIPT, "lr * (miss * before - decay", "lr * (miss * left[i] - decay", 19),
        (BLOCK, "0.05 * (miss * before - 0.2", "0.05 * (miss * self.left[i] - 0.2", 16),
    ],
)
def test_a_mistake_in_one_step_is_told(tmp_path: Path, text: str, right: str, wrong: str, line: int) -> None:
    assert text.count(right) == 1
    check = check_of_script(tmp_path, text.replace(right, wrong))
    assert check.first_wrong is not None, check.problem
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "stale-or-updated-weights")


LINE = """
import numpy as np

rng = np.random.default_rng(2)
points, values = rng.normal(size=(5, 3)), rng.normal(size=5)
line, lr, decay = rng.normal(size=3), 0.1, 0.2
for point, value in zip(points, values):
    guess = point @ line
    miss = value - guess
    line += lr * (miss * point - decay * line)
"""


@pytest.mark.parametrize("loss", ["half squared error", "squared error"])
def test_beside_a_decay_the_factor_is_no_number_of_this_turn_alone(tmp_path: Path, loss: str) -> None:
    file = tmp_path / "script.py"
    file.write_text(LINE, encoding="utf-8")
    check = checks_of(str(file), loss=loss)[0]
    assert check.ok, str(check)
    file.write_text(LINE.replace("value - guess", "value + guess"), encoding="utf-8")
    check = checks_of(str(file), loss=loss)[0]
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == 9


COLUMNS = """
import numpy as np

rng = np.random.default_rng(8)
known = np.array([[0, 1, 4], [2, 0, 1], [1, 3, 5], [2, 2, 3]])
table = np.zeros((3, 4))
table[known[:, 0], known[:, 1]] = known[:, 2]
left, right = rng.uniform(size=(2, 3)), rng.uniform(size=(2, 4))
lam, rate, tolerance = 0.1, 0.05, 0.01
for epoch in range(3):
    change = tolerance + 1
    for at in np.random.permutation(len(known)):
        i, j = known[:, 0][at], known[:, 1][at]
        dl = lam * left[:, i] - right[:, j] * (table[i, j] - left[:, i] @ right[:, j])
        dr = lam * right[:, j] - left[:, i] * (table[i, j] - left[:, i] @ right[:, j])
        left[:, i] -= rate * dl
        right[:, j] -= rate * dr
"""


def test_columns_are_taken_at_places_of_an_array(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, COLUMNS)
    assert check.ok, str(check)
    assert check.entry.loss_name.startswith("half squared error of ")
    check = check_of_script(tmp_path, COLUMNS.replace("lam * left[:, i] - right", "lam * left[:, i] + right"))
    assert told(check) == (14, "sign")


BY_ROWS = """
import numpy as np

rng = np.random.default_rng(12)
stars = rng.integers(1, 6, size=(7, 5))
P, Q = rng.normal(size=(7, 3)) / 3, rng.normal(size=(5, 3)) / 3
alpha, beta = 0.1, 0.02
for epoch in range(3):
    for i, j in np.argwhere(stars > 1):
        e = stars[i, j] - P[i] @ Q[j]
        before = P[i].copy()
        P[i] += alpha * (e * Q[j] - beta * P[i])
        Q[j] += alpha * (e * before - beta * Q[j])
"""


def test_a_penalty_that_pushes_away_by_what_another_one_pulls_has_the_wrong_sign(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, BY_ROWS).ok
    check, line = edited_script(tmp_path, BY_ROWS, "before - beta * Q[j]", "before + beta * Q[j]")
    assert told(check) == (line, "sign"), str(check)


BATCHES = """
import numpy as np

rng = np.random.default_rng(11)
ratings = np.array([(u, i, rng.integers(1, 6)) for u in range(6) for i in range(5) if rng.random() > 0.3], float)
middle = ratings[:, 2].mean()
tastes, traits = 0.4 * rng.normal(size=(6, 3)), 0.4 * rng.normal(size=(5, 3))
rate, pull, size = 0.05, 0.08, 10
for epoch in range(3):
    order = rng.permutation(len(ratings))
    for begin in range(0, size * (len(ratings) // size), size):
        rows = ratings[order[begin : begin + size]]
        users, items = rows[:, 0].astype(int), rows[:, 1].astype(int)
        guess = np.sum(tastes[users] * traits[items], axis=1)
        miss = guess - rows[:, 2] + middle
        of_users = 2 * miss[:, None] * traits[items] + pull * tastes[users]
        of_items = 2 * miss[:, None] * tastes[users] + pull * traits[items]
        d_tastes, d_traits = np.zeros_like(tastes), np.zeros_like(traits)
        for k in range(size):
            d_tastes[users[k]] += of_users[k]
            d_traits[items[k]] += of_items[k]
        tastes = tastes - rate * d_tastes / size
        traits = traits - rate * d_traits / size
    print(np.sqrt(np.mean((np.sum(tastes[users] * traits[items], axis=1) + middle - rows[:, 2]) ** 2)))
"""


@pytest.mark.parametrize("right", ["d_tastes[users[k]] += of_users[k]", "d_traits[items[k]] += of_items[k]"])
def test_entries_that_are_written_over_lose_a_part_of_their_penalty_too(tmp_path: Path, right: str) -> None:
    check, _ = edited_script(tmp_path, BATCHES, right, right)
    assert check.ok is True, str(check)
    check, line = edited_script(tmp_path, BATCHES, right, right.replace("+=", "="))
    assert told(check) == (line, "overwritten-accumulation"), str(check)


AT_ONCE = """
import numpy as np


class Factors:
    def __init__(self, table, hidden, draw):
        self.table, self.hidden, self.draw = np.where(hidden, 0.0, table), hidden, draw
        self.left, self.right = draw.normal(size=(6, 3)), draw.normal(size=(5, 3))

    def guesses(self, left, right):
        return np.where(self.hidden, 0.0, left @ right.T)

    def fit(self, turns):
        left, right = self.left, self.right
        full = self.guesses(left, right)
        for _ in range(turns):
            i, j = self.draw.integers(6), self.draw.integers(5)
            of_left = (full[i, j] - self.table[i, j]) * right[j]
            of_right = (full[i, j] - self.table[i, j]) * left[i]
            left[i] -= 0.05 * of_left
            right[j] -= 0.05 * of_right
            full = self.guesses(left, right)


draw = np.random.default_rng(SEED)
Factors(draw.integers(1, 6, size=(6, 5)), draw.random((6, 5)) < 0.4, draw).fit(20)
"""
STEPS = """            of_right = (full[i, j] - self.table[i, j]) * left[i]
            left[i] -= 0.05 * of_left
"""


@pytest.mark.parametrize("seed", ["1", "3", "5"])
def test_all_guesses_are_made_again_at_the_end_of_each_turn(tmp_path: Path, seed: str) -> None:
    """Of an entry that is hidden no turn tells: a later one goes on from guesses that the one before it made."""
    text = AT_ONCE.replace("SEED", seed)
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert {final.parameter.short for final in check.finals} == {"left", "right"}
    too_early = "\n".join([*STEPS.splitlines()[::-1], ""])
    check, line = edited_script(tmp_path, text, STEPS, too_early)
    assert told(check) in [(line, "stale-or-updated-weights"), (line + 1, "stale-or-updated-weights")], str(check)
    right, wrong = "(full[i, j] - self.table[i, j]) * right[j]", "(self.table[i, j] - full[i, j]) * right[j]"
    check, line = edited_script(tmp_path, text, right, wrong)
    assert told(check) == (line, "sign"), str(check)
