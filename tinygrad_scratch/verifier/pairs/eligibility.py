"""Eligibility traces: sums of the gradients of predictions that fade, which an error of this turn moves weights by.

So does TD(lambda). What such a trace keeps of turns before is in no gradient of this turn's loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tinygrad_scratch.verifier.pairs.noise import silence
from tinygrad_scratch.verifier.pairs.update_steps import handed_over, in_update, inside, is_plain_number
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import ancestors
from tinygrad_scratch.verifier.recording.tape import Tape

ADDING = {"add", "subtract", "setitem", "getitem", "copy"}


def leave_off_traces(
    tape: Tape, updates: Iterable[tuple[int, int]], names: dict[int, list[str]]
) -> tuple[set[int], set[int]]:
    """Let a run be what it would have been, had the traces that updates are made of been noughts before the turn.

    The parameters that are moved by such traces are given back, and what is nought now.
    """
    kept = {before: set(kept_in(tape, before, after, names)) for before, after in updates}
    nodes = set[int]().union(*kept.values())
    for node in nodes:
        step = tape.steps[tape.nodes[node].step]
        made_of = step.reads
        tape.give(node)
        step.reads = made_of  # else what is read for nothing but it would be a result
    if nodes:
        silence(tape, nodes)
    return {before for before, of in kept.items() if of}, nodes


def kept_in(tape: Tape, before: int, after: int, names: dict[int, list[str]]) -> Iterator[int]:
    """What the trace in an update keeps of turns before: a share of it as it was under its name, or in its array."""
    trace = trace_in(tape, before, after)
    if trace is None:
        return
    parents, waiting, seen = tape.parents(), [trace], set[int]()
    while waiting:
        node = waiting.pop()
        step = tape.steps[tape.nodes[node].step]
        whole = faded(tape, node)
        if whole is not None and before not in ancestors(parents, [whole]):
            is_same = tape.nodes[whole].slot == tape.nodes[trace].slot or same_name(names, whole, trace)
            if is_same and step.makes == (node,) and np.any(tape.nodes[node].value):
                yield node
        elif name_of(step.function) in ADDING:
            waiting += [read for read in step.reads if read not in seen]
            seen.update(step.reads)


def trace_in(tape: Tape, before: int, after: int) -> int | None:
    """The array that an update takes times a number which the parameter went into, and that itself did not."""
    change = in_update(tape, tape.steps[tape.nodes[after].step], after, before)
    node = None if change is None else change[0]
    while node is not None:
        step, shape = tape.steps[tape.nodes[node].step], tape.nodes[node].value.shape
        numbers = [read for read in step.reads if tape.nodes[read].value.size == 1 and shape]
        if name_of(step.function) == "multiply" and len(numbers) == 1 and len(step.reads) == 2:
            other = next(read for read in step.reads if read not in numbers)
            behind = ancestors(tape.parents(), numbers)
            if before in behind and other not in behind:
                return other
            node = other
        else:
            inner = inside(tape, node)
            node = None if inner is None else inner[0]
    return None


def faded(tape: Tape, node: int) -> int | None:
    """What a value is a share of: `trace` of `gamma * decay * trace`; None where it is none."""
    share = 1.0
    while True:
        step = tape.steps[tape.nodes[node].step]
        arrays = [read for read in step.reads if not is_plain_number(tape, read)]
        if name_of(step.function) != "multiply" or len(arrays) != 1:
            break
        was, now = (np.ravel(tape.nodes[n].value) for n in (arrays[0], node))
        place = int(np.argmax(np.abs(was)))
        share *= float(now[place] / was[place]) if was[place] else 0.0
        node = arrays[0]
    while (inner := handed_over(step)) is not None and name_of(step.function) == "copy":
        node, step = inner, tape.steps[tape.nodes[inner].step]
    return node if 0 < share < 1 else None


def same_name(names: dict[int, list[str]], one: int, other: int) -> bool:
    """Whether two values went by one name."""
    return not {*names.get(one, ())}.isdisjoint(names.get(other, ()))
