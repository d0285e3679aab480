"""The gradient in a step that is more than a multiple of it: a mix of several along a way, or products of matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from tinygrad_scratch.verifier.pairs.update_steps import inside
from tinygrad_scratch.verifier.recording.edits import OF_MATRICES, name_of
from tinygrad_scratch.verifier.recording.steps import ancestors
from tinygrad_scratch.verifier.recording.tape import Tape

MOVING = "setitem", "getitem", "flip", "roll", "take", "clip", "minimum", "maximum"  # what slips do, or clipping
MOST_VALUES = 200


def first_on_way(tape: Tape, node: int, parameter: int) -> tuple[int, int] | None:
    """The first gradient in a sum of several, each where the one before moved the parameter, as Runge and Kutta do.

    One call made all of them, each of those before it. With it comes the sign that it has in the sum.
    """
    terms = list(terms_of(tape, node, 1))
    order = sorted(set(terms))
    places = {tape.steps[tape.nodes[term].step].place for term, _ in order}
    if len(order) < 2 or len(order) > MOST_VALUES or len(places) > 1 or None in places:
        return None
    parents = tape.parents()
    moves = [step for step in tape.steps if name_of(step.function) in ("add", "subtract") and parameter in step.reads]

    def leads(one: int, other: int) -> bool:
        behind = ancestors(parents, [other])
        return any(behind.issuperset(move.makes) and one in ancestors(parents, move.reads) for move in moves)

    return order[0] if all(leads(one, other) for (one, _), (other, _) in pairwise(order)) else None


def terms_of(tape: Tape, node: int, sign: int) -> Iterator[tuple[int, int]]:
    """The terms of a sum of arrays without the numbers that they are multiplied by, each with its sign."""
    waiting = [(node, sign)]
    for _ in range(MOST_VALUES):
        if not waiting:
            return
        here, sign = waiting.pop()
        step = tape.steps[tape.nodes[here].step]
        inner = inside(tape, here)
        if name_of(step.function) in ("add", "subtract") and len(step.reads) == 2:
            turned = -sign if name_of(step.function) == "subtract" else sign
            waiting += [(step.reads[0], sign), (step.reads[1], turned)]
        elif inner is not None:
            waiting.append((inner[0], sign * inner[1]))
        else:
            yield here, sign


def in_products(tape: Tape, node: int, is_gradient: Callable[[int], bool]) -> int | None:
    """The gradient that an array is made of alone, by products of matrices, as one that is made orthogonal is.

    Beside it are numbers, multiples of the identity, and what such gradients of turns before left.
    """
    waiting, seen, found, by_product = [node], set[int](), set[int](), False
    while waiting:
        here = waiting.pop()
        step, value = tape.steps[tape.nodes[here].step], tape.nodes[here].value
        if here in seen or value.size == 1:
            continue
        seen.add(here)
        if is_gradient(here):
            found.add(here)
            continue
        name = name_of(step.function)
        if step.function is None and not is_identity(value):
            return None
        arrays = [read for read in step.reads if tape.nodes[read].value.size > 1]
        if len(seen) > MOST_VALUES or name in MOVING or (name == "multiply" and len(arrays) > 1):
            return None
        by_product = by_product or (name in OF_MATRICES and bool(arrays))
        waiting += arrays
    places = {tape.steps[tape.nodes[each].step].place for each in found}
    last = max(found, default=-1)
    same = last >= 0 and len(places) == 1 and tape.nodes[last].value.shape == tape.nodes[node].value.shape
    return last if same and by_product else None


def is_identity(value: np.ndarray) -> bool:
    """Whether an array is noughts, or so many times the identity."""
    if not np.any(value):
        return True
    square = value.ndim == 2 and value.shape[0] == value.shape[1]
    return square and np.array_equal(value, value[0, 0] * np.eye(len(value)))
