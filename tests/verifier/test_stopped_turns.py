"""A script that is stopped in the middle of a turn: what was seen of it may be right, and is not all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script
from tinygrad_scratch import verify

SLOW = """import numpy as np

rng = np.random.default_rng(3)
x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
w, v = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

for turn in range(2):
    h = np.tanh(x @ w)
    loss = np.mean((h @ v - y) ** 2)
    d = 2 * (h @ v - y) / y.size
    below = d @ v.T * (1 - h**2)
    v -= 0.1 * (h.T @ d)
    while True:
        below = below * 1.0
    w -= 0.1 * (x.T @ below)
"""


def test_it_is_not_said_to_be_all_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "seconds", 0.5)
    monkeypatch.setattr("tinygrad_scratch.verifier.script.checks_of.__defaults__", (None, 0.5))
    check = check_of_script(tmp_path, SLOW)
    assert not check.ok
    assert check.first_wrong is None, str(check)
    assert "All right" not in str(check)
    assert "took too long" in str(check), str(check)
