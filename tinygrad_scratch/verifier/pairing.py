"""Which gradient belongs to which parameter: by name, by position, by value, by shape, in this order; else it is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tinygrad_scratch.verifier.parameters import Parameter
from tinygrad_scratch.verifier.recorded import Recorded
from tinygrad_scratch.verifier.tape import Array, Tape


@dataclass(frozen=True)
class Final:
    """A gradient that the person's code ended with: its name, its node, its parameter."""

    name: str
    node: int
    parameter: Parameter


def gradients_in(value: Any, path: str = "") -> Iterator[tuple[str, Recorded]]:
    """The recorded arrays in what a backward pass returned, each with the path that leads to it."""
    if type(value) is Recorded:
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from gradients_in(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for i, part in enumerate(value):
            yield from gradients_in(part, f"{path}.{i}" if path else str(i))


PREFIXES = re.compile(r"^(?:d[jlce]_?d_?|d[jlce]d|grads?_?(?:of_?|wrt_?)?|gradients?_?|nabla_?|delta_?|del_?|d_?|g_?)")
SUFFIXES = re.compile(r"(?:_?grads?|_?gradients?|_?prime|_?deriv)$")


def bare(name: str) -> str:
    """A name without what makes it the name of a gradient, and without case and underscores."""
    text = name.rsplit(".", 1)[-1].lower()
    found = re.search(r"\[['\"](.+?)['\"]\]$", name)
    if found:
        text = found[1].lower()
    shorter = SUFFIXES.sub("", PREFIXES.sub("", text))
    return (shorter or text).replace("_", "")


def paired(
    parameters: list[Parameter],
    gradients: list[tuple[list[str], int]],
    tape: Tape,
    close: Callable[[Array, Parameter], bool],
) -> tuple[list[Final], list[tuple[list[str], int]]]:
    """The gradients with their parameters, and those that nothing decides about."""
    left = list(gradients)
    free = list(parameters)
    finals: list[Final] = []

    def take(names: list[str], node: int, parameter: Parameter) -> None:
        finals.append(Final(names[0], node, parameter))
        left.remove((names, node))
        free.remove(parameter)

    def fits(node: int, parameter: Parameter) -> bool:
        value, wanted = tape.nodes[node].value, tape.nodes[parameter.node].value
        return value.size == wanted.size

    for names, node in list(left):
        mine = {bare(name) for name in names}
        known = [p for p in free if bare(p.name) in mine and fits(node, p)]
        if len(known) == 1:
            take(names, node, known[0])
    if len(left) == len(free) and all(fits(node, p) for (_, node), p in zip(left, free, strict=True)):
        for (names, node), parameter in list(zip(left, free, strict=True)):
            take(names, node, parameter)
    for names, node in list(left):
        known = [p for p in free if fits(node, p) and close(tape.nodes[node].value, p)]
        if len(known) == 1:
            take(names, node, known[0])
    for names, node in list(left):
        known = [p for p in free if fits(node, p)]
        rivals = [other for other in left if known and fits(other[1], known[0])]
        if len(known) == 1 and len(rivals) == 1:
            take(names, node, known[0])
    return finals, left
