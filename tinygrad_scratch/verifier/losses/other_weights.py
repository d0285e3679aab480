"""Losses of other weights than gradients are of: of a running copy, or of those from which weights looked ahead."""

from __future__ import annotations

from tinygrad_scratch.verifier.pairs.over_turns import is_share
from tinygrad_scratch.verifier.pairs.update_steps import drawn_to, in_update, inside, mixed
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import ancestors
from tinygrad_scratch.verifier.recording.tape import Tape

MOVING = "add", "subtract"


def looked_ahead(tape: Tape, gradient: int, parameter: int, after: int | None) -> int:
    """The weights that a gradient is of: a parameter, or that moved on by the velocity it is updated by, as Nesterov's.

    `after` is what the update made of the parameter.
    """
    nodes = tape.nodes
    behind = ancestors(tape.parents(), [gradient], {parameter}) - {parameter}
    made = (tape.steps[number] for number in {nodes[node].step for node in behind})
    reading = [step for step in made if parameter in step.reads and not is_share(tape, step)]
    if after is None or len(reading) != 1 or name_of(reading[0].function) not in MOVING or len(reading[0].reads) != 2:
        return parameter
    ahead, velocity = reading[0].makes[0], next((n for n in reading[0].reads if n != parameter), parameter)
    while (inner := inside(tape, velocity)) is not None:
        velocity = inner[0]
    is_same = nodes[ahead].value.shape == nodes[parameter].value.shape
    return ahead if is_same and velocity in added_in(tape, after, {gradient, parameter}) - {parameter} else parameter


def added_in(tape: Tape, node: int, until: set[int]) -> set[int]:
    """What a value was added up from, and the parts of that, up to some values."""
    waiting, found = [node], set[int]()
    while waiting:
        here = waiting.pop()
        step = tape.steps[tape.nodes[here].step]
        if here not in found:
            found.add(here)
            waiting += step.reads if here not in until and name_of(step.function) in (*MOVING, "multiply") else ()
    return found


def running_copy(tape: Tape, updated: int, loss: int) -> int:
    """What a loss reads of a value: that itself, or a copy that was moved part of the way to it."""
    parents, shape = tape.parents(), tape.nodes[updated].value.shape
    behind = ancestors(parents, [loss])
    copies = [node for node in sorted(behind) if node > updated and tape.nodes[node].value.shape == shape]
    copy = next((node for node in copies if is_drawn_to(tape, node, updated)), None)
    return copy if copy is not None and updated not in ancestors(parents, [loss], {copy}) else updated


def is_drawn_to(tape: Tape, node: int, other: int) -> bool:
    """Whether a value is another one that was moved part of the way to a third, as an average is."""
    step = tape.steps[tape.nodes[node].step]
    changes = ((read, in_update(tape, step, node, read)) for read in step.reads)
    drawn = [drawn_to(tape, change, before, by_distance=True) for before, change in changes if change is not None]
    return other in drawn or other in mixed(tape, node)
