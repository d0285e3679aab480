"""A factor, or a divisor, of one term alone, where brackets make it one of all of a sum; and where they are due."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.rewriting.part import Part
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, Rewrite, kind_of_divisor, kind_of_factor, kind_of_term
from tinygrad_scratch.verifier.rewriting.text import factors_in


def out_of_brackets(part: Part) -> Iterator[Rewrite]:
    """`a / n + b` and `a + b / n` for `(a + b) / n`."""
    node = part.node
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult | ast.Div) or part.in_index:
        return
    divided = isinstance(node.op, ast.Div)
    for total, factor in ((node.left, node.right), *(() if divided else ((node.right, node.left),))):
        if not isinstance(total, ast.BinOp) or not isinstance(total.op, ast.Add | ast.Sub):
            continue
        sides, by = [as_term(part, side) for side in (total.left, total.right)], part.source.operand(factor)
        sign, way = "-" if isinstance(total.op, ast.Sub) else "+", "/" if divided else "*"
        kind = kind_of_divisor(by) if divided else kind_of_factor(by)
        for i, other in ((0, 1), (1, 0)):
            terms, own = list(sides), part.source.operand((total.left, total.right)[i])
            terms[i] = f"{own} {way} {by}" if divided or total is node.left else f"{by} * {own}"
            of_penalty = kind_of_term(sides[other]) == "regularisation"
            text = f" {sign} ".join(terms)
            said = f"`{sides[other]}` is not to be {'divided' if divided else 'multiplied'} by {by}"
            told = "regularisation" if of_penalty else kind
            yield part.change(text if part.is_whole else f"({text})", told, said, NAMED)


def into_brackets(part: Part) -> Iterator[Rewrite]:
    """`2 * (a - b)` for `2 * a - b`, and `(a - b) / n` for `a - b / n`."""
    node = part.node
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add | ast.Sub) or part.in_index:
        return
    sign, code = "-" if isinstance(node.op, ast.Sub) else "+", part.source.operand
    for inner in (node.left, node.right):
        if not isinstance(inner, ast.BinOp) or not isinstance(inner.op, ast.Mult | ast.Div):
            continue
        divided = isinstance(inner.op, ast.Div)
        before = inner is node.left and not divided
        factors = [inner.left, inner.right] if divided else factors_in(inner)
        factor, rest = (factors[0], factors[1:]) if before else (factors[-1], factors[:-1])
        if not divided and not is_number_or_rate(part, factor):
            continue  # a product of two values is a term of its own
        term = " * ".join(map(code, rest)) if len(rest) > 1 else code(rest[0])
        one, other = (term, code(node.right)) if inner is node.left else (code(node.left), term)
        total = f"({one} {sign} {other})"
        text = f"{code(factor)} * {total}" if before else f"{total} {'/' if divided else '*'} {code(factor)}"
        kind = kind_of_divisor(code(factor)) if divided else kind_of_factor(code(factor))
        said = f"brackets are missing: `{part.code}` should be `{text}`"
        yield part.change(text if part.is_whole else f"({text})", kind, said)


def is_number_or_rate(part: Part, node: ast.expr) -> bool:
    """Whether a factor is a plain number: one that is written out, or a rate by its name."""
    code = part.source.code(node)
    return isinstance(node, ast.Constant) or RATE.match(code.rpartition(".")[2]) is not None


def power_of_term(part: Part) -> Iterator[Rewrite]:
    """`a - b ** n` for `(a - b) ** n`."""
    match part.node:
        case ast.BinOp(
            left=ast.BinOp(left=one, op=ast.Add() | ast.Sub() as op, right=other), op=ast.Pow(), right=power
        ):
            sign, by = "-" if isinstance(op, ast.Sub) else "+", part.source.operand(power)
            text = f"{part.source.code(one)} {sign} {part.source.operand(other)} ** {by}"
            said = f"{part.source.code(other)} alone should be raised to the power {by}: `{text}`"
            yield part.change(text if part.is_whole else f"({text})", "missing-derivative", said)


def as_term(part: Part, side: ast.expr) -> str:
    """The code of a side of a sum, in brackets where it needs them."""
    of_product = isinstance(side, ast.BinOp) and not isinstance(side.op, ast.Add | ast.Sub)
    return part.source.code(side) if of_product else part.source.operand(side)
