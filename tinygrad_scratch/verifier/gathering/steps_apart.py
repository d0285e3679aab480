"""Steps by losses of their own in one turn: each moves parameters of its own, as those of an actor and of its critic.

Which loss a step is by is told by the values that its gradients were made of, and not by the gradients that fit: so it
is told of wrong ones, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from tinygrad_scratch.verifier.cases.lineage import smooth_from
from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.update_steps import in_update, is_only_added_to, is_plain_number
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Step, ancestors

PROPORTIONAL = {"add", "subtract", "negative", "sum", "mean", "getitem", "reshape", "renamed"}
MOST_LOSSES = 50  # that have a name, as one of each sample has
NO_LOSS = "No loss was computed for the update of"
NOT_JUDGED = "that is a step of its own, and not judged. To judge it, make it alone, in a block."


@dataclass
class StepApart:
    """A loss, with the values that it was made of, and the gradients that were made of these."""

    name: str  # of several that are called alike, each has one of its own
    called: str
    loss: int
    forward: set[int]
    finals: list[Final]


def take_one_step(entry: Any, finals: list[Final]) -> set[int]:
    """Leave a single step to be judged, where there are several: that of the wanted loss, or else the first one.

    What was updated before it is given. The values of the other losses are returned: none of them is the loss that is
    looked for.
    """
    steps, rest = steps_apart(entry, finals)
    wanted = entry.wanted_loss
    new = [step for step in steps if any(final.parameter.name not in entry.known for final in step.finals)]
    step = next((step for step in new if wanted in (None, step.name)), None)
    if step is None or not (rest or len(steps) > 1):
        return set()
    others = [other for other in steps if other is not step]
    entry.step_name = step.name
    if wanted is not None:
        entry.wanted_loss = step.called
    nodes = {final.parameter.node for final in (*rest, *(f for other in others for f in other.finals))}
    updated = set[int]().union(*(updates_of(entry, final) for final in finals if final.parameter.node in nodes))
    behind = ancestors(entry.tape.parents(), [step.loss])
    for node in behind & updated:
        entry.tape.give(node)
    entry.without(nodes)
    entry.moved_apart = nodes | (behind & updated)
    entry.changed = [each for each in entry.changed if each[0].node not in nodes]
    left = [other for other in others if other in new]
    entry.apart = [final.parameter for other in left for final in other.finals]
    entry.by_no_loss = [final.parameter for final in rest]
    entry.later_losses = [other.name for other in left]
    for other in left:
        entry.notes.append(f"{other.name} was computed for the update of {names_of(other.finals)}: {NOT_JUDGED}")
    if rest:
        entry.notes.append(f"{NO_LOSS} {names_of(rest)}: that is a step of its own, and not judged.")
    return set[int]().union(*(other.forward for other in others)) - step.forward


def names_of(finals: list[Final]) -> str:
    return listed([own(final.parameter.name) for final in finals])


def steps_apart(entry: Any, finals: list[Final]) -> tuple[list[StepApart], list[Final]]:
    """The steps in the order of their losses, and the gradients that were made of nothing in any loss.

    None where a gradient was made of two losses: of those, the sum may be meant.
    """
    parents, nodes = entry.tape.parents(), {final.parameter.node for final in finals}
    updated = {final.parameter.node: updates_of(entry, final) for final in finals}
    moved = set[int]().union(*updated.values())
    moving = entry.depending_on(nodes) - nodes - moved

    def behind(node: int) -> set[int]:
        return ancestors(parents, [node], until=moved)

    made_of = {final.node: behind(final.node) for final in finals}
    gradients = set[int]().union(*made_of.values())
    left = moving - gradients
    events = [e for e in entry.watch.events if e.node in left and entry.is_named_as_loss(e.name, e.node)]
    named = {e.node: own(e.name) for e in events if entry.tape.nodes[e.node].value.size == 1}
    forward = {node: behind(node) for node in sorted(named)} if len(named) <= MOST_LOSSES else {}
    wholes = [node for node in forward if not any(node in forward[other] for other in forward if other != node)]
    found: dict[int, list[Final]] = {}
    rest = list[Final]()
    for final in finals:
        mine = made_of[final.node] & moving
        losses = [
            node
            for node in wholes
            if not mine.isdisjoint(forward[node].difference(*(forward[n] for n in wholes if n != node)))
        ]
        losses = losses or nearest(entry, final, made_of[final.node], {n: forward[n] & moving for n in wholes})
        if len(losses) == 1 and final.parameter.node in forward[losses[0]]:
            found.setdefault(losses[0], []).append(final)
        elif not losses and is_only_added_to(entry.tape, final.parameter.node):
            continue  # a sum that begins at nothing, and no parameter
        elif losses or not is_of_others(final, mine, made_of[final.node], nodes | moved, forward):
            return [], []
        else:
            rest.append(final)
    order = sorted(found)
    alike = len({named[node] for node in order}) < len(order)
    names = [f"{named[n]} of step {number}" if alike else named[n] for number, n in enumerate(order, 1)]
    steps = [StepApart(name, named[n], n, forward[n], found[n]) for name, n in zip(names, order, strict=True)]
    pairs = list(combinations(steps, 2))
    sure = [(one, other) for one, other in pairs if follows(one, other, updated) or meet(entry, one, other, moving)]
    apart = [pair for pair in pairs if pair not in sure and not reach(*pair) and not reach(*pair[::-1])]
    known = all(any(step in pair for pair in sure) for step in steps) if len(steps) > 1 else bool(steps)
    return (steps, rest) if known and len(sure) + len(apart) == len(pairs) else ([], [])


def nearest(entry: Any, final: Final, made_of: set[int], forward: dict[int, set[int]]) -> list[int]:
    """The one loss of which all is made of what a gradient was made of, too, of its parameter and of numbers."""
    parents, tape, known = entry.tape.parents(), entry.tape, made_of | {final.parameter.node}
    found = []
    for loss, values in ((loss, values) for loss, values in forward.items() if not made_of.isdisjoint(values)):
        rest = values - made_of
        others = set[int]().union(*(parents[node] for node in rest)) - rest - known
        if final.parameter.node in ancestors(parents, [loss]) and all(is_plain_number(tape, node) for node in others):
            found.append(loss)
    return found if len(found) == 1 and final.node not in forward[found[0]] else []


def meet(entry: Any, one: StepApart, other: StepApart, moving: set[int]) -> bool:
    """Whether two losses are no terms of one: of nets that play into each other's hands, it is that of neither."""
    led = moving.isdisjoint(one.forward & other.forward) and (leads(entry, one, other) or leads(entry, other, one))
    both = reach(one, other) and reach(other, one)
    aims = aims_at(entry, one, other) or aims_at(entry, other, one)
    return led or both or aims or weighs(entry, one, other) or weighs(entry, other, one)


def reach(one: StepApart, other: StepApart) -> bool:
    """Whether a loss depends on a parameter of another step."""
    return any(final.parameter.node in other.forward for final in one.finals)


def updates_of(entry: Any, final: Final) -> set[int]:
    """What updates made of the parameter of a gradient: not all that has such a name, as its gradient may have."""
    tape, before = entry.tape, final.parameter.node
    made = (
        node
        for node in entry.updated_values(final.parameter)
        if in_update(tape, tape.steps[tape.nodes[node].step], node, before) is not None
    )
    return {*made, *(entry.made_by_update(final))}


def is_of_others(
    final: Final, mine: set[int], made_of: set[int], parameters: set[int], forward: dict[int, set[int]]
) -> bool:
    """Whether a gradient was made of values in no loss, and of other parameters than its own, which is in none."""
    node = final.parameter.node
    apart = all(mine.isdisjoint(values) and node not in values for values in forward.values())
    return apart and bool(mine - {final.node}) and bool((made_of & parameters) - {node})


def follows(one: StepApart, other: StepApart, updated: dict[int, set[int]]) -> bool:
    """Whether a loss was made of what another step had updated before."""
    values = [updated[final.parameter.node] for final in one.finals]
    return any(not other.forward.isdisjoint(each) for each in values)


def leads(entry: Any, one: StepApart, other: StepApart) -> bool:
    """Whether a loss is one of what another step's parameters make of its own, as an actor's is of the critic's.

    Of a trunk under several heads, and of nets that know nothing of each other, the sum of the losses may be meant.
    """
    moved_by, theirs = entry.depending_on(parameters_of(other)), parameters_of(one) & other.forward
    forward = (entry.tape.steps[entry.tape.nodes[node].step] for node in other.forward)
    readers = [(node, step.reads) for step in forward for node in theirs.intersection(step.reads)]
    of_both = {node for node, reads in readers if not moved_by.isdisjoint(reads)}
    return bool(theirs) and of_both == theirs


def weighs(entry: Any, one: StepApart, other: StepApart) -> bool:
    """Whether all that a step's parameters do to another loss is to weigh its terms, as a critic does an actor's."""
    parents = entry.tape.parents()
    moved_by = [smooth_from(entry.tape, parents, parameters_of(step)) for step in (one, other)]
    alone = moved_by[0] - moved_by[1], moved_by[1] - moved_by[0]

    def weights(node: int, call: Step) -> set[int]:
        is_term = name_of(call.function) == "multiply" and in_proportion(
            entry.tape, node, other, set().union(*moved_by)
        )
        return alone[0].intersection(call.reads) if is_term and alone[1].intersection(call.reads) else set()

    return acts_only_by(entry, one, other, weights)


def aims_at(entry: Any, one: StepApart, other: StepApart) -> bool:
    """Whether all that a step's parameters do to another loss is to make its targets, as of one that tells errors.

    A target is no loss itself: the difference of two may be meant as one.
    """
    moved_by = [entry.depending_on(parameters_of(step)) for step in (one, other)]
    alone = moved_by[0] - moved_by[1], moved_by[1] - moved_by[0]

    def targets(node: int, call: Step) -> set[int]:
        meets = name_of(call.function) == "subtract" and alone[1].intersection(call.reads)
        return {n for n in alone[0].intersection(call.reads) if entry.tape.nodes[n].value.size > 1} if meets else set()

    return acts_only_by(entry, one, other, targets)


def parameters_of(step: StepApart) -> set[int]:
    return {final.parameter.node for final in step.finals}


def acts_only_by(entry: Any, one: StepApart, other: StepApart, ways: Callable[[int, Step], set[int]]) -> bool:
    """Whether another loss depends on a step's parameters in some ways, each an operand of a call, and in no other."""
    parents, held = dict(entry.tape.parents()), False
    for node in other.forward:
        gone = ways(node, entry.tape.steps[entry.tape.nodes[node].step])
        parents[node], held = parents[node] - gone, held or bool(gone)
    return held and parameters_of(one).isdisjoint(ancestors(parents, [other.loss]))


def in_proportion(tape: Any, node: int, step: StepApart, moved: set[int]) -> bool:
    """Whether a value goes into a loss as a term, or as a number of times one."""
    found = {node}
    for call in tape.steps:
        if found.isdisjoint(call.reads) or not step.forward.issuperset(call.makes):
            continue
        name, others = name_of(call.function), moved.intersection(call.reads) - found
        if name not in PROPORTIONAL and (name not in ("multiply", "divide") or others):
            return False
        found.update(call.makes)
    return step.loss in found
