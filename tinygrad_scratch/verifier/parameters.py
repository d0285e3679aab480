"""Where people keep their parameters, and how recorded copies take their place for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recorded import Recorded
from tinygrad_scratch.verifier.tape import Tape
from tinygrad_scratch.verifier.watch import is_own, parts_of


@dataclass
class Parameter:
    """An array that gradients are asked for: its name, the node that it was at first, and what holds it."""

    name: str
    node: int
    array: Any

    @property
    def short(self) -> str:
        text = self.name.rsplit(".", 1)[-1]
        return text[text.rindex("[") + 1 : -1].strip("'\"") if text.endswith("]") and not text[-2].isdigit() else text


def arrays_below(value: Any, name: str, seen: set[int], depth: int = 4) -> Iterator[tuple[Any, Any, str, Any]]:
    """Every floating array that an object leads to: its holder, its key, its name, itself."""
    if id(value) in seen or not depth:
        return
    seen.add(id(value))
    for key, part_name, part in parts_of(value, name):
        if isinstance(part, np.ndarray) and part.dtype.kind in "fiu" and part.size:
            yield value, key, part_name, part
        elif not isinstance(part, str | bytes):
            yield from arrays_below(part, part_name, seen, depth - 1)


def put(holder: Any, key: Any, value: Any) -> bool:
    """Give a holder another value under a key; tuples can't take one."""
    if isinstance(holder, dict | list):
        holder[key] = value
    elif isinstance(holder, tuple):
        return False
    else:
        vars(holder)[key] = value
    return True


@contextmanager
def recorded_parameters(targets: dict[str, Any], tape: Tape) -> Iterator[list[Parameter]]:
    """Put recorded copies in place of all arrays that objects hold; afterwards everything is as it was before."""
    found, swapped = [], []
    seen: set[int] = set()
    known: dict[int, Recorded] = {}
    before = snapshots(targets)
    for name, target in targets.items():
        for holder, key, path, array in list(arrays_below(target, name, seen)):
            if id(array) not in known:
                copy = array.copy()
                known[id(array)] = Recorded(tape, copy, tape.constant(copy))
                if array.dtype.kind == "f":
                    found.append(
                        Parameter(path.removeprefix(f"{name}.") if name else path, known[id(array)].node, array)
                    )
            if put(holder, key, known[id(array)]):
                swapped.append((holder, key, array))
    try:
        yield found
    finally:
        restore(before)


def snapshots(targets: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Every container below the targets, with what it holds now."""
    found: list[tuple[Any, Any]] = []
    waiting, seen = list(targets.values()), set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            found.append((value, dict(value)))
        elif isinstance(value, list):
            found.append((value, list(value)))
        elif hasattr(value, "__dict__") and is_own(type(value)):
            found.append((value, dict(vars(value))))
        waiting += [part for _, _, part in parts_of(value, "")]
    return found


def restore(before: list[tuple[Any, Any]]) -> None:
    for holder, content in before:
        if isinstance(holder, list):
            holder[:] = content
        else:
            mapping = holder if isinstance(holder, dict) else vars(holder)
            mapping.clear()
            mapping.update(content)
