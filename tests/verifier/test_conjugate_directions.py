"""Steps of Newton's by conjugate gradients: the first direction is the gradient, and a Hessian's product is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script

RIDGE = """
import numpy as np

draw = np.random.default_rng(13)
rows, signs = draw.normal(size=(12, 4)), draw.choice([-1.0, 1.0], 12)
point = draw.normal(size=4) * 0.2


def bent(point, way):
    share = 1 / (1 + np.exp(-rows @ point))
    return rows.T @ (share * (1 - share) * (rows @ way)) + 0.2 * way


def solved(point, aim):
    total, rest = np.zeros(4), aim.copy()
    way = rest.copy()
    for turn in range(3):
        curve = bent(point, way)
        far = rest @ rest / (way @ curve)
        UPDATE
        left = rest - far * curve
        way = left + left @ left / (rest @ rest) * way
        rest = left
    return total


for turn in range(4):
    loss = np.sum(np.logaddexp(0, -signs * (rows @ point))) + 0.1 * point @ point
    share = 1 / (1 + np.exp(signs * (rows @ point)))
    slope = -rows.T @ (signs * share) + 0.2 * point
    point = point - solved(point, slope)
"""
UPDATES = "total += far * way", "total = total + way * far"


@pytest.mark.parametrize("update", UPDATES)
def test_the_gradient_is_judged_and_not_what_is_solved_for(tmp_path: Path, update: str) -> None:
    check = check_of_script(tmp_path, RIDGE.replace("UPDATE", update))
    assert check.ok is True, str(check)
    assert any(note.startswith("The updates are more than multiples") for note in check.notes)


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("(signs * share) + 0.2 * point", "(signs * share) - 0.2 * point", "sign"),
        ("(signs * share) + 0.2 * point", "(signs * share**2) + 0.2 * point", "scale-factor"),
        ("point - solved(point, slope)", "point - solved(point, -slope)", "sign"),
    ],
)
def test_a_mistake_in_it_or_a_step_uphill_is_told(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, RIDGE.replace("UPDATE", UPDATES[0]), right, wrong)
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, kind), str(check)
