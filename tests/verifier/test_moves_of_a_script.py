"""A script that makes one step, and moves all it has in a loop: all of it is judged, and not the loop's first turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script
from tinygrad_scratch.verifier.reading.loops import moves_only

ONCE = """
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
W1, b1, W2, b2 = rng.normal(size=(3, 5)), np.zeros(5), rng.normal(size=(5, 2)), np.zeros(2)
h = np.maximum(x @ W1 + b1, 0)
p = h @ W2 + b2
loss = np.mean((p - y) ** 2)
print(loss)
dp = 2 * (p - y) / p.size
dW2 = h.T @ dp
db2 = dp.sum(axis=0)
dh = dp @ W2.T
dh[h <= 0] = 0
dW1 = x.T @ dh
db1 = dh.sum(axis=0)
rate = 0.1
{moves}
"""
PAIRS = """for param, slope in [(W2, dW2), (b2, db2), (W1, dW1), (b1, db1)]:
    param -= rate * slope"""
BY_KEY = """held, slopes = {"W2": W2, "b2": b2, "W1": W1, "b1": b1}, {"W2": dW2, "b2": db2, "W1": dW1, "b1": db1}
for k in held:
    held[k] = held[k] - rate * slopes[k]"""


@pytest.mark.parametrize("moves", [PAIRS, BY_KEY])
def test_a_mistake_behind_a_later_turn_is_told(tmp_path: Path, moves: str) -> None:
    script = ONCE.format(moves=moves)
    check = check_of_script(tmp_path, script)
    assert check.ok is True, str(check)
    assert len(check.finals) == 4, str(check)
    check, line = edited_script(tmp_path, script, "dh[h <= 0] = 0", "dh[dh <= 0] = 0")
    assert check.first_wrong.line in (line, line - 1), str(check)


TURNS = """
w, seen = 0.5, [0.0] * 9
for i in range(9):
    e = w * 2.0 - 1.0
    seen[i] = e * e
    w = w - 0.1 * 2.0 * e
for v, g in [(w, 1.0)]:
    step = 0.1 * g
    v -= step
"""


def test_a_loop_that_carries_something_from_turn_to_turn_does_not_move_only(tmp_path: Path) -> None:
    file = tmp_path / "turns.py"
    file.write_text(TURNS, encoding="utf-8")
    assert [line for line in (3, 7) if moves_only(str(file), line)] == [7]
