"""Layers that are functions in functions: their weights are variables around these, updated where they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

CAUGHT = """
import numpy as np

rng = np.random.default_rng(4)


def affine(inputs, outputs):
    W = rng.normal(size=(inputs, outputs))
    b = np.zeros(outputs)
    kept = []

    def there(x):
        kept.append(x)
        return x @ W + b

    def back(d, rate):
        x = kept.pop()
        below = d @ W.T
        W[...] -= rate * (x.T @ d)
        b[...] -= rate * d.sum(axis=0)
        return below

    return there, back


first, second = affine(3, 5), affine(5, 2)
rows, aims = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
for turn in range(6):
    h = np.tanh(first[0](rows))
    out = second[0](h)
    loss = np.sum((out - aims) ** 2) / 7
    d = 2 * (out - aims) / 7
    first[1](second[1](d, 0.05) * (1 - h**2), 0.05)
    print(turn, loss)
"""
REBOUND = CAUGHT.replace("        x = kept.pop()", "        nonlocal W, b\n        x = kept.pop()")
for name in "Wb":
    REBOUND = REBOUND.replace(f"{name}[...] -= ", f"{name} = {name} - ")


@pytest.mark.parametrize("program", [CAUGHT, REBOUND])
def test_weights_around_functions_are_parameters_each_its_own(tmp_path: Path, program: str) -> None:
    check = check_of_script(tmp_path, program)
    assert check.ok is True, str(check)
    assert len(check.finals) == 4


@pytest.mark.parametrize("program", [CAUGHT, REBOUND])
@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("(x.T @ d)", "(x.T @ np.abs(d))", "wrong-operand"),
        ("d.sum(axis=0)", "d.mean(axis=0)", "missing-batch-sum-or-mean"),
        ("(1 - h**2)", "(1 - h)", "derivative-at-wrong-point"),
    ],
)
def test_mistakes_in_them_are_told(tmp_path: Path, program: str, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, program, right, wrong)
    assert told(check) == (line, kind), str(check)
