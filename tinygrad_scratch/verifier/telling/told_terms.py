"""A difference of two sums, term by term: which of their terms are the same, whatever stands in brackets."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

Term = tuple[tuple[str, ...], tuple[ast.expr, ...]]  # the texts of its factors in order, and what was multiplied


def terms_apart(old: ast.AST, new: ast.AST) -> tuple[list[Term], list[Term]]:
    """The terms of two sums that are in one of them alone: what is divided as a whole is divided term by term.

    >>> old, new = (ast.parse(text, mode="eval").body for text in ("(x @ d + k * w) / n", "x @ d / n + k * w"))
    >>> [[" ".join(texts) for texts, _ in terms] for terms in terms_apart(old, new)]
    [['/n k w'], ['k w']]
    """
    one, other = list(terms_of(old)), list(terms_of(new))
    return without(one, other), without(other, one)


def without(terms: list[Term], others: list[Term]) -> list[Term]:
    left, found = Counter(texts for texts, _ in others), list[Term]()
    for texts, parts in terms:
        if left[texts]:
            left[texts] -= 1
        else:
            found.append((texts, parts))
    return found


def terms_of(node: ast.AST, texts: tuple[str, ...] = (), parts: tuple[ast.expr, ...] = ()) -> Iterator[Term]:
    """The terms of an expression, with what all of it is multiplied by, or divided."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from terms_of(left, texts, parts)
            yield from terms_of(right, texts, parts)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            yield from terms_of(left, texts, parts)
            yield from terms_of(right, with_sign(texts), parts)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            yield from terms_of(inner, with_sign(texts), parts)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            yield from terms_of(left, (*texts, f"/{ast.unparse(right)}"), parts)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            for first, ones in terms_of(left, texts, parts):
                yield from terms_of(right, first, ones)
        case ast.expr():
            yield tuple(sorted((*texts, ast.unparse(node)))), (*parts, node)


def with_sign(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text for text in texts if text != "-") if "-" in texts else (*texts, "-")
