"""Mistakes in one expression of programs as people write them: the line, the kind, and what should stand there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, edited_script, told

TABLE = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


CURVES = {
    "soft": (lambda z: np.log1p(np.exp(z)), sigmoid),
    "bell": (lambda z: np.exp(-z * z), lambda z: -2 * z * np.exp(-z * z)),
}


def passes(x, y, w, v, u):
    curve, other = CURVES["bell"], CURVES["soft"]
    z = x @ w
    h = curve[0](z)
    s = h @ v
    g = other[0](s)
    p = g @ u
    loss = np.mean((p - y) ** 2)
    dp = 2 * (p - y) / p.size
    du = g.T @ dp
    ds = dp @ u.T * other[1](s)
    dv = h.T @ ds
    dz = ds @ v.T * curve[1](z)
    return loss, (x.T @ dz, dv, du)


def check(verify):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    w, v, u = rng.normal(size=(3, 5)), rng.normal(size=(5, 4)), rng.normal(size=(4, 2))
    with verify(w=w, v=v, u=u) as check:
        check.loss, check.gradients = passes(x, y, w, v, u)
    return check
"""
SLOPES = """
import numpy as np


def tanh(z):
    return np.tanh(z)


def tanh_d(z):
    e = np.exp(2 * z)
    return 1 - ((e - 1) / (e + 1)) ** 2


class Curve:
    def forward(self, z):
        self.z = z
        return tanh(z)

    def back(self, d):
        return d * tanh_d(self.z)


def check(verify):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    w, v = rng.normal(size=(3, 5)), rng.normal(size=(5, 2))
    curve = Curve()
    with verify(w=w, v=v) as check:
        h = curve.forward(x @ w)
        check.loss = np.mean((h @ v - y) ** 2)
        d = 2 * (h @ v - y) / y.size
        d_hidden = curve.back(d @ v.T)
        check.gradients = dict(w=x.T @ d_hidden, v=h.T @ d)
    return check
"""
ENTROPY = """
import numpy as np


class Shares:
    def forward(self, scores):
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.shares = e / e.sum(axis=1, keepdims=True)
        return self.shares

    def backward(self, d_shares):
        return self.shares * (
            d_shares - (self.shares * d_shares).sum(axis=1, keepdims=True)
        )


def policy(x, w, pick, gain):
    soft = Shares()
    p = soft.forward(x @ w)
    rows = np.arange(len(x))
    entropy = -np.sum(p * np.log(p), axis=1)
    loss = -np.sum(gain * np.log(p[rows, pick])) - 0.1 * np.sum(entropy)
    d_gain = np.zeros_like(p)
    d_gain[rows, pick] = -gain / p[rows, pick]
    d_scores = soft.backward(d_gain)
    d_entropy = 0.1 * p * (np.log(p) + entropy[:, None])
    return loss, x.T @ (d_scores + d_entropy)


def check(verify):
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(7, 3)), rng.normal(size=(3, 4))
    pick, gain = rng.integers(0, 4, 7), rng.normal(size=7)
    with verify(w=w) as check:
        check.loss, check.gradients = policy(x, w, pick, gain)
    return check
"""
KEPT = """
import numpy as np


def forward(p, x):
    kept = {"x": x}
    kept["r_"] = x @ p["Wr"]
    kept["r"] = np.log1p(np.exp(kept["r_"]))
    kept["o"] = kept["r"] @ p["Wo"]
    return kept["o"], kept


def slope(z):
    return 1 / (1 + np.exp(-z))


def backward(p, kept, d):
    g = {}
    g["Wo"] = kept["r"].T @ d
    g["Wr"] = kept["x"].T @ (d @ p["Wo"].T * slope(kept["r_"]))
    return g


def check(verify):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    p = {"Wr": rng.normal(size=(3, 5)), "Wo": rng.normal(size=(5, 2))}
    with verify(p) as check:
        out, kept = forward(p, x)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        check.gradients = backward(p, kept, out - y)
    return check
"""
DEEP = """
import numpy as np


def passes(x, y, weights):
    signals, slopes = [x], []
    for w in weights:
        z = signals[-1] @ w
        signals.append(np.tanh(z))
        slopes.append(1 - np.tanh(z) ** 2)
    loss = 0.5 * np.sum((signals[-1] - y) ** 2)
    error = signals[-1] - y
    delta = error * slopes[-1]
    found = []
    for i in reversed(range(len(weights))):
        found.append(signals[i].T @ delta)
        if i != 0:
            delta = delta @ weights[i].T * slopes[i - 1]
    return loss, found[::-1]


def check(verify):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(7, 3)), rng.uniform(-1, 1, (7, 2))
    weights = [rng.normal(size=(3, 5)), rng.normal(size=(5, 4)), rng.normal(size=(4, 2))]
    with verify(weights=weights) as check:
        check.loss, check.gradients = passes(x, y, weights)
    return check
"""
LAST = """
import numpy as np


def passes(x, y, w, u, v, every):
    steps = len(x)
    h = [np.zeros((x.shape[1], w.shape[0]))]
    for t in range(steps):
        h.append(np.tanh(h[-1] @ w + x[t] @ u))
    out = [each @ v for each in h[1:]]
    loss = 0.5 * sum(np.sum((o - t) ** 2) for o, t in zip(out, y))
    dw, du, dv, later = np.zeros_like(w), np.zeros_like(u), np.zeros_like(v), 0.0
    for t in reversed(range(steps)):
        d = out[t] - y[t]
        dv += h[t + 1].T @ d
        dh = later + (d @ v.T if every else 0)
        dz = dh * (1 - h[t + 1] ** 2)
        dw += h[t].T @ dz
        du += x[t].T @ dz
        later = dz @ w.T
    return loss, (dw, du, dv)


def check(verify):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(5, 7, 3)), rng.normal(size=(5, 7, 2))
    w, u, v = rng.normal(size=(4, 4)) * 0.6, rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    with verify(w=w, u=u, v=v) as check:
        check.loss, check.gradients = passes(x, y, w, u, v, True)
    return check
"""
LAYERS = """
import numpy as np


class Plain:
    def value(self, z):
        return z

    def derivative(self, z):
        return 1


class Soft:
    def value(self, z):
        return 1 / (1 + np.exp(-z))

    def derivative(self, z):
        y = self.value(z)
        return y * (1 - y)


class Layer:
    def __init__(self, w, curve):
        self.w, self.curve = w, curve

    def forward(self, x):
        self.x = x
        self.sums = x @ self.w
        self.outputs = self.curve.value(self.sums)
        return self.outputs

    def back(self, d):
        d = self.curve.derivative(self.sums) * d
        self.dw = self.x.T @ d
        return d @ self.w.T


def check(verify):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    layers = [Layer(rng.normal(size=(3, 5)), Soft()), Layer(rng.normal(size=(5, 2)), Plain())]
    with verify([layer.w for layer in layers]) as check:
        h = x
        for layer in layers:
            h = layer.forward(h)
        check.loss = 0.5 * np.sum((h - y) ** 2)
        d = h - y
        for layer in reversed(layers):
            d = layer.back(d)
        check.gradients = [layer.dw for layer in layers]
    return check
"""
TREE = """
import numpy as np


class Net:
    def __init__(self, rng):
        self.W, self.V, self.deep = rng.normal(size=(3, 3)) * 0.5, rng.normal(size=(3, 2)), 3

    def forward(self, x):
        self.h = [x]
        for _ in range(self.deep):
            self.h.append(np.tanh(self.h[-1] @ self.W))
        return self.h[-1] @ self.V

    def parts(self, d):
        d = d @ self.V.T
        for k in range(self.deep, 0, -1):
            d = d * (1 - self.h[k] ** 2)
            yield self.h[k - 1].T @ d
            d = d @ self.W.T

    def backward(self, d):
        gW = np.zeros_like(self.W)
        for W in self.parts(d):
            gW += W
        return gW, self.h[-1].T @ d


def check(verify):
    rng = np.random.default_rng(3)
    net, x, y = Net(rng), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    with verify(net) as check:
        out = net.forward(x)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        check.gradients = net.backward(out - y)
    return check
"""
WORDS = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def passes(v, near, far):
    size = len(v)
    s, t = np.sum(v * near, axis=1), np.sum(far * v[:, None], axis=2)
    loss = -np.mean(np.log(sigmoid(s)) + np.sum(np.log(sigmoid(-t)), axis=1))
    d, e = (sigmoid(s) - 1)[:, None], sigmoid(t)
    g_v = d * near + np.sum(e[:, :, None] * far, axis=1)
    g_near, g_far = d * v, e[:, :, None] * v[:, None]
    return loss, {"v": g_v / size, "near": g_near / size, "far": g_far / size}


def check(verify):
    rng = np.random.default_rng(3)
    v, near, far = rng.normal(size=(7, 4)), rng.normal(size=(7, 4)), rng.normal(size=(7, 3, 4))
    with verify(v=v, near=near, far=far) as check:
        check.loss, check.gradients = passes(v, near, far)
    return check
"""
ROWS = """import numpy as np

rng = np.random.default_rng(6)
U, V, lr, reg = rng.normal(size=(5, 3)) * 0.3, rng.normal(size=(6, 3)) * 0.3, 0.05, 0.1

for u, i, r in [(1, 4, 3.0), (0, 2, 4.0), (3, 3, 1.0), (1, 2, 2.0)]:
    e = U[u] @ V[i] - r
    loss = 0.5 * e**2 + 0.5 * reg * (U[u] @ U[u] + V[i] @ V[i])
    grad_u = e * V[i] + reg * U[u]
    grad_i = e * U[u] + reg * V[i]
    U[u] -= lr * grad_u
    V[i] -= lr * grad_i
    print(loss)
"""
ODDS = """import numpy as np

rng = np.random.default_rng(6)
X, y = rng.normal(size=(9, 3)), rng.integers(0, 2, 9)
theta, lam, rate = rng.normal(size=3), 2.0, 0.3


def cost(theta, lam):
    m, J, grad = len(y), 0.0, np.zeros(3)
    p = 1 / (1 + np.exp(-X @ theta))
    J = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    grad += X.T @ (p - y) / m
    for j in range(1, 3):
        J += lam / (2 * m) * theta[j] ** 2
        grad[j] += lam / m * theta[j]
    return J, grad


for _ in range(4):
    J, grad = cost(theta, lam)
    theta = theta - rate * grad
    print(J)
"""
CLASSES = """import numpy as np

rng = np.random.default_rng(6)


def one_hot(labels):
    m = len(labels)
    out = np.zeros((m, 4))
    out[np.arange(m), labels] = 1
    return out


X, Y = rng.normal(size=(9, 3)), one_hot(rng.integers(0, 4, 9))
theta, m, alpha = rng.normal(size=(3, 4)), len(X), 0.1

for _ in range(4):
    e = np.exp(X @ theta)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(Y * np.log(p), axis=1)) + alpha / 2 * np.sum(theta[1:] ** 2)
    error = p - Y
    gradients = 1 / m * X.T.dot(error) + np.r_[np.zeros([1, 4]), alpha * theta[1:]]
    theta = theta - 0.2 * gradients
    print(loss)
"""
CORES = """import numpy as np

rng = np.random.default_rng(6)
table = rng.normal(size=(4, 5))
A, B, scale = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), rng.uniform(0.5, 2, 3)

for _ in range(4):
    miss = np.einsum("r,ir,jr->ij", scale, A, B) - table
    size = np.sum(A**2) + np.sum(B**2)
    loss = (0.5 * np.sum(miss**2) + 0.05 * size) / 20
    scaled = np.einsum("ij,r->ijr", miss, scale)
    gA = np.einsum("ijr,jr->ir", scaled, B) + 0.1 * A
    gB = np.einsum("ijr,ir->jr", scaled, A) + 0.1 * B
    gscale = np.einsum("ij,ir,jr->r", miss, A, B)
    grads = [gA, gB, gscale]
    for p, g in zip([A, B, scale], grads):
        p -= 0.01 * (g / 20)
    print(loss)
"""
PAIRS = """import numpy as np

rng = np.random.default_rng(6)
U, V, bias, lr, reg = rng.normal(size=(5, 3)), rng.normal(size=(6, 3)), rng.normal(size=6) * 0.1, 0.05, 0.02

for u, i, j in [(1, 4, 2), (0, 2, 5), (3, 3, 1), (1, 2, 0)]:
    margin = U[u] @ V[i] + bias[i] - U[u] @ V[j] - bias[j]
    prob = 1.0 / (1.0 + np.exp(-margin))
    penalty = U[u] @ U[u] + V[i] @ V[i] + V[j] @ V[j] + bias[i] ** 2 + bias[j] ** 2
    loss = -np.log(prob) + 0.5 * reg * penalty
    e = 1.0 - prob
    grad_u = -e * (V[i] - V[j]) + reg * U[u]
    grad_i, grad_j = -e * U[u] + reg * V[i], e * U[u] + reg * V[j]
    grad_bi, grad_bj = -e + reg * bias[i], e + reg * bias[j]
    U[u] -= lr * grad_u
    V[i] -= lr * grad_i
    V[j] -= lr * grad_j
    bias[i] -= lr * grad_bi
    bias[j] -= lr * grad_bj
    print(loss)
"""
POINT, TERM, STALE = "derivative-at-wrong-point", "missing-term", "stale-or-updated-weights"
BLOCKS = [
    (TABLE, "curve[1](z)", "curve[1](h)", POINT, None),
    (TABLE, "other[1](s)", "other[1](g)", POINT, None),
    (TABLE, "other[1](s)", "other[1](other[0](s))", POINT, None),
    (SLOPES, "return 1 - ((e - 1) / (e + 1)) ** 2", "return (e - 1) / (e + 1)", POINT, None),
    (ENTROPY, "entropy[:, None]", "np.mean(entropy)", "broadcasting-shape", "entropy[:, None]"),
    (ENTROPY, "d_shares - (self.shares * d_shares).sum(axis=1, keepdims=True)\n", "d_shares\n", TERM, "axis=-1"),
    (KEPT, 'slope(kept["r_"])', 'slope(kept["r"])', POINT, "r_"),
    (DEEP, "error * slopes[-1]", "error", "missing-derivative", "error * slopes["),
    (LAST, "if every else", "if every and t == steps - 1 else", TERM, "if every else"),
    (LAYERS, "derivative(self.sums)", "derivative(self.outputs)", POINT, "self.sums"),
    (WORDS, "d * near + np.sum(e[:, :, None] * far, axis=1)", "d * near", TERM, None),
    (TREE, "gW += W\n", "gW += W / self.deep\n", "scale-factor", "gW += W"),
]
SCRIPTS = [
    (ROWS, "    grad_i = e * U[u] + reg * V[i]\n    U[u] -= lr * grad_u\n",
     "    U[u] -= lr * grad_u\n    grad_i = e * U[u] + reg * V[i]\n", STALE, None),
    (PAIRS, "e = 1.0 - prob", "e = prob * (1.0 - prob)", "scale-factor", "(1.0 - prob)"),
    (ODDS, "lam / m * theta[j]", "lam * theta[j]", "regularisation", None),
    (CLASSES, "1 / m * X.T.dot(error)", "X.T.dot(error)", "missing-batch-sum-or-mean", "X.T.dot(error) / m"),
    (CORES, '"ij,ir,jr->r", miss', '"ijr,ir,jr->r", scaled', "scale-factor", "/ scale"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "right", "wrong", "kind", "text"), BLOCKS)
def test_in_a_block(tmp_path: Path, program: str, right: str, wrong: str, kind: str, text: str | None) -> None:
    check, line = edited(tmp_path / "program.py", program, right, wrong)
    first = line - program[: program.index(right)].endswith("(\n            ")  # a statement is told where it begins
    assert told(check) == (first, kind), str(check)
    assert text is None or text in check.first_wrong.should_be, str(check)


@pytest.mark.parametrize(("program", "right", "wrong", "kind", "text"), SCRIPTS)
def test_in_a_script(tmp_path: Path, program: str, right: str, wrong: str, kind: str, text: str | None) -> None:
    check, line = edited_script(tmp_path, program, right, wrong)
    lines = {line, line + 1} if kind == STALE else {line}  # the update, or what reads what it leaves
    assert told(check)[0] in lines, str(check)
    assert told(check)[1] == kind, str(check)
    assert text is None or text in check.first_wrong.should_be, str(check)


@pytest.mark.parametrize("program", dict.fromkeys(each[0] for each in BLOCKS))
def test_the_programs_are_right(tmp_path: Path, program: str) -> None:
    check, _ = edited(tmp_path / "program.py", program, "import numpy as np\n", "import numpy as np\n")
    assert check.ok, str(check)
