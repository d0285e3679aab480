"""Right programs as many people write them, and slips in such: what is told stands where a person would look."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.verifier.files import check_of_script, edited_script, told
from tinygrad_scratch import verify

DEAD = """
import numpy as np

draw = np.random.default_rng(0)
x, t = draw.normal(size=(20, 3)), draw.normal(size=(20, 2))
w1, b1, w2 = draw.normal(size=(3, 5)), np.zeros(5), draw.normal(size=(5, 2))
b1[2] = -50.0
for turn in range(4):
    a = np.maximum(0, x @ w1 + b1)
    y = a @ w2
    loss = np.mean((y - t) ** 2)
    d = 2 * (y - t) / t.size
    dw2 = a.T @ d
    da = d @ w2.T
    da[a <= 0] = 0
    dw1, db1 = x.T @ da, da.sum(axis=0)
    dw1 = dw1 + 0.001 * w1
    dw2 = dw2 + 0.001 * w2
    w1 -= 0.1 * dw1
    w2 -= 0.1 * dw2
    b1 -= 0.1 * db1
"""


def test_a_decay_goes_on_where_a_unit_is_dead(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, DEAD)
    assert check.ok is True, str(check)
    assert "with a decay of 0.001 times the weights" in str(check)


LAYERS = """
import numpy as np


class Dense:
    def __init__(self, rows, columns):
        self.w, self.b = draw.normal(size=(rows, columns)), np.zeros(columns)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, d):
        n = len(self.x)
        self.dw = self.x.T @ d / n
        self.db = d.sum(axis=0) / n
        return d @ self.w.T


class Adam:
    def __init__(self):
        self.m, self.s = {}, {}

    def update(self, layers):
        for i, layer in enumerate(layers):
            dw, db = layer.dw, layer.db
            for key, d in ((f"w{i}", dw), (f"b{i}", db)):
                self.m[key] = 0.9 * self.m.get(key, 0) + 0.1 * d
                self.s[key] = 0.99 * self.s.get(key, 0) + 0.01 * np.square(d)
            dw = self.m[f"w{i}"] / (np.sqrt(self.s[f"w{i}"]) + 1e-8)
            db = self.m[f"b{i}"] / (np.sqrt(self.s[f"b{i}"]) + 1e-8)
            layer.w = layer.w - 0.01 * dw
            layer.b = layer.b - 0.01 * db


class Odd(Dense):
    def backward(self, d):
        n = len(self.x)
        self.db = d.sum(axis=0) / n
        self.dw = self.x.T @ d
        self.dw /= n
        return d @ self.w.T


draw = np.random.default_rng(1)
x, t = draw.normal(size=(16, 3)), np.eye(4)[draw.integers(0, 4, 16)]
layers, adam = [Odd(3, 5), Dense(5, 4)], Adam()
for turn in range(4):
    h = np.tanh(layers[0].forward(x))
    z = layers[1].forward(h)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    print(-np.mean(np.sum(t * np.log(p), axis=1)))
    d = layers[1].backward(p - t)
    layers[0].backward(d * (1 - h * h))
    adam.update(layers)
"""


def test_a_mean_that_one_layer_forgets_is_seen_through_what_its_squares_scale(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, LAYERS).ok is True
    check, _ = edited_script(tmp_path, LAYERS, "        self.dw /= n\n", "")
    line = 1 + LAYERS[: LAYERS.index("        self.dw = self.x.T @ d\n")].count("\n")
    assert told(check) == (line, "missing-batch-sum-or-mean"), str(check)


WEIGHED = """
import numpy as np

draw = np.random.default_rng(3)
x, y = draw.normal(size=(30, 4)), (draw.random(30) > 0.5) * 1.0
k = draw.integers(1, 6, 30)
total = k.sum()
w, b = draw.normal(size=4), np.zeros(1)
for turn in range(4):
    score = x @ w + b
    loss = np.sum(k * (np.logaddexp(0, score) - y * score)) / total
    d = k * (1 / (1 + np.exp(-score)) - y)
    w = w - 0.5 * (x.T @ d / total)
    b = b - 0.5 * (d.sum() / total)
"""


def test_the_weights_of_all_samples_make_a_mean(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, WEIGHED).ok is True
    check, line = edited_script(tmp_path, WEIGHED, "b = b - 0.5 * (d.sum() / total)", "b = b - 0.5 * d.sum()")
    assert told(check) == (line, "missing-batch-sum-or-mean"), str(check)


CENTRES = """
import numpy as np

draw = np.random.default_rng(4)
x, t = draw.normal(size=(9, 2)), draw.normal(size=9)
w, c, s = draw.normal(size=5), draw.normal(size=(5, 2)), draw.uniform(0.5, 2, 5)
for turn in range(3):
    total = 0.0
    for i in range(9):
        diff = x[i] - c
        r2 = np.sum(diff**2, axis=1)
        phi = np.exp(-r2 / (2 * s**2))
        e = w @ phi - t[i]
        total += 0.5 * e**2
        before = w.copy()
        w -= 0.1 * e * phi
        dc, ds = np.zeros(c.shape), np.zeros(5)
        for j in range(5):
            common = e * before[j] * phi[j]
            dc[j] = common * diff[j] / s[j] ** 2
            ds[j] = common * r2[j] / s[j] ** 3
        c -= 0.1 * dc
        s -= 0.1 * ds
"""


def test_a_copy_of_weights_as_they_were_lacks_no_slope(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, CENTRES).ok is True
    check, line = edited_script(tmp_path, CENTRES, "e * before[j] * phi[j]", "e * before[j]")
    assert told(check) == (line, "missing-derivative"), str(check)


CHECKED = """
import numpy as np

np.random.seed(42)
x = np.array([[-3.5, -1.5, 4.5], [-4.5, -2.5, -3.5]])
x, t = x - x.mean(axis=0), np.array([[0.3, 1.3, -1.6]])
w1, w2, w3 = np.random.rand(5, 2), np.random.rand(4, 5), np.random.rand(1, 4)
b1, b2, b3 = np.ones((5, 1)), np.ones((4, 1)), np.ones((1, 1))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(w1, w2, w3, b1, b2, b3):
    a1 = sigmoid(w1 @ x + b1)
    a2 = sigmoid(w2 @ a1 + b2)
    return a1, a2, w3 @ a2 + b3


def cost(y):
    return np.mean([each * each for each in (y - t)])


for turn in range(3):
    a1, a2, y = forward(w1, w2, w3, b1, b2, b3)
    print("cost:", cost(y))
    d3 = y - t
    dw3, db3 = d3 @ a2.T / 3, d3.sum(axis=1, keepdims=True) / 3
    d2 = w3.T @ d3 * a2 * (1 - a2)
    dw2, db2 = d2 @ a1.T / 3, d2.sum(axis=1, keepdims=True) / 3
    d1 = w2.T @ d2 * a1 * (1 - a1)
    dw1 = d1 @ x.T / 3
    biases = [b1, b2, b3]
    for place, real in ((1, db2), (2, db3)):
        moved = biases[place].copy()
        either = []
        for step in (1e-3, -2e-3):
            moved[0, 0] += step
            tried = biases.copy()
            tried[place] = moved
            a1_, a2_, y_ = forward(w1, w2, w3, *tried)
            either.append(cost(y_))
        assert abs((either[0] - either[1]) / 2e-3 - 2 * real[0, 0]) < 1e-3
    w3 -= 0.1 * dw3
    w2 -= 0.1 * dw2
    w1 -= 0.1 * dw1
"""


def test_a_check_of_gradients_computes_no_loss_to_judge_by(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, CHECKED)
    assert check.ok is True, str(check)
    assert "half the gradient throughout" in str(check)


STABLE = """
import numpy as np

draw = np.random.default_rng(5)
v, u = draw.normal(size=(9, 4)), np.zeros((9, 4))


def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


for turn in range(4):
    i, o, k = draw.integers(0, 9, 6), draw.integers(0, 9, 6), draw.integers(0, 9, (6, 3))
    a, b, c = v[i], u[o], u[k]
    near, far = sigmoid(np.sum(a * b, axis=1)), sigmoid(np.sum(c * a[:, None], axis=2))
    loss = -np.log(near).mean() - np.log(1 - far).sum(axis=1).mean()
    dn, df = (near - 1) / 6, far / 6
    dv = dn[:, None] * b + np.sum(df[:, :, None] * c, axis=1)
    db, dc = dn[:, None] * a, df[:, :, None] * a[:, None]
    np.add.at(v, i, -0.1 * dv)
    np.add.at(u, o, -0.1 * db)
    np.add.at(u, k.reshape(-1), -0.1 * dc.reshape(-1, 4))
"""


def test_a_sigmoid_in_two_halves_is_smooth_at_nought(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, STABLE)
    assert check.ok is True, str(check)


def test_each_half_of_a_smooth_function_has_its_own_side_in_a_block() -> None:
    w = np.zeros((3, 2))
    x = np.random.default_rng(6).normal(size=(5, 3))
    with verify(w=w) as check:
        z = x @ w
        e = np.exp(-np.abs(z))
        p = np.where(z >= 0, 1 / (1 + e), e / (1 + e))
        check.loss = np.sum(p)
        check.gradients = {"w": x.T @ (p * (1 - p))}
    assert check.ok is True, str(check)


LENGTHS = """
import numpy as np

draw = np.random.default_rng(7)
x, t = draw.normal(size=(3, 12)), draw.random((2, 12))
w1, w2 = draw.normal(size=(5, 3)), draw.normal(size=(2, 5))
for turn in range(4):
    h = np.tanh(w1 @ x)
    y = np.tanh(w2 @ h)
    d2 = (t - y) * (1 - y * y)
    d1 = (w2.T @ d2) * (1 - h * h)
    w2 = w2 + 0.1 * d2 @ h.T / 12
    w1 = w1 + 0.1 * d1 @ x.T / 12
    print("loss =", np.linalg.norm(y - t))
"""


def test_the_length_of_an_error_is_printed_and_half_its_square_is_descended(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LENGTHS)
    assert check.ok is True, str(check)
    check, line = edited_script(tmp_path, LENGTHS, "(w2.T @ d2) * (1 - h * h)", "(w2.T @ d2) * (1 - h)")
    assert told(check)[0] == line, str(check)


def test_a_first_argument_may_be_given_by_its_name() -> None:
    w = np.arange(6.0).reshape(2, 3) / 7
    with verify(w=w) as check:
        check.loss = np.sum(np.asarray(a=w) ** 2) + np.sum(np.stack(arrays=[w, w]))
        check.gradients = {"w": 2 * np.array(object=w) + 2}
    assert check.ok is True, str(check)


RETURNED = """
import numpy as np

draw = np.random.default_rng(8)
x, t = draw.normal(size=(24, 3)), np.eye(4)[draw.integers(0, 4, 24)]
rest1, rest2 = 0, 0


def step(x, t, h, w1, w2):
    global rest1, rest2
    z = h @ w2
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    d = (p - t) / len(x)
    dw2 = h.T @ d
    dw1 = x.T @ ((d @ w2.T) * (1 - h**2))
    w1 = w1 - 0.5 * dw1
    w2 = w2 - 0.5 * dw2
    w1 = w1 - 0.9 * rest1
    w2 = w2 - 0.9 * rest2
    rest1, rest2 = dw1, dw2
    return w1, w2


def train():
    w1, w2 = draw.normal(size=(3, 5)), draw.normal(size=(5, 4))
    for turn in range(40):
        part = slice(6 * (turn % 4), 6 * (turn % 4) + 6)
        w1, w2 = step(x[part], t[part], np.tanh(x[part] @ w1), w1, w2)
    return w1, w2


train()
"""


def test_an_update_that_nothing_is_taken_off_yet_ends_the_turn(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, RETURNED)
    assert check.ok is True, str(check)
    assert any(note.startswith("One turn of the loop") for note in check.notes), str(check)


APPENDED = """
import numpy as np


class Network:
    def __init__(self, sizes):
        pairs = list(zip(sizes[:-1], sizes[1:]))
        self.weights = [draw.normal(size=(n, m)) for m, n in pairs]
        self.biases = [draw.normal(size=(n, 1)) for _, n in pairs]

    def forward(self, x):
        self.a = [x]
        for w, b in zip(self.weights, self.biases):
            self.a.append(1 / (1 + np.exp(-(w @ self.a[-1] + b))))
        return self.a[-1]

    def backward(self, t):
        delta = (self.a[-1] - t) * self.a[-1] * (1 - self.a[-1])
        dw, db = [delta @ self.a[-2].T], [delta]
        for i in range(1, len(self.weights)):
            error = self.weights[-i].T @ delta
            delta = error * self.a[-i - 1] * (1 - self.a[-i - 1])
            db.append(delta)
            dw.append(delta @ self.a[-i - 2].T)
        return dw[::-1], db[::-1]


draw = np.random.default_rng(9)
net, x, t = Network([3, 4, 5, 2]), draw.normal(size=(3, 1)), draw.random((2, 1))
for turn in range(3):
    loss = 0.5 * np.sum((net.forward(x) - t) ** 2)
    dw, db = net.backward(t)
    net.weights = [w - 0.1 * d for w, d in zip(net.weights, dw)]
    net.biases = [b - 0.1 * d for b, d in zip(net.biases, db)]
"""


def test_what_is_appended_is_told_where_that_is_done(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, APPENDED).ok is True
    check, line = edited_script(tmp_path, APPENDED, "db.append(delta)", "db.append(error)")
    assert told(check)[0] == line, str(check)
    assert "db.append(delta)" in (check.first_wrong.should_be or ""), str(check)


def masked(due: str) -> str:
    """A block that judges what a mask leaves."""
    return f"""
import numpy as np
from tinygrad_scratch import verify


def backward(a, w, p, t, mask):
    d = (p - t) * mask[:, None]
    d = d / {due}
    return a.T @ d


draw = np.random.default_rng(11)
a, t, w = draw.normal(size=(10, 4)), np.eye(3)[draw.integers(0, 3, 10)], draw.normal(size=(4, 3))
mask = (np.arange(10) < 6) * 1.0
with verify(w=w) as check:
    z = a @ w
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    check.loss = np.sum(-np.sum(t * np.log(p), axis=1) * mask) / mask.sum()
    check.gradients = {{"w": backward(a, w, p, t, mask)}}
"""


def test_only_what_is_marked_counts(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, masked("mask.sum()")).ok is True
    check, line = edited_script(tmp_path, masked("mask.sum()"), "d / mask.sum()", "d / len(mask)")
    assert told(check) == (line, "scale-factor"), str(check)
    assert "mask.sum()" in (check.first_wrong.should_be or ""), str(check)


EARLY = """
import numpy as np

draw = np.random.default_rng(12)
x, t = draw.normal(size=(20, 3)), draw.normal(size=(20, 2))
w1, w2 = draw.normal(size=(3, 4)), draw.normal(size=(4, 2))
for turn in range(3):
    h = np.tanh(x @ w1)
    loss = np.mean((h @ w2 - t) ** 2)
    d = 2 * (h @ w2 - t) / t.size
    dw2 = h.T @ d
    new_w2 = w2 - 0.1 * dw2
    dh = (d @ w2.T) * (1 - h**2)
    w1 = w1 - 0.1 * x.T @ dh
    w2 = new_w2
"""


def test_weights_that_an_update_made_are_told_where_they_are_read(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, EARLY).ok is True
    check, line = edited_script(tmp_path, EARLY, "(d @ w2.T)", "(d @ new_w2.T)")
    assert told(check) == (line, "stale-or-updated-weights"), str(check)


HINGES = """
import numpy as np

draw = np.random.default_rng(13)
x, y = draw.normal(size=(15, 4)), draw.integers(0, 3, 15)
w = draw.normal(size=(4, 3))
n, rows = len(x), np.arange(15)
for turn in range(3):
    s = x @ w
    m = s - s[rows, y][:, None] + 1
    m[rows, y] = 0
    loss = np.maximum(0, m).sum() / n
    count = (m > 0).astype(float)
    count[rows, y] = -count.sum(axis=1)
    ds = count / n
    w -= 0.1 * x.T @ ds
"""


def test_a_mask_holds_no_number(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, HINGES).ok is True
    check, line = edited_script(tmp_path, HINGES, "(m > 0).astype(float)", "m > 0")
    assert told(check) == (line, "dtype-or-integer"), str(check)


TWICE = HINGES.replace("s = x @ w\n", "s = x @ w + b\n").replace("w = draw", "b = draw.normal(size=3)\nw = draw")
TWICE = TWICE.replace("sum() / n\n", "sum() / n + 0.5 * np.sum(w * w) + 0.5 * np.sum(b * b)\n")
TWICE = TWICE.replace(
    "w -= 0.1 * x.T @ ds", "dw, db = x.T @ ds + w, ds.sum(axis=0) + b\n    w -= 0.1 * dw\n    b -= 0.1 * db"
)


def test_a_mean_is_due_where_a_count_becomes_a_gradient(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, TWICE).ok is True
    check, line = edited_script(tmp_path, TWICE, "ds = count / n", "ds = count")
    assert told(check) == (line, "missing-batch-sum-or-mean"), str(check)


SPREAD = """
import numpy as np

draw = np.random.default_rng(14)
a, b, c = (draw.normal(size=(5, 3)) for _ in range(3))
w = draw.normal(size=(3, 5))
for turn in range(3):
    p, q, r = a @ w, b @ w, c @ w
    gap = np.sum((p - q) ** 2, axis=1) - np.sum((p - r) ** 2, axis=1) + 1
    loss = np.maximum(gap, 0).mean()
    weight = ((gap > 0) / 5)[:, None]
    dq, dr = -2 * (p - q) * weight, 2 * (p - r) * weight
    dp = -(dq + dr)
    w -= 0.01 * (a.T @ dp + b.T @ dq + c.T @ dr)
"""


def test_numbers_of_samples_that_were_spread_the_other_way_are_told_where_made(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SPREAD).ok is True
    check, line = edited_script(tmp_path, SPREAD, "((gap > 0) / 5)[:, None]", "(gap > 0) / 5")
    assert told(check) == (line, "broadcasting-shape"), str(check)


ALIAS = """
import numpy as np

draw = np.random.default_rng(15)
x, t = draw.normal(size=(6, 3)), 1.0
wz, wc = draw.normal(size=(3, 3)), draw.normal(size=(3, 3))
for turn in range(3):
    h, kept = np.zeros(3), []
    for k in range(6):
        z, c = 1 / (1 + np.exp(-(wz @ x[k] + h))), np.tanh(wc @ x[k] + h)
        kept.append((h, z, c))
        h = (1 - z) * h + z * c
    loss = 0.5 * (h.sum() - t) ** 2
    dwz, dwc = np.zeros_like(wz), np.zeros_like(wc)
    dh = (h.sum() - t) * np.ones(3)
    for k in reversed(range(6)):
        before, z, c = kept[k]
        dc = dh * z
        dnext = dh.copy()
        dnext *= 1 - z
        dz = dh * (c - before)
        dac, daz = dc * (1 - c * c), dz * z * (1 - z)
        dwz += np.outer(daz, x[k])
        dwc += np.outer(dac, x[k])
        dh = dnext + daz + dac
    wz -= 0.1 * dwz
    wc -= 0.1 * dwc
"""


def test_what_is_scaled_under_another_name_is_told_there(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, ALIAS).ok is True
    check, line = edited_script(tmp_path, ALIAS, "dnext = dh.copy()", "dnext = dh")
    found_at, kind = told(check)
    assert kind == "inplace-corruption", str(check)
    assert found_at in (line, line + 1), str(check)


WIDTHS = """
import numpy as np

draw = np.random.default_rng(16)
x = draw.normal(size=(32, 4))
t = np.sin(x[:, :1]) + x[:, 1:2]
w1, w2 = draw.normal(size=(4, 6)), draw.normal(size=(6, 1))
for turn in range(3):
    h = np.tanh(x @ w1)
    d = h @ w2 - t
    cost = np.mean(d**2)
    d = 2 * d / 32
    dw2, dw1 = h.T @ d, x.T @ (d @ w2.T * (1 - h**2))
    w2 -= 0.1 * dw2
    w1 -= 0.1 * dw1
"""


def test_so_many_inputs_are_no_samples(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, WIDTHS).ok is True
    check, line = edited_script(tmp_path, WIDTHS, "d = 2 * d / 32", "d = d / 2 / 32")
    assert told(check) == (line, "scale-factor"), str(check)


CLASSES = """
import numpy as np
from tinygrad_scratch import verify


def backward(x, y):
    return -y / x / y.shape[0]


draw = np.random.default_rng(17)
h, y = draw.uniform(1, 2, (10, 3)), np.eye(4)[draw.integers(0, 4, 10)]
w, b = draw.uniform(1, 2, (3, 4)), draw.uniform(1, 2, 4)
with verify(w=w, b=b) as check:
    x = h @ w + b
    check.loss = -np.mean(np.sum(y * np.log(x), axis=1)) + 0.5 * np.sum(b * b)
    d = backward(x, y)
    check.gradients = {"w": h.T @ d, "b": d.sum(axis=0) + b}
"""


def test_so_many_classes_stand_for_so_many_samples(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, CLASSES).ok is True
    check, line = edited_script(tmp_path, CLASSES, "y.shape[0]", "y.shape[1]")
    assert told(check) == (line, "missing-batch-sum-or-mean"), str(check)
    assert "`y.shape[1]` should be `y.shape[0]`" in str(check)
