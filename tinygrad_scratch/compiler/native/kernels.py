"""What a native program is made of: nests of loops over elements, and matrix products.

Every kernel stands in loops, `loops` from the outside in, which kernels may share. What it reads and writes are places
whose first axes are these loops.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native.blas import ROUTINES
from tinygrad_scratch.compiler.native.expressions import converted, literal
from tinygrad_scratch.compiler.native.places import Buffer, Place
from tinygrad_scratch.compiler.native.writer import INDICES, Writer

Axes = list[tuple[str, int, int]]
SMALL_PRODUCT = 100
"""Up to so many multiplications, constant loops are quicker than calling BLAS, which takes 20 ns by itself."""


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


# ---- loops over elements ---------------------------------------------------------------------------------------------


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

    def neutral(self) -> str:
        value = REDUCTIONS[self.kind][0]
        dtype = self.target.dtype
        if self.kind in ("max", "min") and dtype.kind in "iu":
            bounds = np.iinfo(dtype)
            return literal(bounds.min if self.kind == "max" else bounds.max, dtype)
        return literal(float(value), dtype) if dtype.kind != "b" else value


@dataclass(eq=False)
class Nest(Kernel):
    """Maps and reductions over the same shape, in one nest of loops.

    A target that no other kernel reads is a local number of the loop. `stored` are the others.
    """

    shape: tuple[int, ...]
    maps: list[Map] = field(default_factory=list)
    reductions: list[Reduce] = field(default_factory=list)
    stored: set[Buffer] = field(default_factory=set)

    @property
    def note(self) -> str:  # type: ignore[override]
        notes = [m.note for m in self.maps] + [reduction.note for reduction in self.reductions]
        return "; ".join(filter(None, notes))

    @property
    def loops(self) -> tuple[int, ...]:
        return self.shape

    def operands(self) -> Iterator[Operand]:
        made = {m.target.buffer for m in self.maps}
        for m in self.maps:
            yield from (x for x in m.operands if not (isinstance(x, Place) and x.buffer in made))
        for reduction in self.reductions:
            if reduction.operand.buffer not in made:
                yield reduction.operand
            if reduction.into is not None:
                yield from (index for index, *_ in reduction.into.indices if index.buffer not in made)

    def accesses(self) -> Iterator[Access]:
        for operand in self.operands():
            if isinstance(operand, Place):
                yield Access(operand.broadcast(self.shape), write=False)
            elif isinstance(operand, Indirect):
                yield Access(whole(operand.place, self.shape), write=False)
                for index, *_ in operand.indices:
                    yield Access(index.broadcast(self.shape), write=False)
        for m in self.maps:
            if m.target.buffer in self.stored:
                yield Access(m.target, write=True)
        for reduction in self.reductions:
            into = reduction.into
            place = reduction.target if into is None else into.place
            yield Access(whole(place, self.shape) if into is not None and into.indices else place, write=True)

    def before(self, writer: Writer, depth: int) -> None:
        for reduction in self.reductions:
            if reduction.collects(depth) and reduction.first() < depth:
                self._neutral(reduction, writer, 0)

    def _neutral(self, reduction: Reduce, writer: Writer, depth: int) -> None:
        """Write the neutral element to where several turns will add to."""
        target = reduction.target
        if reduction.into is not None:
            axes: Axes = [(INDICES[i], extent, i) for i, extent in enumerate(target.shape[:depth])]
            fill(writer, target, axes, list(range(depth, len(target.shape))), reduction.neutral())
            return
        kept = [i for i in range(depth, len(self.shape)) if i not in reduction.axes]
        axes = [(INDICES[i], self.shape[i], i) for i in range(depth) if i not in reduction.axes]
        fill(writer, target, axes, kept, reduction.neutral())

    def body(self, writer: Writer, depth: int) -> None:
        for reduction in self.reductions:
            if reduction.collects(depth) and reduction.first() >= depth:
                self._neutral(reduction, writer, depth)
        Turns(self, writer, depth).write()


def fill(writer: Writer, target: Place, axes: Axes, left: list[int], value: str) -> None:
    """Write a value to all elements, in loops over the axes that are left."""
    if not left:
        writer.line(f"{writer.element(target, axes)} = {value}")
        return
    axis, *rest = left
    extent = target.shape[axis]
    with writer.loop(INDICES[axis], extent):
        fill(writer, target, [*axes, (INDICES[axis], extent, axis)], rest, value)


def whole(place: Place, loops: tuple[int, ...]) -> Place:
    """All of a buffer, at every turn of the loops."""
    memory = place.buffer.memory
    return Place(place.buffer, np.broadcast_to(memory, (*loops, *memory.shape)))


class Turns:
    """The writing of one nest: which loops there are, what is read at which of them, and what is written where."""

    def __init__(self, nest: Nest, writer: Writer, depth: int) -> None:
        self.nest, self.writer, self.depth = nest, writer, depth
        self.shared: Axes = [(INDICES[i], nest.shape[i], i) for i in range(depth)]
        self.groups = self._groups()
        self.texts: dict[Any, str] = {}
        self.totals: dict[int, str] = {}

    def _groups(self) -> list[tuple[int, int]]:
        """The loops that are left, neighbours made one where all places allow it: (extent, last axis)."""
        shape, places = self.nest.shape, [a.place for a in self._stepped()]
        groups: list[tuple[int, int]] = []
        for axis in range(self.depth, len(shape)):
            joins = bool(groups) and all(
                shape[axis] == 1
                or groups[-1][0] == 1
                or place.strides[groups[-1][1]] == place.strides[axis] * shape[axis]
                for place in places
            )
            boundary = any(axis == reduction.start(self.depth) for reduction in self.nest.reductions)
            if joins and not boundary:
                extent, last = groups.pop()
                groups.append((extent * shape[axis], last if shape[axis] == 1 else axis))
            else:
                groups.append((shape[axis], axis))
        return groups

    def _stepped(self) -> Iterator[Access]:
        """Everything whose position is computed from the loops' indices."""
        yield from self.nest.accesses()
        for m in self.nest.maps:
            yield Access(m.target, write=False)
            for x in m.operands:
                if isinstance(x, Indirect):
                    yield Access(x.place, write=False)
        for reduction in self.nest.reductions:
            if reduction.into is not None:
                yield Access(reduction.into.place, write=False)

    def write(self) -> None:
        self._level(0)

    def axes(self, level: int) -> Axes:
        """The indices that are known inside of so many of the loops that are left."""
        return [*self.shared, *((INDICES[axis], extent, axis) for extent, axis in self.groups[:level])]

    def _level(self, level: int) -> None:
        """Write what belongs inside of so many loops: what can be read there, the totals, the loop inside, the ends."""
        self._read(level)
        begun = [r for r in self.nest.reductions if self._starts(r, level)]
        for reduction in begun:
            if level < len(self.groups):
                self.totals[id(reduction)] = self.writer.name(f"{reduction.target.buffer.name or 't'}_total")
                self.writer.line(f"{self.totals[id(reduction)]} = {reduction.neutral()}")
        if level == len(self.groups):
            self._innermost()
        else:
            extent, axis = self.groups[level]
            with self.writer.loop(INDICES[axis], extent):
                self._level(level + 1)
        for reduction in begun:
            self._end(reduction, level)

    def _starts(self, reduction: Reduce, level: int) -> bool:
        return level == sum(axis < reduction.start(self.depth) for _, axis in self.groups)

    def _read(self, level: int) -> None:
        """Read the operands whose position is complete inside of so many loops, and not outside of the last of them."""
        for operand in self.nest.operands():
            if isinstance(operand, Place) and self._needed(operand) == level:
                self._text(operand)

    def _needed(self, operand: Place) -> int:
        place = operand.broadcast(self.nest.shape)
        steps = [i + 1 for i, (extent, axis) in enumerate(self.groups) if extent != 1 and place.strides[axis]]
        return max(steps, default=0)

    def _key(self, place: Place) -> Any:
        seen = place.broadcast(self.nest.shape)
        return id(place.buffer), seen.offset, seen.strides, place.dtype

    def _text(self, operand: Place) -> str:
        """The local name of an element, which is read where it is first named."""
        key = self._key(operand)
        if key not in self.texts:
            place = operand.broadcast(self.nest.shape)
            name = self.writer.name(operand.buffer.name)
            self.writer.line(f"{name} = {self.writer.element(place, self.axes(len(self.groups)))}")
            self.texts[key] = name
        return self.texts[key]

    def _given(self, operand: Operand, dtype: np.dtype[Any]) -> str:
        """The text of an operand brought to a type."""
        if isinstance(operand, int | float):
            return literal(operand, dtype)
        if isinstance(operand, Indirect):
            return converted(self._chosen(operand), dtype, operand.dtype)
        return converted(self._text(operand), dtype, operand.dtype)

    def _chosen(self, operand: Indirect) -> str:
        """The element that indices choose; one that is negative counts from the end."""
        index = self.writer.index(operand.place, self.axes(len(self.groups)))
        for place, stride, extent, checked in operand.indices:
            chosen = self.writer.name("index")
            self.writer.line(f"{chosen} = {converted(self._text(place), np.dtype(np.int64), place.dtype)}")
            self.writer.line(f"{chosen} = {chosen} + {extent} if {chosen} < 0 else {chosen}")
            if checked:
                self.writer.line(f"if not 0 <= {chosen} < {extent}:")
                self.writer.line(f'    raise IndexError("an index is out of bounds for an axis of size {extent}")')
            index += f" + {chosen} * {stride}"
        return f"{self.writer.array(operand.dtype)}[{index}]"

    def _innermost(self) -> None:
        for m in self.nest.maps:
            given = [self._given(x, t) for x, t in zip(m.operands, m.types, strict=True)]
            width = 8 * m.types[0].itemsize if m.types else 64
            text = m.formula.format(*given, t=width)
            if m.target.dtype.kind in "iu" and m.target.dtype.itemsize < 8:
                text = f"{m.target.dtype.name}({text})"
            name = self.writer.name(m.target.buffer.name)
            self.writer.line(f"{name} = {text}")
            self.texts[self._key(m.target)] = name
            if m.target.buffer in self.nest.stored:
                self.writer.line(f"{self.writer.element(m.target, self.axes(len(self.groups)))} = {name}")
        for reduction in self.nest.reductions:
            if id(reduction) in self.totals:
                total = self.totals[id(reduction)]
                self.writer.line(f"{total} = {self._joined(reduction, total)}")

    def _joined(self, reduction: Reduce, total: str) -> str:
        combine = REDUCTIONS[reduction.kind][1]
        dtype = reduction.target.dtype
        if dtype.kind in "iu" and reduction.kind in ("max", "min"):
            combine = f"{reduction.kind}({{0}}, {{1}})"
        return combine.format(total, self._given(reduction.operand, dtype))

    def _end(self, reduction: Reduce, level: int) -> None:
        """Write a total to its place, or what one turn adds to it."""
        axes = self.axes(level)
        if reduction.into is not None:
            element = self._chosen(reduction.into)
        else:
            element = self.writer.element(reduction.target, axes)
        total = self.totals.get(id(reduction))
        value = total or self._given(reduction.operand, reduction.target.dtype)
        if reduction.collects(self.depth):
            self.writer.line(f"{element} = {REDUCTIONS[reduction.kind][1].format(element, value)}")
        else:
            self.writer.line(f"{element} = {value}")


# ---- matrix products -------------------------------------------------------------------------------------------------


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
        i, j, p = list(INDICES[first : first + 3])
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


# ---- arrays put together ---------------------------------------------------------------------------------------------


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
