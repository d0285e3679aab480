"""Correct programs in usual styles that are easily taken for wrong ones; beside each a mistake that is still found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import verify
from tinygrad_scratch.verifier.source import statement_at

RNG = np.random.default_rng(8)


@pytest.mark.parametrize("least", [0, 1, 2])
def test_an_array_may_be_made_with_more_axes(least: int) -> None:
    w, b, row = RNG.normal(size=(4, 3)), RNG.normal(size=3), RNG.normal(size=3)
    with verify(w=w, b=b) as check:
        x = np.array(b * row, ndmin=least).T
        error = w @ x - np.arange(4.0).reshape(4, *x.shape[1:])
        check.loss = np.sum(error**2)
        check.gradients = 2 * np.outer(error, x), 2 * (w.T @ error).reshape(3) * row
    assert check.ok, str(check)


class Regression:
    """A cost with its gradient as a method, as optimizers want it."""

    def __init__(self) -> None:
        self.theta, self.decay = RNG.normal(size=3), 0.1

    def cost(self, theta: Any, x: Any, y: Any) -> Any:
        error = x @ theta - y
        return np.sum(error**2) + self.decay * np.sum(theta**2), 2 * x.T @ error + 2 * self.decay * theta

    def cost_of_own(self, x: Any, y: Any) -> Any:
        error = x @ self.theta - y
        return np.sum(error**2), 2 * x.T @ error


def test_a_method_may_return_its_loss_and_gradient() -> None:
    model, x, y = Regression(), RNG.normal(size=(6, 3)), RNG.normal(size=6)
    for check in (
        verify.function(model.cost, model.theta, x, y),
        verify.function(model.cost_of_own, x, y),
        verify.function(Regression.cost, model, model.theta, x, y),
    ):
        assert check.ok, str(check)


class Buffered:
    """Layers that forward writes to in place, the first with a 1 for the bias; the weights are updated in backward."""

    def __init__(self) -> None:
        self.layers = [np.ones(4), np.ones(5), np.ones(2)]
        self.weights = [RNG.normal(size=(4, 5)), RNG.normal(size=(5, 2))]
        self.memory = np.zeros(5)

    def forward(self, x: Any) -> Any:
        self.layers[0][:-1] = x
        self.memory = 0.5 * self.memory + self.layers[0] @ self.weights[0]
        self.layers[1][...] = np.tanh(self.memory)
        self.layers[2][...] = self.layers[1] @ self.weights[1]
        return self.layers[2]

    def backward(self, y: Any, rate: float, power: int = 2) -> None:
        delta = self.layers[2] - y
        hidden = (self.weights[1] @ delta) * (1 - self.layers[1] ** power)
        self.weights[1] -= rate * np.outer(self.layers[1], delta)
        self.weights[0] -= rate * np.outer(self.layers[0], hidden)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("power", [2, 1])
def test_what_forward_writes_to_is_no_parameter(named: bool, power: int) -> None:
    net, x, y = Buffered(), RNG.normal(size=3), RNG.normal(size=2)
    with verify(net) as check:
        out = net.forward(x)
        if named:
            check.loss_is("half squared error", out, y)
        else:
            check.loss = 0.5 * np.sum((out - y) ** 2)
        net.backward(y, 0.1, power)
        check.gradients_from_step(0.1)
    assert check.ok == (power == 2), str(check)
    assert check.first_wrong is None or "hidden = " in statement_at(__file__, check.first_wrong.line)
    assert {final.parameter.name for final in check.finals} == {"weights[0]", "weights[1]"}


class Held:
    """A parameter with its gradient, as libraries keep them."""

    def __init__(self, data: Any, grad: Any) -> None:
        self.data, self.grad = data, grad


def as_tuples(named: dict[str, Any]) -> Any:
    return list(named.values())


def as_layers(named: dict[str, Any]) -> Any:
    pairs = list(named.values())
    return [pairs[:2], pairs[2:]]


def as_dicts(named: dict[str, Any]) -> Any:
    return {name: {"value": pair[0], "gradient": pair[1]} for name, pair in named.items()}


def as_objects(named: dict[str, Any]) -> Any:
    return [Held(*pair) for pair in named.values()]


def gradient_first(named: dict[str, Any]) -> Any:
    return ([gradient, parameter] for parameter, gradient in named.values())


@pytest.mark.parametrize("form", [as_tuples, as_layers, as_dicts, as_objects, gradient_first])
@pytest.mark.parametrize("update", ["none", "in place", "by name"])
@pytest.mark.parametrize("factor", [2, 3])
def test_pairs_of_a_parameter_and_its_gradient_say_whose_it_is(form: Any, update: str, factor: int) -> None:
    net = {"u": RNG.normal(size=(3, 3)), "s": np.ones(3), "v": RNG.normal(size=(3, 3)), "t": np.ones(3)}
    x, y = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 3))
    with verify(net) as check:
        hidden = np.tanh(x @ net["u"] + net["s"])
        error = hidden @ net["v"] + net["t"] - y
        check.loss = np.sum(error**2)
        one = 2 * error
        two = one @ net["v"].T * (1 - hidden**factor)
        gradients = [x.T @ two, two.sum(axis=0), hidden.T @ one, one.sum(axis=0)]
        for name, gradient in zip(net, gradients, strict=True):
            if update == "in place":
                net[name] -= 0.1 * gradient
            elif update == "by name":
                net[name] = net[name] - 0.1 * gradient
        check.gradients = form({name: pair for name, *pair in zip(net, net.values(), gradients, strict=True)})
    assert check.ok == (factor == 2), str(check)
    assert check.first_wrong is None or "two = " in statement_at(__file__, check.first_wrong.line)


def test_a_parameter_in_place_of_a_gradient_is_still_wrong() -> None:
    u, v, x = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3)), RNG.normal(size=(7, 3))
    for given in ((0, 1), (1, 0)):
        with verify(u=u, v=v) as check:
            out = x @ u @ v
            check.loss = 0.5 * np.sum(out**2)
            right = x.T @ out @ v.T, (x @ u).T @ out
            check.gradients = [u, right[1]] if given[0] else [right[0], v]
        assert not check.ok
