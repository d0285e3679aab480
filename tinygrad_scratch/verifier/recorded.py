"""Recorded: an array whose every use is written on a tape."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.tape import Leak, Place, Ref, Tape, place_of

PLAIN = {"shape", "ndim", "size", "dtype", "nbytes", "itemsize", "strides", "flags"}
VIEWS = {"T", "mT", "real", "imag", "flat"}


class Method:
    """A method of arrays as a function: `Method("reshape")(a, 2, 3)` is `a.reshape(2, 3)`."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, array: Any, *arguments: Any, **keywords: Any) -> Any:
        return getattr(array, self.__name__)(*arguments, **keywords)


class Attribute:
    """An attribute of arrays as a function: `Attribute("T")(a)` is `a.T`."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, array: Any) -> Any:
        return getattr(array, self.__name__)


def plain(value: Any) -> Any:
    """The array that a Recorded stands for; None for anything else."""
    return value._array if type(value) is Recorded else None


def record(tape: Tape, function: Any, arguments: Any, keywords: Any) -> Any:
    """Make a call on the tape, and return its results recorded."""
    step, value = tape.record(function, arguments, keywords, plain)
    result, step.result = outputs(tape, step, value, arguments, keywords)
    return result


def outputs(tape: Tape, step: Any, value: Any, arguments: Any, keywords: Any) -> tuple[Any, Any]:
    """The results of a step: what the program gets, and what the step remembers of it."""
    if isinstance(value, np.ndarray | np.generic):
        known = written(value, arguments, keywords)
        if known is not None:
            return known, Ref(known._slot)
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":
            return value, None
        recorded = Recorded(tape, array, tape.add_result(step, array))
        return recorded, Ref(recorded._slot)
    if isinstance(value, tuple | list):
        pairs = [outputs(tape, step, part, arguments, keywords) for part in value]
        made = [result for result, _ in pairs]
        result = value._make(made) if hasattr(value, "_make") else type(value)(made)
        return result, tuple(reference for _, reference in pairs)
    return value, None


def written(value: Any, arguments: Any, keywords: Any) -> Any:
    """The Recorded that a call wrote into and returned, if it did."""
    out = keywords.get("out")
    for target in (*(out if isinstance(out, tuple) else (out,)), *arguments):
        if type(target) is Recorded and target._array is value:
            return target
    return None


class Recorded(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that writes down what is done with it. It behaves as an ndarray does."""

    __slots__ = ("__weakref__", "_array", "_slot", "_tape")

    def __init__(self, tape: Tape, array: Any, slot: int) -> None:
        self._tape = tape
        self._array = array
        self._slot = slot

    @property
    def node(self) -> int:
        """The number of what it holds now."""
        return self._tape.current[self._slot]

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        out = keywords.get("out")
        if isinstance(out, tuple) and len(out) == 1:
            keywords["out"] = out[0]
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return record(self._tape, function, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        return record(self._tape, function, arguments, keywords)

    def __getitem__(self, index: Any) -> Any:
        return record(self._tape, operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        record(self._tape, operator.setitem, (self, index, value), {})

    def __getattr__(self, name: str) -> Any:
        if name in PLAIN:
            return getattr(self._array, name)
        if name in VIEWS:
            return record(self._tape, Attribute(name), (self,), {})
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")
        function = Method(name)
        return lambda *arguments, **keywords: record(self._tape, function, (self, *arguments), keywords)

    # ---- ways out: noted, as what comes after them is not seen -------------------------------------------------------

    def leak(self, kind: str) -> Any:
        self._tape.leaks.append(Leak(kind, self.node, here()))
        return self._array

    def item(self, *index: int) -> Any:
        return record(self._tape, operator.getitem, (self, index or (0,) * self._array.ndim), {})

    def tolist(self) -> Any:
        return self.leak("tolist()").tolist()

    def __float__(self) -> float:
        return float(self.leak("float()"))

    def __int__(self) -> int:
        return int(self._array)

    def __index__(self) -> int:
        return operator.index(self._array[()])

    def __complex__(self) -> complex:
        return complex(self.leak("complex()"))

    def __bool__(self) -> bool:
        return bool(self._array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.leak("an array of its own"), dtype=dtype)

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return value in self._array

    def __repr__(self) -> str:
        return repr(self._array)

    def __str__(self) -> str:
        return str(self._array)

    def __format__(self, spec: str) -> str:
        return format(self._array[()] if self._array.ndim == 0 else self._array, spec)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __round__(self, digits: int | None = None) -> Any:
        return record(self._tape, np.round, (self, digits or 0), {})

    __hash__ = object.__hash__


def here() -> Place | None:
    import sys

    return place_of(sys._getframe(1))
