"""What stands in other files than the loop that trains: layers that a later net alone has, and what sets back."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import changed, check_of_script, line_of, told

LAYERS = """
import numpy as np


class Layer:
    def forward(self, x):
        self.x = x
        self.out = self.output()
        return self.out


class Line(Layer):
    def __init__(self, rng, n, m):
        self.W = rng.normal(size=(n, m)) * 0.5

    def output(self):
        return self.x @ self.W

    def backward(self, grad):
        self.dW = self.x.T @ grad
        return grad @ self.W.T


class Squash(Layer):
    def output(self):
        return 1 / (1 + np.exp(-self.x))

    def backward(self, grad):
        input_grad = grad * self.out * (1 - self.out)
        return input_grad
"""
TRAINED_TWICE = """
import numpy as np

from own_layers import Line, Squash

rng = np.random.default_rng(6)
x, y = rng.normal(size=(10, 4)), rng.normal(size=(10, 1))


def train(layers):
    for turn in range(6):
        out = x
        for layer in layers:
            out = layer.forward(out)
        loss = np.mean((out - y) ** 2)
        grad = 2 * (out - y) / y.size
        for layer in reversed(layers):
            grad = layer.backward(grad)
        for layer in layers:
            if hasattr(layer, "W"):
                layer.W -= 0.1 * layer.dW
        print(loss)


train([Line(rng, 4, 1)])
train([Line(rng, 4, 3), Squash(), Line(rng, 3, 1)])
"""
OPTIMIZED = """
import numpy as np

from own_steps import Steps

rng = np.random.default_rng(8)
x, y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))


class Parameter:
    def __init__(self, value):
        self.value, self.grad = value, np.zeros_like(value)


class Dense:
    def __init__(self):
        self.W, self.b = Parameter(rng.normal(size=(3, 2))), Parameter(np.zeros((1, 2)))

    def forward(self, x):
        self.x = x
        return x @ self.W.value + self.b.value

    def backward(self, grad):
        self.W.grad += self.x.T @ grad
        self.b.grad += grad.sum(axis=0, keepdims=True)


def train(layer, steps):
    losses = []
    for turn in range(6):
        out = layer.forward(x)
        losses.append(np.mean((out - y) ** 2))
        steps.zero_grad()
        layer.backward(2 * (out - y) / y.size)
        steps.step()
    print(np.mean(losses))


layer = Dense()
train(layer, Steps([layer.W, layer.b]))
"""
STEPS = """
import numpy as np


class Steps:
    def __init__(self, parameters):
        self.parameters = parameters
        self.velocity = [np.zeros_like(p.value) for p in parameters]

    def zero_grad(self):
        for p in self.parameters:
            p.grad.fill(0.0)

    def step(self):
        for i, p in enumerate(self.parameters):
            self.velocity[i] = 0.8 * self.velocity[i] - 0.1 * p.grad
            p.value += self.velocity[i]
"""


def test_lines_of_another_file_that_only_a_later_training_runs_are_judged(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, TRAINED_TWICE, own_layers=LAYERS).ok
    right, wrong = "input_grad = grad * self.out * (1 - self.out)", "input_grad = grad * (1 - self.out)"
    check = check_of_script(tmp_path, TRAINED_TWICE, own_layers=changed(LAYERS, right, wrong))
    assert told(check)[0] == line_of(LAYERS, right)
    assert Path(check.first_wrong.file).name == "own_layers.py"


def test_without_a_loop_no_later_turn_is_looked_for(tmp_path: Path) -> None:
    once = """
import numpy as np

from own_layers import Line

rng = np.random.default_rng(6)
x, y = rng.normal(size=(10, 4)), rng.normal(size=(10, 1))
line = Line(rng, 4, 1)
out = line.forward(x)
loss = np.mean((out - y) ** 2)
line.backward(2 * (out - y) / y.size)
line.W -= 0.1 * line.dW
"""
    assert check_of_script(tmp_path, once, own_layers=LAYERS).ok


def test_what_sets_back_gradients_in_another_file_is_named(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, OPTIMIZED, own_steps=STEPS).ok
    check = check_of_script(tmp_path, changed(OPTIMIZED, "steps.zero_grad()", "pass"), own_steps=STEPS)
    assert told(check)[1] == "overwritten-accumulation"
    assert check.first_wrong.line - line_of(OPTIMIZED, "steps.zero_grad()") in (0, 1)
    assert "no turn calls zero_grad()" in check.first_wrong.sentence
