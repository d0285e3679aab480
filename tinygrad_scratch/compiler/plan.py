"""The plan of a program's memory: which results are written into buffers that are kept, and which buffers lie where.

All buffers are parts of one block of memory, the arena. A buffer's place is free again after the last step that reads
it; and where an elementwise step is the last to read an operand of its own layout, it writes over it. Where the person
gets that result, and it is large, each call makes the operand anew: no memory is kept for it.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Program, Step, Variable, is_dense
from tinygrad_scratch.rules.indexing import assign

ALIGNMENT = 64

LARGE = 2**16
"""Bytes from which an array is let go as soon as nobody needs it any more."""


@dataclass
class Plan:
    """Where the buffers lie, by variable, in an arena of so many bytes; and what are fixed views of them."""

    places: dict[Variable, int] = field(default_factory=dict)
    views: set[Variable] = field(default_factory=set)
    over: dict[Variable, Variable] = field(default_factory=dict)  # by what is written over an operand: that operand
    handed: dict[Variable, Variable] = field(default_factory=dict)  # the same for what the person gets
    rows: dict[tuple[Variable, ...], Variable] = field(default_factory=dict)  # of arrays side by side: all, as one
    size: int = 0

    def fixed(self, value: Any) -> bool:
        """Whether a variable is the same array in every call."""
        return value in self.places or value in self.views


def plan_memory(
    program: Program, writable: set[Step], in_place: set[Step], rows: Iterable[tuple[Variable, ...]] = ()
) -> Plan:
    """The plan; `writable` steps can write into a buffer, and those of them `in_place` over an operand.

    The variables of each of the `rows`, results of writable steps, lie side by side, in a place of their own. A number
    gets no buffer: NumPy returns it as a number, which is no memory of anybody's.
    """
    plan = Plan()
    arena = Arena()
    for row in rows:
        lay_side_by_side(row, plan, arena)
    apart = set(plan.places)
    roots = buffers_of(program, writable)
    last = last_readers(program, roots)

    def ending_at(number: int) -> list[Variable]:
        found = dict.fromkeys(roots[each] for each in program.steps[number].operands if each in roots)
        return [root for root in found if last[root] == number and root not in apart]

    plan.handed = handed_over(program, in_place, roots, ending_at)
    plan.views.update(view for view, root in roots.items() if view is not root)
    for number, step in enumerate(program.steps):
        result = step.results[0]
        ending = ending_at(number)
        if roots.get(result) is result and result not in apart:
            taken = overwritten(step, ending, roots) if step in in_place else None
            if taken is not None:
                ending.remove(taken)
                plan.places[result] = plan.places[taken]
                plan.over[result] = taken
            else:
                plan.places[result] = arena.take(bytes_of(result))
            if last.get(result, -1) < number:
                ending.append(result)
        for root in ending:
            arena.give_back(plan.places[root], bytes_of(root))
    plan.size = arena.size
    return plan


def handed_over(
    program: Program, in_place: set[Step], roots: dict[Variable, Variable], ending_at: Callable[[int], list[Variable]]
) -> dict[Variable, Variable]:
    """By each large result that the person gets, the operand that it is written over, which is no buffer any more."""
    found: dict[Variable, Variable] = {}
    anew = set(program.outputs)
    for number, step in reversed([*enumerate(program.steps)]):
        result = step.results[0]
        if result in anew and result.nbytes >= LARGE and step in in_place and step.function is not assign:
            taken = overwritten(step, ending_at(number), roots)
            if taken is not None and list(roots.values()).count(taken) == 1:  # it has no views
                found[result] = taken
                anew.add(taken)
                del roots[taken]
    return found


def buffers_of(program: Program, writable: set[Step]) -> dict[Variable, Variable]:
    """The buffers and their views, each with its buffer."""
    kept = escaping(program)
    roots: dict[Variable, Variable] = {}
    for step in program.steps:
        result = step.results[0]
        if step in writable and result not in kept and result.size and result.shape and is_dense(result):
            roots[result] = result
        elif result.view and len(step.results) == 1 and result not in kept:
            operands = [each for each in step.operands if each not in program.constants]
            if operands and all(each in roots for each in operands):
                roots[result] = roots[operands[0]]
    return roots


def lay_side_by_side(row: tuple[Variable, ...], plan: Plan, arena: Arena) -> None:
    """Take a place for arrays that NumPy is to see as one, too."""
    size, itemsize = sum(each.size for each in row), row[0].dtype.itemsize
    plan.rows[row] = whole = Variable((size,), row[0].dtype, (itemsize,), "together")
    start = plan.places[whole] = arena.take(bytes_of(whole))
    for each in row:
        plan.places[each] = start
        start += each.size * itemsize


def escaping(program: Program) -> set[Variable]:
    """The variables whose memory the person gets, or that a step may keep."""
    found = set(program.outputs)
    for step in reversed(program.steps):
        views = [result for result in step.results if result.view]
        if any(result in found for result in views) or (views and len(step.results) > 1):
            found.update(step.operands)
    return found


def last_readers(program: Program, roots: dict[Variable, Variable]) -> dict[Variable, int]:
    """The number of the last step that reads a buffer, itself or through a view."""
    last: dict[Variable, int] = {}
    alias = dict(roots)
    for number, step in enumerate(program.steps):
        for operand in step.operands:
            if operand in alias:
                last[alias[operand]] = number
        for result in step.results:  # a view that is made in each call keeps its buffer, too
            if result.view and result not in alias:
                for operand in step.operands:
                    if operand in alias:
                        alias[result] = alias[operand]
    return last


def overwritten(step: Step, ending: list[Variable], roots: dict[Variable, Variable]) -> Variable | None:
    """The operand that the step may write over: nobody reads it later, and the step reads it in its own order."""
    result = step.results[0]
    candidates = step.operands[:1] if step.function is assign else step.operands
    for operand in candidates:
        same = (operand.shape, operand.dtype, operand.strides) == (result.shape, result.dtype, result.strides)
        if operand in ending and same:
            sharing = [each for each in step.operands if roots.get(each) is operand]
            if all(each is operand for each in sharing) and (step.function is not assign or len(sharing) == 1):
                return operand
    return None


def bytes_of(variable: Variable) -> int:
    return -(-variable.nbytes // ALIGNMENT) * ALIGNMENT


class Arena:
    """Memory that is given out in blocks: the smallest free one that is large enough, else more at the end."""

    def __init__(self) -> None:
        self.free: list[tuple[int, int]] = []  # where a free block begins, and its length
        self.size = 0

    def take(self, length: int) -> int:
        fitting = [(size, start) for start, size in self.free if size >= length]
        if fitting:
            size, start = min(fitting)
            self.free.remove((start, size))
            if size > length:
                insort(self.free, (start + length, size - length))
            return start
        if self.free and sum(self.free[-1]) == self.size:
            start, _ = self.free.pop()
        else:
            start = self.size
        self.size = start + length
        return start

    def give_back(self, start: int, length: int) -> None:
        insort(self.free, (start, length))
        merged: list[tuple[int, int]] = []
        for begin, size in self.free:
            if merged and sum(merged[-1]) == begin:
                merged[-1] = (merged[-1][0], merged[-1][1] + size)
            else:
                merged.append((begin, size))
        self.free = merged


def new_arena(size: int) -> Any:
    """Memory for a plan, aligned."""
    block = np.empty(size + ALIGNMENT, np.uint8)
    start = -block.ctypes.data % ALIGNMENT
    return block[start : start + size]


def buffer(arena: Any, place: int, variable: Variable) -> Any:
    """The buffer of a variable."""
    return np.ndarray(variable.shape, variable.dtype, arena, place, variable.strides)
