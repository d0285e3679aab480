"""At a kink a function has no single slope: any between those of its two sides is taken for right."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Step
from tinygrad_scratch.verifier.truths.truth import Truth, plain_of, truth_of

OTHER_KINK = "another slope at a kink: between those on its two sides, where the function has no single one"
OF_TWO = {"maximum": np.greater, "minimum": np.less}
STRICTLY = {"greater": np.greater_equal, "less": np.less_equal, "greater_equal": np.greater, "less_equal": np.less}


def of_other_sides(case: Case, _: dict[int, Any]) -> str:
    """The slopes of one side, or of the middle, at all kinks that the loss was computed at, as of ReLU at 0.

    What goes through several kinks one after the other has slopes that no step of a single entry shows.
    """
    truths = (replace(case, truth=truth, _matches={}) for truth in truths_of_sides(case))
    return OTHER_KINK if any(not each.wrong(each.replay()) for each in truths) else ""


def truths_of_sides(case: Case) -> Iterator[Truth]:
    """The truth of the loss with other slopes at the kinks that it was computed at."""
    found = list(ties(case))
    for share in (1.0, 0.0, 0.5) if found else ():
        edits = case.truth.passing | {step.index: Sided(share) for step in found}
        with contextlib.suppress(Exception):  # then it is no explanation
            yield truth_of(case.tape, case.truth.loss, edits=edits, note=f"The gradients are judged with {OTHER_KINK}.")


def ties(case: Case) -> Iterator[Step]:
    """The calls of the forward pass that choose the larger, or compare, where both are the same."""
    for step in case.tape.steps:
        if name_of(step.function) in {*OF_TWO, *STRICTLY} and not case.forward.isdisjoint(step.makes):
            given = [case.constant_value(argument) for argument in step.arguments[:2]]
            read = [case.tape.nodes[node].value for node in step.reads]
            sides = [*read, *(each for each in given if each is not None)][:2]
            if len(sides) == 2 and np.any(np.equal(*sides)):
                yield step


class Sided:
    """A call of the same values, with another slope where they are alike."""

    def __init__(self, share: float) -> None:
        self.share = share  # of the slope by the first of both

    def __call__(self, step: Step, arguments: Any, keywords: Any) -> Any:
        one, other = (np.asarray(plain_of(argument)) for argument in arguments[:2])
        name = name_of(step.function)
        if name in OF_TWO:
            first = OF_TWO[name](one, other) + self.share * (one == other)
            return arguments[0] * first + arguments[1] * (1 - first)
        strictly = step.function(*arguments, **keywords)
        return STRICTLY[name](one, other) if self.share else strictly
