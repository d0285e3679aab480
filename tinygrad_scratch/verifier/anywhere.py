"""The one change of any call of the backward pass with which all gradients are right.

A wrong value is found by the truth that mends what comes after it, and some mistakes leave no such value: a helper that
several layers call, a loop whose turns feed one another, a quantity that is the gradient of nothing. There the
searches for a cause go over all calls at once. One reverse walk says what a change of any call does to all gradients,
so that few changes need to be played.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.case import Case, Repair
from tinygrad_scratch.verifier.causes.lacking import operand_without_factor
from tinygrad_scratch.verifier.causes.layout import layout
from tinygrad_scratch.verifier.causes.operands import beside_it, comparisons, negated, operands, operations
from tinygrad_scratch.verifier.causes.paths import assigned_entries
from tinygrad_scratch.verifier.causes.single import dropped, literal, one_factor
from tinygrad_scratch.verifier.causes.sums import reductions
from tinygrad_scratch.verifier.edits import LINEAR, Edit, WithArgument, name_of
from tinygrad_scratch.verifier.likeness import difference
from tinygrad_scratch.verifier.pairing import Final
from tinygrad_scratch.verifier.region import Explanation, Finding, Region, fresh
from tinygrad_scratch.verifier.source import in_same_function
from tinygrad_scratch.verifier.suspects import nameless
from tinygrad_scratch.verifier.tape import Array, Step
from tinygrad_scratch.verifier.watch import Event

SEARCHES: tuple[Explanation, ...] = (
    dropped, operations, negated, beside_it, layout, reductions, comparisons, assigned_entries, literal, one_factor,
    operand_without_factor, operands,
)  # fmt: skip

MOST_PLAYED = 60_000  # calls that are played again for one search over everything


def one_change(case: Case) -> Iterator[tuple[Repair, Region, Finding]]:
    """The changes that alone make all gradients right, with the value at which each is told."""
    values = case.replay()
    wrong = case.wrong(values)
    if not wrong or (event := nameless(case, wrong[0])) is None:
        return
    everywhere = Everywhere(case, wrong, event)
    for search in SEARCHES:
        with np.errstate(all="ignore"):
            for finding in search(everywhere):
                if finding.step is None or not finding.changes:
                    continue
                repair = everywhere.repair_by(finding)
                region = Region(case, repair)
                yield repair, region, told(region, search, finding)


def told(region: Region, search: Explanation, finding: Finding) -> Finding:
    """The same finding in the words of the step that it belongs to."""
    own = (found for found in search(region) if found.changes.keys() == finding.changes.keys())
    found = next(own, finding)
    found.place = found.place or (finding.step.place if finding.step else None)
    return found


class Everywhere(Region):
    """All calls that wrong gradients were made by; what gives the truth is what makes all gradients right."""

    def __init__(self, case: Case, wrong: list[Final], event: Event) -> None:
        self.case = case
        self.event = event
        self.node = len(case.tape.nodes)
        self.of = wrong[0].parameter.node
        self.values = case.replay()
        self.value = self.truth = np.zeros(0)
        self.until = max(case.tape.nodes[final.node].step for final in case.finals)
        made = case.ancestors(final.node for final in wrong) - case.forward
        steps = {case.tape.nodes[node].step for node in made}
        self.steps = [case.tape.steps[i] for i in sorted(steps) if case.tape.steps[i].function is not None]
        self.turns = self.steps
        self.left = MOST_PLAYED

    def site(self, step: Step) -> list[Step]:
        return self._sites[step.place, name_of(step.function)]

    @cached_property
    def _sites(self) -> dict[Any, list[Step]]:
        found: dict[Any, list[Step]] = {}
        for step in self.steps:
            found.setdefault((step.place, name_of(step.function)), []).append(step)
        return found

    # ---- what a change seems to do -----------------------------------------------------------------------------------

    @cached_property
    def influence(self) -> tuple[float, dict[int, Array]]:
        """How far a number that all gradients make is from what the truth makes, and how it depends on each value."""
        run = self.case.walked()
        rng = np.random.default_rng(1)
        total, missing = 0.0, 0.0
        for final in self.case.finals:
            now = np.asarray(self.values[final.node])
            wanted = self.case.wanted(now, final)
            if run is None or final.node not in run.values or now.shape != wanted.shape:
                return np.nan, {}
            direction = rng.standard_normal(now.shape)
            total = total + np.sum(run.values[final.node] * direction)
            missing += float(np.vdot(direction, wanted - now))
        return missing, run.gradient(total, [node for step in self.steps for node in step.makes]) if run else {}

    @cached_property
    def bent(self) -> set[int]:
        """The values that a call is not linear in: there a reverse walk tells no more than a slope."""
        found: set[int] = set()
        for step in reversed(self.steps):
            straight = name_of(step.function) in LINEAR and found.isdisjoint(step.makes)
            once = len(set(step.reads)) == len(step.reads)
            if not (straight and once):
                found.update(step.reads)
        return found

    def seems_to_mend(self, edits: dict[int, Edit]) -> bool:
        """Whether the change is worth playing: by the reverse walk, where that tells."""
        missing, influence = self.influence
        change, size, sure, touched = 0.0, 0.0, len(edits) == 1 or not self.feeds_itself(frozenset(edits)), False
        self.left -= 10 * len(edits)
        for index, edit in edits.items():
            made = self.case.tape.follow(self.values, {index: edit}, until=index)
            for node, new in (made or {}).items():
                old, new = np.asarray(self.values[node]), np.asarray(new)
                touched = touched or new.shape != old.shape or not np.array_equal(new, old)
                if new.shape != old.shape or node not in influence or node in self.bent:
                    sure = False
                    continue
                change += float(np.vdot(influence[node], new - old))
                size += float(np.vdot(np.abs(influence[node]), np.abs(old)))
            sure = sure and made is not None
        if not touched:
            return False
        return not sure or not np.isfinite(missing) or abs(change - missing) <= 1e-6 * (abs(missing) + size)

    def feeds_itself(self, steps: frozenset[int]) -> bool:
        """Whether one turn of a call reads what came of another."""
        if steps not in self._feeding:
            made = {node for index in steps for node in self.case.tape.steps[index].makes}
            last = self.case.tape.steps[max(steps)]
            self._feeding[steps] = not made.isdisjoint(self.case.ancestors(last.reads))
        return self._feeding[steps]

    @cached_property
    def _feeding(self) -> dict[frozenset[int], bool]:
        return {}

    # ---- what it does ------------------------------------------------------------------------------------------------

    def gives_truth(self, edits: dict[int, Edit]) -> bool:
        try:
            return (
                self.left > 0
                and self.seems_to_mend(edits)
                and not self.case.wrong(self.played(edits))
                and self.holds_elsewhere(edits)
            )
        except Exception:  # a call that makes no sense
            return False

    def played(self, edits: dict[int, Edit]) -> Mapping[int, Any]:
        found = self.case.tape.follow(self.values, edits, until=self.until, held=self.case.overrides)
        self.left -= len(self.case.tape.steps) if found is None else len(found)
        if found is None:
            return self.case.replay(edits=edits, until=self.until)
        return ChainMap(found, self.values)

    def tried(self, edits: dict[int, Edit]) -> Array | None:
        return None

    def holds_elsewhere(self, edits: dict[int, Edit], times: float = 1.0) -> bool:
        if self.case.overrides or self.case.late:
            return True
        start, truth = self.case.elsewhere
        try:
            values = self.case.replay(until=self.until, start=fresh(start))
            there = {i: edit.at(values) if isinstance(edit, WithArgument) else edit for i, edit in edits.items()}
            values = self.case.replay(edits=there, until=self.until, start=fresh(start))
        except Exception:
            return True
        for final in self.case.finals:
            wanted = truth.cotangents.get(final.parameter.node)
            value = np.asarray(values[final.node])
            if wanted is None or wanted.shape != value.shape or not np.any(wanted) or not np.all(np.isfinite(wanted)):
                continue
            if difference(value, times * self.case.scale * wanted) > 1e-4:
                return False
        return True

    # ---- where it is told --------------------------------------------------------------------------------------------

    def repair_by(self, finding: Finding) -> Repair:
        """The first value with a name that a change mends, and what it is then."""
        first = self.case.tape.steps[min(finding.changes)]
        event = self.first_named(first)
        value = np.asarray(self.case.replay(edits=finding.changes)[event.node])
        match = self.case.match_up_to_factor(value) if value.size > 1 else None
        of = match[0].of if match is not None else self.of
        return Repair(event, value, of, None, len(self.case.finals), factor=self.case.scale)

    def first_named(self, step: Step) -> Event:
        after = [e for e in self.case.events if e.node >= step.makes[0] and e.node not in self.case.forward]
        made = set(step.makes)
        reached = [e for e in after if not made.isdisjoint(self.case.ancestors([e.node]))]
        place = step.place
        if place is None:
            return reached[0] if reached else self.event
        own = [e for e in reached if in_same_function(e.place, place)]
        return (own or reached or [self.event])[0]
