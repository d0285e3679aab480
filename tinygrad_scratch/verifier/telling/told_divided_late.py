"""A division that lacks is told where what is no gradient gets another name: `count = m > 0`, then `ds = count`."""

from __future__ import annotations

import ast
import re

from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.source import right_side, text_of
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.telling.told_where_bound import tell_at

DIVIDED = re.compile(r"\(?(.*) / ([\w.\[\]]+|len\(\w+\))\)?", re.DOTALL)
DIVIDING = "scale-factor", "missing-batch-sum-or-mean"


def tell_divided_late(cause: Cause) -> None:
    """Tell it so, where all of what a line makes lacks the divisor, and a later one does nothing but rename it."""
    source = source_of(text_of(cause.file))
    own = source.statement_on(cause.line)
    due = DIVIDED.fullmatch(right_side(cause.should_be or "")) if cause.kind in DIVIDING else None
    match own:
        case ast.Assign(targets=[ast.Name(id=name)]) if due is not None and not is_gradient_name(name):
            block = source.block_of(own)
            renames = (n for n in block if isinstance(n, ast.Assign) and n.lineno > cause.line)
            alias = next((n for n in renames if isinstance(n.value, ast.Name) and n.value.id == name), None)
        case _:
            return
    if alias is not None and due[1].strip("() ") == right_side(cause.expression).strip("() "):
        tell_at(cause, alias, None, ast.unparse(alias.targets[0]))
        cause.expression, cause.should_be = name, f"{name} / {due[2]}"
        cause.sentence = f"`{name}` is not divided by {due[2]}"
