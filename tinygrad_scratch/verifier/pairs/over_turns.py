"""Gradients that are added up over turns of a loop, until one of the turns updates parameters by the sum of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np

from tinygrad_scratch.verifier.pairs.update_steps import handed_over, in_update, inside, is_plain_number
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event, claims_gradient
from tinygrad_scratch.verifier.recording.steps import Step, ancestors, shows
from tinygrad_scratch.verifier.recording.tape import Tape

MOST_RECORDED = 20_000  # steps until a first update, for which the next one is waited for
ADDING = ("add", "subtract", "sum", "mean", "array", "stack")
NEAR = 3  # calls before one that are looked at for what an update is of
OF_A_SUM = re.compile(r"update|delta|change|accum|(?:^|_)(?:acc|sum|total)(?:_|$)", re.IGNORECASE)
"""What people call the gradients that they add up, where it is no name of a gradient."""
Update = tuple[int, int]  # what a parameter was before it, and after


def begun_at(tape: Tape, updates: list[Update], first: int) -> int:
    """The step with which the turns began that updates are made of; `first` where that is this turn alone.

    Some of what each parameter is updated by was made before then, of what that is now; copies and averages of it don't
    count.
    """
    parents, found = tape.parents(), list[int]()
    for before, after in updates:
        behind = ancestors(parents, parts_before(tape, before, after, first), {before})
        steps = {tape.nodes[node].step for node in behind}
        reading = [step for step in steps if before in tape.steps[step].reads and not is_share(tape, tape.steps[step])]
        if not reading:
            return first
        found += reading
    return min(found, default=first)


def is_late(tape: Tape, updates: list[Update], first: int) -> bool:
    """Whether updates are by multiples of what was made before a step, of what the parameters are now."""
    for before, after in updates:
        change = in_update(tape, tape.steps[tape.nodes[after].step], after, before)
        while change is not None and tape.nodes[change[0]].step >= first:
            change = inside(tape, change[0])
        if change is None:
            return False
    return begun_at(tape, updates, first) < first


def is_before(tape: Tape, event: Event, first: int) -> bool:
    """Whether what got a name was made before a step."""
    return tape.nodes[event.node].step < first


def parts_before(tape: Tape, before: int, after: int, first: int) -> Iterator[int]:
    """What was made before a step of that of which an update is the sum, but for the parameter and noughts."""
    change = in_update(tape, tape.steps[tape.nodes[after].step], after, before)

    def within(node: int) -> tuple[int, ...] | None:
        if node == before or tape.nodes[node].step < first:
            return None
        inner = inside(tape, node)
        return added_in(tape, node, first) or (None if inner is None else inner[:1])

    for node in unfolded(change[0], within) if change is not None else ():
        if node != before and tape.nodes[node].step < first and np.any(tape.nodes[node].value):
            yield node


def is_share(tape: Tape, step: Step) -> bool:
    """Whether a step only copies a value, or takes a part of it, as for an average of weights."""
    others = [read for read in step.reads if not is_plain_number(tape, read)]
    return handed_over(step) is not None or (name_of(step.function) in ("multiply", "divide") and len(others) == 1)


def is_added_up(tape: Tape, events: list[Event], updates: list[Update], first: int) -> bool:
    """Whether all updates are by sums with what was there before a step: of other turns, or gradients of nothing."""
    sums = [found for update in updates if (found := sum_in(tape, *update, first)) is not None]
    if len(sums) < len(updates):
        return False
    if begun_at(tape, updates, first) < first:
        return True
    return any(begins_as_nothing(tape, events, node, terms, first) for node, terms in sums)


def sum_in(tape: Tape, before: int, after: int, first: int) -> tuple[int, list[int]] | None:
    """The sum that an update is a multiple of, with its terms, if some were there before a step.

    None behind a velocity: that is nothing in the first update alone, which then tells most.
    """
    change = in_update(tape, tape.steps[tape.nodes[after].step], after, before)
    node = None if change is None else change[0]
    while node is not None and tape.nodes[node].step >= first:
        terms = list(terms_of(tape, node, first))
        if any(tape.nodes[term].step < first and term != before for term in terms):
            return node, terms
        inner = None if len(terms) > 1 else inside(tape, node)
        node = None if inner is None else inner[0]
    return None


def terms_of(tape: Tape, node: int, first: int) -> Iterator[int]:
    """What a value is the sum of: what was made before a step, or in another way."""
    return unfolded(node, lambda here: added_in(tape, here, first))


def added_in(tape: Tape, node: int, first: int) -> tuple[int, ...] | None:
    """What was added up to a value since a step; none where it was made before, or in another way."""
    step = tape.steps[tape.nodes[node].step]
    return step.reads if step.index >= first and name_of(step.function) in ADDING else None


def unfolded(node: int, within: Callable[[int], tuple[int, ...] | None]) -> Iterator[int]:
    """What a value comes down to, going on from each to what is within it, each once."""
    waiting, seen = [node], set[int]()
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            inner = within(here)
            if inner is None:
                yield here
            else:
                waiting += inner


def begins_as_nothing(tape: Tape, events: list[Event], node: int, terms: list[int], first: int) -> bool:
    """Whether a sum began as a gradient that was nothing, with what it is called now: `g += d`.

    Where another term is nothing, too, it may be what is taken off: a gradient of an earlier turn.
    """
    nothing = [term for term in terms if not np.any(tape.nodes[term].value)]
    if len(nothing) != 1 or tape.nodes[nothing[0]].step >= first:
        return False
    called, now = ({(e.owner, e.short) for e in events if e.node == each} for each in (nothing[0], node))
    same = tape.nodes[nothing[0]].slot == tape.nodes[node].slot or not called.isdisjoint(now)
    names = [event.name for event in events if event.node == node]
    return same and any(claims_gradient(name) or OF_A_SUM.search(name) is not None for name in names)


def give(tape: Tape, first: int, parameters: set[int], forward: set[int]) -> None:
    """Take for given what was made of parameters before a step, as a copy of them was for a target network.

    The calls of a `forward` pass that the turn goes on from stay.
    """
    shown = set(parameters)
    for step in tape.steps[:first]:
        if step.function is None or shown.isdisjoint(step.reads):
            continue
        if shows(step):
            shown.update(step.makes)
        elif len(step.makes) == 1 and step.index not in forward:
            tape.give(step.makes[0])


def give_updated(tape: Tape, first: int, parameters: set[int]) -> None:
    """Take for given what earlier turns made of parameters: to make all of these again lets roundings grow.

    What shows the array of one that is written to, or is shown by it, keeps them one.
    """
    for node in parameters:
        step, slot = tape.steps[tape.nodes[node].step], tape.nodes[node].slot
        if not 0 < step.index < first or step.function is None or len(step.makes) != 1:
            continue
        if not is_updated(tape, node) or is_shown(tape, slot, step.index):
            continue
        made_of = step.reads
        tape.give(node)
        step.reads = made_of  # of what it was made is known as before


def is_updated(tape: Tape, node: int) -> bool:
    """Whether an update made a value, or what a copy or a decay by a factor, `w = (1 - rate) * w`, made it of."""
    inner: int | None = node
    while inner is not None:
        node, step = inner, tape.steps[tape.nodes[inner].step]
        if any(in_update(tape, step, node, read) is not None for read in tape.near(step, NEAR)):
            return True
        arrays = [read for read in step.reads if not is_plain_number(tape, read)]
        is_factor = name_of(step.function) == "multiply" and len(arrays) == 1 and arrays[0] < node
        inner = arrays[0] if is_factor else handed_over(step)
    return False


def is_shown(tape: Tape, slot: int, last: int) -> bool:
    """Whether an array shows another one, or what shows it, made up to a step, is read after that."""
    views = {
        tape.nodes[made].slot
        for step in tape.steps[: last + 1]
        if step.function is not None and shows(step) and slot in {tape.nodes[read].slot for read in step.reads}
        for made in step.makes
    }
    own = tape.steps[next(node.step for node in tape.nodes if node.slot == slot)]
    later = (read for step in tape.steps[last + 1 :] for read in step.reads)
    return (own.function is not None and shows(own)) or any(tape.nodes[read].slot in views for read in later)
