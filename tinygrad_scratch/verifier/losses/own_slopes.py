"""Gradients of a loss that nobody computes: they all follow from its slope, which no loss of theirs explains.

A loss that is only watched, as plain cross-entropy beside a weighted one that is trained, fits no gradient then. That
the slope is meant as it is shows by what it is made of: weights of samples, smoothed targets, an exponent with a name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.loops import names_in, values_given
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.source import parsed, statement_at, text_of
from tinygrad_scratch.verifier.recording.edits import is_literal
from tinygrad_scratch.verifier.recording.events import Event, claims_gradient
from tinygrad_scratch.verifier.recording.likeness import is_along
from tinygrad_scratch.verifier.recording.steps import Array, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.losses import Candidate

MOST_EVENTS = 40
WORD = re.compile(r"[a-z]+")
TELLING = 1e-3  # what is smaller only keeps something off from 0


@dataclass(frozen=True)
class OwnSlope:
    """What gradients may be made of as the slope of a loss, that loss, and what no loss of theirs has to do with."""

    event: Event
    candidate: Candidate
    alien: str


def slopes_of_their_own(entry: Any, theirs: int, nodes: list[int], ends: list[int]) -> Iterator[OwnSlope]:
    """The slopes that gradients are made of, by outputs of what they compute as a loss, and that have more to them."""
    tape, parents = entry.tape, entry.tape.parents()
    forward = ancestors(parents, [theirs], until=set(nodes)) | {theirs}
    moving = entry.depending_on(set(nodes))
    behind = entry.all_behind(*ends)
    outputs = [node for node in sorted(forward & moving, reverse=True) if tape.nodes[node].value.size > 1]
    outputs = [node for node in outputs if not ancestors(parents, [node], until=set(nodes)) <= moving]  # made of data
    backward = (behind & moving) - forward
    slopes = [event for event in entry.watch.events if event.node in backward]
    for event in slopes[:MOST_EVENTS]:
        value = np.asarray(tape.nodes[event.node].value)
        fitting = [node for node in outputs if tape.nodes[node].value.shape == value.shape]
        if fitting and value.size > 1 and (alien := alien_in(entry, event, forward, moving)):
            for output in fitting:
                yield OwnSlope(event, Candidate(f"a loss with the slope {event.short}", output, weighted, value), alien)


def weighted(output: Any, slope: Array) -> Any:
    """A loss that has a given slope at an output."""
    return np.sum(output * slope)


def alien_in(entry: Any, slope: Event, forward: set[int], moving: set[int]) -> str:
    """What a slope is made of and a loss is not: data of another kind than the targets, or a number with a name."""
    tape = entry.tape
    behind = (ancestors(tape.parents(), [slope.node], until=forward) - forward) & moving
    steps = [tape.steps[tape.nodes[node].step] for node in behind]
    places = {(step.place.file, step.place.line) for step in steps if step.place is not None and step.reads}
    words = set[str]().union(*(read_in(*place) for place in places)) - words_of(tape, forward)
    texts = " ".join(statement_at(*place) for place in places)
    words = {word for word in words if not RATE.match(word) or re.search(rf"1(?:\.0?)? - {re.escape(word)}\b", texts)}
    held = [tape.nodes[node].value for node in forward if node not in moving]
    named = (e for e in entry.watch.events if e.short in words and e.node not in forward)
    called = {word for e in entry.watch.events if e.node in forward for word in WORD.findall(e.short.lower())}
    arrays = (e for e in named if not claims_gradient(e.name) and called.isdisjoint(WORD.findall(e.short.lower())))
    free = (e for e in arrays if e.node not in moving and is_of_its_own(tape.nodes[e.node].value, held))
    numbers = numbers_named(tape, {file for file, _ in places}, words)
    return next((e.short for e in free), None) or next(numbers, "")


def words_of(tape: Tape, nodes: Iterable[int]) -> set[str]:
    """The names that the statements read which made some values."""
    made = (tape.steps[tape.nodes[node].step].place for node in nodes)
    places = {(place.file, place.line) for place in made if place is not None}
    return set[str]().union(*(read_in(*place) for place in places))


def read_in(file: str, line: int) -> set[str]:
    """The names that the statement of a line reads."""
    tree = parsed(statement_at(file, line))
    if tree is None:
        return set()
    value = getattr(tree, "value", tree)
    return names_in(value) if isinstance(value, ast.AST) else set()


def is_of_its_own(value: Array, held: list[Array]) -> bool:
    """Whether an array is more than another form or a multiple of what the loss was made of, as of ones and zeros."""
    if value.size < 2 or value.dtype.kind not in "f" or not set(np.unique(value)) - {-1.0, 0.0, 1.0}:
        return False
    rows = (other.astype(float).ravel() for other in held if other.size == value.size)
    return not any(is_along(row, sign * value.ravel()) for row in rows for sign in (1, -1))


def numbers_named(tape: Tape, files: Iterable[str], words: set[str]) -> Iterator[str]:
    """Those of some names that get a plain number in a file, and none that is a size, as `n = 8` is of 8 samples."""
    sizes = {size for node in tape.nodes for size in node.value.shape}
    return (name for file in files for name, value in numbers_of(file) if name in words and value not in sizes)


def numbers_of(file: str) -> Iterator[tuple[str, float]]:
    """The names of a file that get a plain number, and no tiny one: `gamma = 2.0`."""
    assigned = (node for node in ast.walk(ast.parse(text_of(file))) if isinstance(node, ast.Assign))
    for name, value in (pair for node in assigned for pair in values_given(node)):
        if isinstance(name, ast.Name | ast.Attribute) and isinstance(value, ast.Constant):
            number = value.value
            if is_literal(number) and abs(number) >= TELLING and number != 1:
                yield ast.unparse(name).rpartition(".")[2], number
