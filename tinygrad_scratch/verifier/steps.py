"""What is written down of a run: its calls, what arrays held between them, new names, and what left NumPy."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.places import Place

Array = np.ndarray[Any, Any]


@dataclass(eq=False, slots=True)
class Node:
    """What one array held until the next write into it. `slot` is the array, `value` a copy of its content."""

    number: int
    slot: int
    step: int
    value: Array


@dataclass(eq=False, slots=True)
class Step:
    """One call. Arguments hold a `Ref` for each recorded array; `reads` and `makes` are nodes, by number."""

    index: int
    function: Any
    arguments: Any
    keywords: Any
    place: Place | None
    reads: tuple[int, ...] = ()
    makes: tuple[int, ...] = ()
    result: Any = None  # a Ref, or a tuple of Refs and plain values
    caller: Place | None = None  # where the function that the call stands in was called


@dataclass(eq=False)
class Leak:
    """A recorded array that became a plain value, and where."""

    kind: str
    node: int
    place: Place | None
    time: int = 0  # how many steps had been made


@dataclass(eq=False)
class Rename:
    """A line that gave another name, key or place to a value that there was before it."""

    name: str
    place: Place
    owner: int  # what holds the name
    slot: int
    node: int
    before: int  # the number of the rename that gave the name by which the line read it; 0 for none
    time: int  # how many steps had been made
    claims: bool  # whether the name is one of gradients


def renamed(array: Any) -> Any:
    """The same array by another name."""
    return array[...]


def ancestors(
    parents: Mapping[int, Iterable[int]], nodes: Iterable[int], until: Container[int] = frozenset()
) -> set[int]:
    """Nodes and all that they were made from; of some of that, it is not asked further."""
    found: set[int] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += parents.get(node, ()) if node not in until else ()
    return found
