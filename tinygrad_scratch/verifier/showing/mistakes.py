"""Each wrong step as plain data: what was written, what would be right, and the part in which the two differ."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from tinygrad_scratch.verifier.reading.bindings import part_for
from tinygrad_scratch.verifier.reading.part_line import line_of_part
from tinygrad_scratch.verifier.reading.source import (
    Marked,
    call_at,
    compared,
    found_in,
    is_same,
    right_side,
    statement_at,
    without_brackets,
)
from tinygrad_scratch.verifier.showing.called import Names, own_name
from tinygrad_scratch.verifier.showing.findings import Mistake, Where
from tinygrad_scratch.verifier.showing.quantities import worst

ROUNDING = 1e-12  # no more than this of a difference is none


def mistakes_of(check: Any) -> list[Mistake]:
    names = Names(check)
    found = []
    for repair, cause in zip(check.repairs, check.causes, strict=True):
        place = cause.place
        written, right = written_and_right(repair, cause)
        apart = worst(check.tape.nodes[repair.event.node].value, repair.truth)
        found.append(
            Mistake(
                name=own_name(cause.name) or names.expression(repair.event.node),
                where=Where(place.file, cause.line, place.function),
                of=names.of(repair.of),
                kind=cause.kind,
                sentence=cause.sentence,
                certainty=cause.certainty,
                others=list(cause.others),
                written=written,
                right=right,
                worst=apart if apart.difference > ROUNDING else None,  # what is lost may be right
                node=repair.event.node,
            )
        )
    return found


def tell_lines(repairs: list[Any], causes: list[Any]) -> None:
    """Tell each cause at the line on which the wrong part of its statement stands, where that is known.

    What is right is never what was written: of that no text is told, as where two functions call two values alike.
    """
    for repair, cause in zip(repairs, causes, strict=True):
        if not cause.should_be:
            continue
        written, _ = written_and_right(repair, cause)
        cause.part_line = line_of_part(cause.file, cause.line, written)
        if is_as_written(repair, cause):
            cause.should_be = None
            cause.certainty = "fits" if cause.certainty == "checked" else cause.certainty


def is_as_written(repair: Any, cause: Any) -> bool:
    """Whether what a cause says is right is what was written: `d` for all of `sum += d`."""
    written, right = written_and_right(repair, cause)
    return right is not None and is_same(written.text, right.text)


def written_and_right(repair: Any, cause: Any) -> tuple[Marked, Marked | None]:
    """What stands at the place of a mistake, and what would be right."""
    place = cause.place
    part = call_at(repair.event.place) if repair.event.place == place else None  # of a value without a name there
    statement = part or statement_at(place.file, place.line, cause.expression or call_at(place) or cause.name)
    return both(statement, cause.expression or call_at(place), cause)


def both(statement: str, expression: str | None, cause: Any) -> tuple[Marked, Marked | None]:
    """What was written and what would be right, each with the part marked in which they differ."""
    of_value = not cause.should_be or is_expression(cause.should_be)
    if cause.is_rename and of_value and (marked := part_for(statement, cause.name)) is not None:
        if not cause.should_be:
            return marked, None
        whole = cause.should_be
        if is_expression(whole):
            whole = f"{statement[: marked.start]}{whole}{statement[marked.end :]}"
        return marked, compared(statement, without_brackets(whole, statement))[1]
    if not cause.should_be:
        return found_in(statement, expression or WHOLE_VALUE), None
    if expression and expression not in right_side(statement):
        statement = expression
    written, right = min(
        (compared(statement, text) for text in mended(statement, expression, cause.should_be)), key=apart
    )
    if not written.part.strip():
        written = found_in(statement, expression or WHOLE_VALUE)
    return written, right


def mended(statement: str, expression: str | None, should_be: str) -> Iterator[str]:
    """The statement as it should be: what is known of it may be all, its value or a part of that."""
    put = NUMBER_PUT_IN.fullmatch(statement)
    if put and should_be.startswith(put["number"]):  # what is right is known of the array, not of the number
        yield f"{put['array']} = {put['array']}{should_be.removeprefix(put['number'])}"
        return
    every = Marked(statement, 0, len(statement))
    is_value = is_expression(should_be) and not DOES.match(should_be)
    spans = [found_in(statement, WHOLE_VALUE)] if is_value else [every]
    if expression == statement:
        spans.append(every)
    if is_expression(should_be) and expression and expression in right_side(statement):
        spans.append(found_in(statement, expression))
    for span in spans:
        whole = statement[: span.start] + should_be + statement[span.end :]
        yield from (without_brackets(whole, statement), whole)


DOES = re.compile(r"(?:np|numpy)\.\w+\.at\(")  # a call that gives no value
NUMBER_PUT_IN = re.compile(r"(?P<array>[\w.]+)\[.*\]\s*=\s*(?P<number>-?[\d.]+)")


def is_expression(text: str) -> bool:
    """Whether a text is a value, and no statement."""
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def apart(pair: tuple[Marked, Marked]) -> int:
    """How much of two texts differs."""
    return len(pair[0].part) + len(pair[1].part)


WHOLE_VALUE = "\0"  # what is nowhere in a statement, so that all of its value is marked
