"""The loss that they add up, where less of it was judged: one term, or the same terms with other weights."""

from __future__ import annotations

from typing import Any

from tinygrad_scratch.verifier.gathering.steps_apart import PROPORTIONAL
from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.losses.mixes import weighted
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.steps import ancestors


def whole_of_loss(entry: Any) -> Event | None:
    """The last number with a loss's name that only terms are added up to, and of which what is judged are some.

    Nothing that an update made went into it, and no gradient was made of it.
    """
    tape, seen = entry.tape, list[Event]()
    taken = set(tape.steps[tape.nodes[entry.loss].step].reads) if is_judged_by_mix(entry) else {entry.loss}
    made = set[int]().union(*(entry.made_by_update(final) for final in entry.finals))
    made_of = entry.all_behind(*(final.node for final in entry.finals))
    for event in entry.watch.events:
        if event.node in taken or event.node in made_of or tape.nodes[event.node].value.size != 1:
            continue
        behind = entry.all_behind(event.node)
        if taken <= behind and made.isdisjoint(behind) and entry.is_named_as_loss(event.name, event.node):
            seen.append(event)
    return next((event for event in reversed(seen) if all(is_term(tape, node, event.node) for node in taken)), None)


def take_whole(entry: Any, whole: Event) -> None:
    """Let a whole be what they compute as a loss, by which gradients may be judged."""
    entry.other_node, entry.other_loss = whole.node, own(whole.name)


def is_judged_by_mix(entry: Any) -> bool:
    """Whether the loss is what was put in for a sum of several of theirs."""
    candidate = getattr(entry.tape.steps[entry.tape.nodes[entry.loss].step].function, "candidate", None)
    return candidate is not None and candidate.function is weighted


def is_term(tape: Any, node: int, whole: int) -> bool:
    """Whether a number goes into another one in proportion: it is added, or is times a plain number."""
    inner, found = ancestors(tape.parents(), [whole]), {node}
    for step in tape.steps:
        if found.isdisjoint(step.reads) or inner.isdisjoint(step.makes):
            continue
        name = name_of(step.function)
        if name not in PROPORTIONAL and name not in ("multiply", "divide"):
            return False
        found.update(step.makes)
    return whole in found


def not_reached(entry: Any) -> list[Parameter]:
    """What is updated by a gradient, and does not go into the loss that is judged, but into another one."""
    behind, done = entry.all_behind(entry.loss), {final.parameter.node for final in entry.finals}
    losses = [e.node for e in entry.watch.events if entry.is_named_as_loss(e.name, e.node)]
    others = {node for loss in losses if entry.tape.nodes[loss].value.size == 1 for node in entry.all_behind(loss)}
    left = [parameter for parameter, _ in entry._updates.values() if parameter.node not in done | entry.moved_apart]
    return [parameter for parameter in left if parameter.node in others - behind and parameter not in entry.apart]


def said_of_others(parameters: list[Parameter], loss: str) -> str:
    """What is told of parameters that the loss does not depend on."""
    names = listed([own(parameter.name) for parameter in parameters])
    return f"{loss} does not depend on {names}, and another loss does: what updates {names} was not judged."
