"""Where values lie: a buffer for each array that is computed, and places in it, which views of it are.

NumPy itself says what a view is. A buffer owns memory that nobody ever reads or writes; NumPy's functions are called
with arrays over it, and where the result shares that memory, its address and its strides are those of the view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_scratch.graph import Array


@dataclass(eq=False)
class Buffer:
    """Room for so many elements; `shared` is the buffer that this one was laid upon, if any."""

    dtype: np.dtype[Any]
    size: int
    name: str | None = None
    shared: Buffer | None = None
    memory: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.memory = np.empty(self.size, self.dtype)

    @property
    def root(self) -> Buffer:
        return self if self.shared is None else self.shared.root


@dataclass(frozen=True, eq=False)
class Place:
    """An array of a buffer: its shape, and its offset and strides in elements."""

    buffer: Buffer
    array: Array

    @classmethod
    def new(cls, shape: tuple[int, ...], dtype: np.dtype[Any], name: str | None = None) -> Place:
        """A place in a buffer of its own, in C order."""
        buffer = Buffer(dtype, int(np.prod(shape)), name)
        return cls(buffer, buffer.memory.reshape(shape))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def strides(self) -> tuple[int, ...]:
        return tuple(stride // self.dtype.itemsize for stride in self.array.strides)

    @property
    def offset(self) -> int:
        return address(self.array) - address(self.buffer.memory) if self.array.size else 0

    def seen(self, view: Callable[[Array], Array]) -> Place | None:
        """The same elements as a function of NumPy's shows them, or None if it copies."""
        found = view(self.array)
        whole = isinstance(found, np.ndarray) and found.dtype == self.dtype
        if not whole or (found.size and not np.may_share_memory(found, self.buffer.memory)):
            return None
        return Place(self.buffer, found)

    def broadcast(self, shape: tuple[int, ...]) -> Place:
        return Place(self.buffer, np.broadcast_to(self.array, shape))

    def reshaped(self, shape: tuple[int, ...]) -> Place | None:
        return self.seen(lambda array: array.reshape(shape))

    def same_elements(self, other: Place) -> bool:
        """Whether both read the same element at each index."""
        return (
            self.buffer is other.buffer
            and self.shape == other.shape
            and self.offset == other.offset
            and all(
                n == 1 or a == b for n, a, b in zip(self.shape, self.array.strides, other.array.strides, strict=True)
            )
        )

    @property
    def contiguous(self) -> bool:
        return self.array.flags.c_contiguous


def address(array: Array) -> int:
    """The address of the first element, counted in elements."""
    return int(array.__array_interface__["data"][0]) // array.dtype.itemsize
