"""Calls that are made twice, made once."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Program, Step, Variable
from tinygrad_scratch.compiler.readable.tidy import living


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
        if earlier is step or (step.result in apart and earlier.result not in apart):
            steps.append(step)
        else:
            instead.update(zip(step.results, earlier.results, strict=True))
    outputs = tuple(instead.get(output, output) for output in program.outputs)
    return living(replace(program, steps=tuple(steps), outputs=outputs)), instead


def key(tree: Any) -> Any:
    """What two arguments have in common if they are the same: 1, 1.0 and True are three."""
    if type(tree) in (tuple, list):
        return (type(tree), *map(key, tree))
    if type(tree) is dict:
        return (dict, *((name, key(part)) for name, part in tree.items()))
    if type(tree) is slice:
        return (slice, *map(key, (tree.start, tree.stop, tree.step)))
    if isinstance(tree, bool | int | float | complex | str | np.generic):
        return (type(tree), repr(tree))
    return tree if isinstance(tree, Variable) else id(tree) if tree.__hash__ is None else tree
