"""What a statement and what it should be differ in: the innermost part that is another."""

from __future__ import annotations

import ast

from tinygrad_scratch.verifier.causes.told_forms import (
    Difference,
    marks,
    parts,
    same,
)
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.source import parsed, statement_at


def difference(cause: Cause) -> Difference | None:
    """What a statement and what it should be differ in; None where that is not known, or is no value."""
    right = parsed(cause.should_be or "")
    for text in (cause.expression, statement_at(cause.file, cause.line)):
        written = parsed(text)
        if written is None or right is None:
            continue
        if not isinstance(right, ast.Expr):
            if type(written) is type(right):
                return apart(written, right, ())
        elif (value := getattr(written, "value", None)) is not None:
            return apart(value, right.value, (written,))
    return None


def apart(one: ast.AST, other: ast.AST, way: tuple[ast.AST, ...]) -> Difference | None:
    """The innermost part that is another; None where nothing is."""
    pairs = [(a, b) for a, b in zip(parts(one), parts(other), strict=False) if not same(a, b)]
    alike = type(one) is type(other) and len(parts(one)) == len(parts(other)) and marks(one) == marks(other)
    if alike and len(pairs) == 1:
        return apart(*pairs[0], (*way, one))
    return None if same(one, other) else Difference(one, other, way)
