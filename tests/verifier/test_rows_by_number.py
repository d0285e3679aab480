"""Rows that are taken by a number of an array of numbers, as NumPy takes them: what is written to one is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.verifier.files import check_of_script, edited_script, told
from tinygrad_scratch import verify

ROW_BY_ROW = """
import numpy as np

rng = np.random.default_rng(3)
x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
w, b = rng.normal(size=(3, 2)), np.zeros(2)
for turn in range(3):
    out = np.zeros((7, 2))
    for i in np.arange(7):
        row = out[i]
        for j in np.arange(3):
            row += x[i, j] * w[j]
        row += b
    loss = 0.5 * np.sum((out - y) ** 2)
    off = out - y
    dw = np.zeros_like(w)
    for j in np.arange(3):
        row = dw[j]
        row += x[:, j] @ off
    w -= 0.01 * dw
    b -= 0.01 * off.sum(axis=0)
"""

LAYERS = """
import numpy as np

rng = np.random.RandomState(7)


class Windows:
    def __init__(self, made, read, width, length):
        self.w, self.b = rng.normal(0, 0.5, (made, read, width)), np.zeros((made, length - width + 1))
        self.places = [(slice(None), slice(at, at + width)) for at in np.arange(length - width + 1)]

    def forward(self, x):
        self.x, self.y = x, np.zeros(self.b.shape)
        for at, place in zip(np.arange(self.y.shape[1]), self.places):
            for k in np.arange(len(self.w)):
                self.y[:, at][k] += np.sum(self.w[k] * x[place])
        self.y += self.b
        return self.y

    def backward(self, d):
        back, self.dw = np.zeros(self.x.shape), np.zeros(self.w.shape)
        for at, place in zip(np.arange(d.shape[1]), self.places):
            for k in np.arange(len(self.w)):
                back[place] += d[:, at][k] * self.w[k]
                self.dw[k] += d[:, at][k] * self.x[place]
        self.db = d
        return back


class Bend:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, d):
        return d * (1 - self.y**2)


class Net:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, d):
        for layer in self.layers[::-1]:
            d = layer.backward(d)

    def update(self, rate):
        for layer in self.layers:
            if hasattr(layer, "w"):
                layer.w -= rate * layer.dw
                layer.b -= rate * layer.db


net = Net([Windows(4, 2, 3, 9), Bend(), Windows(3, 4, 2, 7), Bend()])
x, goal = rng.normal(size=(2, 9)), rng.uniform(-1, 1, size=(3, 6))
for step in range(3):
    out = net.forward(x)
    loss = 0.5 * np.sum((out - goal) ** 2)
    net.backward(out - goal)
    net.update(0.05)
"""


def test_a_row_by_a_number_is_the_row_itself(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ROW_BY_ROW)
    assert check.ok, str(check)
    assert len(check.finals) == 2
    check, line = edited_script(tmp_path, ROW_BY_ROW, "x[:, j] @ off", "x[:, j] @ out")
    assert told(check) == (line, "wrong-operand"), str(check)


def test_what_is_written_to_it_is_there_afterwards() -> None:
    with verify(w=np.ones((3, 2))):
        made = np.zeros((3, 2))
        for i in np.arange(3):
            row = made[i]
            row += i
        two = made[np.int64(1)]
        two *= 5
    assert np.asarray(made).tolist() == [[0, 0], [5, 5], [2, 2]]


def test_room_that_a_turn_makes_and_fills_is_no_parameter(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LAYERS)
    assert check.ok, str(check)
    assert len(check.finals) == 4
    check, line = edited_script(tmp_path, LAYERS, "d * (1 - self.y**2)", "d * (1 - self.y)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)
