"""Repeated work: what was computed before is not computed again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Program, Step, Variable, substitute

Replaced = dict[Variable, Variable]
Apart = Callable[[Step, Step, Mapping[Variable, Variable]], bool]


def share_repeated_work(program: Program) -> Program:
    """A step that makes the same call as an earlier one is left out, and its readers read the earlier one's result."""

    def twice_returned(step: Step, earlier: Step, instead: Mapping[Variable, Variable]) -> bool:
        """Whether two outputs would be one array: the person may write to one of them."""
        outputs = substitute(program.outputs, instead)
        return all(any(result in outputs for result in each.results) for each in (step, earlier))

    return shared(program, twice_returned)[0]


def shared(program: Program, apart: Apart = lambda step, earlier, instead: False) -> tuple[Program, Replaced]:
    """The program with each call made once, and which value stands for one that is gone.

    `apart(step, earlier, instead)` says which steps are kept nevertheless.
    """
    known: dict[Hashable, Step] = {}
    instead: dict[Variable, Variable] = {}
    steps: list[Step] = []
    for old in program.steps:
        step = old.replaced(instead)
        earlier = known.setdefault((step.function, key(step.arguments), key(dict(step.keywords))), step)
        if earlier is step or step.draws or apart(step, earlier, instead):
            steps.append(step)
        else:
            for mine, theirs in zip(step.results, earlier.results, strict=True):
                instead[mine] = theirs
                theirs.name = theirs.name or mine.name
    return replace(program, steps=tuple(steps), outputs=substitute(program.outputs, instead)), instead


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
