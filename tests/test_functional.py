"""The activations and the loss: values, gradients of first and second order, dtypes, extremes, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tinygrad_scratch import Tensor
from tinygrad_scratch.functional import log_softmax, relu, sigmoid, softmax, squared_error

Function = Callable[..., Any]
Array = NDArray[Any]

STEP = 1e-20


def first_order(function: Function, x: Array, g: Array) -> Any:
    """Our gradient of sum(g * function(x))."""
    leaf = Tensor(x, requires_grad=True)
    (gradient,) = function(leaf).gradient(leaf, gradient=g)
    return gradient.numpy()


def second_order(function: Function, x: Array, g: Array, h: Array) -> Any:
    """Our gradient of sum(h * first_order(x))."""
    leaf = Tensor(x, requires_grad=True)
    (gradient,) = function(leaf).gradient(leaf, gradient=g, create_graph=True)
    (second,) = gradient.gradient(leaf, gradient=h)
    return second.numpy()


def true_gradient(scalar: Callable[[Array], Any], x: Array) -> Array:
    """The gradient of an analytic function of x by complex steps, which lose no digits."""
    found = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[index] += 1j * STEP
        found[index] = np.imag(scalar(moved)) / STEP
    return found


# The same functions in plain words, which NumPy extends to complex numbers.
PLAIN_WORDS: dict[Function, Function] = {
    sigmoid: lambda x: 1 / (1 + np.exp(-x)),
    softmax: lambda x, axis=-1: np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True),
    log_softmax: lambda x, axis=-1: x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True)),
}

CASES: list[tuple[Function, dict[str, Any]]] = [
    (sigmoid, {}),
    (softmax, {}),
    (softmax, {"axis": 0}),
    (softmax, {"axis": (0, 2)}),
    (softmax, {"axis": None}),
    (log_softmax, {}),
    (log_softmax, {"axis": 1}),
    (log_softmax, {"axis": (-1, 0)}),
    (log_softmax, {"axis": None}),
]


@pytest.mark.parametrize(("function", "keywords"), CASES)
def test_values_and_gradients_of_both_orders(function: Function, keywords: dict[str, Any]) -> None:
    generator = np.random.default_rng(1)
    x, g, h = generator.normal(size=(3, 2, 3, 4))
    plain = PLAIN_WORDS[function]

    def slope(x: Array) -> Any:
        return np.sum(h * true_gradient(lambda moved: np.sum(g * plain(moved, **keywords)), x))

    np.testing.assert_allclose(function(x, **keywords), plain(x, **keywords), rtol=1e-14)
    np.testing.assert_allclose(
        first_order(lambda x: function(x, **keywords), x, g),
        true_gradient(lambda moved: np.sum(g * plain(moved, **keywords)), x),
        rtol=1e-12,
        atol=1e-15,
    )
    second = second_order(lambda x: function(x, **keywords), x, g, h)
    for index in [(0, 0, 0), (1, 2, 3), (0, 1, 2)]:
        moved = np.zeros_like(x)
        moved[index] = 1e-5
        assert second[index] == pytest.approx((slope(x + moved) - slope(x - moved)) / 2e-5, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("function", [sigmoid, relu, softmax, log_softmax])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept(function: Function, dtype: Any) -> None:
    x = np.array([[-1.5, 0.5], [2.0, 3.0]], dtype)
    tolerance = 4 * float(np.finfo(dtype).eps)
    expected = function(x.astype(float))
    assert function(x).dtype == dtype
    np.testing.assert_allclose(function(x).astype(float), expected, rtol=tolerance)
    leaf = Tensor(x, requires_grad=True)
    y = function(leaf)
    assert y.dtype == dtype
    y.backward(np.ones_like(x))
    assert leaf.grad is not None
    assert leaf.grad.dtype == dtype


@pytest.mark.parametrize("function", [sigmoid, softmax, log_softmax])
@pytest.mark.parametrize(
    "given",
    [2, True, 0.5, [1, 2], [True, False], np.array(2), np.array([1, 2], np.uint8), np.array([-128, 127], np.int8)],
    ids=repr,
)
def test_numbers_lists_and_integers_are_computed_as_float64(function: Function, given: Any) -> None:
    result = function(given)
    assert result.dtype == np.float64
    assert result.shape == np.shape(given)
    np.testing.assert_array_equal(result, function(np.asarray(given, float)))


def test_relu_keeps_integers_and_lists() -> None:
    assert relu(-3) == 0
    assert relu([-3, 4]).tolist() == [0, 4]
    assert relu(np.array([-3, 4], np.int8)).dtype == np.int8


@pytest.mark.parametrize("function", [sigmoid, relu, softmax, log_softmax])
def test_tensors_of_integers_and_of_one_number(function: Function) -> None:
    assert function(Tensor([1, 2])).numpy().tolist() == function([1, 2]).tolist()
    leaf = Tensor(0.25, requires_grad=True)
    y = function(leaf)
    assert y.shape == ()
    y.backward()
    assert leaf.grad is not None
    assert leaf.grad.shape == ()


# ---- sigmoid ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_sigmoid_far_out(dtype: Any) -> None:
    with np.errstate(all="raise"):
        y = sigmoid(np.array([-1000.0, -10.0, 0.0, 10.0, 1000.0, -np.inf, np.inf], dtype))
    assert y[[0, 2, 4, 5, 6]].tolist() == [0.0, 0.5, 1.0, 0.0, 1.0]
    assert 0 < y[1] < y[2] < y[3]
    assert sigmoid(-1000.0) == 0.0
    assert np.isnan(sigmoid(np.nan))


def test_sigmoid_keeps_its_digits_where_it_is_small() -> None:
    x = np.array([-700.0, -100.0, -30.0, -5.0])
    np.testing.assert_allclose(sigmoid(x), np.exp(x - np.log1p(np.exp(x))), rtol=1e-13)


def test_sigmoid_gradients_far_out_are_zero() -> None:
    x = np.array([-1000.0, 1000.0])
    assert first_order(sigmoid, x, np.ones(2)).tolist() == [0.0, 0.0]
    assert second_order(sigmoid, x, np.ones(2), np.ones(2)).tolist() == [0.0, 0.0]


def test_sigmoid_leaves_its_argument_alone() -> None:
    x = np.array([[1.0, -1.0]])
    x.setflags(write=False)
    sigmoid(x)
    assert x.tolist() == [[1.0, -1.0]]


# ---- relu ------------------------------------------------------------------------------------------------------------


def test_relu_and_its_kink() -> None:
    x = np.array([-2.0, -0.0, 0.0, 3.0])
    assert relu(x).tolist() == [0.0, 0.0, 0.0, 3.0]
    assert first_order(relu, x, np.full(4, 5.0)).tolist() == [0.0, 0.0, 0.0, 5.0]
    assert second_order(lambda t: relu(t) ** 2, x, np.ones(4), np.ones(4)).tolist() == [0.0, 0.0, 0.0, 2.0]


# ---- softmax, log_softmax --------------------------------------------------------------------------------------------


def test_softmax_far_out() -> None:
    logits = np.array([[1000.0, 1000.0, -1000.0], [-1000.0, -1001.0, -np.inf]])
    expected = np.array([[0.5, 0.5, 0.0], [1 / (1 + np.exp(-1.0)), 1 / (1 + np.exp(1.0)), 0.0]])
    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-15)
    finite = np.array([[0.0, 0.0, -2000.0], [-np.log1p(np.exp(-1.0)), -1 - np.log1p(np.exp(-1.0)), -np.inf]])
    finite[0] -= [np.log(2), np.log(2), np.log(2)]
    np.testing.assert_allclose(log_softmax(logits), finite, rtol=1e-15)


def test_gradients_of_softmax_and_log_softmax_far_out() -> None:
    logits = np.array([1000.0, 1000.0, -1000.0])
    np.testing.assert_allclose(first_order(softmax, logits, np.array([1.0, 0.0, 0.0])), [0.25, -0.25, 0.0])
    np.testing.assert_allclose(first_order(log_softmax, logits, np.array([0.0, 0.0, 1.0])), [-0.5, -0.5, 1.0])


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_an_axis_that_is_not_there(function: Function) -> None:
    with pytest.raises(np.exceptions.AxisError, match="axis 2 is out of bounds"):
        function(np.ones((2, 3)), axis=2)
    with pytest.raises(np.exceptions.AxisError, match="axis 2 is out of bounds"):
        function(Tensor(np.ones((2, 3)), requires_grad=True), 2)


def test_axis_by_position_and_by_keyword() -> None:
    x = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    for function in (softmax, log_softmax):
        np.testing.assert_array_equal(function(x, 0).numpy(), function(x, axis=0).numpy())
        by_position, by_keyword = (
            y.gradient(x, gradient=np.eye(2, 3))[0].numpy() for y in (function(x, 0), function(x, axis=0))
        )
        np.testing.assert_array_equal(by_position, by_keyword)


# ---- squared_error ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reduction", "value", "slope"),
    [
        ("half_sum", 6.5, [1.0, -2.0, 2.0, 2.0]),
        ("sum", 13.0, [2.0, -4.0, 4.0, 4.0]),
        ("mean", 3.25, [0.5, -1.0, 1.0, 1.0]),
    ],
)
def test_reductions_of_squared_error(reduction: str, value: float, slope: list[float]) -> None:
    prediction = Tensor([[2.0, 0.0], [3.0, 4.0]], requires_grad=True)
    target = Tensor([[1.0, 2.0], [1.0, 2.0]], requires_grad=True)
    loss = squared_error(prediction, target, reduction=reduction)
    assert loss.item() == value
    loss.backward()
    assert prediction.grad is not None
    assert target.grad is not None
    assert prediction.grad.ravel().tolist() == slope
    assert target.grad.ravel().tolist() == [-number for number in slope]


def test_squared_error_unreduced_and_its_default() -> None:
    prediction, target = np.array([2.0, 5.0]), np.array([1.0, 7.0])
    assert squared_error(prediction, target, reduction="none").tolist() == [1.0, 4.0]
    assert squared_error(prediction, target) == 2.5
    assert squared_error([2, 5], [1, 7]) == 2.5
    assert squared_error(2.0, 1.0) == 0.5


def test_second_order_of_squared_error() -> None:
    x, g = np.array([1.0, -2.0]), np.ones(())
    assert second_order(lambda t: squared_error(t, np.zeros(2)), x, g, np.array([3.0, 4.0])).tolist() == [3.0, 4.0]


@pytest.mark.parametrize("reduction", ["half_sum", "sum", "mean", "none"])
def test_squared_error_keeps_float32(reduction: str) -> None:
    prediction = Tensor(np.ones(3, np.float32), requires_grad=True)
    assert squared_error(prediction, np.zeros(3, np.float32), reduction).dtype == np.float32
    assert squared_error(np.ones(3, np.float32), np.zeros(3, np.float32), reduction).dtype == np.float32


def test_squared_error_refuses_another_reduction() -> None:
    with pytest.raises(ValueError, match=r"no reduction 'average'. Choose one of 'half_sum', 'sum', 'mean', 'none'"):
        squared_error([1.0], [1.0], reduction="average")


@pytest.mark.parametrize("prediction", [np.ones((4, 1)), Tensor(np.ones((4, 1)), requires_grad=True)])
def test_squared_error_refuses_shapes_that_would_broadcast(prediction: Any) -> None:
    with pytest.raises(ValueError, match=r"prediction has shape \(4, 1\) and the target \(4,\).*target.reshape"):
        squared_error(prediction, np.ones(4))
    with pytest.raises(ValueError, match=r"prediction has shape \(4, 1\) and the target \(\)"):
        squared_error(prediction, 0.0)
