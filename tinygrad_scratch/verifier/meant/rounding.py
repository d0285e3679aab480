"""Whether what differs is rounding: then weights that are almost the same make quite another difference."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import difference
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.truths.truth import truth_of

if TYPE_CHECKING:
    from tinygrad_scratch.verifier.cases.case import Case

MOST = 1e-3  # of a gradient: rounding that spoils more is a mistake of its own
NEAR = 1e-3  # of a weight: what comes of a mistake moves as little with it


def but_for_rounding(case: Case, values: dict[int, Any]) -> str:
    """Gradients that are right but for what the numbers are rounded by, as where `1 - p` is of a p of almost 1."""
    wrong = [final for final in case.wrong(values) if final.parameter.recorded.dtype == np.float64]
    apart = max((difference(values[f.node], case.wanted(values[f.node], f)) for f in wrong), default=np.inf)
    if apart > min(MOST, lost_by_cancelling(case)) or len(wrong) < len(case.wrong(values)):
        return ""
    try:
        moved, there = nearby(case)
    except Exception:  # a call that can't be made there
        return ""
    for final in wrong:
        here = np.asarray(values[final.node] - case.wanted(values[final.node], final))
        other = np.asarray(moved[final.node] - there.wanted(moved[final.node], final))
        if np.max(np.abs(other - here)) < 0.1 * np.max(np.abs(here)):
            return ""
    return f"almost right, to {apart:.1e}: the rest is rounding, and quite another one at almost the same weights"


def lost_by_cancelling(case: Case) -> float:
    """How large the rounding of a number is, at most, beside a difference of it that the loss was made of."""
    lost = 0.0
    for step in case.tape.steps:
        made = np.abs(case.tape.nodes[step.makes[0]].value) if step.makes else np.zeros(0)
        ahead = made.dtype.kind == "f" and not case.forward.isdisjoint(step.makes)
        if ahead and step.reads and name_of(step.function) in ("subtract", "add"):
            read = max(float(np.max(np.abs(case.tape.nodes[node].value), initial=0.0)) for node in step.reads)
            lost = max(lost, read * np.finfo(float).eps / float(np.min(made[made > 0], initial=np.inf)))
    return lost


def nearby(case: Case) -> tuple[dict[int, Any], Case]:
    """The run, and the case, at parameters that are almost the same."""
    draw, start = np.random.default_rng(0), dict[int, Array]()
    for final in case.finals:
        value = case.tape.nodes[final.parameter.node].value
        start[final.parameter.node] = value * (1 + NEAR * draw.uniform(-1, 1, value.shape))
    start |= {copy: start[node] for copy, node in case.tape.copies.items() if node in start}
    with np.errstate(all="ignore"):
        values = case.tape.replay(start=start)
        return values, replace(case, truth=truth_of(case.tape, case.truth.loss, start, case.truth.edits))
