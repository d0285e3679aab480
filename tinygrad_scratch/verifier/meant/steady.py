"""Whether a factor of gradients is a number of the program, as a rate is: at other parameters it is the same."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.pairs.penalised import without_own_parts
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.truths.moved import is_times, moved
from tinygrad_scratch.verifier.truths.truth import truth_of


def is_steady(case: Case, factor: float) -> bool:
    """Whether what is that many times its gradient here is so at other parameters; True where that can't be told.

    A mistake makes such a factor where all gradients come through one number, as of one output of one sample, or with
    the mean of a slope for the slope. Gradients that are divided by their norm are judged as before that, and those in
    steps with a decay without it.
    """
    start = moved(case.tape, [*(final.parameter.node for final in case.finals), *sorted(case.moved_apart)])
    try:
        with np.errstate(all="ignore"):
            truth = truth_of(case.tape, case.truth.loss, start, case.truth.edits).cotangents
            here, values = without_decays(case, {}), without_decays(case, start)
    except Exception:  # a call that can't be made there
        return True
    finals = [(i, final.parameter.node) for i, final in enumerate(case.finals)]
    carried = [each for each in finals if is_times(factor, here[each[0]], case.truth.cotangents.get(each[1]))]
    return all(is_times(factor, values[i], truth.get(parameter)) for i, parameter in carried)


def without_decays(case: Case, start: dict[int, Array]) -> list[Array]:
    """The gradients with some parameters, each without what only its own one went into."""

    def replayed(given: dict[int, Array]) -> dict[int, Array]:
        return case.tape.replay(given, start={node: value.copy() for node, value in start.items()})

    plain = replayed({}) if start else {node.number: node.value for node in case.tape.nodes}
    pairs = [(final.node, final.parameter.node) for final in case.finals]
    found = without_own_parts(case.tape, pairs, plain, replayed)
    whole = [np.asarray(plain[final.node]) for final in case.finals]  # what was a factor is no term
    return [value if np.any(value) else all_of_it for value, all_of_it in zip(found, whole, strict=True)]
