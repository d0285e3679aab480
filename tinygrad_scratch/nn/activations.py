"""Activations as Modules, for those who like to see a network as a list of layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.functional import elu, gelu, leaky_relu, relu, sigmoid, silu, softmax, softplus
from tinygrad_scratch.nn.module import Module


class Sigmoid(Module):
    """`functional.sigmoid` as a layer.

    >>> from tinygrad_scratch.nn import Sigmoid
    >>> Sigmoid()([0.0])
    array([0.5])
    """

    def __call__(self, x: Any) -> Any:
        return sigmoid(x)


class Tanh(Module):
    """`np.tanh` as a layer.

    >>> from tinygrad_scratch.nn import Tanh
    >>> Tanh()([0.0])
    array([0.])
    """

    def __call__(self, x: Any) -> Any:
        return np.tanh(x)


class ReLU(Module):
    """`functional.relu` as a layer.

    >>> from tinygrad_scratch.nn import ReLU
    >>> ReLU()([-1.0, 1.0])
    array([0., 1.])
    """

    def __call__(self, x: Any) -> Any:
        return relu(x)


class LeakyReLU(Module):
    """`functional.leaky_relu` as a layer.

    >>> from tinygrad_scratch.nn import LeakyReLU
    >>> LeakyReLU(slope=0.1)([-1.0, 1.0])
    array([-0.1,  1. ])
    """

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = slope

    def __call__(self, x: Any) -> Any:
        return leaky_relu(x, self.slope)

    def __repr__(self) -> str:
        return f"LeakyReLU(slope={self.slope})"


class ELU(Module):
    """`functional.elu` as a layer.

    >>> from tinygrad_scratch.nn import ELU
    >>> ELU()([-1000.0, 1.0])
    array([-1.,  1.])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def __call__(self, x: Any) -> Any:
        return elu(x, self.alpha)

    def __repr__(self) -> str:
        return f"ELU(alpha={self.alpha})"


class GELU(Module):
    """`functional.gelu` as a layer.

    >>> from tinygrad_scratch.nn import GELU
    >>> GELU()([0.0, 10.0])
    array([ 0., 10.])
    """

    def __init__(self, approximate: str = "tanh") -> None:
        self.approximate = approximate
        gelu(0.0, approximate)  # refuses another name

    def __call__(self, x: Any) -> Any:
        return gelu(x, self.approximate)

    def __repr__(self) -> str:
        return f"GELU(approximate={self.approximate!r})"


class SiLU(Module):
    """`functional.silu` as a layer.

    >>> from tinygrad_scratch.nn import SiLU
    >>> SiLU()([0.0, 1000.0])
    array([   0., 1000.])
    """

    def __call__(self, x: Any) -> Any:
        return silu(x)


class Softplus(Module):
    """`functional.softplus` as a layer.

    >>> from tinygrad_scratch.nn import Softplus
    >>> Softplus()([-1000.0, 1000.0])
    array([   0., 1000.])
    """

    def __call__(self, x: Any) -> Any:
        return softplus(x)


class Softmax(Module):
    """`functional.softmax` as a layer.

    A loss that takes logits has this inside of it: a network that is trained by one ends before it.

    >>> from tinygrad_scratch.nn import Softmax
    >>> Softmax()([0.0, 0.0])
    array([0.5, 0.5])
    """

    def __init__(self, axis: Any = -1) -> None:
        self.axis = axis

    def __call__(self, x: Any) -> Any:
        return softmax(x, self.axis)

    def __repr__(self) -> str:
        return f"Softmax(axis={self.axis})"
