"""What was made for a line, and is read nowhere, is what that line lacks."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import edited

SPREAD = """
import numpy as np


def affinities(points):
    apart = points[:, None] - points[None]
    kernel = 1 / (1 + np.sum(apart**2, axis=2))
    np.fill_diagonal(kernel, 0.0)
    return kernel / np.sum(kernel), kernel


def slopes(wanted, shares, points, kernel):
    gap = wanted - shares
    wide = gap[:, :, None]
    apart = points[:, None] - points[None]
    weight = kernel[:, :, None]
    pull = apart * weight
    return 4.0 * np.sum(wide * pull, axis=1)


def check(verify):
    rng = np.random.default_rng(3)
    points, goal = rng.normal(size=(6, 2)), rng.random((6, 6))
    np.fill_diagonal(goal, 0.0)
    wanted = (goal + goal.T) / np.sum(goal + goal.T)
    with verify({"points": points}) as check:
        shares, kernel = affinities(points)
        check.loss = -np.sum(wanted * np.log(np.maximum(shares, 1e-12)))
        check.gradients = {"points": slopes(wanted, shares, points, kernel)}
    return check
"""


def test_a_weight_that_was_laid_out_and_is_read_nowhere_is_missing_where_it_was_made_for(tmp_path: Path) -> None:
    check, _ = edited(tmp_path / "right.py", SPREAD, "pull = apart * weight", "pull = weight * apart")
    assert check.ok, str(check)
    check, line = edited(tmp_path / "spread.py", SPREAD, "pull = apart * weight", "pull = apart")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-derivative"), str(check)
    assert check.first_wrong.should_be in ("apart * weight", "pull = apart * weight"), str(check)
