"""Constants: what depends on no input is computed once, when the program is made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_scratch.compiler.program import Program, Step, substitute

LARGEST = 2**20
"""Elements of a constant that is worth its memory: a larger one is computed anew by each call."""

FILLED = {np.ones_like: np.ones, np.zeros_like: np.zeros}
"""Functions of a shape and a dtype alone, and what makes the same."""


def fold_constants(program: Program) -> Program:
    """The steps that read constants alone become constants, and those that make one number of a dtype."""
    constants = dict(program.constants)
    steps: list[Step] = []
    for step in program.steps:
        number = step.results[0]
        if step.function in FILLED and not step.keywords and not number.shape:  # the first cotangent is such a one
            constants[number] = FILLED[step.function]((), number.dtype)
            continue
        if any(operand not in constants for operand in step.operands) or not step.operands or too_large(step):
            steps.append(step)
            continue
        found = step.function(*substitute(step.arguments, constants), **substitute(dict(step.keywords), constants))
        several = isinstance(step.result, tuple)
        for result, value in zip(step.results, found if several else (found,), strict=True):
            result.view = False
            constants[result] = np.array(value)
    return replace(program, steps=tuple(steps), constants=constants)


def too_large(step: Step) -> bool:
    return sum(result.size for result in step.results) > LARGEST
