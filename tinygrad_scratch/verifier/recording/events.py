"""Events: a name was given to a value, or the array under a name was written to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from tinygrad_scratch.verifier.reading.names import is_gradient_name, without_holder
from tinygrad_scratch.verifier.reading.places import Place


@dataclass(frozen=True)
class Event:
    """A name was bound to a value, or the array under that name was written to. `owner` is what holds the name."""

    name: str
    node: int
    place: Place
    owner: int
    time: int  # how many steps had been made
    renamed: int = 0  # the number of the rename by which it is known under that name

    @property
    def short(self) -> str:
        """The name without what holds it: `dW1` of `self.grads["dW1"]`."""
        return without_holder(self.name)


@cache
def claims_gradient(name: str) -> bool:
    """Whether a name, or that of what holds it, is one of gradients: `dW`, `grads['W']`."""
    return any(is_gradient_name(part) for part in re.findall(r"[^.\[\]'\"(), ]+", name))


def by_node(events: Iterable[Event]) -> dict[int, list[Event]]:
    """The events of each value, in their order."""
    found: dict[int, list[Event]] = {}
    for event in events:
        found.setdefault(event.node, []).append(event)
    return found
