"""The kind of a factor that is a size: of a mean where a sum is due, of a mean that is forgotten, or one too many."""

from __future__ import annotations

import ast
import re

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.sizes import averaged, divided_in_the_end, samples
from tinygrad_scratch.verifier.cases.valued import nodes_named, parameter_of
from tinygrad_scratch.verifier.causes.told_forms import FACTORS, Difference, is_number, rest_of_one
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.source import statement_at, text_of
from tinygrad_scratch.verifier.rewriting.rewrite import SIZE
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.rewriting.unused import nodes_around
from tinygrad_scratch.verifier.telling.told_factors import beyond, holds_array

BATCH = "missing-batch-sum-or-mean"
OF_FACTORS = ("scale-factor", BATCH, "missing-derivative")
MEASURED = re.compile(r"\.shape|\.size|\blen\(")


def kind_of_size(case: Case, cause: Cause, found: Difference) -> str:
    """The kind of a size that is too much in a product, or lacking; nothing where there is none.

    In the gradient of a parameter it is a mean where a sum is due; on the way there, a factor that is counted twice.
    """
    more, less = (
        [each for each in beyond(one, other) if not is_number(each)]
        for one, other in ((found.old, found.new), (found.new, found.old))
    )
    sizes = more or less
    if any(rest_of_one(outer) is not None for outer in found.way):  # `1 - p / k`, a slope
        return ""
    if other_length(found):
        return BATCH if isinstance(found.new, ast.Constant) and found.new.value == 0 else ""
    if is_number(found.old) and is_size(case, cause, found.new) and is_one_factor(cause, found):
        return BATCH if counts_samples(case, found.new) else "scale-factor"
    if cause.kind == "scale-factor" and any(is_sample_count(case, each) for each in beyond(found.new, found.old)):
        return BATCH
    if cause.kind in OF_FACTORS and less and not more and all(divides_loss(case, each) for each in less):
        return BATCH if is_of_parameter(case, cause) else ""
    if cause.kind not in OF_FACTORS or not sizes or not all(is_size(case, cause, each) for each in sizes):
        return ""
    if not all(counts_samples(case, each) for each in sizes):
        return "scale-factor"
    if less:
        is_sum = cause.kind == "scale-factor" and is_of_parameter(case, cause)
        return BATCH if cause.kind == "missing-derivative" or is_sum else ""
    return BATCH if is_of_parameter(case, cause) else "scale-factor"


def other_length(found: Difference) -> str:
    """The shape of which one length stands where another one is due: `x.shape` of `x.shape[1]` for `x.shape[0]`."""
    match found.old, found.new, found.way[-1:]:
        case ast.Constant(), ast.Constant(), (ast.Subscript(value=ast.Attribute(attr="shape") as shape),):
            return ast.unparse(shape)
    return ""


def is_sample_count(case: Case, node: ast.AST) -> bool:
    """Whether a number that is written out is how many samples there are, by which the loss is divided, too."""
    value = node.value if isinstance(node, ast.Constant) else None
    of_loss = samples(case) & divided_in_the_end(case) | averaged(case)
    return isinstance(value, int) and value in of_loss


def divides_loss(case: Case, node: ast.AST) -> bool:
    """Whether a name is of a number by which the loss divides the sum over its samples, as of all their weights."""
    named = (case.tape.nodes[n].value for n in nodes_named(case, ast.unparse(node)))
    sizes = divided_in_the_end(case)
    return any(value.size == 1 and float(value.ravel()[0]) in sizes for value in named)


def is_one_factor(cause: Cause, found: Difference) -> bool:
    """Whether a 1 is a factor of a product, or what something is divided by."""
    outer = found.way[-1] if found.way else None
    whole = outer is None or isinstance(outer, ast.stmt)
    in_place = whole and re.search(r"[*/]=", statement_at(cause.file, cause.line)) is not None
    in_product = isinstance(outer, ast.BinOp) and isinstance(outer.op, FACTORS)
    return (in_place or in_product) and ast.unparse(found.old) in ("1", "1.0")


def is_size(case: Case, cause: Cause, node: ast.AST) -> bool:
    """Whether a factor is called as sizes are, or was given the length of something, or is as often as a loop turns."""
    if SIZE.fullmatch(ast.unparse(node)):
        return True
    if holds_array(case, node):  # `mask = np.ones(x.shape)`
        return False
    source = source_of(text_of(cause.file))
    bound = [each for each in nodes_around(source, cause.line) if isinstance(each, ast.Assign)]
    if any(counts_to(each, ast.unparse(node)) for each in nodes_around(source, cause.line)):
        return True
    given = [each for each in bound if MEASURED.search(ast.unparse(each.value))]
    parts = [part for each in given for target in each.targets for part in ast.walk(target)]
    return isinstance(node, ast.Name) and node.id in {part.id for part in parts if isinstance(part, ast.Name)}


def counts_to(node: ast.AST, name: str) -> bool:
    """Whether a part of a program is `range(n)`, of a name."""
    return isinstance(node, ast.Call) and ast.unparse(node) == f"range({name})"


def counts_samples(case: Case, node: ast.AST) -> bool:
    """Whether a size is the number of samples, as far as that is known: rows, or no width of a parameter."""
    match node:
        case ast.Subscript(value=ast.Attribute(value=held, attr="shape"), slice=ast.Constant(value=int(axis))):
            pass
        case ast.Call(func=ast.Name(id="len"), args=[held]):
            axis = 0
        case _:
            return True
    named = (e.node for e in (*case.arguments, *case.events) if e.name == ast.unparse(held))  # and no parts of a list
    arrays = [case.tape.nodes[node].value for node in named]
    lengths: list[int] = [array.shape[axis] for array in arrays if -array.ndim <= axis < array.ndim]
    rows = axis == 0 and any(array.ndim > 1 for array in arrays)
    widths: set[int] = {n for final in case.finals for n in case.tape.nodes[final.parameter.node].value.shape}
    return not lengths or rows or not widths.issuperset(lengths)


def is_of_parameter(case: Case, cause: Cause) -> bool:
    """Whether a line makes the gradient of a parameter, in whatever layout."""
    here = (cause.file, cause.line)
    places = (case.step_of(final.node).place for final in case.finals)
    if any(place is not None and (place.file, place.line) == here for place in places):
        return True
    if any(parameter_of(case, node) is not None for node in nodes_named(case, cause.of)):
        return True  # or a part of it, as the sum over samples is made of
    made = [entries_of(case, e.node) for e in case.events if (e.place.file, e.place.line) == here]
    ends = [entries_of(case, final.node) for final in case.finals]
    return any(np.array_equal(one, other) for one in made for other in ends)


def entries_of(case: Case, node: int) -> np.ndarray:
    """The entries of a value in their order of size."""
    return np.sort(case.tape.nodes[node].value, axis=None)
