"""Nests of loops over elements, and how they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native.elements import Indirect, Map, Operand, Reduce
from tinygrad_scratch.compiler.native.expressions import converted, literal
from tinygrad_scratch.compiler.native.kernels import Access, Kernel, fill, whole
from tinygrad_scratch.compiler.native.places import Buffer, Place
from tinygrad_scratch.compiler.native.writer import INDICES, Axes, Writer

LONGEST_SUM = 4096
"""Loops are not made one where that would add up more than so many numbers one after the other."""


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
        made = {m.target.buffer for m in self.maps}
        for operand in self.operands():
            if isinstance(operand, Place):
                yield Access(operand.broadcast(self.shape), write=False)
            elif isinstance(operand, Indirect):
                yield Access(whole(operand.place, self.shape), write=False)
                for index, *_ in operand.indices:
                    if index.buffer not in made:
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
            too_long = bool(self.nest.reductions) and groups and groups[-1][0] * shape[axis] > LONGEST_SUM
            if joins and not boundary and not too_long:
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
        if level == len(self.groups):
            self._innermost()
        else:
            innermost = level == len(self.groups) - 1
            parts = [r for r in self.nest.reductions if innermost and id(r) in self.totals]
            outer = [self.totals[id(r)] for r in parts]
            for reduction in (*begun, *parts):
                self._begin(reduction)
            extent, axis = self.groups[level]
            with self.writer.loop(INDICES[axis], extent):
                self._level(level + 1)
            for reduction, total in zip(parts, outer, strict=True):  # sums of sums: fewer roundings
                self.writer.line(f"{total} = {reduction.combined(total, self.totals[id(reduction)])}")
                self.totals[id(reduction)] = total
        for reduction in begun:
            self._end(reduction, level)

    def _begin(self, reduction: Reduce) -> None:
        self.totals[id(reduction)] = self.writer.name(f"{reduction.target.buffer.name or 't'}_total")
        self.writer.line(f"{self.totals[id(reduction)]} = {reduction.neutral()}")

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
        steps = tuple(stride for n, stride in zip(seen.shape, seen.strides, strict=True) if n != 1)
        return id(place.buffer), seen.offset, steps

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
                self.writer.line(f"    return {extent}")
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
                value = self._given(reduction.operand, reduction.target.dtype)
                self.writer.line(f"{total} = {reduction.combined(total, value)}")

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
            self.writer.line(f"{element} = {reduction.combined(element, value)}")
        else:
            self.writer.line(f"{element} = {value}")
