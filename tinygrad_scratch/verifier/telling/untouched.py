"""Parameters that no turn of a loop moves, though their gradients are made in each, and others are moved by theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.names import alike, bare, is_name_of_data
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.recording.events import Event, by_node, claims_gradient
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.trying.left_out import MEANT

TURNS = 3  # in a row that leave a parameter as it was
USUAL = re.compile(r"[wb][a-z]{0,3}|gamma|beta")  # what people call parameters, without numbers


@dataclass(frozen=True)
class Untouched:
    """A parameter that stays as it is, its gradient in the turn that is judged, and all its names."""

    name: str
    node: int
    gradient: Event
    names: frozenset[str]


def untouched(check: Any, later: Any) -> list[Untouched]:
    """The parameters that keep their values until a later turn, and have gradients that are right in the one judged.

    None where nothing else is moved, or a text speaks of what is left as it is; none that another loop moves.
    """
    if len(later.begun) < TURNS or not later.finals or any(MEANT.search(text_of(file)) for file in files_of(later)):
        return []
    elsewhere = {name for loop in check.elsewhere for name in loop.names}
    return [each for each in kept_since(later.begun[1 - TURNS], check, later) if elsewhere.isdisjoint(each.names)]


def kept_since(step: int, check: Any, later: Any) -> Iterator[Untouched]:
    """The same, of what was there before a step of the later turn's run."""
    slopes, nodes, named = later.truth.cotangents, later.tape.nodes, by_node(later.case.events)
    moved = {p.node for p in later.entry.updated} | {p.node for p, _ in later.entry.changed}
    read = read_for_loss(later)
    stems = {stem_of(event.short) for node in moved & slopes.keys() for event in named.get(node, ())}
    for node, events in named.items() if stems else ():
        is_kept = node in read and node not in moved and nodes[node].step < step and nodes[node].value.ndim > 0
        known = [event.name for event in events if may_be_parameter(event, stems)]
        if is_kept and known:
            names = frozenset(event.name for event in events)
            made = [(alike(e.name, name), e, name) for e in gradients_of(check, later, node, names) for name in known]
            if made:
                _, gradient, name = max(made, key=lambda each: each[0])
                yield Untouched(name.removeprefix("self."), node, gradient, names)


def read_for_loss(check: Any) -> set[int]:
    """What the turn read that is judged, on the way to the loss."""
    slopes, steps = check.truth.cotangents, check.tape.steps[check.begun[-1] :]
    on_way = (step for step in steps if any(np.any(slopes.get(made, 0)) for made in step.makes))
    return {node for step in on_way for node in step.reads if np.any(slopes.get(node, 0))}


def gradients_of(check: Any, later: Any, node: int, names: frozenset[str]) -> list[Event]:
    """What is called a gradient in a later turn, and is right in the turn judged as that of a value of these names."""
    before = same_before(check, later.tape.nodes[node].value, names)
    if before is None or not np.any(truth := check.case.scale * check.truth.cotangents[before]):
        return []
    made = [event for event in in_turn(check) if claims_gradient(event.name)]
    right = {(e.name, e.place) for e in made if close(check.tape.nodes[e.node].value, truth)}
    known = [event for event in in_turn(later) if (event.name, event.place) in right]
    slope = later.case.scale * later.truth.cotangents[node]  # of layers of one class each has a gradient of that name
    return [event for event in known if close(later.tape.nodes[event.node].value, slope)] or known


def same_before(check: Any, value: Array, names: frozenset[str]) -> int | None:
    """What had such names in the turn judged, the same values, and a slope."""
    found = dict[int, int]()
    for node, events in by_node(check.case.events).items():
        shared = len(names & {event.name for event in events})
        if shared and node in check.truth.cotangents and np.array_equal(check.tape.nodes[node].value, value):
            found[node] = shared
    return max(found, key=lambda node: found[node], default=None)


def in_turn(check: Any) -> list[Event]:
    """The names that the turn gave which is judged."""
    return [event for event in check.case.events if event.time > check.begun[-1]]


def files_of(check: Any) -> set[str]:
    """The files that a check has seen lines of."""
    return {event.place.file for event in check.case.events} | {check.loop[0]}


def stem_of(name: str) -> str:
    """A name of a parameter without its number."""
    return bare(name).rstrip("0123456789")


def may_be_parameter(event: Event, stems: set[str]) -> bool:
    """Whether a name is one of parameters, by what people call them or by what is moved, and none of data."""
    stem = stem_of(event.short)
    return not is_name_of_data(event.name) and (stem in stems or bool(USUAL.fullmatch(stem)))
