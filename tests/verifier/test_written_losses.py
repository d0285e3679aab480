"""A loss that is written as a function, and called on nothing: it is taken where a mistake is at the output."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script

SCRIPT = """
import numpy as np

rng = np.random.default_rng(3)
X, t = rng.normal(size=(9, 3)), rng.integers(0, 2, (9, 1)).astype(float)
w = rng.normal(size=(3, 1))


def logistic(z):
    return 1 / (1 + np.exp(-z))


def cross_entropy(y, t):
    return -np.mean(t * np.log(y) + (1 - t) * np.log(1 - y))


def gradient(w, X, t):
    y = logistic(X @ w)
    return X.T @ (y - t) / 9


for turn in range(3):
    w = w - 0.5 * gradient(w, X, t)
"""
TURNED = SCRIPT.replace("(y, t):\n    return -", "(labels, y):\n    t = labels\n    return -")


@pytest.mark.parametrize("script", [SCRIPT, TURNED])
@pytest.mark.parametrize(
    ("new", "kind"),
    [("X.T @ (y + t) / 9", "sign"), ("(X**2).T @ (y - t) / 9", "wrong-operand")],
)
def test_a_mistake_at_the_output_is_told_by_the_loss_that_they_wrote(
    tmp_path: Path, script: str, new: str, kind: str
) -> None:
    check = check_of_script(tmp_path, script.replace("X.T @ (y - t) / 9", new))
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.kind == kind, str(check)
    assert f"return {new}" in (tmp_path / "script.py").read_text().splitlines()[check.first_wrong.line - 1]
    assert check.first_wrong.certainty == "fits"
    assert "your cross_entropy() of" in " ".join(str(check).split())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def cross_entropy", "def other_loss(y, t):\n    return np.sum(np.abs(y - t))\n\n\ndef cross_entropy"),
        ("return -np.mean(", "return np.sum(y - t) + 0 * np.mean("),  # a difference is no loss
        ("return -np.mean(", "return sum(float(each) for each in y - t) or np.mean("),
    ],
)
def test_it_is_not_taken_where_it_may_be_another(tmp_path: Path, old: str, new: str) -> None:
    script = SCRIPT.replace("X.T @ (y - t)", "X.T @ (y + t)")
    assert old in script
    check = check_of_script(tmp_path, script.replace(old, new))
    assert "your cross_entropy" not in str(check), str(check)


def test_the_loss_that_fits_is_taken_all_the_same(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SCRIPT)
    assert check.ok is True, str(check)
    assert "your cross_entropy" not in str(check)
