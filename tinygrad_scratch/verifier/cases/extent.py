"""The extent of a mistake: the calls between a wrong value and what is right, also in the other turns of a loop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.reading.names import alike
from tinygrad_scratch.verifier.recording.edits import PlaceOf, name_of, operands_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.steps import Step, renamed

Names = frozenset[tuple[str, int]]  # of a value, each with what holds it


class Bindings(list[Event]):
    """What a name was bound to, in the order of time."""

    @cached_property
    def by_function(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = {}
        for event in self:
            found.setdefault(event.place.function, []).append(event)
        return found


class Extent:
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

    @cached_property
    def filled(self) -> set[int]:
        """The value, and what its line makes of it in later turns of a loop, by writing to a part of it."""
        found, place = {self.node}, self.case.place_of(self.node)
        for step in self.case.tape.steps:
            if name_of(step.function) == "setitem" and step.place == place and step.reads and step.reads[0] in found:
                found.update(step.makes)
        return found

    @cached_property
    def bound(self) -> dict[bool, dict[str, Bindings]]:
        """The names that values have, once they were looked for."""
        return {}

    @cached_property
    def meant(self) -> dict[tuple[int, ...], dict[str, list[int]]]:
        """What these names meant when some calls were made, once that was looked for."""
        return {}

    @cached_property
    def made(self) -> dict[tuple[int, ...], list[tuple[str, list[int]]]]:
        """What was made turn by turn as some calls were, once that was looked for."""
        return {}

    @cached_property
    def without_name(self) -> dict[tuple[tuple[int, ...], bool], list[list[int]]]:
        """What each call of the forward pass made in a shape, once that was looked for."""
        return {}

    def _steps(self, *starts: int) -> list[Step]:
        """The calls that some values were made by, back to what is right."""
        seen: dict[Names, set[int]] = {}  # by the names of where it began
        made: set[int] = set()
        for start in starts:
            own = frozenset(self._holders.get(start, ()))
            made.update(self._back_from(start, own, set(starts), seen.setdefault(own, set())))
        return [self.case.tape.steps[index] for index in sorted(made)]

    def _back_from(self, start: int, own: Names, starts: set[int], seen: set[int]) -> Iterator[int]:
        """The steps that made a value of what is right, but for what was seen before."""
        waiting = [start]
        while waiting:
            node = waiting.pop()
            step = self.case.step_of(node)
            if node in seen or step.function is None:
                continue
            seen.add(node)
            if node in starts or not self.is_anchor(node, own):
                yield step.index
                waiting += () if self.alone else self.case.parents[node]

    def is_anchor(self, node: int, own: Names) -> bool:
        """Whether a value is right, and no earlier state of what is looked at."""
        if self.case.step_of(node).function is renamed:
            return self.is_as_it_is_called(node)
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

    def is_as_it_is_called(self, node: int) -> bool:
        """Whether a value is the gradient of another parameter than is looked for, and is called after that."""
        known = self.case.match(np.asarray(self.values[node]))
        parameters = {final.parameter.node for final in self.case.finals} - {self.of}
        if known is None or known.how != "" or known.of not in parameters:
            return False
        mine = (re.findall(r"\w+", name)[-1] for name in self.names_of(node))
        return any(alike(own, name) for own in mine for name in self.names_of(known.of))

    def is_run_again(self, node: int) -> bool:
        """Whether what equals a forward value was made as that is, and not by coincidence of what stands for others."""
        case = self.case
        made = all(case.is_forward(read) or case.step_of(read).function is None for read in case.parents[node])
        return made and node not in case.written_over

    def _turns(self) -> list[Step]:
        """The calls of this region and of the same statement in the other turns of a loop."""
        place, name = self.event.place, self.event.name.split("[")[0]
        own = [e for e in self.case.events if e.place == place and e.owner == self.event.owner]
        made = own if len(own) > 1 else [e for e in self.case.events if e.place == place]
        return self._steps(self.node, *(event.node for event in made if event.name.split("[")[0] == name))

    def site(self, step: Step) -> list[Step]:
        """The same call in all turns."""
        return self._sites.get((step.place, name_of(step.function)), [])

    @cached_property
    def _sites(self) -> dict[Any, list[Step]]:
        """The calls of all turns by where they are written."""
        found: dict[Any, list[Step]] = {}
        for step in self.turns:
            found.setdefault((step.place, name_of(step.function)), []).append(step)
        return found

    def sites(self) -> Iterator[tuple[Step, list[Step]]]:
        """Each call of the region once, the last of its turns, with all of them."""
        yield from self._each_site

    @cached_property
    def _each_site(self) -> list[tuple[Step, list[Step]]]:
        seen, found = set(), []
        for step in reversed(self.steps):
            key = step.place, name_of(step.function), step.index if step.place is None or not step.place.offset else 0
            if key not in seen and step.index not in self.case.tape.worked_out:
                seen.add(key)
                found.append((step, self.site(step)))
        return found

    @property
    def is_rename(self) -> bool:
        """Whether a line only gave another name to what there was before it."""
        return self.case.step_of(self.node).function is renamed

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


def named_all(case: Case, node: int) -> list[Event]:
    """The names that a value got, in order."""
    return [event for event in case.events if event.node == node]


def node_at(region: Extent, step: Step, place: PlaceOf) -> int | None:
    slot = dict(operands_of(step)).get(place)
    return next((node for node in step.reads if region.case.tape.nodes[node].slot == slot), None)
