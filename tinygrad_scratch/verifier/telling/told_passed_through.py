"""A derivative that is missing is told in the function that should have made it, and hands back what it was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import in_same_function, right_side, statement_at, text_of
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.rewriting.text import source_of

WHOLE_COPIES = {"copy", "array", "asarray", "renamed"}  # no entry of which was written since


def tell_passed_through(case: Case, cause: Cause, repair: Repair) -> None:
    """Tell `return gradient` of a ReLU's backward so, and not the line that made the gradient, or that called it."""
    node = repair.event.node
    value = np.asarray(case.tape.nodes[node].value)
    match = case.match_up_to_factor(value) if cause.kind == "missing-derivative" else None
    if match is None or match[0].how:
        return
    forward = case.step_of(match[0].of)
    for event in case.returned:
        is_inner = event.node == node and not in_same_function(event.place, cause.place)
        made = (place for place in (forward.place, forward.caller) if place is not None)
        if is_inner and any(are_a_pair(place, event.place) for place in made) and is_given(case, event):
            copied = case.step_of(node).place
            place = copied if copied is not None and in_same_function(copied, event.place) else event.place
            cause.place, cause.name = replace(place, offset=0), event.name
            cause.expression, cause.should_be = right_side(statement_at(place.file, place.line)), None
            cause.sentence = (
                f"{event.place.function}() hands back what it was given: the derivative of "
                f"{name_of(forward.function)} is missing"
            )
            return


def are_a_pair(forward: Place, backward: Place) -> bool:
    """Whether two functions are those of one layer: methods of one class, or `relu` and `relu_backward`."""
    if forward.file != backward.file or in_same_function(forward, backward):
        return False
    source = source_of(text_of(forward.file))
    holders = source.class_around(forward.line), source.class_around(backward.line)
    named = forward.function != "<module>" and forward.function.lower() in backward.function.lower()
    return named or (holders[0] is not None and holders[0] is holders[1])


def is_given(case: Case, returned: Event) -> bool:
    """Whether a function was given what it returns, or what that is a copy of."""
    step = case.step_of(returned.node)
    same = {returned.node} | ({*step.reads} if name_of(step.function) in WHOLE_COPIES else set())
    return any(
        argument.node in same and in_same_function(argument.place, returned.place) for argument in case.arguments
    )
