"""The rules that make a derivation read as if it were written by hand. Each keeps the value up to rounding.

A backward rule is written for any cotangent and any shape, so what it says of one case has noise in it: a cotangent
of 1 that is broadcast and multiplied, a half and a two, a minus that meets another, a guard against a zero that can't
be there. Each rule here takes out one kind of noise from one call.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.readable.algebra.numbers import made_full, of_numbers, spread_number, sum_of_number
from tinygrad_scratch.compiler.readable.algebra.places import together
from tinygrad_scratch.compiler.readable.algebra.products import (
    by_one,
    collected,
    doubled,
    first_power,
    signs_in_sum,
    without_zero,
)
from tinygrad_scratch.compiler.readable.algebra.shapes import (
    by_broadcasting,
    kept_dimensions,
    one_axis,
    product_over_axis,
    reshaped_twice,
    same_shape,
    sum_of_one,
    swapped,
    swapped_twice,
    times_vector,
    transposed_product,
    transposed_twice,
    whole,
)
from tinygrad_scratch.compiler.readable.algebra.slopes import needless_condition, needless_guard, slope, step_function
from tinygrad_scratch.compiler.readable.tidy import Rule
from tinygrad_scratch.compiler.traced import as_type
from tinygrad_scratch.rules.shapes import cast, expand

STRETCHES = frozenset({
    np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum, np.where, np.equal, np.not_equal,
    np.less, np.less_equal, np.greater, np.greater_equal, np.logical_and, np.logical_or,
})  # fmt: skip
"""Functions of which an operand may be smaller than the result."""

RULES: dict[Any, list[Rule]] = {
    **{function: [by_broadcasting] for function in STRETCHES},
    np.add: [of_numbers, without_zero, doubled, together, by_broadcasting, signs_in_sum],
    np.subtract: [of_numbers, without_zero, by_broadcasting, signs_in_sum],
    np.multiply: [slope, collected],
    np.divide: [collected],
    np.negative: [collected],
    np.positive: [same_shape],
    np.copy: [same_shape],
    np.power: [of_numbers, first_power, by_broadcasting],
    np.where: [needless_guard, step_function, by_broadcasting],
    np.logical_and: [needless_condition, by_broadcasting],
    np.sum: [sum_of_number, one_axis, sum_of_one],
    np.reshape: [same_shape, spread_number, reshaped_twice, kept_dimensions],
    np.transpose: [spread_number, transposed_twice, transposed_product],
    np.swapaxes: [swapped, swapped_twice],
    np.tensordot: [product_over_axis],
    operator.getitem: [whole, spread_number, times_vector],
    cast: [same_shape, spread_number],
    as_type: [same_shape, spread_number],
    np.zeros_like: [made_full(0.0)],
    np.ones_like: [made_full(1.0)],
    expand: [same_shape, spread_number],
    np.broadcast_to: [same_shape, spread_number],
}
FORWARD: dict[Any, list[Rule]] = {
    np.multiply: [by_one],
    np.copy: [same_shape],
    np.reshape: [same_shape],
    cast: [same_shape],
    operator.getitem: [whole],
}
"""The way forward stays as it was written, but for calls that do nothing, which functions of ours make."""
