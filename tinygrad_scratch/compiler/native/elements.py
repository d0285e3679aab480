"""Work on single elements: maps, reductions, and elements that other elements choose."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native.expressions import literal
from tinygrad_scratch.compiler.native.places import Place


@dataclass(frozen=True, eq=False)
class Indirect:
    """Elements of a place that other elements choose: each index is (where it stands, stride, extent, checked).

    `place` has the shape of the nest and says what is added for the axes that are read in order.
    """

    place: Place
    indices: tuple[tuple[Place, int, int, bool], ...]

    def broadcast(self, shape: tuple[int, ...]) -> Indirect:
        indices = tuple((place.broadcast(shape), *rest) for place, *rest in self.indices)
        return Indirect(self.place.broadcast(shape), indices)  # type: ignore[arg-type]

    def reshaped(self, shape: tuple[int, ...]) -> Indirect | None:
        place = self.place.reshaped(shape)
        indices = [(index.reshaped(shape), *rest) for index, *rest in self.indices]
        if place is None or any(index is None for index, *_ in indices):
            return None
        return Indirect(place, tuple(indices))  # type: ignore[arg-type]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.place.dtype


Operand = Place | Indirect | int | float | bool


@dataclass(frozen=True, eq=False)
class Map:
    """An element of the target from an element of each operand, by a formula; `types` are what operands become."""

    target: Place
    formula: str
    operands: tuple[Operand, ...]
    types: tuple[np.dtype[Any], ...]
    note: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.target.shape

    def reshaped(self, shape: tuple[int, ...]) -> Map | None:
        """The same, gone through in another shape, if all operands allow it without a copy."""
        if math.prod(shape) != self.target.array.size:
            return None
        target = self.target.reshaped(shape)
        spread = [x if isinstance(x, int | float) else x.broadcast(self.shape) for x in self.operands]
        moved = [x if isinstance(x, int | float) else x.reshaped(shape) for x in spread]
        if target is None or any(x is None for x in moved):
            return None
        return replace(self, target=target, operands=tuple(moved))  # type: ignore[arg-type]


REDUCTIONS = {
    "sum": ("0", "add_in_any_order({0}, {1})"),
    "product": ("1", "{0} * {1}"),
    "max": ("-inf", "maximum({0}, {1})"),
    "min": ("inf", "minimum({0}, {1})"),
    "any": ("False", "{0} | {1}"),
    "all": ("True", "{0} & {1}"),
}


@dataclass(frozen=True, eq=False)
class Reduce:
    """All elements of an operand along some axes, brought together; the target has stride 0 along these.

    With `into`, a sum is scattered: it goes to the elements of the target that `into` chooses, which turns of the loops
    `axes` may do more than once; the axes before these are the target's own.
    """

    target: Place
    kind: str
    operand: Place
    axes: tuple[int, ...]
    into: Indirect | None = None
    note: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.operand.shape

    @property
    def trailing(self) -> int:
        """The first axis from which on all are reduced."""
        n = len(self.shape)
        while n and (n - 1 in self.axes or self.shape[n - 1] == 1):
            n -= 1
        return n if self.into is None else len(self.shape)

    def start(self, depth: int) -> int:
        """The axis from which on one local number collects, in loops of which `depth` are shared."""
        return max(self.trailing, depth)

    def first(self) -> int:
        """The outermost loop whose turns are brought together."""
        if self.into is not None:
            return min(self.axes, default=0)
        return min((i for i in self.axes if self.shape[i] != 1), default=len(self.shape))

    def collects(self, depth: int) -> bool:
        """Whether several turns of the outer loops add to one element of the target."""
        return self.into is not None or self.first() < self.start(depth)

    def combined(self, total: str, value: str) -> str:
        """The text that brings two numbers together."""
        if self.target.dtype.kind in "iu" and self.kind in ("max", "min"):
            return f"{self.kind}({total}, {value})"
        return REDUCTIONS[self.kind][1].format(total, value)

    def neutral(self) -> str:
        value = REDUCTIONS[self.kind][0]
        dtype = self.target.dtype
        if self.kind in ("max", "min") and dtype.kind in "iu":
            bounds = np.iinfo(dtype)
            return literal(bounds.min if self.kind == "max" else bounds.max, dtype)
        return literal(float(value), dtype) if dtype.kind != "b" else value
