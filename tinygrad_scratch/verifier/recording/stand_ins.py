"""Which names of a person's modules are stood in for, while a run is recorded; all is put back afterwards."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType, NoneType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.places import is_theirs, runs_theirs
from tinygrad_scratch.verifier.recording.number_types import BUILTINS
from tinygrad_scratch.verifier.recording.proxy import CALLED_TYPES, MODULES, OF_TYPES, stand_in, stood_for
from tinygrad_scratch.verifier.recording.respelled import is_random
from tinygrad_scratch.verifier.recording.scipy_in_numpy import is_module, spellings
from tinygrad_scratch.verifier.recording.tape import Tape


class StandIns:
    """The namespaces in which stand-ins were put, and what was there before."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._undo: list[tuple[dict[str, Any], str, Any]] = []
        self._functions = numpy_functions() | set(spellings())
        self._made: dict[int, tuple[Any, Any]] = {}  # by id: what is stood in for, and by what, in all namespaces
        self._done: set[int] = set()

    def put_in(self, names: dict[str, Any]) -> None:
        """Put them into a namespace, once."""
        if id(names) in self._done:
            return
        self._done.add(id(names))
        for name, value in others_in(names):
            if is_numpys(value, self._functions):
                self._undo.append((names, name, value))
                names[name] = self._stand_in(value)
        for name, value in BUILTINS.items():
            if name not in names:
                self._undo.append((names, name, None))
                names[name] = value

    def _stand_in(self, value: Any) -> Any:
        if id(value) not in self._made:
            self._made[id(value)] = value, stand_in(value, self._tape)
        return self._made[id(value)][1]

    def take_out(self) -> None:
        for names, name, value in self._undo:
            if value is not None:
                names[name] = value
            elif names.get(name) is BUILTINS[name]:
                del names[name]
        for names in their_modules():  # what was imported meanwhile
            for name, value in others_in(names):
                if type(value) not in NO_STAND_INS and (own := stood_for(value)) is not value:
                    names[name] = own


@contextmanager
def numpy_recorded(tape: Tape, on_import: Callable[[], Callable[[], None] | None]) -> Iterator[StandIns]:
    """Let every module of the person's own see the stand-ins, also by imports to come; all is put back afterwards.

    `on_import` is called before each import by a person's code, and what it returns, if anything, after that.
    """
    stand_ins = StandIns(tape)
    own_import = builtins.__import__
    try:
        for names in their_modules():
            stand_ins.put_in(names)
        builtins.__import__ = importing(own_import, tape, on_import)
        yield stand_ins
    finally:
        builtins.__import__ = own_import
        stand_ins.take_out()


def importing(
    own_import: Callable[..., Any], tape: Tape, on_import: Callable[[], Callable[[], None] | None]
) -> Callable[..., Any]:
    """`import` that gives a person's code the stand-ins."""

    def imported(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        by_them = runs_theirs(sys._getframe(1))
        after = on_import() if by_them else None
        module = own_import(name, globals, locals, fromlist, level)
        if after is not None:
            after()
        if level or tape.closed or name.partition(".")[0] not in ("numpy", "math", "scipy", "sklearn"):
            return module
        return stand_in(module, tape) if by_them and isinstance(module, ModuleType) else module

    return imported


OTHERS: dict[int, ModuleType] = {}  # modules of packages, by id: there are thousands, and each run looks at all


def their_modules() -> Iterator[dict[str, Any]]:
    """The namespaces of a person's own modules."""
    for name, module in list(sys.modules.items()):
        if OTHERS.get(id(module)) is not module and isinstance(module, ModuleType):
            file = module.__dict__.get("__file__")
            is_own = name == "__main__" if not isinstance(file, str) else is_theirs(file)
            if is_own and type(module).__module__ != "unittest.mock":
                yield module.__dict__
            elif isinstance(file, str) and not is_own:
                OTHERS[id(module)] = module


def numpy_functions() -> set[int]:
    """The functions of NumPy and math that are recorded, by id."""
    found = set()
    for module in MODULES:
        for name in dir(module):
            value = getattr(module, name, None)
            if callable(value) and (not isinstance(value, type) or value in CALLED_TYPES):
                found.add(id(value))
    return found


DATA = {str, int, float, bool, NoneType, tuple, list, dict, set, np.ndarray}
NO_STAND_INS = {ModuleType, type}


def others_in(names: dict[str, Any]) -> list[tuple[str, Any]]:
    """What a namespace has beside data, and functions that were defined there: nothing stands in for these."""
    return [
        (name, value)
        for name, value in names.items()
        if (kind := type(value)) not in DATA and not (kind is FunctionType and value.__globals__ is names)
    ]


def is_numpys(value: Any, functions: set[int]) -> bool:
    if type(value) is FunctionType or type(value) is type:  # as most are
        return id(value) in functions
    if isinstance(value, ModuleType):
        return value in MODULES or value is np.ma or is_module(value)
    return id(value) in functions or type(value) in OF_TYPES or is_random(value)
