"""Steps in the geometry of a kernel: without the matrix of products that stands before the gradient of its weights."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.recording.edits import OF_MATRICES, name_of
from tinygrad_scratch.verifier.recording.likeness import close, is_along

MOST_ROWS = 1000


def before_kernels(case: Case, values: dict[int, Any]) -> tuple[dict[int, Any], str]:
    """The values with steps multiplied by the kernel of their weights, and what is said of it; nothing without such.

    The gradient is K times such a step, for the K that the model multiplies the weights by. That is symmetric and
    positive definite, so that the step goes downhill as well. What is called a gradient is no step.
    """
    found, said = dict[int, Any](), ""
    for final in case.wrong(values):
        kernel = kernel_before(case, values, final)
        if kernel is None:
            return {}, ""
        found[final.node] = case.tape.nodes[kernel].value @ values[final.node]
        named = (event.short for event in (*case.events, *case.arguments) if event.node == kernel)
        name = next(named, "the matrix")
        said = f"in the geometry of {name}: the gradient of {final.parameter.short} is {name} times its step"
    return values | found, said


def kernel_before(case: Case, values: dict[int, Any], final: Final) -> int | None:
    """The matrix from outside that the model multiplies a parameter by, and with which a step is a gradient.

    A penalty reads it as well: with its share of the weights in a step, the matrix is not forgotten.
    """
    step, truth, node = np.asarray(values[final.node]), case.true_of(final), final.parameter.node
    if final.by != "update" or not final.name.startswith("the step of") or step.shape != truth.shape:
        return None
    calls = [call for call in case.tape.steps if name_of(call.function) in OF_MATRICES]
    calls = [call for call in calls if not case.forward.isdisjoint(call.makes)]
    times = Counter(read for call in calls for read in call.reads if read not in case.smooth)
    beside = {read for call in calls if node in call.reads for read in call.reads}
    for kernel in beside.intersection(n for n, count in times.items() if count > 1):
        matrix = case.tape.nodes[kernel].value
        if is_definite(matrix, step) and is_along(matrix @ step, truth):
            return kernel if np.vdot(matrix @ step, truth) * final.direction > 0 else None
    return None


def is_definite(matrix: Any, step: Any) -> bool:
    """Whether a matrix is symmetric and positive definite, and fits before a step."""
    if matrix.ndim != 2 or not 0 < matrix.shape[0] == matrix.shape[1] == len(step) <= MOST_ROWS:
        return False
    return close(matrix, matrix.T) and bool(np.linalg.eigvalsh(matrix.astype(float))[0] > 0)
