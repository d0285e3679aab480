"""An index that is one too few in all arrays that a line reads there."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

STEPPED = """
import numpy as np

rng = np.random.default_rng(8)
A, b = rng.normal(size=(3, 3)) * 0.4, rng.normal(size=3) * 0.3
start = rng.normal(size=(4, 3))
aims = [rng.normal(size=(4, 3)) for _ in range(6)]
for epoch in range(7):
    path = [start]
    for k in range(5):
        path.append(path[k] + 0.3 * np.tanh(path[k] @ A + b))
    loss = sum(np.sum((path[k] - aims[k]) ** 2) for k in range(1, 6))
    dA, db, back = np.zeros_like(A), np.zeros_like(b), np.zeros_like(start)
    for k in reversed(range(5)):
        back = back + 2 * (path[k + 1] - aims[k + 1])
        slope = 0.3 * back * (1 - np.tanh(path[k] @ A + b) ** 2)
        dA += path[k].T @ slope
        db += slope.sum(axis=0)
        back = back + slope @ A.T
    A -= 0.01 * dA
    b -= 0.01 * db
    print(loss)
"""


def test_an_index_that_is_wrong_in_both_arrays_is_told(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, STEPPED).ok
    check, line = edited_script(tmp_path, STEPPED, "path[k + 1] - aims[k + 1]", "path[k] - aims[k]")
    assert told(check) == (line, "off-by-one"), str(check)
