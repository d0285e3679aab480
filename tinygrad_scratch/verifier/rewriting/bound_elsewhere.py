"""What stands elsewhere for the same: what another function gives those names, how far another loop counts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tinygrad_scratch.verifier.rewriting.part import Part
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite

MOST = 2


def bound_elsewhere(part: Part) -> Iterator[Rewrite]:
    """What another function of the class, or of a text without one, gives the names that a statement gives a value.

    So are `i0, i1 = i * s, i * s + n` in both directions of a layer.
    """
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


def counted_elsewhere(part: Part) -> Iterator[Rewrite]:
    """How far another loop of the function counts, for what one loop counts to: `range(n)` for `range(i + 1)`."""
    if not isinstance(part.statement, ast.For) or not isinstance(part.node, ast.BinOp) or not is_count(part.around):
        return
    calls = [node for node in part.source.words(part.line).nodes if isinstance(node, ast.Call)]
    bounds = [call.args[-1] for call in calls if is_count(call) and not isinstance(call.args[-1], ast.Constant)]
    for text in dict.fromkeys(map(part.source.code, bounds)):
        if text != part.code:
            yield part.change(text, "off-by-one", f"the loop ends at {part.code}: it should end at {text}")


def is_count(node: Any) -> bool:
    """Whether a node is a call of `range`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"
