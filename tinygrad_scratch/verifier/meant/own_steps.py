"""Steps that are made of right gradients in a way of their own, as optimizers make them: they are not judged."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.recording.edits import name_of, places_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import is_along

MOVING = "setitem", "getitem", "astype", "transpose", "flip", "roll", "take"  # no optimizer does that, but slips do
CLIPPING = "clip", "minimum", "maximum"  # what is clipped is judged as it was before that
MOST_STEPS = 12  # from a gradient to what an optimizer makes of it


def own_steps(case: Case, values: dict[int, Any]) -> str:
    """Each was the gradient under a name, and what was made of it then was made of gradients and numbers alone."""
    right = gradients_named(case, values)
    found = [gradient_before(case, values, final, right) for final in case.wrong(values)]
    if not found or None in found:
        return ""
    one = next(event for event in found if event is not None)
    place = case.place_of(case.wrong(values)[0].node)
    where = f"line {place.line}" if place is not None else "the update"
    return f"before a step of its own: {one.name} is the gradient, and what {where} makes of it is not judged"


def gradients_named(case: Case, values: dict[int, Any]) -> dict[int, tuple[Event, set[int]]]:
    """What has a name and is a gradient, or its negative; with the parameters that it is of."""
    found: dict[int, tuple[Event, set[int]]] = {}
    sizes = [(final, case.true_of(final).size) for final in case.finals]
    for event in case.events:
        value = np.asarray(values[event.node])
        if value.shape and value.dtype.kind == "f" and event.node not in case.forward:
            alike = [final for final, size in sizes if size == value.size]
            of = {f.parameter.node for f in alike if case.is_right(value, f) or case.is_right(-value, f)}
            if of:
                found.setdefault(event.node, (event, of))
    return found


def gradient_before(
    case: Case, values: dict[int, Any], final: Final, right: dict[int, tuple[Event, set[int]]]
) -> Event | None:
    """The gradient that a step was made of; None where it goes uphill, or is one times a number from outside."""
    step, truth = final.direction * np.asarray(values[final.node]), case.true_of(final)
    if step.shape != truth.shape or np.vdot(step, truth) <= 0:
        return None
    behind = case.ancestors([final.node])
    own = [event for node, (event, of) in right.items() if node in behind and final.parameter.node in of]
    if not own or not is_of_gradients(case, final.node, set(right), MOST_STEPS):
        return None
    return None if is_along(step, truth) and not has_number_of_gradients(case, final, set(right)) else own[-1]


def is_of_gradients(case: Case, node: int, right: set[int], depth: int) -> bool:
    """Whether an array was made of gradients, and of numbers that no parameter went into but by gradients."""
    step = case.step_of(node)
    if node in right:
        return True
    if case.tape.nodes[node].value.size == 1:
        return is_free(case, node, right)
    if depth == 0 or not step.reads or name_of(step.function) in (*MOVING, *CLIPPING):
        return False
    arrays = [read for read in step.reads if case.tape.nodes[read].value.size > 1]
    if name_of(step.function) == "multiply" and (len(arrays) > 1 or len(set(step.reads)) < len(places_of(step))):
        return False
    over = name_of(step.function) == "divide" and is_curvature(case, step.reads[-1])
    reads = step.reads[:1] if over else step.reads
    return all(is_of_gradients(case, read, right, depth - 1) for read in reads)


def is_free(case: Case, node: int, right: set[int]) -> bool:
    """Whether no parameter went into a number, but by gradients."""
    waiting, seen = [node], set[int]()
    parameters = {final.parameter.node for final in case.finals}
    while waiting:
        here = waiting.pop()
        if here in parameters or here in case.forward & case.smooth:
            return False
        new = case.step_of(here).reads if here not in right else ()
        waiting += [read for read in new if read not in seen]
        seen.update(new)
    return True


def is_curvature(case: Case, node: int) -> bool:
    """Whether what a gradient is divided by is positive for each entry, as second derivatives are."""
    value = np.asarray(case.tape.nodes[node].value)
    return value.ndim > 0 and node not in case.forward and bool(np.all(value > 0))


def has_number_of_gradients(case: Case, final: Final, right: set[int]) -> bool:
    """Whether a step is a gradient times a number that was made of gradients, as one from a search of a line is."""
    step = case.step_of(final.node)
    numbers = [read for read in step.reads if case.tape.nodes[read].value.size == 1]
    return any(not case.ancestors([number]).isdisjoint(right) for number in numbers)
