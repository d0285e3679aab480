"""Gradients at weights that are moved ahead by a gradient for that alone: the move counts as given, as SAM's does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script

SHARP = """
import numpy as np

draw = np.random.default_rng(21)
rows, aims = draw.normal(size=(9, 3)), draw.normal(size=(9, 2))
U, V = draw.normal(size=(3, 4)) * 0.5, draw.normal(size=(4, 2)) * 0.5


def slopes(U, V):
    h = np.tanh(rows @ U)
    miss = h @ V - aims
    loss = np.mean(np.sum(miss**2, axis=1))
    d = 2 * miss / len(rows)
    return loss, rows.T @ (d @ V.T * (1 - h**2)), h.T @ d


for turn in range(4):
    loss, one, two = slopes(U, V)
    size = 0.1 / np.sqrt(np.sum(one**2) + np.sum(two**2))
    TURN
"""
WAYS = {
    "in arguments": """loss, one, two = slopes(U + size * one, V + size * two)
    U, V = U - 0.1 * one, V - 0.1 * two""",
    "under names": """high, wide = U + size * one, V + size * two
    worst, one, two = slopes(high, wide)
    U -= 0.1 * one
    V -= 0.1 * two""",
    "in place and back": """by, also = size * one, size * two
    U += by
    V += also
    worst, one, two = slopes(U, V)
    U -= by
    V -= also
    U -= 0.1 * one
    V -= 0.1 * two""",
    "in place, and put back": """kept, held = U.copy(), V.copy()
    U += size * one
    V += size * two
    worst, one, two = slopes(U, V)
    U[:], V[:] = kept, held
    U -= 0.1 * one
    V -= 0.1 * two""",
    "twice": """high, wide = U - 0.1 * one, V - 0.1 * two
    loss, one, two = slopes(high, wide)
    high, wide = high - 0.1 * one, wide - 0.1 * two
    loss, one, two = slopes(high, wide)
    U, V = U - 0.1 * one, V - 0.1 * two""",
}

DATA = SHARP[: SHARP.index("def slopes")]
RESIDUAL = f"""{DATA}
start = draw.normal(size=(9, 4)) * 0.3
for turn in range(4):
    state = start + np.tanh(rows @ U + start)
    miss = state @ V - aims
    loss = np.sum(miss**2)
    dV = state.T @ (2 * miss)
    dstate = 2 * miss @ V.T
    dz = dstate * (1 - np.tanh(rows @ U + start) ** 2)
    dU = rows.T @ dz
    dstart = dstate + dz
    U -= 0.1 * dU
    V -= 0.1 * dV
    start -= 0.1 * dstart
"""
GROWTH = f"""{DATA}
start, gain = 0.4, 0.3
for turn in range(4):
    level = [start]
    for n in range(3):
        level.append(level[-1] + 0.2 * gain * level[-1])
    loss = np.sum((np.array(level) - [0.4, 0.6, 0.9, 1.3]) ** 2)
    e, to_gain = 0.0, 0.0
    for n in range(2, -1, -1):
        e = e + 2 * (level[n + 1] - [0.4, 0.6, 0.9, 1.3][n + 1])
        to_gain = to_gain + e * 0.2 * level[n]
        e = e * (1 + 0.2 * gain)
    start, gain = start - 0.1 * e, gain - 0.1 * to_gain
"""


@pytest.mark.parametrize("way", WAYS)
def test_a_step_ahead_counts_as_given(tmp_path: Path, way: str) -> None:
    check = check_of_script(tmp_path, SHARP.replace("TURN", WAYS[way]))
    assert check.ok is True, str(check)
    assert check.convention.startswith("semi-gradients: none goes through"), str(check)


@pytest.mark.parametrize("way", WAYS)
def test_a_mistake_in_the_gradient_there_is_told_in_the_function(tmp_path: Path, way: str) -> None:
    script = SHARP.replace("TURN", WAYS[way])
    check, line = edited_script(tmp_path, script, "* (1 - h**2)", "* (1 + h**2)")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "sign"), str(check)


def test_a_step_uphill_from_there_is_told(tmp_path: Path) -> None:
    script = SHARP.replace("TURN", WAYS["in place, and put back"])
    check, line = edited_script(tmp_path, script, "V -= 0.1 * two", "V += 0.1 * two")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "sign"), str(check)


def test_a_path_that_is_no_gradient_is_none_ahead(tmp_path: Path) -> None:
    """What the network itself adds to a parameter belongs to the loss: without it the gradient lacks a term."""
    assert check_of_script(tmp_path, RESIDUAL).ok
    check, line = edited_script(tmp_path, RESIDUAL, "dstart = dstate + dz", "dstart = dstate")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-term"), str(check)


def test_what_parameters_add_to_a_parameter_in_turns_is_none_ahead(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, GROWTH)
    assert not check.convention, str(check)
    check, line = edited_script(tmp_path, GROWTH, "e * (1 + 0.2 * gain)", "e * (1 - 0.2 * gain)")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "sign"), str(check)
