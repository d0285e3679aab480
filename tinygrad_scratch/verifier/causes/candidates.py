"""What may stand in the place of an operand: what has a name, is held beside it, or was made turn by turn."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import takewhile
from operator import attrgetter
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.extent import Bindings, named_all, node_at
from tinygrad_scratch.verifier.cases.wording import is_known_at
from tinygrad_scratch.verifier.causes.region import Region
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.recording.edits import PRODUCTS, SUMS, PlaceOf, name_of, operands_of, swapped_axes
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.rewriting.text import source_of

OF_ENTRIES = ("add", "subtract", "multiply", "divide")  # which spread a row over all rows


def candidates(region: Region, step: Step, turns: list[Step], place: PlaceOf) -> Iterator[tuple[str, list[int], bool]]:
    """Values for an operand in all turns: of one name, the neighbour in a list or dict, one without a name."""
    reads = [node_at(region, s, place) for s in turns]
    if None in reads or is_rate(region, reads[-1]):
        return
    nodes = [node for node in reads if node is not None]
    shapes = [np.shape(region.values[node]) for node in nodes]
    spread = [np.shape(region.values[s.makes[0]]) if name_of(s.function) in OF_ENTRIES else () for s in turns]
    tried: dict[int, Array] = {}  # by their ids, which stay theirs as long as they are held
    roles = [
        *neighbours(region, nodes),
        *by_name(region, turns),
        *beside(region, turns, place),
        *([] if is_gradient(region, nodes[-1]) else unnamed(region, turns, shapes)),
    ]
    reduces = name_of(step.function) in (*PRODUCTS, *SUMS, "T", "transpose")
    any_shape = name_of(step.function) == "renamed"
    for name, chosen in roles:
        if step.place is not None and source_of(text_of(step.place.file)).is_given_later(name, step.place.line):
            continue
        for turned in (False, True):
            values = [np.asarray(region.values[node]) for node in chosen]
            if turned:
                values = [swapped_axes(v) if v.ndim > 1 else v for v in values]
            if [v.shape for v in values] not in (shapes, spread) and not (
                (any_shape and any(is_known_at(event, step.place) for event in named_all(region.case, chosen[-1])))
                or (reduces and [v.ndim for v in values] == [*map(len, shapes)])
            ):
                continue
            if turned and values[-1].shape == np.shape(region.values[chosen[-1]]) and values[-1].ndim < 2:
                continue
            if (turned and chosen == nodes) or is_multiple(region, chosen[-1], nodes[-1]):  # its layout is wrong
                continue
            if id(values[-1]) in tried or close(values[-1], np.asarray(region.values[nodes[-1]])):
                continue
            tried[id(values[-1])] = values[-1]
            yield f"{name}.T" if turned else name, chosen, turned


def is_rate(region: Region, node: int | None) -> bool:
    """Whether an operand is called a rate: another number may undo a step, which is no reason to put it in."""
    return node is not None and any(RATE.match(name.rpartition(".")[2]) for name in region.names_of(node))


def is_gradient(region: Region, node: int) -> bool:
    """Whether an operand is a whole gradient, for which no value of the forward pass can stand."""
    value = np.asarray(region.values[node])
    found = region.case.match_up_to_factor(value) if value.size > 2 else None
    return found is not None and found[0].how == ""


def neighbours(region: Region, nodes: list[int]) -> Iterator[tuple[str, list[int]]]:
    """`hs[t - 1]` for `hs[t]`: what the same list or dict holds beside each of the operands."""
    known = {event.name: event.node for event in region.case.events}
    for shift in (-1, 1):
        chosen, label = [], ""
        for node in nodes:
            for name in region.names_of(node):
                match = re.search(r"\[(-?\d+)\](?!.*\[-?\d+\])", name)
                if match:
                    other = f"{name[: match.start()]}[{int(match[1]) + shift}]{name[match.end() :]}"
                    if other in known:
                        chosen.append(known[other])
                        label = other if name[: match.start()] in region.statement else region.name(known[other])
                        break
        if len(chosen) == len(nodes):
            yield label, chosen


def by_name(region: Region, turns: list[Step], any_value: bool = False) -> Iterator[tuple[str, list[int]]]:
    """What each name meant when each of the calls was made: of values of the forward pass and gradients, or of any."""
    key = any_value, *(step.index for step in turns)
    if key not in region.meant:
        region.meant[key] = {
            name: chosen
            for name, events in bound_names(region, any_value).items()
            if len(chosen := meant_in(region, events, turns)) == len(turns)
        }
    yield from region.meant[key].items()
    for final in region.case.finals:
        yield final.parameter.name, [final.parameter.node] * len(turns)


def bound_names(region: Region, any_value: bool) -> dict[str, Bindings]:
    """The names that values have which stood by then, each with its bindings."""
    if any_value not in region.bound:
        bound: dict[str, Bindings] = {}
        for event in sorted([*region.case.arguments, *region.case.events], key=lambda e: (e.time, e.node)):
            useful = (
                any_value
                or region.case.is_forward(event.node)
                or region.case.match_up_to_factor(np.asarray(region.values[event.node])) is not None
            )
            if event.node < region.node and (useful or region.case.step_of(event.node).function is None):
                bound.setdefault(event.name, Bindings()).append(event)
        region.bound[any_value] = bound
    return region.bound[any_value]


def meant_in(region: Region, events: Bindings, turns: list[Step]) -> list[int]:
    """What a name meant when each of the calls was made, up to the first for which it meant nothing."""
    found = takewhile(lambda event: event is not None, (meant_by(region, events, step) for step in turns))
    return [event.node for event in found if event is not None]


def meant_by(region: Region, events: Bindings, step: Step) -> Event | None:
    """What a name was last bound to before a call, in the same function if it is a variable of that."""
    if events[0].name.isidentifier():
        return variable_meant_by(region, events, step)
    bound = events[: bisect_right(events, step.index, key=attrgetter("time"))]
    own = region.objects_at(step.place) if bound and bound[0].name.startswith("self.") else set()
    last = next((event for event in reversed(bound) if not own or event.owner in own), None)
    if last is None:
        bound, own = [e for e in events if region.case.tape.nodes[e.node].step < step.index], set()
        last = bound[-1] if bound else None
    return last


def variable_meant_by(region: Region, events: Bindings, step: Step) -> Event | None:
    """The same of a variable."""
    own = events.by_function.get(step.place.function, []) if step.place else []
    count, of_own = (bisect_right(each, step.index, key=attrgetter("time")) for each in (events, own))
    if count:
        return own[of_own - 1] if of_own else events[count - 1]
    bound = [event for event in events if region.case.tape.nodes[event.node].step < step.index]
    function = step.place.function if step.place else None
    last = bound[-1] if bound else None
    return next((event for event in reversed(bound) if event.place.function == function), last)


def turn_by_turn(region: Region, turns: list[Step]) -> list[tuple[str, list[int]]]:
    """What one call made, or one container holds, in as many turns as there are: the first of them in the first turn.

    In a single turn these are the values without a name of the statement and of the forward pass.
    """
    key = tuple(step.index for step in turns)
    if key not in region.made:
        region.made[key] = list(found_turn_by_turn(region, turns))
    return region.made[key]


def found_turn_by_turn(region: Region, turns: list[Step]) -> Iterator[tuple[str, list[int]]]:
    made: dict[Any, list[int]] = {}
    lines = {(step.place.file, step.place.line) for step in turns if step.place}
    for step in (s for s in region.case.tape.steps[: region.until] if s.makes):
        here = step.place is not None and (step.place.file, step.place.line) in lines
        useful = (
            len(turns) > 1 or here or (step.makes[0] in region.case.forward and np.ndim(region.values[step.makes[0]]))
        )
        if step.function is not None and useful:
            made.setdefault((step.place, name_of(step.function)), []).append(step.makes[0])
    for event in region.case.events if len(turns) > 1 else ():
        if event.name.endswith("]") and event.node < region.node:
            made.setdefault((event.owner, event.name.split("[")[0]), []).append(event.node)
    after = {node for step in turns for node in step.makes}
    for nodes in made.values():
        if len(turns) == 1:
            yield from ((region.name(node), [node]) for node in nodes if not region.names_of(node))
        elif after.isdisjoint(nodes):
            for own in as_many_as(turns, nodes):
                yield region.name(own[-1]), own
                yield region.name(own[0]), own[::-1]


def as_many_as(turns: list[Step], nodes: list[int]) -> list[list[int]]:
    """Values for as many turns; of states, of which there is one more, without the last or the first one."""
    if len(nodes) == len(turns) + 1:
        return [nodes[:-1], nodes[1:]]
    return [nodes] if len(nodes) == len(turns) else []


def beside(region: Region, turns: list[Step], place: PlaceOf) -> Iterator[tuple[str, list[int]]]:
    """Another operand of the same call, or of the other calls of the statement."""
    for other, _ in operands_of(turns[0]):
        chosen = [node for s in turns if (node := node_at(region, s, other)) is not None]
        if other != place and len(chosen) == len(turns):
            yield region.name(chosen[-1]), chosen


def unnamed(region: Region, turns: list[Step], shapes: list[tuple[int, ...]]) -> Iterator[tuple[str, list[int]]]:
    """Values of the forward pass without a name: those that one call made, turn by turn."""
    key = shapes[0], len(turns) == 1
    if key not in region.without_name:
        region.without_name[key] = list(made_by_each(region, *key))
    for nodes in region.without_name[key]:
        if len(turns) == 1:
            for node in nodes:
                yield region.name(node), [node]
        elif len(nodes) == len(turns):
            yield region.name(nodes[-1]), nodes
            yield region.name(nodes[0]), nodes[::-1]


def made_by_each(region: Region, shape: tuple[int, ...], in_one_turn: bool) -> Iterable[list[int]]:
    """What each call of the forward pass made in a shape, in all turns; in one turn without what has a name."""
    made: dict[Any, list[int]] = {}
    for node in sorted(region.case.forward):
        step = region.case.step_of(node)
        fits = np.shape(region.values[node]) in (shape, shape[::-1]) and step.function is not None
        if fits and not (in_one_turn and region.names_of(node)):
            made.setdefault((step.place, name_of(step.function)), []).append(node)
    return made.values()


def is_multiple(region: Region, product: int, node: int) -> bool:
    """Whether a value without a name is an operand times something: that factor is missing then, and not the value."""
    return not region.names_of(product) and is_made_of(region, product, node, ("multiply",))


def is_made_of(region: Region, result: int, node: int, functions: tuple[str, ...]) -> bool:
    """Whether a value was made of another one by one of some functions."""
    made = region.case.step_of(result)
    alike = region.case.alike
    read = [alike.get(each, each) for each in made.reads]
    return name_of(made.function) in functions and alike.get(node, node) in read
