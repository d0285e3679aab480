"""Watching a person's program, when asked: what they call their values, and which line made each recorded call.

Names are read from the namespaces in which they stand. Lines are seen by Python's trace function while a block runs:
before each line of a person's own code the order that recording has reached is noted, so the order of a record tells
its line. Recording itself pays for none of this.
"""

from __future__ import annotations

import ast
import dis
import inspect
import linecache
import os
import re
import sys
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

from tinygrad_scratch.graph import next_order

# Of a value, the object that stands for it in a recording, which is told by its identity; None for all else.
Standing: TypeAlias = Callable[[Any], Any]

DEPTH = 5  # `net.layers[0].weight` has four parts
MOST_VALUES = 20_000  # looked at in a namespace
MOST_VALUES_A_LINE = 500
CLOSED = (str, bytes, int, float, complex, type, ModuleType, FunctionType, MethodType)
PACKAGE = str(Path(__file__).parent)
PYTHON = str(Path(os.__file__).parent)


# ---- names -----------------------------------------------------------------------------------------------------------


@dataclass
class Names:
    """The name under which each value was seen first: `w1`, `net.w1`, `layers[0].weight`, `cache['z2']`.

    Values are told apart by the objects that stand for them, which are held, so that no two have the same identity.
    A name that a value was not bound to, but only passed on under, as the parameter of a function, is a lent one.
    """

    standing: Standing
    _paths: dict[int, tuple[str, ...]] = field(default_factory=dict)
    _lent: dict[int, tuple[str, ...]] = field(default_factory=dict)
    held: list[Any] = field(default_factory=list)
    _endings: Counter[str] | None = None

    def see(self, namespace: Mapping[str, Any], most: int = MOST_VALUES, lent: bool = False) -> None:
        """Look at what the names lead to, also through attributes, entries and items; the nearest first.

        With `lent`, the names themselves are lent ones.
        """
        names = [name for name in namespace if not name.startswith(("_", "@"))]
        waiting: deque[tuple[tuple[str, ...], Any]] = deque(((name,), namespace[name]) for name in names)
        entered: set[int] = set()
        for looked_at in range(most):
            if not waiting:
                break
            path, value = waiting.popleft()
            thing = self.standing(value)
            if thing is not None:
                self._note(thing, path, self._lent if lent and len(path) == 1 else self._paths)
            elif len(path) < DEPTH and not isinstance(value, CLOSED) and id(value) not in entered:
                entered.add(id(value))
                if looked_at + len(waiting) < most:  # its parts would have their turn
                    waiting.extend(((*path, part), inner) for part, inner in parts_of(value))

    def of(self, thing: Any, lent: bool = True) -> str | None:
        """The name of a value, by the object that stands for it: as short as no other value's ends alike."""
        path = self._paths.get(id(thing)) or (self._lent.get(id(thing)) if lent else None)
        if path is None:
            return None
        if self._endings is None:
            different = {*self._paths.values(), *self._lent.values()}
            self._endings = Counter(ending for other in different for ending in endings_of(other))
        *longer, full = reversed(list(endings_of(path)))
        return next((ending for ending in longer if self._endings[ending] == 1), full)

    def _note(self, thing: Any, path: tuple[str, ...], paths: dict[int, tuple[str, ...]]) -> None:
        if id(thing) not in paths:
            paths[id(thing)] = path
            self.held.append(thing)
            self._endings = None


def variables(frame: FrameType) -> dict[str, Any]:
    """The variables of a running function, by name.

    Before Python 3.13 the frame keeps the dict in which it tells them, and with it all values, until the function ends.
    Where nobody else holds it, it is emptied.
    """
    told = frame.f_locals
    own = dict(told)
    alone = type(told) is dict and sys.getrefcount(told) <= 3  # the frame, this function, and the count itself
    if alone and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        told.clear()
    return own


def parts_of(value: Any) -> Iterable[tuple[str, Any]]:
    """What a container or an object holds, each with what is written to get it. None of its code is run."""
    if isinstance(value, dict):
        return [(f"[{key!r}]", part) for key, part in dict.items(value) if type(key) in (str, int)]
    if isinstance(value, list | tuple):
        fields = getattr(type(value), "_fields", None)
        items = list.__iter__(value) if isinstance(value, list) else tuple.__iter__(value)
        return [(f".{fields[i]}" if fields else f"[{i}]", part) for i, part in enumerate(items)]
    return [(f".{name}", part) for name, part in attributes_of(value) if not name.startswith("__")]


def attributes_of(value: Any) -> Iterator[tuple[str, Any]]:
    """The attributes that an object stores, in its dictionary and in slots."""
    try:
        yield from object.__getattribute__(value, "__dict__").items()
    except AttributeError:
        for kind in type(value).__mro__:
            slots = vars(kind).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if isinstance(name, str) and hasattr(kind, name):
                    try:
                        yield name, getattr(kind, name).__get__(value)
                    except AttributeError:  # an empty slot
                        continue


def endings_of(path: tuple[str, ...]) -> Iterator[str]:
    """A path from each of its parts on, the whole first; a number alone is no name.

    >>> list(endings_of(("net", ".layers", "[0]", ".weight")))
    ['net.layers[0].weight', 'layers[0].weight', 'weight']
    >>> list(endings_of(("self", ".cache", "['z2']")))
    ["self.cache['z2']", "cache['z2']", 'z2']
    """
    for start in range(len(path)):
        head = path[start].removeprefix(".")
        if head.startswith("['"):
            head = head[2:-2]
        if start == 0 or head.isidentifier():
            yield head + "".join(path[start + 1 :])


# ---- lines -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class Place:
    """A line of a person's code, in a function."""

    file: str
    line: int
    function: str

    @property
    def code(self) -> str:
        """The statement on this line, or the body of the lambda, on one line; "" where there is no source to read."""
        return code_at(self)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Watched:
    """What was seen while a block ran: the names of values, and the lines that made the recorded calls."""

    def __init__(self, standing: Standing) -> None:
        self.names = Names(standing)
        self._marks: list[tuple[int, Place | None]] = []  # orders, negated so that they grow

    def place_of(self, order: int) -> Place | None:
        """The line that made the recorded call of this order; None for what was recorded before or after the block."""
        found = bisect_right(self._marks, -order, key=lambda mark: mark[0])
        return self._marks[found - 1][1] if found else None

    def _mark(self, frame: FrameType | None) -> None:
        """What is recorded from now on is made by the line at which a frame, or the person's code around it, is."""
        while frame is not None and not is_own(frame.f_code.co_filename):
            frame = frame.f_back
        order = -next_order()
        if self._marks and self._marks[-1][0] == order - 1:  # nothing was recorded since
            self._marks.pop()
        place = Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name) if frame is not None else None
        self._marks.append((order, place))

    def _trace(self, frame: FrameType, kind: str, argument: Any) -> Any:
        """Python calls this at the start of every function; what it returns, at each line and at the end."""
        if not is_own(frame.f_code.co_filename):
            return None
        self.names.see(frame.f_locals, MOST_VALUES_A_LINE, lent=True)
        self._mark(frame)
        return self._lines_of(frame)

    def _lines_of(self, frame: FrameType) -> Any:
        line = frame.f_lineno

        def trace(frame: FrameType, kind: str, argument: Any) -> Any:
            nonlocal line
            bound, read = names_on_lines(frame.f_code).get(line, ((), ()))
            self.names.see(values_of(frame, bound), MOST_VALUES_A_LINE)
            self.names.see(values_of(frame, read), MOST_VALUES_A_LINE, lent=True)
            if kind == "line":
                line = frame.f_lineno
                self._mark(frame)
            elif kind == "return":
                self._mark(frame.f_back)
            return trace

        return trace


@contextmanager
def watch(standing: Standing, frame: FrameType | None = None) -> Iterator[Watched]:
    """Watch the person's code that runs inside the block, in this thread; and in the function that `frame` runs.

    `standing` says which values are of interest, and which objects stand for them. A debugger that was tracing is set
    aside until the end.

    >>> import numpy as np
    >>> from tinygrad_scratch import Tensor
    >>> def double(x):
    ...     twice = x + x
    ...     return twice
    >>> with watch(lambda value: value if type(value) is Tensor else None) as watched:
    ...     result = double(Tensor([1.0, 2.0], requires_grad=True))
    >>> watched.names.of(result)
    'twice'
    """
    watched = Watched(standing)
    before = sys.gettrace()
    inner = frame.f_trace if frame is not None else None
    watched._mark(frame)
    if frame is not None and is_own(frame.f_code.co_filename):
        frame.f_trace = watched._lines_of(frame)
    sys.settrace(watched._trace)
    try:
        yield watched
    finally:
        sys.settrace(before)
        if frame is not None:
            frame.f_trace = inner
        watched._mark(None)


def values_of(frame: FrameType, names: Iterable[str]) -> dict[str, Any]:
    """What names stand for in a running function."""
    inner, outer = frame.f_locals, frame.f_globals
    return {name: inner[name] if name in inner else outer[name] for name in names if name in inner or name in outer}


@cache
def names_on_lines(code: CodeType) -> dict[int, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The variables that each line of a function binds, and those that it reads."""
    found: dict[int, tuple[dict[str, None], dict[str, None]]] = {}
    for instruction in dis.get_instructions(code):
        line = instruction.positions.lineno if instruction.positions else None
        is_variable = re.match("(LOAD|STORE)_.*(FAST|NAME|GLOBAL|DEREF)", instruction.opname)
        if line is not None and is_variable:
            names = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            bound, read = found.setdefault(line, ({}, {}))
            (bound if is_variable[1] == "STORE" else read).update(dict.fromkeys(names))
    return {line: (tuple(bound), tuple(read)) for line, (bound, read) in found.items()}


@cache
def is_own(file: str) -> bool:
    """Whether a file is a person's own: not of Python, of an installed package or of this one."""
    if file.startswith("<"):  # typed in, or run from a string
        return not file.startswith(("<frozen", "<__array_function__", "<string"))
    return not ("site-packages" in file or "dist-packages" in file or file.startswith((PACKAGE, PYTHON)))


# ---- what is written on a line ---------------------------------------------------------------------------------------


def code_at(place: Place) -> str:
    """The statement on a line, or in a lambda its body; of a statement that holds others, its head."""
    source = "".join(linecache.getlines(place.file))
    if place.function == "<lambda>":
        bodies = [body for first, last, body in lambdas(source) if first <= place.line <= last]
        if len(bodies) == 1:
            return written(source, bodies[0])
    around = [(last - first, -first, node) for first, last, node in statements(source) if first <= place.line <= last]
    if not around:
        return ""
    size, first, node = min(around, key=lambda found: found[:2])
    return head(source, -first, size - first) if getattr(node, "body", None) else written(source, node)


Segments: TypeAlias = tuple[tuple[int, int, Any], ...]


@lru_cache(maxsize=16)
def statements(source: str) -> Segments:
    """The statements, each with its first line and its last, which of one that holds others is that of its head."""
    found = []
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno
            found.append((node.lineno, last, node))
    return tuple(found)


@lru_cache(maxsize=16)
def lambdas(source: str) -> Segments:
    """The same for the bodies of lambdas."""
    bodies = [node.body for node in ast.walk(parsed(source)) if isinstance(node, ast.Lambda)]
    return tuple((body.lineno, body.end_lineno or body.lineno, body) for body in bodies)


def parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:  # a line of a notebook that is no Python, such as `%time`
        return ast.Module([], [])


def written(source: str, node: ast.AST) -> str:
    """What a person wrote, if it fits on a line; else the same without its comments and line breaks."""
    text = ast.get_source_segment(source, node) or ""
    return text if "\n" not in text else ast.unparse(node)


def head(source: str, first: int, last: int) -> str:
    """The first lines of a statement that holds others."""
    lines = source.splitlines()[first - 1 : last]
    return " ".join(line.strip() for line in lines if not line.lstrip().startswith("#"))
