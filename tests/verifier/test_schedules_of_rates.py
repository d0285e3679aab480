"""Rates that stand in an array, one for each epoch: each is a plain number where it is taken out."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

FACTORS = """
import numpy as np

rng = np.random.default_rng(3)
M, O = rng.normal(size=(7, 6)), (rng.random((7, 6)) < 0.7).astype(float)

def loss(M, near, O):
    return 1 / np.sum(O) * np.sum(O * (M - near) ** 2)

def slopes(M, O, A, B):
    dL = 2 / np.sum(O) * ((A @ B - M) * O)
    return dL @ B.T, A.T @ dL

def factors(M, O, d, epochs, eta):
    A, B = rng.normal(size=(7, d)), rng.normal(size=(d, 6))
    losses = [loss(M, A @ B, O)]
    for e in range(epochs):
        dA, dB = slopes(M, O, A, B)
        A = A - eta[e] * dA
        B = B - eta[e] * dB
        if e % 5 == 4:
            losses.append(loss(M, A @ B, O))
    return A, B, losses

A, B, losses = factors(M, O, 3, 20, 0.9 * np.ones(20))
print(losses)
"""


def test_they_are_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, FACTORS)
    assert check.ok, str(check)


def test_a_mask_that_is_missing_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, FACTORS, "((A @ B - M) * O)", "(A @ B - M)")
    assert told(check) == (line, "missing-derivative"), str(check)
