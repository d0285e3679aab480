"""Slips in programs of many hands: each is told in the line in which it was made, and as what a marker calls it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited, told
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.telling.told_where_bound import is_known_by

FLAGGED = """
import numpy as np


def sigmoid(x, derivative=False):
    s = 1 / (1 + np.exp(-x))
    if derivative:
        return s * (1 - s)
    return s


class Net:
    def __init__(self, rng):
        self.W1, self.W2 = rng.normal(size=(3, 5)), rng.normal(size=(5, 2))

    def forward(self, X):
        self.X = X
        self.z1 = X @ self.W1
        self.a1 = sigmoid(self.z1)
        self.z2 = self.a1 @ self.W2
        self.a2 = sigmoid(self.z2)
        return self.a2

    def backward(self, y):
        d2 = (self.a2 - y) * sigmoid(self.z2, derivative=True)
        d1 = (d2 @ self.W2.T) * sigmoid(self.z1, derivative=True)
        return self.X.T @ d1, self.a1.T @ d2


def check(verify):
    rng = np.random.default_rng(1)
    net, X, y = Net(rng), rng.normal(size=(6, 3)), rng.random((6, 2))
    with verify(net) as check:
        check.loss = 0.5 * np.sum((net.forward(X) - y) ** 2)
        dW1, dW2 = net.backward(y)
        check.gradients = {"W1": dW1, "W2": dW2}
    return check
"""


def test_a_function_with_a_switch_is_given_its_own_result_for_its_derivative(tmp_path: Path) -> None:
    """It is right by itself, and so the call is told, in which nothing else is changed."""
    wrong = FLAGGED.replace("sigmoid(self.z1, derivative", "sigmoid(self.a1, derivative")
    check, line = edited(tmp_path / "flagged.py", wrong, "sigmoid(self.z2, derivative", "sigmoid(self.a2, derivative")
    assert told(check) == (line, "derivative-at-wrong-point")
    assert check.first_wrong.should_be == "(self.a2 - y) * sigmoid(self.z2, derivative=True)"
    assert check.first_wrong.certainty == "fits"


HANDED = """
import numpy as np


class Layer:
    def __init__(self, rng, n, m):
        self.w, self.b = rng.normal(size=(n, m)), rng.normal(size=m)
        self.grads = []


def forward(layers, x):
    kept = []
    for layer in layers:
        out = np.tanh(x @ layer.w + layer.b)
        kept.append((x, out))
        x = out
    return x, kept


def backward(layers, kept, d):
    deltas = []
    for layer, (x, out) in zip(layers[::-1], kept[::-1]):
        slope = 1 - out ** 2
        delta = d * slope
        deltas.append(delta)
        d = delta @ layer.w.T
    grads = [(x.T @ delta, delta.sum(0)) for (x, _), delta in zip(kept, deltas[::-1])]
    return grads, d


def last(kept, d):
    x, out = kept[0]
    d1 = d * (1 - out ** 2)
    dw = x.T @ d1
    db = d1.sum(0)
    return dw, db


def check(verify):
    rng = np.random.default_rng(2)
    layers, x, y = [Layer(rng, 3, 4), Layer(rng, 4, 2)], rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    with verify(layers=layers) as check:
        out, kept = forward(layers, x)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        (_, (w1, b1)), _ = backward(layers, kept, out - y)
        dw, db = last(kept, ((out - y) * (1 - out ** 2)) @ layers[1].w.T)
        check.gradients = {"layers[0].w": dw, "layers[0].b": db, "layers[1].w": w1, "layers[1].b": b1}
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kinds"),
    [
        ("delta = d * slope", "delta = d", {"missing-derivative"}),
        ("db = d1.sum(0)", "db = d.sum(0)", {"wrong-operand", "missing-derivative"}),
    ],
)
def test_what_is_only_handed_on_is_told_where_it_was_made(
    right: str, wrong: str, kinds: set[str], tmp_path: Path
) -> None:
    check, line = edited(tmp_path / "handed_on.py", HANDED, right, wrong)
    assert check.first_wrong.line == line, str(check)
    assert check.first_wrong.kind in kinds


def test_nothing_is_asked_for_before_it_is_made() -> None:
    """A slope that is worked out after the value that lacks it can't be put in where that is made."""
    source = source_of("def f(d, z):\n    delta = d * 2\n    slope = 1 - z\n    return delta * slope\n")
    bound = next(node for node in source.statements if isinstance(node, ast.Assign))
    assert [is_known_by(source, bound, [ast.parse(name)]) for name in ("slope", "z", "unheard")] == [False, True, False]


RECURRENT = """
import numpy as np

rng = np.random.default_rng(3)
Wx, Wa, Wy = rng.normal(size=(4, 3)), rng.normal(size=(4, 4)), rng.normal(size=(2, 4))
xs, ys = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))


def step_back(dy, carried, x, a, a_before):
    da = Wy.T @ dy + carried
    draw = (1 - a * a) * da
    return np.outer(dy, a), np.outer(draw, x), np.outer(draw, a_before), Wa.T @ draw


def check(verify):
    with verify(Wx=Wx, Wa=Wa, Wy=Wy) as check:
        states, loss, outs = [np.zeros(4)], 0, []
        for x, y in zip(xs, ys):
            states.append(np.tanh(Wx @ x + Wa @ states[-1]))
            outs.append(Wy @ states[-1])
            loss = loss + 0.5 * np.sum((outs[-1] - y) ** 2)
        check.loss = loss
        dWy, dWx, dWa, carried = np.zeros_like(Wy), np.zeros_like(Wx), np.zeros_like(Wa), np.zeros(4)
        for t in reversed(range(5)):
            one, two, three, carried = step_back(outs[t] - ys[t], carried, xs[t], states[t + 1], states[t])
            dWy, dWx, dWa = dWy + one, dWx + two, dWa + three
        check.gradients = {"Wx": dWx, "Wa": dWa, "Wy": dWy}
    return check
"""


def test_a_term_is_told_where_the_factor_of_a_product_was_made(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "recurrent.py", RECURRENT, "da = Wy.T @ dy + carried", "da = Wy.T @ dy")
    assert told(check) == (line, "missing-term"), str(check)
    assert set(check.first_wrong.should_be.removeprefix("da = ").split(" + ")) == {"Wy.T @ dy", "carried"}


ACTIVATION = """
import numpy as np


class Gelu:
    def forward(self, x):
        self.x, self.t = x, np.tanh(0.8 * (x + 0.04 * x ** 3))
        return 0.5 * x * (1 + self.t)

    def backward(self, upstream):
        inner = 0.8 * (1 + 0.12 * self.x ** 2)
        slope = 0.5 * (1 + self.t) + 0.5 * self.x * (1 - self.t ** 2) * inner
        return upstream * slope


def check(verify):
    rng = np.random.default_rng(4)
    w, v, gelu = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), Gelu()
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    with verify(w=w, v=v) as check:
        h = gelu.forward(x @ w)
        check.loss = 0.5 * np.sum((h @ v - y) ** 2)
        d = h @ v - y
        check.gradients = {"w": x.T @ gelu.backward(d @ v.T), "v": h.T @ d}
    return check
"""


def test_what_comes_from_above_is_lacking_where_a_slope_is_returned(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "gelu.py", ACTIVATION, "return upstream * slope", "return slope")
    assert told(check) == (line, "missing-derivative"), str(check)
    assert check.first_wrong.should_be == "slope * upstream"


MANY = """
import numpy as np

rng = np.random.default_rng(5)
count = 6
X, Y = rng.normal(size=(count, 3)), rng.normal(size=(count, 2))
W1, b1 = rng.normal(size=(3, 5)), rng.normal(size=5)
W2, b2 = rng.normal(size=(5, 2)), rng.normal(size=2)
lam = 0.1


def squash(x):
    return x / (1 + np.abs(x))


def swish_like(z):
    return z * np.tanh(np.log1p(np.exp(z)))


def slope_of(z):
    s = np.log1p(np.exp(z))
    t = np.tanh(s)
    return t + z * (1 - t * t) / (1 + np.exp(-z))


def pull(w, strength=0.3):
    return strength * w


def push(x, d):
    return x.T @ d


for turn in range(2):
    z = X @ W1 + b1
    h = swish_like(z)
    out = h @ W2 + b2
    fl = 0.5 * np.sum((out - Y) ** 2) / count + 0.5 * lam * np.sum(W2 ** 2)
    print("loss", fl)
    d = (out - Y) / count
    dW2 = h.T @ d
    dW2 += pull(W2, lam)
    db2 = d.sum(0)
    dh = d @ W2.T
    dz = dh * slope_of(z)
    dW1 = push(X, dz)
    db1 = np.zeros(5)
    for row in dz:
        db1 += row
    W1, b1 = W1 - 0.1 * dW1, b1 - 0.1 * db1
    W2, b2 = W2 - 0.1 * dW2, b2 - 0.1 * db2
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("return t + z * (1 - t * t)", "return z * (1 - t * t)", "missing-term"),
        ("pull(W2, lam)", "pull(W2)", "regularisation"),
        ("push(X, dz)", "push(X, dh)", "wrong-operand"),
    ],
)
def test_a_loss_with_an_odd_name_is_known_by_what_is_printed(right: str, wrong: str, kind: str, tmp_path: Path) -> None:
    assert check_of_script(tmp_path, MANY).ok is True
    assert MANY.count(right) == 1
    check = check_of_script(tmp_path, MANY.replace(right, wrong))
    assert told(check) == (MANY[: MANY.index(right)].count("\n") + 1, kind), str(check)


WINDOWS = """
import numpy as np

rng = np.random.default_rng(6)
x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 4))
w, v = rng.normal(size=(3, 6)), rng.normal(size=(5, 4))


def back_through(state, d):
    d *= 1 - state ** 2


def gradients(h):
    d = h[:, :5] @ v - y
    dh = np.zeros_like(h)
    dh[:, :5] += d @ v.T
    gap = h[:, 1:] - h[:, :-1]
    dh[:, 1:] += gap
    dh[:, :-1] -= gap
    back_through(h, dh)
    return {"w": x.T @ dh, "v": h[:, :5].T @ d}


def check(verify):
    with verify(w=w, v=v) as check:
        h = np.tanh(x @ w)
        ce = 0.5 * np.sum((h[:, :5] @ v - y) ** 2)
        smooth = 0.5 * np.sum((h[:, 1:] - h[:, :-1]) ** 2)
        check.loss = ce + smooth
        check.gradients = gradients(h)
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("dh[:, :5] += d @ v.T", "dh[:, 1:] += d @ v.T", "off-by-one"),
        ("back_through(h, dh)\n", "back_through(h, dh.copy())\n", "inplace-corruption"),
        ("dh[:, :-1] -= gap", "dh[:, :-1] *= gap", "wrong-operand"),
    ],
)
def test_windows_copies_and_signs_of_updates(right: str, wrong: str, kind: str, tmp_path: Path) -> None:
    check, line = edited(tmp_path / "windows.py", WINDOWS, right, wrong)
    assert told(check) == (line, kind), str(check)


NEURONS = """
import numpy as np

rng = np.random.default_rng(7)


class Neuron:
    def __init__(self, n):
        self.w, self.b = rng.normal(size=n) * 0.7, rng.normal() * 0.3
        self.delta = 0.0

    def fire(self, x):
        self.x = x
        self.net = np.dot(self.w, x) + self.b
        self.out = np.arctan(self.net)
        return self.out

    def slope(self):
        return 1.0 / (1.0 + self.net ** 2)

    def learn(self, rate):
        self.w = self.w - rate * self.delta * self.x
        self.b = self.b - rate * self.delta


hidden, output = [Neuron(3) for _ in range(3)], [Neuron(3) for _ in range(2)]
xs, ts = rng.normal(size=(2, 3)), rng.uniform(-1, 1, (2, 2))
for epoch in range(2):
    total = 0
    for x, t in zip(xs, ts):
        h = np.array([n.fire(x) for n in hidden])
        o = np.array([n.fire(h) for n in output])
        total += 0.5 * np.sum((t - o) ** 2)
        for k, n in enumerate(output):
            n.delta = (n.out - t[k]) * n.slope()
        for j, n in enumerate(hidden):
            blame = 0.0
            for out in output:
                blame += out.delta * out.w[j]
            n.delta = blame * n.slope()
        for n in hidden + output:
            n.learn(0.1)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("out.delta * out.w[j]", "out.delta * out.x[j]", "wrong-operand"),
    ],
)
def test_neurons_one_by_one_by_a_loss_that_is_called_the_total(
    right: str, wrong: str, kind: str, tmp_path: Path
) -> None:
    assert check_of_script(tmp_path, NEURONS).ok is True
    check = check_of_script(tmp_path, NEURONS.replace(right, wrong))
    assert told(check) == (NEURONS[: NEURONS.index(right)].count("\n") + 1, kind), str(check)


JACOBIANS = """
import numpy as np


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def forward(W1, W2, x):
    info = {}
    info["N1"] = W1 @ x
    info["O1"] = np.logaddexp(0, info["N1"])
    return W2 @ info["O1"], info


def gradients(W2, x, t, z2, info):
    z1 = info["N1"]
    J_L_z2 = sigmoid(z2) - t
    J_z2_a1 = W2
    J_a1_z1 = np.diag(1 / (1 + np.exp(-z1)))
    J_L_z1 = J_L_z2 @ J_z2_a1 @ J_a1_z1
    kept = info["O1"].reshape(1, -1)
    return {"W1": np.outer(J_L_z1, x), "W2": J_L_z2.reshape(-1, 1) @ kept}


def check(verify):
    rng = np.random.default_rng(8)
    W1, W2, x, t = rng.normal(size=(5, 3)), rng.normal(size=(2, 5)), rng.normal(size=3), np.array([1.0, 0.0])
    with verify(W1=W1, W2=W2) as check:
        z2, info = forward(W1, W2, x)
        check.loss = np.sum(np.logaddexp(0, z2) - t * z2)
        check.gradients = gradients(W2, x, t, z2, info)
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kinds"),
    [
        ("J_L_z1 = J_L_z2 @ J_z2_a1 @ J_a1_z1", "J_L_z1 = J_L_z2 @ J_z2_a1", {"missing-derivative"}),
        ("J_L_z2 = sigmoid(z2) - t", "J_L_z2 = z2 - t", {"wrong-operand", "missing-derivative"}),
        ('kept = info["O1"]', 'kept = info["N1"]', {"wrong-operand"}),
    ],
)
def test_what_was_made_and_is_read_nowhere_is_due(right: str, wrong: str, kinds: set[str], tmp_path: Path) -> None:
    check, line = edited(tmp_path / "jacobians.py", JACOBIANS, right, wrong)
    assert check.first_wrong.line == line, str(check)
    assert check.first_wrong.kind in kinds, str(check)


LAST = """
import numpy as np

rng = np.random.default_rng(9)
x, y = rng.normal(size=(8, 4)), rng.integers(0, 2, size=(8, 1))
m, lr = len(x), -0.5
w1, w2 = rng.normal(size=(4, 5)), rng.normal(size=(5, 1))
for turn in range(2):
    a2 = 1 / (1 + np.exp(-x @ w1))
    a3 = 1 / (1 + np.exp(-a2 @ w2))
    e3 = a3 - y
    e2 = e3 @ w2.T * a2 * (1 - a2)
    d2 = 1.0 / m * a2.T @ e3
    d1 = 1.0 / m * x.T @ e2
    w2 = w2 + lr * d2
    w1 = w1 + lr * d1
"""


def test_a_mean_is_forgotten_and_not_made_up(tmp_path: Path) -> None:
    """By the sum of a loss one gradient is right, by the mean of it the other one is."""
    right = "1.0 / m * x.T @ e2"
    check = check_of_script(tmp_path, LAST.replace(right, "x.T @ e2"))
    assert told(check) == (LAST[: LAST.index(right)].count("\n") + 1, "missing-batch-sum-or-mean"), str(check)


CODED = """
import numpy as np


class Coder:
    def __init__(self, rng):
        self.w, self.v = rng.normal(size=(4, 3)) * 0.6, rng.normal(size=(3, 4)) * 0.6

    def forward(self, x):
        self.x, self.h = x, 1 / (1 + np.exp(-x @ self.w))
        self.out = np.exp(self.h @ self.v) / (1 + np.exp(self.h @ self.v))
        return self.out

    def lack(self, given, out):
        return out - given

    def backward(self):
        d = self.lack(self.x, self.out)
        below = d @ self.v.T * self.h * (1 - self.h)
        return {"w": self.x.T @ below, "v": self.h.T @ d}


def check(verify):
    rng = np.random.default_rng(10)
    coder, images = Coder(rng), rng.random((7, 4))
    with verify(coder) as check:
        check.loss_is("summed binary cross-entropy", coder.forward(images), images)
        check.gradients = coder.backward()
    return check
"""


def test_targets_that_are_the_inputs_stay_what_they_are_in_other_data(tmp_path: Path) -> None:
    """So a factor too many is told, and not that its inverse is missing in the helper."""
    right, wrong = "d = self.lack(self.x, self.out)", "d = self.lack(self.x, self.out) * self.out"
    check, line = edited(tmp_path / "coder.py", CODED, right, wrong)
    assert check.first_wrong.line == line, str(check)
    assert check.findings.mistakes[0].right.text == right


POOLED = """
import numpy as np


class Pool:
    def forward(self, x):
        self.shape = x.shape
        pairs = x.reshape(-1, 2)
        self.at = pairs.argmax(axis=1)
        return pairs.max(axis=1).reshape(len(x), -1)

    def backward(self, dout):
        dpairs = np.zeros((dout.size, 2))
        dpairs[np.arange(dout.size), self.at] = dout.ravel()
        return dpairs.reshape(self.shape)


class Softmax:
    def forward(self, z, labels):
        self.labels = labels
        self.logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return -np.mean(self.logp[np.arange(len(z)), labels])

    def backward(self):
        n = len(self.labels)
        d = np.exp(self.logp)
        d[np.arange(n), self.labels] -= 1
        return d / n


class Dense:
    def __init__(self, w):
        self.w = w

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, d):
        self.dw = self.x.T @ d
        return d @ self.w.T


def check(verify):
    rng = np.random.default_rng(11)
    first, pool, last, cost = Dense(rng.normal(size=(3, 8))), Pool(), Dense(rng.normal(size=(4, 5))), Softmax()
    x, labels = rng.normal(size=(7, 3)), rng.integers(5, size=7)
    with verify(first=first, last=last) as check:
        check.loss = cost.forward(last.forward(pool.forward(first.forward(x))), labels)
        first.backward(pool.backward(last.backward(cost.backward())))
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("dpairs[np.arange(dout.size), self.at]", "dpairs[np.arange(dout.size), 0]", "wrong-operand"),
        ("= dout.ravel()", "= 1", "missing-derivative"),
        ("d[np.arange(n), self.labels]", "d[:n, self.labels]", "broadcasting-shape"),
        ("d = np.exp(self.logp)", "d = self.logp.copy()", "derivative-at-wrong-point"),
        ("self.dw = self.x.T @ d", "self.dw = np.ones_like(self.x).T @ d", "wrong-operand"),
    ],
)
def test_what_is_put_into_entries(right: str, wrong: str, kind: str, tmp_path: Path) -> None:
    check, line = edited(tmp_path / "pooled.py", POOLED, right, wrong)
    assert told(check) == (line, kind), str(check)


LATER = """
import numpy as np

lam = 0.4


class Logistic:
    def __init__(self, x, y, theta):
        self.x, self.y, self.theta = x, y, theta

    def prediction(self):
        return 1 / (1 + np.exp(-np.dot(self.x, self.theta)))

    def cost(self):
        p, m = self.prediction(), len(self.x)
        fit = -np.sum(self.y * np.log(p) + (1 - self.y) * np.log(1 - p)) / m
        return fit + lam / (2 * m) * np.sum(self.theta ** 2)

    def derivative(self):
        p, m = self.prediction(), len(self.x)
        d = (np.dot(self.x.T, p - self.y) + lam * self.theta) / m
        return d

    def fit(self):
        costs = []
        for _ in range(2):
            self.theta = self.theta - 0.5 * self.derivative()
            costs.append(self.cost())
        return costs


rng = np.random.default_rng(12)
Logistic(rng.normal(size=(10, 5)), rng.integers(0, 2, (10, 1)), rng.normal(size=(5, 1))).fit()
"""


@pytest.mark.parametrize(
    "wrong", ["np.dot(self.x.T, p - self.y) / m + lam * self.theta", "{} + lam * self.theta ** 2)"]
)
def test_a_penalty_is_judged_by_a_loss_that_is_computed_after_the_update(wrong: str, tmp_path: Path) -> None:
    """What holds a penalty of its own could be the gradient of a well-known loss with that; theirs says which it is."""
    right = "(np.dot(self.x.T, p - self.y) + lam * self.theta) / m"
    assert check_of_script(tmp_path, LATER).ok is True
    text = wrong.format("(np.dot(self.x.T, p - self.y)") + (" / m" if "{}" in wrong else "")
    check = check_of_script(tmp_path, LATER.replace(right, text))
    assert told(check) == (LATER[: LATER.index(right)].count("\n") + 1, "regularisation"), str(check)


def test_penalties_of_several_strengths_are_told(tmp_path: Path) -> None:
    penalised = LAST.replace("a2.T @ e3", "(a2.T @ e3 + 0.6 * w2)").replace("x.T @ e2", "(x.T @ e2 + 0.3 * w1)")
    check = check_of_script(tmp_path, penalised)
    assert check.ok is True, str(check)
    assert any("several strengths" in note for note in check.notes), check.notes
    same = check_of_script(tmp_path, penalised.replace("0.6", "0.3"))
    assert not any("several strengths" in note for note in same.notes)


GLOBALS = """
import numpy as np

rng = np.random.default_rng(13)
DECAY = 0.05


def relu(x):
    return x * (x > 0)


def drelu(x):
    return 1.0 * (x > 0)


class Bent:
    def __init__(self):
        self.slope = 0.2

    def forward(self, x):
        self.low = x < 0
        return np.where(self.low, self.slope * x, x)

    def backward(self, grad):
        return np.where(self.low, self.slope * grad, grad)


def forward(W1, B1, W2, x):
    hidden_in = np.dot(W1, x) + B1
    return hidden_in, relu(hidden_in), np.dot(W2, relu(hidden_in))


def backward(W1, W2, x, d_out, hidden_in, hidden_out):
    d_W2 = np.dot(d_out, hidden_out.T) + DECAY * W2
    relu_slope = drelu(hidden_in) * 1.0
    d_hidden = (np.dot(W2.T, d_out) *
                relu_slope)
    d_W1 = np.dot(d_hidden, x.T) + DECAY * W1
    return d_W1, d_hidden.sum(axis=1, keepdims=True), d_W2


def check(verify):
    W1, B1, W2 = rng.normal(size=(5, 3)), rng.normal(size=(5, 1)), rng.normal(size=(2, 5))
    x, y, bent = rng.normal(size=(3, 8)) * 2, rng.normal(size=(2, 8)), Bent()
    with verify(W1=W1, B1=B1, W2=W2) as check:
        hidden_in, hidden_out, raw = forward(W1, B1, W2, x)
        out = bent.forward(raw)
        check.loss = 0.5 * np.sum((out - y) ** 2) + 0.5 * DECAY * (np.sum(W1 ** 2) + np.sum(W2 ** 2))
        below = bent.backward(out - y)
        grads = backward(W1, W2, x, below, hidden_in, hidden_out)
        check.gradients = dict(zip(("W1", "B1", "W2"), grads))
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kinds"),
    [
        ("np.dot(d_out, hidden_out.T)", "np.dot(d_out, hidden_in.T)", {"wrong-operand"}),
        ("return 1.0 * (x > 0)", "return 1.0 * (x > 1)", {"derivative-at-wrong-point"}),
        ("self.slope * grad, grad)", "0, grad)", {"derivative-at-wrong-point"}),
        ("drelu(hidden_in) * 1.0", "hidden_in * 1.0", {"derivative-at-wrong-point", "missing-derivative"}),
        (" + DECAY * W2", " + np.sum(DECAY * W2)", {"regularisation"}),
    ],
)
def test_helpers_and_what_they_are_given(right: str, wrong: str, kinds: set[str], tmp_path: Path) -> None:
    check, line = edited(tmp_path / "helped.py", GLOBALS, right, wrong)
    assert check.first_wrong.line == line, str(check)
    assert check.first_wrong.kind in kinds, str(check)


LOOPLESS = """
import numpy as np

rng = np.random.default_rng(14)


class Small:
    def __init__(self):
        self.rate = 0.1
        self.low, self.high = rng.normal(size=(4, 3)), rng.normal(size=(2, 4))

    def train(self, inputs, aims):
        hidden = 1 / (1 + np.exp(-np.dot(self.low, inputs)))
        out = 1 / (1 + np.exp(-np.dot(self.high, hidden)))
        lack = aims - out
        below = np.dot(self.high.T, lack * out * (1.0 - out))
        self.high += self.rate * np.dot(lack * out * (1.0 - out), hidden.T)
        self.low += self.rate * np.dot(below * hidden * (1.0 - hidden), inputs.T)


small, data, aims = Small(), rng.normal(size=(3, 6)), rng.random((2, 6))
for turn in range(2):
    small.train(data, aims)
"""


def test_a_slope_is_forgotten_and_not_made_up(tmp_path: Path) -> None:
    """By one loss the slope of the output is missing in one gradient, by another one it is too much in the other."""
    right = "np.dot(lack * out * (1.0 - out), hidden.T)"
    check = check_of_script(tmp_path, LOOPLESS.replace(right, "np.dot(lack, hidden.T)"))
    assert told(check) == (LOOPLESS[: LOOPLESS.index(right)].count("\n") + 1, "missing-derivative"), str(check)


def test_brackets_around_all_of_a_value_are_kept(tmp_path: Path) -> None:
    check, _ = edited(tmp_path / "bracketed.py", JACOBIANS, "J_L_z2 = sigmoid(z2) - t", "J_L_z2 = (z2 - t)")
    assert "right is   J_L_z2 = (sigmoid(z2) - t)\n" in str(check)
