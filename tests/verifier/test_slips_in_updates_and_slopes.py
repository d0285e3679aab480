"""Slips by which another line looks wrong: in updates that are added, in steps, and in what slopes are made of."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, line_of, told
from tinygrad_scratch.verifier.explaining.explain import likeliest_first
from tinygrad_scratch.verifier.meant.conventions import scales
from tinygrad_scratch.verifier.recording.likeness import is_near_number
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.text import Source

RAMPS = """
import numpy as np

rng = np.random.default_rng(6)


class Ramp:
    def of(self, z):
        return np.maximum(0, z)

    def slope(self, z):
        d = np.copy(z)
        d[d < 0] = 0
        d[d > 0] = 1
        return d


x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 2))
w, b, v, kind = rng.normal(size=(4, 5)), rng.normal(size=5), rng.normal(size=(5, 2)), Ramp()
for turn in range(2):
    z = x @ w + b
    h = kind.of(z)
    loss = 0.5 * np.sum((h @ v - y) ** 2)
    d = h @ v - y
    dv = h.T @ d
    dz = d @ v.T * kind.slope(z)
    dw, db = x.T @ dz, dz.sum(axis=0)
    v -= 0.01 * dv
    w -= 0.01 * dw
    b -= 0.01 * db
"""


def test_a_slope_of_1_by_a_sum_makes_no_mask_right(tmp_path: Path) -> None:
    wrong = RAMPS.replace("d[d < 0] = 0", "d[d < 0] = 1")
    check = check_of_script(tmp_path, wrong)
    assert told(check) == (line_of(wrong, "d[d < 0]"), "missing-derivative"), str(check)


RECTIFIED = """
import numpy as np

rng = np.random.default_rng(2)
x, y, w, v = rng.normal(size=(7, 3)), rng.normal(size=(7, 2)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
rows, extra = list(x), list(rng.normal(size=9))
b = np.zeros(2)
for turn in range(2):
    z = x @ w
    h = np.maximum(0.0, z)
    out = h @ v + b
    loss = 0.5 * np.sum((out - y) ** 2) / len(rows)
    d = out - y
    dv = h.T @ d / len(rows)
    db = d.sum(axis=0) / len(rows)
    rise = 1.0 * (z > 0.0)
    dw = x.T @ (d @ v.T * rise) / len(rows)
    w -= 0.1 * dw
    v -= 0.1 * dv
    b -= 0.1 * db
"""


def test_a_function_for_its_slope_is_told_where_it_was_called(tmp_path: Path) -> None:
    wrong = RECTIFIED.replace("1.0 * (z > 0.0)", "np.maximum(0.0, z)")
    check = check_of_script(tmp_path, wrong)
    assert told(check) == (line_of(wrong, "rise ="), "missing-derivative"), str(check)


def test_the_length_of_another_array_is_a_scale(tmp_path: Path) -> None:
    wrong = RECTIFIED.replace("axis=0) / len(rows)", "axis=0) / len(extra)")
    check = check_of_script(tmp_path, wrong)
    assert told(check) == (line_of(wrong, "db ="), "scale-factor"), str(check)


ADDED = """
import numpy as np

rng = np.random.default_rng(8)
x, y, w, v = rng.normal(size=(6, 3)), rng.random((6, 2)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
for turn in range(2):
    h = np.tanh(x @ w)
    out = h @ v
    loss = 0.5 * np.sum((out - y) ** 2)
    lack = y - out
    dv = h.T @ lack
    dw = x.T @ (lack @ v.T * (1 - h**2))
    v += 0.1 * dv
    w += 0.1 * dw
"""


def test_of_updates_that_are_added_the_negatives_are_due_first(tmp_path: Path) -> None:
    case = check_of_script(tmp_path, ADDED.replace("(lack @ v.T", "(-lack @ v.T")).case
    assert likeliest_first(case, [1.0, -1.0], -1.0) == [-1.0, 1.0]
    assert likeliest_first(case, [1.0, -1.0], 1.0) == [1.0, -1.0]


STEPS = """
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))


class Layer:
    def __init__(self, width, before):
        self.w, self.b = rng.normal(size=(before, width)), np.zeros(width)

    def backward(self, x, d):
        self.dw, self.db = x.T @ d, d.sum(axis=0)

    def update(self, rate, n):
        self.dw = -rate * (self.dw / n + 0.01 * self.w)
        self.w = self.w + self.dw
        self.db = -rate * self.db / n
        self.b = self.b + self.db


one, two = Layer(4, 3), Layer(2, 4)
for turn in range(2):
    h = np.tanh(x @ one.w + one.b)
    out = h @ two.w + two.b
    loss = 0.5 * np.sum((out - y) ** 2)
    d = out - y
    one.backward(x, d @ two.w.T * (1 - h**2))
    two.backward(h, d)
    for layer in (one, two):
        layer.update(0.3, 6)
"""


def test_steps_under_the_names_of_gradients_carry_the_rate(tmp_path: Path) -> None:
    case = check_of_script(tmp_path, STEPS).case
    case.reset(1.0)
    assert any(is_near_number(scale, -0.3 / 6) for scale in scales(case, case.replay()))


BENT = """
import numpy as np

SIZES = np.zeros(3)
LIMIT = 3
FADE = 0.5


def bend(x):
    t = np.tanh(SIZES * (x + FADE * x**3))
    return x * t, (x, t)


def unbend(given, kept):
    x, t = kept
    inner = 1 + 3 * FADE * x**2
    return given * (t + x * (1 - t**2) * inner)


SLOW = np.sqrt(2 / np.pi)
CURVE = SLOW * 2


def slow(x):
    return np.tanh(SLOW * x)
"""


def test_a_number_with_a_name_in_the_module_may_be_missing() -> None:
    source = Source(BENT)
    found = {change.text: change.kind for change in rewrites_at(source, 16)}
    assert source.named_factors == ["FADE", "SLOW"]
    assert found["(1 + 3 * FADE * x**2) * SLOW"] == "scale-factor"
    assert not any("* SLOW" in change.text for change in rewrites_at(source, 24))


IN_DICTS = """
import numpy as np

rng = np.random.default_rng(11)
x, t = rng.normal(size=(3, 15)), (rng.uniform(size=(1, 15)) > 0.5) * 1.0

def passed(p):
    h = np.tanh(p["W1"] @ x + p["b1"])
    return h, 1 / (1 + np.exp(-(p["W2"] @ h + p["b2"])))

def backward(p, h, out):
    d2 = out - t
    dW2, db2 = d2 @ h.T / 15, d2.sum(axis=1, keepdims=True) / 15
    d1 = p["W2"].T @ d2 * (1 - h**2)
    dW1, db1 = d1 @ x.T / 15, d1.sum(axis=1, keepdims=True) / 15
    grads = {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
    return grads

def update(p, grads, rate):
    W1, b1, W2, b2 = p["W1"], p["b1"], p["W2"], p["b2"]
    dW1 = grads["dW1"]
    db1 = grads["db1"]
    dW2 = grads["dW2"]
    db2 = grads["db2"]
    W1 = W1 - rate * dW1
    b1 = b1 - rate * db1
    W2 = W2 - rate * dW2
    b2 = b2 - rate * db2
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}

p = {"W1": rng.normal(size=(4, 3)), "b1": rng.normal(size=(4, 1)), "W2": rng.normal(size=(1, 4))}
p["b2"] = np.zeros((1, 1))
for turn in range(4):
    h, out = passed(p)
    loss = -np.mean(t * np.log(out) + (1 - t) * np.log(1 - out))
    p = update(p, backward(p, h, out), 1.2)
    print(loss)
"""


def test_an_update_by_the_gradient_of_another_parameter_of_another_shape(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, IN_DICTS).ok
    check, line = edited_script(tmp_path, IN_DICTS, "b1 = b1 - rate * db1", "b1 = b1 - rate * db2")
    assert told(check) == (line, "wrong-operand"), str(check)
    assert check.first_wrong.should_be == "b1 = b1 - rate * db1"


BY_LAMBDAS = """
import numpy as np

rng = np.random.default_rng(13)
bend = lambda x: (x >= 0) * x
bend2deriv = lambda x: x > 0
x, y = rng.uniform(size=(9, 7)), rng.uniform(size=(9, 4))
w, v = rng.normal(size=(7, 6)), rng.normal(size=(6, 4))
for turn in range(4):
    error = 0.0
    for i in range(len(x)):
        first = x[i : i + 1]
        second = bend(first @ w)
        third = second @ v
        error += np.sum((y[i : i + 1] - third) ** 2)
        third_delta = y[i : i + 1] - third
        second_delta = third_delta.dot(v.T) * bend2deriv(second)
        v += 0.02 * second.T.dot(third_delta)
        w += 0.02 * first.T.dot(second_delta)
    print(error)
"""


def test_a_function_for_its_slope_that_is_a_lambda(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, BY_LAMBDAS).ok
    check, line = edited_script(tmp_path, BY_LAMBDAS, "bend2deriv(second)", "bend(second)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)
    assert "bend2deriv(second)" in check.first_wrong.should_be
