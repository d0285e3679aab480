"""Slips of one line in programs of their own: each is told in that line, and as what a marker calls it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.verifier.files import check_of_script, edited, told
from tinygrad_scratch.verifier.verdicts.rivals import admit

POWERS = """
import numpy as np


def objective(P, x, tag, power=2.0):
    w, v, rate = P
    h = np.tanh(x @ w)
    q = 1 / (1 + np.exp(-(h @ v)))
    loss = -np.mean(tag * (1 - q) ** power * np.log(q) + (1 - tag) * q ** power * np.log(1 - q))
    tail = 0.1 * np.sum(np.exp(-np.exp(rate)))
    dq = -tag * ((1 - q) ** power / q - power * (1 - q) ** (power - 1) * np.log(q))
    dq = (dq + (1 - tag) * (q ** power / (1 - q) - power * q ** (power - 1) * np.log(1 - q))) / len(x)
    dz = dq * q * (1 - q)
    dv = h.T @ dz
    dh = np.outer(dz, v)
    dw = x.T @ (dh * (1 - h * h))
    dkeep = 0.1 * np.ones_like(rate)
    drate = dkeep * np.exp(-np.exp(rate)) * (-np.exp(rate))
    return loss + tail, [dw, dv, drate]


def check(verify):
    rng = np.random.default_rng(21)
    P = [rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=5)]
    x, tag = rng.normal(size=(7, 3)), rng.integers(0, 2, 7).astype(float)
    with verify(P=P) as check:
        check.loss, check.gradients = objective(P, x, tag)
    return check
"""

GATED = """
import numpy as np


def softplus(z):
    return np.log(1 + np.exp(z))


def softplus_grad(z):
    return 1 / (1 + np.exp(-z))


def bend(u):
    return 0.5 * u * (1 + np.tanh(u))


def bend_slope(u):
    s = np.tanh(u)
    return 0.5 * (1 + s) + 0.5 * u * (1 - s * s)


def centred(d, z, size):
    total = np.sum(d, axis=0)
    return d - total / size - z * np.sum(d * z, axis=0) / size


def forward(net, x):
    z = x @ net["low"]
    mean = z.mean(axis=0)
    std = np.sqrt(((z - mean) ** 2).mean(axis=0))
    n = (z - mean) / std
    g = softplus(n)
    u = g @ net["mid"]
    out = bend(u) @ net["high"]
    return out, (x, std, n, g, u)


def backward(net, kept, d):
    x, std, n, g, u = kept
    grads = {"high": bend(u).T @ d}
    du = (d @ net["high"].T) * bend_slope(u)
    grads["mid"] = g.T @ du
    dg = du @ net["mid"].T
    dn = dg * softplus_grad(n)
    dz = centred(dn, n, len(x)) / std
    grads["low"] = x.T @ dz
    return grads


def check(verify):
    rng = np.random.default_rng(22)
    net = {"low": rng.normal(size=(3, 4)), "mid": rng.normal(size=(4, 5)), "high": rng.normal(size=(5, 2))}
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    with verify(net) as check:
        out, kept = forward(net, x)
        check.loss = np.sum((out - y) ** 2)
        check.gradients = backward(net, kept, 2 * (out - y))
    return check
"""

PLACES = """
import numpy as np


def relu(z):
    return np.maximum(z, 0)


def back_through(d, z):
    d = d.copy()
    d[z <= 0] = 0
    return d


def mean_of(d, size):
    return d / size


class Net:
    def __init__(self, rng):
        self.w = [rng.normal(size=n) for n in ((3, 5), (5, 4), (4, 2))]
        self.b = [rng.normal(size=n) for n in (5, 4, 2)]

    def forward(self, x):
        self.a, self.z = [x], []
        for w, b in zip(self.w, self.b):
            self.z.append(self.a[-1] @ w + b)
            self.a.append(relu(self.z[-1]))
        self.a[-1] = self.z[-1]
        return self.a[-1]

    def backward(self, y):
        d = 2 * (self.a[-1] - y)
        d = mean_of(d, len(y))
        dw, db = [], []
        for i in (2, 1, 0):
            if i < 2:
                d = back_through(d, self.z[i])
            dw.insert(0, self.a[i].T @ d)
            db.insert(0, d.sum(axis=0))
            d = d @ self.w[i].T
        return dw, db


def check(verify):
    rng = np.random.default_rng(23)
    net, x, y = Net(rng), rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    with verify(net) as check:
        check.loss = np.sum((net.forward(x) - y) ** 2) / len(y)
        dw, db = net.backward(y)
        check.gradients = {**{f"w[{i}]": g for i, g in enumerate(dw)}, **{f"b[{i}]": g for i, g in enumerate(db)}}
    return check
"""

PROGRAMS = {"powers": POWERS, "gated": GATED, "places": PLACES}

SLIPS = [
    ("powers", "power * (1 - q) ** (power - 1) * np.log(q)", "power * (1 - q) ** power * np.log(q)", {"off-by-one"}),
    ("powers", "dw = x.T @ (dh * (1 - h * h))", "dw = x.T @ (dh * (1 - dh * dh))",
     {"derivative-at-wrong-point", "wrong-operand"}),
    ("gated", "dn = dg * softplus_grad(n)", "dn = softplus_grad(dg)", {"derivative-at-wrong-point", "wrong-operand"}),
    ("gated", "dn = dg * softplus_grad(n)", "dn = dg * softplus_grad(n) * (1 - softplus_grad(n))",
     {"scale-factor"}),
    ("gated", "return d - total / size - z", "return d - total - z", {"missing-batch-sum-or-mean", "scale-factor"}),
    ("places", "d = 2 * (self.a[-1] - y)", "d = 2 * self.a[-1] - y", {"scale-factor", "wrong-operand"}),
    ("places", "db.insert(0, d.sum(axis=0))", "db.insert(0, d[0])", {"missing-batch-sum-or-mean"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "right", "wrong", "kinds"), SLIPS)
def test_the_line_and_the_kind(tmp_path: Path, name: str, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / f"single_{name}.py", PROGRAMS[name], right, wrong)
    assert told(check)[0] == line, str(check)
    assert told(check)[1] in kinds, str(check)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_are_right(tmp_path: Path, name: str) -> None:
    check, _ = edited(tmp_path / f"single_{name}.py", PROGRAMS[name], "\n\n\ndef check(", "\n\n\ndef check(")
    assert check.ok is True, str(check)


def test_a_sign_that_is_wrong_in_all_places_of_an_expression(tmp_path: Path) -> None:
    right, slope = "return np.exp(z) / (1 + np.exp(z))", "return 1 / (1 + np.exp(-z))"
    text = GATED.replace(slope, right)
    check, line = edited(tmp_path / "single_signs.py", text, right, "return np.exp(-z) / (1 + np.exp(-z))")
    assert told(check) == (line, "sign"), str(check)
    assert check.first_wrong.should_be == "np.exp(z) / (1 + np.exp(z))"
    assert edited(tmp_path / "single_signs.py", text, right, right)[0].ok


NEURONS = """
import math
import random
import numpy as np

random.seed(5)
data = [([random.random() for _ in range(3)], [random.random() for _ in range(2)]) for _ in range(2)]


class Neuron:
    def __init__(self, inputs):
        self.weights = [random.uniform(-1, 1) for _ in range(inputs)]
        self.out, self.delta = 0.0, 0.0

    def fire(self, inputs):
        self.inputs = inputs
        self.out = 1 / (1 + np.exp(-sum(w * x for w, x in zip(self.weights, inputs))))
        return self.out

    def learn(self, rate):
        for i, x in enumerate(self.inputs):
            self.weights[i] += rate * self.delta * x


hidden, outputs = [Neuron(3) for _ in range(3)], [Neuron(3) for _ in range(2)]
for turn in range(2):
    for sample, aims in data:
        inner = [neuron.fire(sample) for neuron in hidden]
        for neuron in outputs:
            neuron.fire(inner)
        for neuron, aim in zip(outputs, aims):
            neuron.delta = (aim - neuron.out) * neuron.out * (1 - neuron.out)
        for i, neuron in enumerate(hidden):
            above = sum(other.weights[i] * other.delta for other in outputs)
            neuron.delta = above * neuron.out * (1 - neuron.out)
        for neuron in hidden + outputs:
            neuron.learn(0.5)
"""


def test_neurons_that_nobody_computed_a_loss_for_are_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, NEURONS)
    assert check.ok is True, str(check)
    assert any("in 2 turns" in note for note in check.notes)


def test_a_mistake_in_one_kind_of_neurons_is_told(tmp_path: Path) -> None:
    right = "neuron.delta = above * neuron.out * (1 - neuron.out)"
    check = check_of_script(tmp_path, NEURONS.replace(right, "neuron.delta = above * neuron.out"))
    assert told(check)[0] == NEURONS[: NEURONS.index(right)].count("\n") + 1, str(check)


DRAWN = """
import random
import numpy as np

random.seed(3)
np.random.seed(3)


class Layer:
    def __init__(self, n, m):
        self.w = np.random.randn(m, n)

    def feed(self, x):
        self.x, self.out = x, np.tanh(self.w @ x)
        return self.out

    def back(self, err):
        d = err * (1 - self.out ** 2)
        self.dw = np.outer(d, self.x)
        return self.w.T @ d


net = [Layer(3, 5), Layer(5, 4), Layer(4, 2)]
samples = [(np.random.randn(3), np.random.rand(2)) for _ in range(6)]
for turn in range(3):
    x, y = random.choice(samples)
    for layer in net:
        x = layer.feed(x)
    cost = np.sum((x - y) ** 2)
    err = 2 * (x - y)
    for layer in reversed(net):
        err = layer.back(err)
    for layer in net:
        layer.w -= 0.05 * layer.dw
"""


def test_what_a_script_draws_with_pythons_own_numbers_stays_as_it_is(tmp_path: Path) -> None:
    """A change of the source once made `random.seed` what a comprehension counts, and all that came after it failed."""
    check = check_of_script(tmp_path, DRAWN.replace("return self.w.T @ d", "return self.w.T @ err"))
    assert told(check) == (DRAWN[: DRAWN.index("return self.w.T @ d")].count("\n") + 1, "wrong-operand"), str(check)


def other(**known: Any) -> Any:
    """A change of the source in the line after that of a cause, as usual as any; but for what is said of it."""
    usual = {
        "convention": "",
        "puts_in": False,
        "is_odd": False,
        "is_of_block": False,
        "said": "d = -e",
        "file": "a.py",
    }
    return SimpleNamespace(**{**usual, "rewrite": SimpleNamespace(line=3, kind="sign"), **known})


def test_a_cause_beside_which_another_change_mends_as_much_only_fits() -> None:
    def admitted(*hits: Any) -> Any:
        cause: Any = SimpleNamespace(file="a.py", line=2, kind="sign", certainty="checked", others=[])
        admit(cause, list(hits))
        return cause.certainty, cause.others

    assert admitted(other()) == ("fits", ["d = -e"])
    assert admitted() == ("checked", [])
    assert admitted(other(rewrite=SimpleNamespace(line=2, kind="sign"))) == ("checked", [])
    for odd in ({"convention": "twice"}, {"puts_in": True}, {"is_odd": True}, {"is_of_block": True}):
        assert admitted(other(**odd)) == ("checked", [])
