"""Exercises of one sample: no loop, a plain number for a target, and changes of the weights that are only shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script

EXERCISE = """
import numpy as np

def squash(z):
    return 1 / (1 + np.exp(-z))

def slope(z):
    return squash(z) * (1 - squash(z))

features = np.array([0.2, -0.4, 0.9])
wanted = 0.35
learning_rate = 0.4
to_middle = np.array([[0.1, -0.3], [0.4, 0.2], [-0.5, 0.6]])
to_end = np.array([0.7, -0.2])

middle_in = np.dot(features, to_middle)
middle = squash(middle_in)
end_in = np.dot(middle, to_end)
end = squash(end_in)

error = wanted - end
error_at_end = error * slope(end_in)
error_at_middle = np.dot(error_at_end, to_end) * slope(middle_in)
CHANGES
print("changes of the weights:", DONE)
"""
NAMES = {
    "by their weights": ("d_to_end", "d_to_middle"),
    "by letters": ("delta_w_e", "delta_w_m"),
}


def exercise(names: str, more: str = "") -> str:
    end, middle = NAMES[names]
    changes = (
        f"{end} = learning_rate * error_at_end * middle\n{middle} = learning_rate * error_at_middle * features[:, None]"
    )
    return EXERCISE.replace("CHANGES", changes).replace("DONE", f"{end}, {middle}") + more


@pytest.mark.parametrize("names", NAMES)
def test_changes_that_are_only_shown_are_right(tmp_path: Path, names: str) -> None:
    check = check_of_script(tmp_path, exercise(names))
    assert check.ok, str(check)
    assert check.entry.loss_name == "half squared error of end and 0.35"
    assert "right if it is added to the parameters" in check.convention


def test_a_mistake_in_them_is_told(tmp_path: Path) -> None:
    right, wrong, line = "np.dot(error_at_end, to_end)", "np.dot(error_at_end, to_end + 1)", 23
    text = exercise("by their weights", "to_end += d_to_end\nto_middle += d_to_middle\n")
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert text.count(right) == 1
    check = check_of_script(tmp_path, text.replace(right, wrong))
    assert check.first_wrong is not None, check.problem
    assert check.first_wrong.line == line


def test_what_was_not_judged_is_not_all_right(tmp_path: Path) -> None:
    text = exercise("by their weights").replace("error * slope(end_in)", "error * end * slope(end_in)")
    assert not check_of_script(tmp_path, text).ok


NEW_NAMES = EXERCISE.replace("error = wanted - end", "error = end - wanted").replace(
    "CHANGES",
    "to_end_new = to_end - learning_rate * error_at_end * middle\n"
    "to_middle_new = to_middle - learning_rate * error_at_middle * features[:, None]\n"
    "after = squash(squash(features @ to_middle_new) @ to_end_new)",
)


@pytest.mark.parametrize("names", ["NAME_new", "n_NAME", "NAME2"])
def test_new_values_may_have_names_of_their_own(tmp_path: Path, names: str) -> None:
    text = NEW_NAMES.replace("DONE", "wanted - after")
    for name in ("to_end", "to_middle"):
        text = text.replace(f"{name}_new", names.replace("NAME", name))
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert len(check.finals) == 2


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("np.dot(error_at_end, to_end)", "np.dot(error_at_end, to_end + 1)", 23),
        ("* error_at_end * middle", "* error_at_end * middle_in", 24),
    ],
)
def test_a_mistake_in_new_values_is_told(tmp_path: Path, right: str, wrong: str, line: int) -> None:
    text = NEW_NAMES.replace("DONE", "wanted - after")
    assert text.count(right) == 1
    check = check_of_script(tmp_path, text.replace(right, wrong))
    assert check.first_wrong is not None, check.problem
    assert check.first_wrong.line == line
