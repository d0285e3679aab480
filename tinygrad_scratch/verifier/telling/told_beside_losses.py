"""A slope that is not that of the loss beside it in a class is told in that class, and not where it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import right_side, statement_at, text_of
from tinygrad_scratch.verifier.rewriting.text import source_of


def tell_beside_loss(case: Case, repair: Repair, cause: Cause, losses: Sequence[Callable[..., Any]]) -> bool:
    """Tell it there, where a method of that class returned what is wrong; else whether it is told there already."""
    returned = (event for event in case.returned if event.node == repair.event.node)
    slope = next((event for event in returned if is_beside(event.place, losses)), None)
    if slope is None:
        return is_beside(cause.place, losses)
    if not is_beside(cause.place, losses):
        cause.place, cause.name = slope.place, slope.name
        cause.expression, cause.should_be = right_side(statement_at(slope.place.file, slope.place.line)), None
    return True


def is_beside(place: Place, losses: Sequence[Callable[..., Any]]) -> bool:
    """Whether a place is in the class of one of some losses."""
    holder = source_of(text_of(place.file)).class_around(place.line)
    return holder is not None and any(loss.__qualname__ == f"{holder.name}.{loss.__name__}" for loss in losses)
