"""The rates that updates name: each layer may learn at a speed of its own."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tinygrad_scratch.verifier.edits import name_of
from tinygrad_scratch.verifier.source import statement_at

if TYPE_CHECKING:
    from tinygrad_scratch.verifier.case import Case
    from tinygrad_scratch.verifier.pairing import Final


def rate_named(case: Case, final: Final) -> tuple[str, float | None]:
    """What the change in an update begins with, such as `rates[1]` in `w -= rates[1] * x.T @ d`, and its number.

    The number is unknown where what it is multiplied by was not recorded.
    """
    place = case.place_of(final.node)
    if place is None:
        return "", None
    name, here = begin_of_change(statement_at(place.file, place.line)), (place.file, place.line)
    steps = [step for step in case.tape.steps if step.place and (step.place.file, step.place.line) == here]
    products = [step for step in steps if name_of(step.function) == "multiply"]
    numbers = (case.constant_value(part) for step in products for part in step.arguments)
    return name, next((abs(number) for number in numbers if isinstance(number, float) and number), None)


def begin_of_change(statement: str) -> str:
    """The first factor of what an update takes off or adds, where that is a name.

    >>> begin_of_change("w -= rates[1] * x.T @ d"), begin_of_change("w = w + slow * g"), begin_of_change("w -= 2 * g")
    ('rates[1]', 'slow', '')
    """
    try:
        node = ast.parse(statement.strip()).body[0]
    except (SyntaxError, IndexError):
        return ""
    match node:
        case ast.AugAssign(op=ast.Add() | ast.Sub(), value=change):
            first = change
        case ast.Assign(value=ast.BinOp(op=ast.Add() | ast.Sub(), right=change)):
            first = change
        case _:
            return ""
    while isinstance(first, ast.BinOp | ast.UnaryOp):
        first = first.left if isinstance(first, ast.BinOp) else first.operand
    return ast.unparse(first) if isinstance(first, ast.Name | ast.Attribute | ast.Subscript) else ""
