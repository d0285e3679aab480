"""Entries written one by one that lack a slope: the text that is told reads the same entry of what is multiplied in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited_script, told

SCRIPT = """
import numpy as np

rng = np.random.RandomState(5)
inner = rng.uniform(-1, 1, (4, 4))
outer = rng.uniform(-1, 1, (5, 2))
patterns = rng.uniform(0, 1, (3, 3))
targets = rng.uniform(0.1, 0.9, (3, 2))
hid = np.zeros(4)
out = np.zeros(2)
d_out = np.zeros(2)
d_hid = np.zeros(4)

for cycle in range(3):
    error = 0.0
    for p in range(3):
        for j in range(4):
            s = inner[3, j]
            for i in range(3):
                s += patterns[p, i] * inner[i, j]
            hid[j] = 1.0 / (1.0 + np.exp(-s))
        for k in range(2):
            s = outer[4, k]
            for j in range(4):
                s += hid[j] * outer[j, k]
            out[k] = 1.0 / (1.0 + np.exp(-s))
        for k in range(2):
            diff = targets[p, k] - out[k]
            error += 0.5 * diff * diff
            d_out[k] = diff * out[k] * (1.0 - out[k])
        for j in range(4):
            s = 0.0
            for k in range(2):
                s += d_out[k] * outer[j, k]
            d_hid[j] = s * hid[j] * (1.0 - hid[j])
        for k in range(2):
            for j in range(4):
                outer[j, k] += 0.5 * d_out[k] * hid[j]
            outer[4, k] += 0.5 * d_out[k]
        for j in range(4):
            for i in range(3):
                inner[i, j] += 0.5 * d_hid[j] * patterns[p, i]
            inner[3, j] += 0.5 * d_hid[j]
"""

RIGHT = "diff * out[k] * (1.0 - out[k])"
SLOPE = "out[k] * (1 - out[k])"


@pytest.mark.parametrize("written", ["diff", "(targets[p, k] - out[k])"])
def test_the_slope_that_is_told_reads_the_entry_that_is_written(tmp_path: Path, written: str) -> None:
    check, line = edited_script(tmp_path, SCRIPT, RIGHT, written)
    assert told(check) == (line, "missing-derivative")
    assert check.first_wrong.should_be == f"{written} * {SLOPE}", str(check)
    assert "not of outer" in check.first_wrong.sentence
