"""Whether a factor of gradients is a number of the program, as a rate is: at other parameters it is the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.verifier.case import Case
from tinygrad_scratch.verifier.likeness import difference
from tinygrad_scratch.verifier.steps import Array
from tinygrad_scratch.verifier.truth import truth_of

FAR = 0.2  # of the spread of a parameter, or of 1 for a single number
SAME = 1e-4  # a small number in the loss makes a difference, too


def is_steady(case: Case, factor: float) -> bool:
    """Whether what is that many times its gradient here is so at other parameters; True where that can't be told.

    A mistake makes such a factor where all gradients come through one number, as of one output of one sample, or with
    the mean of a slope for the slope. Gradients that are divided by their norm are judged as before that.
    """
    start = moved(case)
    try:
        with np.errstate(all="ignore"):
            truth = truth_of(case.tape, [], case.truth.loss, start, case.truth.edits).cotangents
            values = case.tape.replay(start={node: value.copy() for node, value in start.items()})
    except Exception:  # a call that can't be made there
        return True
    here = {node.number: node.value for node in case.tape.nodes}
    finals = [(final.node, final.parameter.node) for final in case.finals]
    carried = [each for each in finals if is_times(factor, here[each[0]], case.truth.cotangents.get(each[1]))]
    return all(is_times(factor, values[node], truth.get(parameter)) for node, parameter in carried)


def moved(case: Case) -> dict[int, Array]:
    """Other values of the parameters, as far as they are no more than numbers that the program began with."""
    rng, found = np.random.default_rng(0), dict[int, Array]()
    for final in case.finals:
        value = case.tape.nodes[final.parameter.node].value
        if case.step_of(final.parameter.node).function is None and value.dtype == np.float64:
            found[final.parameter.node] = value + FAR * (float(np.std(value)) or 1.0) * rng.uniform(-1, 1, value.shape)
    return found | {copy: found[node] for copy, node in case.tape.copies.items() if node in found}


def is_times(factor: float, value: Any, truth: Any) -> bool:
    """Whether a value is that many times the truth, in either direction."""
    value = np.asarray(value)
    if truth is None or np.shape(truth) != value.shape:
        return False
    return any(difference(value, sign * factor * truth) < SAME for sign in (1, -1))
