"""Every value of a hand-written backward pass that has a name, with its verdict."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import call_at
from tinygrad_scratch.verifier.recording.likeness import close, difference
from tinygrad_scratch.verifier.recording.steps import renamed, shows
from tinygrad_scratch.verifier.showing.called import Names, own_name
from tinygrad_scratch.verifier.showing.findings import (
    CONSEQUENCE,
    CONVENTION,
    RIGHT,
    USED,
    WRONG,
    Quantity,
    Where,
    Worst,
)


class Quantities:
    """The values of the backward pass that have names, in the order in which they were made."""

    def __init__(self, check: Any) -> None:
        self.check = check
        self.case = check.case
        self.names = Names(check)
        self.finals = {final.node: final for final in check.finals}
        self.guilty = {repair.event.node: repair for repair in check.repairs}
        self.mended = self.case.replay() if self.guilty else {}
        self.behind = {guilty: depending(self.case.tape, {guilty}) for guilty in self.guilty}

    def all(self) -> list[Quantity]:
        backward = self.case.ancestors(self.finals) - self.case.forward | self.finals.keys()
        moving = depending(self.case.tape, {parameter.node for parameter in self.check.parameters})
        found: dict[int, Quantity] = {}
        later = self.only_renamed()
        for event in self.case.events:
            node = later.get(event.node, event.node)
            known = node in found or self.is_constant(event.node) or event.node in self.guilty
            again = event.node not in self.guilty and self.case.step_of(event.node).function is renamed
            if node in backward and not known and not again:
                quantity = self.quantity(node, own_name(event.name), event.place)
                if node in moving or (quantity.verdict != USED and not self.is_of_data(node)):  # data claims nothing
                    found[node] = quantity
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

    def only_renamed(self) -> dict[int, int]:
        """The values that gradients were before they got the last of their names, where that is no mistake."""
        found: dict[int, int] = {}
        for last in self.finals:
            node = last
            while node not in self.guilty and self.case.step_of(node).function is renamed:
                (node,) = self.case.step_of(node).reads
            if node not in self.guilty:
                found.setdefault(node, last)
        return found

    def true(self, quantity: Quantity) -> Any:
        """The true gradient that a quantity was compared with; None where there was nothing to compare with."""
        if quantity.verdict == WRONG and quantity.node in self.guilty:
            return as_number(self.guilty[quantity.node].truth)
        truth = self.judged(quantity.node, as_number(self.case.tape.nodes[quantity.node].value))[3]
        return None if truth is None else as_number(truth)

    def wrong(self, repair: Any) -> Quantity:
        event, value = repair.event, as_number(self.case.tape.nodes[repair.event.node].value)
        where = Where(event.place.file, event.place.line, event.place.function)
        of, off = self.names.of(repair.of), worst(value, repair.truth)
        name = own_name(event.name) or self.names.expression(event.node)
        return Quantity(name, where, of, WRONG, "", off, event.node, repair.of)

    def is_constant(self, node: int) -> bool:
        step = self.case.tape.steps[self.case.tape.nodes[node].step]
        return step.function is None and node not in self.finals

    def is_of_data(self, node: int) -> bool:
        """Whether arrays from outside went into a value: ones, and what is made of ones and sizes, is no data."""
        leaves = (n for n in self.case.ancestors([node]) if self.is_constant(n))
        values = (as_number(self.case.tape.nodes[n].value) for n in leaves)
        return any(np.ptp(value) for value in values if value.size)

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
            if self.is_shown(node):
                return USED, None, "", None
            return CONVENTION, entry.of, times_said(factor), truth
        return RIGHT, entry.of, entry.how, truth

    def is_shown(self, node: int) -> bool:
        """Whether a value is a parameter in another shape, of which a penalty may be a multiple."""
        parameters = {parameter.node for parameter in self.check.parameters}
        while node not in parameters and shows(self.case.step_of(node)):
            node = self.case.step_of(node).reads[0]
        return node in parameters

    def judged_final(self, final: Any, value: Any, culprit: str | None) -> tuple[str, int, str, Any]:
        """The same of a gradient that the backward pass ended with."""
        parameter, truth, wanted = final.parameter.node, self.case.true_of(final), self.case.wanted(value, final)
        if culprit is not None:
            return CONSEQUENCE, parameter, culprit, wanted
        if close(value, truth):
            return RIGHT, parameter, "", truth
        if self.case.is_right(value, final):
            decays = final.parameter.node in self.case.decays and self.case.scale == 1
            same = f"of shape {value.shape}" if not decays else "with a decay"
            said = times_said(self.case.scale) if self.case.scale != 1 else same
            return (
                (RIGHT, parameter, "", wanted)
                if value.shape == truth.shape == ()
                else (CONVENTION, parameter, said, wanted)
            )
        if self.case.convention and not self.guilty:
            return CONVENTION, parameter, self.case.convention.partition(":")[0], None
        again = self.made_again(final.node)
        return (WRONG, parameter, "", wanted) if again is None else (CONSEQUENCE, parameter, again, wanted)

    def culprit(self, node: int, value: Any) -> str | None:
        """The wrong step that a value is wrong because of: the last one before it."""
        if not self.guilty or close(value, as_number(self.mended[node])):
            return None
        last = max((guilty for guilty, behind in self.behind.items() if node in behind), default=None)
        return None if last is None else self.said(last)

    def made_again(self, node: int) -> str | None:
        """The wrong step whose statement, in another turn of a loop, made something that a value came from."""
        wrong = {(cause.file, cause.line) for cause in self.check.causes}
        places = map(self.case.place_of, self.case.ancestors([node]))
        again = any((place.file, place.line) in wrong for place in places if place is not None)
        return self.said(max(self.guilty)) if self.guilty and again else None

    def said(self, guilty: int) -> str:
        """The name of a wrong step, with its line where there are several of that name."""
        event = self.guilty[guilty].event
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


def without_earlier_states(quantities: list[Quantity], tape: Any) -> list[Quantity]:
    """An array that is written to in place is one quantity: its last state that is a gradient, and each wrong one."""
    last: dict[tuple[int, str], Quantity] = {}
    for quantity in quantities:
        key = tape.nodes[quantity.node].slot, quantity.name
        if key not in last or quantity.verdict != USED or last[key].verdict == USED:
            last[key] = quantity
    kept = {quantity.node for quantity in last.values()}
    return [quantity for quantity in quantities if quantity.node in kept or quantity.verdict == WRONG]


# ---- numbers ---------------------------------------------------------------------------------------------------------


def worst(value: Any, truth: Any) -> Worst:
    """Where they differ most."""
    value, truth = as_number(value), as_number(truth)
    if value.shape != truth.shape:
        return Worst(np.inf, shapes=(value.shape, truth.shape))
    if not value.size:
        return Worst(0.0)
    with np.errstate(invalid="ignore"):  # inf less inf
        apart = np.abs(value - truth)
    place = np.unravel_index(np.argmax(np.where(np.isnan(apart), np.inf, apart)), value.shape)
    index = tuple(int(i) for i in place)
    return Worst(difference(value, truth), index, number(value[place]), number(truth[place]))


def number(value: Any) -> float | None:
    return float(value) if np.asarray(value).dtype.kind in "biuf" else None


def as_number(value: Any) -> Any:
    """An array, with numbers for what is true and false: these can't be subtracted."""
    value = np.asarray(value)
    return value * 1.0 if value.dtype == bool else value
