"""Differences in the gradient of a penalty: a parameter, and numbers alone."""

from __future__ import annotations

import ast
import re

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.valued import is_mere_number, names_in, nodes_named, parameter_of
from tinygrad_scratch.verifier.causes.penalties import has_row_for_each_sample
from tinygrad_scratch.verifier.causes.told_forms import (
    FACTORS,
    Difference,
    same,
)
from tinygrad_scratch.verifier.meant.conventions import is_one_layer
from tinygrad_scratch.verifier.pairs.penalised import is_mask
from tinygrad_scratch.verifier.reading.source import is_sum, leaves
from tinygrad_scratch.verifier.rewriting.part import name_of
from tinygrad_scratch.verifier.rewriting.rewrite import OF_PENALTY, PENALTY, SIZE
from tinygrad_scratch.verifier.telling.told_factors import (
    holds_array,
    holds_number,
)
from tinygrad_scratch.verifier.telling.told_terms import terms_apart

IN_VALUES = ast.BinOp | ast.UnaryOp
STRENGTH = re.compile(rf"{OF_PENALTY.pattern}|(?:\b|_)l[12](?:\b|_)", re.IGNORECASE)
"""The names of the strengths of penalties."""


def is_times_parameter(case: Case, found: Difference) -> bool:
    """Whether it should be divided by a parameter: by that it was multiplied once too often."""
    match found.new:
        case (
            ast.BinOp(left=left, op=ast.Div(), right=ast.Name() | ast.Attribute() as right)
            | ast.BinOp(left=left, op=ast.Mult(), right=ast.BinOp(op=ast.Div(), right=ast.Name() as right))
        ) if same(left, found.old):
            return holds_parameters_alone(case, right)
    return False


def is_beside_strength(case: Case, found: Difference) -> bool:
    """Whether what differs is multiplied by the strength of a penalty: `l1 * np.sign(w)`; no layer is one, as `l1`."""
    products = (each for each in found.way if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Mult))
    sides = (side for each in products for side in (each.left, each.right))
    named = (side for side in sides if isinstance(side, ast.Name | ast.Attribute))
    return any(STRENGTH.search(ast.unparse(side)) and not holds_array(case, side) for side in named)


def is_of_penalty(case: Case, found: Difference) -> bool:
    """Whether a product of a parameter and numbers differs in its numbers, or in the parameter: a penalty's gradient.

    So it is not where a call reads it, or a product of matrices.
    """
    term, outer = found.old, list(reversed(found.way))
    while outer and isinstance(outer[0], ast.BinOp) and isinstance(outer[0].op, FACTORS | ast.Pow):
        term = outer.pop(0)
    in_matrices = any(isinstance(part, ast.BinOp) and isinstance(part.op, ast.MatMult) for part in outer)
    if is_sum(found.old) or any(not isinstance(part, ast.stmt | ast.Tuple | ast.List | IN_VALUES) for part in outer):
        return False
    return not in_matrices and is_penalty(case, term, found.new)


def is_of_penalties_alone(case: Case, found: Difference) -> bool:
    """Whether two sums have all terms in common but for those of penalties, as where these are divided, too."""
    apart = terms_apart(found.old, found.new) if any(map(is_sum, (found.old, found.new))) else ([], [])
    return all(apart) and all(is_penalty(case, *parts) for terms in apart for _, parts in terms)


def adds_penalty(case: Case, found: Difference) -> bool:
    """Whether a term too many is a parameter times what is called after a penalty."""
    old = found.old
    sides = [(old.left, old.right), (old.right, old.left)] if isinstance(old, ast.BinOp) and is_sum(old) else []
    terms = [term for rest, term in sides if same(rest, found.new)]
    return any(
        holds_parameters_alone(case, term) and any(OF_PENALTY.search(name) for name in names_in(term)) for term in terms
    )


def is_penalty(case: Case, *expressions: ast.AST) -> bool:
    """Whether all factors are parameters and numbers, and there are some of each: a mere size is no strength."""
    names = {name for each in expressions for name in names_in(each)}
    held = {node for name in names for node in parameters_in(case, name)}
    if any(has_row_for_each_sample(case, node) for node in held):
        return False
    rows = {str(len(value)) for node in held if (value := case.tape.nodes[node].value).ndim}
    texts = ((part, ast.unparse(part)) for each in expressions for part in leaves(each))
    parts = (part for part, text in texts if not SIZE.fullmatch(text) and text not in rows)
    numbered = any(holds_number(case, part) for part in parts)
    return numbered and not is_one_layer(case) and holds_parameters_alone(case, *expressions)


def holds_parameters_alone(case: Case, *expressions: ast.AST) -> bool:
    """Whether what expressions read are parameters, or rows of them, and numbers; one parameter at least.

    A given mask may say which entries are penalised.
    """
    held = [nodes_named(case, name) for node in expressions for name in names_in(node)]
    arrays = [nodes for nodes in held if nodes and not all(is_number_or_mask(case, each) for each in nodes)]
    return bool(arrays) and all(any(parameter_of(case, each) is not None for each in nodes) for nodes in arrays)


def is_number_or_mask(case: Case, node: int) -> bool:
    trained = {final.parameter.node for final in case.finals}
    is_given = is_mask(case.tape.nodes[node].value) and trained.isdisjoint(case.ancestors([node]))
    return is_given or is_mere_number(case, node)


def parameters_in(case: Case, name: str) -> set[int]:
    """The parameters that a name held, or rows or copies of which."""
    found = (parameter_of(case, node) for node in nodes_named(case, name))
    return {node for node in found if node is not None}


def first_parameters(case: Case, node: ast.AST) -> set[int]:
    """The parameters that the first name in an expression held."""
    name = next(iter(names_in(node)), None)
    return set() if name is None else parameters_in(case, name)


def is_strength_of_penalty(found: Difference) -> bool:
    """Whether a function that is called as penalties are is given one thing more, or less."""
    old, new = found.old, found.new
    if not isinstance(old, ast.Call) or not isinstance(new, ast.Call) or not same(old.func, new.func):
        return False
    return PENALTY.search(name_of(old).replace("_", " ")) is not None
