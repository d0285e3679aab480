"""Right programs in the forms in which people publish them, and what is wrong in these where something is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told
from tinygrad_scratch.verifier.running.guard import Guard

WORDS = """
import numpy as np

draw = np.random.default_rng(5)
pairs = draw.integers(0, 9, size=(24, 2))
W_in, W_out = draw.normal(size=(9, 4)), np.zeros((9, 4))


def squash(a):
    return 1 / (1 + np.exp(-a))


def faded(rate, least, turn, turns):
    return max(least, rate * (1.0 - turn / turns))


def step(word, beside, noise, rate):
    v, u, us = W_in[word], W_out[beside], W_out[noise]
    near, far = squash(v @ u), squash(us @ v)
    loss = -np.log(near) - np.sum(np.log(1 - far))
    d_near, d_far = near - 1.0, far
    d_v = d_near * u + d_far @ us
    d_u = d_near * v
    d_us = np.outer(d_far, v)
    W_in[word] -= rate * d_v
    W_out[beside] -= rate * d_u
    np.add.at(W_out, noise, -rate * d_us)
    return float(loss)


turn = 0
for word, beside in pairs:
    noise = draw.integers(0, 9, size=3)
    rate = faded(0.05, 0.0001, turn, 40)
    loss = step(word, beside, noise, rate)
    turn += 1
"""


def test_a_rate_that_fades_by_a_function_is_a_rate_of_rows_that_are_moved_twice(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, WORDS)
    assert check.ok is True, str(check)
    check, line = edited_script(tmp_path, WORDS, "d_near * u + d_far @ us", "d_near * u - d_far @ us")
    assert told(check) == (line, "sign"), str(check)


BATCHES = """
import numpy as np

draw = np.random.default_rng(5)
pairs = draw.integers(0, 13, (28, 2))
W_in, W_out = draw.normal(size=(13, 6)), np.zeros((13, 6))


def squash(a):
    return 1 / (1 + np.exp(-a))


for epoch in range(3):
    draw.shuffle(pairs)
    total = 0.0
    for start in range(0, 28, 7):
        words, beside = pairs[start : start + 7, 0], pairs[start : start + 7, 1]
        noise = draw.integers(0, 13, (7, 4))
        v, u, us = W_in[words], W_out[beside], W_out[noise]
        near, far = squash(np.einsum("bd,bd->b", v, u)), squash(np.einsum("bd,bkd->bk", v, us))
        loss = -(np.log(near).mean() + np.log(1.0 - far).sum(axis=1).mean())
        d_near = (near - 1.0)[:, np.newaxis]
        d_v = (
            d_near * u  # what pulls
            + np.einsum("bk,bkd->bd", far, us)  # what pushes
        )
        d_us = far[:, :, np.newaxis] * v[:, np.newaxis, :]
        np.add.at(W_in, words, -0.3 * d_v)
        np.add.at(W_out, beside, -0.3 * d_near * v)
        np.add.at(W_out, noise, -0.3 * d_us)
        total += loss
"""


def test_of_rows_that_turns_moved_before_only_what_the_last_one_left_is_a_parameter(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, BATCHES)
    assert check.ok is True, str(check)
    check, line = edited_script(tmp_path, BATCHES, "+ np.einsum", "- np.einsum")
    assert (check.first_wrong.kind, abs(check.first_wrong.line - line) <= 2) == ("sign", True), str(check)
    assert "#" not in check.first_wrong.sentence


NOISY = """
import numpy as np

np.random.seed(0)
data = np.clip(np.random.rand(60, 4) @ np.random.rand(4, 18) / 2, 0, 1)


class Net:
    def __init__(self):
        self.W1, self.W2 = np.random.randn(18, 7) / 4, np.random.randn(7, 18) / 4
        self.b1, self.b2 = np.zeros((1, 7)), np.zeros((1, 18))

    def forward(self, seen, rows):
        self.seen, self.rows = seen, rows
        self.a = seen @ self.W1 + self.b1
        self.h = np.maximum(self.a, 0)
        self.y = 1.0 / (1.0 + np.exp(-(self.h @ self.W2 + self.b2)))

    def backward(self):
        n = len(self.rows)
        self.grad_out = (self.y - self.rows) / n
        self.grad_b2 = np.ones((n, 1)).T @ self.grad_out
        self.grad_W2 = self.h.T @ self.grad_out
        self.grad_a = self.grad_out @ self.W2.T
        self.grad_a[self.a < 0] = 0
        self.grad_b1 = np.ones((n, 1)).T @ self.grad_a
        self.grad_W1 = self.seen.T @ self.grad_a

    def update(self, rate):
        self.W1 = self.W1 - rate * self.grad_W1
        self.b1 = self.b1 - rate * self.grad_b1
        self.W2 = self.W2 - rate * self.grad_W2
        self.b2 = self.b2 - rate * self.grad_b2

    def cost(self):
        return np.mean(-self.rows * np.log(self.y + 1e-6) - (1 - self.rows) * np.log(1 - self.y + 1e-6))


net = Net()
for turn in range(4):
    rows = data[np.random.choice(60, 16)]
    net.forward(np.maximum(rows, np.random.choice(2, rows.shape, p=[0.9, 0.1]).astype(np.float32)), rows)
    net.backward()
    net.update(1e-2)
    loss = net.cost()
"""


def test_a_small_number_in_the_loss_hides_no_factor_that_all_carry(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, NOISY)
    assert check.ok is True, str(check)
    assert "18 times the gradient throughout" in str(check)


CLIPPED = """
import numpy as np

draw = np.random.default_rng(1)
rows, aims = draw.normal(size=(16, 5)) * 3, draw.normal(size=(16, 2))
weights, starts = [draw.normal(size=(5, 4)), draw.normal(size=(4, 2))], [np.zeros((1, 4)), np.zeros((1, 2))]
speeds = [np.zeros_like(w) for w in weights]
for turn in range(4):
    h = np.tanh(rows @ weights[0] + starts[0])
    away = h @ weights[1] + starts[1] - aims
    loss = 0.5 * np.sum(away**2)
    inner = away @ weights[1].T * (1 - h**2)
    grads = [rows.T @ inner, h.T @ away]
    sums = [inner.sum(axis=0, keepdims=True), away.sum(axis=0, keepdims=True)]
    for i in range(2):
        grads[i] = np.clip(grads[i], -1, 1)
        sums[i] = np.clip(sums[i], -1, 1)
        speeds[i] = 0.8 * speeds[i] + 0.01 * (grads[i] + 0.0005 * weights[i])
        weights[i] -= speeds[i]
        starts[i] -= 0.01 * sums[i]
"""


def test_gradients_that_are_clipped_before_weights_decay_are_judged_as_before_that(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, CLIPPED)
    assert check.ok is True, str(check)
    check, line = edited_script(tmp_path, CLIPPED, "* (1 - h**2)", "* (1 - h)")
    assert check.first_wrong.line == line, str(check)


RIVALS = """
import numpy as np

draw = np.random.default_rng(31)
seen = np.tanh(draw.normal(size=(20, 5)))


class Adam:
    def __init__(self):
        self.speeds, self.turn = {}, 1

    def update(self, gradient, i):
        old = self.speeds.get(i, (np.zeros_like(gradient), np.zeros_like(gradient)))
        m, v = 0.5 * old[0] + 0.5 * gradient, 0.999 * old[1] + 0.001 * gradient**2
        self.speeds[i] = m, v
        return 0.01 * (m / (1 - 0.5**self.turn)) / (np.sqrt(v / (1 - 0.999**self.turn)) + 1e-8)


class Net:
    def __init__(self, *sizes):
        self.weights = [draw.normal(size=pair) for pair in zip(sizes, sizes[1:])]
        self.optimizer = Adam()

    def forward(self, rows):
        self.rows = rows
        self.h = np.tanh(rows @ self.weights[0])
        self.z = self.h @ self.weights[1]
        return self.z

    def backward(self, d_z):
        m = len(d_z)
        d_a = d_z @ self.weights[1].T * (1 - self.h**2)
        below = d_a @ self.weights[0].T
        for i, gradient in enumerate((self.rows.T @ d_a / m, self.h.T @ d_z / m)):
            self.weights[i] -= self.optimizer.update(gradient, i)
        self.optimizer.turn += 1
        return below

    def teach(self, d_z):
        return d_z @ self.weights[1].T * (1 - self.h**2) @ self.weights[0].T


def cost(aims, chances):
    return -np.mean(aims * np.log(chances) + (1 - aims) * np.log(1 - chances))


def train(maker, judge):
    for start in range(0, 20, 5):
        real = seen[start : start + 5]
        for _ in range(1):
            made = np.tanh(maker.forward(draw.normal(size=(5, 3))))
            aims = np.concatenate([np.ones((5, 1)), np.zeros((5, 1))])
            chances = 1 / (1 + np.exp(-judge.forward(np.concatenate([real, made]))))
            judge_loss = cost(aims, chances)
            judge.backward(chances - aims)
        for _ in range(1):
            made = np.tanh(maker.forward(draw.normal(size=(10, 3))))
            chances = 1 / (1 + np.exp(-judge.forward(made)))
            maker_loss = cost(np.ones((10, 1)), chances)
            below = judge.teach(chances - 1)
            maker.backward(below * (1 - made**2))
        print(judge_loss, maker_loss)


train(Net(3, 4, 5), Net(5, 6, 1))
"""


def test_the_steps_of_an_opponent_in_a_loop_of_its_own_are_judged_too(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, RIVALS)
    assert check.ok is True, str(check)
    assert any("judged by itself, and is right" in note for note in check.notes), check.notes
    check, _ = edited_script(tmp_path, RIVALS, "below * (1 - made**2)", "below")
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.kind == "missing-derivative", str(check)


MANY = """
import numpy as np

draw = np.random.default_rng(2)
rows, aims = draw.normal(size=(6, 30, 30)), draw.normal(size=(6, 26, 26))
kernel = draw.normal(size=(5, 5))
for turn in range(3):
    made = np.zeros((6, 26, 26))
    for i in range(5):
        for j in range(5):
            made += kernel[i, j] * rows[:, i : i + 26, j : j + 26]
    loss = 0.5 * np.sum((made - aims) ** 2)
    away, total = made - aims, np.zeros((6, 5, 5))
    for i in range(26):
        for j in range(26):
            total += away[:, i, j].reshape(-1, 1, 1) * rows[:, i : i + 5, j : j + 5]
    kernel -= 0.0001 * total.sum(axis=0)
"""


def test_a_sum_of_many_hundred_terms_is_looked_through(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, MANY)
    assert check.ok is True, str(check)


def test_what_libraries_print_while_changes_are_tried_goes_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    with Guard.harmless():
        os.write(1, b"On entry to DLASCL parameter number 4 had an illegal value")
        os.write(2, b"a warning of a library")
    os.write(1, b"the report")
    said = capfd.readouterr()
    assert (said.out, said.err) == ("the report", "")


def test_a_rate_that_is_made_a_number_of_less_bits_is_a_rate(tmp_path: Path) -> None:
    short = WORDS.replace("def step(word, beside, noise, rate):", "def step(word, beside, noise, given):")
    short = short.replace("    v, u, us =", "    rate = np.float32(given)\n    v, u, us =")
    check = check_of_script(tmp_path, short.replace("rate = faded(0.05, 0.0001, turn, 40)", "rate = 0.05"))
    assert check.ok is True, str(check)
    assert "throughout" not in str(check), "what is judged are the gradients, and not the steps"


TIED = """
import numpy as np

draw = np.random.default_rng(3)


class Words:
    def __init__(self, w):
        self.params, self.grads = [w], [np.zeros_like(w)]

    def forward(self, index):
        self.index = index
        return self.params[0][index]

    def backward(self, d):
        self.grads[0][...] = 0
        np.add.at(self.grads[0], self.index, d)


class Affine:
    def __init__(self, w, b):
        self.params, self.grads = [w, b], [np.zeros_like(w), np.zeros_like(b)]

    def forward(self, x):
        self.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, d):
        self.grads[0][...] = self.x.T @ d
        self.grads[1][...] = d.sum(axis=0)
        return d @ self.params[0].T


w = draw.normal(size=(7, 4))
words, out = Words(w), Affine(w.T, np.zeros(7))
params, grads = words.params + out.params, words.grads + out.grads
index, following = draw.integers(0, 7, 12), draw.integers(0, 7, 12)
for turn in range(4):
    scores = out.forward(words.forward(index))
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(chances[np.arange(12), following]))
    d = chances.copy()
    d[np.arange(12), following] -= 1
    words.backward(out.backward(d / 12))
    for param, grad in zip(params, grads):
        param -= 0.1 * grad
"""


def test_weights_and_their_transpose_are_updated_each_by_its_own_part(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TIED)
    assert check.ok is True, str(check)
    assert len(check.finals) == 2, "the weights, with their transpose, and the bias"
    assert "No gradient of" not in str(check)


def test_a_mistake_in_the_part_of_the_transpose_is_found(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, TIED, "self.x.T @ d", "self.x.T @ d / len(d)")
    assert check.ok is False, str(check)
    assert told(check)[0] == line, str(check)


RATINGS = """
import numpy as np

draw = np.random.default_rng(2)
users, items = draw.integers(0, 6, 30), draw.integers(0, 5, 30)
stars = draw.normal(size=30)
U, V = draw.normal(size=(6, 3)), draw.normal(size=(5, 3))
b_user, b_item = draw.normal(size=6), draw.normal(size=5)


def gradients(users, items, stars):
    guess = np.einsum("ij,ij->i", U[users], V[items]) + b_user[users] + b_item[items]
    delta = guess - stars
    g_U, g_V = np.zeros_like(U), np.zeros_like(V)
    np.add.at(g_U, users, delta[:, None] * V[items] + 0.1 * U[users])
    np.add.at(g_V, items, delta[:, None] * U[users] + 0.1 * V[items])
    g_user = np.bincount(users, weights=delta, minlength=6)
    g_item = np.bincount(items, weights=delta, minlength=5)
    g_user += np.bincount(users, weights=0.1 * b_user[users], minlength=6)
    g_item += np.bincount(items, weights=0.1 * b_item[items], minlength=5)
    return g_U, g_V, g_user, g_item


for turn in range(4):
    g_U, g_V, g_user, g_item = gradients(users, items, stars)
    U -= 0.02 * g_U
    V -= 0.02 * g_V
    b_user -= 0.02 * g_user
    b_item -= 0.02 * g_item
"""


def test_a_penalty_that_is_counted_once_for_each_rating_is_one(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, RATINGS)
    assert check.ok is True, str(check)
    check, line = edited_script(tmp_path, RATINGS, "weights=delta, minlength=5", "weights=-delta, minlength=5")
    assert told(check) == (line, "sign"), str(check)


ASCENT = """
import numpy as np

draw = np.random.default_rng(4)
x, t = draw.normal(size=(20, 3)), np.eye(3)[draw.integers(0, 3, 20)]
w, v = draw.normal(size=(3, 5)), draw.normal(size=(5, 3))


def cost_and_gradients(w, v):
    z = np.tanh(x @ w)
    scores = z @ v
    y = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    fit = np.sum(t * scores) - np.sum(np.log(np.sum(np.exp(scores), axis=1)))
    cost = fit - 0.05 * (np.sum(w**2) + np.sum(v**2))
    v_grad = z.T @ (t - y) - 0.1 * v
    w_grad = x.T @ ((t - y) @ v.T * (1 - z**2)) - 0.1 * w
    return cost, w_grad, v_grad


for turn in range(4):
    cost, w_grad, v_grad = cost_and_gradients(w, v)
    w = w + 0.01 * w_grad
    v = v + 0.01 * v_grad
"""


def test_what_falls_without_end_is_made_large_whatever_it_is_called(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ASCENT)
    assert check.ok is True, str(check)
    right = ASCENT.replace("fit - 0.05 *", "-fit + 0.05 *").replace(
        "cost, w_grad, v_grad\n\n", "cost, -w_grad, -v_grad\n\n"
    )
    check = check_of_script(tmp_path, right)
    assert check.first_wrong is not None, "a cost that grows without end is to be made small"


PRIOR = """
import numpy as np

draw = np.random.default_rng(6)
data = draw.normal(size=(12, 6))
enc, dec = 0.3 * draw.normal(size=(6, 4)), 0.3 * draw.normal(size=(2, 6))
for turn in range(4):
    code = data @ enc
    means, spreads = code[:, :2], code[:, 2:]
    prior_gradients = np.append(means, 0.5 * (np.exp(spreads) - 1), axis=1)
    noise = draw.normal(size=means.shape)
    sample = means + np.exp(0.5 * spreads) * noise
    out = sample @ dec
    loss = np.sum((out - data) ** 2)
    d_out = 2 * (out - data)
    d_sample = d_out @ dec.T
    d_spreads = 0.5 * d_sample * noise * np.exp(0.5 * spreads)
    gradients = prior_gradients + np.append(d_sample, d_spreads, axis=1)
    d_dec = sample.T @ d_out
    d_enc = data.T @ gradients
    enc -= 1e-3 * d_enc
    dec -= 1e-3 * d_dec
"""


def test_the_gradient_of_a_prior_that_nobody_computes_is_no_term_too_many(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PRIOR)
    assert check.first_wrong is None, str(check)
    assert "prior_gradients has nothing to do with loss" in " ".join(str(check).split())
