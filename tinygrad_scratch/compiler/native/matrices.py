"""Products of matrices: small ones as loops, others by BLAS."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tinygrad_scratch.compiler.native.blas import ROUTINES
from tinygrad_scratch.compiler.native.expressions import literal
from tinygrad_scratch.compiler.native.kernels import Access, Kernel, fill
from tinygrad_scratch.compiler.native.places import Place
from tinygrad_scratch.compiler.native.writer import INDICES, Axes, Writer

SMALL_PRODUCT = 100
"""Up to so many multiplications, constant loops are quicker than calling BLAS, which takes 20 ns by itself."""


@dataclass(eq=False)
class Product(Kernel):
    """target = scale * left @ right, for matrices or stacks of them; with `onto`, that is added to it.

    The stack's axes are the loops. Where the target has stride 0 along one of them, the products are summed over it.
    """

    target: Place
    left: Place
    right: Place
    scale: float = 1.0
    onto: Place | None = None
    note: str = ""

    @property
    def loops(self) -> tuple[int, ...]:
        return self.target.shape[:-2]

    def accesses(self) -> Iterator[Access]:
        yield Access(self.left, write=False)
        yield Access(self.right, write=False)
        if self.onto is not None:
            yield Access(self.onto, write=False)
        yield Access(self.target, write=True)

    @property
    def size(self) -> tuple[int, int, int]:
        return self.target.shape[-2], self.target.shape[-1], self.left.shape[-1]

    @property
    def summed(self) -> bool:
        """Whether products are added to each other."""
        return any(n != 1 and not self.target.strides[i] for i, n in enumerate(self.loops))

    def before(self, writer: Writer, depth: int) -> None:
        if self.summed:
            kept = [i for i in range(len(self.target.shape)) if self.target.strides[i]]
            fill(writer, self.target, [], kept, literal(0, self.target.dtype))

    def body(self, writer: Writer, depth: int) -> None:
        axes: Axes = [(INDICES[i], extent, i) for i, extent in enumerate(self.loops)]
        self._inside(writer, axes, depth)

    def _inside(self, writer: Writer, axes: Axes, depth: int) -> None:
        if depth < len(axes):
            with writer.loop(axes[depth][0], axes[depth][1]):
                self._inside(writer, axes, depth + 1)
            return
        if self.onto is not None and self.onto.buffer.root is not self.target.buffer.root:
            raise AssertionError("a product is added to what stands in its own place")
        if math.prod(self.size) < SMALL_PRODUCT:
            self._loops(writer, axes)
        else:
            self._call(writer, axes)

    def _loops(self, writer: Writer, axes: Axes) -> None:
        m, n, k = self.size
        first = len(axes)
        i, j, p = INDICES[first : first + 3]
        dtype = self.target.dtype
        total = writer.name(f"{self.target.buffer.name or 't'}_total")
        with writer.loop(i, m), writer.loop(j, n):
            writer.line(f"{total} = {literal(0, dtype)}")
            with writer.loop(p, k):
                left = writer.element(self.left, [*axes, (i, m, first), (p, k, first + 1)])
                right = writer.element(self.right, [*axes, (p, k, first), (j, n, first + 1)])
                writer.line(f"{total} = {total} + {left} * {right}")
            target = writer.element(self.target, [*axes, (i, m, first), (j, n, first + 1)])
            scaled = total if self.scale == 1 else f"{literal(self.scale, dtype)} * {total}"
            adds = self.onto is not None or self.summed
            writer.line(f"{target} = {target} + {scaled}" if adds else f"{target} = {scaled}")

    def _call(self, writer: Writer, axes: Axes) -> None:
        m, n, k = self.size
        dtype = self.target.dtype
        routine = ROUTINES[dtype]
        writer.used.add(routine)
        left, right = (flag_and_step(place) for place in (self.left, self.right))
        step = flag_and_step(self.target)[1]
        writer.line(
            f"{routine}(101, {left[0]}, {right[0]}, {m}, {n}, {k}, {literal(self.scale, dtype)}, "
            f"{writer.pointer(self.left, axes)}, {left[1]}, {writer.pointer(self.right, axes)}, {right[1]}, "
            f"{literal(self.onto is not None or self.summed, dtype)}, {writer.pointer(self.target, axes)}, {step})"
        )


def flag_and_step(place: Place) -> tuple[int, int]:
    """How BLAS is told of a matrix: 111 as it is, 112 transposed; and the distance of its rows."""
    (rows, columns), (down, across) = place.shape[-2:], place.strides[-2:]
    if (across == 1 or columns == 1) and (rows == 1 or down >= columns):
        return 111, max(down if rows != 1 else columns, columns, 1)
    if (down == 1 or rows == 1) and (columns == 1 or across >= rows):
        return 112, max(across if columns != 1 else rows, rows, 1)
    raise AssertionError("a matrix that BLAS can't be told of")


def fits_blas(place: Place) -> bool:
    """Whether BLAS can read a matrix where it lies."""
    (rows, columns), (down, across) = place.shape[-2:], place.strides[-2:]
    plain = (across == 1 or columns == 1) and (rows == 1 or down >= columns)
    turned = (down == 1 or rows == 1) and (columns == 1 or across >= rows)
    return plain or turned
