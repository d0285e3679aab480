"""From the calls of a program to what a native program is made of: views, maps, reductions, products.

Each call of NumPy is taken as it stands. Functions of views cost nothing: their results are places in what is there.
What has no native form is left to NumPy, and runs between the native parts.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygrad_scratch.compiler.native.blas import ROUTINES
from tinygrad_scratch.compiler.native.expressions import FILLED, SUPPORTED, formula
from tinygrad_scratch.compiler.native.kernels import (
    SMALL_PRODUCT,
    Access,
    Assembly,
    Indirect,
    Kernel,
    Map,
    Operand,
    Product,
    Reduce,
    fits_blas,
)
from tinygrad_scratch.compiler.native.places import Place
from tinygrad_scratch.compiler.program import Program, Step, Variable, parts_of, substitute, variables_in
from tinygrad_scratch.compiler.traced import item
from tinygrad_scratch.functional import embedding, sum_rows
from tinygrad_scratch.graph import Array
from tinygrad_scratch.rules.indexing import assign, scatter
from tinygrad_scratch.rules.registry import label
from tinygrad_scratch.rules.shapes import expand

Lower = Callable[["Lowering", Step], bool]
LOWER: dict[Any, Lower] = {}
"""For a function, what writes down a call of it; it returns False where this call has no native form."""


def lowers(*functions: Any) -> Callable[[Lower], Lower]:
    def register(lower: Lower) -> Lower:
        LOWER.update(dict.fromkeys(functions, lower))
        return lower

    return register


@dataclass(eq=False)
class NumpyCall(Kernel):
    """A call that NumPy makes, on arrays over the arena."""

    step: Step
    given: dict[Variable, Place]
    made: dict[Variable, Place]

    @property
    def note(self) -> str:  # type: ignore[override]
        return described(self.step)

    @property
    def loops(self) -> tuple[int, ...]:
        return ()

    def accesses(self) -> Any:
        yield from (Access(place, write=False) for place in self.given.values())
        yield from (Access(place, write=True) for place in self.made.values())

    def body(self, writer: Any, depth: int) -> None:
        raise AssertionError("NumPy's calls stand between the native parts")


Operation = Map | Reduce | Kernel


@dataclass
class Lowering:
    """The places of a program's variables, and the operations that fill them, in order."""

    program: Program
    places: dict[Variable, Place] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.literals = {
            variable: value.flat[0].item()
            for variable, value in self.program.constants.items()
            if value.size and value.dtype in SUPPORTED and (value == value.flat[0]).all()
        }
        self.constants: list[tuple[Place, Array]] = []
        for variable in self.program.inputs:
            if has_place(variable):
                self.new(variable)
        for variable, value in self.program.constants.items():
            self.places[variable] = self.constant(value)
        for step in self.program.steps:
            self.lower(step)

    # ---- places ------------------------------------------------------------------------------------------------------

    def new(self, variable: Variable) -> Place:
        """A place of its own for a variable."""
        self.places[variable] = Place.new(variable.shape, variable.dtype, variable.name)
        return self.places[variable]

    def constant(self, value: Array) -> Place:
        """A place for what is known beforehand."""
        place = Place.new(value.shape, value.dtype)
        self.constants.append((place, value))
        return place

    def is_constant(self, place: Place) -> bool:
        return any(place.buffer is known.buffer for known, _ in self.constants)

    def temporary(self, like: Place, shape: tuple[int, ...]) -> Place:
        return Place.new(shape, like.dtype, like.buffer.name)

    def alias(self, step: Step, operand: Variable, view: Callable[[Any], Any]) -> bool:
        """Let a call's result be a view; where NumPy would copy, the copy is written down."""
        if not isinstance(step.result, Variable) or operand.dtype != step.result.dtype:
            return False
        place = self.places[operand]
        seen = place.seen(view)
        if seen is None:
            flat = self.copied(place)
            seen = flat.seen(view)
        if seen is None or seen.shape != step.result.shape:
            return False
        self.places[step.result] = seen
        return True

    def copied(self, place: Place) -> Place:
        """The same elements in C order, in a place of their own."""
        target = self.temporary(place, place.shape)
        self.operations.append(Map(target, "{0}", (place,), (place.dtype,), f"a copy of {place.buffer.name or 'it'}"))
        return target

    def place(self, value: Any) -> Place | None:
        """Where the value of a variable lies, if the argument is one."""
        return self.places[value] if type(value) is Variable else None

    def reshaped(self, place: Place, shape: tuple[int, ...]) -> Place:
        """The same elements in another shape, copied where no view can show them so."""
        found = place.reshaped(shape) or self.copied(place).reshaped(shape)
        assert found is not None
        return found

    def operand(self, value: Any) -> Operand | None:
        """What a loop reads for an argument: a number, or the place of a variable."""
        if type(value) is Variable:
            return self.literals[value] if value in self.literals else self.places[value]
        if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 and value.dtype in SUPPORTED:
            return value.item()  # type: ignore[no-any-return]
        return value if isinstance(value, int | float) else None

    # ---- steps -------------------------------------------------------------------------------------------------------

    def lower(self, step: Step) -> None:
        if all(v.dtype in SUPPORTED for v in (*step.operands, *step.results)):
            begun = len(self.operations)
            lower = LOWER.get(step.function)
            if self.elementwise(step) or (lower is not None and lower(self, step)):
                return
            del self.operations[begun:]
        self.leave_to_numpy(step)

    def elementwise(self, step: Step) -> bool:
        if not isinstance(step.result, Variable):
            return False
        if step.function in FILLED and not step.keywords.keys() - {"dtype"}:
            self.map(step.result, "{0}", [FILLED[step.function]], [step.result.dtype], described(step))
            return True
        found = formula(step.function, step.arguments, step.keywords, step.result.dtype)
        if found is None:
            return False
        text, types = found
        operands = [self.operand(value) for value in step.arguments[: len(types)]]
        if any(x is None for x in operands):
            return False
        self.map(step.result, text, operands, types, described(step))
        return True

    def map(self, result: Variable | Place, text: str, operands: Any, types: Any, note: str = "") -> Place:
        """Write down a map into a new place."""
        place = self.new(result) if isinstance(result, Variable) else result
        self.operations.append(Map(place, text, tuple(operands), tuple(types), note))
        return place

    def leave_to_numpy(self, step: Step) -> None:
        given = {v: self.places[v] for v in dict.fromkeys(step.operands) if has_place(v)}
        made = {v: self.new(v) for v in step.results if has_place(v)}
        self.operations.append(NumpyCall(step, given, made))


def has_place(variable: Variable) -> bool:
    """Whether the arena can hold a value: not a generator of random numbers, and no other object."""
    return not variable.dtype.hasobject


def described(step: Step) -> str:
    """A call as a person would read it, by names alone."""

    def shown(value: Any) -> str:
        if type(value) is Variable:
            return value.name or "t"
        if isinstance(value, bool | int | float | str | type(None)):
            return repr(value)
        return "(" + ", ".join(map(shown, parts_of(value))) + ")" if parts_of(value) else type(value).__name__

    names = ", ".join(shown(v) for v in step.results)
    given = [shown(a) for a in step.arguments] + [f"{name}={shown(value)}" for name, value in step.keywords.items()]
    text = f"{names} = {label(step.function)}({', '.join(given)})"
    return text.encode("ascii", "replace").decode().replace("\n", " ")[:110]


# ---- views -----------------------------------------------------------------------------------------------------------


@lowers(
    *(np.reshape, np.transpose, np.matrix_transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze, np.flip),
    *(np.broadcast_to, np.fliplr, np.flipud, np.rot90, np.diagonal, np.real, np.rollaxis, np.ravel),
)
def view(lowering: Lowering, step: Step) -> bool:
    """A function of views: NumPy is asked what it shows."""
    operand, *others = step.arguments or step.keywords.values()
    if {"A", "K"} & {x for x in (*others, *step.keywords.values()) if isinstance(x, str)}:
        return False  # it depends on how the array lies in memory
    if type(operand) is not Variable or list(variables_in((tuple(others), tuple(step.keywords.values())))) not in (
        [],
        [operand],
    ):
        return False
    return lowering.alias(
        step,
        operand,
        lambda array: step.function(*with_array(step, operand, array)[0], **with_array(step, operand, array)[1]),
    )


def with_array(step: Step, operand: Variable, array: Any) -> tuple[Any, Any]:
    return substitute(step.arguments, {operand: array}), substitute(dict(step.keywords), {operand: array})


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


@lowers(assign)
def assigned(lowering: Lowering, step: Step) -> bool:
    """A copy with another part."""
    operand, value, index = step.arguments
    parts = parts_of_index(index)
    new = lowering.operand(value)
    if type(operand) is not Variable or new is None or any(has_array(part) for part in parts):
        return False
    target = lowering.new(step.results[0])
    part = seen(target, lambda array: array[parts if Ellipsis in parts else (*parts, ...)])
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


# ---- reductions ------------------------------------------------------------------------------------------------------

KINDS = {
    np.sum: "sum",
    np.add.reduce: "sum",
    np.max: "max",
    np.amax: "max",
    np.maximum.reduce: "max",
    np.min: "min",
    np.amin: "min",
    np.minimum.reduce: "min",
    np.prod: "product",
    np.multiply.reduce: "product",
    np.any: "any",
    np.all: "all",
    np.logical_or.reduce: "any",
    np.logical_and.reduce: "all",
    np.mean: "mean",
}


@lowers(*KINDS)
def reduction(lowering: Lowering, step: Step) -> bool:
    given = dict(step.keywords)
    names = ("a", "axis", "dtype", "out", "keepdims")
    given.update(zip(names, step.arguments, strict=False))
    operand, axis = given.pop("a"), given.pop("axis", 0 if is_method(step.function) else None)
    given = {name: value for name, value in given.items() if value is not None and value is not np._NoValue}
    keepdims = given.pop("keepdims", False)
    if given.pop("where", True) is not True or (given.keys() - {"dtype"}) or type(operand) is not Variable:
        return False
    result = step.results[0]
    kind = KINDS[step.function]
    if kind in ("max", "min") and (operand.dtype.kind == "b" or operand.size == 0):
        return False
    if kind == "mean" and result.dtype.kind != "f":
        return False
    n = len(operand.shape)
    axes = tuple(range(n)) if axis is None or not n else normalize_axis_tuple(axis, n)
    lying = tuple(1 if i in axes else extent for i, extent in enumerate(operand.shape))
    assert result.shape == (lying if keepdims else tuple(m for i, m in enumerate(operand.shape) if i not in axes))
    total = lowering.new(result) if kind != "mean" else Place.new(result.shape, result.dtype, result.name)
    spread = total.reshaped(lying)
    assert spread is not None
    what = "sum" if kind == "mean" else kind
    lowering.operations.append(
        Reduce(spread.broadcast(operand.shape), what, lowering.places[operand], axes, None, described(step))
    )
    if kind == "mean":
        count = int(np.prod([operand.shape[i] for i in axes]))
        lowering.map(result, "{0} / {1}", [total, count], [result.dtype, result.dtype])
    return True


def is_method(function: Any) -> bool:
    """Whether this is the method `reduce` of a ufunc, whose axis is 0 if none is named."""
    return isinstance(getattr(function, "__self__", None), np.ufunc)


# ---- products --------------------------------------------------------------------------------------------------------


@lowers(np.matmul, np.dot)
def product(lowering: Lowering, step: Step) -> bool:
    """Matrices, stacks of them, and vectors, which stand for matrices of one row or column."""
    if len(step.arguments) != 2 or step.keywords or not all(type(x) is Variable for x in step.arguments):
        return False
    a, b = step.arguments
    result = step.results[0]
    stacked = len(a.shape) > 2 or len(b.shape) > 2
    if result.dtype not in ROUTINES or a.dtype != result.dtype or b.dtype != result.dtype:
        return False
    if not a.shape or not b.shape or (step.function is np.dot and stacked and len(b.shape) > 2):
        return False
    left, right = lowering.places[a], lowering.places[b]
    target = lowering.new(result)
    if len(a.shape) > 2 and len(b.shape) == 2:  # one matrix for a whole stack is one product
        rows = math.prod(a.shape[:-1])
        flat = lowering.reshaped(target, (rows, b.shape[-1]))
        multiply(lowering, flat, lowering.reshaped(left, (rows, a.shape[-1])), right, described(step))
        return True
    if len(a.shape) == 1:
        left = seen(left, lambda array: array[None, :])
        target = seen(target, lambda array: array[..., None, :] if len(b.shape) > 1 else array[..., None])
    if len(b.shape) == 1:
        right = seen(right, lambda array: array[:, None])
        target = seen(target, lambda array: array[..., None])
    multiply(lowering, target, left, right, described(step))
    return True


def seen(place: Place, view: Callable[[Any], Any]) -> Place:
    found = place.seen(view)
    assert found is not None
    return found


def multiply(lowering: Lowering, target: Place, left: Place, right: Place, note: str) -> None:
    """Write down a product; a factor that BLAS can't read where it lies is copied first."""
    stack = target.shape[:-2]
    m, n, k = target.shape[-2], target.shape[-1], left.shape[-1]
    if m * n * k >= SMALL_PRODUCT:
        left, right = (x if fits_blas(x) else lowering.copied(x) for x in (left, right))
    left, right = left.broadcast((*stack, m, k)), right.broadcast((*stack, k, n))
    lowering.operations.append(Product(target, left, right, note=note))


@lowers(np.tensordot)
def tensordot(lowering: Lowering, step: Step) -> bool:
    """Both factors turned so that the summed axes meet, then one product of two matrices."""
    a, b, *rest = step.arguments
    axes = rest[0] if rest else step.keywords.get("axes", 2)
    result = step.results[0]
    if not all(type(x) is Variable and x.dtype == result.dtype for x in (a, b)) or result.dtype not in ROUTINES:
        return False
    if isinstance(axes, int):
        of_a, of_b = list(range(len(a.shape) - axes, len(a.shape))), list(range(axes))
    else:
        of_a, of_b = (
            [int(i) % len(x.shape) for i in np.atleast_1d(list(side) if isinstance(side, range) else side)]
            for x, side in zip((a, b), axes, strict=True)
        )
    kept_a = [i for i in range(len(a.shape)) if i not in of_a]
    kept_b = [i for i in range(len(b.shape)) if i not in of_b]
    k = int(np.prod([a.shape[i] for i in of_a]))
    left = matrix(lowering, lowering.places[a], [*kept_a, *of_a], (-1, k) if k else None)
    right = matrix(lowering, lowering.places[b], [*of_b, *kept_b], (k, -1) if k else None)
    if left is None or right is None:
        return False
    target = lowering.reshaped(lowering.new(result), (left.shape[0], right.shape[1]))
    multiply(lowering, target, left, right, described(step))
    return True


def matrix(lowering: Lowering, place: Place, order: list[int], shape: Any) -> Place | None:
    """A place with its axes in another order, made a matrix."""
    if shape is None:
        return None
    turned = seen(place, lambda array: array.transpose(order))
    return lowering.reshaped(turned, shape)


@lowers(np.outer)
def outer(lowering: Lowering, step: Step) -> bool:
    if len(step.arguments) != 2 or not all(type(x) is Variable and len(x.shape) == 1 for x in step.arguments):
        return False
    a, b = (lowering.places[x] for x in step.arguments)
    dtype = step.results[0].dtype
    column = seen(a, lambda array: array[:, None])
    if dtype.kind != "f":
        return False
    lowering.map(step.results[0], "{0} * {1}", [column, b], [dtype, dtype], described(step))
    return True
