"""What a run leaves changed is put back: containers, objects, arrays, random numbers, and the names of modules."""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from functools import partial
from types import CellType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.holders import is_own, slots_of
from tinygrad_scratch.verifier.parameters import is_known, unrecord_names
from tinygrad_scratch.verifier.rewriting.reach import (
    DRAWS,
    MOST,
    TooMuchError,
    is_empty,
    is_lasting,
    reached,
)

MOST_BYTES = 100_000_000  # of arrays that are kept, to be put back after each run
Step = Callable[[], Any]


class Before:
    """All that some values lead to, to be put back after each run.

    What a run would change for good is only looked for below those that it reads; then it is not made at all.
    """

    def __init__(self, read: Iterable[Any], others: Iterable[Any], modules: list[dict[str, Any]]) -> None:
        self.modules = [(names, dict(names)) for names in modules]
        self.undo: list[Step] = []
        self.arrays: list[Any] = []
        self.can_be_put_back = self.take(read, others)

    def take(self, read: Iterable[Any], others: Iterable[Any]) -> bool:
        """Note how all is now; False where it can't be put back. Large arrays that nothing reads stay as they are."""
        seen: set[int] = set()
        arrays, size = [], 0
        try:
            for roots, is_read in ((read, True), (others, False)):
                for value in reached(roots, seen):
                    if is_read and is_lasting(value):
                        return False
                    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
                        if value.flags.writeable and (is_read or value.nbytes + size < MOST_BYTES):
                            arrays.append(value)
                            size += value.nbytes
                    else:
                        self.undo += undo_of(value)
                    if size > MOST_BYTES:
                        return False
        except TooMuchError:
            return False
        self.arrays = [(array, array.copy()) for array in arrays]
        return True

    def restore(self) -> None:
        for step in reversed(self.undo):
            step()
        for array, content in self.arrays:
            np.copyto(array, content)
        for names, before in self.modules:
            unrecord_names(names, before)


def undo_of(value: Any) -> list[Step]:
    """What gives a container, an object, a class, a cell or a source of random numbers what it has now."""
    if isinstance(value, DRAWS):
        return [put_back_draws(value)]
    if isinstance(value, CellType):
        return [] if is_empty(value) else [partial(setattr, value, "cell_contents", value.cell_contents)]
    if isinstance(value, type | ModuleType):
        return [partial(restore_names, value, dict(vars(value)))] if is_known(value) else []
    if isinstance(value, FunctionType):
        return [partial(refill, vars(value), dict, dict(vars(value)))]
    return [*undo_of_container(value), *(undo_of_own(value) if is_own(type(value)) else ())]


def undo_of_own(value: Any) -> list[Step]:
    """What gives an object the attributes that it has now."""
    mapping = getattr(value, "__dict__", None)
    found: list[Step] = [partial(refill, mapping, dict, dict(mapping))] if isinstance(mapping, dict) else []
    return found + [partial(object.__setattr__, value, key, part) for key, part in slots_of(value)]


def undo_of_container(value: Any) -> list[Step]:
    """What gives a container the content that it has now."""
    found: list[Step] = []
    if isinstance(value, dict):
        found.append(partial(refill, value, OrderedDict if isinstance(value, OrderedDict) else dict, dict(value)))
    elif isinstance(value, set):
        found.append(partial(refill, value, set, set(value)))
    elif isinstance(value, list):
        found.append(partial(list.__setitem__, value, slice(None), list(value)))
    elif isinstance(value, deque):
        found.append(partial(refill_deque, value, list(value)))
    elif isinstance(value, bytearray):
        found.append(partial(bytearray.__setitem__, value, slice(None), bytes(value)))
    elif isinstance(value, np.ndarray):
        found.append(partial(value.__setitem__, ..., value.copy()))
    return found


def refill(holder: Any, kind: Any, content: Any) -> None:
    kind.clear(holder)
    kind.update(holder, content)


def refill_deque(holder: deque[Any], content: list[Any]) -> None:
    holder.clear()
    holder.extend(content)


def restore_names(holder: type | ModuleType, before: dict[str, Any]) -> None:
    """The attributes of a class, or of a module, as they were."""
    for name, value in list(vars(holder).items()):
        if name not in before:
            delattr(holder, name)
        elif value is not before[name]:
            setattr(holder, name, before[name])
    for name in before.keys() - vars(holder).keys():
        setattr(holder, name, before[name])


# ---- random numbers --------------------------------------------------------------------------------------------------


class Draws:
    """Where the random numbers are: those of NumPy, of Python, and of all generators below some values."""

    def __init__(self, roots: Iterable[Any] = (), most: int = MOST) -> None:
        self.steps: list[Step] = [
            partial(np.random.set_state, np.random.get_state()),
            partial(random.setstate, random.getstate()),
        ]
        try:
            self.steps += [put_back_draws(value) for value in reached(roots, most=most) if isinstance(value, DRAWS)]
        except TooMuchError:
            return

    def put_back(self) -> None:
        for step in self.steps:
            step()


def put_back_draws(value: Any) -> Step:
    """What gives a source of random numbers the state that it has now."""
    if isinstance(value, random.Random):
        return partial(value.setstate, value.getstate())
    if isinstance(value, np.random.RandomState):
        return partial(value.set_state, value.get_state())
    bits = value.bit_generator if isinstance(value, np.random.Generator) else value
    return partial(setattr, bits, "state", bits.state)
