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


ALONG = """
import numpy as np

draw = np.random.default_rng(19)
rows, hopes = draw.normal(size=(15, 3)), draw.normal(size=15)


def cost(at):
    return np.mean(np.log(np.cosh(rows @ at - hopes)))


def slope(at):
    return rows.T @ np.tanh(rows @ at - hopes) / 15


at = draw.normal(size=3)
rest_new = -slope(at)
way_new = rest_new
for turn in range(6):
    rest, way = np.copy(rest_new), np.copy(way_new)
    small = 1e-6 / np.sqrt(way @ way)
    bent = (slope(at + small * way) - slope(at)) / small
    alpha = (way @ rest) / (way @ bent)
    other = at + alpha * way
    print(cost(at), cost(other))
    at = other
    rest_new = -slope(at)
    way_new = rest_new + (rest_new @ rest_new - rest_new @ rest) / (way @ rest) * way
"""


def test_directions_under_other_names_are_no_gradients(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ALONG)
    assert check.ok is True, str(check)


def test_a_mistake_in_what_they_begin_with_is_told(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ALONG.replace("np.tanh(rows @ at - hopes) / 15", "np.tanh(rows @ at) / 15"))
    assert check.first_wrong is not None, str(check)
    assert (check.first_wrong.name, check.first_wrong.kind) == ("rest_new", "missing-term"), str(check)
