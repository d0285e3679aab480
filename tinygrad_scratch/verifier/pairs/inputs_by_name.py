"""Plain numbers that are the input of a program, and no rate: the name says so by which a parameter is multiplied."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from tinygrad_scratch.verifier.pairs.update_steps import literals_of
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.source import statement_at, statements
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Step
from tinygrad_scratch.verifier.recording.tape import Tape

Inputs = dict[float, set[str]]  # a plain number, and the names that it may have


def inputs_of(tape: Tape, parameters: Iterable[int]) -> Inputs:
    """The numbers that single parameters are multiplied by, with the names that stand there."""
    found: Inputs = {}
    single = {node for node in parameters if not tape.nodes[node].value.ndim}
    for step in tape.steps if single else ():
        if name_of(step.function) == "multiply" and len(step.reads) == 1 and not single.isdisjoint(step.reads):
            for number in literals_of(step):
                found.setdefault(number, set()).update(factors_at(step))
    return found


def is_by_input(step: Step, inputs: Inputs) -> bool:
    """Whether a product of an update is one by such a number, under the same name: that is a part of the gradient."""
    return any(not inputs.get(number, set()).isdisjoint(factors_at(step)) for number in literals_of(step))


def factors_at(step: Step) -> set[str]:
    return named_factors(statement_at(step.place.file, step.place.line)) if step.place is not None else set()


def named_factors(code: str) -> set[str]:
    """The names that stand in the products of a statement, without those of rates.

    >>> sorted(named_factors("out = f(x * w) + 2 * b")), sorted(named_factors("w += lr * x * delta"))
    (['b', 'w', 'x'], ['delta', 'x'])
    """
    products = (
        node
        for statement in statements(code)
        for node in ast.walk(statement)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
    )
    sides = (side for product in products for side in (product.left, product.right))
    names = {ast.unparse(side) for side in sides if isinstance(side, ast.Name | ast.Attribute)}
    return {name for name in names if not RATE.match(name.rsplit(".", 1)[-1])}
