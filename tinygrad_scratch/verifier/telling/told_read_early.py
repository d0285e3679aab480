"""Weights that an update made, and that a gradient is made of, are told where they are read, and not where made."""

from __future__ import annotations

import ast
from dataclasses import replace

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.source import parsed, replaced, right_side, statement_at
from tinygrad_scratch.verifier.recording.steps import Step

STALE = "stale-or-updated-weights"


def tell_where_read_early(case: Case, cause: Cause) -> None:
    """Tell so where `new = w - rate * dw` is blamed, and would be no update without its step: `w` is meant later."""
    names = names_of_update(cause)
    if names is None:
        return
    new, old = names
    reading = next((step for step in case.tape.steps if reads_early(case, step, cause, new)), None)
    place = reading.place if reading is not None else None
    written = parsed(statement_at(place.file, place.line)) if place is not None else None
    if place is None or not isinstance(written, ast.Assign | ast.AugAssign | ast.Return) or written.value is None:
        return
    expression = right_side(statement_at(place.file, place.line))
    right = replaced(expression, new, old)
    if right is not None:
        cause.place, cause.expression, cause.should_be = replace(place, offset=0), expression, right
        cause.sentence = f"{new} is what the update has made of {old} already: the gradient is that of {old}"
        written_to = written.targets[0] if isinstance(written, ast.Assign) else getattr(written, "target", None)
        cause.name = ast.unparse(written_to) if written_to is not None else cause.name


def names_of_update(cause: Cause) -> tuple[str, str] | None:
    """The names in `new = old - step`, of which `new = old` is told to be right; None of anything else."""
    own = parsed(statement_at(cause.file, cause.line)) if cause.kind == STALE else None
    match own, parsed(cause.should_be or ""):
        case (
            ast.Assign(targets=[ast.Name(id=new)], value=ast.BinOp(left=ast.Name(id=old), op=ast.Add() | ast.Sub())),
            ast.Expr(value=ast.Name(id=right)) | ast.Assign(value=ast.Name(id=right)),
        ) if old == right != new:
            return new, old
    return None


def reads_early(case: Case, step: Step, cause: Cause, new: str) -> bool:
    """Whether a step makes something of a gradient of what the update made."""
    made = {e.node for e in case.events if e.name == new and (e.place.file, e.place.line) == (cause.file, cause.line)}
    behind = case.ancestors([final.node for final in case.finals])
    is_later = step.place is not None and step.place.file == cause.file and step.place.line > cause.line
    makes = is_later and not behind.isdisjoint(step.makes)
    return makes and not made.isdisjoint(case.ancestors(step.reads)) and not case.forward.issuperset(step.reads)
