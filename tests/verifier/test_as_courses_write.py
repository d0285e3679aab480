"""Correct programs as courses write them, and the mistakes in them: penalties, rates, numbers that are learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import line_of, module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.script import checks_of

PENALISED = """
import numpy as np

rng = np.random.default_rng(3)
X, y = rng.normal(size=(9, 4)), rng.integers(0, 3, size=9)
W, b = rng.normal(size=(4, 3)), np.zeros(3)
reg = 0.2

for i in range(5):
    scores = X @ W + b
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    data_loss = -np.log(p[np.arange(9), y]).mean()
    reg_loss = 0.5 * reg * np.sum(W * W)
    loss = data_loss + reg_loss
    dscores = p.copy()
    dscores[np.arange(9), y] -= 1
    dscores /= 9
    dW = X.T @ dscores
    db = dscores.sum(axis=0)
    dW += reg * W
    W -= 0.1 * dW
    b -= 0.1 * db
"""


def checked(tmp_path: Path, text: str) -> Any:
    file = tmp_path / "train.py"
    file.write_text(text, encoding="utf-8")
    (check,) = checks_of(str(file))
    return check


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("loss = data_loss + reg_loss", "cost = data_loss + reg_loss"),
        ("loss = data_loss + reg_loss", "loss = data_loss + 0.5 * reg * np.sum(W ** 2)"),
        ("    dW = X.T @ dscores\n", "    dW = X.T @ dscores + reg * W\n"),
    ],
)
def test_the_loss_with_its_penalty_is_meant(old: str, new: str, tmp_path: Path) -> None:
    text = PENALISED.replace(old, new)
    text = text.replace("    dW += reg * W\n", "") if "dscores + reg" in text else text
    check = checked(tmp_path, text)
    assert check.ok, str(check)
    assert check.entry.loss_name in ("loss", "cost")


@pytest.mark.parametrize(("factor", "kind"), [("reg * 2 *", "regularisation"), ("-reg *", "sign")])
def test_a_wrong_penalty_is_told(factor: str, kind: str, tmp_path: Path) -> None:
    text = PENALISED.replace("dW += reg *", f"dW += {factor}")
    check = checked(tmp_path, text)
    assert (check.first_wrong.line, check.first_wrong.kind) == (line_of(text, "dW +="), kind)


def test_a_gradient_is_no_update_of_its_parameter(tmp_path: Path) -> None:
    kept = "params, grads = {'W': W, 'b': b}, {}\n"
    text = PENALISED.replace("reg = 0.2\n", f"reg = 0.2\n{kept}")
    for name in "Wb":
        text = text.replace(f"d{name} =", f"grads['{name}'] =").replace(f"{name} -= 0.1 * d{name}", "")
    text = text.replace("dW += reg * W", "grads['W'] += reg * params['W']")
    text = text.replace("X @ W + b", "X @ params['W'] + params['b']").replace("W * W", "params['W'] ** 2")
    check = checked(tmp_path, text + "    for k in params:\n        params[k] -= 0.1 * grads[k]\n")
    assert check.ok, str(check)
    assert "multiple" not in str(check)


RATES = """
import numpy as np

rng = np.random.default_rng(3)
X, Y = rng.integers(0, 2, size=(9, 4)), rng.integers(0, 2, size=(9, 2))
w0, w1 = rng.normal(size=(4, 5)), rng.normal(size=(5, 2))
speeds = [2.0, 5.0]


def main():
    global w0, w1
    for i in range(5):
        h = 1 / (1 + np.exp(-X @ w0))
        out = 1 / (1 + np.exp(-h @ w1))
        d1 = -2 * (Y - out) * out * (1 - out)
        d0 = d1 @ w1.T * h * (1 - h)
        w1 -= speeds[1] * h.T @ d1
        w0 -= speeds[0] * X.T @ d0


main()
"""


def test_layers_may_learn_at_rates_of_their_own(tmp_path: Path) -> None:
    check = checked(tmp_path, RATES)
    assert check.ok, str(check)
    assert check.case.convention == "each times a rate of its own: speeds[1] and speeds[0]"


@pytest.mark.parametrize(("old", "new"), [("speeds[1] *", "5.0 *"), ("w0 -= speeds[0]", "w0 += speeds[0]")])
def test_a_number_is_no_rate_and_nor_is_a_sign(old: str, new: str, tmp_path: Path) -> None:
    assert not checked(tmp_path, RATES.replace(old, new)).ok


MEAN_LATE = """
import numpy as np

rng = np.random.default_rng(3)
X, Y = rng.normal(size=(8, 3)), rng.normal(size=8)
n = len(X)
w, v = rng.normal(size=(3, 4)), rng.normal(size=4)

for epoch in range(5):
    sum_w, sum_v = np.zeros(w.shape), np.zeros(v.shape)
    for x, y in zip(X, Y):
        h = np.tanh(x @ w)
        out = h @ v
        error = y - out
        sum_v += error * h
        sum_w += np.outer(x, error * v * (1 - h ** 2))
    w += 0.01 * sum_w{}
    v += 0.01 * sum_v / n
"""


def test_a_mean_that_one_update_forgets_is_told_there(tmp_path: Path) -> None:
    assert checked(tmp_path, MEAN_LATE.format(" / n")).ok
    text = MEAN_LATE.format("")
    wrong = checked(tmp_path, text).first_wrong
    assert (wrong.line, wrong.kind) == (line_of(text, "w += 0.01"), "missing-batch-sum-or-mean")


HALF = """
import numpy as np

rng = np.random.default_rng(3)
X, Y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
w = rng.normal(size=(3, 1))


def cost(out):
    e = out - Y
    return np.mean(e * e)


for epoch in range(5):
    out = X @ w
    print(cost(out))
    delta = out - Y
    w -= 0.1 * (X.T @ delta / len(X))
"""


def test_the_two_of_a_square_may_be_left_out_if_it_is_a_product(tmp_path: Path) -> None:
    assert checked(tmp_path, HALF).ok
    wrong = checked(tmp_path, HALF.replace("out - Y\n    w", "out + Y\n    w")).first_wrong
    assert wrong.kind == "sign"


LEARNT = """
import numpy as np

rng = np.random.default_rng(3)
X, Y = rng.normal(size=(8, 3)), rng.normal(size=8)
w, c = rng.normal(size=3), 0


def update(w, c, off, learning_rate=0.01):
    gc = off.sum()
    w -= learning_rate * X.T @ off
    c -= learning_rate * gc
    return w, c


for epoch in range(5):
    off = X @ w + c - Y
    loss = 0.5 * np.sum(off ** 2)
    w, c = update(w, c, off)
"""


def test_a_number_that_is_learnt_is_a_parameter_under_any_name(tmp_path: Path) -> None:
    check = checked(tmp_path, LEARNT)
    assert check.ok, str(check)
    assert {final.parameter.short for final in check.finals} == {"w", "c"}
    text = LEARNT.replace("off.sum()", "off.mean()")
    wrong = checked(tmp_path, text).first_wrong
    assert (wrong.line, wrong.kind) == (line_of(text, "gc ="), "missing-batch-sum-or-mean")


PLAYING = """
import numpy as np


class Player:
    def __init__(self, rng):
        self.W1, self.W2 = rng.normal(size=(5, 6)), rng.normal(size=(6, 3))

    def play(self, seen, rewards, draws):
        hs, ds = [], []
        for x, u in zip(seen, draws):
            h = np.maximum(x @ self.W1, 0)
            p = np.exp(h @ self.W2)
            p /= p.sum()
            action = np.where(u <= np.cumsum(p))[0][0]
            d = p.copy()
            d[action] -= 1
            hs.append(h)
            ds.append(d * rewards[action])
        hs, ds = np.vstack(hs), np.vstack(ds)
        dh = ds @ self.W2.T
        dh[hs <= 0] = 0
        return {"W1": seen.T @ dh, "W2": hs.T @ ds}
"""


def test_a_program_that_no_other_value_goes_with_is_judged_all_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    player = module_of(tmp_path / "player.py", PLAYING).Player(rng)
    with verify(player) as check:
        check.gradients = player.play(rng.normal(size=(2, 5)), rng.normal(size=3), rng.uniform(0.5, 1, size=2))
    assert str(check)
    assert check.first_wrong is None


class Judge:
    """A logistic regression that keeps its data, and is certain of some of it."""

    def __init__(self, size: float) -> None:
        rng = np.random.default_rng(3)
        self.X_train, self.y = rng.normal(size=(8, 3)), rng.integers(0, 2, size=(8, 1)).astype(float)
        self.w = size * rng.normal(size=(3, 1))

    def loss(self) -> Any:
        self.p = 1 / (1 + np.exp(-self.X_train @ self.w))
        return -np.mean(self.y * np.log(self.p) + (1 - self.y) * np.log(1 - self.p))

    def gradient(self) -> Any:
        dp = -(self.y / self.p - (1 - self.y) / (1 - self.p)) / len(self.y)
        return {"w": self.X_train.T @ (dp * self.p * (1 - self.p))}


@pytest.mark.parametrize("size", [1.0, 12.0])
def test_what_is_kept_as_data_is_not_asked_about_and_rounding_is_no_mistake(size: float) -> None:
    judge = Judge(size)
    with verify(judge) as check:
        check.loss = judge.loss()
        check.gradients = judge.gradient()
    assert check.ok, str(check)
    assert "Where is the gradient" not in str(check)
    assert "fault of this program" not in str(check)
