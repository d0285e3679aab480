"""Losses that nobody calls one: what a search along a line makes less, and squares about targets without a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

SEARCH = """
import numpy as np

rng = np.random.default_rng(3)
far = np.abs(rng.normal(size=(9, 9))) + 0.5
far = far + far.T


def strain(place):
    apart = place[:, None] - place[None]
    length = np.sqrt(np.sum(apart ** 2, axis=2) + 1e-12)
    return np.sum(np.triu((length - far) ** 2, 1))


def slope(place):
    apart = place[:, None] - place[None]
    length = np.sqrt(np.sum(apart ** 2, axis=2) + 1e-12)
    pull = (length - far) / length
    np.fill_diagonal(pull, 0)
    return 2 * (pull.sum(axis=1)[:, None] * place - pull @ place)


place = rng.normal(size=(9, 2))
for sweep in range(5):
    v, g, t = strain(place), slope(place), 1.0
    while strain(place - t * g) > v - 1e-4 * t * np.sum(g ** 2):
        t *= 0.5
    place = place - t * g
    print(sweep, v, t)
"""


def test_what_a_search_along_a_line_makes_less_is_a_loss(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SEARCH)
    assert check.ok, str(check)
    assert check.entry.loss_name == "v"


@pytest.mark.parametrize(
    ("right", "wrong", "kinds"),
    [
        ("place - pull @ place", "place + pull @ place", {"sign"}),
        (
            "pull = (length - far) / length",
            "pull = (length - far) / far",
            {"wrong-operand", "derivative-at-wrong-point"},
        ),
    ],
)
def test_a_mistake_is_told_by_it(tmp_path: Path, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited_script(tmp_path, SEARCH, right, wrong)
    where, kind = told(check)
    assert where == line, str(check)
    assert kind in kinds, str(check)


RATINGS = """
import numpy as np

rng = np.random.RandomState(2)
given = np.array([(rng.randint(6), rng.randint(8), rng.randint(1, 6)) for _ in range(37)])
P, Q = 0.3 * rng.rand(6, 3), 0.3 * rng.rand(8, 3)
middle = given[:, 2].mean()
for sweep in range(4):
    p, q = P.take(given[:, 0], axis=0), Q.take(given[:, 1], axis=0)
    guess = np.sum(p * q, axis=1)
    off = guess - (given[:, 2] - middle)
    dp = 2 * off[:, None] * q + 0.1 * p
    dq = 2 * off[:, None] * p + 0.1 * q
    dP, dQ = np.zeros_like(P), np.zeros_like(Q)
    np.add.at(dP, given[:, 0], dp)
    np.add.at(dQ, given[:, 1], dq)
    P -= 0.01 * dP
    Q -= 0.01 * dQ
"""


@pytest.mark.parametrize("penalty", [True, False])
@pytest.mark.parametrize("target", ["(given[:, 2] - middle)", "given[:, 2]", "(given[:, 2] - 3) * 0.5"])
def test_targets_that_are_made_where_they_are_used(tmp_path: Path, target: str, penalty: bool) -> None:
    text = RATINGS.replace("(given[:, 2] - middle)", target)
    text = text if penalty else text.replace(" + 0.1 * p", "").replace(" + 0.1 * q", "")
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("dp = 2 * off[:, None] * q", "dp = 2 * off[:, None] * p", "wrong-operand"),
        ("np.add.at(dP, given[:, 0], dp)", "dP[given[:, 0]] += dp", "overwritten-accumulation"),
    ],
)
def test_a_mistake_is_told_by_these(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, RATINGS, right, wrong)
    assert told(check) == (line, kind), str(check)
