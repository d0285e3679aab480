"""A loss that was computed of updated weights, made again of the weights as they were before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_scratch.verifier.recording.edits import is_literal, name_of
from tinygrad_scratch.verifier.recording.recorded import Recorded, record_arrays
from tinygrad_scratch.verifier.recording.references import Ref, map_tree
from tinygrad_scratch.verifier.recording.steps import Step, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape

NONE: Mapping[int, int] = {}


def made_again(tape: Tape, loss: int, weights: dict[int, int], sizes: Mapping[int, int] = NONE) -> int | None:
    """The loss of other weights: its calls are made again, at the end of the tape, and with their places.

    `weights` are the values that it was computed from, updated, each with the one to read instead. What did not come
    from these is read as it is. Numbers of samples that it divides by are others, by `sizes`. None where that can't be:
    it was written to since, or the calls write to it.
    """
    changed = set(weights)
    behind = ancestors(tape.parents(), [loss], until=changed) - changed
    now = {tape.nodes[new].slot: standing(tape, new) for new in weights.values()}
    mine = {tape.nodes[old].slot: now[tape.nodes[new].slot] for old, new in weights.items()}
    for step in tape.steps[min(tape.nodes[old].step for old in weights) + 1 : tape.nodes[loss].step + 1]:
        if changed.isdisjoint(step.reads) or behind.isdisjoint(step.makes):
            continue
        others = [read for read in step.reads if tape.nodes[read].slot not in mine]
        slots = {tape.nodes[node].slot for node in step.makes}
        stale = any(tape.current[tape.nodes[read].slot] != read for read in others)
        if stale or any(tape.nodes[read].slot in slots for read in others):
            return None
        here = mine | {tape.nodes[read].slot: standing(tape, read) for read in others}
        replay(tape, step, here, mine, sizes)
        changed |= set(step.makes)
    made = mine.get(tape.nodes[loss].slot)
    return None if made is None else made.node


def standing(tape: Tape, node: int) -> Recorded:
    """What a call is given for a value."""
    return Recorded(tape, tape.nodes[node].value, tape.nodes[node].slot, not tape.nodes[node].value.ndim)


def replay(
    tape: Tape, step: Step, given: dict[int, Recorded], made: dict[int, Recorded], sizes: Mapping[int, int] = NONE
) -> None:
    """Make a call again, and say what stands for its results now."""
    scales = name_of(step.function) in ("divide", "multiply")

    def anew(part: Any) -> Any:
        if type(part) is Ref:
            return given[part.slot]
        return resized(part, sizes) if scales and is_literal(part) else part

    arguments, keywords = map_tree(anew, (step.arguments, step.keywords))
    before = len(tape.steps)
    result = record_arrays(tape, step.function, arguments, keywords)
    for again in tape.steps[before:]:
        again.place, again.caller = step.place, step.caller
    name_results(step.result, result, made)


def resized(number: float, sizes: Mapping[int, int]) -> float:
    """A number of samples, or one part in it, for as many as there are now; any other number as it is."""
    for whole, part in sizes.items():
        if abs(number - whole) < 1e-9 * whole:
            return part
        if abs(number * whole - 1) < 1e-9:
            return 1 / part
    return number


def name_results(named: Any, result: Any, made: dict[int, Recorded]) -> None:
    if type(named) is Ref:
        made[named.slot] = result
    elif isinstance(named, tuple | list):
        for part, own in zip(named, result, strict=True):
            name_results(part, own, made)
