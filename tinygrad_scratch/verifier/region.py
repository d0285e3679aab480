"""The region of a mistake: the calls between a wrong value and what is right; changes of them are tried out in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.bindings import part_for
from tinygrad_scratch.verifier.case import Case, Repair
from tinygrad_scratch.verifier.edits import Edit, PlaceOf, WithArgument, is_filled, name_of, operands_of
from tinygrad_scratch.verifier.events import Event
from tinygrad_scratch.verifier.foreseen import Along, Foreseen
from tinygrad_scratch.verifier.likeness import close, difference, is_along
from tinygrad_scratch.verifier.names import alike, is_gradient_name
from tinygrad_scratch.verifier.places import Place
from tinygrad_scratch.verifier.source import call_at, in_same_function, is_rename, right_side, statement_at
from tinygrad_scratch.verifier.steps import Array, Step, renamed


@dataclass
class Finding:
    """A change that gives the truth: what kind of mistake it undoes, where, and what was to be written."""

    kind: str
    sentence: str
    step: Step | None = None
    should_be: str | None = None
    changes: dict[int, Edit] = field(default_factory=dict)
    certainty: str = "checked"
    others: list[str] = field(default_factory=list)
    place: Place | None = None  # where the search knows it better than by the call
    made_up: bool = False  # whether it puts in what isn't there
    takes_away: bool = False  # whether it only takes away what is there


MOST_CALLS = 100_000  # that are played again for one explanation

Explanation = Callable[["Region"], Iterator[Finding]]


class Region:
    """The calls between a wrong value and what is known to be right: forward values, true gradients, constants."""

    def __init__(self, case: Case, repair: Repair, alone: bool = False) -> None:
        self.alone = alone  # what is before the last call is taken as it is
        self.case = case
        self.repair = repair
        self.event = repair.event
        self.node = repair.event.node
        self.truth = repair.truth
        self.of = repair.of
        self.values = case.replay()
        self.value = np.asarray(self.values[self.node])
        self.until = case.tape.nodes[self.node].step
        self.steps = self._steps(self.node)
        self.turns = self._turns()
        self.bound: dict[bool, dict[str, list[Event]]] = {}  # the names that values have, once they were looked for

    # ---- which calls -------------------------------------------------------------------------------------------------

    def _steps(self, start: int) -> list[Step]:
        own = {(event.name, event.owner) for event in self.case.events if event.node == start}
        found: dict[int, Step] = {}
        seen, waiting = set(), [start]
        while waiting:
            node = waiting.pop()
            step = self.case.step_of(node)
            if node in seen or step.function is None:
                continue
            seen.add(node)
            if node != start and self.is_anchor(node, own):
                continue
            found[step.index] = step
            waiting += () if self.alone else self.case.parents[node]
        return [found[index] for index in sorted(found)]

    def is_anchor(self, node: int, own: set[tuple[str, int]]) -> bool:
        """Whether a value is right, and no earlier state of what is looked at."""
        if self.case.step_of(node).function is renamed:
            return False
        if node in self.case.forward or (node in self.case.alike and self.is_run_again(node)):
            return True
        if self.is_called_after_it(node):
            return False
        if not self.names_of(node) or not own.isdisjoint(self._holders.get(node, ())):
            return False
        return self.case.match_up_to_factor(np.asarray(self.values[node])) is not None

    def is_called_after_it(self, node: int) -> bool:
        """Whether what the wrong value only renames is called after the parameter that it should be the gradient of."""
        names = self.names_of(self.of) if self.is_rename else []
        return any(alike(mine.rsplit(".")[-1], name) for mine in self.names_of(node) for name in names)

    def is_run_again(self, node: int) -> bool:
        """Whether what equals a forward value was made as that is, and not by coincidence of what stands for others."""
        case = self.case
        made = all(case.is_forward(read) or case.step_of(read).function is None for read in case.parents[node])
        return made and node not in case.written_over

    def _turns(self) -> list[Step]:
        """The calls of this region and of the same statement in the other turns of a loop."""
        place = self.event.place
        found = {step.index: step for step in self.steps}
        own = [e for e in self.case.events if e.place == place and e.owner == self.event.owner]
        for event in own if len(own) > 1 else self.case.events:
            if (
                event.place == place
                and event.node != self.node
                and event.name.split("[")[0] == self.event.name.split("[")[0]
            ):
                found |= {step.index: step for step in self._steps(event.node)}
        return [found[index] for index in sorted(found)]

    def site(self, step: Step) -> list[Step]:
        """The same call in all turns."""
        return [s for s in self.turns if s.place == step.place and name_of(s.function) == name_of(step.function)]

    def sites(self) -> Iterator[tuple[Step, list[Step]]]:
        """Each call of the region once, the last of its turns, with all of them."""
        seen = set()
        for step in reversed(self.steps):
            key = step.place, name_of(step.function), step.index if step.place is None or not step.place.offset else 0
            if key not in seen:
                seen.add(key)
                yield step, self.site(step)

    @cached_property
    def parts(self) -> list[tuple[int, Array]]:
        """What came of the gradient through each reader, of a value with several where others have the same gradient.

        So has a term the gradient of its sum.
        """
        truth = self.case.truth
        whole = truth.cotangents[self.of]
        alike = (node for node in truth.parts if close(truth.cotangents[node], whole))
        found = max((truth.parts[node] for node in (self.of, *alike) if node in truth.parts), key=len, default=[])
        own = truth.parts.get(self.of, [])
        return own if len(own) > 1 else found

    # ---- trying ------------------------------------------------------------------------------------------------------

    def tried(self, edits: dict[int, Edit]) -> Array | None:
        """What the value becomes with other calls; None where they make no sense."""
        if self.calls > MOST_CALLS or not self.case.may_try():
            return None
        try:
            followed = self._followed(edits)
            if followed is None or self.is_truth(followed):
                self.calls += len(self.case.tape.steps)
                return np.asarray(self.case.replay(edits=edits, until=self.until)[self.node])
            return followed
        except Exception:
            return None

    def _followed(self, edits: dict[int, Edit]) -> Array | None:
        """The same by the calls on the way alone, where that can be told; what gives the truth is played in whole."""
        with np.errstate(all="ignore"):
            found = self.case.tape.follow(self.values, edits, until=self.until, held=self.case.overrides)
        self.calls += len(found or ())
        return None if found is None else np.asarray(found.get(self.node, self.value))

    calls = 0  # that were made for explanations
    lacks: list[Any] | None = None  # what operands seem to lack, once it was looked for
    cuts: Any = None  # the gradient with values of the forward pass held constant, once it was looked at
    diagonals: list[tuple[int, Array]] | None = None  # of the Jacobians of forward values, once these were looked at

    def gives_truth(self, edits: dict[int, Edit]) -> bool:
        self.calls += len(edits)
        if self.foreseen.rules_out(edits):
            return False
        value = self.tried(edits)
        return value is not None and self.is_truth(value) and self.holds_elsewhere(edits)

    @cached_property
    def along(self) -> Along | None:
        """What the value makes along a direction; None where the backward pass can't be walked."""
        run = self.case.walked() if self.value.shape == self.truth.shape else None
        if run is None or self.node not in run.values or self.value.dtype.kind != "f":
            return None
        direction = np.asarray(np.random.default_rng(1).standard_normal(self.truth.shape))
        return Along(run, 0.0).and_of(self.node, self.value, self.truth, direction)

    @cached_property
    def foreseen(self) -> Foreseen:
        return Foreseen(self)

    def holds_elsewhere(self, edits: dict[int, Edit], times: float = 1.0) -> bool:
        """Whether a change gives the truth at other parameters and data, too, so that no coincidence decides.

        So may the value times a number.
        """
        if self.case.overrides or self.repair.how:
            return True
        start, truth = self.case.elsewhere
        wanted = truth.cotangents.get(self.of)
        if wanted is None or not np.any(wanted) or wanted.shape != self.truth.shape or not np.all(np.isfinite(wanted)):
            return True
        try:
            values = self.case.replay(until=self.until, start=fresh(start))
            there = {i: edit.at(values) if isinstance(edit, WithArgument) else edit for i, edit in edits.items()}
            value = times * np.asarray(self.case.replay(edits=there, until=self.until, start=fresh(start))[self.node])
        except Exception:
            return True
        factors = self.case.factors if self.loose else (1.0,)
        return any(difference(value, factor * self.repair.factor * wanted) < 1e-4 for factor in factors)

    def is_truth(self, value: Any) -> bool:
        """Whether a value is what the step should have given, but for a factor where all is in such a convention."""
        value = np.asarray(value)
        return self.is_truth_of(value, self.truth)

    loose = False

    def is_truth_of(self, value: Array, other: Array) -> bool:
        """Whether a value is another one, but for a factor where all is in such a convention."""
        if close(value, other):
            return True
        if not self.loose or np.shape(value) != other.shape or not np.any(value) or not is_along(value, other):
            return False
        factor = float(np.vdot(other, value) / np.vdot(other, other))
        return any(abs(factor - known) < 1e-6 * abs(known) for known in self.case.factors)

    def everywhere(self, step: Step, edit: Edit) -> dict[int, Edit]:
        return {other.index: edit for other in self.site(step)}

    # ---- names -------------------------------------------------------------------------------------------------------

    @cached_property
    def _named(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for event in self.case.events:
            found.setdefault(event.node, []).append(event.name)
        for final in self.case.finals:
            found.setdefault(final.parameter.node, []).append(final.parameter.name)
        return found

    @cached_property
    def _holders(self) -> dict[int, set[tuple[str, int]]]:
        """The names of each value, with what holds them."""
        found: dict[int, set[tuple[str, int]]] = {}
        for event in self.case.events:
            found.setdefault(event.node, set()).add((event.name, event.owner))
        return found

    def names_of(self, node: int) -> list[str]:
        return self._named.get(node, [])

    def name(self, node: int) -> str:
        """What the person calls a value, or how it came about."""
        names = self.names_of(node) or self.names_of(self.case.alike.get(node, -1))
        names = names or [event.name for event in self.case.arguments if event.node == node]
        if names:
            written = statement_at(self.event.place.file, self.event.place.line)
            usual = self.parameter_name(node) or names[0]
            return next((name for name in reversed(names) if replaced(written, name, name)), usual)
        step = self.case.step_of(node)
        if step.function is None:
            value = self.case.tape.nodes[node].value
            return f"{value.item():g}" if value.ndim == 0 else f"an array of shape {value.shape}"
        return (
            call_at(step.place) if step.place else None
        ) or f"a value of line {step.place.line if step.place else '?'}"

    def parameter_name(self, node: int) -> str | None:
        """The name of a parameter."""
        return next((f.parameter.name for f in self.case.finals if f.parameter.node == node), None)

    def owner(self) -> str:
        """What the value is meant as the gradient of: a parameter by its own name, however the line spells it."""
        return self.parameter_name(self.of) or self.name(self.of)

    def code(self, step: Step) -> str:
        """What the person wrote for a call."""
        if step.function is renamed:
            return self.part(step)
        return (call_at(step.place) if step.place else None) or right_side(self.statement)

    @property
    def statement(self) -> str:
        return statement_at(self.event.place.file, self.event.place.line)

    @property
    def expression(self) -> str:
        making = self.case.step_of(self.node) if self.is_rename else None
        return self.code(making) if making else call_at(self.event.place) or right_side(self.statement)

    @property
    def is_rename(self) -> bool:
        """Whether a line only gave another name to what there was before it."""
        return self.case.step_of(self.node).function is renamed

    def part(self, step: Step) -> str:
        """What a rename gave a name to."""
        statement = statement_at(step.place.file, step.place.line) if step.place else ""
        parts = (part_for(statement, name) for name in self.names_of(step.makes[0]))
        return next((marked.part for marked in parts if marked), right_side(statement))

    def rewritten(self, step: Step | None, new: str) -> str | None:
        """The whole expression of the statement with one call written anew; None where the call is in a helper."""
        old = self.code(step) if step is not None else self.expression
        if old == self.expression:
            return new
        return self.expression.replace(old, new, 1) if old in self.expression else None

    def here(self, step: Step | None) -> Place:
        """The line of a call, or the statement's own, where the call is in a helper."""
        place = self.event.place
        if step is None:
            return self.wrong_factor() or self.first_statement()
        if step.place is None:
            return place
        return step.place if in_same_function(step.place, place) or self.is_own_line(step.place) else place

    def call_with(self, step: Step, read: int, due: int) -> Place | None:
        """Where a helper was called that was handed one value in the place of another that it doesn't know."""
        own = self.event.name.endswith("()")  # what a helper returned is looked at, and not what was made of it
        if step.place is None or (in_same_function(step.place, self.event.place) and not own):
            return None
        given = [e for e in self.case.arguments if in_same_function(e.place, step.place)]
        calls = {event.owner for event in given if event.node == read}
        known = {event.node for event in (*given, *self.case.events) if event.owner in calls}
        return (step.caller or self.event.place) if calls and due not in known else None

    def is_own_line(self, place: Place) -> bool:
        """Whether a line is no part of the forward pass, though the function around it may be."""
        used = (s.place for node in self.case.forward if (s := self.case.step_of(node)).place)
        return all((place.file, place.line) != (other.file, other.line) for other in used)

    def is_their_own(self, step: Step) -> bool:
        """Whether a helper is to blame, and not what it was given: it is no part of the forward pass."""
        return step.place is not None and self.is_own_place(step.place)

    def is_own_place(self, place: Place) -> bool:
        """Whether the function around a place is no part of the forward pass."""
        used = {s.place.function for node in self.case.forward if (s := self.case.step_of(node)).place}
        return place.function not in used

    def in_statement(self) -> Place | None:
        """The statement's own line, where a helper made the value, and the mistake is in what is made of it."""
        making = self.case.step_of(self.node)
        here = making.place is None or in_same_function(making.place, self.event.place)
        return None if here else self.event.place

    def wrong_factor(self) -> Place | None:
        """Where a slope was made by which a right gradient is multiplied, if that is on a line of its own."""
        making = self.case.step_of(self.node)
        if name_of(making.function) not in ("multiply", "divide") or len(making.reads) != 2:
            return None
        for slope, upstream in (making.reads, making.reads[::-1]):
            right = self.case.is_gradient(self.values[upstream])
            by = making.place or self.event.place
            named = [e for e in self.case.events if e.node == slope and e.place.line < by.line]
            here = [e for e in named if in_same_function(e.place, by)]
            own = next((e for e in self.case.events if e.node == slope), None)
            if here and is_gradient_name(here[-1].short) and self.case.match_up_to_factor(self.values[upstream]):
                return here[-1].place
            made = self.case.step_of(slope)
            meant = own is not None and is_gradient_name(own.short)  # the forward value itself, called a derivative
            handed = [e for e in named_all(self.case, slope) if e.name.endswith("()") and self.is_own_place(e.place)]
            if right and handed and not in_same_function(handed[-1].place, by):
                return handed[-1].place  # a helper that returned what it was given
            if not right or (self.case.is_forward(slope) and not meant) or made.function is None or made.place is None:
                continue
            if self.case.match_up_to_factor(np.asarray(self.values[slope])) is not None:
                continue
            if not in_same_function(made.place, self.event.place):
                return made.place if self.is_their_own(made) else None
            if own is not None and own.place.line < self.event.place.line:
                return own.place
        return None

    def first_statement(self) -> Place:
        """The first of the lines that made the value, after the last one that left something right."""
        own = self.event.place
        making = self.case.step_of(self.node)
        if making.place is None or (is_rename(own.file, own.line) and self.names_before()):
            return own
        if not in_same_function(making.place, own):
            return making.place if self.is_their_own(making) else own
        right = [
            e.place.line
            for e in self.case.events
            if e.name == self.event.name
            and e.node < self.node
            and e.place.function == own.function
            and (e.place.line == own.line or self.case.match_up_to_factor(np.asarray(self.values[e.node])) is not None)
        ]
        lines = [
            s.place.line
            for s in self.steps
            if s.place
            and s.place.function == own.function
            and not is_filled(s)
            and s.function is not renamed
            and s.place.line > max(right, default=0)
            and self.is_backward(s)
            and self.is_nameless_or_own(s.place.line)
        ]
        first = min(lines, default=own.line)
        return next((s.place for s in self.steps if s.place and s.place.line == first and first < own.line), own)

    def names_before(self) -> bool:
        """Whether the value had a name before it got the one at which it is told."""
        return any(event.time < self.event.time for event in named_all(self.case, self.node))

    def is_nameless_or_own(self, line: int) -> bool:
        """Whether a line gave no name but that of the value: another one stands for something of its own."""
        own = self.event
        names = {e.name for e in self.case.events if e.place.line == line and e.place.file == own.place.file}
        return names <= {own.name}

    def is_backward(self, step: Step) -> bool:
        """Whether a call works on gradients, and not on values of the forward pass alone."""
        before = self.case.ancestors(step.makes) - set(step.makes) - self.case.forward
        return any(
            self.names_of(node)
            and node not in self.case.alike
            and np.size(self.values[node]) > 1
            and self.case.step_of(node).function is not None
            and self.case.match_up_to_factor(np.asarray(self.values[node])) is not None
            for node in before
        )


def is_known_at(event: Event, place: Place | None) -> bool:
    """Whether a name is one of the function around a place, or of an attribute or an entry."""
    return not event.name.isidentifier() or (place is not None and in_same_function(event.place, place))


def named_all(case: Case, node: int) -> list[Event]:
    """The names of a value, and where it was handed on."""
    return [event for event in case.events if event.node == node]


def fresh(arrays: dict[int, Array]) -> dict[int, Array]:
    """Copies, as a run may write to its arrays."""
    return {node: array.copy() for node, array in arrays.items()}


def bracketed(text: str) -> str:
    return text if re.fullmatch(r"[\w.\[\]'\"-]+|[\w.]+\([^()]*\)", text) else f"({text})"


def replaced(text: str, old: str, new: str) -> str | None:
    """A text with one name for another; None where the name isn't in it."""
    pattern = rf"(?<![\w.]){re.escape(old)}(?![\w])"
    return re.sub(pattern, lambda _: new, text) if re.search(pattern, text) else None


def node_at(region: Region, step: Step, place: PlaceOf) -> int | None:
    slot = dict(operands_of(step)).get(place)
    return next((node for node in step.reads if region.case.tape.nodes[node].slot == slot), None)
