"""A case: what is known when judging begins, what of it is right, and what was mended so far."""

from __future__ import annotations

import ast
import contextlib
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.lineage import Lineage
from tinygrad_scratch.verifier.cases.sizes import divided_by, divided_in_the_end, halved, has_square, samples
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.places import FileLine, Place
from tinygrad_scratch.verifier.reading.source import innermost_at
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close, difference, tolerance_of
from tinygrad_scratch.verifier.recording.steps import VIEWING, Array, renamed
from tinygrad_scratch.verifier.truths.losses import KnownLoss
from tinygrad_scratch.verifier.truths.table import Entry, Table, squeezed
from tinygrad_scratch.verifier.truths.truth import Played, Truth, played_on_tensors, truth_of

LARGE = 1_000  # entries
MOST_EXPLANATIONS = 3_000
MOST_PLAYED = 200_000  # calls that are made again until a check says what it found so far
MOST_AT_FIRST = 80_000  # the same where changes of the source can be tried after that
NEARLY, FAR_OFF = 1e-4, 1e-2  # how far a gradient is off, of its largest entry


State = tuple[dict[int, Array], set[int]]


def have_one_name(one: Event, other: Event) -> bool:
    """Whether two values had one name; so have those at one place of a list that a line makes anew in each turn."""
    is_anew = one.place == other.place and is_in_new_list(one)
    return one.name == other.name and (one.owner == other.owner or is_anew)


def is_in_new_list(event: Event) -> bool:
    """Whether a value got its name where the whole list or dict was made that it is in: `gs = [g for g in more]`."""
    held, _, place = event.name.rpartition("[")
    match innermost_at(event.place.file, event.place.line) if place else None:
        case ast.Assign(targets=[target], value=ast.ListComp() | ast.DictComp()):
            return ast.unparse(target) == held
    return False


@dataclass(frozen=True)
class Repair:
    """A value that was wrong, and what it should have been: the cotangent of a forward value, or a part of one."""

    event: Event
    truth: Array
    of: int  # the forward node
    through: int | None  # the step that the part came through, or None for the whole
    mended: int
    factor: float = 1.0
    how: str = ""  # which part or layout of the cotangent it is
    turns: dict[int, Array] = field(default_factory=dict)  # what the same statement should have made in other turns


@dataclass
class Case(Lineage):
    """All that is known when judging begins, and what was mended since."""

    events: list[Event]
    arguments: list[Event] = field(default_factory=list)  # names of what has others already
    returned: list[Event] = field(default_factory=list)  # what functions gave back
    entries: list[Event] = field(default_factory=list)  # the same of rows of values that were there before
    calls: set[tuple[FileLine, FileLine]] = field(default_factory=set)  # where functions begin, and are called
    overrides: dict[int, Array] = field(default_factory=dict)
    scale: float = 1.0  # what all gradients carry, by convention
    convention: str = ""
    meant: Truth | None = None  # by which all is right in that convention, where it is another truth
    nearly: set[int] = field(default_factory=set)  # gradients that are as good as right, beside one that is far off
    settled: set[int] = field(default_factory=set)  # wrong only as a gradient, by their shape: what reads them is right
    transposed: bool = False  # whether gradients are laid out as their parameters' transposes, by convention
    uphill: list[Place] = field(default_factory=list)  # the updates, if all go uphill on what is to be made small
    decays: dict[int, Any] = field(default_factory=dict)  # the share of a parameter that is meant to be added
    grown: set[int] = field(default_factory=set)  # gradients with which an update spread its parameter to another shape
    moved_apart: set[int] = field(default_factory=set)  # parameters of other steps, which are given
    is_assumed: bool = False  # whether nobody named the loss, and none fits
    is_minimised: bool = False  # whether a minimiser is given the loss and its gradient, which it goes against
    doubt: str = ""  # why nothing can be said
    most_played: int = MOST_PLAYED
    _matches: dict[Any, tuple[Entry, float] | None] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        known = {event.node for event in self.events}
        self.events = in_order([*self.events, *self._only_arguments(known)])

    def _only_arguments(self, known: set[int]) -> Iterator[Event]:
        """The values of the backward pass that got a name only where they were given to a function: `back(2 * error)`.

        They are told by that name, on the line that made them.
        """
        for event in self.arguments:
            place = self.place_of(event.node)
            if event.node not in known and event.node not in self.forward and place is not None:
                known.add(event.node)
                yield replace(event, place=place, time=self.tape.nodes[event.node].step + 1)

    @cached_property
    def named(self) -> set[int]:
        """The values with a name."""
        return {final.parameter.node for final in self.finals} | {event.node for event in self.events}

    # ---- what a value may rightly carry ------------------------------------------------------------------------------

    @cached_property
    def factors(self) -> tuple[float, ...]:
        """What a step may rightly carry for a while: the sizes that a mean divides by, twice them, half of them."""
        sizes = {
            size
            for node in self.forward
            for size in (*self.tape.nodes[node].value.shape[:2], self.tape.nodes[node].value.size)
            if size > 1 and self.tape.nodes[node].value.size < 10_000
        } | divided_by(self)
        half = has_square(self) or bool(halved(self))
        data = {2.0, 0.5} if half else set()
        for size in sorted(sizes):
            data |= {float(size), 1.0 / size, *((size / 2.0, 2.0 / size) if half else ())}
        return (*sorted(data), -1.0)  # and what is made as target minus output, and negated in the end

    @cached_property
    def carried(self) -> set[float]:
        sizes = samples(self) | divided_in_the_end(self)
        return {1.0, *map(float, sizes), *(1 / size for size in sizes)}

    def is_carried(self, factor: float) -> bool:
        """Whether a factor is one that a right step carries for a while: the number of samples, or one part in it."""
        return any(abs(factor / self.scale - size) < 1e-6 * size for size in self.carried)

    # ---- what is right -----------------------------------------------------------------------------------------------

    @cached_property
    def table(self) -> Table:
        return Table(self.tape, self.truth, self.smooth)

    def is_begun(self, node: int) -> bool:
        """Whether an array was there from the start: given, or drawn and scaled."""
        sizes = (1, self.tape.nodes[node].value.size)
        return all(self.tape.nodes[other].value.size in sizes for other in self.ancestors([node]))

    def match(self, value: Array) -> Entry | None:
        """The true cotangent that a value is, if it is one."""
        found = self.table.match(np.asarray(value), tolerance_of(np.asarray(value)), (self.scale,))
        return found[0] if found else None

    def match_up_to_factor(self, value: Array) -> tuple[Entry, float] | None:
        """The same, where the value may carry a factor."""
        value = np.asarray(value)
        if value.size > LARGE:  # to compare it takes no longer than to look it up
            return self._match_up_to_factor(value)
        key = self.scale, value.shape, value.dtype, value.tobytes()
        if key not in self._matches:
            self._matches[key] = self._match_up_to_factor(value)
        return self._matches[key]

    def _match_up_to_factor(self, value: Array) -> tuple[Entry, float] | None:
        factors = (self.scale, *((1.0,) if self.scale != 1 else ()), *(self.factors if value.size > 2 else ()))
        return self.table.match(value, tolerance_of(value), factors)

    def is_gradient(self, value: Any) -> bool:
        """Whether a value is one, up to a factor that a right step carries for a while."""
        found = self.match_up_to_factor(np.asarray(value))
        return found is not None and self.is_carried(found[1])

    def was_gradient(self, values: Mapping[int, Any], node: int) -> bool:
        """The same of what a run gave, remembered as long as it is that run which is asked about."""
        run, truth, scale, known = self._asked or ({}, None, 0.0, {})
        if run is not values or truth is not self.truth or scale != self.scale:
            known = {}
            self._asked = values, self.truth, self.scale, known
        if node not in known:
            known[node] = self.is_gradient(values[node])
        return known[node]

    _asked: tuple[Mapping[int, Any], Truth, float, dict[int, bool]] | None = None

    @cached_property
    def ends(self) -> set[int]:
        """The gradients that the program ended with, and what they are only another name of."""
        found = {final.node for final in self.finals}
        waiting = list(found)
        while waiting:
            step = self.step_of(waiting.pop())
            if step.function is renamed:
                found.update(step.reads)
                waiting += step.reads
        return found

    def true_of(self, final: Final) -> Array:
        return self.truth.cotangents[final.parameter.node]

    def wanted(self, value: Array, final: Final) -> Array:
        """The true gradient, in the layout that a value has."""
        truth = self.true_of(final) * self.scale
        if self.transposed and truth.ndim == 2 and value.shape == truth.shape[::-1]:
            return truth.T
        if value.shape == truth.shape or value.size != truth.size or final.node in self.grown:
            return truth
        if squeezed(value.shape) == squeezed(truth.shape):
            return truth.reshape(value.shape)
        return truth.reshape(value.shape) if value.ndim == 1 else truth

    def is_of_its_shape(self, value: Any, final: Final) -> bool:
        """Whether a gradient has as many entries as its parameter, in a layout that people use."""
        return bool(self.wanted(np.asarray(value), final).shape == np.shape(value))

    def is_right(self, value: Any, final: Final) -> bool:
        value = np.asarray(value)
        wanted = self.wanted(value, final)
        if close(value, wanted) or (final.node in self.nearly and difference(value, wanted) < NEARLY):
            return True
        return bool(value.shape == wanted.shape and self.is_nothing(value, final))

    def nearly_right(self, values: Mapping[int, Any]) -> set[int]:
        """The gradients that differ by no more than an epsilon does, where another one is far off, and told first."""
        apart = {f.node: difference(v := np.asarray(values[f.node]), self.wanted(v, f)) for f in self.finals}
        return {node for node, by in apart.items() if by < NEARLY} if max(apart.values()) > FAR_OFF else set()

    def is_nothing(self, value: Any, final: Final) -> bool:
        """Whether a gradient is a true zero but for rounding, such as a bias's before a normalisation."""
        floor, truth = self._noise(final), self.true_of(final)
        return float(np.max(np.abs(truth), initial=0.0)) * abs(self.scale) <= floor and bool(
            np.max(np.abs(value), initial=0.0) <= 1e3 * floor
        )

    def _noise(self, final: Final) -> float:
        """What rounding leaves of a gradient that is zero, by the gradients that it is a sum of."""
        node = final.parameter.node
        if node not in self._noises:
            self._noises[node] = self._noise_of(node)
        return self._noises[node]

    _noises: dict[int, float] = field(default_factory=dict, repr=False)

    def _noise_of(self, node: int) -> float:
        waiting, made = [node], set[int]()
        while waiting:
            for step in (self.tape.steps[index] for index in self.readers.get(waiting.pop(), ())):
                is_view = name_of(step.function) in VIEWING  # as of `b.reshape(1, -1, 1, 1)`, which is as small
                waiting += [n for n in step.makes if is_view and n not in made]
                made.update(step.makes)
        made &= self.truth.cotangents.keys()
        sizes = (float(np.max(np.abs(self.truth.cotangents[n]), initial=0.0)) for n in made)
        return 1e-10 * max(sizes, default=0.0)

    def wrong(self, values: Mapping[int, Any]) -> list[Final]:
        return [f for f in self.finals if f.node not in self.settled and not self.is_right(values[f.node], f)]

    def with_earlier(self, event: Event, values: Mapping[int, Any]) -> Iterator[Array]:
        """A value with what its name held before added to it: the last of that, all since it held nothing, and all."""
        own = (e.node for e in self.events if have_one_name(e, event) and e.node < event.node)
        value = np.asarray(values[event.node])
        held = [np.asarray(values[node]) for node in dict.fromkeys(own)]
        held = [other for other in held if other.shape == value.shape]
        begun = max((i for i, other in enumerate(held) if not np.any(other)), default=-1)
        known = [other for other in held if np.any(other)]
        for others in (known[-1:], held[begun + 1 :], known):
            if others:
                yield value + np.sum(others, axis=0)

    # ---- what was mended ---------------------------------------------------------------------------------------------

    def is_spent(self) -> bool:
        """Whether so much was tried out that no more should begin: people wait for what was found so far."""
        return self.tape.played - self._began_at > self.most_played

    def begin(self) -> None:
        """Begin to look for mistakes: what it took to find the loss leaves no less for them."""
        self._began_at = self._began_at or self.tape.played

    def may_try(self) -> bool:
        """Whether one more explanation may be tried out: a long loop offers more of them than anybody waits for.

        What it took to find the place leaves no less for them.
        """
        if not self._tried:
            self._found_at = self.tape.played
        self._tried += 1
        return self._tried <= MOST_EXPLANATIONS and self.tape.played - self._found_at <= 2 * self.most_played

    _tried: int = 0
    _found_at: int = 0
    _began_at: int = 0

    def reset(self, scale: float) -> None:
        """Begin anew, with another factor that all gradients carry."""
        self._tried = 0
        self.scale, self.overrides, self.settled, self._run = scale, {}, set(), None

    def take_without(self, edits: dict[int, Any]) -> None:
        """Take for true what the loss gives without some calls of the forward pass."""
        self.take_as_true(truth_of(self.tape, self.truth.loss, edits=self.truth.passing | edits))

    def take_decays(self, decays: dict[int, Any]) -> None:
        """Take for true what the loss gives with a decay of the weights, as if it had a penalty."""
        self.decays = decays
        self.take_as_true(self.truth)

    def take_as_true(self, truth: Truth) -> None:
        """Take another truth, to which decays that are meant are added."""
        decayed = {node: share * self.tape.nodes[node].value for node, share in self.decays.items()}
        cotangents = {node: value + decayed.get(node, 0) for node, value in truth.cotangents.items()}
        self.truth = replace(truth, cotangents=cotangents) if decayed else truth
        self._matches.clear()
        self._noises.clear()
        for cached in ("table", "elsewhere"):
            self.__dict__.pop(cached, None)

    def apply(self, repair: Repair) -> None:
        node = self.tape.nodes[repair.event.node]
        read = any(node.number in step.reads for step in self.tape.steps)
        other = node.value.shape != repair.truth.shape or node.number in self.forward or self._is_given(node.number)
        if read and other and node.number in {final.node for final in self.finals}:
            self.settled.add(node.number)
        else:
            self.overrides |= {repair.event.node: repair.truth, **repair.turns}

    def _is_given(self, node: int) -> bool:
        """Whether a value is data from outside, or a part of it, as targets are: nothing can have made it wrong."""
        step = self.step_of(node)
        while getattr(step.function, "__name__", "") == "getitem" and len(step.reads) == 1:
            step = self.step_of(step.reads[0])
        return step.function is None and node not in self.smooth

    def put_in(self, edits: dict[int, Any]) -> None:
        """Mend what some calls made by other calls in their places."""
        played = self.replay(edits=edits)
        made = (node for index in edits for node in self.tape.steps[index].makes)
        self.overrides |= {node: np.asarray(played[node]) for node in made}

    def state(self) -> State:
        """What was mended so far."""
        return dict(self.overrides), set(self.settled)

    def restore(self, state: State) -> None:
        self.overrides, self.settled = state

    # ---- other runs --------------------------------------------------------------------------------------------------

    def replay(self, overrides: dict[int, Array] | None = None, **keywords: Any) -> dict[int, Any]:
        """A run with what was mended so far, and more."""
        if not overrides and not keywords:
            return self._mended()
        with np.errstate(all="ignore"):
            return self.tape.replay({**self.overrides, **(overrides or {})}, **keywords)

    def with_calls(self, edits: dict[int, Any]) -> Mapping[int, Any]:
        """A run with what was mended so far, and other calls in the place of some; only what they reach is made."""
        base = self.replay()
        with np.errstate(all="ignore"):
            found = self.tape.follow(base, edits, held=self.overrides)
        return self.replay(edits=edits) if found is None else ChainMap(found, base)

    def _mended(self) -> dict[int, Any]:
        """The run with what was mended so far, kept until more is."""
        key = tuple(map(id, self.overrides.values()))
        if self._last_run is None or self._last_run[0] != key:
            run = {**self._run_that_goes(), **self.overrides}
            self._last_run = key, run, dict(self.overrides)
        found: dict[int, Any] = self._last_run[1]
        return found

    _last_run: Any = None

    def _run_that_goes(self) -> dict[int, Any]:
        """The run with what was mended so far; without what a later call can't take, which stays as it is."""
        fitting = {node: value for node, value in self.overrides.items() if self.can_stand(node, value)}
        for mended in (self.overrides, fitting):
            with contextlib.suppress(Exception), np.errstate(all="ignore"):
                return self.tape.replay(mended)
        return self.tape.replay({})

    def with_value(self, node: int, truth: Array) -> Mapping[int, Any]:
        """A run with what was mended so far, and one more value put in; what can't be made of it is no number."""
        base = self.replay()
        try:
            if not self.can_stand(node, truth):
                return self.replay({node: truth})
            with np.errstate(all="ignore"):
                found = self.tape.follow(base, overrides={node: truth}, held=self.overrides)
            return self.replay({node: truth}) if found is None else ChainMap(found, base)
        except Exception:  # of a call that takes no such value
            later = (other for other in self.tape.nodes if other.number > node)
            lost = {other.number: np.full(other.value.shape, np.nan) for other in later}
            return ChainMap({node: truth}, lost, base)

    def can_stand(self, node: int, truth: Array) -> bool:
        """Whether an array holds a value as it is: another kind or shape changes what calls make of it."""
        held = self.tape.nodes[node].value
        return held.shape == truth.shape and np.can_cast(truth.dtype, held.dtype, "same_kind")

    def walked(self) -> Played | None:
        """The whole run on Tensors, with what was mended so far."""
        try:
            key = tuple(map(id, self.overrides.values()))
            if self._run is None or self._run[0] != key:
                until = max(self.tape.nodes[other.node].step for other in self.finals)
                with np.errstate(all="ignore"):
                    played = played_on_tensors(self.tape, until, overrides=self.overrides, everything=True)
                    self._run = key, played, dict(self.overrides)  # what is kept is not taken for another
        except Exception:  # a call of the backward pass that has no derivative
            return None
        return self._run[1]

    _run: tuple[tuple[int, ...], Played, dict[int, Array]] | None = None

    @cached_property
    def elsewhere(self) -> tuple[dict[int, Array], Truth]:
        """Other parameters and data, and the truth at them; labels, masks, single numbers and what left NumPy stay.

        They are so near that the program would have taken the same branches.
        """
        start: dict[int, Array] = {}
        try:
            with np.errstate(all="ignore"):
                for spread in (0.1, 0.01, 0.001):
                    start = self._drawn(spread)
                    if self._decides_alike(start):
                        break
                return start, truth_of(self.tape, self.truth.loss, start, self.truth.edits)
        except Exception:  # a call that can't be made there
            return start, Truth(self.truth.loss)

    @cached_property
    def compares_elsewhere(self) -> bool:
        """Whether the gradients that are right are so there, too: else the loss reads what has nothing to do with them.

        So it is with a target that was computed before, and is computed again for a gradient.
        """
        start, there = self.elsewhere
        values = self.replay()
        right = [final for final in self.finals if self.is_right(values[final.node], final)]
        try:
            only = {final.node for final in right}
            moved = self.replay(start={n: value.copy() for n, value in start.items()}, only=only) if right else {}
        except Exception:
            return True
        for final in right:
            wanted, value = there.cotangents.get(final.parameter.node), np.asarray(moved[final.node])
            if wanted is None or wanted.shape != value.shape or not np.all(np.isfinite(wanted)):
                continue
            if difference(value, np.asarray(self.scale * wanted)) > 1e-4 and not self.is_nothing(value, final):
                return False
        return True

    def _drawn(self, spread: float) -> dict[int, Array]:
        rng = np.random.default_rng(0)
        parameters = {final.parameter.node for final in self.finals}
        start, data = dict[int, Array](), self.forward - ((self.left_as_data | self._in_targets()) - parameters)
        for step in self.tape.steps:
            if step.function is None and step.makes[0] in data:
                value = step.arguments
                whole = not np.any(value % 1) if value.dtype.kind == "f" else True
                if value.dtype == np.float64 and value.size > 1 and (not whole or step.makes[0] in parameters):
                    room = spread * (float(np.std(value)) or 1.0)
                    moved = rng.uniform(-1, 1, value.shape)
                    start[step.makes[0]] = value + room * (moved + moved.T if is_symmetric(value) else moved)
        return start | {copy: start[node] for copy, node in self.tape.copies.items() if node in start}

    def _in_targets(self) -> set[int]:
        """The targets of a well-known loss, which stay what they are, with the data that they were computed from."""
        loss = self.step_of(self.truth.loss).function
        if not isinstance(loss, KnownLoss):
            return set()
        targets = np.asarray(loss.candidate.target)
        return self.ancestors([node.number for node in self.tape.nodes if np.array_equal(node.value, targets)])

    def _decides_alike(self, start: dict[int, Array]) -> bool:
        """Whether what became plain true or false, or an index, would be the same at other values."""
        decided = set(self.tape.decided)
        if not decided:
            return True
        here = {node: value.copy() for node, value in start.items()}
        values = self.tape.replay(start=here, until=max(self.tape.nodes[node].step for node in decided))
        return all(np.array_equal(values[node], self.tape.nodes[node].value) for node in decided)


def is_symmetric(value: Array) -> bool:
    """Whether a matrix is its own transpose, as those of graphs are: what is made of it may rest on that."""
    return value.ndim == 2 and value.shape[0] == value.shape[1] > 1 and np.array_equal(value, value.T)


def in_order(events: Iterable[Event]) -> list[Event]:
    """The names of values in the order in which the values were made."""
    return sorted(events, key=lambda event: (event.node, event.time))
