"""Where a mistake is told: where a name was made for nothing, where a value is written over, where a call is wrong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.verifier.files import check_of_script, edited, edited_script, module_of, told
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.causes.paths import part_unread
from tinygrad_scratch.verifier.rewriting.text import Source
from tinygrad_scratch.verifier.telling.told_where_bound import only_binding

MACHINE = """
import numpy as np

class Coder:
    def __init__(self, rng):
        self.W, self.b, self.c = rng.normal(size=(6, 4)), np.zeros(4), np.zeros(6)

    def train(self, x, rate):
        y = 1 / (1 + np.exp(-(x @ self.W + self.b)))
        z = 1 / (1 + np.exp(-(y @ self.W.T + self.c)))
        out_gap = x - z
        code_gap = out_gap @ self.W * y * (1 - y)
        for_c = out_gap
        for_b = code_gap
        for_W = x.T @ code_gap + out_gap.T @ y
        self.W += rate * for_W
        self.b += rate * np.sum(for_b, axis=0)
        self.c += rate * np.sum(for_c, axis=0)
        return -np.sum(x * np.log(z) + (1 - x) * np.log(1 - z))

def check(verify):
    rng = np.random.default_rng(1)
    coder, x = Coder(rng), (rng.uniform(size=(5, 6)) < 0.5) * 1.0
    with verify(coder) as check:
        check.loss = coder.train(x, 0.1)
    return check
"""

DROPPED = """
import numpy as np

def ramp(z):
    return (z > 0) * z

def ramp_slope(out):
    return out > 0

def step(x, goal, A, B, kept, rate):
    hidden = ramp(x @ A)
    hidden *= kept * 2
    out = hidden @ B
    loss = np.sum((goal - out) ** 2)
    d_out = goal - out
    d_hidden = B @ d_out * ramp_slope(hidden)
    d_hidden *= kept * 2
    A += rate * np.outer(x, d_hidden)
    B += rate * np.outer(hidden, d_out)
    return loss

def check(verify):
    rng = np.random.default_rng(3)
    A, B, x, goal = rng.normal(size=(5, 6)), rng.normal(size=(6, 3)), rng.normal(size=5), rng.normal(size=3)
    with verify(A=A, B=B) as check:
        check.loss = step(x, goal, A, B, np.array([1, 0, 1, 1, 0, 1]), 0.1)
    return check
"""

SPLIT = """
import numpy as np

def squash(z):
    return np.where(z < 0, 0, z)

def back_first(up, B, kept):
    return np.where(kept < 0, 0, up @ B.T)

def check(verify):
    rng = np.random.default_rng(5)
    x, goal = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    A, B = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    with verify(A=A, B=B) as check:
        z = x @ A
        h = squash(z)
        out = h @ B
        check.loss = 0.5 * np.sum((out - goal) ** 2)
        d_out = out - goal
        d_B = h.T @ d_out
        d_z = back_first(d_out, B, z)
        d_A = x.T @ d_z
        A -= 0.1 * d_A
        B -= 0.1 * d_B
    return check
"""

PARTS = """
import numpy as np

class Bend:
    def calc(self, z):
        return np.tanh(z)

    def dcalc(self, z):
        return 1 - np.square(np.tanh(z))

class Tanh(Bend):
    def calc(self, z):
        return np.tanh(z)

    def dcalc(self, z):
        return 1 - np.square(np.tanh(z))

class Logistic:
    def __init__(self):
        def logistic(z):
            return 1 / (1 + np.exp(-z))

        def logistic_prime(z):
            s = logistic(z)
            return s * (1 - s)

        self.value, self.slope = logistic, logistic_prime

def check(verify):
    rng = np.random.default_rng(8)
    x, goal = rng.normal(size=(7, 3)), rng.uniform(size=(7, 2))
    A, B, first, last = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), Tanh(), Logistic()
    with verify(A=A, B=B) as check:
        z = x @ A
        h = first.calc(z)
        y = h @ B
        out = last.value(y)
        check.loss = 0.5 * np.sum((out - goal) ** 2)
        d_y = (out - goal) * last.slope(y)
        d_z = d_y @ B.T * first.dcalc(z)
        check.gradients = {"A": x.T @ d_z, "B": h.T @ d_y}
    return check
"""

ENTRIES = """
import numpy as np

def cells(x, W, kept):
    kept["i"], kept["o"] = 1 / (1 + np.exp(-x @ W[:, :3])), 1 / (1 + np.exp(-x @ W[:, 3:]))
    return kept["i"] * np.tanh(kept["o"])

def back(d_out, x, kept):
    d_i, d_o = d_out * np.tanh(kept["o"]), d_out * kept["i"] * (1 - np.tanh(kept["o"]) ** 2)
    d_gates = np.hstack([d_i * kept["i"] * (1 - kept["i"]),
                         d_o * kept["o"] * (1 - kept["o"])])
    return x.T @ d_gates

def check(verify):
    rng = np.random.default_rng(2)
    W, x, kept = rng.normal(size=(4, 6)), rng.normal(size=(5, 4)), {}
    with verify(W=W) as check:
        out = cells(x, W, kept)
        check.loss = np.sum(out ** 3)
        check.gradients = {"W": back(3 * out ** 2, x, kept)}
    return check
"""

BOTH = """
import numpy as np

def slopes(W, x, goal, pull):
    d_W = x.T @ (x @ W - goal)
    d_W[:-1] += pull * W[:-1]
    return 0.5 * np.sum((x @ W - goal) ** 2) + 0.5 * pull * np.sum(W[:-1] ** 2), d_W

def check(verify):
    rng = np.random.default_rng(2)
    W, x, goal = rng.normal(size=(4, 3)), rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    with verify(W=W) as check:
        check.loss, d_W = slopes(W, x, goal, 0.3)
        check.gradients = {"W": d_W}
    return check
"""

CHAIN = """
import numpy as np

def bend(z):
    return np.where(z > 0, z, 0.1 * z)

def bend_slope(z):
    return np.where(z > 0, 1.0, 0.1)

def to_second(z, W, up):
    return np.multiply(bend_slope(z), W @ up)

def to_first(z, W, up):
    return np.multiply(W @ up, bend_slope(z))

def check(verify):
    rng = np.random.default_rng(7)
    x, goal = rng.normal(size=3), rng.normal(size=2)
    A, B, C = rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=(4, 2))
    with verify(A=A, B=B, C=C) as check:
        p = A.T @ x
        q = B.T @ bend(p)
        out = C.T @ bend(q)
        check.loss = 0.5 * np.sum((out - goal) ** 2) + 0.2 * np.sum(np.abs(C))
        d_q = to_second(q, C, out - goal)
        d_p = to_first(p, B, d_q)
        l1 = 0.2
        d_C = np.outer(bend(q), out - goal)
        d_C += l1 * np.sign(C)
        check.gradients = {"A": np.outer(x, d_p), "B": np.outer(bend(p), d_q), "C": d_C}
    return check
"""

PROGRAMS = {
    "machine": MACHINE, "dropped": DROPPED, "split": SPLIT, "parts": PARTS, "entries": ENTRIES, "both": BOTH,
    "chain": CHAIN,
}  # fmt: skip

MISTAKES = [
    # a name that is made for one reader alone is meant for it
    ("machine", "for_c = out_gap", "for_c = out_gap * z * (1 - z)", {"scale-factor"}),
    ("machine", "for_b = code_gap", "for_b = out_gap @ self.W", {"missing-derivative", "wrong-operand"}),
    # the 2 of the dropout, and not half of the other gradient; a slope beside the product that it stands by
    ("dropped", "d_hidden *= kept * 2", "d_hidden *= kept", {"scale-factor", "wrong-operand"}),
    ("dropped", "B @ d_out * ramp_slope(hidden)", "B @ d_out", {"missing-derivative"}),
    # written over in a helper, and a helper that is called after the update
    ("split", "return np.where(z < 0, 0, z)", "z += 1; return np.where(z < 1, 0, z - 1)", {"inplace-corruption"}),
    ("split", "d_z = back_first(d_out, B, z)", "B -= 0.1 * d_B; d_z = back_first(d_out, B, z); d_B = 0 * d_B",
     {"stale-or-updated-weights"}),
    # slopes that are what the name of their class, or of a function in a function, says
    ("parts", "first.dcalc(z)", "first.dcalc(h)", {"derivative-at-wrong-point"}),
    ("parts", "last.slope(y)", "last.slope(last.value(y))", {"derivative-at-wrong-point"}),
    # an entry by another name in one of several parts, and the rows that a penalty is of
    ("entries", 'd_o * kept["o"] * (1 - kept["o"])', 'd_o * kept["i"] * (1 - kept["i"])',
     {"derivative-at-wrong-point", "wrong-operand"}),
    # what a helper is given and no longer reads, though another one could be called; and a sign beside a strength
    ("chain", "return np.multiply(W @ up, bend_slope(z))", "return W @ up", {"missing-derivative"}),
    ("chain", "d_C += l1 * np.sign(C)", "d_C += l1 * np.sign(d_C)", {"regularisation"}),
    ("both", "d_W[:-1] += pull * W[:-1]", "d_W[1:] += pull * W[1:]", {"off-by-one", "regularisation"}),
]  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_right(tmp_path: Path, name: str) -> None:
    check = module_of(tmp_path / f"made_{name}.py", PROGRAMS[name]).check(verify)
    assert check.ok, str(check)


@pytest.mark.parametrize(("name", "right", "wrong", "kinds"), MISTAKES)
def test_told(tmp_path: Path, name: str, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / f"made_{name}.py", PROGRAMS[name], right, wrong)
    first = check.first_wrong
    assert first is not None, str(check)
    assert first.kind in kinds, str(check)
    assert first.line == line, str(check)


def test_a_slope_is_due_beside_the_product_downhill_too(tmp_path: Path) -> None:
    program = (
        PROGRAMS["dropped"].replace("d_out = goal - out", "d_out = 2 * (out - goal)").replace("+= rate", "-= rate")
    )
    check, line = edited(tmp_path / "downhill.py", program, "B @ d_out * ramp_slope(hidden)", "B @ d_out")
    assert told(check) == (line, "missing-derivative"), str(check)


SOFTMAX = """
import numpy as np

rng = np.random.default_rng(0)
x, label = rng.normal(size=(8, 5)), rng.integers(0, 4, 8)
A, B = rng.normal(size=(5, 6)), rng.normal(size=(6, 4))
for turn in range(3):
    chosen = np.eye(4)[label]
    h = np.maximum(x @ A, 0)
    y = h @ B
    logs = y - np.log(np.exp(y).sum(axis=1)).reshape((-1, 1))
    loss = (-chosen * logs).mean()
    d_logs = -chosen / len(label)
    d_y = d_logs - np.exp(logs) * d_logs.sum(axis=1).reshape((-1, 1))
    d_B = h.T @ d_y
    d_h = d_y @ B.T * (h > 0)
    d_A = x.T @ d_h
    A -= 0.1 * d_A
    B -= 0.1 * d_B
"""


def test_the_gradient_of_something_else_is_not_the_mistake(tmp_path: Path) -> None:
    """That of the logarithms, times the number of classes, is what was meant; the line after it lets a nought by."""
    check = check_of_script(tmp_path, SOFTMAX.replace("np.exp(logs) * d_logs", "logs * d_logs"))
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.name == "d_y", str(check)


ONE_BY_ONE = """
import numpy as np

class Digits:
    pull, rate = 0.1, 0.2

    def __init__(self, rng):
        self.A, self.B = rng.uniform(-1, 1, (5, 6)), rng.uniform(-1, 1, (3, 5))
        self.a, self.b = np.zeros(5), np.zeros(3)
        self.begin()

    def begin(self):
        self.dA, self.dB, self.da, self.db = np.zeros((5, 6)), np.zeros((3, 5)), np.zeros(5), np.zeros(3)

    def forward(self, x):
        self.h = np.maximum(0.0, self.A @ x + self.a)
        e = np.exp(self.B @ self.h + self.b)
        self.out = e / np.sum(e)

    def backward(self, x, goal):
        self.away = np.subtract(self.out, goal)
        self.within = np.multiply(np.dot(self.B.T, self.away), 1 * (self.h > 0))
        self.db += self.away
        self.dB += np.outer(self.away, self.h)
        self.da += self.within
        self.dA += np.outer(self.within, x)

    def change(self):
        self.b -= self.rate * self.db
        self.B -= self.rate * (self.dB + self.pull_of(self.B))
        self.a -= self.rate * self.da
        self.A -= self.rate * (self.dA + self.pull_of(self.A))
        self.begin()

    def pull_of(self, weights):
        return self.pull * weights

    def train(self, xs, labels):
        worst = 0.0
        for x, label in zip(xs, labels):
            goal = np.zeros(3)
            goal[label] = 1.0
            self.forward(x)
            self.backward(x, goal)
            error = np.amax(np.absolute(self.away))
            worst = worst + error
        self.change()
        return worst / len(xs)

def check(verify):
    rng = np.random.default_rng(3)
    net, xs = Digits(rng), rng.uniform(size=(4, 6))
    with verify(net) as check:
        net.train(xs, [0, 2, 1, 2])
    return check
"""


def test_a_network_that_computes_no_loss_and_prints_an_error_is_right(tmp_path: Path) -> None:
    check = module_of(tmp_path / "one_by_one.py", ONE_BY_ONE).check(verify)
    assert check.ok, str(check)


def test_of_such_a_network_a_usual_loss_tells(tmp_path: Path) -> None:
    right, wrong = "np.multiply(np.dot(self.B.T, self.away), 1 * (self.h > 0))", "np.dot(self.B.T, self.away)"
    check, line = edited(tmp_path / "one_by_one.py", ONE_BY_ONE, right, wrong)
    assert check.first_wrong is not None, str(check)
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-derivative"), str(check)


MEANS = """
import numpy as np

rng = np.random.default_rng(2)
X, Y = rng.normal(size=(10, 4)), rng.normal(size=(10, 2))
A, B, b = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), np.zeros(2)
rate, size = 0.1, 5
for start in range(0, 10, size):
    x, y = X[start:start + size], Y[start:start + size]
    total = 0
    sum_A, sum_B, sum_b = np.zeros_like(A), np.zeros_like(B), np.zeros_like(b)
    for i in range(size):
        h = np.tanh(x[i] @ A)
        out = h @ B + b
        total += 0.5 * np.sum((out - y[i]) ** 2)
        d = out - y[i]
        d_h = (B @ d) * (1 - h ** 2)
        sum_A += np.outer(x[i], d_h)
        sum_B += np.outer(h, d)
        sum_b += d
    A -= sum_A * rate / size
    B -= sum_B * rate / size
    b -= sum_b * rate / size
"""


def test_a_mean_that_one_of_several_updates_lacks(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, MEANS).ok
    check = check_of_script(tmp_path, MEANS.replace("sum_b * rate / size", "sum_b * rate"))
    line = MEANS[: MEANS.index("b -= sum_b * rate")].count("\n") + 1
    assert check.first_wrong is not None, str(check)
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-batch-sum-or-mean"), str(check)


NEAR = """
import numpy as np

class Near:
    def __init__(self, rng):
        self.A = rng.normal(size=(2, 3))

    def cost(self, x, kin):
        self.x, self.z = x, x @ self.A.T
        gaps = np.sum((self.z[:, None, :] - self.z[None, :, :]) ** 2, axis=2)
        e = np.exp(-gaps) * (1 - np.eye(len(x)))
        self.p = e / e.sum(axis=1, keepdims=True)
        self.kin = kin
        self.hit = np.sum(self.p * kin, axis=1)
        return -np.mean(np.log(self.hit))

    def slope(self):
        d_p = -self.kin / self.hit[:, None] / len(self.x)
        mean = np.sum(d_p * self.p, axis=1, keepdims=True)
        d_score = self.p * (d_p - mean)
        d_gaps = -d_score
        both = d_gaps + d_gaps.T
        d_z = 2 * (both.sum(axis=1)[:, None] * self.z - both @ self.z)
        return d_z.T @ self.x

def check(verify):
    rng = np.random.default_rng(1)
    near, x = Near(rng), rng.normal(size=(7, 3))
    kin = (np.arange(7)[:, None] % 3 == np.arange(7)[None, :] % 3) * 1.0
    with verify(near) as check:
        check.loss = near.cost(x, kin)
        check.gradients = {"A": near.slope()}
    return check
"""

VISITS = """
import numpy as np
rng = np.random.default_rng(612)
z = np.column_stack([np.ones(16), rng.normal(size=(16, 2))])
x = np.column_stack([np.ones(16), rng.normal(size=(16, 3))])
counts = rng.poisson(2.0, size=16) * (rng.uniform(size=16) < 0.7)
n = len(x)
zero = (counts == 0).astype(float)
gamma, beta = rng.normal(size=3) * 0.4, rng.normal(size=4) * 0.3
for sweep in range(3):
    away = 1 / (1 + np.exp(-(z @ gamma)))
    lam = np.exp(x @ beta)
    none = away + (1 - away) * np.exp(-lam)
    some = np.log(1 - away) + counts * np.log(lam) - lam
    loss = -np.mean(zero * np.log(none) + (1 - zero) * some)
    d_away = zero * (1 - np.exp(-lam)) / none - (1 - zero) / (1 - away)
    d_lam = -zero * (1 - away) * np.exp(-lam) / none + (1 - zero) * (counts / lam - 1)
    d_turn = d_away * away * (1 - away)
    d_line = d_lam * lam
    d_gamma = -z.T @ d_turn / n
    d_beta = -x.T @ d_line / n
    gamma -= 0.05 * d_gamma
    beta -= 0.05 * d_beta
"""


def test_a_factor_that_is_lost_before_a_sign(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "near.py", NEAR, "d_score = self.p * (d_p - mean)", "d_score = d_p - mean")
    assert told(check) == (line, "missing-derivative"), str(check)


def test_a_factor_that_another_name_lacks_and_not_the_data_beside_it(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, VISITS.replace("d_line = d_lam * lam", "d_line = d_lam"))
    assert told(check)[1] == "missing-derivative", str(check)
    assert "right is   d_line = d_lam * lam" in str(check)


HANDED_OVER = """
import numpy as np


def gradients(w, v, x, t):
    n, kept = len(x), {"w": np.zeros(w.shape), "v": np.zeros(v.shape)}
    h = np.tanh(x @ w)
    d = h @ v - t
    loss = 0.5 * np.sum(d**2) / n
    gv = h.T @ d
    gw = x.T @ (np.outer(d, v) * (1 - h**2))
    keep(kept, "v", gv / n)
    keep(kept, "w", gw / n)
    return loss, kept


def keep(kept, name, more):
    kept[name] = kept[name] + more


def check(verify):
    rng = np.random.default_rng(3)
    w, v, x, t = (rng.normal(size=size) for size in ((3, 4), 4, (7, 3), 7))
    with verify(w=w, v=v) as check:
        check.loss, check.gradients = gradients(w, v, x, t)
    return check
"""


def test_a_division_is_told_where_another_line_of_its_form_divides(tmp_path: Path) -> None:
    file = tmp_path / "handed_over.py"
    check, line = edited(file, HANDED_OVER, 'keep(kept, "v", gv / n)', 'keep(kept, "v", gv)')
    first = check.first_wrong
    assert (first.line, first.kind) == (line, "missing-batch-sum-or-mean"), str(check)
    assert "`gv` is not divided by n, as is done in line 13" in first.sentence


TWO_SOURCES = """
import numpy as np


class Centred:
    def __init__(self):
        self.g = np.array([0.7, 1.3, 0.4])

    def forward(self, x):
        self.off = x - np.mean(x, axis=0)
        self.square = self.off**2
        self.s = np.sqrt(np.mean(self.square, axis=0))
        self.rest = 1 / self.s
        return self.g * (self.off * self.rest)

    def backward(self, dy):
        self.dg = np.sum(dy * self.off / self.s, axis=0)
        doff1 = dy * self.g / self.s
        ds = -np.sum(dy * self.g * self.off, axis=0) / self.s**2
        dvar = ds * (1 / (2 * self.s))
        dsquare = np.tile(dvar, [len(dy), 1]) / len(dy)
        doff2 = dsquare * (2 * self.off)
        doff = doff1 + doff2
        dx1 = doff
        dmean = -np.sum(doff, axis=0)
        dx2 = np.tile(dmean, [len(dy), 1]) / len(dy)
        return dx1 + dx2


def check(verify):
    return verify.layer(Centred(), np.random.default_rng(3).normal(size=(5, 3)))
"""


def test_a_part_that_goes_nowhere_is_missing_where_the_sum_is_made(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "two_sources.py", TWO_SOURCES, "doff = doff1 + doff2", "doff = doff1")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-term"), str(check)
    case = check.case
    values = {node.number: node.value for node in case.tape.nodes}
    one, other = (next(e for e in case.events if e.name == name) for name in ("doff1", "doff2"))
    region: Any = SimpleNamespace(case=case, event=one, node=one.node, values=values, value=values[one.node])
    region.truth = values[one.node] + values[other.node]
    found = part_unread(region)
    assert found is not None
    assert (found[0], found[1].line) == ("doff2", line)
    region.truth = values[one.node] - values[other.node]
    assert part_unread(region) is None


BRANCHES = """
def dropped_back(dout, mode, mask):
    dx = None
    if mode == "train":
        dx = dout * mask
    elif mode == "test":
        dx = dout
    return dx
"""


def test_of_several_branches_the_one_that_ran_is_told() -> None:
    source = Source(BRANCHES)
    for line in (5, 7):
        found = only_binding(source, 8, "dx", ran={line})
        assert found is not None
        assert found.lineno == line


NORMED = """
import numpy as np


class Norm:
    def forward(self, x):
        mean = x.mean(axis=-1, keepdims=True)
        var = x.var(axis=-1, keepdims=True)
        self.inv = 1 / np.sqrt(var + 1e-5)
        self.xn = (x - mean) * self.inv
        return self.xn

    def backward(self, dy):
        m1 = dy.mean(axis=-1, keepdims=True)
        m2 = (dy * self.xn).mean(axis=-1, keepdims=True)
        return self.inv * (dy - m1 - self.xn * m2)


class Block:
    def __init__(self, rng):
        self.norm, self.w = Norm(), rng.normal(size=(4, 4))

    def forward(self, x):
        self.h = np.tanh(self.norm.forward(x))
        return x + self.h @ self.w

    def backward(self, dy):
        self.dw = self.h.T @ dy
        d = dy @ self.w.T * (1 - self.h**2)
        d = self.norm.backward(d)
        return dy + d


def check(verify):
    rng = np.random.default_rng(8)
    return verify.layer(Block(rng), rng.normal(size=(6, 4)))
"""


def test_a_path_that_a_helper_leaves_out_is_told_in_its_return(tmp_path: Path) -> None:
    right = "(dy - m1 - self.xn * m2)"
    check, line = edited(tmp_path / "normed.py", NORMED, right, "(dy - m1)")
    assert told(check) == (line, "missing-term"), str(check)


GIVEN = """
import numpy as np


def de_tanh(x):
    return 1 - np.square(np.tanh(x))


def slopes(w, v, x, t):
    raw = x @ w
    h = np.tanh(raw)
    d = h @ v - t
    below = d @ v.T * de_tanh(raw)
    return x.T @ below, h.T @ d


def check(verify):
    rng = np.random.default_rng(6)
    w, v, x, t = (rng.normal(size=shape) for shape in ((4, 3), (3, 2), (7, 4), (7, 2)))
    with verify(w=w, v=v) as check:
        check.loss = np.sum((np.tanh(x @ w) @ v - t) ** 2) / 2
        check.gradients = slopes(w, v, x, t)
    return check
"""


def test_a_slope_that_is_right_is_given_the_wrong_value_where_it_is_called(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "given.py", GIVEN, "de_tanh(raw)", "de_tanh(h)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


IN_PLACE = """import numpy as np

rng = np.random.default_rng(61)
x, y = rng.normal(size=(7, 4)), rng.normal(size=(7, 2))
W, V, U = rng.normal(size=(4, 5)), rng.normal(size=(5, 3)), rng.normal(size=(3, 2))
gW, gV, gU = np.empty_like(W), np.empty_like(V), np.empty_like(U)
h, k, e = np.empty((7, 5)), np.empty((7, 3)), np.empty((7, 2))
dh, dk = np.empty_like(h), np.empty_like(k)


def forward():
    np.dot(x, W, out=h)
    np.tanh(h, out=h)
    np.dot(h, V, out=k)
    np.dot(k, U, out=e)
    np.subtract(e, y, out=e)
    return 0.5 * np.sum(e**2)


def backward():
    np.dot(k.T, e, out=gU)
    np.dot(e, U.T, out=dk)
    np.dot(h.T, dk, out=gV)
    np.dot(dk, V.T, out=dh)
    np.square(h, out=h)
    np.subtract(1, h, out=h)
    np.multiply(dh, h, out=dh)
    np.dot(x.T, dh, out=gW)


for turn in range(3):
    loss = forward()
    backward()
    for w, g in zip((W, V, U), (gW, gV, gU)):
        g *= 0.1
        w -= g
"""


def test_a_mistake_before_gradients_are_made_steps_in_place_is_told_there(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, IN_PLACE)
    assert check.ok, str(check)
    check = check_of_script(tmp_path, IN_PLACE.replace("    np.square(h, out=h)\n", ""))
    first = check.first_wrong
    assert (first.line, first.kind) == (25, "derivative-at-wrong-point"), str(check)
    assert first.should_be is None


GATES = """import numpy as np


def forward(x, w):
    n, width = x.shape[0], w.shape[1] // 3
    ahead, raw, bent = np.zeros((n, w.shape[0])), np.zeros((n, 3 * width)), np.zeros((n, 3 * width))
    cell, kept = np.zeros((n, width)), np.zeros((n, width))
    for t in range(n):
        ahead[t] = np.concatenate([x[t], kept[t - 1] if t else np.zeros(width)])
        raw[t] = ahead[t] @ w
        bent[t, : 2 * width] = 1 / (1 + np.exp(-raw[t, : 2 * width]))
        bent[t, 2 * width :] = np.tanh(raw[t, 2 * width :])
        cell[t] = bent[t, :width] * bent[t, 2 * width :]
        kept[t] = bent[t, width : 2 * width] * cell[t]
    return kept, (ahead, raw, bent, cell)


def backward(above, w, made):
    ahead, raw, bent, cell = made
    n, width = cell.shape
    d_kept, d_bent, d_raw, dw = above.copy(), np.zeros(bent.shape), np.zeros(raw.shape), np.zeros(w.shape)
    for t in reversed(range(n)):
        d_bent[t, width : 2 * width] = cell[t] * d_kept[t]
        d_cell = bent[t, width : 2 * width] * d_kept[t]
        d_bent[t, :width] = bent[t, 2 * width :] * d_cell
        d_bent[t, 2 * width :] = bent[t, :width] * d_cell
        d_raw[t, 2 * width :] = (1 - bent[t, 2 * width :] ** 2) * d_bent[t, 2 * width :]
        s = bent[t, : 2 * width]
        d_raw[t, : 2 * width] = s * (1 - s) * d_bent[t, : 2 * width]
        dw += np.outer(ahead[t], d_raw[t])
        if t:
            d_kept[t - 1] += (w @ d_raw[t])[-width:]
    return dw


def check(verify):
    rng = np.random.default_rng(4)
    x, goal, w = rng.normal(size=(5, 3)), rng.normal(size=(5, 4)), rng.normal(size=(7, 12))
    with verify(w=w) as check:
        kept, made = forward(x, w)
        check.loss = np.sum(kept * goal)
        check.gradients = [backward(goal, w, made)]
    return check
"""


def test_what_is_chosen_for_a_slope_is_told_where_it_is_chosen(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "gates.py", GATES, "s = bent[t,", "s = raw[t,")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)
    assert (check.first_wrong.should_be or "").endswith("bent[t, : 2 * width]")


A_MIXTURE = """
import numpy as np

draw = np.random.default_rng(6)
x = np.r_[draw.normal(-1, 0.6, 12), draw.normal(2, 0.9, 9)]


def log_sum(a, axis):
    top = a.max(axis=axis, keepdims=True)
    return (top + np.log(np.exp(a - top).sum(axis=axis, keepdims=True))).squeeze(axis)


def likelihood(v, m, s):
    logs = v - log_sum(v, 0)
    joint = logs - s - 0.5 * ((x[:, None] - m) / np.exp(s)) ** 2
    return -np.mean(log_sum(joint, 1)), (logs, joint)


def slopes(kept, m, s):
    logs, joint = kept
    d = -np.exp(joint - log_sum(joint, 1)[:, None]) / len(x)
    dv = d.sum(axis=0) + np.exp(logs)
    off = (x[:, None] - m) / np.exp(s)
    dm = (d * off / np.exp(s)).sum(axis=0)
    ds = (d * (off**2 - 1)).sum(axis=0)
    return dv, dm, ds


v, m, s = np.zeros(2) + [0.3, -0.2], np.array([-0.5, 1.0]), np.array([0.1, -0.2])
for turn in range(4):
    loss, kept = likelihood(v, m, s)
    dv, dm, ds = slopes(kept, m, s)
    v, m, s = v - 0.1 * dv, m - 0.1 * dm, s - 0.1 * ds
    print(loss)
"""


def test_a_term_that_lacks_is_told_where_the_sum_is_made(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, A_MIXTURE).ok
    check, line = edited_script(tmp_path, A_MIXTURE, "d.sum(axis=0) + np.exp(logs)", "d.sum(axis=0)")
    assert told(check) == (line, "missing-term"), str(check)
