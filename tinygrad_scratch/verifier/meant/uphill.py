"""Updates that all go uphill: the statement that makes all of them, or else the one value whose sign turns them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.source import statement_at
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close


def turning(case: Case) -> tuple[Repair, str, list[str]] | None:
    """What to turn round, how the statement should be where that is known, and what would do as well."""
    lines = {(place.file, place.line): place for place in case.uphill}
    updates = [statement_at(place.file, place.line) for place in lines.values()]
    values = case.replay()
    sources = list(turning_all(case, values))
    source = next(iter(sources), None)
    turned = other_way(updates[0]) if len(updates) == 1 else ""
    if turned and not any(is_called_so_in_vain(case, each, values) for each in sources):
        final, place = case.finals[-1], next(iter(lines.values()))
        event = Event(f"the step of {final.parameter.name}", final.node, place, 0, 10**9)
        repair = Repair(event, -np.asarray(values[final.node]), final.parameter.node, None, len(case.finals))
        right = source is None or is_gradient(case, values[source.event.node])
        return repair, turned, [] if right or source is None else [f"the other sign in `{source.event.name}`"]
    if source is None:
        return None
    numbers = sorted(line for _, line in lines)
    return source, "", [f"the other sign in each update, from line {numbers[0]} on"]


def is_called_so_in_vain(case: Case, source: Repair, values: dict[int, Any]) -> bool:
    """Whether a value is called a gradient, and is the negative of one."""
    return is_gradient_name(source.event.short) and not is_gradient(case, values[source.event.node])


def is_gradient(case: Case, value: Any) -> bool:
    """Whether a value is a gradient of the loss, up to a positive factor, and none of its negative."""
    found = case.match_up_to_factor(np.asarray(value)) if np.size(value) > 1 else None
    return found is not None and found[0].how == "" and found[1] > 0


def other_way(statement: str) -> str:
    """An update with the other sign; empty for what is written in another form.

    >>> other_way("w += step"), other_way("net['w'] = net['w'] - rate * step"), other_way("w = new - old")
    ('w -= step', "net['w'] = net['w'] + rate * step", '')
    """
    by_sign = re.search(r"([-+])=", statement)
    named = re.match(r"(?P<name>[^=]+?)\s*=\s*(?P=name)\s*(?P<sign>[-+])", statement)
    place = by_sign.start(1) if by_sign else named.start("sign") if named else -1
    if place < 0:
        return ""
    return f"{statement[:place]}{'-' if statement[place] == '+' else '+'}{statement[place + 1 :]}"


def turning_all(case: Case, values: dict[int, Any]) -> Iterator[Repair]:
    """The named values of the backward pass whose negative turns all gradients round.

    The first may be a residual that the loss is computed from, too: a square does not tell its sign.
    """
    common = set.intersection(*(case.ancestors([final.node]) for final in case.finals)) - case.unfinished
    for event in case.events:
        value = np.asarray(values[event.node])
        made = case.step_of(event.node).function is not None
        if event.node not in common & case.smooth or not made or not np.any(value):
            continue
        turned = case.with_value(event.node, -value)
        if all(is_negative(turned[final.node], values[final.node]) for final in case.finals):
            matched = case.match_up_to_factor(-value)
            of = matched[0].of if matched is not None else case.finals[0].parameter.node
            yield Repair(event, -value, of, None, len(case.finals))


def is_negative(value: Any, other: Any) -> bool:
    return np.shape(value) == np.shape(other) and close(np.asarray(value), -np.asarray(other))
