"""The change of any call of the backward pass with which alone all gradients are right.

A wrong value is found by the truth that mends what comes after it, and some mistakes leave no such value: a helper that
several layers call, a loop whose turns feed one another, a quantity that is the gradient of nothing. There the
searches for a cause go over all calls at once. One reverse walk says what a change of any call does to all gradients,
so that few changes need to be played.
"""

from __future__ import annotations

from collections import ChainMap, Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.cases.suspects import is_kept, nameless
from tinygrad_scratch.verifier.causes.chains import slope_of_another
from tinygrad_scratch.verifier.causes.foreseen import Along
from tinygrad_scratch.verifier.causes.lacking import operand_without_factor, operand_without_term
from tinygrad_scratch.verifier.causes.layout import columns, layout
from tinygrad_scratch.verifier.causes.neighbours import beside_it
from tinygrad_scratch.verifier.causes.numbers import lacks_number
from tinygrad_scratch.verifier.causes.operands import operands
from tinygrad_scratch.verifier.causes.operations import argument_negated, negated, operations
from tinygrad_scratch.verifier.causes.paths import assigned_entries
from tinygrad_scratch.verifier.causes.region import Explanation, Finding, Region
from tinygrad_scratch.verifier.causes.single import dropped, exponent, literal
from tinygrad_scratch.verifier.causes.state import updated_too_early
from tinygrad_scratch.verifier.causes.sums import reductions
from tinygrad_scratch.verifier.explaining.explanations import MADE_UP
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import in_same_function
from tinygrad_scratch.verifier.recording.edits import Edit
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close, difference, signature
from tinygrad_scratch.verifier.recording.steps import Array, Step, renamed

WRITTEN: tuple[Explanation, ...] = (
    updated_too_early, operations, argument_negated, beside_it, layout, columns, reductions, assigned_entries, dropped,
    operands,
)  # fmt: skip
NUMBERS: tuple[Explanation, ...] = slope_of_another, negated, exponent, literal, lacks_number
VALUES: tuple[Explanation, ...] = operand_without_factor, operand_without_term
"""Changes of what is written, and what may be put in; values only where nothing else helps."""

MOST_PLAYED = 60_000  # calls that are played again for one search over everything


MOST_COMPARED = 24


@dataclass(frozen=True)
class Change:
    """A change that alone makes all gradients right, told at the first value with a name that it mends."""

    repair: Repair
    region: Region
    finding: Finding
    meant: int  # how many values with a name are gradients with it
    weight: int


def likeliest_change(case: Case, only_written: bool = False) -> Change | None:
    """Of the changes that alone make all gradients right, the likeliest; nothing is put in where `only_written`.

    It is the one with which most of what has a name is a gradient; of several the one that alters least of the text,
    and then the one in the first step.
    """
    wrong = case.wrong(case.replay())
    if not wrong or (event := nameless(case, wrong[0])) is None:
        return None
    everywhere = Everywhere(case, wrong, event)
    found: list[tuple[tuple[int, int, int], Explanation, Finding]] = []
    for searches in (WRITTEN,) if only_written else (WRITTEN, NUMBERS, VALUES):
        if not (found and searches is VALUES):
            found += compared(everywhere, searches)
    if not found:
        return None
    key, search, finding = min(found, key=lambda each: each[0])
    repair = everywhere.repair_by(finding)
    region = Region(case, repair)
    if finding.step is not None and is_of_one_call(everywhere, finding.step, finding.changes):
        finding.place = finding.step.caller
    with np.errstate(all="ignore"):
        return Change(repair, region, told(region, search, finding), -key[0], key[1])


def compared(
    everywhere: Everywhere, searches: tuple[Explanation, ...]
) -> Iterator[tuple[tuple[int, int, int], Explanation, Finding]]:
    """What some searches find, with how likely it is: less is likelier."""
    case = everywhere.case
    with np.errstate(all="ignore"):
        for search in searches:
            for finding in islice(search(everywhere), MOST_COMPARED):
                if finding.step is None or not finding.changes:
                    continue
                try:
                    played = case.with_calls(finding.changes)
                except Exception:  # what comes after the gradients can't be made of it
                    continue
                finding.made_up |= search in MADE_UP
                if search is operand_without_term:  # there is no telling whether it was ever meant
                    finding.certainty = "fits"
                yield (-meant(case, played), weight(finding), min(finding.changes)), search, finding


TAKEN_AWAY, REPLACED, PUT_IN, NAMED_ONLY, NOTHING = range(5)


def weight(finding: Finding) -> int:
    """How much a finding asks to believe: that something was put in, or changed, or left out, or nothing is known."""
    if finding.certainty == "unexplained":
        return NOTHING
    if not finding.made_up:
        return TAKEN_AWAY if finding.takes_away else REPLACED
    if finding.kind == "sign":
        return REPLACED
    return PUT_IN if finding.changes or finding.should_be or finding.place else NAMED_ONLY


def meant(case: Case, values: Mapping[int, Any]) -> int:
    """How many of the values with a name are the gradients of values with names, as `both_ways` has it strictly."""
    return both_ways(case, values)[1]


def both_ways(case: Case, values: Mapping[int, Any]) -> tuple[int, int]:
    """How many gradients of what has a name are among the values with a name.

    First up to factors that a later step makes up for, then strictly, twice as many: with one factor for those of
    parameters, and one for those on the way, such as that of a mean which is taken later; one less where its sign is
    the other one, as that of a descent.
    """
    again = {read for step in case.tape.steps if step.function is renamed for read in step.reads}
    nodes = {event.node for event in case.events if event.node not in case.forward} - again
    true = case.truth.cotangents
    of_parameters = {signature(np.abs(true[final.parameter.node])) for final in case.finals}
    known = defaultdict[Any, set[float]](set)
    for node in nodes:
        found = meant_by(case, np.asarray(values[node]))
        if found is not None:
            known[signature(np.abs(true[found[0]]))].add(round(found[1], 9))
    counts = [
        Counter(factor for key in keys for factor in known[key])
        for keys in (known.keys() & of_parameters, known.keys() - of_parameters)
    ]
    most = [max(count.values(), default=0) for count in counts]
    ends, way = ([f for f, n in count.items() if n == m] for count, m in zip(counts, most, strict=True))
    turned = bool(ends and way) and not any(one * other > 0 for one in ends for other in way)
    return len(known), 2 * sum(most) - turned


def meant_by(case: Case, value: Array) -> tuple[int, float] | None:
    """What a value is the gradient of, if that has a name, and up to which factor."""
    found = case.match_up_to_factor(value) if value.size > 1 else None
    if found is None or found[0].how != "":
        return None
    known, (entry, factor) = case.truth.cotangents, found
    named = entry.of in case.named or any(close(value, factor * known[n]) for n in case.named & known.keys())
    return (entry.of, factor) if named else None


def told(region: Region, search: Explanation, finding: Finding) -> Finding:
    """The same finding in the words of the step that it belongs to."""
    own = (found for found in search(region) if found.changes.keys() == finding.changes.keys() and mends(region, found))
    with np.errstate(all="ignore"):
        found = next(own, finding)
    found.place = finding.place or found.place or (finding.step.place if finding.step else None)
    found.made_up = finding.made_up
    found.certainty = finding.certainty if finding.certainty == "fits" else found.certainty
    return found


def mends(region: Region, finding: Finding) -> bool:
    """Whether a change makes all gradients right: what mends one turn of a call may not mend the others."""
    case = region.case
    try:
        return not case.wrong(case.with_calls(finding.changes))
    except Exception:  # what comes after can't be made of it
        return False


def is_of_one_call(everywhere: Everywhere, step: Step, changes: Collection[int]) -> bool:
    """Whether calls of the same line, which a function makes that was called elsewhere, are left as they are."""
    made = max((event.time for event in everywhere.case.events), default=0)  # later ones only judge updates
    rest = (each for each in everywhere.site(step) if each.index < made and each.index not in changes)
    return any(each.caller != step.caller for each in rest)


def by_caller(turns: list[Step]) -> Iterator[tuple[Step, list[Step]]]:
    """The turns of a call by where the function was called that it stands in; nothing where that is one place."""
    found: dict[Place | None, list[Step]] = {}
    for step in turns:
        found.setdefault(step.caller, []).append(step)
    if len(found) > 1:
        yield from ((own[-1], own) for own in found.values())


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
        kept = {event.node for event in case.events if is_kept(case, event)}
        made = case.ancestors(final.node for final in wrong) - case.forward - kept
        steps = {case.tape.nodes[node].step for node in made}
        self.steps = [case.tape.steps[i] for i in sorted(steps) if case.tape.steps[i].function not in (None, renamed)]
        self.turns = self.steps
        self.left = MOST_PLAYED

    def sites(self) -> Iterator[tuple[Step, list[Step]]]:
        """Each call with all of its turns; that of a function which is called in several places also for each alone."""
        for step, turns in super().sites():
            yield step, turns
            yield from by_caller(turns)

    @cached_property
    def along(self) -> Along | None:
        """What all gradients make along directions."""
        run, rng = self.case.walked(), np.random.default_rng(1)
        if run is None:
            return None
        found = Along(run, 0.0)
        for final in self.case.finals:
            value = np.asarray(self.values[final.node])
            truth = self.case.wanted(value, final)
            if final.node not in run.values or value.shape != truth.shape or value.dtype.kind != "f":
                return None
            found = found.and_of(final.node, value, truth, np.asarray(rng.standard_normal(value.shape)))
        return found

    def gives_truth(self, edits: dict[int, Edit]) -> bool:
        self.left -= 3 * len(edits)
        try:
            return (
                self.left > 0
                and not self.foreseen.rules_out(edits)
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
        """Nothing: there is no one value to become something."""
        return None

    def holds_elsewhere(self, edits: dict[int, Edit], times: float = 1.0) -> bool:
        return bool(self.case.overrides) or all(self.right_elsewhere(edits, times))

    def right_elsewhere(self, edits: dict[int, Edit], times: float = 1.0) -> Iterator[bool]:
        """Which gradients are right at other values, of those that can be told."""
        start, truth = self.case.elsewhere
        try:
            values = self.played_from(start, edits)
        except Exception:
            return
        for final in self.case.finals:
            wanted = truth.cotangents.get(final.parameter.node)
            value = np.asarray(values[final.node])
            if wanted is None or wanted.shape != value.shape or not np.any(wanted) or not np.all(np.isfinite(wanted)):
                continue
            yield difference(value, times * self.case.scale * wanted) <= 1e-4

    is_rename = False  # it is no one value

    # ---- where it is told --------------------------------------------------------------------------------------------

    def repair_by(self, finding: Finding) -> Repair:
        """The first value with a name that a change mends, and what it is then."""
        first = self.case.tape.steps[min(finding.changes)]
        event = self.first_named(first)
        value = np.asarray(self.case.with_calls(finding.changes)[event.node])
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
