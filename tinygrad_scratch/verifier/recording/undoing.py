"""What gives a container, an object, or a source of random numbers what it has now, once that was changed."""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from types import CellType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.holders import is_known, is_own, slots_of

Step = Callable[[], Any]
DRAWS = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)


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
    """What gives a container the content that it has now; arrays of numbers are kept elsewhere."""
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
    elif isinstance(value, np.ndarray) and value.dtype.kind == "O":
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


def is_empty(cell: CellType) -> bool:
    try:
        return cell.cell_contents is cell
    except ValueError:
        return True


def put_back_draws(value: Any) -> Step:
    """What gives a source of random numbers the state that it has now."""
    if isinstance(value, random.Random):
        return partial(value.setstate, value.getstate())
    if isinstance(value, np.random.RandomState):
        return partial(value.set_state, value.get_state())
    bits = value.bit_generator if isinstance(value, np.random.Generator) else value
    return partial(setattr, bits, "state", bits.state)
