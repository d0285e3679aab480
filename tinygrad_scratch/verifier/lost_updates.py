"""Updates that are lost: new values of parameters that nobody keeps, as of `p = p - rate * g` in a loop over them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.case import Case, Repair
from tinygrad_scratch.verifier.edits import name_of
from tinygrad_scratch.verifier.likeness import is_along
from tinygrad_scratch.verifier.region import Finding
from tinygrad_scratch.verifier.tape import Tape


def gone(tape: Tape, first: int) -> set[int]:
    """The sums and differences that calls from one on made, that nothing read, and that nobody has any more."""
    read = {node for step in tape.steps for node in step.reads}
    made = (step.makes for step in tape.steps[first:] if name_of(step.function) in ("add", "subtract"))
    return {nodes[0] for nodes in made if len(nodes) == 1 and nodes[0] not in read and tape.is_gone(nodes[0])}


def lost_updates(case: Case, nodes: set[int]) -> Iterator[tuple[Repair, Finding]]:
    """What was a parameter less its gradient times a number, of those values, where the parameter stays as it was."""
    for event in case.events:
        step = case.step_of(event.node)
        for before, change in (step.reads, step.reads[::-1]) if event.node in nodes and len(step.reads) == 2 else ():
            truth, moved = case.truth.cotangents.get(before), np.asarray(case.tape.nodes[change].value)
            is_step = truth is not None and truth.size > 2 and truth.shape == moved.shape and np.any(truth)
            stays = case.tape.current[case.tape.nodes[before].slot] == before
            if truth is not None and is_step and stays and is_along(moved, truth):
                held = case.tape.nodes[before].value
                names = [e.name for e in case.events if e.node == before and e.name != event.name]
                said = f"the new value of {names[0]} is lost" if names else "the new value is lost"
                finding = Finding(
                    "stale-or-updated-weights",
                    f"{said}: {event.name} is another array, which nobody else has. Write into the old one, with `-=`",
                    place=event.place,
                )
                yield Repair(event, held - moved, before, None, 1), finding
                return
