"""The way from a value to one that it was made of, and where the same way leads from another one."""

from __future__ import annotations

from tinygrad_scratch.verifier.edits import name_of, places_of
from tinygrad_scratch.verifier.tape import Step, Tape

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
    """Where a way leads from another value; None where that was made by other calls."""
    for name, place in way:
        step = tape.steps[tape.nodes[node].step]
        following = dict(read_at(tape, step)).get(place)
        if name_of(step.function) != name or following is None:
            return None
        node = following
    return node


def read_at(tape: Tape, step: Step) -> list[tuple[int, int]]:
    """The places of what a call read, each with its value."""
    by_slot = {tape.nodes[node].slot: node for node in step.reads}
    return [(place, by_slot[slot]) for place, slot in places_of(step) if slot in by_slot]
