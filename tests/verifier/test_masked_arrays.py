"""Masked arrays of recorded values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import check_of_script, module_of, told
from tinygrad_scratch import verify

PROGRAM = """
import numpy as np

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(9, 3)), np.eye(4)[rng.integers(0, 4, 9)]
W = 0.1 * rng.normal(size=(3, 4))
for turn in range(3):
    z = X @ W
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.sum(np.ma.log(p * Y).filled(0) * Y) / 9
    d = (p - Y) / 9
    dW = X.T @ d
    W -= 0.1 * dW
"""


def test_a_logarithm_that_hides_noughts(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PROGRAM)
    assert check.ok, str(check)
    assert "loss is taken" in " ".join(check.notes)
    assert told(check_of_script(tmp_path, PROGRAM.replace("(p - Y)", "(p - 2 * Y)"))) == (12, "scale-factor")


FORMS = """
import numpy as np


def judged(verify, x, of, slope):
    with verify(x=x) as check:
        made = of(2 * x)
        check.loss = 0.5 * np.sum(made**2)
        check.gradients = {"x": 2 * slope(2 * x)}
    return check, made.copy()


FORMS = [
    (lambda x: np.ma.log(x).filled(7.0), lambda x: np.where(x > 0, np.log(np.abs(x)) / x, 0)),
    (lambda x: np.ma.masked_less(x, 0).compressed(), lambda x: np.where(x < 0, 0, x)),
    (lambda x: np.ma.filled(np.ma.masked_array(x, mask=x > 1) * 3 + np.ma.sqrt(x), 0),
     lambda x: np.where((x > 1) | (x < 0), 0, (3 * x + np.abs(x) ** 0.5) * (3 + 0.5 / np.abs(x) ** 0.5))),
    (lambda x: np.ma.masked_where(x > 3, x).mean(axis=1),
     lambda x: (x <= 3) * np.sum(x * (x <= 3), axis=1, keepdims=True) / np.sum(x <= 3, axis=1, keepdims=True) ** 2),
    (lambda x: np.ma.sum(np.ma.divide(1.0, x)[1]) * np.ones(1),
     lambda x: np.array([[0], [1]]) * -np.sum(1 / x[1]) / x**2),
]
"""


@pytest.mark.parametrize("number", range(5))
def test_masked_values_are_those_of_numpy(tmp_path: Path, number: int) -> None:
    forms = module_of(tmp_path / "masked_forms.py", FORMS)
    x = np.array([[0.3, -1.0, 2.0], [0.1, 0.45, 1.0]])
    of, slope = forms.FORMS[number]
    check, made = forms.judged(verify, x, of, slope)
    assert check.ok, str(check)
    assert np.allclose(made, of(2 * x))
