"""Calls that are made twice, made once."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Any

from tinygrad_scratch.compiler.passes.dead_code import remove_dead_code
from tinygrad_scratch.compiler.passes.repeated import key
from tinygrad_scratch.compiler.program import Program, Step, Variable


def shared(program: Program, apart: Container[Variable] = ()) -> tuple[Program, dict[Variable, Variable]]:
    """The program with each call made once, and which value stands for one that is gone.

    Values that stand apart are not taken from a call that was made for others.
    """
    known: dict[Any, Step] = {}
    instead: dict[Variable, Variable] = {}
    steps: list[Step] = []
    for old in program.steps:
        step = old.replaced(instead)
        earlier = known.setdefault((step.function, key(step.arguments), key(dict(step.keywords))), step)
        if earlier is step or step.draws or (step.result in apart and earlier.result not in apart):
            steps.append(step)
        else:
            instead.update(zip(step.results, earlier.results, strict=True))
    outputs = tuple(instead.get(output, output) for output in program.outputs)
    return remove_dead_code(replace(program, steps=tuple(steps), outputs=outputs)), instead
