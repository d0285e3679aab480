"""Pooling: of each window one number, so that a picture becomes smaller."""

from __future__ import annotations

from typing import Any

from tinygrad_scratch.functional import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d, numbers, paddings
from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.nn.options import shown


class Pooling(Module):
    """What the four pooling layers share: their options."""

    axes = 2
    pool: Any

    def __init__(self, size: Any, stride: Any = None, padding: Any = 0) -> None:
        self.size = numbers(size, self.axes, "size")
        self.stride = self.size if stride is None else numbers(stride, self.axes, "stride")
        self.padding = padding
        paddings(padding, self.size, self.size, self.stride)  # refuses what is no padding

    def __call__(self, x: Any) -> Any:
        return self.pool(x, self.size, self.stride, self.padding)

    def __repr__(self) -> str:
        options = shown(
            stride=self.stride if self.stride != self.size else None, padding=self.padding if self.padding else None
        )
        return f"{type(self).__name__}({self.size}{options})"


class MaxPool2d(Pooling):
    """The largest element of each window: (..., height, width) becomes (..., places down, places across).

    `size` and `stride` are a number or two; a window moves by its own size where no stride is given. `padding` is as in
    Conv2d, at most half the window. Raises ValueError for a window that finds no place.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import MaxPool2d
    >>> MaxPool2d(2)(np.ones((5, 3, 28, 28))).shape
    (5, 3, 14, 14)
    """

    pool = staticmethod(max_pool2d)


class MaxPool1d(Pooling):
    """The largest element of each window along the last axis; options and errors are those of MaxPool2d.

    >>> from tinygrad_scratch.nn import MaxPool1d
    >>> MaxPool1d(2)([1.0, 5.0, 2.0, 3.0])
    array([5., 3.])
    """

    axes = 1
    pool = staticmethod(max_pool1d)


class AvgPool2d(Pooling):
    """The mean of each window, where padding counts as zeros; options and errors are those of MaxPool2d.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import AvgPool2d
    >>> AvgPool2d(2)(np.ones((5, 3, 28, 28))).shape
    (5, 3, 14, 14)
    """

    pool = staticmethod(avg_pool2d)


class AvgPool1d(Pooling):
    """The mean of each window along the last axis; options and errors are those of MaxPool2d.

    >>> from tinygrad_scratch.nn import AvgPool1d
    >>> AvgPool1d(2)([1.0, 5.0, 2.0, 3.0])
    array([3. , 2.5])
    """

    axes = 1
    pool = staticmethod(avg_pool1d)
