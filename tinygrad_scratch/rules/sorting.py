"""Derivatives of the functions that order elements: sorting, partitioning, sets.

Each element of the result was one of the arguments' elements, and its cotangent goes back there. Of equal elements,
which keep their order here, the first in the result is the first in the argument; sets have the first of them only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.rules.choosing import positions, put_back
from tinygrad_scratch.rules.registry import array, compose, define_vjp, plain, refused, without_derivative
from tinygrad_scratch.rules.shapes import cast

# ---- orders ----------------------------------------------------------------------------------------------------------


def in_order(a: Any, axis: Any) -> Any:
    """The positions of the elements, sorted as these are along an axis."""
    return np.take_along_axis(positions(a), np.argsort(a, axis=axis, kind="stable"), axis)


# Of numbers, NumPy refuses any `order` but None.
define_vjp(
    np.sort,
    a=lambda g, y, a, axis=-1, kind=None, order=(), *, stable=None: put_back(g, in_order(a, axis), a.shape),
)


def partitioned(g: Any, y: Any, a: Any, kth: Any, axis: Any = -1, kind: Any = None, order: Any = ()) -> Any:
    """The order within a part is NumPy's own affair: the smallest of the result was the smallest of the argument."""
    places = np.empty(y.shape, int)
    along = 0 if axis is None else axis
    np.put_along_axis(places, np.argsort(y, axis=along, kind="stable"), in_order(a, axis), along)
    return put_back(g, places, a.shape)


define_vjp(np.partition, a=partitioned)


@compose(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """Sorted, and complex."""
    return cast(np.sort(a), np.sort_complex(np.empty(0, a.dtype)).dtype)


# ---- sets ------------------------------------------------------------------------------------------------------------


def found_in(values: Any, *arrays: Any) -> Any:
    """The elements of arrays that NumPy chose, by their values, as a set: of equal ones the first."""
    pool = np.concatenate([array(a) for a in arrays], axis=None)
    order = np.argsort(pool, kind="stable")
    places = np.searchsorted(np.sort(plain(pool)), values)
    nan = np.isnan(values)
    places[nan] += np.arange(np.count_nonzero(nan))  # where they count as different, each is one of its own
    found = np.take(pool, order[places])
    if found.dtype == values.dtype:
        return found
    return cast(found if values.dtype.kind == "c" else np.real(found), values.dtype)


@compose(np.unique)
def unique(
    ar: Any,
    return_index: Any = False,
    return_inverse: Any = False,
    return_counts: Any = False,
    axis: Any = None,
    *,
    equal_nan: Any = True,
    sorted: Any = True,  # NumPy 2.3
) -> Any:
    """The first of equal elements, or of equal parts along an axis."""
    keywords: dict[str, Any] = {"axis": axis, "equal_nan": equal_nan}
    value: Any = ar.numpy()
    order: dict[str, Any] = {} if sorted else {"sorted": sorted}
    found = np.unique(value, return_index, return_inverse, return_counts, **keywords, **order)
    values, *more = found if isinstance(found, tuple) else (found,)
    if axis is None:
        values = found_in(values, ar)
    else:
        values = np.take(ar, np.unique(value, return_index=True, **keywords)[1], axis)
    return (values, *more) if more else values


@compose(np.unique_values)
def unique_values(x: Any) -> Any:
    return found_in(np.unique_values(x.numpy()), x)


@compose(np.unique_counts)
def unique_counts(x: Any) -> Any:
    found = np.unique_counts(x.numpy())
    return found._replace(values=found_in(found.values, x))


@compose(np.unique_inverse)
def unique_inverse(x: Any) -> Any:
    found = np.unique_inverse(x.numpy())
    return found._replace(values=found_in(found.values, x))


@compose(np.unique_all)
def unique_all(x: Any) -> Any:
    found = np.unique_all(x.numpy())
    return found._replace(values=found_in(found.values, x))


@compose(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    return np.unique(np.concatenate((array(ar1), array(ar2)), axis=None))


@compose(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: Any = False, return_indices: Any = False) -> Any:
    """The elements of the first array that the second has, too."""
    found = np.intersect1d(plain(ar1), plain(ar2), assume_unique, return_indices)
    if return_indices:
        return (found_in(found[0], ar1, ar2), *found[1:])
    return found_in(found, ar1, ar2)


@compose(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    return found_in(np.setdiff1d(plain(ar1), plain(ar2), assume_unique), ar1, ar2)


@compose(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    return found_in(np.setxor1d(plain(ar1), plain(ar2), assume_unique), ar1, ar2)


without_derivative(np.isin)
if hasattr(np, "in1d"):  # until NumPy 2.4
    refused(np.in1d, instead="np.in1d is deprecated. Write np.isin.")
