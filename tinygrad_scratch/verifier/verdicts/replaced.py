"""Parameters that were given their step, where they should have been changed by it: `w = step` for `w += step`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.causes.region import Finding
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.source import parsed, statement_at
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event, claims_gradient
from tinygrad_scratch.verifier.recording.likeness import close, is_near_number, is_varied, nearest_shares
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.steps import Array, renamed

FEW = 3  # numbers: so many are near a multiple of any others


def replaced(case: Case, parameters: list[Parameter], others_updated: set[int]) -> Iterator[tuple[Repair, Finding]]:
    """What was bound to the name of a parameter and is a multiple of its gradient, a number added or not.

    `parameters` are those that may be meant. So are other values of the same owner as `others_updated`, those of the
    names that were updated as is usual.
    """
    meant = {parameter.node for parameter in parameters if parameter.asked}
    lacking = meant - {final.parameter.node for final in case.finals}
    held: dict[tuple[int, str], tuple[int, Event]] = {}
    rates: list[float] | None = None
    seen: set[tuple[str, int]] = set()
    for event in sorted(case.events, key=lambda event: event.time):
        key = (0 if is_part(event.name) else event.owner), event.name  # a list that is made anew is another owner
        if is_gradient_name(event.short):
            continue
        before, earlier = held.get(key, (event.node, event))
        if event.owner != earlier.owner and event.place.function == "__init__":
            continue  # what another object of that class begins with, as one of gradients does
        if event.owner != earlier.owner and claims_gradient(event.place.function):
            continue  # a dict of gradients that another function fills, under the name of one of weights
        held[key] = event.node, event
        found = None
        if before == event.node:
            made_anew = event.owner != earlier.owner and event.time > case.tape.nodes[case.truth.loss].step
            found = kept(case, event) if before in lacking and others_updated and made_anew else None
        elif event.node not in case.forward and (before in meant or event.owner in others_updated):
            rates = rates if rates is not None else list(rates_of_updates(case))
            found = step_in(case, before, event, rates)
        place = event.place.file, event.place.line
        if found is not None and place not in seen:
            seen.add(place)
            yield found


def is_part(name: str) -> bool:
    return "." in name or "[" in name


def kept(case: Case, event: Event) -> tuple[Repair, Finding] | None:
    """The mistake, if a parameter is put into a new list as it was, and its gradient is known by then."""
    gradient = case.truth.cotangents.get(event.node)
    if gradient is None or gradient.size < FEW or not np.any(gradient):
        return None
    for other in reversed(case.events):
        value = np.asarray(case.tape.nodes[other.node].value)
        if other.node in case.forward or other.time > event.time or value.shape != gradient.shape:
            continue
        _, factor = along(value, gradient)
        if factor and close(value, factor * gradient):
            repair = Repair(event, case.tape.nodes[event.node].value - abs(factor) * gradient, event.node, None, 1)
            return repair, Finding("missing-term", f"{event.name} stays as it was: no step along {other.name} is taken")
    return None


def is_given(case: Case, node: int) -> bool:
    """Whether a value was drawn or given, and not computed from data: so are parameters, and a velocity is not."""
    size = case.tape.nodes[node].value.size
    return node in case.forward and all(case.tape.nodes[n].value.size in (1, size) for n in case.ancestors([node]))


def rates_of_updates(case: Case) -> Iterator[float]:
    """What the gradient of each other parameter is multiplied by in the change that its name came to."""
    last = {(event.owner, event.name): event.node for event in case.events}
    for final in case.finals:
        node, gradient = final.parameter.node, case.true_of(final)
        names = {(event.owner, event.name) for event in case.events if event.node == node}
        before = np.asarray(case.tape.nodes[node].value)
        for after in {last[name] for name in names} - {node}:
            change = np.asarray(case.tape.nodes[after].value)
            if change.shape == before.shape == gradient.shape and np.any(gradient):
                yield float(np.vdot(gradient, change - before) / np.vdot(gradient, gradient))


def step_in(case: Case, before: int, event: Event, rates: list[float]) -> tuple[Repair, Finding] | None:
    """The mistake, if a value is a step along the gradient of the one before; of few numbers, if by others' rate."""
    value, gradient = np.asarray(case.tape.nodes[event.node].value), case.truth.cotangents.get(before)
    if gradient is None or value.shape != gradient.shape or not np.any(gradient):
        return None
    if not is_given(case, before) or not binds(event):
        return None
    if value.size < FEW:
        number, factor = 0.0, float(np.vdot(gradient, value) / np.vdot(gradient, gradient))
        if not rates or not all(is_near_number(rate, factor) for rate in rates):
            return None
    else:
        number, factor = along(value, gradient)
    if not factor or not close(value, number + factor * gradient) or is_changed(case, before, event.node):
        return None
    place, held = event.place, case.tape.nodes[before].value
    right: Array = held + factor * gradient if factor < 0 else held - factor * gradient
    repair = Repair(event, right, before, None, 1)
    name = event.name
    if abs(number) > 1e-9 * np.max(np.abs(value)):
        if not is_varied(np.asarray(held)) and case.is_behind(before, event.node):
            return None  # it was one number throughout
        return repair, Finding("missing-term", f"what is kept of {name} is {number:.6g} for all, and not a part of it")
    statement = statement_at(place.file, place.line)
    is_exchanged = factor < 0 and statement.removeprefix(name).lstrip().startswith("=-")
    sign = "+" if factor < 0 and not is_exchanged else "-"
    plain = statement.split("=", 1)[0].strip() == name
    should = statement.replace("=-" if is_exchanged else "=", f"{sign}=", 1) if plain else None
    return repair, Finding(
        "overwritten-accumulation",
        f"{name} is replaced by its step, and should be changed by it: write `{sign}=`",
        None,
        should,
    )


def binds(event: Event) -> bool:
    """Whether the line of an event gives its name something: one that reads what a function was handed does not."""
    statement = parsed(statement_at(event.place.file, event.place.line))
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        words = {word for target in targets for word in re.findall(r"\w+", ast.unparse(target))}
        return not words.isdisjoint(re.findall(r"[^\W\d]\w*", event.name.removeprefix("self.")))
    return not isinstance(statement, ast.If | ast.While | ast.Return | ast.Expr)


def is_changed(case: Case, before: int, after: int) -> bool:
    """Whether a value was made from the one before; of what is 0, also by way of a decay, or a copy of it."""
    by_way = {"add", "subtract", "multiply", "copy", "array"}
    began_as_0 = not np.any(case.tape.nodes[before].value)
    waiting = [*case.parents[after]]
    while waiting:
        node = waiting.pop()
        if node == before:
            return True
        function, is_0 = case.step_of(node).function, began_as_0 or not np.any(case.tape.nodes[node].value)
        if function is renamed or (is_0 and name_of(function) in by_way):
            waiting += case.parents[node]
    return False


def along(value: Array, gradient: Array) -> tuple[float, float]:
    """A number and a factor of the gradient that come nearest to a value together; a factor of rounding is none."""
    columns = np.stack([np.ones(value.size), gradient.reshape(-1)], axis=1)
    number, factor = map(float, nearest_shares(columns, value))
    is_rounding = abs(factor) * np.max(np.abs(gradient)) <= 1e-9 * np.max(np.abs(value))
    return number, 0.0 if is_rounding else factor
