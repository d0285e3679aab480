"""Repeated work: what was computed before is not computed again."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Program, Step, Variable, substitute


def share_repeated_work(program: Program) -> Program:
    """A step that makes the same call as an earlier one is left out, and its readers read the earlier one's result."""
    known: dict[Hashable, Step] = {}
    new: dict[Variable, Variable] = {}
    steps: list[Step] = []
    for step in program.steps:
        step = step.replaced(new)
        call = (step.function, key(step.arguments), key(dict(step.keywords)))
        earlier = known.setdefault(call, step)
        if earlier is step or step.draws or twice_returned(step, earlier, new, program):
            steps.append(step)
        else:
            for mine, theirs in zip(step.results, earlier.results, strict=True):
                new[mine] = theirs
                theirs.name = theirs.name or mine.name
    return replace(program, steps=tuple(steps), outputs=substitute(program.outputs, new))


def twice_returned(step: Step, earlier: Step, new: dict[Variable, Variable], program: Program) -> bool:
    """Whether two outputs would be one array: the person may write to one of them."""
    outputs = substitute(program.outputs, new)
    return any(result in outputs for result in step.results) and any(result in outputs for result in earlier.results)


def key(tree: Any) -> Hashable:
    """What two equal trees of variables and static values have in common; 1, 1.0 and True are three."""
    if type(tree) in (tuple, list):
        return (type(tree), *map(key, tree))
    if type(tree) is dict:
        return tuple((name, key(tree[name])) for name in sorted(tree))
    if type(tree) is slice:
        return (slice, key(tree.start), key(tree.stop), key(tree.step))
    if isinstance(tree, float | complex | np.inexact):
        return (type(tree), repr(tree))
    try:
        hash(tree)
    except TypeError:
        return id(tree)
    return (type(tree), tree)
