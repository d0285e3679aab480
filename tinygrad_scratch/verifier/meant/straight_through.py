"""Straight-through estimators: gradients that go on past a choice, such as a sign or an argmin, which has no slope."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tinygrad_scratch.verifier.meant.self_made_targets import Given
from tinygrad_scratch.verifier.reading.source import statement_at
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import is_along
from tinygrad_scratch.verifier.recording.steps import Array, Step, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.truth import NotOnTensors, Through, Truth, truth_of

FLAT = {"sign", "round", "rint", "around", "floor", "ceil", "trunc", "fix", "heaviside"}
BY_ENTRIES = {"multiply", "divide", "add", "subtract", "clip", "minimum", "maximum"}
SLOPING = {"multiply", "divide", "where", "setitem"}
MOST_CHOICES = 100
MOST_VALUES = 4  # that the gradient of a choice may go on to
MOST_SLOPES = 3  # that a gradient is multiplied by one after another


@dataclass(frozen=True)
class Choice:
    """A call that makes numbers of what has no slope, with the values of their shape that these were chosen by."""

    step: Step
    onto: list[int]  # the last first
    behind: set[int]  # the parameters that went into it
    lost: set[int]  # those of them that have no gradient by it

    @property
    def code(self) -> str:
        place = self.step.place
        if place is None:
            return name_of(self.step.function)
        return f"`{statement_at(place.file, place.line)}`, in line {place.line},"


def choices(tape: Tape, loss: int, parameters: set[int]) -> list[Choice]:
    """The choices on the way to a loss through which parameters have no gradient."""
    parents = tape.parents()
    forward = ancestors(parents, [loss])
    flowing, chosen, found = set(parameters), set[int](), list[Choice]()
    for step in tape.steps:
        made = next((node for node in step.makes if node in forward), None)  # some also write to what they are given
        if step.function is None or made is None:
            continue
        smooth, decided = flowing.intersection(step.reads), chosen.intersection(step.reads)
        value = tape.nodes[made].value
        if not smooth and not decided:
            continue
        if value.dtype.kind not in "fc":
            chosen.update(step.makes)
            continue
        if len(found) == MOST_CHOICES:
            return []
        is_flat = name_of(step.function) in FLAT
        is_taken = decided and (not smooth or name_of(step.function) == "getitem")
        if (is_flat or is_taken) and value.size > 1:
            by = smooth if is_flat else decided
            behind = ancestors(parents, by)
            onto = [n for n in behind & flowing if tape.nodes[n].value.shape == value.shape]
            lost = behind & parameters - (set() if is_flat else ancestors(parents, smooth))
            if onto and lost:
                order = [max(smooth)] if is_flat else sorted(onto, reverse=True)
                found.append(Choice(step, order, ancestors(parents, step.reads) & parameters, lost))
        flowing.update(step.makes)
    return found


def truths_past(tape: Tape, loss: int, found: list[Choice]) -> Iterator[Truth]:
    """The truth where the gradient goes on past all choices, to the values that they were made by.

    A difference of the two, as in a penalty, is an error, in which what was chosen is given.
    """
    for number in range(min(MOST_VALUES, max(len(choice.onto) for choice in found))):
        onto = {c.step.index: Through(c.onto[min(number, len(c.onto) - 1)]) for c in found}
        yield from past(tape, loss, onto, found)
        errors = dict(errors_of(tape, found, onto))
        if errors:
            yield from past(tape, loss, onto, found, errors)
    whole = [whole_of(tape, loss, choice) for choice in found]
    if whole != found:
        yield from past(tape, loss, {c.step.index: Through(c.onto[0]) for c in whole}, found)


def errors_of(tape: Tape, found: list[Choice], onto: dict[int, Through]) -> Iterator[tuple[int, Given]]:
    """The differences of what was chosen and what it was chosen by, as calls that count it as given."""
    for choice in found:
        node, by = choice.step.makes[0], onto[choice.step.index].node
        for step in tape.steps:
            if name_of(step.function) == "subtract" and {*step.reads} == {node, by}:
                first = step.arguments[0]
                yield step.index, Given(int(first.slot != tape.nodes[node].slot), node)


def whole_of(tape: Tape, loss: int, choice: Choice) -> Choice:
    """A choice with what is done to it entry by entry before and after, as in `np.round(w / size) * size`."""
    parents = tape.parents()
    forward = ancestors(parents, [loss])
    shape, last, first = tape.nodes[choice.step.makes[0]].value.shape, choice.step, choice.onto[0]
    for step in tape.steps[choice.step.index :]:
        if last.makes[0] in step.reads and forward.issuperset(step.makes) and is_by_entries(tape, step, shape):
            last = step
    while is_by_entries(tape, tape.steps[tape.nodes[first].step], shape):
        wide = [n for n in parents[first] if tape.nodes[n].value.shape == shape]
        wide = [n for n in wide if not choice.behind.isdisjoint(ancestors(parents, [n]))]
        if len(wide) != 1:
            break
        first = wide[0]
    return replace(choice, step=last, onto=[first])


def is_by_entries(tape: Tape, step: Step, shape: tuple[int, ...]) -> bool:
    """Whether a call stretches, moves or bounds an array by numbers."""
    wide = [node for node in step.reads if tape.nodes[node].value.shape == shape]
    is_one = bool(step.makes) and tape.nodes[step.makes[0]].value.shape == shape and len(wide) == 1
    return is_one and name_of(step.function) in BY_ENTRIES


def truths_by_slopes(tape: Tape, loss: int, found: list[Choice]) -> Iterator[Truth]:
    """The same with slopes in place of those that the choices lack, by which the backward pass multiplies."""
    for number in range(MOST_SLOPES):
        onto = {c.step.index: Through(c.onto[0]) for c in found}
        for choice in reversed(found):
            for truth in past(tape, loss, onto, found):
                slopes = list(slopes_of(tape, truth, choice))
                if slopes:
                    through = onto[choice.step.index]
                    onto[choice.step.index] = replace(through, slope=slopes[min(number, len(slopes) - 1)])
        if all(np.ndim(each.slope) == 0 for each in onto.values()):
            return
        yield from past(tape, loss, onto, found)


def past(
    tape: Tape, loss: int, onto: dict[int, Through], found: list[Choice], others: dict[int, Given] | None = None
) -> Iterator[Truth]:
    with contextlib.suppress(NotOnTensors):
        yield truth_of(tape, loss, edits={**onto, **(others or {})}, note=said_of(found, onto))


def said_of(found: list[Choice], onto: dict[int, Through]) -> str:
    own = any(np.ndim(each.slope) for each in onto.values())
    how = "times a slope of your own, which is not judged" if own else "as if it were not there"
    return f"The gradient goes on past {found[-1].code} which has none: straight through, {how}."


def gradients_at(tape: Tape, truth: Truth, choice: Choice) -> set[int]:
    """The values of the backward pass that are the gradient of what was chosen, or a part of it, but for a factor."""
    node = choice.step.makes[0]
    wanted = [truth.cotangents.get(node, np.zeros(0)), *(part for _, part in truth.parts.get(node, ()))]
    telling = [each for each in wanted if each.size > 2 and np.any(each)]
    forward = ancestors(tape.parents(), [truth.loss])
    made = (n for n in tape.nodes if n.number not in forward and tape.steps[n.step].function is not None)
    floats = [node for node in made if node.value.dtype.kind == "f"]
    return {
        n.number for n in floats if any(n.value.shape == each.shape and is_along(n.value, each) for each in telling)
    }


def slopes_of(tape: Tape, truth: Truth, choice: Choice) -> Iterator[Array]:
    """What the gradient of a choice is multiplied by, again and again: nowhere less than 0, and no mere number."""
    gradients = gradients_at(tape, truth, choice)
    if not gradients:
        return
    first = tape.nodes[min(gradients)].value
    for step in tape.steps:
        if gradients.isdisjoint(step.reads) or name_of(step.function) not in SLOPING or not step.makes:
            continue
        value = tape.nodes[step.makes[0]].value
        if value.shape == first.shape and step.makes[0] not in gradients:
            slope = np.divide(value, first, out=np.zeros_like(first), where=first != 0)
            gradients.update(step.makes)
            if np.all(slope >= 0) and not np.allclose(slope, slope.flat[0]):
                yield slope


def passed_by(tape: Tape, loss: int, found: list[Choice]) -> list[Choice]:
    """Those of some choices whose gradient the backward pass makes and hands on, though by the loss nothing goes on."""
    whole = [whole_of(tape, loss, choice) for choice in found]
    made = set[int]()
    for every in (found, whole) if whole != found else (found,):
        for truth in past(tape, loss, {c.step.index: Through(c.onto[0]) for c in every}, found):
            made |= {place for place, choice in enumerate(every) if gradients_at(tape, truth, choice)}
    return [choice for place, choice in enumerate(found) if place in made]
