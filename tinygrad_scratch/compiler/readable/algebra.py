"""The rules that make a derivation read as if it were written by hand. Each keeps the value up to rounding.

A backward rule is written for any cotangent and any shape, so what it says of one case has noise in it: a cotangent
of 1 that is broadcast and multiplied, a half and a two, a minus that meets another, a guard against a zero that can't
be there. Each rule here takes out one kind of noise from one call.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.compiler.readable.arguments import Ratio
from tinygrad_scratch.compiler.readable.tidy import Known, Rule, anew
from tinygrad_scratch.compiler.traced import as_type
from tinygrad_scratch.rules.shapes import cast, expand

FACTORS = (np.multiply, np.divide, np.negative)
BROADCASTS = (expand, np.broadcast_to)
REPEATS = (*BROADCASTS, np.full)
STRETCHES = frozenset({
    np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum, np.where, np.equal, np.not_equal,
    np.less, np.less_equal, np.greater, np.greater_equal, np.logical_and, np.logical_or,
})  # fmt: skip


def is_number(value: Any) -> bool:
    return type(value) in (int, float)


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


# ---- shapes ----------------------------------------------------------------------------------------------------------


def by_broadcasting(step: Step, known: Known) -> Step | None:
    """An operand that was broadcast first, where NumPy broadcasts it anyway."""
    if step.keywords:
        return None
    for i, operand in enumerate(step.arguments):
        instead = before_broadcast(operand, known)
        if instead is None:
            continue
        arguments = (*step.arguments[:i], instead, *step.arguments[i + 1 :])
        if any(type(a) is Variable for a in arguments) and (found := anew(step, step.function, *arguments)):
            return found
    return None


def before_broadcast(value: Any, known: Known) -> Any:
    """What was broadcast to make a value, a number or an array of fewer elements or axes."""
    inner = known.by(value, *REPEATS, np.reshape)
    if inner is None or (inner.function is np.reshape and not adds_axes_in_front(inner)):
        return None
    return full_of(value, known) if inner.function is np.full else inner.arguments[0]


def adds_axes_in_front(step: Step) -> bool:
    target, *_ = step.arguments
    shape = step.results[0].shape
    extra = len(shape) - len(target.shape)
    return extra >= 0 and shape == (1,) * extra + target.shape


def same_shape(step: Step, known: Known) -> Any:
    """A reshape, a cast or a copy to what the value already is."""
    return step.arguments[0] if type(step.arguments[0]) is Variable else None


def whole(step: Step, known: Known) -> Any:
    """All of an array, as a part of it."""
    target, place = step.arguments
    return target if place is Ellipsis or (isinstance(place, tuple) and place == ()) else None


def reshaped_twice(step: Step, known: Known) -> Step | None:
    inner = known.by(step.arguments[0], np.reshape)
    if inner is None or step.keywords or inner.keywords or len(step.arguments) > 2:
        return None
    return Step(np.reshape, (inner.arguments[0], step.results[0].shape), {}, step.result, step.line)


def kept_dimensions(step: Step, known: Known) -> Step | None:
    """A sum that is then given its axes back, of length 1, keeps them."""
    inner = known.open(step.arguments[0], np.sum)
    if inner is None:
        return None
    shape, axes = inner.arguments[0].shape, axes_of(inner)
    if axes is None or tuple(1 if i in axes else n for i, n in enumerate(shape)) != step.results[0].shape:
        return None
    return Step(np.sum, inner.arguments, {**inner.keywords, "keepdims": True}, step.result, step.line)


def axes_of(step: Step) -> tuple[int, ...] | None:
    """The axes that a plain sum goes over."""
    count = len(np.shape(step.arguments[0]))
    axis = step.arguments[1] if len(step.arguments) > 1 else step.keywords.get("axis")
    if len(step.arguments) > 2 or not step.keywords.keys() <= {"axis", "keepdims"}:
        return None
    if axis is None or not count:
        return tuple(range(count))
    return tuple(i % count for i in np.atleast_1d(axis).tolist())


def one_axis(step: Step, known: Known) -> Step | None:
    """A sum over axes: one axis as a number, all of them without saying so."""
    axes = axes_of(step)
    if axes is None or type(step.arguments[0]) is not Variable:
        return None
    keep = {"keepdims": True} if step.keywords.get("keepdims") else {}
    said: dict[str, Any] = {} if len(axes) == len(step.arguments[0].shape) else {"axis": axes}
    if len(axes) == 1 and said:
        said = {"axis": axes[0]}
    if step.arguments[1:] == () and dict(step.keywords) == {**said, **keep}:
        return None
    return Step(np.sum, step.arguments[:1], {**said, **keep}, step.result, step.line)


def sum_of_number(step: Step, known: Known) -> Any:
    """The sum of one number everywhere is a multiple of it."""
    ratio, axes = ratio_of(step.arguments[0], known), axes_of(step)
    if axes is None or ratio is None:
        return None
    times = math.prod(step.arguments[0].shape[i] for i in axes)
    return everywhere(step, known, ratio[0] * times, ratio[1])


def spread_number(step: Step, known: Known) -> Any:
    """A number that is broadcast, reshaped or cast is a number everywhere."""
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


def transposed_twice(step: Step, known: Known) -> Any:
    inner = known.by(step.arguments[0], np.transpose)
    if inner is None or any(each.arguments[1:] not in ((), (None,)) or each.keywords for each in (step, inner)):
        return None
    return inner.arguments[0]


# ---- sums and signs --------------------------------------------------------------------------------------------------


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


# ---- values that are known --------------------------------------------------------------------------------------------


def of_numbers(step: Step, known: Known) -> Any:
    """A call of numbers alone."""
    given = [full_of(a, known) for a in step.arguments]
    if step.keywords or any(a is None for a in given):
        return None
    found = float(step.function(*map(float, given)))
    return everywhere(step, known, found) if step.results[0].dtype.kind == "f" and math.isfinite(found) else None


def slope(step: Step, known: Known) -> Step | None:
    """The derivative of the sigmoid as it is known: y * (y * e), with e = 1 / y - 1, is y * (1 - y)."""
    y, rest = step.arguments
    inner = known.by(rest, np.multiply)
    least = known.by(inner.arguments[1], np.minimum) if inner is not None and inner.arguments[0] is y else None
    if step.function is not np.multiply or least is None or not is_one_over_one_plus(y, least.arguments[0], known):
        return None
    return anew(step, np.multiply, y, known.call(np.subtract, 1, y))


def is_one_over_one_plus(y: Any, e: Any, known: Known) -> bool:
    quotient = known.by(y, np.divide)
    below = known.by(quotient.arguments[1], np.add) if quotient is not None and quotient.arguments[0] == 1 else None
    return below is not None and e in below.arguments and 1 in [a for a in below.arguments if is_number(a)]


def by_one(step: Step, known: Known) -> Any:
    left, right = step.arguments
    return left if is_number(right) and right == 1 else None


def first_power(step: Step, known: Known) -> Any:
    base, exponent = step.arguments
    return base if is_number(exponent) and exponent == 1 else None


def needless_guard(step: Step, known: Known) -> Any:
    """np.where(x == 0, np.inf, x), of an x that is never 0."""
    condition, instead, x = step.arguments
    test = known.by(condition, np.equal)
    guards = test is not None and test.arguments[0] is x and test.arguments[1] == 0 and instead in (np.inf, 1)
    return x if guards and is_positive(x, known) else None


def step_function(step: Step, known: Known) -> Step | None:
    """The slope of np.maximum(x, c) and np.minimum(x, c): 1 on the one side, 0 on the other, and half where both tie."""
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
    if step is None:
        return False
    function, arguments = step.function, step.arguments
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


PRODUCT: list[Rule] = [slope, collected]
RULES: dict[Any, list[Rule]] = {
    **{function: [by_broadcasting] for function in STRETCHES},
    np.add: [of_numbers, without_zero, doubled, by_broadcasting, signs_in_sum],
    np.subtract: [of_numbers, without_zero, by_broadcasting, signs_in_sum],
    np.multiply: PRODUCT,
    np.divide: PRODUCT,
    np.negative: [collected],
    np.positive: [same_shape],
    np.copy: [same_shape],
    np.power: [of_numbers, first_power, by_broadcasting],
    np.where: [needless_guard, step_function, by_broadcasting],
    np.logical_and: [needless_condition, by_broadcasting],
    np.sum: [sum_of_number, one_axis, same_shape],
    np.reshape: [same_shape, spread_number, reshaped_twice, kept_dimensions],
    np.transpose: [spread_number, transposed_twice],
    operator.getitem: [whole],
    cast: [same_shape, spread_number],
    as_type: [same_shape, spread_number],
    np.zeros_like: [made_full(0.0)],
    np.ones_like: [made_full(1.0)],
    expand: [same_shape, spread_number],
    np.broadcast_to: [same_shape, spread_number],
}
FORWARD: dict[Any, list[Rule]] = {
    np.multiply: [by_one],
    np.reshape: [same_shape],
    cast: [same_shape],
    operator.getitem: [whole],
}
"""The way forward stays as it was written, but for calls that do nothing, which functions of ours make."""
