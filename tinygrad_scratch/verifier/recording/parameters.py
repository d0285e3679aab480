"""Where people keep their parameters, and how recorded arrays take the place of plain ones for a while."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import CellType, FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.names import without_holder, words
from tinygrad_scratch.verifier.reading.numbers_by_name import is_bias, is_learnt
from tinygrad_scratch.verifier.recording.holders import Shared, is_known, is_own, parts_of, put, set_local, with_arrays
from tinygrad_scratch.verifier.recording.recorded import ARRAYS, Recorded, from_outside
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.recording.undoing import Step, undo_of

DEPTH = 12  # of objects in lists in objects: a network of blocks of layers of heads keeps its weights deep


@dataclass(eq=False)
class Parameter:
    """An array that gradients are asked for: its name, what it was, and what holds it."""

    name: str
    recorded: Recorded
    array: Any
    asked: bool = True  # it was pointed at; others are looked at only where a gradient is found for them
    kept: bool = False  # by an object as an attribute of its own, which may be data
    first: int | None = None

    @property
    def node(self) -> int:
        """What it was at first."""
        if self.first is None:
            tape, slot = self.recorded._tape, self.recorded._slot
            self.first = next(node.number for node in tape.nodes if node.slot == slot)
        return self.first

    @property
    def short(self) -> str:
        is_numbered = self.name.endswith("]") and self.name[-2:-1].isdigit()
        return self.name.rsplit(".", 1)[-1] if is_numbered else without_holder(self.name)

    @property
    def kind(self) -> str:
        """The name without its number: `w` for `self.W1` and `layers[0].weights`."""
        return next((word.rstrip("0123456789") for word in reversed(words(self.name)) if not word.isdigit()), "")


Found = tuple[Any, Any, str, Any]  # what holds it, under which key, its name, itself


def arrays_below(value: Any, name: str, seen: set[int], depth: int = DEPTH) -> Iterator[Found]:
    """Every array, number with a point and bias that begins as 0 that an object leads to."""
    if id(value) in seen or not depth or isinstance(value, str | bytes):
        return
    seen.add(id(value))
    for key, part_name, part in parts_below(value, name):
        is_array = type(part) in ARRAYS and part.dtype.kind in "biufc"
        if is_array or type(part) in (float, np.float64, np.float32, Recorded) or is_learnt(value, key, part):
            yield value, key, part_name, part
        elif not isinstance(part, str | bytes | int | FunctionType):
            yield from arrays_below(part, part_name, seen, depth - 1)


def tuples_below(value: Any, seen: set[int], depth: int = DEPTH) -> Iterator[tuple[Any, Any, Any]]:
    """Every tuple that an object holds: what holds it, under which key, itself."""
    if id(value) in seen or not depth or isinstance(value, str | bytes | int | FunctionType):
        return
    seen.add(id(value))
    for key, _, part in parts_below(value, ""):
        if isinstance(part, tuple):
            yield value, key, part
        yield from tuples_below(part, seen, depth - 1)


def parts_below(value: Any, name: str) -> Iterator[tuple[Any, str, Any]]:
    """As parts_of, and what modules and classes of a person's own hold."""
    if isinstance(value, ModuleType | type):
        if not is_known(value):
            return
        for key, part in list(vars(value).items()):
            if not key.startswith("__") and not isinstance(part, ModuleType | type | FunctionType):
                yield key, f"{name}.{key}" if name else key, part
        return
    yield from parts_of(value, name)
    if is_own(type(value)) and not isinstance(value, dict | list | tuple | np.ndarray):
        for kind in type(value).__mro__:  # what the class keeps for all
            if is_own(kind):
                for key, part in list(vars(kind).items()):
                    if isinstance(part, np.ndarray | dict | list) and not key.startswith("__"):
                        yield Shared(kind, key), f"{name}.{key}", part


def held_by(frame: FrameType) -> set[tuple[str, int]]:
    """The places in the containers of a running function, with what is there now: a container may be a new one."""
    held = ((name, value) for name, value in frame.f_locals.items() if isinstance(value, dict | list | tuple))
    below = (part for name, value in held for part in arrays_below(value, name, set()))
    return {(path, part.node) for _, _, path, part in below if type(part) is Recorded and part.is_used}


class Wrapping:
    """Puts recorded arrays in place of plain ones, remembers which, and takes them out again."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.found: list[Parameter] = []
        self.undo: list[Callable[[], Any]] = []
        self.seen: set[int] = set()
        self._known: set[int] = set()
        self._outside: list[Array] = []

    def wrap(self, array: Any, path: str, asked: bool, kept: bool = False) -> Any:
        """What stands for an array; None for what is no array, or is recorded already."""
        recorded = from_outside(self.tape, array)
        if recorded is None:
            return None
        if type(array) in ARRAYS:
            self._outside.append(array)
        if recorded.dtype.kind in "fc" and id(recorded) not in self._known and recorded.size:
            self._known.add(id(recorded))
            self.found.append(Parameter(path, recorded, array, asked, kept))
        return recorded

    def below(self, value: Any, name: str, asked: bool) -> None:
        """The same for all that a value holds."""
        for holder, key, path, array in list(arrays_below(value, name, self.seen)):
            is_meant = type(array) in ARRAYS or is_learnt(holder, key, array)
            recorded = self.wrap(array, path_of(path), asked and is_meant, is_own(type(holder)))
            if recorded is not None and put(holder, key, recorded) and type(key) is Shared:
                self.undo.append(partial(setattr, key.kind, key.name, array))
        for holder, key, held in list(tuples_below(value, set())):
            recorded = with_arrays(held, partial(from_outside, self.tape))
            if recorded is not None:
                put(holder, key, recorded)

    def target(self, target: Any, name: str) -> None:
        if isinstance(target, np.ndarray | float):
            self.wrap(target, name, type(target) in ARRAYS or is_bias(name, target))
        else:
            self.below(target, name, True)

    def ask_for_numbers(self) -> None:
        """Numbers of Python's are parameters where there are no arrays."""
        if not any(parameter.asked and type(parameter.array) in ARRAYS for parameter in self.found):
            for parameter in self.found:
                parameter.asked = True

    def frame(self, frame: FrameType, targets: dict[str, Any]) -> None:
        """All that a running function's variables lead to. Globals that are arrays the watch sees to.

        A number that was pointed at is another one than the variable of that name, which their code reads.
        """
        before = {name: value for name, value in frame.f_locals.items() if is_data(name, value)}
        changed: dict[str, Any] = {}
        for name, value in variables_of(frame).items():
            if not isinstance(value, np.ndarray | float):
                self.below(value, name, False)
                if isinstance(value, tuple) and name in before:
                    changed[name] = with_arrays(value, partial(from_outside, self.tape))
            elif name in before:
                is_number = name in targets and value is targets[name] and is_bias(name, value)
                changed[name] = self.wrap(value, name, is_number)
        changed = {name: value for name, value in changed.items() if value is not None}
        for name, value in changed.items():
            set_local(frame, name, value)
        self.undo.append(partial(unrecord_frame, frame, before, changed))

    def take_out(self) -> None:
        for step in reversed(self.undo):
            step()
        for array in self._outside:
            restore_content(array, self.tape)


@contextmanager
def recorded_parameters(
    targets: dict[str, Any], tape: Tape, frame: FrameType | None = None
) -> Iterator[list[Parameter]]:
    """Put recorded arrays in place of all that objects and a running function hold; afterwards all is as it was."""
    wrapping = Wrapping(tape)
    variables = [] if frame is None else list(variables_of(frame).values())
    wrapping.undo += undo_below([*targets.values(), *variables])
    try:
        for name, target in targets.items():
            wrapping.target(target, name)
        wrapping.ask_for_numbers()
        if frame is not None:
            wrapping.frame(frame, targets)
        yield wrapping.found
    finally:
        wrapping.take_out()


def path_of(text: str) -> str:
    """A path from a target without what only says that it is a part: `W1` for `['W1']`."""
    return re.sub(r"^\['([^']*)'\]", r"\1", text.removeprefix("."))


def variables_of(frame: FrameType) -> dict[str, Any]:
    """The variables of a running function that hold data, with the globals that it mentions."""
    outer, inner = frame.f_globals, frame.f_locals
    mentioned = {} if outer is inner else {name: outer[name] for name in frame.f_code.co_names if name in outer}
    return {name: value for name, value in {**mentioned, **inner}.items() if is_data(name, value)}


def is_data(name: str, value: Any) -> bool:
    return not name.startswith("__") and not isinstance(value, ModuleType | type | FunctionType | str | bytes)


def unrecord_frame(frame: FrameType, before: dict[str, Any], changed: dict[str, Any]) -> None:
    """Give the variables of a running function what they had, and plain arrays to those that it bound meanwhile."""
    for name, value in list(frame.f_locals.items()):
        if value is changed.get(name, frame):
            set_local(frame, name, before[name])
        elif type(value) is Recorded:
            set_local(frame, name, value._value())
        elif name not in before and is_data(name, value):
            unrecord_below(value)


def unrecord_below(value: Any) -> None:
    """Plain arrays in place of recorded ones, in what was made while recording."""
    for holder, key, _, part in list(arrays_below(value, "", set())):
        if type(part) is Recorded:
            put(holder, key, part._value())


def unrecord_names(names: dict[str, Any], before: dict[str, Any]) -> None:
    """A namespace as it was before."""
    for name, value in list(names.items()):
        if name not in before:
            del names[name]
        elif value is not before[name]:
            names[name] = before[name]


def restore_content(array: Array, tape: Tape) -> None:
    """Undo what was written to an array from outside."""
    recorded = tape.wrapped.get(id(array))
    if recorded is None or not recorded.is_used or not array.flags.writeable:
        return
    first = tape.first_of(recorded._slot).value
    if not np.array_equal(array, first, equal_nan=array.dtype.kind in "fc"):
        array[...] = first


def restore_cells(tape: Tape) -> None:
    """Give functions the plain arrays among the variables around them, with the content that these had."""
    for cell in gc.get_objects():
        if type(cell) is CellType:
            try:
                held = cell.cell_contents
            except ValueError:  # empty
                continue
            if type(held) is Recorded and held._tape is tape:
                cell.cell_contents = held._value()
                if type(held._value()) in ARRAYS:
                    restore_content(held._value(), tape)


# ---- all as it was before --------------------------------------------------------------------------------------------


def holders_below(roots: list[Any]) -> Iterator[Any]:
    """Every container and object of a person's own below some values."""
    waiting, seen = list(roots), set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, str | bytes | int | float):
            continue
        seen.add(id(value))
        if isinstance(value, ModuleType) and not is_known(value):
            continue
        if isinstance(value, dict | list | ModuleType) or type(value) is np.ndarray or is_own(type(value)):
            yield value
        waiting += [part for _, _, part in parts_below(value, "")]


def undo_below(roots: list[Any]) -> list[Step]:
    """What gives every container and object of a person's own below some values what it has now."""
    return [step for holder in holders_below(roots) for step in undo_of(holder)]
