"""Room for whole numbers that gradients are written into: what is behind the point is dropped, wherever that leads.

What such room should hold may be the gradient of nothing, as one is that was spread out by a stride. So it is looked at
before the wrong values are: with room for any number, more gradients are right.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.causes.region import Finding
from tinygrad_scratch.verifier.causes.whole_numbers import room_made
from tinygrad_scratch.verifier.reading.places import FileLine, Place
from tinygrad_scratch.verifier.reading.source import call_at
from tinygrad_scratch.verifier.recording.edits import COMPARISONS, Edit, is_filled, name_of, then
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.references import Ref, makes_room
from tinygrad_scratch.verifier.recording.steps import Step
from tinygrad_scratch.verifier.recording.tape import Tape

BEHIND = "what is behind the point is dropped"


def room_too_small(case: Case) -> tuple[Repair, Finding] | None:
    """The first such room, with which all others hold any number, too, if that makes more gradients right."""
    writes = writes_to_whole(case)
    place = writes[0].place if writes else None
    room = (room_made(place) or room_called(case.tape, writes[0])) if place is not None else None
    if place is None or room is None:
        return None
    wrong, played = case.wrong(case.replay()), with_any_room(case)
    if played is None:
        return None
    still = {final.node for final in case.wrong(played)}
    mended = [final for final in wrong if final.node not in still]
    if not mended or not still < {final.node for final in wrong}:
        return None
    slots = slots_of(case.tape, writes)
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


def writes_to_whole(case: Case) -> list[Step]:
    """The calls of theirs that write into such room, beside the forward pass."""
    return [s for s in case.tape.steps if s.place is not None and not is_forward(case, s) and drops(case.tape, s)]


def with_any_room(case: Case) -> dict[int, Any] | None:
    """What is made with room for any number; None where there is no other room, or a call takes whole numbers alone."""
    writes = writes_to_whole(case)
    start, edits = rooms_of(case, writes) if writes else ({}, {})
    with contextlib.suppress(Exception):
        return case.replay(start=start, edits=edits) if writes else None
    return None


def is_forward(case: Case, step: Step) -> bool:
    return not case.forward.isdisjoint(step.makes)


def drops(tape: Tape, step: Step) -> bool:
    """Whether a call writes numbers with something behind the point into room for whole ones, or any into a mask."""
    if name_of(step.function) != "setitem" or not step.makes:
        return False
    room, given = tape.nodes[step.makes[0]].value, step.arguments[2]
    if room.dtype.kind not in "iub" or type(given) is not Ref:
        return False
    value = next((tape.nodes[n].value for n in step.reads if tape.nodes[n].slot == given.slot), None)
    if room.dtype.kind == "b":
        return value is not None and value.dtype.kind in "if" and bool(np.any((value != 0) & (value != 1)))
    return value is not None and value.dtype.kind == "f" and bool(np.any(value != np.trunc(value)))


def rooms_for_whole(tape: Tape) -> frozenset[FileLine]:
    """Where calls make room for whole numbers, and its type can be told, that others are written into."""
    makers = makers_of(tape)
    rooms = {tape.nodes[step.makes[0]].slot for step in tape.steps if drops(tape, step)}
    calls = (makers[slot] for slot in rooms if is_call_of_room(makers[slot]))
    return frozenset((call.place.file, call.place.line) for call in calls if call.place)


def slots_of(tape: Tape, writes: list[Step]) -> set[int]:
    """The room that calls write into, and all made in the same lines: by the first, another may get mere noughts."""
    makers = makers_of(tape)
    written = {tape.nodes[node].slot for step in writes for node in step.makes}
    places = {(made.place.file, made.place.line) for slot in written if (made := makers[slot]).place is not None}
    whole = {node.slot for node in tape.nodes if node.value.dtype.kind in "iub"}
    beside = (slot for slot in whole if (place := makers[slot].place) and (place.file, place.line) in places)
    return written | set(beside)


def is_call_of_room(made: Step) -> bool:
    """Whether a call makes room, and its type can be told in it."""
    return made.function is None or makes_room(made.function)


def makers_of(tape: Tape) -> dict[int, Step]:
    """The call that made each array, or that of which it is a part."""
    made = dict[int, Step]()
    for node in tape.nodes:
        step = tape.steps[node.step]
        is_part = name_of(step.function) == "getitem"
        made.setdefault(node.slot, made[tape.nodes[step.reads[0]].slot] if is_part else step)
    return made


def room_called(tape: Tape, step: Step) -> tuple[Place, str] | None:
    """Where the room was made that a call writes into, and the call."""
    made = makers_of(tape)[tape.nodes[step.makes[0]].slot]
    written = call_at(made.place) if made.place is not None and is_call_of_room(made) else None
    return (made.place, written) if made.place is not None and written else None


def rooms_of(case: Case, writes: list[Step]) -> tuple[dict[int, Any], dict[int, Edit]]:
    """The same room for any number: as other constants, and as other results of calls that make room."""
    start: dict[int, Any] = {}
    edits: dict[int, Edit] = {}
    slots = slots_of(case.tape, writes)
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
