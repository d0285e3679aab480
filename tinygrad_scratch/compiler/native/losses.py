"""The cross-entropy of a softmax, and its slope: row by row, from the logits and the number of the true class."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native.choosing import along_axis, from_the_front, numbers_along
from tinygrad_scratch.compiler.native.elements import Map, Reduce
from tinygrad_scratch.compiler.native.lowering import Lowering, described, lowers, seen
from tinygrad_scratch.compiler.native.places import Place
from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.functional import softmax_cross_entropy
from tinygrad_scratch.rules.registry import RULES


def is_of_rows(logits: Any, labels: Any, dtype: Any) -> bool:
    given = type(logits) is Variable and type(labels) is Variable
    return given and logits.dtype == dtype and dtype.kind == "f" and labels.dtype.kind in "iu" and logits.size > 0


def in_a_column(place: Place) -> Place:
    return seen(place, lambda array: array[..., None])


def largest_and_total(lowering: Lowering, logits: Place, note: str) -> tuple[Place, Place, Place]:
    """Of each row the largest logit, exp of the logits less that, and the sum of these."""
    dtype, axis = logits.dtype, (len(logits.shape) - 1,)
    largest, total = (Place.new((*logits.shape[:-1], 1), dtype) for _ in range(2))
    powers = Place.new(logits.shape, dtype)
    lowering.operations += [
        Reduce(largest.broadcast(logits.shape), "max", logits, axis, None, note),
        Map(powers, "exp{t}({0} - {1})", (logits, largest), (dtype, dtype)),
        Reduce(total.broadcast(logits.shape), "sum", powers, axis),
    ]
    return largest, powers, total


@lowers(softmax_cross_entropy)
def loss(lowering: Lowering, step: Step) -> bool:
    """log(sum(exp(z - m))) - (z[label] - m), where m is the largest of a row."""
    logits, labels = (*step.arguments, *step.keywords.values())
    result = step.results[0]
    if not is_of_rows(logits, labels, result.dtype):
        return False
    z = lowering.places[logits]
    label = in_a_column(lowering.places[labels])
    largest, _, total = largest_and_total(lowering, z, described(step))
    target = in_a_column(lowering.new(result))
    operands = (total, along_axis(lowering, z, label, -1), largest)
    lowering.operations.append(Map(target, "log{t}({0}) - ({1} - {2})", operands, (result.dtype,) * 3))
    return True


@lowers(RULES[softmax_cross_entropy][0])
def slope(lowering: Lowering, step: Step) -> bool:
    """G * (softmax(z) - one_hot(label)), where the label's own, p - 1, is expm1(-loss)."""
    g, y, logits, labels = (*step.arguments, *step.keywords.values())
    result = step.results[0]
    above, loss_of_row = lowering.place(g), lowering.place(y)
    if not is_of_rows(logits, labels, result.dtype) or above is None or loss_of_row is None:
        return False
    dtype, integer = result.dtype, np.dtype(np.int64)
    z, label = lowering.places[logits], in_a_column(lowering.places[labels])
    _, powers, total = largest_and_total(lowering, z, described(step))
    missing = lowering.map(
        Place.new(label.shape, dtype), "float{t}(math.expm1(-{0}))", [in_a_column(loss_of_row)], [dtype]
    )
    place = from_the_front(lowering, label, z.shape[-1])
    operands = (in_a_column(above), powers, total, missing, place, numbers_along(lowering, z.shape, -1))
    types = (dtype, dtype, dtype, dtype, integer, integer)
    lowering.map(result, "{0} * select({4} == {5}, {3}, {1} / {2})", operands, types)
    return True
