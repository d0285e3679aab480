"""Numbers in a derivation: what is one number everywhere, and what comes of numbers alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.compiler.readable.arguments import Ratio
from tinygrad_scratch.compiler.readable.tidy import Known, Rule


def is_number(value: Any) -> bool:
    return type(value) in (int, float, Ratio)


def ratio_of(value: Any, known: Known) -> tuple[Any, Any] | None:
    """The number that every element of a value is, as a number over another one, or None."""
    step = known.by(value, np.full)
    number = value if step is None else step.arguments[1]
    if isinstance(number, Ratio):
        return number.number, number.over
    return (number, 1) if is_number(number) else None


def full_of(value: Any, known: Known) -> Any:
    """The number that every element of a value is, or None."""
    ratio = ratio_of(value, known)
    return None if ratio is None else ratio[0] / ratio[1] if ratio[1] != 1 else ratio[0]


def everywhere(step: Step, known: Known, number: Any, over: Any = 1) -> Step:
    """One number in the shape of a result."""
    (result,) = step.results
    value = float(number) if over == 1 else Ratio(number, over)
    keywords = {} if result.dtype == np.float64 else {"dtype": result.dtype}
    return Step(np.full, (result.shape, value), keywords, step.result, step.line)


def of_numbers(step: Step, known: Known) -> Any:
    """A call of numbers alone."""
    given = [full_of(a, known) for a in step.arguments]
    if step.keywords or any(a is None for a in given):
        return None
    found = float(step.function(*map(float, given)))
    return everywhere(step, known, found) if step.results[0].dtype.kind == "f" and math.isfinite(found) else None


def sum_of_number(step: Step, known: Known) -> Any:
    """The sum of one number everywhere is a multiple of it."""
    ratio, axes = ratio_of(step.arguments[0], known), axes_of(step)
    if axes is None or ratio is None:
        return None
    times = math.prod(step.arguments[0].shape[i] for i in axes)
    return everywhere(step, known, ratio[0] * times, ratio[1])


def spread_number(step: Step, known: Known) -> Any:
    """A number everywhere stays one where it is broadcast, reshaped, cast or read in part."""
    value = step.arguments[0]
    ratio = None if type(value) is Variable and value in known.fixed else ratio_of(value, known)
    if ratio is None:
        return None
    if type(value) is Variable and value.dtype != step.results[0].dtype:
        number = np.real(value.dtype.type(full_of(value, known)))
        ratio = float(step.results[0].dtype.type(number).real), 1
    return everywhere(step, known, *ratio)


def made_full(number: float) -> Rule:
    """np.zeros_like and np.ones_like, as one number everywhere."""
    return lambda step, known: None if step.keywords else everywhere(step, known, number)


def axes_of(step: Step) -> tuple[int, ...] | None:
    """The axes that a plain sum goes over."""
    count = len(np.shape(step.arguments[0]))
    axis = step.arguments[1] if len(step.arguments) > 1 else step.keywords.get("axis")
    if len(step.arguments) > 2 or not step.keywords.keys() <= {"axis", "keepdims"}:
        return None
    if not isinstance(axis, int | tuple | None):
        return None
    if axis is None or not count:
        return tuple(range(count))
    return tuple(i % count for i in np.atleast_1d(axis).tolist())
