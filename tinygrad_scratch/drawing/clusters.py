"""The calls of modules around the operations of a graph: which encloses which, and what each is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tinygrad_scratch.drawing.selection import Selection
from tinygrad_scratch.graph import Node

LONGEST_TITLE = 60


@dataclass(eq=False)
class ModuleCall:
    """One call of a module: the operations with orders below `start`, down to `end`. Orders count down."""

    module: Any
    start: int
    end: int
    parent: ModuleCall | None = None
    nodes: list[Node] = field(default_factory=list)
    inner: list[ModuleCall] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The attributes that lead to the module, from the outermost one in the picture that holds it."""
        for outer in enclosing(self.parent):
            for name, child in children(outer.module):
                if child is self.module:
                    return f"{outer.path}.{name}" if outer.path else name
        return ""

    @property
    def title(self) -> str:
        """The module's repr, if it fits on a line and has no address in it, which no two runs share; else its class."""
        own = " ".join(repr(self.module).split())
        fits = len(own) <= LONGEST_TITLE and not re.search(" at 0x[0-9A-Fa-f]+", own)
        return own if fits else type(self.module).__name__


def enclosing(call: ModuleCall | None) -> Iterator[ModuleCall]:
    """A call and those around it, innermost first."""
    while call is not None:
        yield call
        call = call.parent


def children(module: Any) -> Iterable[tuple[str, Any]]:
    """The modules that a module holds, by their attributes, where it can tell."""
    named_children = getattr(module, "named_children", None)
    return named_children() if callable(named_children) else ()


def nested(selection: Selection) -> ModuleCall:
    """The values in the calls that made them; the outermost call stands for the whole picture and has no module.

    A parameter is where all operations are that use it: with its layer, or around the layers that share it. Inputs come
    from outside.
    """
    whole = ModuleCall(None, start=1, end=0)
    homes: dict[Node, ModuleCall] = {}
    current = [whole]
    waiting = module_calls(selection.operations)
    for node in selection.operations:
        while waiting and waiting[-1].start > node.order:
            enter(current, waiting.pop())
        leave(current, node.order)
        homes[node] = current[-1]
        for part in node.inputs:
            if part.kind == "parameter":
                homes[part] = around(homes.get(part, homes[node]), homes[node])
    for node in selection.nodes:
        homes.get(node, whole).nodes.append(node)
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
    call.parent = current[-1]
    call.parent.inner.append(call)
    current.append(call)


def leave(current: list[ModuleCall], order: int) -> None:
    """Leave the calls that had ended before this order."""
    while len(current) > 1 and current[-1].end > order:
        current.pop()


def around(first: ModuleCall, second: ModuleCall) -> ModuleCall:
    """The innermost call that both of these are, or are in."""
    holders = set(enclosing(first))
    return next(call for call in enclosing(second) if call in holders)
