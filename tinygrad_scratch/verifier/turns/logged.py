"""Losses that a loop computes in some of its turns alone, as logs are written: in which one it next does so."""

from __future__ import annotations

import ast
from functools import cache
from types import CodeType, FrameType

from tinygrad_scratch.verifier.reading.loops import loops_in, names_in, tree_of
from tinygrad_scratch.verifier.reading.printed import prints_loss
from tinygrad_scratch.verifier.truths.losses import is_loss_name

MOST_AHEAD = 100  # turns that are looked ahead
ARITHMETIC = (
    ast.BinOp, ast.BoolOp, ast.Compare, ast.UnaryOp, ast.Name, ast.Constant, ast.Attribute,
    ast.operator, ast.boolop, ast.cmpop, ast.unaryop, ast.expr_context,
)  # fmt: skip


def turns_until_loss(frame: FrameType, line: int) -> int:
    """How many turns of a `for` loop, which has come to its next turn, are made before a loss is computed in one.

    0 where it isn't known, as no `if turn % 100 == 99:` stands before a loss, and where the last turn computed one.
    """
    file, known = frame.f_code.co_filename, {**frame.f_globals, **frame.f_locals}
    for counter, test in conditions(file, line):
        count = known.get(counter)
        if type(count) is not int:
            continue
        for ahead in range(MOST_AHEAD):
            try:
                if eval(test, {"__builtins__": {}}, {**known, counter: count + ahead}):
                    return ahead
            except Exception:  # what it reads is made in the turn
                break
    return 0


@cache
def conditions(file: str, line: int) -> list[tuple[str, CodeType]]:
    """The counter of a loop, and the code of each condition on it under which a loss is computed, or printed."""
    found, last = list[tuple[str, CodeType]](), loops_in(file).get(line, 0)
    counters = [
        node.target.id
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.For) and node.lineno == line and isinstance(node.target, ast.Name)
    ]
    for node in ast.walk(tree_of(file)):
        if not isinstance(node, ast.If) or not line < node.lineno <= last:
            continue
        parts, mentioned = list(ast.walk(node.test)), {name for each in node.body for name in names_in(each)}
        is_log = any(map(is_loss_name, mentioned)) or any(map(prints_loss, node.body))
        if is_log and all(isinstance(part, ARITHMETIC) for part in parts):
            own = {part.id for part in parts if isinstance(part, ast.Name)}
            code = compile(ast.Expression(node.test), file, "eval")
            found += [(counter, code) for counter in own.intersection(counters)]
    return found
