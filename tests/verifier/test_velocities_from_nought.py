"""Weights that begin as 0, with velocities: after the first turn the ones are multiples of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, told

SORTING = """
import numpy as np

draw = np.random.default_rng(8)
leaves = draw.normal(size=(21, 3))
trees = draw.integers(0, 4, 21)
U, c = np.zeros((3, 4)), np.zeros(4)
run_U, run_c = np.zeros((3, 4)), np.zeros(4)
for turn in range(9):
    share = np.exp(leaves @ U + c)
    share /= share.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(share[np.arange(21), trees]))
    gap = share.copy()
    gap[np.arange(21), trees] -= 1
    gap /= 21
    dU, dc = leaves.T @ gap, gap.sum(axis=0)
"""
PLAIN = """
    run_U = 0.8 * run_U - 0.3 * dU
    run_c = 0.8 * run_c - 0.3 * dc
    U += run_U
    c += run_c
"""
AVERAGE = """
    run_U = 0.8 * run_U + 0.2 * dU
    run_c = 0.8 * run_c + 0.2 * dc
    U -= 0.3 * run_U
    c -= 0.3 * run_c
"""
AHEAD = """
    run_U = 0.8 * run_U - 0.3 * dU
    run_c = 0.8 * run_c - 0.3 * dc
    U += 0.8 * run_U - 0.3 * dU
    c += 0.8 * run_c - 0.3 * dc
"""
BACK_AND_AHEAD = """
    old_U, old_c = run_U, run_c
    run_U = 0.8 * run_U - 0.3 * dU
    run_c = 0.8 * run_c - 0.3 * dc
    U += 1.8 * run_U - 0.8 * old_U
    c += 1.8 * run_c - 0.8 * old_c
"""
SHRUNK = """
    run_U = 0.8 * run_U - 0.3 * dU
    run_c = 0.8 * run_c - 0.3 * dc
    U = 0.99 * U + run_U
    c += run_c
"""
FORMS = [PLAIN, AVERAGE, AHEAD, BACK_AND_AHEAD, SHRUNK]


@pytest.mark.parametrize("updates", FORMS)
def test_a_velocity_that_is_a_multiple_of_the_weights_is_no_decay_of_them(tmp_path: Path, updates: str) -> None:
    check = check_of_script(tmp_path, SORTING + updates)
    assert check.ok, str(check)
    assert not check.convention
    assert any("more than multiples of the gradients" in note for note in check.notes)


STEPWISE = """
    run_U += 0.2 * (dU - run_U)
    run_c += 0.2 * (dc - run_c)
    size_U += 0.1 * (dU * dU - size_U)
    size_c += 0.1 * (dc * dc - size_c)
    U -= 0.1 * run_U / (np.sqrt(size_U) + 1e-8)
    c -= 0.1 * run_c / (np.sqrt(size_c) + 1e-8)
"""
BEGUN = SORTING.replace("for turn", "run_U += 0.1\nrun_c -= 0.2\nsize_U, size_c = run_U**2, run_c**2\nfor turn")


@pytest.mark.parametrize("begun", [BEGUN, BEGUN.replace("run_U += 0.1\nrun_c -= 0.2\n", "")])
def test_a_velocity_may_move_part_of_the_way_to_a_gradient(tmp_path: Path, begun: str) -> None:
    check = check_of_script(tmp_path, begun + STEPWISE)
    assert check.ok, str(check)
    check = check_of_script(tmp_path, begun.replace("gap.sum(axis=0)", "gap.mean(axis=0)") + STEPWISE)
    assert told(check)[1] == "missing-batch-sum-or-mean", str(check)


def test_a_velocity_holds_what_was_added_to_it_with_its_rate(tmp_path: Path) -> None:
    summed = "\n    gap *= -0.3\n    run_U = 0.8 * run_U + leaves.T @ gap\n    U += run_U\n"
    summed += "    run_c = 0.8 * run_c + gap.sum(axis=0)\n    c += run_c\n"
    check = check_of_script(tmp_path, SORTING.replace("    dU, dc = leaves.T @ gap, gap.sum(axis=0)\n", "") + summed)
    assert check.ok, str(check)


LINE = SORTING[: SORTING.index("    dU, dc")].count("\n") + 1


@pytest.mark.parametrize("updates", [PLAIN, AVERAGE, AHEAD])
def test_a_gradient_that_is_wrong_is_told_by_its_name_and_its_value(tmp_path: Path, updates: str) -> None:
    """The weights are others after the first turn once it is mended: what is right of these is not compared."""
    check = check_of_script(tmp_path, SORTING.replace("gap.sum(axis=0)", "gap.mean(axis=0)") + updates)
    assert told(check) == (LINE, "missing-batch-sum-or-mean"), str(check)
    assert check.first_wrong.name == "dc"
    assert {step.name: step.verdict for step in check.steps}["dU"] == "right"


@pytest.mark.parametrize(
    ("updates", "old", "new"), [(PLAIN, "c += run_c", "c -= run_c"), (AHEAD, "c += 0.8", "c -= 0.8")]
)
def test_an_update_that_goes_the_other_way_is_told(tmp_path: Path, updates: str, old: str, new: str) -> None:
    program = SORTING + updates
    line = program[: program.index(old)].count("\n") + 1
    assert told(check_of_script(tmp_path, program.replace(old, new))) == (line, "sign")


def test_a_lone_number_may_go_back_by_its_velocity(tmp_path: Path) -> None:
    """Of one number all is a multiple: what it was moved by before is taken off first."""
    program = """
import numpy as np

draw = np.random.default_rng(3)
x, wet = draw.normal(size=15), np.array([1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0])
w, b, run_w, run_b = 0.0, 0.0, 0.0, 0.0
for turn in range(9):
    chance = 1 / (1 + np.exp(-(w * x + b)))
    loss = -np.mean(wet * np.log(chance) + (1 - wet) * np.log(1 - chance))
    dw, db = np.mean((chance - wet) * x), np.mean(chance - wet)
    run_w = 0.9 * run_w - 6 * dw
    run_b = 0.9 * run_b - 6 * db
    w = w + run_w
    b = b + run_b
"""
    check = check_of_script(tmp_path, program)
    assert check.ok, str(check)
