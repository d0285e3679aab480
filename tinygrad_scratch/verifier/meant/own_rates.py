"""The rates that updates name: each layer may learn at a speed of its own."""

from __future__ import annotations

import ast
import math
from dataclasses import replace

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.names import without_holder
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.source import statement_at
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import claims_gradient
from tinygrad_scratch.verifier.recording.recorded import Recorded, record


def without_own_rates(case: Case) -> dict[int, Final]:
    """The gradients in steps that each have a rate of their own, by the numbers of the steps; none where one has none.

    A step by another rate than the others is no other multiple of a gradient than theirs are.
    """
    rates = [rate_named(case, final) for final in case.finals]
    names = {name for name, number in rates if name and number}
    steps = [(final, number) for final, (_, number) in zip(case.finals, rates, strict=True) if number]
    if len(names) < 2 or len(steps) < len(rates) or any(final.by != "update" for final in case.finals):
        return {}
    found = {}
    for final, number in steps:
        step = Recorded(case.tape, case.tape.nodes[final.node].value, case.tape.nodes[final.node].slot)
        if step.node != final.node:  # written to since
            return {}
        gradient = record(case.tape, np.divide, (step, number), {}).node
        case.tape.steps[-1].place = case.place_of(final.node)
        found[final.node] = replace(final, node=gradient)
    return found


def rate_named(case: Case, final: Final) -> tuple[str, float | None]:
    """What the change in an update begins with, such as `rates[1]` in `w -= rates[1] * x.T @ d`, and its number.

    The number is unknown where what it is multiplied by was not recorded.
    """
    place = case.place_of(final.node)
    if place is None:
        return "", None
    name, here = begin_of_change(statement_at(place.file, place.line)), (place.file, place.line)
    if any(case.tape.nodes[event.node].value.size > 1 for event in case.events if event.name == name):
        return "", None  # the gradient itself, of which each has one of its own
    steps = [step for step in case.tape.steps if step.place and (step.place.file, step.place.line) == here]
    products = [step for step in steps if name_of(step.function) == "multiply"]
    numbers = ([case.constant_value(part) for part in step.arguments] for step in products)
    known = ([number for number in each if isinstance(number, float)] for each in numbers)  # `5 * lr` is a product, too
    return name, next((abs(number) for each in known if each and (number := math.prod(each))), None)


def begin_of_change(statement: str) -> str:
    """The first factor of what an update takes off or adds, where that is a name, or so many times a rate.

    >>> begin_of_change("w -= rates[1] * x.T @ d"), begin_of_change("w = w + slow * g"), begin_of_change("w -= 2 * g")
    ('rates[1]', 'slow', '')
    >>> begin_of_change("w -= 5 * lr * g"), begin_of_change("g = dw + a * w"), begin_of_change("g = x.sum(0) + a * w")
    ('5 * lr', '', '')
    """
    try:
        node = ast.parse(statement.strip()).body[0]
    except (SyntaxError, IndexError):
        return ""
    match node:
        case ast.AugAssign(target=before, op=ast.Add() | ast.Sub(), value=change):
            first = change
        case ast.Assign(value=ast.BinOp(left=before, op=ast.Add() | ast.Sub(), right=change)):
            first = change
        case _:
            return ""
    is_name = isinstance(before, ast.Name | ast.Attribute | ast.Subscript)
    if not is_name or claims_gradient(ast.unparse(before)):  # a gradient that is a sum, as with a penalty
        return ""
    while isinstance(first, ast.BinOp | ast.UnaryOp):
        match first:
            case ast.BinOp(left=ast.Constant(), op=ast.Mult(), right=ast.Name() | ast.Attribute() as rate):
                return ast.unparse(first) if RATE.match(without_holder(ast.unparse(rate))) else ""
        first = first.left if isinstance(first, ast.BinOp) else first.operand
    return ast.unparse(first) if isinstance(first, ast.Name | ast.Attribute | ast.Subscript) else ""
