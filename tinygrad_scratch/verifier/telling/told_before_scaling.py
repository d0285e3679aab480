"""What lacks a term is told where it got its name, and not where it is only divided, or goes under another name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.source import right_side, statement_at
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import Array, renamed


def tell_before_scaling(case: Case, cause: Cause, repair: Repair) -> Repair | None:
    """Tell it so, where no text of the statement is known that would be right; with the value that is mended then."""
    if cause.should_be or cause.kind != "missing-term" or cause.certainty == "unexplained":
        return None
    node, factor, found = repair.event.node, 1.0, None
    while (inner := only_scaled(case, node)) is not None:
        node, factor = inner[0], factor * inner[1]
        named = next((event for event in case.events if event.node == node), None)
        found = found if named is None else (named, factor)
    if found is None or (found[0].place.file, found[0].place.line) == (cause.file, cause.line):
        return None
    event, factor = found
    cause.place, cause.name = event.place, event.name
    cause.expression = right_side(statement_at(event.place.file, event.place.line))
    return replace(repair, event=event, truth=repair.truth / factor, factor=repair.factor / factor)


def only_scaled(case: Case, node: int) -> tuple[int, float] | None:
    """What a value is only a multiple of, or another name for, and how many times; None where it is more."""
    step, value = case.step_of(node), case.tape.nodes[node].value
    name = name_of(step.function)
    if step.function is not renamed and name not in ("multiply", "divide", "copy"):
        return None
    for read in step.reads:
        inner = case.tape.nodes[read].value
        is_telling = inner.shape == value.shape and np.any(inner) and not case.is_forward(read)
        if is_telling and not is_whole(case, inner):
            at = np.argmax(np.abs(inner))
            factor = float(value.reshape(-1)[at] / inner.reshape(-1)[at])
            if factor and close(value, factor * inner):
                return read, factor
    return None


def is_whole(case: Case, value: Array) -> bool:
    """Whether a value is the gradient of something, and not a part of it: it lacks nothing."""
    found = case.match_up_to_factor(value)
    return found is not None and found[0].through is None
