"""A parameter that backward writes over while its gradient is right; and what may be written into one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import module_of
from tinygrad_scratch import verify

RIDGE = """
import numpy as np


def cost(theta, x, y, ridge):
    error = x @ theta - y
    return (error @ error + ridge * theta[1:] @ theta[1:]) / 2


def slope(theta, x, y, ridge):
    error = x @ theta - y
    kept = theta.copy()
    kept[0] = 0
    grad = x.T @ error + ridge * kept
    return grad


def check(verify):
    rng = np.random.default_rng(1)
    theta, x, y = rng.normal(size=4), rng.normal(size=(7, 4)), rng.normal(size=7)
    with verify(theta=theta) as check:
        check.loss = cost(theta, x, y, 0.4)
        check.gradients = slope(theta, x, y, 0.4)
    return check
"""
COPY, WRITE, RETURN = "    kept = theta.copy()\n", "    kept[0] = 0\n", "    return grad\n"
GRADIENT = "    grad = x.T @ error + ridge * kept\n"


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("    kept = theta\n    kept[0] = 0\n", 12),
        ("    kept = np.array(theta, copy=False)\n    kept[0] = 0\n", 12),
        ("    kept = np.reshape(theta, 4)\n    kept[0] = 0\n", 13),
        ("    kept = theta\n    theta[0] = 0.0\n", 13),
    ],
)
def test_a_parameter_that_is_written_over_is_named(form: str, line: int, tmp_path: Path) -> None:
    check = module_of(tmp_path / "ridge.py", RIDGE.replace(COPY + WRITE, form)).check(verify)
    assert check.ok, str(check)
    assert [note for note in check.notes if f"in line {line}" in note and "take a copy" in note], check.notes


AND_BACK = "    grad = x.T @ error + ridge * theta\n    theta[0] = first\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        (COPY + WRITE, "    kept = np.r_[0, theta[1:]]\n"),
        (COPY + WRITE + GRADIENT, "    first = theta[0].copy()\n    theta[0] = 0\n" + AND_BACK),
        (RETURN, "    theta[0] = 0\n    return grad\n"),
        (RETURN, "    theta -= 0.1 * grad\n    theta[0] = 0\n    return grad\n"),
    ],
)
def test_what_else_may_be_written(old: str, new: str, tmp_path: Path) -> None:
    check = module_of(tmp_path / "ridge.py", RIDGE.replace(old, new) if old else RIDGE).check(verify)
    assert check.ok, str(check)
    assert not any("take a copy" in note for note in check.notes)
