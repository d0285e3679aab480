"""Kinds of what is lacking: the weight of a term of the loss, a term of an operand, the slope in one branch of two."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, told

TASKS = """
import numpy as np


def check(verify):
    rng = np.random.default_rng(3)
    x, y, t = rng.normal(size=(6, 4)), rng.normal(size=(6, 2)), rng.normal(size=(6, 3))
    W, V, share = rng.normal(size=(4, 2)), rng.normal(size=(4, 3)), np.array([0.4, -0.2])
    with verify(W=W, V=V, share=share) as check:
        weight = np.exp(-share)
        first, second = x @ W - y, np.tanh(x @ V) - t
        one, two = np.sum(first ** 2), np.mean(second ** 2)
        check.loss = weight[0] * one + 0.5 * weight[1] * two + share.sum()
        dfirst = 2 * weight[0] * first
        dsecond = weight[1] * second / 18
        dinner = dsecond * (1 - np.tanh(x @ V) ** 2)
        dshare = np.array([1 - weight[0] * one, 1 - 0.5 * weight[1] * two])
        check.gradients = {"W": x.T @ dfirst, "V": x.T @ dinner, "share": dshare}
    return check
"""

WEIGHTS = [
    ("2 * weight[0] * first", "2 * first", "scale-factor"),
    ("weight[1] * second / 18", "second / 18", "scale-factor"),
    ("dsecond * (1 - np.tanh(x @ V) ** 2)", "dsecond", "missing-derivative"),
]


@pytest.mark.parametrize(("right", "wrong", "kind"), WEIGHTS)
def test_what_weighs_a_term_of_the_loss_is_a_scale(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited(tmp_path / "tasks.py", TASKS, right, wrong)
    assert told(check) == (line, kind), str(check)


SCALED = """
import numpy as np


class Net:
    def __init__(self, rng):
        self.v1, self.v2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
        self.s1, self.s2 = rng.normal(size=4), rng.normal(size=2)

    def steps(self, x, y):
        n1 = np.sqrt((self.v1 ** 2).sum(axis=0))
        u1 = self.v1 / n1
        h = np.tanh(x @ (self.s1 * u1))
        n2 = np.sqrt((self.v2 ** 2).sum(axis=0))
        u2 = self.v2 / n2
        out = h @ (self.s2 * u2) - y
        dw2 = h.T @ out
        ds2 = (dw2 * u2).sum(axis=0)
        dv2 = self.s2 / n2 * (dw2 - u2 * ds2)
        dw1 = x.T @ (out @ (self.s2 * u2).T * (1 - h ** 2))
        ds1 = (dw1 * u1).sum(axis=0)
        dv1 = self.s1 / n1 * (dw1 - u1 * ds1)
        return np.sum(out ** 2) / 2, {"v1": dv1, "v2": dv2, "s1": ds1, "s2": ds2}


def check(verify):
    rng = np.random.default_rng(5)
    net, x, y = Net(rng), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    with verify(net) as check:
        check.loss, check.gradients = net.steps(x, y)
    return check
"""


def test_what_is_taken_off_an_operand_is_a_term(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "scaled.py", SCALED, "(dw2 - u2 * ds2)", "dw2")
    assert told(check) == (line, "missing-term"), str(check)
    assert check.first_wrong.should_be == "dv2 = self.s2 / n2 * (dw2 - u2 * ds2)"


BENT = """
import numpy as np

SHARE = 0.3


def bend(z):
    return np.maximum(SHARE * z, z)


def slope(z):
    return np.where(z > 0, 1.0, SHARE)


class Bend:
    def __init__(self, n):
        self.lean = np.linspace(0.2, 0.5, n)

    def forward(self, z):
        self.z = z
        return np.where(z > 0, z, self.lean * z)

    def backward(self, above):
        below = self.z <= 0
        self.dlean = (above * self.z * below).sum(axis=0)
        return np.where(below, self.lean * above, above)


class Net:
    def __init__(self, rng):
        self.a, self.b, self.c = (rng.normal(size=size) for size in ((3, 4), (4, 5), (5, 2)))
        self.bend = Bend(4)

    def steps(self, x, y):
        h = self.bend.forward(x @ self.a)
        u = h @ self.b
        k = bend(u)
        out = k @ self.c - y
        du = (out @ self.c.T) * slope(u)
        dz = self.bend.backward(du @ self.b.T)
        return np.sum(out ** 2) / 2, {"a": x.T @ dz, "b": h.T @ du, "c": k.T @ out, "bend.lean": self.bend.dlean}


def check(verify):
    rng = np.random.default_rng(8)
    net, x, y = Net(rng), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    with verify(net) as check:
        check.loss, check.gradients = net.steps(x, y)
    return check
"""

BRANCHES = [
    ("np.where(below, self.lean * above, above)", "np.where(below, 0, above)"),
    ("np.where(z > 0, 1.0, SHARE)", "np.where(z > 0, 1.0, 0.0)"),
]


@pytest.mark.parametrize(("right", "wrong"), BRANCHES)
def test_nought_in_one_branch_is_the_slope_of_another_function(tmp_path: Path, right: str, wrong: str) -> None:
    check, line = edited(tmp_path / "bent.py", BENT, right, wrong)
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)
    assert check.first_wrong.should_be == f"return {right}"


HANDED = """
import numpy as np


def bend(z):
    return np.exp(-z ** 2)


def ahead(a, b, x):
    z = x @ a
    h = bend(z)
    return h @ b, h, z


def back(a, b, dout, x, h, z):
    db = h.T @ dout
    dz = -2 * z * bend(z) * (dout @ b.T)
    return x.T @ dz, db


def turn(a, b, x, y):
    out, h, z = ahead(a, b, x)
    da, db = back(a, b, out - y, x=x, h=h, z=z)
    return np.sum((out - y) ** 2) / 2, da, db


def check(verify):
    rng = np.random.default_rng(8)
    a, b, x, y = (rng.normal(size=size) for size in ((3, 5), (5, 2), (7, 3), (7, 2)))
    with verify(a=a, b=b) as check:
        check.loss, da, db = turn(a, b, x, y)
        check.gradients = {"a": da, "b": db}
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "should_be"),
    [
        ("h.T @ dout", "z.T @ dout", "h.T @ dout"),
        ("h=h, z=z", "h=z, z=z", "da, db = back(a, b, out - y, x=x, h=h, z=z)"),
    ],
)
def test_a_helper_that_has_both_names_is_told_and_else_its_call(
    tmp_path: Path, right: str, wrong: str, should_be: str
) -> None:
    check, line = edited(tmp_path / "handed.py", HANDED, right, wrong)
    assert told(check) == (line, "wrong-operand"), str(check)
    assert check.first_wrong.should_be == should_be


LEARNED = """
import numpy as np


def soft(u, k):
    return u / (1 + np.exp(-k * u))


class Net:
    def __init__(self, rng):
        self.into = [rng.normal(size=size) for size in ((3, 4), (4, 5), (5, 2))]
        self.steep = [np.array([1.4]), np.array([0.6])]

    def loss(self, x, y):
        self.kept, self.inner = [x], []
        for w, k in zip(self.into[:-1], self.steep):
            self.inner.append(self.kept[-1] @ w)
            self.kept.append(soft(self.inner[-1], k))
        self.miss = self.kept[-1] @ self.into[-1] - y
        return np.sum(self.miss ** 2) / 2

    def back(self):
        up, dinto, dsteep = self.miss, [None] * 3, [None] * 2
        for i in reversed(range(3)):
            dinto[i] = self.kept[i].T @ up
            if i > 0:
                da = up @ self.into[i].T
                u, k = self.inner[i - 1], self.steep[i - 1]
                gate = 1 / (1 + np.exp(-k * u))
                dsteep[i - 1] = np.array([np.sum(da * u ** 2 * gate * (1 - gate))])
                up = da * (gate + k * u * gate * (1 - gate))
        return dinto, dsteep


def check(verify):
    rng = np.random.default_rng(8)
    net, x, y = Net(rng), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    with verify(net) as check:
        check.loss = net.loss(x, y)
        check.gradients = net.back()
    return check
"""


def test_a_learned_number_lacks_in_a_term_of_a_slope(tmp_path: Path) -> None:
    """Its negative alone is a factor elsewhere."""
    check, line = edited(tmp_path / "learned.py", LEARNED, "k * u * gate", "u * gate")
    assert told(check) == (line, "scale-factor"), str(check)
    assert check.first_wrong.should_be == "up = da * (gate + u * gate * (1 - gate) * k)"


PAIRS = """
import numpy as np


def fit(E, R, left, kind, right, rate):
    match = np.sum(E[left] * R[kind] * E[right], axis=1)
    loss = np.sum(np.log1p(np.exp(-match))) + rate * np.sum(E ** 4)
    above = (-1 / (1 + np.exp(match)))[:, None]
    d_left = above * R[kind] * E[right]
    d_right = above * R[kind] * E[left]
    gE, gR = np.zeros_like(E), np.zeros_like(R)
    np.add.at(gR, kind, above * E[left] * E[right])
    np.add.at(gE, left, d_left)
    np.add.at(gE, right, d_right)
    gE += 4 * rate * E ** 3
    return loss, gE, gR


def check(verify):
    rng = np.random.default_rng(8)
    E, R = rng.normal(size=(6, 4)), rng.normal(size=(3, 4))
    left, kind, right = rng.permutation(6)[:5], rng.integers(0, 3, 5), rng.permutation(6)[:5]
    with verify(E=E, R=R) as check:
        check.loss, gE, gR = fit(E, R, left, kind, right, 0.1)
        check.gradients = {"E": gE, "R": gR}
    return check
"""

FIRST, SECOND = "    np.add.at(gE, left, d_left)\n", "    np.add.at(gE, right, d_right)\n"


@pytest.mark.parametrize("first", ["np.add.at(gE, left, d_left)", "gE[left] += d_left"])
def test_what_was_made_and_is_read_nowhere_is_told_beside_what_is_put_in(tmp_path: Path, first: str) -> None:
    check, line = edited(tmp_path / "pairs.py", PAIRS, FIRST + SECOND, f"    {first}\n")
    second = first.replace("left", "right")
    assert told(check) == (line, "missing-term"), str(check)
    assert check.first_wrong.should_be == f"{first}; {second}"
