"""Programs whose loss, or whose mistake, was told wrongly because of what stood beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script

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


RATINGS = """
import numpy as np


def ratings(rng, users, films):
    p, q = rng.normal(0, 0.8, (users, 3)), rng.normal(0, 0.8, (films, 3))
    pairs = [(u, i) for u in range(users) for i in range(films)]
    rows = []
    for u, i in pairs:
        rows.append((u, i, float(p[u] @ q[i] + rng.normal(0, 0.1))))
    order = rng.permutation(len(rows))
    return [rows[k] for k in order]


def fit(train, users, films, rng):
    P, Q = rng.normal(0, 0.3, (users, 4)), rng.normal(0, 0.3, (films, 4))
    for epoch in range(2):
        cost = 0.0
        for k in rng.permutation(len(train)):
            u, i, r = train[k]
            err = r - P[u] @ Q[i]
            cost += 0.5 * err**2 + 0.01 * (P[u] @ P[u] + Q[i] @ Q[i])
            pu = P[u].copy()
            P[u] += 0.05 * (err * Q[i] - 0.02 * P[u])
            Q[i] += 0.05 * (err - 0.02 * Q[i])
    return P, Q


def main():
    rng = np.random.default_rng(5)
    train = ratings(rng, 30, 25)
    fit(train, 30, 25, rng)


main()
"""


def test_long_rows_of_data_take_no_time_from_the_search(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, RATINGS)
    wrong = check.first_wrong
    assert (wrong.line, wrong.kind) == (25, "missing-derivative"), str(check)
    assert "err * pu" in str(wrong.should_be)
