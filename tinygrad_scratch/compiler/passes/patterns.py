"""Patterns: a few steps that people and derivative rules write often, in a shorter way that computes the same.

A pattern is a function of a step and of the steps that made what it reads. It returns a variable that has the step's
value already, or the steps that take its place, or None.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Program, Step, Variable, readers, substitute
from tinygrad_scratch.functional import sigmoid
from tinygrad_scratch.graph import Array
from tinygrad_scratch.rules.shapes import expand

Found = Variable | Sequence[Step] | None


@dataclass
class Known:
    """What is known of the variables so far: the steps that made them, the values of constants, and their readers."""

    made: dict[Variable, Step]
    constants: Mapping[Variable, Array]
    readers: Mapping[Variable, list[Step]] = field(default_factory=dict)

    def read_once(self, step: Step) -> bool:
        """Whether one step alone reads the result of a step."""
        return len(self.readers.get(step.results[0], ())) <= 1

    def step(self, value: Any, function: Any, arguments: int | None = None) -> Step | None:
        """The step that made a value, if it is a call of this function without keywords."""
        step = self.made.get(value) if type(value) is Variable else None
        return step if step is not None and step.function is function and not step.keywords else None

    def number(self, value: Any) -> float | int | None:
        """The one number that a value is, or is filled with."""
        if type(value) in (int, float):
            return value  # type: ignore[no-any-return]
        array: Any = value if isinstance(value, np.generic) else None
        if type(value) is Variable:
            array = self.constants.get(value)
        if array is None or array.dtype.kind not in "fiu" or not array.size:
            return None
        first = array.flat[0] if array.ndim else array[()]
        return first.item() if np.all(array == first) else None


def rewrite(program: Program, patterns: Sequence[Callable[[Step, Known], Found]]) -> Program:
    """The program with each pattern tried on each step."""
    known = Known({}, program.constants, readers(program.steps))
    new: dict[Variable, Variable] = {}
    steps: list[Step] = []
    for step in program.steps:
        step = step.replaced(new)
        for pattern in patterns:
            found = pattern(step, known)
            if isinstance(found, Variable):
                if returned_alone(step, found, program, known):
                    continue
                found.name = found.name or step.results[0].name
                new[step.results[0]] = found
                break
            if found is not None:
                steps.extend(found)
                known.made.update({result: each for each in found for result in each.results})
                break
        else:
            steps.append(step)
            known.made.update(dict.fromkeys(step.results, step))
    return replace(program, steps=tuple(steps), outputs=substitute(program.outputs, new))


def returned_alone(step: Step, found: Variable, program: Program, known: Known) -> bool:
    """Whether the step's result is an array that the person gets for their own, and must stay one."""
    is_output = any(result in program.outputs for result in step.results)
    return is_output and not step.results[0].view and (found not in known.made or found in program.outputs)


def alike(a: Variable, b: Variable) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.strides == b.strides


# ---- what changes nothing --------------------------------------------------------------------------------------------


def whole(step: Step, known: Known) -> Found:
    """`x[...]`, and a copy of what nobody writes to."""
    if step.function is operator.getitem and (
        step.arguments[1] is Ellipsis or (type(step.arguments[1]) is tuple and not step.arguments[1])
    ):
        return step.arguments[0] if type(step.arguments[0]) is Variable else None
    if step.function is np.copy and type(step.arguments[0]) is Variable and alike(step.arguments[0], step.results[0]):
        return step.arguments[0]
    return None


def times_one(step: Step, known: Known) -> Found:
    """`x * 1` and `x / 1`."""
    if step.function not in (np.multiply, np.divide) or step.keywords:
        return None
    x, y = step.arguments
    if known.number(y) == 1 and type(x) is Variable and alike(x, step.results[0]):
        return x
    if step.function is np.multiply and known.number(x) == 1 and type(y) is Variable and alike(y, step.results[0]):
        return y
    return None


def transposed_twice(step: Step, known: Known) -> Found:
    """`x.T.T`."""
    if step.function is np.transpose and len(step.arguments) == 1 and not step.keywords:
        inner = known.step(step.arguments[0], np.transpose)
        if inner is not None and len(inner.arguments) == 1 and type(inner.arguments[0]) is Variable:
            return inner.arguments[0]
    return None


# ---- shorter ---------------------------------------------------------------------------------------------------------


def same(step: Step, function: Any, *arguments: Any) -> Sequence[Step]:
    """Another call with this step's result."""
    return (Step(function, arguments, {}, step.result, step.line),)


def powers(step: Step, known: Known) -> Found:
    """`x**2`, `x**0.5` and their kin, of floats: NumPy's power takes ten times as long."""
    if step.function is not np.power or step.keywords or step.results[0].dtype.kind != "f":
        return None
    x, exponent = step.arguments
    if type(x) is not Variable or x.dtype != step.results[0].dtype or isinstance(exponent, Variable):
        return None
    if exponent == 1:
        return x
    shorter = {2: np.square, -1: np.reciprocal, 0.5: np.sqrt}.get(exponent)
    return same(step, shorter, x) if shorter is not None else None


def doubled(step: Step, known: Known) -> Found:
    """`x + x` is `2 * x`, which may meet another factor."""
    if step.function is np.add and not step.keywords and step.arguments[0] is step.arguments[1]:
        x = step.arguments[0]
        return same(step, np.multiply, 2.0, x) if type(x) is Variable and x.dtype.kind == "f" else None
    return None


def factors(step: Step, known: Known) -> Found:
    """`a * (b * x)` with two numbers is `(a * b) * x`."""
    outer = scaled(step, known)
    inner = known.step(outer[1], np.multiply) if outer is not None else None
    within = scaled(inner, known) if inner is not None else None
    if outer is None or within is None or within[1].shape != step.results[0].shape:
        return None
    factor = outer[0] * within[0]
    if factor == 1 and alike(within[1], step.results[0]):
        return within[1]
    return same(step, np.multiply, factor, within[1]) if np.isfinite(factor) and factor else None


def scaled(step: Step, known: Known) -> tuple[float, Variable] | None:
    """The number and the array, where a step multiplies an array of floats by one number."""
    if step.function is not np.multiply or step.keywords or step.results[0].dtype.kind != "f":
        return None
    for number, x in (step.arguments, step.arguments[::-1]):
        value = known.number(number)
        if (
            value is not None
            and type(x) is Variable
            and (x.shape, x.dtype) == (step.results[0].shape, step.results[0].dtype)
        ):
            return float(value), x
    return None


def opposite(step: Step, known: Known) -> Found:
    """`-(a - b)` is `b - a`."""
    inner = known.step(step.arguments[0], np.subtract) if step.function is np.negative and not step.keywords else None
    return same(step, np.subtract, inner.arguments[1], inner.arguments[0]) if inner is not None else None


def broadcast(step: Step, known: Known) -> Found:
    """What is spread over a shape, only to meet an array of that shape, broadcasts by itself."""
    if not isinstance(step.function, np.ufunc) or step.function.signature or step.keywords:
        return None
    for place, argument in enumerate(step.arguments):
        inner = known.made.get(argument) if type(argument) is Variable else None
        if inner is None or inner.function not in (expand, np.broadcast_to) or type(inner.arguments[0]) is not Variable:
            continue
        others = [a for i, a in enumerate(step.arguments) if i != place and type(a) is Variable]
        if any(other.shape == step.results[0].shape for other in others) and inner.arguments[0].dtype == argument.dtype:
            given = (*step.arguments[:place], inner.arguments[0], *step.arguments[place + 1 :])
            return (Step(step.function, given, step.keywords, step.result, step.line),)
    return None


def reciprocal(step: Step, known: Known) -> Found:
    """`1 / x`, of floats."""
    if step.function is not np.divide or step.keywords or step.arguments[0] is step.arguments[1]:
        return None
    one, x = step.arguments
    if known.number(one) != 1 or type(x) is not Variable or x.dtype.kind != "f" or not alike(x, step.results[0]):
        return None
    return same(step, np.reciprocal, x)


def handwritten_sigmoid(step: Step, known: Known) -> Found:
    """`1 / (1 + np.exp(-z))`, unless its backward pass reads the exponential, too."""
    if step.function is np.divide and not step.keywords and known.number(step.arguments[0]) == 1:
        total = known.step(step.arguments[1], np.add)
    elif step.function is np.reciprocal and not step.keywords:
        total = known.step(step.arguments[0], np.add)
    else:
        return None
    if total is None or not known.read_once(total):
        return None
    for one, power in (total.arguments, total.arguments[::-1]):
        exponential = known.step(power, np.exp)
        negative = known.step(exponential.arguments[0], np.negative) if exponential is not None else None
        if exponential is None or negative is None or not known.read_once(exponential):
            continue
        if known.number(one) == 1 and alike(negative.arguments[0], step.results[0]):
            return same(step, sigmoid, negative.arguments[0])
    return None


PATTERNS = (
    whole,
    times_one,
    transposed_twice,
    powers,
    doubled,
    factors,
    opposite,
    broadcast,
    handwritten_sigmoid,
    reciprocal,
)


def simplify(program: Program) -> Program:
    """All patterns, in one walk."""
    return rewrite(program, PATTERNS)
