"""The way from a value to one that it was made of, and where the same way leads from another one."""

from __future__ import annotations

from tinygrad_scratch.verifier.recording.edits import name_of, places_of
from tinygrad_scratch.verifier.recording.steps import Step, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape

Way = list[tuple[str, int]]  # calls, each with the place of the argument by which to go on


def way_to(tape: Tape, node: int, inner: int) -> Way | None:
    """The way from a value to one that it was made of."""
    waiting: list[tuple[int, Way]] = [(node, [])]
    for _ in range(40):
        if not waiting:
            return None
        here, way = waiting.pop(0)
        if here == inner:
            return way
        step = tape.steps[tape.nodes[here].step]
        waiting += [(read, [*way, (name_of(step.function), place)]) for place, read in read_at(tape, step)]
    return None


def at_end(tape: Tape, node: int, way: Way) -> int | None:
    """Where a way leads from another value; None where that was made by other calls, or of its end more than once."""
    beside: list[int] = []
    for name, place in way:
        step = tape.steps[tape.nodes[node].step]
        read = dict(read_at(tape, step))
        if name_of(step.function) != name or place not in read:
            return None
        beside += [other for each, other in read.items() if each != place and name != "divide"]  # Adam's root may
        node = read[place]
    return None if node in ancestors(tape.parents(), beside) else node


def read_at(tape: Tape, step: Step) -> list[tuple[int, int]]:
    """The places of what a call read, each with its value."""
    by_slot = {tape.nodes[node].slot: node for node in step.reads}
    return [(place, by_slot[slot]) for place, slot in places_of(step) if slot in by_slot]
