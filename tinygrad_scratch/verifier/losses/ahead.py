"""Steps ahead: a loss of weights that are moved by a gradient for it alone, which counts as given, as SAM's does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinygrad_scratch.verifier.meant.self_made_targets import Given
from tinygrad_scratch.verifier.pairs.update_steps import in_update, within
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import claims_gradient
from tinygrad_scratch.verifier.recording.likeness import is_along
from tinygrad_scratch.verifier.recording.steps import Step, ancestors, is_behind
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.truth import NotOnTensors, truth_of

MOST_NUMBERS = 4  # before a step, that may be the loss of which that is the gradient


@dataclass(frozen=True)
class Move:
    """A sum of a parameter, or of what that was moved to, and of something that the parameter went into."""

    parameter: int
    step: Step
    change: int
    updates: tuple[int, ...]  # what the real updates of the parameter add to it, or take off


def steps_ahead(
    tape: Tape, updates: dict[int, set[int]], names: dict[int, list[str]], loss: int | None = None
) -> dict[int, Given]:
    """The sums of a parameter and a step by a gradient that no update is, as calls that count the step as given.

    Of each parameter it is told what it became in its `updates`: one that goes on from the parameter itself, by what
    was made of weights that were moved ahead, is the real one. If told, it is of those that went into one `loss`.
    """
    parents = tape.parents()
    found = [move for parameter, values in updates.items() for move in moves(tape, parents, parameter, values)]
    moved = {move.step.makes[0] for move in found}
    behind = ancestors(parents, [loss]) if loss is not None else moved
    return {
        move.step.index: Given(move.step.reads.index(move.change), move.change)
        for move in found
        if move.step.makes[0] in behind and is_by_gradient(tape, parents, move, moved, names, behind)
    }


def moves(tape: Tape, parents: dict[int, set[int]], parameter: int, values: set[int]) -> Iterator[Move]:
    """The sums by which a parameter is moved for what its real updates are made of."""
    changes = {after: in_update(tape, tape.steps[tape.nodes[after].step], after, parameter) for after in values}
    added = {after: change[0] for after, change in changes.items() if change is not None}
    for_others = ancestors(parents, added.values())
    real = tuple(change for after, change in added.items() if after not in for_others)
    made_of, moved, plain = ancestors(parents, real), {parameter}, set[Place | None]()
    for step in tape.steps if real else ():
        name, reads = name_of(step.function), step.reads
        if name not in ("add", "subtract") or len(set(reads)) != 2 or len(step.makes) != 1:
            continue
        one, other = reads
        change = other if one in moved else one if other in moved and name == "add" else None
        if change is None or tape.nodes[change].value.shape != tape.nodes[parameter].value.shape:
            continue
        if not is_behind(parents, parameter, change):
            plain.add(step.place)  # as of a bias, which in later turns is added to what it went into
        elif step.makes[0] in made_of and step.place not in plain:
            moved.add(step.makes[0])
            yield Move(parameter, step, change, real)


def is_by_gradient(
    tape: Tape,
    parents: dict[int, set[int]],
    move: Move,
    moved: set[int],
    names: dict[int, list[str]],
    behind: set[int],
) -> bool:
    """Whether a move is by a gradient: what its line makes is in the real update, too, or it is one of a loss before.

    What goes into the real update as it is, and not by way of weights that were moved, is a value of the forward pass.
    So is what is `behind` the loss, as the states of a recurrent network, each in the line of the one before.
    """
    inner = [move.change, *(within(tape, move.change) if tape.nodes[move.change].value.ndim else [])]
    own = ancestors(parents, move.updates, until=moved)
    last = {n for each in move.updates for n in (each, *within(tape, each))} - behind
    later = {tape.steps[tape.nodes[n].step].place for n in last}
    made = {tape.steps[tape.nodes[n].step].place for n in inner if n not in own and tape.nodes[n].value.ndim}
    if (made & later) - {None}:
        return True
    reads = tape.steps[tape.nodes[move.change].step].reads
    called = [n for n in (*inner, *reads) if any(map(claims_gradient, names.get(n, ()))) and n not in own]
    return any(is_gradient_before(tape, parents, move, node) for node in called[:1])


def is_gradient_before(tape: Tape, parents: dict[int, set[int]], move: Move, node: int) -> bool:
    """Whether a value is a multiple of the gradient of a number that was computed before a move, and ends there."""
    behind, value = ancestors(parents, [move.change]), tape.nodes[node].value
    read = {read for step in tape.steps for read in step.reads}
    numbers = [
        each.number
        for each in tape.nodes
        if each.step < move.step.index and each.value.size == 1 and each.number not in behind | read
    ]
    for number in [n for n in numbers[::-1] if is_behind(parents, move.parameter, n)][:MOST_NUMBERS]:
        try:
            true = truth_of(tape, number).cotangents.get(move.parameter)
        except NotOnTensors:
            continue
        if true is not None and true.shape == value.shape and np.any(true) and is_along(value, true):
            return True
    return False
