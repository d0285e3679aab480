"""Features that unlearn what a head learns: a gradient that is reversed on purpose counts as meant, a slip does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script

HEADS = """
import numpy as np

draw = np.random.default_rng(17)
rows, kinds, places = draw.normal(size=(10, 4)), draw.normal(size=(10, 2)), draw.normal(size=(10, 1))
body, head, guess = draw.normal(size=(4, 3)), draw.normal(size=(3, 2)), draw.normal(size=(3, 1))
share = 0.4


def back(slope):
    return -share * slope


for turn in range(4):
    seen = np.tanh(rows @ body)
    miss, stray = seen @ head - kinds, seen @ guess - places
    kind_loss = 0.5 * np.sum(miss**2)
    place_loss = 0.5 * np.sum(stray**2)
    d_head, d_guess = seen.T @ miss, seen.T @ stray
    d_seen = miss @ head.T - share * (stray @ guess.T)
    d_body = rows.T @ (d_seen * (1 - seen**2))
    body -= 0.01 * d_body
    head -= 0.01 * d_head
    guess -= 0.01 * d_guess
"""
SUM = "    place_loss = 0.5 * np.sum(stray**2)\n"
WITH_TOTAL = HEADS.replace(SUM, SUM + "    loss = kind_loss + place_loss\n")
AS_WORDS = WITH_TOTAL.replace("share = 0.4", "share = 1.0  # the gradient is reversed")
MEANT = {
    "two losses": HEADS,
    "their sum": WITH_TOTAL,
    "in a function": WITH_TOTAL.replace("- share * (stray @ guess.T)", "+ back(stray @ guess.T)"),
    "a number that grows": WITH_TOTAL.replace("- share", "- (1 - np.exp(-turn - 1.0))"),
    "a mere sign, with a word for it": AS_WORDS,
}


@pytest.mark.parametrize("name", MEANT)
def test_a_gradient_that_is_reversed_on_purpose_is_right(tmp_path: Path, name: str) -> None:
    check = check_of_script(tmp_path, MEANT[name])
    assert check.ok is True, str(check)
    assert check.convention.startswith("a gradient that is reversed: what "), str(check)


WRONG = {
    "a slope below it": (WITH_TOTAL, "(1 - seen**2)", "(1 + seen**2)", "sign"),
    "a sign in a sum of losses": (
        WITH_TOTAL.replace("- share *", "+ share *").replace("+ place_loss", "+ share * place_loss").replace(
            "seen.T @ stray", "share * seen.T @ stray"),
        "+ share * (stray", "- share * (stray", "sign"),
    "a mere sign beside a loop that runs backwards": (
        WITH_TOTAL.replace("- share * (stray @ guess.T)", "+ (stray @ guess.T)").replace(
            "    body -=", "    for step in reversed([d_body]):  # in reverse order\n        assert step.size\n    body -="),
        "+ (stray", "- (stray", "sign"),
    "a mere sign without a word": (
        WITH_TOTAL.replace("- share * (stray @ guess.T)", "+ (stray @ guess.T)"), "+ (stray", "- (stray", "sign"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_beside_it_and_slips_of_a_sign_are_told(tmp_path: Path, name: str) -> None:
    script, right, wrong, kind = WRONG[name]
    check, line = edited_script(tmp_path, script, right, wrong)
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, kind), str(check)
