"""Updates that do more than take a gradient off: decays and penalties in other measures than the gradients beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

HEAD = """import numpy as np
rng = np.random.default_rng(3)
X, Y = rng.normal(size=(12, 4)), rng.normal(size=(12, 3))
XV, YV = rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
W1, b1 = rng.normal(size=(4, 5)) * 0.5, np.zeros(5)
W2, b2 = rng.normal(size=(5, 3)) * 0.5, np.zeros(3)
eta, lmbda, n, mu = 0.1, 0.3, len(X), 0.9
def forward(X):
    H = np.tanh(X @ W1 + b1)
    return H, H @ W2 + b2
def backward(X, Y, H, P):
    d = P - Y
    dh = d @ W2.T * (1 - H ** 2)
    return X.T @ dh, dh.sum(0), H.T @ d, d.sum(0)
"""

UPDATES = {
    "a decoupled decay under Adam, and biases without Adam": """m1, v1 = np.zeros_like(W1), np.zeros_like(W1)
m2, v2 = np.zeros_like(W2), np.zeros_like(W2)
for t in range(1, 4):
    H, P = forward(X)
    loss = 0.5 * np.mean(np.sum((P - Y) ** 2, axis=1))
    g1, c1, g2, c2 = [g / n for g in backward(X, Y, H, P)]
    m1 = 0.9 * m1 + 0.1 * g1; v1 = 0.99 * v1 + 0.01 * g1 ** 2
    m2 = 0.9 * m2 + 0.1 * g2; v2 = 0.99 * v2 + 0.01 * g2 ** 2
    W1 = W1 - eta * (m1 / (1 - 0.9 ** t) / (np.sqrt(v1 / (1 - 0.99 ** t)) + 1e-8) + lmbda * W1)
    W2 = W2 - eta * (m2 / (1 - 0.9 ** t) / (np.sqrt(v2 / (1 - 0.99 ** t)) + 1e-8) + lmbda * W2)
    b1 -= eta * c1
    b2 -= eta * c2
""",
    "a decay as an update of its own, before the step": """for e in range(3):
    H, P = forward(X)
    loss = 0.5 * np.mean(np.sum((P - Y) ** 2, axis=1)) + 0.5 * lmbda * (np.sum(W1 ** 2) + np.sum(W2 ** 2))
    g1, c1, g2, c2 = backward(X, Y, H, P)
    W1 *= 1 - eta * lmbda
    W2 *= 1 - eta * lmbda
    W1 -= eta * g1 / n
    W2 -= eta * g2 / n
    b1 -= eta * c1 / n
    b2 -= eta * c2 / n
""",
    "a decay of the matrices of a dict": """par = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
for e in range(3):
    W1, b1, W2, b2 = par["W1"], par["b1"], par["W2"], par["b2"]
    H, P = forward(X)
    loss = 0.5 * np.mean(np.sum((P - Y) ** 2, axis=1)) + 0.5 * lmbda * (np.sum(W1 ** 2) + np.sum(W2 ** 2))
    g = dict(zip(("W1", "b1", "W2", "b2"), backward(X, Y, H, P)))
    for k in par:
        if k.startswith("W"):
            par[k] = par[k] * (1 - eta * lmbda) - eta * g[k] / n
        else:
            par[k] = par[k] - eta * g[k] / n
""",
    "the slope of an L1 penalty in the update": """for e in range(3):
    H, P = forward(X)
    g1, c1, g2, c2 = backward(X, Y, H, P)
    W1 = W1 - eta * lmbda / n * np.sign(W1) - eta / n * g1
    W2 = W2 - eta * lmbda / n * np.sign(W2) - eta / n * g2
    b1 = b1 - eta / n * c1
    b2 = b2 - eta / n * c2
    P = forward(X)[1]
    cost = 0.5 * np.sum((P - Y) ** 2) / n + lmbda / n * (np.abs(W1).sum() + np.abs(W2).sum())
    print(cost)
""",
    "a velocity that holds its rate, beside a decay": """v1, v2 = np.zeros_like(W1), np.zeros_like(W2)
for e in range(3):
    H, P = forward(X)
    cost = 0.5 * np.sum((P - Y) ** 2) / n + 0.5 * lmbda / n * (np.sum(W1 ** 2) + np.sum(W2 ** 2))
    g1, c1, g2, c2 = backward(X, Y, H, P)
    v1 = mu * v1 - eta / n * g1
    v2 = mu * v2 - eta / n * g2
    W1 = (1 - eta * lmbda / n) * W1 + v1
    W2 = (1 - eta * lmbda / n) * W2 + v2
    b1 -= eta / n * c1
    b2 -= eta / n * c2
""",
    "the loss of other data, after the update": """for e in range(3):
    H, P = forward(X)
    g1, c1, g2, c2 = backward(X, Y, H, P)
    W1 -= eta / n * g1
    W2 -= eta / n * g2
    b1 -= eta / n * c1
    b2 -= eta / n * c2
    val_loss = np.mean((forward(XV)[1] - YV) ** 2)
    print("validation loss", val_loss)
""",
    "a decay after the step, and a rate that falls": """for e in range(3):
    H, P = forward(X)
    loss = np.mean((P - Y) ** 2)
    d = 2 * (P - Y) / P.size
    g1, c1, g2, c2 = backward(X, 0, H, d)
    rate = eta / (1 + 0.1 * e)
    W1 = W1 - rate * g1; b1 = b1 - rate * c1; W2 = W2 - rate * g2; b2 = b2 - rate * c2
    weight_decay = 0.001
    W1 *= 1 - weight_decay; W2 *= 1 - weight_decay
""",
}


@pytest.mark.parametrize("name", UPDATES)
def test_it_is_right(tmp_path: Path, name: str) -> None:
    check = check_of_script(tmp_path, HEAD + UPDATES[name])
    assert check.ok, str(check)


def test_by_the_loss_of_other_data_alone_nothing_is_accused(tmp_path: Path) -> None:
    script = HEAD + UPDATES["the loss of other data, after the update"]
    changed = script.replace("= backward(X, Y, H, P)", "= backward(X, 0, H, (P - Y) ** 3)")
    assert changed != script
    check = check_of_script(tmp_path, changed)
    assert check.problem is not None, str(check)


WRONG = [
    ("a velocity that holds its rate, beside a decay", "v2 = mu * v2 - eta / n * g2", "v2 = mu * v2 - eta * g2"),
    ("a velocity that holds its rate, beside a decay", "W2 = (1 - eta * lmbda / n)", "W2 = (1 - eta * lmbda)"),
    ("a decay as an update of its own, before the step", "W1 -= eta * g1 / n", "W1 -= eta * g1"),
    ("a decay as an update of its own, before the step", "W2 *= 1 - eta * lmbda", "W2 *= 1 + eta * lmbda"),
    ("a decay as an update of its own, before the step", "H.T @ d, d.sum(0)", "H.T @ d, d.mean(0)"),
    ("the slope of an L1 penalty in the update", "b2 = b2 - eta / n * c2", "b2 = b2 - eta * c2"),
]


@pytest.mark.parametrize(("name", "right", "wrong"), WRONG)
def test_a_mistake_in_it_is_told(tmp_path: Path, name: str, right: str, wrong: str) -> None:
    check, line = edited_script(tmp_path, HEAD + UPDATES[name], right, wrong)
    assert told(check)[0] == line, str(check)


CENTRED = """
import numpy as np

rng = np.random.default_rng(1)


class Plain:
    def step(self, w, b, dw, db, rate):
        return w - rate * dw, b - rate * db


class Adam:
    def __init__(self):
        self.t, self.m, self.v = 0, None, None

    def step(self, w, b, dw, db, rate):
        if self.m is None:
            self.m, self.v = [np.zeros_like(w), np.zeros_like(b)], [np.zeros_like(w), np.zeros_like(b)]
        self.t += 1
        new = []
        for i, (p, g) in enumerate(((w, dw), (b, db))):
            self.m[i] = 0.9 * self.m[i] + 0.1 * g
            self.v[i] = 0.99 * self.v[i] + 0.01 * g**2
            m, v = self.m[i] / (1 - 0.9**self.t), self.v[i] / (1 - 0.99**self.t)
            new.append(p - rate * m / (np.sqrt(v) + 1e-8))
        return new


class Dense:
    def __init__(self, n, m, steps):
        self.w, self.b, self.steps = rng.normal(size=(n, m)), np.zeros((1, m)), steps

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, d, rate):
        dw, db = self.x.T @ d, d.sum(axis=0, keepdims=True)
        back = d @ self.w.T
        self.w, self.b = self.steps.step(self.w, self.b, dw, db, rate)
        return back


class Centre:
    def forward(self, x):
        return x - x.mean(axis=0)

    def backward(self, d, rate):
        return d - d.mean(axis=0)


class Bend:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, d, rate):
        return d * (1 - self.y**2)


x, y = rng.normal(size=(11, 3)), rng.normal(size=(11, 2))
layers = [Dense(3, 5, Plain()), Bend(), Dense(5, 4, Adam()), Centre(), Bend(), Dense(4, 2, Plain())]
for turn in range(4):
    out = x
    for layer in layers:
        out = layer.forward(out)
    loss = np.mean((out - y) ** 2)
    d = 2 * (out - y) / y.size
    for layer in layers[::-1]:
        d = layer.backward(d, 0.05)
"""


def test_a_gradient_of_mere_rounding_is_in_no_measure(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, CENTRED)
    assert check.ok, str(check)
    check, line = edited_script(tmp_path, CENTRED, "return d * (1 - self.y**2)", "return d * (1 - self.y)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)
