"""Slips that only a change of the source explains, or one at other values, too: each is told where it was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.text import Source

HEAD = """
import numpy as np

rng = np.random.default_rng(4)
X, Y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
LABELS = rng.integers(0, 2, size=7)


def tanh_prime(z):
    return 1 - np.tanh(z) ** 2

"""
STEPS = """
class Factors:
    def __init__(self):
        self.P, self.Q, self.lr = rng.normal(size=(7, 4)), rng.normal(size=(4, 3)), 0.1

    def loss(self):
        self.off = self.P @ self.Q - X
        return 0.5 * np.sum(self.off ** 2) + 0.1 * np.sum(self.P ** 2)

    def step(self):
        self.P = self.P - self.lr * (self.off @ self.Q.T + 0.2 * self.P)
        self.Q -= self.lr * (self.P.T @ self.off)


class Kept(Factors):
    def step(self):
        grad_q = self.P.T @ self.off
        self.P -= self.lr * (self.off @ self.Q.T + 0.2 * self.P)
        self.Q -= self.lr * grad_q


def check(verify):
    net = USED()
    with verify(net) as check:
        check.loss = net.loss()
        net.step()
        check.gradients_from_step(0.1)
    return check
"""
LAYERS = """
class Leaky:
    def __init__(self):
        self.w, self.v = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

    def forward(self, x):
        self.x, self.z = x, x @ self.w
        self.h = np.where(self.z > 0, self.z, 0.1 * self.z)
        return self.h @ self.v

    def backward(self, grad):
        self.dv = self.h.T @ grad
        up = grad @ self.v.T
        slope = np.where(self.z > 0, 1.0, 0.1)
        self.dw = self.x.T @ (up * slope)


def check(verify):
    net = Leaky()
    with verify(net) as check:
        off = net.forward(X) - Y
        check.loss = 0.5 * np.sum(off ** 2)
        net.backward(off)
        check.gradients_in(net)
    return check
"""
DEEP = """
class Deep:
    def __init__(self):
        self.ws = [rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=(4, 2))]
        self.bs = [rng.normal(size=4), rng.normal(size=4), rng.normal(size=2)]

    def cost_derivative(self, out, y):
        return (out - y)

    def run(self, x, y):
        zs, acts = [], [x]
        for w, b in zip(self.ws, self.bs):
            zs.append(acts[-1] @ w + b)
            acts.append(np.tanh(zs[-1]))
        self.cost = np.sum((acts[-1] - y) ** 2) / 2
        delta = self.cost_derivative(acts[-1], y) * (1 - acts[-1] ** 2)
        dws, dbs = [None] * 3, [None] * 3
        for i in range(2, -1, -1):
            dws[i], dbs[i] = acts[i].T @ delta, delta.sum(axis=0)
            if i > 0:
                back = delta @ self.ws[i].T
                delta = back * tanh_prime(zs[i - 1])
        return pack([dws[0], dws[1], dws[2], dbs[0], dbs[1], dbs[2]])


def pack(parts):
    return np.concatenate([part.ravel() for part in parts])


def check(verify):
    net = Deep()
    with verify(net) as check:
        check.gradients = net.run(X, Y)
        check.loss = net.cost
    return check
"""
GATED = """
class Gated:
    def __init__(self):
        self.wt, self.wh, self.v = rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3, 2))

    def loss(self, x, labels):
        self.x = x
        self.t, self.h = 1 / (1 + np.exp(-x @ self.wt)), np.tanh(x @ self.wh)
        self.a = self.t * self.h + (1 - self.t) * x
        scores = self.a @ self.v
        p = np.exp(scores)
        self.p = p / p.sum(axis=1, keepdims=True)
        data = -np.mean(np.log(self.p[np.arange(7), labels]))
        return data + 0.05 * (self.v ** 2).sum()

    def gradients(self, x, labels):
        n = len(x)
        dscores = self.p.copy()
        dscores[np.arange(n), labels] -= 1
        dscores /= n
        dv = self.a.T @ dscores
        dv += 0.1 * self.v
        da = dscores @ self.v.T
        dh = da * self.t
        dt = da * self.h - da * x
        dwh = x.T @ (dh * (1 - self.h ** 2))
        dwt = x.T @ (dt * self.t * (1 - self.t))
        return {"wt": dwt, "wh": dwh, "v": dv}


def check(verify):
    net = Gated()
    with verify(net) as check:
        check.loss = net.loss(X, LABELS)
        check.gradients = net.gradients(X, LABELS)
    return check
"""
PLAIN = """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_derivative(s):
    return s * (1 - s)


class Plain:
    def __init__(self):
        self.w, self.v = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

    def loss(self, x):
        self.input = x
        self.layer = sigmoid(np.dot(x, self.w))
        scores = np.dot(self.layer, self.v)
        self.f = scores - scores.max(axis=1, keepdims=True)
        return np.sum(np.log(np.sum(np.exp(self.f), axis=1)) - self.f[np.arange(7), LABELS])

    def gradients(self):
        dv, dlayer = np.zeros_like(self.v), np.zeros_like(self.layer)
        for i in range(7):
            f = self.f[i]
            p = np.sum(np.exp(f))
            for j in range(2):
                share = (np.exp(f[j]) / p) * 1.0
                dv[:, j] += self.layer[i] * share
                dlayer[i] += self.v[:, j] * share
            dv[:, LABELS[i]] -= self.layer[i]
            dlayer[i] -= self.v[:, LABELS[i]]
        sp = sigmoid_derivative(self.layer)
        dz = dlayer * sp
        return {"w": np.dot(self.input.T, dz), "v": dv}


def check(verify):
    net = Plain()
    with verify(net) as check:
        check.loss = net.loss(X)
        check.gradients = net.gradients()
    return check
"""
STALE, FACTORS = "stale-or-updated-weights", STEPS.replace("USED", "Factors")
CASES: dict[str, tuple[str, str, str, str]] = {
    "an updated weight is read": (
        STEPS.replace("USED", "Kept"),
        "self.lr * grad_q",
        "self.lr * (self.P.T @ self.off)",
        STALE,
    ),
    "a mask of another value": (
        LAYERS,
        "slope = np.where(self.z > 0",
        "slope = np.where(up > 0",
        "derivative-at-wrong-point",
    ),
    "a slope that is called nowhere": (DEEP, "back * tanh_prime(zs[i - 1])", "back", "missing-derivative"),
    "a loss for its derivative": (DEEP, "return (out - y)", "return (out - y)**2/2", "missing-derivative"),
    "a mean that a penalty follows": (GATED, "        dscores /= n\n", "", "missing-batch-sum-or-mean"),
    "a gate for what it leaves": (GATED, "self.t * (1 - self.t))", "self.t * self.t)", "missing-derivative"),
    "a slope too many": (PLAIN, "dz = dlayer * sp", "dz = dlayer * sp * sp", "scale-factor"),
    "an exponential that is left out": (PLAIN, "(np.exp(f[j]) / p) * 1.0", "(f[j] / p) * 1.0", "wrong-operand"),
    "a slope at what was given": (
        PLAIN,
        "dz = dlayer * sp",
        "dz = dlayer * sigmoid_derivative(np.dot(self.input, self.w))",
        "derivative-at-wrong-point",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_slip_is_told_where_it_was_made(name: str, tmp_path: Path) -> None:
    text, right, wrong, kind = CASES[name]
    text = HEAD + text
    assert text.count(right) == 1
    assert module_of(tmp_path / "right.py", text).check(verify).ok
    first = module_of(tmp_path / "slip.py", text.replace(right, wrong)).check(verify).first_wrong
    before = text[: text.index(right)].count("\n")
    line = before + 1 if wrong else before  # what is left out is told in the line before it
    assert (first.line, first.kind) == (line, kind), str(first)


def test_an_update_read_too_early_is_told_where_it_is_read(tmp_path: Path) -> None:
    check = module_of(tmp_path / "early.py", HEAD + FACTORS).check(verify)
    line = (HEAD + FACTORS).split("\n").index("        self.Q -= self.lr * (self.P.T @ self.off)") + 1
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, STALE)


def test_names_in_a_row_that_a_call_is_given_are_exchanged() -> None:
    text = "def f():\n    return loss, pack([da, db, dc])\n"
    made = {rewrite.of(text).split("\n")[1].strip() for rewrite in rewrites_at(Source(text), 2)}
    assert "return loss, pack([dc, db, da])" in made


def test_what_a_function_returns_is_exchanged() -> None:
    text = "def twofold(slope, a, b):\n    return slope * a, slope * b\n"
    made = {rewrite.of(text).split("\n")[1].strip() for rewrite in rewrites_at(Source(text), 2)}
    assert "return slope * b, slope * a" in made


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("d = up[:, :n]", "d = up[:, 1:n + 1]"),
        ("d = up[:, 1:n + 1]", "d = up[:, :n]"),
        ("d = up[i - 1:j - 1]", "d = up[i:j]"),
        ("d = back(layers, up, kept)", "d = back(layers, -up, kept)"),
        ("d = np.cumsum(up)", "d = np.cumsum(up[::-1])[::-1]"),
    ],
)
def test_entries_beside_them_and_the_other_sign_are_tried(written: str, meant: str) -> None:
    made = {rewrite.of(f"{written}\n").strip() for rewrite in rewrites_at(Source(f"{written}\n"), 1)}
    assert meant in made


def test_what_numpy_or_a_list_is_given_gets_no_other_sign() -> None:
    for written in ("d = np.exp(up)", "grads.append(up)"):
        made = {rewrite.of(f"{written}\n").strip() for rewrite in rewrites_at(Source(f"{written}\n"), 1)}
        assert written.replace("(up)", "(-up)") not in made
