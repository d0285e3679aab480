"""Derivatives of reading and writing parts of an array.

Reading a part and adding it into zeros are each other's derivative; so are writing a part and reading it. Writing is a
function here: it returns a new array, and what was saved before it stays as it was.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_scratch.graph import as_array, is_array
from tinygrad_scratch.rules.registry import define_vjp, differentiable


def is_basic(index: Any) -> bool:
    """Whether an index selects a view: numbers, slices, Ellipsis and None, and no arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or (isinstance(part, slice | int | np.integer) and not isinstance(part, bool))
        for part in parts
    )


def has_integer_arrays(index: Any) -> bool:
    """Whether an index can name one element twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(as_array(part).dtype.kind in "iu" for part in parts if is_array(part) or isinstance(part, list | tuple))


@differentiable
def scatter(a: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape, with `a` added at an index. Elements that the index names twice get both."""
    full = np.zeros(shape, a.dtype)
    if has_integer_arrays(index):
        if full.ndim > 1 and a.size > full.size // 8:
            # Counted through the whole array, NumPy adds several times faster.
            places = np.arange(full.size).reshape(shape)[index]
            np.add.at(full.reshape(-1), places.reshape(-1), np.broadcast_to(a, places.shape).reshape(-1))
        else:
            np.add.at(full, index, a)
    else:
        full[index] = a
    return full


class Scattered:
    """The cotangent of an array of which a part was read: g at an index among zeros, which are not made before need be.

    Adding to it fills one array with all that is added. So a loop that reads x[t] at every step takes one array of the
    size of x on the way back, where a sum of scatters would take as many as there are steps.
    """

    __slots__ = ("dtype", "full", "g", "index", "shape")
    __array_ufunc__ = None  # array + scattered is left to __radd__

    def __init__(self, g: Any, index: Any, shape: tuple[int, ...]) -> None:
        self.g, self.index, self.shape, self.dtype = g, index, shape, g.dtype
        self.full: Any = None

    @classmethod
    def of(cls, full: Any) -> Scattered:
        """An array that only the walk has."""
        found = cls(full, (), full.shape)
        found.full = full
        return found

    def whole(self) -> Any:
        """It as an array."""
        if self.full is None:
            self.full = scatter(self.g, self.index, self.shape)
        return self.full

    def __add__(self, other: Any) -> Scattered:
        full = self.whole()
        if type(other) is Scattered:
            other.add_to(full)
        else:
            full += other
        return self

    def __radd__(self, other: Any) -> Scattered:
        full = np.array(other)
        self.add_to(full)
        self.full = full
        return self

    def add_to(self, full: Any) -> None:
        if has_integer_arrays(self.index):
            full += scatter(self.g, self.index, self.shape)
        else:
            full[self.index] += self.g


define_vjp(operator.getitem, a=lambda g, y, a, index: scatter(g, index, a.shape))
define_vjp(scatter, a=lambda g, y, a, index, shape: g[index])


@differentiable
def assign(a: Any, value: Any, index: Any) -> Any:
    """A copy of `a` in which `a[index]` is `value`."""
    new = np.array(a)
    new[index] = value
    return new


def assigned_value(g: Any, y: Any, a: Any, value: Any, index: Any) -> Any:
    """What was read at the index; where one element was written twice, only the last write counts."""
    part = g[index]
    if not has_integer_arrays(index):
        return part
    return last_writes(part, index, a.shape)


@differentiable
def last_writes(part: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """What was read at an index of an array of that shape, and 0 for what a later element was written over."""
    writes = np.arange(part.size).reshape(part.shape)
    last = np.empty(shape, int)
    last[index] = writes
    return np.where(last[index] == writes, part, 0)


define_vjp(last_writes, part=lambda g, y, part, index, shape: last_writes(g, index, shape))
define_vjp(
    assign,
    a=lambda g, y, a, value, index: assign(g, 0.0, index),
    value=assigned_value,
)
