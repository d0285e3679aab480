"""Samples of noughts and biases of nought put several layers at their kinks at once: any slope there is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import changed, check_of_script, edited_script, told

NET = """
import numpy as np

rng = np.random.default_rng(1)
X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
Y = np.array([[3.0], [0.0], [0.0], [1.0]])
W1, W2, W3 = rng.normal(0, 0.8, (2, 5)), rng.normal(0, 0.8, (5, 4)), rng.normal(0, 0.8, (4, 1))
b1, b2, b3 = np.zeros(5), np.zeros(4), np.zeros(1)


def relu(z):
    return np.maximum(0, z)


def slope(z):
    return np.heaviside(z, 1.0)


for turn in range(5):
    z1 = X @ W1 + b1
    a1 = relu(z1)
    z2 = a1 @ W2 + b2
    a2 = relu(z2)
    out = a2 @ W3 + b3
    loss = np.mean((out - Y) ** 2)
    d3 = 2 * (out - Y) / 4
    d2 = (d3 @ W3.T) * slope(z2)
    d1 = (d2 @ W2.T) * slope(z1)
    dW3, dW2, dW1 = a2.T @ d3, a1.T @ d2, X.T @ d1
    db3, db2, db1 = d3.sum(axis=0), d2.sum(axis=0), d1.sum(axis=0)
    W1 -= 0.1 * dW1
    W2 -= 0.1 * dW2
    W3 -= 0.1 * dW3
    b1 -= 0.1 * db1
    b2 -= 0.1 * db2
    b3 -= 0.1 * db3
    print(loss)
"""


@pytest.mark.parametrize("slope", ["np.heaviside(z, 1.0)", "np.heaviside(z, 0.5)", "(z >= 0) * 1.0"])
@pytest.mark.parametrize("relu", ["np.maximum(0, z)", "z * (z > 0)"])
def test_any_slope_at_the_kinks_is_right(tmp_path: Path, relu: str, slope: str) -> None:
    if "0.5" in slope and ">" in relu:
        pytest.skip("no side of a comparison has half of a slope")
    text = changed(changed(NET, "np.maximum(0, z)", relu), "np.heaviside(z, 1.0)", slope)
    check = check_of_script(tmp_path, text)
    assert check.ok, check


def test_a_mistake_beside_them_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, NET, "(d2 @ W2.T) * slope(z1)", "(d2 @ W2.T)")
    assert told(check) == (line, "missing-derivative"), check
