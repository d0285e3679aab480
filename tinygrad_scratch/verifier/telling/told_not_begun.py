"""A term too many is told as what it is where an earlier loop left it, and nothing set it back before the next one."""

from __future__ import annotations

import ast
import re

from tinygrad_scratch.verifier.causes.single import TERM_TOO_MANY
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.source import parsed, text_of
from tinygrad_scratch.verifier.rewriting.text import Source, source_of
from tinygrad_scratch.verifier.telling.told_terms import terms_apart

TOO_MANY = re.compile(rf"`(?P<written>.+)` {TERM_TOO_MANY}: (?P<right>.+) alone is right")


def tell_not_begun(cause: Cause) -> None:
    """Tell `carry` so in `d + carry`, where a loop before this one carried something by that name, too."""
    told = TOO_MANY.fullmatch(cause.sentence)
    if told is None or cause.kind != "missing-term":
        return
    written, right = (parsed(told[part]) for part in ("written", "right"))
    if not isinstance(written, ast.Expr) or not isinstance(right, ast.Expr):
        return
    needless, _ = terms_apart(written.value, right.value)
    names = [parts[-1].id for _, parts in needless if isinstance(parts[-1], ast.Name)]
    source = source_of(text_of(cause.file))
    before = loop_that_left(source, cause.line, names[0]) if len(names) == len(needless) == 1 else None
    if before is not None:
        cause.kind = "overwritten-accumulation"
        cause.sentence = (
            f"{names[0]} still holds what the loop of line {before.lineno} left in it: "
            "set it back before the loop that this line is in"
        )


def loop_that_left(source: Source, line: int, name: str) -> ast.For | None:
    """The loop that gave a name its last value before the one around a line, which hands it on from turn to turn, too.

    None where anything else between the two gives it a value.
    """
    around = source.loops_over(line)[-1:]
    block = source.block_of(around[0]) if around else []
    earlier = [node for node in block if node.lineno < around[0].lineno and binds(node, name)]
    last = earlier[-1] if earlier else None
    return last if isinstance(last, ast.For) and binds(around[0], name, after=line) else None


def binds(node: ast.stmt, name: str, after: int = 0) -> bool:
    """Whether a statement, or one in it behind a line, gives a name a value."""
    found = (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id == name)
    return any(each.lineno > after for each in found)
