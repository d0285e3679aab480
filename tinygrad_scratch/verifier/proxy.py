"""The stand-in for `np` in a person's module: NumPy itself, but what it creates is recorded too."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recorded import Recorded, record
from tinygrad_scratch.verifier.tape import Tape, is_theirs, map_tree

SUBMODULES = {np.linalg, np.fft, np.random}
PLAIN_RESULTS = {"shape", "ndim", "size", "isscalar", "iterable", "broadcast_shapes", "result_type", "dtype", "seed"}


class ArrayType(type):
    """The type that `np.ndarray` is for a person's module: what is recorded is an array, too."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, np.ndarray | Recorded)

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        return np.ndarray(*arguments, **keywords)


class RecordedArray(metaclass=ArrayType):
    """np.ndarray, to the eyes of isinstance."""


class Proxy(ModuleType):
    """NumPy, or one of its modules, whose functions record what they make."""

    def __init__(self, module: Any, tape: Tape) -> None:
        super().__init__(getattr(module, "__name__", "numpy.random"))
        self.__dict__["_module"] = module
        self.__dict__["_tape"] = tape

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if name == "ndarray":
            return RecordedArray
        if isinstance(value, ModuleType):
            return Proxy(value, self._tape) if value in SUBMODULES else value
        if isinstance(value, type) or not callable(value) or name in PLAIN_RESULTS:
            return value
        return recording(value, self._tape)


def recording(function: Callable[..., Any], tape: Tape) -> Callable[..., Any]:
    """A function of NumPy that records its results, also where no argument is recorded."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        if any(type(part) is Recorded for part in leaves((arguments, keywords))):
            return record(tape, function, arguments, keywords)
        return map_tree(lambda value: created(value, tape), function(*arguments, **keywords))

    call.__name__ = getattr(function, "__name__", "call")
    if isinstance(function, np.ufunc):
        return UFunc(function, tape)  # type: ignore[return-value]
    return call


class UFunc:
    """A ufunc that records, with its methods."""

    def __init__(self, ufunc: np.ufunc, tape: Tape) -> None:
        self._ufunc = ufunc
        self._tape = tape
        self.__name__ = ufunc.__name__

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if any(type(part) is Recorded for part in leaves((arguments, keywords))):
            return record(self._tape, self._ufunc, arguments, keywords)
        return created(self._ufunc(*arguments, **keywords), self._tape)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._ufunc, name)
        return recording(value, self._tape) if callable(value) else value


def created(value: Any, tape: Tape) -> Any:
    """An array that a function made, recorded as a constant."""
    if type(value) is np.ndarray and value.dtype.kind in "biufc":
        return Recorded(tape, value, tape.constant(value))
    return value


def leaves(tree: Any) -> Iterator[Any]:
    if type(tree) in (tuple, list):
        for part in tree:
            yield from leaves(part)
    elif type(tree) is dict:
        for part in tree.values():
            yield from leaves(part)
    else:
        yield tree


CREATORS = {
    getattr(np, name)
    for name in ("array", "asarray", "zeros", "ones", "empty", "full", "eye", "identity", "arange", "linspace", "tri",
                 "asanyarray", "ascontiguousarray", "fromiter", "atleast_1d", "atleast_2d", "stack", "concatenate")
}  # fmt: skip


@contextmanager
def numpy_recorded(tape: Tape) -> Iterator[None]:
    """Let every module of the person's own see the stand-in where it imported NumPy; all is put back afterwards."""
    swapped: list[tuple[dict[str, Any], str, Any]] = []
    proxies = {id(module): Proxy(module, tape) for module in (np, *SUBMODULES)}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        names = getattr(module, "__dict__", None)
        if names is None or (file is None and module.__name__ != "__main__") or (file and not is_theirs(file)):
            continue
        if module.__name__.partition(".")[0] == "tinygrad_scratch":
            continue
        for name, value in list(names.items()):
            if id(value) in proxies:
                swapped.append((names, name, value))
                names[name] = proxies[id(value)]
            elif callable(value) and getattr(value, "__hash__", None) and any(value is known for known in CREATORS):
                swapped.append((names, name, value))
                names[name] = recording(value, tape)
    try:
        yield
    finally:
        for names, name, value in swapped:
            names[name] = value
