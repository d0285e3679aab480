"""An array of objects that a change makes hold itself: NumPy would work it out without end, which kills the process."""

from __future__ import annotations

import re
from functools import lru_cache
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.source import text_of

HEAD_OF_CLASS = re.compile(r"\bclass +\w+\(object\)")
OF_OBJECTS = re.compile(r"\bobject\b|['\"]O['\"]")


def makes_objects(file: str) -> bool:
    """Whether a file may make arrays of objects, by its text."""
    return has_objects(text_of(file))


@lru_cache(maxsize=16)
def has_objects(text: str) -> bool:
    return OF_OBJECTS.search(HEAD_OF_CLASS.sub("", text)) is not None


def has_endless(frame: FrameType) -> bool:
    """Whether a variable of what runs, or an attribute of its object, is an array that holds itself."""
    own = getattr(frame.f_locals.get("self"), "__dict__", {})
    return any(holds_itself(value) for value in (*frame.f_locals.values(), *own.values()))


def holds_itself(value: Any, around: tuple[int, ...] = ()) -> bool:
    """Whether an array of objects is among its own entries, or among those of one of them."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "O":
        return False
    return id(value) in around or any(holds_itself(part, (*around, id(value))) for part in value.flat)
