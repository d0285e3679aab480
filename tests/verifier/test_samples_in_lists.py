"""What ordinary nets keep in lists: samples, layers in layers, gradients that are added up, or set back one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import changed, check_of_script, edited_script, told
from tinygrad_scratch.verifier.pairs.update_steps import handed_over
from tinygrad_scratch.verifier.recording.recorded import Recorded
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.turns.samples import taken

MINI_BATCHES = """
import numpy as np

rng = np.random.default_rng(2)


def slope(r):
    return np.where(np.abs(r) <= 0.5, r, 0.5 * np.sign(r))


def bend(r):
    return np.where(np.abs(r) <= 0.5, 0.5 * r ** 2, 0.5 * (np.abs(r) - 0.25)).sum()


class Network:
    def __init__(self, sizes):
        self.biases = [rng.normal(0, 0.1, (n, 1)) for n in sizes[1:]]
        self.weights = [rng.normal(0, 0.7, (n, m)) for m, n in zip(sizes, sizes[1:])]

    def predict(self, a):
        for b, w in zip(self.biases[:-1], self.weights[:-1]):
            a = np.tanh(w @ a + b)
        return self.weights[-1] @ a + self.biases[-1]

    def backprop(self, x, y):
        hidden = np.tanh(self.weights[0] @ x + self.biases[0])
        delta = slope(self.weights[1] @ hidden + self.biases[1] - y)
        before = (self.weights[1].T @ delta) * (1 - hidden ** 2)
        return [before, delta], [before @ x.T, delta @ hidden.T]

    def step(self, batch, rate):
        sum_b = [np.zeros(b.shape) for b in self.biases]
        sum_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in batch:
            more_b, more_w = self.backprop(x, y)
            sum_b = [total + more for total, more in zip(sum_b, more_b)]
            sum_w = [total + more for total, more in zip(sum_w, more_w)]
        self.weights = [w - rate / len(batch) * g for w, g in zip(self.weights, sum_w)]
        self.biases = [b - rate / len(batch) * g for b, g in zip(self.biases, sum_b)]

    def loss(self, data):
        return sum(bend(self.predict(x) - y) for x, y in data) / len(data)

    def train(self, data, rate):
        for turn in range(6):
            for k in range(0, len(data), 5):
                self.step(data[k:k + 5], rate)
            if turn % 2 == 0:
                print(self.loss(data))


points = rng.uniform(-1, 1, (20, 2, 1))
Network([2, 4, 1]).train([(x, np.array([[np.sin(3 * x[0, 0]) + x[1, 0]]])) for x in points], 0.2)
"""

LAYERS_IN_LAYERS = """
import numpy as np

rng = np.random.default_rng(6)


class Dense:
    def __init__(self, n, m):
        self.W, self.b = rng.normal(0, 0.6, (n, m)), rng.normal(0, 0.1, m)
        self.dW, self.db = np.zeros((n, m)), np.zeros(m)

    def params(self):
        return [self.W, self.b]

    def grads(self):
        return [self.dW, self.db]

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW += self.x.T @ grad
        self.db += grad.sum(axis=0)
        return grad @ self.W.T


class Tanh:
    def params(self):
        return []

    grads = params

    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, grad):
        return grad * (1 - self.out ** 2)


class Chain:
    def __init__(self, *layers):
        self.layers = layers

    def params(self):
        return [p for layer in self.layers for p in layer.params()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad


class Residual(Chain):
    def forward(self, x):
        return x + super().forward(x)

    def backward(self, grad):
        return grad + super().backward(grad)


class Momentum:
    def __init__(self, net):
        self.net, self.v = net, [np.zeros_like(p) for p in net.params()]

    def step(self):
        for p, g, v in zip(self.net.params(), self.net.grads(), self.v):
            v *= 0.9
            v -= 0.05 * g
            p += v


net = Chain(Dense(2, 5), Tanh(), Residual(Dense(5, 5), Tanh()), Residual(Dense(5, 5), Tanh()), Dense(5, 1))
optimizer = Momentum(net)
X, Y = rng.normal(size=(24, 2)), rng.choice([-1.0, 1.0], (24, 1))
for epoch in range(3):
    for rows in np.array_split(rng.permutation(24), 3):
        for g in net.grads():
            g[...] = 0.0
        slack = np.maximum(0, 1 - Y[rows] * net.forward(X[rows]))
        loss = np.mean(slack ** 2)
        net.backward(-2 * Y[rows] * slack / len(rows))
        optimizer.step()
    print(loss)
"""

CENTRED = """
import numpy as np

rng = np.random.default_rng(4)


class Logistic:
    def objective(self, X, y):
        margin = y * (X @ self.coef + self.shift)
        return np.mean(np.logaddexp(0.0, -margin)) + 0.05 * self.coef @ self.coef

    def fit(self, X, y):
        self.coef, self.shift = np.zeros(3), 0.0
        for epoch in range(3):
            for rows in np.array_split(rng.permutation(len(X)), 4):
                margin = y[rows] * (X[rows] @ self.coef + self.shift)
                residual = -y[rows] / (1 + np.exp(margin))
                grad = X[rows].T @ residual / len(rows) + 0.1 * self.coef
                self.coef = self.coef - 0.3 * grad
                self.shift = self.shift - 0.3 * residual.mean()
            print(self.objective(X, y))


X, y = rng.normal(1, 2, (24, 3)), rng.choice([-1.0, 1.0], 24)
X = (X - X.mean(axis=0)) / X.std(axis=0)
Logistic().fit(X, y)
"""

TWICE = """
import numpy as np

rng = np.random.default_rng(8)
X, Y = rng.normal(size=(3, 9)), rng.uniform(0.2, 0.8, (1, 9))


def plain(W, V, h, p):
    dz = p - Y
    return dz @ h.T / 9, ((V.T @ dz) * (1 - h ** 2)) @ X.T / 9


def dropped(W, V, h, p, mask):
    dz = p - Y
    dh = (V.T @ dz) * mask / 0.8
    return dz @ h.T / 9, (dh * (1 - np.tanh(W @ X) ** 2)) @ X.T / 9


def train(drops):
    W, V = rng.normal(0, 0.5, (4, 3)), rng.normal(0, 0.5, (1, 4))
    for turn in range(230):
        h = np.tanh(W @ X)
        if drops:
            mask = rng.random(h.shape) < 0.8
            h = h * mask / 0.8
        p = 1 / (1 + np.exp(-V @ h))
        loss = -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p))
        dV, dW = dropped(W, V, h, p, mask) if drops else plain(W, V, h, p)
        W -= 0.05 * dW
        V -= 0.05 * dV
    print(loss)


train(False)
train(True)
"""

SET_BACK = """
import numpy as np

rng = np.random.default_rng(5)


class Cell:
    def __init__(self):
        self.w, self.v, self.b = rng.normal(0, 0.5, (4, 3)), rng.normal(0, 0.5, (1, 4)), rng.normal(0, 0.1, (4, 1))
        self.w_diff, self.v_diff, self.b_diff = np.zeros((4, 3)), np.zeros((1, 4)), np.zeros((4, 1))

    def backward(self, x, y):
        h = np.tanh(self.w @ x + self.b)
        error = self.v @ h - y
        inner = (self.v.T @ error) * (1 - h ** 2)
        self.v_diff += error @ h.T
        self.w_diff += inner @ x.T
        self.b_diff += inner.sum(axis=1, keepdims=True)
        return 0.5 * np.sum(error ** 2)

    def apply(self, rate):
        self.w -= rate * self.w_diff
        self.v -= rate * self.v_diff
        self.b -= rate * self.b_diff
        self.w_diff = np.zeros_like(self.w)
        self.v_diff = np.zeros_like(self.v)
        self.b_diff = np.zeros_like(self.b)


cell = Cell()
x, y = rng.normal(size=(3, 6)), rng.normal(size=(1, 6))
for turn in range(8):
    loss = cell.backward(x, y)
    cell.apply(0.02)
    print(loss)
"""


@pytest.mark.parametrize("text", [MINI_BATCHES, LAYERS_IN_LAYERS, CENTRED, TWICE, SET_BACK])
def test_they_are_right(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, check


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("sum_b = [total + more for", "sum_b = [more for", "overwritten-accumulation"),
        ("(self.weights[1].T @ delta)", "-(self.weights[1].T @ delta)", "sign"),
        ("* (1 - hidden ** 2)", "* (1 - hidden)", "derivative-at-wrong-point"),
    ],
)
def test_mini_batches_of_a_list_are_judged_by_the_loss_of_their_samples(
    tmp_path: Path, right: str, wrong: str, kind: str
) -> None:
    check, line = edited_script(tmp_path, MINI_BATCHES, right, wrong)
    assert told(check) == (line, kind), check


def test_a_mistake_in_a_layer_in_another_one_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, LAYERS_IN_LAYERS, "grad * (1 - self.out ** 2)", "grad * (1 - self.out)")
    assert told(check) == (line, "derivative-at-wrong-point"), check


def test_a_penalty_is_judged_where_data_is_centred(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, CENTRED, " + 0.1 * self.coef\n", " + 0.01 * self.coef\n")
    assert told(check) == (line, "regularisation"), check


def test_a_second_training_after_many_turns_is_judged(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, TWICE, "dh = (V.T @ dz) * mask / 0.8", "dh = (V.T @ dz) / 0.8")
    assert told(check)[0] == line, check
    assert any("turn 231 of the loop" in note for note in check.notes)


def test_one_gradient_that_is_not_set_back_beside_others_is_told(tmp_path: Path) -> None:
    text = changed(SET_BACK, "        self.v_diff = np.zeros_like(self.v)\n", "")
    check = check_of_script(tmp_path, text)
    assert told(check)[1] == "overwritten-accumulation", check
    assert check.first_wrong.name == "self.v_diff"


def test_samples_in_lists_are_those_whose_array_was_made() -> None:
    data = [(np.full(2, float(i)), i) for i in range(4)]
    found = taken({"data": data, "rate": 0.1}, [np.full(2, 3.0), np.full(2, 1.0)])
    assert [each[1] for each in found["data"]] == [1, 3]
    assert not taken({"data": data}, [each[0] for each in data]), "it is all of them"
    assert not taken({"data": [data[0], data[0], data[1]]}, [data[0][0]]), "it may be either"


IMAGES = """
import numpy as np

rng = np.random.default_rng(7)
images = np.zeros((12, 3, 3), dtype="uint8")
for i in range(12):
    images[i] = 255 * np.exp(-rng.uniform(0, 2, (3, 3)))
Y = rng.normal(size=(12, 1))
W, V = rng.normal(0, 0.5, (9, 4)), rng.normal(0, 0.5, (4, 1))
X = images.reshape(12, 9) / 255
for turn in range(4):
    h = np.tanh(X @ W)
    error = h @ V - Y
    loss = np.mean(error ** 2)
    dV = 2 * h.T @ error / 12
    dW = 2 * X.T @ ((error @ V.T) * (1 - h ** 2)) / 12
    W -= 0.1 * dW
    V -= 0.1 * dV
    print(loss)
"""


def test_images_of_whole_numbers_are_data(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, IMAGES)
    assert check.ok, check


def test_a_mistake_beside_images_of_whole_numbers_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, IMAGES, "* (1 - h ** 2)", "* (1 - h)")
    assert told(check) == (line, "derivative-at-wrong-point"), check


def test_a_number_that_is_put_into_an_array_hands_nothing_over() -> None:
    tape, start = Tape(), np.array([0.1, 0.7])
    entries = Recorded(tape, start, tape.constant(start)).copy()
    before = entries.node
    entries[0] = 3.0
    assert handed_over(tape.steps[-1]) is None, "the array is not what is put into it"
    entries[:] = entries * 2
    assert handed_over(tape.steps[-1]) not in (None, before)
