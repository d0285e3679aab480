"""Loops that make the forward pass of a turn at the end of the one before it, and of the first turn before the loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import changed, check_of_script, edited_script, told

RAIN = """
import numpy as np
rng = np.random.default_rng(11)
low, high = rng.normal(size=(2, 20)) - 1, rng.normal(size=(2, 20)) + 1
clouds = np.concatenate([np.concatenate([[low[0], low[1]], [high[0], high[1]]], axis=0).T, np.ones((20, 1))], axis=1)
wet = (rng.random(20) < 0.5).astype(float)
pull = rng.normal(size=5)


def chance_of(clouds, pull):
    return 1 / (1 + np.exp(-clouds.dot(pull)))


def cost_of(wet, chance):
    return -np.sum(wet * np.log(chance) + (1 - wet) * np.log(1 - chance))


chance = chance_of(clouds, pull)
costs = []
for day in range(30):
    cost = cost_of(wet, chance)
    costs.append(cost)
    # ridge regularisation keeps the pull small
    pull += 0.01 * (clouds.T.dot(wet - chance) - 0.2 * pull)
    chance = chance_of(clouds, pull)
"""
LAYERS = """
import numpy as np
rng = np.random.default_rng(3)
soil = rng.normal(size=(30, 3))
grows = (soil[:, 0] - soil[:, 1] > 0.2).astype(float)
roots, base = rng.normal(size=(3, 4)), np.zeros(4)
stem, lift = rng.normal(size=4), 0.0


def grown(soil, roots, base, stem, lift):
    leaves = np.tanh(soil @ roots + base)
    return 1 / (1 + np.exp(-(leaves @ stem + lift))), leaves


green, leaves = grown(soil, roots, base, stem, lift)
for week in range(20):
    loss = -np.sum(grows * np.log(green) + (1 - grows) * np.log(1 - green))
    miss = green - grows
    dstem = leaves.T @ miss
    dlift = miss.sum()
    back = np.outer(miss, stem) * (1 - leaves * leaves)
    droots = soil.T @ back
    dbase = back.sum(axis=0)
    stem -= 0.01 * dstem
    lift -= 0.01 * dlift
    roots -= 0.01 * droots
    base -= 0.01 * dbase
    green, leaves = grown(soil, roots, base, stem, lift)
"""
LATE = """
import numpy as np
rng = np.random.default_rng(5)
seen, told = rng.normal(size=(24, 3)), rng.normal(size=24)
lean, level = rng.normal(size=3), 0.0
guess = seen @ lean + level
for turn in range(30):
    lean = lean - 0.1 * (2 * seen.T @ (guess - told) / 24)
    level = level - 0.1 * (2 * np.mean(guess - told))
    guess = seen @ lean + level
    mse = np.mean((guess - told) ** 2)
"""
TRUSTED = """
import numpy as np
rng = np.random.default_rng(7)
seen, gain = rng.normal(size=(20, 3)), rng.normal(size=20)
turned = (rng.random(20) < 0.5).astype(float)
lean = rng.normal(size=3) * 0.3


def odds(lean):
    right = 1 / (1 + np.exp(-seen @ lean))
    return turned * right + (1 - turned) * (1 - right), right


for round in range(4):
    before, _ = odds(lean)
    for step in range(3):
        now, right = odds(lean)
        loss = -np.mean(now / before * gain)
        slope = -gain / before * (2 * turned - 1) * right * (1 - right) / 20
        lean -= 0.1 * (seen.T @ slope)
"""


DESCENT = """
import numpy as np
rng = np.random.default_rng(5)
tides = rng.normal(size=(30, 6))
floods = (tides @ rng.normal(size=(6, 1)) > 0).astype(float)


def unrolled(theta):
    return theta[:24].reshape(6, 4), theta[24:28], theta[28:32].reshape(4, 1), theta[32:]


def cost_and_gradient(theta):
    W1, b1, W2, b2 = unrolled(theta)
    hidden = np.tanh(tides @ W1 + b1)
    chance = 1 / (1 + np.exp(-(hidden @ W2 + b2)))
    cost = -np.mean(floods * np.log(chance) + (1 - floods) * np.log(1 - chance))
    d2 = (chance - floods) / len(tides)
    d1 = d2 @ W2.T * (1 - hidden**2)
    return cost, np.concatenate([(tides.T @ d1).ravel(), d1.sum(0), (hidden.T @ d2).ravel(), d2.sum(0)])


def minimise(function, theta, steps):
    rate = 0.5
    cost, gradient = function(theta)
    for _ in range(steps):
        trial = theta - rate * gradient
        trial_cost, trial_gradient = function(trial)
        if trial_cost < cost:
            theta, cost, gradient = trial, trial_cost, trial_gradient
            rate *= 1.2
        else:
            rate *= 0.5
    return theta


start = np.concatenate([rng.normal(size=24) * 0.3, np.zeros(4), rng.normal(size=4) * 0.3, np.zeros(1)])
minimise(cost_and_gradient, start, 20)
"""


def test_a_penalty_that_a_comment_names_is_meant(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, RAIN)
    assert check.ok, str(check)
    assert "with a decay of 0.2" in check.convention
    assert "uphill" not in str(check)


def test_a_penalty_that_nothing_names_is_told(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, changed(RAIN, "    # ridge regularisation keeps the pull small\n", ""))
    assert told(check) == (line_of_update(RAIN) - 1, "regularisation")


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [("(wet - chance)", "(chance - wet)", "sign"), ("(wet - chance)", "((wet - chance) * chance)", "scale-factor")],
)
def test_a_mistake_in_such_a_turn_is_told(tmp_path: Path, old: str, new: str, kind: str) -> None:
    check = check_of_script(tmp_path, changed(RAIN, old, new))
    assert told(check) == (line_of_update(RAIN), kind)


@pytest.mark.parametrize("text", [LAYERS, LATE, TRUSTED], ids=["layers", "late", "trusted"])
def test_it_is_right(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)


def test_all_parameters_are_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LAYERS)
    assert {final.parameter.name for final in check.finals} == {"roots", "base", "stem", "lift"}


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("np.outer(miss, stem) * (1 - leaves * leaves)", "np.outer(miss, stem)", "missing-derivative"),
        ("dbase = back.sum(axis=0)", "dbase = back.mean(axis=0)", "missing-batch-sum-or-mean"),
        ("lift -= 0.01 * dlift", "lift += 0.01 * dlift", "sign"),
    ],
)
def test_a_mistake_in_several_layers_is_told(tmp_path: Path, old: str, new: str, kind: str) -> None:
    check, line = edited_script(tmp_path, LAYERS, old, new)
    assert told(check) == (line, kind)


def test_a_flat_vector_that_a_minimiser_tries_steps_of_is_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, DESCENT)
    assert check.ok, str(check)
    assert "One turn of the loop at line" in str(check)
    assert {step.of for step in check.steps if step.name == "gradient"} == {"theta"}, str(check)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("(1 - hidden**2)", "(1 - hidden)", "derivative-at-wrong-point"),
        ("d1.sum(0)", "d1.mean(0)", "missing-batch-sum-or-mean"),
    ],
)
def test_a_mistake_in_what_a_minimiser_is_given_is_told(tmp_path: Path, old: str, new: str, kind: str) -> None:
    check, line = edited_script(tmp_path, DESCENT, old, new)
    assert told(check) == (line, kind), str(check)


def line_of_update(text: str) -> int:
    return text[: text.index("pull += ")].count("\n") + 1
