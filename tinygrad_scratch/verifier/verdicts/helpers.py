"""What a helper lacks is told in it, and once, however often it was called."""

from __future__ import annotations

import ast
from dataclasses import replace

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import in_same_function, right_side, statement_at, text_of
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.telling.doubt import is_right_elsewhere
from tinygrad_scratch.verifier.telling.told_where_bound import only_binding

Found = list[tuple[Repair, Cause]]
VAGUE = ("missing-term", "unexplained")


def told_once(case: Case, found: Found) -> Found:
    """One mistake for several of one kind that one line of a helper made, in all of its calls.

    So it is where a cause is known of one of its calls, and none of the others.
    """
    known = {(cause.file, cause.line) for _, cause in found if cause.kind != "unexplained"}
    found = [pair for pair in found if pair[1].kind != "unexplained" or (pair[1].file, pair[1].line) not in known]
    if len(found) == 1 and found[0][1].kind == "missing-term" and not found[0][1].should_be:
        tell_in_helper(case, *found[0])
    kinds = {(cause.kind, cause.should_be) for _, cause in found}
    if len(found) < 2 or len(kinds) > 1 or found[0][1].kind not in VAGUE or found[0][1].should_be:
        return found
    repair, cause = found[0]
    place = helper_of(case, repair, cause)
    if place is None or not all(is_made_there(case, place, found[0], other) for other in found[1:]):
        return found
    cause.place, cause.expression = place, right_side(statement_at(place.file, place.line))
    return [(repair, cause)]


def tell_in_helper(case: Case, repair: Repair, cause: Cause) -> None:
    """Tell a path that a value lacks in the helper that made it, unless that is right in another call."""
    place = helper_of(case, repair, cause) if " depends on " in cause.sentence else None
    if place is not None and not in_same_function(place, cause.place) and not is_right_elsewhere(case, repair):
        cause.place, cause.expression = place, right_side(statement_at(place.file, place.line))


def is_made_there(case: Case, place: Place, first: tuple[Repair, Cause], other: tuple[Repair, Cause]) -> bool:
    """Whether another wrong value was made by another call of the same line of a helper, or of what that made."""
    nodes = case.ancestors([other[0].event.node]) - case.ancestors([first[0].event.node])
    steps = map(case.step_of, nodes | {other[0].event.node})
    return any(s.place and (s.place.file, s.place.line) == (place.file, place.line) for s in steps)


def helper_of(case: Case, repair: Repair, cause: Cause) -> Place | None:
    """The line of a helper of the backward pass that made the value at which a cause is told."""
    here = cause.name, cause.file, cause.line
    named = [e for e in case.events if (e.name, e.place.file, e.place.line) == here]
    event = repair.event if repair.event in named or not named else named[-1]
    place = case.step_of(event.node).place
    ahead = {s.place.function for node in case.forward_alone if (s := case.step_of(node)).place}
    return place if place is not None and place.function not in ahead else None


def tell_where_added(cause: Cause) -> None:
    """Tell a term that is missing where a sum is made, and not where a factor is put to it: `return dx * rstd`."""
    if cause.kind != "missing-term" or cause.should_be:
        return
    source = source_of(text_of(cause.file))
    own = source.statement_on(cause.line)
    value = own.value if isinstance(own, ast.Assign | ast.Return) else None
    if isinstance(value, ast.Tuple) and value.elts:
        value = value.elts[0]
    match value:
        case ast.BinOp(left=ast.Name(id=name), op=ast.Mult() | ast.Div()):
            bound = only_binding(source, cause.line, name)
        case _:
            bound = None
    match bound:
        case ast.Assign(value=ast.BinOp(op=ast.Add() | ast.Sub()) as sum_):
            cause.place, cause.name = replace(cause.place, line=bound.lineno, offset=0), name
            cause.expression = source.code(sum_)
