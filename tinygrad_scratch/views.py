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

from tinygrad_scratch.graph import enable_grad, get_name, is_recording, set_name
from tinygrad_scratch.messages import describe
from tinygrad_scratch.rules.indexing import replace_view


class Alias:
    """Who shares memory with a Tensor: the one that it is a view of, how it shows it, and its own views."""

    __slots__ = ("base", "show", "views")

    def __init__(self, base: Any = None, show: Callable[[Any], Any] | None = None) -> None:
        self.base = base
        self.show = show
        self.views: list[weakref.ref[Any]] = []

    def add(self, view: Any) -> None:
        """Remember a view; the list is cleared of dead ones whenever its length has doubled."""
        self.views.append(weakref.ref(view))
        if len(self.views) & (len(self.views) - 1) == 0:
            self.views = [reference for reference in self.views if reference() is not None]

    def live(self) -> list[Any]:
        return [view for reference in self.views if (view := reference()) is not None]


def attach(view: Any, base: Any, show: Callable[[Any], Any]) -> None:
    """Say that one Tensor is a view of another: `show(base)` makes it."""
    view._alias = Alias(base, show)
    if base._alias is None:
        base._alias = Alias()
    base._alias.add(view)


def check_writable(tensor: Any) -> None:
    """Refuse the writes that would lose a gradient.

    While calls are recorded, a leaf keeps the value that its gradient belongs to. Under no_grad(), a computed Tensor
    would be cut off from its history.
    """
    root = tensor
    while root._alias is not None and root._alias.base is not None:
        root = root._alias.base
    if root._node is None:
        return
    leaf = root._node[1] is None
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


def write(tensor: Any, new: Any) -> None:
    """Let a Tensor have a new value and history, and with it all that share its memory."""
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
    changes = [(tensor, new)]
    while (alias := tensor._alias) is not None and alias.base is not None:
        new = replace_view(alias.base, new, alias.show)
        tensor = alias.base
        changes.append((tensor, new))
    below = None
    for member, new in changes:
        take(member, new)
        refresh(member, below)
        below = member


def take(tensor: Any, new: Any) -> None:
    """A leaf stays the leaf that it was, with a value of its own."""
    if tensor._node is not None and tensor._node[1] is None:
        set_leaf(tensor, new._value)
        return
    if (name := get_name(tensor._value)) is not None:
        set_name(new._value, name)
    tensor._value, tensor._node = new._value, new._node


def set_leaf(tensor: Any, value: Any) -> None:
    if value.shape != tensor.shape:
        raise ValueError(
            f"A value of shape {value.shape} can't replace that of {describe(tensor)}: the shapes must be equal."
        )
    name = get_name(tensor._value)
    tensor._value = value
    set_name(value, name)


def refresh(tensor: Any, known: Any) -> None:
    """Derive the views of a Tensor anew, all but one that already knows."""
    if tensor._alias is None:
        return
    for view in tensor._alias.live():
        if view is not known:
            with enable_grad():
                new = view._alias.show(tensor)
            view._value, view._node = new._value, new._node
            refresh(view, None)
