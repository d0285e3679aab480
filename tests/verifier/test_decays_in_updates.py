"""A penalty in the loss whose gradient stands in the update alone, as a decay of the weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

SCRIPT = """import numpy as np

rng = np.random.default_rng(0)
X, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 1))
W, b = rng.normal(size=(3, 1)), np.zeros(1)
lmbda, eta, n = 0.1, 0.3, len(X)
for epoch in range(3):
    p = X @ W + b
{before}    dp = p - y
    dW = X.T @ dp
    db = dp.sum(0)
    W = (1 - eta * (lmbda / n)) * W - (eta / n) * dW
    b = b - eta / n * db
{after}"""
COST = "    {}cost = 0.5 * np.sum((p - y) ** 2) / n + 0.5 * (lmbda / n) * np.sum(W**2)\n"
BEFORE = SCRIPT.format(before=COST.format(""), after="")
AFTER = SCRIPT.format(before="", after=COST.format("p = X @ W + b\n    "))
ADDED = BEFORE.replace("p - y\n", "y - p\n").replace("W - (eta", "W + (eta").replace("b - eta", "b + eta")

TERMS = """import numpy as np

rng = np.random.default_rng(2)
X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
W, b = rng.normal(size=(3, 2)), np.zeros(2)
rate, lam = 0.1, 0.05
for epoch in range(3):
    error = X @ W + b - y
    loss = 0.5 * np.sum(error**2) + 0.5 * lam * np.sum(W**2)
    dW = X.T @ error
    W -= rate * (lam * W + dW)
    b -= rate * error.sum(axis=0)
"""

SHARED = """import numpy as np

rng = np.random.default_rng(2)
X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
theta = {"W": rng.normal(size=(3, 2)), "b": np.zeros(2)}
rate, lam = 0.1, 0.05
for epoch in range(3):
    error = X @ theta["W"] + theta["b"] - y
    loss = 0.5 * np.sum(error**2) + 0.5 * lam * np.sum(theta["W"] ** 2)
    grad = {"W": X.T @ error + lam * theta["W"], "b": error.sum(axis=0)}
    for name in theta:
        theta[name] = theta[name] - rate * grad[name]
"""

LISTS = """import numpy as np


class Net:
    def __init__(self, sizes):
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes, sizes[1:])]

    def train(self, data, eta, lmbda):
        n = len(data)
        gbs = [np.zeros(b.shape) for b in self.biases]
        gws = [np.zeros(w.shape) for w in self.weights]
        for x, y in data:
            more_b, more_w = self.backprop(x, y)
            gbs = [gb + more for gb, more in zip(gbs, more_b)]
            gws = [gw + more for gw, more in zip(gws, more_w)]
        self.weights = [(1 - eta * (lmbda / n)) * w - (eta / n) * gw for w, gw in zip(self.weights, gws)]
        self.biases = [b - (eta / n) * gb for b, gb in zip(self.biases, gbs)]

    def backprop(self, x, y):
        h = np.tanh(self.weights[0] @ x + self.biases[0])
        delta = self.weights[1] @ h + self.biases[1] - y
        below = self.weights[1].T @ delta * (1 - h**2)
        return [below, delta], [below @ x.T, delta @ h.T]

    def cost(self, data, lmbda):
        total = 0.0
        for x, y in data:
            out = self.weights[1] @ np.tanh(self.weights[0] @ x + self.biases[0]) + self.biases[1]
            total += 0.5 * np.linalg.norm(out - y) ** 2 / len(data)
        total += 0.5 * (lmbda / len(data)) * sum(np.linalg.norm(w) ** 2 for w in self.weights)
        return total


np.random.seed(3)
net = Net([3, 5, 2])
data = [(np.random.randn(3, 1), np.random.randn(2, 1)) for _ in range(4)]
for epoch in range(2):
    net.train(data, 0.3, 0.1)
    print(net.cost(data, 0.1))
"""


@pytest.mark.parametrize(
    "script", [BEFORE, AFTER, ADDED, TERMS, SHARED, LISTS], ids=["before", "after", "added", "terms", "shared", "lists"]
)
def test_it_is_right(tmp_path: Path, script: str) -> None:
    check = check_of_script(tmp_path, script)
    assert check.ok, str(check)
    assert any(f"{name} is taken" in str(check) for name in ("cost", "cost()", "loss")), str(check)


WRONG = {
    "a decay that is not divided": (BEFORE, "(lmbda / n)) * W - ", "lmbda) * W - "),
    "a decay that makes weights larger": (AFTER, "(1 - eta", "(1 + eta"),
    "weights that are divided once too often": (AFTER, "X.T @ dp", "X.T @ dp / n"),
    "brackets that are missing": (TERMS, "rate * (lam * W + dW)", "rate * lam * W + dW"),
    "a decay of what is penalised already": (SHARED, "rate * grad[name]", "rate * (grad[name] + lam * theta[name])"),
    "a slope that is forgotten": (LISTS, " * (1 - h**2)", ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_beside_it_is_told(tmp_path: Path, name: str) -> None:
    check, line = edited_script(tmp_path, *WRONG[name])
    assert told(check)[0] == line, str(check)
    said = check.first_wrong.should_be
    assert said is None or "grad['" not in said, str(check)
