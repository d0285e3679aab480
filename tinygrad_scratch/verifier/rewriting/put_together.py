"""Keys that are put together, as `"db" + str(k + 1)`: with the number that stands in the others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tinygrad_scratch.verifier.reading.source import names_in
from tinygrad_scratch.verifier.rewriting.part import Part, name_of
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, Rewrite

TEXTS = ("str", "repr")


def put_together(part: Part) -> Iterator[Rewrite]:
    """What another text of the function is made of, for what that of an index is."""
    if not part.in_index or not is_text_of(part.around) or part.around.args[0] is not part.node:
        return
    calls: Iterator[Any] = (node for node in part.source.words(part.line).nodes if is_text_of(node))
    for other in dict.fromkeys(part.source.code(node.args[0]) for node in calls):
        if other != part.code:
            own, theirs = (names_in(code) for code in (part.code, other))
            kind = "off-by-one" if own & theirs else "wrong-operand"
            yield part.change(other, kind, f"the key should be made of {other}, and not of {part.code}", NAMED)


def is_text_of(node: Any) -> bool:
    """Whether a node makes a text of one value."""
    return isinstance(node, ast.Call) and name_of(node) in TEXTS and len(node.args) == 1
