"""Whole numbers that begin again from the other end: `2 * y - 1` is 255 where y is 0 and its numbers are 0 to 255.

Labels and pixels are often kept so. What comes of such a wrap may be the gradient of nothing, as a sign is that it
multiplies. So it is looked at before the wrong values are: with any number, more gradients are right.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.causes.region import Finding
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.references import call_with_arrays
from tinygrad_scratch.verifier.recording.steps import Step

ARITHMETIC = {"add", "subtract", "multiply", "negative", "power", "square", "sum", "matmul", "dot"}


def wrapped(case: Case) -> tuple[Repair, Finding] | None:
    """The first such wrap behind the gradients, if with any number in its place more gradients are right."""
    steps = wraps_behind(case)
    played, first = with_any_numbers(case, steps), steps[0] if steps else None
    if first is None or first.place is None or played is None:
        return None
    wrong, still = ({final.node for final in case.wrong(values)} for values in (case.replay(), played))
    mended = [final for final in case.finals if final.node in wrong - still]
    if not mended or not still < wrong:
        return None
    here = first.place.file, first.place.line
    named = [e for e in case.events if e.node >= first.makes[0] and (e.place.file, e.place.line) == here]
    event = named[0] if named else Event(mended[0].name, first.makes[0], first.place, 0, first.index + 1)
    case.overrides |= {made: np.asarray(played[made]) for step in steps for made in step.makes}
    kind = case.tape.nodes[first.makes[0]].value.dtype
    ends = np.iinfo(kind)
    said = f"numbers of {kind} end at {ends.min} and {ends.max}: what is beyond begins again at the other end"
    finding = Finding("dtype-or-integer", said, place=first.place)
    return Repair(event, np.asarray(played[event.node]), mended[0].parameter.node, None, len(mended)), finding


def wraps_behind(case: Case) -> list[Step]:
    """The first call behind the gradients that wraps, and those after it that make whole numbers."""
    behind = case.ancestors(final.node for final in case.finals)
    whole = [step for step in case.tape.steps if not behind.isdisjoint(step.makes) and is_whole_arithmetic(case, step)]
    first = next((i for i, step in enumerate(whole) if wraps(case, step)), len(whole))
    return whole[first:]


def with_any_numbers(case: Case, steps: list[Step]) -> dict[int, Any] | None:
    """All values where some calls are made of floats; None where that can't be done, or there are none."""
    try:
        return case.replay(edits={step.index: with_any_number for step in steps}) if steps else None
    except Exception:  # a call that takes whole numbers alone
        return None


def is_whole_arithmetic(case: Case, step: Step) -> bool:
    made = [case.tape.nodes[node].value for node in step.makes]
    return name_of(step.function) in ARITHMETIC and bool(made) and all(value.dtype.kind in "iu" for value in made)


def with_any_number(step: Step, arguments: Any, keywords: Any) -> Any:
    """A call as it is by floats."""
    return step.function(*(as_float(argument) for argument in arguments), **keywords)


def as_float(value: Any) -> Any:
    is_of_whole = isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "iu"
    return value.astype(float) if is_of_whole else value


def wraps(case: Case, step: Step) -> bool:
    """Whether a call makes something else of whole numbers than it does of floats."""
    held = {case.tape.nodes[node].slot: case.tape.nodes[node].value for node in step.reads}
    try:
        by_floats = with_any_number(step, *call_with_arrays(step, held))
    except Exception:  # a call that takes whole numbers alone
        return False
    return not np.array_equal(by_floats, case.tape.nodes[step.makes[0]].value)
