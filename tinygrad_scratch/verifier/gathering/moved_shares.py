"""Shares of a sum that are moved by powers of what they weigh, before a model descends with the new ones.

So the worst group of some is given weight. The shares have a rule of their own: the model's gradients are judged with
the new ones given, and the loss, where it was computed of the old ones, is made again of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Array, Step, ancestors
from tinygrad_scratch.verifier.truths.made_again import made_again

WHOLE = 1e-6  # how near to 1 the sum of shares is


def give_moved_shares(entry: Any) -> Iterator[str]:
    """Take shares for given that were moved by powers of parts of the loss, and of which gradients were made then.

    What is said of them is given back.
    """
    tape, parents = entry.tape, entry.tape.parents()
    given = {node for step in tape.steps if step.function is None for node in step.makes}  # in turns before, too
    made_of = ancestors(parents, [node for _, node in entry.gradients])
    for step in [step for step in tape.steps if name_of(step.function) == "divide" and step.makes[0] in made_of]:
        new = step.makes[0]
        if not may_be_moved(tape, step):
            continue
        behind = ancestors(parents, [entry.loss], until=given | {new})
        before = moved_shares(entry, step, behind)
        if before is None or len({before, new} & behind) != 1:
            continue
        others = {p.node for p in entry.parameters if p.node != before and p.asked} & behind
        if others.isdisjoint(ancestors(parents, [new], until={before})):
            continue
        again = entry.loss if new in behind else loss_of_new(entry, before, new)
        if again is None:
            continue
        names = [own(event.name) for event in entry.watch.events if event.node == new]
        tape.give(new)
        entry.loss = again
        entry.without({before})
        yield (
            f"{listed(names[:1]) or 'What weighs the groups'} moved first, by powers of what it weighs: that is a "
            "rule of its own, and the rest is judged with the new values given."
        )


def may_be_moved(tape: Any, step: Step) -> bool:
    """Whether a step divides a product by the sum of its entries."""
    if name_of(step.function) != "divide" or len(step.reads) != 2 or len(step.makes) != 1:
        return False
    grown, total = (tape.steps[tape.nodes[read].step] for read in step.reads)
    return name_of(total.function) == "sum" and step.reads[0] in total.reads and name_of(grown.function) == "multiply"


def moved_shares(entry: Any, step: Step, behind: set[int]) -> int | None:
    """What shares were before they were multiplied by powers of parts of the loss, and divided by their sum."""
    tape, grown = entry.tape, entry.tape.steps[entry.tape.nodes[step.reads[0]].step]
    for old, power in (grown.reads, grown.reads[::-1]) if len(grown.reads) == 2 else ():
        by = tape.steps[tape.nodes[power].step]
        if name_of(by.function) != "exp" or not all(are_shares(tape.nodes[n].value) for n in (old, step.makes[0])):
            continue
        exponent = tape.steps[tape.nodes[by.reads[0]].step]
        if not behind.isdisjoint({*by.reads, *exponent.reads} - {n for n in exponent.reads if is_number(entry, n)}):
            return int(old)
    return None


def are_shares(value: Array) -> bool:
    """Whether numbers are shares of a whole."""
    return value.ndim == 1 < value.size and bool(np.all(value >= 0)) and abs(float(np.sum(value)) - 1) < WHOLE


def is_number(entry: Any, node: int) -> bool:
    return bool(entry.tape.nodes[node].value.size == 1)


def loss_of_new(entry: Any, before: int, new: int) -> int | None:
    """The loss, made again of the new shares; None where that can't be."""
    tape = entry.tape
    if tape.current[tape.nodes[new].slot] != new:
        return None
    found = made_again(tape, entry.loss, {before: new})
    if found is not None:
        entry.watch.events += [replace(e, node=found) for e in entry.watch.events if e.node == entry.loss]
        entry._parents = tape.parents()
    return found
