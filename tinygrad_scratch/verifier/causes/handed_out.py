"""Arrays for gradients that were handed out, and stay as they are: what held one got another in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.reading.source import statement_at
from tinygrad_scratch.verifier.recording.edits import is_filled
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import difference
from tinygrad_scratch.verifier.recording.steps import Array

NEAR = 1e-4


def put_beside(region: Region) -> Iterator[Finding]:
    """Where the place of such an array got the gradient itself: `self.grads[0] = dw` for `self.grads[0][...] = dw`."""
    case, own = region.case, region.event
    step = case.step_of(region.node)
    if step.function is not None and not is_filled(step):
        return
    for event in case.events:
        is_same_place = event.owner == own.owner and last_of(event) == last_of(own) and event.node != region.node
        if is_same_place and is_near(np.asarray(region.values[event.node]), region.truth):
            written = statement_at(event.place.file, event.place.line)
            target, equals, value = written.partition("=")
            into = f": write into that, by `{target.strip()}[...] = {value.strip()}`" if equals else ""
            said = f"{event.name} is another array from here on, and who was given the one before has that still{into}"
            yield Finding("inplace-corruption", said, place=event.place)
            return


def is_near(value: Array, truth: Array) -> bool:
    """Whether a value is the gradient but for what a small number does that keeps a logarithm off from 0."""
    return value.shape == truth.shape and difference(value, truth) < NEAR


def last_of(event: Event) -> str:
    """The key or the attribute by which its holder has a value."""
    return re.split(r"[.\[]", event.name)[-1]
