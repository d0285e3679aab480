"""Forms that courses and small libraries have: which loss is meant, what a step is, and where a mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

DATA = """
import numpy as np

rng = np.random.default_rng(3)
"""
ONE_AT_A_TIME = (
    DATA
    + """
points, marks = np.array([[1, 0], [0, 2], [1, 1], [1, 3], [2, 2], [3, 2]]), np.array([0, 0, 0, 1, 1, 1])


def chance(w, b, x):
    return np.exp(np.dot(w, x) + b) / (1 + np.exp(np.dot(w, x) + b))


def log_loss(w, b, x, y):
    return -y * np.log(chance(w, b, x)) - (1 - y) * np.log(1 - chance(w, b, x))


w, b, errors = [1.0, 1.0], 0.0, []
for turn in range(20):
    errors.append(sum(log_loss(w, b, x, y) for x, y in zip(points, marks)))
    i = rng.integers(len(points))
    p = chance(w, b, points[i])
    for k in range(2):
        w[k] += (marks[i] - p) * points[i][k] * 0.01
    b += (marks[i] - p) * 0.01
"""
)
COUNTS = (
    DATA
    + """
X = rng.random((30, 3))
y = rng.poisson(np.exp(X @ np.array([0.5, 1.0, -0.5])))
theta = np.zeros(3)
while True:
    rows = rng.choice(30, 20)
    gradient = X[rows].T @ (y[rows] - np.exp(X[rows] @ theta)) / 20
    theta += 0.05 * gradient
    if np.linalg.norm(gradient) < 0.4:
        break
"""
)


def test_a_loss_of_all_is_not_that_of_one_with_a_penalty(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ONE_AT_A_TIME)
    assert check.ok, str(check)
    assert "in the direction of ascent" in str(check)


def test_the_poisson_likelihood_is_well_known(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, COUNTS)
    assert check.ok, str(check)
    assert check.entry.loss_name.startswith("Poisson negative log-likelihood")


REGULARISED = (
    DATA
    + """
X, y = rng.normal(size=(12, 4)), rng.integers(1, 4, (12, 1))


def squash(z):
    return 1 / (1 + np.exp(-z))


def cost_of(params, strength):
    V, W = params[:20].reshape(4, 5), params[20:].reshape(3, 5)
    m, rows = len(X), np.hstack((np.ones((12, 1)), X))
    hot = (y == np.arange(1, 4)).astype(float)
    h = np.hstack((np.ones((m, 1)), squash(rows @ V.T)))
    out = squash(h @ W.T)
    cost = np.sum(-hot * np.log(out) - (1 - hot) * np.log(1 - out)) / m
    reg_cost = cost + strength / (2 * m) * (np.sum(V[:, 1:] ** 2) + np.sum(W[:, 1:] ** 2))
    grad1, grad2 = np.zeros(V.shape), np.zeros(W.shape)
    for i in range(m):
        d2 = out[i] - hot[i]
        d1 = (W.T @ d2) * h[i] * (1 - h[i])
        grad1 = grad1 + d1[1:][:, None] @ rows[i][None]
        grad2 = grad2 + d2[:, None] @ h[i][None]
    grad1 = 1 / m * grad1
    grad2 = 1 / m * grad2
    grad1_reg = grad1 + strength / m * np.hstack((np.zeros((4, 1)), V[:, 1:]))
    grad2_reg = grad2 + strength / m * np.hstack((np.zeros((3, 1)), W[:, 1:]))
    return cost, grad1, grad2, reg_cost, grad1_reg, grad2_reg


V, W = rng.normal(size=(4, 5)), rng.normal(size=(3, 5))
for turn in range(5):
    cost, grad1, grad2 = cost_of(np.append(V.flatten(), W.flatten()), 1.0)[3:]
    V = V - 0.8 * grad1
    W = W - 0.8 * grad2
"""
)


def test_a_gradient_with_its_penalty_is_no_velocity_by_the_name_that_it_gets_outside(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, REGULARISED).ok
    check, line = edited_script(tmp_path, REGULARISED, "h[i] * (1 - h[i])", "h[i]")
    assert told(check) == (line, "missing-derivative"), str(check)


ADAPTIVE = (
    DATA
    + """
X = rng.normal(size=(20, 3))
y = (X @ np.array([1.0, -2.0, 0.5]) > 0.1).astype(float)
w, b, of_w, of_b = np.ones(3), 0.0, np.zeros(3), 0.0
for turn in range(9):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    w_grad, b_grad = -X.T @ (y - p), -np.sum(y - p)
    of_w, of_b = of_w + w_grad**2, of_b + b_grad**2
    loss = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))
    w = w - 0.5 / np.sqrt(of_w) * w_grad
    b = b - 0.5 / np.sqrt(of_b) * b_grad
"""
)
CALLED_DELTA = """
    delta_w = -0.5 / np.sqrt(of_w) * w_grad
    w = w + delta_w
"""


@pytest.mark.parametrize("step", ["    w = w - 0.5 / np.sqrt(of_w) * w_grad\n", CALLED_DELTA])
def test_steps_of_adagrad_for_single_numbers_and_by_any_name(tmp_path: Path, step: str) -> None:
    right = ADAPTIVE.replace("    w = w - 0.5 / np.sqrt(of_w) * w_grad\n", step)
    assert check_of_script(tmp_path, right).ok
    check, line = edited_script(tmp_path, right, "-X.T @ (y - p)", "-X.T @ (y - p) * p.mean()")
    assert told(check)[0] == line, str(check)


HELD_BACK = (
    DATA
    + """
X = rng.normal(size=(40, 4)) * 3
Y = (X @ rng.normal(size=4) > 0).astype(float)
train_x, train_y, dev_x, dev_y = X[:30], Y[:30], X[30:], Y[30:]


def chance(x, w, b):
    return np.clip(1 / (1 + np.exp(-(x @ w + b))), 1e-8, 1 - 1e-8)


def cross_entropy(p, y, w, strength):
    return -y @ np.log(p) - (1 - y) @ np.log(1 - p) + strength * np.sum(w**2)


w, b, losses, dev_losses = np.zeros(4), np.zeros(1), [], []
for epoch in range(6):
    order = rng.permutation(30)
    train_x, train_y = train_x[order], train_y[order]
    x, y = train_x[:25], train_y[:25]
    off = y - chance(x, w, b)
    w_grad, b_grad = -np.sum(off * x.T, 1) + 2 * 5 * w, -np.sum(off)
    w = w - 0.001 * w_grad
    b = b - 0.001 * b_grad
    losses.append(cross_entropy(chance(train_x, w, b), train_y, w, 5) / 30)
    dev_losses.append(cross_entropy(chance(dev_x, w, b), dev_y, w, 5) / 10)
"""
)
LAST_ALONE = (
    DATA
    + """
X, Y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
W, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
for turn in range(6):
    dW, dV = np.zeros_like(W), np.zeros_like(V)
    for k in range(6):
        x, t = X[k : k + 1], Y[k : k + 1]
        h = np.tanh(x @ W)
        out = h @ V
        dV += h.T @ (np.abs(out - t) * (out - t))
        dW += x.T @ ((np.abs(out - t) * (out - t)) @ V.T * (1 - h**2))
    W -= 0.01 * dW
    V -= 0.01 * dV
    loss = np.sum(np.abs(out - t) ** 3) / 3
"""
)


def test_a_loss_of_samples_that_are_held_back_is_none_to_judge_by(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HELD_BACK)
    assert check.first_wrong is None, str(check)
    assert check.ok, str(check)


def test_nor_is_one_of_the_last_sample_alone(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LAST_ALONE)
    assert check.first_wrong is None, str(check)


SMOOTHED = (
    DATA
    + """
X, Y = rng.normal(size=(8, 3)), rng.integers(0, 2, (8, 1)).astype(float)
W, V, b = rng.normal(size=(3, 5)), rng.normal(size=(5, 1)), np.zeros(1)
smooth = 8 * np.log(2)
for turn in range(9):
    h = np.tanh(X @ W)
    p = 1 / (1 + np.exp(-(h @ V + b)))
    E = -np.sum(Y * np.log(p) + (1 - Y) * np.log(1 - p))
    d = p - Y
    dV, db = h.T @ d, d.sum(0)
    dW = X.T @ (d @ V.T * (1 - h**2))
    for q, g in ((W, dW), (V, dV), (b, db)):
        q -= 0.05 * g
    smooth = 0.97 * smooth + 0.03 * E
"""
)


def test_an_average_over_turns_is_not_what_gradients_are_of(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SMOOTHED).ok
    check, line = edited_script(tmp_path, SMOOTHED, "d @ V.T * (1 - h**2)", "d @ V.T")
    assert told(check) == (line, "missing-derivative"), str(check)
    assert check.entry.loss_name == "E"


TWO_MODELS = (
    DATA
    + """
X, y = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)


def linear_epoch(X, y, theta, rate, batch):
    for i in range(0, len(X), batch):
        x, hot = X[i : i + batch], np.eye(3)[y[i : i + batch]]
        p = np.exp(x @ theta)
        p = p / p.sum(1, keepdims=True)
        theta -= rate * (x.T @ (p - hot) / batch)


def net_epoch(X, y, W, V, rate, batch):
    for i in range(0, len(X), batch):
        x, hot = X[i : i + batch], np.eye(3)[y[i : i + batch]]
        h = np.maximum(0, x @ W)
        p = np.exp(h @ V)
        p = p / p.sum(1, keepdims=True)
        g = (h > 0) * ((p - hot) @ V.T)
        dW, dV = x.T @ g / batch, h.T @ (p - hot) / batch
        W -= rate * dW
        V -= rate * dV


def train_linear(epochs):
    theta = np.zeros((4, 3))
    for epoch in range(epochs):
        linear_epoch(X, y, theta, 0.1, 5)
        print(np.mean(np.argmax(X @ theta, 1) != y))


def train_net(epochs):
    W, V = rng.normal(size=(4, 6)), rng.normal(size=(6, 3))
    for epoch in range(epochs):
        net_epoch(X, y, W, V, 0.1, 5)
        print(np.mean(np.argmax(np.maximum(0, X @ W) @ V, 1) != y))


train_linear(3)
train_net(3)
"""
)


def test_what_another_function_trains_is_judged_past_a_loop_that_ends_its_function(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TWO_MODELS)
    assert check.ok, str(check)
    check, line = edited_script(tmp_path, TWO_MODELS, "(h > 0) * ((p - hot) @ V.T)", "(p - hot) @ V.T")
    assert told(check) == (line, "missing-derivative"), str(check)


SMALL_LIBRARY = """
import numpy as np


class Param:
    def __init__(self, value):
        self.value, self.grad = value, np.zeros_like(value)


class Dense:
    def __init__(self, n, m, rng):
        self.W = Param(rng.normal(size=(n, m)))

    def params(self):
        return [self.W]

    def forward(self, x):
        self.x = x
        return x @ self.W.value

    def backward(self, d):
        self.W.grad += self.x.T @ d
        return d @ self.W.value.T


class Residual:
    def __init__(self, inner):
        self.inner = inner

    def params(self):
        return self.inner.params()

    def forward(self, x):
        return x + self.inner.forward(x)

    def backward(self, d):
        return d + self.inner.backward(d)


class Descent:
    def __init__(self, params, rate):
        self.params, self.rate = params, rate

    def step(self):
        for p in self.params:
            p.value -= self.rate * p.grad
            p.grad[...] = 0.0
"""
OF_LIBRARY = (
    DATA
    + """
from small import Dense, Descent, Residual

X, Y = rng.normal(size=(10, 4)), rng.normal(size=(10, 2))
layers = [Dense(4, 4, rng), Residual(Dense(4, 4, rng)), Dense(4, 2, rng)]
descent = Descent([p for layer in layers for p in layer.params()], 0.01)
for turn in range(6):
    out = X[rng.permutation(10)[:8]]
    for layer in layers:
        out = layer.forward(out)
    loss = np.sum((out - Y[:8]) ** 2)
    d = 2 * (out - Y[:8])
    for layer in reversed(layers):
        d = layer.backward(d)
    descent.step()
"""
)


def test_a_residual_block_updates_nothing_where_the_optimizer_is_in_another_file(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, OF_LIBRARY, small=SMALL_LIBRARY)
    assert check.ok, str(check)
    assert len(check.finals) == 3


CLIPPED = (
    DATA
    + """
X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
W, V, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), np.zeros(4)
for turn in range(6):
    h = np.tanh(X @ W + b)
    loss = np.mean((h @ V - Y) ** 2)
    d = 2 * (h @ V - Y) / Y.size
    dV, e = h.T @ d, d @ V.T * (1 - h**2)
    dW, db = X.T @ e, e.sum(0)
    most = np.max(np.abs(dW)) + 1e-3 if turn == 0 else most
    for g in (dW, dV, db):
        np.clip(g, -MOST, MOST, out=g)
    W -= 0.1 * dW
    V -= 0.1 * dV
    b -= 0.1 * db
"""
)


@pytest.mark.parametrize("most", [5.0, 0.9])
def test_clipping_in_place_is_taken_off_whether_it_does_anything_or_not(tmp_path: Path, most: float) -> None:
    check = check_of_script(tmp_path, CLIPPED.replace("MOST", str(most)))
    assert check.ok, str(check)


IN_PARTS = (
    DATA
    + """
ins, outs = rng.normal(size=(7, 3)), rng.normal(size=(7, 3))


def partial(center, other):
    p = 1 / (1 + np.exp(-center @ other))
    return -np.log(p), (p - 1) * other, (p - 1) * center


for turn in range(5):
    cost, d_ins, d_outs = 0.0, np.zeros_like(ins), np.zeros_like(outs)
    for i, j in rng.integers(0, 7, (6, 2)):
        partial_cost, g, h = partial(ins[i], outs[j])
        cost += partial_cost
        d_ins[i] += g
        d_outs[j] += h
    ins -= 0.1 * d_ins
    outs -= 0.1 * d_outs
"""
)


def test_a_partial_cost_is_a_part_of_the_cost(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, IN_PARTS)
    assert check.ok, str(check)
    assert check.entry.loss_name == "cost"


WELLS = (
    DATA
    + """
x, f = rng.uniform(-1, 1, (9, 2)), rng.normal(size=9)
q, R = rng.normal(size=4), rng.normal(size=(4, 2))
for n in range(6):
    d = x[:, None, :] - R
    G = np.exp(-np.sum(d**2, axis=2))
    off = G @ q - f
    E = 0.5 * np.sum(off**2)
    M = off[:, None] * G
    M *= q
    gq = G.T @ off
    gR = np.sum(2 * M[:, :, None] * d, axis=0)
    q = q - 0.02 * gq
    R = R - 0.02 * gR
"""
)
CODED = (
    DATA
    + """
X = rng.normal(size=(8, 5))
M, S, D = rng.normal(size=(5, 2)), rng.normal(size=(5, 2)) * 0.1, rng.normal(size=(2, 5))
for turn in range(6):
    noise = rng.normal(size=(8, 2))
    mu, logvar = X @ M, X @ S
    std = np.exp(0.5 * logvar)
    z = mu + std * noise
    off = z @ D - X
    loss = 0.5 * np.sum(off**2) + 0.5 * np.sum(mu**2 + np.exp(logvar) - logvar - 1)
    gD, gz = z.T @ off, off @ D.T
    gmu = gz + mu
    glogvar = gz * noise * 0.5 * std
    glogvar += 0.5 * (np.exp(logvar) - 1)
    gM, gS = X.T @ gmu, X.T @ glogvar
    M -= 0.01 * gM
    S -= 0.01 * gS
    D -= 0.01 * gD
"""
)


def test_an_array_is_told_to_be_written_over_where_that_begins(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, WELLS).ok
    wrong = "M = np.multiply(off[:, None], G, out=G)"
    check, line = edited_script(tmp_path, WELLS, "M = off[:, None] * G", wrong)
    assert told(check) == (line, "inplace-corruption"), str(check)


def test_a_factor_that_lacks_in_what_is_added_to_is_told_where_that_was_made(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, CODED).ok
    check, line = edited_script(tmp_path, CODED, "gz * noise * 0.5 * std", "gz * noise * 0.5")
    assert told(check) == (line, "missing-derivative"), str(check)
    assert check.first_wrong.should_be == "gz * noise * 0.5 * std"


NORMALISED = (
    DATA
    + """
X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
W, b, V = rng.normal(size=(3, 4)), np.zeros(4), rng.normal(size=(4, 2))
for turn in range(6):
    s = X @ W + b.reshape(1, -1)
    spread = np.sqrt(s.var(0) + 1e-5)
    n = (s - s.mean(0)) / spread
    off = n @ V - Y
    total = np.mean(off**2) * 6
    d = 2 * off / off.size
    dV, dn = n.T @ d, d @ V.T
    ds = (dn - dn.mean(0) - n * (dn * n).mean(0)) / spread
    dW, db = X.T @ ds, ds.sum(0)
    W -= 0.1 * dW
    b -= 0.1 * db
    V -= 0.1 * dV
    loss = total
"""
)


def test_a_bias_before_a_normalisation_has_no_factor(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, NORMALISED)
    assert check.ok, str(check)
    assert "1/6 throughout" in str(check)
