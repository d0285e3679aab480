"""Elements that arrays of integers choose: read in the loop that needs them, or added to where they came from."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native.expressions import SUPPORTED
from tinygrad_scratch.compiler.native.kernels import Assembly, Indirect, Reduce
from tinygrad_scratch.compiler.native.lowering import Lowering, described, lowers, seen
from tinygrad_scratch.compiler.native.places import Place
from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.functional import embedding, sum_rows
from tinygrad_scratch.rules.indexing import scatter


@lowers(operator.getitem)
def getitem(lowering: Lowering, step: Step) -> bool:
    """A view where the index is of slices and numbers; with arrays of integers, elements are chosen in the loop."""
    operand, index = step.arguments
    if type(operand) is not Variable or not isinstance(step.result, Variable):
        return False
    if not any(has_array(part) for part in parts_of_index(index)):
        parts = parts_of_index(index)
        kept = parts if Ellipsis in parts else (*parts, ...)  # so that a single element is a view, too
        return lowering.alias(step, operand, lambda array: array[kept])
    chosen = chosen_elements(lowering, lowering.places[operand], index, step.result.shape)
    if chosen is None:
        return False
    lowering.map(step.result, "{0}", [chosen], [step.result.dtype], described(step))
    return True


def parts_of_index(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def has_array(part: Any) -> bool:
    return type(part) is Variable or isinstance(part, np.ndarray | list | bool | np.bool_)


def chosen_elements(lowering: Lowering, source: Place, index: Any, shape: tuple[int, ...]) -> Indirect | None:
    """Elements chosen by arrays of integers along some axes, in order along the others (numbers, slices, Ellipsis).

    The arrays' axes stand first in the result, or where the arrays stand if these are neighbours.
    """
    parts = list(parts_of_index(index))
    if any(part is None or isinstance(part, bool | np.bool_ | list | np.ndarray) for part in parts):
        return None
    if Ellipsis in [part for part in parts if not has_array(part)]:
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts[at : at + 1] = [slice(None)] * (len(source.shape) - len(parts) + 1)
    parts += [slice(None)] * (len(source.shape) - len(parts))
    if len(parts) != len(source.shape):
        return None
    where = [i for i, part in enumerate(parts) if not isinstance(part, slice)]
    arrays: list[Place | int] = []
    for i in where:
        found = index_place(lowering, parts[i])
        if found is None:
            return None
        arrays.append(found)
    advanced = np.broadcast_shapes(*(a.shape for a in arrays if isinstance(a, Place)))
    first = where[0] if where == list(range(where[0], where[-1] + 1)) else 0
    kept = source.array[tuple(part if isinstance(part, slice) else slice(0, 1) for part in parts)]
    strides = [kept.strides[i] for i in range(kept.ndim) if i not in where]
    strides[first:first] = [0] * len(advanced)
    base = np.lib.stride_tricks.as_strided(kept, shape, strides, writeable=False)
    lead = len(shape) - first - len(advanced)
    indices = []
    for i, found in zip(where, arrays, strict=True):
        extent, stride = source.shape[i], source.strides[i]
        if isinstance(found, int):
            base = np.lib.stride_tricks.as_strided(
                source.array[(slice(None),) * i + (slice(found % extent, None),)], shape, strides, writeable=False
            )
            if len([a for a in arrays if isinstance(a, int)]) > 1 or any(
                isinstance(part, slice) and part != slice(None) for part in parts
            ):
                return None
            continue
        spread = Place(found.buffer, np.broadcast_to(found.array, advanced).reshape(advanced + (1,) * lead))
        indices.append((spread.broadcast(shape), stride, extent, not lowering.is_constant(found)))
    return Indirect(Place(source.buffer, base), tuple(indices))


def index_place(lowering: Lowering, part: Any) -> Place | int | None:
    """Where an array of integers lies; an array that is part of the program itself becomes a constant of it."""
    if isinstance(part, int | np.integer):
        return int(part)
    if type(part) is not Variable or part.dtype.kind not in "iu" or part.dtype not in SUPPORTED:
        return None
    return lowering.places[part]


@lowers(embedding)
def rows_of_table(lowering: Lowering, step: Step) -> bool:
    table, indices = step.arguments
    chosen = chosen_elements(lowering, lowering.places[table], (indices,), step.results[0].shape)
    if chosen is None:
        return False
    lowering.map(step.results[0], "{0}", [chosen], [step.results[0].dtype], described(step))
    return True


@lowers(scatter)
def scattered(lowering: Lowering, step: Step) -> bool:
    """Zeros with elements added at an index."""
    operand, index, shape = (*step.arguments, *step.keywords.values())[:3]
    if type(operand) is not Variable or not isinstance(step.result, Variable) or step.result.dtype.kind != "f":
        return False
    target = Place.new(tuple(shape), step.result.dtype, step.result.name)
    if any(has_array(part) for part in parts_of_index(index)):
        try:
            chosen = chosen_elements(lowering, target, index, operand.shape)
        except ValueError:
            return False
    else:
        part = seen(
            target,
            lambda array: array[(*parts_of_index(index), ...) if Ellipsis not in parts_of_index(index) else index],
        )
        lowering.places[step.result] = target
        parts = [(part, lowering.places[operand])]
        lowering.operations.append(Assembly(target, parts, note=described(step)))  # type: ignore[arg-type]
        return True
    if chosen is None:
        return False
    lowering.places[step.result] = target
    everywhere = tuple(range(len(operand.shape)))
    lowering.operations.append(Reduce(target, "sum", lowering.places[operand], everywhere, chosen, described(step)))
    return True


@lowers(sum_rows)
def summed_rows(lowering: Lowering, step: Step) -> bool:
    g, indices = (*step.arguments, *step.keywords.values())[:2]
    if type(g) is not Variable or type(indices) is not Variable or not isinstance(step.result, Variable):
        return False
    target = Place.new(step.result.shape, step.result.dtype, step.result.name)
    chosen = chosen_elements(lowering, target, (indices,), g.shape)
    if chosen is None:
        return False
    lowering.places[step.result] = target
    everywhere = tuple(range(len(g.shape)))
    lowering.operations.append(Reduce(target, "sum", lowering.places[g], everywhere, chosen, described(step)))
    return True


@lowers(np.take)
def taken(lowering: Lowering, step: Step) -> bool:
    """Places along one axis, or, without one, in the flat array."""
    operand, indices, *rest = step.arguments
    axis = rest[0] if rest else step.keywords.get("axis")
    if type(operand) is not Variable or type(indices) is not Variable or step.keywords.keys() - {"axis"}:
        return False
    source = lowering.places[operand]
    if axis is None:
        source, axis = lowering.reshaped(source, (operand.size,)), 0
    index = (*(slice(None),) * (axis % len(source.shape)), indices)
    chosen = chosen_elements(lowering, source, index, step.results[0].shape)
    if chosen is None:
        return False
    lowering.map(step.results[0], "{0}", [chosen], [operand.dtype], described(step))
    return True


@lowers(np.take_along_axis)
def taken_along_axis(lowering: Lowering, step: Step) -> bool:
    """For each element of the result, its own place along one axis."""
    operand, indices, *rest = step.arguments
    axis = rest[0] if rest else step.keywords.get("axis", -1)
    if type(operand) is not Variable or type(indices) is not Variable or axis is None:
        return False
    axis %= len(operand.shape)
    if not operand.shape[axis] or indices.dtype.kind not in "iu":
        return False
    source, shape = lowering.places[operand], step.results[0].shape
    first = seen(source, lambda array: array[(slice(None),) * axis + (slice(0, 1),)])
    place = lowering.places[indices]
    chosen = (place.broadcast(shape), source.strides[axis], operand.shape[axis], not lowering.is_constant(place))
    lowering.map(
        step.results[0], "{0}", [Indirect(first.broadcast(shape), (chosen,))], [operand.dtype], described(step)
    )
    return True
