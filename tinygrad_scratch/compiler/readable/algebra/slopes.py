"""Slopes in a derivation: of the sigmoid and of a kink, as they are known; and guards against what can't be."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.compiler.readable.algebra.numbers import full_of, is_number
from tinygrad_scratch.compiler.readable.algebra.shapes import BROADCASTS, before_broadcast
from tinygrad_scratch.compiler.readable.tidy import Known, anew
from tinygrad_scratch.rules.elementwise import LARGEST


def slope(step: Step, known: Known) -> Step | None:
    """The derivative of the sigmoid as it is known: y * (y * e), with e = 1 / y - 1, is y * (1 - y)."""
    y, rest = step.arguments
    inner = known.by(rest, np.multiply)
    least = known.by(inner.arguments[1], np.minimum) if inner is not None and inner.arguments[0] is y else None
    if least is None or least.arguments[1] != LARGEST.get(y.dtype) or not is_sigmoid(y, least.arguments[0], known):
        return None
    return anew(step, np.multiply, y, known.call(np.subtract, 1, y))


def is_sigmoid(y: Any, e: Any, known: Known) -> bool:
    """Whether y is 1 / (1 + e)."""
    quotient = known.by(y, np.divide)
    below = known.by(quotient.arguments[1], np.add) if quotient is not None and quotient.arguments[0] == 1 else None
    return below is not None and e in below.arguments and 1 in [a for a in below.arguments if is_number(a)]


def needless_guard(step: Step, known: Known) -> Any:
    """np.where(x == 0, np.inf, x), of an x that is never 0."""
    condition, instead, x = step.arguments
    test = known.by(condition, np.equal)
    guards = test is not None and test.arguments[0] is x and test.arguments[1] == 0 and instead in (np.inf, 1)
    return x if guards and is_positive(x, known) else None


def step_function(step: Step, known: Known) -> Step | None:
    """The slope of np.maximum(x, c) and np.minimum(x, c): 1 on the one side, 0 on the other, half where they tie."""
    tie, half, rest = step.arguments
    ties, inner = known.by(tie, np.equal), known.by(rest, np.where)
    if ties is None or inner is None or inner.arguments[1] != 0 or not is_number(ties.arguments[1]):
        return None
    (x, limit), (lost, _, g) = ties.arguments, inner.arguments
    loses = known.by(lost, np.less, np.greater)
    if loses is None or loses.arguments[0] is not x or not is_half(half, g, known):
        return None
    extreme = known.by(loses.arguments[1], np.maximum if loses.function is np.less else np.minimum)
    numbers = [a for a in extreme.arguments if is_number(a)] if extreme is not None else []
    if extreme is None or not any(a is x for a in extreme.arguments) or limit not in numbers:
        return None
    if loses.function is np.greater:
        x = known.call(np.subtract, limit, x) if limit else known.call(np.negative, x)
    elif limit:
        x = known.call(np.subtract, x, limit)
    return anew(step, np.multiply, g, known.call(np.heaviside, x, 0.5))


def is_half(value: Any, g: Any, known: Known) -> bool:
    half, whole = full_of(value, known), full_of(g, known)
    if half is not None and whole is not None:
        return bool(2 * half == whole)
    narrow = before_broadcast(value, known)
    step = known.by(value if narrow is None else narrow, np.multiply)
    return (
        step is not None and any(a is g for a in step.arguments) and 0.5 in [a for a in step.arguments if is_number(a)]
    )


def needless_condition(step: Step, known: Known) -> Any:
    left, right = step.arguments
    return left if right is True else right if left is True else None


def is_positive(value: Any, known: Known, zero: bool = False) -> bool:
    """Whether a value can't be 0 or below; or not below 0, with `zero`. Small numbers may become 0 in exp and products.

    What adds a positive number to what is not below 0 is positive: a variance with an epsilon.
    """
    if is_number(value):
        return bool(value > 0 or (zero and value == 0))
    step = known.made.get(value)
    if step is None or value.dtype.kind != "f" or not step.keywords.keys() <= {"axis", "keepdims"}:
        return False
    function, arguments = step.function, step.arguments
    if not all(type(a) is not Variable or a.size for a in arguments):
        return False
    if function is np.add:
        left, right = arguments
        both = is_positive(left, known, True) and is_positive(right, known, True)
        return both and (zero or is_positive(left, known) or is_positive(right, known))
    if function in (np.sqrt, np.max, np.sum, np.mean, *BROADCASTS, np.reshape):
        return is_positive(arguments[0], known, zero)
    if function is np.maximum:
        return any(is_positive(a, known, zero) for a in arguments)
    if not zero:
        return False
    if function in (np.multiply, np.divide):
        return arguments[0] is arguments[1] or all(is_positive(a, known, True) for a in arguments)
    if function is np.power:
        return arguments[1] == 2 or is_positive(arguments[0], known, True)
    return function in (np.square, np.absolute, np.exp, np.var, np.std)
