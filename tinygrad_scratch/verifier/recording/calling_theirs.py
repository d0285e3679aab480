"""Functions of NumPy's that call a person's own: what theirs does is recorded, and not the call around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_scratch.verifier.recording.recorded import Recorded, holds_recorded, record, unrecorded
from tinygrad_scratch.verifier.recording.recording import created
from tinygrad_scratch.verifier.recording.tape import Tape


def vectorizing(tape: Tape) -> Callable[..., Any]:
    """np.vectorize, of a function, or with options alone, as a decorator has them."""

    def vectorize(pyfunc: Any = None, otypes: Any = None, **options: Any) -> Callable[..., Any]:
        if not callable(pyfunc):
            return lambda function: vectorize(function, otypes, **options)
        kinds = np.vectorize(pyfunc, otypes, **options).otypes
        return np.vectorize(pyfunc, otypes, **options) if "signature" in options else vectorized(pyfunc, kinds, tape)

    return vectorize


def vectorized(function: Callable[..., Any], kinds: str | None, tape: Tape) -> Callable[..., Any]:
    """np.vectorize: the function is called with one recorded number after the other; `kinds` are NumPy's types."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        given = [standing(part, tape) for part in arguments]
        shape = np.broadcast_shapes(*(part.shape for part in given))
        if not shape or tape.closed:
            return (
                np.vectorize(function, kinds)(*unrecorded(arguments), **keywords)
                if tape.closed
                else function(*given, **keywords)
            )
        spread = [record(tape, np.broadcast_to, (part, shape), {}) for part in given]
        made = [function(*(part[place] for part in spread), **keywords) for place in np.ndindex(shape)]
        row = stacked(made, tape)
        return row.reshape(shape) if kinds is None else row.reshape(shape).astype(kinds[0])

    return call


def along_axis(tape: Tape) -> Callable[..., Any]:
    """np.apply_along_axis: the function is called with one recorded row after the other."""

    def apply_along_axis(func1d: Any, axis: Any, arr: Any, *arguments: Any, **keywords: Any) -> Any:
        if tape.closed or 0 in np.shape(arr):
            return np.apply_along_axis(func1d, axis, *unrecorded((arr, *arguments)), **unrecorded(keywords))
        given = standing(arr, tape)
        axis = normalize_axis_index(int(axis), given.ndim)
        rows = record(tape, np.moveaxis, (given, axis, -1), {})
        lead = rows.shape[:-1]
        made = [func1d(rows[place], *arguments, **keywords) for place in np.ndindex(lead)]
        shape = np.shape(made[0])
        whole = stacked(made, tape).reshape(lead + shape)
        places = range(axis, axis + len(shape))
        return record(tape, np.moveaxis, (whole, range(len(lead), whole.ndim), places), {})

    return apply_along_axis


def by_pieces(tape: Tape) -> Callable[..., Any]:
    """np.piecewise: each function is called with those entries for which its condition holds."""

    def piecewise(x: Any, condlist: Any, funclist: Any, *arguments: Any, **keywords: Any) -> Any:
        given = standing(x, tape)
        several = type(condlist) is not Recorded and np.ndim(condlist[0]) == given.ndim
        conditions = list(condlist) if several or np.ndim(condlist) > given.ndim else [condlist]
        left = len(funclist) - len(conditions)
        if tape.closed or left not in (0, 1):
            return np.piecewise(*unrecorded((x, condlist)), funclist, *unrecorded(arguments), **unrecorded(keywords))
        conditions = [standing(condition, tape).astype(bool) for condition in conditions]
        if left:
            conditions.append(~record(tape, np.any, (stacked(conditions, tape),), {"axis": 0}))
        made = record(tape, np.zeros_like, (given,), {})
        for condition, function in zip(conditions, funclist, strict=True):
            if not callable(function):
                made[condition] = function
            elif np.any(condition._value()):
                made[condition] = function(given[condition], *arguments, **keywords)
        return made

    return piecewise


def standing(value: Any, tape: Tape) -> Any:
    """What is recorded as it is, and all else as an array from outside."""
    return value if type(value) is Recorded else created(np.asarray(value), tape)


def stacked(parts: list[Any], tape: Tape) -> Any:
    """An array of recorded or plain parts of one shape."""
    return record(tape, np.array, (parts,), {}) if holds_recorded(parts) else created(np.array(parts), tape)


CALL_THEIRS: dict[Any, Callable[[Tape], Any]] = {np.apply_along_axis: along_axis, np.piecewise: by_pieces}
