"""Functions of views: what they return is a place in what is there."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native.lowering import Lowering, lowers
from tinygrad_scratch.compiler.program import Step, Variable, substitute
from tinygrad_scratch.compiler.traced import item
from tinygrad_scratch.rules.shapes import expand


@lowers(
    *(np.reshape, np.transpose, np.matrix_transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze, np.flip),
    *(np.broadcast_to, np.fliplr, np.flipud, np.rot90, np.diagonal, np.real, np.rollaxis, np.ravel),
)
def view(lowering: Lowering, step: Step) -> bool:
    """A function of views: NumPy is asked what it shows."""
    operand, *others = step.arguments or step.keywords.values()
    if {"A", "K"} & {x for x in (*others, *step.keywords.values()) if isinstance(x, str)}:
        return False  # it depends on how the array lies in memory
    if type(operand) is not Variable or step.operands != (operand,):
        return False

    def of_array(array: Any) -> Any:
        known = {operand: array}
        return step.function(*substitute(step.arguments, known), **substitute(dict(step.keywords), known))

    return lowering.alias(step, operand, of_array)


@lowers(expand)
def expanded(lowering: Lowering, step: Step) -> bool:
    """Broadcast: reading the same element several times is as good as an array of it."""
    operand, shape = step.arguments
    return type(operand) is Variable and lowering.alias(step, operand, lambda array: np.broadcast_to(array, shape))


@lowers(item)
def item_of(lowering: Lowering, step: Step) -> bool:
    """The only element of an array."""
    operand, *index = step.arguments
    return type(operand) is Variable and not index and lowering.alias(step, operand, lambda array: array.reshape(()))


@lowers(np.copy, np.ascontiguousarray, np.array, np.asarray)
def copy(lowering: Lowering, step: Step) -> bool:
    """Values never change, so a copy is the thing itself."""
    operand, *others = step.arguments
    if type(operand) is not Variable or others or step.keywords:
        return False
    return lowering.alias(step, operand, lambda array: array)
