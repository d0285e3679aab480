"""Vectors that a matrix turns at length 1, as in a power iteration: a norm that is made by them takes them as given."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.pairs.update_steps import is_plain_number
from tinygrad_scratch.verifier.recording.edits import OF_MATRICES, name_of
from tinygrad_scratch.verifier.recording.steps import Step, shows

KEEPING = {"add", "subtract", "multiply", "divide", "power", "square", "sqrt", "sum", "norm", "maximum", "vdot"}
AT_LENGTH_1 = 1e-5  # an epsilon may be added to the length


def turned_vectors(case: Case) -> set[int]:
    """The vectors of length 1 by which a number is made of a matrix, as `u @ W @ v`, and that it turned before that.

    The slope through them is 0 once they stay, and is left out before that as well.
    """
    matrices = (f.parameter.node for f in case.finals if case.tape.nodes[f.parameter.node].value.ndim > 1)
    return set[int]().union(*(turned_by(case, node) for node in matrices))


def turned_by(case: Case, parameter: int) -> set[int]:
    """The same of one matrix."""
    matrix, vectors, numbers, at_length_1 = {parameter}, set[int](), set[int](), set[int]()
    read, is_norm = set[int](), False
    for step in case.tape.steps:
        made = step.makes[:1]
        if case.forward.isdisjoint(made):
            continue
        reads = {read for read in step.reads if not is_plain_number(case.tape, read)}
        if not reads:
            continue
        if shows(step) and reads <= matrix:
            matrix.update(made)
        elif name_of(step.function) in OF_MATRICES and all(n in matrix | vectors or is_given(case, n) for n in reads):
            if not reads.isdisjoint(matrix | vectors):
                is_number = case.tape.nodes[made[0]].value.size == 1
                is_norm = is_norm or (is_number and reads <= matrix | vectors)
                read |= reads & at_length_1
                (numbers if is_number else vectors).update(made)
        elif name_of(step.function) in KEEPING and reads <= vectors | numbers:
            vectors.update(made)
            at_length_1.update(made if is_at_length_1(case, step) else ())
    return read & case.smooth if is_norm else set()


def is_given(case: Case, node: int) -> bool:
    """Whether a value is one vector that no parameter went into, as what the turn before left is."""
    value = case.tape.nodes[node].value
    return node not in case.smooth and max(value.shape, default=0) == value.size


def is_at_length_1(case: Case, step: Step) -> bool:
    value = np.asarray(case.tape.nodes[step.makes[0]].value)
    return bool(value.size > 1 and max(value.shape) == value.size and abs(np.sum(value**2) - 1) < AT_LENGTH_1)
