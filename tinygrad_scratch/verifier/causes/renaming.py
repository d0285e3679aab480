"""The wrong value under another name: another one that the program has is due there."""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_scratch.verifier.cases.wording import is_known_at
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.recording.edits import WithArgument
from tinygrad_scratch.verifier.recording.likeness import close


def another_value(region: Region) -> Iterator[Finding]:
    """A line that gave a name to the wrong value, where the right one has a name there: `return dW, dW, dx`."""
    step = region.case.step_of(region.node)
    if not region.is_rename:
        return
    for event in region.case.events:
        right = event.node < region.node and close(region.values[event.node], region.truth)
        if not right or not is_known_at(event, region.event.place):
            continue
        edit = WithArgument(0, region.values, event.node)
        if region.gives_truth({step.index: edit}):
            said = f"{region.expression} should be {event.name}"
            if event.name == region.event.name:
                said = f"{event.name} is written over: add to it, with `+=` instead of `=`"
                should = f"{event.name} + {region.expression}"
                yield Finding("overwritten-accumulation", said, step, should, {step.index: edit})
                return
            yield Finding("wrong-operand", said, step, event.name, {step.index: edit}, meant=event.name)
            return
