"""Programs as others write them: right ones that are no mistakes, and mistakes that their other lines tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, line_of, module_of, told
from tinygrad_scratch import verify

RNG = np.random.default_rng(5)


def edited(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def wrong(folder: Path, text: str, old: str, new: str) -> tuple[int, str, int]:
    """What is told of a script with a mistake in one line: its line, the kind, and the line where it is."""
    changed = edited(text, old, new)
    return *told(check_of_script(folder, changed)), line_of(changed, new)


# ---- one record after the other, a plain number for each -------------------------------------------------------------

RIDES = """
import numpy as np

class Rides:
    def __init__(self, rng):
        self.first, self.last = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
        self.bend = lambda z: 1 / (1 + np.exp(-z))

    def train(self, days, counts):
        to_first, to_last = np.zeros(self.first.shape), np.zeros(self.last.shape)
        for day, count in zip(days, counts):
            warm = self.bend(np.dot(day, self.first))
            guess = np.dot(warm, self.last)
            miss = count - guess
            back = np.dot(self.last, miss) * warm * (1 - warm)
            to_first += back * day[:, None]
            to_last += miss * warm[:, None]
        self.first += 0.2 * to_first / len(days)
        self.last += 0.2 * to_last / len(days)

rng = np.random.default_rng(7)
days, counts = rng.normal(size=(12, 3)), rng.normal(size=12)
rides = Rides(rng)
for turn in range(3):
    batch = rng.choice(12, size=5)
    rides.train(days[batch], counts[batch])
"""


def test_targets_may_be_plain_numbers_one_for_each_record(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, RIDES)
    assert check.ok is True, str(check)
    assert "5 turns" in check.entry.loss_name


def test_one_gradient_of_the_last_record_alone_is_written_over(tmp_path: Path) -> None:
    line, kind, meant = wrong(tmp_path, RIDES, "to_last += miss", "to_last = miss")
    assert (line, kind) == (meant, "overwritten-accumulation")


def test_the_loss_may_be_that_of_a_part_of_what_was_made(tmp_path: Path) -> None:
    text = """
import numpy as np

rng = np.random.default_rng(1)
drops, levels = rng.normal(size=(9, 5)), rng.normal(size=9)
gain, keep = 0.7, 0.4
for turn in range(3):
    held = np.zeros((9, 6))
    for k in range(5):
        held[:, k + 1] = drops[:, k] * gain + held[:, k] * keep
    back = np.zeros((9, 6))
    back[:, -1] = 2.0 * (held[:, -1] - levels)
    to_gain = to_keep = 0.0
    for k in range(5, 0, -1):
        to_gain += np.mean(back[:, k] * drops[:, k - 1])
        to_keep += np.mean(back[:, k] * held[:, k - 1])
        back[:, k - 1] = back[:, k] * keep
    gain = gain - 0.01 * to_gain
    keep = keep - 0.01 * to_keep
"""
    assert check_of_script(tmp_path, text).ok is True


# ---- what objects keep, and what updates are made of -----------------------------------------------------------------


@pytest.mark.parametrize("kept", ["data", "marks", "both"])
def test_data_that_an_object_keeps_is_no_parameter(kept: str) -> None:
    class Net:
        data: Any
        marks: Any

        def __init__(self) -> None:
            self.w = RNG.normal(size=(2, 3))

        def forward(self, data: Any, marks: Any) -> Any:
            self.out = np.tanh(self.w @ data)
            return np.sum((self.out - marks) ** 2) / (2 * data.shape[1])

        def backward(self, data: Any, marks: Any) -> None:
            self.dz = (self.out - marks) * (1 - self.out**2)
            self.dw = self.dz @ data.T / data.shape[1]
            self.da = self.w.T @ self.dz

    net, data, marks = Net(), RNG.normal(size=(3, 7)), RNG.normal(size=(2, 7))
    if kept != "marks":
        net.data = data
    if kept != "data":
        net.marks = marks
    with verify(net) as check:
        check.loss = net.forward(data, marks)
        net.backward(data, marks)
    assert check.ok is True, str(check)


STEPS = """
import numpy as np

rng = np.random.default_rng(4)
rows, aims = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
w1, w2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
speed = 0.3
for turn in range(4):
    h = np.tanh(rows @ w1)
    delta_2 = aims - h @ w2
    delta_1 = delta_2 @ w2.T * (1 - h**2)
    delta_w2 = h.T @ (speed * delta_2)
    delta_w1 = rows.T @ (speed * delta_1)
    w1 = w1 + delta_w1
    w2 = w2 + delta_w2
"""


@pytest.mark.parametrize("name", ["speed", "params[1]", "alpha"])
def test_steps_that_are_called_gradients_hold_the_rate(tmp_path: Path, name: str) -> None:
    text = STEPS.replace("speed = 0.3", "params = [8, 0.3]" if "[" in name else f"{name} = 0.3").replace("speed", name)
    assert check_of_script(tmp_path, text).ok is True


@pytest.mark.parametrize("start", ["np.zeros_like(w1), np.zeros_like(w2)", "rng.normal(size=(3, 4)), 0.1 * w2"])
def test_velocities_that_are_called_gradients(tmp_path: Path, start: str) -> None:
    text = STEPS.replace("speed = 0.3", f"speed = 0.3\ndw1, dw2 = {start}")
    for n in "12":
        given = "h" if n == "2" else "rows"
        text = text.replace(
            f"delta_w{n} = {given}.T @ (speed * delta_{n})",
            f"dw{n} = dw{n} * 0.9 - {given}.T @ -delta_{n} * (1 - 0.9)",
        ).replace(f"w{n} = w{n} + delta_w{n}", f"w{n} = w{n} + dw{n} * speed")
    check = check_of_script(tmp_path, text)
    assert check.ok is True, str(check)
    assert len(check.finals) == 2


def test_a_list_of_gradients_beside_data_goes_with_the_list_of_parameters() -> None:
    def cost(theta: list[Any], x: Any, y: Any, more: float) -> Any:
        a, b, c = theta
        out = np.tanh(x @ a) + b + 0.5 * c
        below = 2 * (out - y)
        dz = below * (1 - np.tanh(x @ a) ** 2)
        return np.sum((out - y) ** 2), [x.T @ dz, below.sum(axis=0), (0.5 + more) * below.sum(axis=0)]

    theta = [RNG.normal(size=(3, 4)), RNG.normal(size=4), RNG.normal(size=4)]
    x, y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 4))
    assert verify.function(cost, theta, x, y, 0.0).ok is True
    check = verify.function(cost, theta, x, y, 0.25)
    assert check.first_wrong is not None
    assert not check.unsure


def test_updates_of_lists_that_are_made_anew_are_seen_beside_a_loss_that_nobody_computed() -> None:
    class Net:
        def __init__(self) -> None:
            self.weights = [RNG.normal(size=(4, 3)), RNG.normal(size=(2, 4))]
            self.biases = [RNG.normal(size=(4, 1)), RNG.normal(size=(2, 1))]

        def slopes(self, x: Any, y: Any) -> Any:
            h = np.tanh(self.weights[0] @ x + self.biases[0])
            d = self.weights[1] @ h + self.biases[1] - y
            below = self.weights[1].T @ d * (1 - h**2)
            return [below, d], [below @ x.T, d @ h.T]

        def train(self, pairs: Any, eta: float, share: float) -> None:
            of_biases = [np.zeros(b.shape) for b in self.biases]
            of_weights = [np.zeros(w.shape) for w in self.weights]
            for x, y in pairs:
                more_biases, more_weights = self.slopes(x, y)
                of_biases = [one + more for one, more in zip(of_biases, more_biases, strict=True)]
                of_weights = [one + more for one, more in zip(of_weights, more_weights, strict=True)]
            self.weights = [w - eta / 5 * g for w, g in zip(self.weights, of_weights, strict=True)]
            self.biases = [b - eta / share * g for b, g in zip(self.biases, of_biases, strict=True)]

    pairs = [(RNG.normal(size=(3, 1)), RNG.normal(size=(2, 1))) for _ in range(5)]
    for share in (5.0, 1.0):
        net = Net()
        with verify(net) as check:
            net.train(pairs, 0.5, share)
        assert check.ok is (share == 5.0), str(check)


# ---- the loss that they compute --------------------------------------------------------------------------------------

ODDS = """
import numpy as np

rng = np.random.default_rng(8)
rows, marks = rng.normal(size=(7, 3)), np.array([[1.0], [0.0], [0.0], [1.0], [1.0], [0.0], [1.0]])
w, v = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
for turn in range(3):
    h = np.tanh(rows @ w)
    odds = 1 / (1 + np.exp(-(h @ v)))
    d_loss = -np.mean(marks * np.log(odds) + (1 - marks) * np.log(1 - odds))
    dz = (odds - marks) / len(rows)
    dv = h.T @ dz
    dw = rows.T @ (dz @ v.T * (1 - h**2))
    w -= 0.1 * dw
    v -= 0.1 * dv
    print("%d %.4f" % (turn, d_loss))
"""


def test_a_loss_is_called_by_its_name_and_what_is_printed_is_no_leak(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ODDS)
    assert check.ok is True
    assert check.entry.loss_name == "d_loss"
    assert "left the recording" not in str(check)


def test_a_slope_too_many_beside_a_cross_entropy_is_no_other_loss(tmp_path: Path) -> None:
    line, kind, meant = wrong(tmp_path, ODDS, "dz = (odds - marks)", "dz = (odds - marks) * odds * (1 - odds)")
    assert (line, kind) == (meant, "scale-factor")


def test_of_a_sum_and_a_mean_that_fit_as_many_the_one_that_is_computed_is_meant(tmp_path: Path) -> None:
    text = """
import numpy as np

rng = np.random.default_rng(9)
rows, marks = rng.normal(size=(8, 3)), np.eye(3)[rng.integers(0, 3, 8)]
w, b = rng.normal(size=(3, 3)), rng.normal(size=3)

def spread(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

for turn in range(3):
    p = spread(rows @ w + b)
    -np.sum(marks * np.log(p))
    below = p - marks
    dw = rows.T @ below
    db = below.sum(axis=0)
    w -= 0.1 * dw
    b -= 0.1 * db
"""
    assert check_of_script(tmp_path, text).ok is True
    line, kind, meant = wrong(tmp_path, text, "rows.T @ below", "rows.T @ below / len(rows)")
    assert (line, kind) == (meant, "missing-batch-sum-or-mean")


# ---- mistakes that other lines tell ----------------------------------------------------------------------------------

PAIRS = """
import numpy as np

rng = np.random.default_rng(3)
w1, b1, w2 = rng.normal(size=(3, 4)), np.zeros(4), rng.normal(size=(4, 1))

def bend(a):
    return 1 / (1 + np.exp(-a))

def bend_prime(a):
    return a * (1 - a)

def ahead(x):
    h = bend(x @ w1 + b1)
    return bend(h @ w2), h

def back(x, h, out, below):
    d2 = below * bend_prime(out)
    d1 = d2 @ w2.T * bend_prime(h)
    return x.T @ d1, d1.sum(axis=0), h.T @ d2

true, fake = rng.normal(size=(5, 3)), rng.normal(size=(6, 3))
for turn in range(3):
    out_true, h_true = ahead(true)
    out_fake, h_fake = ahead(fake)
    loss = np.sum((out_true - 1) ** 2) + np.sum(out_fake**2)
    w1_true, b1_true, w2_true = back(true, h_true, out_true, 2 * (out_true - 1))
    w1_fake, b1_fake, w2_fake = back(fake, h_fake, out_fake, 2 * out_fake)
    w1 = w1 - 0.1 * (w1_true + w1_fake)
    b1 = b1 - 0.1 * (b1_true + b1_fake)
    w2 = w2 - 0.1 * (w2_true + w2_fake)
"""


def test_a_part_that_an_update_lacks_is_told_as_its_siblings_have_it(tmp_path: Path) -> None:
    line, kind, meant = wrong(tmp_path, PAIRS, "w2 - 0.1 * (w2_true + w2_fake)", "w2 - 0.1 * w2_true")
    assert (line, kind) == (meant, "missing-term")


def test_a_helper_that_all_calls_give_the_same_is_to_blame(tmp_path: Path) -> None:
    line, kind, meant = wrong(tmp_path, PAIRS, "return a * (1 - a)", "return bend(a) * (1 - bend(a))")
    assert (line, kind) == (meant, "derivative-at-wrong-point")


RETOLD = """
import numpy as np

class Curve:
    def __call__(self, z):
        return np.tanh(z)

    def gradient(self, z):
        return 1 - self(z) ** 2

class Gate:
    def __init__(self, rng):
        self.w, self.u, self.curve = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), Curve()

    def slope(self, s):
        return s * (1 - s)

    def forward(self, x):
        self.x, self.open = x, 1 / (1 + np.exp(-(x @ self.w)))
        self.pre = x @ self.u
        self.let = self.curve(self.pre)
        return self.open * self.let

    def backward(self, grad):
        d_open = self.let * grad
        d_let = self.open * grad
        d_out = d_open
        dz = d_out * self.slope(self.open)
        self.dw = self.x.T @ dz
        self.du = self.x.T @ (d_let * self.curve.gradient(self.pre))
        return dz @ self.w.T + (d_let * self.curve.gradient(self.pre)) @ self.u.T
"""


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        ("d_open = self.let * grad", "d_open = self.open * grad", {"wrong-operand"}),
        ("d_out = d_open", "d_out = self.let", {"wrong-operand", "missing-derivative"}),
    ],
)
def test_a_value_is_told_where_it_was_made_and_not_where_a_helper_was_given_it(
    tmp_path: Path, old: str, new: str, kinds: set[str]
) -> None:
    text = edited(RETOLD, old, new)
    layer = module_of(tmp_path / "retold.py", text).Gate(np.random.default_rng(0))
    line, kind = told(verify.layer(layer, RNG.normal(size=(5, 3))))
    assert line == line_of(text, new)
    assert kind in kinds


def test_the_rest_of_a_slope_is_told_where_its_part_got_another_name(tmp_path: Path) -> None:
    text = """
def f(w, x, y):
    s = 1 / (1 + np.exp(-(x @ w)))
    ds = 2 * (s - y)
    ds_dz = s
    return np.sum((s - y) ** 2), x.T @ (ds * ds_dz)
"""
    function = module_of(tmp_path / "half.py", f"import numpy as np\n{text}").f
    check = verify.function(function, RNG.normal(size=(3, 2)), RNG.normal(size=(5, 3)), RNG.random((5, 2)))
    assert told(check) == (6, "missing-derivative")
    assert check.first_wrong.should_be == "s * (1 - s)"


def test_a_table_that_is_read_in_several_places_has_a_gradient_in_each(tmp_path: Path) -> None:
    text = """
import numpy as np

class Table:
    def __init__(self, rows):
        self.params, self.grads = [rows], [np.zeros_like(rows)]

    def forward(self, picked):
        self.picked = picked
        return self.params[0][picked]

    def backward(self, grad):
        self.grads[0][...] = 0
        np.add.at(self.grads[0], self.picked, grad)

class Words:
    def __init__(self, rng):
        rows = rng.normal(size=(5, 3))
        self.tables, self.out = [Table(rows) for _ in range(3)], rng.normal(size=(3, 2))

    def loss(self, words, aims):
        self.mean = sum(table.forward(words[:, i]) for i, table in enumerate(self.tables)) / 3
        self.miss = self.mean @ self.out - aims
        return np.sum(self.miss**2)

    def backward(self):
        self.d_out = self.mean.T @ (2 * self.miss)
        below = 2 * self.miss @ self.out.T / 3
        for table in self.tables:
            table.backward(below)
"""
    words, aims = np.array([[0, 1, 2], [2, 3, 1], [2, 4, 4], [1, 1, 0]]), RNG.normal(size=(4, 2))
    for old, new in (("", ""), ("np.add.at(self.grads[0], self.picked, grad)", "self.grads[0][self.picked] += grad")):
        changed = edited(text, old, new) if old else text
        model = module_of(tmp_path / f"words{len(new)}.py", changed).Words(np.random.default_rng(1))
        with verify(model) as check:
            check.loss = model.loss(words, aims)
            model.backward()
        if not new:
            assert check.ok is True, str(check)
        else:
            assert told(check) == (line_of(changed, new), "overwritten-accumulation")


def test_a_sum_that_is_kept_from_a_norm_is_told_where_it_is_lacking(tmp_path: Path) -> None:
    text = """
import numpy as np

def ahead(net, x):
    raw = net["b"].dot(x)
    size = np.sqrt(raw.dot(raw))
    return raw / size, (x, size)

def back(net, grads, d_unit, kept):
    x, size = kept
    d_raw = d_unit / size
    grads["b"] += np.outer(d_raw, x)

def cost(net, ones, others):
    grads, total = {"b": np.zeros_like(net["b"])}, 0.0
    for one, other in zip(ones, others):
        first, kept = ahead(net, one)
        second, held = ahead(net, other)
        total += np.sum((first - 2 * second) ** 2)
        back(net, grads, 2 * (first - 2 * second), kept)
        back(net, grads, -4 * (first - 2 * second), held)
    return total, grads
"""
    function = module_of(tmp_path / "unit.py", text).cost
    net = {"b": RNG.normal(size=(4, 3))}
    check = verify.function(function, net, RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3)))
    assert told(check) == (line_of(text, "d_raw = d_unit / size"), "missing-term")


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("d = up * s * (1 - s) / n", "d = up * s * (1 - s) / n / n", "scale-factor"),
        ("x.T @ d", "x.T @ d / n", "missing-batch-sum-or-mean"),
        ("k * rate", "(k + 1) * rate", "off-by-one"),
    ],
)
def test_kinds_of_sizes(tmp_path: Path, old: str, new: str, kind: str) -> None:
    text = """
import numpy as np

def f(w, c, x, y):
    n, rate, t = len(x), 0.5, 0.0
    for k in range(4):
        t = t + k * 0.5 * c
    s = 1 / (1 + np.exp(-(x @ w)))
    up = 2 * (s + t - y)
    d = up * s * (1 - s) / n
    dc = np.zeros_like(c)
    for k in range(4):
        dc = dc + k * rate * up.sum(axis=0) / n
    return np.sum((s + t - y) ** 2) / n, [x.T @ d, dc]
"""
    function = module_of(tmp_path / "sizes.py", edited(text, old, new)).f
    check = verify.function(
        function, RNG.normal(size=(3, 2)), RNG.normal(size=2), RNG.normal(size=(5, 3)), RNG.random((5, 2))
    )
    assert told(check)[1] == kind


PENALISED = """
import numpy as np

rng = np.random.default_rng(6)
rows, marks = rng.normal(size=(9, 3)), np.eye(2)[rng.integers(0, 2, 9)]
w, b = rng.normal(size=(3, 2)), np.zeros(2)
for turn in range(3):
    e = np.exp(rows @ w + b)
    p = e / e.sum(axis=1, keepdims=True)
    fit = -np.sum(marks * np.log(p)) / len(rows)
    loss = fit + 0.05 * np.sum(w * w)
    below = (p - marks) / len(rows)
    dw = rows.T @ below + 0.1 * w
    db = below.sum(axis=0)
    w -= 0.1 * dw
    b -= 0.1 * db
"""


def test_a_mean_that_is_forgotten_beside_a_penalty_is_no_other_loss(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, PENALISED).ok is True
    line, kind, meant = wrong(tmp_path, PENALISED, "below = (p - marks) / len(rows)", "below = p - marks")
    assert (line, kind) == (meant, "missing-batch-sum-or-mean")


NUMBERS = """
from math import exp
from random import seed, uniform

seed(3)
rows = [([0.3, -0.8], 0.9), ([-0.5, 0.4], 0.2)]
weights, bias = [uniform(-1, 1) for _ in range(2)], uniform(-1, 1)
for turn in range(4):
    error = 0.0
    for row, label in rows:
        out = 1 / (1 + exp(-(bias + sum(w * x for w, x in zip(weights, row)))))
        error += (label - out) ** 2
        delta = (label - out) * out * (1 - out)
        for i in range(2):
            weights[i] += 0.3 * delta * row[i]
        bias += 0.3 * delta
"""


def test_a_plain_number_that_is_updated_the_other_way_than_the_others_is_wrong(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, NUMBERS).ok is True
    line, kind, meant = wrong(tmp_path, NUMBERS, "bias += 0.3", "bias -= 0.3")
    assert (line, kind) == (meant, "sign")


IN_TURNS = """
import numpy as np

rng = np.random.default_rng(8)
rides, counts = rng.normal(size=(30, 3)), rng.normal(size=30)
w1, w2, lr = rng.normal(size=(3, 4)), rng.normal(size=(4, 1)), 0.4
for turn in range(3):
    rows = rng.choice(30, size=7, replace=False)
    X, y = rides[rows], counts[rows]
    dw1, dw2, n_records = np.zeros(w1.shape), np.zeros(w2.shape), len(X)
    for record, count in zip(X, y):
        hidden = np.tanh(record @ w1)
        guess = hidden @ w2
        error = count - guess
        below = (w2 @ error) * (1 - hidden**2)
        dw1 += np.outer(record, below)
        dw2 += np.outer(hidden, error)
    w2 += lr * dw2 / n_records
    w1 += lr * dw1 / n_records
"""


def test_one_of_two_updates_is_not_averaged_over_records_taken_in_turns(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, IN_TURNS).ok is True
    line, kind, meant = wrong(tmp_path, IN_TURNS, "w1 += lr * dw1 / n_records", "w1 += lr * dw1")
    assert (line, kind) == (meant, "missing-batch-sum-or-mean")


def test_a_slope_of_plain_numbers_is_told_by_the_half_of_a_square(tmp_path: Path) -> None:
    by_name = edited(edited(NUMBERS, "seed(3)", "seed(3)\nlr = 0.3"), "0.3 * delta", "lr * delta")
    line, kind, meant = wrong(tmp_path, by_name, "* out * (1 - out)", "* out * (1 + out)")
    assert (line, kind) == (meant, "sign")


def test_a_factor_that_depends_on_the_weights_is_no_rate(tmp_path: Path) -> None:
    changed = edited(NUMBERS, "* out * (1 - out)", "* out * (1 + out)")
    assert check_of_script(tmp_path, changed).ok is False


CLIPPED = """
import numpy as np

rng = np.random.default_rng(8)
rows, marks = rng.normal(size=(30, 3)), rng.random(size=(30, 2))
w1, w2, lr = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), 0.4
for turn in range(3):
    warm = np.tanh(rows @ w1)
    out = warm @ w2
    loss = np.sum((out - marks) ** 2)
    d2 = 2 * (out - marks)
    d1 = d2 @ w2.T * (1 - warm**2)
    c2, c1 = warm.T @ d2, rows.T @ d1
    norm = np.sqrt(np.sum(c1**2) + np.sum(c2**2))
    w2 -= lr * 5.0 / norm * c2
    w1 -= lr * 5.0 / norm * c1
"""


def test_a_norm_that_all_gradients_are_divided_by_is_no_mistake(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, CLIPPED).ok is True


CELLS = """
import numpy as np

rng = np.random.default_rng(5)
W, U, xs = rng.normal(size=(3, 4)) / 2, rng.normal(size=(4, 4)) / 2, rng.normal(size=(5, 3))


def forward(W, U):
    h, c = [np.zeros(4)], [np.zeros(4)]
    for x in xs:
        c.append(0.5 * c[-1] + np.tanh(x @ W + h[-1] @ U))
        h.append(np.tanh(c[-1]))
    return h, c


def step(dh_next, dc_next, x, h_before, h, c, c_before):
    dc = dh_next * (1 - h**2) + dc_next
    da = dc * (1 - (c - 0.5 * c_before) ** 2)
    return np.outer(x, da), np.outer(h_before, da), da @ U.T, 0.5 * dc


def backward(h, c):
    dW, dU = np.zeros_like(W), np.zeros_like(U)
    dh_next = np.zeros(4)
    dc_next = np.zeros(4)
    for t in reversed(range(5)):
        dw, du, dh_prev, dc_prev = step(dh_next + 2 * h[t + 1], dc_next, xs[t], h[t], h[t + 1], c[t + 1], c[t])
        dW += dw
        dU += du
        dh_next = dh_prev
        dc_next = dc_prev
    return dW, dU


def check(verify):
    with verify(W=W, U=U) as check:
        h, c = forward(W, U)
        check.loss = sum(np.sum(each**2) for each in h)
        check.gradients = backward(h, c)
    return check
"""


def test_what_is_not_carried_over_to_the_next_turn_is_told_where_it_is_read(tmp_path: Path) -> None:
    assert module_of(tmp_path / "cells.py", CELLS).check(verify).ok is True
    check = module_of(tmp_path / "cells.py", CELLS.replace("        dc_next = dc_prev\n", "")).check(verify)
    line = CELLS[: CELLS.index("dw, du, dh_prev")].count("\n") + 1
    assert told(check) == (line, "missing-term")
    assert "`dc_next = dc_prev` is missing" in check.first_wrong.sentence


HELPED = """
import numpy as np

rng = np.random.default_rng(6)
x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))


class Slow:
    def __init__(self, rate):
        self.rate, self.kept = rate, {}

    def update(self, layer, *gradients):
        for name, gradient in zip(layer.params, gradients):
            self.kept[id(layer), name] = 0.9 * self.kept.get((id(layer), name), 0.0) + 0.1 * gradient**2
            layer.params[name] -= self.rate * gradient / (np.sqrt(self.kept[id(layer), name]) + 1e-8)


class Dense:
    def __init__(self, n, m):
        self.params = {"w": rng.normal(size=(n, m)), "b": np.zeros((1, m))}

    def forward(self, x):
        self.x = x
        self.out = np.tanh(x @ self.params["w"] + self.params["b"])
        return self.out

    def backward(self, d, optimizer):
        d = d * (1 - self.out**2)
        dw = self.x.T @ d
        db = d.sum(axis=0, keepdims=True)
        dx = d @ self.params["w"].T
        optimizer.update(self, dw, db)
        return dx


def check(verify):
    layers, optimizer = [Dense(3, 4), Dense(4, 2)], Slow(0.3)
    with verify(layers) as check:
        out = layers[1].forward(layers[0].forward(x))
        check.loss = np.sum((out - y) ** 2)
        layers[0].backward(layers[1].backward(2 * (out - y), optimizer), optimizer)
    return check
"""


def test_a_step_that_an_optimizer_makes_too_early_is_no_mistake_of_the_optimizer(tmp_path: Path) -> None:
    assert module_of(tmp_path / "helped.py", HELPED).check(verify).ok is True
    here = '        dx = d @ self.params["w"].T\n'
    early = HELPED.replace(here, "").replace("        return dx\n", here + "        return dx\n")
    check = module_of(tmp_path / "helped.py", early).check(verify)
    line = early[: early.index("        optimizer.update")].count("\n") + 1
    first = check.first_wrong
    assert first is not None
    assert (first.line in (line, line + 1), first.kind) == (True, "stale-or-updated-weights")


FALLING = """
import numpy as np

rng = np.random.default_rng(7)
x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))


class Bend:
    def forward(self, x):
        self.x = x
        return np.tanh(x)

    def backward(self, d):
        return (1 - np.tanh(self.x) ** 2) * d


class Dense:
    def __init__(self, n, m):
        self.w = rng.normal(size=(n, m))

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, d):
        self.dw = self.x.T @ d
        return d @ self.w.T


def check(verify):
    layers = [Dense(3, 4), Bend(), Dense(4, 2)]
    with verify(layers) as check:
        out = x
        for layer in layers:
            out = layer.forward(out)
        check.loss = np.sum((out - y) ** 2)
        d = 2 * (out - y)
        for layer in reversed(layers):
            d = layer.backward(d)
    return check
"""


@pytest.mark.parametrize("wrong", ["(1 - np.tanh(d) ** 2) * self.x", "0.75 * (1 - np.tanh(self.x) ** 2) * d"])
def test_what_a_called_method_made_is_told_at_its_return(tmp_path: Path, wrong: str) -> None:
    assert module_of(tmp_path / "falling.py", FALLING).check(verify).ok is True
    right = "(1 - np.tanh(self.x) ** 2) * d"
    check = module_of(tmp_path / "falling.py", FALLING.replace(right, wrong)).check(verify)
    assert check.first_wrong.line == FALLING[: FALLING.index(right)].count("\n") + 1
