"""Sums that are the gradients, and are bound to a name alone: `g = g + part` in a loop over a list of gradients."""

from __future__ import annotations

import ast

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.causes.region import Finding
from tinygrad_scratch.verifier.reading.source import parsed, statement_at


def lost_sums(case: Case) -> tuple[Repair, Finding] | None:
    """The line of which the sums, put in the place of what they were to be added to, make all gradients right."""
    wrong = case.wrong(case.replay())
    if not wrong:
        return None
    used = (
        {node for step in case.tape.steps for node in step.reads} | {final.node for final in case.finals} | case.forward
    )
    lost = [event for event in case.events if event.node not in used and case.step_of(event.node).reads]
    for place in dict.fromkeys((event.place.file, event.place.line) for event in lost):
        right = in_place(statement_at(*place))
        sums = [event for event in lost if (event.place.file, event.place.line) == place] if right else []
        added = {case.step_of(event.node).reads[0]: event for event in sums}
        totals = {node: case.tape.nodes[event.node].value for node, event in added.items()}
        if not added or case.wrong(case.tape.replay(totals)):
            continue
        event, of = sums[0], wrong[0].parameter.node
        repair = Repair(event, np.asarray(case.tape.nodes[event.node].value), of, None, len(wrong))
        said = f"the sum is bound to the name {event.name} alone, and what is added up stays as it was: write `+=`"
        return repair, Finding("overwritten-accumulation", said, None, right)
    return None


def in_place(statement: str) -> str:
    """A sum that is bound anew, as one in place; empty for what is written in another form.

    >>> in_place("g = g + part"), in_place("g = part")
    ('g += part', '')
    """
    match parsed(statement):
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.BinOp(ast.Name(id=own), ast.Add(), part)) if own == name:
            return f"{name} += {ast.unparse(part)}"
        case _:
            return ""
