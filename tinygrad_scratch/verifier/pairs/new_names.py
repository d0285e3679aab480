"""New values of parameters under names of their own, as exercises of a single step write them: `w_new = w - a * g`."""

from __future__ import annotations

import re

from tinygrad_scratch.verifier.pairs.update_steps import (
    factors_of,
    first_number,
    in_update,
    is_average,
    is_plain_number,
)
from tinygrad_scratch.verifier.recording.events import Event, claims_gradient
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.steps import ancestors
from tinygrad_scratch.verifier.recording.tape import Tape


def renewed(tape: Tape, events: list[Event], parameters: list[Parameter]) -> dict[int, int]:
    """What parameters became under names that go on from theirs: by a rate, and by what was made of all of them."""
    found: dict[int, tuple[int, int]] = {}
    for parameter in parameters:
        for event in events:
            change = change_in(tape, event, parameter) if goes_on_from(parameter.short, event.short) else None
            if change is not None:
                found.setdefault(parameter.node, (event.node, change))
    parents = tape.parents()
    alike = all(found.keys() <= ancestors(parents, [change]) for _, change in found.values())
    return {node: after for node, (after, _) in found.items()} if alike else {}


def change_in(tape: Tape, event: Event, parameter: Parameter) -> int | None:
    """What a named value was made of a parameter by, a number times something."""
    change = in_update(tape, tape.steps[tape.nodes[event.node].step], event.node, parameter.node)
    if change is None or claims_gradient(event.name) or is_average(tape, change, parameter.node):
        return None
    numbers = factors_of(tape, change[0], lambda node: is_plain_number(tape, node))
    return change[0] if first_number(tape, change[0]) or next(numbers, None) is not None else None


def goes_on_from(name: str, other: str) -> bool:
    """Whether a name is another one with something before or behind it.

    >>> goes_on_from("w2", "n_w2"), goes_on_from("w2", "new_W2"), goes_on_from("w2", "w2"), goes_on_from("w2", "w1_new")
    (True, True, False, False)
    """
    one, longer = (re.sub(r"[\W_]", "", text).lower() for text in (name, other))
    return bool(one) and one != longer and (longer.startswith(one) or longer.endswith(one))
