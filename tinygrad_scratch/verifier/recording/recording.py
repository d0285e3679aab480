"""NumPy's functions in a person's code: what they make is recorded, of plain values, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.methods import method_of
from tinygrad_scratch.verifier.recording.number_types import understood
from tinygrad_scratch.verifier.recording.recorded import (
    ARRAYS,
    Recorded,
    holds_objects,
    holds_recorded,
    record,
    unrecorded,
)
from tinygrad_scratch.verifier.recording.tape import Tape

TAKE_SEVERAL = {
    "concatenate", "concat", "stack", "vstack", "hstack", "dstack", "column_stack", "row_stack", "block", "array",
    "asarray", "asanyarray",
    "ascontiguousarray", "asfortranarray", "einsum", "meshgrid", "broadcast_arrays", "select", "choose", "ix_",
    "multi_dot", "average", "pad", "reshape",
    "tensordot", "transpose", "piecewise", "append", "insert", "r_", "c_", "atleast_1d", "atleast_2d", "atleast_3d",
    "zeros", "ones", "empty", "full", "tile", "roll", "squeeze", "expand_dims", "moveaxis", "flip", "copyto",
    "gradient",
}  # fmt: skip
CREATORS = {
    "zeros",
    "ones",
    "empty",
    "eye",
    "identity",
    "tri",
    "arange",
    "indices",
    "linspace",
    "ndindex",
}  # nothing flows through

FIRST = "object", "a", "arrays", "tup"
"""The names of first arguments, which few give by name."""


def recording(function: Callable[..., Any], tape: Tape) -> Callable[..., Any]:
    """A function of NumPy that records its results, also where no argument is recorded."""
    name = getattr(function, "__name__", "call")

    def call(*arguments: Any, **keywords: Any) -> Any:
        arguments, keywords = understood((arguments, keywords))
        if tape.closed:
            return function(*unrecorded(arguments), **unrecorded(keywords))
        named = next((first for first in FIRST if first in keywords), None) if not arguments else None
        if named is not None:
            arguments = (keywords.pop(named),)
        if name in CREATORS:
            arguments, keywords = unrecorded((arguments, keywords))
        elif name == "full":
            arguments = (*unrecorded(arguments[:1]), *arguments[1:])
            keywords = {key: unrecorded(value) if key == "shape" else value for key, value in keywords.items()}
        if not holds_recorded((arguments, keywords)):
            return created(function(*arguments, **keywords), tape)
        if name in ("array", "asarray", "asanyarray") and keywords.get("dtype", arguments[1:2]) in (object, (object,)):
            return of_objects(arguments[0])
        if name in ("array", "asarray", "asanyarray"):
            arguments = (unboxed(arguments[0], tape), *arguments[1:])
        if name not in TAKE_SEVERAL:
            arguments = tuple(
                record(tape, np.array, (part,), {}) if type(part) is list and holds_recorded(part) else part
                for part in arguments
            )
        return record(tape, function, arguments, keywords)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__
    return call


def of_sizes(function: Callable[..., Any], _: Tape) -> Callable[..., Any]:
    """`np.shape` and the like, which of lists of arrays, too, say nothing of what was computed."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        return function(*unrecorded(arguments), **unrecorded(keywords))

    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = function.__doc__
    return call


class UFunc:
    """A ufunc that records, with its methods."""

    def __init__(self, ufunc: np.ufunc, tape: Tape) -> None:
        self._ufunc = ufunc
        self._call = recording(ufunc, tape)
        self._tape = tape
        self.__name__ = ufunc.__name__

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        out = keywords.get("out")
        if isinstance(out, tuple) and len(out) == 1:
            keywords["out"] = out[0]
        if holds_objects(arguments):
            return self._ufunc(*arguments, **keywords)
        return self._call(*arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        value = method_of(self._ufunc, name)
        return recording(value, self._tape) if callable(value) else value


class Joined:
    """`np.c_` and `np.r_`."""

    def __init__(self, joiner: Any, tape: Tape) -> None:
        self._joiner, self._tape = joiner, tape

    def __getitem__(self, key: Any) -> Any:
        parts = key if type(key) is tuple else (key,)
        if self._tape.closed or not holds_recorded(parts) or any(isinstance(part, str) for part in parts):
            return created(self._joiner[unrecorded(key)], self._tape)
        parts = tuple(
            part if type(part) is Recorded else created(np.atleast_1d(self._joiner[part]), self._tape) for part in parts
        )
        rows = [part.reshape(1) if part.ndim == 0 else part for part in parts]
        if self._joiner is np.r_:
            return record(self._tape, np.concatenate, (rows,), {})
        columns = [part[:, None] if part.ndim == 1 else part for part in rows]
        return record(self._tape, np.concatenate, (columns,), {"axis": -1})


def created(value: Any, tape: Tape) -> Any:
    """What a function made of plain values: arrays and numbers of it are recorded as constants."""
    if type(value) in ARRAYS and value.dtype.kind in "biufc":
        array = np.asarray(value)
        is_matrix = array is not value
        array, as_written = tape.for_any_number(array), array
        made = Recorded(tape, array, tape.constant(array, as_written))
        return made.as_matrix() if is_matrix else made
    if isinstance(value, np.floating) and type(value) is not np.longdouble:
        array = np.asarray(value)
        return Recorded(tape, array, tape.constant(array), True)
    if type(value) in (list, tuple):
        return type(value)(created(part, tape) for part in value)
    return value


def of_objects(parts: Any) -> Any:
    """An array of objects; the recorded arrays in it stay what they are."""
    made = np.empty(len(parts), dtype=object)
    for i, part in enumerate(parts):
        made[i] = part
    return made


def unboxed(value: Any, tape: Tape) -> Any:
    """Arrays of objects inside of lists as lists."""
    if type(value) is np.ndarray and value.dtype.kind == "O":
        return list(value)
    return [unboxed(part, tape) for part in value] if type(value) in (list, tuple) else value
