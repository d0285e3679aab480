"""The slope of a tanh for that of a sigmoid, and the other way round, where they are made of the results."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import Part
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, PUT_IN, Rewrite
from tinygrad_scratch.verifier.rewriting.text import factors_in


def other_slope(part: Part) -> Iterator[Rewrite]:
    """Another slope of a result for `s * (1 - s)`, `1 - t * t`, and for `1 - t`, which is none."""
    inside = isinstance(part.around, ast.BinOp) and isinstance(part.around.op, ast.Mult)
    if not isinstance(part.node, ast.BinOp) or part.in_index:
        return
    if isinstance(part.node.op, ast.Mult) and not inside:
        factors = [part.source.operand(each) for each in factors_in(part.node)]
        for code in factors:
            rest = next(
                (each for each in factors if re.fullmatch(rf"\(1(\.0?)?\s*-\s*{re.escape(code)}\)", each)), None
            )
            if rest is not None:
                others = [each for each in factors if each not in (code, rest)]
                yield at_another_point(part, " * ".join([*others, f"(1 - {code} * {code})"]))
    squared = re.fullmatch(r"1(?:\.0?)?\s*-\s*(\w+)\s*(?:\*\*\s*2|\*\s*(\w+))", part.code)
    if squared is not None and squared.group(2) in (None, squared.group(1)):
        yield at_another_point(part, f"({squared.group(1)} * (1 - {squared.group(1)}))")
    yield from squared_in(part)


def squared_in(part: Part) -> Iterator[Rewrite]:
    """`1 - t ** 2` for `1 - t`, where that is a name, an entry, or what a function gives."""
    rest = isinstance(part.node.op, ast.Sub) and re.fullmatch(r"1(?:\.0?)?", part.source.code(part.node.left))
    if rest and isinstance(part.node.right, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
        one, inner = part.source.code(part.node.left), part.source.code(part.node.right)
        said = f"`{part.code}` is the slope of no function: {inner} should be squared"
        yield part.change(f"{one} - {inner} ** 2", "derivative-at-wrong-point", said, PUT_IN)


def at_another_point(part: Part, text: str) -> Rewrite:
    said = f"`{part.code}` is the slope of another function: `{text}` is meant"
    return part.change(text, "derivative-at-wrong-point", said, NAMED)
