"""Derivatives of pooling: of every window over the last axes, one number.

A window is given by its `Pool`. Sums go back to every element of the window, and a maximum to the one that it came
from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.rules.registry import define_vjp, differentiable, plain


@dataclass(frozen=True)
class Pool:
    """Windows over the last axes, a number for each axis; padding is what lies before and after the array."""

    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]

    def places(self, space: tuple[int, ...]) -> tuple[int, ...]:
        """How many places a window takes along each axis."""
        return tuple(
            (before + size + after - window) // stride + 1
            for size, window, stride, (before, after) in zip(space, self.window, self.stride, self.padding, strict=True)
        )

    @property
    def disjoint(self) -> bool:
        return all(stride >= window for stride, window in zip(self.stride, self.window, strict=True))

    def surround(self, x: Any, value: Any) -> Any:
        """The array with a value around it, in the same order in memory."""
        if not any(map(any, self.padding)):
            return x
        full = np.empty_like(x, shape=self.shape_around(x.shape))
        full[...] = value
        full[self.inside(x.shape)] = x
        return full

    def shape_around(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        lead = shape[: -len(self.window)]
        space = shape[len(lead) :]
        return (*lead, *(before + size + after for size, (before, after) in zip(space, self.padding, strict=True)))

    def inside(self, shape: tuple[int, ...]) -> Any:
        """Where an array of this shape lies in the padded one."""
        space = shape[-len(self.window) :]
        return (..., *(slice(before, before + size) for size, (before, _) in zip(space, self.padding, strict=True)))

    def elements(self, places: tuple[int, ...]) -> Iterator[Any]:
        """For each element of a window, in order, the index that reads it of all windows."""
        for offset in np.ndindex(self.window):
            yield (..., *(slice(i, i + s * n, s) for i, s, n in zip(offset, self.stride, places, strict=True)))


@differentiable
def max_pool(x: Any, pool: Pool) -> Any:
    """The largest element of each window; what lies around x is smaller than all."""
    padded = pool.surround(x, -np.inf)
    first, *others = pool.elements(pool.places(x.shape[-len(pool.window) :]))
    y = padded[first].copy("K")
    for element in others:
        np.maximum(y, padded[element], out=y)
    return y


def places_of_maximum(x: Any, y: Any, pool: Pool) -> Any:
    """Which element of each window is the largest: its number, the first of several.

    Counted from the last: 0 where an element is the largest, else one more than the count of those behind it. On small
    integers this takes a tenth of the time of np.argmax.
    """
    padded = pool.surround(x, -np.inf)
    kind = np.uint8 if math.prod(pool.window) < 256 else np.int64
    places: Any = np.zeros_like(y, kind)
    *others, _ = pool.elements(y.shape[-len(pool.window) :])
    for element in reversed(others):
        places += 1
        places *= padded[element] != y
    return places


@differentiable
def pick(x: Any, places: Any, pool: Pool) -> Any:
    """Of each window the element of that number; what lies around x is zero."""
    padded = pool.surround(x, 0)
    y = np.zeros_like(places, x.dtype)
    for number, element in enumerate(pool.elements(places.shape[-len(pool.window) :])):
        np.copyto(y, padded[element], where=places == number)
    return y


@differentiable
def put(g: Any, places: Any, shape: tuple[int, ...], pool: Pool) -> Any:
    """Zeros of that shape with each element of g added to one element of its window, that of that number."""
    full = np.zeros_like(g, shape=pool.shape_around(shape))
    for number, element in enumerate(pool.elements(places.shape[-len(pool.window) :])):
        if pool.disjoint:
            np.multiply(g, places == number, out=full[element])
        else:
            full[element] += g * (places == number)
    return full[pool.inside(shape)]


define_vjp(max_pool, x=lambda g, y, x, pool: put(g, places_of_maximum(plain(x), plain(y), pool), x.shape, pool))
define_vjp(pick, x=lambda g, y, x, places, pool: put(g, places, x.shape, pool))
define_vjp(put, g=lambda h, y, g, places, shape, pool: pick(h, places, pool))


@differentiable
def sum_pool(x: Any, pool: Pool) -> Any:
    """The sum of each window; what lies around x is zero."""
    padded = pool.surround(x, 0)
    first, *others = pool.elements(pool.places(x.shape[-len(pool.window) :]))
    y = padded[first].copy("K")
    for element in others:
        y += padded[element]
    return y


@differentiable
def spread(g: Any, shape: tuple[int, ...], pool: Pool) -> Any:
    """Zeros of that shape with each element of g added to all elements of its window."""
    full = np.zeros_like(g, shape=pool.shape_around(shape))
    for element in pool.elements(g.shape[-len(pool.window) :]):
        full[element] += g
    return full[pool.inside(shape)]


define_vjp(sum_pool, x=lambda g, y, x, pool: spread(g, x.shape, pool))
define_vjp(spread, g=lambda h, y, g, shape, pool: sum_pool(h, pool))
