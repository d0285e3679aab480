"""Minus signs that cancel: values are kept with the other sign where that saves steps which only change a sign.

A sigmoid is 1 / (1 + exp(-z)). Where z = a @ w, and a is a sigmoid, too, 1 / (-1 - exp(-z)) is -a at no cost, then
-a @ w is -z, and nothing has to negate it. Further on signs cancel, or a sum becomes a difference. Rounding is the same
for both signs, so the results are the same to the last bit, but for the sign of a zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Program, Step, Variable, readers
from tinygrad_scratch.functional import sigmoid

MOST = 16
"""Sigmoids up to which such signs are looked for, as the search goes through the program for each."""

Changed = tuple[Callable[..., Any], tuple[Any, ...], bool]

LINEAR = {np.transpose, np.reshape, np.ravel, np.sum, np.swapaxes}
"""Functions, of their first argument, that pass a sign on."""


def open_sigmoids(program: Program) -> Program:
    """Each sigmoid as the four steps that it takes."""
    steps: list[Step] = []
    for step in program.steps:
        x = step.arguments[0] if step.function is sigmoid else None
        result = step.results[0]
        if type(x) is not Variable or x.dtype != result.dtype or not result.shape:
            steps.append(step)
            continue
        parts = [Variable(result.shape, result.dtype, result.strides) for _ in range(3)]
        calls = [(np.negative, (x,)), (np.exp, parts[:1]), (np.add, (parts[1], 1)), (np.reciprocal, parts[2:])]
        for (function, given), made in zip(calls, [*parts, result], strict=True):
            steps.append(Step(function, tuple(given), {}, made, step.line))
    return replace(program, steps=tuple(steps))


def cancel_signs(program: Program) -> Program:
    """The program with such signs left out; the same program where there are none."""
    read_by = readers(program.steps)
    free = [  # 1 + exp(-z), which can be -1 - exp(-z) as well
        step.results[0]
        for step in program.steps
        if step.function is np.add
        and number_of(step) is not None
        and [reader.function for reader in read_by.get(step.results[0], ())] == [np.reciprocal]
    ]
    found, flipped = program, frozenset[Variable]()
    if len(free) > MOST:
        return program
    for keep_equal in (False, True):  # then those that cost nothing, so that all layers are alike
        if keep_equal and found is program:
            break
        for variable in free:
            tried = with_signs(program, flipped | {variable})
            if tried is not None and len(tried.steps) < len(found.steps) + keep_equal:
                found, flipped = tried, flipped | {variable}
    return found


def with_signs(program: Program, flipped: frozenset[Variable]) -> Program | None:
    """The program with these sums negated, and all that follows from it; None where a sign would remain."""
    minus: set[Variable] = set()
    new: dict[Variable, Variable] = {}
    steps: list[Step] = []
    for step in program.steps:
        result = step.results[0]
        signs = [type(each) is Variable and each in minus for each in step.arguments]
        if result not in flipped and not any(operand in minus for operand in step.operands):
            steps.append(step.replaced(new))
            continue
        if step.function is np.negative and not step.keywords:
            new[result] = new.get(step.operands[0], step.operands[0])
            continue
        changed = in_other_signs(step, signs, result in flipped)
        if changed is None:
            return None
        function, arguments, negated = changed
        steps.append(Step(function, arguments, step.keywords, step.result, step.line).replaced(new))
        if negated:
            minus.add(result)
    outputs = tuple(new.get(each, each) for each in program.outputs)
    return None if minus & set(outputs) else replace(program, steps=tuple(steps), outputs=outputs)


def in_other_signs(step: Step, signs: list[bool], flip: bool) -> Changed | None:
    """The function and arguments of a step some of whose operands are negated, and whether its result is, too."""
    function, arguments = step.function, step.arguments
    if function in LINEAR and step.keywords.keys() <= {"axis", "keepdims", "shape", "axes"}:
        return (function, arguments, True) if signs[0] and not any(signs[1:]) else None
    if step.keywords or step.results[0].dtype.kind != "f":
        return None
    if function is np.square:
        return function, arguments, False
    if function is np.reciprocal:
        return function, arguments, True
    if function in (np.multiply, np.matmul, np.divide):
        return function, arguments, signs[0] != signs[1]
    if function is np.add and flip:
        number = number_of(step)
        other = next(each for each in arguments if type(each) is Variable)
        return None if any(signs) or number is None else (np.subtract, (-number, other), True)
    if function is np.add:
        a, b = arguments if signs[1] else arguments[::-1]  # a - (-b)
        return (np.add, arguments, True) if all(signs) else (np.subtract, (a, b), False)
    if function is np.subtract:
        return (np.subtract, arguments, True) if all(signs) else (np.add, arguments, signs[0])
    return None


def number_of(step: Step) -> float | None:
    """The Python number among a step's two arguments."""
    numbers = [each for each in step.arguments if type(each) in (int, float)]
    return numbers[0] if len(numbers) == 1 and len(step.operands) == 1 else None
