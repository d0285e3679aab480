"""What is told as right holds where it stands: in each turn of a loop, and by the names that are known there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited

LAYERS = """
import numpy as np


class Net:
    def __init__(self, rng):
        sizes = [4, 5, 3, 2]
        self.count = 3
        self.weights = {i + 1: rng.normal(size=sizes[i : i + 2]) for i in range(3)}
        self.bends = {1: self.squash, 2: self.squash, 3: self.squash}
        self.grads = {}

    def squash(self, z, ahead=True):
        if ahead:
            return 1 / (1 + np.exp(-z))
        s = self.squash(z)
        return s * (1 - s)

    def forward(self, x):
        self.z, self.a = {}, {0: x}
        for i in range(1, self.count + 1):
            bend = self.bends[i]
            self.z[i] = self.a[i - 1] @ self.weights[i]
            self.a[i] = bend(self.z[i])
        return self.a[self.count]

    def backward(self, out, y):
        above, below = {self.count: (1 - y) / (1 - out) - y / out}, {}
        for i in reversed(range(1, self.count + 1)):
            bend = self.bends[i]
            below[i] = above[i] * bend(self.z[i], ahead=False)
            self.grads[i] = self.a[i - 1].T @ below[i]
            above[i - 1] = below[i] @ self.weights[i].T


def check(verify):
    rng = np.random.default_rng(4)
    net, x, y = Net(rng), rng.normal(size=(7, 4)), rng.uniform(size=(7, 2))
    with verify(net.weights) as check:
        out = net.forward(x)
        check.loss = -np.sum(y * np.log(out) + (1 - y) * np.log(1 - out))
        net.backward(out, y)
        check.gradients = net.grads
    return check
"""


def test_a_slope_that_any_layer_calls_is_told_once_and_where_it_is_made(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "layers.py", LAYERS, "        return s * (1 - s)", "        return z * (1 - z)")
    assert [(cause.line, cause.kind) for cause in check.causes] == [(line, "derivative-at-wrong-point")], str(check)
    assert "out * (1 - out)" not in str(check)


HELPER = """
import numpy as np


def squash(v):
    s = 1 / (1 + np.exp(-v))
    return s


def squash_slope(s):
    ds = s * (1 - s)
    return ds


def run(x, y, w1, w2):
    h = squash(x @ w1)
    error = h @ w2 - y
    above = error @ w2.T
    below = squash_slope(h) * above
    return 0.5 * np.sum(error**2), x.T @ below, h.T @ error


def check(verify):
    rng = np.random.default_rng(4)
    w1, w2, x, y = (rng.normal(size=size) for size in ((4, 5), (5, 2), (7, 4), (7, 2)))
    with verify(w1=w1, w2=w2) as check:
        check.loss, dw1, dw2 = run(x, y, w1, w2)
        check.gradients = {"w1": dw1, "w2": dw2}
    return check
"""


def test_a_slope_by_a_result_that_is_given_a_gradient_was_called_wrongly(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "helper.py", HELPER, "squash_slope(h) * above", "squash_slope(above)")
    assert [(cause.line, cause.kind) for cause in check.causes] == [(line, "derivative-at-wrong-point")], str(check)
    assert check.first_wrong.should_be == "above * squash_slope(h)"


def test_a_name_that_stands_for_another_value_in_a_helper_is_not_put_in_there(tmp_path: Path) -> None:
    program = HELPER.replace("squash_slope", "through")  # a name that says nothing of slopes
    check, line = edited(tmp_path / "helper.py", program, "through(h) * above", "through(above)")
    assert [cause.line for cause in check.causes] == [line], str(check)
    assert "s * s * (1 - s)" not in str(check)


LISTS = """
import numpy as np


def squash(z):
    return 1 / (1 + np.exp(-z))


def run(x, y, weights):
    acts = {"A0": x}
    for l in range(1, 4):
        w = weights["W" + str(l)]
        acts["A" + str(l)] = squash(acts["A" + str(l - 1)] @ w)
    out, grads = acts["A3"], {}
    delta = 2 * (out - y)
    for l in reversed(range(1, 4)):
        delta = delta * acts["A" + str(l)] * (1 - acts["A" + str(l)])
        grads["W" + str(l)] = acts["A" + str(l - 1)].T @ delta
        delta = delta @ weights["W" + str(l)].T
    return np.sum((out - y) ** 2), grads


def check(verify):
    rng = np.random.default_rng(4)
    sizes = [4, 5, 3, 2]
    weights = {f"W{i}": rng.normal(size=sizes[i - 1 : i + 1]) for i in (1, 2, 3)}
    x, y = rng.normal(size=(7, 4)), rng.uniform(size=(7, 2))
    with verify(weights) as check:
        check.loss, check.gradients = run(x, y, weights)
    return check
"""
SLOPE = 'acts["A" + str(l)] * (1 - acts["A" + str(l)])'


@pytest.mark.parametrize("wrong", ['(1 - acts["A" + str(l)] ** 2)', 'acts["A" + str(l)]', '(1 - acts["A" + str(l)])'])
def test_an_entry_is_told_by_what_the_loop_counts(tmp_path: Path, wrong: str) -> None:
    check, line = edited(tmp_path / "lists.py", LISTS, f"delta * {SLOPE}", f"delta * {wrong}")
    assert [(cause.line, cause.should_be) for cause in check.causes] == [(line, f"delta * {SLOPE}")], str(check)


def test_what_holds_in_one_turn_is_no_text(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "lists.py", LISTS, f"delta * {SLOPE}", 'delta * (1 - acts["A0"].sum() ** 2)')
    assert [(cause.line, cause.kind) for cause in check.causes] == [(line, "derivative-at-wrong-point")], str(check)
    assert "A3" not in str(check.first_wrong.should_be)


def test_a_name_that_holds_the_value_of_one_turn_is_tried_in_all(tmp_path: Path) -> None:
    right = 'delta @ weights["W" + str(l)].T'
    check, line = edited(
        tmp_path / "lists.py", LISTS, right, right.replace("weights", "abs(weights").replace("]", "])")
    )
    assert [(cause.line, cause.should_be) for cause in check.causes] == [(line, f"delta = {right}")], str(check)


def test_a_factor_of_one_turn_is_no_text(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "lists.py", LISTS, f"delta = delta * {SLOPE}", f"delta = {SLOPE}")
    assert [(cause.line, cause.kind) for cause in check.causes] == [(line, "missing-derivative")], str(check)
    assert "out - y" not in str(check.first_wrong.should_be)


REDUCED = """from functools import reduce

import numpy as np

SLOPES = {
    "bell": (lambda z: np.exp(-(z**2)), lambda z, a: -2 * a * z),
    "arc": (lambda z: np.arctan(z), lambda z, a: 1 / (1 + z**2)),
}
rng = np.random.default_rng(71)
layers = [{"W": rng.normal(size=(i, o)) / 2, "f": f} for i, o, f in ((4, 6, "arc"), (6, 5, "bell"), (5, 3, "arc"))]
x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 3))


def up(trace, layer):
    z = trace[-1][1] @ layer["W"]
    return [*trace, (z, SLOPES[layer["f"]][0](z))]


def down(state, item):
    above, grads = state
    layer, (_, below), (z, a) = item
    dz = above * SLOPES[layer["f"]][1](z, a)
    return dz @ layer["W"].T, [below.T @ dz, *grads]


for turn in range(3):
    trace = reduce(up, layers, [(None, x)])
    miss = trace[-1][1] - y
    loss = 0.5 * np.sum(miss**2)
    _, grads = reduce(down, list(zip(layers, trace, trace[1:]))[::-1], (miss, []))
    for layer, g in zip(layers, grads):
        layer["W"] = layer["W"] - 0.05 * g
"""


def test_a_text_that_is_wrong_for_other_layers_of_a_reduce_is_not_shown(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, REDUCED)
    assert check.ok, str(check)
    first = check_of_script(tmp_path, REDUCED.replace("-2 * a * z", "-2 * a")).first_wrong
    assert first.should_be is None or first.line == 6
