"""Programs whose loss, or whose mistake, was told wrongly because of what stood beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script
from tinygrad_scratch.verifier.trying.outlook import arrays_in

BINARY_SUM = """
import numpy as np

np.random.seed({seed})
w0, w1, wh = np.random.normal(0, 1, (2, 6)), np.random.normal(0, 1, (6, 1)), np.random.normal(0, 2, (6, 6))
d0, d1, dh = np.zeros_like(w0), np.zeros_like(w1), np.zeros_like(wh)
error = 0


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def deriv_sigmoid(out):
    return out * (1 - out)


for i in range(30):
    a, b = np.random.randint(16, size=2)
    bits = [np.array([n >> k & 1 for k in range(5)]) for n in (a, b, a + b)]
    overall_err, deltas, states = 0, [], [np.zeros(6)]
    for pos in range(5):
        X, Y = np.array([[bits[0][pos], bits[1][pos]]]), np.array([[bits[2][pos]]])
        hidden = sigmoid(np.dot(X, w0) + np.dot(states[-1], wh))
        output = sigmoid(np.dot(hidden, w1))
        output_err = Y - output
        deltas.append(output_err * deriv_sigmoid(output))
        states.append(hidden)
        overall_err += np.abs(output_err[0])
    future = np.zeros(6)
    for pos in range(4, -1, -1):
        X = np.array([[bits[0][pos], bits[1][pos]]])
        delta = (np.dot(future, wh.T) + np.dot(deltas[pos], w1.T)) * deriv_sigmoid(states[pos + 1])
        d1 += np.dot(np.atleast_2d(states[pos + 1]).T, deltas[pos])
        dh += np.dot(np.atleast_2d(states[pos]).T, delta)
        d0 += np.dot(X.T, delta)
        future = delta
    w1 += 0.1 * d1
    w0 += 0.1 * d0
    wh += 0.1 * dh
    d1 *= 0
    d0 *= 0
    dh *= 0
    error += overall_err
"""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_slope_of_outputs_in_other_turns_is_none_of_the_loss(tmp_path: Path, seed: int) -> None:
    check = check_of_script(tmp_path, BINARY_SUM.format(seed=seed))
    assert check.ok, str(check)
    assert check.case.convention == "in the direction of ascent"


TWO_MEANS = """
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(size=(40, 12))
w, v = 0.3 * rng.normal(size=(12, 5)), 0.3 * rng.normal(size=(5, 12))
for turn in range(20):
    batch = x[rng.permutation(40)[:8]]
    h = np.tanh(batch @ w)
    out = h @ v
    loss = np.mean((out - batch) ** 2)
    grad = 2 * (out - batch) / len(batch)
    dv = h.T @ grad / len(batch)
    dw = batch.T @ ((grad @ v.T) * (1 - h**2)) / len(batch)
    v -= 0.01 * dv
    w -= 0.01 * dw
"""


def test_one_factor_of_two_sizes_throughout_is_a_convention(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TWO_MEANS)
    assert check.ok, str(check)
    assert check.case.convention.startswith("1.5 times the gradient throughout")


MASKED = """
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
q, k = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
for turn in range(5):
    with np.errstate(divide="ignore"):
        mask = np.log(np.tri(4, 4, 0))
    s = (x @ q) @ (x @ k).T + mask
    e = np.exp(s - s.max(axis=1, keepdims=True))
    a = e / e.sum(axis=1, keepdims=True)
    loss = 0.5 * np.sum((a @ x - y) ** 2)
    da = (a @ x - y) @ x.T
    ds = a * (da - (da * a).sum(axis=1, keepdims=True))
    dq = x.T @ (ds @ (x @ k))
    dk = x.T @ (ds.T @ (x @ q))
    q -= 0.1 * dq
    k -= 0.1 * dk
"""


@pytest.mark.parametrize("is_right", [True, False])
def test_a_mask_may_have_no_finite_slope(tmp_path: Path, is_right: bool) -> None:
    check = check_of_script(tmp_path, MASKED if is_right else MASKED.replace("ds.T @ (x @ q)", "ds @ (x @ q)"))
    assert not check.problem
    assert check.ok is is_right
    if not is_right:
        assert (check.first_wrong.line, check.first_wrong.kind) == (17, "transpose")


SAMPLES = """
import numpy as np

rng = np.random.default_rng(3)
data, wanted = rng.normal(size=(60, 4)), rng.normal(size=60)
w, v = rng.normal(size=(4, 3)), rng.normal(size=(3, 1))


def run(x):
    return (1 / (1 + np.exp(-(x @ w)))) @ v


for turn in range(5):
    rows = rng.choice(60, size=12)
    dw, dv = np.zeros(w.shape), np.zeros(v.shape)
    for x, t in zip(data[rows], wanted[rows]):
        h = 1 / (1 + np.exp(-(x @ w)))
        out = h @ v
        error = t - out
        hidden = (error @ v.T) * h * (1 - h)
        dw += hidden * x[:, None]
        dv = error * h[:, None]
    w += 0.1 * dw / 12
    v += 0.1 * dv / 12
    train_loss = np.mean((run(data).T - wanted) ** 2)
"""


def test_a_run_made_again_is_judged_by_the_same_loss(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SAMPLES)
    wrong = check.first_wrong
    assert (wrong.line, wrong.kind, wrong.certainty) == (22, "overwritten-accumulation", "checked"), str(check)


def test_long_rows_of_data_hold_no_gradients() -> None:
    rows = [(0, 1, 0.5)] * 150
    assert len(arrays_in(rows) or ()) == 450
    assert arrays_in(rows * 2) is None  # nor is it worked out for each change of a statement


LAYERS = """
import numpy as np

rng = np.random.default_rng(2)
x, y = rng.normal(size=(9, 4)), rng.integers(3, size=9)
params = {"W1": rng.normal(size=(4, 5)), "gamma1": np.ones(5), "beta1": np.zeros(5), "W2": rng.normal(size=(5, 3))}
REG = 0.1


class Penalty:
    def loss(self, w):
        return REG * np.sum(np.abs(w))

    def grad(self, w):
        return REG * np.sign(w)


penalty = Penalty()


def affine_backward(dout, x, w):
    dx = dout @ w.T
    dw = x.T @ dout
    return dx, dw


def relu_backward(dout, x):
    dx = (x > 0) * dout
    return dx


def norm_backward(dout, cache):
    x, mean, var, hat, gamma = cache
    n = len(x)
    dgamma, dbeta = np.sum(hat * dout, axis=0), np.sum(dout, axis=0)
    dx = gamma / n / np.sqrt(var + 1e-5) * (n * dout - np.sum(dout, axis=0) - hat * np.sum(dout * hat, axis=0))
    return dx, dgamma, dbeta


def layer_backward(dout, x, w, cache, z):
    dz = relu_backward(dout, z)
    da, dgamma, dbeta = norm_backward(dz, cache)
    dx, dw = affine_backward(da, x, w)
    return dx, dw, dgamma, dbeta


for turn in range(4):
    grads = {}
    a = x @ params["W1"]
    mean, var = a.mean(axis=0), a.var(axis=0)
    hat = (a - mean) / np.sqrt(var + 1e-5)
    z = params["gamma1"] * hat + params["beta1"]
    h = np.maximum(0, z)
    scores = h @ params["W2"]
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(9), y])) + penalty.loss(params["W1"]) + penalty.loss(params["W2"])
    dout = p.copy()
    dout[np.arange(9), y] -= 1
    dout /= 9
    dout, dw = affine_backward(dout, h, params["W2"])
    grads["W2"] = dw + penalty.grad(params["W2"])
    dx, dw, dgamma, dbeta = layer_backward(dout, x, params["W1"], (a, mean, var, hat, params["gamma1"]), z)
    grads["W1"] = dw + penalty.grad(params["W1"])
    grads["gamma1"], grads["beta1"] = dgamma, dbeta
    for name in params:
        params[name] -= 0.1 * grads[name]
"""


@pytest.mark.parametrize(
    ("right", "written", "kind"),
    [
        (" - np.sum(dout, axis=0) - hat", " - hat", "missing-term"),
        ('    grads["W1"] = dw + penalty.grad(params["W1"])', '    grads["W1"] = dw', "regularisation"),
        ("        return REG * np.sign(w)", "        return REG * w", "regularisation"),
    ],
)
def test_the_line_is_where_it_is_made_or_added(tmp_path: Path, right: str, written: str, kind: str) -> None:
    line = LAYERS[: LAYERS.index(right)].count("\n") + 1
    wrong = check_of_script(tmp_path, LAYERS.replace(right, written)).first_wrong
    assert (wrong.line, wrong.kind) == (line, kind), wrong.sentence


def test_such_layers_are_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LAYERS)
    assert check.ok, str(check)


COUNTS = """
import numpy as np

rng = np.random.default_rng(1)
X, y = rng.normal(size=(40, 3)), rng.poisson(2.0, size=40)
theta = {"W": 0.4 * rng.normal(size=(3, 5)), "b": np.zeros(5), "v": 0.3 * rng.normal(size=5), "c": np.zeros(1)}


def rates(theta, X):
    return np.exp(np.tanh(X @ theta["W"] + theta["b"]) @ theta["v"] + theta["c"])


def deviance(theta, X, y):
    mu = rates(theta, X)
    return 2 * np.mean(np.where(y > 0, y * np.log(np.maximum(y, 1) / mu), 0.0) - (y - mu))


for epoch in range(5):
    for lo in range(0, 40, 8):
        xb, yb = X[lo : lo + 8], y[lo : lo + 8]
        n = len(xb)
        a = np.tanh(xb @ theta["W"] + theta["b"])
        mu = np.exp(a @ theta["v"] + theta["c"])
        loss = np.mean(mu - yb * np.log(mu)) + 0.01 * (np.sum(theta["W"] ** 2) + np.sum(theta["v"] ** 2))
        resid = np.zeros(yb.shape)
        resid[:] = mu - yb
        d_eta = resid / n
        grad = {"v": a.T @ d_eta + 0.02 * theta["v"], "c": np.array([d_eta.sum()])}
        d_a = np.outer(resid, theta["v"])
        d_z = d_a * (1 - a**2)
        grad["W"] = xb.T @ d_z + 0.02 * theta["W"]
        grad["b"] = d_z.sum(axis=0)
        for k in theta:
            theta[k] = theta[k] - 0.02 * grad[k]
    print(deviance(theta, X, y))
"""


def test_more_mistakes_by_a_loss_of_samples_settle_nothing(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, COUNTS)
    assert [cause.line for cause in check.causes] == [29], str(check)
    assert check.entry.loss_name == "loss"
    wrong = check.first_wrong
    assert (wrong.kind, wrong.sentence) == ("missing-batch-sum-or-mean", "`resid` is not divided by n")
