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


APART = """
import numpy as np


class CrossEntropy:
    def loss(self, aims, p):
        p = np.clip(p, 1e-12, 1 - 1e-12)
        return -np.sum(aims * np.log(p) + (1 - aims) * np.log(1 - p))

    def gradient(self, aims, p):
        return -aims / p + (1 - aims) / (1 - p)


class Softmax:
    def __call__(self, z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def gradient(self, z):
        p = self(z)
        return p * (1 - p)


rng = np.random.default_rng(1)
rows, aims = rng.normal(size=(7, 3)), np.eye(4)[rng.integers(0, 4, size=7)]
w, b, cost, activation = rng.normal(size=(3, 4)), np.zeros(4), CrossEntropy(), Softmax()
for turn in range(40):
    z = rows @ w + b
    p = activation(z)
    d = cost.gradient(aims, p) * activation.gradient(z)
    w -= 0.01 * rows.T @ d
    b -= 0.01 * d.sum(axis=0)
print(cost.loss(aims, activation(rows @ w + b)))
"""


def test_what_is_made_elsewhere_is_not_judged_by_a_loss_beside_another_slope(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, APART)  # the usual shortcut: the slope of a softmax by itself alone
    assert check.ok is True, str(check)
