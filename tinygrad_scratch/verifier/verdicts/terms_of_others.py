"""Terms too many that may be of another loss than the one that is watched: what they are made of is in none of it."""

from __future__ import annotations

import ast

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.causes.single import TERM_TOO_MANY
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.losses.own_slopes import numbers_named, words_of
from tinygrad_scratch.verifier.meant.beside_the_gradient import has_penalty, has_penalty_computed
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.penalised import own_parts
from tinygrad_scratch.verifier.reading.loops import names_in
from tinygrad_scratch.verifier.reading.names import is_gradient_name, listed
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.source import compared, parsed
from tinygrad_scratch.verifier.recording.edits import OF_MATRICES, name_of
from tinygrad_scratch.verifier.recording.likeness import is_along
from tinygrad_scratch.verifier.recording.steps import Array, ancestors

STEP, SAME, DIRECTIONS = 1e-4, 1e-5, 3  # the differences are right to about the square of a step
WAYS_OUT = (
    "If it is meant, set check.loss = ... in a block to all of the loss, or give that a name, loss = ..., and say "
    "--loss loss; if it isn't, leave it out."
)


def said_of_term(case: Case, cause: Cause, loss: str) -> str | None:
    """Why a term is not called wrong, where nobody said what the loss is; None where nothing speaks for it.

    All is right but for it, and it is made of an array that the loss does not depend on, or has a strength of its own,
    or it is called a gradient and was made without later layers, as that of a prior of what an encoder gives is.
    """
    if not is_term_too_many(cause) or any(pushes_away(case, final) for final in case.finals):
        return None
    term = compared(cause.expression, cause.should_be or "")[0].part.strip().strip("+- ")
    tree = parsed(term)
    words = {name for name in names_in(tree) if not RATE.match(name)} if isinstance(tree, ast.AST) else set()
    free = words - words_of(case.tape, case.forward)
    own = list(numbers_named(case.tape, [cause.file], free))
    known = {event.short for event in case.events if event.node in case.forward}
    begun = (event.short for event in case.events if case.is_begun(event.node))
    held = [name for name in begun if name in words - known]
    held += [word for word in words if term == word and is_gradient_of_its_own(case, word)]
    if not own and not held:
        return None
    return (
        f"No loss was named, and {(held or own)[0]} has nothing to do with {loss}: with the term `{term}` in line "
        f"{cause.line}, the gradients are those of more than {loss}, and without it they are right. {WAYS_OUT}"
    )


def is_gradient_of_its_own(case: Case, word: str) -> bool:
    """Whether what has the name of a gradient was made of some parameters, and not of all that the loss is made of."""
    named = [event.node for event in case.events if event.short == word] if is_gradient_name(word) else []
    parameters = {final.parameter.node for final in case.finals}
    behind = case.ancestors(named)
    return not parameters.isdisjoint(behind) and not parameters <= behind


def is_term_too_many(cause: Cause) -> bool:
    return TERM_TOO_MANY in cause.sentence and bool(cause.should_be) and cause.certainty == "checked"


def tell_push(case: Case, cause: Cause) -> None:
    """Tell why a term too many is no penalty that may be meant, where that is seen from its values."""
    if is_term_too_many(cause) and any(pushes_away(case, final) for final in case.finals):
        cause.sentence += "; what it adds pushes its parameter away from 0, where a penalty would pull it there"


def pushes_away(case: Case, final: Final) -> bool:
    """Whether a gradient is the true one and a negative multiple of its parameter, which no penalty's is."""
    value = final.direction * np.asarray(case.tape.nodes[final.node].value)
    truth, weights = case.true_of(final), case.tape.nodes[final.parameter.node].value
    if value.shape != truth.shape or case.is_right(case.tape.nodes[final.node].value, final):
        return False
    return is_along(truth - value, weights) and bool(np.vdot(truth - value, weights) > 0)


def said_of_penalty(case: Case, cause: Cause, loss: str) -> str | None:
    """Why a term that only its parameter went into is not called wrong, where the loss that was taken has no penalty.

    All is right but for it, and it is the gradient of something. What no product of matrices went into pulls each entry
    by itself, as a decay does: there it is plain what it should be.
    """
    values = {node.number: node.value for node in case.tape.nodes}
    wrong = case.wrong(values)
    computed = has_penalty(case) or any(has_penalty_computed(case, final) for final in wrong)
    if cause.certainty != "checked" or not wrong or computed:
        return None
    nodes, parents = [final.parameter.node for final in case.finals], case.tape.parents()
    for final in wrong:
        parts = own_parts(case.tape, parents, final.node, final.parameter.node, nodes)
        made = (case.step_of(node) for node in ancestors(parents, parts, until=nodes))
        if not any(name_of(step.function) in OF_MATRICES for step in made):
            return None
        if not all(is_gradient_of_some(case, part, final.parameter.node) for part in parts):
            return None
        values[final.node] = case.tape.replay(parts)[final.node]
    if case.wrong(values):
        return None
    return (
        f"No loss was named, and {loss} has no penalty of {listed([final.parameter.short for final in wrong])}: with "
        f"what line {cause.line} adds of that alone, the gradients are those of more than {loss}, and without it they "
        f"are right. {WAYS_OUT}"
    )


def is_gradient_of_some(case: Case, part: int, parameter: int) -> bool:
    """Whether a value that a parameter alone went into can be a gradient: its Jacobian is symmetric then.

    It is told along random directions, `u J v = v J u`, by central differences.
    """
    rng, start = np.random.default_rng(0), np.asarray(case.tape.nodes[parameter].value, float)

    def at(values: Array) -> Array:
        return np.asarray(case.tape.replay({}, start={parameter: values})[part], float)

    for _ in range(DIRECTIONS):
        u, v = rng.normal(size=(2, *start.shape))
        along_u, along_v = ((at(start + STEP * way) - at(start - STEP * way)) / (2 * STEP) for way in (u, v))
        one, other = np.sum(along_u * v), np.sum(along_v * u)
        if abs(one - other) > SAME * (abs(one) + abs(other)):
            return False
    return True
