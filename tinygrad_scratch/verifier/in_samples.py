"""Outputs that a loop makes one sample at a time, each with a target of its own: the loss is one of all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.steps import Array
from tinygrad_scratch.verifier.tape import Tape

Meeting = tuple[tuple[int, ...], tuple[int, ...]]  # the outputs of the turns, and their targets


def stacked(parts: Any) -> Any:
    """What the turns made as one array, a row for each."""
    found = np.stack(parts)
    return found if found.ndim == 1 else np.reshape(found, (len(parts), -1))


def met_in_turns(tape: Tape, outputs: set[int], given: set[int]) -> Iterator[Meeting]:
    """Where in several turns of a loop an output meets a target, in one call, as in `y - output`."""
    found = defaultdict[Any, list[tuple[int, int]]](list)
    for step in tape.steps:
        mine, other = outputs.intersection(step.reads), given.intersection(step.reads)
        if step.place is not None and len(mine) == len(other) == 1 and len(set(step.reads)) == 2:
            found[step.place, getattr(step.function, "__name__", "")].append((min(mine), min(other)))
    for turns in found.values():
        made, targets = (tuple(each) for each in zip(*turns, strict=True))
        shapes = {(tape.nodes[one].value.shape, tape.nodes[two].value.shape) for one, two in turns}
        sizes = {tape.nodes[node].value.size for turn in turns for node in turn}  # a target may be a plain number
        if len(set(made)) == len(turns) > 1 and len(shapes) == len(sizes) == 1 and not are_of_one(tape, made):
            yield made, targets


def are_of_one(tape: Tape, nodes: tuple[int, ...]) -> bool:
    """Whether values are entries of one array: that is the output, and the loop may leave out some of them."""
    steps = [tape.steps[tape.nodes[node].step] for node in nodes]
    return len({step.reads for step in steps}) == 1


def stacked_values(tape: Tape, nodes: tuple[int, ...]) -> Array:
    return np.asarray(stacked([np.asarray(tape.nodes[node].value) for node in nodes]))
