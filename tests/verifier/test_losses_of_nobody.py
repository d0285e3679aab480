"""Programs that descend on a loss which they never compute, or on none that is known: what is right is not accused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.verifier.files import check_of_script, edited_script, told
from tinygrad_scratch.verifier.script import checks_of

ECHO = """
import numpy as np
rng = np.random.default_rng(4)
spoken = rng.normal(size=90)
heard = np.convolve(spoken, [0.7, 0.2, -0.4, 0.1])[:90]
taps = START
for now in range(4, 90):
    window = spoken[now - 3 : now + 1]
    left = heard[now] - window @ taps
    taps += 0.05 * left * window
"""
ZEROS, HALVES = "np.zeros(4)", "np.zeros(4) + 0.5"
WINDY = """
import numpy as np
rng = np.random.default_rng(1)
liking = rng.normal(size=4) * 0.2
usual = 0.5
for day in range(30):
    chance = np.exp(liking) / np.exp(liking).sum()
    pick = rng.choice(4, p=chance)
    gain = rng.normal() - 3.0
    taken = np.zeros(4)
    taken[pick] = 1.0
    liking += 0.1 * (gain - usual) * (taken - chance)
"""
TASTING = """
import numpy as np
rng = np.random.default_rng(SEED)
worth = rng.normal(size=5)
liking, usual = np.zeros(5), 0.0
pace = 0.2
for day in range(1, 60):
    chance = np.exp(liking) / np.exp(liking).sum()
    pick = rng.choice(5, p=chance)
    gain = GAIN
    taken = np.zeros(5)
    taken[pick] = 1.0
    liking += pace * (gain - usual) * (taken - chance)
    usual += (gain - usual) / day
"""
SORTING = """
import numpy as np
rng = np.random.default_rng(2)
birds = rng.normal(size=(20, 3))
kinds = np.zeros(20)
models = rng.normal(size=(2, 3))
names = np.array([1, 1])
for bird, kind in zip(birds, kinds):
    near = np.argmin(((models - bird) ** 2).sum(axis=1))
    if names[near] == kind:
        models[near] += 0.1 * (bird - models[near])
    else:
        models[near] -= 0.1 * (bird - models[near])
"""
DREAMS = """
import numpy as np
rng = np.random.default_rng(0)
seen = (rng.random((9, 4)) < 0.4).astype(float)
links, lean, tilt = 0.1 * rng.normal(size=(4, 3)), np.zeros(4), np.zeros(3)
for night in range(2):
    awake = 1 / (1 + np.exp(-(seen @ links + tilt)))
    on = (rng.random(awake.shape) < awake).astype(float)
    dreamt = 1 / (1 + np.exp(-(on @ links.T + lean)))
    asleep = 1 / (1 + np.exp(-(dreamt @ links + tilt)))
    links += 0.1 * (seen.T @ awake - dreamt.T @ asleep) / len(seen)
    lean += 0.1 * (seen - dreamt).mean(0)
    tilt += 0.1 * (awake - asleep).mean(0)
"""


def check_of(folder: Path, text: str) -> Any:
    file = folder / "train.py"
    file.write_text(text)
    return checks_of(str(file))[0]


@pytest.mark.parametrize("start", [ZEROS, HALVES])
def test_a_filter_that_follows_one_sample_after_the_other_is_right(tmp_path: Path, start: str) -> None:
    check = check_of(tmp_path, ECHO.replace("START", start))
    assert check.ok, str(check)
    assert "half squared error of the output and heard[...]" in " ".join(check.notes)


def test_a_filter_by_the_size_of_its_input_is_right(tmp_path: Path) -> None:
    text = ECHO.replace("START", ZEROS).replace("* window\n", "* window / (1e-6 + window @ window)\n")
    check = check_of(tmp_path, text)
    assert check.ok, str(check)


@pytest.mark.parametrize("start", [ZEROS, HALVES])
def test_a_filter_that_goes_uphill_is_told(tmp_path: Path, start: str) -> None:
    check = check_of(tmp_path, ECHO.replace("START", start).replace("taps +=", "taps -="))
    assert check.first_wrong is not None, str(check)
    assert (check.first_wrong.line, check.first_wrong.kind) == (10, "sign")


@pytest.mark.parametrize(("text", "said"), [(WINDY, "as a reward is"), (SORTING, "in another branch")])
def test_a_step_that_goes_the_other_way_for_other_data_is_not_accused(tmp_path: Path, text: str, said: str) -> None:
    check = check_of(tmp_path, text)
    assert check.first_wrong is None, str(check)
    assert said in str(check.problem)


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        (WINDY, "liking += 0.1 * (gain - usual)", "liking -= 0.1"),
        (SORTING, "models[near] += 0.1 * (bird - models[near])", "pass"),
    ],
)
def test_the_same_step_for_all_data_is_told_to_go_uphill(tmp_path: Path, text: str, right: str, wrong: str) -> None:
    assert right in text
    check = check_of(tmp_path, text.replace(right, wrong))
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.kind == "sign"


@pytest.mark.parametrize("seed", [1, 6, 7])
@pytest.mark.parametrize("gain", ["rng.normal(worth[pick])", "worth[pick] + rng.normal()"])
def test_a_step_by_what_is_better_than_usual_is_not_accused(tmp_path: Path, gain: str, seed: int) -> None:
    check = check_of(tmp_path, TASTING.replace("SEED", str(seed)).replace("GAIN", gain))
    assert check.first_wrong is None, str(check)


def test_a_step_away_from_what_is_better_than_usual_is_told(tmp_path: Path) -> None:
    text = TASTING.replace("SEED", "1").replace("GAIN", "worth[pick] + rng.normal()")
    check = check_of(tmp_path, text.replace("liking += pace", "liking -= pace"))
    assert check.first_wrong is not None, str(check)
    assert (check.first_wrong.line, check.first_wrong.kind) == (13, "sign")


def test_steps_of_no_known_loss_are_not_accused_by_the_one_that_fits_by_chance(tmp_path: Path) -> None:
    check = check_of(tmp_path, DREAMS)
    assert check.first_wrong is None, str(check)
    assert "No loss was found that these are the gradients of" in str(check.problem)


CASTS = """
import numpy as np
rng = np.random.default_rng(6)
seen = rng.normal(size=(24, 5))
kinds = np.eye(3)[np.argmax(seen[:, :3] + 0.2 * rng.normal(size=(24, 3)), axis=1)]
held = {"U": rng.normal(size=(4, 5)), "a": np.zeros((4, 1)), "V": rng.normal(size=(3, 4)), "c": np.zeros((3, 1))}


def steps_of(x, y):
    count = len(x)
    inner = np.tanh(held["U"] @ x.T + held["a"])
    out = np.exp(held["V"] @ inner + held["c"])
    chances = out / np.sum(out, axis=0)
    off = chances - y.T
    back = (held["V"].T @ off) * (1 - inner**2)
    of_u = back @ x / count
    of_a = np.sum(back, axis=1, keepdims=True) / count
    of_v = off @ inner.T / count
    of_c = np.sum(off, axis=1, keepdims=True) / count
    return {"U": of_u, "a": of_a, "V": of_v, "c": of_c}


for turn in range(4):
    few = rng.permutation(24)[:8]
    steps = steps_of(seen[few], kinds[few])
    for name in held:
        held[name] = held[name] - 0.3 * steps[name]
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("np.sum(back, axis=1, keepdims=True)", "np.sum(back, keepdims=True)", "broadcasting-shape"),
        (" * (1 - inner**2)", "", "missing-derivative"),
    ],
)
def test_targets_that_are_turned_where_they_are_met(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    """`y.T` has no name of its own: no loss was found by which one gradient is wrong."""
    assert check_of_script(tmp_path, CASTS).ok
    check, line = edited_script(tmp_path, CASTS, right, wrong)
    assert told(check) == (line, kind), str(check)
