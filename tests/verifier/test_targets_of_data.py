"""Targets that a script computes from its inputs: a change is tried at other inputs, but never at other targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, told

SPAM = """
import numpy as np
rng = np.random.default_rng(5)
mails = np.column_stack([np.ones(40), rng.normal(size=(40, 3))])
junk = (mails[:, 1] - 2 * mails[:, 2] + 0.05 * mails[:, 3] > 0).astype(int)[:, None]
taste = np.ones((4, 1))
rate = 0.01
for _ in range(3):
    guess = 1 / (1 + np.exp(-(mails @ taste)))
    surprise = junk - guess
    taste = taste + rate * mails.T @ surprise
"""


def test_it_is_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SPAM)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("wrong", "kind"), [("junk + guess", "sign"), ("junk - guess.astype(int)", "dtype-or-integer")]
)
def test_a_mistake_where_the_output_meets_them_is_told(tmp_path: Path, wrong: str, kind: str) -> None:
    check = check_of_script(tmp_path, SPAM.replace("junk - guess", wrong))
    assert told(check) == (10, kind)
