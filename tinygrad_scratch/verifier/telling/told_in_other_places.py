"""What a step that only lays numbers out holds is a transpose, if these are the true ones in other places."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.causes.region import Region
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.rewriting.part import NAMES
from tinygrad_scratch.verifier.telling.told_difference import difference

LAYING_OUT = {
    "reshape", "transpose", "T", "mT", "swapaxes", "moveaxis", "rollaxis", "ravel", "flatten", "flip", "flipud",
    "fliplr", "rot90", "roll", "copy",
}  # fmt: skip
FEWEST = 3  # different numbers that are the same by no accident


def tell_in_other_places(case: Case, cause: Cause, repair: Repair) -> None:
    """Tell it so, where nothing explains what is wrong, or another value is said to be due."""
    step, truth = case.step_of(repair.event.node), np.asarray(repair.truth)
    value = np.asarray(case.tape.nodes[repair.event.node].value)
    unexplained = cause.certainty == "unexplained"
    found = difference(cause)
    exchanged = found is not None and all(isinstance(each, NAMES) for each in (found.old, found.new))
    told = unexplained or (cause.kind == "wrong-operand" and not exchanged)
    if not told or name_of(step.function) not in LAYING_OUT or value.size != truth.size:
        return
    mine, due = np.sort(value, axis=None), np.sort(truth, axis=None)
    if len(np.unique(due)) >= FEWEST and close(mine, due):
        cause.kind = "transpose"
    if unexplained and cause.kind == "transpose":
        cause.certainty = "fits"
        cause.sentence = f"it holds the numbers of the gradient of {Region(case, repair).owner()}, in other places"
