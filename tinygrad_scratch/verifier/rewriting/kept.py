"""Statements that only keep what is trained as it is then: `before = w.copy()`. No slope lacks there."""

from __future__ import annotations

import ast

from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.rewriting.alike import is_update
from tinygrad_scratch.verifier.rewriting.text import Source


def keeps_trained(source: Source, statement: ast.stmt | None) -> bool:
    """Whether a statement gives a copy of what another one updates a name that is none of a gradient."""
    match statement:
        case ast.Assign(
            targets=[target],
            value=ast.Call(func=ast.Attribute(value=held, attr="copy" | "deepcopy"), args=arguments),
        ) if not is_gradient_name(ast.unparse(target)):
            kept = ast.unparse(arguments[0] if arguments else held)
        case _:
            return False
    updates = (each for each in source.statements if isinstance(each, ast.Assign | ast.AugAssign))
    return any(target_of(each) == kept and is_update(source.code(each)) for each in updates)


def target_of(statement: ast.Assign | ast.AugAssign) -> str:
    return ast.unparse(statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0])
