"""Strides that a change makes wrong may lead out of an array, to what is no memory: these are refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided

MAKES_VIEW = "DummyArray"  # the name by which as_strided finds what it makes its view of


@contextlib.contextmanager
def in_bounds() -> Iterator[None]:
    """While this lasts, as_strided raises ValueError where its view would not lie in the array that it is of."""
    names = as_strided.__globals__
    before = names.get(MAKES_VIEW)
    if before is None:
        yield
        return

    def checked(interface: dict[str, Any], base: Any = None) -> Any:
        if leads_out(interface, base):
            raise ValueError("a view that is larger than its array")
        return before(interface, base)

    names[MAKES_VIEW] = checked
    try:
        yield
    finally:
        names[MAKES_VIEW] = before


def leads_out(interface: dict[str, Any], base: Any) -> bool:
    """Whether a view reaches below or above the memory of the array that it is of in the end."""
    shape = interface["shape"]
    whole = base
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    if 0 in shape:
        return False
    strides = interface.get("strides") or contiguous(shape, base.itemsize)
    ways = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
    start = interface["data"][0]
    low, high = byte_bounds(whole)
    below, above = sum(way for way in ways if way < 0), sum(way for way in ways if way > 0)
    return bool(start + below < low or start + above + base.itemsize > high)


def contiguous(shape: tuple[int, ...], size: int) -> list[int]:
    """The strides of an array of entries of a size that lie one behind the other."""
    strides = [size]
    for length in shape[:0:-1]:
        strides.insert(0, strides[0] * length)
    return strides[: len(shape)]
