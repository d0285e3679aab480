"""Choices without a slope, such as signs, on the way to the loss: what goes on in their place is no mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

SWITCHES = """
import numpy as np
draw = np.random.default_rng(3)
seen, wanted = draw.normal(size=(11, 4)), draw.normal(size=(11, 2))
look, act = draw.normal(size=(4, 5)), draw.normal(size=(5, 2))
for turn in range(3):
    pull = seen @ look
    switch = np.sign(pull)
    error = switch @ act - wanted
    loss = np.sum(error**2)
    d_act = switch.T @ (2 * error)
    d_switch = 2 * error @ act.T
    d_pull = d_switch
    d_look = seen.T @ d_pull
    look -= 0.01 * d_look
    act -= 0.01 * d_act
"""
BOUNDED = SWITCHES.replace("d_pull = d_switch", "d_pull = d_switch * (abs(pull) < 1)")
OPEN = SWITCHES.replace("np.sign(pull)", "(pull > 0).astype(float)")
SMOOTH = OPEN.replace("d_pull = d_switch", "d_pull = d_switch / (1 + np.abs(pull)) ** 2")
STEPS = SWITCHES.replace("np.sign(pull)", "np.clip(np.round(pull / 0.3), -5, 5) * 0.3")
ONE_OF = SWITCHES.replace("np.sign(pull)", "np.eye(5)[pull.argmax(axis=1)]")
SHELVES = """
import numpy as np
draw = np.random.default_rng(5)
seen = draw.normal(size=(12, 4))
pack, unpack, shelf = draw.normal(size=(4, 2)), draw.normal(size=(2, 4)), draw.normal(size=(5, 2))
for turn in range(3):
    parcel = seen @ pack
    place = ((parcel[:, None] - shelf) ** 2).sum(axis=2).argmin(axis=1)
    stored = shelf[place]
    error = stored @ unpack - seen
    far = stored - parcel
    loss = np.sum(error**2) + 1.3 * np.sum(far**2)
    d_unpack = stored.T @ (2 * error)
    d_stored = 2 * error @ unpack.T
    d_pack = seen.T @ (d_stored - 0.6 * far)
    d_shelf = np.zeros_like(shelf)
    np.add.at(d_shelf, place, 2 * far)
    pack -= 0.01 * d_pack
    unpack -= 0.01 * d_unpack
    shelf -= 0.01 * d_shelf
"""
MOVED_ON = SHELVES.replace("- 0.6 * far", "- 2.6 * far").replace(
    "shelf -= 0.01 * d_shelf", "shelf = 0.9 * shelf + 0.1 * parcel[:5]"
)


@pytest.mark.parametrize("text", [SWITCHES, BOUNDED, OPEN, SMOOTH, STEPS, ONE_OF, MOVED_ON])
def test_a_gradient_that_goes_on_past_a_choice_is_right(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert check.convention.startswith("straight through")
    assert len(check.finals) == 2


@pytest.mark.parametrize("text", [SWITCHES, BOUNDED, SMOOTH, STEPS])
def test_a_mistake_beside_a_choice_is_told(tmp_path: Path, text: str) -> None:
    wrong = text.replace("switch.T @ (2 * error)", "pull.T @ (2 * error)")
    check = check_of_script(tmp_path, wrong)
    assert told(check) == (11, "wrong-operand"), str(check)
    assert not check.causes[1:]


def test_what_depends_on_how_it_goes_on_is_not_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SHELVES)
    assert check.first_wrong is None
    assert check.problem is not None
    assert check.problem.endswith("So pack and shelf can't be judged.")
    wrong = SHELVES.replace("stored.T @ (2 * error)", "parcel.T @ (2 * error)")
    check = check_of_script(tmp_path, wrong)
    assert told(check) == (13, "wrong-operand"), str(check)
    assert not check.causes[1:]


def test_the_largest_of_a_row_has_a_gradient(tmp_path: Path) -> None:
    largest = SWITCHES.replace("np.sign(pull)", "pull[np.arange(11), pull.argmax(axis=1)][:, None]")
    largest = largest.replace("size=(5, 2)", "size=(1, 2)")
    check = check_of_script(tmp_path, largest.replace("d_pull = d_switch", "d_pull = d_switch * (pull == switch)"))
    assert check.ok
    assert not check.convention


POOLED = """
import numpy as np
draw = np.random.default_rng(8)
seen, wanted = draw.normal(size=(7, 3, 4)), draw.normal(size=(7, 2))
look, act = draw.normal(size=(4, 5)), draw.normal(size=(5, 2))


def pooled(given):
    known = ~np.any(np.isnan(given), axis=2)
    total = np.sum(np.nan_to_num(given), axis=1)
    total /= np.sum(known, axis=1, keepdims=True)
    return total


for turn in range(3):
    hidden = np.stack([np.tanh(seen[:, t] @ look) for t in range(3)], axis=1)
    mean = pooled(hidden)
    error = mean @ act - wanted
    loss = np.sum(error**2)
    d_act = mean.T @ (2 * error)
    d_mean = 2 * error @ act.T
    d_look = np.zeros_like(look)
    for t in range(3):
        d_look += seen[:, t].T @ (d_mean / 3 * (1 - hidden[:, t] ** 2))
    look -= 0.01 * d_look
    act -= 0.01 * d_act
"""


def test_what_is_known_of_a_row_is_no_choice_that_a_gradient_goes_past(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, POOLED).ok
    check, line = edited_script(tmp_path, POOLED, "(1 - hidden[:, t] ** 2)", "(1 + hidden[:, t] ** 2)")
    assert told(check)[0] == line, str(check)
