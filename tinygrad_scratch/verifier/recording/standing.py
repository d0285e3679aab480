"""An array of a program as a value that the tape knows, and that leaves by Python's ways: a float, an index, a text.

A way out that hides what comes after it is noted as a leak. So is a value by which the program may take a branch.
"""

from __future__ import annotations

import operator
import sys
from typing import Any, Self

import numpy as np

from tinygrad_scratch.verifier.reading.places import PACKAGE, place_of, runs_theirs
from tinygrad_scratch.verifier.recording.steps import Leak
from tinygrad_scratch.verifier.recording.tape import Tape


class Standing:
    """What the tape knows of an array, or of a number of NumPy's, and its plain value."""

    __slots__ = ("__weakref__", "_array", "_is_matrix", "_is_number", "_known_slot", "_of", "_renamed", "_tape")

    def __init__(self, tape: Tape, array: Any, slot: int | None, is_number: bool = False) -> None:
        self._tape = tape
        self._array = array
        self._known_slot = slot  # None until an array from outside is used
        self._is_number = is_number
        self._is_matrix = False
        self._of = array  # what it stands for, where that came from outside
        self._renamed = 0  # the number of the rename that gave it the name by which it is known here

    def renamed(self, number: int) -> Self:
        """The same array, as it is known by another name."""
        other = type(self)(self._tape, self._array, self._slot, self._is_number)
        other._renamed, other._is_matrix, other._of = number, self._is_matrix, self._of
        return other

    def as_matrix(self) -> Self:
        """The same entries as a matrix."""
        other = self.renamed(self._renamed)
        other._is_matrix = True
        return other

    def as_array(self) -> Self:
        """The same entries as an array."""
        other = self.renamed(self._renamed)
        other._is_matrix = False
        return other

    @property
    def _slot(self) -> int:
        if self._known_slot is None:
            self._known_slot = self._tape.constant(self._array)
        return self._known_slot

    @property
    def is_used(self) -> bool:
        """Whether the tape knows it; an array from outside that no call reads it need not know."""
        if self._known_slot is None and self._tape.is_constant(self._array):  # it was read as it is, from a tuple
            self._known_slot = self._tape.constant(self._array)
        return self._known_slot is not None

    @property
    def node(self) -> int:
        """The number of what it holds now."""
        return self._tape.current[self._slot]

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._value())

    def _value(self) -> Any:
        """What it stands for: an array or a number."""
        if self._is_matrix:
            return self._of if type(self._of) is np.matrix else self._array.view(np.matrix)
        return self._array[()] if self._is_number else self._array

    # ---- plain values that show it or decide by it ------------------------------------------------------------------

    def __index__(self) -> int:
        value = self._decides()
        whole = self._is_number and value.dtype.kind == "f" and float(value).is_integer()
        return int(value) if whole else operator.index(value)  # whole numbers of Python's are recorded with a point

    def __int__(self) -> int:
        return int(self._decides())

    def __bool__(self) -> bool:
        return bool(self._decides())

    def _decides(self) -> Any:
        """The value, of which what the program does next may depend: that is noted."""
        if not self._tape.closed:
            self._tape.decided.append(self.node)
        return self._value()

    def __hash__(self) -> int:
        return hash(self._value())

    def __len__(self) -> int:
        return len(self._value())

    def __reduce__(self) -> Any:
        return self._value().__reduce__()

    def __repr__(self) -> str:
        return repr(self._value())

    def __str__(self) -> str:
        return str(self._value())

    def __format__(self, spec: str) -> str:
        return format(self._value(), spec)

    # ---- ways out: noted, as what comes after them is not seen -------------------------------------------------------

    def leak(self, kind: str) -> Any:
        """The plain array; that it left is noted."""
        if not self._tape.closed:
            tape = self._tape
            tape.leaks.append(Leak(kind, self.node, place_of(sys._getframe(1)), len(tape.steps)))
        return self._array

    def __float__(self) -> float:
        return float(self.leak("a float of Python's own"))

    def __complex__(self) -> complex:
        return complex(self.leak("a complex number of Python's own"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        name = foreign_call(sys._getframe(1))
        what = f"{name}(), which is not NumPy's" if name else "a function that NumPy's calls don't show"
        return np.array(self.leak(what), dtype=dtype)


WRAPPERS = {"wrapper", "wrapped", "inner", "call", "<lambda>"}


def foreign_call(frame: Any) -> str:
    """The function that a person's code called, and that is neither theirs nor ours; none where it is compiled."""
    name = ""
    while frame is not None and not runs_theirs(frame):
        if not frame.f_code.co_filename.startswith(PACKAGE) and frame.f_code.co_name not in WRAPPERS:
            name = frame.f_code.co_name
        frame = frame.f_back
    return name
