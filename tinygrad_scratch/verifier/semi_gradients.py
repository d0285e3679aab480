"""Targets that the network makes itself, as in Q-learning: no gradient goes through them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from tinygrad_scratch.verifier.case import Case
from tinygrad_scratch.verifier.edits import name_of
from tinygrad_scratch.verifier.names import listed
from tinygrad_scratch.verifier.steps import Step
from tinygrad_scratch.verifier.truth import NotOnTensors, Truth, plain_of, truth_of

TARGET = re.compile(r"(?:.*_)?(?:targets?|advantages?|adv|baselines?|bootstrap|returns?)(?:_.*)?", re.IGNORECASE)


def truths_held(case: Case) -> Iterator[Truth]:
    """The truth where what is called a target, and is met by what parameters change as well, is a constant."""
    named = {e.node for e in (*case.events, *case.arguments) if TARGET.fullmatch(e.short)}
    held = sorted(node for node in named & case.smooth & case.forward if meets_another(case, node))
    if held and not case.truth.edits:
        edits = {case.step_of(node).index: held_constant for node in held}
        with contextlib.suppress(NotOnTensors):
            truth = truth_of(case.tape, [], case.truth.loss, edits=edits)
            yield replace(truth, held=tuple(held), note=f"The true gradients are {semi(case, held)}.")


def semi(case: Case, held: Iterable[int]) -> str:
    """What is said of values that are held constant, by their names."""
    names = [e.short for e in (*case.events, *case.arguments) if e.node in held and TARGET.fullmatch(e.short)]
    return f"semi-gradients: none goes through {listed(list(dict.fromkeys(names)))}, though parameters do"


def meets_another(case: Case, node: int) -> bool:
    """Whether something else that parameters change is subtracted from a value, or multiplied by it."""
    readers = (step for step in case.tape.steps if node in step.reads and not case.forward.isdisjoint(step.makes))
    pairs = (step for step in readers if name_of(step.function) in ("subtract", "multiply"))
    return any(not case.smooth.isdisjoint(set(step.reads) - {node}) for step in pairs)


def held_constant(step: Step, arguments: Any, keywords: Any) -> Any:
    """What a call gives, as a constant."""
    return plain_of(step.function(*arguments, **keywords))
