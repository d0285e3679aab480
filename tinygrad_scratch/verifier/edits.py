"""Other calls in the place of a recorded one: what an explanation tries out. Each takes a step, its arguments, its keywords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.tape import Ref, Step

Edit = Callable[[Step, Any, Any], Any]


def name_of(function: Any) -> str:
    return getattr(function, "__name__", "a call")


def with_argument(place: int, value: Any) -> Edit:
    """The call with another value as one of its arguments."""

    def edit(step: Step, arguments: Any, keywords: Any) -> Any:
        changed = list(arguments)
        changed[place] = value
        return step.function(*changed, **keywords)

    return edit


def with_changed(place: int, change: Callable[[Any], Any]) -> Edit:
    """The call with one of its arguments changed."""

    def edit(step: Step, arguments: Any, keywords: Any) -> Any:
        changed = list(arguments)
        changed[place] = change(changed[place])
        return step.function(*changed, **keywords)

    return edit


def then(change: Callable[[Any], Any]) -> Edit:
    """The call with its result changed."""
    return lambda step, arguments, keywords: change(step.function(*arguments, **keywords))


def only(place: int) -> Edit:
    """One of the arguments, and no call."""
    return lambda step, arguments, keywords: arguments[place]


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
