"""Mistakes that two kinds of cause undo: what is told is the one that a reader would call it."""

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

SCORES_BY_THE_DATA = """
import numpy as np

rng = np.random.default_rng(5)
x, y = rng.normal(size=(9, 4)), np.eye(3)[rng.integers(0, 3, 9)]
w = 0.3 * rng.normal(size=(4, 3))

class Logistic:
    def __call__(self, y, z):
        self.p = self.expected(z)
        return -np.sum(y * np.log(self.p) + (1 - y) * np.log(1 - self.p))

    def expected(self, z):
        return 1 / (1 + np.exp(-z))

of_scores = Logistic()

for turn in range(6):
    z = x @ w
    loss = of_scores(y, z)
    dw = np.dot(of_scores.p.T, x)
    dw -= np.dot(y.T, x)
    w -= 0.1 * dw.T
    print(loss)
"""


def test_a_factor_of_a_matrix_product_is_no_point_of_a_slope(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SCORES_BY_THE_DATA).ok
    check, line = edited_script(tmp_path, SCORES_BY_THE_DATA, "of_scores.p.T", "z.T")
    assert told(check) == (line, "wrong-operand"), str(check)


WRITTEN_AGAIN = """
import numpy as np

rng = np.random.default_rng(6)
x, y = rng.normal(size=(3,)), rng.normal(size=(2,))
v, a, w, b = rng.normal(size=(3, 4)), np.zeros(4), rng.normal(size=(4, 2)), np.zeros(2)

def slope(h):
    return 1 - h**2

for turn in range(6):
    h = np.tanh(x.dot(v) + a)
    off = h.dot(w) + b - y
    loss = 0.5 * np.sum(off**2)
    back = off.dot(w.T) * slope(h)
    da = back
    dv = np.outer(x, back)
    dw, db = np.outer(h, off), off
    v, a, w, b = v - 0.1 * dv, a - 0.1 * da, w - 0.1 * dw, b - 0.1 * db
    print(loss)
"""


def test_a_product_written_again_without_its_slope_lacks_that(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, WRITTEN_AGAIN).ok
    check, line = edited_script(tmp_path, WRITTEN_AGAIN, "da = back", "da = off.dot(w.T)")
    assert told(check) == (line, "missing-derivative"), str(check)
    assert check.first_wrong.should_be == "off.dot(w.T) * slope(h)"


POOLED = """
import numpy as np

rng = np.random.default_rng(7)
x, y = rng.normal(size=(5, 6, 6)), rng.normal(size=(5, 2))
k, w = rng.normal(size=(6, 6)), rng.normal(size=(9, 2))
for turn in range(4):
    z = np.tanh(x * k)
    pooled = np.zeros((5, 3, 3))
    for s in range(5):
        for i in range(3):
            for j in range(3):
                pooled[s, i, j] = np.mean(z[s, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2])
    off = pooled.reshape(5, 9) @ w - y
    loss = 0.5 * np.sum(off**2) / 5
    d = off / 5
    dw = pooled.reshape(5, 9).T @ d
    dp = (d @ w.T).reshape(5, 3, 3)
    dz = np.zeros(z.shape)
    for s in range(5):
        for i in range(3):
            for j in range(3):
                dz[s, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] += dp[s, i, j] / 4
    dk = np.sum(dz * (1 - z**2) * x, axis=0)
    w, k = w - 0.1 * dw, k - 0.1 * dk
    print(loss)
"""


def test_the_mean_over_a_window_is_none_over_samples(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, POOLED).ok
    check, line = edited_script(tmp_path, POOLED, "+= dp[s, i, j] / 4", "+= dp[s, i, j]")
    assert told(check) == (line, "scale-factor"), str(check)


WRITTEN_INTO_WHAT_IS_GIVEN = """
import numpy as np
from tinygrad_scratch import verify

class Swish:
    def forward(self, x):
        self.x, self.s = x, 1 / (1 + np.exp(-x))
        return x * self.s

    def backward(self, d):
        slope = self.s + self.x * self.s * (1 - self.s)
        return d * slope

class Dense:
    def __init__(self, n, m, rng):
        self.w = rng.normal(size=(n, m)) / 2

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, d):
        self.dw = self.x.T @ d
        return d @ self.w.T

class Residual:
    def __init__(self, n, rng):
        self.first, self.bend, self.second = Dense(n, n, rng), Swish(), Dense(n, n, rng)

    def forward(self, x):
        return x + self.second.forward(self.bend.forward(self.first.forward(x)))

    def backward(self, d):
        return d + self.first.backward(self.bend.backward(self.second.backward(d)))

class Net:
    def __init__(self, rng):
        self.layers = [Dense(4, 5, rng), Residual(5, rng), Residual(5, rng), Swish(), Dense(5, 2, rng)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, d):
        for layer in reversed(self.layers):
            d = layer.backward(d)

rng = np.random.default_rng(8)
net, x, y = Net(rng), rng.normal(size=(7, 4)), rng.normal(size=(7, 2))
with verify(net) as check:
    out = net.forward(x)
    check.loss = 0.5 * np.sum((out - y) ** 2)
    net.backward(out - y)
"""


def test_an_array_that_a_layer_was_given_is_written_over_in_all_of_its_kind(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, WRITTEN_INTO_WHAT_IS_GIVEN).ok
    right, wrong = "return x * self.s\n", "return np.multiply(x, self.s, out=x)\n"
    check, line = edited_script(tmp_path, WRITTEN_INTO_WHAT_IS_GIVEN, right, wrong)
    assert told(check) == (line, "inplace-corruption"), str(check)


PAST_A_NORM = """
import numpy as np

class Norm:
    def forward(self, x):
        mean = x.mean(axis=1, keepdims=True)
        std = np.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True) + 1e-5)
        self.kept = x, mean, std
        return (x - mean) / std

    def backward(self, d):
        x, mean, std = self.kept
        n = x.shape[1]
        dstd = np.sum(d * (x - mean), axis=1, keepdims=True) * -1 / std**2
        dmean = np.sum(d, axis=1, keepdims=True) * -1 / std
        dx = d / std + dmean / n + dstd * (x - mean) / (n * std)

        return dx

rng = np.random.default_rng(9)
x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
v, u, w = rng.normal(size=(4, 5)), rng.normal(size=(5, 5)), rng.normal(size=(5, 3))
norm = Norm()
for turn in range(6):
    h = x @ v
    a = np.tanh(h)
    h2 = h + a @ u
    out = norm.forward(h2) @ w
    loss = 0.5 * np.sum((out - y) ** 2)
    d = out - y
    dw = norm.forward(h2).T @ d
    dh = norm.backward(d @ w.T)
    du = a.T @ dh
    dh = dh + dh @ u.T * (1 - a**2)
    dv = x.T @ dh
    v, u, w = v - 0.01 * dv, u - 0.01 * du, w - 0.01 * dw
    print(loss)
"""


def test_a_path_is_missing_where_the_sum_is_made_and_not_where_it_is_handed_back(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, PAST_A_NORM).ok
    check, line = edited_script(tmp_path, PAST_A_NORM, "d / std + dmean / n +", "d / std +")
    assert told(check) == (line, "missing-term"), str(check)


IN_LAYERS_OF_ONE_OUTPUT = """
import numpy as np

class Sigmoid:
    def forward(self, z):
        self.a = 1 / (1 + np.exp(-z))

    def backward(self, above):
        self.dz = above * self.a * (1 - self.a)

class Linear:
    def __init__(self, n, m, rng):
        self.w, self.b = rng.normal(size=(m, n)), np.zeros((m, 1))

    def forward(self, x):
        self.x = x
        self.z = self.w @ x + self.b

    def backward(self, above):
        self.dw, self.db = above @ self.x.T, above.sum(axis=1, keepdims=True)
        self.dx = self.w.T @ above

    def update(self, rate):
        self.w, self.b = self.w - rate * self.dw, self.b - rate * self.db

rng = np.random.default_rng(10)
x, y = rng.normal(size=(2, 7)), (rng.random((1, 7)) > 0.5) * 1.0
first, second, one, two = Linear(2, 4, rng), Linear(4, 1, rng), Sigmoid(), Sigmoid()
for turn in range(6):
    first.forward(x)
    one.forward(first.z)
    second.forward(one.a)
    two.forward(second.z)
    cost = -np.sum(y * np.log(two.a) + (1 - y) * np.log(1 - two.a)) / 7
    two.backward((two.a - y) / (two.a * (1 - two.a)) / 7)
    second.backward(two.dz)
    one.backward(second.dx)
    first.backward(one.dz)
    first.update(0.1)
    second.update(0.1)
    print(cost)
"""


def test_a_layer_that_is_passed_over_is_told_where_its_gradient_is_handed_on(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, IN_LAYERS_OF_ONE_OUTPUT).ok
    check, line = edited_script(tmp_path, IN_LAYERS_OF_ONE_OUTPUT, "one.backward(second.dx)", "one.backward(two.dz)")
    assert told(check) == (line, "wrong-operand"), str(check)


WITH_A_COUNT = """
import numpy as np
from scipy.optimize import minimize

def cost(theta, x, y, alpha):
    w, sigma = theta[:-1], theta[-1]
    off = y - x @ w
    far = np.abs(off) > 1.9 * sigma
    count = np.count_nonzero(far)
    near = off[~far]
    loss = len(y) * sigma + near @ near / sigma + 3.8 * np.abs(off[far]).sum() - sigma * count * 1.9**2
    grad = np.zeros(theta.shape)
    grad[:-1] = -2.0 / sigma * (near @ x[~far])
    grad[:-1] -= 3.8 * (np.sign(off[far]) @ x[far])
    grad[:-1] += alpha * 2.0 * w
    grad[-1] = len(y) - count * 1.9**2 - near @ near / sigma**2
    return loss + alpha * w @ w, grad

rng = np.random.default_rng(11)
x = rng.normal(size=(20, 3))
y = x @ np.array([1.0, -2.0, 0.5]) + 0.3 * rng.normal(size=20)
y[4] = 6.0
found = minimize(cost, np.array([0.4, -1.0, 0.2, 1.3]), args=(x, y, 0.05), jac=True, method="L-BFGS-B")
print(found.fun)
"""


def test_a_number_that_a_penalty_lacks_is_no_slope_of_a_count(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    assert check_of_script(tmp_path, WITH_A_COUNT).ok
    check, line = edited_script(tmp_path, WITH_A_COUNT, "alpha * 2.0 * w", "alpha * w")
    assert told(check) == (line, "regularisation"), str(check)
    assert "count" not in check.first_wrong.sentence


BY_ITS_LENGTH = """
import numpy as np
from tinygrad_scratch import verify

class Scored:
    def __init__(self, rng, sharpness=4.0):
        self.w, self.b = rng.normal(size=(5, 4)), 0.1 * rng.normal(size=4)
        self.c, self.sharpness = rng.normal(size=(4, 3)), sharpness

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.w + self.b)
        self.lengths = np.sqrt(np.sum(self.c**2, axis=0, keepdims=True))
        self.v = self.c / self.lengths
        self.cos = self.h @ self.v
        scores = self.sharpness * self.cos
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def backward(self, y):
        d = self.p.copy()
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        dcos = d * self.sharpness
        dv = self.h.T @ dcos
        dc = (dv - self.v * np.sum(dv * self.v, axis=0, keepdims=True)) / self.lengths
        dz = dcos @ self.v.T * (1 - self.h**2)
        return {"w": self.x.T @ dz, "b": dz.sum(axis=0), "c": dc}

rng = np.random.default_rng(12)
net, x, y = Scored(rng), rng.normal(size=(11, 5)), rng.integers(0, 3, 11)
with verify(net) as check:
    p = net.forward(x)
    check.loss = -np.mean(np.log(p[np.arange(11), y]))
    check.gradients = net.backward(y)
"""

BY_A_SQUARE = """
import numpy as np
from tinygrad_scratch import verify

rng = np.random.default_rng(13)
x, y, w, b = rng.normal(size=(9, 4)), rng.integers(0, 3, 9), rng.normal(size=(4, 3)), rng.normal(size=3)

def forward(x):
    z = x @ w + b
    s = z**2
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return z, e / e.sum(axis=1, keepdims=True)

def backward(z, p):
    ds = p.copy()
    ds[np.arange(9), y] -= 1
    ds /= 9
    dz = 2 * ds * z
    return x.T @ dz, dz.sum(axis=0)

with verify() as check:
    z, p = forward(x)
    check.loss = -np.mean(np.log(p[np.arange(9), y]))
    dw, db = backward(z, p)
    check.gradients = {"w": dw, "b": db}
"""


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [(BY_ITS_LENGTH, "dcos = d * self.sharpness", "dcos = d"), (BY_A_SQUARE, "dz = 2 * ds * z", "dz = ds * z")],
    ids=["a number that is a length by chance", "the 2 of a square"],
)
def test_what_all_gradients_lack_behind_a_right_one_is_no_convention(
    tmp_path: Path, text: str, right: str, wrong: str
) -> None:
    assert check_of_script(tmp_path, text).ok
    check, line = edited_script(tmp_path, text, right, wrong)
    assert told(check) == (line, "scale-factor"), str(check)


GIVEN_NOUGHTS = """
import numpy as np

class Net:
    def __init__(self, rng):
        self.w, self.b = rng.normal(size=(3, 7)), rng.normal(size=7)
        self.v = rng.normal(size=(7, 2))

    def fit(self, x, y, rate=0.05, turns=8):
        for turn in range(turns):
            h = np.tanh(x @ self.w + self.b)
            off = h @ self.v - y
            loss = np.mean(off**2)
            d = 2 * off / y.size
            dh = d @ self.v.T * (1 - h**2)
            self.v = self.v - rate * h.T @ d
            self.w = self.w - rate * x.T @ dh
            self.b = self.b - rate * np.zeros(7)
            print(turn, loss)

rng = np.random.default_rng(2)
Net(rng).fit(rng.normal(size=(11, 3)), rng.normal(size=(11, 2)))
"""


def test_a_parameter_without_a_gradient_is_asked_about_once(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, GIVEN_NOUGHTS)
    assert not check.ok
    assert str(check).count("b (7,)") == 1, str(check)


SLOPE_BY_A_FLAG = """
import numpy as np

def nonlin(x, deriv=False):
    '''The logistic function, or its slope.'''
    if deriv:
        return np.exp(-x) / (np.exp(-x) + 1) ** 2
    return 1 / (1 + np.exp(-x))

rng = np.random.default_rng(16)
x, y = rng.normal(size=(9, 4)), np.eye(3)[rng.integers(0, 3, 9)]
v, w = rng.normal(size=(4, 5)), rng.normal(size=(5, 3))
for turn in range(6):
    z = x @ v
    a = nonlin(z)
    e = np.exp(a @ w)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.sum(y * np.log(p)) / 9
    d = (p - y) / 9
    dw = a.T @ d
    dz = d @ w.T * nonlin(z, deriv=True)
    dv = x.T @ dz
    v, w = v - 0.1 * dv, w - 0.1 * dw
    print(loss)
"""


def test_a_slope_that_is_right_is_not_to_blame_for_where_it_is_taken(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SLOPE_BY_A_FLAG).ok
    check, line = edited_script(tmp_path, SLOPE_BY_A_FLAG, "nonlin(z, deriv=True)", "nonlin(a, deriv=True)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)
    check, line = edited_script(tmp_path, SLOPE_BY_A_FLAG, "np.exp(-x) + 1) ** 2", "np.exp(-x) + 1)")
    assert told(check)[0] == line, str(check)


WITH_A_MASK = """
import numpy as np

class Relu:
    def forward(self, z):
        self.z = z
        out = z.copy()
        out[out < 0] = 0
        return out

    def backward(self, dy):
        dx = dy.copy()
        dx[self.z < 0] = 0
        return dx

rng = np.random.default_rng(17)
x, y = np.abs(rng.normal(size=(1, 4))), np.array([[9.0, -8.0, 7.0]])
v, w, relu = np.abs(rng.normal(size=(4, 5))), rng.normal(size=(5, 3)), Relu()
for turn in range(5):
    a = relu.forward(x @ v)
    off = a @ w - y
    loss = 0.5 * np.sum(off**2)
    dw = a.T @ off
    dv = x.T @ relu.backward(off @ w.T)
    v, w = v - 0.001 * dv, w - 0.001 * dw
    print(loss)
"""


def test_entries_that_are_set_to_nought_are_no_sum(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, WITH_A_MASK).ok
    check, line = edited_script(tmp_path, WITH_A_MASK, "dx[self.z < 0] = 0", "dx[dy < 0] = 0")
    assert check.first_wrong.line == line, str(check)
    assert check.first_wrong.kind != "overwritten-accumulation", str(check)


UPDATED_ON_THE_WAY = """
import numpy as np

rng = np.random.default_rng(18)
x, y = rng.normal(size=(5, 11)), np.eye(3)[:, rng.integers(0, 3, 11)]
W = {1: rng.normal(size=(6, 5)), 2: 0.5 * rng.normal(size=(4, 6)), 3: rng.normal(size=(3, 4))}
v = {layer: np.zeros_like(W[layer]) for layer in W}

beta, learning_rate = 0.9, 0.5

def forward():
    A = {0: x}
    for layer in (1, 2):
        A[layer] = np.tanh(W[layer] @ A[layer - 1])
    e = np.exp(W[3] @ A[2])
    A[3] = e / e.sum(axis=0)
    return A

def backward(A):
    d = A[3] - y
    for layer in (3, 2, 1):
        dW = d @ A[layer - 1].T / 11
        if layer > 1:
            up = np.dot(W[layer].T, d)
            d = up * (1 - A[layer - 1] ** 2)
        v[layer] = beta * v[layer] + (1 - beta) * dW
        W[layer] -= learning_rate * v[layer]

for turn in range(8):
    A = forward()
    cost = -np.sum(y * np.log(A[3])) / 11
    backward(A)
    print(cost)
"""


def test_an_update_by_a_velocity_in_the_loop_over_layers_stands_too_early(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, UPDATED_ON_THE_WAY).ok
    back = "        if layer > 1:\n            up = np.dot(W[layer].T, d)\n"
    back += "            d = up * (1 - A[layer - 1] ** 2)\n"
    move = "        v[layer] = beta * v[layer] + (1 - beta) * dW\n        W[layer] -= learning_rate * v[layer]\n"
    check, line = edited_script(tmp_path, UPDATED_ON_THE_WAY, back + move, move + back)
    assert told(check) == (line + 3, "stale-or-updated-weights"), str(check)


THROUGH_A_SLOPE = """
import numpy as np

rng = np.random.default_rng(19)
x = rng.random((9, 4))
W, b, V, c = rng.normal(size=(3, 4)), np.zeros(3), rng.normal(size=(4, 3)), np.zeros(4)
for turn in range(6):
    H = 1 / (1 + np.exp(-(x @ W.T + b)))
    R = H @ V.T + c
    S = H * (1 - H)
    row = np.sum(W**2, axis=1)
    cost = 0.5 * np.sum((R - x) ** 2) / 9 + 0.3 * np.sum(S**2 * row) / 9
    dR = (R - x) / 9
    dV, dc = dR.T @ H, dR.sum(axis=0)
    dH = dR @ V
    dS = 2 * 0.3 * S * row / 9
    dH = dH + dS * (1 - 2 * H)
    dA = dH * S
    dW = dA.T @ x + 2 * 0.3 * W * np.sum(S**2, axis=0)[:, None] / 9
    db = dA.sum(axis=0)
    W, b, V, c = W - 0.1 * dW, b - 0.1 * db, V - 0.1 * dV, c - 0.1 * dc
    print(cost)
"""


def test_what_is_the_gradient_that_it_is_called_lacks_nothing_where_it_is_made(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, THROUGH_A_SLOPE).ok
    check, line = edited_script(tmp_path, THROUGH_A_SLOPE, "dH + dS * (1 - 2 * H)", "dH + dS")
    assert told(check) == (line, "missing-derivative"), str(check)


HINGED = """
import numpy as np

rng = np.random.default_rng(25)
x, theta, reg = rng.normal(size=(17, 5)), rng.normal(size=(5, 1)), 1.1
y = np.where(x[:, :1] - x[:, 1:2] > 0, 1, -1)
for turn in range(6):
    margin = y * (x @ theta)
    loss = np.maximum(1 - margin, 0).sum()
    g = -((y * x).T @ (margin <= 1)) + reg * theta
    theta -= 0.001 * g
    print(loss)
"""


def test_a_decay_that_the_loss_is_without_pushes_nothing_away_from_nought(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, HINGED).ok
    check, line = edited_script(tmp_path, HINGED, "+ reg * theta", "- reg * theta")
    assert told(check) == (line, "regularisation"), str(check)
    assert "pushes its parameter away from 0" in str(check).replace("\n             ", " "), str(check)


RATED = """
import numpy as np

rng = np.random.default_rng(26)
users, items, reg = rng.normal(size=(5, 3)), rng.normal(size=(6, 3)), 0.1
data = np.stack([rng.integers(0, 5, 9), rng.integers(0, 6, 9), rng.integers(1, 6, 9)], axis=1)
for turn in range(5):
    u = users.take(data.take(0, axis=1), axis=0)
    v = items.take(data.take(1, axis=1), axis=0)
    errors = np.sum(u * v, 1) - data.take(2, axis=1)
    many = np.tile(2 * errors, (3, 1)).T
    du = v * many + reg * u
    dv = u * many + reg * v
    dusers, ditems = np.zeros((5, 3)), np.zeros((6, 3))
    for i in range(9):
        dusers[data[i, 0]] += du[i]
        ditems[data[i, 1]] += dv[i]
    users -= 0.01 * dusers
    items -= 0.01 * ditems
"""


def test_a_penalty_of_rows_of_another_parameter_is_one_of_another(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, RATED).ok
    check, line = edited_script(tmp_path, RATED, "u * many + reg * v", "u * many + reg * u")
    assert told(check) == (line, "regularisation"), str(check)


IN_EXPONENTIAL_UNITS = """
import numpy as np

class Bend:
    a = 1.0

    def of(self, z):
        return np.where(z >= 0, z, self.a * (np.exp(z) - 1))

    def slope(self, z):
        return np.where(z >= 0, 1, self.of(z) + self.a)

rng = np.random.default_rng(27)
x, y, w, u = rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), rng.normal(size=(4, 5)), rng.normal(size=(5, 2))
bend = Bend()
for turn in range(6):
    z = x @ w
    h = bend.of(z)
    loss = 0.5 * np.sum((h @ u - y) ** 2)
    d = h @ u - y
    dh = d @ u.T * bend.slope(z)
    u -= 0.01 * h.T @ d
    w -= 0.01 * x.T @ dh
    print(loss)
"""


def test_the_one_that_the_slope_of_an_exponential_unit_lacks_is_a_term(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, IN_EXPONENTIAL_UNITS).ok
    check, line = edited_script(tmp_path, IN_EXPONENTIAL_UNITS, "self.of(z) + self.a", "self.of(z)")
    assert told(check) == (line, "missing-term"), str(check)


OF_NUMBERS = """
import numpy as np

i1, i2, t1, t2, eta = 0.05, 0.1, 0.01, 0.99, 0.5
w1, w2, w3, w4, b = 0.15, 0.2, 0.4, 0.55, 0.6

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

for turn in range(6):
    h = sigmoid(w1 * i1 + w2 * i2)
    o1, o2 = sigmoid(w3 * h + b), sigmoid(w4 * h)
    error = 0.5 * (t1 - o1) ** 2 + 0.5 * (t2 - o2) ** 2
    d1 = -(t1 - o1) * o1 * (1 - o1)
    d2 = -(t2 - o2) * o2 * (1 - o2)
    dh = (d1 * w3 + d2 * w4) * h * (1 - h)
    w1, w2 = w1 - eta * dh * i1, w2 - eta * dh * i2
    w3, w4, b = w3 - eta * d1 * h, w4 - eta * d2 * h, b - eta * d1
    print(error)
"""


def test_a_slope_that_single_numbers_lack_is_one_and_is_put_in_with_brackets(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, OF_NUMBERS).ok
    check, line = edited_script(tmp_path, OF_NUMBERS, "-(t1 - o1) * o1 * (1 - o1)", "-(t1 - o1)")
    assert told(check) == (line, "missing-derivative"), str(check)
    assert "(t1 - o1) * o1 * (1 - o1)" in check.first_wrong.should_be, str(check)
