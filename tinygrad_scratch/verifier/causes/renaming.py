"""The wrong value under another name: another one that the program has is due there."""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_scratch.verifier.edits import WithArgument
from tinygrad_scratch.verifier.likeness import close
from tinygrad_scratch.verifier.region import Finding, Region
from tinygrad_scratch.verifier.source import in_same_function


def another_value(region: Region) -> Iterator[Finding]:
    """A line that gave a name to the wrong value, where the right one has a name by then: `return dW, dW, dx`."""
    step = region.case.step_of(region.node)
    if not region.is_rename:
        return
    named = [e for e in region.case.events if e.node < region.node and close(region.values[e.node], region.truth)]
    here = [event for event in named if in_same_function(event.place, region.event.place)]
    for event in (here or named)[:1]:
        edit = WithArgument(0, region.values, event.node)
        if region.gives_truth({step.index: edit}):
            said = f"{region.expression} should be {event.name}"
            yield Finding("wrong-operand", said, step, event.name, {step.index: edit})
