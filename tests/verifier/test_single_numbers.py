"""Programs of plain numbers: one weight, one input, one target, and no array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tinygrad_scratch.verifier.script import checks_of

NEURON = """
import math

def bend(v, slope=False):
    if slope:
        return v * (1 - v)
    return 1 / (1 + math.exp(-v))

DOSE = 0.3

def train(percent, turns):
    strength = 1.7
    for _ in range(turns):
        answer = bend(DOSE * strength)
        miss = (percent / 100) - answer
        nudge = miss * bend(answer, True)
        strength += DOSE * nudge
    return answer

train(20, 3)
"""


def check_of(tmp_path: Path, text: str, old: str = "", new: str = "") -> Any:
    assert not old or text.count(old) == 1
    path = tmp_path / "train.py"
    path.write_text(text.replace(old, new) if old else text)
    return checks_of(str(path))[0]


def test_the_input_in_an_update_is_no_rate(tmp_path: Path) -> None:
    check = check_of(tmp_path, NEURON)
    assert check.ok, str(check)
    assert check.convention == "in the direction of ascent"
    assert check.entry.loss_name == "half squared error of answer and 0.2"


def test_a_rate_beside_the_input_is_one(tmp_path: Path) -> None:
    check = check_of(tmp_path, NEURON, "strength += DOSE * nudge", "strength += 0.5 * (DOSE * nudge)")
    assert check.ok, str(check)
    assert check.convention == "in the direction of ascent"


@pytest.mark.parametrize(
    ("old", "new", "kind", "line"),
    [
        ("strength += DOSE", "strength -= DOSE", "sign", 17),
        ("(percent / 100) - answer", "answer - (percent / 100)", "sign", 17),
    ],
)
def test_a_step_the_wrong_way_is_told(tmp_path: Path, old: str, new: str, kind: str, line: int) -> None:
    check = check_of(tmp_path, NEURON, old, new)
    assert check.first_wrong is not None, check.problem
    assert (check.first_wrong.kind, check.first_wrong.line) == (kind, line), str(check)


def test_a_slope_that_stands_twice_is_told_by_an_assumed_loss(tmp_path: Path) -> None:
    check = check_of(tmp_path, NEURON, "miss * bend(answer, True)", "miss * bend(answer, True) * bend(answer, True)")
    assert check.first_wrong is not None, check.problem
    assert (check.first_wrong.line, check.first_wrong.certainty) == (16, "fits"), str(check)
    assert "half squared error of answer and 0.2 is assumed" in " ".join(check.notes)


@pytest.mark.parametrize("slope", ["miss * miss", "(2 - answer)", "abs(miss)", "answer"])
def test_a_loss_of_their_own_is_left_alone(tmp_path: Path, slope: str) -> None:
    check = check_of(tmp_path, NEURON, "miss * bend(answer, True)", f"miss * bend(answer, True) * {slope}")
    assert check.first_wrong is None, str(check)
