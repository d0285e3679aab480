"""What a function was given, for what it made: `dtanh(x @ w)` for `dtanh(h)` after `h = tanh(x @ w)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import Part
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, Rewrite
from tinygrad_scratch.verifier.rewriting.text import Source

MOST_BACK = 3  # statements that a name is traced through


def before_call(part: Part) -> Iterator[Rewrite]:
    """In what a slope is taken at, a name without the call that made its value."""
    if not isinstance(part.node, ast.Name) or not part.is_in_some_slope:
        return
    start = part.source.span(part.statement)[0]
    text = given_for(part.source, part.node.id, start, part.source.takes_one(part.line), MOST_BACK)
    if text is not None and text != part.code:
        said = f"the derivative is due at `{text}`, of which {part.code} is made"
        yield part.change(f"({text})", "derivative-at-wrong-point", said, NAMED)


def given_for(source: Source, name: str, place: int, functions: list[str], most: int) -> str | None:
    """What a name was assigned before a place, with what a function of theirs was given for its call."""
    own = source.function_around(source.text[:place].count("\n") + 1)
    first = source.span(own)[0] if own is not None else 0
    bound = [
        node
        for node in source.statements
        if isinstance(node, ast.Assign)
        and first <= source.span(node)[0] < place
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]
    if not bound or not most:
        return None
    last = max(bound, key=lambda node: source.span(node))
    for node in ast.walk(last.value):
        inner: str | None = None
        if isinstance(node, ast.Call) and len(node.args) == 1 and source.code(node.func) in functions:
            inner = source.code(node.args[0])
        elif isinstance(node, ast.Name) and node.id == name:
            inner = given_for(source, name, source.span(last)[0], functions, most - 1)
        if inner is not None:
            (start, end), (begin, until) = source.span(last.value), source.span(node)
            text = f"{source.text[start:begin]}{inner}{source.text[until:end]}"
            return None if "\n" in text else text
    return None
