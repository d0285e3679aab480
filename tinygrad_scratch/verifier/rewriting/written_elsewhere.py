"""A value as another line of the function has it: `(rate / n)` for `rate`, `(x - mean)` for `x`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import NAMES, Part
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, SIZE, Rewrite

MOST = 6


def written_elsewhere(part: Part) -> Iterator[Rewrite]:
    """A name with what it is added to, or divided or multiplied by, elsewhere: there it is in brackets."""
    if not isinstance(part.node, NAMES) or not part.is_value or part.in_index:
        return
    nodes = part.source.words(part.line).nodes
    own = {id(node) for node in ast.walk(part.statement)}
    found = [part.source.code(node) for node in nodes if is_of(part, node) and id(node) not in own]
    for text in list(dict.fromkeys(found))[:MOST]:
        said = f"{part.code} should be `{text}`, as in another line"
        yield part.change(f"({text})", kind_of(text), said, NAMED)


def is_of(part: Part, node: ast.AST) -> bool:
    """Whether an expression begins with the value, in a larger one that it is in brackets in."""
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.left, NAMES)
        and part.source.code(node.left) == part.code
        and part.source.text[: part.source.span(node)[0]].rstrip().endswith("(")
    )


def kind_of(text: str) -> str:
    _, divided, by = text.partition("/")
    return "missing-batch-sum-or-mean" if divided and SIZE.fullmatch(by.strip()) else "wrong-operand"
