"""What a person calls each value that their program computed."""

from __future__ import annotations

import re
from typing import Any

from tinygrad_scratch.verifier.reading.source import call_at
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.showing.findings import Where


class Names:
    """What a person calls each value: a parameter by its path, another by its first name, else by its expression."""

    def __init__(self, check: Any) -> None:
        self.tape = check.tape
        self.cotangents = check.truth.cotangents
        self.bound: dict[int, str] = {}
        for event in check.events:
            self.bound.setdefault(event.node, own_name(event.name))
        for parameter in check.parameters:
            self.bound[parameter.node] = own_name(parameter.name) or self.bound.get(parameter.node, "the parameter")

    def of(self, node: int) -> str:
        return self.bound.get(node) or self.alike(node) or self.expression(node)

    def alike(self, node: int) -> str | None:
        """The name of the value nearest to it that has the same gradient, as z has in `z = x @ w + b`."""
        truth = self.cotangents.get(node)
        near = sorted(self.bound.keys() & self.cotangents.keys(), key=lambda other: abs(other - node))
        return next(
            (self.bound[other] for other in near if truth is not None and close(self.cotangents[other], truth)), None
        )

    def expression(self, node: int) -> str:
        step = self.tape.steps[self.tape.nodes[node].step]
        if step.place is None:
            return f"an array of shape {self.tape.nodes[node].value.shape}"
        code = call_at(step.place) if step.function is not None else None
        return code or f"a value in {Where(step.place.file, step.place.line, '').short}"


def own_name(name: str) -> str:
    """A name without the `self.` that all of a class's names have; an entry of the dict that was given by its key."""
    key = re.fullmatch(r"\[(['\"])(.*)\1\]", name)
    return key[2] if key else name.removeprefix("self.").lstrip(".")
