"""Loops over the entries of an array: each turn writes to other ones than those before it, so it trains nothing."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.turns.named_before import Met


def goes_over_entries(met: Met, node: int, outer: int, begun: int, turn: int) -> bool:
    """Whether the last turn of a loop wrote to other entries of an array than its turns before it.

    The array was read before the loop began, in a turn of one around it that began at the step `outer`.
    """
    slot = met.watch.tape.nodes[node].slot
    if not met.reads_between(slot, outer, begun):
        return False
    before, now = (met.written(slot, *steps) for steps in ((begun, turn), (turn, len(met.watch.tape.steps))))
    return bool(np.any(before) and np.any(now) and not np.any(before & now))
