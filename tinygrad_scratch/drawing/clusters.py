"""The calls of modules around the operations of a graph: which encloses which, and what each is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinygrad_scratch.drawing.selection import Selection
from tinygrad_scratch.graph import Node

LONGEST_TITLE = 60


@dataclass(eq=False)
class ModuleCall:
    """One call of a module, which made the operations with orders below `start`, down to `end`. Orders count down.

    It knows the calls inside of it but not the one around it: a cycle would keep the graph alive.
    """

    module: Any
    start: int
    end: int
    path: str = ""
    nodes: list[Node] = field(default_factory=list)
    inner: list[ModuleCall] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The module's repr, if it fits on a line and has no address in it, which no two runs share; else its class."""
        own = " ".join(repr(self.module).split())
        fits = len(own) <= LONGEST_TITLE and not re.search(" at 0x[0-9A-Fa-f]+", own)
        return own if fits else type(self.module).__name__


def nested(selection: Selection) -> ModuleCall:
    """The values in the calls that made them; the outermost call stands for the whole picture and has no module.

    A parameter is where all operations are that use it: with its layer, or around the layers that share it. Inputs come
    from outside.
    """
    whole = ModuleCall(None, start=1, end=0)
    current = [whole]
    waiting = module_calls(selection.operations)
    around: dict[Node, list[ModuleCall]] = {}  # the calls around each value, outermost first
    for node in selection.operations:
        while waiting and waiting[-1].start > node.order:
            enter(current, waiting.pop())
        leave(current, node.order)
        around[node] = current[:]
        for part in node.inputs:
            if part.kind == "parameter":
                around[part] = shared(around.get(part, current), current)
    for node in selection.nodes:
        around.get(node, [whole])[-1].nodes.append(node)
    return whole


def module_calls(operations: Iterable[Node]) -> list[ModuleCall]:
    """The calls of modules that returned these values, the earliest last; one that returned several is one call."""
    found: dict[int, ModuleCall] = {}
    for node in operations:
        for start, module in node.modules:
            if start > node.order:
                call = found.setdefault(start, ModuleCall(module, start, node.order))
                call.end = min(call.end, node.order)
    return sorted(found.values(), key=lambda call: call.start)


def enter(current: list[ModuleCall], call: ModuleCall) -> None:
    leave(current, call.start)
    call.path = path_from(current, call.module)
    current[-1].inner.append(call)
    current.append(call)


def leave(current: list[ModuleCall], order: int) -> None:
    """Leave the calls that had ended before this order."""
    while len(current) > 1 and current[-1].end > order:
        current.pop()


def path_from(outer: Sequence[ModuleCall], module: Any) -> str:
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


def shared(first: list[ModuleCall], second: list[ModuleCall]) -> list[ModuleCall]:
    """The calls around both."""
    return [call for call, other in zip(first, second, strict=False) if call is other]
