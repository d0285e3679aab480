"""Shapes in a derivation: NumPy broadcasts by itself, and what is reshaped or transposed back was never changed."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.compiler.readable.algebra.numbers import axes_of, full_of
from tinygrad_scratch.compiler.readable.tidy import Known, anew
from tinygrad_scratch.rules.shapes import expand

BROADCASTS = (expand, np.broadcast_to)


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
    inner = known.by(value, *BROADCASTS, np.full, np.reshape)
    if inner is None or (inner.function is np.reshape and not adds_axes_in_front(inner)):
        return None
    if inner.function is not np.full:
        return inner.arguments[0]
    return inner.arguments[1] if value.dtype == np.float64 else full_of(value, known)


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


def sum_of_one(step: Step, known: Known) -> Any:
    """A sum over axes of length 1 that keeps them."""
    return same_shape(step, known) if axes_of(step) is not None else None


# ---- matrices and vectors --------------------------------------------------------------------------------------------

PRODUCTS = (np.matmul, np.dot)


def swapped(step: Step, known: Known) -> Step | None:
    """The two axes of a matrix, swapped."""
    (result,) = step.results
    is_matrix = len(result.shape) == 2 and {a % 2 for a in step.arguments[1:]} == {0, 1}
    return Step(np.transpose, step.arguments[:1], {}, result, step.line) if is_matrix else None


def swapped_twice(step: Step, known: Known) -> Any:
    """The same two axes swapped, and swapped back."""
    inner = known.by(step.arguments[0], np.swapaxes)
    if inner is None or step.keywords or inner.keywords:
        return None
    count = len(step.results[0].shape)
    axes = [{axis % count for axis in each.arguments[1:]} for each in (step, inner)]
    return inner.arguments[0] if axes[0] == axes[1] else None


def transposed_twice(step: Step, known: Known) -> Any:
    inner = known.by(step.arguments[0], np.transpose)
    plain = inner is not None and is_plain_transpose(step) and is_plain_transpose(inner)
    return inner.arguments[0] if inner is not None and plain else None


def transposed_product(step: Step, known: Known) -> Step | None:
    """(A.T @ B).T as B.T @ A."""
    inner = known.open(step.arguments[0], *PRODUCTS)
    if inner is None or not is_plain_transpose(step):
        return None
    left, right = inner.arguments
    turned = known.by(left, np.transpose)
    if turned is None or not is_plain_transpose(turned) or len(right.shape) != 2:
        return None
    return Step(inner.function, (transposed(right, known), turned.arguments[0]), {}, step.result, step.line)


def transposed(matrix: Variable, known: Known) -> Variable:
    back = Variable(matrix.shape[::-1], matrix.dtype, matrix.strides[::-1])
    known.made[back] = Step(np.transpose, (matrix,), {}, back)
    known.added.append(known.made[back])
    return back


def product_over_axis(step: Step, known: Known) -> Step | None:
    """A sum over one axis of matrices and vectors, as a product of them."""
    left, right, *given = step.arguments
    axes = given[0] if given else step.keywords.get("axes")
    if not all(type(each) is Variable and len(each.shape) in (1, 2) for each in (left, right)):
        return None
    if not isinstance(axes, tuple) or not all(
        isinstance(side, list | tuple | range) and len(side) == 1 for side in axes
    ):
        return None
    of_left, of_right = axes[0][0] % len(left.shape), axes[1][0] % len(right.shape)
    left = transposed(left, known) if of_left == 0 and len(left.shape) == 2 else left
    right = transposed(right, known) if of_right == 1 else right
    function = np.dot if any(made.function is np.dot for made in known.made.values()) else np.matmul
    return Step(function, (left, right), {}, step.result, step.line)


def is_plain_transpose(step: Step) -> bool:
    said = [a for a in step.arguments[1:] if a is not None]
    return not said and not step.keywords and len(step.results[0].shape) == 2


def times_vector(step: Step, known: Known) -> Step | None:
    """A product with a vector that was made a column for it, and its result a row again."""
    product, place = step.arguments
    inner = known.open(product, *PRODUCTS)
    column = known.by(inner.arguments[1], operator.getitem) if inner is not None else None
    if inner is None or column is None or not (is_last(place, 0) and is_last(column.arguments[1], None)):
        return None
    matrix, vector = inner.arguments[0], column.arguments[0]
    if len(matrix.shape) != 2 or len(vector.shape) != 1:
        return None
    return Step(inner.function, (matrix, vector), {}, step.result, step.line)


def is_last(place: Any, part: int | None) -> bool:
    """Whether an index is (..., part)."""
    return (
        type(place) is tuple
        and len(place) == 2
        and place[0] is Ellipsis
        and type(place[1]) is type(part)
        and place[1] == part
    )
