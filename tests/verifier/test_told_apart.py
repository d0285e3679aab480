"""Kinds that border on each other: which of them is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited
from tinygrad_scratch.verifier.trying.search import Search

SAMPLED = """
import numpy as np


class Sampled:
    def __init__(self, rng):
        self.A, self.M, self.L = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=(4, 3)) / 2
        self.D, self.gain = rng.normal(size=(3, 5)), rng.normal(size=3) + 2

    def forward(self, x, noise):
        self.x, self.noise = x, noise
        self.a = x @ self.A
        self.h = np.log1p(np.exp(self.a))
        self.mean = self.h @ self.M
        self.spread = np.exp(self.h @ self.L)
        self.code = self.mean + self.spread * noise
        self.size = np.sqrt(np.sum(self.code**2, axis=1, keepdims=True))
        self.unit = self.code / self.size
        self.out = (self.unit * self.gain) @ self.D
        return np.sum((self.out - x) ** 2) / 2

    def backward(self, heat):
        dout = self.out - self.x
        dunit = dout @ self.D.T * self.gain
        dgain = np.sum(dout @ self.D.T * self.unit, axis=0)
        dD = (self.unit * self.gain).T @ dout
        dcode = (dunit - self.unit * np.sum(dunit * self.unit, axis=1, keepdims=True)) / self.size
        dspread = dcode * self.noise * self.spread
        dM, dL = self.h.T @ dcode, self.h.T @ dspread
        dh = dcode @ self.M.T + dspread @ self.L.T
        da = dh / (1 + np.exp(-self.a))
        return {"A": self.x.T @ da, "M": dM, "L": dL, "D": dD, "gain": dgain}


def check(verify):
    rng = np.random.default_rng(5)
    net = Sampled(rng)
    with verify(net) as check:
        check.loss = net.forward(rng.normal(size=(6, 5)), rng.normal(size=(6, 3)))
        check.gradients = net.backward(1.0)
    return check
"""

VISITS = """
import numpy as np


class Visits:
    def __init__(self, rng):
        self.P, self.Q, self.bias = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), rng.normal(size=4)
        self.weight = 0.3

    def turn(self, seen):
        gP, gQ, gb = 0 * self.P, 0 * self.Q, 0 * self.bias
        self.cost = 0.0
        for u, i, r in seen:
            miss = self.bias[u] + self.P[u] @ self.Q[i] - r
            self.cost += miss * miss
            self.cost += self.weight * (self.P[u] @ self.P[u] + self.Q[i] @ self.Q[i] + self.bias[u] ** 2)
            gb[u] += 2 * miss + 2 * self.weight * self.bias[u]
            gP[u] += 2 * miss * self.Q[i] + 2 * self.weight * self.P[u]
            gQ[i] += 2 * miss * self.P[u] + 2 * self.weight * self.Q[i]
        return {"P": gP, "Q": gQ, "bias": gb}


def check(verify):
    rng = np.random.default_rng(8)
    net = Visits(rng)
    seen = [(u, i, float(rng.integers(1, 6))) for u in range(4) for i in range(5) if rng.random() < 0.3]
    with verify(net) as check:
        check.gradients = net.turn(seen)
        check.loss = net.cost
    return check
"""

HALVES = """
import numpy as np


def forward(W, V, x, rate):
    u = x @ W
    e = np.exp(np.minimum(u, 2))
    joined = np.concatenate([u * 2, e], axis=1)
    return u, e, joined, np.sum((joined @ V) ** 3) * rate


def backward(W, V, x, rate, u, e, joined):
    above = joined @ V
    dabove = 3 * rate * above ** 2
    dV = joined.T @ dabove
    djoined = dabove @ V.T
    width = u.shape[1]
    first, second = djoined[:, :width], djoined[:, width:]
    du = 2 * first + second * e * (u < 2)
    return {"W": x.T @ du, "V": dV}


def check(verify):
    rng = np.random.default_rng(4)
    W, V, x = rng.normal(size=(3, 4)), rng.normal(size=(8, 2)) / 4, rng.normal(size=(6, 3))
    with verify(W=W, V=V) as check:
        u, e, joined, check.loss = forward(W, V, x, 0.7)
        check.gradients = backward(W, V, x, 0.7, u, e, joined)
    return check
"""

STACKED = """
import numpy as np


def check(verify):
    rng = np.random.default_rng(6)
    W, V, rows = rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=(5, 3))
    with verify(W=W, V=V) as check:
        kept, errors, total = [], [], 0.0
        for row in rows:
            h = np.tanh(W @ row)
            error = V @ h - row[0]
            total += error ** 2 / 2
            kept.append(h)
            errors.append(error)
        check.loss = total
        hidden, dout = np.vstack(kept), np.array(errors)
        dh = np.outer(dout, V)
        dz = dh * (1 - hidden ** 2)
        check.gradients = {"W": dz.T @ rows, "V": dout @ hidden}
    return check
"""

STEPS = """
import numpy as np


def step(x, before, wx, wh):
    reach = x @ wx + before @ wh
    return np.tanh(reach), (x, before, wh, reach)


def back(dafter, kept):
    x, before, wh, reach = kept
    dreach = dafter * (1 - np.tanh(reach) ** 2)
    return dreach @ wh.T, x.T @ dreach, before.T @ dreach


def turn(xs, ys, wx, wh):
    state, kept, states = np.zeros((5, 3)), [], []
    for x in xs:
        state, own = step(x, state, wx, wh)
        kept.append(own)
        states.append(state)
    dstates = np.array(states) - ys
    dafter, dwx, dwh = np.zeros((5, 3)), np.zeros_like(wx), np.zeros_like(wh)
    for t in reversed(range(len(xs))):
        dafter, more_x, more_h = back(dafter + dstates[t], kept[t])
        dwx += more_x
        dwh += more_h
    return 0.5 * np.sum(dstates ** 2), dwx, dwh, dafter


def check(verify):
    rng = np.random.default_rng(0)
    xs, ys, wx, wh = (rng.normal(size=s) for s in ((2, 5, 2), (2, 5, 3), (2, 3), (3, 3)))
    with verify(wx=wx, wh=wh) as check:
        check.loss, dwx, dwh, _ = turn(xs, ys, wx, wh)
        check.gradients = {"wx": dwx, "wh": dwh}
    return check
"""

PROGRAMS = {"sampled": SAMPLED, "visits": VISITS, "halves": HALVES, "stacked": STACKED, "steps": STEPS}

MISTAKES = [
    ("sampled", "dcode * self.noise * self.spread", "dcode * self.spread", {"missing-derivative"}),
    ("sampled", "self.h.T @ dcode, self", "self.x[:, :4].T @ dcode, self", {"wrong-operand"}),
    ("sampled", "dunit - self.unit * np", "dunit - self.code * np", {"wrong-operand"}),
    ("sampled", "1 + np.exp(-self.a)", "1 + np.exp(self.a)", {"sign"}),
    ("sampled", "1 + np.exp(-self.a)", "1 + np.exp(-self.h)", {"derivative-at-wrong-point"}),
    ("visits", "self.P[u] + 2 * self.weight * self.Q[i]", "self.P[u]", {"regularisation"}),
    ("visits", "2 * self.weight * self.bias[u]\n", "2 * self.weight * self.bias[u] ** 2\n", {"regularisation"}),
    ("halves", "3 * rate * above ** 2", "3 * rate * above", {"missing-derivative"}),
    ("halves", "djoined[:, :width], djoined[:, width:]", "djoined[:, width:], djoined[:, :width]", {"wrong-operand"}),
    ("halves", "second * e * (u < 2)", "second * e * (e < 2)", {"derivative-at-wrong-point"}),
    ("stacked", "(1 - hidden ** 2)", "hidden * (1 - hidden)", {"derivative-at-wrong-point"}),
]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_are_right(tmp_path: Path, name: str) -> None:
    check, _ = edited(tmp_path / f"apart_{name}.py", PROGRAMS[name], "import numpy as np", "import numpy as np")
    assert check.ok, str(check)


@pytest.mark.parametrize(("name", "right", "wrong", "kinds"), MISTAKES)
def test_the_line_and_the_kind(tmp_path: Path, name: str, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / f"apart_{name}.py", PROGRAMS[name], right, wrong)
    first = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind in kinds) == (line, True), str(check)


def test_a_name_of_what_a_function_is_given_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is given lacks what the same name holds around the call: a term, that is, though the names are alike."""
    monkeypatch.setattr(Search, "run", lambda search: [])
    check, line = edited(tmp_path / "apart_given.py", STEPS, "back(dafter + dstates[t]", "back(dstates[t]")
    first = check.first_wrong
    assert first is not None
    assert (first.line, first.kind, first.should_be) == (line, "missing-term", "dafter + dstates[t]"), str(check)
