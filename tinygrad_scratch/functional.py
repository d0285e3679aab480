"""What NumPy lacks and networks need, in NumPy: activations and a loss.

They take arrays, numbers and lists, as NumPy's functions do, and Tensors. float32 stays float32; integers are computed
as float64 where the result is no integer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_scratch.rules.registry import define_vjp, differentiable

# ---- activations -----------------------------------------------------------------------------------------------------


@differentiable
@np.errstate(over="ignore", under="ignore")
def sigmoid(x: Any) -> Any:
    """The logistic function, 1 / (1 + exp(-x)), element by element: the shape of x, between 0 and 1.

    Safe at any size: exp(-x) overflows to infinity for a very negative x, and its reciprocal is the right limit, 0. The
    derivative is y * (1 - y). Source: Goodfellow, Bengio and Courville, "Deep Learning" (2016), equation 3.30.

    >>> from tinygrad_scratch.functional import sigmoid
    >>> sigmoid([-1000, 0, 1000])
    array([0. , 0.5, 1. ])
    """
    return np.reciprocal(np.add(np.exp(np.subtract(0.0, x)), 1.0))  # 0.0 - x, where -x would keep integers integers


define_vjp(sigmoid, x=lambda g, y, x: g * (y * (1 - y)))


@differentiable
def relu(x: Any) -> Any:
    """The rectified linear unit, max(x, 0), element by element, of the shape and dtype of x.

    Its derivative at 0 is 0. Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines"
    (2010).

    >>> from tinygrad_scratch.functional import relu
    >>> relu([-2.0, 0.0, 3.0])
    array([0., 0., 3.])
    """
    return np.maximum(x, 0)


define_vjp(relu, x=lambda g, y, x: g * (y > 0))

# ---- from logits to probabilities ------------------------------------------------------------------------------------


def shifted(x: Any, axis: Any) -> Any:
    """Logits less their maximum: the probabilities stay the same, and exp can't overflow."""
    x = np.multiply(x, 1.0)
    return x - x.max(axis=axis, keepdims=True)


@differentiable
def softmax(x: Any, axis: Any = -1) -> Any:
    """Probabilities from logits, exp(x) / sum(exp(x)): the shape of x, positive, adding up to 1 over an axis.

    `axis` is a number, a tuple of numbers, or None for all axes. Safe at any size. The cotangent of x is
    y * (g - sum(g * y)). Raises AxisError for an axis that x lacks. Source: Bridle, "Probabilistic interpretation of
    feedforward classification network outputs" (1990).

    >>> from tinygrad_scratch.functional import softmax
    >>> softmax([[1000, 1000], [0, 1000]])
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    e = np.exp(shifted(x, axis))
    return e / e.sum(axis=axis, keepdims=True)


define_vjp(softmax, x=lambda g, y, x, axis=-1: y * (g - (g * y).sum(axis=axis, keepdims=True)))


@differentiable
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """The logarithm of softmax, x - log(sum(exp(x))), right also where a probability is too small for a float.

    Shape, `axis` and errors are those of `softmax`. The cotangent of x is g - softmax(x) * sum(g).

    >>> from tinygrad_scratch.functional import log_softmax
    >>> log_softmax([0, 1000])
    array([-1000.,     0.])
    """
    z = shifted(x, axis)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


define_vjp(log_softmax, x=lambda g, y, x, axis=-1: g - np.exp(y) * g.sum(axis=axis, keepdims=True))

# ---- losses ----------------------------------------------------------------------------------------------------------

REDUCTIONS: dict[str, Callable[[Any], Any]] = {
    "half_sum": lambda squares: 0.5 * np.sum(squares),
    "sum": np.sum,
    "mean": np.mean,
    "none": lambda errors: errors,
}


def squared_error(prediction: Any, target: Any, reduction: str = "half_sum") -> Any:
    """The squares of prediction - target, two arrays of one shape, reduced as named.

    reduction    value
    ----------   -------------------------------------------------------------------------------------
    "half_sum"   sum((p - t)**2) / 2, one number: its gradient with respect to p is p - t, with no 2
    "sum"        sum((p - t)**2), one number
    "mean"       sum((p - t)**2) / p.size, one number: the mean squared error
    "none"       (p - t)**2, of the shape of p

    Raises ValueError for another reduction, for the mean of nothing, and for two shapes that differ: NumPy would
    broadcast (n,) against (n, 1) to (n, n), and a network would train on nonsense. Source: Bishop, "Pattern Recognition
    and Machine Learning" (2006), equation 1.2 for half the sum.

    >>> from tinygrad_scratch.functional import squared_error
    >>> float(squared_error([1.0, 2.0], [0.0, 4.0])), float(squared_error([1.0, 2.0], [0.0, 4.0], reduction="mean"))
    (2.5, 2.5)
    """
    check_reduction("squared_error", reduction, REDUCTIONS)
    check_alike("squared_error", prediction, target)
    return reduced("squared_error", np.subtract(prediction, target) ** 2, reduction)


def check_alike(loss: str, prediction: Any, target: Any) -> None:
    """Refuse two shapes that differ, for a loss that compares element by element."""
    shape, wanted = (x.shape if hasattr(x, "shape") else np.shape(x) for x in (prediction, target))
    if shape != wanted:
        raise ValueError(
            f"{loss} compares element by element, but the prediction has shape {shape} and the target {wanted}. "
            "Reshape one of them: target.reshape(prediction.shape), if they hold the same numbers."
        )


def check_reduction(loss: str, reduction: str, known: Iterable[str]) -> None:
    if reduction not in known:
        raise ValueError(f"{loss} has no reduction {reduction!r}. Choose one of {', '.join(map(repr, known))}.")


def reduced(loss: str, errors: Any, reduction: str) -> Any:
    """The errors of a loss, made one number as `reduction` says."""
    if reduction == "mean" and not errors.size:
        raise ValueError(
            f"{loss} was asked for the mean of no errors, of shape {errors.shape}. "
            'Leave empty batches out, or write reduction="sum", which is 0 for them.'
        )
    return REDUCTIONS[reduction](errors)
