"""Gradients that are reversed on purpose where a branch of the loss begins, as features unlearn what a head learns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tinygrad_scratch.verifier.pairs.update_steps import is_plain_number, literals_of
from tinygrad_scratch.verifier.reading.source import statement_at, text_of
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import close, is_near_number, nearest_shares
from tinygrad_scratch.verifier.recording.references import Ref
from tinygrad_scratch.verifier.recording.steps import Array, Step, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.losses import KnownLoss
from tinygrad_scratch.verifier.truths.truth import NotOnTensors, Reversed, Truth, truth_of

ON_PURPOSE = re.compile(
    r"gradients?\W+(?:\w+\W+)?revers|revers\w*[\W_]+(?:\w+\W+)?grad|domain\W?(?:adversar|confus)|unlearn|\bgrl\b|\bdann\b",
    re.IGNORECASE,
)
"""The words for it: no loop that runs through layers in reverse, and no game of two nets."""
TELLING = 3  # entries
MOST_TERMS = 4  # more are those of samples or times


def reversed_truths(tape: Tape, truth: Truth, parameters: set[int]) -> Iterator[Truth]:
    """What is true where one term of the loss sends back a negative multiple of its gradient to what others read, too.

    The program has a value that is the sum of both, and the number by which the one is reversed, which is another than
    that of a mere sign; or else it says in words that this is meant.
    """
    parents = tape.parents()
    terms = terms_of(tape, truth.loss)
    behind = {term: ancestors(parents, [term]) for term in terms}
    moving = moved_by(tape, parameters)
    for term in terms if len(terms) > 1 else ():
        rest = set[int]().union(*(behind[other] for other in terms if other != term))
        begins = list(branches(tape, behind[term], rest, moving))
        if not begins:
            continue
        try:
            held = truth_of(tape, truth.loss, edits={step.index: Reversed(place, 0.0) for step, place, _ in begins})
        except NotOnTensors:
            continue
        shared = {node for _, _, node in begins}
        for node in sorted(shared | (parameters & ancestors(parents, shared))):
            factor = factor_between(tape, truth, held, node, weight_of(tape, term))
            if factor is not None:
                edits = {step.index: Reversed(place, factor) for step, place, _ in begins}
                yield replace(truth_of(tape, truth.loss, edits=edits), note=said_of(begins[0][0], factor))
                break


def said_of(step: Step, factor: float) -> str:
    where = f"`{statement_at(step.place.file, step.place.line)}`" if step.place is not None else "a part of the loss"
    return f"a gradient that is reversed: what {where} sends back counts {factor:.6g} times"


def terms_of(tape: Tape, loss: int) -> list[int]:
    """The numbers that a loss is the sum of, each with its weight; itself alone where these are more than a few."""
    found, waiting = list[int](), [loss]
    while waiting and len(found) + len(waiting) <= MOST_TERMS:
        node = waiting.pop()
        step = tape.steps[tape.nodes[node].step]
        numbers = [read for read in step.reads if tape.nodes[read].value.size == 1]
        if isinstance(step.function, KnownLoss) and len(numbers) > 1:
            found += numbers
        elif name_of(step.function) in ("add", "subtract"):
            waiting += numbers
        else:
            found.append(node)
    return [loss] if waiting or len(found) > MOST_TERMS else found


def weight_of(tape: Tape, term: int) -> float:
    """The number that a term of a loss is multiplied by where it is added; 1 where it is not."""
    step = tape.steps[tape.nodes[term].step]
    numbers = [read for read in step.reads if is_plain_number(tape, read)]
    values = [*literals_of(step), *(float(tape.nodes[read].value.reshape(-1)[0]) for read in numbers)]
    return float(np.prod(values)) if name_of(step.function) == "multiply" else 1.0


def branches(tape: Tape, mine: set[int], rest: set[int], moving: set[int]) -> Iterator[tuple[Step, int, int]]:
    """The calls with which one term alone goes on from a value that others read, too: its place, and the value."""
    alone, shared = mine - rest, mine & rest & moving
    for step in tape.steps:
        if step.makes and step.makes[0] in alone and isinstance(step.arguments, tuple):
            slots = {tape.nodes[read].slot: read for read in step.reads}
            for place, part in enumerate(step.arguments):
                node = slots.get(part.slot) if type(part) is Ref else None
                if node is not None and node in shared:
                    yield step, place, node


def moved_by(tape: Tape, parameters: set[int]) -> set[int]:
    """What was made of parameters, and is none itself."""
    found = set(parameters)
    for step in tape.steps:
        found.update(step.makes if not found.isdisjoint(step.reads) else ())
    return found - parameters


def factor_between(tape: Tape, truth: Truth, held: Truth, node: int, weight: float) -> float | None:
    """The negative number times which one part of a gradient is added to the rest, in a value of the program's own."""
    whole, rest = truth.cotangents.get(node), held.cotangents.get(node)
    if whole is None or rest is None or whole.size < TELLING:
        return None
    one, forward = whole - rest, ancestors(tape.parents(), [truth.loss])
    if not np.any(one) or not np.any(rest):
        return None
    for step in tape.steps:
        for made in step.makes:
            value = tape.nodes[made].value
            if made not in forward and value.shape == whole.shape and value.dtype.kind == "f":
                factor = share_of(value, rest, one)
                if factor is not None and is_meant(tape, step, factor, factor * weight):
                    return factor
    return None


def share_of(value: Array, rest: Array, one: Array) -> float | None:
    """The negative number times which an array is added to another one to make a value."""
    shares = nearest_shares(np.stack([rest.ravel(), one.ravel()], axis=1), value)
    is_sum = shares[0] > 0 > shares[1] and close(value, shares[0] * rest + shares[1] * one)
    return float(f"{shares[1] / shares[0]:.12g}") if is_sum else None


def is_meant(tape: Tape, step: Step, *factors: float) -> bool:
    """Whether a number, with a weight or without, is one of the program's and no mere sign, or is so in words."""
    if any(is_near_number(factor, -1.0) for factor in factors):
        return step.place is not None and ON_PURPOSE.search(text_of(step.place.file)) is not None
    held = {abs(float(number)) for each in tape.steps for number in literals_of(each)}
    plain = (node.value for node in tape.nodes if is_plain_number(tape, node.number))
    held |= {abs(float(value.reshape(-1)[0])) for value in plain}
    return any(is_near_number(number, -factor) for number in held for factor in factors)
