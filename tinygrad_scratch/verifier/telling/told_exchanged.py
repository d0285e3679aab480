"""Two names of a row that each got what the other should be are told as exchanged, whatever each value is made of."""

from __future__ import annotations

import ast

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.rewriting.text import source_of


def tell_exchanged(case: Case, cause: Cause, repair: Repair) -> None:
    """Tell `dw, db = ...` so, where all is right once the two values have each other's name."""
    own = repair.event
    targets = names_given(cause.file, cause.line)
    if own.name not in targets or (own.place.file, own.place.line) != (cause.file, cause.line):
        return
    here = [e for e in case.events if e.place == own.place and e.owner == own.owner and e.name in targets]
    given = np.asarray(case.tape.nodes[own.node].value)
    for event in here:
        value = np.asarray(case.tape.nodes[event.node].value)
        if event.name == own.name or value.shape != repair.truth.shape or not close(value, repair.truth):
            continue
        if not case.wrong(case.tape.replay({own.node: value, event.node: given})):
            exchanged = {own.name: event.name, event.name: own.name}
            cause.kind, cause.sentence = "wrong-operand", f"{own.name} and {event.name} should be exchanged"
            cause.expression = ", ".join(targets)
            cause.should_be = ", ".join(exchanged.get(name, name) for name in targets)
            return


def names_given(file: str, line: int) -> list[str]:
    """The names of a row that a statement gives values."""
    match source_of(text_of(file)).statement_on(line):
        case ast.Assign(targets=[ast.Tuple(elts=entries)]) if all(isinstance(each, ast.Name) for each in entries):
            return [ast.unparse(each) for each in entries]
    return []
