"""Passes: each is a function from a program to a program that computes the same, and does one thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinygrad_scratch.compiler.passes.constants import fold_constants
from tinygrad_scratch.compiler.passes.dead_code import remove_dead_code
from tinygrad_scratch.compiler.passes.differences import share_differences
from tinygrad_scratch.compiler.passes.patterns import simplify
from tinygrad_scratch.compiler.passes.products import scale_early
from tinygrad_scratch.compiler.passes.recompute import recompute
from tinygrad_scratch.compiler.passes.repeated import share_repeated_work
from tinygrad_scratch.compiler.passes.sums import sum_products
from tinygrad_scratch.compiler.program import Program

Pass = Callable[[Program], Program]

SIMPLIFYING: Sequence[Pass] = (
    remove_dead_code,
    fold_constants,
    share_repeated_work,
    simplify,
    fold_constants,
    share_repeated_work,
    simplify,
    remove_dead_code,
)
"""What every printer and backend begins with."""

LOWERING: Sequence[Pass] = (
    share_differences,
    scale_early,
    sum_products,
    share_repeated_work,
    recompute,
    remove_dead_code,
)
"""What makes a program faster and no easier to read."""


def apply(passes: Sequence[Pass], program: Program) -> Program:
    """The program after some passes, checked after each."""
    for each in passes:
        program = each(program).check()
    return program
