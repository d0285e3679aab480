"""All that some values lead to and a run of a person's code can change, and what of it can't be put back."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from types import CoroutineType, FunctionType, GeneratorType, MethodType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.places import is_theirs
from tinygrad_scratch.verifier.reading.source import nested
from tinygrad_scratch.verifier.recording.holders import is_known, is_own, slots_of
from tinygrad_scratch.verifier.recording.undoing import is_empty

LEAVES = {str, bytes, int, float, complex, bool, type(None), range, slice, np.float64, np.float32, np.int64, np.bool_}
MOST = 1_000_000  # values that are looked at
OUTSIDE = {"sqlite3", "matplotlib", "_csv", "_socket", "socket", "subprocess", "multiprocessing", "h5py", "zipfile"}


class TooMuchError(Exception):
    """There is more than can be looked at."""


def reached(roots: Iterable[Any], seen: set[int] | None = None, most: int = MOST) -> Iterator[Any]:
    """Everything below some values, each once; of functions what they read from outside of them.

    Raises TooMuchError where there is more than the most.
    """
    waiting, seen = list(roots), set() if seen is None else seen
    while waiting:
        if len(waiting) + len(seen) > most:
            raise TooMuchError
        value = waiting.pop()
        if type(value) not in LEAVES and id(value) not in seen:
            seen.add(id(value))
            yield value
            waiting += parts(value)


def parts(value: Any) -> list[Any]:
    """What a value leads to at once."""
    if type(value) is FunctionType:
        return of_function(value) if is_theirs(value.__code__.co_filename) else []
    if isinstance(value, ModuleType | type):
        return list(vars(value).values()) if is_known(value) else []
    for kind, names in PARTS.items():
        if isinstance(value, kind):
            return [getattr(value, name, None) for name in names]
    found: list[Any] = []
    if isinstance(value, dict):
        found += value.values()
    elif isinstance(value, list | tuple | set | frozenset | deque):
        found += value
    elif isinstance(value, np.ndarray):
        found += value.ravel().tolist() if value.dtype.kind == "O" else []
    if is_own(type(value)):
        found += [type(value), *getattr(value, "__dict__", {}).values(), *(part for _, part in slots_of(value))]
    return found


PARTS: dict[Any, tuple[str, ...]] = {
    MethodType: ("__self__", "__func__"),
    partial: ("func", "args", "keywords"),
    property: ("fget", "fset"),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
}


def of_function(function: FunctionType) -> list[Any]:
    """The cells of a function, its defaults, its attributes, and the globals that it mentions."""
    names = {name for code in nested(function.__code__) for name in code.co_names}
    mentioned = [function.__globals__[name] for name in names if name in function.__globals__]
    cells = list(function.__closure__ or ())
    held = [cell.cell_contents for cell in cells if not is_empty(cell)]
    return [
        *mentioned, *cells, *held, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values(),
        *vars(function).values(),
    ]  # fmt: skip


def is_lasting(value: Any) -> bool:
    """Whether what a run does to a value stays: what is written, drawn, taken off an iterator, or kept by a cache."""
    if isinstance(value, io.IOBase):
        return not value.closed
    if isinstance(value, GeneratorType | CoroutineType):
        return getattr(value, "gi_frame", value) is not None
    if isinstance(value, np.ndarray):
        return value.flags.writeable and is_mapped(value)
    kind = type(value)
    if hasattr(kind, "__next__") or hasattr(kind, "cache_clear"):
        return not is_own(kind)
    return kind.__module__.partition(".")[0] in OUTSIDE


def is_mapped(array: Any) -> bool:
    """Whether an array is a part of a file."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False
