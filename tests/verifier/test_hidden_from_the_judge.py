"""Programs in which something hid what is to be judged: a loss that nothing fits, an earlier turn, a single number."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

PAIRS = """
import numpy as np

rng = np.random.RandomState(4)
visits = [(rng.randn(count, 4), rng.randint(0, 3, count)) for count in (5, 7, 6)]
W, b, v, c = 0.6 * rng.randn(4, 5), 0.1 * rng.randn(5), 0.5 * rng.randn(5, 1), np.zeros(1)


def learn(rows, rank, rate):
    global W, b, v, c
    h = np.tanh(rows @ W + b)
    s = h @ v + c
    apart = 1.3 * (s - s.T)
    above = rank[:, None] > rank[None, :]
    cost = np.sum(above * np.log(1 + np.exp(-apart)))
    pull = -1.3 * above / (1 + np.exp(apart))
    ds = pull.sum(axis=1, keepdims=True) - pull.sum(axis=0, keepdims=True).T
    dv, dc = h.T @ ds, ds.sum(axis=0)
    dz = ds @ v.T * (1 - h * h)
    dW, db = rows.T @ dz, dz.sum(axis=0)
    W, b, v, c = W - rate * dW, b - rate * db, v - rate * dv, c - rate * dc
    return cost


for sweep in range(4):
    total = 0.0
    for rows, rank in visits:
        total += learn(rows, rank, 0.01)
    print(sweep, total)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("pull = -1.3 * above /", "pull = -1.3 * above.T /", "transpose"),
        ("(1 + np.exp(apart))", "(1 + np.exp(apart)) ** 2", "scale-factor"),
    ],
)
def test_a_loss_is_taken_that_no_gradient_fits_but_one_that_is_nothing(
    tmp_path: Path, right: str, wrong: str, kind: str
) -> None:
    check, line = edited_script(tmp_path, PAIRS, right, wrong)
    assert told(check) == (line, kind), str(check)


def test_a_gradient_that_is_nothing_but_for_rounding_is_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PAIRS)
    assert check.ok, str(check)


COUNTS = """
import numpy as np

rng = np.random.RandomState(3)
rows, columns = np.arange(14) % 4, np.arange(14) % 5
seen = rng.poisson(2.0, size=14)
net = {"row": 0.3 * rng.randn(4), "column": 0.3 * rng.randn(5)}
speed = {name: np.zeros_like(held) for name, held in net.items()}
for sweep in range(6):
    height = net["row"][rows] + net["column"][columns]
    loss = np.sum(np.exp(height) - seen * height)
    off = np.zeros(len(seen))
    for k in range(len(seen)):
        off[k] = np.exp(height[k]) - seen[k]
    slopes = {name: np.zeros_like(held) for name, held in net.items()}
    np.add.at(slopes["row"], rows, off)
    np.add.at(slopes["column"], columns, off)
    for name in net:
        speed[name] = 0.7 * speed[name] - 0.01 * slopes[name]
        net[name] = net[name] + speed[name]
    print(sweep, loss)
"""


def test_what_an_earlier_turn_cut_to_whole_numbers_is_in_no_way(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, COUNTS, "off = np.zeros(len(seen))", "off = np.zeros_like(seen)")
    assert told(check) == (line, "dtype-or-integer"), str(check)
    check = check_of_script(tmp_path, COUNTS)
    assert check.ok, str(check)


NUMBERS = """
import numpy as np

data, marks = np.array([[0.5, -1.0], [1.5, 0.4], [-0.7, 0.9]]), np.array([1.0, 0.0, 1.0])


def bend(x):
    return 1 / (1 + np.exp(-x))


class Unit:
    def __init__(self):
        rng = np.random.RandomState(6)
        self.p, self.q, self.r, self.s, self.t = rng.normal(size=5)

    def learn(self, x, mark):
        h = bend(self.p * x[0] + self.q * x[1] + self.r)
        y = bend(self.s * h + self.t)
        off = 2 * (y - mark) * y * (1 - y)
        inner = off * self.s * h * (1 - h)
        self.p -= 0.2 * inner * x[0]
        self.q -= 0.2 * inner * x[1]
        self.r -= 0.2 * inner
        self.s -= 0.2 * off * h
        self.t -= 0.2 * off


unit = Unit()
for sweep in range(5):
    for x, mark in zip(data, marks):
        unit.learn(x, mark)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "text"),
    [
        ("self.r -= 0.2", "self.r =- 0.2", "self.r -= 0.2 * inner"),
        ("self.t -= 0.2", "self.t = -0.2", "self.t += -0.2 * off"),
    ],
)
def test_a_single_number_that_is_replaced_by_its_step_is_told(
    tmp_path: Path, right: str, wrong: str, text: str
) -> None:
    check, line = edited_script(tmp_path, NUMBERS, right, wrong)
    assert told(check) == (line, "overwritten-accumulation"), str(check)
    assert check.first_wrong.should_be == text, str(check)


def test_single_numbers_that_take_their_steps_are_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, NUMBERS)
    assert check.ok, str(check)
