"""Writing in place, in a trace: a variable is never changed, so a write makes a new one.

The stand-in that was written to, and all that share its memory, then stand for that: the stand-in that it is a view of,
and its own views.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_scratch.compiler.values import plain_values
from tinygrad_scratch.graph import StandIn
from tinygrad_scratch.rules.indexing import assign
from tinygrad_scratch.rules.registry import label
from tinygrad_scratch.trees import leaves_of
from tinygrad_scratch.views import placed, positions_in, within

if TYPE_CHECKING:
    from tinygrad_scratch.compiler.traced import Traced


class View:
    """How a traced value lies in the memory of another: which one, and the call that shows it."""

    __slots__ = ("base", "index", "show")

    def __init__(self, base: Traced, show: Callable[[Any], Any], index: Any) -> None:
        self.base = base
        self.show = show
        self.index = index

    def placed(self, new: Any, part: Callable[[Any], Any]) -> tuple[Any, Any]:
        """What to write to its base, and where, as an index."""
        if self.index is not None:
            return new, self.index
        value = self.base.value
        return placed(new, self.show(positions_in(value)), value, part)


def attach(part: Traced, function: Any, arguments: Any, keywords: Any) -> None:
    """Note of what a result is a view, so that a write to the one is seen in the other."""
    y = part.value
    if type(y) is not np.ndarray:
        return
    part.variable.view = any(
        type(operand) is np.ndarray and np.may_share_memory(y, operand)
        for operand in leaves_of(plain_values([arguments, keywords]))
    )
    if not part.variable.view:
        return
    for place, operand in enumerate(arguments):
        base: Any = operand
        if isinstance(operand, StandIn) and type(base.value) is np.ndarray and np.may_share_memory(y, base.value):
            index = arguments[1] if function is operator.getitem else None
            part.seen = View(base, shown_by(function, arguments, keywords, place), index)
            base.views.append(weakref.ref(part))
            return


def shown_by(function: Any, arguments: Any, keywords: Any, place: int) -> Callable[[Any], Any]:
    """The call with something else in one place."""
    return lambda shown: function(*arguments[:place], shown, *arguments[place + 1 :], **keywords)


def write(target: Any, new: Any, part: Callable[[Any], Any] = lambda whole: whole) -> None:
    """Let a traced value, and all that share its memory, have a new value: a variable is never changed.

    `part` takes what was written from an array of its shape, as in `views.write`.
    """
    if not target.writeable:
        raise ValueError("assignment destination is read-only")
    tracer = target.tracer
    if not np.can_cast(new.dtype, target.dtype, "same_kind"):
        raise TypeError(
            f"Cannot cast an array of dtype {new.dtype} into one of {target.dtype} by the rule 'same_kind'."
        )
    if not isinstance(new, StandIn) or layout(new) != layout(target):
        new = tracer.call(assign, (target, new, ...), {})
    while target.seen is not None:
        new, place = target.seen.placed(new, part)
        new = tracer.call(assign, (target.seen.base, new, place), {})
        target, part = target.seen.base, within(target.seen.show, part)
    take(target, new)
    waiting = [target]
    while waiting:
        base = waiting.pop()
        for view in (view for reference in base.views if (view := reference()) is not None):
            assert view.seen is not None
            take(view, view.seen.show(base))
            waiting.append(view)


def layout(value: Any) -> tuple[Any, ...]:
    return value.dtype, value.shape, value.strides


def take(target: Traced, new: Traced) -> None:
    target.value, target.variable = new.value, new.variable


def written(result: Any, targets: Any) -> Any:
    """A result written into what `out=` names."""
    if targets is None:
        return result
    if isinstance(result, tuple):
        return tuple(written(part, target) for part, target in zip(result, targets, strict=True))
    target = targets[0] if isinstance(targets, tuple) else targets
    if target is None:
        return result
    if not isinstance(target, StandIn):
        raise result.tracer.refuse(
            f"a result is to be written into an array of shape {target.shape} that depends on no input",
            "Write y = y + x instead of y += x, or make the array by np.zeros_like(x) of an argument x.",
        )
    write(target, result)
    return target


# ---- functions of NumPy that write -----------------------------------------------------------------------------------


def updated_at(a: Any, ufunc: Any, indices: Any, *b: Any) -> Any:
    """What ufunc.at makes of an array, as a new one."""
    new = np.array(a)
    ufunc.at(new, indices, *b)
    return new


def written_by(function: Any) -> Callable[..., Any]:
    """A function of NumPy that writes into its first argument, as one that returns a new array."""

    def changed(a: Any, *arguments: Any, **keywords: Any) -> Any:
        new = np.array(a)
        function(new, *arguments, **keywords)
        return new

    changed.__name__ = function.__name__
    changed.writes = function  # type: ignore[attr-defined]  # what a person would call

    def update(a: Any, *arguments: Any, **keywords: Any) -> None:
        traced: Any = next(each for each in (a, *arguments, *keywords.values()) if isinstance(each, StandIn))
        if not isinstance(a, StandIn):
            raise traced.tracer.refuse(
                f"{label(function)} writes into an array that depends on no input",
                "Make that array by np.zeros_like(x) of an argument x.",
            )
        write(a, traced.tracer.call(changed, (a, *arguments), keywords))

    return update


def nan_to_num_in_place(x: Any, copy: bool = True, **keywords: Any) -> Any:
    write(x, np.nan_to_num(x, **keywords))
    return x


WRITES: dict[Any, Callable[..., Any]] = {
    function: written_by(function)
    for function in (np.copyto, np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal)
}
