"""Gradient clipping: between `backward()` and the optimizer's step, gradients are cut down to a size."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

import numpy as np

from tinygrad_scratch.graph import known
from tinygrad_scratch.messages import describe
from tinygrad_scratch.tensor import Tensor


def clip_gradient_norm(parameters: Iterable[Tensor], limit: float) -> float:
    """Scale all gradients by one factor so that their common norm is `limit`, if it is larger; return what it was.

    The norm is the root of the sum of the squares of all numbers in all gradients; their direction stays. A parameter
    without a gradient is left out. Raises ValueError where `limit` is not positive, and where a gradient holds NaN or
    infinity, which no factor mends: the gradients are then as they were. Source: Pascanu, Mikolov and Bengio, "On the
    difficulty of training recurrent neural networks" (2013), algorithm 1.

    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.nn import clip_gradient_norm
    >>> w = Tensor([3.0, 4.0], requires_grad=True)
    >>> (w @ w / 2).backward()
    >>> clip_gradient_norm([w], limit=1.0)
    5.0
    >>> w.grad
    array([0.6, 0.8])
    """
    check_limit("clip_gradient_norm", limit)
    parameters = list(parameters)
    norm = gradient_norm(parameters)
    if not math.isfinite(known(norm)):
        wrong = next((p for p in parameters if p.grad is not None and not np.all(np.isfinite(p.grad))), None)
        where = (
            f"The gradient of {describe(wrong)} holds NaN or infinity" if wrong is not None else f"The norm is {norm}"
        )
        raise ValueError(f"{where}, so no factor brings its norm to {limit}. Skip this step, or find where it arose.")
    factor = (limit / np.maximum(norm, limit)).item()  # 1 for what is small enough: jit takes no branch on a value
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad = parameter.grad * factor
    return norm


def clip_gradient_value(parameters: Iterable[Tensor], limit: float) -> None:
    """Bring each number of each gradient to between -limit and limit.

    A parameter without a gradient is left out; NaN stays NaN. Raises ValueError where `limit` is not positive.

    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.nn import clip_gradient_value
    >>> w = Tensor([3.0, -0.5], requires_grad=True)
    >>> (w @ w / 2).backward()
    >>> clip_gradient_value([w], limit=1.0)
    >>> w.grad
    array([ 1. , -0.5])
    """
    check_limit("clip_gradient_value", limit)
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad = np.clip(parameter.grad, -limit, limit)


def gradient_norm(parameters: Iterable[Tensor]) -> float:
    """The root of the sum of the squares of all numbers in the gradients of some parameters."""
    norms = [np.linalg.norm(p.grad.ravel()).astype(float) for p in parameters if p.grad is not None]
    norm: float = functools.reduce(np.hypot, norms, np.float64(0)).item()
    return norm


def check_limit(function: str, limit: float) -> None:
    if not limit > 0:
        raise ValueError(f"{function}: limit={limit!r} would leave nothing of a gradient. Pass a positive number.")
