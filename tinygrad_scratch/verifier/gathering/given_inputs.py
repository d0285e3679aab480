"""Gradients of what a block gave to forward: backward returns them, or keeps them, and nothing is updated by them.

Whose such a gradient is its name tells, by what the argument of forward is called: `dh` is that of `h` in
`forward(self, x, h)`, whatever the block calls what it gave.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.gathering.owners import shown_by
from tinygrad_scratch.verifier.gathering.told import own, shown
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.names import alike
from tinygrad_scratch.verifier.recording.events import Event, claims_gradient
from tinygrad_scratch.verifier.recording.likeness import close, factor_of
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.recorded import Recorded
from tinygrad_scratch.verifier.recording.steps import Array, ancestors
from tinygrad_scratch.verifier.truths.table import squeezed

BACKWARD = re.compile(r"back|grad|deriv|pull|vjp", re.IGNORECASE)
MOST_USES = 6  # of an input, each with a gradient of its own
MOST_FITTING = 12  # values that are tried together: those of many turns are of as many inputs


@dataclass(frozen=True)
class Value:
    """What was returned to the block, or is kept by what the block called, and no judged gradient was made of."""

    node: int
    holder: int  # of the method that returned it, or the module of the function
    names: tuple[str, ...]
    function: str  # that returned it; empty where it is kept
    is_alone: bool = False  # whether that returned nothing else

    @property
    def name(self) -> str:
        return shown(list(self.names)) if self.names else f"what {self.function}() returns"


@dataclass(frozen=True)
class Input:
    """An array that the block gave to some calls, with what their arguments are called."""

    node: int
    holders: frozenset[int]
    names: tuple[str, ...]
    calls: int  # of functions that make no gradients
    is_made: bool  # by other calls, as what goes on from one layer to the next is
    place: int  # among what was given


@dataclass
class GivenInputs:
    """The gradients of inputs of a run in which those of all parameters are right."""

    case: Case
    entry: Any
    notes: list[str]

    def finals(self) -> list[Final]:
        """The gradients, each with its input, where names or true values tell; what else is one is told of."""
        found, left, free = list[Final](), list[Value](), self.inputs
        for value in self.values:
            known = [each for each in self.fitting(value, free) if self.is_right(value, each)]
            if known:
                free = [each for each in free if each is not known[0]]
                found.append(self.final(value, known[0], "value"))
            else:
                left.append(value)
        for each in free:
            parts = self.parts(left, each)
            left = [value for value in left if value not in parts]
        meant = list(self.meant(left, free)) if self.is_plain else []
        found += [self.final(value, each, "name") for value, each in meant]
        known_now = {final.node for final in found}
        for value in left:
            is_one = any(map(claims_gradient, value.names)) or BACKWARD.search(value.function)
            if is_one and value.node not in known_now:
                self.notes.append(f"{value.name} goes with nothing of which a gradient is known: it was not judged.")
        return found

    @property
    def is_plain(self) -> bool:
        """Whether the others are the gradients of the loss as it is, if by a factor: else these may be of another."""
        return not (self.case.truth.edits or self.case.decays)

    @cached_property
    def inputs(self) -> list[Input]:
        passed = [e for e in self.entry.watch.passed if e.node in self.case.truth.cotangents]
        asked = {p.node for p in self.entry.parameters if p.asked} | {f.parameter.node for f in self.case.finals}
        found = []
        for node in dict.fromkeys(event.node for event in passed if event.node not in asked):
            mine = [event for event in passed if event.node == node]
            calls = sum(BACKWARD.search(event.place.function) is None for event in mine)
            names = dict.fromkeys([*(event.name for event in mine), *self.names.get(node, ())])
            holders, is_made = frozenset(event.owner for event in mine), self.case.step_of(node).function is not None
            found.append(Input(node, holders, tuple(names), calls, is_made, passed.index(mine[0])))
        return [each for each in found if each.calls]

    @cached_property
    def values(self) -> list[Value]:
        """What no judged gradient, and no other such value, was made of."""
        parents, watch = self.case.tape.parents(), self.entry.watch
        holders = {holder for each in self.inputs for holder in each.holders}
        known = ancestors(parents, [self.case.truth.loss, *(final.node for final in self.case.finals)])
        known |= set(filter(self.is_view_of_judged, (e.node for e in (*watch.events, *watch.handed_back))))
        asked = [parameter.name for parameter in self.entry.parameters if parameter.asked]
        kept = {node for path, node in self.entry.stored if not any(alike(path, name) for name in asked)} - known
        found = [
            Value(event.node, event.owner, tuple(self.names.get(event.node, ())), "")
            for event in watch.events
            if event.node in kept and event.owner in holders
        ]
        counts = Counter(map(call_of, watch.handed_back))
        found += [
            Value(event.node, event.owner, tuple(self.names.get(event.node, ())), event.place.function, one)
            for event, one in ((event, counts[call_of(event)] == 1) for event in watch.handed_back)
            if event.node not in known and event.owner in holders
        ]
        by_node = {value.node: value for value in found if self.is_gradient(value.node)}
        inner = set[int]().union(*(ancestors(parents, [node]) - {node} for node in by_node))
        return [value for node, value in by_node.items() if node not in inner]

    @cached_property
    def names(self) -> dict[int, list[str]]:
        names: dict[int, list[str]] = self.entry._all_names()
        return {node: list(dict.fromkeys(map(own, mine))) for node, mine in names.items()}

    def is_view_of_judged(self, node: int) -> bool:
        """Whether a value shows a judged gradient in another layout."""
        return shown_by(self.case.tape, node) in {shown_by(self.case.tape, final.node) for final in self.case.finals}

    def is_gradient(self, node: int) -> bool:
        """Whether a value is made of values of the forward pass, as gradients are, and may hold one."""
        value, behind = self.case.tape.nodes[node].value, self.case.ancestors([node])
        moving = self.entry.depending_on({final.parameter.node for final in self.case.finals})
        return value.dtype.kind == "f" and value.ndim > 0 and not moving.isdisjoint(behind)

    def fitting(self, value: Value, inputs: list[Input]) -> list[Input]:
        """The inputs that a gradient may be of, those first that were there before."""
        fits = [each for each in inputs if value.holder in each.holders and self.laid_out(value, each) is not None]
        return sorted(fits, key=lambda each: each.is_made)

    def laid_out(self, value: Value, of: Input) -> Array | None:
        """A gradient in the shape of its input; None where it has another one, in any layout."""
        held, truth = self.case.tape.nodes[value.node].value, self.case.truth.cotangents[of.node]
        if squeezed(held.shape) == squeezed(truth.shape):
            return held.reshape(truth.shape)
        return held.T if held.shape == truth.shape[::-1] else None

    def is_right(self, value: Value, of: Input) -> bool:
        """Whether a gradient is the true one, if by a factor that all carry, or that is of samples."""
        laid, truth = self.laid_out(value, of), self.case.truth.cotangents[of.node]
        if laid is None or close(laid, truth):
            return laid is not None
        factor = factor_of(laid, truth)
        return factor is not None and self.case.is_carried(factor)

    def final(self, value: Value, of: Input, by: str) -> Final:
        node = self.case.tape.nodes[of.node]
        name = next(iter(self.names.get(of.node, ())), of.names[0])
        stand = Recorded(self.case.tape, node.value, node.slot)
        return Final(value.name, value.node, Parameter(name, stand, None, asked=False, first=of.node), by)

    def parts(self, values: list[Value], of: Input) -> list[Value]:
        """The gradients of several uses of an input that are, added up, the true one."""
        fits = [(value, laid) for value in values if (laid := self.laid_out(value, of)) is not None][:MOST_FITTING]
        for count in range(2, min(len(fits), MOST_USES) + 1):
            for some in combinations(fits, count):
                if close(np.sum([laid for _, laid in some], axis=0), self.case.truth.cotangents[of.node]):
                    return [value for value, _ in some]
        return []

    def meant(self, values: list[Value], inputs: list[Input]) -> Iterator[tuple[Value, Input]]:
        """The gradients with the inputs that they are called after; of several in time, the last one comes first.

        What has no name of its own is of what forward was given alone.
        """
        once = [each for each in inputs if each.calls == 1]
        groups: dict[tuple[int, ...], list[Value]] = {}
        for value in values:
            named = [each for each in self.fitting(value, once) if called_after(value, each)]
            there = [each for each in named if not each.is_made] or named or self.alone(value, once)
            groups.setdefault(tuple(each.node for each in there), []).append(value)
        for nodes, mine in groups.items():
            if len(nodes) == len(mine):
                order = sorted((each for each in once if each.node in nodes), key=lambda each: each.place)
                yield from zip(sorted(mine, key=lambda value: value.node), order[::-1], strict=True)

    def alone(self, value: Value, inputs: list[Input]) -> list[Input]:
        """The only thing that forward was given, if a backward pass returns nothing else, under no name that tells."""
        mine = [each for each in self.inputs if value.holder in each.holders]
        is_alone = value.is_alone and BACKWARD.search(value.function) is not None and len(mine) == 1
        return self.fitting(value, inputs) if is_alone and says_nothing(value) else []


def call_of(event: Event) -> tuple[Any, ...]:
    """The call that returned a value."""
    return event.owner, event.place, event.time


def called_after(value: Value, of: Input) -> bool:
    return any(alike(name, other) and name not in of.names for name in value.names for other in of.names)


def says_nothing(value: Value) -> bool:
    """Whether no name of a gradient says what it is of."""
    return not any(map(claims_gradient, value.names)) or all(alike(name, "grad") for name in value.names)
