"""Differences: the square of a - b is that of b - a, so that one of the two is enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_scratch.compiler.program import Program, Step, Variable, readers, substitute


def share_differences(program: Program) -> Program:
    """Where a difference is only squared, and its opposite is computed later, that takes its place, at once."""
    readers_of = readers(program.steps)
    opposites = {step.arguments: step for step in program.steps if is_difference(step)}
    new: dict[Variable, Variable] = {}
    early: set[Variable] = set()
    steps: list[Step] = []
    for step in program.steps:
        result = step.results[0]
        opposite = opposites.get(step.arguments[::-1]) if is_difference(step) else None
        if result in early:
            continue
        if opposite is not None and result not in program.outputs and only_squared(readers_of.get(result, [])):
            new[result] = opposite.results[0]
            if opposite.results[0] not in {each for done in steps for each in done.results}:
                early.add(opposite.results[0])
                steps.append(opposite)
        else:
            steps.append(step.replaced(new))
    return replace(program, steps=tuple(steps), outputs=substitute(program.outputs, new))


def is_difference(step: Step) -> bool:
    return step.function is np.subtract and not step.keywords and all(type(each) is Variable for each in step.arguments)


def only_squared(steps: list[Step]) -> bool:
    return bool(steps) and all(step.function is np.square and not step.keywords for step in steps)
