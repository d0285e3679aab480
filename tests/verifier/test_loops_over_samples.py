"""Scripts that take one sample at a time: the loss is of all of them, or of the one after which there is an update."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tinygrad_scratch.verifier.script import checks_of

SUMS = """
import numpy as np

rng = np.random.default_rng(3)
pots, tastes = rng.normal(size=(7, 5)), rng.random(7)
learnrate = 0.4
inner, outer = rng.normal(size=(5, 3)), rng.normal(size=3)


def squash(v):
    return 1 / (1 + np.exp(-v))


for evening in range(50):
    change_inner, change_outer = np.zeros(inner.shape), np.zeros(outer.shape)
    for pot, taste in zip(pots, tastes):
        warm = squash(pot @ inner)
        guess = squash(warm @ outer)
        error = taste - guess
        error_term = error * guess * (1 - guess)
        warm_term = error_term * outer * warm * (1 - warm)
        change_outer += error_term * warm
        change_inner += warm_term * pot[:, None]
    inner += learnrate * change_inner / len(pots)
    outer += learnrate * change_outer / len(pots)
"""

STEPS = """
import numpy as np

rng = np.random.default_rng(5)
speed = 0.1
into, over, out = rng.normal(size=(2, 6)), rng.normal(size=(6, 6)), rng.normal(size=(6, 1))
add_into, add_over, add_out = np.zeros_like(into), np.zeros_like(over), np.zeros_like(out)


def squash(v):
    return 1 / (1 + np.exp(-v))


def slope(s):
    return s * (1 - s)


for song in range(1000):
    tune, echo = rng.random((5, 2)), rng.random(5)
    deltas, states, missed = [], [np.zeros(6)], 0
    for beat in range(5):
        x, y = tune[beat][None, :], echo[beat][None, None]
        state = squash(x @ into + states[-1] @ over)
        heard = squash(state @ out)
        off = y - heard
        deltas.append(off * slope(heard))
        missed += np.abs(off[0])
        states.append(state)
    later = np.zeros(6)
    for beat in range(5):
        x, state, before = tune[4 - beat][None, :], states[-beat - 1], states[-beat - 2]
        delta = deltas[-beat - 1]
        own = (later @ over.T + delta @ out.T) * slope(state)
        add_out += np.atleast_2d(state).T @ delta
        add_over += np.atleast_2d(before).T @ own
        add_into += x.T @ own
        later = own
    into += speed * add_into
    out += speed * add_out
    over += speed * add_over
    add_into *= 0
    add_out *= 0
    add_over *= 0
"""

NUMBERS = """
import numpy as np


def squash(v):
    return 1 / (1 + np.exp(-v))


def squash_slope(v):
    s = squash(v)
    return s * (1 - s)


class Seesaw:
    def __init__(self, rng):
        self.left, self.right, self.tilt, self.lean = (rng.normal() for _ in range(4))
        self.up, self.down = rng.normal(), rng.normal()

    def swing(self, sitters, wishes):
        learn_rate = 0.1
        for sitter, wish in zip(sitters, wishes):
            sum_a = self.left * sitter[0] + self.tilt
            a = squash(sum_a)
            sum_b = self.right * sitter[1] + self.lean
            b = squash(sum_b)
            sum_o = self.up * a + self.down * b
            o = squash(sum_o)
            d_loss_d_o = -2 * (wish - o)
            d_o_d_up = a * squash_slope(sum_o)
            d_o_d_down = b * squash_slope(sum_o)
            d_o_d_a = self.up * squash_slope(sum_o)
            d_o_d_b = self.down * squash_slope(sum_o)
            d_a_d_left = sitter[0] * squash_slope(sum_a)
            d_a_d_tilt = squash_slope(sum_a)
            d_b_d_right = sitter[1] * squash_slope(sum_b)
            d_b_d_lean = squash_slope(sum_b)
            self.left -= learn_rate * d_loss_d_o * d_o_d_a * d_a_d_left
            self.tilt -= learn_rate * d_loss_d_o * d_o_d_a * d_a_d_tilt
            self.right -= learn_rate * d_loss_d_o * d_o_d_b * d_b_d_right
            self.lean -= learn_rate * d_loss_d_o * d_o_d_b * d_b_d_lean
            self.up -= learn_rate * d_loss_d_o * d_o_d_up
            self.down -= learn_rate * d_loss_d_o * d_o_d_down


rng = np.random.default_rng(2)
Seesaw(rng).swing(rng.normal(size=(6, 2)), rng.random(6))
"""

NEURONS = """
from math import exp
from random import random, seed

seed(4)


def net_of(*widths):
    return [
        [{"weights": [random() - 0.5 for _ in range(wide + 1)]} for _ in range(next_wide)]
        for wide, next_wide in zip(widths, widths[1:])
    ]


def total(weights, row):
    held = weights[-1]
    for i in range(len(weights) - 1):
        held += weights[i] * row[i]
    return held


def forward(net, row):
    for layer in net:
        made = []
        for neuron in layer:
            neuron["output"] = 1.0 / (1.0 + exp(-total(neuron["weights"], row)))
            made.append(neuron["output"])
        row = made
    return row


def slope(output):
    return output * (1.0 - output)


def backward(net, wishes):
    for k in reversed(range(len(net))):
        errors = []
        for j in range(len(net[k])):
            if k == len(net) - 1:
                errors.append(net[k][j]["output"] - wishes[j])
            else:
                errors.append(sum(neuron["weights"][j] * neuron["delta"] for neuron in net[k + 1]))
        for neuron, error in zip(net[k], errors):
            neuron["delta"] = error * slope(neuron["output"])


def update(net, row, rate):
    for k in range(len(net)):
        given = row if k == 0 else [neuron["output"] for neuron in net[k - 1]]
        for neuron in net[k]:
            for j in range(len(given)):
                neuron["weights"][j] -= rate * neuron["delta"] * given[j]
            neuron["weights"][-1] -= rate * neuron["delta"]


net = net_of(2, 3, 2)
rows = [([1.3, -0.4], [1, 0]), ([-0.7, 0.9], [0, 1])]
for epoch in range(2):
    sum_error = 0
    for row, wishes in rows:
        outputs = forward(net, row)
        sum_error += sum((wishes[i] - outputs[i]) ** 2 for i in range(2))
        backward(net, wishes)
        update(net, row, 0.3)
"""

DARK = """
import numpy as np

rng = np.random.default_rng(7)
lamps = np.array([[0.0, 0.0, 0.0], [0.5, -1.0, 2.0], [1.5, 0.3, -0.2]])
glows = np.array([[0.2], [0.9], [0.4]])
first, second = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
for night in range(9):
    for lamp, glow in zip(lamps, glows):
        lamp = lamp[None, :]
        dim = np.tanh(lamp @ first)
        lit = dim @ second
        gap = lit - glow
        grad_second = dim.T @ gap
        grad_first = lamp.T @ (gap @ second.T * (1 - dim**2))
        first -= 0.1 * grad_first
        second -= 0.1 * grad_second
"""

PROGRAMS = {"sums": SUMS, "steps": STEPS, "numbers": NUMBERS, "neurons": NEURONS, "dark": DARK}


def check_of(folder: Path, text: str) -> Any:
    file = folder / "turns.py"
    file.write_text(text)
    (check,) = checks_of(str(file))
    return check


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_right_is_not_accused(tmp_path: Path, name: str) -> None:
    check = check_of(tmp_path, PROGRAMS[name])
    assert check.ok is True, str(check)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "kind"),
    [
        ("sums", "outer * warm * (1 - warm)", "outer * warm", "missing-derivative"),
        ("steps", "    later = own\n", "    later = delta @ out.T\n", "missing-derivative"),
        ("numbers", "d_o_d_b = self.down", "d_o_d_b = self.up", "wrong-operand"),
        ("dark", "(1 - dim**2))", "(1 - dim))", "derivative-at-wrong-point"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, name: str, right: str, wrong: str, kind: str) -> None:
    program = PROGRAMS[name]
    assert program.count(right) == 1
    check = check_of(tmp_path, program.replace(right, wrong))
    line = program[: program.index(right)].count("\n") + 1
    first = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind) == (line, kind), str(check)
    assert [step.verdict for step in check.steps].count("wrong") == 1, str(check)  # in all turns, the rest follows


def test_a_turn_without_a_telling_gradient_is_passed_over(tmp_path: Path) -> None:
    check = check_of(tmp_path, DARK)
    assert {final.parameter.name for final in check.finals} == {"first", "second"}


def test_the_loss_of_all_turns_is_said(tmp_path: Path) -> None:
    text = str(check_of(tmp_path, SUMS))
    assert "half mean squared error of guess and taste in 7" in " ".join(text.split())
    assert "Your error is another loss" not in text


BACKWARDS = """
import numpy as np

rng = np.random.default_rng(4)
W, xs, ys = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), rng.integers(0, 4, size=5)
for turn in range(3):
    p, aim = {}, {}
    for t in range(5):
        e = np.exp(W @ xs[t])
        p[t] = e / e.sum()
        aim[t] = np.eye(4)[ys[t]]
    dW = np.zeros_like(W)
    for t in range(5)[::-1]:
        dW += np.outer(p[t] - aim[t], xs[t])
    W -= 0.1 * dW
"""


def test_outputs_of_turns_that_are_met_in_another_order_make_a_loss(tmp_path: Path) -> None:
    assert check_of(tmp_path, BACKWARDS).ok is True
    check = check_of(
        tmp_path, BACKWARDS.replace("np.outer(p[t] - aim[t], xs[t])", "np.outer(p[t] - aim[t], xs[t - 1])")
    )
    assert check.first_wrong.line == BACKWARDS[: BACKWARDS.index("dW +=")].count("\n") + 1
