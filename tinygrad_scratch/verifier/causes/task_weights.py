"""Numbers that weigh a term of the loss, as the weight of a task does: no slope stands between them and it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.sizes import is_data
from tinygrad_scratch.verifier.cases.valued import is_mere_number, names_in, nodes_named
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.references import refs_in
from tinygrad_scratch.verifier.recording.steps import Step, ancestors

SUMMED = ("add", "subtract", "negative", "sum", "mean", "renamed")

Readers = dict[int, list[Step]]


def weighs_loss(case: Case, node: ast.AST) -> bool:
    """Whether a factor is one number by which forward multiplies nothing but terms of the loss.

    It may be an entry of an array, if each entry that is read there is such a number.
    """
    held = {each for name in names_in(node) for each in nodes_named(case, name)}
    readers = readers_in(case) if held else {}
    singles = [single for each in held for single in singles_of(case, readers, each)]
    return bool(singles) and all(leads_as_weight(case, readers, single) for single in singles)


def holds_error(case: Case, node: ast.AST) -> bool:
    """Whether what an expression reads was made of how far data are from what the parameters make: no penalty is."""
    trained = {final.parameter.node for final in case.finals}
    held = [each for name in names_in(node) for each in nodes_named(case, name)]
    behind = ancestors(case.parents, held, until=trained)
    for step in {id(step): step for step in map(case.step_of, behind)}.values():
        if name_of(step.function) == "subtract" and len(step.reads) == 2:
            made = [not trained.isdisjoint(case.ancestors([read])) for read in step.reads]
            if sum(made) == 1 and is_data(case.tape.nodes[step.reads[made.index(False)]].value):
                return True
    return False


def readers_in(case: Case) -> Readers:
    """The calls on the way to the loss that read each value."""
    found: Readers = {}
    for step in case.tape.steps:
        for node in step.reads if not case.forward.isdisjoint(step.makes) else ():
            found.setdefault(node, []).append(step)
    return found


def singles_of(case: Case, readers: Readers, node: int) -> Iterator[int]:
    """The single numbers that the loss reads of a value: itself, or its entries."""
    if is_single(case, node):
        yield node
    else:
        entries = (step for step in readers.get(node, []) if name_of(step.function) == "getitem")
        yield from (step.makes[0] for step in entries if is_single(case, step.makes[0]))


def is_single(case: Case, node: int) -> bool:
    return np.size(case.tape.nodes[node].value) == 1


def leads_as_weight(case: Case, readers: Readers, number: int) -> bool:
    """Whether a number goes on, maybe as another number, until it multiplies what is only added up from there."""
    waiting, seen = [(number, True)], set[int]()
    while waiting:
        node, alone = waiting.pop()
        seen.add(node)
        if node != case.truth.loss and node not in readers:
            return False
        for step in readers.get(node, []):
            made = step.makes[0]
            remains = alone and is_single(case, made) and is_beside_numbers(case, step, node)
            if not remains and name_of(step.function) not in SUMMED and not is_scaled(case, step, node, alone):
                return False
            if made not in seen:
                waiting.append((made, remains))
    return True


def is_beside_numbers(case: Case, step: Step, node: int) -> bool:
    """Whether all that a call reads beside a value are numbers that were given."""
    return all(each == node or is_mere_number(case, each) for each in step.reads)


def is_scaled(case: Case, step: Step, node: int, weight: bool) -> bool:
    """Whether a call multiplies a value, or divides it; a weight may be by what, a term only by a given number."""
    name = name_of(step.function)
    if name not in ("multiply", "divide") or len(list(refs_in(step.arguments))) != len(step.reads):
        return False
    first = next(refs_in(step.arguments[:1]), None)
    is_divided = first is not None and first.slot == case.tape.nodes[node].slot
    return weight or ((name == "multiply" or is_divided) and is_beside_numbers(case, step, node))
