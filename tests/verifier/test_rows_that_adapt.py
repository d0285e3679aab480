"""Updates of some rows by steps that adapt to them, as of embeddings: the gradients in them are judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

TABLE = """
import numpy as np

rng = np.random.default_rng(2)
table, head = rng.normal(size=(11, 4)) * 0.5, rng.normal(size=(4, 3)) * 0.5
texts, y = [rng.integers(0, 11, rng.integers(3, 7)) for _ in range(6)], rng.integers(0, 3, 6)
mean, power = np.zeros_like(table), np.full((11, 4), 1e-8)
for i in rng.permutation(6):
    rows, times = np.unique(texts[i], return_counts=True)
    bag = times @ table[rows] / times.sum()
    p = np.exp(bag @ head)
    p /= p.sum()
    loss = -np.log(p[y[i]])
    p[y[i]] -= 1
    drows = np.outer(times / times.sum(), head @ p)
    head -= 0.1 * np.outer(bag, p)
    STEP
    print(loss)
"""
ADAM = """mean[rows] = 0.9 * mean[rows] + 0.1 * drows
    power[rows] = 0.99 * power[rows] + 0.01 * drows**2
    table[rows] -= 0.02 * mean[rows] / (np.sqrt(power[rows]) + 1e-8)"""
ADAGRAD = """power[rows] += drows**2
    table[rows] -= 0.1 * drows / np.sqrt(power[rows])"""
BY_ROWS = """power[rows, 0] += (drows**2).mean(1)
    table[rows] -= 0.1 * drows / np.sqrt(power[rows, 0])[:, None]"""
STEPS = [ADAM, ADAGRAD, BY_ROWS]


@pytest.mark.parametrize("step", STEPS)
def test_right(tmp_path: Path, step: str) -> None:
    check = check_of_script(tmp_path, TABLE.replace("STEP", step))
    assert check.ok is True, str(check)
    assert len(check.finals) == 2


@pytest.mark.parametrize("step", STEPS)
def test_a_wrong_gradient_of_rows_is_told(tmp_path: Path, step: str) -> None:
    check, line = edited_script(
        tmp_path, TABLE.replace("STEP", step), "np.outer(times / times.sum(), ", "np.outer(times, "
    )
    assert told(check)[0] == line, str(check)


HASHED = """
from math import exp, log, sqrt

import numpy as np

rng = np.random.default_rng(7)
places = [sorted(set(rng.integers(0, 9, 4).tolist())) for _ in range(5)]
clicks = [1.0, 0.0, 1.0, 1.0, 0.0]
w, n, alpha = [0.0] * 9, [0.0] * 9, 0.1
for x, y in zip(places, clicks):
    total = 0.0
    for i in x:
        total += w[i] * 1.0
    p = 1.0 / (1.0 + exp(-max(min(total, 35.0), -35.0)))
    loss = -log(p if y == 1.0 else 1.0 - p)
    for i in x:
        w[i] -= (p - y) * alpha / (sqrt(n[i]) + 1.0)
        n[i] += 1.0
    print(loss)
"""


def test_rates_of_single_entries_that_shrink(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HASHED)
    assert check.first_wrong is None, str(check)
