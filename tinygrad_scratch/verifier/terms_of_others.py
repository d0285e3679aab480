"""Terms too many that may be of another loss than the one that is watched: what they are made of is in none of it."""

from __future__ import annotations

import ast

from tinygrad_scratch.verifier.case import Case
from tinygrad_scratch.verifier.causes.single import TERM_TOO_MANY
from tinygrad_scratch.verifier.explain import Cause
from tinygrad_scratch.verifier.loops import names_in
from tinygrad_scratch.verifier.own_slopes import numbers_named, words_of
from tinygrad_scratch.verifier.source import compared, parsed


def said_of_term(case: Case, cause: Cause, loss: str) -> str | None:
    """Why a term is not called wrong, where nobody said what the loss is; None where nothing speaks for it.

    All is right but for it, and it is made of an array that the loss does not depend on, or has a strength of its own.
    """
    if TERM_TOO_MANY not in cause.sentence or not cause.should_be or cause.certainty != "checked":
        return None
    term = compared(cause.expression, cause.should_be)[0].part.strip().strip("+- ")
    tree = parsed(term)
    words = names_in(tree) if isinstance(tree, ast.AST) else set()
    free = words - words_of(case.tape, case.forward)
    own = list(numbers_named(case.tape, [cause.file], free))
    held = [
        event.short
        for event in case.events
        if event.short in words and event.node not in case.forward and case.is_begun(event.node)
    ]
    if not own and not held:
        return None
    return (
        f"No loss was named, and {(held or own)[0]} has nothing to do with {loss}: with the term `{term}` in line "
        f"{cause.line}, the gradients are those of more than {loss}, and without it they are right. If it is meant, "
        "set check.loss = ... in a block to all of the loss, or give that a name, loss = ..., and say --loss loss; if "
        "it isn't, leave it out."
    )
