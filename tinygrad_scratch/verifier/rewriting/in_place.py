"""Statements that change an array in place, which others know by another name, or may need as it was."""

from __future__ import annotations

import ast

from tinygrad_scratch.verifier.reading.loops import root_of
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.rewriting.text import source_of


def is_slip_of_place(file: str, line: int) -> bool:
    """Whether a statement changes an array that its function was given, or scales one that has another name, too.

    Whoever gave it may need it as it was, and so may what reads it by the other name: after `d /= s` and `dx = d`, or
    after `d = dh` and `d *= z`.
    """
    source = source_of(text_of(file))
    statement, function = source.statement_on(line), source.function_around(line)
    if statement is None or function is None:
        return False
    given = {argument.arg for argument in function.args.args} - {"self"}
    outs = (each.value for each in ast.walk(statement) if isinstance(each, ast.keyword) and each.arg == "out")
    if any(isinstance(out, ast.Name) and out.id in given for out in outs):
        return True
    if not isinstance(statement, ast.Assign | ast.AugAssign):
        return False
    target = statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0]
    in_place = isinstance(statement, ast.AugAssign) or isinstance(target, ast.Subscript)
    root = root_of(target)
    scales = isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Mult | ast.Div)
    name = root.id if isinstance(root, ast.Name) else ""
    block = source.block_of(statement)
    renames = [each for each in block if isinstance(each, ast.Assign) and getattr(each.value, "id", "") == name]
    bound = [each for each in block if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name]
    is_alias = any(isinstance(each.value, ast.Name) and each.lineno < line for each in bound)
    is_renamed = is_alias or any(each.lineno > line for each in renames)
    return bool(name) and ((in_place and name in given) or (scales and is_renamed))
