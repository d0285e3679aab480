"""Masks that let everything through in the turn that is judged: of what is multiplied by them a later turn tells."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.running.turns_seen import TurnsSeen


def masks_of_ones(check: Any) -> list[str]:
    """The names of arrays of ones that are no parameters, and multiply something on the way to the loss."""
    tape, entry = check.tape, check.entry
    forward = entry.all_behind(entry.loss) if entry.loss is not None else set()
    trained = {tape.nodes[parameter.node].slot for parameter in entry.parameters}
    factors = {
        read
        for step in tape.steps
        if name_of(step.function) == "multiply" and not forward.isdisjoint(step.makes)
        for read in step.reads
        if tape.nodes[read].value.size > 1 and np.all(tape.nodes[read].value == 1)
    }
    found = (e.name for e in check.watch.events if e.node in factors and tape.nodes[e.node].slot not in trained)
    return list(dict.fromkeys(found))


def turn_that_tells(run: Callable[[], Any], file: str, line: int, masks: Iterable[str]) -> int | None:
    """How many turns of a loop are made until one in which one of some masks is not all ones; None if all are."""
    return Masks(file, line, list(masks)).in_run(run)


class Masks(TurnsSeen):
    """Sees the turns of a loop, until a mask is not all ones at the end of one."""

    def __init__(self, file: str, line: int, names: list[str]) -> None:
        super().__init__(file, line)
        self.names = names

    def tells(self, frame: FrameType) -> bool:
        return any(lets_through(value) is False for name in self.names for value in values_of(frame, name))


def values_of(frame: FrameType, name: str) -> list[Any]:
    """What has a name where a loop runs; of an attribute of `self` that of any object there."""
    known = {**frame.f_globals, **frame.f_locals}
    holders = [holder for holder in known if name.startswith("self.") and "self" not in known]
    found = []
    for asked in [name.replace("self", holder, 1) for holder in holders] or [name]:
        with contextlib.suppress(Exception):
            found.append(eval(asked, {"__builtins__": {}}, known))
    return found


def lets_through(mask: Any) -> bool | None:
    """Whether an array has nothing but ones; None for anything else."""
    is_mask = isinstance(mask, np.ndarray) and mask.dtype.kind in "bfiu" and bool(np.all((mask == 0) | (mask == 1)))
    return bool(np.all(mask == 1)) if is_mask else None
