"""Derivatives of the functions that choose elements: by position, by condition, by a function for each.

Each element of the result was somewhere in the argument, and its cotangent is added there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_scratch.graph import as_array
from tinygrad_scratch.rules.registry import (
    NUMBERS,
    array,
    compose,
    define_vjp,
    differentiable,
    plain,
    without_derivative,
)

# ---- where elements went, and the way back ---------------------------------------------------------------------------


def positions(a: Any) -> Any:
    """The elements' own numbers, in an array of that shape: a function that moves elements says with it where to."""
    return np.arange(a.size).reshape(a.shape)


@differentiable
def put_back(a: Any, places: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape, to which each element of `a` is added at its place, counted through the whole array."""
    full = np.zeros(shape, a.dtype)
    np.add.at(full.reshape(-1), places.reshape(-1), a.reshape(-1))
    return full


define_vjp(put_back, a=lambda g, y, a, places, shape: np.take(g, places).reshape(a.shape))


# ---- by position -----------------------------------------------------------------------------------------------------


def taken_from(g: Any, y: Any, a: Any, indices: Any, axis: Any = None, *, mode: Any = "raise") -> Any:
    """Each part added where it was taken; the work grows with what was taken, as for rows of a large table."""
    shape = (1, a.size, 1)
    if axis is not None and a.ndim:
        axis = normalize_axis_index(axis, a.ndim)
        shape = (math.prod(a.shape[:axis]), a.shape[axis], math.prod(a.shape[axis + 1 :]))
    before, n, after = shape
    chosen = np.take(np.arange(n), indices, mode=mode).reshape(-1, 1)
    places = (np.arange(before).reshape(-1, 1, 1) * n + chosen) * after + np.arange(after)
    return put_back(g, places, a.shape)


define_vjp(np.take, a=taken_from)
define_vjp(
    np.take_along_axis,
    arr=lambda g, y, arr, indices, axis=-1: put_back(g, np.take_along_axis(positions(arr), indices, axis), arr.shape),
)


@compose(np.choose)
def choose(a: Any, choices: Any, *, mode: Any = "raise") -> Any:
    """One choice after the other, each where the index names it."""
    choices = [choice if type(choice) in NUMBERS else array(choice) for choice in choices]
    index = np.choose(plain(a), range(len(choices)), mode=mode)
    return np.select([index == i for i in range(len(choices))], choices, choices[0])


# ---- by condition ----------------------------------------------------------------------------------------------------

define_vjp(
    np.compress,
    a=lambda g, y, condition, a, axis=None: put_back(g, np.compress(condition, positions(a), axis), a.shape),
)
define_vjp(
    np.extract,
    arr=lambda g, y, condition, arr: put_back(g, np.extract(condition, positions(arr)), arr.shape),
)


@compose(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """The last condition first, so that an earlier one has the last word."""
    if len(condlist) != len(choicelist) or len(condlist) == 0:
        raise ValueError(
            f"np.select takes as many conditions as choices, and at least one: {len(condlist)} conditions and "
            f"{len(choicelist)} choices were given."
        )
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        condition = as_array(plain(condition))
        if condition.dtype != bool:
            raise TypeError(f"np.select: conditions must be boolean arrays, not of dtype {condition.dtype}.")
        result = np.where(condition, choice, result)
    return result


# ---- by a function for each ------------------------------------------------------------------------------------------


@compose(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Each function of the elements for which its condition holds; the functions see Tensors."""
    condlist = plain(condlist) if np.ndim(plain(condlist)) == 0 else [plain(condition) for condition in condlist]
    if np.isscalar(condlist) or (x.ndim > 0 and not isinstance(condlist[0], list | np.ndarray)):
        condlist = [condlist]
    conditions = [*np.asarray(condlist, bool)]
    if len(conditions) == len(funclist) - 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(conditions) != len(funclist):
        raise ValueError(
            f"np.piecewise: with {len(condlist)} condition(s), either {len(condlist)} or {len(condlist) + 1} functions "
            f"are expected, not {len(funclist)}."
        )
    y = np.where(False, x, np.zeros_like(x))
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            y[condition] = function
        elif np.any(condition):
            y[condition] = function(x[condition], *args, **kw)
    return y


@compose(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """The function of each row, which it sees as a Tensor, and the axes of its result in place of the row's."""
    axis = normalize_axis_index(axis, arr.ndim)
    rows = np.moveaxis(arr, axis, -1)
    lead = rows.shape[:-1]
    if 0 in lead:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    results = [array(func1d(rows[index], *args, **kwargs)) for index in np.ndindex(lead)]
    shape = results[0].shape
    stacked = np.stack(results).reshape(lead + shape)
    return np.moveaxis(stacked, range(len(lead), stacked.ndim), range(axis, axis + len(shape)))


@compose(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """The function over one axis after the other; each stays, of length 1."""
    for axis in np.atleast_1d(plain(axes)).tolist():
        axis = normalize_axis_index(axis, a.ndim)
        result = func(a, axis)
        if result.ndim != a.ndim:
            result = np.expand_dims(result, axis)
        if result.ndim != a.ndim:
            raise ValueError("function is not returning an array of the correct shape")
        a = result
    return a


# ---- positions themselves --------------------------------------------------------------------------------------------

without_derivative(np.diag_indices_from, np.tril_indices_from, np.triu_indices_from)
