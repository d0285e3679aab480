"""Updates of a parameter part by part: of its entries in a loop, of its rows, or of all of them through an index."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.recording.edits import is_literal, name_of
from tinygrad_scratch.verifier.recording.references import Ref, with_arrays
from tinygrad_scratch.verifier.recording.steps import Step
from tinygrad_scratch.verifier.recording.tape import Tape

SIGNS = {"subtract": 1, "add": -1}


@dataclass(frozen=True)
class Part:
    """One such update: the array before it, what was taken off some entries, and 1; -1 where it was added.

    The index of the entries is known where they were taken out of the array itself.
    """

    before: int
    change: int
    sign: int
    place: Place | None
    index: Any = None


def parts_between(tape: Tape, before: int, after: int) -> list[Part]:
    """The updates that made one content of an array of an earlier one; none where something else did, too."""
    found: list[Part] = []
    while after != before:
        part = part_written(tape, after)
        if part is None or part.before < before:
            return []
        found.append(part)
        after = part.before
    return found[::-1]


def again_and_again(
    tape: Tape, first: int, later: list[int], change_in: Callable[[int, int], tuple[int, int] | None]
) -> tuple[list[Part], int] | None:
    """The updates of a whole array that one line made in a loop, with what came of them; None of a single one.

    Nothing else read the array between them: each adds the gradient of a sample, and all of them are one step.
    """
    parts: list[Part] = []
    before = first
    for after in later:
        change = change_in(after, before) if after > before else None
        place = step_of(tape, after).place
        if change is None:
            continue
        if parts and (place != parts[0].place or is_read_beside(tape, before, after)):
            break
        parts.append(Part(before, *change, place))
        before = after
    return (parts, before) if len(parts) > 1 else None


def is_read_beside(tape: Tape, node: int, after: int) -> bool:
    """Whether something else read a value than the step that made another one of it."""
    return any(after not in tape.steps[index].makes for index in tape.readers().get(node, ()))


def part_written(tape: Tape, after: int) -> Part | None:
    """The update of some entries that made a content of an array: `w[i] -= c`, `w[i] = w[i] - c`, `np.add.at`."""
    step, slot = step_of(tape, after), tape.nodes[after].slot
    if name_of(step.function) == "at" and len(step.reads) > 1:
        sign = SIGNS.get(name_of(getattr(step.function, "__self__", None)))
        held = array_of(tape, step.reads[0], slot)
        if sign is None or held is None:
            return None
        return Part(held, step.reads[-1], sign, step.place, index_of(tape, step, slot))
    stored = step if name_of(step.function) == "setitem" else None
    summed = step if stored is None else step_of(tape, step.reads[-1])
    sign, reads = SIGNS.get(name_of(summed.function)), summed.reads
    if sign is None or len(reads) != 2:
        return None
    for old, change in (reads, reads[::-1]) if sign < 0 else (reads,):
        taken = step_of(tape, old)
        if name_of(taken.function) != "getitem":
            continue
        in_place = stored is None or stored.reads[0] in summed.makes  # `w[i] -= c` of what is a view
        if not in_place and stored is not None and not is_put_back(taken, stored):
            continue
        array = array_of(tape, old, slot)
        if array is not None:
            return Part(array, change, sign, step.place, index_of(tape, taken, slot))
    return None


def index_of(tape: Tape, step: Step, slot: int) -> Any:
    """The index by which a call takes entries of an array, with arrays for what stands for them."""
    if tape.nodes[step.reads[0]].slot != slot:
        return None
    return with_arrays(step.arguments[1], {tape.nodes[n].slot: tape.nodes[n].value for n in step.reads})


def rate_in(tape: Tape, parts: list[Part], is_rate: Callable[[int], bool]) -> float:
    """The number that all changes are some gradient times: what is called a rate, or the plain numbers in all of them.

    Its sign is that of the updates where all of them add.
    """
    signs = {part.sign for part in parts}
    sign = signs.pop() if len(signs) == 1 else 1
    factors = [dict(numbers_in(tape, part.change, is_rate)) for part in parts]
    common = {key: number for key, number in factors[0].items() if all(key in other for other in factors)}
    rates = [number for (node, _), number in common.items() if node >= 0 and is_rate(node)]
    return sign * math.prod(rates[:1] or (abs(number) for number in common.values()))


def numbers_in(tape: Tape, change: int, is_rate: Callable[[int], bool]) -> Iterator[tuple[tuple[int, float], float]]:
    """The plain numbers that a product has as factors: rates, as given or as computed, other values, and literals."""
    waiting = [change]
    while waiting:
        step = step_of(tape, waiting.pop())
        name = name_of(step.function)
        if name not in ("multiply", "divide", "negative"):
            continue
        rates = [read for read in step.reads if tape.nodes[read].value.size == 1 and is_rate(read)]
        waiting += step.reads[:1] if name == "divide" else [read for read in step.reads if read not in rates]
        for read in step.reads if name == "multiply" else ():
            value, made = tape.nodes[read].value, step_of(tape, read)
            given = made.reads[0] if name_of(made.function) == "negative" and made.reads else read  # as in `-rate * g`
            is_number = value.size == 1 and bool(np.any(value))
            if is_number and (read in rates or is_rate(given) or step_of(tape, given).function is None):
                yield (given, 0.0), float(value.reshape(-1)[0])
        for literal in step.arguments[:2]:
            if is_literal(literal) and literal:
                number = literal if name == "multiply" else 1 / literal
                yield (-1, number), number


def step_of(tape: Tape, node: int) -> Step:
    return tape.steps[tape.nodes[node].step]


def array_of(tape: Tape, node: int, slot: int) -> int | None:
    """What an array held when a part of it was taken, or a part of a part."""
    while tape.nodes[node].slot != slot:
        step = step_of(tape, node)
        if name_of(step.function) not in ("getitem", "reshape", "ravel", "T", "transpose"):
            return None
        node = step.reads[0]
    return node


def is_put_back(taken: Step, stored: Step) -> bool:
    """Whether a value is stored where another one was taken from."""
    return stored.reads[0] == taken.reads[0] and are_same(taken.arguments[1], stored.arguments[1])


def are_same(one: Any, other: Any) -> bool:
    """Whether two indices are the same."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(are_same, one, other))
    if isinstance(one, Ref) or isinstance(other, Ref):
        return bool(one == other)
    return type(one) is type(other) and bool(np.array_equal(one, other))
