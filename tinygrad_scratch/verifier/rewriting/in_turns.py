"""Terms as they stand in backward passes through time: what was just derived, times a weight, and the turn before."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import Part
from tinygrad_scratch.verifier.rewriting.rewrite import MADE, Rewrite

MOST_BEFORE = 2  # statements that derived something
MOST_WEIGHTS = 16
TURN_BEFORE = re.compile(r".*\[\s*(\w+)\s*-\s*1\s*\]")


def in_turns(part: Part) -> Iterator[Rewrite]:
    """What a value that is computed turn by turn may lack."""
    statement = part.statement
    if not part.is_value or part.in_index or not isinstance(statement, ast.Assign | ast.AugAssign):
        return
    target = statement.targets[-1] if isinstance(statement, ast.Assign) else statement.target
    if part.is_whole and isinstance(target, ast.Subscript | ast.Name | ast.Attribute):
        yield from by_weights(part)
    if isinstance(target, ast.Subscript) and isinstance(part.node, ast.Subscript) and is_factor(part):
        yield from less_than_before(part)


def by_weights(part: Part) -> Iterator[Rewrite]:
    """With what was derived in the lines before, times what something is multiplied by elsewhere in the class."""
    for recent in part.targets_before(MOST_BEFORE):
        for weight in weights(part):
            if recent not in part.code and weight != recent:
                said = f"the term `{weight} * {recent}` is missing"
                yield part.change(f"{part.code} + {weight} * {recent}", "missing-term", said, MADE)


def weights(part: Part) -> list[str]:
    """Names in the function around that a product has as a side, there or elsewhere in the class."""
    known = set(part.source.words(part.line).names)
    return [f for f in part.source.words(part.line, of_class=True).factors if f.isidentifier() and f in known][
        :MOST_WEIGHTS
    ]


def less_than_before(part: Part) -> Iterator[Rewrite]:
    """A factor less, or more, the entry of another name in the turn before; nothing is before the first turn."""
    for entry in part.source.words(part.line, of_class=True).names:
        turn = TURN_BEFORE.fullmatch(entry)
        if turn is not None and turn[1] in part.code:
            for text in (entry, f"({entry} if {turn[1]} > 0 else 0)"):
                for sign in "-+":
                    said = f"{part.code} should be `{part.code} {sign} {text}`"
                    yield part.change(f"({part.code} {sign} {text})", "missing-term", said, MADE)


def is_factor(part: Part) -> bool:
    return isinstance(part.around, ast.BinOp) and isinstance(part.around.op, ast.Mult)
