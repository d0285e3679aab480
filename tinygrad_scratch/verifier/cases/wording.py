"""The person's own words for the values and the calls in the extent of a mistake."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property

import numpy as np

from tinygrad_scratch.verifier.cases.extent import Extent
from tinygrad_scratch.verifier.reading.bindings import part_for
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import (
    call_at,
    in_same_function,
    is_same,
    operand_in,
    parsed,
    replaced,
    right_side,
    statement_at,
    without_brackets,
)
from tinygrad_scratch.verifier.recording.edits import PlaceOf
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.steps import Array, Step, renamed

IN_PLACE = re.compile(r"\s*[-+*/@]=\s*")


class Wording(Extent):
    """The calls in the person's own words."""

    def name(self, node: int) -> str:
        """What the person calls a value, or how it came about; in a helper by the name that it has there."""
        if node not in self._names:
            self._names[node] = self._found_name(node)
        return self._names[node]

    @cached_property
    def _names(self) -> dict[int, str]:
        return {}

    def _found_name(self, node: int) -> str:
        given = [e.name for e in self.case.arguments if e.node == node and in_same_function(e.place, self.event.place)]
        if given and not any(in_same_function(e.place, self.event.place) for e in self.case.events if e.node == node):
            return given[-1]
        twin = self.case.alike.get(node, -1)
        names = [n for n in self.names_of(node) if self.is_own(node, n)]
        names = names or [n for n in self.names_of(twin) if self.is_own(twin, n)]
        names = names or [event.name for event in self.case.arguments if event.node == node]
        names = [name for name in names if not self.is_of_another(node, name)]
        names = [name for name in names if self._now.get(name) == node] or names
        if names:
            written = statement_at(self.event.place.file, self.event.place.line)
            known = (name for name in names if name in self._here or not name.isidentifier())
            usual = self.parameter_name(node) or next(known, names[0])
            return next((name for name in reversed(names) if replaced(written, name, name)), usual)
        step = self.case.step_of(node)
        if step.function is None:
            value = self.case.tape.nodes[node].value
            return f"{value.item():g}" if value.ndim == 0 else f"an array of shape {value.shape}"
        code = call_at(step.place) if step.place else None
        made = IN_PLACE.split(code, maxsplit=1)[0] if code else None  # `h[t] += x` makes `h[t]`
        return made or f"a value of line {step.place.line if step.place else '?'}"

    def is_of_another(self, node: int, name: str) -> bool:
        """Whether a name that a value has elsewhere stands for another one in the function of the wrong value.

        An array that has it there, and is written to in other functions alone, is the same one.
        """
        here, nodes = self._here.get(name, ()), self.case.tape.nodes
        value = np.asarray(self.values[node])
        if name not in self._held:
            self._held[name] = self._by_shape(here)
        held = self._held[name].get(value.shape)
        if held is not None and np.any(np.all(held == value.ravel(), axis=1)):
            return False
        return not all(nodes[each].slot == nodes[node].slot and each < node for each in here)

    def _by_shape(self, nodes: Iterable[int]) -> dict[tuple[int, ...], Array]:
        """Values by their shapes, each as a row."""
        found: dict[tuple[int, ...], list[Array]] = {}
        for value in (np.asarray(self.values[node]) for node in nodes):
            found.setdefault(value.shape, []).append(value.ravel())
        return {shape: np.stack(values) for shape, values in found.items()}

    @cached_property
    def _held(self) -> dict[str, dict[tuple[int, ...], Array]]:
        """What the values hold that a name stands for, once that was looked at."""
        return {}

    @cached_property
    def _now(self) -> dict[str, int]:
        """What each variable of the function stands for when the wrong value is made, by the last line before that."""
        own, known = self.event, (*self.case.arguments, *self.case.events)
        named = [e for e in known if e.name.isidentifier() and e.time <= own.time and e.node != self.node]
        named = sorted((e for e in named if in_same_function(e.place, own.place)), key=lambda e: e.time)
        return {e.name: e.node for e in named if e.owner == named[-1].owner}  # of this call of the function

    @cached_property
    def _here(self) -> dict[str, set[int]]:
        """What each name of the function of the wrong value stands for in it."""
        found: dict[str, set[int]] = {}
        for event in (*self.case.arguments, *self.case.events):
            if event.name.isidentifier() and in_same_function(event.place, self.event.place):
                found.setdefault(event.name, set()).add(event.node)
        return found

    def is_own(self, node: int, name: str) -> bool:
        """Whether an attribute is one of the object whose method made the wrong value, and not of another one."""
        own = self.objects_at(self.event.place) if name.startswith("self.") else set()
        return not own or any(e.name == name and e.owner in own for e in self.case.events if e.node == node)

    def objects_at(self, place: Place | None) -> set[int]:
        """What the attributes belong to that a line reads; of what two objects hold, both may be meant."""
        if place not in self._objects:
            here = (place.file, place.line) if place is not None else None
            steps = (s for s in self.steps if s.place and (s.place.file, s.place.line) == here)
            read = {node for step in steps for node in step.reads}
            held = Counter(e.owner for e in self.case.events if e.node in read and e.name.startswith("self."))
            self._objects[place] = {owner for owner, count in held.items() if count == max(held.values())}
        return self._objects[place]

    @cached_property
    def _objects(self) -> dict[Place | None, set[int]]:
        return {}

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

    def operand(self, step: Step, place: PlaceOf, node: int) -> str:
        """An operand of a call as it stands in the text, or what it is called."""
        code = self.code(step)
        found = operand_in(code, place) if isinstance(place, int) else None
        return code[slice(*found)] if found else self.name(node)

    @property
    def statement(self) -> str:
        return statement_at(self.event.place.file, self.event.place.line)

    @property
    def expression(self) -> str:
        making = self.case.step_of(self.node) if self.is_rename else None
        if making:
            return self.code(making)
        entry = part_for(self.statement, self.event.name) if "[" in self.event.name else None
        return call_at(self.event.place) or (entry.part if entry else right_side(self.statement))

    def part(self, step: Step) -> str:
        """What a rename gave a name to."""
        statement = statement_at(step.place.file, step.place.line) if step.place else ""
        parts = (part_for(statement, name) for name in self.names_of(step.makes[0]))
        return next((marked.part for marked in parts if marked), right_side(statement))

    def rewritten(self, step: Step | None, new: str) -> str | None:
        """The whole expression of the statement with one call written anew, or of the call's own in that function."""
        old = self.code(step) if step is not None else self.expression
        if old == self.expression:
            return new
        place = step.place if step is not None else None
        if place is not None and old == statement_at(place.file, place.line):  # as `d *= s`
            of_another_sign = old.partition("=")[0].strip() != new.partition("=")[0].strip()
            return None if parsed(new) is None else new if of_another_sign else right_side(new)
        here = place is not None and in_same_function(place, self.event.place)
        own = [right_side(statement_at(place.file, place.line))] if place is not None and here else []
        whole = next((expression for expression in (self.expression, *own) if old in expression), None)
        if whole is None:
            return None
        plain, apart = whole.replace(old, new, 1), whole.replace(old, f"({new})", 1)
        return plain if is_same(plain, apart) else without_brackets(apart, whole)


def is_known_at(event: Event, place: Place | None) -> bool:
    """Whether a name is one of the function around a place, or of an attribute or an entry."""
    return not event.name.isidentifier() or (place is not None and in_same_function(event.place, place))
