"""Steps that are more than a rate times a gradient, or of less than all of a loss, and right all the same."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited_script, told
from tinygrad_scratch.verifier.causes.operands import calls_around
from tinygrad_scratch.verifier.pairs.updates import as_it_was
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.recording.methods import At
from tinygrad_scratch.verifier.recording.recorded import Recorded
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite
from tinygrad_scratch.verifier.rewriting.unchecked import Unchecked

SHORT_ROWS = """
import numpy as np

rng = np.random.default_rng(3)
E = rng.uniform(-1, 1, (7, 4)).astype(np.float32)
V = rng.uniform(-1, 1, (4, 5)).astype(np.float32)
rate = 0.1
for context, target in [([0, 2, 3], 1), ([1, 2, 5], 4), ([0, 6, 3], 2)]:
    h = np.mean(E[context], axis=0)
    paths = np.array([target, (target + 2) % 5])
    code = np.array([1.0, 0.0], np.float32)
    logits = h @ V[:, paths]
    p = 1 / (1 + np.exp(-logits))
    loss = -np.sum(code * np.log(p) + (1 - code) * np.log(1 - p))
    error = p - code
    dh = V[:, paths] @ error
    V[:, paths] -= rate * (h[:, None] * error[None, :])
    update = rate * dh / len(context)
    for word in context:
        E[word] -= update
    print(loss)
"""
MEANS_OF_STEPS = """
import numpy as np

rng = np.random.default_rng(5)
X, Y = rng.normal(size=(12, 3)), rng.normal(size=(12, 1))


class Momentum:
    def __init__(self, momentum):
        self.momentum, self.speed = momentum, 0.0

    def __call__(self, grads, learning_rate):
        self.speed = self.momentum * self.speed + (1 - self.momentum) * grads
        return learning_rate * self.speed


class Layer:
    def __init__(self, n, m):
        self.W, self.b = rng.normal(size=(n, m)), np.zeros((1, m))
        self.of_W, self.of_b = Momentum(0.3), Momentum(0.3)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, d, learning_rate):
        back = d @ self.W.T
        delta_w = self.of_W(self.x.T @ d / len(d), learning_rate)
        delta_b = self.of_b(d.mean(axis=0, keepdims=True), learning_rate)
        self.W = self.W - delta_w
        self.b = self.b - delta_b
        return back


first, second = Layer(3, 4), Layer(4, 1)
for epoch in range(4):
    h = np.tanh(first.forward(X))
    out = second.forward(h)
    loss = 0.5 * np.mean((out - Y) ** 2)
    first.backward(second.backward(out - Y, 0.05) * (1 - h**2), 0.05)
    print(loss)
"""
PER_SAMPLE = """
import numpy as np

REGULARIZATION = 1e-2
rng = np.random.default_rng(6)
X, Y = rng.normal(size=(10, 3)), rng.normal(size=(10, 2))
W = [rng.normal(size=(4, 3)), rng.normal(size=(2, 4))]
for epoch in range(4):
    a = np.tanh(np.einsum("ij,dj->di", W[0], X))
    out = np.einsum("ij,dj->di", W[1], a)
    error = out - Y
    d2 = np.einsum("ij,ik->ijk", error, a)
    d1 = np.einsum("dn,di->dni", (error @ W[1]) * (1 - a**2), X)
    pull = W[0] * REGULARIZATION
    d1[:] += pull[None, ...]
    for i, d in enumerate((d1, d2)):
        step = np.mean(-0.2 * d, axis=0)
        W[i][:] += step
    print(epoch, np.mean(error**2))
"""
CURVED = """
import numpy as np

rng = np.random.default_rng(8)
X = rng.normal(size=(30, 2))
X[15:] += 1.5
labels, of = np.repeat([0, 1], 15), np.repeat([0, 1], 2)
prototypes = rng.normal(size=(4, 2)) + np.repeat([[0.0], [1.5]], 2, axis=0)


def mu(plus, minus):
    return (plus - minus) / (plus + minus)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


costs = []
for epoch in range(4):
    far = ((X[:, None] - prototypes[None]) ** 2).sum(axis=2)
    own = labels[:, None] == of
    i, j = np.argmin(np.where(own, far, np.inf), axis=1), np.argmin(np.where(own, np.inf, far), axis=1)
    plus, minus = far[np.arange(30), i], far[np.arange(30), j]
    cost = np.sum(mu(plus, minus))
    costs.append(cost)
    slope = sigmoid(mu(plus, minus)) * (1 - sigmoid(mu(plus, minus)))
    d_plus = slope * 2 * minus / (plus + minus) ** 2
    d_minus = slope * -2 * plus / (plus + minus) ** 2
    update = np.zeros((30, 4, 2))
    update[np.arange(30), i] += -2 * (X - prototypes[i]) * d_plus[:, None]
    update[np.arange(30), j] += -2 * (X - prototypes[j]) * d_minus[:, None]
    prototypes = prototypes - 0.02 * update.sum(axis=0)
    print(cost)
"""
BY_OBJECTS = """
import numpy as np

rng = np.random.default_rng(2)
X, Y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))


class Layer:
    def __init__(self, n, m):
        self.W, self.b = rng.normal(size=(n, m)), np.zeros((1, m))

    def update(self, dw, db):
        self.W -= dw
        self.b -= db


layers = [Layer(3, 4), Layer(4, 2)]
layers[0].b[0] = [-9.0, -9.0, -9.0, 0.5]  # of the first layer one unit alone is ever on
v, s = {}, {}
for layer in layers:
    v["dw", layer], v["db", layer] = np.zeros_like(layer.W), np.zeros_like(layer.b)
    s["dw", layer], s["db", layer] = np.zeros_like(layer.W), np.zeros_like(layer.b)
for step in range(1, 5):
    z = X @ layers[0].W + layers[0].b
    h = np.maximum(z, 0)
    out = h @ layers[1].W + layers[1].b
    cost = np.sum((out - Y) ** 2) / (2 * len(X))
    d = (out - Y) / len(X)
    dz = (d @ layers[1].W.T) * (z > 0)
    w_grads = {layers[0]: X.T @ dz, layers[1]: h.T @ d}
    b_grads = {layers[0]: dz.sum(axis=0, keepdims=True), layers[1]: d.sum(axis=0, keepdims=True)}
    for layer in layers:
        of_w, of_b = ("dw", layer), ("db", layer)
        v[of_w] = 0.9 * v[of_w] + 0.1 * w_grads[layer]
        v[of_b] = 0.9 * v[of_b] + 0.1 * b_grads[layer]
        s[of_w] = 0.99 * s[of_w] + 0.01 * np.square(w_grads[layer])
        s[of_b] = 0.99 * s[of_b] + 0.01 * np.square(b_grads[layer])
        dw = 0.01 * (v[of_w] / (1 - 0.9**step)) / (np.sqrt(s[of_w] / (1 - 0.99**step)) + 1e-8)
        db = 0.01 * (v[of_b] / (1 - 0.9**step)) / (np.sqrt(s[of_b] / (1 - 0.99**step)) + 1e-8)
        layer.update(dw, db)
    print(cost)
"""
ACTIONS = """
import numpy as np

rng = np.random.default_rng(42)
A, a, log_std = rng.normal(size=(2, 1)), np.zeros(1), np.array([-0.3])
C, c = rng.normal(size=(2, 1)) / 4, np.zeros(1)


def run_day(steps=10):
    temp, states, actions, rewards = rng.uniform(-2, 2), [], [], []
    for _ in range(steps):
        s = np.array([temp, 1.0])
        mean = (s[None] @ A + a)[0, 0]
        action = mean + np.exp(log_std[0]) * rng.normal()
        temp = temp + 0.4 * np.clip(action, -2, 2)
        states.append(s)
        actions.append(action)
        rewards.append(-(temp**2) - 0.02 * action * action)
    returns = np.zeros(steps)
    total = 0.0
    for t in reversed(range(steps)):
        total = rewards[t] + 0.9 * total
        returns[t] = total
    return np.array(states), np.array(actions), returns


for day in range(5):
    S, acts, returns = run_day()
    n = len(acts)
    advantage = returns - (S @ C + c)[:, 0]
    value_loss = 0.5 * np.mean(advantage**2)
    weight = advantage.copy()
    weight -= weight.mean()
    weight /= weight.std() + 1e-8
    mean = (S @ A + a)[:, 0]
    var = np.exp(2 * log_std[0])
    logp = -0.5 * (acts - mean) ** 2 / var - log_std[0] - 0.5 * np.log(2 * np.pi)
    policy_loss = -np.mean(weight * logp)
    d_mean = (-weight * (acts - mean) / var / n)[:, None]
    d_value = (-advantage / n)[:, None]
    gA, ga = S.T @ d_mean, d_mean.sum(axis=0)
    gC, gc = S.T @ d_value, d_value.sum(axis=0)
    g_std = np.array([-np.mean(weight * ((acts - mean) ** 2 / var - 1))])
    A -= 0.03 * gA
    a -= 0.03 * ga
    log_std -= 0.03 * g_std
    C -= 0.05 * gC
    c -= 0.05 * gc
    print(policy_loss, value_loss)
"""
PULLED = """
import numpy as np

rng = np.random.default_rng(9)
X, y, reg = rng.normal(size=(20, 3)), rng.normal(size=20), 0.2


def cost(A):
    z = np.tanh(X @ A)
    f = np.sum((z - y) ** 2)
    g = X.T @ (2 * (z - y) * (1 - z**2))
    f = f + reg * np.dot(A, A)
    g = g + 2 * reg * A
    return f, g


A = rng.normal(size=3)
for epoch in range(5):
    loss, grad = cost(A)
    A = A - 0.01 * grad
    print(loss)
"""


@pytest.mark.parametrize("text", [SHORT_ROWS, MEANS_OF_STEPS, PER_SAMPLE, CURVED, BY_OBJECTS, ACTIONS, PULLED])
def test_right(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert not check.problem, str(check)
    assert not check.causes, str(check)


@pytest.mark.parametrize(
    ("text", "right", "wrong", "kind"),
    [
        (SHORT_ROWS, "error = p - code", "error = code - p", "sign"),
        (PULLED, "g = g + 2 * reg * A", "g = g + reg * A", "regularisation"),
        (BY_OBJECTS, "dz = (d @ layers[1].W.T) * (z > 0)", "dz = d @ layers[1].W.T", "missing-derivative"),
        (MEANS_OF_STEPS, "* (1 - h**2), 0.05)", ", 0.05)", "missing-derivative"),
    ],
)
def test_a_mistake_in_them(tmp_path: Path, text: str, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, text, right, wrong)
    assert told(check) == (line, kind)


def test_values_of_more_dimensions_than_what_an_index_chooses_are_refused() -> None:
    add_at, array = At(np.add), np.zeros((3, 4))
    with pytest.raises(ValueError, match="dimensions"):
        add_at(array, (slice(None), np.array(1)), np.ones((3, 2, 2)))
    add_at(array, (slice(None), np.array([1, 1])), np.ones((3, 2)))
    assert array.sum(axis=0).tolist() == [0, 6, 0, 0]


def test_a_change_that_puts_a_list_into_itself_is_not_tried(tmp_path: Path) -> None:
    file, text = tmp_path / "rows.py", "def rows(n):\n    ys = []\n    for k in range(3):\n        ys += [k] * n\n"
    file.write_text(text, encoding="utf-8")
    at = text.index("[k]") + 1
    into_itself, other = (Rewrite(4, at, at + 1, name, "wrong-operand", "") for name in ("ys", "n"))
    unchecked = Unchecked([])
    assert unchecked.calls(str(file), into_itself)
    assert not unchecked.calls(str(file), other)


def test_a_copy_of_what_was_short_is_made_again_in_double() -> None:
    tape, start = Tape(), np.array([0.1, 0.7])
    weights = Recorded(tape, start, tape.constant(start)).astype(np.float32)
    before = weights.node
    weights -= np.float32(0.25)
    kept = as_it_was(tape, before)
    assert kept.node != before
    assert tape.in_double()
    assert tape.nodes[kept.node].value.tolist() == tape.nodes[before].value.tolist() == [0.1, 0.7]


def test_functions_that_call_each_other_are_around_a_call_once(tmp_path: Path) -> None:
    file = tmp_path / "each_other.py"
    file.write_text("def f(n):\n    return g(n)\n\n\ndef g(n):\n    return f(n)\n", encoding="utf-8")
    in_f, in_g = Place(str(file), 2, "f", 0), Place(str(file), 6, "g", 0)
    steps = [SimpleNamespace(index=0, place=in_f, caller=in_g), SimpleNamespace(index=1, place=in_g, caller=in_f)]
    region = SimpleNamespace(case=SimpleNamespace(tape=SimpleNamespace(steps=steps)))
    assert list(calls_around(region, steps[0])) == [(in_f, in_g), (in_g, in_f)]  # type: ignore[arg-type]
