"""A function that is called after a derivative, and returns what it is given as it is: its return is to blame."""

from __future__ import annotations

import ast
from dataclasses import replace

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.derivative_names import is_named_after, short
from tinygrad_scratch.verifier.reading.source import parsed, statement_at
from tinygrad_scratch.verifier.rewriting.part import name_of


def tell_as_given(case: Case, cause: Cause) -> bool:
    """Tell an unexplained step where such a function returns its argument, and the step only scales that.

    The function that it is called after makes another value of the argument in the forward pass.
    """
    tree = parsed(statement_at(cause.file, cause.line))
    called = {name_of(part) for part in ast.walk(tree) if isinstance(part, ast.Call)} if tree is not None else set()
    made = {short(event.name) for event in case.returned if case.is_forward(event.node)}
    for event in case.returned if cause.certainty == "unexplained" else ():
        function = event.place.function
        given = any(e.owner == event.owner and e.node == event.node for e in case.arguments)
        if given and function in called and any(is_named_after(function, other) for other in made - {function}):
            statement = statement_at(event.place.file, event.place.line)
            cause.place, cause.expression, cause.should_be = replace(event.place, offset=0), statement.strip(), None
            cause.kind, cause.certainty = "missing-derivative", "fits"
            cause.sentence = f"`{function}` gives back what it is given, and no derivative"
            return True
    return False
