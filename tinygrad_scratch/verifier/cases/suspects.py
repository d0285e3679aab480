"""The names under which a value may be the wrong one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair, have_one_name, is_in_new_list
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.source import is_rename, only_appends
from tinygrad_scratch.verifier.recording.edits import is_filled, name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import Array, renamed


def suspects(case: Case, wrong: list[Final], values: dict[int, Any]) -> list[Event]:
    """Names of what the wrong gradients were made from, not of the forward pass itself."""
    before = case.ancestors(final.node for final in wrong)
    named = {event.node for event in case.events}
    loss_step = case.tape.nodes[case.truth.loss].step
    begin = first_use(case)
    more = [event for f in wrong if f.node not in named | worked_out(case, f) and (event := nameless(case, f))]
    found = []
    for event in (*case.events, *more):
        if event.node not in before or event.node in case.overrides or case.tape.nodes[event.node].step < begin:
            continue
        step = case.step_of(event.node)
        kinds = "fiub" if event.node in case.multiplied else "fiu"  # a mask that stands for a gradient
        value = np.asarray(values[event.node])
        if value.dtype.kind not in kinds or is_filled(step) or event.node in case.unfinished:
            continue
        given = event.node in case.forward and (event.time <= loss_step or not is_gradient_name(event.short))
        if event.node in case.indices or is_next_value(case, event) or is_kept(case, event):
            continue
        is_handed = given or step.function is None or only_appends(event.place.file, event.place.line)
        if is_handed and not is_renamed_gradient(case, event, value):
            continue
        found.append(event)
    return found


def is_next_value(case: Case, event: Event) -> bool:
    """Whether an update gives a parameter its next value: what reads that too early is wrong, and not the update."""
    step = case.step_of(event.node)
    updated = {f.parameter.short for f in case.finals if f.parameter.node in step.reads}
    return name_of(step.function) in ("add", "subtract") and event.short in updated


def is_kept(case: Case, event: Event) -> bool:
    """Whether a parameter is only kept as it is then: `before = w.copy()`, and no `dw = w.copy()`."""
    step = case.step_of(event.node)
    parameters = {final.parameter.node for final in case.finals}
    copies = name_of(step.function) in ("copy", "array") and bool(step.reads) and parameters.issuperset(step.reads)
    return copies and not is_gradient_name(event.short)


def worked_out(case: Case, final: Final) -> set[int]:
    """The gradient itself, if it was worked out of an update with a value that has a name: that one is looked at.

    That is right where it is what another parameter is updated by: then the update took it in vain.
    """
    value = case.tape.nodes[final.node].value
    made = case.ancestors([final.node]) - case.forward - {final.node}
    others = {
        f.node
        for f in case.finals
        if f.by == "update" and f is not final and case.is_right(case.tape.nodes[f.node].value, f)
    }
    if made & others and any(close(case.tape.nodes[node].value, value) for node in made & others):
        return set()
    same = (e for e in case.events if e.node in made and close(case.tape.nodes[e.node].value, value))
    return {final.node} if next(same, None) is not None else set()


def first_use(case: Case) -> int:
    """The step with which the forward pass begins: what was made before it is data."""
    parameters = {final.parameter.node for final in case.finals}
    return next((step.index for step in case.tape.steps if not parameters.isdisjoint(step.reads)), 0)


def is_renamed_gradient(case: Case, event: Event, value: Array) -> bool:
    """Whether the gradient that a layer was given gets another name: that of the gradient of something else."""
    found = case.match(value) if value.size > 2 and is_rename(event.place.file, event.place.line) else None
    return found is not None and found.how == ""


def name_to_try(case: Case, events: list[Event]) -> Event:
    """The name under which a value may be the wrong one: the first, or the last of what the loss was made of.

    What a line puts into a list that it makes anew in each turn, where it lost what it had put there before, is wrong
    under the name that it has in that list.
    """
    anew = in_new_lists(case, events[0].node)
    return (anew or events)[-1 if anew or events[0].node in case.forward else 0]


def in_new_lists(case: Case, node: int) -> list[Event]:
    """The names of a value in lists that a line made anew of such, in place of what it had made so before."""
    named = [e for e in case.events if e.node == node or case.step_of(e.node).function is renamed]
    own = [e for e in named if node in (e.node, *case.step_of(e.node).reads) and is_in_new_list(e)]
    return [
        replace(event, node=node)
        for event in own
        if any(have_one_name(other, event) and other.node < node for other in case.events)
    ]


def last_resort(case: Case, wrong: list[Final]) -> list[Repair]:
    """A wrong gradient itself, where nothing before it mends it."""
    for final in wrong:
        event = wrong_name(case, final)
        truth = case.true_of(final) * case.scale
        if final.node not in case.overrides and event is not None:
            return [Repair(event, truth, final.parameter.node, None, 1, factor=case.scale)]
    return []


def wrong_name(case: Case, final: Final) -> Event | None:
    """The name of a wrong gradient at which to look: the first one, or the last where it is right as something else."""
    named = [e for e in case.events if e.node == final.node]
    known = case.match(case.tape.nodes[final.node].value)
    if known is None or known.of == final.parameter.node:
        return named[0] if named else nameless(case, final)
    own = [e for e in named if is_rename(e.place.file, e.place.line)]
    handed = [replace(e, time=10**9) for e in case.returned if e.node == final.node]
    meant = own or handed or named[:1]
    return meant[-1] if meant else nameless(case, final)


def nameless(case: Case, final: Final) -> Event | None:
    """A gradient that no variable was given, as in `return x.T @ delta`; None where its place isn't known."""
    place = case.place_of(final.node)
    return Event(final.name, final.node, place, 0, 10**9) if place is not None else None
