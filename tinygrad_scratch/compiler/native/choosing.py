"""Elements that arrays of integers choose: read in the loop that needs them, or added to where they came from."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native.assembly import Assembly
from tinygrad_scratch.compiler.native.elements import Indirect, Reduce
from tinygrad_scratch.compiler.native.expressions import SUPPORTED
from tinygrad_scratch.compiler.native.lowering import Lowering, described, lowers, seen
from tinygrad_scratch.compiler.native.places import Place
from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.functional import embedding, sum_rows
from tinygrad_scratch.rules.choosing import put_back
from tinygrad_scratch.rules.indexing import scatter


@lowers(operator.getitem)
def getitem(lowering: Lowering, step: Step) -> bool:
    """A view where the index is of slices and numbers; with arrays of integers, elements are chosen in the loop."""
    operand, index = step.arguments
    if type(operand) is not Variable or not isinstance(step.result, Variable):
        return False
    if not any(has_array(part) for part in parts_of_index(index)):
        return lowering.alias(step, operand, lambda array: array[with_rest(index)])
    chosen = chosen_elements(lowering, lowering.places[operand], index, step.result.shape)
    if chosen is None:
        return False
    lowering.map(step.result, "{0}", [chosen], [step.result.dtype], described(step))
    return True


def parts_of_index(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def with_rest(index: Any) -> tuple[Any, ...]:
    """The same index, written so that a single element is a view, too."""
    parts = parts_of_index(index)
    return parts if Ellipsis in parts else (*parts, ...)


def has_array(part: Any) -> bool:
    return type(part) is Variable or isinstance(part, np.ndarray | list | bool | np.bool_)


def chosen_elements(lowering: Lowering, source: Place, index: Any, shape: tuple[int, ...]) -> Indirect | None:
    """Elements chosen by arrays of integers along some axes, in order along the others (numbers, slices, Ellipsis).

    The arrays' axes stand first in the result, or where the arrays stand if these are neighbours. None where the
    result would have another shape.
    """
    parts = spelled_out(index, len(source.shape))
    if parts is None:
        return None
    number = next((part for part in parts if isinstance(part, int | np.integer)), None)
    if number is not None:  # one number is a place along its axis, and stands among the arrays
        axis = parts.index(number)
        at = int(number) % source.shape[axis]
        source = seen(source, lambda array: array[(slice(None),) * axis + (slice(at, at + 1),)])
    where = [i for i, part in enumerate(parts) if not isinstance(part, slice)]
    arrays = {i: lowering.places[parts[i]] for i in where if type(parts[i]) is Variable}
    if len(where) - len(arrays) > 1:
        return None
    advanced = np.broadcast_shapes(*(place.shape for place in arrays.values()))
    first = where[0] if where == list(range(where[0], where[-1] + 1)) else 0
    kept = source.array[tuple(part if isinstance(part, slice) else slice(0, 1) for part in parts)]
    inner = [i for i in range(kept.ndim) if i not in where]
    extents, strides = [kept.shape[i] for i in inner], [kept.strides[i] for i in inner]
    extents[first:first], strides[first:first] = advanced, [0] * len(advanced)
    if tuple(extents) != shape:
        return None
    base = np.lib.stride_tricks.as_strided(kept, shape, strides, writeable=False)
    after = (1,) * (len(shape) - first - len(advanced))
    indices = []
    for i, place in arrays.items():
        spread = Place(place.buffer, np.broadcast_to(place.array, advanced).reshape(advanced + after))
        checked = not lowering.is_constant(place)
        indices.append((spread.broadcast(shape), source.strides[i], source.shape[i], checked))
    return Indirect(Place(source.buffer, base), tuple(indices))


def spelled_out(index: Any, axes: int) -> list[Any] | None:
    """An index with a part for each axis: a slice, a number, or the variable of an array of integers."""
    parts = list(parts_of_index(index))
    if any(isinstance(part, bool | np.bool_ | list | np.ndarray) or part is None for part in parts):
        return None
    if any(type(part) is Variable and (part.dtype.kind not in "iu" or part.dtype not in SUPPORTED) for part in parts):
        return None
    if Ellipsis in parts:
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * (axes - len(parts) + 1)
    parts += [slice(None)] * (axes - len(parts))
    return parts if len(parts) == axes else None


@lowers(embedding)
def rows_of_table(lowering: Lowering, step: Step) -> bool:
    table, indices = step.arguments
    chosen = chosen_elements(lowering, lowering.places[table], (indices,), step.results[0].shape)
    if chosen is None:
        return False
    lowering.map(step.results[0], "{0}", [chosen], [step.results[0].dtype], described(step))
    return True


def added_where_chosen(lowering: Lowering, step: Step, operand: Place, index: Any, shape: tuple[int, ...]) -> bool:
    """Zeros of a shape, to which each element of an operand is added at an index; one may be named twice."""
    result = step.results[0]
    target = Place.new(shape, result.dtype, result.name)
    chosen = chosen_elements(lowering, target, index, operand.shape)
    if chosen is None or result.dtype.kind != "f":
        return False
    lowering.places[result] = lowering.reshaped(target, result.shape)
    everywhere = tuple(range(len(operand.shape)))
    lowering.operations.append(Reduce(target, "sum", operand, everywhere, chosen, described(step)))
    return True


@lowers(scatter)
def scattered(lowering: Lowering, step: Step) -> bool:
    """Zeros with elements added at an index."""
    operand, index, shape = (*step.arguments, *step.keywords.values())[:3]
    if type(operand) is not Variable:
        return False
    place = lowering.places[operand]
    if any(has_array(part) for part in parts_of_index(index)):
        return added_where_chosen(lowering, step, place, index, tuple(shape))
    target = lowering.new(step.results[0])
    part = seen(target, lambda array: array[with_rest(index)])
    lowering.operations.append(Assembly(target, [(part, place)], note=described(step)))
    return True


@lowers(sum_rows)
def summed_rows(lowering: Lowering, step: Step) -> bool:
    g, indices = (*step.arguments, *step.keywords.values())[:2]
    if type(g) is not Variable or type(indices) is not Variable:
        return False
    return added_where_chosen(lowering, step, lowering.places[g], indices, step.results[0].shape)


@lowers(put_back)
def put_back_by_number(lowering: Lowering, step: Step) -> bool:
    """The index counts through the flat array."""
    operand, places, _ = (*step.arguments, *step.keywords.values())
    if type(operand) is not Variable or type(places) is not Variable or operand.size != places.size:
        return False
    elements = lowering.reshaped(lowering.places[operand], places.shape)
    return added_where_chosen(lowering, step, elements, places, (step.results[0].size,))


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


def along_axis(lowering: Lowering, source: Place, places: Place, axis: int) -> Indirect:
    """For each element of the result, its own place along one axis; the other axes are those of the source."""
    axis %= len(source.shape)
    first = seen(source, lambda array: array[(slice(None),) * axis + (slice(0, 1),)])
    checked = not lowering.is_constant(places)
    return Indirect(first.broadcast(places.shape), ((places, source.strides[axis], source.shape[axis], checked),))


@lowers(np.take_along_axis)
def taken_along_axis(lowering: Lowering, step: Step) -> bool:
    operand, indices, *rest = step.arguments
    axis = rest[0] if rest else step.keywords.get("axis", -1)
    if type(operand) is not Variable or type(indices) is not Variable or axis is None:
        return False
    shape = step.results[0].shape
    if not operand.shape[axis] or indices.dtype.kind not in "iu":
        return False
    source = seen(lowering.places[operand], lambda array: spread_but_for(array, axis, shape))
    chosen = along_axis(lowering, source, lowering.places[indices].broadcast(shape), axis)
    lowering.map(step.results[0], "{0}", [chosen], [operand.dtype], described(step))
    return True


def spread_but_for(array: Any, axis: int, shape: tuple[int, ...]) -> Any:
    """The array broadcast to a shape along all axes but one."""
    wanted = list(shape)
    wanted[axis] = array.shape[axis]
    return np.broadcast_to(array, wanted)


def from_the_front(lowering: Lowering, indices: Place, extent: int) -> Place:
    """Indices counted from the front, each checked: the numbers 0, 1, 2, ... that they choose."""
    numbers = lowering.constant(np.arange(extent))
    first = seen(numbers, lambda array: array[:1])
    chosen = Indirect(first.broadcast(indices.shape), ((indices, 1, extent, not lowering.is_constant(indices)),))
    return lowering.map(Place.new(indices.shape, numbers.dtype), "{0}", [chosen], [numbers.dtype])


def numbers_along(lowering: Lowering, shape: tuple[int, ...], axis: int) -> Place:
    """0, 1, 2, ... along one axis of a shape."""
    axis %= len(shape)
    return lowering.constant(np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))]))


@lowers(("a new array by", np.put_along_axis))
def one_put_along_axis(lowering: Lowering, step: Step) -> bool:
    """A copy in which one element along an axis is another: the one whose number is the index."""
    operand, indices, values, *rest = step.arguments
    axis = rest[0] if rest else step.keywords.get("axis")
    value, result = lowering.operand(values), step.results[0]
    if type(operand) is not Variable or type(indices) is not Variable or axis is None or value is None:
        return False
    along = axis % len(operand.shape)
    one = tuple(1 if i == along else n for i, n in enumerate(operand.shape))
    if indices.shape != one or indices.dtype.kind not in "iu" or not operand.size:
        return False
    place = from_the_front(lowering, lowering.places[indices], operand.shape[axis])
    numbers = numbers_along(lowering, operand.shape, axis)
    types = [result.dtype, place.dtype, place.dtype, result.dtype]
    given = [lowering.places[operand], place, numbers, value]
    lowering.map(result, "select({1} == {2}, {3}, {0})", given, types, described(step))
    return True
