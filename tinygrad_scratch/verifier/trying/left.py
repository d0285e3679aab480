"""What a plain run leaves behind, and where a gradient shows up in it: in variables, or in those of the functions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.recording.likeness import SHORTER, tolerance_of
from tinygrad_scratch.verifier.recording.parameters import DEPTH, arrays_below
from tinygrad_scratch.verifier.recording.steps import Array

MOST_CALLS = 200  # of one function, that are looked at
MOST_ENTRIES = 100_000
DEPTH_IN_FUNCTIONS = 4


class Left:
    """The arrays that a run left, each under a name of its own."""

    def __init__(self, files: set[str], wanted: set[str] | None = None) -> None:
        self.files, self.wanted = files, wanted
        self.heads = {name.partition(":")[0] for name in wanted or ()}
        self.functions = {head.rpartition(" ")[0] for head in self.heads}
        self.firsts = {name.partition("']")[0] for name in wanted or ()}
        self.found: dict[str, Any] = {}
        self.calls: dict[Any, int] = {}

    def watches(self, code: CodeType) -> bool:
        """Whether anything of what a function has as it returns is taken."""
        return code.co_filename in self.files and (self.wanted is None or known_as(code) in self.functions)

    def see(self, frame: FrameType, value: Any) -> None:
        """What a function of theirs has as it returns, and what that is."""
        code = frame.f_code
        if code.co_filename not in self.files:
            return
        known = known_as(code)
        number = self.calls[known] = self.calls.get(known, 0) + 1
        head = f"{known} {number}"
        if number <= MOST_CALLS and code.co_name != "<module>" and (self.wanted is None or head in self.heads):
            self.take(head, {**frame.f_locals, "return": value}, DEPTH_IN_FUNCTIONS)

    def take(self, head: str, variables: dict[str, Any], depth: int = DEPTH) -> None:
        """Take the arrays that variables lead to; `head` tells them from those that others lead to."""
        if self.wanted is not None:
            variables = {name: value for name, value in variables.items() if f"{head}:['{name}" in self.firsts}
        for _, _, name, part in arrays_below(variables, f"{head}:", set(), depth):
            if (self.wanted is None or name in self.wanted) and np.size(part) <= MOST_ENTRIES:
                self.found[name] = np.array(part)


def known_as(code: CodeType) -> str:
    return f"{code.co_name} {code.co_firstlineno}"


@dataclass(frozen=True)
class Goal:
    """Where a gradient shows up, and what is there once it is right."""

    name: str
    truth: Array  # in a row

    @cached_property
    def largest(self) -> tuple[int, Any, float]:
        """Where the largest entry is, which rules most out, what it is, and its size."""
        sizes = np.abs(self.truth)
        at = int(np.argmax(sizes)) if sizes.size else 0
        return (at, self.truth.item(at), float(sizes[at])) if sizes.size else (0, 0.0, 0.0)

    def is_met(self, left: dict[str, Any]) -> bool:
        part = left.get(self.name)
        if part is None or part.size != self.truth.size:
            return False
        at, entry, size = self.largest
        room = max(tolerance_of(part) * size, 1e-9 if size < 1e-12 else 0.0)
        if part.size and not abs(part.item(at) - entry) <= room:
            return False
        return bool(np.abs(part.reshape(-1) - self.truth).max(initial=0.0) <= room)


@dataclass(frozen=True)
class Spot:
    """Where a gradient shows up as it is: what is there is a start and so many times the gradient."""

    name: str
    start: Any
    factor: float
    shape: tuple[int, ...] | None = None  # that of what is there, where nothing but that tells

    def goal(self, truth: Any) -> Goal | None:
        """What is there once the gradient is a true one."""
        truth = np.asarray(truth)
        if (self.shape is not None and truth.shape != self.shape) or np.size(self.start) not in (1, truth.size):
            return None
        return Goal(self.name, np.ravel(self.start) + self.factor * truth.ravel())


def goals_of(spots: list[Spot], truth: Any) -> list[Goal]:
    """What is where a gradient shows up, once it is a true one."""
    found = (spot.goal(truth) for spot in spots)
    return [goal for goal in found if goal is not None]


def spots_in(left: dict[str, Any], before: dict[str, Any], parameter: Any, value: Any) -> list[Spot]:
    """Where a gradient shows up, by its value now: where that is, or a step along it from what was there before.

    What was there is known by name, or it was the parameter itself.
    """
    found = (spot_at(name, part, (0.0, before.get(name), parameter), value) for name, part in left.items())
    return [spot for spot in found if spot is not None]


def spots_after(case: Case, final: Final, left: dict[str, Any]) -> list[Spot]:
    """The same where something else went into what was made of a gradient, such as a decay of the weights.

    What is there without the gradient is what the recorded calls make of nothing in its place.
    """
    nodes, value = case.tape.nodes, np.asarray(case.tape.nodes[final.node].value, float)
    with np.errstate(all="ignore"):
        without = case.tape.replay({final.node: np.zeros_like(value)})
    later = (node for node in nodes[final.node + 1 :] if node.number in without and node.value.size == value.size)
    found = []
    for node in later:
        start, now = np.asarray(without[node.number], float), np.asarray(node.value)
        names = [name for name, part in left.items() if np.array_equal(part, now)] if np.any(start != now) else []
        for name in names:
            spot = spot_at(name, now, (start,), value)
            found += [] if spot is None else [spot]
    return found


def spot_at(name: str, part: Any, starts: tuple[Any, ...], value: Any) -> Spot | None:
    """The same of one name; None where the gradient does not show up there."""
    if np.size(part) != value.size or np.asarray(part).dtype.kind not in "fiu":
        return None
    if not np.any(value):  # all arrays of noughts may be it
        return Spot(name, 0.0, 1.0, np.shape(part)) if not np.any(part) else None
    for start in starts:
        if start is None or np.size(start) not in (1, np.size(part)):
            continue
        step = np.ravel(part) - np.ravel(start)
        factor = float(step @ value.ravel() / (value.ravel() @ value.ravel()))
        from_nothing = type(start) is float
        if from_nothing and value.size == 1 and abs(factor - 1) > 1e-9:  # any number is a multiple of another
            continue
        if factor and is_near(step, factor * value.ravel(), np.asarray(part).dtype in SHORTER):
            return Spot(name, start, factor)
    return None


def is_near(one: Any, other: Any, is_short: bool) -> bool:
    """Whether two rows of numbers are the same but for rounding, which is much where numbers are short."""
    apart, size = np.abs(one - other), float(np.max(np.abs(one)))
    room, of_each = (1e-4, 1e-3) if is_short else (1e-9, 1e-7)
    return bool(np.all(apart <= room * size + of_each * np.abs(other)))
