"""Other calls in the place of a recorded one: what an explanation tries out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np

from tinygrad_scratch.verifier.recording.references import Ref
from tinygrad_scratch.verifier.recording.steps import Step

Edit = Callable[[Step, Any, Any], Any]


def name_of(function: Any) -> str:
    return getattr(function, "__name__", "a call")


def is_literal(part: Any) -> TypeGuard[float]:
    """Whether an argument is a plain number, of Python's or of NumPy's, as `np.float32(0.1)`; truth values are none."""
    return isinstance(part, int | float | np.integer | np.floating) and not isinstance(part, bool)


PlaceOf = int | tuple[int, int]  # of an operand: which argument, or which part of a list that is one


def put(arguments: Any, place: PlaceOf, change: Callable[[Any], Any]) -> list[Any]:
    """The arguments of a call with one operand changed."""
    changed = list(arguments)
    if isinstance(place, int):
        changed[place] = change(changed[place])
    else:
        changed[place[0]] = put(changed[place[0]], place[1], change)
    return changed


class WithArgument:
    """The call with another value as one of its operands: a node's, so that it is known at other draws, too."""

    def __init__(self, place: PlaceOf, values: Any, node: int, turned: bool = False) -> None:
        self.place = place
        self.node = node
        self.turned = turned
        value = np.array(values[node])  # a copy, as a call may write to it
        self.value = swapped_axes(value) if turned and value.ndim > 1 else value

    def __call__(self, step: Step, arguments: Any, keywords: Any) -> Any:
        return step.function(*put(arguments, self.place, lambda _: np.array(self.value)), **keywords)

    def at(self, values: Any) -> WithArgument:
        """The same with the values of another run."""
        return WithArgument(self.place, values, self.node, self.turned)


class WithOther(WithArgument):
    """The call with one of its operands and a node's value put together, such as their product."""

    def __init__(self, place: PlaceOf, values: Any, node: int, together: Callable[[Any, Any], Any]) -> None:
        self.place = place
        self.node = node
        self.together = together
        self.value = np.array(values[node])

    def __call__(self, step: Step, arguments: Any, keywords: Any) -> Any:
        return step.function(*put(arguments, self.place, lambda held: self.together(held, self.value)), **keywords)

    def at(self, values: Any) -> WithOther:
        return WithOther(self.place, values, self.node, self.together)


class WithMore(WithArgument):
    """The call with a node's value added to its result."""

    def __init__(self, values: Any, node: int) -> None:
        self.node = node
        self.value = np.array(values[node])

    def __call__(self, step: Step, arguments: Any, keywords: Any) -> Any:
        return step.function(*arguments, **keywords) + self.value

    def at(self, values: Any) -> WithMore:
        return WithMore(values, self.node)


def with_slope(place: int, values: Any, node: int, slope: Callable[[Any], Any]) -> WithOther:
    """The call with one of its arguments times a function of a node's value."""
    return WithOther(place, values, node, lambda held, value: held * slope(np.asarray(value, float)))


def with_number(place: int, value: float) -> Edit:
    """The call with a number as one of its arguments."""

    def edit(step: Step, arguments: Any, keywords: Any) -> Any:
        changed = list(arguments)
        changed[place] = value
        return step.function(*changed, **keywords)

    return edit


def with_changed(place: PlaceOf, change: Callable[[Any], Any]) -> Edit:
    """The call with one of its operands changed."""
    return lambda step, arguments, keywords: step.function(*put(arguments, place, change), **keywords)


def then(change: Callable[[Any], Any]) -> Edit:
    """The call with its result changed."""
    return lambda step, arguments, keywords: change(step.function(*arguments, **keywords))


def times(factor: Any) -> Callable[[Any], Any]:
    return lambda value: value * factor


def always(value: Any) -> Callable[[Any], Any]:
    """A value, whatever there was."""
    return lambda _: value


def only(place: int) -> Edit:
    """One of the arguments, and no call."""
    return lambda step, arguments, keywords: arguments[place]


def of_argument(place: int, function: Callable[[Any], Any]) -> Edit:
    """A function of one of the arguments, and no call."""
    return lambda step, arguments, keywords: function(np.asarray(arguments[place]))


def called(function: Any) -> Edit:
    """Another function with the same arguments."""
    return lambda step, arguments, keywords: function(*arguments, **keywords)


def exchanged(step: Step, arguments: Any, keywords: Any) -> Any:
    return step.function(arguments[1], arguments[0], *arguments[2:], **keywords)


def reduced(function: Any, axis: Any, keepdims: bool) -> Edit:
    return lambda step, arguments, keywords: function(arguments[0], axis=axis, keepdims=keepdims)


def added(step: Step, arguments: Any, keywords: Any) -> Any:
    """An assignment to entries that adds to what they hold, repeated ones as often as they are named."""
    array, index, value = arguments
    np.add.at(array, index, value)


def swapped_axes(value: Any) -> Any:
    return np.swapaxes(value, -1, -2)


def places_of(step: Step) -> list[tuple[int, int]]:
    """The arguments that are recorded arrays: their places and their slots."""
    if not isinstance(step.arguments, tuple):
        return []
    return [(place, part.slot) for place, part in enumerate(step.arguments) if type(part) is Ref]


def operands_of(step: Step) -> list[tuple[PlaceOf, int]]:
    """The same with the arrays that are put together, which stand in a list."""
    parts = step.arguments[0] if isinstance(step.arguments, tuple) and step.arguments else None
    joined = enumerate(parts) if name_of(step.function) in JOINING and isinstance(parts, list | tuple) else ()
    return [*places_of(step), *(((0, i), part.slot) for i, part in joined if type(part) is Ref)]


def is_filled(step: Step) -> bool:
    """Whether a call only makes room, to be written to later."""
    return getattr(step.function, "__name__", "") in (
        "zeros_like",
        "ones_like",
        "empty_like",
        "full_like",
        "zeros",
        "empty",
        "full",
    )


JOINING = ("concatenate", "hstack", "vstack", "stack", "column_stack")
PRODUCTS = ("dot", "matmul", "einsum", "tensordot", "inner", "outer")
COMPARISONS = ("less", "less_equal", "greater", "greater_equal")
OF_MATRICES = ("matmul", "dot")  # those of two matrices alone
SUMS = ("sum", "mean", "add.reduce", "reduce")
LINEAR = {
    "add", "subtract", "negative", "positive", "getitem", "reshape", "ravel", "transpose", "T", "sum", "mean", "dot",
    "matmul", "concatenate", "stack", "squeeze", "expand_dims", "copy", "array", "asarray", "astype", "multiply",
    "divide", "setitem",
    "einsum", "swapaxes", "flatten", "renamed",
}  # fmt: skip
