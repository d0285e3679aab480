"""The graph: what one recorded call is, in which order calls were made, and whether calls are being recorded.

A recorded call is a flat tuple, the cheapest record that Python can make (0.05 µs; a class with slots takes 0.2 µs,
and each further container is one more object for the garbage collector to visit on long chains):

    (order, function, value, keywords, *arguments, *parents)

`order`       a number that counts down, so that the newest call sorts first in a heap
`function`    the NumPy function itself, or one of ours that is registered like it
`value`       what the call returned, an array
`keywords`    its keyword arguments, or None
`arguments`   its positional arguments as plain values
`parents`     for each argument the record that made it, or None where no gradient flows

A leaf, a tensor that a person made and that requires a gradient, is recorded as `(order, None, cell)`; its cell is a
list of one element, where `backward()` leaves the gradient.
A record points to its parents and never to its children or to a Tensor, so a graph has no cycles: it lives exactly as
long as someone holds its end, and goes at once when they let go.

`Graph` and `Node` are the same thing to read: objects with names, made on demand for drawing and other readers.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import _GeneratorContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Record: TypeAlias = tuple[Any, ...]

next_order: Callable[[], int] = count(-1, -1).__next__


class StandIn:
    """What a Tensor may hold in place of an array: it has an array's attributes and methods, and NumPy's doors.

    The compiler traces with one. `is_number` says whether NumPy would have returned a number, `value` is the value that
    is traced with, and `as_array()` stands in for an array, also of a number. `snapshot()` is another object of the
    same value: a later write to the one is not seen in the other.
    """

    __slots__ = ()
    value: Any
    base: Any
    is_number: bool

    def snapshot(self) -> Any:
        raise NotImplementedError

    def as_array(self) -> Any:
        raise NotImplementedError


class Untraceable(TypeError):  # noqa: N818  # TraceError is the name that people see
    """What a stand-in raises where a call depends on its value."""

    def as_one_step(self, function: Callable[..., Any], arguments: Any, keywords: Any) -> Any:
        """Make the whole call that this was raised in as one step of the trace."""
        raise NotImplementedError


ARRAYS = (np.ndarray, StandIn)  # a tuple: isinstance takes a third of the time that a union takes


def is_array(value: Any) -> bool:
    """Whether a value is an array, or stands in for one."""
    return isinstance(value, ARRAYS)


def known(value: Any) -> Any:
    """A value for a check that raises: of what is being traced, the one that it is traced with."""
    return value.value if isinstance(value, StandIn) else value


def as_array(value: Any) -> Any:
    """A value as an array, unless it is one."""
    return value.as_array() if isinstance(value, StandIn) else np.asarray(value)


def new_array(value: Any, dtype: Any = None) -> Any:
    """An array of its own of the same value."""
    if not isinstance(value, StandIn):
        return np.array(value, dtype)
    return value.as_array().snapshot() if dtype is None or value.dtype == dtype else value.astype(dtype)  # type: ignore[attr-defined]


def split_record(record: Record) -> tuple[tuple[Any, ...], tuple[Record | None, ...]]:
    """The arguments of a recorded call, and the records that made them."""
    middle = len(record) // 2 + 2
    return record[4:middle], record[middle:]


# ---- recording or not: local to the thread and to the async task ----------------------------------------------------

_recording: ContextVar[bool] = ContextVar("recording", default=True)
is_recording: Callable[[], bool] = _recording.get


@contextmanager
def recorded(on: bool) -> Iterator[None]:
    """Record calls inside the block, or don't."""
    token = _recording.set(on)
    try:
        yield
    finally:
        _recording.reset(token)


def no_grad() -> _GeneratorContextManager[None]:
    """Record nothing inside the block, or inside the function that it decorates.

    Holds for the running thread or async task alone. As a decorator it is for plain functions: the body of a generator
    or an async function runs later, when the call that made it is over. A generator that yields inside the block leaves
    it on in the code that asked for the value: leave the block first.

    >>> from tinygrad_scratch import Tensor, no_grad
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     w -= 0.5
    >>> w
    Tensor([0.5, 1.5], shape=(2,), dtype=float64, requires_grad=True)
    """
    return recorded(False)


def enable_grad() -> _GeneratorContextManager[None]:
    """Record inside the block, also where a surrounding block says `no_grad()`.

    >>> from tinygrad_scratch import Tensor, enable_grad, no_grad
    >>> x = Tensor(3.0, requires_grad=True)
    >>> with no_grad(), enable_grad():
    ...     (x * x).backward()
    >>> x.grad
    array(6.)
    """
    return recorded(True)


# ---- notes: kept beside the values, so that recording a call never pays for them -------------------------------------


@dataclass
class Notes:
    """What is known of a value beyond its record: its name, and the modules that returned it, innermost first.

    Modules are held weakly: one that keeps its own output would otherwise never go.
    """

    value: weakref.ref[Array]
    name: str | None = None
    modules: list[tuple[int, weakref.ref[Any]]] = field(default_factory=list)


_notes: dict[int, Notes] = {}


def _notes_on(value: Array) -> Notes:
    """The notes on a value; they last as long as it does."""
    key = id(value)
    notes = _notes.get(key)
    if notes is None:
        notes = _notes[key] = Notes(weakref.ref(value, lambda _: _notes.pop(key, None)))
    return notes


def set_name(value: Array, name: str | None) -> None:
    if name is not None or id(value) in _notes:
        _notes_on(value).name = name


def get_name(value: Any) -> str | None:
    notes = _notes.get(id(value))
    return notes.name if notes is not None else None


def note_module(value: Array, start: int, module: Any) -> None:
    """Say that a module returned this value, and that all calls since `start` were made inside of it."""
    _notes_on(value).modules.append((start, weakref.ref(module)))


def modules_of(value: Array) -> list[tuple[int, Any]]:
    """The modules that returned a value, as far as they still live: when each call began, and the module."""
    notes = _notes.get(id(value))
    found = [(start, reference()) for start, reference in notes.modules] if notes is not None else []
    return [(start, module) for start, module in found if module is not None]


# ---- the graph to read -----------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Node:
    """One value of a graph: a recorded call, a leaf, or a constant that a call was given.

    `operands` are the arguments of the call, with a Node for each number and array among them; `arguments` and
    `keywords` are the same as plain values. `order` counts down, so a later call has a lower one. `modules` has, for
    each module that returned this value and still lives, the order at which its call began and the module: it made the
    calls from there to here.
    """

    kind: str  # "operation", "parameter" or "constant"
    value: Any
    name: str | None = None
    order: int = 0
    requires_grad: bool = False
    function: Any = None
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    operands: list[Any] = field(default_factory=list)
    modules: list[tuple[int, Any]] = field(default_factory=list)

    @property
    def inputs(self) -> list[Node]:
        """The values that the call was given."""
        return [operand for operand in self.operands if isinstance(operand, Node)]


class Graph:
    """All calls that led to some outputs, oldest first; or the `newest` of these, and the outputs.

    Nodes are made by a loop, not by recursion, so a graph may be a million calls deep. A value made by a call that is
    left out is an operation without a function.
    """

    def __init__(self, *outputs: Any, newest: int | None = None) -> None:
        self.nodes: list[Node] = []
        self._by_order: dict[int, Node] = {}
        self._by_value: dict[int, Node] = {}
        ends = [output._record for output in outputs if output._record is not None]
        for record in ancestors(*ends) if newest is None else newest_calls(ends, newest):
            if record[1] is not None:
                self._add_call(record)
        self.outputs = [self._node(output._value, output._record) for output in outputs]

    def node_of(self, tensor: Any) -> Node | None:
        """The node of a Tensor, or None where the outputs do not depend on it."""
        if tensor._record is not None:
            return self._by_order.get(tensor._record[0])
        return self._by_value.get(id(tensor._value))

    def operand(self, argument: Any) -> Any:
        """The node of a value that a call was to be given; anything but a number or an array as it is."""
        return self._by_value.get(id(argument)) or self._operand(argument, None)

    def _add_call(self, record: Record) -> None:
        order, function, value, keywords = record[:4]
        arguments, parents = split_record(record)
        node = Node("operation", value, get_name(value), order, True, function, arguments, keywords or {})
        node.operands = [self._operand(a, parent) for a, parent in zip(arguments, parents, strict=True)]
        node.modules = modules_of(value)
        self._remember(node)

    def _operand(self, argument: Any, parent: Record | None) -> Any:
        is_value = parent is not None or isinstance(argument, np.ndarray | np.generic | float | int | complex)
        return self._node(argument, parent) if is_value else argument

    def _node(self, value: Any, record: Record | None) -> Node:
        """The node of a value; a leaf or a constant is met first as somebody's argument."""
        if record is None:
            return self._by_value.get(id(value)) or self._remember(Node("constant", value, get_name(value)))
        kind = "parameter" if record[1] is None else "operation"
        found = self._by_order.get(record[0])
        return found or self._remember(Node(kind, value, get_name(value), record[0], True))

    def _remember(self, node: Node) -> Node:
        self.nodes.append(node)
        self._by_value[id(node.value)] = node
        if node.requires_grad:
            self._by_order[node.order] = node
        return node


def newest_calls(ends: list[Record], most: int) -> list[Record]:
    """The calls that returned these records and the newest that they depend on, `most` of them; oldest first."""
    found = {record[0]: record for record in ends if record[1] is not None}
    waiting = list(found.values())
    met = set(found)
    heapify(waiting)
    for _ in range(most):
        if not waiting:
            break
        record = heappop(waiting)
        found[record[0]] = record
        for parent in split_record(record)[1]:
            if parent is not None and parent[1] is not None and parent[0] not in met:
                met.add(parent[0])
                heappush(waiting, parent)
    return [found[order] for order in sorted(found, reverse=True)]


def ancestors(*records: Record | None, since: int = 0) -> list[Record]:
    """The records that these depend on, themselves included, oldest first.

    Of calls from before the order `since`, those that were made last are there, and not what they depend on.
    """
    found: dict[int, Record] = {}
    waiting = [record for record in records if record is not None]
    while waiting:
        record = waiting.pop()
        if record[0] not in found:
            found[record[0]] = record
            if record[1] is not None and record[0] <= since:
                waiting.extend(parent for parent in split_record(record)[1] if parent is not None)
    return [found[order] for order in sorted(found, reverse=True)]
