"""A kernel: a piece of work in loops.

Kernels may share their outer loops. What a kernel reads and writes are places whose first axes are its loops.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinygrad_scratch.compiler.native.places import Buffer, Place
from tinygrad_scratch.compiler.native.writer import INDICES, Axes, Writer


@dataclass(frozen=True, eq=False)
class Access:
    """A place that a kernel reads or writes, the axes of its loops first."""

    place: Place
    write: bool

    @property
    def buffer(self) -> Buffer:
        return self.place.buffer.root


class Kernel(ABC):
    """A piece of work in loops."""

    note: str = ""

    @property
    @abstractmethod
    def loops(self) -> tuple[int, ...]:
        """The extents of the loops around it, from the outside in."""

    @abstractmethod
    def accesses(self) -> Iterator[Access]:
        """All that it reads and writes."""

    @abstractmethod
    def body(self, writer: Writer, depth: int) -> None:
        """Write what stands inside of the first `depth` loops, which somebody else wrote."""

    def before(self, writer: Writer, depth: int) -> None:  # noqa: B027  (most kernels need nothing)
        """Write what comes before those loops."""

    def reads(self, buffer: Buffer) -> bool:
        return any(a.buffer is buffer.root and not a.write for a in self.accesses())


def whole(place: Place, loops: tuple[int, ...]) -> Place:
    """All of a buffer, at every turn of the loops."""
    memory = place.buffer.memory
    return Place(place.buffer, np.broadcast_to(memory, (*loops, *memory.shape)))


def fill(writer: Writer, target: Place, axes: Axes, left: list[int], value: str) -> None:
    """Write a value to all elements, in loops over the axes that are left."""
    if not left:
        writer.line(f"{writer.element(target, axes)} = {value}")
        return
    axis, *rest = left
    extent = target.shape[axis]
    with writer.loop(INDICES[axis], extent):
        fill(writer, target, [*axes, (INDICES[axis], extent, axis)], rest, value)
