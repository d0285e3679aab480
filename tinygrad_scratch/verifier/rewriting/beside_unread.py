"""What was made and is read nowhere, put in as another is beside it: `np.add.at(g, t, d_tail)` after d_head."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, Rewrite, kind_of_term
from tinygrad_scratch.verifier.rewriting.text import Source
from tinygrad_scratch.verifier.rewriting.unused import bound_unread

AT = ("add", "subtract")
MOST_UNREAD, MOST_PLACES = 4, 12


def beside_unread(source: Source, node: ast.stmt) -> Iterator[Rewrite]:
    """A statement that adds to entries of an array, and after it one for what is read nowhere, with its own index."""
    match node:
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(attr="at", value=ast.Attribute(attr=how)), args=[_, at, value])
        ):
            adds, places = how in AT, [each for each in source.words(node.lineno).indices if each.isidentifier()]
        case ast.AugAssign(target=ast.Subscript(slice=at), op=ast.Add() | ast.Sub(), value=value):
            adds, places = True, source.words(node.lineno).indices
        case _:
            return
    written = source.code(node)
    unread = bound_unread(source, node)[:MOST_UNREAD] if adds and isinstance(value, ast.Name) else []
    for name in unread:
        for place in dict.fromkeys([source.code(at), *places[:MOST_PLACES]]):
            text = with_parts(source, node, [(at, place), (value, name)])
            said = f"{name} is read nowhere: `{text}` is missing beside this line"
            whole = f"{written}; {text}"
            yield Rewrite(node.lineno, *source.span(node), whole, kind_of_term(name), said, NAMED, about=name)


def with_parts(source: Source, node: ast.stmt, parts: list[tuple[ast.expr, str]]) -> str:
    """The text of a statement with others in the place of some of its parts."""
    start, end = source.span(node)
    text = source.text[start:end]
    for part, new in sorted(parts, key=lambda each: -source.span(each[0])[0]):
        first, last = source.span(part)
        text = text[: first - start] + new + text[last - start :]
    return text
