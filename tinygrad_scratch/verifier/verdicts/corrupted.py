"""Parameters that a backward pass writes over on its way, outside of any update: their gradients may be right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import in_same_function, statement_at
from tinygrad_scratch.verifier.recording.edits import is_literal, name_of
from tinygrad_scratch.verifier.recording.steps import Step


def corrupted(case: Case) -> Iterator[str]:
    """What is said of plain numbers that were put into a parameter for a gradient to read, and are in it at the end.

    Where the parameter had been changed before, as by an update, nothing is said; nor of what no gradient reads, as
    where a row is kept at 0. Of that which is computed nothing is known: it may be an update of any kind.
    """
    behind = case.ancestors(final.node for final in case.finals)
    for final in case.finals:
        parameter, tape = final.parameter, case.tape
        slot = tape.nodes[parameter.node].slot
        later = [node for node in tape.versions_of(slot) if node > parameter.node]
        if not later or final.by == "update" or parameter.node not in case.forward:
            continue
        step, end = case.step_of(later[0]), tape.current[slot]
        before, now = tape.nodes[parameter.node].value, tape.nodes[end].value
        if (
            name_of(step.function) == "setitem"
            and step.place is not None
            and step.index > tape.nodes[case.truth.loss].step
            and is_of_numbers(case, step)
            and not behind.isdisjoint(step.makes)
            and np.shape(before) == np.shape(now)
            and np.any(before != now)
            and np.any(before != tape.nodes[later[0]].value)
        ):
            yield told(case, step, parameter.name)


def is_of_numbers(case: Case, step: Step) -> bool:
    """Whether what was put in is a plain number of the source."""
    given = step.arguments if isinstance(step.arguments, tuple) else ()
    return len(step.reads) == 1 and bool(given) and is_literal(given[-1])


def told(case: Case, step: Step, parameter: str) -> str:
    """What is said of it, with the line that gave the parameter the name by which it is written to, if one did."""
    assert step.place is not None
    text = statement_at(step.place.file, step.place.line)
    place = named_at(case, step, text.split("[", 1)[0].strip()) or step.place
    return (
        f"`{text}` writes into {parameter}, which keeps that: the next forward pass is made with it. If this is not "
        f"meant, take a copy, in line {place.line}."
    )


def named_at(case: Case, step: Step, name: str) -> Place | None:
    """The line that gave a value a name only, by which a call of the same function then writes to it."""
    slots = {case.tape.nodes[node].slot for node in step.makes}
    assert step.place is not None
    found = [
        rename
        for rename in case.tape.renames
        if rename.slot in slots and rename.name == name and rename.time <= step.index
    ]
    return next((r.place for r in reversed(found) if in_same_function(r.place, step.place)), None)
