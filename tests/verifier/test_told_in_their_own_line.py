"""Mistakes whose effect is seen in another line, or another function, are told in their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.verifier.files import check_of_script, edited, edited_script, told
from tinygrad_scratch.verifier.explaining.misgiven import Misgiven

ONE_OUTPUT = """
import numpy as np

rng = np.random.default_rng(3)


def tanh(x):
    return np.tanh(x)


def tanh_gradient(x):
    return 1 - np.tanh(x) ** 2


class Dense:
    def __init__(self, n, m):
        self.weights = rng.normal(size=(n, m))

    def forward(self, given):
        self.given = given
        return given @ self.weights

    def backward(self, above, rate):
        below = above @ self.weights.T
        self.weights -= rate * self.given.T @ above
        return below


class Activation:
    def __init__(self, activation, gradient):
        self.activation, self.gradient = activation, gradient

    def forward(self, given):
        self.given = given
        self.made = self.activation(given)
        return self.made

    def backward(self, above, rate):
        return self.gradient(self.given) * above


layers = [Dense(2, 3), Activation(tanh, tanh_gradient), Dense(3, 1), Activation(tanh, tanh_gradient)]
X, Y = rng.normal(size=(4, 1, 2)), np.array([[[0.3]], [[1.0]], [[-0.6]], [[0.1]]])
for turn in range(5):
    for x, y in zip(X, Y):
        out = x
        for layer in layers:
            out = layer.forward(out)
        loss = np.mean((y - out) ** 2)
        above = 2 * (out - y) / y.size
        for layer in reversed(layers):
            above = layer.backward(above, 0.1)
"""


def test_a_slope_that_is_given_the_wrong_value_in_every_layer_is_told_where_it_is_called(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, ONE_OUTPUT).ok
    right, wrong = "self.gradient(self.given)", "self.gradient(self.made)"
    check, line = edited_script(tmp_path, ONE_OUTPUT, right, wrong)
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)
    wrong_calls = Misgiven(check.case).wrong_calls()
    assert {np.size(due) for _, _, due in wrong_calls} == {1, 3}, "of the layer with one unit, too"


UPDATED = """
import numpy as np

rng = np.random.default_rng(5)


class Plain:
    def step(self, gradient):
        return gradient


class Sigmoid:
    def forward(self, z):
        self.made = 1 / (1 + np.exp(-z))
        return self.made

    def backward(self):
        return self.made * (1 - self.made)


class Dense:
    def __init__(self, n, m):
        self.weights, self.bias = rng.normal(size=(n, m)), np.zeros((1, m))
        self.activation, self.for_weights, self.for_bias = Sigmoid(), Plain(), Plain()

    def forward(self, given):
        self.given = given
        return self.activation.forward(given @ self.weights + self.bias)

    def backward(self, above, rate):
        dz = above * self.activation.backward()
        dw = self.given.T @ dz
        db = np.sum(dz, axis=0)
        below = dz @ self.weights.T
        self.weights -= rate * self.for_weights.step(dw)
        self.bias -= rate * self.for_bias.step(db)
        return below


def check(verify):
    hidden, output = Dense(4, 6), Dense(6, 3)
    x, y = rng.normal(size=(5, 4)), rng.uniform(size=(5, 3))
    with verify(W1=hidden.weights, b1=hidden.bias, W2=output.weights, b2=output.bias) as found:
        out = output.forward(hidden.forward(x))
        found.loss = np.sum((out - y) ** 2)
        above = output.backward(2 * (out - y), 0.3)
        hidden.backward(above, 0.3)
        found.gradients_from_step(0.3)
    return found
"""


def test_what_reads_updated_weights_in_a_return_is_told_there(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "updated.py", UPDATED, "return below", "return dz @ self.weights.T")
    assert told(check) == (line, "stale-or-updated-weights"), str(check)


STUDENT = """
import numpy as np

rng = np.random.default_rng(6)
W, v = rng.normal(size=(4, 3)), rng.normal(size=(3, 1))
X, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 1))
for turn in range(20):
    step_W, step_v, squares = np.zeros(W.shape), np.zeros(v.shape), 0.0
    for row, wanted in zip(X, y):
        hidden = 1 / (1 + np.exp(-(row @ W)))
        out = hidden @ v
        error = wanted - out
        squares = squares + 0.5 * np.sum(error**2)
        hidden_error = v @ error
        hidden_error_term = hidden_error * hidden * (1 - hidden)
        step_W += np.dot(row[:, None], hidden_error_term[None, :])
        step_v += np.outer(hidden, error)
    W += 0.1 * step_W / len(X)
    v += 0.1 * step_v / len(X)
    loss = squares / len(X)
"""


def test_the_other_half_of_a_slope_is_told_where_the_first_one_stands(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, STUDENT).ok
    for wrong in ("hidden_error * (1 - hidden)", "hidden_error * hidden"):
        check, line = edited_script(tmp_path, STUDENT, "hidden_error * hidden * (1 - hidden)", wrong)
        assert told(check) == (line, "missing-derivative"), str(check)


NORMED = """
import numpy as np


def forward(x, g):
    mean, var = np.mean(x, axis=1, keepdims=True), np.var(x, axis=1, keepdims=True)
    off = x - mean
    ivar = 1 / np.sqrt(var + 1e-5)
    return off * ivar * g, (off, ivar)


def backward(dout, g, cache):
    off, ivar = cache
    D = dout.shape[1]
    dg = np.sum(dout * off * ivar, axis=0)
    dl_di = dout * g * ivar
    di_dx = 1.0
    dl_dvar = np.sum(dout * g * off * -0.5 * ivar**3, axis=1, keepdims=True)
    dvar_dx = 2.0 * off / D
    dl_dmean = -np.sum(dl_di, axis=1, keepdims=True)
    dmean_dx = 1.0 / D
    dx = dl_di * di_dx + dl_dvar * dvar_dx + dl_dmean * dmean_dx
    return dx, dg


def check(verify):
    rng = np.random.default_rng(8)
    x, g, t = rng.normal(size=(5, 8)), rng.normal(size=8), rng.normal(size=(5, 8))
    with verify(x=x, g=g) as found:
        out, cache = forward(x, g)
        found.loss = 0.5 * np.sum((out - t) ** 2)
        dx, dg = backward(out - t, g, cache)
        found.gradients = {"x": dx, "g": dg}
    return found
"""


def test_a_factor_is_told_in_the_slope_of_one_value_by_another(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "normed.py", NORMED, "dvar_dx = 2.0 * off / D", "dvar_dx = 2.0 * off")
    assert told(check)[0] == line, str(check)
