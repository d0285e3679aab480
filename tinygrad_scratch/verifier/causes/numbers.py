"""A number in the place of a value, a value in the place of a number, and a number that is lacking."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.causes.candidates import by_name
from tinygrad_scratch.verifier.causes.factors import factor_found
from tinygrad_scratch.verifier.causes.lacking import Position, slopes_of_operands
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.causes.single import LAID_OUT, USUAL
from tinygrad_scratch.verifier.reading.source import replaced, with_operand
from tinygrad_scratch.verifier.recording.edits import (
    Edit,
    PlaceOf,
    WithArgument,
    is_filled,
    name_of,
    then,
    times,
    with_changed,
    with_number,
)
from tinygrad_scratch.verifier.recording.steps import Step

VALUE = re.compile(r"[\w.]+(?:\[[^\]]*\])*")
ENTRY_BY_ENTRY = ("add", "subtract", "multiply", "divide", "power")


def number_for_value(region: Region) -> Iterator[Finding]:
    """A plain number beside an array, where another array is due: `y - count` for `y - goal`."""
    for step, turns in region.sites():
        if name_of(step.function) not in ("add", "subtract") or not step.makes:  # in a product it is a factor
            continue
        for place, part in enumerate(step.arguments):
            number = region.case.constant_value(part)
            if number is None:
                continue
            for name, nodes in by_name(region, turns, any_value=True):
                if np.shape(region.values[nodes[-1]]) != np.shape(region.values[step.makes[0]]):
                    continue
                changes: dict[int, Edit] = {
                    s.index: WithArgument(place, region.values, node) for s, node in zip(turns, nodes, strict=True)
                }
                if region.gives_truth(changes):
                    said = f"the number {number:g} in `{region.code(step)}` should be {name}"
                    yield Finding("wrong-operand", said, step, None, changes)
                    return


def one_left_out(region: Region) -> Iterator[Finding]:
    """An operand from which 1 is to be taken, or to which it is to be added: `p` for `p - 1`."""
    influence = slopes_of_operands(region)
    for step, turns, place in influence.operands if region.truth.size > 2 else ():
        position = Position.of(region, influence, turns, place)
        ones = sum(float(np.sum(slope)) for slope in position.slopes) if position else 0.0
        if position is None or not ones or abs(abs(position.missing / ones) - 1) > 1e-6:
            continue
        sign = 1.0 if position.missing / ones > 0 else -1.0
        changes: dict[int, Edit] = {s.index: with_changed(place, plus(sign)) for s in turns}
        if all(h.size > 1 for h in position.held) and region.gives_truth(changes):
            node = position.nodes[turns.index(step)]
            name, code = region.operand(step, place, node), region.code(step)
            sum_ = f"{name} {'+' if sign > 0 else '-'} 1"
            text = with_operand(code, place, name, f"({sum_})") if isinstance(place, int) else None
            should = region.rewritten(step, text) if text else None
            is_path = VALUE.fullmatch(name) and f"1-{name}" not in code.replace(" ", "")  # `1 + gate`, and no slope
            kind = "missing-term" if sign < 0 or is_path else "missing-derivative"  # `p - 1`: less a target
            yield Finding(kind, f"{name} lacks a term: it should be {sum_}", step, should, changes)
            return


def plus(number: float) -> Callable[[Any], Any]:
    return lambda held: held + number


def value_for_number(region: Region) -> Iterator[Finding]:
    """An array where a number is due, the same one for all entries."""
    influence = slopes_of_operands(region)
    for step, turns, place in influence.operands if region.truth.size > 2 else ():
        position = Position.of(region, influence, turns, place)
        if position is None or name_of(step.function) not in ENTRY_BY_ENTRY or not isinstance(place, int):
            continue
        ones = sum(float(np.sum(slope)) for slope in position.slopes)
        number = (position.missing + position.before) / ones if ones else 0.0
        changes: dict[int, Edit] = {s.index: with_number(place, number) for s in turns}
        if number and all(h.size > 1 for h in position.held) and region.gives_truth(changes):
            name, code = region.operand(step, place, position.nodes[turns.index(step)]), region.code(step)
            text = with_operand(code, place, name, f"{number:.6g}") or replaced(code, name, f"{number:.6g}")
            should = region.rewritten(step, text) if text else None
            yield Finding("wrong-operand", f"{name} should be a number, {number:.6g}", step, should, changes)
            return


def lacks_number(region: Region) -> Iterator[Finding]:
    """A call, or one term of a sum, that is to be multiplied by a usual number: one reverse walk tells by which."""
    known = {*USUAL, *numbers_of_forward(region)}
    numbers = (*region.case.factors, *known, *(1 / number for number in known))
    for step, turns, factor, edit in by_number(region):
        number = min(numbers, key=lambda known: abs(known - factor))
        changes = {s.index: edit(number) for s in turns}
        if abs(number) != 1 and abs(number - factor) < 1e-6 * abs(number) and region.gives_truth(changes):
            found = factor_found(region, number, step)
            found.changes, found.made_up = changes, True
            found.sentence = f"`{region.code(step)}`: {found.sentence}"
            yield found


def numbers_of_forward(region: Region) -> Iterator[float]:
    """The plain numbers that values of the forward pass are multiplied by, which are in their derivatives, too."""
    for step in {id(s): s for s in map(region.case.step_of, region.case.forward)}.values():
        if name_of(step.function) in ("multiply", "divide") and isinstance(step.arguments, tuple):
            values = (region.case.constant_value(part) for part in step.arguments)
            yield from (abs(value) for value in values if value)


def by_number(region: Region) -> Iterator[tuple[Step, list[Step], float, Callable[[float], Edit]]]:
    """The calls, and the terms of sums, with the number by which each is to be multiplied, and how that is done."""
    slopes, influence = region.foreseen.slopes, slopes_of_operands(region)
    for step, turns in region.sites() if slopes else ():
        if step.result is not None and not is_filled(step) and name_of(step.function) not in LAID_OUT:
            made = [node for s in turns for node in s.makes if node in slopes]
            total = sum(float(np.vdot(slopes[node], region.values[node])) for node in made)
            # where one turn follows from another, a factor enters more than once
            factors = (2.0, 0.5) if len(turns) > 1 else (1 + influence.missing / total,) if total else ()
            yield from ((step, turns, factor, lambda number: then(times(number))) for factor in factors)
    for step, turns, place in influence.operands:
        position = Position.of(region, influence, turns, place)
        if position is not None and name_of(step.function) in ("add", "subtract") and position.before:
            factor = 1 + position.missing / position.before
            yield step, turns, factor, partial(operand_times, place)


def operand_times(place: PlaceOf, number: float) -> Edit:
    return with_changed(place, times(number))
