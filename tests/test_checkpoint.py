"""checkpoint: the same values and gradients, with less kept and more computed."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Dense, Sequential, Tensor, checkpoint, grad, no_grad
from tinygrad_scratch.functional import squared_error


def leaf(*values: float) -> Any:
    return Tensor(np.array(values), requires_grad=True)


def layer(x: Any) -> Any:
    return np.tanh(x * np.exp(-x)) + x[::-1]


def test_gradients_of_orders_one_and_two() -> None:
    x, again = leaf(0.3, -0.7, 1.1), leaf(0.3, -0.7, 1.1)
    plain, kept = layer(layer(x)), checkpoint(layer)(checkpoint(layer)(again))
    np.testing.assert_array_equal(kept.data, plain.data)
    (first,), (true,) = (np.sum(y**2).gradient(v, create_graph=True) for y, v in ((kept, again), (plain, x)))
    np.testing.assert_allclose(first.data, true.data, rtol=1e-14)
    (second,), (also,) = np.sum(first**3).gradient(again), np.sum(true**3).gradient(x)
    np.testing.assert_allclose(second.data, also.data, rtol=1e-13)


def test_what_is_computed_on_the_way_is_let_go() -> None:
    seen: list[weakref.ref[Any]] = []

    def spied(x: Any) -> Any:
        y = np.exp(x)
        seen.append(weakref.ref(y.data))
        return y * y

    gc.disable()
    try:
        y = checkpoint(spied)(leaf(1.0))
        assert seen[0]() is None
        y.backward()
    finally:
        gc.enable()


def test_several_arguments_results_and_keywords() -> None:
    def pair(state: Any, *, inputs: Any, scale: float) -> Any:
        return {"sum": state[0] * inputs, "rest": [scale * state[1], 3, inputs]}

    a, b, x = leaf(2.0), leaf(5.0), leaf(7.0)
    x = x * 1.0
    result = checkpoint(pair)((a, b), inputs=x, scale=10.0)
    assert result["rest"][1] == 3
    total = result["sum"] * result["rest"][0] + result["rest"][2]
    gradients = total.gradient(a, b, x)
    np.testing.assert_allclose([g.item() for g in gradients], [350.0, 140.0, 101.0])


def test_parameters_that_a_layer_holds_get_their_gradients() -> None:
    rng = np.random.default_rng(0)
    net: Any = Sequential(Dense(3, 4), Dense(4, 2))
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    squared_error(net(x), y).backward()
    wanted = [parameter.grad for parameter in net.parameters()]
    net.zero_grad()
    hidden = net[0](x)
    assert hidden.requires_grad
    squared_error(checkpoint(lambda t: net[1](checkpoint(net[0])(t)))(x), y).backward()
    for parameter, true in zip(net.parameters(), wanted, strict=True):
        np.testing.assert_allclose(parameter.grad, true, rtol=1e-14)


def test_inside_transforms_and_without_recording() -> None:
    cost = checkpoint(lambda x: np.sum(x**3))
    np.testing.assert_allclose(grad(cost)(np.array([1.0, 2.0])), [3.0, 12.0])
    np.testing.assert_allclose(grad(lambda x: np.sum(grad(cost)(x)))(np.array([1.0, 2.0])), [6.0, 12.0])
    with no_grad():
        assert not cost(leaf(1.0)).requires_grad
    assert cost(np.array([1.0, 2.0])) == 9.0


def test_a_result_that_is_an_argument() -> None:
    x = leaf(3.0)
    y = x * 2.0
    same = checkpoint(lambda t: t)(y)
    assert np.sum(same * same).gradient(x)[0].item() == 24.0


def test_arguments_written_to_later_keep_the_value_they_had() -> None:
    x = leaf(1.0, 2.0)
    z = x * 1.0
    y = checkpoint(np.square)(z)
    z *= 100.0
    np.sum(y).backward()
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])


def test_other_values_in_the_second_run_are_an_error() -> None:
    rng = np.random.default_rng(0)
    y = checkpoint(lambda x: np.sum(x * rng.normal(size=2)))(leaf(1.0, 2.0))
    with pytest.raises(RuntimeError, match=r"returned other values.*random numbers"):
        y.backward()
    w = leaf(2.0)
    y = checkpoint(lambda x: np.sum(x * w))(leaf(1.0, 2.0))
    with no_grad():
        w += 1.0
    with pytest.raises(RuntimeError, match="were its parameters updated"):
        y.backward()


def test_writing_into_an_argument_is_refused() -> None:
    def careless(x: Any) -> Any:
        x[0] = 0.0
        return x * x

    with pytest.raises(TypeError, match=r"careless writes into its arguments.*t\.copy\(\)"):
        checkpoint(careless)(leaf(1.0, 2.0) * 1.0)


def test_a_deep_chain_is_walked_in_linear_time() -> None:
    calls = []

    def step(x: Any) -> Any:
        calls.append(1)
        return np.sin(x) + x

    x: Any = leaf(0.1)
    y = x
    for _ in range(200):
        y = checkpoint(step)(y)
    y.backward()
    assert len(calls) == 400
