"""A number too many in one statement: all that follows carries it, and without it, in all turns, all of it is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.cases.suspects import suspects
from tinygrad_scratch.verifier.cases.trials import is_carried_on, later_values
from tinygrad_scratch.verifier.cases.turns import sources_of
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.recording.edits import Edit, name_of, then, times, with_changed
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import tolerance_of
from tinygrad_scratch.verifier.truths.table import PART, Entry

NUMBERS = (2.0, -1.0, 0.5, -2.0, 3.0)
MOST_STATEMENTS = 40


def too_large(case: Case, values: dict[int, Any], wrong: list[Final]) -> Repair | None:
    """The first statement of which a multiple mends all wrong gradients: one that makes multiples, else any other."""
    events = [event for event in suspects(case, wrong, values) if np.size(values[event.node]) > 2]
    events = [e for e in events if not is_carried_on(case, e, case.match_up_to_factor(np.asarray(values[e.node])))]
    named = {event.node for event in events}
    statements = list(islice(by_statement(case, events), MOST_STATEMENTS))
    claims = [(made, multiple_of(case, values[made[0].node])) for made in statements]
    unclear = [(made, made_from(case, made[0], values, named)) for made, found in claims if found is None]
    clear = [(made, found[0]) for made, found in claims if found is not None and not is_right(case, found)]
    for made, of in (*clear, *unclear):
        changes = {} if of is None else {case.step_of(e.node).index: divided(case, e) for e in made}
        for number in numbers_to_try(case, wrong[0], values, changes, len(made) > 1):
            other = case.with_calls(divided_by(changes, number))
            if of is not None and not case.wrong(other) and not harmed(case, values, other, made):
                turns = {e.node: np.asarray(other[e.node]) for e in made[1:]}
                truth = np.asarray(other[made[0].node])
                return Repair(made[0], truth, of.of, of.through, len(wrong), factor=case.scale, how=PART, turns=turns)
    return None


Change = Callable[[float], Edit]


def numbers_to_try(
    case: Case, final: Final, values: dict[int, Any], changes: dict[int, Change | None], loops: bool
) -> list[float]:
    """The numbers by which a statement may be too large: a gradient is linear in most, and one probe tells by which."""
    if not changes or None in changes.values():
        return []
    value, probe = (np.asarray(run[final.node]) for run in (values, case.with_calls(divided_by(changes, 2.0))))
    wanted = case.wanted(value, final)
    slope = 2 * (value - probe) if probe.shape == value.shape == wanted.shape else np.zeros(1)
    if not np.any(slope):
        return []
    factor = 1 + float(np.vdot(slope, wanted - value) / np.vdot(slope, slope))
    known = dict.fromkeys((*NUMBERS, *sorted(case.carried - {1.0})))
    return [n for n in known if abs(factor * n - 1) < 1e-6] or ([2.0, -1.0, 0.5] if loops else [])


def divided_by(changes: dict[int, Change | None], number: float) -> dict[int, Edit]:
    return {index: change(number) for index, change in changes.items() if change is not None}


def by_statement(case: Case, events: list[Event]) -> Iterator[list[Event]]:
    """What each statement made in all turns, the earliest first; only the first name of each value counts."""
    found: dict[Any, dict[int, Event]] = {}
    seen: set[int] = set()
    for event in events:
        if event.node not in seen and event.node not in case.alike:
            found.setdefault(event.place, {}).setdefault(event.node, event)
        seen.add(event.node)
    yield from (list(made.values()) for made in found.values())


def multiple_of(case: Case, value: Any) -> tuple[Entry, float] | None:
    """The gradient that a value is a multiple of, or that its first row is, and the number with it."""
    value = np.asarray(value)
    numbers = (case.scale, *(number * case.scale for number in NUMBERS))
    parts = (value, value[0]) if value.ndim > 1 and len(value) else (value,)
    found = (case.table.match(part, tolerance_of(part), numbers) for part in parts if part.size > 2)
    return next((match for match in found if match is not None), None)


def is_right(case: Case, found: tuple[Entry, float]) -> bool:
    return found[1] == case.scale and found[0].how != PART


def made_from(case: Case, event: Event, values: dict[int, Any], named: set[int]) -> Entry | None:
    """A gradient that a value was made from, if there is one."""
    sources = sorted(sources_of(case, event.node, named))
    known = (case.match_up_to_factor(np.asarray(values[node])) for node in sources)
    return next((match[0] for match in known if match is not None and case.is_carried(match[1])), None)


def harmed(case: Case, values: dict[int, Any], other: Mapping[int, Any], made: list[Event]) -> bool:
    """Whether what was a gradient after a statement is none any more."""
    later = (node for node in later_values(case, made[0].node) if not np.array_equal(values[node], other[node]))
    return any(case.match(values[node]) is not None and case.match(other[node]) is None for node in later)


def divided(case: Case, event: Event) -> Change | None:
    """The call that made a value, with that divided by a number; nothing for what is added to in place."""
    step, slot = case.step_of(event.node), case.tape.nodes[event.node].slot
    if name_of(step.function) in ("setitem", "at"):
        return lambda number: with_changed(2, times(1 / number))
    several = isinstance(step.result, tuple)
    if step.function is None or several or any(case.tape.nodes[node].slot == slot for node in step.reads):
        return None
    return lambda number: then(times(1 / number))
