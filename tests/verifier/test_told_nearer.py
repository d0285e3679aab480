"""Mistakes that are told where they were made: states, rows, loops and helpers of many kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited, edited_script, told

NEURONS = """
import math
import random

random.seed(3)


class Cell:
    def __init__(self, count):
        self.ties = [random.gauss(0, 1) for _ in range(count)]
        self.rest = 0.1

    def fire(self, given):
        self.given = given
        total = self.rest
        for tie, x in zip(self.ties, given):
            total += tie * x
        self.out = 1.0 / (1.0 + math.exp(-total))
        return self.out

    def learn(self, rate):
        for k in range(len(self.ties)):
            self.ties[k] -= rate * self.delta * self.given[k]
        self.rest -= rate * self.delta


inner, outer = [Cell(3) for _ in range(4)], [Cell(4) for _ in range(2)]
x, wanted = [0.3, -1.2, 0.8], [0.2, 0.9]
for turn in range(5):
    h = [cell.fire(x) for cell in inner]
    out = [cell.fire(h) for cell in outer]
    loss = sum(0.5 * (o - t) ** 2 for o, t in zip(out, wanted))
    for cell, t in zip(outer, wanted):
        cell.delta = (cell.out - t) * cell.out * (1.0 - cell.out)
    for j, cell in enumerate(inner):
        error = 0.0
        for up in outer:
            error += up.ties[j] * up.delta
        cell.delta = error * cell.out * (1.0 - cell.out)
    for cell in outer:
        cell.learn(0.5)
    for cell in inner:
        cell.learn(0.5)
    print(loss)
"""


def test_single_weights_that_are_updated_before_they_are_read(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, NEURONS).first_wrong is None
    early = "        cell.delta = (cell.out - t) * cell.out * (1.0 - cell.out)\n"
    text = NEURONS.replace("    for cell in outer:\n        cell.learn(0.5)\n", "")
    text = text.replace(early, early + "        cell.learn(0.5)\n")
    line = text[: text.index("error += ")].count("\n") + 1
    assert told(check_of_script(tmp_path, text)) == (line, "stale-or-updated-weights")


CHAIN = """
import numpy as np


def back(dH, H, xs, W):
    dW, seen = np.zeros_like(W), np.zeros_like(H)
    for t in range(len(H) - 1, -1, -1):
        dz = dH[t] * (1 - H[t] ** 2)
        seen[t] += dz
        if t > 0:
            dW += np.outer(H[t - 1], dz)
            dH[t - 1] += W @ dz
    return dW, xs.T @ seen


def check(verify):
    rng = np.random.default_rng(4)
    W, U, V = rng.normal(size=(5, 5)) * 0.4, rng.normal(size=(3, 5)), rng.normal(size=(5, 2))
    xs, ys = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    with verify(W=W, U=U, V=V) as check:
        hs, h = [], np.zeros(5)
        for x in xs:
            h = np.tanh(x @ U + h @ W)
            hs.append(h)
        H = np.array(hs)
        dout = H @ V - ys
        check.loss = 0.5 * np.sum(dout**2)
        dW, dU = back(dout @ V.T, H, xs, W)
        check.gradients = {"W": dW, "U": dU, "V": H.T @ dout}
    return check
"""


def test_a_sum_that_begins_as_another_array(tmp_path: Path) -> None:
    right = "    dW, seen = np.zeros_like(W), np.zeros_like(H)\n"
    check, line = edited(tmp_path / "chain.py", CHAIN, right, "    dW = np.zeros_like(W)\n    seen = dH\n")
    assert told(check) == (line + 1, "inplace-corruption"), str(check)
    assert check.first_wrong.should_be == "seen = np.zeros_like(dH)"


LAYERS = """
import numpy as np

rng = np.random.default_rng(5)


class Bend:
    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, 0.2 * x)

    def backward(self, g):
        return g * np.where(self.x > 0, 1.0, 0.2)


class Beside:
    def __init__(self, *parts):
        self.parts = parts

    def forward(self, x):
        y = x
        for part in self.parts:
            y = part.forward(y)
        return x + y

    def backward(self, g):
        inner = g
        for part in reversed(self.parts):
            inner = part.backward(inner)
        return g + inner


class Attend:
    def __init__(self, size, width):
        self.Q, self.K, self.V = (rng.normal(size=(size, width)) / 2 for _ in range(3))
        self.O = rng.normal(size=(width, size)) / 2

    def forward(self, x):
        self.x = x
        self.q = x @ self.Q
        self.k = x @ self.K
        self.v = x @ self.V
        e = np.exp(self.q @ self.k.T)
        self.a = e / e.sum(1, keepdims=True)
        self.c = self.a @ self.v
        return x + self.c @ self.O

    def backward(self, g):
        self.dO = self.c.T @ g
        dc = g @ self.O.T
        da, dv = dc @ self.v.T, self.a.T @ dc
        ds = self.a * (da - np.sum(da * self.a, 1, keepdims=True))
        dq, dk = ds @ self.k, ds.T @ self.q
        self.dQ, self.dK, self.dV = self.x.T @ dq, self.x.T @ dk, self.x.T @ dv
        dx = dq @ self.Q.T
        dx = dx + dk @ self.K.T
        dx = dx + dv @ self.V.T
        return dx + g


def check(verify):
    return verify.layer(WHICH, rng.normal(size=(5, 4)))
"""
BESIDE, ATTEND = LAYERS.replace("WHICH", "Beside(Bend(), Bend())"), LAYERS.replace("WHICH", "Attend(4, 3)")


def test_a_layer_that_writes_to_what_it_is_given(tmp_path: Path) -> None:
    wrong = "g[self.x <= 0] *= 0.2\n        return g"
    check, line = edited(tmp_path / "layers.py", BESIDE, "return g * np.where(self.x > 0, 1.0, 0.2)", wrong)
    assert told(check) == (line, "inplace-corruption"), str(check)


def test_a_part_that_is_never_added_is_told_where_it_has_its_turn(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "layers.py", ATTEND, "        dx = dx + dv @ self.V.T\n", "")
    assert told(check) == (line - 1, "missing-term"), str(check)
    assert "x @ self.V" in check.first_wrong.sentence
    check, line = edited(tmp_path / "layers.py", ATTEND, "        dx = dx + dk @ self.K.T\n", "")
    assert told(check) == (line - 1, "missing-term"), str(check)
    assert "x @ self.K" in check.first_wrong.sentence


PICTURES = """
import numpy as np


def pull(up, picture, size):
    kernels, starts = np.zeros((len(up), size, size)), np.zeros(len(up))
    count, rows, columns = up.shape
    for f in range(count):
        for i in range(rows):
            for j in range(columns):
                kernels[f] += up[f, i, j] * picture[i : i + size, j : j + size]
                starts[f] += up[f, i, j]
    return kernels, starts


def spread(up, kernels, shape):
    back = np.zeros(shape)
    for f in range(len(up)):
        back += np.rot90(slide(np.rot90(np.pad(up[f], 2), 2), kernels[f]), 2)
    return back


def slide(picture, kernel):
    rows, columns = picture.shape[0] - len(kernel) + 1, picture.shape[1] - len(kernel) + 1
    return np.array([
        [np.sum(picture[i : i + len(kernel), j : j + len(kernel)] * kernel) for j in range(columns)]
        for i in range(rows)
    ])


def check(verify):
    rng = np.random.default_rng(6)
    picture, kernels, starts = rng.normal(size=(6, 7)), rng.normal(size=(2, 3, 3)), rng.normal(size=2)
    with verify(kernels=kernels, starts=starts, picture=picture) as check:
        out = np.array([slide(picture, kernel) + start for kernel, start in zip(kernels, starts)])
        check.loss = 0.5 * np.sum(out**2)
        dkernels, dstarts = pull(out, picture, 3)
        check.gradients = {"kernels": dkernels, "starts": dstarts, "picture": spread(out, kernels, picture.shape)}
    return check
"""


def test_a_return_that_ends_a_loop(tmp_path: Path) -> None:
    check, line = edited(
        tmp_path / "pictures.py", PICTURES, "    return kernels, starts", "        return kernels, starts"
    )
    assert told(check) == (line, "off-by-one"), str(check)


SCIPY = """
import numpy as np
from scipy import signal


def check(verify):
    rng = np.random.default_rng(8)
    picture, kernel = rng.normal(size=(6, 7)), rng.normal(size=(3, 2))
    with verify(kernel=kernel, picture=picture) as check:
        out = signal.correlate2d(picture, kernel, "valid")
        check.loss = 0.5 * np.sum(out**2)
        dkernel = signal.correlate2d(picture, out, "valid")
        dpicture = signal.convolve2d(out, kernel, "full")
        check.gradients = {"kernel": dkernel, "picture": dpicture}
    return check
"""


def test_a_correlation_for_a_convolution(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    check, line = edited(tmp_path / "scipys.py", SCIPY, "signal.convolve2d(", "signal.correlate2d(")
    assert told(check) == (line, "transpose"), str(check)
    assert "signal.convolve2d(out, kernel" in check.first_wrong.should_be


SERIES = """
import numpy as np

rng = np.random.default_rng(9)
x = np.linspace(-2, 2, 21)
y = np.sin(x)
a, b, c = 0.3, -0.2, 0.1
for turn in range(4):
    out = a + b * x + c * x**3
    loss = np.square(out - y).sum()
    up = 2.0 * (out - y)
    da = up.sum()
    db = (up * x).sum()
    dc = (up * x**3).sum()
    a -= 1e-3 * da
    b -= 1e-3 * db
    c -= 1e-3 * dc
    print(loss)
"""


def test_the_derivative_of_a_power_for_the_power(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, SERIES, "(up * x**3)", "(up * 3 * x**2)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)
    assert check.first_wrong.should_be.replace(" ", "") == "dc=(up*x**3).sum()"


CHANCES = """
import numpy as np


def cost(Z, Y):
    m = Y.shape[1]
    value = (1 / m) * np.sum(np.maximum(Z, 0) - Z * Y + np.log(1 + np.exp(-np.abs(Z))))
    dZ = (1 / m) * ((1 / (1 + np.exp(-Z))) - Y)
    return value, dZ


def check(verify):
    rng = np.random.default_rng(3)
    W, X, Y = rng.normal(size=(2, 4)) - 3, rng.uniform(0.5, 1, (4, 7)), (rng.normal(size=(2, 7)) > 0) * 1.0
    with verify(W=W) as check:
        Z = W @ X
        check.loss, dZ = cost(Z, Y)
        check.gradients = {"W": dZ @ X.T}
    return check
"""


def test_a_slope_of_two_factors_is_too_many(tmp_path: Path) -> None:
    """All numbers are below 0 here: what `1 + exp(-abs(Z))` is then makes no text that is right."""
    right = "dZ = (1 / m) * ((1 / (1 + np.exp(-Z))) - Y)"
    wrong = f"{right} * (1 / (1 + np.exp(-Z))) * (1 - 1 / (1 + np.exp(-Z)))"
    check, line = edited(tmp_path / "chances.py", CHANCES, right, wrong)
    assert told(check) == (line, "scale-factor"), str(check)
    assert check.first_wrong.should_be == right


CLASSES = """
import numpy as np


def check(verify):
    rng = np.random.default_rng(2)
    G, D, c = rng.normal(size=(3, 4)), rng.normal(size=(4, 1)), np.zeros(1)
    z = rng.normal(size=(8, 3))
    with verify(G=G) as check:
        fake = np.tanh(z @ G)
        chance = 1 / (1 + np.exp(-(fake @ D + c)))
        check.loss = -np.mean(np.log(chance))
        up = (chance - 1) / len(z)
        check.gradients = {"G": z.T @ ((up @ D.T) * (1 - fake**2))}
    return check
"""


def test_the_class_that_is_forgotten(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "classes.py", CLASSES, "(chance - 1) / len(z)", "chance / len(z)")
    assert told(check) == (line, "missing-term"), str(check)
    assert check.first_wrong.should_be == "(chance - 1) / len(z)"


HELPERS = """
import numpy as np


def dense_back(up, w, x):
    m = len(x)
    dw = x.T @ up
    db = up.sum(axis=0)
    return dw / m, db / m, up @ w.T


def shifted(x, k):
    out = np.zeros_like(x)
    out[k:] = x[: len(x) - k]
    return out


def shift_back(g, k):
    out = np.zeros_like(g)
    out[: len(g) - k] = g[k:]
    return out


def tanh(x):
    return np.tanh(x)


def tanh_prime(x: "Numbers") -> "Numbers":
    y = tanh(x)
    return 1 - y**2


def check(verify):
    rng = np.random.default_rng(1)
    w, v, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=2)
    u = rng.normal(size=(4, 2))
    x, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    with verify(w=w, v=v, b=b, u=u) as check:
        z = x @ w
        h = tanh(z)
        late = shifted(h, 2)
        out = h @ v + b + late @ u
        check.loss = 0.5 * np.sum((out - y) ** 2) / len(x)
        up = out - y
        dv, db, dh = dense_back(up, v, h)
        du = late.T @ up / len(x)
        dh = dh + shift_back(up @ u.T, 2)
        dw = x.T @ (dh / len(x) * tanh_prime(z))
        check.gradients = {"w": dw, "v": dv, "b": db, "u": du}
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind", "should_be"),
    [
        ("db / m, up @ w.T", "db, up @ w.T", "missing-batch-sum-or-mean", "db / m"),
        ("shift_back(up @ u.T, 2)", "shift_back(up @ u.T, 3)", "off-by-one", "shift_back(up @ u.T, 2)"),
        ("tanh_prime(z))", "tanh_prime(tanh(z)))", "derivative-at-wrong-point", "tanh_prime(z))"),
    ],
)
def test_of_helpers(tmp_path: Path, right: str, wrong: str, kind: str, should_be: str) -> None:
    check, line = edited(tmp_path / "helpers.py", HELPERS, right, wrong)
    assert told(check) == (line, kind), str(check)
    assert should_be in check.first_wrong.should_be


DENSITY = """
import numpy as np


def check(verify):
    rng = np.random.default_rng(1)
    mean, log_var = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    with verify(mean=mean, log_var=log_var) as check:
        check.loss = np.mean(-0.5 * np.sum(1 + log_var - mean**2 - np.exp(log_var), axis=1))
        count = len(mean)
        check.gradients = {"mean": mean / count, "log_var": (np.exp(log_var) - 1) / (2 * count)}
    return check
"""


def test_what_a_curve_is_taken_at(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "density.py", DENSITY, "(np.exp(log_var) - 1)", "(np.exp(0.5 * log_var) - 1)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


HEADS = """
import numpy as np

rng = np.random.default_rng(4)
x, y = rng.normal(size=(5, 6, 3)), rng.normal(size=(5, 2))
w = {"a": rng.normal(size=(3, 4)), "b": rng.normal(size=(4, 4)), "c": rng.normal(size=(4, 2))}
kept = {n: np.zeros_like(p) for n, p in w.items()}
for turn in range(4):
    h = np.tanh(x @ w["a"])
    g = np.tanh(h @ w["b"])
    pool = g.mean(axis=1)
    loss = 0.5 * np.sum((pool @ w["c"] - y) ** 2)
    d = {}
    up = pool @ w["c"] - y
    d["c"] = pool.T @ up
    dpool = up @ w["c"].T
    dg = np.repeat(dpool[:, None, :], 6, axis=1) / 6
    dz = dg * (1 - g**2)
    d["b"] = np.einsum("bti,bto->io", h, dz)
    d["a"] = np.einsum("bti,bto->io", x, (dz @ w["b"].T) * (1 - h**2))
    for n in w:
        kept[n] = 0.9 * kept[n] + 0.1 * d[n]
        w[n] -= 0.02 * kept[n]
    print(loss)
"""


def test_no_scale_of_a_velocity_mends_gradients_that_have_names(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, HEADS, "axis=1) / 6", "axis=1)")
    assert check.first_wrong.line == line, str(check)


PULLED = """
import numpy as np

rng = np.random.default_rng(4)
x, y = np.c_[np.ones(9), rng.normal(size=(9, 3))], rng.normal(size=(9, 2))
w, pull, m = rng.normal(size=(4, 2)), 0.3, 9
for turn in range(4):
    miss = x @ w - y
    loss = 0.5 * np.sum(miss**2) / m + 0.5 * pull * np.sum(w[1:] ** 2)
    dw = x.T @ miss / m + np.r_[np.zeros((1, 2)), pull * w[1:]]
    w -= 0.1 * dw
    print(loss)
"""


def test_a_penalty_that_is_divided_by_the_samples_is_one_of_another_strength(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, PULLED, "pull * w[1:]]", "pull / m * w[1:]]")
    assert told(check) == (line, "regularisation"), str(check)


MAXIMA = """
import numpy as np


class Widest:
    def forward(self, x):
        self.rows = x
        self.best = np.argmax(x, axis=1)
        return x[np.arange(len(x)), self.best]

    def backward(self, up):
        back = np.zeros_like(self.rows)
        back[np.arange(len(self.rows)), self.best] = up
        return back


def check(verify):
    return verify.layer(Widest(), np.random.default_rng(3).normal(size=(6, 4)))
"""


def test_what_only_the_largest_should_get(tmp_path: Path) -> None:
    right = "back[np.arange(len(self.rows)), self.best] = up"
    check, line = edited(tmp_path / "maxima.py", MAXIMA, right, "back[:] = up[:, None]")
    assert told(check)[0] == line, str(check)


STACK = """
import numpy as np

rng = np.random.default_rng(7)


class Dense:
    def __init__(self, rows, columns):
        self.w, self.b = rng.normal(size=(rows, columns)), np.zeros(columns)
        self.zero_grad()

    def zero_grad(self):
        self.dw, self.db = np.zeros_like(self.w), np.zeros_like(self.b)

    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.w + self.b)

    def backward(self, y, up):
        up = up * (1 - y**2)
        self.dw += self.x.T @ up
        self.db += up.sum(axis=0)
        return up @ self.w.T

    def step(self, rate):
        self.w -= rate * self.dw
        self.b -= rate * self.db


first, second = Dense(3, 4), Dense(4, 2)
x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
for turn in range(6):
    h = first.forward(x)
    out = second.forward(h)
    loss = np.mean((out - y) ** 2)
    first.zero_grad()
    second.zero_grad()
    up = second.backward(out, 2 * (out - y) / y.size)
    first.backward(h, up)
    first.step(0.1)
    second.step(0.1)
    print(loss)
"""


def test_gradients_that_no_turn_sets_back(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, STACK).ok
    text = STACK.replace("    first.zero_grad()\n    second.zero_grad()\n", "")
    check = check_of_script(tmp_path, text)
    line = text[: text.index("up = second.backward")].count("\n") + 1
    assert told(check) == (line, "overwritten-accumulation"), str(check)
    assert "no turn calls zero_grad()" in check.first_wrong.sentence
    assert len(check.causes) == 1


SENTENCES = """
import numpy as np


def back(net, words, states, up):
    grads = {name: np.zeros_like(value) for name, value in net.items()}
    grads["O"] += up @ states[len(words) - 1].T
    dh = net["O"].T @ up
    for t in reversed(range(len(words))):
        dz = (1 - states[t] ** 2) * dh
        grads["R"] += dz @ states[t - 1].T
        grads["I"] += dz @ words[t].T
        dh = net["R"].T @ dz
    grads["start"] += dh * (net["start"] > 0)
    return grads


def check(verify):
    rng = np.random.default_rng(4)
    net = {"I": rng.normal(size=(4, 3)), "R": rng.normal(size=(4, 4)) / 2, "O": rng.normal(size=(2, 4))}
    net["start"] = rng.normal(size=(4, 1))
    words = [rng.normal(size=(3, 1)) for _ in range(4)]
    with verify(net) as check:
        states = {-1: np.maximum(net["start"], 0)}
        for t, word in enumerate(words):
            states[t] = np.tanh(net["I"] @ word + net["R"] @ states[t - 1])
        scores = net["O"] @ states[3]
        chances = np.exp(scores) / np.sum(np.exp(scores))
        check.loss = -np.log(chances[1, 0])
        check.gradients = back(net, words, states, chances - np.array([[0], [1]]))
    return check
"""


def test_a_gradient_that_no_turn_hands_on(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "sentences.py", SENTENCES, '        dh = net["R"].T @ dz\n', "")
    assert told(check) == (line - 3, "missing-term"), str(check)
    assert "dh is the gradient of states[3] in each turn" in check.first_wrong.sentence


SUMS = """
import numpy as np


def back(rows, start, ups):
    dstart = np.zeros_like(start)
    drows = np.zeros_like(rows)
    for t in range(len(rows)):
        dstart += ups[t]
        drows[t] = ups[t]
    dstart = dstart * (start > 0)
    return {"rows": drows, "start": dstart}


def check(verify):
    rng = np.random.default_rng(5)
    rows, start = rng.normal(size=(4, 3)), rng.normal(size=3)
    with verify(rows=rows, start=start) as check:
        out = np.maximum(start, 0) + rows
        check.loss = 0.5 * np.sum(out**2)
        check.gradients = back(rows, start, out)
    return check
"""


def test_a_slope_of_what_was_added_up_and_is_only_handed_over(tmp_path: Path) -> None:
    text = SUMS.replace("    dstart = dstart * (start > 0)\n", "")
    check, line = edited(tmp_path / "sums.py", text, "dstart += ups[t]", "dstart += 1.0 * ups[t]")
    assert told(check) == (line, "missing-derivative"), str(check)


def test_a_coefficient_that_others_of_its_name_have(tmp_path: Path) -> None:
    text = """
import numpy as np

def back(p, hot, worth, n, pull):
    d = (p - hot) * worth[:, None] / n
    logs = np.log(p)
    mixed = -np.sum(p * logs, axis=1, keepdims=True)
    d += pull * p * (logs + mixed) / n
    return d

def check(verify):
    rng = np.random.default_rng(6)
    w, x, hot = rng.normal(size=(4, 3)), rng.normal(size=(7, 4)), np.eye(3)[rng.integers(0, 3, 7)]
    worth = rng.uniform(0.5, 2, 7)
    with verify(w=w) as check:
        e = np.exp(x @ w)
        p = e / e.sum(1, keepdims=True)
        mixed = -np.sum(p * np.log(p), axis=1)
        check.loss = -np.mean(worth * np.sum(hot * np.log(p), axis=1)) - 0.3 * np.mean(mixed)
        check.gradients = {"w": x.T @ back(p, hot, worth, len(x), 0.3)}
    return check
"""
    check, line = edited(tmp_path / "mixed.py", text, "(logs + mixed) / n", "(logs + mixed)")
    assert told(check) == (line, "missing-batch-sum-or-mean"), str(check)


BENDS = """
import numpy as np


class Tanh:
    def forward(self, x):
        return np.tanh(x)

    def backward(self, x, up):
        return (1.0 - np.square(np.tanh(x))) * up


class Elu:
    def forward(self, x):
        return np.where(x > 0, x, np.exp(x) - 1)

    def backward(self, x, up):
        y = self.forward(x)
        return up * np.where(x > 0, 1, y + 1)


def check(verify):
    rng = np.random.default_rng(8)
    w, v, u = rng.normal(size=(3, 4)) / 4, rng.normal(size=(4, 2)), rng.normal(size=(2, 2))
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    one, two = Tanh(), Elu()
    with verify(w=w, v=v, u=u) as check:
        z = x @ w
        h = one.forward(z)
        a = h @ v
        b = two.forward(a)
        out = b @ u
        check.loss = 0.5 * np.sum((out - y) ** 2)
        da = two.backward(a, (out - y) @ u.T)
        dz = one.backward(z, da @ v.T)
        check.gradients = {"w": x.T @ dz, "v": h.T @ da, "u": b.T @ (out - y)}
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("np.square(np.tanh(x))", "np.square(x)"), ("np.where(x > 0, 1, y + 1)", "np.where(x > 0, 1, y)")],
)
def test_a_slope_is_told_in_the_class_that_is_called_so(tmp_path: Path, right: str, wrong: str) -> None:
    check, line = edited(tmp_path / "bends_alone.py", BENDS, right, wrong)
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


CODES = """
import numpy as np


def check(verify):
    rng = np.random.default_rng(3)
    mean, table = rng.normal(size=(5, 3)), rng.normal(size=(6, 2))
    rows = [np.array([0, 2, 2]), np.array([1, 2, 5])]
    with verify(mean=mean, table=table) as check:
        taken = [table[row] for row in rows]
        check.loss = np.mean(0.5 * np.sum(mean**2, axis=1)) + sum(0.5 * np.sum(each**2) for each in taken)
        count = len(mean)
        dmean = mean / count
        dtable = np.zeros_like(table)
        for row, each in zip(rows, taken):
            dtable += np.eye(6)[row].T @ each
        check.gradients = {"mean": dmean, "table": dtable}
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("dmean = mean / count", "dmean = mean", "missing-batch-sum-or-mean"),
        ("dtable += np", "dtable = np", "overwritten-accumulation"),
    ],
)
def test_of_codes_and_tables(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited(tmp_path / "codes.py", CODES, right, wrong)
    assert told(check) == (line, kind), str(check)


NORMS = """
import numpy as np


class Norm:
    def forward(self, x):
        self.centred = x - x.mean(axis=0)
        self.size = np.sqrt(np.mean(self.centred**2, axis=0) + 1e-3)
        self.rows = self.centred / self.size
        return self.rows

    def backward(self, up):
        drows = 1.0 * up
        dcentred = drows / self.size
        dsize = -np.sum((drows * self.centred) / (self.size * self.size), axis=0)
        dcentred = dcentred + self.centred * (dsize / self.size) / len(up)
        return dcentred - dcentred.mean(axis=0)


def check(verify):
    return verify.layer(Norm(), np.random.default_rng(3).normal(size=(6, 4)))
"""


def test_what_is_scaled_in_place_before_its_last_use(tmp_path: Path) -> None:
    wrong = "drows /= self.size\n        dcentred = drows"
    check, line = edited(tmp_path / "norms.py", NORMS, "dcentred = drows / self.size", wrong)
    assert told(check) == (line, "inplace-corruption"), str(check)


BACK_IN_TIME = """
import numpy as np


def back(W, U, xs, hs, errors, most):
    dW, dU = np.zeros_like(W), np.zeros_like(U)
    for t in range(len(xs)):
        up = errors[t]
        for i in range(t, max(-1, t - most - 1), -1):
            dz = up * (1 - hs[i] ** 2)
            dU += np.outer(dz, xs[i])
            dW += np.outer(dz, hs[i - 1] if i else np.zeros(len(W)))
            up = W.T @ dz
    return dW, dU


def check(verify):
    rng = np.random.default_rng(3)
    W, U = rng.normal(size=(4, 4)) / 2, rng.normal(size=(4, 3)) / 2
    xs, ys = rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    with verify(W=W, U=U) as check:
        hs, h = [], np.zeros(4)
        for x in xs:
            h = np.tanh(U @ x + W @ h)
            hs.append(h)
        check.loss = sum(0.5 * np.sum((h - y) ** 2) for h, y in zip(hs, ys))
        dW, dU = back(W, U, xs, hs, [h - y for h, y in zip(hs, ys)], 99)
        check.gradients = {"W": dW, "U": dU}
    return check
"""


def test_a_loop_back_in_time_that_ends_too_early(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "back_in_time.py", BACK_IN_TIME, "max(-1, t", "max(0, t")
    assert told(check) == (line, "off-by-one"), str(check)
    assert "max(-1, t - most - 1)" in check.first_wrong.should_be


SPREADS = """
import numpy as np


def check(verify):
    rng = np.random.default_rng(3)
    rows, spread = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    y = rng.normal(size=(5, 3))
    with verify(rows=rows, spread=spread) as check:
        pull = 0.5 * np.sum(np.exp(spread) - spread, axis=1)
        check.loss = np.mean(0.5 * np.sum((rows - y) ** 2, axis=1) + pull)
        n = len(rows)
        drows = (rows - y) / n
        dspread = (np.exp(spread) - 1) / (2 * n)
        check.gradients = {"rows": drows, "spread": dspread}
    return check
"""


@pytest.mark.parametrize(
    ("wrong", "kind"), [("(np.exp(spread) - 1) / n", "scale-factor"), ("np.exp(spread) / (2 * n)", "missing-term")]
)
def test_what_has_a_row_for_each_sample_has_no_penalty(tmp_path: Path, wrong: str, kind: str) -> None:
    check, line = edited(tmp_path / "spreads.py", SPREADS, "(np.exp(spread) - 1) / (2 * n)", wrong)
    assert told(check) == (line, kind), str(check)


def test_what_is_given_and_goes_with_nothing_is_named(tmp_path: Path) -> None:
    check, _ = edited(tmp_path / "spreads.py", SPREADS, '"spread": dspread}', '"spread": dspread, "all": np.ones(7)}')
    assert check.ok
    assert "all, given as a gradient, goes with no parameter: not judged." in check.notes


SHARES = """
import numpy as np


def check(verify):
    rng = np.random.default_rng(6)
    x, w, v, y = rng.normal(size=(5, 3)), rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=5)
    with verify(w=w, v=v) as check:
        h = np.tanh(x @ w)
        error = h @ v - y
        check.loss = 0.5 * np.sum(error**2)
        dw = np.zeros_like(w)
        for j in range(4):
            dw[:, j] = x.T @ (v[j] * error * (1 - h[:, j] ** 2))
        check.gradients = {"w": dw, "v": h.T @ error}
    return check
"""


def test_the_sum_of_all_for_the_one_that_a_loop_counts(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "shares.py", SHARES, "(v[j] * error", "(v.sum() * error")
    assert told(check) == (line, "wrong-operand"), str(check)
    assert "v[j] * error" in check.first_wrong.should_be


MAPS = """
import numpy as np


def check(verify):
    rng = np.random.default_rng(8)
    x, gain, w, y = rng.normal(size=(4, 2, 3, 3)), rng.normal(size=(2, 1, 1)), rng.normal(size=18), rng.normal(size=4)
    with verify(gain=gain, w=w) as check:
        maps = np.tanh(x * gain)
        rows = maps.reshape(4, -1)
        error = rows @ w - y
        check.loss = 0.5 * np.sum(error**2)
        d_rows = np.outer(error, w)
        d_maps = d_rows.reshape(maps.shape)
        d_gain = np.sum(d_maps * (1 - maps**2) * x, axis=(0, 2, 3)).reshape(gain.shape)
        check.gradients = {"gain": d_gain, "w": rows.T @ error}
    return check
"""


def test_rows_that_are_taken_as_maps_in_another_order(tmp_path: Path) -> None:
    wrong = "d_rows.reshape(maps.shape[:1] + maps.shape[2:] + maps.shape[1:2]).transpose(0, 3, 1, 2)"
    check, line = edited(tmp_path / "maps.py", MAPS, "d_rows.reshape(maps.shape)", wrong)
    assert told(check) == (line, "transpose"), str(check)
    assert check.first_wrong.should_be == "d_maps = d_rows.reshape(maps.shape)"


BULBS = """
import math
import random

random.seed(5)


class Bulb:
    def __init__(self, count):
        self.ties, self.rest = [random.gauss(0, 1) for _ in range(count)], 0.2

    def light(self, given):
        self.given = given
        total = self.rest
        for tie, x in zip(self.ties, given):
            total += tie * x
        self.out = 1.0 / (1.0 + math.exp(-total))
        return self.out

    def slope(self):
        return self.out * (1.0 - self.out)

    def learn(self):
        for i in range(len(self.ties)):
            self.ties[i] -= 0.5 * self.delta * self.given[i]
        self.rest -= 0.5 * self.delta


low, high = [Bulb(2) for _ in range(2)], [Bulb(2)]
for turn in range(3):
    out = [bulb.light([each.light([0.7, -0.4]) for each in low]) for bulb in high]
    loss = sum(0.5 * (o - 0.3) ** 2 for o in out)
    for up in high:
        up.delta = (up.out - 0.3) * up.slope()
    for j, bulb in enumerate(low):
        error = 0.0
        for up in high:
            error += up.ties[j] * up.delta
        bulb.delta = error * bulb.slope()
    for bulb in low + high:
        bulb.learn()
    print(loss)
"""


def test_a_factor_that_another_object_keeps_its_value_with(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, BULBS, "error * bulb.slope()", "error")
    assert told(check) == (line, "missing-derivative"), str(check)
    assert check.first_wrong.should_be == "bulb.delta = error * bulb.slope()"
