"""Arrays put together from parts: written into, or side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native.assembly import Assembly
from tinygrad_scratch.compiler.native.choosing import has_array, parts_of_index, with_rest
from tinygrad_scratch.compiler.native.elements import Operand
from tinygrad_scratch.compiler.native.lowering import Lowering, described, lowers, seen
from tinygrad_scratch.compiler.native.places import Place
from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.rules.indexing import assign


@lowers(assign)
def assigned(lowering: Lowering, step: Step) -> bool:
    """A copy with another part."""
    operand, value, index = step.arguments
    new = lowering.operand(value)
    if type(operand) is not Variable or new is None or any(has_array(part) for part in parts_of_index(index)):
        return False
    target = lowering.new(step.results[0])
    part = seen(target, lambda array: array[with_rest(index)])
    if isinstance(new, Place) and len(new.shape) > len(part.shape):
        new = seen(new, lambda array: array.reshape(array.shape[-len(part.shape) :] if part.shape else ()))
    if part.array.size == target.array.size and part.same_elements(target):
        lowering.map(target, "{0}", [new], [target.dtype], described(step))
        return True
    pieces: list[tuple[Place, Operand]] = [(target, lowering.places[operand]), (part, new)]
    lowering.operations.append(Assembly(target, pieces, None, described(step)))
    return True


@lowers(np.concatenate, np.stack)
def joined(lowering: Lowering, step: Step) -> bool:
    """Arrays side by side, each a part of the result."""
    arrays, *rest = step.arguments
    axis = rest[0] if rest else step.keywords.get("axis", 0)
    if len(rest) > 1 or step.keywords.keys() - {"axis"} or axis is None or not isinstance(arrays, tuple | list):
        return False
    if not all(type(x) is Variable for x in arrays):
        return False
    target = lowering.new(step.results[0])
    axis %= len(target.shape)
    lead = (slice(None),) * axis
    pieces: list[tuple[Place, Operand]] = []
    at = 0
    for x in arrays:
        place = lowering.places[x]
        index: Any = at if step.function is np.stack else slice(at, at + place.shape[axis])
        pieces.append((seen(target, lambda array, index=index: array[(*lead, index, ...)]), place))  # type: ignore[misc]
        at += 1 if step.function is np.stack else place.shape[axis]
    lowering.operations.append(Assembly(target, pieces, None, described(step)))
    return True
