"""Sums of products: one product of two vectors, and numbers taken out of the sum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_scratch.compiler.passes.patterns import Known, scaled
from tinygrad_scratch.compiler.program import Program, Step, Variable, in_a_row, readers


def sum_products(program: Program) -> Program:
    """`np.sum(0.5 * x**2)` becomes `0.5 * x.dot(x)`, over all elements; `np.mean` is a sum, too."""
    readers_of = readers(program.steps)
    known = Known({}, program.constants)
    steps: list[Step] = []
    for step in program.steps:
        steps += lowered(step, known, readers_of)
        known.made.update(dict.fromkeys(step.results, step))
    return replace(program, steps=tuple(steps))


def lowered(step: Step, known: Known, readers_of: dict[Variable, list[Step]]) -> list[Step]:
    a = step.arguments[0] if step.arguments else None
    over_all = (
        step.function in (np.sum, np.mean)
        and len(step.arguments) == 1
        and all(name == "axis" and value is None for name, value in step.keywords.items())
    )
    if (
        not over_all
        or type(a) is not Variable
        or a.dtype != step.results[0].dtype
        or a.dtype.char not in "fd"
        or not a.size
    ):
        return [step]
    factor = 1.0 if step.function is np.sum else 1 / a.size
    made = known.made.get(a)
    number = scaled(made, known) if made is not None else None
    if number is not None and len(readers_of[a]) == 1:
        factor, a = factor * number[0], number[1]
        made = known.made.get(a)
    pair = factors_of(made) if made is not None and len(readers_of[made.results[0]]) == 1 else None
    if pair is None:
        return [step] if number is None else total(step, a, factor, None)
    return total(step, a, factor, pair)


def factors_of(step: Step) -> tuple[Variable, Variable] | None:
    """The two arrays that a step multiplies, where each is one row of memory."""
    if step.keywords or step.function not in (np.square, np.multiply):
        return None
    x, y = step.arguments[0], step.arguments[-1]
    if type(x) is not Variable or type(y) is not Variable or x.dtype != y.dtype or x.dtype != step.results[0].dtype:
        return None
    if x.shape != y.shape or not in_a_row(x) or not in_a_row(y):
        return None
    return x, y


def total(step: Step, a: Variable, factor: float, pair: tuple[Variable, Variable] | None) -> list[Step]:
    """The steps of a sum: of an array, or of the products of a pair; times a factor."""
    result = step.results[0]
    sum_ = result if factor == 1 else Variable((), result.dtype, ())
    if pair is None:
        steps = [Step(np.sum, (a,), {}, sum_, step.line)]
    else:
        flat = [Variable((each.size,), each.dtype, (each.dtype.itemsize,), view=True) for each in dict.fromkeys(pair)]
        steps = [
            Step(np.reshape, (each, -1), {}, row, step.line)
            for each, row in zip(dict.fromkeys(pair), flat, strict=True)
        ]
        steps.append(Step(np.matmul, (flat[0], flat[-1]), {}, sum_, step.line))
    if factor != 1:
        steps.append(Step(np.multiply, (factor, sum_), {}, result, step.line))
    return steps
