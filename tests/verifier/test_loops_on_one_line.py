"""Loops on one line, as lists of what calls return are; loops of an optimizer, to which a generator hands weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

LISTED = """
import numpy as np

draw = np.random.default_rng(4)
points = draw.normal(size=(24, 3))
goals = np.tanh(points @ draw.normal(size=(3, 2)))


def dense(fan_in, fan_out):
    weights, bias, memo = 0.3 * draw.normal(size=(fan_in, fan_out)), np.zeros(fan_out), {}

    def forward(x):
        memo["x"], memo["out"] = x, np.tanh(x @ weights + bias)
        return memo["out"]

    def backward(off):
        back = off * (1 - memo["out"] ** 2)
        before = back @ weights.T
        weights[...] -= 0.1 * memo["x"].T @ back
        bias[...] -= 0.1 * back.sum(axis=0)
        return before

    return forward, backward


layers = [dense(3, 4), dense(4, 2)]


def learn(x, y):
    out = x
    for forward, _ in layers:
        out = forward(out)
    loss = 0.5 * np.sum((out - y) ** 2) / len(x)
    off = (out - y) / len(x)
    for _, backward in reversed(layers):
        off = backward(off)
    return loss


def parts():
    return np.split(draw.permutation(24), 4)


for epoch in range(2):
    losses = [learn(points[part], goals[part]) for part in parts()]
    print(np.mean(losses))
"""
LOOPED = LISTED.replace(
    "    losses = [learn(points[part], goals[part]) for part in parts()]\n    print(np.mean(losses))\n",
    "    for part in parts(): learn(points[part], goals[part])\n",
)
HANDED_OUT = """
import numpy as np


class Dense:
    def __init__(self, fan_in, fan_out, draw):
        self.params = {"W": 0.5 * draw.normal(size=(fan_in, fan_out)), "b": np.zeros(fan_out)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, back):
        self.grads["W"] = self.x.T @ back
        self.grads["b"] = back.sum(axis=0)
        return back @ self.params["W"].T


class Centred:
    def __init__(self):
        self.params, self.grads = {}, {}

    def forward(self, x):
        self.y = np.tanh(x - x.mean(axis=0))
        return self.y

    def backward(self, back):
        bent = back * (1 - self.y**2)
        return bent - bent.mean(axis=0)


class Net:
    def __init__(self, *layers):
        self.layers = layers

    @property
    def pairs(self):
        for layer in self.layers:
            for name, param in layer.params.items():
                yield param, layer.grads[name]


class Momentum:
    def __init__(self):
        self.velocities = {}

    def step(self, pairs):
        for i, (param, grad) in enumerate(pairs):
            if i not in self.velocities:
                self.velocities[i] = np.zeros_like(grad)
            v = 0.9 * self.velocities[i] - 0.1 * grad
            self.velocities[i] = v
            param[...] += v


draw = np.random.default_rng(8)
net, steps = Net(Dense(3, 5, draw), Centred(), Dense(5, 2, draw)), Momentum()
for turn in range(8):
    x = draw.normal(size=(16, 3))
    y = x[:, :2] * x[:, 1:]
    out = x
    for layer in net.layers:
        out = layer.forward(out)
    loss = 0.5 * np.mean(np.sum((out - y) ** 2, axis=1))
    back = (out - y) / len(x)
    for layer in reversed(net.layers):
        back = layer.backward(back)
    steps.step(net.pairs)
"""


@pytest.mark.parametrize("text", [LISTED, LOOPED])
def test_a_loop_on_one_line_is_judged_turn_by_turn(tmp_path: Path, text: str) -> None:
    assert check_of_script(tmp_path, text).ok
    right, wrong = '(1 - memo["out"] ** 2)', "(1 - off ** 2)"
    check, line = edited_script(tmp_path, text, right, wrong)
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


def test_what_a_generator_hands_out_is_no_turn_of_its_own(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, HANDED_OUT).ok
    check, line = edited_script(tmp_path, HANDED_OUT, "back * (1 - self.y**2)", "back * (1 + self.y**2)")
    assert told(check) == (line, "sign"), str(check)


def test_a_bias_that_is_taken_off_again_is_waited_for_in_one_turn(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HANDED_OUT)
    line = 1 + HANDED_OUT.splitlines().index("for turn in range(8):")
    assert f"One turn of the loop at line {line} was made, and judged." in check.notes
    assert check.turn == 1
