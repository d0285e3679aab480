"""Shapes in a derivation: NumPy broadcasts by itself, and what is reshaped or transposed back was never changed."""

from __future__ import annotations

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


def transposed_twice(step: Step, known: Known) -> Any:
    inner = known.by(step.arguments[0], np.transpose)
    if inner is None or any(each.arguments[1:] not in ((), (None,)) or each.keywords for each in (step, inner)):
        return None
    return inner.arguments[0]
