"""What is written down of a run: its calls, what arrays held between them, new names, and what left NumPy."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.places import Place

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


OFTEN = 4  # times that it is asked what is behind values of one run, before that is worked out for all of them
MOST_WORKED_OUT = 30_000  # values of one run of which that is kept


class Parents(dict[int, set[int]]):
    """What each node was made from. What is behind one is kept as the bits of a number, once that is asked often."""

    def __init__(self, found: Mapping[int, set[int]]) -> None:
        super().__init__(found)
        self._asked, self._bits = 0, list[int]()  # of each node: itself, and all that it was made from
        self._some: tuple[set[int], int] = set(), 0  # nodes that were asked for last, and their bits
        self._last: tuple[int, set[int]] | None = None  # a node, and itself and all that was made from it

    @cached_property
    def _is_in_order(self) -> bool:
        nodes = list(self)
        return nodes == sorted(nodes) and all(not of or max(of) < node for node, of in self.items())

    def behind(self, nodes: Sequence[int]) -> int | None:
        """Nodes and all that they were made from, as bits; None where it is no use to know that of all nodes."""
        self._asked += 1
        few, many = self._asked <= OFTEN, len(self) > MOST_WORKED_OUT
        if few or many or not nodes or min(nodes) < 0 or not self._is_in_order:
            return None
        bits = self._bits
        for node in range(len(bits), max(nodes) + 1):
            made_of = 1 << node
            for parent in self.get(node, ()):
                made_of |= bits[parent]
            bits.append(made_of)
        found = 0
        for node in nodes:
            found |= bits[node]
        return found

    def is_any_behind(self, some: set[int], others: set[int]) -> bool:
        """Whether any of some nodes is one of others, or these were made from it."""
        known = self.behind([*others])
        if known is None:
            return not some.isdisjoint(ancestors(self, others))
        if self._some[0] is not some:
            self._some = some, bits_of(some)
        return bool(known & self._some[1])

    def is_behind(self, one: int, other: int) -> bool:
        """Whether a node is another one, or that was made from it; asked of one node after the other in a long run."""
        known = self.behind([other])
        if known is not None:
            return one >= 0 and bool(known >> one & 1)
        if len(self) <= MOST_WORKED_OUT or not self._is_in_order:
            return one in ancestors(self, [other])
        if self._last is None or self._last[0] != one:
            found = {one}
            for node, of in self.items():
                if node > one and not found.isdisjoint(of):
                    found.add(node)
            self._last = one, found
        return other in self._last[1]


def bits_of(numbers: Iterable[int]) -> int:
    """A number of which the bits at some places are set.

    >>> bin(bits_of({0, 1, 3}))
    '0b1011'
    """
    found = bytearray(max(numbers, default=0) // 8 + 1)
    for number in numbers:
        found[number // 8] |= 1 << number % 8
    return int.from_bytes(found, "little")


def numbers_in(bits: int) -> set[int]:
    """The places of the bits that are set.

    >>> numbers_in(0b1011)
    {0, 1, 3}
    """
    held = np.frombuffer(bits.to_bytes(bits.bit_length() // 8 + 1, "little"), np.uint8)
    return set(np.flatnonzero(np.unpackbits(held, bitorder="little")).tolist())


def ancestors(
    parents: Mapping[int, Iterable[int]], nodes: Iterable[int], until: Container[int] = frozenset()
) -> set[int]:
    """Nodes and all that they were made from; of some of that, it is not asked further."""
    waiting = list(nodes)
    known = parents.behind(waiting) if type(parents) is Parents and until == frozenset() else None
    if known is not None:
        return numbers_in(known)
    found: set[int] = set()
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += parents.get(node, ()) if node not in until else ()
    return found


def is_behind(parents: Mapping[int, Iterable[int]], one: int, other: int) -> bool:
    """Whether a node is another one, or that was made from it."""
    return parents.is_behind(one, other) if type(parents) is Parents else one in ancestors(parents, [other])


VIEWING = {
    "getitem", "T", "mT", "real", "imag", "reshape", "ravel", "transpose", "swapaxes", "squeeze", "view", "diagonal",
    "expand_dims", "broadcast_to", "moveaxis", "split", "array_split", "asarray", "flip", "rollaxis",
    "matrix_transpose", "renamed",
}  # fmt: skip


def shows(step: Step) -> bool:
    """Whether a step may have returned a view of its argument, through which something is written later."""
    return getattr(step.function, "__name__", "") in VIEWING
