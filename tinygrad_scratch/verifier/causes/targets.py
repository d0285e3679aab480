"""The targets that were not taken off: `d[range(n), labels] -= 1`, behind a softmax that the loss reads there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.references import with_arrays
from tinygrad_scratch.verifier.recording.steps import Array, Step

INDEX = re.compile(r"\[(.*)\]$", re.DOTALL)


def targets_left_out(region: Region) -> Iterator[Finding]:
    """The truth differs by one number, and only at the entries that the forward pass picked by an index."""
    if region.truth.shape != region.value.shape or region.truth.size < 2:
        return
    gap = region.truth - region.value
    most = float(np.max(np.abs(gap)))
    there = np.abs(gap) > 1e-9 * most
    number = float(gap[there][0]) if np.any(there) else 0.0  # there is none where one is no number
    off = share_said(abs(number))
    if not off or np.all(there) or np.ptp(gap[there]) > 1e-9 * most:
        return
    for step in region.case.tape.steps:
        index = INDEX.search(region.code(step)) if picks(region, step, there) else None
        if index is not None:
            change = f"{region.event.short}[{index[1]}]"
            sign, said = ("-", "not taken off") if number < 0 else ("+", "not added")
            said = f"{off} is {said} at the targets: `{change} {sign}= {off}` is missing after it"
            yield Finding("missing-term", said)
            return


def picks(region: Region, step: Step, there: Array) -> bool:
    """Whether a call of the forward pass picks exactly some entries, by whole numbers."""
    if name_of(step.function) != "getitem" or region.case.forward.isdisjoint(step.makes):
        return False
    if np.shape(region.values[step.reads[0]]) != there.shape or step.place is None:
        return False
    index, picked = index_of(region, step), np.zeros(there.shape, bool)
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, slice) or part is None for part in parts):
        return False
    picked[index] = True
    return bool(np.array_equal(picked, there))


def index_of(region: Region, step: Step) -> Any:
    nodes = region.case.tape.nodes
    playing = {nodes[read].slot: region.values[read] for read in step.reads}
    return with_arrays(step.arguments[1], playing)


def share_said(number: float) -> str:
    """One, or one part of so many, as a target has them; nothing for another number."""
    whole = round(1 / number) if 0 < number < 1.5 else 0
    if not whole or abs(whole * number - 1) > 1e-9:
        return ""
    return "1" if whole == 1 else f"1 / {whole}"
