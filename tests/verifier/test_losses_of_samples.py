"""Scripts that compute their loss of all samples, and take each step by some of them."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited_script
from tinygrad_scratch.verifier.losses.called_elsewhere import is_given_plainly, name_called
from tinygrad_scratch.verifier.turns.samples import taken

WEIGHTED = """
import numpy as np

rng = np.random.default_rng(4)
X, weight = rng.random((60, 3)), rng.choice([0.5, 1.0, 2.0], 60)
y = np.round(X @ np.array([3.0, -2.0, 1.0]) + 5).astype(int)


def objective(a, b, X, y, w, lam):
    r = a + X @ b - y
    return np.sum(w * r**2) / np.sum(w) + lam * np.sum(b**2)


def train(X, y, w, lam):
    b, a, path = rng.normal(size=3), float(np.mean(y)), []
    for epoch in range(4):
        for S in np.array_split(rng.permutation(60), 3):
            Xs, ys, ws = X[S], y[S], w[S]
            r = a + Xs @ b - ys
            g_b = 2 * Xs.T @ (ws * r) / np.sum(ws) + 2 * lam * b
            g_a = 2 * np.sum(ws * r) / np.sum(ws)
            b = b - 0.1 * g_b
            a = a - 0.1 * g_a
        path.append(objective(a, b, X, y, w, lam))
        print(epoch, path[-1])


train(X, y, weight, 0.3)
"""
CLOSURES = """
import numpy as np

rng = np.random.default_rng(7)
X, y = rng.normal(size=(24, 4)), rng.integers(0, 3, 24)


def make_model(lam):
    W = rng.normal(size=(4, 3))

    def objective(X, y):
        s = X @ W
        surprise = np.log(np.exp(s).sum(axis=1)) - s[np.arange(len(y)), y]
        return surprise.mean() + lam * np.sqrt(W**2 + 0.05).sum()

    def gradient(X, y):
        P = np.exp(X @ W)
        P /= P.sum(axis=1, keepdims=True)
        P[np.arange(len(y)), y] -= 1
        gW = X.T @ P / len(y)
        gW += lam * W / np.sqrt(W**2 + 0.05)
        return gW

    def move(dW):
        nonlocal W
        W = W + dW

    return {"objective": objective, "gradient": gradient, "move": move}


model = make_model(0.1)
for epoch in range(3):
    for k in range(0, 24, 8):
        model["move"](-0.2 * model["gradient"](X[k : k + 8], y[k : k + 8]))
    print(epoch, model["objective"](X, y))
"""
TWO_NETS = """
import numpy as np

rng = np.random.default_rng(2)
X, y = rng.normal(size=(10, 4)), rng.integers(0, 3, 10)


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


class Net:
    def __init__(self):
        self.W = rng.normal(size=(4, 3)) * 0.3
        self.b = np.zeros(3)

    def loss(self, X, y):
        p = softmax(X @ self.W + self.b)
        return -np.mean(np.log(0.1 + p[np.arange(len(y)), y]))

    def train(self, x, y):
        p = softmax(x @ self.W + self.b)
        one = np.eye(3)[y]
        d = (-one / (0.1 + p) + (one * p / (0.1 + p)).sum()) * p
        self.W = self.W - 0.1 * np.outer(x, d)
        self.b = self.b - 0.1 * d


first, second = Net(), Net()
for i, (x, label) in enumerate(zip(X, y)):
    first.train(x, label)
    if i % 5 == 0:
        print(first.loss(X, y))
for epoch in range(2):
    for x, label in zip(X, y):
        second.train(x, label)
    print(second.loss(X, y))
"""


OF_PREDICTIONS = """
import numpy as np

rng = np.random.default_rng(4)
X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
w, b = np.zeros(3), np.zeros(1)


def predict(X, w, b):
    return np.clip(1 / (1 + np.exp(-(X @ w + b))), 1e-8, 1 - 1e-8)


def cross_entropy_loss(p, y, w, lamb):
    return -np.dot(y, np.log(p)) - np.dot(1 - y, np.log(1 - p)) + lamb * np.sum(w**2)


for epoch in range(3):
    for k in range(0, 40, 10):
        error = y[k : k + 10] - predict(X[k : k + 10], w, b)
        w_grad = -np.sum(error * X[k : k + 10].T, 1) + 2 * 0.5 * w
        b_grad = -np.sum(error)
        w = w - 0.01 * w_grad
        b = b - 0.01 * b_grad
    p = predict(X, w, b)
    print(cross_entropy_loss(p, y, w, 0.5))
"""


@pytest.mark.parametrize("text", [WEIGHTED, CLOSURES, TWO_NETS], ids=["weighted", "closures", "two nets"])
def test_the_loss_of_the_samples_of_a_turn_is_taken(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert check.entry.loss_name.endswith("() of the samples of a turn")


def test_predictions_of_turns_before_are_no_samples(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, OF_PREDICTIONS)
    assert check.ok, str(check)
    assert not check.entry.is_of_samples


@pytest.mark.parametrize(
    ("text", "right", "wrong", "kind"),
    [
        (WEIGHTED, "/ np.sum(ws) + 2 * lam * b", "/ np.sum(ws) + lam * b", "regularisation"),
        (CLOSURES, "gW += lam * W / np.sqrt(W**2 + 0.05)", "gW += lam * W", "regularisation"),
        (TWO_NETS, "self.b = self.b - 0.1 * d", "self.b = self.b + 0.1 * d", "sign"),
    ],
    ids=["weighted", "closures", "two nets"],
)
def test_a_mistake_by_that_loss_is_told(tmp_path: Path, text: str, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, text, right, wrong)
    first = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind) == (line, kind), str(check)


def test_samples_stand_in_rows_or_in_columns() -> None:
    data, labels = np.arange(12.0).reshape(3, 4), np.array([[5, 6, 7, 8]])
    some = taken({"X": data, "y": labels}, [data[:, [3, 1]]])
    np.testing.assert_array_equal(some["X"], data[:, [3, 1]])
    np.testing.assert_array_equal(some["y"], labels[:, [3, 1]])
    assert taken({"X": data}, [data, data[:, :1] + 0.5, np.ones(2)]) == {}


def test_rows_that_are_alike_tell_no_samples() -> None:
    assert taken({"X": np.ones((4, 2))}, [np.ones((2, 2))]) == {}


def test_functions_that_a_dict_keeps_are_called_by_their_key() -> None:
    kept, chosen = (ast.parse(text, mode="eval").body for text in ("model['loss'](X, y)", "models[k](X, y[k])"))
    assert isinstance(kept, ast.Call)
    assert isinstance(chosen, ast.Call)
    assert is_given_plainly(kept)
    assert name_called(kept) == "loss"
    assert not is_given_plainly(chosen)
