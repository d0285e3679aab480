"""Slices that cut out another part of an array than the one that is due, beside indices of whole numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, told
from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.suspects import suspects
from tinygrad_scratch.verifier.recording.events import Event

SAMPLED = """
import numpy as np


def between(wide, rows, cols):
    top = np.floor(rows).astype(np.int32)
    top = top.clip(0, wide.shape[1] - 2)
    left = np.floor(cols).astype(np.int32)
    left = left.clip(0, wide.shape[2] - 2)
    return top, left, rows - top, cols - left


def sampled(x, rows, cols):
    wide = np.pad(x, ((0, 0), (2, 1), (1, 3)))
    top, left, down, right = between(wide, rows, cols)
    upper = wide[:, top, left] * (1 - right) + wide[:, top, left + 1] * right
    return upper * (1 - down) + wide[:, top + 1, left] * down


def back(x, rows, cols, g):
    wide = np.pad(x, ((0, 0), (2, 1), (1, 3)))
    top, left, down, right = between(wide, rows, cols)
    place = np.add.at
    d_wide = np.zeros(wide.shape)
    for k in range(len(x)):
        place(d_wide[k], (top, left), g[k] * (1 - right) * (1 - down))
        place(d_wide[k], (top, left + 1), g[k] * right * (1 - down))
        place(d_wide[k], (top + 1, left), g[k] * down)
    d_x = d_wide[:, 2:-1, 1:-3]
    return d_x


def check(verify):
    rng = np.random.default_rng(4)
    x, t = rng.normal(size=(2, 5, 6)), rng.normal(size=(2, 11))
    rows, cols = rng.uniform(0, 6, 11), rng.uniform(0, 8, 11)
    with verify(x=x) as check:
        y = sampled(x, rows, cols)
        check.loss = np.sum((y - t) ** 2)
        check.gradients = {"x": back(x, rows, cols, 2 * (y - t))}
    return check
"""

PADDED = """
import numpy as np


def weighted(x, w):
    return np.sum(w * np.pad(x, 2) ** 2)


def back(x, w):
    d_wide = 2 * w * np.pad(x, 2)
    return d_wide[2:-2]


def check(verify):
    rng = np.random.default_rng(4)
    x, w = rng.normal(size=6), rng.normal(size=10)
    with verify(x=x) as check:
        check.loss = weighted(x, w)
        check.gradients = {"x": back(x, w)}
    return check
"""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("[:, :-3, :-4]", "cuts out another part"), ("[:, 1:-2, :-4]", "too early"), ("[:, 2:-1, 2:-2]", "too late")],
)
def test_a_window_is_told_with_the_one_that_is_the_gradient(tmp_path: Path, wrong: str, said: str) -> None:
    check, line = edited(tmp_path / "sampled.py", SAMPLED, "[:, 2:-1, 1:-3]", wrong)
    assert told(check) == (line, "off-by-one"), str(check)
    assert said in check.first_wrong.sentence
    assert check.first_wrong.should_be == "d_wide[:, 2:-1, 1:-3]"


@pytest.mark.parametrize(("wrong", "due"), [("[:-4]", "d_wide[2:-2]"), ("[0:6]", "d_wide[2:8]")])
def test_a_window_is_written_as_its_own_bounds_are(tmp_path: Path, wrong: str, due: str) -> None:
    check, line = edited(tmp_path / "padded.py", PADDED, "[2:-2]", wrong)
    assert told(check) == (line, "off-by-one"), str(check)
    assert check.first_wrong.should_be == due


def test_what_it_took_to_find_the_place_leaves_no_less_for_explanations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinygrad_scratch.verifier.verdicts.by_one_loss.MOST_AT_FIRST", 60)
    check, line = edited(tmp_path / "sampled.py", SAMPLED, "[:, 2:-1, 1:-3]", "[:, :-3, :-4]")
    assert told(check) == (line, "off-by-one"), str(check)


def test_what_entries_are_found_by_is_no_gradient(tmp_path: Path) -> None:
    check, _ = edited(tmp_path / "sampled.py", SAMPLED, "[:, 2:-1, 1:-3]", "[:, :-3, :-4]")
    case = check.case
    assert {event.short for event in case.events if event.node in case.indices} == {"top", "left"}
    assert "int" not in {str(case.tape.nodes[event.node].value.dtype)[:3] for event in suspected(case)}


def suspected(case: Case) -> list[Event]:
    return suspects(case, case.finals, {node.number: node.value for node in case.tape.nodes})
