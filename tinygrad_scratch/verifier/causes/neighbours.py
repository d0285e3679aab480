"""An entry beside the one that is due, by an index that is one more or less."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.recording.edits import name_of, with_changed
from tinygrad_scratch.verifier.recording.steps import Step


def beside_it(region: Region) -> Iterator[Finding]:
    """An entry of an array beside the one that is due: `s[t]` for `s[t - 1]`."""
    for step, turns in (*region.sites(), *picked(region)):
        if name_of(step.function) not in ("getitem", "setitem") or not isinstance(step.arguments, tuple):
            continue
        written = re.search(r"-\s*1\b", region.code(step))
        for shift in (1, -1) if written else (-1, 1):
            for axis in axes_with_number(step.arguments[1]):
                changes = {s.index: with_changed(1, shifted(axis, shift)) for s in turns}
                if region.gives_truth(changes):
                    said = f"`{region.code(step)}` takes the neighbour: the index should be {abs(shift)} "
                    writes = name_of(step.function) == "setitem"
                    said += "more" if shift > 0 else "less"
                    yield Finding("off-by-one", said, step, None, changes, made_up=writes)
                    return


def picked(region: Region) -> Iterator[tuple[Step, list[Step]]]:
    """The calls that picked entries of what is right, for those of the region, as in `x[i]`."""
    found: dict[Any, dict[int, Step]] = {}
    for step in region.turns:
        for node in step.reads:
            made = region.case.step_of(node)
            if name_of(made.function) in ("T", "transpose", "reshape") and node not in region.case.forward:
                node, made = made.reads[0], region.case.step_of(made.reads[0])
            if name_of(made.function) == "getitem" and node not in region.case.forward:
                found.setdefault(made.place, {})[made.index] = made
    yield from ((turns[max(turns)], list(turns.values())) for turns in found.values())


def axes_with_number(index: Any) -> list[int]:
    """Where a whole number stands in an index."""
    parts = index if isinstance(index, tuple) else (index,)
    return [axis for axis, part in enumerate(parts) if isinstance(part, int | np.integer)]


def shifted(axis: int, shift: int) -> Callable[[Any], Any]:
    """An index with one of its numbers more or less."""

    def change(index: Any) -> Any:
        parts = list(index) if isinstance(index, tuple) else [index]
        parts[axis] = parts[axis] + shift
        return tuple(parts) if isinstance(index, tuple) else parts[0]

    return change
