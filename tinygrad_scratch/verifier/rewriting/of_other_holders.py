"""The factors that an attribute is given with elsewhere, of another object: `h.d = e * h.slope()` as `n.d` has it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, Rewrite, kind_of_factor
from tinygrad_scratch.verifier.rewriting.text import Source, factors_in


def of_other_holders(source: Source, node: ast.stmt) -> Iterator[Rewrite]:
    """A value that an object keeps, times what another one's is multiplied by that is its own."""
    own = kept_by(node)
    if own is None:
        return
    holder, name, value = own
    written, (start, end) = source.code(value), source.span(value)
    for other in source.statements:
        kept = kept_by(other) if other is not node else None
        if kept is None or kept[1] != name:
            continue
        for factor in map(source.code, factors_in(kept[2])):
            text = re.sub(rf"(?<![\w.]){kept[0]}\.", f"{holder}.", factor)
            if re.match(rf"{holder}\.", text) and text not in written and text != source.code(kept[2]):
                said = f"`{written}` is not multiplied by {text}, as in line {other.lineno}"
                yield Rewrite(
                    node.lineno, start, end, f"{source.operand(value)} * {text}", kind_of_factor(text), said, NAMED
                )


def kept_by(node: ast.stmt) -> tuple[str, str, ast.expr] | None:
    """The name of the object that a statement gives a value to keep, that of the attribute, and the value."""
    match node:
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=holder), attr=name)], value=value):
            return holder, name, value
    return None
