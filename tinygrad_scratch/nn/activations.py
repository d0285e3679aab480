"""Activations as Modules, for those who like to see a network as a list of layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.functional import relu, sigmoid
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
