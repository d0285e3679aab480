"""Chances of what was seen beside those of noise, as in skip-grams with negative sampling: classes of 1 and of 0.

People take 1 off the first, and nothing off the others, which are their own slopes: nothing is met that could be told
for a target.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from tinygrad_scratch.verifier.losses.met_numbers import is_in_slope
from tinygrad_scratch.verifier.pairs.update_steps import literals_of
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import VIEWING, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape

SQUASHING = {"add", "negative", "divide", "reciprocal", "where", "renamed", "copy"}  # what a logistic function calls
DEEP = 6


def classes_by_chance(tape: Tape, moving: set[int], behind: Container[int]) -> dict[int, float]:
    """The chances that gradients are made of: 1 for those that 1 is taken off, 0 for the others, as of noise.

    None where these are not all that there is, or where one went into another, as a layer does.
    """
    chances = [node for node in sorted(moving) if node in behind and is_chance(tape, node)]
    taken = {node: numbers_taken(tape, node) for node in chances}
    seen = {node for node in chances if 1.0 in taken[node]}
    noise = {node for node in chances if not taken[node] and is_own_slope(tape, node)}
    parents = tape.parents()
    apart = {*chances}.isdisjoint(node for chance in chances for node in ancestors(parents, [chance]) - {chance})
    is_all = bool(seen and noise) and seen | noise == {*chances}
    return {node: float(node in seen) for node in chances} if is_all and apart else {}


def is_chance(tape: Tape, node: int) -> bool:
    """Whether a logistic function made a value."""
    value = tape.nodes[node].value
    is_within = value.dtype.kind == "f" and value.size > 0 and bool(np.all((value >= 0) & (value <= 1)))
    is_last = name_of(tape.steps[tape.nodes[node].step].function) in ("divide", "reciprocal", "expit")
    return is_within and is_last and is_squashed(tape, node, DEEP)


def is_squashed(tape: Tape, node: int, deep: int) -> bool:
    """Whether a value is made of an exponential, and of plain numbers beside that."""
    step = tape.steps[tape.nodes[node].step]
    name = name_of(step.function)
    if name not in SQUASHING or not deep:
        return name in ("exp", "expit")
    return bool(step.reads) and all(is_squashed(tape, read, deep - 1) for read in step.reads)


def numbers_taken(tape: Tape, node: int) -> set[float]:
    """The plain numbers that are taken off a value, or of what shows it, or that it is taken off; not in a slope."""
    readers = [tape.steps[index] for index in tape.readers().get(node, ())]
    taken = (step for step in readers if name_of(step.function) == "subtract" and not is_in_slope(tape, step))
    found = {float(number) for step in taken for number in literals_of(step)}
    shown = (made for step in readers if name_of(step.function) in VIEWING for made in step.makes)
    return found.union(*(numbers_taken(tape, made) for made in shown))


def is_own_slope(tape: Tape, node: int) -> bool:
    """Whether others are multiplied by a value as it is, or it is added up, as the slope of a loss is."""
    readers = [tape.steps[index] for index in tape.readers().get(node, ())]
    return bool(readers) and not any(name_of(step.function) in ("log", "subtract", "exp") for step in readers)
