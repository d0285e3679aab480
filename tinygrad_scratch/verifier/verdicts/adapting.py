"""Steps that the square roots of gradients scale, as Adam's: what is wrong in them alone says nothing of gradients."""

from __future__ import annotations

import re
from collections import Counter

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.pairs.update_steps import is_square, root_in
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.source import statement_at
from tinygrad_scratch.verifier.recording.steps import Step
from tinygrad_scratch.verifier.rewriting.alike import is_update

NAME = re.compile(r"[A-Za-z_][\w.]*")
OF_SCALE = ("unexplained", "scale-factor")  # kinds that say no more than that it is another value


def in_adapting_step(case: Case, repairs: list[Repair], causes: list[Cause]) -> str | None:
    """Why nothing is told where all that is wrong is such a step, by its scale or for no known reason; else None.

    The gradient in it was not found then, as where the samples are scaled each by its own, or each entry is.
    """
    told = list(zip(repairs, causes, strict=True))
    if not causes or not all(cause.kind in OF_SCALE and is_of_step(case, repair, cause) for repair, cause in told):
        return None
    return (
        f"{causes[0].name} in line {causes[0].line} is a step that a square root scales, as Adam's, and the gradient "
        "in it was not found. Give the gradients: check.gradients = ... in a block."
    )


def lacks_rate_alone(causes: list[Cause]) -> str | None:
    """Why nothing is told where gradients are to be multiplied by a rate, outside of an update; else None.

    What is judged is then in different measures, as a velocity that holds the rate beside one that does not.
    """
    rates = [rate_put_in(cause) for cause in causes if cause.kind == "scale-factor"]
    if not causes or len(rates) < len(causes) or not all(rates):
        return None
    return (
        f"Some steps hold {rates[0]}, and others don't, so that the gradients in them can't be told apart from it. "
        "Give the gradients: check.gradients = ... in a block."
    )


def rate_put_in(cause: Cause) -> str:
    """The rate that is all that a change puts in, if the line is no update; else nothing."""
    right, written = (Counter(NAME.findall(text or "")) for text in (cause.should_be, cause.expression))
    new, is_step = list((right - written).elements()), is_update(statement_at(cause.file, cause.line))
    is_all = len(new) == 1 and not written - right  # and nothing makes room for it
    return new[0] if is_all and not is_step and any(map(RATE.match, re.split(r"[._]", new[0]))) else ""


def is_of_step(case: Case, repair: Repair, cause: Cause) -> bool:
    """Whether the line of a cause makes such a step, or the value is what steps of entries made of a parameter."""
    steps = [step for step in case.tape.steps if step.place and is_adapting(case, step)]
    if any(step.place and (step.place.file, step.place.line) == (cause.file, cause.line) for step in steps):
        return True
    node, nodes = repair.event.node, case.tape.nodes
    is_updated = nodes[node].slot in {nodes[final.parameter.node].slot for final in case.finals}
    behind = case.ancestors([node]) - case.forward if is_updated else set()
    return any(not behind.isdisjoint(step.makes) for step in steps)


def is_adapting(case: Case, step: Step) -> bool:
    """Whether a call makes a step that is scaled by a root of squares of what the backward pass made."""
    root = root_in(case.tape, step.makes[0]) if len(step.makes) == 1 else None
    behind = (case.step_of(node) for node in case.ancestors([root])) if root is not None else ()
    return any(is_square(made) and not case.is_forward(made.reads[0]) for made in behind)
