"""Scripts as lessons and homework have them: their optimizers, names of lists, losses that are added up, and loops."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

WRITTEN_OVER = """
import numpy as np

draw = np.random.default_rng(0)
x, t = draw.normal(size=(12, 4)), draw.normal(size=(12, 2))
net = [draw.normal(size=(4, 3)), np.zeros(3), draw.normal(size=(3, 2))]
means, squares = ([np.zeros_like(p) for p in net] for _ in range(2))
once, twice = 1, 1

for turn in range(4):
    h = np.tanh(x @ net[0] + net[1])
    out = h @ net[2]
    loss = np.mean((out - t) ** 2)
    d = 2 * (out - t) / t.size
    dh = d @ net[2].T * (1 - h**2)
    slopes = [x.T @ dh, dh.sum(axis=0), h.T @ d]
    once *= 0.9
    twice *= 0.999
    rate = 0.01 * (1 - twice) ** 0.5 / (1 - once)
    for p, slope, grad_mean, grad_square in zip(net, slopes, means, squares):
        np.copyto(grad_mean, 0.9 * grad_mean + (1 - 0.9) * slope)
        np.copyto(grad_square, 0.999 * grad_square + (1 - 0.999) * np.power(slope, 2))
        p -= rate * grad_mean / (np.sqrt(grad_square) + 1e-8)
"""
ADADELTA = """
import numpy as np

draw = np.random.default_rng(1)
x, y = draw.normal(size=(20, 4)), draw.integers(0, 2, 20)
w, D, G = draw.normal(size=4), np.zeros(4), np.zeros(4)
for turn in range(5):
    p = 1 / (1 + np.exp(-x @ w))
    cost = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))
    error = p - y
    slope = x.T @ error
    G = 0.9 * G + 0.1 * slope**2
    delta_w = -(np.sqrt(D) + 1e-6) / (np.sqrt(G) + 1e-6) * slope
    D = 0.9 * D + 0.1 * delta_w**2
    w = w + delta_w
"""


ONE = """
import numpy as np

draw = np.random.default_rng(4)
X, y = draw.normal(size=(9, 3)), draw.normal(size=9)
w = np.ones(3)
for turn in range(4):
    for x, t in zip(X, y):
        miss = x @ w - t
        loss = 0.5 * np.mean((X @ w - y) ** 2)
        w -= 0.1 * x * miss
"""


MARGIN = """
import numpy as np

draw = np.random.default_rng(6)
X = draw.normal(size=(9, 3))
y = np.sign(X[:, 0] + 0.1)
w, C = np.zeros(3), 50.0
for turn in range(4):
    for i, x in enumerate(X):
        loss = w @ w / 2 + C * np.sum(np.maximum(0, 1 - y * (X @ w))) / len(y)
        slope = w if 1 - y[i] * (x @ w) < 0 else w - C * y[i] * x
        w = w - 0.001 * slope
"""
ADJOINT = """
import numpy as np

draw = np.random.default_rng(7)
A, C = 0.5 * np.eye(2), draw.normal(size=(1, 2))
start, y = draw.normal(size=2), draw.normal(size=(1, 12))
V_old, step = np.inf, 0.1
for turn in range(4):
    X, E = np.zeros((2, 13)), np.zeros_like(y)
    X[:, 0] = start
    for t in range(12):
        E[:, t] = y[:, t] - C @ X[:, t]
        X[:, t + 1] = A @ X[:, t]
    V = 0.5 * np.sum(E * E) / 12
    if V > V_old:
        step /= 2
    V_old = V
    gA, gC, lam = np.zeros_like(A), np.zeros_like(C), np.zeros(2)
    for t in range(12)[::-1]:
        eps = E[:, t] / 12
        gA += np.outer(lam, X[:, t])
        gC -= np.outer(eps, X[:, t])
        lam = A.T @ lam - C.T @ eps
    for part, slope in ((A, gA), (C, gC), (start, lam)):
        part -= step * slope
"""


@pytest.mark.parametrize("text", [WRITTEN_OVER, ADADELTA, ONE, MARGIN, ADJOINT])
def test_the_gradient_in_such_a_step_is_judged(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert not check.case.convention, str(check)


def test_a_mistake_in_such_a_step_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, WRITTEN_OVER, "(1 - h**2)", "(1 - h)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


TAKEN_OFF = """
import numpy as np

draw = np.random.default_rng(2)
V, W = draw.normal(size=(5, 4)), draw.normal(size=(3, 5))
for epoch in range(3):
    total = 0.0
    for x, wanted in zip(draw.normal(size=(6, 4)), [0, 2, 1, 1, 0, 2]):
        s = np.tanh(V @ x)
        e = np.exp(W @ s)
        y = e / sum(e)
        total -= np.log(y[wanted])
        lacking = np.eye(3)[wanted] - y
        inner = (W.T @ lacking) * (1 - s**2)
        W += 0.5 * np.outer(lacking, s)
        V += 0.5 * np.outer(inner, x)
"""


def test_what_is_taken_off_a_total_is_the_loss(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TAKEN_OFF)
    assert check.ok, str(check)
    assert "total is taken; 2 of 2 gradients fit it" in str(check)
    check, line = edited_script(tmp_path, TAKEN_OFF, "(W.T @ lacking) * (1 - s**2)", "W.T @ lacking")
    assert told(check) == (line, "missing-derivative"), str(check)


ENTRIES = """
import numpy as np

draw = np.random.default_rng(3)
X, y = draw.normal(size=(25, 3)), draw.integers(0, 2, 25)
a = draw.normal(size=4)
for turn in range(4):
    slope = np.zeros(4)
    for i in range(25):
        p = 1 / (1 + np.exp(-(a[0] + np.dot(a[1:], X[i]))))
        slope[0] += p - y[i]
        slope[1:] += (p - y[i]) * X[i, 0:]
    slope /= 25
    a = a - 0.5 * slope
"""


def test_the_loss_that_most_entries_fit_tells_of_the_one_that_does_not(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, ENTRIES).ok
    check, line = edited_script(tmp_path, ENTRIES, "slope[0] += p - y[i]", "slope[0] += (p - y[i]) * X[i, 0]")
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == line, str(check)
    assert "most entries of the gradients fit it" in " ".join(str(check).split())


CALLED = """
import numpy as np

draw = np.random.default_rng(4)
X, y = draw.normal(size=(9, 3)), draw.normal(size=9)

def by_all(w):
    error = X @ w - y
    loss = 0.5 * np.mean(error**2)
    w -= 0.1 * X.T @ error / len(y)
    return w

def by_one(w):
    for x, t in zip(X, y):
        miss = x @ w - t
        squares = 0.5 * miss**2
        loss = 0.5 * np.mean((X @ w - y) ** 2)
        w -= 0.1 * x * miss
    return w

w = np.ones(3)
for turn in range(4):
    w = by_all(w)
w = np.ones(3)
for turn in range(4):
    w = by_one(w)
"""


def test_a_loop_that_a_later_one_calls_is_looked_at(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, CALLED)
    assert check.ok, str(check)
    check, line = edited_script(tmp_path, CALLED, "w -= 0.1 * x * miss", "w -= 0.1 * x * miss**2")
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == line, str(check)


ALL = """
import numpy as np
from tinygrad_scratch import verify

draw = np.random.default_rng(5)
all_weights = [draw.normal(size=(6, 1)), draw.normal(size=(1, 6))]
all_biases = [draw.normal(size=(6, 1)), draw.normal(size=(1, 1))]
x, y = draw.normal(size=(1, 4)), draw.normal(size=(1, 4))

class Net:
    def run(self):
        f = all_biases[0] + all_weights[0] @ x
        h = np.maximum(f, 0)
        out = all_biases[1] + all_weights[1] @ h
        self.all_dl_df = [None] * 2
        self.all_dl_dweights, self.all_dl_dbiases = [None] * 2, [None] * 2
        self.all_dl_df[1] = 2 * (out - y)
        for layer, before in ((1, h), (0, x)):
            self.all_dl_dbiases[layer] = self.all_dl_df[layer].sum(axis=1, keepdims=True)
            self.all_dl_dweights[layer] = self.all_dl_df[layer] @ before.T
            if layer:
                self.all_dl_df[0] = (f > 0) * (all_weights[1].T @ self.all_dl_df[1])
        return np.sum((out - y) ** 2)

net = Net()
with verify(all_weights=all_weights, all_biases=all_biases) as check:
    check.loss = net.run()
    check.gradients_in(net)
"""


def test_lists_that_are_called_all_gradients_are_paired(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ALL)
    assert check.ok, str(check)
    assert len(check.finals) == 4, str(check)


HIDDEN = """
import numpy as np

draw = np.random.default_rng(8)
x, y = draw.normal(size=(10, 4)), draw.normal(size=(10, 2))
w1, w2 = draw.normal(size=(4, 3)), draw.normal(size=(3, 2))
for turn in range(3):
    h = 1 / (1 + np.exp(-x.dot(w1)))
    out = h.dot(w2)
    loss = np.square(out - y).sum()
    grad_out = 2.0 * (out - y)
    grad_w2 = h.T.dot(grad_out)
    grad_h = grad_out.dot(w2.T)
    grad_w1 = x.T.dot(grad_h * h * (1 - h))
    w1 -= 0.01 * grad_w1
    w2 -= 0.01 * grad_w2
"""


def test_a_gradient_of_what_its_name_says_lacks_no_slope(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, HIDDEN, "x.T.dot(grad_h * h * (1 - h))", "x.T.dot(grad_h)")
    assert told(check) == (line, "missing-derivative"), str(check)
