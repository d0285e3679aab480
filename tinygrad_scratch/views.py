"""Writing in place: Tensors that share memory, as a NumPy array and its views do.

A write never changes an array. It computes a new value, recorded like any other call, and the Tensor takes it on; so
do all live Tensors that are views of it, or that it is a view of, each by a recorded call of its own. What earlier
calls saved stays as it was.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.graph import Array, get_name, is_recording, known, recorded, set_name
from tinygrad_scratch.messages import describe
from tinygrad_scratch.rules.indexing import assign


class Alias:
    """Who shares memory with a Tensor: the one that it is a view of, how it shows it, and its own views.

    `show(base)` makes the view anew; `index` is where in its base it lies, if it was taken by indexing; `recorded` is
    False for a view that was taken under no_grad() of what requires a gradient: it stays a constant.
    """

    __slots__ = ("base", "index", "recorded", "show", "views")

    def __init__(self, base: Any = None, show: Callable[[Any], Any] | None = None, index: Any = None) -> None:
        self.base = base
        self.show = show
        self.index = index
        self.recorded = is_recording() or base is None or base._record is None
        self.views: list[weakref.ref[Any]] = []

    def add(self, view: Any) -> None:
        """Remember a view; the list is cleared of dead ones whenever its length has doubled."""
        self.views.append(weakref.ref(view))
        if len(self.views) & (len(self.views) - 1) == 0:
            self.views = [reference for reference in self.views if reference() is not None]

    def live(self) -> list[Any]:
        return [view for reference in self.views if (view := reference()) is not None]


def attach(view: Any, base: Any, show: Callable[[Any], Any], index: Any) -> None:
    """Say that one Tensor is a view of another."""
    view._alias = Alias(base, show, index)
    if base._alias is None:
        base._alias = Alias()
    base._alias.add(view)


def is_view(tensor: Any) -> bool:
    return tensor._alias is not None and tensor._alias.base is not None


def check_writable(tensor: Any) -> None:
    """Refuse the writes that would lose a gradient.

    While calls are recorded, a leaf keeps the value that its gradient belongs to. Under no_grad(), a computed Tensor
    would be cut off from its history.
    """
    root = tensor
    while is_view(root):
        root = root._alias.base
    if root._record is None:
        return
    leaf = root._record[1] is None
    if leaf and is_recording():
        raise ValueError(
            f"{describe(root)} is a leaf that requires a gradient, so it can't be written to while calls are recorded: "
            "its gradient belongs to the value it has. Write to a copy (z = w.copy(); z[...] = ...), or, to update a "
            "parameter, write under no_grad(): with no_grad(): w -= rate * w.grad"
        )
    if not leaf and not is_recording():
        raise ValueError(
            f"{describe(root)} was computed and requires a gradient; a write under no_grad() would cut it off from its "
            "history. Write outside of no_grad(), or to a copy: z = t.detach().copy()"
        )


def write(tensor: Any, new: Any, part: Callable[[Any], Any] = lambda whole: whole) -> None:
    """Let a Tensor have a new value and history, and with it all that share its memory.

    `part` takes from an array of the Tensor's shape what was written. It is asked where a view shows an element several
    times, as overlapping windows do: their other elements still hold what was there before.
    """
    if new.shape != tensor.shape:
        raise ValueError(
            f"A value of shape {new.shape} can't be written into {describe(tensor)}: the shapes must be equal."
        )
    if new.dtype != tensor.dtype:
        if not np.can_cast(new.dtype, tensor.dtype, "same_kind"):
            raise TypeError(
                f"A value of dtype {new.dtype} can't be written into {describe(tensor)} without loss. "
                f"Make the target with dtype {new.dtype}, or cast the value with .astype({tensor.dtype})."
            )
        new = new.astype(tensor.dtype)
    while is_view(tensor):
        base, show, place = tensor._alias.base, tensor._alias.show, tensor._alias.index
        if place is None:
            new, place = placed(new, positions_of(tensor), base, part)
        new = assign(base, new, place)
        tensor, part = base, within(show, part)
    take(tensor, new)
    refresh(tensor)


def placed(new: Any, positions: Array, base: Any, part: Callable[[Any], Any]) -> tuple[Any, Any]:
    """What to write to the base of a view, and where, as an index."""
    if not positions.flags.forc and may_overlap(positions):  # what is contiguous doesn't
        new, positions = part(new), np.asarray(part(positions))
        if np.bincount(positions.ravel()).max(initial=0) > 1:
            raise ValueError(
                "A view that shows an element several times, as overlapping windows do, can't be written to in several "
                "of these places at once. Write to one window after the other, or to the array that they are views of."
            )
    return new, np.unravel_index(positions, base.shape) if base.ndim else ...


def may_overlap(view: Array) -> bool:
    """Whether steps along several axes of a view may lead to one element, by how long they are."""
    reached = 0
    for step, n in sorted(zip(map(abs, view.strides), view.shape, strict=True)):
        if n > 1 and step <= reached:
            return True
        reached += step * (n - 1)
    return False


def within(show: Callable[[Any], Any], part: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Of an array, the part of what is shown of it."""
    return lambda base: part(show(base))


def positions_of(view: Any) -> Array:
    """Which element of its base each one of a view is: the view of an array of positions says it."""
    base = view._alias.base
    if view.dtype != base.dtype:
        raise TypeError(
            f"{describe(view)} is a part of complex numbers; write z[...] = a + 1j * b to the whole instead."
        )
    positions: Array = view._alias.show(positions_in(known(base._value)))
    if not positions.flags.writeable:
        raise ValueError(f"{describe(view)} is a read-only view, as NumPy makes it. Write to a copy: z = t.copy()")
    return positions


def positions_in(value: Array) -> Array:
    """Which element each one is, counted row by row.

    The array is laid out in memory like the value, since it may depend on that whether a function shows the array
    itself or a copy.
    """
    positions = np.empty_like(value, dtype=int)
    positions[...] = np.arange(value.size).reshape(value.shape)
    return positions


def take(tensor: Any, new: Any) -> None:
    """Give a Tensor its new value, in memory laid out like the old one's. A leaf stays the leaf that it was."""
    value = new._value
    if value.strides != tensor._value.strides:
        value = np.empty_like(tensor._value)
        value[...] = new._value
    if (name := get_name(tensor._value)) is not None:
        set_name(value, name)
        set_name(new._value, name)
    tensor._value = value
    if tensor._record is None or tensor._record[1] is not None:
        tensor._record = new._record


def refresh(tensor: Any) -> None:
    """Derive all views of a Tensor anew, each recorded if it was recorded when it was taken."""
    waiting = [tensor]
    while waiting:
        base = waiting.pop()
        for view in base._alias.live() if base._alias is not None else ():
            with recorded(view._alias.recorded):
                take(view, view._alias.show(base))
            waiting.append(view)
