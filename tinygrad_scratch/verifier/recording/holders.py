"""What holds values: containers, objects of a person's own classes, running functions; how to put others in."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.places import is_theirs
from tinygrad_scratch.verifier.recording.recorded import ARRAYS, Recorded

WIDTH = 300
MOST_OBJECTS = 5_000  # in one list: each may hold weights, as the neurons of a layer do


def parts_of(value: Any, name: str) -> Iterator[tuple[Any, str, Any]]:
    """What a container or an object of a person's own class holds: key, name, value."""
    if isinstance(value, dict):
        for key, part in list(value.items())[:WIDTH]:
            yield key, f"{name}[{key!r}]", part
    elif isinstance(value, list | tuple):
        fields = getattr(value, "_fields", None)
        most = MOST_OBJECTS if len(value) > WIDTH and is_own(type(value[0])) else WIDTH
        for i, part in enumerate(value[:most]):
            yield i, f"{name}.{fields[i]}" if fields else f"{name}[{i}]", part
    elif type(value) is np.ndarray:
        if value.dtype.kind == "O" and value.size <= WIDTH:
            for place in np.ndindex(value.shape):
                yield place, f"{name}[{', '.join(map(str, place))}]", value[place]
    elif is_own(type(value)):
        for key, part in attributes_of(value):
            yield key, f"{name}.{key}", part


def recorded_in(value: Any, name: str, depth: int = 2) -> Iterator[tuple[str, Recorded]]:
    """The recorded arrays in what a function returned: itself, or what tuples, lists and dicts in it hold."""
    if type(value) is Recorded and value.is_used:
        yield name, value
    elif depth and isinstance(value, tuple | list | dict):
        for _, part_name, part in parts_of(value, name):
            yield from recorded_in(part, part_name, depth - 1)


def attributes_of(value: Any) -> Iterator[tuple[str, Any]]:
    """The attributes that an object stores, with slots; private names as they are written."""
    yield from list(getattr(value, "__dict__", {}).items())[:WIDTH]
    yield from slots_of(value)


def slots_of(value: Any) -> Iterator[tuple[str, Any]]:
    """The attributes that an object stores outside of a dict, by the names under which they are stored."""
    for kind in type(value).__mro__:
        own = vars(kind).get("__slots__", ())
        for key in (own,) if isinstance(own, str) else own:
            stored = f"_{kind.__name__.lstrip('_')}{key}" if key.startswith("__") and not key.endswith("__") else key
            if stored not in ("__dict__", "__weakref__") and hasattr(value, stored):
                yield stored, getattr(value, stored)


@dataclass(frozen=True)
class Shared:
    """The key of an attribute that a class keeps for all of its objects."""

    kind: type
    name: str


def put(holder: Any, key: Any, value: Any) -> bool:
    """Give a holder another value under a key; tuples can't take one."""
    try:
        if type(key) is Shared:
            setattr(key.kind, key.name, value)
        elif isinstance(holder, dict | list) or type(holder) is np.ndarray:
            holder[key] = value
        elif isinstance(holder, tuple):
            return False
        elif key in getattr(holder, "__dict__", {}) and not isinstance(holder, type):
            vars(holder)[key] = value
        elif isinstance(holder, type | ModuleType):
            setattr(holder, key, value)
        else:
            object.__setattr__(holder, key, value)
    except (AttributeError, TypeError):  # it holds what it holds
        return False
    return True


def set_local(frame: FrameType, name: str, value: Any) -> None:
    """Give a variable of a running function another value."""
    frame.f_locals[name] = value
    if sys.version_info < (3, 13):  # at once: the next look at the variables would undo it
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))


def with_arrays(value: Any, other: Callable[[Any], Any]) -> Any:
    """A tuple, or one with names, with other arrays in it, as nothing can be put there; None where it holds none."""
    if not isinstance(value, tuple) or not (type(value) is tuple or hasattr(value, "_make")) or len(value) > WIDTH:
        return None
    parts = [other(part) if type(part) in ARRAYS else with_arrays(part, other) for part in value]
    if all(part is None for part in parts):
        return None
    made = [old if new is None else new for old, new in zip(value, parts, strict=True)]
    return tuple(made) if type(value) is tuple else value._make(made)  # type: ignore[attr-defined]


def is_own(kind: type) -> bool:
    """Whether a class is a person's own."""
    return is_own_module(kind.__module__) or (kind.__module__ == "types" and kind.__name__ == "SimpleNamespace")


@cache
def is_own_module(name: str) -> bool:
    if name == "__main__" or name not in sys.modules:  # made by exec, or in a notebook
        return True
    file = getattr(sys.modules[name], "__file__", None)
    return isinstance(file, str) and bool(is_theirs(file))


def is_known(value: Any) -> bool:
    """Whether a module or a class is a person's own; others are never looked into."""
    return is_own_module(value.__name__ if isinstance(value, ModuleType) else value.__module__)
