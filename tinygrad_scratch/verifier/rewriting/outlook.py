"""What a change of a value would do to the gradients, told without a run: whether it can mend them, and how likely."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.case import Case
from tinygrad_scratch.verifier.conventions import cases_without, only_in_updates, rates_in, scales
from tinygrad_scratch.verifier.foreseen import Along, is_linear
from tinygrad_scratch.verifier.likeness import close, tolerance_of
from tinygrad_scratch.verifier.sizes import conventional, ratios_of_sizes, sizes_of_the_loss
from tinygrad_scratch.verifier.table import Entry, direction_of
from tinygrad_scratch.verifier.truth import Played

MOST_FACTORS = 64
LIKELY, UNKNOWN, UNLIKELY, RULED_OUT = range(4)
"""It gives a true gradient, or the right ones; nothing is known; it gives none; it can't be.

Between the first two is what brings the gradients nearer to the right ones.
"""
NEARER = 0.5  # the part of the way to the right gradients that may be left, as far as slopes tell


@dataclass
class Foretold:
    """What is known of one change: the values that it would give in the calls that were looked at."""

    fails: bool = False
    is_complete: bool = True  # whether all calls were looked at
    differs: bool = False
    is_gradient: bool = False
    moved: float | None = 0.0  # how far it moves the gradients along a direction; None where that isn't known
    size: float = 0.0
    tolerance: float = 1e-6


@dataclass
class Outlook:
    """What the values of a statement are on the tape, and what the gradients make of changes of them."""

    case: Case
    values: dict[int, Any]
    slopes_known: dict[int, Any] = field(default_factory=dict)

    @cached_property
    def along(self) -> Along | None:
        """All gradients along one direction; nothing where autodiff can't follow the backward pass.

        Nor where an update was turned round: with another sign in it, it may be as it is.
        """
        run = self.case.walked()
        if any(f.by == "update" and self.case.step_of(f.node).function is np.negative for f in self.case.finals):
            return None
        finals = [final for final in self.case.finals if run is not None and final.node in run.values]
        if run is None or len(finals) < len(self.case.finals):
            return None
        return self.along_in(self.case, run)

    def along_in(self, case: Case, run: Played) -> Along | None:
        """The same by what is true in a case."""
        total = Along(run, 0.0)
        for final in case.finals:
            value = np.asarray(self.values[final.node])
            wanted = case.wanted(value, final)
            if wanted.shape != value.shape:
                return None
            total = total.and_of(final.node, value, wanted / case.scale, direction_of(value.shape))
        return total

    @cached_property
    def wanted(self) -> list[float]:
        """What the gradients should be along it, by the factors that all may carry; and without an epsilon in it."""
        if self.along is None:
            return []
        without = (self.along_in(case, self.along.run) for case in cases_without(self.case))
        also = [self.case.scale * other.wanted for other in without if other is not None]
        return [*(factor * self.along.wanted for factor in factors_of_all(self.case, self.values)), *also]

    @cached_property
    def slopes(self) -> dict[int, Any]:
        """How the gradients along it depend on each value of the backward pass."""
        if self.along is None:
            return {}
        nodes = [node for node in self.along.run.values if node not in self.case.forward]
        return self.along.run.gradient(self.along.total, sorted(nodes))

    @cached_property
    def behind(self) -> set[int]:
        """The values that the gradients were made of."""
        return self.case.ancestors(final.node for final in self.case.finals)

    @cached_property
    def updates(self) -> set[int]:
        """What was made of the gradients: a change of that is one of an update, of which slopes say nothing."""
        found = {final.node for final in self.case.finals if final.by == "update"}
        nodes = self.case.tape.nodes
        for node in list(found):  # of which a rate was taken off
            reads = self.case.step_of(node).reads
            found.update(read for read in reads if nodes[read].value.shape == nodes[node].value.shape)
        for step in self.case.tape.steps:
            if not found.isdisjoint(step.reads):
                found.update(step.makes)
        return found - self.behind

    @cached_property
    def named(self) -> set[int]:
        return {event.node for event in (*self.case.events, *self.case.returned)}

    def same_in(self, nodes: list[int], value: Any) -> int | None:
        """The first of some values on the tape that is the same as a value, one with a name sooner than others."""
        held = ((node, self.case.tape.nodes[node].value) for node in sorted(nodes, key=lambda n: n not in self.named))
        return next((node for node, each in held if each.shape == value.shape and close(value, each)), None)

    def gradient_of(self, value: Any) -> Entry | None:
        """The true gradient that a value is up to a factor, or the part of one: that may be that of one of its uses."""
        telling = value.dtype.kind == "f" and 2 < value.size <= self.largest and bool(np.all(np.isfinite(value)))
        found = self.case.match_up_to_factor(value) if telling else None
        return found[0] if found is not None else None

    @cached_property
    def largest(self) -> int:
        """How many numbers the largest value has that was recorded: a change may make far larger ones."""
        return max(int(node.value.size) for node in self.case.tape.nodes)

    def note(self, told: Foretold, node: int | None, value: Any, other: Any) -> None:
        """Note what a change makes of a value in one call."""
        told.differs, told.tolerance = True, max(told.tolerance, tolerance_of(value))
        if node is not None and node not in self.behind and node not in self.updates:
            return
        slope = self.slopes.get(node) if node is not None and node not in self.updates else None
        if told.moved is None or slope is None or other.shape != slope.shape or value.shape != slope.shape:
            told.moved = None
            return
        moved = (other - value) * slope
        told.moved += float(np.sum(moved))
        told.size += float(np.sum(np.abs(moved)))

    def mends(self, told: Foretold) -> bool | None:
        """Whether all gradients are right with a change, as far as the values that it gives at first tell."""
        if told.moved is None or self.along is None or not np.isfinite(told.moved):
            return None
        now, room = self.along.now + told.moved, told.tolerance * (told.size + self.along.size)
        return any(abs(now - wanted) <= room for wanted in self.wanted)

    def left_by(self, told: Foretold) -> float:
        """The part of the way to the right gradients that a change leaves; of what isn't linear it's a guess."""
        if told.moved is None or self.along is None or not np.isfinite(told.moved):
            return 1.0
        ways = ((wanted - self.along.now, told.moved) for wanted in self.wanted[:1])
        return min((abs(way - moved) / abs(way) for way, moved in ways if way), default=1.0)

    def rank(self, told: Foretold, is_complete: bool, is_linear: bool) -> float:
        """How likely a change is, by what was seen of it."""
        if told.fails or (is_complete and not told.differs):
            return RULED_OUT
        mends = self.mends(told) if told.differs and is_complete else None
        if mends or told.is_gradient:
            return LIKELY
        if self.along is None:
            return UNKNOWN
        if mends is False and is_linear:
            return RULED_OUT
        left = self.left_by(told) if is_complete else 1.0
        return LIKELY + left + 0.1 if left < NEARER else UNLIKELY

    def is_linear(self, nodes: list[int], accumulates: bool) -> bool:
        """Whether the gradients are linear in some values together, and none of these depends on another.

        What accumulates is added to the one before it, and so is a change of it.
        """
        tape, moving, ends = self.case.tape, set(nodes), {final.node for final in self.case.finals}
        first, last = min(tape.nodes[n].step for n in nodes), max(tape.nodes[n].step for n in ends)
        makers = {tape.nodes[node].step for node in nodes}
        for step in tape.steps[first : last + 1]:
            reached = moving.intersection(step.reads)
            if reached and step.index in makers and not (accumulates and reached.issubset(nodes)):
                return False
            if reached and not is_linear(step, {tape.nodes[node].slot for node in reached}):
                return False
            if reached:
                moving.update(step.makes)
        return True


def factors_of_all(case: Case, values: dict[int, Any]) -> list[float]:
    """The factors that all gradients may carry once one of them is changed, the plainest first."""
    known = [float(each) for factor in conventional(case) for each in (factor, 1 / factor)]
    more = [*sizes_of_the_loss(case), *(ratios_of_sizes(case) if only_in_updates(case) else ())]
    adds = all(final.by == "update" and final.direction < 0 for final in case.finals)
    ascent = [-factor for factor in known] if adds else []
    rates = [rate for _, rate in rates_in(case, case.finals[0])]
    return list(dict.fromkeys([case.scale, 1.0, *ascent, *scales(case, values), *rates, *known, *more]))[:MOST_FACTORS]


def arrays_in(value: Any) -> list[Any] | None:
    """The arrays that a value is, or that a row of values holds; None where there is anything else."""
    parts = value if isinstance(value, tuple | list) else [value]
    found = [np.asarray(part) for part in parts if isinstance(part, np.ndarray | float | int | np.generic)]
    return found if len(found) == len(parts) and all(part.dtype.kind in "fiub" for part in found) else None


def nodes_made_at(case: Case, file: str, lines: range) -> list[int]:
    """The values that a statement made, named or returned, in order."""
    tape = case.tape
    places = ((step.place, step.makes) for step in tape.steps)
    named: Iterable[tuple[Any, Iterable[int]]] = ((e.place, (e.node,)) for e in (*case.events, *case.returned))
    found: set[int] = set()
    for place, nodes in (*places, *named):
        if place is not None and place.line in lines and place.file == file:
            found.update(nodes)
    return sorted(found - case.forward)
