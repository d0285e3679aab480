"""Products: a number multiplies the smaller of two factors, and not their product."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_scratch.compiler.program import Program, Step, Variable, readers


def scale_smaller_factors(program: Program) -> Program:
    """`rate * (a.T @ d)` becomes `a.T @ (rate * d)`, where d is smaller than the product and nobody else reads that."""
    readers_of = readers(program.steps)
    made = {step.result: step for step in program.steps if isinstance(step.result, Variable)}
    moved: dict[Variable, Step] = {}  # by the product that is not computed: the step that scaled it
    for step in program.steps:
        number, product = scaled_product(step, made)
        if (
            product is not None
            and len(readers_of[product.results[0]]) == 1
            and product.results[0] not in program.outputs
        ):
            moved[product.results[0]] = step
    steps: list[Step] = []
    for step in program.steps:
        if step.results[0] in moved:
            continue
        number, product = scaled_product(step, made)
        if product is not None and moved.get(product.results[0]) is step:
            left, right = product.arguments
            small = right if right.size <= left.size else left
            scaled = Variable(small.shape, small.dtype, small.strides)
            steps.append(Step(np.multiply, (number, small), {}, scaled, step.line))
            given = (left, scaled) if small is right else (scaled, right)
            steps.append(Step(np.matmul, given, {}, step.result, product.line))
        else:
            steps.append(step)
    return replace(program, steps=tuple(steps))


def scaled_product(step: Step, made: dict[Variable, Step]) -> tuple[object, Step | None]:
    """The number and the product, where a step multiplies a product of matrices by a number and would save work."""
    if step.function is np.multiply and not step.keywords:
        for number, x in (step.arguments, step.arguments[::-1]):
            product = made.get(x) if isinstance(x, Variable) else None
            if is_number(number) and product is not None and product.function is np.matmul and not product.keywords:
                left, right = product.arguments
                two = (
                    isinstance(left, Variable)
                    and isinstance(right, Variable)
                    and len(left.shape) == len(right.shape) == 2
                )
                if two and x.dtype == step.results[0].dtype == left.dtype == right.dtype and x.dtype.kind == "f":
                    return number, product if min(left.size, right.size) < x.size else None
    return None, None


def is_number(value: object) -> bool:
    """A number that is known, or a Python number that is not."""
    return type(value) in (int, float) or isinstance(value, np.generic)
