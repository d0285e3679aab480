"""Classes that hold a loss beside its slope, of which a turn of training calls the slope alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, line_of

PAIRED = """
import numpy as np


def logistic(z):
    return 1 / (1 + np.exp(-z))


class SquaresCost:
    {static}
    def fn({own}out, aim):
        return 0.5 * np.linalg.norm(out - aim) ** 2

    {static}
    def slope({own}z, out, aim):
        return (out - aim) * logistic(z) * (1 - logistic(z))


rng = np.random.default_rng(1)
rows, aims = rng.normal(size=(7, 3)), rng.integers(0, 2, size=(7, 2))
w, b, cost = rng.normal(size=(3, 2)), np.zeros(2), SquaresCost()
for turn in range(40):
    z = rows @ w + b
    d = cost.slope(z, logistic(z), aims)
    w -= 0.1 * rows.T @ d
    b -= 0.1 * d.sum(axis=0)
print(cost.fn(logistic(rows @ w + b), aims))
"""


@pytest.mark.parametrize(("static", "own"), [("@staticmethod", ""), ("", "self, ")])
def test_what_is_right_by_another_loss_is_judged_by_the_one_beside_the_slope(
    tmp_path: Path, static: str, own: str
) -> None:
    program = PAIRED.format(static=static, own=own)
    check = check_of_script(tmp_path, program)
    assert check.ok is True, str(check)
    assert "SquaresCost.fn()" in str(check)
    check, line = edited_script(tmp_path, program, "(out - aim) * logistic(z) * (1 - logistic(z))", "out - aim")
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.kind == "missing-derivative", str(check)
    assert check.first_wrong.line in (line, line_of(program, "d = cost")), str(check)
