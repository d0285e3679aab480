"""The stand-ins for `np`, `math` and SciPy's modules in a person's code: what each of their attributes is there."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.places import is_theirs
from tinygrad_scratch.verifier.recording.calling_theirs import CALL_THEIRS, vectorized, vectorizing
from tinygrad_scratch.verifier.recording.entries_in_turn import enumerating, iterating
from tinygrad_scratch.verifier.recording.masked import MASKING
from tinygrad_scratch.verifier.recording.methods import PLAIN_RESULTS
from tinygrad_scratch.verifier.recording.minimised import MINIMISERS, minimising
from tinygrad_scratch.verifier.recording.number_types import NUMBERS, recorded_type
from tinygrad_scratch.verifier.recording.recorded import unrecorded
from tinygrad_scratch.verifier.recording.recording import Joined, UFunc, of_sizes, recording
from tinygrad_scratch.verifier.recording.respelled import (
    NUMPY_OF_MATH,
    Generator,
    RandomState,
    drawing,
    is_random,
    of_math,
    spelled,
    strided,
)
from tinygrad_scratch.verifier.recording.scipy_in_numpy import is_module, spellings
from tinygrad_scratch.verifier.recording.tape import Tape

MODULES = (np, np.linalg, np.fft, np.random, np.lib, np.lib.stride_tricks, math)
CALLED_TYPES: dict[Any, Any] = {np.vectorize: vectorizing, np.nditer: iterating, np.ndenumerate: enumerating}
SIZES: dict[Any, Any] = {function: partial(of_sizes, function) for function in (np.shape, np.ndim, np.size)}
OF_TYPES: dict[type, Callable[[Any, Tape], Any]] = {
    np.vectorize: lambda value, tape: vectorized(value.pyfunc, value.otypes, tape),
    np.random.Generator: Generator,
}


def seeding(tape: Tape) -> Callable[..., Any]:
    """np.random.default_rng."""
    return lambda seed=None: stand_in(np.random.default_rng(unrecorded(seed)), tape)


SPELLED_HERE = {
    **CALL_THEIRS, **SIZES, np.lib.stride_tricks.as_strided: strided, np.random.default_rng: seeding,
}  # fmt: skip


class Proxy(ModuleType):
    """NumPy, or one of its modules, whose functions record what they make."""

    def __init__(self, module: ModuleType, tape: Tape) -> None:
        super().__init__(module.__name__)
        self.__dict__["_module"] = module
        self.__dict__["_tape"] = tape

    def __getattr__(self, name: str) -> Any:
        value = stand_in(getattr(self._module, name), self._tape)
        if not self._tape.closed:
            self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        return dir(self._module)


class SciPy(Proxy):
    """A module of SciPy's: functions that NumPy can spell record what they make, and all else is SciPy's own.

    Minimisers only begin.
    """

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if name in MINIMISERS:
            return minimising(value, self._tape)
        return stand_in(value, self._tape) if is_module(value) or id(value) in spellings() else value


class MaskedArrays(Proxy):
    """np.ma: the functions that make masked arrays of recorded values, and all else as it is."""

    def __getattr__(self, name: str) -> Any:
        return MASKING[name](self._tape) if name in MASKING else getattr(self._module, name)


def stand_in(value: Any, tape: Tape) -> Any:
    """What a person's module sees in place of something of NumPy's, of math or of SciPy's."""
    made = made_for(value, tape)
    if made is not value and not isinstance(made, type):
        vars(made)[STANDS_FOR] = value
    return made


STANDS_FOR = "_stands_for"


def stood_for(value: Any) -> Any:
    """What a stand-in is in place of; anything else itself."""
    held = getattr(value, "__dict__", None)
    return held.get(STANDS_FOR, value) if type(held) is dict else value


def made_for(value: Any, tape: Tape) -> Any:
    """A stand-in; what needs none itself."""
    if isinstance(value, ModuleType):
        return module_for(value, tape)
    if type(value) in (type(np.c_), type(np.r_)):
        return Joined(value, tape)
    if isinstance(value, type):
        return type_in_place(value, tape)
    if type(value) in OF_TYPES:
        return OF_TYPES[type(value)](value, tape)
    if isinstance(value, np.ufunc):
        return UFunc(value, tape)
    is_plain = getattr(value, "__name__", "") in PLAIN_RESULTS
    if not callable(value) or is_put_in(value) or (is_plain and value not in SPELLED_HERE):
        return value
    if value in SPELLED_HERE:
        return SPELLED_HERE[value](tape)
    if value in NUMPY_OF_MATH:
        return of_math(value, NUMPY_OF_MATH[value], tape)
    if is_random(value):
        return drawing(value, tape)
    ours = spellings().get(id(value))
    return recording(value, tape) if ours is None else spelled(value, ours, tape)


def module_for(module: ModuleType, tape: Tape) -> ModuleType:
    """A stand-in for a module; one of which nothing is recorded itself."""
    if module is np.ma:
        return MaskedArrays(module, tape)
    return SciPy(module, tape) if is_module(module) else Proxy(module, tape) if module in MODULES else module


def is_put_in(value: Any) -> bool:
    """Whether a function is a person's own, put into NumPy as `np.sigmoid = ...` does: what it calls is recorded."""
    return isinstance(value, FunctionType) and bool(is_theirs(value.__code__.co_filename))


def type_in_place(kind: type, tape: Tape) -> Any:
    """What stands for a type: types of numbers are called with values, np.vectorize and the like are functions."""
    if kind in CALLED_TYPES:
        return CALLED_TYPES[kind](tape)
    if kind is np.random.RandomState:
        return type("RandomState", (RandomState,), {"tape": tape})
    known: Any = kind
    return recorded_type(known) if kind in NUMBERS else kind
