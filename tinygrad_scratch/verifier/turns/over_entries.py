"""Loops over the entries of an array: each turn writes to other ones than those before it, so it trains nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.references import refs_in
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.turns.named_before import Met


def goes_over_entries(met: Met, node: int, outer: int, begun: int, turn: int) -> bool:
    """Whether the last turn of a loop wrote to other entries of an array than its turns before it.

    The array was read before the loop began, in a turn of one around it that began at the step `outer`.
    """
    slot = met.watch.tape.nodes[node].slot
    if not any(outer <= read < begun for read in readers_of(met, slot)):
        return False
    before, now = (written(met, slot, *steps) for steps in ((begun, turn), (turn, len(met.watch.tape.steps))))
    return bool(np.any(before) and np.any(now) and not np.any(before & now))


def readers_of(met: Met, slot: int) -> Iterator[int]:
    """The steps that read an array, whatever it held."""
    return (read for version in met.versions.get(slot, []) for read in met.readers.get(version, []))


def written(met: Met, slot: int, first: int, end: int) -> Array:
    """The entries of an array that the steps from one on, and before another, assigned to."""
    tape = met.watch.tape
    found = np.zeros(tape.nodes[met.versions[slot][0]].value.shape, dtype=bool)
    for step in (tape.steps[read] for read in readers_of(met, slot) if first <= read < end):
        if name_of(step.function) == "setitem" and tape.nodes[step.reads[0]].slot == slot:
            chosen = step.arguments[1]
            found[... if any(refs_in(chosen)) else chosen] = True  # which are chosen by a value may be any
    return found
