"""A slope that is given what comes from above first is what its name says, too: its call is wrong, and not its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited_script, told

COURSE = """
import numpy as np


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def sigmoid_backward(dA, Z):
    s = sigmoid(Z)
    return dA * s * (1 - s)


def forward(X, P):
    Z1 = np.dot(P["W1"], X) + P["b1"]
    A1 = np.tanh(Z1)
    Z2 = np.dot(P["W2"], A1) + P["b2"]
    A2 = sigmoid(Z2)
    return A2, (A1, Z2)


def cost_of(A2, Y):
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / Y.shape[1]


def backward(X, Y, A2, cache, P):
    A1, Z = cache
    m, grads = X.shape[1], {}
    dA2 = -(np.divide(Y, A2) - np.divide(1 - Y, 1 - A2))
    dZ2 = sigmoid_backward(dA2, Z)
    grads["dW2"] = np.dot(dZ2, A1.T) / m
    grads["db2"] = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(P["W2"].T, dZ2) * (1 - A1**2)
    grads["dW1"] = np.dot(dZ1, X.T) / m
    grads["db1"] = np.sum(dZ1, axis=1, keepdims=True) / m
    return grads


rng = np.random.default_rng(6)
X, Y = rng.normal(size=(3, 11)), (rng.random((1, 11)) > 0.5) * 1.0
P = {"W1": rng.normal(size=(4, 3)), "b1": np.zeros((4, 1)), "W2": rng.normal(size=(1, 4)), "b2": np.zeros((1, 1))}
for i in range(4):
    A2, cache = forward(X, P)
    cost = cost_of(A2, Y)
    grads = backward(X, Y, A2, cache, P)
    for name in P:
        P[name] = P[name] - 0.1 * grads["d" + name]
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("sigmoid_backward(dA2, Z)", "sigmoid_backward(dA2, A2)", "derivative-at-wrong-point"),
        ("return dA * s * (1 - s)", "return dA * Z * (1 - Z)", "derivative-at-wrong-point"),
        ("return dA * s * (1 - s)", "return dA * s", "missing-derivative"),
    ],
)
def test_the_call_or_the_slope_is_told(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, _ = edited_script(tmp_path, COURSE, right, right)
    assert check.ok is True, str(check)
    check, line = edited_script(tmp_path, COURSE, right, wrong)
    assert told(check) == (line, kind), str(check)
