"""Kinds that are named by the text of the change: what differs of the statement, and what stands around it."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited, edited_script, module_of, told
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.causes.held import is_multiplied_by
from tinygrad_scratch.verifier.causes.told_forms import (
    Difference,
    is_cut,
    is_of_compared,
    is_slope_elsewhere,
    is_turned_round,
)
from tinygrad_scratch.verifier.rewriting.made import kind_of_neighbour, moved
from tinygrad_scratch.verifier.telling.told_difference import apart
from tinygrad_scratch.verifier.telling.told_factors import without_brackets
from tinygrad_scratch.verifier.telling.told_kinds import is_one_of_terms, is_summed
from tinygrad_scratch.verifier.telling.told_slopes import is_function_for_slope, is_given_to_slope, is_plain
from tinygrad_scratch.verifier.telling.told_values import is_worked_out_again

SPAM = """
import numpy as np


class Filter:
    def __init__(self, rng):
        self.w, self.b = rng.normal(size=4), np.array(0.3)

    def odds(self, x):
        return 1 / (1 + np.exp(-(x @ self.w + self.b)))

    def cost(self, x, t, lam):
        p = self.odds(x)
        return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)) + lam / (2 * len(x)) * np.sum(self.w**2)

    def slopes(self, x, t, lam):
        n, d = x.shape
        p = self.odds(x)
        miss = p - t
        shrink = lam / n * self.w
        gw = (1 / n) * np.dot(x.T, miss) + shrink
        gb = miss.sum() / x.shape[0]
        return gw, gb


def check(verify):
    rng = np.random.default_rng(2)
    net, x, t = Filter(rng), rng.normal(size=(9, 4)), rng.integers(0, 2, size=9)
    with verify(net) as check:
        check.loss = net.cost(x, t, 0.4)
        gw, gb = net.slopes(x, t, 0.4)
        check.gradients = {"w": gw, "b": gb}
    return check
"""

GATED = """
import numpy as np


class Gated:
    def __init__(self, leak=0.2):
        rng = np.random.default_rng(4)
        self.up, self.gate, self.down = (rng.normal(size=s) * 0.7 for s in ((4, 5), (4, 5), (5, 3)))
        self.leak, self.rate = leak, 0.05

    def forward(self, x):
        self.x = x
        self.u, self.g = x @ self.up, np.tanh(x @ self.gate)
        self.above = self.u > 0
        self.soft = np.where(self.above, self.u, self.leak * self.u)
        self.h = self.soft * self.g
        self.kept = (np.sin(np.arange(30.0)).reshape(6, 5) > -0.5) / 0.7
        self.dropped = self.h * self.kept
        return self.dropped @ self.down

    def backward(self, dy):
        self.ddown = self.dropped.T @ dy
        ddropped = dy @ self.down.T
        dh = ddropped * self.kept
        du = dh * self.g * np.where(self.above, 1.0, self.leak)
        grad_a = dh * self.soft * (1 - self.g**2)
        self.dup = self.x.T @ du
        self.dgate = self.x.T @ grad_a
        dx = np.zeros_like(self.x)
        dx[:, :] = du @ self.up.T + grad_a @ self.gate.T
        return dx


def check(verify):
    return verify.layer(Gated(), np.random.default_rng(5).normal(size=(6, 4)))
"""

TABLE = """
import numpy as np


class Table:
    def __init__(self, rng):
        self.rows, self.out = rng.normal(size=(5, 3)), rng.normal(size=(3, 4))

    def learn(self, words, t, rate):
        seen = self.rows[words]
        score = seen @ self.out
        off = score - t
        loss = 0.5 * np.sum(off**2)
        dout = seen.T @ off
        back = off @ self.out.T
        np.add.at(self.rows, words, -rate * back)
        self.out -= rate * dout
        return loss


def check(verify):
    rng = np.random.default_rng(8)
    net, words, t = Table(rng), np.array([1, 3, 1, 0]), rng.normal(size=(4, 4))
    with verify(net) as check:
        check.loss = net.learn(words, t, 0.1)
        check.gradients_from_step(0.1)
    return check
"""

TWIN = """
import numpy as np


def bend_back(v):
    return 1.0 - np.tanh(v) ** 2


class Twin:
    def __init__(self, keep=0.6):
        rng = np.random.default_rng(6)
        self.low, self.mid, self.top = (rng.normal(size=s) * 0.7 for s in ((4, 5), (5, 5), (5, 3)))
        self.keep = keep

    def forward(self, x):
        self.x = x
        self.v = x @ self.low
        self.one = np.tanh(self.v)
        self.two = np.tanh(self.one @ self.mid)
        self.z = self.two @ self.top / self.keep
        self.above = np.maximum(self.z, 0)
        self.spread = np.var(self.above, axis=1, keepdims=True) + 0.1
        self.off = self.above - self.above.mean(axis=1, keepdims=True)
        return self.off * self.spread ** (-0.5)

    def backward(self, dy):
        dspread = np.sum(dy * self.off * -0.5 * self.spread ** (-1.5), axis=1, keepdims=True)
        doff = dy * self.spread ** (-0.5) + dspread * 2 * self.off / 3
        dz = doff - doff.mean(axis=1, keepdims=True)
        dz[self.z <= 0] = 0
        dz = dz / self.keep
        self.dtop = self.two.T @ dz
        dtwo = (1 - self.two * self.two) * (dz @ self.top.T)
        self.dmid = self.one.T @ dtwo
        done = dtwo @ self.mid.T * bend_back(self.v)
        self.dlow = self.x.T @ done
        return done @ self.low.T


def check(verify):
    return verify.layer(Twin(), np.random.default_rng(7).normal(size=(6, 4)))
"""

RATED = """
import numpy as np


class Rated:
    def __init__(self, rng):
        self.p, self.q, self.c = rng.normal(size=(6, 3)), rng.normal(size=(5, 3)), rng.normal(size=5)
        self.sparse_reg = 0.3

    def cost(self, r, seen):
        return 0.5 * np.sum(seen * (self.p @ self.q.T - r) ** 2) + self.sparse_reg * np.sum(np.abs(self.c))

    def slopes(self, r, seen):
        gp = (seen * (self.p @ self.q.T - r)) @ self.q
        gq = (seen * (self.p @ self.q.T - r)).T @ self.p
        signs = np.ones_like(self.c)
        signs[self.c < 0] = -1
        gc = self.sparse_reg * signs
        return gp, gq, gc


def check(verify):
    rng = np.random.default_rng(3)
    net, r, seen = Rated(rng), rng.normal(size=(6, 5)), (rng.random((6, 5)) > 0.4) * 1.0
    with verify(net) as check:
        check.loss = net.cost(r, seen)
        gp, gq, gc = net.slopes(r, seen)
        check.gradients = {"p": gp, "q": gq, "c": gc}
    return check
"""

TASKS = """
import numpy as np

LAMBDA, DECAY = 0.7, 0.3


class Tasks:
    def __init__(self, rng):
        self.a, self.b, self.c = rng.normal(size=(4, 5)), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))

    def cost(self, x, goal, marks):
        self.h = np.tanh(x @ self.a)
        self.level, self.odds = self.h @ self.b, 1 / (1 + np.exp(-self.h @ self.c))
        far = 0.5 * np.sum((self.level - goal) ** 2) / len(x)
        unlikely = -np.sum(marks * np.log(self.odds) + (1 - marks) * np.log(1 - self.odds)) / len(x)
        return unlikely + LAMBDA * far + DECAY * np.sum(self.h**4) / len(x)

    def slopes(self, x, goal, marks):
        n = len(x)
        miss = self.level - goal
        d_level = LAMBDA * miss / n
        d_score = (self.odds - marks) / n
        d_quiet = DECAY * 4 * self.h**3 / n
        dh = d_level @ self.b.T + d_score @ self.c.T + d_quiet
        return x.T @ (dh * (1 - self.h**2)), self.h.T @ d_level, self.h.T @ d_score


def check(verify):
    rng = np.random.default_rng(8)
    net, x = Tasks(rng), rng.normal(size=(6, 4))
    goal, marks = rng.normal(size=(6, 3)), (rng.random((6, 2)) > 0.5) * 1.0
    with verify(net) as check:
        check.loss = net.cost(x, goal, marks)
        a, b, c = net.slopes(x, goal, marks)
        check.gradients = {"a": a, "b": b, "c": c}
    return check
"""

SMOOTH = """
import numpy as np


def smooth(v):
    return v / (1 + np.exp(-v))


def smooth_back(g, v):
    s = 1 / (1 + np.exp(-v))
    return g * (s + v * s * (1 - s))


class Smooth:
    def __init__(self):
        rng = np.random.default_rng(11)
        self.w1, self.w2, self.w3 = (rng.normal(size=s) * 0.7 for s in ((4, 5), (5, 6), (6, 2)))

    def forward(self, x):
        self.x = x
        self.v1 = x @ self.w1
        self.a1 = smooth(self.v1)
        self.v2 = self.a1 @ self.w2
        self.a2 = smooth(self.v2)
        return self.a2 @ self.w3

    def backward(self, dy):
        v1, v2 = self.v1, self.v2
        self.dw3 = self.a2.T @ dy
        da2 = dy @ self.w3.T
        dv2 = smooth_back(da2, v2)
        self.dw2 = self.a1.T @ dv2
        da1 = dv2 @ self.w2.T
        dv1 = smooth_back(da1, v1)
        self.dw1 = self.x.T @ dv1
        return dv1 @ self.w1.T


def check(verify):
    return verify.layer(Smooth(), np.random.default_rng(12).normal(size=(7, 4)))
"""

KEPT = """
import numpy as np


def step(w, v, x, t, rate):
    z = x @ w
    h = z / (1 + np.exp(-z))
    d = 2 * (h @ v - t) / len(x)
    loss = np.sum((h @ v - t) ** 2) / len(x)
    before = v.copy()
    for j in range(len(v)):
        v[j] -= rate * (h[:, j] @ d)
    dh = np.outer(d, before)
    dz = bend_back(dh, z)
    w -= rate * (x.T @ dz)
    return loss


def bend_back(dh, z):
    s = 1 / (1 + np.exp(-z))
    return dh * (s + z * s * (1 - s))


def check(verify):
    rng = np.random.default_rng(3)
    w, v, x, t = (rng.normal(size=size) for size in ((3, 4), 4, (7, 3), 7))
    with verify(w=w, v=v) as check:
        check.loss = step(w, v, x, t, 0.1)
    return check
"""

SUMMED = """
import numpy as np


def gradients(w, v, x, t):
    dw, dv, loss = np.zeros(w.shape), np.zeros(v.shape), 0
    K = x.shape[0]
    for i in range(K):
        h = np.tanh(w @ x[i])
        off = v @ h - t[i]
        loss += 0.5 * off**2 / K
        dw += np.outer(off * v * (1 - h**2), x[i])
        dv += off * h
    dw = dw / K
    dv /= K
    return loss, dw, dv


def check(verify):
    rng = np.random.default_rng(3)
    w, v, x, t = (rng.normal(size=size) for size in ((4, 3), 4, (5, 3), 5))
    with verify(w=w, v=v) as check:
        loss, dw, dv = gradients(w, v, x, t)
        check.loss, check.gradients = loss, {"w": dw, "v": dv}
    return check
"""

SINGLE = """
import numpy as np


def step(w, v, x, t, rate):
    h = np.tanh(x @ w)
    d = h @ v - t
    loss = 0.5 * np.sum(d**2)
    before = v.copy()
    for k in range(2):
        for j in range(3):
            v[j, k] -= rate * d[k] * h[j]
    for j in range(3):
        blame = 0.0
        for k in range(2):
            blame += d[k] * before[j, k]
        w[:, j] -= rate * blame * (1 - h[j] ** 2) * x
    return loss


def check(verify):
    rng = np.random.default_rng(3)
    w, v, x, t = (rng.normal(size=size) for size in ((2, 3), (3, 2), 2, 2))
    with verify(w=w, v=v) as check:
        check.loss = step(w, v, x, t, 0.1)
    return check
"""

COUNTED = """
import numpy as np


def cost(w, b, x, t):
    return np.sum((w @ x + b - t) ** 2) / (2 * x.shape[1])


def slopes(w, b, x, t):
    d = w @ x + b - t
    m = d.shape[1]
    return d @ x.T / m, d.sum(axis=1, keepdims=True) / m


def check(verify):
    rng = np.random.default_rng(6)
    w, b, x, t = (rng.normal(size=shape) for shape in ((3, 4), (3, 1), (4, 7), (3, 7)))
    with verify(w=w, b=b) as check:
        check.loss = cost(w, b, x, t)
        check.gradients = slopes(w, b, x, t)
    return check
"""

CHAINED = """
import numpy as np


def squash(z):
    return 1 / (1 + np.exp(-z))


def slopes(w, v, x, t):
    a = squash(x @ w)
    dl_dout = 2 * (a @ v - t) / len(x)
    dl_da = dl_dout @ v.T
    da_dz = a * (1 - a)
    delta = dl_da * da_dz
    return x.T @ delta, a.T @ dl_dout


def check(verify):
    rng = np.random.default_rng(6)
    w, v, x, t = (rng.normal(size=shape) for shape in ((4, 3), (3, 2), (7, 4), (7, 2)))
    with verify(w=w, v=v) as check:
        check.loss = np.sum((squash(x @ w) @ v - t) ** 2) / 7
        check.gradients = slopes(w, v, x, t)
    return check
"""

SPREAD = """
import numpy as np


def normed(x, g):
    xc = x - x.mean(axis=0)
    var = (xc**2).mean(axis=0)
    std = np.sqrt(var + 1e-5)
    xhat = xc / std
    return g * xhat, xc, std, xhat


def slopes(x, g, dout):
    _, xc, std, xhat = normed(x, g)
    dg = (dout * xhat).sum(axis=0)
    dxhat = dout * g
    dstd = -np.sum(dxhat * xc, axis=0) / std**2
    dvar = 0.5 * dstd / std
    dxc = dxhat / std + 2 / len(x) * xc * dvar
    return dg, dxc - dxc.mean(axis=0)


def check(verify):
    rng = np.random.default_rng(6)
    x, g, t = rng.normal(size=(7, 4)), rng.normal(size=4), rng.normal(size=(7, 4))
    with verify(x=x, g=g) as check:
        out = normed(x, g)[0]
        check.loss = np.sum((out - t) ** 2) / 2
        dg, dx = slopes(x, g, out - t)
        check.gradients = {"g": dg, "x": dx}
    return check
"""

BENT = """
import numpy as np


def slope_of_bend(z):
    d = z.copy()
    d[d < 0] = 0
    d[d > 0] = 1
    return d


def check(verify):
    rng = np.random.default_rng(6)
    w, v, x, t = (rng.normal(size=shape) for shape in ((4, 3), (3, 2), (7, 4), (7, 2)))
    with verify(w=w, v=v) as check:
        z = x @ w
        h = np.maximum(0, z)
        check.loss = np.sum((h @ v - t) ** 2) / 2
        below = (h @ v - t) @ v.T * slope_of_bend(z)
        check.gradients = x.T @ below, h.T @ (h @ v - t)
    return check
"""

PROGRAMS = {
    "bent": BENT,
    "spread": SPREAD,
    "chained": CHAINED,
    "counted": COUNTED,
    "kept": KEPT,
    "summed": SUMMED,
    "single": SINGLE,
    "spam": SPAM,
    "gated": GATED,
    "table": TABLE,
    "twin": TWIN,
    "rated": RATED,
    "smooth": SMOOTH,
    "tasks": TASKS,
}

MISTAKES = [
    ("bent", "d[d > 0] = 1", "d[d >= 0] = 1", "missing-derivative"),
    ("spread", "np.sum(dxhat * xc", "np.sum(dxhat * xhat", "wrong-operand"),
    ("spread", "axis=0) / std**2", "axis=0) / std**3", "scale-factor"),
    ("chained", "delta = dl_da * da_dz", "delta = -dl_da * da_dz", "sign"),
    ("counted", "m = d.shape[1]", "m = d.shape[0]", "scale-factor"),
    ("spam", "shrink = lam / n * self.w", "shrink = lam * self.w", "regularisation"),
    ("spam", "miss = p - t", "miss = (p - t) * p * (1 - p)", "scale-factor"),
    ("spam", "(1 / n) * np.dot", "(1 / d) * np.dot", "scale-factor"),
    ("gated", "np.where(self.above, 1.0, self.leak)", "np.where(self.above, self.leak, 1.0)", "wrong-operand"),
    ("gated", "ddropped = dy @ self.down.T", "ddropped = dy @ (self.down - self.rate * self.ddown).T",
     "stale-or-updated-weights"),
    ("gated", "dh = ddropped * self.kept", "dh = ddropped * (self.kept > 0)", "scale-factor"),
    ("gated", "self.dgate = self.x.T @ grad_a", "self.dgate = self.x.T @ du", "wrong-operand"),
    ("gated", "(1 - self.g**2)", "self.g**2", "missing-derivative"),
    ("gated", "np.zeros_like(self.x)", "np.zeros_like(self.x, dtype=int)", "dtype-or-integer"),
    ("gated", "du @ self.up.T + grad_a @ self.gate.T", "du @ self.gate.T + grad_a @ self.up.T", "wrong-operand"),
    ("table", "np.add.at(self.rows, words, -rate * back)", "self.rows[words] += -rate * back",
     "overwritten-accumulation"),
    ("gated", "(1 - self.g**2)", "self.g * (1 - self.g)", "derivative-at-wrong-point"),
    ("gated", "dh * self.soft * (1 - self.g**2)", "dh * (1 - self.g**2)", "missing-derivative"),
    ("twin", "dz[self.z <= 0] = 0", "dz[self.z <= 0] = 1", "missing-derivative"),
    ("twin", "(1 - self.two * self.two)", "(1 - self.one * self.one)", "derivative-at-wrong-point"),
    ("twin", "self.spread ** (-1.5)", "self.spread ** (-0.5)", "scale-factor"),
    ("twin", "self.dmid = self.one.T @ dtwo", "self.dmid = self.one.T @ dtwo / len(dtwo)",
     "missing-batch-sum-or-mean"),
    ("spam", "miss.sum() / x.shape[0]", "miss[1:].sum() / x.shape[0]", "off-by-one"),
    ("gated", "np.where(self.above, 1.0, self.leak)", "np.where(~self.above, 1.0, self.leak)",
     "derivative-at-wrong-point"),
    ("gated", "self.dup = self.x.T @ du", "self.dup = np.sum(self.kept) * self.x.T @ du", "scale-factor"),
    ("rated", "gp = (seen * (self.p @ self.q.T - r)) @ self.q", "gp = (seen * (self.p @ self.q.T) - r) @ self.q",
     "missing-derivative"),
    ("rated", "gc = self.sparse_reg * signs", "gc = signs", "regularisation"),
    ("tasks", "d_level = LAMBDA * miss / n", "d_level = miss / n", "scale-factor"),
    ("tasks", "d_quiet = DECAY * 4", "d_quiet = 4", "regularisation"),
    ("twin", "doff = dy * self.spread ** (-0.5)", "doff = dy / self.spread ** (-0.5)", "scale-factor"),
    ("smooth", "dv1 = smooth_back(da1, v1)", "dv1 = da1", "missing-derivative"),
    ("single", "d[k] * before[j, k]", "d[k] * v[j, k]", "stale-or-updated-weights"),
    ("kept", "dz = bend_back(dh, z)", "dz = bend_back(dh, h)", "derivative-at-wrong-point"),
    ("summed", "(1 - h**2), x[i])", "(1 - h**2), x[i]) / K", "missing-batch-sum-or-mean"),
]  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_are_right(tmp_path: Path, name: str) -> None:
    check, _ = edited(tmp_path / f"text_{name}.py", PROGRAMS[name], "import numpy as np", "import numpy as np")
    assert check.ok, str(check)


@pytest.mark.parametrize(("name", "right", "wrong", "kind"), MISTAKES)
def test_the_line_and_the_kind(tmp_path: Path, name: str, right: str, wrong: str, kind: str) -> None:
    check, line = edited(tmp_path / f"text_{name}.py", PROGRAMS[name], right, wrong)
    first = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind) == (line, kind), str(check)


def test_what_is_right_of_a_name_alone_is_told_as_one_statement(tmp_path: Path) -> None:
    check, _ = edited(tmp_path / "text_smooth.py", SMOOTH, "dv1 = smooth_back(da1, v1)", "dv1 = da1")
    right = check.findings.mistakes[0].right
    assert right is not None, str(check)
    assert right.text == "dv1 = smooth_back(da1, v1)"


@pytest.mark.parametrize(
    ("written", "right", "plain"),
    [
        ("gw = x.T @ grad_gate", "gw = x.T @ grad_up", True),
        ("d = s.copy()", "d = p.copy()", True),
        ("np.add.at(g, rows, d)", "np.add.at(g, words, d)", True),
        ("d = e * (top - y) / n", "d = e * gap / n", True),
        ("dz = dh * (1 - z**2)", "dz = dh * (1 - h**2)", False),
        ("dz = dh * (dh > 0)", "dz = dh * (z > 0)", False),
        ("dz = dh * z * (1 - h)", "dz = dh * h * (1 - h)", False),
        ("dz = dh * slope_of(h)", "dz = dh * slope_of(z)", False),
    ],
)
def test_what_is_no_point_of_a_derivative(written: str, right: str, plain: bool) -> None:
    assert is_plain(apart_of(written, right)) == plain


def apart_of(written: str, right: str) -> Difference:
    found = apart(ast.parse(written).body[0], ast.parse(right).body[0], ())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("written", "right", "elsewhere"),
    [
        ("d = g * z * (np.ones(z.shape) - z)", "d = g * s * (np.ones(z.shape) - s)", True),
        ("d = g * (1 - z) * z", "d = g * (1 - s) * s", True),
        ("d = g * (1 - z) * a", "d = g * (1 - s) * b", False),
        ("d = g * z * w", "d = g * s * w", False),
    ],
)
def test_a_slope_is_taken_at_another_value(written: str, right: str, elsewhere: bool) -> None:
    assert is_slope_elsewhere(apart_of(written, right)) == elsewhere


@pytest.mark.parametrize(
    ("written", "right", "cut"),
    [
        ("b = np.sum(d[:, 1:], axis=0)", "b = np.sum(d, axis=0)", True),
        ("b = d[:-1].sum()", "b = d.sum()", True),
        ("b = d[::-1].sum()", "b = d.sum()", False),
        ("b = d[:n].sum()", "b = d.sum()", False),
        ("b = d[0].sum()", "b = d.sum()", False),
    ],
)
def test_a_slice_cuts_off_a_part(written: str, right: str, cut: bool) -> None:
    assert is_cut(apart_of(written, right)) == cut


@pytest.mark.parametrize(
    ("written", "right", "summed"),
    [
        ("g = n * d - x * (d * x)", "g = n * d - x * np.sum(d * x, axis=0)", True),
        ("g = d.sum(axis=0)", "g = d", True),
        ("g = d", "g = e.mean(axis=0)", False),
    ],
)
def test_a_sum_that_is_left_out_is_a_sum(written: str, right: str, summed: bool) -> None:
    assert is_summed(apart_of(written, right)) == summed


@pytest.mark.parametrize(
    ("written", "right", "term"),
    [
        ("g = q * d", "g = q * (d + e)", True),
        ("g = q * d", "g = q * (e + d)", True),
        ("g = q * d", "g = q * (d - e @ u)", True),
        ("g = q * d", "g = q * (e - d)", False),
    ],
)
def test_an_operand_lacks_a_term(written: str, right: str, term: bool) -> None:
    assert is_one_of_terms(apart_of(written, right)) == term


@pytest.mark.parametrize(
    ("written", "right", "itself"),
    [
        ("g = d * bow(z)", "g = d * d_bow(z)", True),
        ("g = d * d_bow(z)", "g = d * bow(z)", False),
        ("g = d * bow(z)", "g = d * bow(z, prime=True)", True),
        ("g = d * bow(z)", "g = d * bow(z, True)", True),
        ("g = d * bow(z)", "g = d * bow(z, keepdims=True)", False),
        ("g = d * bow(z)", "g = d * bow(u)", False),
    ],
)
def test_a_function_itself_is_called_for_its_slope(written: str, right: str, itself: bool) -> None:
    assert is_function_for_slope(apart_of(written, right)) == itself


@pytest.mark.parametrize(
    ("written", "right", "lacking"),
    [
        ("g = (m * a - b) @ q", "g = (m * (a - b)) @ q", ["m"]),
        ("g = a - b / n", "g = (a - b) / n", ["n"]),
        ("g = m * a + b", "g = m * (a - b)", []),
        ("g = m * a - b", "g = a - m * b", []),
    ],
)
def test_what_missing_brackets_leave_out(written: str, right: str, lacking: list[str]) -> None:
    found = without_brackets(apart_of(written, right))
    assert [ast.unparse(factor) for factor in (found[0] if found else [])] == lacking


WRITING = """
import numpy as np

rng = np.random.default_rng(4)
x, y, w, v = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
for turn in range(2):
    h = np.tanh(x @ w)
    d = h @ v - y
    loss = 0.5 * np.sum(d**2)
    twice = np.multiply(d, 2.0)
    dv = h.T @ d
    dw = x.T @ (twice @ v.T / 2 * (1 - h**2))
    w -= 0.1 * dw
    v -= 0.1 * dv
"""


def test_what_out_writes_over_is_told(tmp_path: Path) -> None:
    wrong = WRITING.replace("np.multiply(d, 2.0)", "np.multiply(d, 2.0, out=d)")
    first: Any = check_of_script(tmp_path, wrong).first_wrong
    assert (first.line, first.kind, first.should_be) == (
        10,
        "inplace-corruption",
        "twice = np.multiply(d, 2.0)",
    ), str(first)


def test_no_name_has_a_number_below_nought() -> None:
    assert moved("g_w6_part_3.T @ g_w6_part_1", 1) == "g_w6_part_4.T @ g_w6_part_2"
    assert not moved("g_w6_part_3.T @ g_w6_part_1", -2)


def test_a_call_that_is_left_out_is_of_the_way_back() -> None:
    assert kind_of_neighbour("da1", "smooth_back(da1, v1)") == "missing-derivative"
    assert kind_of_neighbour("da1", "smooth(da2, v1)") == "wrong-operand"


@pytest.mark.parametrize(
    ("written", "right", "given"),
    [
        ("d = g * gate.prime(memo['o'])", "d = g * gate.prime(memo['obar'])", True),
        ("d = relu_backward(g, a)", "d = relu_backward(g, z)", False),
        ("d = g * np.cos(top.value)", "d = g * np.cos(bottom.value)", True),
        ("d = g * np.clip(top.value, 0, 1)", "d = g * np.clip(bottom.value, 0, 1)", False),
        ("d = g * sigmoid_backward(smooth(z))", "d = g * sigmoid_backward(z)", True),
    ],
)
def test_what_a_slope_is_taken_at(written: str, right: str, given: bool) -> None:
    assert is_given_to_slope(apart_of(written, right)) == given


@pytest.mark.parametrize(
    ("written", "right", "compared"),
    [
        ("d[d <= 0] = 0", "d[h <= 0] = 0", True),
        ("d[y == 0] = 0", "d[h == 0] = 0", False),
        ("d[d <= low] = 0", "d[h <= low] = 0", False),
    ],
)
def test_a_mask_of_another_value(written: str, right: str, compared: bool) -> None:
    assert is_of_compared(apart_of(written, right)) == compared


def test_a_difference_the_wrong_way_round() -> None:
    assert is_turned_round(apart_of("d = 2 * (y - p) / n", "d = 2 * (p - y) / n"))
    assert not is_turned_round(apart_of("d = 2 * (y - p) / n", "d = 2 * (p - t) / n"))


def test_a_penalty_is_multiplied_by_no_other_parameter() -> None:
    rng = np.random.default_rng(3)
    near, far, words = rng.normal(size=(5, 2)), rng.normal(size=(5, 2)), np.array([0, 2, 3])
    with verify(near=near, far=far) as check:
        v, u = near[words], far[words]
        check.loss = np.sum(v * u) + np.sum(np.square(near)) + np.sum(np.square(far))
        dnear, dfar = 2 * near, 2 * far
        dnear[words] += u
        dfar[words] += v
        check.gradients = {"near": dnear, "far": dfar}
    assert check.ok, str(check)
    case = check.case
    region: Any = SimpleNamespace(case=case)
    near_node, far_node = (final.parameter.node for final in case.finals)
    squares = [s.makes[0] for s in case.tape.steps if getattr(s.function, "__name__", "") == "square"]
    assert is_multiplied_by(region, near_node, {far_node})
    assert not any(is_multiplied_by(region, node, {near_node, far_node}) for node in squares)


CABLE = """
def back(plugs, signal, pull):
    before = plugs.T @ pull
    plugs -= 0.1 * pull @ signal.T
    return plugs.T @ pull


def back_to(plugs, pull):
    return plugs.T @ pull
"""


@pytest.mark.parametrize(("line", "is_again"), [(5, True), (9, False)])
def test_a_function_works_out_again_what_has_a_name_in_it(tmp_path: Path, line: int, is_again: bool) -> None:
    file = tmp_path / "cable.py"
    file.write_text(CABLE, encoding="utf-8")
    again, before = (ast.parse(text).body[0] for text in ("return plugs.T @ pull", "return before"))
    found = apart(again, before, ())
    cause: Any = SimpleNamespace(file=str(file), line=line)
    assert found is not None
    assert is_worked_out_again(cause, found) is is_again


SWISH = """
import numpy as np


def loss_and_slopes(P, x, t):
    w, spread, v = P
    u = (x @ w - spread[0]) / np.exp(spread[1])
    s = 1 / (1 + np.exp(-u))
    h = u * s
    y = h @ v
    d = y - t
    dh = d[:, None] * v
    du = dh * (s + h * (1 - s))
    dw = x.T @ (du / np.exp(spread[1]))
    dplace = -np.sum(du, axis=0) / np.exp(spread[1])
    return 0.5 * np.sum(d**2), [dw, np.stack([dplace, -np.sum(du * u, axis=0)]), h.T @ d]


def check(verify):
    rng = np.random.default_rng(3)
    P = [rng.normal(size=(3, 4)), rng.normal(size=(2, 4)) * 0.3, rng.normal(size=4)]
    with verify(P=P) as check:
        check.loss, check.gradients = loss_and_slopes(P, rng.normal(size=(7, 3)), rng.normal(size=7))
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("h * (1 - s)", "s * (1 - s)", "wrong-operand"),
        ("(du, axis=0) / np.exp(spread[1])", "(du, axis=0)", "missing-derivative"),
    ],
)
def test_a_product_with_a_name_and_a_divisor_that_is_missing(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited(tmp_path / "swish.py", SWISH, right, wrong)
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, kind), str(check)
    assert right.rpartition("/ ")[2] in str(check).partition("why")[0]


RECURRENT = """
import numpy as np


def run(W, V, xs, goal):
    hs = {0: np.zeros((4, 1))}
    for t, x in enumerate(xs):
        hs[t + 1] = np.tanh(W @ hs[t] + x)
    d = V @ hs[len(xs)] - goal
    dV, dW = d @ hs[len(xs)].T, np.zeros_like(W)
    dh = V.T @ d
    for t in reversed(range(len(xs))):
        dz = ((1 - hs[t + 1] ** 2) * dh)
        dW += dz @ hs[t].T
        dh = W.T @ dz
    return 0.5 * np.sum(d**2), dW, dV


def check(verify):
    rng = np.random.default_rng(8)
    W, V = rng.normal(size=(4, 4)) / 2, rng.normal(size=(3, 4))
    with verify(W=W, V=V) as check:
        check.loss, dW, dV = run(W, V, rng.normal(size=(3, 4, 1)), rng.normal(size=(3, 1)))
        check.gradients = {"W": dW, "V": dV}
    return check
"""


def test_the_slope_of_another_function_is_told_with_the_index_of_the_loop(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "recurrent.py", RECURRENT, "(1 - hs[t + 1] ** 2)", "hs[t + 1] * (1 - hs[t + 1])")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "derivative-at-wrong-point"), str(check)
    told = str(check).partition("how sure")[0]
    assert "1 - hs[t + 1] " in told, told
    assert "hs[3]" not in told


COUNTS = """
import numpy as np

rng = np.random.default_rng(9)
x, y = rng.normal(size=(14, 3)), rng.uniform(0.5, 3, 14)
w, v, l2, lr = rng.normal(size=3), rng.normal(size=3), 0.4, 0.1
for turn in range(3):
    r, m = np.exp(x @ v), np.exp(x @ w)
    near = x @ w - y
    fit = np.mean(r * np.log(r / (r + m)) - y * np.log(r + m))
    loss = fit + np.mean(np.log(np.cosh(near))) + l2 / 2 * v @ v
    dr = (np.log(r / (r + m)) + 1 - (r + y) / (r + m)) / 14
    dm = -(r + y) / (r + m) / 14
    dn = np.tanh(near) / 14
    gv = x.T @ (dr * r) + l2 * v
    gw = x.T @ (dm * m + dn)
    v -= lr * gv
    w -= lr * gw
    print(loss)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("+ 1 - (r + y)", "- (r + y)", "missing-term"),
        ("dn = np.tanh(near) / 14", "dn = near / 14", "missing-derivative"),
    ],
)
def test_what_a_formula_lacks_is_a_term_and_what_a_slope_lacks_a_derivative(
    tmp_path: Path, right: str, wrong: str, kind: str
) -> None:
    assert check_of_script(tmp_path, COUNTS).ok
    check, line = edited_script(tmp_path, COUNTS, right, wrong)
    assert told(check) == (line, kind), str(check)


OFFSETS = """
import numpy as np

rng = np.random.default_rng(10)
x, y = rng.normal(size=(12, 4)), rng.normal(size=12)
raw, u, l2, lr = rng.normal(size=4), rng.normal(size=12), 0.4, 0.1
for turn in range(3):
    w = np.log1p(np.exp(raw))
    size, inner = np.exp(u), x @ w
    lam = size * inner
    loss = 0.5 * np.sum((lam - y) ** 2) + l2 / 2 * u @ u
    g = lam - y
    g_log = g * lam
    g_u = g_log + l2 * u
    g_w = x.T @ (g * size)
    raw -= lr * g_w / (1 + np.exp(-raw))
    u -= lr * g_u
    print(loss)
"""


def test_a_penalty_beside_a_gradient_is_no_rate_of_its_own(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, OFFSETS).ok
    check, line = edited_script(tmp_path, OFFSETS, "g_log = g * lam", "g_log = g * size")
    assert told(check) == (line, "wrong-operand"), str(check)


WEIGHED = """
import numpy as np

rng = np.random.default_rng(14)
pairs = [(i, j, rng.uniform(1, 9)) for i in range(5) for j in range(4)]
a, b = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
c, d = np.zeros(5), np.zeros(4)
loss = 0.0
ga, gb, gc, gd = np.zeros((5, 3)), np.zeros((4, 3)), np.zeros(5), np.zeros(4)
for i, j, much in pairs:
    weight = min(1.0, (much / 6) ** 0.75)
    inner = a[i] @ b[j] + c[i] + d[j] - np.log(much)
    loss += 0.5 * weight * inner**2
    grad_c = weight * inner
    grad_d = weight * inner
    ga[i] += grad_c * b[j]
    gb[j] += grad_c * a[i]
    gc[i] += grad_c
    gd[j] += grad_d
for g in (ga, gb, gc, gd):
    g *= 0.5
a -= 0.1 * ga
b -= 0.1 * gb
c -= 0.1 * gc
d -= 0.1 * gd
"""


def test_a_factor_that_another_name_stands_for_is_told_itself(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, WEIGHED).ok
    check, line = edited_script(tmp_path, WEIGHED, "grad_d = weight * inner", "grad_d = inner")
    assert told(check) == (line, "scale-factor"), str(check)
    assert check.first_wrong.should_be == "weight * inner"


def test_a_factor_that_none_of_all_gradients_gets_is_no_mistake(tmp_path: Path) -> None:
    check, _ = edited_script(tmp_path, WEIGHED, "    g *= 0.5", "    g = g * 0.5")
    assert check.ok, str(check)


HALVED = """
import numpy as np

class Net:
    def __init__(self, rng):
        self.w, self.v = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

    def backward(self, x, y):
        h = np.tanh(x @ self.w)
        d = h @ self.v - y
        self.gv = h.T @ d
        self.gw = x.T @ (d @ self.v.T * (1 - h**2))
        for g in [self.gv]:
            g *= 1 / len(x)
        self.gw /= len(x)

    def cost(self, x, y):
        return 0.5 * np.sum((np.tanh(x @ self.w) @ self.v - y) ** 2) / len(x)

def check(verify):
    rng = np.random.default_rng(15)
    net, x, y = Net(rng), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    with verify(net) as check:
        check.loss = net.cost(x, y)
        net.backward(x, y)
        check.gradients = {"w": net.gw, "v": net.gv}
    return check
"""


def test_a_name_in_a_loop_is_no_array_that_it_goes_over(tmp_path: Path) -> None:
    assert module_of(tmp_path / "right.py", HALVED).check(verify).ok
    check, line = edited(tmp_path / "wrong.py", HALVED, "g *= 1 / len(x)", "g = g * (1 / len(x))")
    assert told(check) == (line, "inplace-corruption"), str(check)


@pytest.mark.parametrize(
    ("written", "right", "holds"),
    [
        ("d * self.activator.backward(self.out[:, 1])", "d * self.activator.backward(self.z[:, 1])", True),
        ("d * self.act.backward(out)", "d * self.act.backward(z)", True),
        ("d * self.factory.backward(out)", "d * self.factory.backward(z)", False),
        ("d * self.activator.forward(out)", "d * self.activator.forward(z)", False),
    ],
)
def test_the_backward_pass_of_an_activation_is_taken_at_a_point(written: str, right: str, holds: bool) -> None:
    found = apart(ast.parse(written), ast.parse(right), ())
    assert found is not None
    assert is_given_to_slope(found) is holds


GATED = """
import numpy as np

rng = np.random.default_rng(19)
x, y, sample_weight = rng.normal(size=(4, 9)), rng.normal(size=(3, 9)), rng.uniform(0.5, 2, 9)
w, v, u = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 3))
for turn in range(3):
    r, h = 1 / (1 + np.exp(-v @ x)), np.tanh(w @ x)
    out = np.dot(u, r * h)
    loss = 0.5 * np.sum(sample_weight * (out - y) ** 2)
    d = sample_weight * (out - y)
    du = np.dot(d, np.multiply(r, h).T)
    both = np.dot(u.T, d)
    dw = np.dot(both * r * (1 - h**2), x.T)
    dv = np.dot(both * h * r * (1 - r), x.T)
    u -= 0.01 * du
    w -= 0.01 * dw
    v -= 0.01 * dv
    print(loss)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("d = sample_weight * (out - y)", "d = out - y", "scale-factor"),
        ("np.multiply(r, h).T", "h.T", "wrong-operand"),
        ("both * r * (1 - h**2)", "both * r", "missing-derivative"),
    ],
)
def test_a_weight_of_samples_is_no_slope_nor_is_a_gate_that_is_read(
    tmp_path: Path, right: str, wrong: str, kind: str
) -> None:
    assert check_of_script(tmp_path, GATED).ok
    check, line = edited_script(tmp_path, GATED, right, wrong)
    assert told(check) == (line, kind), str(check)


SHARES_OF_LOGARITHMS = """
import numpy as np

rng = np.random.default_rng(20)
x, label = rng.normal(size=(9, 4)), np.eye(3)[rng.integers(0, 3, 9)]
w = rng.normal(size=(4, 3))
for turn in range(3):
    z = x @ w
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    loss = -np.mean(np.sum(label * log_p, axis=1))
    up = -label / 9
    dz = up - np.exp(log_p) * up.sum(axis=1, keepdims=True)
    dw = x.T @ dz
    w -= 0.1 * dw
    print(loss)
"""


def test_a_share_in_a_sum_is_no_slope(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SHARES_OF_LOGARITHMS).ok
    check, line = edited_script(tmp_path, SHARES_OF_LOGARITHMS, "np.exp(log_p) * up", "log_p * up")
    assert told(check) == (line, "wrong-operand"), str(check)


IN_A_LIST = """
import numpy as np

class Model:
    def __init__(self, rng):
        self.w, self.b, self.rho, self.many = rng.normal(size=(4, 3)), rng.normal(size=3), 0.2, 7

    def cost(self, x, y):
        off = x @ self.w + self.b - y
        whole = 0.5 * np.sum(off**2) + 0.5 * self.rho * np.sum(self.w**2)
        self.gw, self.gb = x.T @ off, off.sum(axis=0)
        scale = 1.0 / self.many
        return scale * whole, [scale * (self.gw + self.rho * self.w), scale * self.gb]

def check(verify):
    rng = np.random.default_rng(21)
    model, x, y = Model(rng), rng.normal(size=(7, 4)), rng.normal(size=(7, 3))
    with verify(model) as check:
        check.loss, check.gradients = model.cost(x, y)
    return check
"""


def test_a_penalty_that_brackets_leave_out_is_one_in_a_list_too(tmp_path: Path) -> None:
    assert module_of(tmp_path / "right.py", IN_A_LIST).check(verify).ok
    right = "scale * (self.gw + self.rho * self.w)"
    check, line = edited(tmp_path / "wrong.py", IN_A_LIST, right, "scale * self.gw + self.rho * self.w")
    assert told(check) == (line, "regularisation"), str(check)


OF_THE_MARKED = """
import numpy as np

rng = np.random.default_rng(2)
x, y, seen = rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), np.array([1.0, 0, 1, 1, 0, 1, 1, 0, 1])
w, log_gain = rng.normal(size=(4, 2)), 0.4
for turn in range(6):
    z = x @ w
    off = np.exp(log_gain) * z - y
    loss = 0.5 * np.sum(seen[:, None] * off**2) / seen.sum()
    up = seen[:, None] * off / seen.sum()
    dz = up * np.exp(log_gain)
    dgain = np.sum(up * z) * np.exp(log_gain)
    dw = x.T @ dz
    w -= 0.1 * dw
    log_gain -= 0.1 * dgain
    print(loss)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("off / seen.sum()", "off / len(seen)", "scale-factor"),
        ("dz = up * np.exp(log_gain)", "dz = up * log_gain", "wrong-operand"),
    ],
)
def test_a_number_for_another_one(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    assert check_of_script(tmp_path, OF_THE_MARKED).ok
    check, line = edited_script(tmp_path, OF_THE_MARKED, right, wrong)
    assert told(check) == (line, kind), str(check)


PICKED = """
import numpy as np

rng = np.random.default_rng(8)
x, labels = rng.normal(size=(7, 4)), rng.integers(0, 3, 7)
w, b, size = rng.normal(size=(4, 3)), np.zeros(3), 7


def back(p):
    d = p / size
    d[np.arange(size), labels] += -1 / size
    return d


for turn in range(3):
    e = np.exp(x @ w + b)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.sum(np.log(p[np.arange(size), labels])) / size + 0.05 * np.sum(w**2)
    d = back(p)
    w -= 0.1 * (x.T @ d + 0.1 * w)
    b -= 0.1 * d.sum(axis=0)
"""


def test_a_division_that_cuts_off_is_told_and_none_is_added_to_it(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, PICKED).ok
    check, line = edited_script(tmp_path, PICKED, "-1 / size", "-1 // size")
    assert told(check) == (line, "dtype-or-integer"), str(check)
    assert check.first_wrong.should_be == "d[np.arange(size), labels] += -1 / size"
