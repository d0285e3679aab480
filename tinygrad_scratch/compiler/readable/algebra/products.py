"""Sums and products in a derivation: numbers come first, signs before them, and what divides at the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.compiler.readable.algebra.numbers import everywhere, full_of, is_number, ratio_of
from tinygrad_scratch.compiler.readable.algebra.shapes import before_broadcast
from tinygrad_scratch.compiler.readable.tidy import Known, anew
from tinygrad_scratch.rules.shapes import expand

# ---- sums ------------------------------------------------------------------------------------------------------------


def without_zero(step: Step, known: Known) -> Any:
    """Adding zeros."""
    left, right = step.arguments
    if full_of(right, known) == 0:
        return left
    return right if step.function is np.add and full_of(left, known) == 0 else None


def signs_in_sum(step: Step, known: Known) -> Step | None:
    """Adding what has a minus is subtracting, and subtracting it is adding."""
    left, right = step.arguments
    if (inner := known.open(right, np.negative)) is not None:
        return anew(step, np.subtract if step.function is np.add else np.add, left, inner.arguments[0])
    if step.function is np.add and (inner := known.open(left, np.negative)) is not None:
        return anew(step, np.subtract, right, inner.arguments[0])
    return None


def doubled(step: Step, known: Known) -> Step | None:
    left, right = step.arguments
    return anew(step, np.multiply, 2, left) if left is right else None


# ---- products --------------------------------------------------------------------------------------------------------

FACTORS = (np.multiply, np.divide, np.negative)


@dataclass(frozen=True)
class Product:
    """A number times factors in their order, some of which divide, over a number."""

    number: float = 1
    over: float = 1
    factors: tuple[tuple[Any, Any], ...] = ()  # np.multiply or np.divide, and by what

    def times(self, other: Product) -> Product:
        """Both, one after the other. A number and the same number below it go away."""
        number, over = self.number * other.number, self.over * other.over
        same = abs(number) == abs(over) != 1
        return Product(number / over if same else number, 1 if same else over, self.factors + other.factors)


def product_of(function: Any, arguments: Sequence[Any], known: Known) -> Product:
    """A product taken apart into its factors, through products that only it reads."""
    if function is np.negative:
        return Product(-1).times(factor(arguments[0], known))
    left, right = arguments
    if function is np.multiply:
        return factor(left, known).times(factor(right, known))
    ratio = ratio_of(right, known)
    if ratio is not None and ratio[0]:
        return factor(left, known).times(Product(ratio[1], ratio[0]))
    below = factor(right, known) if known.open(right, np.multiply) else Product(factors=((np.multiply, right),))
    if len(below.factors) != 1 or below.over != 1 or below.factors[0][0] is not np.multiply or below.number == 0:
        below = Product(factors=((np.multiply, right),))
    return factor(left, known).times(Product(over=below.number, factors=((np.divide, below.factors[0][1]),)))


def factor(value: Any, known: Known) -> Product:
    """What a value is as a part of a product, which broadcasts it anyway."""
    ratio = ratio_of(value, known)
    if ratio is not None:
        return Product(*ratio)
    inner = known.open(value, *FACTORS)
    if inner is not None and not inner.keywords:
        return product_of(inner.function, inner.arguments, known)
    narrow = before_broadcast(value, known)
    return Product(factors=((np.multiply, value),)) if narrow is None else factor(narrow, known)


def collected(step: Step, known: Known) -> Any:
    """A product with its numbers in front, its sign before them, and what divides all of it at the end."""
    (result,) = step.results
    if step.keywords or result.dtype.kind not in "fc" or result in known.collected:
        return None
    product = product_of(step.function, step.arguments, known)
    number, over = neat(product.number), neat(product.over)
    if not (math.isfinite(number) and math.isfinite(over)):
        return None
    if number == 0 or not product.factors:
        return everywhere(step, known, number, over)
    if not all(type(value) is Variable for _, value in product.factors):
        return None
    if number < 0 and product.factors[0][1].dtype.kind not in "fc":
        return None
    known.collected.add(result)
    value = product.factors[0][1]
    calls = list(calls_of(abs(number), over, product.factors)) + [(np.negative, None)] * (number < 0)
    arguments: list[Any] = []
    for place, (function, *given) in enumerate(calls):
        arguments = [value if a is None else known.call(np.multiply, *a) if isinstance(a, tuple) else a for a in given]
        if place < len(calls) - 1:
            value = known.call(function, *arguments)
    if not calls:
        return value if value.shape == result.shape else stretched(value, step)
    found = anew(step, function, *arguments)
    return found or stretched(known.call(function, *arguments), step)


def stretched(value: Variable, step: Step) -> Step | None:
    """What is smaller than a result, broadcast: who reads it may not need that."""
    (result,) = step.results
    same = value.dtype == result.dtype and value.shape != result.shape
    return Step(expand, (value, result.shape), {}, step.result, step.line) if same else None


def calls_of(number: float, over: float, factors: Any) -> Any:
    """What is done one after the other to the first factor; None stands for what came out before."""
    (first, value), *others = factors
    if any(function is np.divide for function, _ in others) and type(number) is type(over) is int:
        both = math.gcd(number, over)
        number, over = number // both, over // both
    last = max((i for i, (function, _) in enumerate(others) if function is np.divide), default=None)
    if first is np.divide:
        yield (np.divide, number, value)
    elif number != 1:
        yield (np.multiply, number, value)
    for place, (function, other) in enumerate(others):
        yield (function, None, (over, other) if place == last and over != 1 else other)
    if over != 1 and last is None:
        yield (np.divide, None, over)


def neat(number: float) -> float:
    """A whole number as an integer."""
    return int(number) if abs(number) < 1e6 and number == int(number) else number


def by_one(step: Step, known: Known) -> Any:
    left, right = step.arguments
    return left if is_number(right) and right == 1 else None


def first_power(step: Step, known: Known) -> Any:
    base, exponent = step.arguments
    return base if is_number(exponent) and exponent == 1 else None
