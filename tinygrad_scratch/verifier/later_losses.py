"""Steps by a loss of their own, computed after another parameter was updated: as those of the two nets of a GAN."""

from __future__ import annotations

from typing import Any

from tinygrad_scratch.verifier.names import listed
from tinygrad_scratch.verifier.pairing import Final
from tinygrad_scratch.verifier.steps import ancestors, is_behind
from tinygrad_scratch.verifier.steps_apart import NOT_JUDGED
from tinygrad_scratch.verifier.told import own


def by_later_losses(entry: Any) -> tuple[list[Final], str]:
    """The gradients of a loss that was computed when another parameter had been updated already; and what is said."""
    parents, updated = entry.tape.parents(), dict[int, set[int]]()
    for final in entry.finals:
        values = entry.updated_values(final.parameter)
        updated[final.parameter.node] = {node for node in values if is_behind(parents, final.node, node)}
    losses = [e for e in entry.watch.events if entry.is_named_as_loss(e.name, e.node)]
    losses = [e for e in losses if entry.tape.nodes[e.node].value.size == 1]
    behind = {event.node: ancestors(parents, [event.node]) for event in losses if event.node != entry.loss}
    found, names = [], list[str]()
    for final in entry.finals:
        node = final.parameter.node
        others = set[int]().union(*(values for of, values in updated.items() if of != node))
        made_of = ancestors(parents, [final.node])
        own_losses = [
            own(event.name)
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
    whose = listed([final.parameter.name for final in found])
    verb = "was" if len(names) == 1 else "were"
    said = f"{listed(names)} {verb} computed after an update, for the update of {whose}: {NOT_JUDGED}"
    return found, said


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
