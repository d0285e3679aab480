"""Slopes by parts: what stands in one branch of `where`, beside what stands in the other."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.reading.source import leaves
from tinygrad_scratch.verifier.rewriting.part import Part, name_of
from tinygrad_scratch.verifier.rewriting.rewrite import MADE, NAMED, Rewrite

AT_POINT = "derivative-at-wrong-point"
BY_PARTS = ("where", "maximum", "minimum")
MOST_NAMES = 20


def of_branches(part: Part) -> Iterator[Rewrite]:
    """One of the two values that `where` chooses from, times the other one, or the other one times a factor."""
    if len(part.node.args) == 3:
        one, two = part.node.args[1:]
        for lacking, other in ((two, one), (one, two)):
            said = f"`{part.source.code(lacking)}` is not multiplied by {part.source.code(other)}"
            text = f"{part.source.operand(lacking)} * {part.source.operand(other)}"
            yield part.change(text, "missing-derivative", said, NAMED, at=part.source.span(lacking))
            yield from of_left_out(part, lacking, other)


def of_left_out(part: Part, lacking: ast.expr, other: ast.expr) -> Iterator[Rewrite]:
    """What is nought in one branch is a factor times the other: `where(m, s * g, g)` for `where(m, 0, g)`."""
    if not is_constant(lacking, 0) or is_constant(other, 0):
        return
    written = "" if is_constant(other, 1) else f" * {part.source.operand(other)}"
    usual = factors_by_parts(part)
    named = [name for name in part.source.words(part.line, of_class=True).names if name not in usual]
    for tier, factors in ((NAMED, usual), (MADE, named[:MOST_NAMES])):
        for factor in factors:
            said = f"`{part.code}` is the slope of another function: `{part.source.code(lacking)}` should be `{{}}`"
            text = f"{factor}{written}"
            yield part.change(text, AT_POINT, said.format(text), tier, at=part.source.span(lacking))


def factors_by_parts(part: Part) -> list[str]:
    """What a value is multiplied by in one branch that is the value itself in the other: s of `where(m, x, s * x)`."""
    around = part.source.class_around(part.line) or part.source.tree
    found: dict[str, None] = {}
    for call in ast.walk(around):
        if isinstance(call, ast.Call) and name_of(call) in BY_PARTS and len(call.args) > 1:
            one, two = call.args[-2:]
            for alone, scaled in ((one, two), (two, one)):
                found |= dict.fromkeys(map(part.source.code, beside(scaled, alone)))
    return list(found)


def beside(product: ast.expr, factor: ast.expr) -> list[ast.AST]:
    """The one factor of a product of two beside another one; none where it is no such product."""
    parts = list(leaves(product))
    rest = [each for each in parts if ast.dump(each) != ast.dump(factor)]
    return rest if len(parts) == 2 and len(rest) == 1 else []


def is_constant(node: ast.expr, number: int) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value == number
