"""The entry that another line takes of a value, for all of it: `p[y[i]]` for `p`; and that of a turn: `w[j]`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import Part, counted_by
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, Rewrite
from tinygrad_scratch.verifier.rewriting.text import SIMPLE

MOST = 4


def of_entries(part: Part) -> Iterator[Rewrite]:
    """A name with each index that it has elsewhere in the function, but for those that other names are given, too."""
    is_name = isinstance(part.node, ast.Name | ast.Attribute) and not isinstance(part.around, ast.Attribute)
    if not is_name or not part.is_value or part.in_index or isinstance(part.around, ast.Subscript):
        return
    nodes = part.source.words(part.line).nodes
    taken = [node for node in nodes if isinstance(node, ast.Subscript) and not isinstance(node.slice, SIMPLE)]
    found = [part.source.code(node) for node in taken if part.source.code(node.value) == part.code]
    for text in list(dict.fromkeys(found))[:MOST]:
        yield part.change(text, "wrong-operand", f"{part.code} should be {text}", NAMED)


def one_of(part: Part) -> Iterator[Rewrite]:
    """The entry at what a loop around counts, for the sum of all: `w[j]` for `sum(w)`."""
    node = part.node
    whole = node.func.value if isinstance(node.func, ast.Attribute) and not node.args else None
    whole = node.args[0] if len(node.args) == 1 else whole
    if node.keywords or not isinstance(whole, ast.Name | ast.Attribute | ast.Subscript):
        return
    for loop in part.source.loops_over(part.line):
        counted = counted_in(loop)
        if counted:
            text = f"{part.source.code(whole)}[{counted}]"
            yield part.change(text, "wrong-operand", f"`{part.code}` should be {text}", NAMED)


def counted_in(loop: ast.stmt) -> str:
    """What a loop counts, over a range or beside what it takes turn by turn; nothing where it counts nothing."""
    match loop:
        case ast.For(target=ast.Tuple(elts=[ast.Name(id=name), *_]), iter=ast.Call(func=ast.Name(id="enumerate"))):
            return name
        case ast.For():
            return counted_by(loop)
    return ""
