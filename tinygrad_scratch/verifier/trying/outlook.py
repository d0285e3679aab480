"""What a change of a value would do to the gradients, told without a run: whether it can mend them, and how likely."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.sizes import conventional, ratios_of_sizes, sizes_of_the_loss
from tinygrad_scratch.verifier.causes.foreseen import Along, is_linear
from tinygrad_scratch.verifier.meant.conventions import cases_without, only_in_updates, rates_in, scales
from tinygrad_scratch.verifier.recording.likeness import close, tolerance_of
from tinygrad_scratch.verifier.recording.steps import Array, renamed
from tinygrad_scratch.verifier.truths.table import Entry, direction_of
from tinygrad_scratch.verifier.truths.truth import Played

MOST_FACTORS = 64
MOST_PARTS = 200  # of a value that holds arrays
MOST_KEPT, MOST_OF_ALL = 20_000, 2_000_000  # entries of what one change gives, and all
MOST_UPDATES = 16  # of which is told what the run ends with
LIKELY, UNKNOWN, UNLIKELY, RULED_OUT = range(4)
"""It gives a true gradient, or the right ones; nothing is known; it gives none; it can't be.

Between the first two is what brings the gradients nearer to the right ones.
"""
NEARER = 0.5  # the part of the way to the right gradients that may be left, as far as slopes tell


@dataclass
class Foretold:
    """What is known of one change: the values that it would give in the calls that were looked at."""

    puts_in: bool = False  # what is not there: then it is less likely
    fails: bool = False
    is_complete: bool = True  # whether all calls were looked at
    differs: bool = False
    is_gradient: bool = False
    moved: float | None = 0.0  # how far it moves the gradients along a direction; None where that isn't known
    size: float = 0.0
    tolerance: float = 1e-6
    given: dict[int, Any] | None = field(default_factory=dict)  # by the value on the tape; None where they aren't known
    updated: list[tuple[Array, Array]] | None = field(default_factory=list)
    """What the run ends with, where a change makes no more than that another value: as it is, and with the change."""

    def is_anything(self) -> None:
        """Note that it isn't known what it gives."""
        self.differs, self.moved, self.given, self.updated = True, None, None, None


@dataclass
class Outlook:
    """What the values of a statement are on the tape, and what the gradients make of changes of them."""

    case: Case
    values: dict[int, Any]
    entries_left: int = MOST_OF_ALL  # that may still be kept of what changes give

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
    def wanted(self) -> Array:
        """What the gradients should be along it, by the factors that all may carry; and without an epsilon in it."""
        if self.along is None:
            return np.zeros(0)
        without = (self.along_in(case, self.along.run) for case in cases_without(self.case))
        also = [self.case.scale * other.wanted for other in without if other is not None]
        return np.array([*(factor * self.along.wanted for factor in factors_of_all(self.case, self.values)), *also])

    @cached_property
    def slopes(self) -> dict[int, Any]:
        """How the gradients along it depend on each value of the backward pass."""
        if self.along is None:
            return {}
        nodes = [node for node in self.along.run.values if node not in self.case.forward]
        found = self.along.run.gradient(self.along.total, sorted(nodes))
        for later, final in self.handed_on.items():
            if later in found:
                found[later] = found[later] + direction_of(np.shape(self.values[final]))
        return found

    @cached_property
    def handed_on(self) -> dict[int, int]:
        """The last name of each gradient that nothing reads but as another name: what is changed there is it, too."""
        readers, steps, found = self.case.readers, self.case.tape.steps, {}
        for final in self.case.finals:
            node = final.node
            while len(reading := readers.get(node, [])) == 1 and steps[reading[0]].function is renamed:
                (node,) = steps[reading[0]].makes
            if node != final.node:
                found[node] = final.node
        return found

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
    def last(self) -> set[int]:
        """Those of the updates of which the program made nothing any more."""
        tape = self.case.tape
        theirs = (step for step in tape.steps if step.index not in tape.worked_out)
        used = {node for step in theirs for node in step.reads} | {leak.node for leak in tape.leaks}
        return {node for node in self.updates - used if tape.current[tape.nodes[node].slot] == node}

    @cached_property
    def named(self) -> set[int]:
        return {event.node for event in (*self.case.events, *self.case.returned)}

    def each_in(self, nodes: list[int], values: Iterable[Any]) -> list[int | None]:
        """For each value the first of some on the tape that is the same, one with a name sooner than others."""
        left, found = sorted(nodes, key=lambda n: n not in self.named), list[int | None]()
        for value in values:
            held = ((node, self.case.tape.nodes[node].value) for node in left)
            found.append(next((n for n, each in held if each.shape == value.shape and close(value, each)), None))
            left = [node for node in left if node != found[-1]]  # another value may be equal, and is another one
        return found

    def gradient_of(self, value: Any) -> Entry | None:
        """The true gradient that a value is up to a factor, or the part of one: that may be that of one of its uses."""
        telling = value.dtype.kind == "f" and 2 < value.size <= self.largest and bool(np.isfinite(value).all())
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
        known = node if node not in self.updates else None
        self.keep(told, known, other)
        self.keep_update(told, node, value, other)
        slope = self.slopes.get(known) if known is not None else None
        if told.moved is None or slope is None or other.shape != slope.shape or value.shape != slope.shape:
            told.moved = None
            return
        moved = (other - value) * slope
        told.moved += float(moved.sum())
        told.size += float(np.abs(moved).sum())

    def keep(self, told: Foretold, node: int | None, other: Any) -> None:
        """Keep what a change gives, if it is on the tape and not too much; of what puts something in less."""
        if told.given is None:
            return
        room = self.entries_left - (MOST_OF_ALL // 2 if told.puts_in else 0)
        if node is not None and other.size <= min(MOST_KEPT, room):
            told.given[node] = other
            self.entries_left -= other.size
        else:
            self.entries_left += sum(value.size for value in told.given.values())
            told.given = None

    def keep_update(self, told: Foretold, node: int | None, value: Any, other: Any) -> None:
        """Keep what an update gives, as it is and with a change, if nothing else is changed."""
        fits = value.dtype == other.dtype and other.size <= MOST_KEPT and self.entries_left > 0
        if told.updated is not None and node in self.last and fits and len(told.updated) < MOST_UPDATES:
            told.updated.append((value, other))
        else:
            told.updated = None

    def mends(self, told: Foretold) -> bool | None:
        """Whether all gradients are right with a change, as far as the values that it gives at first tell."""
        if told.moved is None or self.along is None or not np.isfinite(told.moved):
            return None
        return self.is_wanted(self.along.now + told.moved, told.tolerance * (told.size + self.along.size))

    def mends_once_made(self, told: Foretold) -> bool | None:
        """Whether they are once what follows from these values is made of them; None where that can't be told."""
        if self.along is None or not told.given:
            return None
        try:
            with np.errstate(all="ignore"):
                found = self.case.tape.follow(self.values, overrides=told.given, until=self.last_step)
        except Exception:  # what makes no sense there
            return False
        if found is None:
            return None
        now = size = 0.0
        for final in self.case.finals:
            value, before = np.asarray(found.get(final.node, self.values[final.node])), self.values[final.node]
            if value.shape != np.shape(before):
                return False if value.size != np.size(before) else None
            along = direction_of(value.shape) * value
            now, size = now + float(np.sum(along)), size + float(np.sum(np.abs(along)))
        return not np.isfinite(now) or self.is_wanted(now, told.tolerance * (size + self.along.size))

    @cached_property
    def last_step(self) -> int:
        """That with which the last of the gradients is made."""
        return max(self.case.tape.nodes[final.node].step for final in self.case.finals)

    def is_wanted(self, now: float, room: float) -> bool:
        """Whether the gradients along the direction are right by one of the factors that all may carry."""
        return bool(np.any(np.abs(self.wanted - now) <= room))

    def left_by(self, told: Foretold) -> float:
        """The part of the way to the right gradients that a change leaves; of what isn't linear it's a guess."""
        if told.moved is None or self.along is None or not np.isfinite(told.moved):
            return 1.0
        ways = ((wanted - self.along.now, told.moved) for wanted in self.wanted[:1])
        return min((abs(way - moved) / abs(way) for way, moved in ways if way), default=1.0)

    def rank(self, told: Foretold, is_complete: bool, is_linear: bool, is_apart: bool) -> float:
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
        if is_complete and is_apart and (once_made := self.mends_once_made(told)) is not None:
            return LIKELY if once_made else RULED_OUT
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

    def are_apart(self, nodes: list[int]) -> bool:
        """Whether no value was made of another one of them."""
        moving, own = set(nodes), set(nodes)
        for step in self.case.tape.steps[min(self.case.tape.nodes[n].step for n in nodes) :]:
            if not moving.isdisjoint(step.reads):
                if not own.isdisjoint(step.makes):
                    return False
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


def arrays_in(value: Any) -> dict[tuple[Any, ...], Any] | None:
    """The arrays that a value is, or that rows and dicts of it hold, each by its keys; None where there is any else.

    Nor are there any where it holds very many, as all samples of a set of data.

    >>> list(arrays_in({"w": np.ones(2), "b": [0.5, 1.0]})), arrays_in(("a text", 1.0))
    ([('w',), ('b', 0), ('b', 1)], None)
    """
    if isinstance(value, np.ndarray | float | int | np.generic):
        part = np.asarray(value)
        return {(): part} if part.dtype.kind in "fiub" else None
    if not isinstance(value, tuple | list | dict) or len(value) > MOST_PARTS:
        return None
    found: dict[tuple[Any, ...], Any] = {}
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        inner = arrays_in(part)
        if inner is None:
            return None
        found |= {(key, *keys): each for keys, each in inner.items()}
    return found


def nodes_made_at(case: Case, file: str, lines: range) -> list[int]:
    """The values that a statement made, named or returned, in order; and gradients that it may only pass on.

    These are gradients that nothing was made of: another value in their place is one from any line on.
    """
    tape = case.tape
    places = ((step.place, step.makes) for step in tape.steps)
    named: Iterable[tuple[Any, Iterable[int]]] = ((e.place, (e.node,)) for e in (*case.events, *case.returned))
    found: set[int] = set()
    for place, nodes in (*places, *named):
        if place is not None and place.line in lines and place.file == file:
            found.update(nodes)
    read = {node for step in tape.steps for node in step.reads}
    found.update(final.node for final in case.finals if final.node not in read)
    return sorted(found - case.forward)
