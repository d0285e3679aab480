"""Losses that are logged of other weights than gradients are of: of a slow copy, or of those before a look ahead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

PLAIN = """
import numpy as np
rng = np.random.default_rng(9)
dive = np.column_stack([rng.normal(size=(40, 3)), np.ones(40)])
deep = dive @ np.array([1.0, -2.0, 0.5, 0.3]) + 0.2 * rng.normal(size=40)
small = 0.02


def cost(w):
    off = dive @ w - deep
    return np.mean(np.log(np.cosh(off))) + 0.5 * small * np.sum(w * w)


def slope(w):
    off = dive @ w - deep
    return dive.T @ np.tanh(off) / len(deep) + small * w


quick = rng.normal(size=4) * 0.1
START
for turn in range(1, 41):
    STEP
    if turn % 8 == 0:
        print(turn, cost(SHOWN))
"""
SLOW = """    if turn % 4 == 0:
        slow = slow + 0.5 * (quick - slow)
        quick = slow.copy()
"""
AHEAD = """point = quick + 0.8 * speed
    speed = 0.8 * speed - 0.1 * slope(point)
    quick = quick + speed
"""


def program(start: str, step: str, shown: str) -> str:
    return PLAIN.replace("START", start).replace("STEP\n", step).replace("SHOWN", shown)


COPIED = program("slow = quick.copy()", "quick = quick - 0.1 * slope(quick)\n" + SLOW, "slow")
LOOKING = program("speed = np.zeros(4)", AHEAD, "quick")
BOTH = program("slow, speed = quick.copy(), np.zeros(4)", AHEAD + SLOW, "slow")
TEXTS = pytest.mark.parametrize("text", [COPIED, LOOKING, BOTH], ids=["copied", "looking", "both"])


@TEXTS
def test_it_is_right(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert "cost() is taken" in str(check)


@TEXTS
@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("/ len(deep) + small * w", "/ len(deep)", "regularisation"),
        ("dive.T @ np.tanh(off) / len(deep)", "dive.T @ np.tanh(off)", "missing-batch-sum-or-mean"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, text: str, old: str, new: str, kind: str) -> None:
    check, line = edited_script(tmp_path, text, old, new)
    assert told(check) == (line, kind)
