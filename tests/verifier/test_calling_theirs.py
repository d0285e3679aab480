"""Functions of NumPy's that call a person's own: what these do is seen, and a mistake in them is told in its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, told
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.recording.calling_theirs import along_axis, by_pieces
from tinygrad_scratch.verifier.recording.recorded import Recorded
from tinygrad_scratch.verifier.recording.tape import Tape

ROWS = """
import numpy as np

rng = np.random.default_rng(1)
X, labels = rng.normal(size=(9, 4)), rng.integers(0, 3, 9)
W = rng.normal(size=(4, 3))

def chances(row):
    powers = np.exp(row - row.max())
    return powers / powers.sum()

def pulled(row, label):
    slope = row.copy()
    slope[label] -= 1
    return slope / 9

for turn in range(3):
    P = np.apply_along_axis(chances, 1, X @ W)
    loss = -np.mean(np.log(P[np.arange(9), labels]))
    both = np.column_stack([P, labels])
    D = np.apply_along_axis(lambda row: pulled(row[:3], int(row[3])), 1, both)
    W -= 0.3 * X.T @ D
"""
PIECES = """
import numpy as np

rng = np.random.default_rng(1)
X, y = rng.normal(size=(9, 4)), rng.normal(size=9)
w = rng.normal(size=4)

def bent(t):
    return np.exp(t) - 1

for turn in range(3):
    z = X @ w
    h = np.piecewise(z, [z < 0], [bent, lambda t: t])
    loss = np.mean((h - y) ** 2)
    slope = np.piecewise(z, [z < 0, z >= 0], [np.exp, 1])
    dw = 2 * X.T @ ((h - y) * slope) / 9
    w -= 0.3 * dw
"""


@pytest.mark.parametrize(
    ("text", "old", "new", "line"),
    [
        (ROWS, "return slope / 9", "return slope * slope / 9", 15),
        (PIECES, "[np.exp, 1]", "[lambda t: np.exp(t) - 1, 1]", 15),
    ],
)
def test_what_theirs_does_is_judged(tmp_path: Path, text: str, old: str, new: str, line: int) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert told(check_of_script(tmp_path, text.replace(old, new)))[0] == line


def spread(row: Any, by: float = 1.0) -> Any:
    return by * np.stack([row, row * row])


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("function", [np.sum, np.sort, spread])
def test_rows_along_any_axis_are_as_numpys(axis: int, function: Any) -> None:
    tape, x = Tape(), np.arange(24.0).reshape(2, 3, 4) % 7
    made = along_axis(tape)(function, axis, Recorded(tape, x, None))
    assert np.array_equal(made._value(), np.apply_along_axis(function, axis, x))


@pytest.mark.parametrize("count", [1, 2])
def test_pieces_are_as_numpys(count: int) -> None:
    functions: list[Any] = [lambda t: t - 9.5, -1, lambda t: t * t][: count + 1]
    tape = Tape()
    for x in (Recorded(tape, np.arange(8), None), np.arange(8)):
        conditions: Any = [x < 3, x > 5][:count]
        made = by_pieces(tape)(x, conditions if count > 1 else conditions[0], functions)
        assert np.array_equal(made, np.piecewise(np.arange(8), [np.asarray(c) for c in conditions], functions))


def test_after_the_block_they_are_numpys_own() -> None:
    w = np.array([0.5, -1.0])
    with verify(w=w) as check:
        h = np.apply_along_axis(np.tanh, 0, w)
        check.loss = h.sum()
        check.gradients = {"w": 1 - h**2}
    assert check.ok, str(check)
    assert type(np.apply_along_axis(np.tanh, 0, w)) is np.ndarray
