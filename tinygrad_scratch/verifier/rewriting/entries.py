"""The entry that another line takes of a value, for all of it: `p[y[i]]` for `p`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import Part
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
