"""Gradients that are in one dict, each under the key of its parameter, and are taken off in one statement for all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.recording.events import Event

ENTRY = re.compile(r"(.+)\[([^\[\]]+)\]")


def beside_others(final: Final, others: list[Final], events: Iterable[Event]) -> Final | None:
    """What the dict of the gradients of others has under the key of a parameter; None where they are in no such one.

    What a step makes of all of them in one statement, as their signs, tells less of a wrong one.
    """
    holders = {holder_of(other) for other in others}
    own, holder = ENTRY.fullmatch(final.parameter.name), next(iter(holders), None)
    if own is None or holder is None or len(holders) > 1:
        return None
    name = f"{holder}[{own[2]}]"
    node = next((event.node for event in events if event.name == name), None)
    return None if node is None else replace(final, name=name, node=node)


def holder_of(final: Final) -> str | None:
    """The dict that a gradient is in under the key of its parameter: `g` of `g["w"]`, for `net["w"]`."""
    entry, own = (ENTRY.fullmatch(name) for name in (final.name, final.parameter.name))
    return entry[1] if entry and own and entry[2] == own[2] else None
