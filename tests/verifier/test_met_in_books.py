"""Forms that books, courses and layers of classes have: where outputs meet targets, and where a mistake is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited_script, told
from tinygrad_scratch.verifier.recording.minimised import objective_in

BY_ENTRIES = """
import numpy as np

rng = np.random.default_rng(5)
X, labels = rng.normal(size=(6, 3)), np.eye(4)[rng.integers(0, 4, 6)]
hidden_w, output_w = rng.normal(size=(5, 3)), rng.normal(size=(4, 5))
hidden_y, output_y = np.zeros(5), np.zeros(4)
hidden_error, output_error = np.zeros(5), np.zeros(4)


def forward(x):
    for i, w in enumerate(hidden_w):
        hidden_y[i] = np.tanh(np.dot(w, x))
    for i, w in enumerate(output_w):
        output_y[i] = 1 / (1 + np.exp(-np.dot(w, hidden_y)))


def backward(truth):
    for i, y in enumerate(output_y):
        error_prime = -(truth[i] - y)
        output_error[i] = error_prime * y * (1 - y)
    for i, y in enumerate(hidden_y):
        weighted_error = np.dot(output_w[:, i], output_error)
        hidden_error[i] = weighted_error * (1 - y**2)


for x, truth in zip(X, labels):
    forward(x)
    backward(truth)
    for i, error in enumerate(hidden_error):
        hidden_w[i] -= 0.1 * x * error
    for i, error in enumerate(output_error):
        output_w[i] -= 0.1 * hidden_y * error
"""
LAYERS = """
import numpy as np

rng = np.random.default_rng(1)


class Dense:
    def __init__(self, m, n):
        self.W = rng.normal(size=(m, n)) * 0.5

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, grad):
        self.dW = self.x.T @ grad
        return grad @ self.W.T


class Norm:
    W, dW = np.zeros(0), np.zeros(0)

    def forward(self, x):
        centred = x - x.mean(axis=1, keepdims=True)
        self.inv = 1 / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        self.hat = centred * self.inv
        return self.hat

    def backward(self, grad):
        mean = grad.mean(axis=1, keepdims=True)
        along = (grad * self.hat).mean(axis=1, keepdims=True)
        return self.inv * (grad - mean - self.hat * along)


X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
layers = [Dense(3, 5), Norm(), Dense(5, 2)]
for epoch in range(3):
    out = X
    for layer in layers:
        out = layer.forward(out)
    loss = np.sum((out - y) ** 2)
    grad = 2 * (out - y)
    for layer in layers[::-1]:
        grad = layer.backward(grad)
    for layer in layers:
        layer.W -= 0.01 * layer.dW
"""
NAMED_ALIKE = """
import numpy as np

rng = np.random.default_rng(1)


class Dense:
    def __init__(self, m, n):
        self.params = {"W": rng.normal(size=(m, n)) * 0.5, "b": np.zeros(n)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads["W"] = self.x.T @ dout
        self.grads["b"] = dout.sum(axis=0)
        return dout @ self.params["W"].T


class Net:
    def __init__(self, layers):
        self.layers = layers

    @property
    def params(self):
        out = {}
        for i, layer in enumerate(self.layers):
            for name, p in layer.params.items():
                out[f"{i}.{name}"] = p
        return out

    @property
    def grads(self):
        out = {}
        for i, layer in enumerate(self.layers):
            for name, g in layer.grads.items():
                out[f"{i}.{name}"] = g
        return out


X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
net, mean = Net([Dense(3, 5), Dense(5, 2)]), {}
for epoch in range(3):
    out = X
    for layer in net.layers:
        out = layer.forward(out)
    loss = np.mean((out - y) ** 2)
    dout = 2 * (out - y) / y.size
    for layer in net.layers[::-1]:
        dout = layer.backward(dout)
    params, grads = net.params, net.grads
    for k, p in params.items():
        g = grads[k]
        mean[k] = 0.9 * mean.get(k, 0) + 0.1 * g**2
        p -= 0.01 * g / (np.sqrt(mean[k]) + 1e-8)
"""
GATES = """
import numpy as np

rng = np.random.default_rng(3)
X, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 3))
weights = {gate: rng.normal(size=(4, 3)) for gate in ("input", "candidate")}
for epoch in range(3):
    i = 1 / (1 + np.exp(-(X @ weights["input"])))
    g = np.tanh(X @ weights["candidate"])
    loss = np.sum((i * g - y) ** 2)
    d = 2 * (i * g - y)
    delta = {
        "candidate": d * i * (1 - g**2),
        "input": d * g * i * (1 - i),
    }
    for gate in weights:
        weights[gate] -= 0.01 * X.T @ delta[gate]
"""
STATES = """
import numpy as np

rng = np.random.default_rng(2)
x, y = rng.normal(size=7), rng.normal(size=7)
w_in, w_back, w_out = rng.normal(size=4), rng.normal(size=(4, 4)) * 0.3, rng.normal(size=4)
for epoch in range(3):
    H, Y = np.zeros((8, 4)), np.zeros(7)
    for t in range(7):
        H[t + 1] = np.tanh(w_in * x[t] + w_back.dot(H[t]))
        Y[t] = w_out.dot(H[t + 1])
    loss = 0.5 * np.sum((Y - y) ** 2)
    dY, D, back = Y - y, np.zeros((7, 4)), np.zeros(4)
    for t in range(6, -1, -1):
        dh = w_out * dY[t] + back
        D[t] = dh * (1 - H[t + 1] ** 2)
        back = w_back.T.dot(D[t])
    w_out -= 0.01 * dY.dot(H[1:])
    w_in -= 0.01 * D.T.dot(x)
    w_back -= 0.01 * D.T.dot(H[:-1])
"""
HEADS = """
import numpy as np

rng = np.random.default_rng(8)
X, y = rng.normal(size=(6, 5)), rng.normal(size=6)
w = {"W": rng.normal(size=(5, 5)), "v": rng.normal(size=5), "c": np.zeros(())}
g = {name: np.zeros_like(value) for name, value in w.items()}
velocity = {name: np.zeros_like(value) for name, value in w.items()}
for epoch in range(3):
    loss = 0.0
    for x, goal in zip(X, y):
        h = np.maximum(0, w["W"] @ x)
        error = (w["v"] @ h + w["c"] - goal) / 6
        loss += 3 * error**2
        g["v"] += error * h
        g["c"] += error
        g["W"] += np.outer(w["v"] * error * (h > 0), x)
    for name in w:
        velocity[name] = 0.5 * velocity[name] - 0.1 * g[name]
        w[name] = w[name] + velocity[name]
        g[name] = np.zeros_like(w[name])
"""
LASSO = """
import numpy as np

rng = np.random.default_rng(3)
X = rng.normal(size=(20, 4))
y = X @ np.array([1.5, -2.0, 0.0, 0.3])
w, b, l1_penalty = np.zeros(4), 0.0, 2.0
for epoch in range(4):
    error = y - (X @ w + b)
    dw = np.zeros(4)
    for j in range(4):
        if w[j] > 0:
            dw[j] = (-2 * X[:, j] @ error + l1_penalty) / 20
        else:
            dw[j] = (-2 * X[:, j] @ error - l1_penalty) / 20
    db = -2 * np.sum(error) / 20
    w = w - 0.05 * dw
    b = b - 0.05 * db
"""
COLUMN = """
import numpy as np

rng = np.random.default_rng(6)
X, y = rng.normal(size=(10, 3)), rng.integers(0, 2, size=(10, 1))
w = rng.normal(size=3)
for epoch in range(3):
    p = 1 / (1 + np.exp(-(X @ w)))
    loss = -np.mean(y[:, 0] * np.log(p) + (1 - y[:, 0]) * np.log(1 - p))
    err = (p - y[:, 0]).reshape(-1, 10).mean(axis=0)
    w -= 0.1 * X.T @ err / 10
"""


@pytest.mark.parametrize(
    "text", [BY_ENTRIES, LAYERS, NAMED_ALIKE, GATES, STATES, HEADS, LASSO, COLUMN],
    ids=["by entries", "layers", "named alike", "gates", "states", "heads", "lasso", "column"],
)  # fmt: skip
def test_what_is_right_is_right(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("text", "right", "wrong", "kind"),
    [
        (BY_ENTRIES, "hidden_w[i] -= 0.1", "hidden_w[i] += 0.1", "sign"),
        (LAYERS, "(grad - mean - self.hat * along)", "(grad - mean)", "missing-term"),
        (GATES, '"input": d * g * i * (1 - i),', '"input": d * g,', "missing-derivative"),
        (STATES, "D[t] = dh * (1 - H[t + 1] ** 2)", "D[t] = dh", "missing-derivative"),
        (HEADS, 'g["W"] += np.outer(', 'g["W"] = np.outer(', "overwritten-accumulation"),
        (COLUMN, "err = (p - y[:, 0])", "err = (p - y)", "broadcasting-shape"),
    ],
    ids=["by entries", "layers", "gates", "states", "heads", "column"],
)  # fmt: skip
def test_a_mistake_is_told_where_it_is_written(tmp_path: Path, text: str, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, text, right, wrong)
    assert told(check) == (line, kind), str(check)


def test_what_an_objective_is_given_may_be_a_list() -> None:
    optimize = pytest.importorskip("scipy.optimize")

    def objective(w: np.ndarray, goal: np.ndarray, rate: float) -> tuple[float, np.ndarray]:
        return float(np.sum((w - goal) ** 2)), 2 * (w - goal)

    given = [np.ones(2), 0.5]
    assert objective_in(optimize.fmin_tnc, (objective, np.zeros(2)), {"args": given})[2] == tuple(given)
    assert objective_in(optimize.minimize, (objective, np.zeros(2)), {"args": given, "jac": True})[2] == (given,)
