"""Functions of theirs that return derivatives: wrong where what they return is no slope of the forward pass.

Such a function is called for each layer and each sample, so that the truth in the place of one result seldom mends a
gradient. All results are replaced at once by the slopes of the values that the function was given.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.losses.computed_losses import one_factor
from tinygrad_scratch.verifier.reading.derivative_names import is_named_after, short
from tinygrad_scratch.verifier.reading.source import in_same_function, start_of_function
from tinygrad_scratch.verifier.recording.edits import PRODUCTS, SUMS, name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close, is_near_number
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.rewriting.textbook import base_of, is_slope_of_given
from tinygrad_scratch.verifier.truths.truth import NotOnTensors, Played, played_on_tensors

MOST_CALLS = 200
MOST_ON_THE_WAY = 12  # values before and after one, entry by entry
NOT_BY_ENTRY = {*PRODUCTS, *SUMS, "getitem", "setitem", "T", "transpose", "reshape", "cumsum", "flip", "sort"}


@dataclass(frozen=True)
class Result:
    """What a call of such a function returned, and the slope of the forward pass that is likest to it."""

    event: Event
    slope: Array
    of: int  # the value that it is the slope of a function of
    is_right: bool


def wrong_slopes(case: Case) -> Iterator[tuple[Repair, dict[int, Array], bool]]:
    """What mends gradients if all wrong results of a function are replaced: with what is to be put in.

    Where the same return of a function is right elsewhere, the call is wrong; the last says so.
    """
    wrong = case.wrong(case.replay())
    for results, bad, put_in, played in played_with_slopes(case):
        still = case.wrong(played)
        if len(still) == len(wrong) or any(final not in wrong for final in still):
            continue
        first, mended = bad[0], len(wrong) - len(still)
        repair = Repair(first.event, first.slope, first.of, None, mended, how="slope")
        elsewhere = any(result.is_right and result.event.place == first.event.place for result in results)
        place = first.event.place
        is_right = elsewhere or is_of_another(case, first) or is_slope_of_given(place.file, place.line)
        called = user_of(case, first.event) if is_right else None
        if called is not None:
            truth = np.asarray(played[called.node])
            match = case.match_up_to_factor(truth)
            repair = Repair(called, truth, match[0].of if match else first.of, None, mended)
        yield repair, put_in, called is not None


def factors_with_slopes(case: Case) -> Iterator[float]:
    """The one number that all gradients are multiplied by, once the slopes stand for what a function returned.

    Where slopes are wrong, no factor can be read off the gradients, and no rate off updates.
    """
    if not case.wrong(case.replay()):
        return
    for *_, played in played_with_slopes(case):
        factor = factor_of_all(case, played)
        if factor is not None and not is_near_number(factor, 1.0):
            yield factor


def factor_of_all(case: Case, values: Mapping[int, Any]) -> float | None:
    """The one number that all gradients of a run are multiplied by; None where there is no such number."""
    given = [np.asarray(values[final.node]) for final in case.finals]
    wanted = [case.wanted(value, final) / case.scale for value, final in zip(given, case.finals, strict=True)]
    return one_factor(given, wanted)


def played_with_slopes(case: Case) -> Iterator[tuple[list[Result], list[Result], dict[int, Array], Mapping[int, Any]]]:
    """The results of each function, those that are no slopes, the slopes for them, and the run with these put in."""
    for results in Slopes(case).by_function():
        bad = [result for result in results if not result.is_right]
        put_in = {result.event.node: result.slope for result in bad}
        with contextlib.suppress(Exception):  # a value of this kind can't stand there
            if bad:
                yield results, bad, put_in, case.replay(put_in)


def is_of_another(case: Case, result: Result) -> bool:
    """Whether a function for slopes is called after one that the forward pass does not take of that value."""
    base, given = base_of(short(result.event.place.function)), case.tape.nodes[result.of].value
    if base is None:
        return False
    with np.errstate(all="ignore"):
        made = np.asarray(base(given))
    return not any(close(made, value) for n in case.forward if (value := case.tape.nodes[n].value).shape == made.shape)


def user_of(case: Case, result: Event) -> Event | None:
    """The first name of what was made of a result where the function was called."""
    made = (e for e in case.events if e.node > result.node and e.place.function != result.place.function)
    return next((e for e in made if case.is_behind(result.node, e.node)), None)


class Slopes:
    """The slopes of what the forward pass does entry by entry."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def by_function(self) -> Iterator[list[Result]]:
        """The results of each function that works on one value of the forward pass entry by entry."""
        case = self.case
        places = [step.place for node in case.forward_alone if (step := case.step_of(node)).place]
        of_forward = {(place.file, place.line) for place in places if place is not None}
        calls: dict[tuple[str, int], list[Event]] = {}
        for event in case.returned:
            place = event.place
            if (place.file, place.line) not in of_forward and event.node not in case.forward:
                calls.setdefault((place.file, start_of_function(place)), []).append(event)
        for events in calls.values():
            results = [self.result(event) for event in events[:MOST_CALLS]]
            if all(result is not None for result in results):
                yield [result for result in results if result is not None]

    def result(self, event: Event) -> Result | None:
        """One result; None where it is no function of one value of the forward pass entry by entry."""
        value = self.case.tape.nodes[event.node].value
        given = self.given(event)
        if given is None or value.dtype.kind not in "fiub" or np.shape(self.value(given)) != value.shape:
            return None
        known = list(self.around(given))
        if not known:
            return None
        right = next((pair for pair in known if close(value, pair[1])), None)
        of, slope = right or self.own(event, given) or max(known, key=lambda pair: likeness(value, pair[1]))
        return Result(event, slope, of, right is not None)

    def own(self, event: Event, given: int) -> tuple[int, Array] | None:
        """The slope of what the same function made of a value in the forward pass: `f(z)` beside `f(z, True)`.

        So it is of the function that it is called after, of `f` for `f_prime`, by what that was given.
        """
        made = [e for e in self.case.returned if self.case.is_forward(e.node)]
        alike = ((given, e.node) for e in made if in_same_function(e.place, event.place) and e.node != given)
        after = (e for e in made if is_named_after(event.place.function, e.place.function))
        of_base = ((start, e.node) for e in after for start in self.arguments_of(e) if self.is_after(given, start))
        ends = (pair for pair in chain(alike, of_base) if self.is_after(pair[1], pair[0]))
        known = ((start, self.slope(start, end)) for start, end in ends)
        return next(((start, slope) for start, slope in known if slope is not None), None)

    def arguments_of(self, event: Event) -> list[int]:
        """The values of the forward pass that the function was given which returned one."""
        given = (e.node for e in self.case.arguments if in_same_function(e.place, event.place) and e.node != event.node)
        return [node for node in dict.fromkeys(given) if self.case.is_forward(node)]

    def given(self, event: Event) -> int | None:
        """The one value of the forward pass that a result was made from in a function."""
        case, found = self.case, set()
        waiting, seen = [event.node], set()
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            step = case.step_of(node)
            if case.is_forward(node):
                found.add(case.alike.get(node, node))
            elif step.function is not None and event.place.function in self.functions_of(step):
                waiting += step.reads
            elif np.size(self.value(node)) > 1:
                return None
        arrays = {node for node in found if np.size(self.value(node)) > 1}
        arrays = arrays or found  # of a network of single numbers
        first = min(arrays, default=None)  # what others of them were made from by the function itself
        return first if all(self.is_after(node, first) for node in arrays) else None

    def functions_of(self, step: Step) -> set[str]:
        """The function that made a call; where the loss is only assumed, the one that called that, too."""
        places = (step.place, step.caller) if self.case.is_assumed else (step.place,)
        return {place.function for place in places if place is not None}

    def is_after(self, node: int, first: int | None) -> bool:
        return node == first or node in self.reached(first, self.after)

    def value(self, node: int) -> Array:
        return self.case.tape.nodes[node].value

    # ---- entry by entry ----------------------------------------------------------------------------------------------

    def around(self, node: int) -> Iterator[tuple[int, Array]]:
        """The slopes of what was made from a value, and of a value from what it was made from.

        What it was added up from tells nothing: that slope is 1, whatever is made of the sum.
        """
        for start in filter(self.is_told, [node, *self.reached(node, self.before)]):
            for end in self.reached(start, self.after):
                if end >= node and self.is_told(end):
                    slope = self.slope(start, end)
                    if slope is not None and (start == node or not np.all(slope == 1)):
                        yield start, slope

    def is_told(self, node: int) -> bool:
        """Whether a value has a name, was given or returned, or comes from or goes into a call not entry by entry."""
        around = (self.case.step_of(node), *self.readers.get(node, ()))
        return node in self._named or any(name_of(step.function) in NOT_BY_ENTRY for step in around)

    @cached_property
    def _named(self) -> set[int]:
        return {event.node for event in (*self.case.events, *self.case.arguments, *self.case.returned)}

    def reached(self, node: int | None, on: dict[int, list[int]]) -> list[int]:
        found: list[int] = []
        waiting = list(on.get(node, ())) if node is not None else []
        while waiting and len(found) < MOST_ON_THE_WAY:
            other = waiting.pop(0)
            if other not in found:
                found.append(other)
                waiting += on.get(other, ())
        return found

    @cached_property
    def readers(self) -> dict[int, list[Step]]:
        found: dict[int, list[Step]] = {}
        for step in self.case.tape.steps:
            if step.makes and step.makes[0] in self.case.forward:
                for node in step.reads:
                    found.setdefault(node, []).append(step)
        return found

    @cached_property
    def after(self) -> dict[int, list[int]]:
        """What was made of each value of the forward pass by a call that works entry by entry."""
        return {
            node: made
            for node, steps in self.readers.items()
            if (made := [step.makes[0] for step in steps if self.is_by_entry(step, node)])
        }

    @cached_property
    def before(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for node, made in self.after.items():
            for other in made:
                found.setdefault(other, []).append(node)
        return found

    def is_by_entry(self, step: Step, node: int) -> bool:
        same = np.shape(self.value(step.makes[0])) == np.shape(self.value(node))
        return same and len(step.makes) == 1 and name_of(step.function) not in NOT_BY_ENTRY

    @cached_property
    def run(self) -> Played:
        """The run with the slopes in it; an empty one where a call before the loss has none, as of data."""
        found = Played()
        with np.errstate(all="ignore"), contextlib.suppress(NotOnTensors):
            found = played_on_tensors(self.case.tape, self.case.tape.nodes[self.case.truth.loss].step)
        return found

    def slope(self, start: int, end: int) -> Array | None:
        """The derivative of one value by another entry by entry; None where more than one entry counts."""
        key = start, end
        if key not in self._slopes:
            self._slopes[key] = self._found_slope(start, end)
        return self._slopes[key]

    @cached_property
    def _slopes(self) -> dict[tuple[int, int], Array | None]:
        return {}

    def _found_slope(self, start: int, end: int) -> Array | None:
        if end not in self.run.values:  # made of nothing that the run has a derivative for
            return None
        rng = np.random.default_rng(0)
        found = []
        for _ in range(2):
            direction = rng.uniform(0.5, 2.0, np.shape(self.value(end)))
            with np.errstate(all="ignore"):
                gradient = self.run.gradient(np.sum(self.run.values[end] * direction), [start]).get(start)
                if gradient is None:
                    return None
                found.append(gradient / direction)
        return found[0] if close(found[0], found[1]) else None


def likeness(value: Array, other: Array) -> float:
    """How much one array is along another: 1 where it is a multiple of it."""
    one, two = value.ravel().astype(float), other.ravel()
    sizes = float(np.linalg.norm(one) * np.linalg.norm(two))
    return abs(float(one @ two)) / sizes if sizes else 0.0
