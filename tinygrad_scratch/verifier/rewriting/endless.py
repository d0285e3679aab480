"""An array of objects, or a list, that a change makes hold itself: NumPy would work it out without end."""

from __future__ import annotations

import re
from functools import lru_cache
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite
from tinygrad_scratch.verifier.rewriting.text import source_of

HEAD_OF_CLASS = re.compile(r"\bclass +\w+\(object\)")
OF_OBJECTS = re.compile(r"\bobject\b|['\"]O['\"]")
LIST_IN_ITSELF = re.compile(
    r"(?P<name>[\w.]+)"
    r"(?:\s*\+?=(?:[^(]*[\[,])\s*(?P=name)\s*[\],]"  # between brackets, and no argument
    r"|\.(?:append|insert|extend)\((?:.*[^\w.])?(?P=name)(?![\w.(\[]))",
    re.DOTALL,
)
"""A statement that puts what has a name into a list of that name."""


def puts_list_in_itself(file: str, rewrite: Rewrite) -> bool:
    """Whether a change may put a list into itself, of which NumPy would make an array of very many dimensions."""
    source = source_of(text_of(file))
    node = source.statement_on(rewrite.line)
    if node is None:
        return False
    start, end = source.span(node)
    before, after = (
        source.text[start:end],
        source.text[start : rewrite.start] + rewrite.text + source.text[rewrite.end : end],
    )
    return nests(after) and not nests(before)


def nests(statement: str) -> bool:
    """Whether a statement puts what has a name into a list of that name.

    >>> nests("ys += [ys] * n"), nests("xs.append(xs)"), nests("ys += [y] * n"), nests("xs.append(xs[0])")
    (True, True, False, False)
    >>> nests("w = f(w, x)"), nests("w = [w, x]")
    (False, True)
    """
    return LIST_IN_ITSELF.match(statement) is not None


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
