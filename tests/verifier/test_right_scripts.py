"""Right scripts, as people write them: none is accused, and none is asked about in vain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited_script, module_of, told
from tinygrad_scratch import verify

HEAD = """
import numpy as np

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
W, b = rng.normal(size=(3, 2)), rng.normal(size=2)
lr = 0.1
"""

FORWARD = """
for turn in range(3):
    out = X @ W + b
    loss = 0.5 * np.sum((out - Y) ** 2)
    err = Y - out
"""

RIGHT = {
    "a velocity that begins as the number 0": HEAD
    + "v = 0\n"
    + FORWARD
    + """    v = 0.9 * v - 0.1 * (X.T @ (out - Y))
    W += v
    b -= 0.1 * (out - Y).sum(0)
""",
    "a velocity that begins as 0, with a rate that has a name": HEAD
    + "v = 0\n"
    + FORWARD
    + """    v = 0.9 * v - lr * X.T @ (out - Y)
    W += v
    b -= lr * (out - Y).sum(0)
""",
    "columns that are updated one by one, and a whole row that is added": HEAD
    + FORWARD
    + """    for i in range(3):
        W[i] += lr * X[:, i] @ err
    b += lr * err.sum(0)
""",
    "one matrix that is updated once for each sample of a batch": HEAD
    + FORWARD
    + """    for i in range(6):
        W += lr * np.outer(X[i], err[i])
    b += lr * err.sum(0)
""",
    "a smoothed loss that is moved along": HEAD
    + "smooth_loss = 9.0\n"
    + FORWARD
    + """    smooth_loss += 0.01 * (loss - smooth_loss)
    W += lr * X.T @ err
    b += lr * err.sum(0)
    print(smooth_loss)
""",
    "averages of gradients that are moved along in a loop over all": HEAD
    + "m = [0 * W, 0 * b]\n"
    + FORWARD
    + """    gW, gb = X.T @ -err, -err.sum(0)
    for p, g, v in zip((W, b), (gW, gb), m):
        v += 0.1 * (g - v)
        p -= lr * v
""",
    "an average of the weights": HEAD
    + "mean_W = np.zeros_like(W)\n"
    + FORWARD
    + """    gW, gb = X.T @ -err, -err.sum(0)
    W -= lr * gW
    b -= lr * gb
    mean_W += (W - mean_W) / (turn + 1)
""",
    "data in the order of Fortran": HEAD
    + "X = np.asfortranarray(X)\n"
    + FORWARD
    + """    W -= lr * (X.T @ -err)
    b -= lr * -err.sum(0)
""",
    "numbers that are updated together, in an array": """
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=7), rng.normal(size=7)
a, b = 0.7, 0.2
for turn in range(3):
    p = b * x + np.tanh(a * x)
    loss = np.mean((p - y) ** 2)
    ga = 2 * np.mean((p - y) * x * (1 - np.tanh(a * x) ** 2))
    gb = 2 * np.mean((p - y) * x)
    a, b = np.array([a, b]) - 0.1 * np.array([ga, gb])
""",
    "a counter of layers that goes down": """
import numpy as np

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
syn = [rng.normal(size=(3, 5)), rng.normal(size=(5, 4)), rng.normal(size=(4, 2))]
left = 3
while left > 0:
    layers = [X]
    for s in syn:
        layers.append(np.tanh(layers[-1] @ s))
    loss = 0.5 * np.sum((layers[-1] - Y) ** 2)
    delta = (layers[-1] - Y) * (1 - layers[-1] ** 2)
    i = len(syn) - 1
    while i >= 0:
        g = layers[i].T @ delta
        delta = delta @ syn[i].T * (1 - layers[i] ** 2)
        syn[i] -= 0.1 * g
        i -= 1
    left -= 1
""",
    "a negative rate, and weights that decay": """
import numpy as np

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
W, lr, lam = rng.normal(size=(3, 2)), 0.05, 0.1
for turn in range(3):
    d = (X @ W - Y) / 6
    loss = 3 * np.sum(d ** 2) + lam / 2 * np.trace(W @ W.T)
    W += -lr * (X.T @ d + lam * W)
""",
}


ADDED = {
    "one matrix that is updated once for each sample of a batch",
    "a smoothed loss that is moved along",
}
"""Those in which what they work out is added, and nothing is taken off."""

LETTERS = """
import numpy as np

x = np.linspace(-1, 1, 20)
y = np.sin(3 * x)
a, b, c, d, e = 0.1, -0.2, 0.3, 0.4, -0.5
for t in range(3):
    y_pred = a + b * x + c * x ** 2 + d * x ** 3 + e * x ** 4
    loss = np.square(y_pred - y).sum()
    grad_y_pred = 2.0 * (y_pred - y)
    a -= 1e-3 * grad_y_pred.sum()
    b -= 1e-3 * (grad_y_pred * x).sum()
    c -= 1e-3 * (grad_y_pred * x ** 2).sum()
    d -= 1e-3 * (grad_y_pred * x ** 3).sum()
    e -= 1e-3 * (grad_y_pred * x ** 4).sum()
"""


def test_a_letter_of_losses_may_be_a_parameter(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LETTERS)
    assert check.ok is True, str(check)
    assert len(check.finals) == 5
    wrong = check_of_script(tmp_path, LETTERS.replace("* x ** 4).sum()", "* x ** 3).sum()"))
    assert wrong.first_wrong.line == LETTERS.rstrip().count("\n") + 1, str(wrong)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_script_is_right(name: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, RIGHT[name])
    assert check.ok is True, str(check)
    assert ("in the direction of ascent" in str(check)) is (name in ADDED), str(check)
    assert not check.problem


COUNTS = """
import numpy as np

rng = np.random.default_rng(1)
X = rng.normal(size=(9, 3))
y = rng.poisson(2.0, 9)
w = rng.normal(size=3) * 0.5
for turn in range(3):
    z = X @ w
    rate = np.exp(z)
    nll = np.sum(rate - y * z)
    grad = X.T @ (rate - y)
    w -= 0.01 * grad
"""


@pytest.mark.parametrize("name", ["nll", "J", "L", "E", "mse", "err", "error"])
@pytest.mark.parametrize(
    "value", ["np.sum(rate - y * z)", "np.sum(rate) - np.sum(y * z)", "-np.sum(y * z - rate)", "(rate - y * z).sum()"]
)
def test_a_loss_may_be_a_difference_of_what_depends_on_the_weights(name: str, value: str, tmp_path: Path) -> None:
    text = COUNTS.replace("nll = np.sum(rate - y * z)", f"{name} = {value}")
    check = check_of_script(tmp_path, text)
    assert check.ok is True, str(check)
    assert not check.convention, str(check)


@pytest.mark.parametrize("step", ["(X.T @ (rate - y) / len(y))", "rated()"])
def test_a_mean_in_the_statement_of_the_update_is_no_convention(step: str, tmp_path: Path) -> None:
    """What stands behind the rate is the gradient, as `g / n` in `w -= rate * (g / n)`."""
    text = COUNTS.replace("np.sum(rate - y * z)", "np.mean(rate - y * z)").replace("    grad = X.T @ (rate - y)\n", "")
    text = text.replace("0.01 * grad", f"0.05 * {step}")
    text = text.replace(
        "for turn", "def rated():\n    d = np.dot(X.T, np.exp(X @ w) - y) / len(y)\n    return d\n\n\nfor turn"
    )
    check = check_of_script(tmp_path, text)
    assert check.ok is True, str(check)
    assert not check.convention, str(check)


def test_a_mean_that_is_forgotten_is_told_from_one_behind_the_rate(tmp_path: Path) -> None:
    text = HEAD + FORWARD.replace("** 2)", "** 2) / len(X)")
    text += "    W += lr * (X.T @ err / len(X))\n    b += lr * err.sum(0)\n"
    check = check_of_script(tmp_path, text)
    assert check.first_wrong.kind == "missing-batch-sum-or-mean", str(check)
    assert check.first_wrong.line == text.count("\n")


SMOOTHED = """
import numpy as np

rng = np.random.default_rng(2)
X, Y = rng.normal(size=(8, 3)), np.eye(4)[rng.integers(4, size=8)]
W = rng.normal(size=(3, 4))


def cross_entropy(p):
    return -np.sum(Y * np.log(p))


loss, part = 1.0, 0.005
for turn in range(3):
    z = np.exp(X @ W)
    p = z / z.sum(axis=1, keepdims=True)
    l = cross_entropy(p) / len(X)
    loss = l * part + (1 - part) * loss
    W -= 0.1 * (X.T @ (p - Y) / len(X))
    print(loss)
"""


def test_a_smoothed_loss_is_only_watched(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SMOOTHED)
    assert check.ok is True, str(check)
    wrong = check_of_script(tmp_path, SMOOTHED.replace("X.T @ (p - Y)", "X.T @ (p + Y)"))
    assert wrong.first_wrong.kind == "sign", str(wrong)


BLOCKS = """
import numpy as np


class Net:
    def __init__(self, rng):
        self.bias = {0: rng.normal(size=4), 1: rng.normal(size=2)}
        self.weights = {0: rng.normal(size=(3, 4)), 1: rng.normal(size=(4, 2))}
        self.inputs = None

    def train(self, x, y, rate=0.1, decay=1e-2):
        self.inputs = x
        h = np.tanh(x @ self.weights[0] + self.bias[0])
        out = h @ self.weights[1] + self.bias[1]
        self.loss = np.sum((out - y) ** 2) / 2
        dout = out - y
        dz = dout @ self.weights[1].T * (1 - h ** 2)
        dW, db = {1: h.T @ dout, 0: x.T @ dz}, {1: dout.sum(0), 0: dz.sum(0)}
        for step in range(2):
            self.weights[step] = self.weights[step] - rate * dW[step] - decay * self.weights[step]
            self.bias[step] = self.bias[step] - rate * db[step]


def check(verify):
    rng = np.random.default_rng(3)
    net = Net(rng)
    with verify(net) as check:
        net.train(rng.normal(size=(5, 3)), rng.normal(size=(5, 2)))
        check.loss = net.loss
    return check
"""


def test_a_decay_that_is_taken_off_after_the_gradient(tmp_path: Path) -> None:
    check = module_of(tmp_path / "decayed_last.py", BLOCKS).check(verify)
    assert check.ok is True, str(check)
    assert len(check.finals) == 4


PENALISED = """
import numpy as np

rng = np.random.default_rng(4)


class Dense:
    def __init__(self, n, m):
        self.weights, self.biases = rng.normal(size=(n, m)), rng.normal(size=(1, m))
        self.strength = 5e-2

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues + 2 * self.strength * self.weights
        self.dbiases = dvalues.sum(axis=0, keepdims=True) + 2 * self.strength * self.biases
        self.dinputs = dvalues @ self.weights.T


def penalty(layer):
    return layer.strength * (np.sum(layer.weights ** 2) + np.sum(layer.biases ** 2))


X, y = rng.normal(size=(10, 4)), rng.normal(size=(10, 2))
first, second = Dense(4, 5), Dense(5, 2)
for epoch in range(2):
    first.forward(X)
    second.forward(np.maximum(0, first.output))
    data_loss = np.mean((second.output - y) ** 2)
    regularization_loss = penalty(first) + penalty(second)
    loss = data_loss + regularization_loss
    print(f"loss: {loss:.3f} ({data_loss:.3f}, {regularization_loss:.3f})")
    second.backward(2 * (second.output - y) / y.size)
    first.backward(second.dinputs * (first.output > 0))
    for layer in (first, second):
        layer.weights += -0.1 * layer.dweights
        layer.biases += -0.1 * layer.dbiases
"""


def test_a_penalty_alone_is_no_loss_where_layers_keep_their_inputs(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PENALISED)
    assert check.ok is True, str(check)
    assert check.entry.loss_name == "loss"


PAIRS = """
import numpy as np

rng = np.random.default_rng(5)


def train(sentence, size):
    W, V = rng.normal(size=(size, 4)), rng.normal(size=(4, size))
    costs = []
    for epoch in range(2):
        cost = 0
        for pos in range(1, len(sentence) - 1):
            targets = np.array([sentence[pos - 1], sentence[pos + 1]])
            c = sgd(sentence[pos], targets, 1, 0.1, W, V)
            cost += c
            c = sgd(rng.choice(size), targets, 0, 0.1, W, V)
            cost += c
        costs.append(cost)
    return costs


def sgd(word, targets, label, rate, W, V):
    prob = 1 / (1 + np.exp(-(W[word] @ V[:, targets])))
    gV = np.outer(W[word], prob - label)
    gW = np.sum((prob - label) * V[:, targets], axis=1)
    V[:, targets] -= rate * gV
    W[word] -= rate * gW
    cost = label * np.log(prob) + (1 - label) * np.log(1 - prob)
    return cost.sum()


train([1, 4, 0, 6, 3], 8)
"""


def test_several_updates_in_one_turn_are_no_single_step(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PAIRS)
    assert check.first_wrong is None, str(check)
    assert "several updates" in str(check)


class Attention:
    """One head over rows, of which the bias of the keys changes nothing."""

    def __init__(self, rng: Any) -> None:
        self.q, self.k, self.v = (rng.normal(size=(3, 3)) for _ in range(3))
        self.bias_k = rng.normal(size=3)

    def forward(self, x: Any) -> Any:
        self.x = x
        self.qs, self.ks, self.vs = x @ self.q, x @ self.k + self.bias_k, x @ self.v
        scores = np.exp(self.qs @ self.ks.T)
        self.p = scores / scores.sum(axis=1, keepdims=True)
        return self.p @ self.vs

    def backward(self, d: Any) -> tuple[Any, dict[str, Any]]:
        dp = d @ self.vs.T
        ds = self.p * (dp - np.sum(dp * self.p, axis=1, keepdims=True))
        dq, dk, dv = ds @ self.ks, ds.T @ self.qs, self.p.T @ d
        grads = {"q": self.x.T @ dq, "k": self.x.T @ dk, "v": self.x.T @ dv, "b_k": dk.sum(0)}
        return dq @ self.q.T + dk @ self.k.T + dv @ self.v.T, grads


def test_gradients_that_are_nothing_are_paired_by_their_names() -> None:
    """Each of the two biases of keys has the gradient 0: any two of these would be pieces of any one."""
    rng = np.random.default_rng(6)
    layers = [Attention(rng), Attention(rng)]
    with verify(layers=layers) as check:
        x = rng.normal(size=(5, 3))
        for layer in layers:
            x = layer.forward(x)
        check.loss = 0.5 * np.sum(x**2)
        grads: dict[str, Any] = {}
        for i, layer in reversed(list(enumerate(layers))):
            x, own = layer.backward(x)
            grads |= {f"layer{i}_{name}": value for name, value in own.items()}
        check.gradients = grads
    assert check.ok is True, str(check)
    assert "taken as one" not in str(check)


FROM_WHOLE_NUMBERS = """
import numpy as np

x = np.cos(np.arange(30)).reshape(10, 3)
y = np.sin(np.arange(20)).reshape(10, 2)
w = 0.1 * np.sin(np.arange(6)).reshape(3, 2)
for turn in range(10):
    p = x @ w
    loss = np.mean((p - y) ** 2)
    g = 2 * x.T @ (p - y) / y.size
    w = w - 0.5 * g
    print(loss)
"""


def test_weights_that_begin_as_a_function_of_whole_numbers(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, FROM_WHOLE_NUMBERS)
    assert check.ok is True, str(check)
    assert check.entry.loss_name == "loss"
    check, line = edited_script(tmp_path, FROM_WHOLE_NUMBERS, "@ (p - y)", "@ (p + y)")
    assert told(check) == (line, "sign"), str(check)


FORECAST = """
import numpy as np

seen = 10 + 0.4 * np.arange(9) + np.random.default_rng(2).normal(0, 1, 9)
theta, rate = np.array([0.0, -1.0]), 0.05
for turn in range(5):
    a, b = 1 / (1 + np.exp(-theta))
    level, trend = seen[0], seen[1] - seen[0]
    dl, dt = np.zeros(2), np.zeros(2)
    loss, grad = 0.0, np.zeros(2)
    for y in seen[1:]:
        e = level + trend - y
        loss += e**2 + 3.0 * level
        grad += 2 * e * (dl + dt) + 3.0 * dl
        next_level = a * y + (1 - a) * (level + trend)
        next_dl = np.array([y - (level + trend), 0.0]) + (1 - a) * (dl + dt)
        dt = b * (next_dl - dl) + np.array([0.0, next_level - level - trend]) + (1 - b) * dt
        trend = b * (next_level - level) + (1 - b) * trend
        level, dl = next_level, next_dl
    theta = theta - rate * grad * np.array([a * (1 - a), b * (1 - b)])
    print(loss)
"""


def test_a_gradient_that_adds_up_is_no_rate_of_what_it_is_multiplied_by(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, FORECAST)
    assert check.ok is True, str(check)
