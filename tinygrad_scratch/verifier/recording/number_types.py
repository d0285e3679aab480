"""The stand-ins for types: `float` and the like make recorded numbers of recorded ones; `type` sees NumPy's."""

from __future__ import annotations

from functools import cache
from inspect import isgenerator
from types import GenericAlias
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.recorded import Recorded
from tinygrad_scratch.verifier.recording.references import map_tree

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


class TypeOfTypes(type):
    """The type of the stand-in for `type`, which classes of types may be made of, too."""

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        if cls is not TypeSeen:
            return super().__call__(*arguments, **keywords)
        if len(arguments) == 1 and type(arguments[0]) is Recorded:
            return arguments[0].__class__
        return type(*arguments, **keywords)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, type) if cls is TypeSeen else super().__instancecheck__(value)

    def __subclasscheck__(cls, kind: Any) -> bool:
        return issubclass(kind, type) if cls is TypeSeen else super().__subclasscheck__(kind)

    def __eq__(cls, other: object) -> bool:
        return other is cls or (cls is TypeSeen and other is type)

    def __hash__(cls) -> int:
        return hash(type) if cls is TypeSeen else super().__hash__()


class TypeSeen(type, metaclass=TypeOfTypes):
    """`type`, but of a recorded array it is NumPy's: `type(x) == np.ndarray`."""

    __class_getitem__: Any = classmethod(GenericAlias)


# What a person's module sees under these names of Python's.
BUILTINS = {"float": recorded_type(float), "type": TypeSeen}


def understood(tree: Any) -> Any:
    """Arguments of a call with types for their stand-ins, and lists for generators."""
    return map_tree(
        lambda value: value.kind if type(value) is NumberType else list(value) if isgenerator(value) else value, tree
    )
