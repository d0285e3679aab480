"""Weights that are plain numbers, updated by a rate that is written out: each is judged, whoever keeps it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import check_of_script, module_of
from tinygrad_scratch import verify

BEGIN = """
import numpy as np

draw = np.random.default_rng(31)
days = draw.normal(size=(8, 2))
rain = (days[:, 0] > days[:, 1]).astype(float)
"""

UPDATES = """
        slope = 2 * (wet - truth) * wet * (1 - wet)
        WIND -= 0.3 * slope * day[0]
        HEAT -= 0.3 * slope * day[1]
        REST -= 0.3 * slope
"""

TURN = """
        wet = 1 / (1 + np.exp(-(WIND * day[0] + HEAT * day[1] + REST)))
        loss = (wet - truth) ** 2
"""

LOOP = """
for _ in range(2):
    for day, truth in zip(days, rain):
"""

VARIABLES = BEGIN + "WIND, HEAT, REST = draw.normal(size=3)\n" + LOOP + TURN + UPDATES
IN_A_DICT = VARIABLES.replace("WIND, HEAT, REST =", "wind, heat, rest =").replace(
    LOOP, "\nnet = {'wind': wind, 'heat': heat, 'rest': rest}\n" + LOOP
)
RETURNED = f"""
{BEGIN}
wind, heat, rest = draw.normal(size=3)

def step(wind, heat, rest, day, truth):
        {TURN}
        slope = 2 * (wet - truth) * wet * (1 - wet)
        return wind - 0.3 * slope * day[0], heat - 0.3 * slope * day[1], rest - 0.3 * slope

{LOOP}
        wind, heat, rest = step(wind, heat, rest, day, truth)
"""
OF_AN_OBJECT = f"""
{BEGIN}
class Neuron:
    def __init__(self):
        self.wind, self.heat, self.rest = draw.normal(size=3)

    def step(self, day, truth):
        {TURN}
        {UPDATES}

neuron = Neuron()
{LOOP}
        neuron.step(day, truth)
"""


def named(text: str, pattern: str) -> str:
    for name in ("WIND", "HEAT", "REST"):
        text = text.replace(name, pattern.format(name.lower()))
    return text


SCRIPTS = {
    "variables": named(VARIABLES, "{}"),
    "dict": named(IN_A_DICT, "net['{}']"),
    "returned": named(RETURNED, "{}"),
    "object": named(OF_AN_OBJECT, "self.{}"),
}


@pytest.mark.parametrize("kept", SCRIPTS)
def test_each_number_is_judged(tmp_path: Path, kept: str) -> None:
    text = SCRIPTS[kept]
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert {words_of(step.of) for step in check.steps} >= {"wind", "heat", "rest"}
    assert "convention" not in str(check)

    right = "0.3 * slope * day[0]"
    assert text.count(right) == 1
    check = check_of_script(tmp_path, text.replace(right, "0.3 * slope * day[1]"))
    assert words_of(check.first_wrong.of) == "wind"
    assert check.first_wrong.line == text[: text.index(right)].count("\n") + 1
    assert " ".join(str(check).split()).count("meant as the gradient of") == 1  # the rate of the others is no mistake


def words_of(name: str) -> str:
    return name.removeprefix("net['").removesuffix("']")


ROUND = """
import numpy as np

def train(days, rain):
    wind, heat = 0.4, -0.2
    for day, truth in zip(days, rain):
        wet = wind * day[0] + heat * day[1]
        loss = 0.5 * (wet - truth) ** 2
        wind -= 0.25 * (wet - truth) * day[0]
        heat -= 0.25 * (wet - truth) * day[1]
    return wind, heat
"""


def test_so_is_each_of_a_function_that_a_block_calls(tmp_path: Path) -> None:
    day, truth = np.array([[0.7, -1.2]]), np.array([0.3])
    for wrong in (False, True):
        text = ROUND.replace("heat -= 0.25 * (wet", "heat -= 0.25 * (wind") if wrong else ROUND
        train = module_of(tmp_path / f"rain_{wrong}.py", text).train
        with verify() as check:
            train(day, truth)
        assert check.ok is not wrong, str(check)
        assert {step.of for step in check.steps} >= {"wind", "heat"}


def test_what_cools_by_a_part_of_itself_is_no_weight(tmp_path: Path) -> None:
    text = ROUND.replace("heat = 0.4, -0.2", "heat, warm = 0.4, -0.2, 0.9")
    text = text.replace("day[1]\n", "day[1] * warm\n").replace("    return", "        warm -= 0.1 * warm\n    return")
    train = module_of(tmp_path / "cooling.py", text).train
    with verify() as check:
        train(np.array([[0.7, -1.2]]), np.array([0.3]))
    assert check.ok, str(check)
