"""Forms that notebooks and small programs have: where a loss is kept, how steps are taken, and what gradients are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited_script, told
from tinygrad_scratch.verifier.recording.likeness import is_telling, least_squares
from tinygrad_scratch.verifier.verdicts.adapting import lacks_rate_alone

DATA = """
import numpy as np

rng = np.random.default_rng(3)
X, y = rng.normal(size=(12, 4)), rng.normal(size=(12, 2))
"""
KEPT_IN_AN_ARRAY = (
    DATA
    + """
W, trainErrors = rng.uniform(-1, 1, (4, 2)), np.zeros(12)
for turn in range(3):
    for i, x in enumerate(X):
        hidden = np.tanh(x)
        output = np.dot(hidden, W)
        error = output - y[i]
        W = W - 0.1 * np.outer(hidden, error)
        trainErrors[i] = 0.5 * sum(error**2)
"""
)


def test_what_is_written_among_losses_is_one(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, KEPT_IN_AN_ARRAY, "outer(hidden, error)", "outer(hidden, output)")
    assert told(check) == (line, "wrong-operand"), str(check)
    assert check.entry.loss_name == "trainErrors"


NAMED_TUPLES = (
    DATA
    + """
from typing import NamedTuple


class Params(NamedTuple):
    w: np.ndarray
    c: np.ndarray


class State(NamedTuple):
    step: int
    mu: Params


def tree_map(f, *trees):
    return Params(*(f(*leaves) for leaves in zip(*trees)))


def field(params, z):
    h = np.tanh(z @ params.w + params.c)

    def vjp(ct):
        d = ct * (1.0 - h**2)
        return Params(w=z.T @ d, c=d.sum(axis=0)), d @ params.w.T

    return h, vjp


def value_and_grad(params, z0, target):
    zs, vjps = [z0], []
    for _ in range(4):
        z, vjp = field(params, zs[-1])
        z = zs[-1] + 0.3 * z
        zs.append(z)
        vjps.append(vjp)
    err = zs[-1] - target
    total, adj = tree_map(np.zeros_like, params), 2.0 * err / err.size
    for vjp in reversed(vjps):
        grads, back = vjp(0.3 * adj)
        total = tree_map(np.add, total, grads)
        adj = adj + back
    return np.mean(err**2), total


def update(grads, state, params):
    step = state.step + 1
    mu = tree_map(lambda m, g: 0.9 * m + 0.1 * g, state.mu, grads)
    return tree_map(lambda p, m: p - 0.1 * m / (1 - 0.9**step), params, mu), State(step, mu)


params = Params(w=rng.normal(size=(4, 4)) * 0.5, c=rng.normal(size=4))
state = State(0, tree_map(np.zeros_like, params))
for epoch in range(5):
    loss, grads = value_and_grad(params, X, np.roll(X, 1, axis=0))
    params, state = update(grads, state, params)
    print(loss)
"""
)


def test_parameters_in_named_tuples_that_are_made_anew(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, NAMED_TUPLES)
    assert check.ok, str(check)
    assert {final.parameter.name for final in check.finals} == {"params.w", "params.c"}
    wrong, line = edited_script(tmp_path, NAMED_TUPLES, "ct * (1.0 - h**2)", "ct * (1.0 - h)")
    assert told(wrong)[0] == line, str(wrong)


BESIDE_A_LIST_OF_LOSSES = """
import numpy as np

rng = np.random.default_rng(3)
X = (rng.random((12, 4)) < 0.5).astype(float)
params = [rng.normal(size=(4, 2)), rng.normal(size=(4, 2)), rng.normal(size=(2, 4))]
losses = []
for turn in range(5):
    w_mu, w_lv, w_out = params
    eps = rng.normal(size=(12, 2))
    mu, logvar = X @ w_mu, X @ w_lv
    std = np.exp(0.5 * logvar)
    z = mu + std * eps
    logits = z @ w_out
    bce = np.sum(np.logaddexp(0, logits) - X * logits) / 12
    kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar)) / 12
    loss = bce + 0.7 * kl
    losses.append(loss)
    d_logits = (1 / (1 + np.exp(-logits)) - X) / 12
    d_z = d_logits @ w_out.T
    d_mu = d_z.copy()
    d_mu += 0.7 * mu / 12
    d_logvar = 0.5 * d_z * eps * std
    d_logvar += 0.35 * (np.exp(logvar) - 1) / 12
    grads = [X.T @ d_mu, X.T @ d_logvar, z.T @ d_logits]
    for p, g in zip(params, grads):
        p -= 0.1 * g
"""


def test_the_first_of_the_losses_is_no_value_of_the_first_parameter(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, BESIDE_A_LIST_OF_LOSSES)
    assert check.ok, str(check)
    assert check.entry.loss_name == "loss"


BY_SIGNS = (
    DATA
    + """
def error_and_gradient(x, t, weights):
    w1, b1, w2 = weights
    hidden = np.tanh(x.dot(w1) + b1)
    delta = (hidden.dot(w2) - t) / len(x)
    E = 0.5 * np.mean(np.sum((hidden.dot(w2) - t) ** 2, axis=1)) + np.mean(np.log(np.cosh(w2)))
    g_w2 = hidden.T.dot(delta) + np.tanh(w2) / w2.size
    back = delta.dot(w2.T) * (1 - hidden**2)
    return E, [x.T.dot(back), back.sum(axis=0), g_w2]


weights = [rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=(3, 2))]
step, last = [np.full(w.shape, 0.01) for w in weights], [np.zeros(w.shape) for w in weights]
for cycle in range(6):
    E, grads = error_and_gradient(X, y, weights)
    for k in range(3):
        same = grads[k] * last[k]
        step[k] = np.where(same > 0, 1.2 * step[k], np.where(same < 0, 0.5 * step[k], step[k]))
        weights[k] = weights[k] - step[k] * np.sign(grads[k])
        last[k] = grads[k]
"""
)


def test_steps_by_the_sign_of_a_gradient(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, BY_SIGNS).ok
    check, line = edited_script(tmp_path, BY_SIGNS, "* (1 - hidden**2)", "* (1 - np.tanh(hidden) ** 2)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


AN_ENERGY = (
    DATA
    + """
def energy(w, kappa):
    return np.log(np.cosh(X @ w - y)).sum() + 0.5 * kappa * np.sum(w**2)


w, v = rng.normal(size=(4, 2)), 0.0
for n in range(5):
    F = energy(w, 0.1)
    print(f"t = {n}   F = {F:.6f}")
    force = -(X.T @ np.tanh(X @ w - y)) - 0.1 * w
    v = 0.5 * v + 0.01 * force
    w = w + v
"""
)


def test_an_energy_that_is_only_watched_is_the_loss(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, AN_ENERGY).ok
    check, line = edited_script(tmp_path, AN_ENERGY, "np.tanh(X @ w - y)) - 0.1 * w", "np.tanh(X @ w - y)) - 0.2 * w")
    assert told(check) == (line, "regularisation"), str(check)


A_DIFFERENCE = """
import numpy as np

rng = np.random.default_rng(3)
X, y = rng.random((9, 3)), rng.integers(0, 2, (9, 1)).astype(float)


def cost(out, target):
    return out - target


def der_cost(out, target):
    return out - target


W1, W2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
for i in range(9):
    x, t = X[i : i + 1], y[i : i + 1]
    h = 1 / (1 + np.exp(-x @ W1))
    out = 1 / (1 + np.exp(-h @ W2))
    error = cost(out, t)
    delta2 = der_cost(out, t) * out * (1 - out)
    delta1 = delta2 @ W2.T * h * (1 - h)
    W2 -= 0.1 * h.T @ delta2
    W1 -= 0.1 * x.T @ delta1
"""


def test_a_difference_is_no_loss_whatever_it_is_called(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, A_DIFFERENCE)
    assert check.ok, str(check)
    assert check.entry.loss_name.startswith("half squared error")


ONCE_IT_IS_OVER = (
    DATA
    + """
def descend(f, df, x0, count):
    x = x0
    for i in range(count):
        x = x - 0.05 * df(x)
    return x, f(x)


def objective(w, lam):
    return np.sum(np.log(np.cosh(X @ w - y[:, :1]))) / 12 + lam * np.linalg.norm(w) ** 2


def slope(w, lam):
    return np.mean(X.T * np.tanh(X @ w - y[:, :1]).T, axis=1, keepdims=True) + 2 * lam * w


print(descend(lambda w: objective(w, 0.1), lambda w: slope(w, 0.1), rng.normal(size=(4, 1)), 9))
"""
)


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [("2 * lam * w", "lam * w", "regularisation"), (".T, axis=1, keepdims=True", ".T", "broadcasting-shape")],
)
def test_a_loss_that_is_computed_once_the_loop_is_over(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    assert check_of_script(tmp_path, ONCE_IT_IS_OVER).ok
    check, line = edited_script(tmp_path, ONCE_IT_IS_OVER, right, wrong)
    assert told(check) == (line, kind), str(check)


OUT_OF_DATE = (
    DATA
    + """
def cost(p, w):
    return np.sum(np.log(np.cosh(p - y))) + np.sum(w**2)


w, costs = rng.normal(size=(4, 2)), []
for epoch in range(3):
    for i in range(0, 12, 12):
        w = w - 0.01 * (X.T @ np.tanh(X @ w - y) + 2 * w)
    p = X @ w
    costs.append(cost(p, w) / 12)
"""
)


def test_a_loss_of_what_an_outer_turn_made_before_is_not_taken(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, OUT_OF_DATE)
    assert check.first_wrong is None, str(check)


ROUNDED = (
    DATA
    + """
labels = np.eye(3)[rng.integers(0, 3, 12)]
w1, w2 = rng.normal(size=(4, 5)), rng.normal(size=(5, 3))
for lesson in range(5):
    h = np.tanh(X @ w1)
    powers = np.exp(h @ w2)
    guess = powers / powers.sum(axis=1, keepdims=True)
    surprise = -np.sum(labels * np.log(guess)) / 12
    badness = surprise + 0.05 * (np.sum(w1**2) + np.sum(w2**2))
    blame = (guess - labels) / 12
    slope2 = h.T @ blame + 0.1 * w2
    slope1 = X.T @ (blame @ w2.T * (1 - h**2)) + 0.1 * w1
    w1 = w1 - 0.1 * slope1
    w2 = w2 - 0.1 * slope2
    print("badness", round(badness, 4), "correct", round(np.mean(guess.argmax(1) == labels.argmax(1)), 3))
"""
)


def test_a_number_that_is_only_rounded_may_be_the_loss(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, ROUNDED).ok
    check, line = edited_script(tmp_path, ROUNDED, "(1 - h**2)) + 0.1 * w1", "(1 - h**2))")
    assert told(check) == (line, "regularisation"), str(check)


CUT_TO_WHOLE_NUMBERS = """
import numpy as np

rng = np.random.default_rng(3)
table, head = rng.normal(size=(6, 3)), rng.normal(size=(3, 6))
loss = 0.0
for word, other in ((0, 3), (2, 4), (5, 1)):
    h = table[word]
    scores = np.exp(h @ head)
    p = scores / scores.sum()
    loss += -np.log(p[other])
    err = p.copy()
    err[other] -= 1
    back = np.zeros(3)
    for k in range(3):
        back[k] = head[k] @ err
    head -= 0.1 * np.outer(h, err)
    table[word] -= 0.1 * back
"""


def test_gradients_that_are_cut_to_whole_numbers(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, CUT_TO_WHOLE_NUMBERS).ok
    check, line = edited_script(tmp_path, CUT_TO_WHOLE_NUMBERS, "back = np.zeros(3)", "back = np.array([0] * 3)")
    assert told(check) == (line, "dtype-or-integer"), str(check)


A_SLOPE_WITH_A_NAME = (
    DATA
    + """
W1, W2 = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
for turn in range(5):
    z = X @ W1
    h = 1 / (1 + np.exp(-z))
    loss = np.sum((h @ W2 - y) ** 2)
    a = 2 * (h @ W2 - y)
    c = h * (1 - h)
    d = a @ W2.T * c
    W2 = W2 - 0.1 * h.T @ a
    W1 = W1 - 0.1 * X.T @ d
"""
)


def test_a_slope_at_the_wrong_point_is_told_where_it_was_worked_out(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, A_SLOPE_WITH_A_NAME, "h * (1 - h)", "z * (1 - z)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


def test_systems_of_longer_numbers_are_solved() -> None:
    columns = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]], np.longdouble)
    assert np.allclose(least_squares(columns, columns @ np.array([3.0, -1.0])), [3.0, -1.0])


def test_two_numbers_are_a_coincidence() -> None:
    assert not is_telling(np.array([0.0, 1.0, 0.0, 1.0]))
    assert not is_telling(np.array([np.nan, np.nan, 1.0]))
    assert is_telling(np.array([0.0, 0.0, 1.0, 0.5]))


DUAL = """
import numpy as np

rng = np.random.default_rng(3)
X = rng.normal(size=(12, 2))
y = np.where(X @ np.array([1.0, -1.0]) > 0.2, 1.0, -1.0)
Q = np.outer(y, y) * np.exp(-((X[:, None] - X[None]) ** 2).sum(axis=2))


def dual_objective(alpha):
    return np.sum(alpha) - 0.5 * alpha @ Q @ alpha


alpha = np.zeros(12)
for epoch in range(5):
    grad = np.ones(12) - Q @ alpha
    alpha += 0.01 * grad
    alpha = np.clip(alpha, 0, 1)
    loss = dual_objective(alpha)
"""


def test_the_dual_is_made_large_whatever_it_is_called(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, DUAL)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("right", "said"), [("(error * other) * current_lr", True), ("error * other * other_lr_at(n)", False)]
)
def test_gradients_are_not_accused_of_lacking_a_rate(tmp_path: Path, right: str, said: bool) -> None:
    (tmp_path / "own.py").write_text("grad = error * other\n", encoding="utf-8")
    cause: Any = SimpleNamespace(
        kind="scale-factor", expression="error * other", should_be=right, file=str(tmp_path / "own.py"), line=1
    )
    assert (lacks_rate_alone([cause]) is not None) is said
