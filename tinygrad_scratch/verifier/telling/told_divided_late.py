"""A division that lacks is told where what is no gradient gets another name: `count = m > 0`, then `ds = count`."""

from __future__ import annotations

import ast

from tinygrad_scratch.verifier.causes.told_forms import same
from tinygrad_scratch.verifier.explaining.explain import SCALES, Cause
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.telling.told_difference import difference
from tinygrad_scratch.verifier.telling.told_where_bound import tell_at


def tell_divided_late(cause: Cause) -> None:
    """Tell it so, where all of what a line makes lacks the divisor, and a later one does nothing but rename it."""
    found = difference(cause) if cause.kind in SCALES else None
    if found is None or len(found.way) != 1:  # a part of the value alone
        return
    source = source_of(text_of(cause.file))
    own = source.statement_on(cause.line)
    match own, found.new:
        case ast.Assign(targets=[ast.Name(id=name)]), ast.BinOp(left=rest, op=ast.Div(), right=by) if same(
            rest, found.old
        ) and not is_gradient_name(name):
            later = (n for n in source.block_of(own) if isinstance(n, ast.Assign) and n.lineno > cause.line)
            alias = next((n for n in later if isinstance(n.value, ast.Name) and n.value.id == name), None)
        case _:
            return
    if alias is not None:
        tell_at(cause, alias, None, ast.unparse(alias.targets[0]))
        cause.expression, cause.should_be = name, f"{name} / {ast.unparse(by)}"
        cause.sentence = f"`{name}` is not divided by {ast.unparse(by)}"
