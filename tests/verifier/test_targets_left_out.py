"""The target that a softmax's gradient lacks is told where that was made, in one call of a helper or in many."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, line_of

BATCH = """
import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cost_and_slopes(W, x, labels):
    n = len(x)
    p = softmax(x @ W)
    cost = -np.log(p[range(n), labels]).mean()
    d = p.copy()
    {taken}
    return cost, [x.T @ d]


def check(verify):
    rng = np.random.default_rng(0)
    W, x, labels = rng.normal(size=(3, 5)), rng.normal(size=(7, 3)), rng.integers(0, 5, size=7)
    with verify(W=W) as check:
        check.loss, check.gradients = cost_and_slopes(W, x, labels)
    return check
"""
ONE_BY_ONE = """
import numpy as np


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def of_word(W, h, target):
    z = W @ h
    p = softmax(z)
    cost = -np.log(p[target])
    d = p.copy()
    d[target] -= 1.0
    dh = W.T @ d
    dW = np.outer(d, h)
    return cost, dh, dW


def of_text(vectors, pairs):
    cost, grad, half = 0.0, np.zeros_like(vectors), len(vectors) // 2
    for middle, around in pairs:
        c, dh, dW = of_word(vectors[half:], vectors[middle], around)
        cost += c / len(pairs)
        grad[middle] += dh / len(pairs)
        grad[half:] += dW / len(pairs)
    return cost, grad


def check(verify):
    vectors = np.random.default_rng(1).normal(size=(10, 3))
    with verify(vectors=vectors) as check:
        check.loss, check.gradients = of_text(vectors, [(0, 1), (3, 2), (4, 4), (1, 0), (2, 3), (3, 1)])
    return check
"""


@pytest.mark.parametrize("taken", ["d[range(n), labels] -= 1\n    d /= n", "d /= n\n    d[range(n), labels] -= 1 / n"])
def test_of_a_batch(tmp_path: Path, taken: str) -> None:
    program = BATCH.replace("{taken}", taken)
    assert edited(tmp_path / "right.py", program, "x.T @ d", "x.T @ d")[0].ok
    change = next(line.strip() for line in taken.splitlines() if "labels" in line)
    check, _ = edited(tmp_path / "lacking.py", program, change, "pass")
    made = line_of(program, "d = p.copy()")
    assert (check.first_wrong.line, check.first_wrong.kind) == (made, "missing-term"), str(check)
    assert "`d[range(n), labels] -= 1` is missing" in check.first_wrong.sentence, str(check)


def test_of_a_helper_that_is_called_for_each_word(tmp_path: Path) -> None:
    assert edited(tmp_path / "words_right.py", ONE_BY_ONE, "W.T @ d", "W.T @ d")[0].ok
    check, line = edited(tmp_path / "words.py", ONE_BY_ONE, "d[target] -= 1.0", "pass")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line - 1, "missing-term"), str(check)
    assert "`d[target] -= 1` is missing" in check.first_wrong.sentence, str(check)
