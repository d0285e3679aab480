"""Losses that a loop computes of one sample a turn, and never adds up: the loss is the sum of them, or their mean."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import ancestors, shows
from tinygrad_scratch.verifier.recording.tape import Tape

PLACE_IN_LIST = re.compile(r"\[-?\d+\]$")


def total(*numbers: Any) -> Any:
    return np.sum(np.stack([np.reshape(number, ()) for number in numbers]))


def average(*numbers: Any) -> Any:
    return np.mean(np.stack([np.reshape(number, ()) for number in numbers]))


def whole(losses: Any) -> Any:
    return np.sum(losses)


def is_averaged(tape: Tape, nodes: tuple[int, ...]) -> bool:
    """Whether the mean of some numbers is computed, as it is for a log: then that is meant, and not their sum."""
    parents, mean = tape.parents(), float(np.mean([tape.nodes[node].value.item() for node in nodes]))
    last = max(nodes)
    return any(
        node.value.size == 1
        and close(node.value.reshape(()), np.asarray(mean))
        and {*nodes} <= ancestors(parents, [node.number])
        for node in tape.nodes[last + 1 :]
    )


def only_watched(tape: Tape, losses: list[Event]) -> Event | None:
    """An array of several losses that nothing reads, as of a network each: the loss is the sum of them."""
    read = {node for step in tape.steps if not shows(step) for node in step.reads}
    found = [e for e in losses if tape.nodes[e.node].value.size > 1 and tape.nodes[e.node].value.dtype.kind == "f"]
    return next((event for event in reversed(found) if event.node not in read), None)


def never_added_up(tape: Tape, losses: list[Event], parameters: set[int], later: set[int]) -> list[list[Event]]:
    """The losses that one line of a loop gave one name or put into one list, turn by turn, and that no loss is made of.

    Nothing that came `later` went into them: no gradient, and no parameter that was updated after each sample. What
    reads none of the `parameters`, as the turn before an update does, is none of them.
    """
    found = defaultdict[Any, dict[int, Event]](dict)
    parents = tape.parents()
    for event in losses:
        if tape.nodes[event.node].value.size == 1 and not parameters.isdisjoint(ancestors(parents, [event.node])):
            found[PLACE_IN_LIST.sub("", event.name), event.place, event.owner].setdefault(event.node, event)
    behind = [ancestors(parents, [event.node]) - {event.node} for event in losses]
    return [
        list(turns.values())
        for turns in found.values()
        if len(turns) > 1
        and later.isdisjoint(ancestors(parents, turns))
        and all(made_of.isdisjoint(turns) for made_of in behind)
    ]
