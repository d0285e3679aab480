"""What a check found, as plain data: the one source of the report, the page, the picture and the JSON."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.likeness import close, difference
from tinygrad_scratch.verifier.names import listed
from tinygrad_scratch.verifier.source import (
    Marked,
    call_at,
    compared,
    found_in,
    right_side,
    statement_at,
    without_brackets,
)
from tinygrad_scratch.verifier.tape import Place

RIGHT, CONVENTION, WRONG = "right", "right in another convention", "wrong"
CONSEQUENCE, NOT_CHECKABLE, USED = "consequence", "not checkable", "used on the way"
UNDECIDED = "undecided"


@dataclass(frozen=True)
class Where:
    """A place in a person's source."""

    file: str
    line: int
    function: str

    @property
    def short(self) -> str:
        return f"{Path(self.file).name}:{self.line}"


@dataclass(frozen=True)
class Worst:
    """Where a value differs most from the true one: the largest difference, relative to the largest true entry."""

    difference: float
    index: tuple[int, ...] = ()
    hand: float | None = None
    true: float | None = None
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None  # the value's and the truth's, where they differ


@dataclass(frozen=True)
class Quantity:
    """A value of the hand-written backward pass, and its verdict.

    `node` is its number on the tape, `target` that of the forward value which it is the gradient of.
    """

    name: str
    where: Where
    of: str
    verdict: str
    detail: str
    worst: Worst | None
    node: int
    target: int | None


@dataclass(frozen=True)
class Mistake:
    """A wrong step: what was written, what would be right, and why."""

    name: str
    where: Where
    of: str
    kind: str
    sentence: str
    certainty: str
    others: list[str]
    written: Marked
    right: Marked | None
    worst: Worst | None
    node: int


@dataclass(frozen=True)
class Leak:
    """A value that left what can be recorded."""

    how: str
    where: Where | None
    code: str


@dataclass(frozen=True)
class Findings:
    """All that there is to say about a check."""

    verdict: str
    problem: str | None
    loss: float | None
    gradients: int
    mistakes: list[Mistake] = field(default_factory=list)
    quantities: list[Quantity] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    convention: str = ""
    notes: list[str] = field(default_factory=list)
    loss_name: str = ""


def findings_of(check: Any) -> Findings:
    """What a check found; it may have judged nothing."""
    leaks = list(dict.fromkeys(leaks_of(check)))
    notes = list(dict.fromkeys(getattr(check, "notes", ())))
    if check.problem or getattr(check, "case", None) is None:
        verdict = UNDECIDED if check.unsure else NOT_CHECKABLE
        return Findings(verdict, check.problem or "The block has not ended yet.", None, 0, leaks=leaks, notes=notes)
    loss = check.tape.nodes[check.truth.loss].value
    quantities = without_earlier_states(Quantities(check).all(), check.tape)
    return Findings(
        verdict_of(check),
        None,
        float(np.sum(loss)) if loss.dtype.kind in "biuf" else None,
        len(check.finals),
        mistakes_of(check),
        quantities,
        questions_of(check),
        sizes_of(check),
        leaks,
        check.case.convention,
        notes,
        getattr(getattr(check, "entry", None), "loss_name", ""),
    )


def verdict_of(check: Any) -> str:
    """One verdict for all."""
    if check.repairs:
        return WRONG
    if check.ok:
        return CONVENTION if check.case.convention else RIGHT
    return UNDECIDED if check.unsure or check.entry.lacking or not check.finals else NOT_CHECKABLE


# ---- the mistakes ----------------------------------------------------------------------------------------------------


def mistakes_of(check: Any) -> list[Mistake]:
    names = Names(check)
    found = []
    for repair, cause in zip(check.repairs, check.causes, strict=True):
        place = cause.place
        statement = statement_at(place.file, place.line, cause.expression or call_at(place) or cause.name)
        written, right = both(statement, cause.expression or call_at(place), cause)
        value = check.tape.nodes[repair.event.node].value
        found.append(
            Mistake(
                name=own_name(cause.name) or names.expression(repair.event.node),
                where=Where(place.file, place.line, place.function),
                of=names.of(repair.of),
                kind=cause.kind,
                sentence=cause.sentence,
                certainty=cause.certainty,
                others=list(cause.others),
                written=written,
                right=right,
                worst=worst(value, repair.truth),
                node=repair.event.node,
            )
        )
    return found


def both(statement: str, expression: str | None, cause: Any) -> tuple[Marked, Marked | None]:
    """What was written and what would be right, each with the part marked in which they differ."""
    if not cause.should_be:
        return found_in(statement, expression or WHOLE_VALUE), None
    if expression and expression not in right_side(statement):
        statement = expression
    written, right = min(
        (compared(statement, text) for text in mended(statement, expression, cause.should_be)), key=apart
    )
    if not written.part.strip():
        written = found_in(statement, expression or WHOLE_VALUE)
    return written, right


def mended(statement: str, expression: str | None, should_be: str) -> Iterator[str]:
    """The statement as it should be: what is known of it may be all, its value or a part of that."""
    put = NUMBER_PUT_IN.fullmatch(statement)
    if put and should_be.startswith(put["number"]):  # what is right is known of the array, not of the number
        yield f"{put['array']} = {put['array']}{should_be.removeprefix(put['number'])}"
        return
    spans = [found_in(statement, WHOLE_VALUE)]
    if expression == statement or not is_expression(should_be):
        spans.append(Marked(statement, 0, len(statement)))
    if expression and expression in right_side(statement):
        spans.append(found_in(statement, expression))
    for span in spans:
        yield without_brackets(statement[: span.start] + should_be + statement[span.end :], statement)


NUMBER_PUT_IN = re.compile(r"(?P<array>[\w.]+)\[.*\]\s*=\s*(?P<number>-?[\d.]+)")


def is_expression(text: str) -> bool:
    """Whether a text is a value, and no statement."""
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def apart(pair: tuple[Marked, Marked]) -> int:
    """How much of two texts differs."""
    return len(pair[0].part) + len(pair[1].part)


WHOLE_VALUE = "\0"  # what is nowhere in a statement, so that all of its value is marked


def worst(value: Any, truth: Any) -> Worst:
    """Where they differ most."""
    value, truth = as_number(value), as_number(truth)
    if value.shape != truth.shape:
        return Worst(np.inf, shapes=(value.shape, truth.shape))
    if not value.size:
        return Worst(0.0)
    apart = np.abs(value - truth)
    place = np.unravel_index(np.argmax(np.where(np.isnan(apart), np.inf, apart)), value.shape)
    index = tuple(int(i) for i in place)
    return Worst(difference(value, truth), index, number(value[place]), number(truth[place]))


def number(value: Any) -> float | None:
    return float(value) if np.asarray(value).dtype.kind in "biuf" else None


# ---- what a value is called ------------------------------------------------------------------------------------------


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


# ---- every quantity --------------------------------------------------------------------------------------------------


class Quantities:
    """The values of the backward pass that have names, in the order in which they were made."""

    def __init__(self, check: Any) -> None:
        self.check = check
        self.case = check.case
        self.names = Names(check)
        self.finals = {final.node: final for final in check.finals}
        self.guilty = {repair.event.node: repair for repair in check.repairs}
        self.mended = self.case.replay() if self.guilty else {}

    def all(self) -> list[Quantity]:
        backward = self.case.ancestors(self.finals) - self.case.forward | self.finals.keys()
        moving = depending(self.case.tape, {parameter.node for parameter in self.check.parameters})
        found: dict[int, Quantity] = {}
        for event in self.case.events:
            known = event.node in found or self.is_constant(event.node) or self.is_guilty(event)
            if event.node in backward and not known:
                quantity = self.quantity(event.node, own_name(event.name), event.place)
                if quantity.verdict != USED or event.node in moving:  # data and sizes claim nothing
                    found[event.node] = quantity
        wrong = [self.wrong(repair) for repair in self.guilty.values()]
        for node in (
            self.finals.keys() - found.keys() - self.guilty.keys()
        ):  # without a name, as in `return x.T @ delta`
            place = self.case.tape.steps[self.case.tape.nodes[node].step].place
            if place is not None:
                worked_out = node in self.check.entry.changes
                name = (not worked_out and call_at(place)) or self.finals[node].name or self.names.expression(node)
                found[node] = self.quantity(node, name, place)
        changes = self.check.entry.changes
        return sorted([*found.values(), *wrong], key=lambda quantity: changes.get(quantity.node, quantity.node))

    def true(self, quantity: Quantity) -> Any:
        """The true gradient that a quantity was compared with; None where there was nothing to compare with."""
        if quantity.verdict == WRONG and quantity.node in self.guilty:
            return as_number(self.guilty[quantity.node].truth)
        truth = self.judged(quantity.node, as_number(self.case.tape.nodes[quantity.node].value))[3]
        return None if truth is None else as_number(truth)

    def is_guilty(self, event: Any) -> bool:
        """Whether this name of a value is wrong; an earlier name of one that was used as what it isn't may be right."""
        repair = self.guilty.get(event.node)
        return repair is not None and (event.name == repair.event.name or not repair.late)

    def wrong(self, repair: Any) -> Quantity:
        event, value = repair.event, as_number(self.case.tape.nodes[repair.event.node].value)
        where = Where(event.place.file, event.place.line, event.place.function)
        of, off = self.names.of(repair.of), worst(value, repair.truth)
        name = own_name(event.name) or self.names.expression(event.node)
        return Quantity(name, where, of, WRONG, "", off, event.node, repair.of)

    def is_constant(self, node: int) -> bool:
        step = self.case.tape.steps[self.case.tape.nodes[node].step]
        return step.function is None and node not in self.finals

    def quantity(self, node: int, name: str, place: Place) -> Quantity:
        value = as_number(self.case.tape.nodes[node].value)
        verdict, target, detail, truth = self.judged(node, value)
        return Quantity(
            name=name,
            where=Where(place.file, place.line, place.function),
            of="" if target is None else self.names.of(target),
            verdict=verdict,
            detail=detail,
            worst=None if truth is None else worst(value, truth),
            node=node,
            target=target,
        )

    def judged(self, node: int, value: Any) -> tuple[str, int | None, str, Any]:
        """Its verdict, what it is the gradient of, what to add, and the truth that it was compared with."""
        culprit = self.culprit(node, value)
        final = self.finals.get(node)
        if final is not None:
            return self.judged_final(final, value, culprit)
        match = self.case.match_up_to_factor(value if culprit is None else as_number(self.mended[node]))
        if match is None:
            return (CONSEQUENCE, None, culprit, self.mended[node]) if culprit else (USED, None, "", None)
        entry, factor = match
        truth = entry.value * factor
        if culprit is not None:
            return CONSEQUENCE, entry.of, culprit, truth
        if abs(factor - 1) > 1e-9:
            return CONVENTION, entry.of, times_said(factor), truth
        return RIGHT, entry.of, entry.how, truth

    def judged_final(self, final: Any, value: Any, culprit: str | None) -> tuple[str, int, str, Any]:
        """The same of a gradient that the backward pass ended with."""
        parameter, truth, wanted = final.parameter.node, self.case.true_of(final), self.case.wanted(value, final)
        if culprit is not None:
            return CONSEQUENCE, parameter, culprit, wanted
        if close(value, truth):
            return RIGHT, parameter, "", truth
        if self.case.is_right(value, final):
            said = times_said(self.case.scale) if self.case.scale != 1 else f"of shape {value.shape}"
            return (
                (RIGHT, parameter, "", wanted)
                if value.shape == truth.shape == ()
                else (CONVENTION, parameter, said, wanted)
            )
        if self.case.convention and not self.guilty:
            return CONVENTION, parameter, self.case.convention.partition(":")[0], None
        return WRONG, parameter, "", wanted

    def culprit(self, node: int, value: Any) -> str | None:
        """The wrong step that a value is wrong because of: the last one before it."""
        if not self.guilty or close(value, as_number(self.mended[node])):
            return None
        before = self.case.ancestors([node])
        last = max((guilty for guilty in self.guilty if guilty in before), default=None)
        if last is None:
            return None
        event = self.guilty[last].event
        alone = [repair.event.name for repair in self.guilty.values()].count(event.name) == 1
        return own_name(event.name) if alone else f"{own_name(event.name)}, line {event.place.line}"


def times_said(factor: float) -> str:
    """What a right value is multiplied by, for now or by convention."""
    size = abs(factor)
    return f"times {'-' if factor < 0 else ''}{f'{size:.6g}' if size >= 1 else f'1/{1 / size:.6g}'}"


def depending(tape: Any, parameters: set[int]) -> set[int]:
    """The values that were computed from parameters, and these."""
    found = set(parameters)
    for step in tape.steps:
        if not found.isdisjoint(step.reads):
            found.update(step.makes)
    return found


def as_number(value: Any) -> Any:
    """An array, with numbers for what is true and false: these can't be subtracted."""
    value = np.asarray(value)
    return value * 1.0 if value.dtype == bool else value


def without_earlier_states(quantities: list[Quantity], tape: Any) -> list[Quantity]:
    """An array that is written to in place is one quantity: its last state that is a gradient, and each wrong one."""
    last: dict[tuple[int, str], Quantity] = {}
    for quantity in quantities:
        key = tape.nodes[quantity.node].slot, quantity.name
        if key not in last or quantity.verdict != USED or last[key].verdict == USED:
            last[key] = quantity
    kept = {quantity.node for quantity in last.values()}
    return [quantity for quantity in quantities if quantity.node in kept or quantity.verdict == WRONG]


# ---- asides ----------------------------------------------------------------------------------------------------------


def questions_of(check: Any) -> list[str]:
    """What only the person can tell: which parameter a gradient belongs to, and where a missing one is."""
    free, tape = check.missing, check.tape
    found = []
    for names, node in check.unsure:
        shape = tape.nodes[node].value.shape
        fitting = [own_name(p.name) for p in free if tape.nodes[p.node].value.size == tape.nodes[node].value.size]
        among = f"One of these? {', '.join(fitting)}." if fitting else f"No parameter left has a shape such as {shape}."
        found.append(f"Which parameter is {shown_name(names)}, of shape {shape}, the gradient of? {among}")
    if free:
        named = [f"{own_name(p.name)} {tape.nodes[p.node].value.shape}" for p in free]
        found.append(f"Where is the gradient of {listed(named)}? If backward makes it, put it into check.gradients.")
    return found


def shown_name(names: list[str]) -> str:
    name = names[0]
    if name.isdigit():
        own = next((other for other in names[1:] if not other.isdigit()), None)
        return own or f"number {name} of what was given"
    return name or next((other for other in names[1:] if other), "the gradient that was given")


def sizes_of(check: Any) -> list[str]:
    """Where there are as many samples as something is wide: a factor or an axis of that length could be either."""
    tape, forward = check.tape, check.case.forward
    parameters = {p.node: (own_name(p.name), tape.nodes[p.node].value.shape) for p in check.parameters}
    moving = depending(tape, set(parameters))
    meeting = {
        node
        for step in tape.steps
        if not moving.isdisjoint(step.reads) and not forward.isdisjoint(step.makes)
        for node in step.reads
    }
    data = [
        tape.nodes[node].value.shape for node in sorted(meeting - moving) if tape.nodes[node].value.size > 1
    ]  # what no parameter changes, where it meets what one does
    common = set.intersection(*map(set, data)) if len(data) > 1 else set()  # the axis that all data has: the samples
    found = []
    for samples in sorted(common - {1}):
        same = [f"{name} {shape}" for node, (name, shape) in parameters.items() if node in forward and samples in shape]
        if same:
            found.append(
                f"There are {samples} samples, and {listed(same)} {'is' if len(same) == 1 else 'are'} {samples} wide: "
                f"a factor or an axis of {samples} could be either. Check once more with another number of samples."
            )
    return found


def leaks_of(check: Any) -> Iterator[Leak]:
    for leak in check.tape.leaks:
        where = Where(leak.place.file, leak.place.line, leak.place.function) if leak.place else None
        yield Leak(leak.kind, where, statement_at(where.file, where.line) if where else "")
