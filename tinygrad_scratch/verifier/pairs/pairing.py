"""Which gradient belongs to which parameter: by update, name, position, value, shape or what is left; else asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.pairs.gradients import gradients_in
from tinygrad_scratch.verifier.reading.names import alike, is_bare_gradient, words
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.steps import Array, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape

__all__ = ["Final", "Pairing", "gradients_in", "paired"]


@dataclass(frozen=True)
class Final:
    """A gradient that the person's code ended with: its name, its node, its parameter, and how the two were paired."""

    name: str
    node: int
    parameter: Parameter
    by: str = "name"
    direction: int = 1  # -1 where their code adds it to the parameter
    path: str = ""  # where it is in what was given as the gradients


@dataclass
class Pairing:
    """What is being paired. `names` of a gradient are all that it was called, the path in what was returned first."""

    tape: Tape
    gradients: list[tuple[list[str], int]]
    parameters: list[Parameter]
    finals: list[Final] = field(default_factory=list)
    told: bool = False  # whether parameters were pointed at: then no others are paired by their shape alone

    def __post_init__(self) -> None:
        self.left = list(self.gradients)
        self.free = list(self.parameters)

    def take(self, gradient: tuple[list[str], int], parameter: Parameter, by: str) -> None:
        names, node = gradient
        self.finals.append(Final(best_name(names, parameter), node, parameter, by, path=names[0] if names else ""))
        self.left.remove(gradient)
        self.free.remove(parameter)

    def fits(self, node: int, parameter: Parameter) -> bool:
        """Whether the sizes agree; a vector for a matrix of one column, and a transposed matrix, too."""
        return bool(self.tape.nodes[node].value.size == parameter.recorded.size)

    def by_name(self, free: list[Parameter], any_size: bool = False) -> None:
        """The pairs whose names agree most, both ways; no pair where two agree as much."""
        telling = [self.telling(names) for names, _ in self.left]
        scores = {
            (i, j): score
            for i, (_, node) in enumerate(self.left)
            for j, parameter in enumerate(free)
            if (any_size or self.fits(node, parameter))
            and (score := max((alike(name, parameter.name) for name in telling[i]), default=0.0)) > 0
        }
        as_much: dict[tuple[int, float], list[int]] = {}  # by parameter and score: the gradients called so
        for (i, j), score in scores.items():
            as_much.setdefault((j, score), []).append(i)
        scores = {(i, j): score for (i, j), score in scores.items() if not self.goes_into_rival(i, as_much[j, score])}
        chosen = []
        while scores:
            best = max(scores.values())
            top = [pair for pair, score in scores.items() if score == best]
            clear = [
                (i, j)
                for i, j in top
                if sum(other[0] == i for other in top) == sum(other[1] == j for other in top) == 1
            ]
            chosen += clear
            rows = {i for i, _ in (clear or top)}
            columns = {j for _, j in (clear or top)}
            scores = {
                (i, j): score
                for (i, j), score in scores.items()
                if ((i, j) not in top) and (not clear or (i not in rows and j not in columns))
            }
        for gradient, parameter in [(self.left[i], free[j]) for i, j in chosen]:
            self.take(gradient, parameter, "name")

    def by_holder(self) -> None:
        """What an object keeps as the one gradient, beside the one parameter that it keeps: `w.grad` beside `w.D`."""
        held: dict[str, list[Parameter]] = {}
        for parameter in self.parameters:
            held.setdefault(holder_of(parameter.name), []).append(parameter)
        kept: dict[str, list[tuple[list[str], int]]] = {}
        for gradient in self.left:
            for holder in {holder_of(name) for name in gradient[0] if is_bare_gradient(name)} - {""}:
                kept.setdefault(holder, []).append(gradient)
        for holder, gradients in kept.items():
            mine = held.get(holder, [])
            if (
                len(mine) == len(gradients) == 1
                and mine[0].asked
                and mine[0] in self.free
                and gradients[0] in self.left
            ):
                self.take(gradients[0], mine[0], "name")

    def goes_into_rival(self, i: int, as_much: list[int]) -> bool:
        """Whether another gradient is called after the parameter as much, and was made of it: that is the whole one."""
        rivals, own = {self.left[other][1] for other in as_much if other != i}, self.left[i][1]
        if own >= max(rivals, default=-1) or own in rivals:  # nothing later was made of it
            return False
        return own in ancestors(self._parents, rivals)

    @cached_property
    def _parents(self) -> dict[int, set[int]]:
        return self.tape.parents()

    def telling(self, names: list[str]) -> list[str]:
        """The names that count: where a gradient was given alone, if a parameter is kept at such a place.

        What it was called before may be another's: of what is put in front of a list, each was the first one.
        """
        if not names or names[0] in self._asked_names:
            return names[:1]
        path = words(names[0])
        return names[:1] if len(path) > 1 and path in self._asked_ends else names

    @cached_property
    def _asked_names(self) -> set[str]:
        return {own for p in self.parameters if p.asked for own in (p.name, p.short)}

    @cached_property
    def _asked_ends(self) -> set[tuple[str, ...]]:
        """What the paths of the parameters that were pointed at end with, of more than one word."""
        paths = (words(p.name) for p in self.parameters if p.asked)
        return {path[-length:] for path in paths for length in range(2, len(path) + 1)}

    def by_elimination(self) -> None:
        """What is left, whatever its size: those of a kind in the order in which the others are, and the last two."""
        way = self.way()
        for kind in {parameter.kind for parameter in self.free if parameter.asked} if way else ():
            parameters = [p for p in self.free if p.asked and p.kind == kind][::way]
            gradients = [g for g in self.left if any(kind_of(name) == kind for name in g[0])]
            if len(parameters) == len(gradients):
                for gradient, parameter in zip(gradients, parameters, strict=True):
                    self.take(gradient, parameter, "position")
        asked = [parameter for parameter in self.free if parameter.asked]
        complete = len(self.gradients) == sum(parameter.asked for parameter in self.parameters)
        if complete and len(self.left) == len(asked) == 1:
            self.take(self.left[0], asked[0], "elimination")

    def way(self) -> int:
        """1 where the gradients that are known stand in the order of their parameters, kind by kind; -1 in reverse."""
        places = {id(parameter): place for place, parameter in enumerate(self.parameters)}
        known = {final.node: final.parameter for final in self.finals if final.parameter.asked}
        found: set[int] = set()
        for kind in {parameter.kind for parameter in known.values()}:
            mine = [places[id(known[n])] for _, n in self.gradients if n in known and known[n].kind == kind]
            found |= {1 if later > one else -1 for one, later in pairwise(mine)}
        return found.pop() if len(found) == 1 else 0

    def by_position(self, close: Callable[[Array, Parameter], bool]) -> None:
        """All in one order that agrees with what is known by name and by value: the parameters' own, else the only one.

        Where several do, what is the same in all of them.
        """
        asked = [parameter for parameter in self.parameters if parameter.asked]
        gradients = self.gradients
        if len(gradients) != len(asked):  # something else was given, too
            asked, gradients = [p for p in self.free if p.asked], list(self.left)
        if not self.left or len(gradients) != len(asked):
            return
        nodes = [node for _, node in gradients]
        known = {final.node: final.parameter for final in self.finals} | self.known_by_value(close)
        fitting = [
            order
            for order in orders(asked)
            if all(
                self.fits(node, parameter) and known.get(node, parameter) is parameter
                for node, parameter in zip(nodes, order, strict=True)
            )
        ]
        same_shape = len({parameter.recorded.shape for parameter in asked}) < len(asked)
        if fitting and fitting[0] == asked:
            fitting = fitting[:1]
        elif same_shape and not known:  # of two that are of one shape nothing says which is which
            return
        for place, gradient in enumerate(gradients):
            meant = {id(order[place]): order[place] for order in fitting}
            if len(meant) == 1 and gradient in self.left:
                self.take(gradient, next(iter(meant.values())), "position")

    def known_by_value(self, close: Callable[[Array, Parameter], bool]) -> dict[int, Parameter]:
        """The parameters of which a gradient is the true one, where that is one alone."""
        found: dict[int, Parameter] = {}
        for _, node in self.left:
            value = self.tape.nodes[node].value
            mine = [p for p in self.free if p.asked and self.fits(node, p) and close(value, p)]
            if len(mine) == 1:
                found[node] = mine[0]
        return found

    def by_value(self, close: Callable[[Array, Parameter], bool]) -> None:
        """The gradients that are the true one of one parameter alone; of several, the one that is called after it.

        Those of parameters that are only added up with each other are the same, and may be paired either way.
        """
        found: list[tuple[float, tuple[list[str], int], Parameter]] = []
        for gradient in self.left:
            value = self.tape.nodes[gradient[1]].value
            known = [p for p in self.free if self.fits(gradient[1], p) and close(value, p)]
            if len(known) == 1:
                score = max((alike(name, known[0].name) for name in gradient[0]), default=0.0)
                found.append((score, gradient, known[0]))
        for _, gradient, parameter in sorted(found, key=lambda each: (-each[0], -each[1][1])):  # the last made of them
            if parameter in self.free:
                self.take(gradient, parameter, "value")
        for gradient in list(self.left):
            value = self.tape.nodes[gradient[1]].value
            known = [p for p in self.free if p.asked and self.fits(gradient[1], p) and close(value, p)]
            if len(known) > 1 and np.any(value):
                names = gradient[0]
                best = max(known, key=lambda p: max((alike(name, p.name) for name in names), default=0.0))
                self.take(gradient, best, "value")

    def by_company(self) -> None:
        """The one that is left of a list in which all others are of one layer, where that lacks one of its size."""
        for gradient in list(self.left):
            place = list_of(gradient[0][0]) if gradient[0] else ""
            layers = [
                holder_of(final.parameter.name) for final in self.finals if place and list_of(final.path) == place
            ]
            mine = [p for p in self.free if self.fits(gradient[1], p) and p.asked and {holder_of(p.name)} == {*layers}]
            mates = [g for g in self.left if g[0] and list_of(g[0][0]) == place]
            if len(mine) == len(mates) == 1 and len(layers) > 1:
                self.take(gradient, mine[0], "position")

    def by_index(self) -> None:
        """A list of gradients for a list of parameters that is as long: each at the place of its own, if all fit so."""
        nodes = {names[0]: node for names, node in self.gradients if names and names[0].isdigit()}
        held: dict[str, dict[str, Parameter]] = {}
        for parameter in self.parameters:
            name, _, place = parameter.name.removesuffix("]").rpartition("[")
            held.setdefault(name, {})[place] = parameter
        known = {final.node: final.parameter for final in self.finals}
        lists = [own for own in held.values() if own.keys() == nodes.keys() and len(own) == len(self.gradients) > 1]
        fitting = [
            own
            for own in lists
            if all(self.fits(node, own[i]) and known.get(node, own[i]) is own[i] for i, node in nodes.items())
        ]
        for gradient in list(self.left) if len(fitting) == 1 else ():
            self.take(gradient, fitting[0][gradient[0][0]], "position")

    def by_shape(self) -> None:
        """Only where no other parameter and no other gradient has that many entries, or no others are left."""
        asked = [p for p in self.free if p.asked]
        if len(self.left) == len(asked) == 1 and len(self.gradients) == sum(p.asked for p in self.parameters):
            if self.tape.nodes[self.left[0][1]].value.shape == asked[0].recorded.shape:
                self.take(self.left[0], asked[0], "shape")
            return
        asked = [p for p in self.parameters if p.asked] or ([] if self.told else self.parameters)
        sizes = Counter(self.tape.nodes[node].value.size for _, node in self.gradients)
        for gradient in list(self.left):
            shape, size = self.tape.nodes[gradient[1]].value.shape, self.tape.nodes[gradient[1]].value.size
            known = [p for p in asked if self.fits(gradient[1], p)] if sizes[size] == 1 else []
            if len(known) == 1 and known[0] in self.free:
                own = known[0].recorded
                if own.size == 1 or shape in (own.shape, own.shape[::-1]):
                    self.take(gradient, known[0], "shape")

    def by_letter(self) -> None:
        """What is left of one shape on both sides, where the names begin alike: `dL_dWhy` for `layer.weights`."""
        asked = [p for p in self.free if p.asked]
        pairs = [(g, p) for g in self.left for p in asked if self.tape.nodes[g[1]].value.shape == p.recorded.shape]
        for gradient, parameter in pairs:
            alone = sum(g is gradient or p is parameter for g, p in pairs) == 1
            if alone and any(kind_of(name)[:1] == parameter.kind[:1] != "" for name in gradient[0]):
                self.take(gradient, parameter, "shape")


def list_of(path: str) -> str:
    """The list that a place is one of."""
    return path.rpartition("[")[0]


def holder_of(name: str) -> str:
    """What holds a parameter, such as its layer, or a gradient."""
    return name.rpartition(".")[0]


def kind_of(name: str) -> str:
    """What the name of a gradient says of the kind of its parameter: `gamma` for `layers[0].dgamma1`."""
    return next((word.rstrip("0123456789") for word in reversed(words(name)) if not word.isdigit()), "")


def orders(parameters: list[Parameter]) -> Iterator[list[Parameter]]:
    """The orders in which people return gradients: as they are, or backwards; all of a kind together, or by layers."""
    yield parameters
    yield parameters[::-1]
    groups = grouped(parameters, lambda parameter: parameter.kind)
    if len(groups) == 1:  # a list, in which nothing has a name of its own
        groups = grouped(parameters, lambda parameter: parameter.recorded.ndim)
    for some in (groups, groups[::-1]):
        for each in (some, [group[::-1] for group in some]):
            yield [parameter for group in each for parameter in group]
            if len({len(group) for group in each}) == 1:
                yield [parameter for layer in zip(*each, strict=True) for parameter in layer]


def grouped(parameters: list[Parameter], key: Callable[[Parameter], Any]) -> list[list[Parameter]]:
    groups: dict[Any, list[Parameter]] = {}
    for parameter in parameters:
        groups.setdefault(key(parameter), []).append(parameter)
    return list(groups.values())


def best_name(names: list[str], parameter: Parameter) -> str:
    """What the person calls a gradient: the name that says most, and no mere number."""
    words = [name for name in names if name and not name.replace(".", "").isdigit() and "()" not in name]
    return max(
        words, key=lambda name: (alike(name, parameter.name), -len(name)), default=names[0] if names else "gradient"
    )


def paired(
    parameters: list[Parameter],
    gradients: list[tuple[list[str], int]],
    tape: Tape,
    close: Callable[[Array, Parameter], bool] = lambda value, parameter: False,
    near: Callable[[Array, Parameter], bool] = lambda value, parameter: False,
    told: bool = False,
    some_known: bool = False,
) -> tuple[list[Final], list[tuple[list[str], int]]]:
    """The gradients with their parameters, and those that nothing decides about.

    One of another size than its parameter's is such a one, where there are as many gradients as parameters and no name
    tells. Where `some_known` are paired already, what goes with none that was pointed at is another gradient.
    """
    state = Pairing(tape, gradients, parameters, told=told)
    state.by_holder()
    state.by_name([p for p in state.free if p.asked])
    state.by_position(close)
    state.by_value(close)
    state.by_value(near)
    state.by_name([p for p in state.free if not p.asked])
    state.by_company()
    state.by_index()
    state.by_shape()
    state.by_letter()
    state.by_name([p for p in state.free if p.asked], any_size=True)
    state.by_elimination()
    asked = [p for p in state.free if p.asked] or ([] if state.finals or some_known else state.free)
    complete = len(gradients) == sum(parameter.asked for parameter in parameters)
    unsure = [entry for entry in state.left if complete or any(state.fits(entry[1], p) for p in asked)]
    return state.finals, unsure


def question(tape: Tape, unsure: list[tuple[list[str], int]], free: list[Parameter]) -> str:
    """What is asked where nothing decides, with both sides."""
    gradients = ", ".join(f"{names[0] or 'a gradient'} {tape.nodes[node].value.shape}" for names, node in unsure)
    parameters = ", ".join(f"{p.name} {p.recorded.shape}" for p in free)
    name = free[0].name if free else "w"
    return (
        f"Which gradient belongs to which parameter? Gradients: {gradients}. Parameters: {parameters}. "
        f"Say it with a dict: check.gradients = {{{name!r}: ..., ...}}."
    )
