"""Parameters that a turn moves before its forward pass: ahead by their velocities, in place or not, or by a decay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

WELL = """
import numpy as np

rng = np.random.default_rng(5)
depth, level = rng.normal(size=(20, 4)), rng.normal(size=(20, 1))
W1, b1 = rng.normal(size=(4, 5)) * 0.5, np.zeros(5)
W2, b2 = rng.normal(size=(5, 1)) * 0.5, np.zeros(1)
vW1, vb1, vW2, vb2 = np.zeros((4, 5)), np.zeros(5), np.zeros((5, 1)), np.zeros(1)
for it in range(30):
    W1 += 0.9 * vW1; b1 += 0.9 * vb1
    W2 += 0.9 * vW2; b2 += 0.9 * vb2
    h = np.tanh(depth @ W1 + b1)
    out = h @ W2 + b2
    loss = np.mean((out - level) ** 2)
    d = 2 * (out - level) / len(depth)
    gW2 = h.T @ d; gb2 = d.sum(0)
    dh = (d @ W2.T) * (1 - h ** 2)
    gW1 = depth.T @ dh; gb1 = dh.sum(0)
    W1 -= 0.1 * gW1; b1 -= 0.1 * gb1
    W2 -= 0.1 * gW2; b2 -= 0.1 * gb2
    vW1 *= 0.9; vW1 -= 0.1 * gW1
    vb1 *= 0.9; vb1 -= 0.1 * gb1
    vW2 *= 0.9; vW2 -= 0.1 * gW2
    vb2 *= 0.9; vb2 -= 0.1 * gb2
print(loss)
"""

AHEAD = """    W1 += 0.9 * vW1; b1 += 0.9 * vb1
    W2 += 0.9 * vW2; b2 += 0.9 * vb2
"""

WRITTEN = {
    "in place": AHEAD,
    "by new arrays": """    W1 = W1 + 0.9 * vW1; b1 = b1 + 0.9 * vb1
    W2 = W2 + 0.9 * vW2; b2 = b2 + 0.9 * vb2
""",
    "in a loop over both": """    for w, v in zip([W1, b1, W2, b2], [vW1, vb1, vW2, vb2]):
        w += 0.9 * v
""",
    "by a decay": """    W1 *= 0.99
    W2 *= 0.99
""",
}


@pytest.mark.parametrize("moved", WRITTEN.values(), ids=WRITTEN.keys())
def test_all_gradients_are_judged_as_those_of_what_was_moved(moved: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, WELL.replace(AHEAD, moved))
    assert check.ok, str(check)
    assert {step.of for step in check.steps} >= {"W1", "b1", "W2", "b2"}


@pytest.mark.parametrize("moved", WRITTEN.values(), ids=WRITTEN.keys())
def test_a_mistake_is_told(moved: str, tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, WELL.replace(AHEAD, moved), " * (1 - h ** 2)", "")
    assert told(check) == (line, "missing-derivative"), str(check)
