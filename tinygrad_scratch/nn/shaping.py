"""Layers without parameters that arrange others and shapes: Flatten, Reshape, Lambda, Residual."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.nn.options import checked_function, shape_of, shown, wrong_input
from tinygrad_scratch.rules.registry import array, label


def leading(layer: Module, x: Any, axes: int | None) -> tuple[int, ...]:
    """The shape of what comes before the axes that a layer changes: the last so many, or all but the first."""
    shape = shape_of(x)
    if len(shape) < (1 if axes is None else axes):
        raise wrong_input(layer, x, f"inputs with {axes or 'a batch axis, or one axis'} or more", "Add an axis.")
    return shape[:1] if axes is None else shape[: len(shape) - axes]


class Flatten(Module):
    """Axes made into one: (batch, a, b, ...) becomes (batch, a * b * ...).

    All axes but the first are one then; with `axes`, the last so many: `Flatten(axes=3)` keeps any leading ones of
    (..., channels, height, width). Raises ValueError where there are fewer.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import Flatten
    >>> Flatten()(np.ones((5, 3, 4))).shape, Flatten(axes=3)(np.ones((3, 2, 4))).shape
    ((5, 12), (24,))
    """

    def __init__(self, *, axes: int | None = None) -> None:
        self.axes = axes

    def __call__(self, x: Any) -> Any:
        kept = leading(self, x, self.axes)
        return array(x).reshape((*kept, math.prod(shape_of(x)[len(kept) :])))

    def __repr__(self) -> str:
        return f"Flatten({shown(axes=self.axes)[2:]})"


class Reshape(Module):
    """Axes given another shape: (batch, ...) becomes (batch, *shape).

    All axes but the first are changed; with `axes`, the last so many. One number of the shape may be -1: it is whatever
    is left. Raises TypeError for a shape that is not given number by number, ValueError for more than one -1, and, when
    called, where the elements do not fit.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import Reshape
    >>> Reshape(1, 28, 28)(np.ones((5, 784))).shape
    (5, 1, 28, 28)
    """

    def __init__(self, *shape: int, axes: int | None = None) -> None:
        if not all(isinstance(n, int | np.integer) for n in shape):
            raise TypeError(f"Reshape takes whole numbers, one by one, such as Reshape(1, 28, 28), not {shape}.")
        if shape.count(-1) > 1:
            raise ValueError(f"Reshape{shape}: of a shape, one number may be -1, which is what the others leave.")
        self.shape = shape
        self.axes = axes

    def __call__(self, x: Any) -> Any:
        kept = leading(self, x, self.axes)
        size = math.prod(shape_of(x)[len(kept) :])
        rest = size // max(1, math.prod(n for n in self.shape if n != -1))
        shape = tuple(rest if n == -1 else n for n in self.shape)
        if math.prod(shape) != size:
            takes = f"samples whose numbers fill the shape {self.shape}"
            raise wrong_input(self, x, takes, f"There are {size} in each of these.")
        return array(x).reshape((*kept, *shape))

    def __repr__(self) -> str:
        return f"Reshape({', '.join(map(str, self.shape))}{shown(axes=self.axes)})"


class Lambda(Module):
    """A function as a Module: it then has a box in drawings, and a name of its own.

    Sequential takes bare functions, too. Raises TypeError for what can't be called.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import Lambda
    >>> mean = Lambda(lambda x: np.mean(x, axis=(-2, -1)), name="mean over space")
    >>> mean
    Lambda(mean over space)
    >>> mean(np.ones((5, 3, 4, 4))).shape
    (5, 3)
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.function = checked_function(function, "function", "Lambda makes a layer of a function.")
        self.name = name or label(function)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.function(*arguments, **keywords)

    def __repr__(self) -> str:
        return f"Lambda({self.name})"


class Residual(Module):
    """x + layer(x): the layer learns what to add. Its result must have the shape of x.

    Raises ValueError where it has another: NumPy might broadcast the two. Source: He et al., "Deep residual learning
    for image recognition" (2016).

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import Residual
    >>> Residual(np.tanh)(np.zeros(2))
    array([0., 0.])
    """

    def __init__(self, layer: Callable[[Any], Any]) -> None:
        self.layer = checked_function(layer, "layer", "Residual takes a layer or a function.")

    def __call__(self, x: Any) -> Any:
        y = self.layer(x)
        if shape_of(y) != shape_of(x):
            raise ValueError(
                f"Residual adds its input to what the layer makes of it, but {label(self.layer)} made the shape "
                f"{shape_of(y)} of {shape_of(x)}. Let the layer keep the shape."
            )
        return array(x) + y
