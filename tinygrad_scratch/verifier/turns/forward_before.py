"""Forward passes that a loop makes at the end of each turn, and before the first one, for the turn that follows."""

from __future__ import annotations

from tinygrad_scratch.verifier.pairs.in_parts import parts_between
from tinygrad_scratch.verifier.pairs.over_turns import Update, begun_at, is_share
from tinygrad_scratch.verifier.pairs.update_steps import in_update, is_plain_number
from tinygrad_scratch.verifier.recording.steps import Step, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.losses import is_loss_name
from tinygrad_scratch.verifier.turns.named_before import Met, is_same_name


def forward_before(met: Met, updates: list[Update], first: int) -> set[int]:
    """The calls before a turn that read its parameters for what these are updated by, where that goes on from them.

    It does where a parameter is read by its own update alone, and all else was made of it before. Where each turn makes
    something of it anew, as the chances of a policy beside those that it had, what was made before counts as given.
    """
    tape = met.watch.tape
    is_made_here = begun_at(tape, updates, first) == first  # and no gradient of the turn before is taken off
    if not is_made_here or not any(is_read_before(met, *update, first) for update in updates):
        return set()
    known = {before for before, _ in updates}
    changes = [change for before, after in updates for change in changes_of(tape, before, after)]
    behind = ancestors(tape.parents(), changes, known)
    return {step.index for step in readers(tape, behind, known) if step.index < first}


def loss_before(met: Met, updates: list[Update], first: int) -> set[int]:
    """The calls before a turn that read its parameters for the last loss, where the turn computes none but of new ones.

    So is a loss that is worked out at the end of each turn, to see whether to go on: the next turn's gradients are of
    that one.
    """
    tape, known = met.watch.tape, {before for before, _ in updates}
    names = {(event.owner, event.name) for before in known for event in met.names(before)}
    later = {event.node for event in met.watch.events if (event.owner, event.name) in names} - known
    new = {after for _, after in updates} | {node for node in later if tape.nodes[node].step >= first}
    since = min(known, default=0)
    losses = [node for node in met.events if node > since and is_number_called_loss(met, node)]
    parents = tape.parents()
    behind = {node: ancestors(parents, [node], until=known | new) for node in losses}
    own = [node for node in losses if not known.isdisjoint(behind[node]) and new.isdisjoint(behind[node])]
    if not own or any(tape.nodes[node].step >= first for node in own):
        return set()
    made = (tape.steps[tape.nodes[node].step] for node in behind[max(own)] - known)
    return {step.index for step in made if not known.isdisjoint(step.reads)}


def is_number_called_loss(met: Met, node: int) -> bool:
    is_number = met.watch.tape.nodes[node].value.size == 1
    return is_number and any(is_loss_name(event.name) for event in met.names(node))


def is_read_before(met: Met, before: int, after: int, first: int) -> bool:
    """Whether what a parameter is updated by was made of it, or of its views, before a step alone, but for a decay."""
    tape = met.watch.tape
    nodes = {before, *met.views_of(before)}
    made_of_it = (tape.steps[number] for node in nodes for number in met.readers.get(node, []))
    calls = [step for step in made_of_it if joins(tape, step) and not is_step(met, step, before)]
    changes = changes_of(tape, before, after) if calls else []
    behind = set[int]().union(*(met.behind(each, min(step.index for step in calls), before) for each in changes))
    found = [step for step in calls if not behind.isdisjoint(step.makes)]
    return bool(found) and all(step.index < first for step in found)


def changes_of(tape: Tape, before: int, after: int) -> list[int]:
    """What an update took off a parameter, or off some entries or rows of it, or added."""
    change = in_update(tape, tape.steps[tape.nodes[after].step], after, before)
    return [part.change for part in parts_between(tape, before, after)] if change is None else [change[0]]


def readers(tape: Tape, nodes: set[int], parameters: set[int]) -> list[Step]:
    """The calls that made some values of parameters and of others: a decay is of these alone."""
    made = (tape.steps[number] for number in {tape.nodes[node].step for node in nodes})
    return [step for step in made if not parameters.isdisjoint(step.reads) and joins(tape, step)]


def joins(tape: Tape, step: Step) -> bool:
    """Whether a call made something of several values, and no share of one."""
    return not is_share(tape, step) and sum(not is_plain_number(tape, read) for read in {*step.reads}) > 1


def is_step(met: Met, step: Step, added: int) -> bool:
    """Whether a call gives what has a name another value by adding something, as a velocity: that is no parameter."""
    tape = met.watch.tape
    moved = (
        (read, made)
        for made in step.makes
        for read in step.reads
        if read != added
        and tape.nodes[read].value.shape == tape.nodes[added].value.shape
        and in_update(tape, step, made, read) is not None
    )
    return any(is_same_name(one, other) for read, made in moved for one in met.names(read) for other in met.names(made))
