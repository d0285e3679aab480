"""A division that a line lacks is told where its value is read, if another line of that form divides there."""

from __future__ import annotations

import ast
from dataclasses import replace

from tinygrad_scratch.verifier.explain import Cause
from tinygrad_scratch.verifier.rewriting.as_siblings import Beside
from tinygrad_scratch.verifier.rewriting.text import Source, source_of
from tinygrad_scratch.verifier.source import text_of
from tinygrad_scratch.verifier.told_kinds import SCALES, difference
from tinygrad_scratch.verifier.told_where_bound import only_binding

READING = ast.Assign | ast.AugAssign | ast.Expr | ast.Return


def tell_beside(cause: Cause) -> None:
    """Tell `step(dw)` beside `step(db / n)`, and not the line that made dw, if nothing else reads that."""
    found = difference(cause) if cause.kind in SCALES else None
    source = source_of(text_of(cause.file))
    made = source.statement_on(cause.line)
    match made, found.new if found is not None else None:
        case ast.Assign(targets=[ast.Name(id=name)]), ast.BinOp(op=ast.Div(), right=size):
            pass
        case _:
            return
    for reads in source.statements:
        if not isinstance(reads, READING) or only_binding(source, reads.lineno, name) is not made:
            continue
        beside = divided_as(source, reads, name, size)
        if beside is not None:
            cause.place, cause.name = replace(cause.place, line=reads.lineno, offset=0), name
            cause.expression, cause.should_be = name, f"{name} / {ast.unparse(size)}"
            cause.sentence = f"`{name}` is not divided by {ast.unparse(size)}, as is done in line {beside.lineno}"


def divided_as(source: Source, reads: ast.stmt, name: str, size: ast.expr) -> ast.stmt | None:
    """Another statement of the block, of the same form but for keys, that divides what stands there for a name."""
    for other in source.block_of(reads):
        beside = Beside(source)
        if other is reads or type(other) is not type(reads):
            continue
        beside.compare(reads, other)
        match [each for each in beside.others if not all(isinstance(one, ast.Constant) for one in each)]:
            case [(ast.Name(id=read), ast.BinOp(left=ast.Name(), op=ast.Div(), right=divisor))]:
                if read == name and ast.dump(divisor) == ast.dump(size):
                    return other
    return None
