"""One number per sample that was spread along the other axis is told where it is spread: `X * d` for `X * d[:, None]`.

Where it was summed up along an axis it is told there: that axis may be kept.
"""

from __future__ import annotations

import ast

from tinygrad_scratch.verifier.causes.layout import SPREAD
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.source import replaced, right_side, statement_at, text_of
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.telling.told_where_bound import tell_at


def tell_where_spread(cause: Cause) -> None:
    """Tell it at the one later statement that reads the value, and does so once, where that has a name."""
    if SPREAD not in cause.sentence:
        return
    source = source_of(text_of(cause.file))
    own = source.statement_on(cause.line)
    match own:
        case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=value) if not keeps_axis(value):
            name = ast.unparse(target)
        case _:
            return
    later = (node for node in source.block_of(own) if node.lineno > cause.line)
    readers = [node for node in later if isinstance(node, ast.Assign) for _ in range(times_read(node.value, name))]
    if len(readers) != 1:
        return
    reader = readers[0]
    tell_at(cause, reader, None, ast.unparse(reader.targets[0]))
    cause.expression = right_side(statement_at(cause.file, cause.line))
    cause.should_be = replaced(cause.expression, name, f"{name}[:, None]")
    cause.sentence = f"`{name}` has a number for each row, and {SPREAD}: there are as many of these"


def keeps_axis(value: ast.expr) -> bool:
    """Whether a call could keep the axis that it sums up along, by `keepdims=True`."""
    return isinstance(value, ast.Call) and any(keyword.arg == "axis" for keyword in value.keywords)


def times_read(value: ast.expr, name: str) -> int:
    named = (part for part in ast.walk(value) if isinstance(part, ast.Name | ast.Attribute))
    return sum(ast.unparse(part) == name for part in named)
