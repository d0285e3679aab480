"""Room for whole numbers that gradients are written into: what is behind the point is dropped, wherever that leads.

What such room should hold may be the gradient of nothing, as one is that was spread out by a stride. So it is looked at
before the wrong values are: with room for any number, more gradients are right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.causes.region import Finding
from tinygrad_scratch.verifier.causes.whole_numbers import room_made
from tinygrad_scratch.verifier.recording.edits import COMPARISONS, Edit, is_filled, name_of, then
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.references import Ref
from tinygrad_scratch.verifier.recording.steps import Step

BEHIND = "what is behind the point is dropped"


def room_too_small(case: Case) -> tuple[Repair, Finding] | None:
    """The first such room, with which all others hold any number, too, if that makes more gradients right."""
    writes = [step for step in case.tape.steps if step.place is not None and drops(case, step)]
    place = writes[0].place if writes else None
    room = room_made(place) if place is not None else None
    if place is None or room is None:
        return None
    values = case.replay()
    wrong, start, edits = case.wrong(values), *rooms_of(case, writes)
    try:
        played = case.replay(start=start, edits=edits)
        still = {final.node for final in case.wrong(played)}
    except Exception:  # a call that takes whole numbers alone
        return None
    mended = [final for final in wrong if final.node not in still]
    if not mended or not still < {final.node for final in wrong}:
        return None
    slots = {case.tape.nodes[node].slot for step in writes for node in step.makes}
    case.overrides |= {n.number: np.asarray(played[n.number]) for n in case.tape.nodes if n.slot in slots}
    known = next(gradients_in(case, writes, played), None)
    node, of = known or (writes[0].makes[0], mended[0].parameter.node)
    name = next((e.name for e in case.events if case.tape.nodes[e.node].slot in slots), mended[0].name)
    event = Event(name, node, place, 0, case.tape.nodes[node].step + 1)
    is_mask = case.tape.nodes[writes[0].makes[0]].value.dtype.kind == "b"
    lost = "True and False: any other number becomes True" if is_mask else f"whole numbers: {BEHIND}"
    said = f"`{room[1]}` makes room for {lost}"
    finding = Finding("dtype-or-integer", said, place=room[0])
    return Repair(event, np.asarray(played[node]), of, None, len(mended)), finding


def drops(case: Case, step: Step) -> bool:
    """Whether a call writes numbers with something behind the point into room for whole ones, or any into a mask."""
    if name_of(step.function) != "setitem" or not step.makes or step.makes[0] in case.forward:
        return False
    room, given = case.tape.nodes[step.makes[0]].value, step.arguments[2]
    if room.dtype.kind not in "iub" or type(given) is not Ref:
        return False
    value = next((case.tape.nodes[n].value for n in step.reads if case.tape.nodes[n].slot == given.slot), None)
    if room.dtype.kind == "b":
        return value is not None and value.dtype.kind in "if" and bool(np.any((value != 0) & (value != 1)))
    return value is not None and value.dtype.kind == "f" and bool(np.any(value != np.trunc(value)))


def rooms_of(case: Case, writes: list[Step]) -> tuple[dict[int, Any], dict[int, Edit]]:
    """The same room for any number: as other constants, and as other results of calls that make room."""
    start: dict[int, Any] = {}
    edits: dict[int, Edit] = {}
    slots = {case.tape.nodes[node].slot for step in writes for node in step.makes}
    for node in case.tape.nodes:
        made = case.step_of(node.number)
        if node.slot in slots and made.function is None:
            start[node.number] = node.value.astype(float)
        elif node.slot in slots and (is_filled(made) or name_of(made.function) in COMPARISONS):
            edits[made.index] = then(lambda value: value.astype(float))
    return start, edits


def gradients_in(case: Case, writes: list[Step], played: dict[int, Any]) -> Iterator[tuple[int, int]]:
    """What such room holds in the end that is the gradient of something then, and of what."""
    last = {case.tape.nodes[node].slot: node for step in writes for node in step.makes}
    for node in last.values():
        known = case.match(np.asarray(played[node]))
        if known is not None:
            yield node, known.of
