"""What the keywords and methods of ufuncs mean, in calls that have derivatives.

`where=` computes the chosen elements alone and writes them over the others; `dtype=`, `signature=` and `casting=` cast
the operands as NumPy resolves them; `axes=` moves axes. `reduce` and its kin are the reductions of the table, or folds.
So all of them work for every ufunc that has a derivative, at every order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.graph import as_array
from tinygrad_scratch.rules.cumulative import running
from tinygrad_scratch.rules.indexing import assign, scatter
from tinygrad_scratch.rules.reductions import axes_of
from tinygrad_scratch.rules.registry import NUMBERS, array, plain
from tinygrad_scratch.rules.shapes import cast

# ---- a call with keywords --------------------------------------------------------------------------------------------


def call_with(
    ufunc: Any,
    *inputs: Any,
    where: Any = True,
    dtype: Any = None,
    signature: Any = None,
    casting: Any = "same_kind",
    order: Any = "K",
    subok: Any = True,
    axes: Any = None,
    axis: Any = None,
    keepdims: Any = False,
    old: Any = None,
) -> Any:
    """The call of a ufunc with keywords; `old` holds what `out=` names, which `where=` keeps parts of.

    Elements that `where` leaves out are 0 if there is no `out`, where NumPy leaves memory as it happens to be. `subok`
    has no meaning for Tensors, which have no subclasses.
    """
    inputs = typed(ufunc, inputs, dtype, signature, casting)
    if ufunc.signature:
        y = along_axes(ufunc, inputs, axes, axis, keepdims)
    elif where is True:
        y = ufunc(*inputs)
    else:
        y = where_asked(ufunc, inputs, where, old or (None,) * ufunc.nout, casting)
    return y if order == "K" else np.copy(y, order)


def typed(ufunc: Any, inputs: Any, dtype: Any, signature: Any, casting: Any) -> tuple[Any, ...]:
    """The operands in the dtypes that NumPy computes with."""
    if dtype is None and signature is None and casting == "same_kind":
        return tuple(inputs)
    inputs = [x if type(x) in (int, float, complex) else array(x) for x in inputs]
    given = tuple(getattr(x, "dtype", type(x)) for x in inputs)
    if signature is None:
        signature = (None,) * ufunc.nin + (dtype,) * ufunc.nout
    elif isinstance(signature, str):
        signature = tuple(np.dtype(letter) for letter in signature.replace("->", ""))
    wanted = ufunc.resolve_dtypes(given + (None,) * ufunc.nout, signature=signature, casting=casting)
    return tuple(x if kind == new else cast(array(x), new) for x, kind, new in zip(inputs, given, wanted, strict=False))


def where_asked(ufunc: Any, inputs: Any, where: Any, old: Any, casting: Any) -> Any:
    """The ufunc of the elements that a mask chooses, and no others; written over the old ones."""
    inputs = [x if type(x) in NUMBERS else array(x) for x in inputs]
    shape = np.broadcast_shapes(np.shape(where), *map(np.shape, inputs), *(np.shape(x) for x in old if x is not None))
    mask = np.broadcast_to(as_array(where), shape)
    chosen = ufunc(*(x if np.ndim(x) == 0 else np.broadcast_to(x, shape)[mask] for x in inputs))
    results = []
    for y, before in zip(chosen if ufunc.nout > 1 else (chosen,), old, strict=True):
        y = array(y)
        if before is not None and not np.can_cast(y.dtype, before.dtype, casting):
            raise TypeError(f"np.{ufunc.__name__}: a result of {y.dtype} can't be cast to out= of {before.dtype}.")
        results.append(assign(np.zeros(shape, y.dtype) if before is None else before, y, mask))
    return tuple(results) if ufunc.nout > 1 else results[0]


def along_axes(ufunc: Any, inputs: Any, axes: Any, axis: Any, keepdims: bool) -> Any:
    """A ufunc of vectors or matrices that lie along other axes than the last."""
    if axes is None and axis is None and not keepdims:
        return ufunc(*inputs)
    if axes is None:
        axes = [-1 if axis is None else axis] * len(inputs)
    axes = [(places,) if isinstance(places, int) else tuple(places) for places in axes]
    moved = [
        np.moveaxis(x, places, range(-len(places), 0)) for x, places in zip(map(array, inputs), axes, strict=False)
    ]
    y = ufunc(*moved)
    if keepdims:
        return np.expand_dims(y, axes[-1] if len(axes) > len(inputs) else axes[0])
    if len(axes) > len(inputs) and axes[-1]:
        y = np.moveaxis(y, range(-len(axes[-1]), 0), axes[-1])
    return y


# ---- methods ---------------------------------------------------------------------------------------------------------

REDUCTIONS: dict[Any, Any] = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
RUNNING: dict[Any, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}
IN_ANY_ORDER = {np.logaddexp, np.logaddexp2, np.hypot, np.fmax, np.fmin}


def reduce(ufunc: Any, a: Any, axis: Any = 0, dtype: Any = None, **keywords: Any) -> Any:
    """The reduction of that name, or a fold of the ufunc."""
    if ufunc in RUNNING:
        return REDUCTIONS[ufunc](a, axis=axis, dtype=dtype, **keywords)
    a = array(a) if dtype is None else cast(array(a), np.dtype(dtype))
    return REDUCTIONS[ufunc](a, axis=axis, **keywords) if ufunc in REDUCTIONS else fold(ufunc, a, axis, **keywords)


def fold(ufunc: Any, a: Any, axis: Any, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    """The ufunc of the first two slices, of what that gives and the third, and so on; by halves where it may be."""
    start = {} if initial is None else {"initial": initial}
    ufunc.reduce(plain(a), axis=axis, where=plain(where), **start)  # for NumPy's own errors
    axes = axes_of(a, axis)
    rest = [i for i in range(a.ndim) if i not in axes]
    shape = (math.prod(a.shape[i] for i in axes), *(a.shape[i] for i in rest))
    x, mask = (np.transpose(each, [*axes, *rest]).reshape(shape) for each in (a, np.broadcast_to(where, a.shape)))
    first = ufunc.identity if initial is None else initial
    if shape[0] == 0:
        y: Any = np.full(shape[1:], first, a.dtype)
    elif ufunc in IN_ANY_ORDER:
        if where is not True:
            x = np.where(mask, x, ufunc.identity if ufunc.identity is not None else initial)
        while len(x) > 1:
            half = len(x) // 2
            x = np.concatenate([ufunc(x[:half], x[half : 2 * half]), x[2 * half :]])
        y = x[0] if (initial is None and shape[0] > 1) or first is None else ufunc(first, x[0])
    else:
        y = x[0] if initial is None else np.full(shape[1:], initial, a.dtype)
        for i in range(initial is None, len(x)):
            y = np.where(mask[i], ufunc(y, x[i]), y) if where is not True else ufunc(y, x[i])
    return y.reshape(tuple(1 if i in axes else n for i, n in enumerate(a.shape))) if keepdims else y


def accumulate(ufunc: Any, a: Any, axis: int = 0, dtype: Any = None) -> Any:
    """All that a fold goes through."""
    if ufunc in RUNNING:
        return RUNNING[ufunc](a, axis=axis, dtype=dtype)
    return running(array(a) if dtype is None else cast(array(a), np.dtype(dtype)), ufunc, axis)


def outer(ufunc: Any, a: Any, b: Any, **keywords: Any) -> Any:
    """The ufunc of every element of one array with every element of another."""
    a = array(a)
    return call_with(ufunc, a.reshape((*a.shape, *[1] * np.ndim(b))), b, **keywords)


def reduceat(ufunc: Any, a: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
    """The reductions of the slices that begin at each index and end at the next; one element where that is no slice."""
    a = np.moveaxis(array(a), axis, 0)
    starts = np.asarray(indices)
    outside = (starts < 0) | (starts >= len(a))
    if np.any(outside):
        raise IndexError(
            f"np.{ufunc.__name__}.reduceat: {starts[outside].tolist()} are out of range for {len(a)} elements."
        )
    lengths = np.maximum(np.append(starts[1:], len(a)) - starts, 1)
    parts, places = [a[:0]], [np.empty(0, int)]
    for length in np.unique(lengths):  # slices of one length are reduced at once
        (chosen,) = np.nonzero(lengths == length)
        parts.append(reduce(ufunc, a[starts[chosen] + np.arange(length).reshape(-1, 1)], 0, dtype))
        places.append(chosen)
    return np.moveaxis(np.concatenate(parts)[np.argsort(np.concatenate(places))], 0, axis)


def at(ufunc: Any, a: Any, indices: Any, b: Any = None) -> None:
    """The ufunc written over chosen elements, again and again where an index names one element several times."""
    places = np.arange(a.size).reshape(a.shape)[indices]
    if b is not None:
        b = np.broadcast_to(b, places.shape)
        if ufunc in (np.add, np.subtract):
            a[...] = ufunc(a, scatter(b, indices, a.shape))
            return
    turn = turns(places)
    for i in range(int(turn.max(initial=-1)) + 1):
        index = np.unravel_index(places[turn == i], a.shape)
        a[index] = ufunc(a[index]) if b is None else ufunc(a[index], b[turn == i])


def turns(places: Any) -> Any:
    """For each number of an array, how many equal ones stand before it."""
    flat = places.ravel()
    order = np.argsort(flat, kind="stable")
    new = np.diff(flat[order], prepend=-1) != 0
    turn = np.empty_like(flat)
    turn[order] = np.arange(flat.size) - np.maximum.accumulate(np.where(new, np.arange(flat.size), 0))
    return turn.reshape(places.shape)


METHODS: dict[str, Callable[..., Any]] = {
    "__call__": call_with,
    "reduce": reduce,
    "accumulate": accumulate,
    "outer": outer,
    "reduceat": reduceat,
    "at": at,
}
