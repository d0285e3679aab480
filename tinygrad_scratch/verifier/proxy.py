"""The stand-ins for `np`, `math` and `float` in a person's modules: the real ones, but what they make is recorded."""

from __future__ import annotations

import builtins
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from inspect import isgenerator
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.places import is_theirs, runs_theirs
from tinygrad_scratch.verifier.recorded import (
    ARRAYS,
    PLAIN_RESULTS,
    Recorded,
    holds_recorded,
    plain,
    record,
    unrecorded,
)
from tinygrad_scratch.verifier.references import map_tree
from tinygrad_scratch.verifier.scipy_in_numpy import in_our_words, is_module, spellings
from tinygrad_scratch.verifier.tape import Tape

TAKE_SEVERAL = {
    "concatenate", "concat", "stack", "vstack", "hstack", "dstack", "column_stack", "row_stack", "block", "array",
    "asarray", "asanyarray",
    "ascontiguousarray", "einsum", "meshgrid", "broadcast_arrays", "select", "choose", "ix_", "multi_dot", "average",
    "pad", "reshape",
    "tensordot", "transpose", "piecewise", "append", "insert", "r_", "c_", "atleast_1d", "atleast_2d", "atleast_3d",
    "zeros", "ones", "empty", "full", "tile", "roll", "squeeze", "expand_dims", "moveaxis", "flip", "copyto",
    "gradient",
}  # fmt: skip


MODULES = (np, np.linalg, np.fft, np.random, np.lib, np.lib.stride_tricks, math)
CREATORS = {
    "zeros",
    "ones",
    "empty",
    "eye",
    "identity",
    "tri",
    "arange",
    "indices",
    "linspace",
    "ndindex",
}  # nothing flows through


NUMBERS = {kind for kind in np.sctypeDict.values() if issubclass(kind, np.number | np.bool_)}


class NumberType(type):
    """The type of the stand-ins for `float`, and for `np.float64`, `np.int64` and the like."""

    kind: Any
    dtype: Any

    def __call__(cls, *arguments: Any) -> Any:
        if len(arguments) != 1 or type(arguments[0]) is not Recorded:
            return cls.kind(*arguments)
        value = arguments[0]
        cast = value if value.dtype == cls.dtype else value.astype(cls.dtype)
        return cast if cast.ndim and cls.kind is not float else cast.item()

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, cls.kind)

    def __subclasscheck__(cls, kind: Any) -> bool:
        return issubclass(kind, cls.kind)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.kind, name)

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.kind

    def __hash__(cls) -> int:
        return hash(cls.kind)


@cache
def recorded_type(kind: Any) -> NumberType:
    """A type of numbers, but of a recorded value it makes a recorded one."""
    return NumberType(kind.__name__, (), {"kind": kind, "dtype": np.dtype(kind)})


def understood(tree: Any) -> Any:
    """Arguments of a call with types for their stand-ins, and lists for generators."""
    return map_tree(
        lambda value: value.kind if type(value) is NumberType else list(value) if isgenerator(value) else value, tree
    )


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
    """A module of SciPy's: the functions that NumPy can spell record what they make, and all else is SciPy's own."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        return stand_in(value, self._tape) if is_module(value) or id(value) in spellings() else value


def stand_in(value: Any, tape: Tape) -> Any:
    """What a person's module sees in place of something of NumPy's, of math or of SciPy's."""
    if isinstance(value, ModuleType):
        return SciPy(value, tape) if is_module(value) else Proxy(value, tape) if value in MODULES else value
    if type(value) in (type(np.c_), type(np.r_)):
        return Joined(value, tape)
    if isinstance(value, type):
        return type_in_place(value, tape)
    if type(value) is np.vectorize:
        return vectorized(value.pyfunc, value.otypes, tape)
    if isinstance(value, np.ufunc):
        return UFunc(value, tape)
    if not callable(value) or getattr(value, "__name__", "") in PLAIN_RESULTS or is_put_in(value):
        return value
    if value in NUMPY_OF_MATH:
        return of_math(value, NUMPY_OF_MATH[value], tape)
    if is_random(value):
        return drawing(value, tape)
    if value is np.lib.stride_tricks.as_strided:
        return strided(tape)
    ours = spellings().get(id(value))
    return recording(value, tape) if ours is None else spelled(value, ours, tape)


def is_put_in(value: Any) -> bool:
    """Whether a function is a person's own, put into NumPy as `np.sigmoid = ...` does: what it calls is recorded."""
    return isinstance(value, FunctionType) and bool(is_theirs(value.__code__.co_filename))


def type_in_place(kind: type, tape: Tape) -> Any:
    """What stands for a type: types of numbers are called with values, and np.vectorize with functions."""
    if kind is np.vectorize:
        return vectorizing(tape)
    known: Any = kind
    return recorded_type(known) if kind in NUMBERS else kind


def recording(function: Callable[..., Any], tape: Tape) -> Callable[..., Any]:
    """A function of NumPy that records its results, also where no argument is recorded."""
    name = getattr(function, "__name__", "call")

    def call(*arguments: Any, **keywords: Any) -> Any:
        arguments, keywords = understood((arguments, keywords))
        if tape.closed:
            return function(*unrecorded(arguments), **unrecorded(keywords))
        if name in CREATORS:
            arguments, keywords = unrecorded((arguments, keywords))
        elif name == "full":
            arguments = (*unrecorded(arguments[:1]), *arguments[1:])
            keywords = {key: unrecorded(value) if key == "shape" else value for key, value in keywords.items()}
        if not holds_recorded((arguments, keywords)):
            return created(function(*arguments, **keywords), tape)
        if name in ("array", "asarray", "asanyarray") and keywords.get("dtype", arguments[1:2]) in (object, (object,)):
            return of_objects(arguments[0])
        if name in ("array", "asarray", "asanyarray"):
            arguments = (unboxed(arguments[0], tape), *arguments[1:])
        if name not in TAKE_SEVERAL:
            arguments = tuple(
                record(tape, np.array, (part,), {}) if type(part) is list and holds_recorded(part) else part
                for part in arguments
            )
        return record(tape, function, arguments, keywords)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__
    return call


class UFunc:
    """A ufunc that records, with its methods."""

    def __init__(self, ufunc: np.ufunc, tape: Tape) -> None:
        self._ufunc = ufunc
        self._call = recording(ufunc, tape)
        self._tape = tape
        self.__name__ = ufunc.__name__

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        out = keywords.get("out")
        if isinstance(out, tuple) and len(out) == 1:
            keywords["out"] = out[0]
        if any(type(part) is np.ndarray and part.dtype.kind == "O" for part in arguments):
            return self._ufunc(*arguments, **keywords)
        return self._call(*arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._ufunc, name)
        return recording(value, self._tape) if callable(value) else value


class Joined:
    """`np.c_` and `np.r_`."""

    def __init__(self, joiner: Any, tape: Tape) -> None:
        self._joiner, self._tape = joiner, tape

    def __getitem__(self, key: Any) -> Any:
        parts = key if type(key) is tuple else (key,)
        if self._tape.closed or not holds_recorded(parts) or any(isinstance(part, str) for part in parts):
            return created(self._joiner[unrecorded(key)], self._tape)
        parts = tuple(
            part if type(part) is Recorded else created(np.atleast_1d(self._joiner[part]), self._tape) for part in parts
        )
        rows = [part.reshape(1) if part.ndim == 0 else part for part in parts]
        if self._joiner is np.r_:
            return record(self._tape, np.concatenate, (rows,), {})
        columns = [part[:, None] if part.ndim == 1 else part for part in rows]
        return record(self._tape, np.concatenate, (columns,), {"axis": -1})


def created(value: Any, tape: Tape) -> Any:
    """What a function made of plain values: arrays and numbers of it are recorded as constants."""
    if type(value) in ARRAYS and value.dtype.kind in "biufc":
        array = np.asarray(value)
        made = Recorded(tape, array, tape.constant(array))
        return made if array is value else made.as_matrix()
    if isinstance(value, np.floating) and type(value) is not np.longdouble:
        array = np.asarray(value)
        return Recorded(tape, array, tape.constant(array), True)
    if type(value) in (list, tuple):
        return type(value)(created(part, tape) for part in value)
    return value


def of_objects(parts: Any) -> Any:
    """An array of objects; the recorded arrays in it stay what they are."""
    made = np.empty(len(parts), dtype=object)
    for i, part in enumerate(parts):
        made[i] = part
    return made


def unboxed(value: Any, tape: Tape) -> Any:
    """Arrays of objects inside of lists as lists."""
    if type(value) is np.ndarray and value.dtype.kind == "O":
        return list(value)
    return [unboxed(part, tape) for part in value] if type(value) in (list, tuple) else value


# ---- draws -----------------------------------------------------------------------------------------------------------


def is_random(function: Any) -> bool:
    return isinstance(getattr(function, "__self__", None), np.random.RandomState)


def drawing(function: Callable[..., Any], tape: Tape) -> Callable[..., Any]:
    """A function that draws: what it drew is a constant of the tape, so each replay sees the same."""
    name = getattr(function, "__name__", "draw")

    def draw(*arguments: Any, **keywords: Any) -> Any:
        first = arguments[0] if arguments else None
        if tape.closed or type(first) is not Recorded or name not in ("permutation", "shuffle"):
            return created(function(*unrecorded(arguments), **unrecorded(keywords)), tape)
        if first.ndim == 0:
            return created(function(int(first)), tape)
        order = created(np.random.permutation(len(first)), tape)
        if name == "permutation":
            return first[order]
        first[...] = first[order]
        return None

    draw.__name__ = name
    return draw


def strided(tape: Tape) -> Callable[..., Any]:
    """as_strided, as the choice of entries that it is."""

    def as_strided(x: Any, shape: Any = None, strides: Any = None, **keywords: Any) -> Any:
        if tape.closed or type(x) is not Recorded or not x._array.flags.c_contiguous:
            return np.lib.stride_tricks.as_strided(x, shape, strides, **keywords)
        shape, strides = unrecorded((x.shape if shape is None else shape, x.strides if strides is None else strides))
        places = np.zeros(shape, int)
        for axis, (length, stride) in enumerate(zip(shape, strides, strict=True)):
            places += (np.arange(length) * (stride // x.itemsize)).reshape([-1] + [1] * (len(shape) - axis - 1))
        return record(tape, np.ravel, (x,), {})[places]

    return as_strided


def vectorizing(tape: Tape) -> Callable[..., Any]:
    """np.vectorize, of a function, or with options alone, as a decorator has them."""

    def vectorize(pyfunc: Any = None, otypes: Any = None, **options: Any) -> Callable[..., Any]:
        if not callable(pyfunc):
            return lambda function: vectorize(function, otypes, **options)
        kinds = np.vectorize(pyfunc, otypes, **options).otypes
        return np.vectorize(pyfunc, otypes, **options) if "signature" in options else vectorized(pyfunc, kinds, tape)

    return vectorize


def vectorized(function: Callable[..., Any], kinds: str | None, tape: Tape) -> Callable[..., Any]:
    """np.vectorize: the function is called with one recorded number after the other; `kinds` are NumPy's types."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        given = [part if type(part) is Recorded else created(np.asarray(part), tape) for part in arguments]
        shape = np.broadcast_shapes(*(part.shape for part in given))
        if not shape or tape.closed:
            return (
                np.vectorize(function, kinds)(*unrecorded(arguments), **keywords)
                if tape.closed
                else function(*given, **keywords)
            )
        spread = [record(tape, np.broadcast_to, (part, shape), {}) for part in given]
        made = [function(*(part[place] for part in spread), **keywords) for place in np.ndindex(shape)]
        row = record(tape, np.array, (made,), {}) if holds_recorded(made) else created(np.array(made), tape)
        return row.reshape(shape) if kinds is None else row.reshape(shape).astype(kinds[0])

    return call


# ---- math ------------------------------------------------------------------------------------------------------------

NUMPY_OF_MATH: dict[Any, Any] = {
    getattr(math, name): getattr(np, numpy_name)
    for name, numpy_name in {
        **{name: name for name in ("exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "sin", "cos", "tan",
        "sinh", "cosh", "tanh",
                                   "fabs", "hypot", "copysign", "isnan", "isinf", "isfinite", "cbrt", "exp2",
                                   "degrees", "radians")},
        "pow": "power", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh",
        "acosh": "arccosh",
        "atanh": "arctanh", "fmod": "fmod",
    }.items()
    if hasattr(math, name)
}  # fmt: skip
NUMPY_OF_MATH[math.fsum] = sum
NUMPY_OF_MATH[math.prod] = lambda parts, start=1: np.multiply.reduce(list(parts)) * start


def of_math(function: Callable[..., Any], ours: Callable[..., Any], tape: Tape) -> Callable[..., Any]:
    """A function of math: of recorded numbers it is NumPy's."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        arguments, keywords = understood((arguments, keywords))
        if tape.closed or not holds_recorded((arguments, keywords)):
            return function(*unrecorded(arguments), **unrecorded(keywords))
        function(*map_tree(lambda part: part._value() if plain(part) is not None else part, arguments), **keywords)
        return ours(*arguments, **keywords)

    call.__name__ = getattr(function, "__name__", "call")
    return call


def spelled(function: Callable[..., Any], ours: Callable[..., Any], tape: Tape) -> Callable[..., Any]:
    """A function of SciPy's: of recorded values it is its spelling in NumPy, where that has words for the call."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        if tape.closed or not holds_recorded((arguments, keywords)):
            return function(*unrecorded(arguments), **unrecorded(keywords))
        said = in_our_words(function, ours, arguments, keywords)
        return function(*arguments, **keywords) if said is None else record(tape, ours, *said)

    call.__name__ = getattr(function, "__name__", "call")
    return call


# ---- putting them in -------------------------------------------------------------------------------------------------


class StandIns:
    """The namespaces in which stand-ins were put, and what was there before."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._undo: list[tuple[dict[str, Any], str, Any]] = []
        self._functions = numpy_functions() | set(spellings())
        self._done: set[int] = set()

    def put_in(self, names: dict[str, Any]) -> None:
        """Put them into a namespace, once."""
        if id(names) in self._done:
            return
        self._done.add(id(names))
        for name, value in list(names.items()):
            if is_numpys(value, self._functions):
                self._undo.append((names, name, value))
                names[name] = stand_in(value, self._tape)
        if "float" not in names:
            self._undo.append((names, "float", None))
            names["float"] = recorded_type(float)

    def take_out(self) -> None:
        for names, name, value in self._undo:
            if value is None:
                names.pop(name, None)
            else:
                names[name] = value
        for names in their_modules():  # what was imported meanwhile
            names.update({name: value._module for name, value in names.items() if isinstance(value, Proxy)})


@contextmanager
def numpy_recorded(tape: Tape) -> Iterator[StandIns]:
    """Let every module of the person's own see the stand-ins, also by imports to come; all is put back afterwards."""
    stand_ins = StandIns(tape)
    own_import = builtins.__import__
    try:
        for names in their_modules():
            stand_ins.put_in(names)
        builtins.__import__ = importing(own_import, tape)
        yield stand_ins
    finally:
        builtins.__import__ = own_import
        stand_ins.take_out()


def importing(own_import: Callable[..., Any], tape: Tape) -> Callable[..., Any]:
    """`import` that gives a person's code the stand-ins."""

    def imported(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        module = own_import(name, globals, locals, fromlist, level)
        if level or tape.closed or name.partition(".")[0] not in ("numpy", "math", "scipy"):
            return module
        return stand_in(module, tape) if runs_theirs(sys._getframe(1)) and isinstance(module, ModuleType) else module

    return imported


def their_modules() -> Iterator[dict[str, Any]]:
    """The namespaces of a person's own modules."""
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and type(module).__module__ != "unittest.mock":
            file = module.__dict__.get("__file__")
            if name == "__main__" if not isinstance(file, str) else is_theirs(file):
                yield module.__dict__


def numpy_functions() -> set[int]:
    """The functions of NumPy and math that are recorded, by id."""
    found = set()
    for module in MODULES:
        for name in dir(module):
            value = getattr(module, name, None)
            if callable(value) and (not isinstance(value, type) or value is np.vectorize):
                found.add(id(value))
    return found


def is_numpys(value: Any, functions: set[int]) -> bool:
    if isinstance(value, ModuleType):
        return value in MODULES or is_module(value)
    return id(value) in functions or type(value) is np.vectorize or is_random(value)
