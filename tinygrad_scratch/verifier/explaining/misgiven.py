"""Derivatives of theirs that are right, and are given the wrong value: `sigmoid_prime(a)`, where a is `sigmoid(z)`.

Such a function is not to blame. Its call is: it is given what the other function made, and not what that was given.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.losses.slopes import user_of
from tinygrad_scratch.verifier.reading.derivative_names import BACKWARD, FORWARD, OF_SLOPE, is_derivative_of, short
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import (
    bracketed,
    call_at,
    in_same_function,
    names_in,
    replaced,
    right_side,
    start_of_function,
    start_of_function_in,
    statement_at,
    text_of,
)
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close, is_telling
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.rewriting.text import source_of

MOST_CALLS = 400  # of functions of one array
STEP = 1e-5  # by which a value is moved, to see how fast a function grows there


@dataclass(frozen=True)
class Call:
    """A call of a function of theirs that was given one array, and returned one of its shape.

    Or it was given a gradient from above, too, as the backward pass of an activation is.
    """

    given: int
    event: Event
    above: int | None = None

    @property
    def is_of_result(self) -> bool:
        """Whether it stands for what the function makes, at which a derivative is taken: `s * (1 - s)`."""
        return self.given == self.event.node

    @property
    def function(self) -> tuple[str, int]:
        return self.event.place.file, start_of_function(self.event.place)

    @property
    def branch(self) -> tuple[str, int, int]:
        """Which of its returns it came to: `f(z, derivative=True)` is another one than `f(z)`."""
        return *self.function, self.event.place.line


@dataclass
class Misgiven:
    """Looks for such functions, and for such calls of them, in a case."""

    case: Case

    @cached_property
    def calls(self) -> list[Call]:
        found, given = [], defaultdict[int, list[Event]](list)
        for argument in self.case.arguments:
            given[argument.owner].append(argument)
        for event in self.case.returned:
            own = (each for each in given[event.owner] if in_same_function(each.place, event.place))
            arrays = {each.node for each in own if each.time <= event.time and self.value(each.node).ndim > 0}
            above = {node for node in arrays if not self.case.is_forward(node)} if len(arrays) == 2 else set()
            is_of_one = len(arrays) - len(above) == 1 and len(above) < 2
            if is_of_one and all(self.value(event.node).shape == self.value(node).shape for node in arrays):
                found.append(Call(min(arrays - above), event, min(above, default=None)))
        # what a function makes of one number alone may be right by chance
        several = {call.branch for call in found if self.value(call.given).size > 1}
        return [call for call in found if call.branch in several][:MOST_CALLS]

    @cached_property
    def derivatives(self) -> dict[tuple[str, int, int], list[Call]]:
        """The returns whose results all are the derivative of what another one gives, at what they were given.

        With the calls that came to that other one in the forward pass. None is told so where no loss is known, or where
        it is called in several places, given the wrong value in all, and could do with it: one mistake is likelier so.
        """
        if self.case.is_assumed:
            return {}
        ahead = [call for call in self.calls if self.case.is_forward(call.event.node)]
        branches = {call.branch for call in ahead}
        behind = self.case.ancestors(final.node for final in self.case.finals)  # other turns say nothing of this one
        back = [call for call in self.calls if call.event.node in behind and call.branch not in branches]
        found = {}
        for branch in {call.branch: None for call in back}:
            own = [call for call in back if call.branch == branch]
            after = [call for call in ahead if is_named_after(own[0], call)]
            for other in {call.branch: None for call in after}:
                of = [call for call in after if call.branch == other]
                is_doubted = self.are_all_wrong(own, of) or self.may_be_others(own, of)
                if not is_doubted and all(self.is_derivative(call, of[0]) for call in own):
                    found[branch] = of
        return found

    @cached_property
    def by_results(self) -> dict[tuple[str, int, int], list[Call]]:
        """The returns that were given gradients, and give the derivative of another function by what that makes."""
        back = [call for call in self.calls if not self.case.is_forward(call.given)]
        ahead = [call for call in self.calls if self.case.is_forward(call.event.node)] if back else []
        found = {}
        for call in () if self.case.is_assumed else back:
            of = [each for each in ahead if is_named_after(call, each)]
            if any(self.is_by_result(call, each) for each in of):
                found[call.branch] = [Call(each.event.node, each.event) for each in of]
        return found

    def is_by_result(self, call: Call, of: Call) -> bool:
        made, slope = self.made(call, self.value(of.event.node)), self.slope_of(of, of.given)
        return made is not None and slope is not None and close(slope, made)

    @cached_property
    def right_functions(self) -> set[tuple[str, int]]:
        """The functions of which all returns are such, each by its file and where it starts."""
        returns = {call.branch for call in self.calls if call.event.node not in self.case.forward}
        starts = {(file, start) for file, start, _ in self.derivatives}
        return {each for each in starts if all(r in self.derivatives for r in returns if r[:2] == each)}

    def is_right_derivative(self, place: Place) -> bool:
        """Whether a place is such a return."""
        return (place.file, start_of_function(place), place.line) in self.derivatives

    def is_derivative(self, call: Call, of: Call) -> bool:
        slope, above = self.slope_of(of, call.given), 1.0 if call.above is None else self.value(call.above)
        return slope is not None and close(np.asarray(slope * above), self.value(call.event.node))

    def slope_of(self, call: Call, at: int) -> Any:
        """How fast a function grows at a value; None where that can't be told."""
        value = np.asarray(self.value(at), float)
        up, down = (self.made(call, value + step) for step in (STEP, -STEP))
        return None if up is None or down is None else (up - down) / (2 * STEP)

    def made(self, call: Call, value: Array, run: dict[int, Array] | None = None) -> Any:
        """What a function would have made of another value, if told in another run; None where that can't be told."""
        until = self.case.tape.nodes[call.event.node].step
        try:
            with np.errstate(all="ignore"):
                found = self.case.tape.follow(run or self.held, overrides={call.given: value}, until=until)
        except Exception:  # it is for other values only
            return None
        made: Any = None if found is None else found.get(call.event.node)
        return made if np.shape(made) == value.shape else None

    @cached_property
    def held(self) -> dict[int, Array]:
        return {node.number: node.value for node in self.case.tape.nodes}

    def are_all_wrong(self, calls: list[Call], others: list[Call]) -> bool:
        """Whether calls in several places are all given what the other function made, and it makes that once more."""
        places = {place for call in calls if (place := self.place_of(call)) is not None}
        written = rf"(?<!def )\b{re.escape(self.called(calls[0]))}\("  # of single numbers calls tell nothing
        of_itself = calls[0].function == others[0].function  # then the calls of the forward pass are written so, too
        once = len(calls) + len(others) if of_itself else 1
        several = len(places) > 1 or any(self.times_written(written, each.file) > once for each in places)
        return (
            several
            and self.makes_again(calls[0], others[0])
            and all(self.made_by(call, others) is not None for call in calls)
        )

    def called(self, call: Call) -> str:
        """The name by which a function is called, with what holds it: other classes have others of that name."""
        place = self.place_of(call)
        callee = ((call_at(place) if place is not None else None) or "").partition("(")[0].strip()
        return callee if re.fullmatch(r"\w+\.\w+", callee) else short(call.event.place.function)

    def makes_again(self, call: Call, of: Call) -> bool:
        """Whether a function calls the other one, where it returns what it gives."""
        place = call.event.place
        return f"{short(of.event.place.function)}(" in statement_at(place.file, place.line)

    def makes_before(self, call: Call, of: Call) -> bool:
        """The same of any of its lines."""
        place, name = call.event.place, short(of.event.place.function)
        function = source_of(text_of(place.file)).function_around(place.line)
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)] if function is not None else []
        return any(short(ast.unparse(node.func)) == name for node in calls)

    def times_written(self, call: str, file: str) -> int:
        """How often a call is written in what ran of a file: elsewhere it may be given what is right."""
        text = text_of(file)
        lines = [text.count("\n", 0, found.start()) + 1 for found in re.finditer(call, text)]
        ran = {step.place.line for step in self.case.tape.steps if step.place is not None and step.place.file == file}
        starts = {start_of_function_in(text, line) for line in ran}
        return sum(start_of_function_in(text, line) in starts for line in lines)

    def may_be_others(self, calls: list[Call], others: list[Call]) -> bool:
        """Whether all calls are given what the other function made where any function may be called, as a layer does.

        What stands there is right for the others, then: `self.slope(self.z)`, `layer.activation.gradient(z)`.
        """
        texts = [call_at(place) if place is not None else None for place in map(self.place_of, calls)]
        own = short(calls[0].event.place.function)
        known = own.isidentifier() and all(text is not None and is_of_any(text, own) for text in texts)
        known = known and not self.makes_before(calls[0], others[0])  # which nobody writes who is given that
        return known and all(self.made_by(call, others) is not None for call in calls)

    def made_by(self, call: Call, others: list[Call]) -> Call | None:
        """The call of the other function that made what a call is given, if none was given that itself."""
        given = self.value(call.given)
        of = next((other for other in others if close(given, self.value(other.event.node))), None)
        told = is_telling(given) or (given.dtype.kind == "f" and bool(np.any(given != np.round(given))))
        known = not told or any(close(given, self.value(other.given)) for other in others)
        return None if known else of

    def wrong_calls(self) -> Iterator[tuple[Call, Call, Array]]:
        """The calls that are given what the other function made, with that call, and with what is right."""
        for branch, others in self.derivatives.items():
            for call in (call for call in self.calls if call.branch == branch):
                of = self.made_by(call, others)
                right = self.made(call, np.asarray(self.value(of.given), float)) if of is not None else None
                if of is not None and right is not None:
                    yield call, of, right
                elif of is None and not self.case.is_forward(call.given):
                    yield from self.of_gradient(call, others)
        for branch, others in self.by_results.items():
            for call in (call for call in self.calls if call.branch == branch):
                yield from () if self.case.is_forward(call.given) else self.of_gradient(call, others)

    def in_order(self) -> list[tuple[Call, Call, Array]]:
        """The same, with what is right of a gradient from above once the calls before it are given what is right."""
        calls, run = sorted(self.wrong_calls(), key=lambda each: each[0].event.node), dict(self.held)
        if all(call.above is None for call, _, _ in calls):
            return calls
        found = []
        for call, of, right in calls:
            if call.above is not None:
                made = self.made(call, np.asarray(self.value(of.given), float), run)
                right = right if made is None else made
            found.append((call, of, right))
            run |= self.case.tape.follow(run, overrides={call.event.node: right}) or {}
        return found

    def of_gradient(self, call: Call, others: list[Call]) -> Iterator[tuple[Call, Call, Array]]:
        """The call of the other function at whose value a derivative is due that a gradient was given to.

        What is right is that gradient times the derivative, which nobody multiplied it by.
        """
        given = self.value(call.given)
        for of in (other for other in others if self.value(other.given).shape == given.shape):
            slope = self.made(call, np.asarray(self.value(of.given), float))
            if slope is not None and self.case.match(self.case.scale * given * slope) is not None:
                yield call, of, np.asarray(given * slope)
                return

    def value(self, node: int) -> Array:
        return self.case.tape.nodes[node].value

    # ---- what is wrong -----------------------------------------------------------------------------------------------

    def found(self) -> tuple[list[tuple[Repair, Finding]], dict[int, Array]] | None:
        """The repairs, one for each line with such a call, and what is to be put in, where that mends gradients."""
        wrong = self.case.wrong(self.case.replay())
        calls = self.in_order() if wrong else []
        put_in = {call.event.node: right for call, _, right in calls}
        if not put_in:
            return None
        try:
            played = self.case.replay(put_in)
        except Exception:  # a value of this kind can't stand there
            return None
        still = self.case.wrong(played)
        if len(still) == len(wrong) or any(final not in wrong for final in still):
            return None
        repairs: dict[Place, tuple[Repair, Finding]] = {}
        for call, of, right in calls:
            user = user_of(self.case, call.event) if self.case.is_forward(call.given) else self.named(call)
            truth = np.asarray(played[user.node]) if user is not None else right
            match = self.case.match_up_to_factor(truth)
            event = user or call.event
            repair = Repair(event, truth, match[0].of if match else of.given, None, len(wrong) - len(still))
            alone = self.case.is_forward(call.given) and all(
                each.event.node in put_in for each in self.calls if each.branch == call.branch
            )
            repairs.setdefault(event.place, (repair, self.finding(repair, call, of, alone)))
        return list(repairs.values()), put_in

    def finding(self, repair: Repair, call: Call, of: Call, alone: bool) -> Finding:
        slope, name = short(call.event.place.function), short(of.event.place.function)
        said = f"`{slope}` is the derivative of `{name}`, and is given what `{name}` makes, not what that is given"
        if not self.case.is_forward(call.given):
            given = "makes" if of.is_of_result else "is given"
            said = f"`{slope}` is given a gradient: that is due at what `{name}` {given}, times the gradient"
        elif call.function == of.function:
            said = f"`{slope}` gives its derivative here at what it makes itself, not at what it is given for that"
        caller, own = self.place_of(call), repair.event.place
        place = own if caller is None or is_in_statement_of(caller, own) else caller
        finding = Finding("derivative-at-wrong-point", said, None, self.should_be(repair, call, of, place), place=place)
        if alone:  # it could be made for that as well
            what = "its derivative by" if call.function == of.function else f"`{slope}` for"
            finding.certainty, finding.others = "fits", [f"{what} what `{name}` makes"]
        return finding

    def named(self, call: Call) -> Event | None:
        """Where what a call returned got a name: outside of the function, if it got one there."""
        named = [event for event in self.case.events if event.node == call.event.node]
        return next((e for e in named if not in_same_function(e.place, call.event.place)), next(iter(named), None))

    def should_be(self, repair: Repair, call: Call, of: Call, place: Place) -> str | None:
        """The statement with the right value in the call, where that has one text, known in the same function."""
        written, right = (argument_of(self.place_of(each)) for each in (call, of))
        region = Region(self.case, repair)
        is_own = place == repair.event.place
        expression = region.expression if is_own else right_side(statement_at(place.file, place.line))
        if right is not None and of.is_of_result:
            right = right[0], region.name(of.given)
        if written is None or right is None or self.is_in_loop(of) or self.is_in_loop(call):
            return None
        known = source_of(text_of(place.file)).words(place.line).text
        elsewhere = start_of_function(place) != start_of_function(self.place_of(of) or place)
        if elsewhere and not self.is_attribute(right[1], of.given):
            return None
        if not all(re.search(rf"\b{name}\b", known) for name in names_in(right[1])):
            return None
        new = written[0].replace(f"({written[1]}", f"({right[1]}", 1)
        times = "" if self.case.is_forward(call.given) else f"{bracketed(written[1])} * "
        return replaced(expression, written[0], times + new)

    def is_attribute(self, name: str, node: int) -> bool:
        """Whether a value is kept under a name that is the same in all methods of an object."""
        return name.startswith("self.") and any(e.node == node and e.name == name for e in self.case.events)

    def place_of(self, call: Call) -> Place | None:
        """Where a function was called."""
        step = self.case.step_of(call.event.node)
        inside = step.place is not None and step.place.function == call.event.place.function
        return step.caller if inside else None

    def is_in_loop(self, call: Call) -> bool:
        """Whether the call is made more than once."""
        same = (each for each in self.calls if each.branch == call.branch)
        return sum(self.place_of(each) == self.place_of(call) for each in same) > 1


def is_in_statement_of(one: Place, other: Place) -> bool:
    """Whether two places are in one statement, which may be over several lines."""
    text = statement_at(one.file, one.line)
    return in_same_function(one, other) and text == statement_at(other.file, other.line)


def is_named_after(slope: Call, other: Call) -> bool:
    """Whether a function has the name of the derivative of another one, of the same file or not."""
    name, of = short(slope.event.place.function).lower(), short(other.event.place.function).lower()
    bare = not OF_SLOPE.sub("", name, count=1).strip("_") and OF_SLOPE.search(name) is not None
    of_pass = BACKWARD.search(name) is not None and BACKWARD.sub("", name, count=1) in (of, FORWARD.sub("", of))
    in_one_file = slope.function[0] == other.function[0]
    if slope.function == other.function:
        return True
    return (
        is_derivative_of(name, {of}) or name.removeprefix("d").strip("_") == of or ((bare or of_pass) and in_one_file)
    )


def is_of_any(call: str, function: str) -> bool:
    """Whether a call is one of whatever function stands under a name, or of whatever object's.

    >>> is_of_any("self.slope(z)", "bend_slope"), is_of_any("self.act.slope(z)", "slope")
    (True, True)
    >>> is_of_any("slope(z)", "slope")
    False
    """
    callee, _, _ = call.partition("(")
    holder, _, name = callee.strip().rpartition(".")
    return name != function or "." in holder or (bool(holder) and holder != "self" and holder.islower())


def argument_of(place: Place | None) -> tuple[str, str] | None:
    """The text of a call with one argument, and that of the argument."""
    code = call_at(place) if place is not None else None
    try:
        node = ast.parse(code or "", mode="eval").body
    except SyntaxError:
        return None
    if code is None or not isinstance(node, ast.Call) or len(node.args) != 1:
        return None
    return code, ast.get_source_segment(code, node.args[0]) or ""
