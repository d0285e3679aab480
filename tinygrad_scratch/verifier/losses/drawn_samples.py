"""A loss that is watched on all samples, where gradients are made of some of them: which these are."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.pairs.update_steps import after_moves
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.recording.tape import Tape

TAKING = {"getitem", "take", "delete", "compress", "copy", "reshape", "ravel", "flatten", "T", "transpose"}
MOST_ENTRIES = 2_000_000


def samples_taken(tape: Tape, of_loss: set[int], of_gradients: set[int]) -> dict[int, int]:
    """The arrays behind a loss of which gradients were made of some entries alone, each with these.

    None where several parts of an array are read, or what the loss makes of the whole, too: then it isn't clear which
    are meant.
    """
    whole_of: dict[int, int] = {}
    reading = [
        step for step in tape.steps if not of_gradients.isdisjoint(step.makes) and of_loss.isdisjoint(step.makes)
    ]
    read = set[int]()
    for step in reading:
        takes = name_of(step.function) in ("getitem", "take") and step.reads
        whole = whole_of.get(step.reads[0], step.reads[0]) if takes else None
        if whole in of_loss and is_part(tape, step.makes[0], whole):
            whole_of[step.makes[0]] = whole
        else:
            read.update(step.reads)
    wholes = set(whole_of.values())
    parts = {whole_of[part]: part for part in whole_of.keys() & read}
    is_clear = len(parts) == len(wholes) == len(whole_of.keys() & read)
    return parts if is_clear and read.isdisjoint(made_of(tape, wholes, of_loss)) else {}


def are_of_other_parts(tape: Tape, of_loss: set[int], of_gradients: set[int]) -> bool:
    """Whether a loss is made of other entries than gradients, wherever each is made of some of an array's alone.

    So is one of samples that were held back, to see how well others are learnt.
    """
    parts = parts_of_both(tape, of_loss, of_gradients)
    return bool(parts) and not any(np.any(one & other) for one, other in parts)


def is_of_fewer_parts(tape: Tape, of_loss: set[int], of_gradients: set[int]) -> bool:
    """Whether gradients are made of all that a loss is made of, and of as much again: as of the last sample alone.

    What both were made of alike may be from before, when the data was prepared.
    """
    both = parts_of_both(tape, of_loss, of_gradients)
    parts = [(one, other) for one, other in both if not np.array_equal(one, other)]
    return bool(parts) and all(np.all(other[one]) and 2 * one.sum() <= other.sum() for one, other in parts)


def parts_of_both(tape: Tape, of_loss: set[int], of_gradients: set[int]) -> list[tuple[Array, Array]]:
    """Which entries of each array a loss, and gradients, are made of, where neither is made of all."""
    mine, theirs = parts_read(tape, of_loss), parts_read(tape, of_gradients)
    both = [(mine[of], theirs[of]) for of in mine.keys() & theirs.keys()]
    return [(one, other) for one, other in both if not (np.all(one) or np.all(other))]


def parts_read(tape: Tape, made: set[int]) -> dict[int, Array]:
    """Which entries of each array some values were made of, by the parts of it that were taken."""
    places: dict[int, tuple[int, Array]] = {}  # of an array: what it is a part of, and which of that its entries are
    found: dict[int, Array] = {}
    for step in tape.steps:
        if made.isdisjoint(step.makes):
            continue
        of = places_in(tape, step.reads[0], places) if name_of(step.function) in TAKING and step.reads else None
        taken = places_taken(tape, step, of[1]) if of is not None else None
        if of is not None and taken is not None:
            places[step.makes[0]] = of[0], taken
            continue
        for read in step.reads:
            if (known := places_in(tape, read, places)) is not None:
                found.setdefault(known[0], np.zeros(tape.nodes[known[0]].value.size, bool))[known[1]] = True
    return found


def places_in(tape: Tape, node: int, places: dict[int, tuple[int, Array]]) -> tuple[int, Array] | None:
    """What an array is a part of, and which of its entries it has; None for one of a single entry, or of very many."""
    value = tape.nodes[node].value
    if node in places or not 1 < value.size < MOST_ENTRIES:
        return places.get(node)
    return node, np.arange(value.size).reshape(value.shape)


def places_taken(tape: Tape, step: Step, places: Array) -> Array | None:
    """The places of what a call takes out of an array; None where it does something else with them."""
    taken = after_moves(tape, [step], places)
    return taken if taken is not None and taken.shape == tape.nodes[step.makes[0]].value.shape else None


def made_of(tape: Tape, values: set[int], among: set[int]) -> set[int]:
    """What some values went into, and they themselves, among others."""
    found = set(values)
    for step in tape.steps:
        if not found.isdisjoint(step.reads):
            found |= among.intersection(step.makes)
    return found


def is_part(tape: Tape, part: int, whole: int) -> bool:
    """Whether an array has fewer samples than another one, or as many in another order, and is like it otherwise.

    So is one row of it, or one number.
    """
    mine, theirs = tape.nodes[part].value.shape, tape.nodes[whole].value.shape
    if len(theirs) == len(mine) + 1:
        return bool(theirs[1:] == mine)
    return len(mine) == len(theirs) > 0 and sum(one != other for one, other in zip(mine, theirs, strict=True)) < 2


def numbers_taken(tape: Tape, taken: dict[int, int]) -> dict[int, int]:
    """How many samples some arrays have, each with how many were taken of them: one where a row was."""
    found: dict[int, int] = {}
    for whole, part in taken.items():
        mine, theirs = tape.nodes[part].value.shape, tape.nodes[whole].value.shape
        count = mine[0] if len(mine) == len(theirs) else 1
        if theirs[0] != count and theirs[0] > 2:
            found[theirs[0]] = count
    return found
