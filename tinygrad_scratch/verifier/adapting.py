"""Steps that the square roots of gradients scale, as Adam's: what is wrong in them alone says nothing of gradients."""

from __future__ import annotations

from tinygrad_scratch.verifier.case import Case
from tinygrad_scratch.verifier.explain import Cause
from tinygrad_scratch.verifier.steps import Step
from tinygrad_scratch.verifier.tape import Tape
from tinygrad_scratch.verifier.update_steps import beside_root, is_root, is_square, multiple

OF_SCALE = ("unexplained", "scale-factor")


def in_adapting_step(case: Case, causes: list[Cause]) -> str | None:
    """Why nothing is told where all that is wrong is such a step, but for its scale or unexplained; None where more is.

    The gradient in it was not found, as where the samples are scaled each by its own.
    """
    places = {(step.place.file, step.place.line) for step in case.tape.steps if step.place and is_adapting(case, step)}
    if not causes or any(c.kind not in OF_SCALE or (c.file, c.line) not in places for c in causes):
        return None
    return (
        f"{causes[0].name} in line {causes[0].line} is a step that a square root scales, as Adam's, and the gradient "
        "in it was not found. Give the gradients: check.gradients = ... in a block."
    )


def is_adapting(case: Case, step: Step) -> bool:
    """Whether a call makes a step that is scaled by a root of squares of what the backward pass made."""
    root = root_in(case.tape, step.makes[0]) if len(step.makes) == 1 else None
    behind = (case.step_of(node) for node in case.ancestors([root])) if root is not None else ()
    return any(is_square(made) and not case.is_forward(made.reads[0]) for made in behind)


def root_in(tape: Tape, node: int) -> int | None:
    """The root that a value is divided by, or scaled by a number through it; also times a number."""
    inner: tuple[int, int] | None = (node, 1)
    while inner is not None:
        step = tape.steps[tape.nodes[inner[0]].step]
        name = getattr(step.function, "__name__", "")
        if name == "divide" and len(step.reads) == 2 and is_root(tape, step.reads[1]):
            return step.reads[1]
        other = beside_root(tape, step.reads) if name == "multiply" else None
        if other is not None:
            return next(read for read in step.reads if read != other)
        inner = multiple(tape, step) if len(step.makes) == 1 and step.function is not None else None
    return None
