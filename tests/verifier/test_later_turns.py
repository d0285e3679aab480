"""What is right in the first turn, as much begins alike there, and wrong in those after it, is told in a later one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told
from tinygrad_scratch.verifier.script import check_after

BATCHES = """
import numpy as np

rng = np.random.default_rng(21)
x, y = rng.normal(size=(24, 5)), rng.integers(0, 3, 24)
W, b = rng.normal(size=(5, 3)) * 0.4, rng.normal(size=3)
for turn in range(4):
    for first in range(0, 24, 6):
        xs, ys = x[first : first + 6], y[first : first + 6]
        z = xs @ W + b
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        loss = -np.mean(np.log(p[np.arange(6), ys]))
        d = p.copy()
        d[np.arange(6), ys] -= 1
        d /= 6
        dW, db = xs.T @ d, d.sum(0)
        W -= 0.3 * dW
        b -= 0.3 * db
    print(loss)
"""
SMOOTHED = """
import numpy as np

rng = np.random.default_rng(9)
x, kind = rng.normal(size=(12, 4)), rng.integers(0, 3, 12)
W, b = rng.normal(size=(4, 3)), np.zeros(3)
for turn in range(10):
    spread = 0.02 * turn
    z = x @ W + b
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    aim = (1 - spread) * np.eye(3)[kind] + spread / 3
    loss = -np.mean(np.sum(aim * np.log(p), axis=1))
    d = (p - aim) / 12
    dW, db = x.T @ d, d.sum(0)
    W -= 0.3 * dW
    b -= 0.3 * db
    print(loss)
"""
MISTAKES = [
    pytest.param(BATCHES, "d[np.arange(6), ys] -= 1", "d[np.arange(6), y[:6]] -= 1", id="the labels of one batch"),
    pytest.param(SMOOTHED, "d = (p - aim)", "d = (p - np.eye(3)[kind])", id="targets that are smoothed later"),
]


@pytest.mark.parametrize(("script", "right", "wrong"), MISTAKES)
def test_what_the_first_turn_hides_is_told(tmp_path: Path, script: str, right: str, wrong: str) -> None:
    assert check_of_script(tmp_path, script).ok
    check, line = edited_script(tmp_path, script, right, wrong)
    assert told(check)[0] == line, str(check)
    assert any("The turn before is right" in note for note in check.notes), str(check)


ANCHORED = """
import numpy as np

rng = np.random.default_rng(5)
x, y = rng.normal(size=(10, 4)), rng.normal(size=(10, 2))
W = rng.normal(size=(4, 2))
W0 = W.copy()
for turn in range(6):
    miss = x @ W - y
    loss = np.sum(miss**2) / 10 + 0.3 * np.sum((W - W0) ** 2)
    dW = 2 * x.T @ miss / 10
    dW += 0.6 * (W - W0)
    W -= 0.1 * dW
    print(loss)
"""


def test_where_several_changes_mend_a_later_turn_one_is_mentioned(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, ANCHORED).ok
    check, line = edited_script(tmp_path, ANCHORED, "dW += 0.6", "dW -= 0.6")
    known = [note for note in check.notes if f"in line {line}" in note]
    assert known or told(check)[0] == line, str(check)


SUMS = """
import numpy as np

rng = np.random.default_rng(9)
x, y = rng.normal(size=(7, 4)), rng.normal(size=7)
w = rng.normal(size=4) * 0.3
dw = np.zeros(4)
for turn in range(8):
    loss = 0.0
    for row, aim in zip(x, y):
        miss = np.tanh(row @ w) - aim
        loss += 0.5 * miss**2 / 7
        dw += miss * (1 - np.tanh(row @ w) ** 2) * row / 7
    RESET
    w -= 0.3 * dw
    print(loss)
"""
KEPT = SUMS.replace("    RESET\n", "")
RESET = KEPT.replace("    print(loss)", "    dw[:] = 0\n    print(loss)")
OVER_TURNS = """
import numpy as np

rng = np.random.default_rng(9)
x, y = rng.normal(size=(24, 4)), rng.normal(size=24)
w = rng.normal(size=4) * 0.3
dw = np.zeros(4)
for turn in range(3):
    for k in range(8):
        xs, ys = x[3 * k : 3 * k + 3], y[3 * k : 3 * k + 3]
        miss = xs @ w - ys
        loss = np.mean(miss**2)
        dw += xs.T @ (2 * miss / 3) / 4
        if k % 4 == 3:
            w -= 0.1 * dw
            dw[:] = 0
    print(loss)
"""


@pytest.mark.parametrize("script", [KEPT, KEPT.replace("dw += miss", "dw -= -miss")], ids=["added to", "taken off"])
def test_gradients_that_are_not_set_back_are_told(tmp_path: Path, script: str) -> None:
    """In the first turn they are right, and each turn takes its step by them."""
    check = check_of_script(tmp_path, script)
    assert told(check) == (13, "overwritten-accumulation"), str(check)
    assert "set it to 0 before the first turn that adds to it" in check.first_wrong.sentence


@pytest.mark.parametrize("script", [RESET, OVER_TURNS], ids=["in each turn", "after some turns"])
def test_those_that_are_set_back_are_right(tmp_path: Path, script: str) -> None:
    check = check_of_script(tmp_path, script)
    assert check.first_wrong is None, str(check)


TWICE = """
import numpy as np

rng = np.random.default_rng(9)
stars = [(u, i, rng.uniform(0.1, 0.9)) for u in range(4) for i in range(3)]


def by_products(users, items, u, i, star, rate):
    error = 1 / (1 + np.exp(-users[u] @ items[i])) - star
    push = error * (error + star) * (1 - error - star)
    before = users[u].copy()
    users[u] -= rate * push * items[i]
    items[i] -= rate * push * before


def by_distances(users, items, u, i, star, rate):
    near = np.exp(-0.7 * np.sum((users[u] - items[i]) ** 2))
    error = near - star
    for k in range(users.shape[1]):
        mine, other = users[u, k], items[i, k]
        users[u, k] -= rate * error * 1.4 * near * (other - mine)
        items[i, k] -= rate * error * 1.4 * near * (mine - other)


def train(how, users, items):
    for epoch in range(2):
        for u, i, star in stars:
            if how == "products":
                by_products(users, items, u, i, star, 0.1)
            else:
                by_distances(users, items, u, i, star, 0.1)


for how in ("products", "distances"):
    users, items = rng.normal(0, 0.5, (4, 2)), rng.normal(0, 0.5, (3, 2))
    train(how, users, items)
"""


def test_a_second_training_by_other_lines_is_judged(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, TWICE).ok
    check, line = edited_script(tmp_path, TWICE, "near * (mine - other)", "near * (other - mine)")
    assert told(check) == (line, "sign"), str(check)


BATCHES = """
import numpy as np

rng = np.random.RandomState(3)


class Softmax:
    def fit(self, X, labels):
        self.w, self.b = rng.normal(size=(4, 3)), np.zeros(3)
        Y = np.eye(3)[labels]
        for epoch in range(2):
            for start in range(0, len(X), 7):
                few, wanted = X[start : start + 7], Y[start : start + 7]
                scores = few @ self.w + self.b
                chances = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
                cost = -np.mean(np.sum(wanted * np.log(chances), axis=1))
                error = chances - wanted
                gradient = few.T @ error
                self.w -= 0.05 * gradient
                self.b -= 0.05 * np.sum(error, axis=0)


X = rng.normal(size=(28, 4))
Softmax().fit(X, rng.randint(0, 3, 28))
"""


def test_the_first_batch_in_the_place_of_each_is_told_by_a_later_turn(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, BATCHES).ok
    check, line = edited_script(tmp_path, BATCHES, "gradient = few.T @ error", "gradient = X[:7].T @ error")
    assert told(check) == (line, "wrong-operand"), str(check)


BIASES_OF_ROWS = """
import numpy as np

rng = np.random.default_rng(4)
stars = np.array([(u, i, float(rng.integers(1, 6))) for u in range(5) for i in range(4) if rng.uniform() < 0.8])
of_user, of_item = np.zeros(5), np.zeros(4)
users, items = rng.normal(0, 0.4, (5, 3)), rng.normal(0, 0.4, (4, 3))
for epoch in range(3):
    for n in range(len(stars)):
        u, i, star = int(stars[n, 0]), int(stars[n, 1]), stars[n, 2]
        guess = 3 + of_user[u] + of_item[i]
        for k in range(3):
            guess += users[u, k] * items[i, k]
        error = star - guess
        of_user[u] += 0.05 * (error - 0.1 * of_user[u])
        of_item[i] += 0.05 * (error - 0.1 * of_item[i])
        for k in range(3):
            mine, other = users[u, k], items[i, k]
            users[u, k] += 0.05 * (error * other - 0.1 * mine)
            items[i, k] += 0.05 * (error * mine - 0.1 * other)
"""


def test_an_error_that_adds_what_a_parameter_alone_made_holds_no_penalty(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, BIASES_OF_ROWS)
    assert check.ok, str(check)
    for turn in (2, 3, 12, 14):
        later = check_after(str(tmp_path / "script.py"), None, 60.0, {check.loop: turn})
        assert later.turn == turn
        assert later.ok, str(later)
