"""The calls of modules around the operations of a graph: which encloses which, and what each is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_scratch.drawing.selection import Selection
from tinygrad_scratch.graph import Node

LONGEST_TITLE = 60


@dataclass(eq=False)
class Frame:
    """What is drawn around values: one call of a module, or a block that is repeated.

    A call made the operations with orders below `start`, down to `end`; orders count down.
    """

    module: Any = None
    start: int = 0
    end: int = 0
    path: str = ""
    rounds: int = 1

    @property
    def title(self) -> str:
        """The module's repr, if it fits on a line and has no address in it, which no two runs share; else its class."""
        if self.module is None:
            return f"{self.rounds:,} times"
        own = " ".join(repr(self.module).split())
        fits = len(own) <= LONGEST_TITLE and not re.search(" at 0x[0-9A-Fa-f]+", own)
        return own if fits else type(self.module).__name__


Around = tuple[Frame, ...]
Frames = dict[Node, Around]


def frames_around(selection: Selection) -> Frames:
    """The calls around each value that they made, outermost first.

    A parameter is where all operations are that use it: with its layer, or around the layers that share it. Inputs come
    from outside.
    """
    current: list[Frame] = []
    waiting = module_calls(selection.operations)
    around: Frames = {}
    for node in selection.operations:
        while waiting and waiting[-1].start > node.order:
            call = waiting.pop()
            leave(current, call.start)
            call.path = path_from(current, call.module)
            current.append(call)
        leave(current, node.order)
        around[node] = tuple(current)
        for part in node.inputs:
            if part.kind == "parameter":
                around[part] = common(around.get(part, around[node]), around[node])
    return around


def module_calls(operations: Iterable[Node]) -> list[Frame]:
    """The calls of modules that returned these values, the earliest last; one that returned several is one call."""
    found: dict[int, Frame] = {}
    for node in operations:
        for start, module in node.modules:
            if start > node.order:
                call = found.setdefault(start, Frame(module, start, node.order))
                call.end = min(call.end, node.order)
    return sorted(found.values(), key=lambda call: call.start)


def leave(current: list[Frame], order: int) -> None:
    """Leave the calls that had ended before this order."""
    while current and current[-1].end > order:
        current.pop()


def path_from(outer: Sequence[Frame], module: Any) -> str:
    """The attributes that lead to a module from those around it."""
    for call in reversed(outer):
        for name, child in children(call.module):
            if child is module:
                return f"{call.path}.{name}" if call.path else name
    return ""


def children(module: Any) -> Iterable[tuple[str, Any]]:
    """The modules that a module holds, by their attributes, where it can tell."""
    named_children = getattr(module, "named_children", None)
    return named_children() if callable(named_children) else ()


def common(first: Around, second: Around) -> Around:
    """The frames around both."""
    return tuple(frame for frame, other in zip(first, second, strict=False) if frame is other)
