"""Arrays put together from parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinygrad_scratch.compiler.native.elements import Operand
from tinygrad_scratch.compiler.native.expressions import converted, literal
from tinygrad_scratch.compiler.native.kernels import Access, Kernel, fill
from tinygrad_scratch.compiler.native.places import Place
from tinygrad_scratch.compiler.native.writer import INDICES, Axes, Writer


@dataclass(eq=False)
class Assembly(Kernel):
    """An array filled with a number, or none, and then parts of it filled from elsewhere, one after the other.

    The loops are the leading axes that all parts have in whole; a part is (where it goes, what goes there).
    """

    target: Place
    parts: list[tuple[Place, Operand]]
    filled: float | None = 0
    note: str = ""

    @property
    def loops(self) -> tuple[int, ...]:
        """The leading axes along which every part goes through the target from end to end."""
        n = 0
        for axis, extent in enumerate(self.target.shape[:-1]):
            stride = self.target.strides[axis]
            if any(
                len(part.shape) <= axis or part.shape[axis] != extent or (extent != 1 and part.strides[axis] != stride)
                for part, _ in self.parts
            ):
                break
            n += 1
        return self.target.shape[:n]

    def accesses(self) -> Iterator[Access]:
        for part, operand in self.parts:
            if isinstance(operand, Place):
                yield Access(operand.broadcast(part.shape), write=False)
        yield Access(self.target, write=True)

    def body(self, writer: Writer, depth: int) -> None:
        axes: Axes = [(INDICES[i], extent, i) for i, extent in enumerate(self.loops[:depth])]
        if self.filled is not None:
            left = list(range(depth, len(self.target.shape)))
            fill(writer, self.target, axes, left, literal(self.filled, self.target.dtype))
        for part, operand in self.parts:
            self._part(writer, part, operand, axes, list(range(depth, len(part.shape))))

    def _part(self, writer: Writer, part: Place, operand: Operand, axes: Axes, left: list[int]) -> None:
        if left:
            axis, *rest = left
            with writer.loop(INDICES[axis], part.shape[axis]):
                self._part(writer, part, operand, [*axes, (INDICES[axis], part.shape[axis], axis)], rest)
            return
        if isinstance(operand, Place):
            read = writer.element(operand.broadcast(part.shape), axes)
            value = converted(read, part.dtype, operand.dtype)
        else:
            assert isinstance(operand, int | float)
            value = literal(operand, part.dtype)
        writer.line(f"{writer.element(part, axes)} = {value}")
