"""Steps by a loss of their own, computed after another parameter was updated: as those of the two nets of a GAN."""

from __future__ import annotations

from typing import Any

from tinygrad_scratch.verifier.gathering.steps_apart import NOT_JUDGED
from tinygrad_scratch.verifier.gathering.told import own, told_by_line
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.update_steps import in_update
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.recording.steps import ancestors, is_behind


def by_later_losses(entry: Any) -> tuple[list[Final], str]:
    """The gradients of a loss that was computed when another parameter had been updated already; and what is said."""
    parents, updated = entry.tape.parents(), dict[int, set[int]]()
    for final in entry.finals:
        values = entry.updated_values(final.parameter)
        updated[final.parameter.node] = {node for node in values if is_behind(parents, final.node, node)}
    losses = [e for e in entry.watch.events if entry.is_named_as_loss(e.name, e.node)]
    losses = [e for e in losses if entry.tape.nodes[e.node].value.size == 1]
    behind = {event.node: ancestors(parents, [event.node]) for event in losses if event.node != entry.loss}
    named = dict[str, set[int]]()
    for event in losses:
        named.setdefault(own(event.name), set()).add(event.node)
    found, names = [], list[str]()
    for final in entry.finals:
        node = final.parameter.node
        others = set[int]().union(*(values for of, values in updated.items() if of != node))
        made_of = ancestors(parents, [final.node])
        own_losses = [
            told_by_line(event) if len(named[own(event.name)]) > 1 else own(event.name)
            for event in losses
            if event.node in behind
            and event.node < final.node
            and node in behind[event.node]
            and not behind[event.node].isdisjoint(others)
            and behind[event.node].isdisjoint(updated[node])
        ]
        if own_losses and not made_of.isdisjoint(others):
            found.append(final)
            names.append(own_losses[-1])
    if not found or len(found) == len(entry.finals):
        return [], ""
    names = list(dict.fromkeys(names))
    entry.later_losses += names
    entry.apart += [final.parameter for final in found]
    whose = listed([final.parameter.name for final in found])
    verb = "was" if len(names) == 1 else "were"
    said = f"{listed(names)} {verb} computed after an update, for the update of {whose}: {NOT_JUDGED}"
    return found, said


def by_losses_once_more(entry: Any) -> dict[str, list[Final]]:
    """The gradients whose parameters are updated once more, by a loss of other lines that was computed since; by that.

    Such a loss is told by its line, too.
    """
    parents, tape = entry.tape.parents(), entry.tape
    losses = [e for e in entry.watch.events if entry.is_named_as_loss(e.name, e.node)]
    losses = [e for e in losses if tape.nodes[e.node].value.size == 1 and e.node not in entry.all_behind(entry.loss)]
    lines = {event.place.line for event in entry.watch.events if event.node == entry.loss}
    behind = {event.node: ancestors(parents, [event.node]) for event in losses if event.place.line not in lines}
    found: dict[str, list[Final]] = {}
    for final in entry.finals:
        first = max(entry.made_by_update(final), default=-1)
        later = sorted(n for n in entry.updated_values(final.parameter) if n > first > 0)
        second = next((n for n in later if in_update(tape, tape.steps[tape.nodes[n].step], n, first)), None)
        if second is None:
            continue
        made_of = ancestors(parents, [second]) - ancestors(parents, [first])
        for event in (event for event in losses if event.node in behind):
            own_values = behind[event.node] - entry.all_behind(entry.loss) - {first, event.node}
            is_read = first in behind[event.node] and second not in behind[event.node]
            if is_read and not made_of.isdisjoint(own_values - ancestors(parents, [first])):
                found.setdefault(told_by_line(event), []).append(final)
                break
    return found


def give_earlier_steps(entry: Any) -> None:
    """Take for given what parameters were updated to by a loss of their own before the one that is judged was computed.

    So the discriminator is to the loss of the generator. Its parameters and gradients are those of another step.
    """
    parents = entry.tape.parents()
    behind = ancestors(parents, [entry.loss])
    others = [e.node for e in entry.watch.events if entry.is_named_as_loss(e.name, e.node) and e.node != entry.loss]
    earlier: dict[int, set[int]] = {}
    asked = [parameter for parameter in entry.parameters if parameter.asked]  # no name that is bound once more
    for parameter in asked if entry.wanted_loss else ():
        updates = entry.updated_values(parameter) & behind
        own_losses = [n for n in others if updates and n < min(updates) and is_behind(parents, parameter.node, n)]
        if own_losses:
            earlier[parameter.node] = updates
    if not earlier or all(parameter.node in earlier for parameter in asked):
        return
    for node in set[int]().union(*earlier.values()):
        entry.tape.give(node)
    entry.without(set(earlier))
