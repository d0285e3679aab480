"""A number in the place of a value, and a value in the place of a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.causes.lacking import Position, slopes_of_operands
from tinygrad_scratch.verifier.causes.operands import by_name
from tinygrad_scratch.verifier.edits import Edit, PlaceOf, WithArgument, name_of, with_changed, with_number
from tinygrad_scratch.verifier.region import Finding, Region, replaced
from tinygrad_scratch.verifier.source import operand_in, with_operand
from tinygrad_scratch.verifier.tape import Step

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
        position = Position.of(region, influence, step, turns, place)
        ones = position.along([np.ones_like(held) for held in position.held]) if position else 0.0
        if position is None or not ones or abs(abs(position.missing / ones) - 1) > 1e-6:
            continue
        sign = 1.0 if position.missing / ones > 0 else -1.0
        changes: dict[int, Edit] = {s.index: with_changed(place, plus(sign)) for s in turns}
        if all(h.size > 1 for h in position.held) and region.gives_truth(changes):
            node = position.nodes[turns.index(step)]
            name, code = written(region, step, place, node), region.code(step)
            sum_ = f"{name} {'+' if sign > 0 else '-'} 1"
            text = with_operand(code, place, name, f"({sum_})") if isinstance(place, int) else None
            should = region.rewritten(step, text) if text else None
            yield Finding("missing-term", f"{name} lacks a term: it should be {sum_}", step, should, changes)
            return


def plus(number: float) -> Callable[[Any], Any]:
    return lambda held: held + number


def value_for_number(region: Region) -> Iterator[Finding]:
    """An array where a number is due, the same one for all entries."""
    influence = slopes_of_operands(region)
    for step, turns, place in influence.operands if region.truth.size > 2 else ():
        position = Position.of(region, influence, step, turns, place)
        if position is None or name_of(step.function) not in ENTRY_BY_ENTRY or not isinstance(place, int):
            continue
        ones = position.along([np.ones_like(held) for held in position.held])
        number = (position.missing + position.along(position.held)) / ones if ones else 0.0
        changes: dict[int, Edit] = {s.index: with_number(place, number) for s in turns}
        if number and all(h.size > 1 for h in position.held) and region.gives_truth(changes):
            name, code = written(region, step, place, position.nodes[turns.index(step)]), region.code(step)
            text = with_operand(code, place, name, f"{number:.6g}") or replaced(code, name, f"{number:.6g}")
            should = region.rewritten(step, text) if text else None
            yield Finding("wrong-operand", f"{name} should be a number, {number:.6g}", step, should, changes)
            return


def written(region: Region, step: Step, place: PlaceOf, node: int) -> str:
    """An operand as it stands in the text, or what it is called."""
    code = region.code(step)
    found = operand_in(code, place) if isinstance(place, int) else None
    return code[slice(*found)] if found else region.name(node)
