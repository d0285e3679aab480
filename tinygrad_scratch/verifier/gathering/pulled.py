"""Centres that are pulled to what belongs to them, row by row, by a rule of their own: beside what is trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import is_along, is_near_number
from tinygrad_scratch.verifier.recording.steps import Array, ancestors
from tinygrad_scratch.verifier.truths.truth import Truth


def by_own_pull(entry: Any, truth: Truth) -> tuple[list[Final], str]:
    """The steps of centres among the gradients of a run, where others are left to be judged; and what is said."""
    found = [
        final
        for final in entry.finals
        if final.by == "update" and is_by_rows(entry, final, truth) and is_pull(entry, final)
    ]
    if not found or len(found) == len(entry.finals):
        return [], ""
    names = listed([own(final.parameter.name) for final in found])
    return found, (
        f"The rows of {names} are pulled to what belongs to them, each by a share of its own, as averages are: that "
        "is a rule of its own, and not judged."
    )


def is_by_rows(entry: Any, final: Final, truth: Truth) -> bool:
    """Whether each row of a step goes along that of the true gradient, and not all of them as far."""
    before, true = entry.tape.nodes[final.parameter.node].value, truth.cotangents.get(final.parameter.node)
    after = entry.tape.nodes[max(entry.updated_values(final.parameter), default=final.parameter.node)].value
    if true is None or not before.shape == after.shape == true.shape or before.ndim != 2 or before.shape[1] < 2:
        return False
    step = before - after
    rows = [share_of(one, other) for one, other in zip(step, true, strict=True) if np.any(one) or np.any(other)]
    shares = [share for share in rows if share is not None]
    return len(shares) == len(rows) > 1 and not all(is_near_number(share, shares[0]) for share in shares)


def share_of(row: Array, true: Array) -> float | None:
    """How many times the true row another one is; None where it is none, or goes the other way."""
    is_so = is_along(row, true) and np.vdot(row, true) > 0
    return float(np.vdot(row, true) / np.vdot(true, true)) if is_so else None


def is_pull(entry: Any, final: Final) -> bool:
    """Whether a step holds a difference of a parameter, or of its rows, and of what a forward pass made without it."""
    tape, parents, node = entry.tape, entry.tape.parents(), final.parameter.node
    held = {node, *entry.updated_values(final.parameter)}
    forward = ancestors(parents, [entry.loss])
    others = {f.parameter.node for f in entry.finals} - {node}
    for step in (tape.steps[tape.nodes[each].step] for each in ancestors(parents, [final.node]) - forward):
        if name_of(step.function) != "subtract" or len(step.reads) != 2 or not held.isdisjoint(step.makes):
            continue
        made_of = [ancestors(parents, [read], until=held) for read in step.reads]
        for mine, rest in (made_of, made_of[::-1]):
            is_own = not held.isdisjoint(mine) and others.isdisjoint(mine)
            if is_own and held.isdisjoint(rest) and not others.isdisjoint(rest) and not forward.isdisjoint(rest):
                return True
    return False
