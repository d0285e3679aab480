"""What follows a loop in its own block."""

from __future__ import annotations

import ast
from functools import cache

from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.rewriting.text import source_of


def statements_after(file: str, line: int) -> list[ast.stmt]:
    """The statements after the loop that begins in a line."""
    source = source_of(text_of(file))
    loop = source.statement_on(line)
    block = source.block_of(loop) if loop is not None else []
    return block[block.index(loop) + 1 :] if loop is not None else []


@cache
def gone_on_with(file: str, line: int) -> frozenset[str]:
    """What the statements after a loop still add something to, or take something off: `w`, `v`.

    They are named without the object that they are of, and without the places in them.
    """
    statements = (node for node in statements_after(file, line) if isinstance(node, ast.AugAssign))
    targets = (node.target for node in statements if isinstance(node.op, ast.Add | ast.Sub))
    return frozenset(ast.unparse(target).partition("[")[0].removeprefix("self.") for target in targets)
