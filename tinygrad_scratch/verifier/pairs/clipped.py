"""Gradients that are clipped before their use, by entries or by their norm, are judged as they were before that."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.pairs.update_steps import is_made_of, is_plain_number, literals_of
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Step, ancestors, is_behind, renamed
from tinygrad_scratch.verifier.recording.tape import Tape

KEPT = ("copy", "array", "asarray", "setitem", "astype")
BOUNDS = {"minimum": "maximum", "maximum": "minimum"}


def before_clipping(tape: Tape, node: int, in_update: bool) -> int:
    """What a gradient was before it was clipped; itself where nothing clips it, or it was within the bounds.

    In an update the clipped one may stand with its rate. Bounds that nothing met are taken off: at other values of the
    parameters, at which a run is made again, something might.
    """
    here = node
    while True:
        step = tape.steps[tape.nodes[here].step]
        inner = clipped_in(tape, step)
        if inner is not None:
            differs = not np.array_equal(tape.nodes[inner].value, tape.nodes[here].value, equal_nan=True)
            node = inner if differs else node
            if not differs and name_of(step.function) == "clip":
                take_off_bounds(step)
        else:
            inner = handed_on(step) or (rated_in(tape, step) if in_update else None)
        if inner is None:
            return node
        here = inner


def take_off_bounds(step: Step) -> None:
    """Let a call of np.clip give what it was given."""
    step.arguments = step.arguments[0], -np.inf, np.inf
    step.keywords = {name: given for name, given in step.keywords.items() if name == "out"}


def handed_on(step: Step) -> int | None:
    """What a call only copies, or gives another name."""
    name, reads = name_of(step.function), step.reads
    if not reads or (step.function is not renamed and name not in KEPT):
        return None
    return reads[-1] if name == "setitem" else reads[0]


def rated_in(tape: Tape, step: Step) -> int | None:
    """What a call multiplies by numbers alone, or divides by them."""
    arrays = [read for read in step.reads if not is_plain_number(tape, read)]
    return arrays[0] if name_of(step.function) in ("multiply", "divide") and len(arrays) == 1 else None


def clipped_in(tape: Tape, step: Step) -> int | None:
    """What a call keeps within bounds; None where it does something else."""
    name, reads = name_of(step.function), step.reads
    if not reads:
        return None
    if name == "clip" and all(is_plain_number(tape, read) for read in reads[1:]):
        return reads[0]
    if name in BOUNDS and (inner := within_bounds(tape, step)) is not None:
        return inner
    return divided_by_norm(tape, step)


def within_bounds(tape: Tape, step: Step) -> int | None:
    """The same of `np.maximum(np.minimum(g, 5), -5)`."""
    inner = tape.steps[tape.nodes[step.reads[0]].step]
    bounds = [*literals_of(step), *literals_of(inner)]
    clips = name_of(inner.function) == BOUNDS[name_of(step.function)] and len(bounds) == 2 and sum(bounds) == 0
    return inner.reads[0] if clips and inner.reads else None


def divided_by_norm(tape: Tape, step: Step) -> int | None:
    """What a product has beside a number that was made of the norm of it, or of it and others, and of numbers alone."""
    if name_of(step.function) not in ("multiply", "divide") or len(step.reads) != 2:
        return None
    parents = tape.parents()
    for inner, factor in (step.reads, step.reads[::-1]):
        if tape.nodes[factor].value.size != 1 or tape.nodes[inner].value.size == 1:
            continue
        behind = ancestors(parents, [factor])
        rooted = (n for n in behind if name_of(tape.steps[tape.nodes[n].step].function) in ("norm", "sqrt"))
        norms = {n for n in rooted if n != inner and is_behind(parents, inner, n)}
        if norms and is_made_of(tape, factor, norms):
            return inner
    return None
