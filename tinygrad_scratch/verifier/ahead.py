"""Steps ahead: a loss of weights that are moved by a gradient for it alone, which counts as given, as SAM's does."""

from __future__ import annotations

from tinygrad_scratch.verifier.edits import name_of
from tinygrad_scratch.verifier.events import claims_gradient
from tinygrad_scratch.verifier.places import Place
from tinygrad_scratch.verifier.self_made_targets import Given
from tinygrad_scratch.verifier.steps import ancestors
from tinygrad_scratch.verifier.tape import Tape
from tinygrad_scratch.verifier.update_steps import in_update, within


def steps_ahead(
    tape: Tape, updates: dict[int, set[int]], names: dict[int, list[str]], loss: int | None = None
) -> dict[int, Given]:
    """The sums of a parameter and a step by a gradient that no update is, as calls that count the step as given.

    Of each parameter it is told what it became in its `updates`: one that goes on from the parameter itself, by what
    was made of weights that were moved ahead, is the real one. If told, it is of those that went into one `loss`.
    """
    found: dict[int, Given] = {}
    parents = tape.parents()
    behind = ancestors(parents, [loss]) if loss is not None else None
    for parameter, values in updates.items():
        changes = [in_update(tape, tape.steps[tape.nodes[after].step], after, parameter) for after in values]
        real = [change[0] for change in changes if change is not None]
        made_of, places = ancestors(parents, real), places_within(tape, real)
        moved = {parameter}
        for step in tape.steps if made_of else ():
            if name_of(step.function) not in ("add", "subtract") or len(set(step.reads)) != 2 or len(step.makes) != 1:
                continue
            made, (one, other) = step.makes[0], step.reads
            if made not in made_of or (behind is not None and made not in behind):
                continue
            change = other if one in moved else one if other in moved and name_of(step.function) == "add" else None
            alike = change is not None and not places.isdisjoint(places_within(tape, [change]))
            if change is not None and is_step(tape, parents, change, parameter, names, alike):
                found[step.index] = Given(step.reads.index(change), change)
                moved.add(made)
    return found


def places_within(tape: Tape, changes: list[int]) -> set[Place]:
    """Where changes, and the values of their shape in them, were made."""
    nodes = {node for change in changes for node in (change, *within(tape, change))}
    steps = (tape.steps[tape.nodes[node].step] for node in nodes)
    return {step.place for step in steps if step.place is not None and step.function is not None}


def is_step(
    tape: Tape, parents: dict[int, set[int]], change: int, parameter: int, names: dict[int, list[str]], alike: bool
) -> bool:
    """Whether what is added to a parameter was made of that, and of a gradient that has its shape.

    It is one by its name, or as it was made where a real update was made, which is `alike`.
    """
    if tape.nodes[change].value.shape != tape.nodes[parameter].value.shape:
        return False
    if parameter not in ancestors(parents, [change]):
        return False
    return alike or any(
        claims_gradient(name) for node in (change, *within(tape, change)) for name in names.get(node, ())
    )
