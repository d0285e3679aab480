"""Small calls made together: what several steps do to arrays of a few elements, one call does to all of them.

For arrays this small a call costs more than its work. So steps that do the same to different arrays, as the layers of a
network do, become one step of several results; the plan lays those arrays side by side, and NumPy sees one array.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.plan import escaping
from tinygrad_scratch.compiler.program import Program, Step, Variable, in_a_row, is_elementwise

SMALL = 2**8
"""Elements up to which an array counts as small."""

Row = tuple[Variable, ...]


@dataclass(frozen=True)
class Together:
    """A ufunc that takes a tuple of arrays in place of each array, and returns a tuple of results."""

    ufunc: Any

    def __call__(self, *arguments: Any) -> tuple[Any, ...]:
        count = max(len(each) for each in arguments if type(each) is tuple)
        columns = [each if type(each) is tuple else (each,) * count for each in arguments]
        return tuple(self.ufunc(*given) for given in zip(*columns, strict=True))


def make_together(program: Program, writable: Callable[[Step], bool]) -> Program:
    """The program with such steps made together, where all arrays come from `writable` steps: those have buffers."""
    escaped = escaping(program)
    movable = {  # and where it is made
        step.results[0]: number
        for number, step in enumerate(program.steps)
        if writable(step) and is_small(step.results[0]) and step.results[0] not in escaped
    }
    alike: dict[Any, list[Step]] = {}
    for step in program.steps:
        if step.results[0] in movable and is_plain(step) and all(each in movable for each in step.operands):
            alike.setdefault(kind_of(step), []).append(step)
    rows: dict[Variable, Row] = {}
    first: dict[Step, Step] = {}  # the step that stands for many, by the first of these
    gone: set[Step] = set()
    for steps in alike.values():
        start, beside = movable[steps[0].results[0]], [rows.get(each) for each in steps[0].operands]
        ready = [
            step
            for step in steps
            if all(movable[each] < start for each in step.operands) and [rows.get(e) for e in step.operands] == beside
        ]
        found = [row_of(ready, place) for place in range(len(steps[0].arguments))]
        new = [each for each in found if type(each) is tuple and type(each[0]) is Variable]
        if len(ready) > 1 and all(fits(row, rows) for row in new):
            results = tuple(step.results[0] for step in ready)
            for row in (*new, results):
                rows.update(dict.fromkeys(row, row))
            movable.update(dict.fromkeys(results, start))
            first[steps[0]] = Step(Together(steps[0].function), tuple(found), {}, results, steps[0].line)
            gone.update(ready)
    steps_left = [first.get(step, step) for step in program.steps if step in first or step not in gone]
    return replace(program, steps=tuple(steps_left))


def is_small(variable: Variable) -> bool:
    return 0 < variable.size <= SMALL and bool(variable.shape) and in_a_row(variable)


def is_plain(step: Step) -> bool:
    """Whether a ufunc goes over arrays of one shape and dtype, and numbers."""
    result = step.results[0]
    return (
        is_elementwise(step)
        and bool(step.operands)
        and all(
            (each.shape, each.dtype) == (result.shape, result.dtype)
            if type(each) is Variable
            else type(each) in (int, float) or isinstance(each, np.generic)
            for each in step.arguments
        )
    )


def kind_of(step: Step) -> Any:
    """What steps must have in common to be made together: all but the arrays."""
    numbers = [None if type(each) is Variable else (type(each), repr(each)) for each in step.arguments]
    return step.function, step.results[0].dtype, tuple(numbers)


def row_of(steps: list[Step], place: int) -> Any:
    """What the steps have in one place: the arrays of all, or the number that all share."""
    given = tuple(step.arguments[place] for step in steps)
    return given if type(given[0]) is Variable else given[0]


def fits(row: Row, rows: dict[Variable, Row]) -> bool:
    """Whether these arrays can lie side by side: all in one row already, in this order, or none in any."""
    known = {id(rows[each]): rows[each] for each in row if each in rows}
    return len(set(row)) == len(row) and (not known or list(known.values()) == [row])
