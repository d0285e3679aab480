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
from tinygrad_scratch.verifier.recording.steps import Array, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape

SQUASHING = {"add", "negative", "divide", "reciprocal", "where", "renamed", "copy"}  # what a logistic function calls
DEEP = 6
SHOWING = {"getitem", "reshape", "ravel", "expand_dims", "renamed", "T", "transpose", "squeeze"}


def against_noise(tape: Tape, moving: set[int], behind: Container[int]) -> tuple[tuple[int, ...], Array] | None:
    """The chances that gradients are made of, with their classes: those that 1 is taken off, and all the others."""
    chances = [node for node in sorted(moving) if node in behind and is_chance(tape, node)]
    seen = [node for node in chances if 1.0 in numbers_met(tape, node)]
    noise = [node for node in chances if not numbers_met(tape, node) and is_slope(tape, node)]
    parents = tape.parents()
    apart = {*chances}.isdisjoint(node for chance in chances for node in ancestors(parents, [chance]) - {chance})
    if not seen or not noise or not apart or len(seen) + len(noise) < len(chances):
        return None
    classes = [np.full(tape.nodes[node].value.size, float(node in seen)) for node in chances]
    return tuple(chances), np.concatenate(classes)


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


def numbers_met(tape: Tape, node: int) -> set[float]:
    """The plain numbers that a value, or what shows it, is taken off, or that are taken off it; not in a slope."""
    readers = [tape.steps[index] for index in tape.readers().get(node, ())]
    taken = (step for step in readers if name_of(step.function) == "subtract" and not is_in_slope(tape, step))
    found = {float(number) for step in taken for number in literals_of(step)}
    shown = (made for step in readers if name_of(step.function) in SHOWING for made in step.makes)
    return found.union(*(numbers_met(tape, made) for made in shown))


def is_slope(tape: Tape, node: int) -> bool:
    """Whether a value is itself what others are multiplied by, or added up of, as the slope of a loss is."""
    readers = [tape.steps[index] for index in tape.readers().get(node, ())]
    return bool(readers) and not any(name_of(step.function) in ("log", "subtract", "exp") for step in readers)
