"""A division that a line lacks is told where its value is read, if another line of that form divides there."""

from __future__ import annotations

import ast
from dataclasses import replace

from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.rewriting.as_siblings import Beside
from tinygrad_scratch.verifier.rewriting.rewrite import SIZE
from tinygrad_scratch.verifier.rewriting.text import Source, source_of
from tinygrad_scratch.verifier.telling.told_difference import difference
from tinygrad_scratch.verifier.telling.told_kinds import SCALES
from tinygrad_scratch.verifier.telling.told_where_bound import only_binding

READING = ast.Assign | ast.AugAssign | ast.Expr | ast.Return


def tell_beside(cause: Cause) -> None:
    """Tell `step(dw)` beside `step(db / n)`, and not the line that made dw, if nothing else reads that.

    So it is with `return dw / n, db`, also where the sum that made db might have been a mean.
    """
    found = difference(cause) if cause.kind in SCALES else None
    source = source_of(text_of(cause.file))
    made = source.statement_on(cause.line)
    size: ast.expr | None = None
    match made, found.new if found is not None else None:
        case ast.Assign(targets=[ast.Name(id=name)]), ast.BinOp(op=ast.Div(), right=size):
            pass
        case ast.Assign(targets=[ast.Name(id=name)]), ast.Attribute(attr="mean"):
            pass
        case ast.Assign(targets=[ast.Name(id=name)]), ast.Call(func=ast.Attribute(attr="mean")):
            pass
        case _:
            return
    for reads in source.statements:
        if not isinstance(reads, READING) or only_binding(source, reads.lineno, name) is not made:
            continue
        beside = divided_as(source, reads, name, size) if size is not None else None
        divisor = divided_in_row(reads, name, size) if beside is None else size
        if divisor is not None:
            where = f"as is done in line {beside.lineno}" if beside is not None else "as what stands beside it"
            cause.place, cause.name = replace(cause.place, line=reads.lineno, offset=0), name
            cause.expression, cause.should_be = name, f"{name} / {ast.unparse(divisor)}"
            cause.sentence = f"`{name}` is not divided by {ast.unparse(divisor)}, {where}"


def divided_in_row(reads: ast.stmt, name: str, size: ast.expr | None) -> ast.expr | None:
    """The size that others are divided by in a row that has a name as it is: n of `return dw / n, db`."""
    entries = getattr(getattr(reads, "value", None), "elts", [])
    if not any(isinstance(entry, ast.Name) and entry.id == name for entry in entries):
        return None
    for entry in entries:
        match entry:
            case ast.BinOp(left=ast.Name(), op=ast.Div(), right=divisor) if SIZE.fullmatch(ast.unparse(divisor)):
                return divisor if size is None or ast.dump(size) == ast.dump(divisor) else None
    return None


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
