"""Where the finger goes: on a helper that any layer may call, on a line that only gives another name, on no decay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited, edited_script, module_of, told
from tinygrad_scratch import verify

LAYERS = """
import numpy as np


def bend(z, kind):
    if kind == "swish":
        return z / (1 + np.exp(-z))
    return np.tanh(z)


def bend_slope(z, kind):
    if kind == "swish":
        s = 1 / (1 + np.exp(-z))
        return s + z * s * (1 - s)
    return 1 - np.tanh(z) ** 2


def logistic_slope(z):
    return 1 / (1 + np.exp(-z)) * (1 - 1 / (1 + np.exp(-z)))


class Logistic:
    def __init__(self):
        self.slope_of = logistic_slope

    def of(self, z):
        return 1 / (1 + np.exp(-z))

    def slope(self, z):
        return self.of(z) * (1 - self.of(z))


class Net:
    def __init__(self, rng, last):
        self.first, self.second = rng.normal(size=(3, 4)), rng.normal(size=(4, 5))
        self.third, self.shift = rng.normal(size=(5, 2)), rng.normal(size=2)
        self.last, self.is_short = last, False

    def forward(self, x):
        self.x, self.z1 = x, x @ self.first
        self.a1 = bend(self.z1, "swish")
        self.z2 = self.a1 @ self.second
        self.a2 = bend(self.z2, "tanh")
        self.z3 = self.a2 @ self.third + self.shift
        return self.last.of(self.z3)

    def backward(self, d):
        delta = d * self.last.slope(self.z3)
        if self.is_short:
            slope = self.last.slope_of(self.z3)
            delta = d * slope
        d_third, d_shift = self.a2.T @ delta, np.sum(delta, axis=0)
        error = delta @ self.third.T
        d2 = error * bend_slope(self.z2, "tanh")
        d_second = self.a1.T @ d2
        d_first = self.x.T @ ((d2 @ self.second.T) * bend_slope(self.z1, "swish"))
        return d_first, d_second, d_third, d_shift


def check(verify):
    rng = np.random.default_rng(4)
    net, x, goal = Net(rng, Logistic()), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    with verify(net) as check:
        out = net.forward(x)
        check.loss = np.sum((out - goal) ** 2) / 2
        grads = net.backward(out - goal)
        check.gradients = dict(zip(("first", "second", "third", "shift"), grads))
    return check
"""

DECAYED = """
import numpy as np


def check(verify):
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    params = {"w1": rng.normal(size=(3, 4)), "b1": rng.normal(size=4),
              "w2": rng.normal(size=(4, 2)), "b2": rng.normal(size=2)}
    with verify(params) as check:
        h = np.tanh(X @ params["w1"] + params["b1"])
        gap = h @ params["w2"] + params["b2"] - y
        check.loss = np.sum(gap**2) / 16
        d = gap / 8
        dh = d @ params["w2"].T * (1 - h**2)
        check.gradients = {
            "w1": X.T @ dh + 0.1 * params["w1"], "b1": np.sum(dh, axis=0),
            "w2": h.T @ d + 0.1 * params["w2"], "b2": np.sum(d, axis=0),
        }
    return check
"""

ADDED_UP = """
import numpy as np


def check(verify):
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    w, b, v, c = rng.normal(size=(3, 4)), np.zeros((1, 4)), rng.normal(size=(4, 2)), np.zeros((1, 2))
    with verify(w=w, b=b, v=v, c=c) as check:
        dw_accum, db_accum = np.zeros_like(w), np.zeros_like(b)
        dv_accum, dc_accum = np.zeros_like(v), np.zeros_like(c)
        loss = 0.0
        for i in range(6):
            h = np.tanh(X[i : i + 1] @ w + b)
            out = h @ v + c
            loss += np.sum((out - y[i]) ** 2) / 2
            error = out - y[i]
            given = error @ v.T
            d = given * (1 - h**2)
            dv_accum += h.T @ error
            dc_accum += error
            dw_accum += X[i : i + 1].T @ d
            db_accum += d
        check.loss = loss
        w -= dw_accum * 0.1 / 6
        b -= db_accum * 0.1 / 6
        v -= dv_accum * 0.1 / 6
        c -= dc_accum * 0.1 / 6
    return check
"""

NAMED = """
import numpy as np


def sig(v):
    return 1 / (1 + np.exp(-v))


def sig_slope(s):
    return s * (1 - s)


def tanh_slope(z):
    return 1 - np.tanh(z) ** 2


def check(verify):
    rng = np.random.default_rng(9)
    X, t = rng.normal(size=(7, 3)), rng.random((7, 1))
    w, v = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
    with verify(w=w, v=v) as check:
        z = X @ w
        a = np.tanh(z)
        out = a @ v
        check.loss = np.sum(np.logaddexp(0, out) - t * out)
        d = sig(out) - t
        dz = d @ v.T * tanh_slope(z)
        check.gradients = {"w": X.T @ dz, "v": a.T @ d}
    return check
"""

SHORT = LAYERS.replace("self.is_short = last, False", "self.is_short = last, True")
PROGRAMS = {"layers": LAYERS, "short": SHORT, "decayed": DECAYED, "added up": ADDED_UP, "named": NAMED}

MISTAKES = [
    # one return of a helper is wrong, and another one is right
    ("layers", "return s + z * s * (1 - s)", "return s * (1 - s)",
     {"derivative-at-wrong-point", "missing-derivative", "missing-term"}),
    # any layer may be given: the line that calls it is right for the others
    ("layers", "return self.of(z) * (1 - self.of(z))", "return z * (1 - z)", {"derivative-at-wrong-point"}),
    # unless it returns the slope that it is named after, at what it is given
    ("short", "slope = self.last.slope_of(self.z3)", "slope = self.last.slope_of(d)",
     {"derivative-at-wrong-point", "wrong-operand"}),
    # a line that only gives another name, where a slope is due
    ("layers", 'd2 = error * bend_slope(self.z2, "tanh")', "d2 = error", {"missing-derivative"}),
    ("added up", "d = given * (1 - h**2)", "d = given", {"missing-derivative"}),
    # a function is what its name says: the call is wrong
    ("named", "d = sig(out) - t", "d = sig(-out) - t", {"sign", "derivative-at-wrong-point"}),
    ("named", "* tanh_slope(z)", "* sig_slope(a)", {"derivative-at-wrong-point", "missing-derivative"}),
    ("named", "return 1 - np.tanh(z) ** 2", "return 1 + np.tanh(z) ** 2", {"sign"}),
    # beside a decay of all weights
    ("decayed", '"b1": np.sum(dh, axis=0)', '"b1": np.mean(dh, axis=0)',
     {"missing-batch-sum-or-mean", "scale-factor"}),
]  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_right(tmp_path: Path, name: str) -> None:
    check = module_of(tmp_path / f"finger_{name.replace(' ', '_')}.py", PROGRAMS[name]).check(verify)
    assert check.ok, str(check)


@pytest.mark.parametrize(("name", "right", "wrong", "kinds"), MISTAKES)
def test_the_line(tmp_path: Path, name: str, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / f"finger_{name.replace(' ', '_')}.py", PROGRAMS[name], right, wrong)
    first = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind in kinds) == (line, True), str(check)
    assert len(check.causes) == 1, str(check)


HIDDEN_WORDS = """
import numpy as np

rng = np.random.default_rng(3)
w, v = rng.normal(size=(5, 4)), rng.normal(size=(4, 2))
x, y = rng.integers(1, 5, size=(6, 3)), rng.normal(size=(18, 2))
kept = rng.integers(0, 2, size=(6, 3))


def one_hot(words):
    return np.eye(5)[words]


def ahead(seen):
    h = np.tanh(one_hot(seen.reshape(-1)) @ w)
    return h, h @ v


def back(words, h, d):
    dh = (d @ v.T) * (1 - h**2)
    slope = one_hot(words.reshape(-1)).T @ dh
    return slope, h.T @ d


for turn in range(3):
    x_kept = x * kept
    h, out = ahead(x_kept)
    loss = 0.5 * np.sum((out - y) ** 2)
    dw, dv = back(x, h, out - y)
    w -= 0.1 * dw
    v -= 0.1 * dv
"""


GRAPH = """
import numpy as np

rng = np.random.default_rng(8)
seen, wanted = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
mixing = rng.random((6, 6))
theta = {"w": rng.normal(size=(3, 3)), "skip": rng.normal(size=(3, 3))}


def forward(theta):
    mixed = mixing @ seen
    return mixed, mixed @ theta["w"] + seen @ theta["skip"]


def backward(mixed, out):
    d = out - wanted
    return {"w": mixed.T @ d, "skip": seen.T @ d}


for turn in range(3):
    mixed, out = forward(theta)
    loss = 0.5 * np.sum((out - wanted) ** 2)
    grad = backward(mixed, out)
    for name in theta:
        theta[name] = theta[name] - 0.01 * grad[name]
"""


def test_data_that_was_made_of_other_data_is_no_point_of_a_derivative(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HIDDEN_WORDS)
    assert told(check) == (29, "wrong-operand")
    assert check.findings.mistakes[0].right.text == "dw, dv = back(x_kept, h, out - y)"


def test_what_has_a_name_in_the_module_is_known_in_its_functions(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, GRAPH, '"skip": seen.T @ d', '"skip": mixed.T @ d')
    assert told(check) == (line, "wrong-operand"), str(check)


FORGERS = """
import numpy as np

rng = np.random.default_rng(31)
drawn, real = rng.normal(size=(7, 5)), rng.normal(size=(7, 4))
G, V, u = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=(3, 2))


def slope_of(a):
    return np.where(a > 0, 1.0, 0.2)


def critic(rows):
    a = rows @ V
    h = np.where(a > 0, a, 0.2 * a)
    return h @ u, a, h


def critic_grads(rows, a, h, back):
    gu = h.T @ back
    ga = (back @ u.T) * slope_of(a)
    return rows.T @ ga, gu, ga @ V.T


for turn in range(4):
    score_real, a_real, h_real = critic(real)
    forged = drawn @ G
    score, a, h = critic(forged)
    loss = np.sum((score - 1) ** 2) / 7
    _, _, back = critic_grads(forged, a, h, 2 * (score - 1) / 7)
    G -= 0.1 * (drawn.T @ back)
    print(loss, score_real.mean())
"""


def test_what_a_helper_is_given_by_mistake_is_told_where_it_is_called(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, FORGERS).ok
    script = FORGERS.replace("critic_grads(forged, a, h,", "critic_grads(forged, a_real, h_real,")
    first = check_of_script(tmp_path, script).first_wrong
    assert first is not None
    assert "critic_grads(forged, a_real" in script.splitlines()[first.line - 1], str(first)
    assert first.kind == "wrong-operand", str(first)


SUMS = """
import numpy as np


def gap_above(out, goal):
    return out - goal


def gap_below(h, V, gap):
    return h * (1 - h) * (gap @ V.T)


def slant_above(h, gap):
    return h.T @ gap


def shift_above(gap):
    return np.sum(gap, axis=0, keepdims=True)


def slant_below(x, gap):
    return x.T @ gap


def shift_below(gap):
    return np.sum(gap, axis=0, keepdims=True)


def slopes(x, goal, W, b, V, c):
    h = 1 / (1 + np.exp(-(x @ W + b)))
    out = h @ V + c
    above = gap_above(out, goal)
    for_V = slant_above(h, above)
    for_c = shift_above(above)
    below = gap_below(h, V, above)
    for_W = slant_below(x, below)
    for_b = shift_below(below)
    return np.sum((out - goal) ** 2) / 2, [for_W, for_b, for_V, for_c]


def check(verify):
    rng = np.random.default_rng(2)
    W, b, V, c = (rng.normal(size=size) for size in ((3, 4), (1, 4), (4, 2), (1, 2)))
    x, goal = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    with verify([W, b, V, c]) as check:
        check.loss, check.gradients = slopes(x, goal, W, b, V, c)
    return check
"""


@pytest.mark.parametrize("axes", ["", ", keepdims=True"])
def test_a_helper_is_told_that_sums_over_all_and_not_the_call_of_it(tmp_path: Path, axes: str) -> None:
    right = "def shift_below(gap):\n    return np.sum(gap, axis=0, keepdims=True)"
    check, line = edited(tmp_path / "sums.py", SUMS, right, right.replace(", axis=0, keepdims=True", axes))
    assert told(check) == (line + 1, "broadcasting-shape"), str(check)
