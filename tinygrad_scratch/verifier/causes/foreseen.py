"""What other calls would make of a value, foreseen from one reverse walk: so most changes need not be tried out.

A backward pass is nearly always linear in the results of its calls. Where it is, the change of a result times the
slope of the value along a direction, added up over all calls that are changed, is how the value would change along it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_scratch.verifier.recording.edits import Edit, name_of
from tinygrad_scratch.verifier.recording.likeness import tolerance_of
from tinygrad_scratch.verifier.recording.references import Ref
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.truths.truth import Played

if TYPE_CHECKING:
    from tinygrad_scratch.verifier.causes.region import Region

ADDITIVE = {
    "add", "subtract", "negative", "positive", "sum", "mean", "reshape", "ravel", "transpose", "T", "mT", "swapaxes",
    "squeeze", "expand_dims", "flatten", "copy", "array", "asarray", "concatenate", "stack", "vstack", "hstack",
    "renamed",
}  # fmt: skip
OF_PLACES = {"divide": (0,), "getitem": (0,), "setitem": (0, 2), "where": (1, 2), "at": (0, 2)}
OF_ONE = {"multiply", "dot", "matmul", "outer", "inner"}


@dataclass(frozen=True)
class Along:
    """A number that values make along directions, in a walk of the whole run: as it is, and as it should be."""

    run: Played
    total: Any
    now: float = 0.0
    wanted: float = 0.0
    size: float = 0.0  # of what both are sums of

    @property
    def missing(self) -> float:
        return self.wanted - self.now

    def and_of(self, node: int, value: Array, truth: Array, direction: Array) -> Along:
        """With one more value."""
        return Along(
            self.run,
            self.total + np.sum(self.run.values[node] * direction),
            self.now + float(np.vdot(direction, value)),
            self.wanted + float(np.vdot(direction, truth)),
            self.size + float(np.sum(np.abs(direction * value)) + np.sum(np.abs(direction * truth))),
        )


class Foreseen:
    """What changes of a region's calls can't give the truth."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.along = region.along
        self.linear: dict[tuple[int, ...], bool] = {}

    @cached_property
    def slopes(self) -> dict[int, Array]:
        """How the number depends on what each call of the region read and made."""
        if self.along is None:
            return {}
        nodes = {node for step in self.region.turns for node in (*step.reads, *step.makes) if node <= self.region.node}
        return self.along.run.gradient(self.along.total, sorted(nodes))

    def rules_out(self, edits: dict[int, Edit]) -> bool:
        """Whether other calls can't give the truth."""
        tape, values = self.region.case.tape, self.region.values
        steps = [tape.steps[index] for index in edits]
        if not self.slopes or not self._is_linear(steps):
            return False
        change = size = 0.0
        for step in steps:
            tape.played += 1
            try:
                with np.errstate(all="ignore"):
                    made = tape.made(step, values, edits[step.index])
            except Exception:  # no call that can be made
                return True
            if made is None:
                return False
            for node in step.makes:
                value, slope, held = made[tape.nodes[node].slot], self.slopes.get(node), np.asarray(values[node])
                if slope is None or np.shape(value) != held.shape:
                    return False
                moved = (np.asarray(value) - held) * slope
                change, size = change + float(moved.sum()), size + float(np.abs(moved).sum())
        return not self._may_be(change, size)

    def _may_be(self, change: float, size: float) -> bool:
        """Whether a value that changes so along the direction may be the truth."""
        region, along = self.region, self.along
        if along is None:
            return True
        now, wanted = along.now, along.wanted
        room = tolerance_of(region.value) * (size + along.size)
        factors = (1.0, *region.case.factors) if region.loose else (1.0,)
        # what isn't a number is for a trial to tell
        return not np.isfinite(change) or any(abs(now + change - f * wanted) <= room * max(1, abs(f)) for f in factors)

    def _is_linear(self, steps: list[Step]) -> bool:
        """Whether the value is linear in what some calls make together; none of them reads another's result."""
        key = tuple(step.index for step in steps)
        if key not in self.linear:
            self.linear[key] = self._found_linear(steps)
        return self.linear[key]

    def _found_linear(self, steps: list[Step]) -> bool:
        region = self.region
        indices = {step.index for step in steps}
        moving: set[int] = set()
        for step in region.case.tape.steps[min(indices) : region.until + 1]:
            reached = bool(moving) and not moving.isdisjoint(step.reads)
            if step.index in indices:
                if reached or len(step.makes) != 1:
                    return False
                moving.update(step.makes)
            elif reached:
                if not is_linear(step, {region.case.tape.nodes[node].slot for node in step.reads if node in moving}):
                    return False
                moving.update(node for node in step.makes if node not in region.case.overrides)
        return True


def is_linear(step: Step, moving: set[int]) -> bool:
    """Whether a call is linear in the arrays of some slots, taken together."""
    name = name_of(step.function)
    if name in ADDITIVE:
        return True
    if not isinstance(step.arguments, tuple):
        return False
    places = [place for place, part in enumerate(step.arguments) if type(part) is Ref and part.slot in moving]
    held = {part.slot for part in step.arguments if type(part) is Ref}
    if not moving <= held:  # within an index, or a keyword
        return False
    if name in OF_ONE:
        return len(places) == 1
    return all(place in OF_PLACES.get(name, ()) for place in places)
