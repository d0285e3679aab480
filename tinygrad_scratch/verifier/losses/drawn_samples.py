"""A loss that is watched on all samples, where gradients are made of some of them: which these are."""

from __future__ import annotations

from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.tape import Tape


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
