"""Programs in the forms in which books and courses write them: shared weights, layers in files of their own, Adam."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, line_of, told

SHARED = """
import numpy as np


class Words:
    def __init__(self, w):
        self.params, self.grads = [w], [np.zeros_like(w)]

    def forward(self, index):
        (w,) = self.params
        self.index = index
        return w[index]

    def backward(self, d):
        (dw,) = self.grads
        dw[...] = 0
        np.add.at(dw, self.index, d)


class Model:
    def __init__(self):
        w_in = 0.1 * np.random.randn(9, 4)
        self.v = 0.1 * np.random.randn(4, 9)
        self.layers = [Words(w_in), Words(w_in)]
        self.params, self.grads = [], []
        for layer in self.layers:
            self.params += layer.params
            self.grads += layer.grads

    def forward(self, index, wanted):
        self.wanted, self.h = wanted, 0
        for i, layer in enumerate(self.layers):
            self.h = self.h + layer.forward(index[:, i])
        scores = self.h @ self.v
        self.y = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return -np.mean(np.log(self.y[np.arange(len(wanted)), wanted]))

    def backward(self):
        d = self.y.copy()
        d[np.arange(len(d)), self.wanted] -= 1
        d /= len(d)
        for layer in self.layers:
            layer.backward(d @ self.v.T)


class Adam:
    def __init__(self):
        self.turn, self.m = 0, None

    def update(self, params, grads):
        if self.m is None:
            self.m, self.v = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
        self.turn += 1
        rate = 0.01 * np.sqrt(1.0 - 0.999**self.turn) / (1.0 - 0.9**self.turn)
        for i in range(len(params)):
            self.m[i] += (1 - 0.9) * (grads[i] - self.m[i])
            self.v[i] += (1 - 0.999) * (grads[i] ** 2 - self.v[i])
            params[i] -= rate * self.m[i] / (np.sqrt(self.v[i]) + 1e-7)


def without_doubles(params, grads):
    params, grads = params[:], grads[:]
    if params[0] is params[1]:
        grads[0] += grads[1]
        params.pop(1)
        grads.pop(1)
    return params, grads


np.random.seed(1)
model, adam = Model(), Adam()
index, wanted = np.random.randint(0, 9, (12, 2)), np.random.randint(0, 9, 12)
for turn in range(4):
    loss = model.forward(index, wanted)
    model.backward()
    params, grads = without_doubles(model.params, model.grads)
    adam.update(params, grads)
"""


def test_weights_in_two_layers_are_one_object_while_they_are_recorded(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SHARED)
    assert check.ok is True, str(check)
    assert len(check.finals) == 1, "one array, whatever holds it"
    check, line = edited_script(tmp_path, SHARED, "np.add.at(dw, self.index, d)", "dw[self.index] += d")
    assert told(check) == (line, "overwritten-accumulation"), str(check)


SQUARED = """
import numpy as np

draw = np.random.default_rng(0)
x, t = draw.normal(size=(20, 3)), draw.normal(size=(20, 2))
w, b = draw.normal(size=(3, 2)), np.zeros(2)
all_of_it, m, v = [w, b], [0, 0], [0, 0]
for turn in range(1, 6):
    y = x @ w + b
    loss = np.mean((y - t) ** 2)
    d = 2 * (y - t) / t.size
    moves = [x.T @ d, d.sum(axis=0)]
    for i in range(2):
        m[i] = 0.9 * m[i] + 0.1 * moves[i]
        v[i] = 0.99 * v[i] + 0.01 * moves[i] ** 2
        all_of_it[i] -= 0.01 * m[i] / (np.sqrt(v[i]) + 1e-7)
"""


def test_what_a_step_is_scaled_by_the_squares_of_is_the_gradient_whatever_its_name(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SQUARED).ok is True
    check, line = edited_script(tmp_path, SQUARED, "[x.T @ d,", "[x.T @ d * np.array([1, 2.0]),")
    assert told(check) == (line, "scale-factor"), str(check)


POINTS = """
import numpy as np

draw = np.random.default_rng(0)
P = draw.random((8, 8))
np.fill_diagonal(P, 0)
P = (P + P.T) / (P + P.T).sum()
Y = 1e-4 * draw.normal(size=(8, 2))
for turn in range(5):
    apart = Y[:, None, :] - Y[None, :, :]
    near = 1 / (1 + np.sum(apart**2, axis=2))
    np.fill_diagonal(near, 0)
    Q = near / near.sum()
    loss = np.sum(np.where(P > 0, P * np.log(np.maximum(P, 1e-300) / np.maximum(Q, 1e-300)), 0))
    pull = (P - Q) * near
    dY = 4 * np.sum(pull[:, :, None] * apart, axis=1)
    Y = Y - 0.5 * dY
"""


def test_points_that_begin_close_to_0_hide_no_factor_of_their_distances(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, POINTS)
    assert check.ok is True, str(check)
    check, line = edited_script(tmp_path, POINTS, "pull = (P - Q) * near", "pull = P - Q")
    assert told(check) == (line, "missing-derivative"), str(check)
    assert "Y begins close to 0 in your run" in " ".join(str(check).split())


LISTS = """
import numpy as np


def squash(z):
    return 1.0 / (1.0 + np.exp(-z))


def squash_prime(z):
    return squash(z) * (1 - squash(z))


class Net:
    def __init__(self):
        draw = np.random.default_rng(3)
        self.w = [draw.normal(size=(4, 3)), draw.normal(size=(4, 4)), draw.normal(size=(2, 4))]

    def backward(self, x, t):
        a = x
        activations, zs = [x], []
        for w in self.w:
            z = w @ a
            zs.append(z)
            a = squash(z)
            activations.append(a)
        grads = [None] * 3
        delta = (activations[-1] - t) * squash_prime(zs[-1])
        grads[-1] = delta @ activations[-2].T
        for l in range(2, 4):
            z = zs[-l]
            sp = squash_prime(z)
            delta = (self.w[-l + 1].T @ delta) * sp
            grads[-l] = delta @ activations[-l - 1].T
        return activations[-1], grads


net, draw = Net(), np.random.default_rng(4)
x, t = draw.normal(size=(3, 6)), draw.random((2, 6))
for turn in range(3):
    out, grads = net.backward(x, t)
    loss = 0.5 * np.sum((out - t) ** 2)
    net.w = [w - 0.1 * g for w, g in zip(net.w, grads)]
"""


def test_another_list_for_what_a_slope_is_taken_at_is_a_wrong_point(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, LISTS).ok is True
    text = LISTS.replace("            z = zs[-l]\n", "            z = activations[-l]\n")
    assert told(check_of_script(tmp_path, text)) == (line_of(text, "z = activations[-l]"), "derivative-at-wrong-point")


BY_FILES = {
    "bend": "import numpy as np\n\n\ndef bend(z):\n    return 1 / (1 + np.exp(-z))\n",
    "bend_gradient": (
        "import numpy as np\nfrom bend import bend\n\n\ndef bend_gradient(z):\n    return bend(z) * (1 - bend(z))\n"
    ),
}
IN_FILES = """
import numpy as np
import bend as b
import bend_gradient as bg

draw = np.random.default_rng(3)
x, t = draw.normal(size=(9, 3)), draw.normal(size=(9, 2))
w, v = draw.normal(size=(3, 4)), draw.normal(size=(4, 2))
for turn in range(3):
    grad_w, grad_v, loss = np.zeros_like(w), np.zeros_like(v), 0
    for i in range(9):
        h = b.bend(x[i] @ w)
        d = h @ v - t[i]
        loss = loss + 0.5 * np.sum(d**2)
        dh = (v @ d) * bg.bend_gradient(x[i] @ w)
        grad_w += np.outer(x[i], dh)
        grad_v += np.outer(h, d)
    w = w - 0.01 * grad_w
    v = v - 0.01 * grad_v
"""


def test_a_slope_that_is_imported_in_vain_is_the_one_that_was_meant(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, IN_FILES, **BY_FILES).ok is True
    text = IN_FILES.replace("bg.bend_gradient(x[i] @ w)", "b.bend(x[i] @ w)")
    check = check_of_script(tmp_path, text, **BY_FILES)
    assert told(check)[0] == line_of(text, "dh = "), str(check)
    assert "bg.bend_gradient(x[i] @ w)" in str(check.first_wrong.should_be)


PENALISED = """
import numpy as np


class Layer:
    def __init__(self, w):
        self.w = w

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, d):
        self.dw = self.x.T @ d
        return d @ self.w.T


class Net:
    def __init__(self):
        draw = np.random.default_rng(2)
        self.layers, self.decay = [Layer(draw.normal(size=(3, 4))), Layer(draw.normal(size=(4, 2)))], 0.1

    def loss(self, x, t):
        for layer in self.layers:
            x = layer.forward(x)
        self.d = x - t
        return 0.5 * np.sum(self.d**2) + 0.5 * self.decay * sum(np.sum(layer.w**2) for layer in self.layers)

    def gradient(self):
        d, grads = self.d, {}
        for layer in reversed(self.layers):
            d = layer.backward(d)
        for i in range(2):
            grads[f"w{i}"] = self.layers[i].dw + self.decay * self.layers[i].w
        return grads


draw, net = np.random.default_rng(7), Net()
x, t = draw.normal(size=(8, 3)), draw.normal(size=(8, 2))
for turn in range(3):
    loss = net.loss(x, t)
    grads = net.gradient()
    for i in range(2):
        net.layers[i].w -= 0.01 * grads[f"w{i}"]
"""


def test_the_gradient_of_a_penalty_is_due_in_the_class_that_adds_it_to_the_loss(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, PENALISED).ok is True
    check, line = edited_script(
        tmp_path, PENALISED, "self.layers[i].dw + self.decay * self.layers[i].w", "self.layers[i].dw"
    )
    assert told(check) == (line, "regularisation"), str(check)


BRACKETS = """
import numpy as np

draw = np.random.default_rng(7)
x, t = draw.normal(size=(8, 3)), draw.normal(size=(8, 2))
w, v = draw.normal(size=(3, 4)), draw.normal(size=(4, 2))
for turn in range(3):
    h = np.tanh(x @ w)
    d = h @ v - t
    loss = 0.5 * np.sum(d**2) / 8 + 0.5 * 0.3 * (np.sum(w**2) + np.sum(v**2))
    dz = d @ v.T * (1 - h**2)
    dw = x.T @ dz / 8 + 0.3 * w
    dv = h.T @ d / 8 + 0.3 * v
    w = w - 0.01 * dw
    v = v - 0.01 * dv
"""


def test_brackets_around_a_penalty_are_a_mistake_in_it(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, BRACKETS).ok is True
    check, line = edited_script(tmp_path, BRACKETS, "x.T @ dz / 8 + 0.3 * w", "(x.T @ dz + 0.3 * w) / 8")
    assert told(check) == (line, "regularisation"), str(check)


VARIANTS = """
import numpy as np
from tinygrad_scratch import verify


def forward(x):
    spread = np.sqrt(x.var(axis=0) + 1e-5)
    z = (x - x.mean(axis=0)) / spread
    return z, (z, spread)


def backward(d, cache):
    z, spread = cache
    dz = d - d.mean(axis=0) - z * np.mean(d * z, axis=0)
    return dz / spread


def backward_alt(d, cache):
    z, spread = cache
    dx = d - d.mean(axis=0) - z * np.mean(d * z, axis=0)
    dx = dx / spread
    return dx


def backward_of_rows(d, cache):
    dx = backward_alt(d.T, cache)
    return dx.T


draw = np.random.default_rng(0)
x, up = draw.normal(size=(6, 4)), draw.normal(size=(6, 4))
with verify(x=x) as check:
    z, cache = forward(x.T)
    check.loss = np.sum(z.T * up)
    check.gradients = backward_of_rows(up, cache)
"""


def test_another_way_to_make_the_same_is_not_what_was_meant(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, VARIANTS).ok is True
    check, line = edited_script(
        tmp_path, VARIANTS, "dx = d - d.mean(axis=0) - z * np.mean(d * z, axis=0)", "dx = d - d.mean(axis=0)"
    )
    assert told(check) == (line, "missing-term"), str(check)


HANDED = """
import numpy as np

draw = np.random.default_rng(1)
Y = draw.random((5, 12))
X = [draw.random((5, 2)), draw.random((2, 12))]


def as_tuple(X):
    if type(X) in [list, tuple]:
        return X
    return (X,)


def gradients(A, S):
    D = A @ S - Y
    return D @ S.T, A.T @ D


for turn in range(4):
    G = as_tuple(gradients(*X))
    for j in range(2):
        X[j][:] = np.maximum(X[j] - 0.01 * G[j], 0)
"""


def test_what_a_function_is_handed_under_the_name_of_parameters_replaces_none(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HANDED)
    assert check.first_wrong is None, str(check)


FROM_ABOVE = """
import numpy as np
from tinygrad_scratch import verify


class Soft:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return self.y

    def backward(self, dLdy):
        self.dLdy = dLdy
        return self.y * (dLdy - np.sum(dLdy * self.y, axis=1, keepdims=True))


class Attention:
    def __init__(self):
        self.soft = Soft()

    def forward(self, q, k, v):
        self.q, self.k, self.v = q, k, v
        self.w = self.soft.forward(q @ k.T)
        return self.w @ v

    def backward(self, dLdy):
        self.dLdy = dLdy
        ds = self.soft.backward(dLdy @ self.v.T)
        return ds @ self.k, ds.T @ self.q, self.w.T @ dLdy


draw = np.random.default_rng(0)
q, k, v = draw.normal(size=(4, 5)), draw.normal(size=(6, 5)), draw.normal(size=(6, 3))
dLdy, layer = draw.normal(size=(4, 3)), Attention()
with verify(q=q, k=k, v=v) as check:
    y = layer.forward(q, k, v)
    check.loss = np.sum(y * dLdy)
    check.gradients = layer.backward(dLdy)
"""


def test_a_gradient_from_above_that_the_loss_was_made_with_is_no_parameter(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, FROM_ABOVE)
    assert check.ok is True, str(check)
    assert {final.parameter.name for final in check.finals} == {"q", "k", "v"}


LEADER = """
import numpy as np

draw = np.random.default_rng(0)
X = (draw.random((20, 6)) > 0.5) * draw.normal(size=(20, 6))
Y = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)


class Leader:
    def __init__(self):
        self.w, self.z, self.n = np.zeros(6), draw.normal(size=6), np.zeros(6)

    def step(self, x, y):
        for i in range(6):
            much = abs(self.z[i]) > 0.01
            self.w[i] = -(self.z[i] - np.sign(self.z[i]) * 0.01) / ((0.2 + np.sqrt(self.n[i])) / 0.2) if much else 0.0
        p = 1 / (1 + np.exp(-self.w @ x))
        loss = -(y * np.log(p) + (1 - y) * np.log(1 - p))
        for i in range(6):
            g = (p - y) * x[i]
            s = (np.sqrt(self.n[i] + g**2) - np.sqrt(self.n[i])) / 0.2
            self.z[i] += g - s * self.w[i]
            self.n[i] += g**2
        return loss


leader = Leader()
for turn in range(3):
    total = 0
    for x, y in zip(X, Y):
        total += leader.step(x, y)
"""


def test_what_weights_are_worked_out_from_is_not_accused(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LEADER)
    assert check.first_wrong is None, str(check)


ADADELTA = """
import numpy as np

draw = np.random.default_rng(0)
x, t = draw.normal(size=(16, 4)), draw.normal(size=(16, 1))
v, c, w, b = draw.normal(size=(4, 10)), np.zeros(10), draw.normal(size=(10, 1)), np.zeros(1)
held = {name: [np.zeros_like(value), np.zeros_like(value)] for name, value in dict(v=v, c=c, w=w, b=b).items()}


def moved(name, value, gradient):
    stored, before = held[name]
    stored = stored * 0.9 + gradient**2 * 0.1
    grad = (np.sqrt(before) + 1e-6) / (np.sqrt(stored) + 1e-6) * gradient
    held[name] = [stored, before * 0.9 + grad**2 * 0.1]
    return value - grad


for turn in range(5):
    h = np.tanh(x @ v + c)
    y = h @ w + b
    loss = np.mean((y - t) ** 2)
    d = 2 * (y - t) / len(t)
    dh = d @ w.T * (1 - h**2)
    w, b = moved("w", w, h.T @ d), moved("b", b, d.sum(axis=0))
    v, c = moved("v", v, x.T @ dh), moved("c", c, dh.sum(axis=0))
"""


def test_a_bias_of_one_entry_is_scaled_as_the_weights_are(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ADADELTA)
    assert check.ok is True, str(check)


TWICE = """
import numpy as np
from tinygrad_scratch import verify

draw = np.random.default_rng(0)
x, y, w = draw.normal(size=(7, 6)), draw.normal(size=(7, 4)), draw.normal(size=(6, 4))


def loss_and_gradient(w, reg):
    d = x @ w - y
    loss = 0.5 * np.sum(d**2) / 7
    loss += reg * np.sum(w * w)
    dw = x.T @ d / 7
    dw = dw + reg * 2 * w
    return loss, dw


with verify(w=w) as check:
    check.loss, check.gradients = loss_and_gradient(w, 0.05)
"""


def test_half_a_penalty_is_no_sum_that_is_lost(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, TWICE, "reg * 2 * w", "reg * w")
    assert told(check) == (line, "regularisation"), str(check)


def test_a_product_in_place_for_a_quotient_is_a_factor(tmp_path: Path) -> None:
    text = VARIANTS.replace("    dx = dx / spread\n", "    dx /= spread\n")
    check, line = edited_script(tmp_path, text, "    dx /= spread\n", "    dx *= spread\n")
    assert told(check) == (line, "scale-factor"), str(check)


IN_LAYERS = """
import numpy as np

draw = np.random.default_rng(0)


class Dense:
    def __init__(self, inputs, outputs):
        self.weights, self.bias = draw.random((inputs, outputs)) - 0.5, draw.random((1, outputs)) - 0.5
        self.v_weights, self.v_bias = np.zeros((inputs, outputs)), np.zeros((1, outputs))

    def forward(self, x):
        self.x = x
        return x @ self.weights + self.bias

    def backward(self, error, rate):
        below = error @ self.weights.T
        d_weights, d_bias = self.x.T @ error, error
        self.v_weights = 0.9 * self.v_weights + 0.1 * d_weights
        self.v_bias = 0.9 * self.v_bias + 0.1 * d_bias
        self.weights = self.weights - rate * self.v_weights
        self.bias = self.bias - rate * self.v_bias
        return below


class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, error, rate):
        return (1 - self.y**2) * error


layers = [Dense(9, 8), Tanh(), Dense(8, 3), Tanh()]
x_train, y_train = draw.random((6, 1, 9)), draw.random((6, 1, 3))
for epoch in range(2):
    total = 0
    for j in range(6):
        output = x_train[j]
        for layer in layers:
            output = layer.forward(output)
        total += np.mean((y_train[j] - output) ** 2)
        error = 2 * (output - y_train[j]) / output.size
        for layer in reversed(layers):
            error = layer.backward(error, 0.1)
    total /= 6
"""


def test_an_error_that_goes_back_through_layers_is_no_loss_of_their_own(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, IN_LAYERS)
    assert check.ok is True, str(check)
    assert len(check.finals) == 4, str(check)
