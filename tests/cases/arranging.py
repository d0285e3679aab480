"""Cases of rules/arranging.py: repeating, windows, padding, taking out and putting in, diagonals, blocks, grids."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.cases.table import (
    CALLED_BY,
    NEED_AXES,
    NEED_ELEMENTS,
    NOT_ANALYTIC,
    PLAIN_WORDS,
    Array,
    case,
    complex_normal,
    distinct,
    exactly,
    normal,
)
from tinygrad_scratch.rules.arranging import add_windows, folded, mirrored, surrounded

AT_LEAST_2_2 = np.lib.NumpyVersion(np.__version__) >= "2.2.0"
AT_LEAST_2_4 = np.lib.NumpyVersion(np.__version__) >= "2.4.0"

function: Any  # the one that a loop below is at

# ---- repeating -------------------------------------------------------------------------------------------------------

case(np.tile, normal(2, 3), 2)
case(np.tile, normal(2, 3), (2, 3))
case(np.tile, normal(2, 3), [2, 1, 3])
case(np.tile, normal(2, 3, 2), np.array([2, 1]))
case(np.tile, normal(2, 3), reps=1)
case(np.tile, normal(2, 3), (2, 0))
case(np.tile, normal(), 3)
case(np.tile, normal(), ())
case(np.tile, normal(0, 3), 2)
case(np.repeat, normal(2, 3), 2)
case(np.repeat, normal(2, 3), 3, axis=1)
case(np.repeat, normal(2, 3, 2), [2], axis=-2)
case(np.repeat, normal(2, 3), np.array([0, 2, 1]), axis=1)
case(np.repeat, normal(3), [1, 0, 2])
case(np.repeat, normal(2, 3), 0, axis=0)
case(np.repeat, normal(), 3)
case(np.repeat, normal(0, 3), 2, axis=0)
case(np.resize, normal(2, 3), (3, 5))
case(np.resize, normal(2, 3), 4)
case(np.resize, normal(2, 3), (2, 0))
case(np.resize, normal(), (2, 2))
case(np.resize, normal(0, 3), (2, 2))

# ---- windows ---------------------------------------------------------------------------------------------------------

case(sliding_window_view, normal(5), 3)
case(sliding_window_view, normal(3, 4), (2, 3))
case(sliding_window_view, normal(3, 4, 2), (2, 2), axis=(1, 0))
case(sliding_window_view, normal(3, 4), 2, axis=-1)
case(sliding_window_view, normal(5), (2, 2), axis=(0, 0))
case(sliding_window_view, normal(4), 2, writeable=True)
case(sliding_window_view, normal(), ())
case(sliding_window_view, normal(3, 0), 2, axis=0)
case(add_windows, normal(3, 3), (5,), (0,))
case(add_windows, normal(2, 2, 2, 3), (3, 4), (0, 1))
case(add_windows, normal(3, 2, 2), (5,), (0, 0))
case(add_windows, normal(), (), ())
case(add_windows, normal(2, 0, 2), (3, 0), (0,))

# ---- padding ---------------------------------------------------------------------------------------------------------

case(np.pad, normal(2, 3), 1)
case(np.pad, normal(2, 3), (1, 2))
case(np.pad, normal(2, 3), ((0, 1), (2, 0)), constant_values=3.0)
case(np.pad, normal(2, 3), ((1, 1), (1, 2)), "constant", constant_values=normal())
case(np.pad, normal(2, 3), ((1, 1), (1, 2)), constant_values=normal(2, 2))
case(np.pad, normal(2, 3), 1, constant_values=(normal(), 1.5))
case(np.pad, normal(2, 3), 1, constant_values=((normal(), 1.5), (2, normal())))
case(np.pad, normal(2, 3), 1, constant_values=[[1.0], [2.0]])
case(np.pad, normal(), 1, constant_values=2.0)
case(np.pad, normal(), 1, mode="edge")
case(np.pad, normal(0, 3), 1)
case(np.pad, normal(0, 3), ((0, 0), (1, 2)), mode="edge")
case(np.pad, normal(0, 3), ((0, 0), (1, 2)), mode="mean", stat_length=2)
case(np.pad, complex_normal(2), 1, constant_values=complex_normal(2))
if AT_LEAST_2_4:
    case(np.pad, normal(2, 3), {1: (1, 2)})
    case(np.pad, normal(2, 3), {-1: 1, 0: (0, 2)}, mode="edge")
for mode in ("edge", "wrap", "reflect", "symmetric"):
    case(np.pad, normal(2, 3), ((1, 2), (2, 0)), mode=mode)
    case(np.pad, normal(3), (4, 8), mode=mode)
for mode in ("reflect", "symmetric"):
    case(np.pad, normal(2, 3), ((0, 1), (2, 1)), mode=mode, reflect_type="even")
    case(np.pad, normal(2, 3), ((0, 1), (2, 1)), mode=mode, reflect_type="odd")
    case(np.pad, normal(3), (4, 11), mode=mode, reflect_type="odd")
    case(np.pad, normal(3), (11, 0), mode=mode, reflect_type="odd")
    case(np.pad, normal(1, 2), 3, mode=mode, reflect_type="odd")
case(np.pad, normal(2, 3), ((1, 2), (0, 3)), mode="linear_ramp")
case(np.pad, normal(2, 3), 2, mode="linear_ramp", end_values=normal())
case(np.pad, normal(2, 3), 2, mode="linear_ramp", end_values=((1.0, normal()), (normal(), 2)))
case(np.pad, complex_normal(2), 2, mode="linear_ramp", end_values=complex_normal(2))
for mode in ("mean", "maximum", "minimum", "median"):
    case(np.pad, distinct(3, 4), ((1, 2), (0, 3)), mode=mode)
    case(np.pad, distinct(3, 4), 1, mode=mode, stat_length=2)
    case(np.pad, distinct(3, 4), ((1, 1), (2, 1)), mode=mode, stat_length=((3, 2), (9, 1)))
case(surrounded, normal(2, 3), ((0, 1), (2, 0)), 1.5)
case(surrounded, normal(), (), 1.5)
case(surrounded, normal(0, 3), ((1, 1), (0, 0)), 1.5)
for function in (mirrored, folded):
    case(function, normal(4, 7), ((1, 2), (2, 1)), "reflect")
    case(function, normal(4, 8), ((0, 0), (2, 3)), "symmetric")
    case(function, normal(), (), "edge")
    case(function, normal(0, 3), ((0, 0), (1, 1)), "wrap")


def ends_doubled(row: Any, width: Any, axis: int, keywords: Any) -> None:
    """A function of a person's for the mode of np.pad: twice the last elements that are there."""
    before, after = width
    row[:before] = 2 * row[before] * keywords.get("times", 1.0)
    row[len(row) - after :] = row[len(row) - after - 1] ** 2


case(np.pad, normal(2, 3), ((1, 2), (2, 1)), ends_doubled)
case(np.pad, normal(3), 2, mode=ends_doubled, times=3.0)


def inside_of_empty(a: Any, width: int) -> Any:
    """What is defined of an array padded by nothing in particular."""
    return np.pad(a, width, mode="empty")[(slice(width, -width),) * np.ndim(a)]


CALLED_BY[inside_of_empty] = np.pad
case(inside_of_empty, normal(2, 3), 2)

# ---- taking out and putting in ---------------------------------------------------------------------------------------

case(np.delete, normal(2, 3), 1)
case(np.delete, normal(2, 3), 1, axis=1)
case(np.delete, normal(2, 3), [0, -1], axis=-1)
case(np.delete, normal(5), slice(1, 4, 2))
case(np.delete, normal(3), np.array([True, False, True]))
case(np.delete, normal(0, 3), 1, axis=1)
case(np.insert, normal(3), 1, normal())
case(np.insert, normal(3), 1, normal(2))
case(np.insert, normal(2, 3), 4, normal())
case(np.insert, normal(3, 2), 1, normal(2), axis=0)
case(np.insert, normal(3, 2), 1, normal(3), axis=1)
case(np.insert, normal(2, 3), [1, 3], normal(2, 2), axis=1)
case(np.insert, normal(2, 3), [0, 0, -1], normal(3), axis=-1)
case(np.insert, normal(4), slice(0, 4, 2), normal(2))
case(np.insert, normal(3), [0, 2], [normal(), 1.5])
if AT_LEAST_2_4:  # older ones take a mask for numbers
    case(np.insert, normal(3), np.array([True, False, True]), [normal(), 1.5])
case(np.insert, normal(3), [2], 1.5)
case(np.insert, [1.0, 2.0], 1, normal())
case(np.insert, normal(), 0, normal())
case(np.insert, normal(0), 0, normal(2))
case(np.trim_zeros, exactly(0.0, 0.0, 1.5, 0.0, -2.0, 0.0), kink=[[0.0, 0.0, 1.0, 1.0, 1.0, 0.0]])
case(np.trim_zeros, exactly(0.0, 0.0, 1.5, 0.0), "f", kink=[[0.0, 0.0, 1.0, 1.0]])
case(np.trim_zeros, exactly(0.0, 1.5, 0.0, 0.0), trim="b", kink=[[1.0, 1.0, 0.0, 0.0]])
case(np.trim_zeros, exactly(0.0, 0.0), kink=[[0.0, 0.0]])
case(np.trim_zeros, normal(3))
case(np.trim_zeros, normal(0))
if AT_LEAST_2_2:
    case(np.trim_zeros, exactly([0.0, 0.0, 0.0], [0.0, 1.5, 0.0]), kink=[[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    case(np.trim_zeros, exactly([0.0, 0.0, 0.0], [0.0, 1.5, 0.0]), axis=1, kink=[[[0, 1, 0], [0, 1, 0]]])
    case(np.trim_zeros, exactly([0.0, 0.0], [0.0, 1.5]), "f", axis=(0,), kink=[[[0, 0], [1, 1]]])

# ---- diagonals and triangles -----------------------------------------------------------------------------------------

case(np.diagonal, normal(3, 4))
case(np.diagonal, normal(3, 4), 1)
case(np.diagonal, normal(3, 2, 4), offset=-1, axis1=0, axis2=2)
case(np.diagonal, normal(2, 3, 3), axis1=-1, axis2=-2)
case(np.diagonal, normal(3, 4), offset=5)
case(np.diagonal, normal(0, 3))
case(np.diag, normal(3))
case(np.diag, normal(3), k=-1)
case(np.diag, normal(3, 4))
case(np.diag, normal(3, 4), 1)
case(np.diag, normal(0))
case(np.diagflat, normal(2, 2))
case(np.diagflat, normal(3), k=2)
case(np.diagflat, normal())
case(np.diagflat, normal(0, 3))
case(np.trace, normal(3, 4))
case(np.trace, normal(2, 3, 4), offset=1, axis1=1, axis2=2)
case(np.trace, normal(3, 3), dtype=np.float64)
case(np.trace, complex_normal(2, 2))
case(np.trace, normal(0, 3))
for function in (np.tril, np.triu):
    case(function, normal(3, 4))
    case(function, normal(2, 3, 3), k=-1)
    case(function, normal(3), 1)
    case(function, normal(0, 3))

# ---- blocks and grids ------------------------------------------------------------------------------------------------

case(np.block, [[normal(2, 2), normal(2, 1)], [normal(1, 2), np.ones((1, 1))]])
case(np.block, [normal(2), normal(), 1.5])
case(np.block, [[normal(3)], [normal(2, 3)]])
case(np.block, [[[normal(1, 2)], [normal(1, 2)]], [[normal(1, 2)], [np.zeros((1, 2))]]])
case(np.block, normal(2, 3))
case(np.block, [normal(), complex_normal(2)])
case(np.block, [normal(0, 3), normal(0, 2)])
case(np.meshgrid, normal(3), normal(2))
case(np.meshgrid, normal(3), normal(2), indexing="ij")
case(np.meshgrid, normal(3), normal(2), normal(4))
case(np.meshgrid, normal(3), [1.0, 2.0], sparse=True)
case(np.meshgrid, normal(3), normal(2), copy=False)
case(np.meshgrid, normal(3), normal(2), normal(2), sparse=True, copy=False, indexing="ij")
case(np.meshgrid, normal(), normal(2, 2))
case(np.meshgrid, normal(0), normal(2))
case(np.meshgrid, normal(3))
case(np.ix_, normal(3), normal(2))
case(np.ix_, normal(3), [0, 1], np.array([True, False, True]))

# ---- the same in plain words -----------------------------------------------------------------------------------------


def plain_surrounded(a: Array, widths: Any, value: Any) -> Array:
    return np.pad(a, widths, constant_values=value) if a.ndim else a


def plain_add_windows(a: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """Element by element: the place of a window and the place in it, along each axis."""
    full = np.zeros(shape, a.dtype)
    for place in np.ndindex(a.shape):
        at = [*place[: len(shape)]]
        for axis, offset in zip(axes, place[len(shape) :], strict=True):
            at[axis] += offset
        full[tuple(at)] += a[place]
    return full


def plain_mirrored(a: Array, widths: Any, mode: Any) -> Any:
    return np.pad(a, widths, mode=mode) if widths else a


def plain_folded(a: Array, widths: Any, mode: Any) -> Array:
    """Element by element: each goes where np.pad took it from."""
    shape = [n - before - after for n, (before, after) in zip(a.shape, widths, strict=True)]
    full = np.zeros(shape, a.dtype)
    places = np.arange(full.size).reshape(shape)
    for place, element in zip(np.ravel(np.pad(places, widths or 0, mode)), np.ravel(a), strict=True):
        full.flat[place] += element
    return full


PLAIN_WORDS.update({
    surrounded: plain_surrounded,
    mirrored: plain_mirrored,
    folded: plain_folded,
    add_windows: plain_add_windows,
})  # fmt: skip
NEED_AXES.update({
    np.delete, np.trim_zeros, np.diagonal, np.diag, np.trace, np.tril, np.triu, np.ix_,
})  # fmt: skip
NOT_ANALYTIC.update({np.insert, np.pad})  # of values of another dtype than the array's
NEED_ELEMENTS.update({np.ix_})  # makes an index of what has none
