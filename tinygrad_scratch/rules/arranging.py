"""Derivatives of the functions that copy elements to new places: repeating, padding, deleting, diagonals, grids.

What was copied several times gets the sum of the cotangents of its copies, what was left out gets zero.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view

from tinygrad_scratch.graph import is_array
from tinygrad_scratch.rules.choosing import positions, put_back
from tinygrad_scratch.rules.registry import array, compose, define_vjp, differentiable, plain
from tinygrad_scratch.rules.shapes import cast

# ---- repeating -------------------------------------------------------------------------------------------------------


def tile_back(g: Any, y: Any, A: Any, reps: Any) -> Any:  # noqa: N803
    """The sum over all tiles."""
    counts = np.atleast_1d(reps).tolist()
    ndim = max(len(counts), A.ndim)
    counts = [1] * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - A.ndim) + A.shape
    parts = tuple(n for pair in zip(counts, shape, strict=True) for n in pair)
    return g.reshape(parts).sum(axis=tuple(range(0, 2 * ndim, 2))).reshape(A.shape)


define_vjp(np.tile, A=tile_back)


def repeat_back(g: Any, y: Any, a: Any, repeats: Any, axis: Any = None) -> Any:
    """The sum over the copies of each element."""
    if np.size(repeats) != 1:
        return put_back(g, np.repeat(positions(a), repeats, axis), a.shape)
    shape = (a.size,) if axis is None or a.ndim == 0 else a.shape
    axis = normalize_axis_index(axis or 0, len(shape)) + 1
    copies = int(np.reshape(repeats, ()))
    return g.reshape((*shape[:axis], copies, *shape[axis:])).sum(axis=axis).reshape(a.shape)


define_vjp(np.repeat, a=repeat_back)


def resize_back(g: Any, y: Any, a: Any, new_shape: Any) -> Any:
    """The elements fill the new shape again and again; without elements, zeros fill it."""
    return put_back(g, np.resize(positions(a), new_shape), a.shape) if a.size else np.zeros_like(a)


define_vjp(np.resize, a=resize_back)

# ---- windows ---------------------------------------------------------------------------------------------------------


@differentiable
def add_windows(a: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """The windows added up where they lie in an array of that shape: all first elements of a window, all second, ..."""
    full = np.zeros(shape, a.dtype)
    lengths = a.shape[: len(shape)]
    for offsets in np.ndindex(a.shape[len(shape) :]):
        starts = [0] * len(shape)
        for axis, offset in zip(axes, offsets, strict=True):
            starts[axis] += offset
        full[tuple(slice(i, i + n) for i, n in zip(starts, lengths, strict=True))] += a[(..., *offsets)]
    return full


def windows_back(g: Any, y: Any, x: Any, window_shape: Any, axis: Any = None, *, writeable: Any = False) -> Any:
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim, allow_duplicate=True)
    return add_windows(g, x.shape, axes)


define_vjp(sliding_window_view, x=windows_back)
define_vjp(
    add_windows,
    a=lambda g, y, a, shape, axes: sliding_window_view(g, a.shape[len(shape) :], axes),
)

# ---- padding ---------------------------------------------------------------------------------------------------------

Widths = tuple[tuple[int, int], ...]


@differentiable
def surrounded(a: Any, widths: Widths, value: Any) -> Any:
    """An array with a number around it, so many times before and after it along each axis."""
    full = np.full([before + n + after for n, (before, after) in zip(a.shape, widths, strict=True)], value, a.dtype)
    full[middle(a, widths)] = a
    return full


def middle(a: Any, widths: Widths) -> tuple[slice, ...]:
    """Where an array lies once it is padded."""
    return tuple(slice(before, before + n) for n, (before, _) in zip(a.shape, widths, strict=True))


define_vjp(surrounded, a=lambda g, y, a, widths, value: g[middle(a, widths)])


@differentiable
def mirrored(a: Any, widths: Widths, mode: str) -> Any:
    """An array with copies of its own elements around it."""
    return np.pad(a, widths or 0, mode)  # type: ignore[call-overload]


@differentiable
def folded(a: Any, widths: Widths, mode: str) -> Any:
    """The middle of an array, with each layer around it added to the one that it is a copy of."""
    a = np.array(a)
    for axis, (before, after) in enumerate(widths):
        layers = np.moveaxis(a, axis, 0)
        n = len(layers) - before - after
        copied = np.pad(np.arange(n), (before, after), mode) if before or after else ()  # type: ignore[call-overload]
        for i, original in enumerate(copied):
            if not before <= i < before + n:
                layers[before + original] += layers[i]
        a = part(a, axis, before, before + n)
    return a


define_vjp(mirrored, a=lambda g, y, a, widths, mode: folded(g, widths, mode))
define_vjp(folded, a=lambda g, y, a, widths, mode: mirrored(g, widths, mode))


def part(a: Any, axis: int, start: int, stop: int) -> Any:
    return a[(slice(None),) * axis + (slice(start, stop),)]


def pairs(values: Any, ndim: int) -> tuple[Any, ...]:
    """What np.pad reads from a whole number, a pair or pairs: a pair for each axis."""
    if np.min(values, initial=0) < 0:
        raise ValueError(f"np.pad: widths and lengths can't be negative, as in {values}.")
    return tuple((before, after) for before, after in np.broadcast_to(values, (ndim, 2)).tolist())


def widths_of(pad_width: Any, ndim: int) -> Widths:
    """The widths before and after along each axis; a dictionary gives them for some axes."""
    if isinstance(pad_width, dict):
        given, pad_width = pad_width, [(0, 0)] * ndim
        for axis, width in given.items():
            pad_width[axis] = pairs(width, 1)[0]
    pad_width = np.asarray(pad_width)
    if pad_width.dtype.kind != "i":
        raise TypeError("np.pad: `pad_width` must be of integral type.")
    return pairs(pad_width, ndim)


def sides(values: Any, ndim: int) -> Any:
    """A number for either side of each axis, as an array or a Tensor."""
    return np.broadcast_to(array(values), (ndim, 2))


@compose(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """Most modes copy elements; those that compute new ones go over the axes one by one, as NumPy does."""
    widths = widths_of(pad_width, array.ndim)
    if callable(mode):
        return padded_by(mode, array, widths, kwargs)
    some = array.numpy() if array.size == 0 else np.empty((0,) * array.ndim)
    np.pad(some, widths if array.size == 0 else 0, mode, **dict.fromkeys(kwargs, 1))  # NumPy refuses what is not its
    if array.dtype.kind not in "fc":
        return np.pad(array.numpy(), widths, mode, **kwargs)
    if mode in ("constant", "empty") or array.size == 0:
        return padded_with(array, widths, kwargs.get("constant_values", 0))
    if mode in ("edge", "wrap") or (mode in ("reflect", "symmetric") and kwargs.get("reflect_type") != "odd"):
        return mirrored(array, widths, mode)
    options: dict[str, Any] = {"end_values": sides(kwargs.get("end_values", 0), array.ndim)}
    if kwargs.get("stat_length") is not None:
        options["stat_length"] = pairs(kwargs["stat_length"], array.ndim)
    for axis, width in enumerate(widths):
        if any(width):
            array = extended(array, axis, width, mode, **{name: of[axis] for name, of in options.items()})
    return array


def padded_with(a: Any, widths: Widths, values: Any) -> Any:
    """One number all around, or one for each side, which may be differentiable: a later axis covers an earlier one."""
    values = array(values)
    if is_array(values) and values.ndim == 0:
        return surrounded(a, widths, values)
    values = cast(sides(values, a.ndim), a.dtype)
    pool, (of_array, of_values) = pooled([a, values])
    return np.take(pool, np.pad(of_array, widths, constant_values=of_values))


def padded_by(function: Callable[..., Any], a: Any, widths: Widths, keywords: dict[str, Any]) -> Any:
    """A person's function writes into each row of the array, along one axis after the other."""
    padded = surrounded(a, widths, 0)
    for axis, width in enumerate(widths):
        rows = np.moveaxis(padded, axis, -1)
        for index in np.ndindex(rows.shape[:-1]):
            function(rows[index], width, axis, keywords)
    return padded


def extended(a: Any, axis: int, width: Any, mode: str, end_values: Any, stat_length: Any = (None, None)) -> Any:
    """An array padded along one axis, by values that are computed."""
    before, after = width
    n = a.shape[axis]
    if mode in ("reflect", "symmetric"):
        return reflected(a, axis, before, after, mode == "symmetric")
    if mode == "linear_ramp":
        left = ramp(part(a, axis, 0, 1), axis, before, end_values[0])
        right = np.flip(ramp(part(a, axis, n - 1, n), axis, after, end_values[1]), axis)
    else:
        first, last = (n if length is None else min(length, n) for length in stat_length)
        left = statistic(part(a, axis, 0, first), axis, before, mode)
        right = statistic(part(a, axis, n - last, n), axis, after, mode)
    return np.concatenate([left, a, right], axis=axis)


def ramp(edge: Any, axis: int, width: int, end: Any) -> Any:
    """From an end value, which is its first, in equal steps to just before the edge."""
    steps = np.arange(width).astype(edge.dtype).reshape([-1 if i == axis else 1 for i in range(edge.ndim)])
    return cast(end + steps * ((edge - end) / max(width, 1)), edge.dtype)


STATISTICS: dict[str, Callable[..., Any]] = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}


def statistic(a: Any, axis: int, width: int, mode: str) -> Any:
    """One number of each row, repeated."""
    return np.repeat(STATISTICS[mode](a, axis=axis, keepdims=True), width, axis)


def reflected(a: Any, axis: int, before: int, after: int, with_edge: bool) -> Any:
    """What lies beyond an edge, turned around it by half a turn: twice the edge less the mirrored element.

    What is longer than the array is reflected again and again, always by whole periods.
    """
    if a.shape[axis] == 1:
        return np.concatenate([np.repeat(a, before, axis), a, np.repeat(a, after, axis)], axis=axis)
    skipped = 0 if with_edge else 1
    period = a.shape[axis] - skipped
    while before or after:
        n = a.shape[axis]
        most = (n - skipped) // period * period
        left, right = min(before, most), min(after, most)
        mirrored_left = np.flip(part(a, axis, skipped, skipped + left), axis)
        mirrored_right = np.flip(part(a, axis, n - skipped - right, n - skipped), axis)
        a = np.concatenate(
            [2 * part(a, axis, 0, 1) - mirrored_left, a, 2 * part(a, axis, n - 1, n) - mirrored_right], axis=axis
        )
        before, after = before - left, after - right
    return a


# ---- taking out and putting in ---------------------------------------------------------------------------------------

define_vjp(
    np.delete,
    arr=lambda g, y, arr, obj, axis=None: put_back(g, np.delete(positions(arr), obj, axis), arr.shape),
)


def pooled(arrays: list[Any]) -> tuple[Any, list[Any]]:
    """All elements of several arrays in one row, and for each array an array that says where its elements are there."""
    starts = accumulate((np.size(a) for a in arrays), initial=0)
    places = [start + np.arange(np.size(a)).reshape(np.shape(a)) for start, a in zip(starts, arrays, strict=False)]
    return np.concatenate(arrays, axis=None), places


@compose(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    arr = array(arr)
    pool, (of_arr, of_values) = pooled([arr, cast(array(values), arr.dtype)])
    return np.take(pool, np.insert(of_arr, plain(obj), of_values, axis))


@compose(np.trim_zeros)
def trim_zeros(filt: Any, trim: Any = "fb", axis: Any = None) -> Any:
    """A slice: as much as NumPy leaves, after as much as it takes away in front."""
    keywords = {} if axis is None else {"axis": axis}
    left = np.trim_zeros(filt.numpy(), trim, **keywords).shape
    start = (0,) * filt.ndim
    if "f" in trim.lower():
        start = tuple(np.subtract(filt.shape, np.trim_zeros(filt.numpy(), "f", **keywords).shape).tolist())
    return filt[tuple(slice(i, i + n) for i, n in zip(start, left, strict=True))]


# ---- diagonals and triangles -----------------------------------------------------------------------------------------

define_vjp(
    np.diagonal,
    a=lambda g, y, a, offset=0, axis1=0, axis2=1: put_back(g, np.diagonal(positions(a), offset, axis1, axis2), a.shape),
)


def diag_back(g: Any, y: Any, v: Any, k: int = 0) -> Any:
    """A vector was put on a diagonal, or a matrix's diagonal was read."""
    return np.diagonal(g, k) if v.ndim == 1 else put_back(g, np.diagonal(positions(v), k), v.shape)


define_vjp(np.diag, v=diag_back)


@compose(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    return np.diag(np.ravel(v), k)


@compose(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


define_vjp(np.tril, m=lambda g, y, m, k=0: np.tril(g, k))  # a vector was broadcast to a square: the walk sums
define_vjp(np.triu, m=lambda g, y, m, k=0: np.triu(g, k))

# ---- blocks and grids ------------------------------------------------------------------------------------------------


@compose(np.block)
def block(arrays: Any) -> Any:
    """NumPy puts the positions of all elements together, and says with it where each goes."""
    leaves: list[Any] = []
    replaced(arrays, lambda leaf: leaves.append(array(leaf)))
    pool, places = pooled(leaves)
    each = iter(places)
    return np.take(pool, np.block(replaced(arrays, lambda leaf: next(each))))


def replaced(nested: Any, change: Callable[[Any], Any]) -> Any:
    """The same nested lists, with something else for each leaf."""
    return [replaced(each, change) for each in nested] if isinstance(nested, list) else change(nested)


@compose(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """Each vector along its axis, the first two swapped for "xy"."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    n = len(xi)
    order = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else range(n)
    grids = tuple(np.reshape(x, [-1 if i == axis else 1 for i in range(n)]) for x, axis in zip(xi, order, strict=True))
    if not sparse:
        grids = np.broadcast_arrays(*grids)
    return tuple(np.copy(grid) for grid in grids) if copy else grids


@compose(np.ix_)
def ix_(*args: Any) -> Any:
    """An open grid of values; what can be an index, integers and masks, is plain."""
    grids = np.ix_(*map(plain, args))
    return tuple(
        np.reshape(a, grid.shape) if grid.dtype.kind in "fc" else grid for a, grid in zip(args, grids, strict=True)
    )
