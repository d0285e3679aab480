"""Steps by gains of each entry, as t-SNE takes them, and a number that a function returns beside its gradient."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

EMBEDDED = """
import numpy as np

rng = np.random.default_rng(4)
chances = rng.random((8, 8)) + 0.1
chances += chances.T
np.fill_diagonal(chances, 0)
chances /= chances.sum()


def divergence(points):
    gaps = points[:, None] - points[None]
    near = 1 / (1 + np.sum(gaps**2, axis=2))
    np.fill_diagonal(near, 0)
    taken = near / near.sum()
    kl = np.sum(chances * np.log((chances + 1e-12) / (taken + 1e-12)))
    pull = (chances - taken) * near
    grad = 4 * np.sum(pull[:, :, None] * gaps, axis=1)
    return kl, grad


points = rng.normal(size=(8, 2))
step, gains = np.zeros((8, 2)), np.ones((8, 2))
for turn in range(9):
    error, grad = divergence(points)
    turned = step * grad < 0
    gains[turned] += 0.2
    gains[~turned] *= 0.8
    np.clip(gains, 0.01, np.inf, out=gains)
    grad *= gains
    step = 0.5 * step - 0.7 * grad
    points += step
    if turn % 3 == 2:
        print(turn, error)
"""


def test_what_gains_are_multiplied_into_is_the_gradient(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, EMBEDDED)
    assert check.ok, str(check)
    assert [final.name for final in check.finals] == ["grad"]


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("(chances - taken) * near", "chances - taken", "missing-derivative"),
        ("(chances - taken)", "(chances + taken)", "sign"),
        ("pull[:, :, None] * gaps", "near[:, :, None] * gaps", "wrong-operand"),
    ],
)
def test_a_gradient_that_nothing_fits_is_one_of_what_is_returned_beside_it(
    right: str, wrong: str, kind: str, tmp_path: Path
) -> None:
    check, line = edited_script(tmp_path, EMBEDDED, right, wrong)
    assert told(check) == (line, kind), str(check)
