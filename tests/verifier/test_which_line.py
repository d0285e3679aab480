"""Which of several lines is wrong, where a change of any of them would mend as much."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, module_of
from tinygrad_scratch import verify

SUMS = """
import numpy as np

def train_once(X, labels, first, second, rate, size):
    for start in range(0, len(X), size):
        x, chosen = X[start:start + size], labels[start:start + size]
        hidden = np.maximum(0, x @ first)
        back = np.exp(hidden @ second)
        back /= back.sum(axis=1, keepdims=True)
        back[np.arange(size), chosen] -= 1
        inner = (hidden > 0) * (back @ second.T)
        first -= rate / size * np.transpose(x) @ inner
        second -= rate / size * np.transpose(hidden) @ back

def check(verify):
    rng = np.random.default_rng(3)
    X, labels = rng.normal(size=(6, 5)), rng.integers(0, 3, 6)
    first, second = rng.normal(size=(5, 4)), rng.normal(size=(4, 3))
    with verify(first=first, second=second) as check:
        out = np.maximum(0, X @ first) @ second
        check.loss = np.mean(np.log(np.exp(out).sum(axis=1)) - out[np.arange(6), labels])
        train_once(X, labels, first, second, rate=0.2, size=6)
    return check
"""

SPREAD = """
import numpy as np

class Spread:
    def __init__(self, rng):
        self.inner, self.outer = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

    def forward(self, x):
        self.x, self.z = x, x @ self.inner
        self.mean = self.z.mean(axis=0)
        self.away = self.z - self.mean
        self.power = np.mean(self.away ** 2, axis=0)
        self.root = np.sqrt(self.power + 1e-5)
        self.norm = self.away / self.root
        return self.norm @ self.outer

    def backward(self, given):
        n = len(given)
        d_outer = self.norm.T @ given
        d_norm = given @ self.outer.T
        d_away = d_norm / self.root
        d_root = -np.sum(d_norm * self.away / self.root ** 2, axis=0)
        d_power = 0.5 * d_root / self.root
        d_away = d_away + (2 / n) * self.away * d_power
        d_mean = np.sum(d_away, axis=0)
        d_z = d_away - d_mean / n
        d_inner = self.x.T @ d_z
        return {"inner": d_inner, "outer": d_outer}

def check(verify):
    rng = np.random.default_rng(0)
    net, x, goal = Spread(rng), rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    with verify(net) as check:
        out = net.forward(x)
        check.loss = 0.5 * np.sum((out - goal) ** 2)
        check.gradients = net.backward(out - goal)
    return check
"""

BRIEF = """
import numpy as np

def layer_norm_back(given, norm, away, scale):
    mean_given = np.mean(given, axis=1, keepdims=True)
    mean_both = np.mean(given * norm, axis=1, keepdims=True)
    return scale * (given - mean_given - norm * mean_both)

def scores_back(w, x, chosen):
    powers = np.exp(w @ x.T)
    total = np.sum(powers, axis=0)
    part = powers * (1.0 / total)
    part = np.dot(part, x)
    part -= np.dot(chosen, x)
    return part

def check(verify):
    rng = np.random.default_rng(0)
    a, x, w = rng.normal(size=(3, 4)), rng.normal(size=(6, 3)), rng.normal(size=(4, 4))
    chosen = np.eye(4)[rng.integers(0, 4, 6)].T
    with verify(a=a, w=w) as check:
        z = x @ a
        away = z - np.mean(z, axis=1, keepdims=True)
        scale = 1 / np.sqrt(np.mean(away ** 2, axis=1, keepdims=True) + 1e-5)
        norm = away * scale
        high = w @ norm.T
        check.loss = np.sum(np.log(np.sum(np.exp(high), axis=0))) - np.sum(chosen * high)
        dw = scores_back(w, norm, chosen)
        given = (np.exp(high) / np.sum(np.exp(high), axis=0) - chosen).T @ w
        dz = layer_norm_back(given, norm, away, scale)
        check.gradients = {"a": x.T @ dz, "w": dw}
    return check
"""

HELPERS = """
import numpy as np

class Squash:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self):
        return self.out * (1 - self.out)

class Bend:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self):
        return 1 - self.out ** 2

def leak_slope(x):
    return np.where(x > 0, 1.0, 0.1)

class Net:
    def __init__(self, rng):
        self.a, self.b, self.c = (rng.normal(size=(4, 4)) for _ in range(3))
        self.squash, self.bend = Squash(), Bend()

    def forward(self, x):
        self.x, self.u = x, x @ self.a
        self.h = np.where(self.u > 0, self.u, 0.1 * self.u)
        self.gate, self.new = self.squash.forward(self.h @ self.b), self.bend.forward(self.h @ self.c)
        return self.gate * self.new

    def backward(self, given):
        d_gate = given * self.new * self.squash.backward()
        d_new = given * self.gate * self.bend.backward()
        d_h = d_gate @ self.b.T + d_new @ self.c.T
        d_u = d_h * leak_slope(self.u)
        return {"a": self.x.T @ d_u, "b": self.h.T @ d_gate, "c": self.h.T @ d_new}

def check(verify):
    rng = np.random.default_rng(0)
    net, x, goal = Net(rng), rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    with verify(net) as check:
        out = net.forward(x)
        check.loss = 0.5 * np.sum((out - goal) ** 2)
        check.gradients = net.backward(out - goal)
    return check
"""

MOVING = """
import numpy as np

class Bumps:
    def __init__(self, rng):
        self.centre, self.width = rng.normal(size=(4, 3)), rng.normal(size=4) * 0.1
        self.height, self.floor = rng.normal(size=4), np.zeros(1)
        self.v_height, self.v_floor = np.zeros(4), np.zeros(1)

    def learn(self, x, goal):
        apart = x[:, None] - self.centre
        far = np.sum(apart ** 2, axis=2)
        narrow = np.exp(-self.width)
        bump = np.exp(-0.5 * far * narrow)
        out = bump @ self.height + self.floor
        self.loss = 0.5 * np.mean((out - goal) ** 2)
        error = (out - goal) / len(x)
        back = error[:, None] * self.height * bump
        g_height = bump.T @ error
        g_floor = np.sum(error)
        g_centre = np.sum((back * narrow)[:, :, None] * apart, axis=0)
        g_width = np.sum(back * 0.5 * far * narrow, axis=0)
        self.v_height = 0.9 * self.v_height - 0.05 * g_height
        self.v_floor = 0.9 * self.v_floor - 0.05 * g_floor
        self.height = self.height + self.v_height
        self.floor = self.floor + self.v_floor
        self.centre = self.centre - 0.05 * g_centre
        self.width = self.width - 0.05 * g_width

def check(verify):
    rng = np.random.default_rng(0)
    net, x, goal = Bumps(rng), rng.normal(size=(6, 3)), rng.normal(size=6)
    with verify(net) as check:
        net.learn(x, goal)
        check.loss = net.loss
    return check
"""

THROUGH_TIME = """
import numpy as np

def run(xs, h, W, U):
    held = []
    for x in xs:
        gate = 1 / (1 + np.exp(-(x @ W)))
        new = np.tanh(h @ U)
        held.append((x, h, gate, new))
        h = (1 - gate) * h + gate * new
    return h, held

def back(dh, held, W, U):
    dW, dU = np.zeros_like(W), np.zeros_like(U)
    carried = dh
    for x, h, gate, new in reversed(held):
        dh = carried
        dgate = dh * (new - h) * gate * (1 - gate)
        dnew = dh * gate * (1 - new ** 2)
        dW += x.T @ dgate
        dU += h.T @ dnew
        carried = dh * (1 - gate)
        carried = carried + dnew @ U.T
    return {"W": dW, "U": dU}

def check(verify):
    rng = np.random.default_rng(0)
    W, U, xs = rng.normal(size=(3, 4)), rng.normal(size=(4, 4)) * 0.6, rng.normal(size=(3, 5, 3))
    goal, start = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    with verify(W=W, U=U) as check:
        h, held = run(xs, start, W, U)
        check.loss = 0.5 * np.sum((h - goal) ** 2)
        check.gradients = back(h - goal, held, W, U)
    return check
"""

ROOM = """
import numpy as np

def gathered(rows, places, count):
    whole = np.zeros((count, rows.shape[1]), dtype=rows.dtype)
    np.add.at(whole, places, rows)
    return whole

def check(verify):
    rng = np.random.default_rng(0)
    w, x, places = rng.normal(size=(3, 4)), rng.normal(size=(6, 3)), np.array([0, 2, 2, 5])
    goal = rng.normal(size=4)
    with verify(w=w) as check:
        z = x @ w
        picked = z[places]
        best = np.argmax(picked, axis=1)
        out = picked[np.arange(4), best]
        check.loss = 0.5 * np.sum((out - goal) ** 2)
        given = np.zeros_like(picked)
        given[np.arange(4), best] = out - goal
        check.gradients = {"w": x.T @ gathered(given, places, 6)}
    return check
"""

AROUND = """
import numpy as np

class Even:
    def forward(self, x):
        self.x, self.root = x, np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-3)
        return x / self.root

    def backward(self, dy):
        dx = dy / self.root - self.x * np.mean(dy * self.x, axis=1, keepdims=True) / self.root ** 3
        return dx

class Around:
    def __init__(self, rng):
        self.first, self.w, self.even = rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), Even()

    def forward(self, x):
        self.x, self.z = x, x @ self.first
        return self.inner(self.z)

    def inner(self, z):
        self.seen = self.even.forward(z)
        return z + np.tanh(self.seen @ self.w)

    def inner_back(self, dy):
        d_bent = dy * (1 - np.tanh(self.seen @ self.w) ** 2)
        self.dw = self.seen.T @ d_bent
        return dy + self.even.backward(d_bent @ self.w.T)

    def backward(self, dy):
        dz = self.inner_back(dy)
        d_first = self.x.T @ dz
        d_first += 0.1 * np.sign(self.first)
        d_first += 0.2 * self.first
        return {"first": d_first, "w": self.dw}

def check(verify):
    rng = np.random.default_rng(0)
    net, x, goal = Around(rng), rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    with verify(net) as check:
        out = net.forward(x)
        loss = 0.5 * np.sum((out - goal) ** 2) + 0.1 * np.sum(np.abs(net.first))
        check.loss = loss + 0.1 * np.sum(net.first ** 2)
        check.gradients = net.backward(out - goal)
    return check
"""

PLANES = """
import numpy as np

class Planes:
    def __init__(self, rng):
        self.kernel, self.rate = rng.normal(size=(3, 3)), 0.3

    def forward(self, x):
        self.x, self.z = x, np.einsum("bchw,cd->bdhw", x, self.kernel)
        self.centre = self.z.mean(axis=(0, 2, 3), keepdims=True)
        self.away = self.z - self.centre
        self.spread = np.sqrt(np.mean(self.away ** 2, axis=(0, 2, 3), keepdims=True) + 1e-5)
        return self.away / self.spread

    def backward(self, dy):
        b, d, h, w = dy.shape
        count = b * h * w
        d_away = dy / self.spread
        d_square = -0.5 * np.sum(dy * self.away, axis=(0, 2, 3), keepdims=True) / self.spread ** 3
        d_away = d_away + 2 * self.away * d_square / count
        dz = d_away - np.sum(d_away, axis=(0, 2, 3), keepdims=True) / count
        dk = np.einsum("bchw,bdhw->cd", self.x, dz)
        dk = dk / b + self.rate * self.kernel
        return {"kernel": dk}

def check(verify):
    rng = np.random.default_rng(4)
    net, x, goal = Planes(rng), rng.normal(size=(5, 3, 2, 4)), rng.normal(size=(5, 3, 2, 4))
    with verify(net) as check:
        out = net.forward(x)
        check.loss = 0.5 * np.sum((out - goal) ** 2) / len(x) + 0.5 * net.rate * np.sum(net.kernel ** 2)
        check.gradients = net.backward(out - goal)
    return check
"""

DRAWN = """
import numpy as np

def squash(s):
    return 1 / (1 + np.exp(-s))

class Drawn:
    def __init__(self, rng):
        self.near, self.far = rng.normal(size=(7, 3)), rng.normal(size=(7, 3))

    def forward(self, words, others):
        u, v = self.near[words], self.far[others]
        away = np.einsum("bd,bkd->bk", u, v)
        self.kept = {"words": words, "others": others, "u": u, "v": v, "away": away}
        return np.mean(0.05 * np.sum(u * u, axis=1) - np.sum(np.log(squash(-away)), axis=1))

    def backward(self):
        kept = self.kept
        d_away = squash(kept["away"])
        d_u = np.einsum("bk,bkd->bd", d_away, kept["v"]) + 0.1 * kept["u"]
        d_v = d_away[:, :, None] * kept["u"][:, None, :]
        return d_u, d_v

    def step(self, rate):
        d_u, d_v = self.backward()
        np.add.at(self.near, self.kept["words"], -rate * d_u)
        np.add.at(self.far, self.kept["others"], -rate * d_v)

def check(verify):
    rng = np.random.default_rng(6)
    net, words, others = Drawn(rng), np.array([0, 2, 5, 2]), rng.integers(0, 7, size=(4, 2))
    with verify(net) as check:
        check.loss = net.forward(words, others)
        net.step(0.1)
        check.gradients_from_step(0.1)
    return check
"""

GATHERED = """
import numpy as np

class Gathered:
    def __init__(self, rng):
        self.one, self.two = rng.normal(size=(4, 3)), rng.normal(size=(3, 4))

    def forward(self, x):
        self.x, self.u = x, x @ self.one
        self.t = np.tanh(self.u)
        self.v = self.t @ self.two
        return self.v * x + self.t @ self.t.T @ x

    @staticmethod
    def of_product(d, a, b):
        return d @ b.T, a.T @ d

    def backward(self, dy):
        self.dx = np.zeros_like(self.x)
        self.dx += dy * self.v
        self.dx += self.t @ self.t.T @ dy
        dt, d_two = self.of_product(dy * self.x, self.t, self.two)
        dt = dt + (dy @ self.x.T + self.x @ dy.T) @ self.t
        a, b = self.of_product(dt * (1 - self.t ** 2), self.x, self.one)
        self.dx += a
        return {"one": b, "two": d_two, "x": self.dx}

def check(verify):
    rng = np.random.default_rng(8)
    net, x = Gathered(rng), rng.normal(size=(5, 4))
    weights = rng.normal(size=(5, 4))
    with verify(one=net.one, two=net.two, x=x) as check:
        check.loss = np.sum(weights * net.forward(x))
        check.gradients = net.backward(weights)
    return check
"""

PROGRAMS = {
    "sums": SUMS, "planes": PLANES, "drawn": DRAWN, "gathered": GATHERED,
    "spread": SPREAD, "brief": BRIEF, "helpers": HELPERS, "moving": MOVING, "time": THROUGH_TIME, "room": ROOM,
    "around": AROUND,
}  # fmt: skip

MISTAKES = [
    # of sums that are made means in the updates, the update that is none
    ("sums", "first -= rate / size *", "first -= rate *", {"missing-batch-sum-or-mean", "scale-factor"}),
    # of a number that is lacking, the value that is no gradient for it, and not what is made of that later
    ("spread", "d_power = 0.5 * d_root / self.root", "d_power = d_root / self.root", {"scale-factor"}),
    ("spread", "d_z = d_away - d_mean / n", "d_z = d_away - d_mean",
     {"scale-factor", "missing-batch-sum-or-mean", "missing-term"}),
    # another operand is likelier than a factor that is put in somewhere else
    ("brief", "np.mean(given * norm, axis", "np.mean(given * away, axis",
     {"wrong-operand", "derivative-at-wrong-point"}),
    # what stands there too much, and not a line before that may as well lack its opposite
    ("brief", "part = np.dot(part, x)", "part = 2 * np.dot(part, x)", {"scale-factor"}),
    # a helper of two classes that have methods of one name; and a helper that was given the wrong value
    ("helpers", "return 1 - self.out ** 2", "return 1 - self.out", {"derivative-at-wrong-point", "missing-derivative"}),
    ("helpers", "return self.out * (1 - self.out)", "return 2 * (self.out * (1 - self.out))", {"scale-factor"}),
    ("helpers", "d_u = d_h * leak_slope(self.u)", "d_u = d_h * leak_slope(d_h)", {"derivative-at-wrong-point"}),
    # an update, and what it is made with
    ("moving", "self.centre - 0.05 * g_centre", "self.centre + 0.05 * g_centre", {"sign"}),
    ("moving", "g_width = np.sum(back * 0.5 * far * narrow, axis=0)", "g_width = np.sum(back * 0.5 * narrow, axis=0)",
     {"missing-term", "missing-derivative"}),
    # in turns that feed one another
    ("time", "carried = carried + dnew @ U.T", "carried = dnew @ U.T", {"overwritten-accumulation", "missing-term"}),
    ("time", "carried = dh * (1 - gate)", "carried = dh * gate",
     {"wrong-operand", "missing-derivative", "missing-term", "derivative-at-wrong-point"}),
    # a part that a helper leaves out, and one that is left out where the helper was called
    ("around", " - self.x * np.mean(dy * self.x, axis=1, keepdims=True) / self.root ** 3", "", {"missing-term"}),
    ("around", "return dy + self.even", "return self.even", {"missing-term"}),
    # one of two penalties
    ("around", "d_first += 0.2 * self.first", "d_first += 0.4 * self.first", {"regularisation", "scale-factor"}),
    # a count of plain numbers, that several lines read; and what of a sum is divided
    ("planes", "count = b * h * w", "count = h * w", {"scale-factor", "missing-batch-sum-or-mean"}),
    ("planes", "dk = dk / b + self.rate * self.kernel", "dk = (dk + self.rate * self.kernel) / b",
     {"regularisation", "scale-factor"}),
    # a value that its function has no name for is not meant; and one that an axis is put in
    ("drawn", 'd_away = squash(kept["away"])', 'd_away = squash(-kept["away"])', {"sign"}),
    ("drawn", 'd_away[:, :, None] * kept["u"][:, None, :]', 'd_away[:, :, None] * kept["v"]', {"wrong-operand"}),
    # where a part gets the name that held the others
    ("gathered", "self.dx += a", "self.dx = a", {"overwritten-accumulation"}),
    # room of the kind of other room
    ("room", "given = np.zeros_like(picked)", "given = np.zeros_like(picked, dtype=int)", {"dtype-or-integer"}),
]  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_right(tmp_path: Path, name: str) -> None:
    check = module_of(tmp_path / f"line_{name}.py", PROGRAMS[name]).check(verify)
    assert check.ok, str(check)


@pytest.mark.parametrize(("name", "right", "wrong", "kinds"), MISTAKES)
def test_the_line(tmp_path: Path, name: str, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / f"line_{name}.py", PROGRAMS[name], right, wrong)
    first = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind in kinds) == (line, True), str(check)
    assert len(check.causes) == 1
