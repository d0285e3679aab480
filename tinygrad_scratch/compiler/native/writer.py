"""The text of a native function while it grows: its lines, its loops, and names that occur once."""

from __future__ import annotations

import keyword
import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.identifiers import unused
from tinygrad_scratch.compiler.native.expressions import SUPPORTED
from tinygrad_scratch.compiler.native.places import Buffer, Place

ARGUMENTS = ", ".join(SUPPORTED.values())
Axes = list[tuple[str, int, int]]
"""Loops that are under way: the name of the index, the extent, and the axis of a place that it steps along."""

Private = dict[Buffer, tuple[int, ...]]
"""Buffers that have room for one turn of the loops around them only, and how often these loops turn."""

INDICES = [*"ijklmnpq", *(f"i_{axis}" for axis in range(8, 66))]  # an array has up to 64 axes
OF_MATHEMATICS = [
    *(
        "address",
        "sqrt",
        "absolute",
        "floor",
        "ceil",
        "trunc",
        "rint",
        "select",
        "add_in_any_order",
        "maximum",
        "minimum",
    ),
    *(f"{name}{width}" for name in ("exp", "log", "log1p", "tanh") for width in (64, 32)),
]
OF_MODULE = [
    "inf",
    "nan",
    "pi",
    "ln2",
    "math",
    "range",
    "float32",
    "float64",
    "base",
    "failed",
    "step",
    "steps",
    "dgemm",
    "sgemm",
]
RESERVED = {*keyword.softkwlist, *INDICES, *OF_MATHEMATICS, *OF_MODULE, *SUPPORTED.values()}


class Writer:
    """Lines of one function. `offsets` says where each buffer lies in the arena, in bytes.

    Of a private buffer, it is the place of one turn.
    """

    def __init__(self, offsets: dict[Buffer, int], private: Private) -> None:
        self.offsets, self.private = offsets, private
        self.lines: list[str] = []
        self.depth = 0
        self.taken: set[str] = set(RESERVED)
        self.used: set[str] = set()  # arrays and routines that the function names

    def line(self, text: str) -> None:
        self.lines.append("    " * (self.depth + 1) + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Lines that stand under another."""
        self.line(head)
        self.depth += 1
        yield
        self.depth -= 1

    @contextmanager
    def loop(self, index: str, extent: int) -> Iterator[None]:
        """A loop over so many turns; none is written for a single one, whose index is 0 wherever it would stand."""
        with self.block(f"for {index} in range({extent}):") if extent != 1 else nullcontext():
            yield

    def name(self, wanted: str | None) -> str:
        """An identifier like the name that a person gave."""
        return unused(wanted, self.taken, "t")

    def index(self, place: Place, axes: Axes) -> str:
        """The position of an element in the arena seen as an array: axes are (index, extent, axis of the place)."""
        size = place.dtype.itemsize
        first = self.offsets[place.buffer.root] // size + place.offset
        private = len(self.private.get(place.buffer.root, ()))
        terms = [] if first == 0 and axes else [str(first)]
        for name, extent, axis in axes:
            stride = place.strides[axis]
            if stride and extent != 1 and axis >= private:
                terms.append(name if stride == 1 else f"{name} * {stride}")
        return " + ".join(terms) or "0"

    def element(self, place: Place, axes: Axes) -> str:
        return f"{self.array(place.dtype)}[{self.index(place, axes)}]"

    def array(self, dtype: np.dtype[Any]) -> str:
        self.used.add(SUPPORTED[dtype])
        return SUPPORTED[dtype]

    def pointer(self, place: Place, axes: Axes) -> str:
        """The address of an element."""
        self.used.add("base")
        index = self.index(place, axes)
        size = place.dtype.itemsize
        return f"base + {int(index) * size}" if index.isdigit() else f"base + {size} * ({index})"


NAMES: dict[str, Any] = {
    "math": math,
    "inf": math.inf,
    "nan": math.nan,
    "pi": math.pi,
    "ln2": math.log(2),
    "one64": 1.0,
    "zero64": 0.0,
    "largest64": float(np.finfo(np.float64).max),
    "one32": np.float32(1),
    "zero32": np.float32(0),
    "largest32": np.finfo(np.float32).max,
    **{dtype.name: dtype.type for dtype in SUPPORTED},
}
"""What the text of a module may name besides its own functions and those of `mathematics`."""
