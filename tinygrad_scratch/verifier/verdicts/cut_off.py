"""Gradients that are written to arrays of whole numbers, and so are cut off: a loss is told of what they update."""

from __future__ import annotations

from tinygrad_scratch.verifier.losses.entry import Entry
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Step, ancestors


def whole_numbers_in_updates(entry: Entry) -> set[int]:
    """The arrays of whole numbers that numbers with a point are written to on the way to updates, and to no loss.

    Their slope is 0 wherever it is one, so that what a later turn makes of the weights tells nothing of them.
    """
    assert entry.loss is not None
    tape = entry.tape
    updated = {node for parameter in entry.parameters for node in entry.updated_values(parameter)}
    forward = ancestors(tape.parents(), [entry.loss], until=updated)
    written = (step for step in tape.steps if name_of(step.function) == "setitem")
    cut = [step for step in written if any(tape.nodes[node].value.dtype.kind == "f" for node in step.reads)]
    whole = {node for step in cut for node in step.makes if tape.nodes[node].value.dtype.kind in "iu"}
    return {tape.nodes[node].slot for node in whole} - {tape.nodes[node].slot for node in forward}


def whole_numbers_in_data(entry: Entry, step: Step) -> set[int]:
    """The array of whole numbers that a call writes numbers with a point to, where none was made of a parameter.

    So are images put together: no gradient goes there, and none is lost.
    """
    tape = entry.tape
    behind = ancestors(tape.parents(), step.makes)
    if any(parameter.asked and parameter.node in behind for parameter in entry.parameters):
        return set()
    return {tape.nodes[node].slot for node in step.makes if tape.nodes[node].value.dtype.kind in "iu"}
