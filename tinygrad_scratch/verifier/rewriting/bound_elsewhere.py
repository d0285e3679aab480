"""The value that another function gives the same names: `i0, i1 = i * s, i * s + n` in both directions of a layer."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import Part
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite

MOST = 2


def bound_elsewhere(part: Part) -> Iterator[Rewrite]:
    """What another function of the class, or of a text without one, gives the names that a statement gives a value."""
    if not part.is_whole or not isinstance(part.statement, ast.Assign):
        return
    source, own = part.source, part.source.function_around(part.line)
    around = source.class_around(part.line) or source.tree
    target = source.code(part.statement.targets[-1])
    found = (
        source.code(node.value)
        for node in ast.walk(around)
        if isinstance(node, ast.Assign) and source.code(node.targets[-1]) == target
        if own is not None and source.function_around(node.lineno) not in (own, None)
    )
    for text in [text for text in dict.fromkeys(found) if text != part.code][:MOST]:
        said = f"{target} should be `{text}`, as in another function"
        yield part.change(text, "wrong-operand", said)
