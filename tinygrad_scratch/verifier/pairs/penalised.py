"""What a gradient adds that only its parameter went into: where nobody said what the loss is, that of a penalty."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.pairs.gradients import JOINING, SHAPING
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.references import with_arrays
from tinygrad_scratch.verifier.recording.steps import VIEWING, Array, Step, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape

TAKING = {"getitem", "take"}
ADDING = (
    {"add", "subtract", "negative", "multiply", "divide", "sum", "mean", "setitem", "at"} | TAKING | JOINING | SHAPING
)
MOST = 500
KINKS = {"absolute", "fabs", "norm", "sqrt"}
ROUNDING = 1e-9


def penalty_in(
    tape: Tape, parents: dict[int, set[int]], gradient: int, parameter: int, others: Iterable[int]
) -> Array | None:
    """The part of a gradient that was computed from the parameter alone, and numbers, and no other parameter."""
    found = own_parts(tape, parents, gradient, parameter, others)
    if not found:
        return None
    without = tape.replay(found)[gradient]
    part: Array = tape.nodes[gradient].value - without
    return part if np.any(part) else None


def own_parts(
    tape: Tape, parents: dict[int, set[int]], gradient: int, parameter: int, others: Iterable[int]
) -> dict[int, Array]:
    """The values that a gradient adds and only its parameter went into, each with noughts to put in its place."""
    found: dict[int, Array] = {}
    alone = made_of_alone(tape, parents, [parameter], others)
    waiting, seen = [gradient], {parameter}
    while waiting and len(seen) < MOST:
        node = waiting.pop(0)  # what is added last is near
        name = name_of(tape.steps[tape.nodes[node].step].function)
        if node in seen or node < parameter:  # in an earlier turn it was made of what the parameter was then
            continue
        seen.add(node)
        if node in alone:
            adds = tape.nodes[node].value.dtype.kind == "f"  # a mask, or an index, chooses what is added
            if adds and name in VIEWING | TAKING:  # what shows the parameter can't be another value for a while
                waiting += parents[node]
            elif adds:
                found[node] = np.zeros_like(tape.nodes[node].value)
        elif name in ADDING:
            waiting += parents[node]
    found.pop(gradient, None)
    return found


def without_own_parts(
    tape: Tape, gradients: list[tuple[int, int]], plain: dict[int, Any], again: Callable[[dict[int, Array]], Any]
) -> list[Any]:
    """Gradients, each paired with its parameter, without what only that went into; None where no run tells.

    `plain` is the run as it is, and `again` makes one with other values for some.
    """
    parents, found = tape.parents(), []
    others = [parameter for _, parameter in gradients]
    for gradient, parameter in gradients:
        parts = own_parts(tape, parents, gradient, parameter, others)
        found.append((again(parts) if parts else plain).get(gradient))
    return found


def made_of_alone(
    tape: Tape, parents: dict[int, set[int]], parameters: list[int], others: Iterable[int] = ()
) -> set[int]:
    """The values that parameters went into, and no others and no data: nothing but numbers, ones and zeros."""
    found, free = held_by(tape, parameters), without_data(tape, parents, parameters, others)
    for node in tape.nodes:
        if node.number in free and not found.isdisjoint(parents[node.number]):
            found.add(node.number)
    return found


def without_data(
    tape: Tape, parents: dict[int, set[int]], parameters: list[int], others: Iterable[int] = ()
) -> set[int]:
    """The values that no data went into: only parameters did, and numbers, ones and zeros, and no others."""
    found = held_by(tape, parameters)
    apart = {tape.nodes[other].slot for other in others if other not in parameters}
    for node in tape.nodes:
        if node.slot in apart:
            free = False
        elif tape.steps[node.step].function is None:
            free = node.value.size == 1 or is_mask(node.value)
        else:
            free = parents[node.number] - places_in(tape, tape.steps[node.step]) <= found
        if free:
            found.add(node.number)
    return found


def held_by(tape: Tape, parameters: list[int]) -> set[int]:
    """What the arrays of parameters held, up to the last of these, and entries that were taken of them later.

    An update may have made the former of data. Of the latter, only those count that no update had come to by then.
    """
    first = {tape.nodes[parameter].slot: tape.nodes[parameter].value for parameter in parameters}
    last = max(parameters, default=-1)
    versions = {node.number for node in tape.nodes if node.slot in first}
    found, later = {node for node in versions if node <= last}, {node for node in versions if node > last}
    for step in tape.steps if later else ():
        if step.reads[:1] and step.reads[0] in later and name_of(step.function) == "getitem":
            before, taken = first[tape.nodes[step.reads[0]].slot], tape.nodes[step.makes[0]].value
            held = {tape.nodes[read].slot: tape.nodes[read].value for read in step.reads}
            if np.array_equal(before[with_arrays(step.arguments[1], held)], taken):
                found.add(step.makes[0])
    return found


def places_in(tape: Tape, step: Step) -> set[int]:
    """The whole numbers that say which entries a call takes, or adds to: no data go into what it gives by these."""
    name = name_of(step.function)
    reads = step.reads[1:] if name in TAKING else step.reads[:1] if name == "bincount" else ()
    return {read for read in reads if tape.nodes[read].value.dtype.kind in "iu"}


def beside_kinks(tape: Tape, loss: int, penalties: set[int]) -> int:
    """The number that penalties with a kink, as of absolute values, were added to; itself where none were."""
    parents = tape.parents()
    while True:
        step = tape.steps[tape.nodes[loss].step]
        reads = step.reads if name_of(step.function) == "add" else ()
        kinks = [read for read in reads if read in penalties and has_kink(tape, ancestors(parents, [read]) & penalties)]
        others = [read for read in reads if read not in kinks and tape.nodes[read].value.size == 1]
        if not kinks or len(others) != 1:
            return loss
        loss = others[0]


def has_kink(tape: Tape, nodes: set[int]) -> bool:
    """Whether some values are absolute ones or roots, and are not squared."""
    made = {node: tape.steps[tape.nodes[node].step] for node in nodes}
    squares = (step for step in made.values() if name_of(step.function) in ("square", "power"))
    squared = {read for step in squares for read in step.reads}
    return any(name_of(step.function) in KINKS and node not in squared for node, step in made.items())


def is_mask(value: Array) -> bool:
    return bool(np.all((value == 0) | (value == 1)))


def strength(part: Array, weights: Array) -> Array | None:
    """By how much each entry is pulled to 0; None where any is pushed away from it, as no penalty does."""
    if part.shape != weights.shape or np.any(part * weights < 0) or np.any(part[weights == 0]):
        return None
    found: Array = part / np.where(weights == 0, 1, weights)
    return found


def adds_penalty(one: list[Array], other: list[Array], weights: list[Array]) -> bool:
    """Whether the gradients of another loss are those of one with what pulls each weight to 0, and no other part.

    A number that depends on none of the weights has no gradients, and a weight of 0 nothing pulls.
    """
    pulls = False
    if not any(map(np.any, other)):
        return False
    for part, whole, values in zip(one, other, weights, strict=True):
        pull = (whole - part) * values
        largest = max(np.max(np.abs(each), initial=0.0) for each in (part, whole))
        size = largest * np.max(np.abs(values), initial=0.0)
        moves_noughts = np.abs((whole - part)[values == 0]) > ROUNDING * largest
        if np.any(pull < -ROUNDING * size) or np.any(moves_noughts):
            return False
        pulls = pulls or bool(np.any(pull > ROUNDING * size))
    return pulls
