"""NumPy's functions that write into their first argument, said as writes of parts.

Each is an assignment `a[index] = values`, which a Tensor records and through which its views see the change. Where `a`
is a plain array and the values carry a gradient, that assignment is what refuses.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_scratch.graph import as_array, known
from tinygrad_scratch.rules.registry import array, compose


@compose(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", *, shape: Any = None, device: Any = None
) -> Any:
    """A new array, written to."""
    full = np.empty_like(a, dtype=dtype, order=order, shape=shape, device=device)
    full[...] = fill_value
    return full


@compose(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """A write to all of dst, or to where the mask says."""
    if not np.can_cast(getattr(src, "dtype", np.result_type(src)), dst.dtype, casting):
        raise TypeError(f"np.copyto: {src!r} can't be cast to {dst.dtype} by the rule {casting!r}.")
    dst[...] = src if where is True else np.where(where, src, dst)


def write_flat(a: Any, places: Any, values: Any) -> None:
    """A write to places counted through all elements."""
    if a.ndim:
        a[np.unravel_index(places, a.shape)] = values
    elif places.size:
        a[...] = values[-1]


def repeated(values: Any, turns: Any) -> Any:
    """The values at these turns, begun again whenever they are used up."""
    values = np.ravel(values)
    return values[turns % max(len(values), 1)]


@compose(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """A write to places counted through all elements, which must be there, or else are wrapped around or clipped."""
    places, v = np.ravel(as_array(ind)), array(v)
    if mode == "raise" and np.any((known(places) < -a.size) | (known(places) >= a.size)):
        raise IndexError(f"np.put: an index of {places.tolist()} is out of bounds for {a.size} elements.")
    if v.size and places.size:
        places = np.clip(places, 0, a.size - 1) if mode == "clip" else places % a.size
        write_flat(a, places, repeated(v, np.arange(places.size)))


@compose(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """A write of the first values to where the mask is true."""
    places, vals = np.flatnonzero(mask), array(vals)
    if places.size and not vals.size:
        raise ValueError("np.place: there are places to fill, but vals is empty.")
    write_flat(arr, places, repeated(vals, np.arange(places.size)))


@compose(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """A write to where the mask is true of the values that stand at these places."""
    if np.shape(mask) != a.shape:
        raise ValueError(f"np.putmask: the mask has shape {np.shape(mask)}, but the array has {a.shape}.")
    places, values = np.flatnonzero(mask), array(values)
    if values.size:
        write_flat(a, places, repeated(values, places))


@compose(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any = -1) -> None:
    """A write to one place for each index, counted along an axis."""
    if axis is None:
        write_flat(arr, as_array(indices), values)
        return
    axis = normalize_axis_index(axis, arr.ndim)
    index: list[Any] = list(np.ogrid[tuple(slice(n) for n in arr.shape)])
    index[axis] = as_array(indices)
    arr[tuple(index)] = values


@compose(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """A write to the diagonal, which of a tall matrix may begin again below."""
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        raise ValueError(f"np.fill_diagonal takes a matrix, or more axes of equal length, not shape {a.shape}.")
    if a.ndim == 2:
        step, end = a.shape[1] + 1, a.size if wrap else min(a.size, a.shape[1] ** 2)
    else:
        step, end = 1 + sum(math.prod(a.shape[:i]) for i in range(1, a.ndim)), a.size
    places = np.arange(0, end, step)
    write_flat(a, places, repeated(array(val), np.arange(places.size)))
