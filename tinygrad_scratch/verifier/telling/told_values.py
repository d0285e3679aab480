"""The kind of a difference by what its names held: a parameter after its update, the output of an activation."""

from __future__ import annotations

import ast

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.valued import names_in, nodes_named, parameter_of
from tinygrad_scratch.verifier.causes.told_forms import Difference, same
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.rewriting.text import source_of


def is_read_updated(case: Case, cause: Cause, found: Difference) -> bool:
    """Whether a line reads what an update has made of a parameter, and a copy of that from before is due.

    So it does where it works out again what was worked out before the update, and has a name from there.
    """
    if is_worked_out_again(cause, found):
        return any(parameter_of(case, node) is not None for node in held_by(case, found.old))
    due = held_by(case, found.new)
    parameters = {parameter_of(case, node) for node in due} - {None}
    steps = (step for step in case.tape.steps if step.place is not None)
    read = {n for s in steps if s.place and (s.place.file, s.place.line) == (cause.file, cause.line) for n in s.reads}
    updated = (node for node in held_by(case, found.old) & read if not case.is_forward(node))
    return all(map(case.is_forward, due)) and any(parameter_of(case, node) in parameters for node in updated)


def is_worked_out_again(cause: Cause, found: Difference) -> bool:
    """Whether what is due has a name, which a line before this one gave to the same expression."""
    source, due = source_of(text_of(cause.file)), ast.unparse(found.new)
    before = (each for each in source.statements if isinstance(each, ast.Assign) and each.lineno < cause.line)
    return any(
        same(each.value, found.old)
        and ast.unparse(each.targets[0]) == due
        and source.function_around(each.lineno) is source.function_around(cause.line)
        for each in before
    )


def is_activation(case: Case, found: Difference) -> bool:
    """Whether one of two values of the forward pass was made of the other, entry by entry: by no other parameters."""
    one, other = held_by(case, found.old), held_by(case, found.new)
    return any(is_made_of(case, a, b) or is_made_of(case, b, a) for a in one for b in other)


def is_made_of(case: Case, output: int, node: int) -> bool:
    """Whether a value of the forward pass was made of another one of its shape, and of no more parameters than that.

    Data that was made of other data is none: no derivative is taken by that.
    """
    behind, parameters = case.ancestors([output]), {final.parameter.node for final in case.finals}
    if output == node or output not in case.forward or node not in behind or behind.isdisjoint(parameters):
        return False
    more = (behind - case.ancestors([node])) & parameters
    return not more and np.shape(case.tape.nodes[output].value) == np.shape(case.tape.nodes[node].value)


def held_by(case: Case, node: ast.AST) -> set[int]:
    """What the names in an expression held."""
    return {each for name in names_in(node) for each in nodes_named(case, name)}
