"""Updates of a parameter part by part: entry by entry in a loop, row by row, or through an index."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, module_of, told
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.pairs.in_parts import are_same

LINE = """
import numpy as np

rng = np.random.default_rng(0)
X, y = rng.normal(size=(6, 3)), rng.normal(size=6)
w = rng.normal(size=3)
for epoch in range(3):
    error = X @ w - y
    loss = 0.5 * np.sum(error**2)
    g = X.T @ error
    UPDATE
"""
WRONG_LINE = LINE[: LINE.index("g = X")].count("\n") + 1
WAYS = {
    "entry by entry": "for i in range(3): w[i] -= 0.1 * g[i]",
    "a new entry": "for i in range(3): w[i] = w[i] - 0.1 * g[i]",
    "added": "for i in range(3): w[i] += -0.1 * g[i]",
    "all of it": "w[:] -= 0.1 * g",
    "some after others": "w[[0, 2]] -= 0.1 * g[[0, 2]]; w[1] -= 0.1 * g[1]",
    "a view": "row = w[:]; row -= 0.1 * g",
    "at an index": "np.subtract.at(w, np.arange(3), 0.1 * g)",
}


@pytest.mark.parametrize("way", WAYS)
def test_one_turn_is_judged_however_the_parameter_is_written_to(tmp_path: Path, way: str) -> None:
    check = check_of_script(tmp_path, LINE.replace("UPDATE", WAYS[way]))
    assert check.ok is True
    assert "One turn of the loop" in str(check)


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_gradient_is_found_however_the_parameter_is_written_to(tmp_path: Path, way: str) -> None:
    wrong = LINE.replace("UPDATE", WAYS[way]).replace("g = X.T @ error", "g = X.T @ error**2")
    assert told(check_of_script(tmp_path, wrong))[0] == WRONG_LINE


BLOCK = """
import numpy as np

rng = np.random.default_rng(0)
X, y = rng.normal(size=(6, 3)), rng.normal(size=6)


def check(verify):
    w = rng.normal(size=3)
    with verify(w=w) as check:
        for epoch in range(3):
            error = X @ w - y
            check.loss = 0.5 * np.sum(error**2)
            g = X.T @ error
            UPDATE
    return check
"""


@pytest.mark.parametrize("way", WAYS)
def test_of_several_turns_in_a_block_the_last_one_is_judged(tmp_path: Path, way: str) -> None:
    program = BLOCK.replace("UPDATE", WAYS[way])
    assert module_of(tmp_path / "block.py", program).check(verify).ok is True
    check = module_of(tmp_path / "block.py", program.replace("g = X.T @ error", "g = X.T @ error**2")).check(verify)
    assert told(check)[0] == program[: program.index("g = X")].count("\n") + 1


FLOWERS = """
import math
import numpy as np

rng = np.random.default_rng(3)
flowers, kinds = rng.normal(size=(3, 3)), [0, 1, 1]
W, c = rng.normal(size=(2, 3)), rng.normal(size=2)
speed = 0.2
for epoch in range(2):
    for n in range(len(flowers)):
        x = flowers[n]
        aim = np.zeros(2)
        aim[kinds[n]] = 1
        out = np.zeros(2)
        for k in range(2):
            total = c[k]
            for i in range(3):
                total += W[k, i] * x[i]
            out[k] = 1 / (1 + math.e ** (-total))
        loss = 0
        for k in range(2):
            loss += 0.5 * (aim[k] - out[k]) ** 2
        delta = np.zeros(2)
        for k in range(2):
            delta[k] = (out[k] - aim[k]) * out[k] * (1 - out[k])
        for k in range(2):
            for i in range(3):
                W[k, i] -= speed * delta[k] * x[i]
            c[k] -= speed * delta[k]
"""


def test_gradients_that_stand_only_in_updates_of_entries_are_found(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, FLOWERS)
    assert check.ok is True
    assert str(check).startswith("All right: 2 gradients")


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("out[k] * (1 - out[k])\n", "(1 - out[k])\n", "missing-derivative"),
    ],
)
def test_mistakes_of_such_programs_are_named(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    line = FLOWERS[: FLOWERS.index(right)].count("\n") + 1
    assert told(check_of_script(tmp_path, FLOWERS.replace(right, wrong))) == (line, kind)


TABLE = """
import numpy as np

rng = np.random.default_rng(1)
words, ids = rng.normal(size=(9, 4)), np.array([5, 1, 7, 1])
out = rng.normal(size=(4, 3))
y = rng.normal(size=(4, 3))
for epoch in range(2):
    e = words[ids]
    error = e @ out - y
    loss = 0.5 * np.sum(error**2)
    through = error @ out.T
    out -= 0.1 * e.T @ error
    np.subtract.at(words, ids, 0.1 * through)
"""


def test_rows_of_a_table_are_updated_at_their_indices(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, TABLE).ok is True
    wrong = TABLE.replace("np.subtract.at(words, ids, 0.1 * through)", "words[ids] -= 0.1 * through")
    assert told(check_of_script(tmp_path, wrong)) == (TABLE.count("\n"), "overwritten-accumulation")


def test_indices_are_compared_by_what_they_are() -> None:
    assert are_same((slice(None), 1), (slice(None), 1))
    assert not are_same((slice(None), 1), (slice(None), 2))
    assert not are_same(1, (1,))


TURNED = """
import numpy as np

rng = np.random.default_rng(5)
words, table, v = rng.integers(0, 6, 9), rng.normal(size=(3, 6)), rng.normal(size=3)
for turn in range(3):
    taken = table[:, words]
    error = v @ taken - 1
    loss = 0.5 * np.sum(error**2)
    d = np.outer(v, error)
    dv = taken @ error
    np.add.at(table.T, words[:4], -0.1 * d.T[:4])
    np.add.at(table.T, words[4:], -0.1 * d.T[4:])
    v -= 0.1 * dv
"""


def test_columns_are_updated_through_the_transpose(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TURNED)
    assert check.ok, str(check)
    assert len(check.finals) == 2
    wrong = TURNED.replace("d = np.outer(v, error)", "d = 2 * np.outer(v, error)")
    assert told(check_of_script(tmp_path, wrong))[0] == 10


WORDS = """
import numpy as np

draw = np.random.default_rng(2)
words, near = draw.integers(9, size=20), draw.integers(9, size=20)


class Table:
    def __init__(self):
        self.rows = 0.5 * draw.normal(size=(9, 4))

    def step(self, of_rows, which, lr):
        each, back = np.unique(which, return_inverse=True)
        summed = np.zeros((len(each), 4))
        np.add.at(summed, back, of_rows)
        np.add.at(self.rows, each, -lr * summed)


inner, outer = Table(), Table()
for turn in range(4):
    some = draw.permutation(20)[:10]
    left, right = inner.rows[words[some]], outer.rows[near[some]]
    chance = 1 / (1 + np.exp(-np.sum(left * right, axis=1, keepdims=True)))
    loss = -np.mean(np.log(chance))
    of_left, of_right = (chance - 1) * right / 10, (chance - 1) * left / 10
    inner.step(of_left, words[some], 0.4)
    outer.step(of_right, near[some], 0.4)
"""


def test_a_rate_with_a_minus_is_no_part_of_the_gradient(tmp_path: Path) -> None:
    """`-lr * g` is added: where all such steps are wrong, nothing else says what number they are times."""
    check = check_of_script(tmp_path, WORDS)
    assert check.ok, str(check)
    assert "ascent" not in str(check)
    right, wrong = "np.add.at(summed, back, of_rows)", "summed[back] += of_rows"
    check, line = edited_script(tmp_path, WORDS, right, wrong)
    assert told(check) == (line, "overwritten-accumulation"), str(check)
