"""What was made from what in a recorded run: the values of the loss, and those that came of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.recording.edits import PRODUCTS, name_of
from tinygrad_scratch.verifier.recording.likeness import is_telling, signature
from tinygrad_scratch.verifier.recording.references import Ref, refs_in
from tinygrad_scratch.verifier.recording.steps import Node, Parents, Step, ancestors, is_behind
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.truth import Truth

BY_INDEX = ("getitem", "setitem", "at")  # the calls of which the second argument is an index


def smooth_from(tape: Tape, parents: dict[int, set[int]], parameters: set[int]) -> set[int]:
    """The nodes that were computed from some parameters by numbers with a point alone, and these."""
    found = set(parameters)
    for node in tape.nodes:
        if node.value.dtype.kind in "fc" and not found.isdisjoint(parents[node.number]):
            found.add(node.number)
    return found


@dataclass
class Lineage:
    """A recorded run, the truth of its loss, and the gradients that it ended with."""

    tape: Tape
    truth: Truth
    finals: list[Final]

    @property
    def parents(self) -> Parents:
        """What each value was made from, worked out anew where calls were put on the tape meanwhile."""
        known, count = self._parents_by_count, len(self.tape.nodes)
        if count not in known:
            known.clear()
            known[count] = self.tape.parents()
        return known[count]

    @cached_property
    def _parents_by_count(self) -> dict[int, Parents]:
        return {}

    def ancestors(self, nodes: Iterable[int]) -> set[int]:
        return ancestors(self.parents, nodes)

    def is_behind(self, one: int, other: int) -> bool:
        """Whether a node is another one, or that was made from it."""
        return is_behind(self.parents, one, other)

    def step_of(self, node: int) -> Step:
        return self.tape.steps[self.tape.nodes[node].step]

    def place_of(self, node: int) -> Place | None:
        return self.step_of(node).place

    @cached_property
    def readers(self) -> dict[int, list[int]]:
        """The steps that read each value."""
        return self.tape.readers()

    @cached_property
    def data(self) -> set[int]:
        """The arrays from outside that are no parameters, and that none was made of."""
        parameters = {final.parameter.node for final in self.finals}
        made_of = self.ancestors({read for node in parameters for read in self.step_of(node).reads})
        given = (node.number for node in self.tape.nodes if node.value.size > 1)
        return {node for node in given if self.step_of(node).function is None} - made_of - parameters

    @cached_property
    def forward(self) -> set[int]:
        """The nodes that the loss was computed from."""
        return self.ancestors([self.truth.loss])

    @cached_property
    def given(self) -> set[int]:
        """What came from outside, or counts as that."""
        return {node.number for node in self.tape.nodes if self.step_of(node.number).function is None}

    @cached_property
    def forward_alone(self) -> set[int]:
        """The same without what only made the parameters, as turns before, and steps ahead by gradients elsewhere."""
        ahead, parameters = set(self.truth.ahead), {final.parameter.node for final in self.finals}
        return ancestors(self.parents, [self.truth.loss], until=ahead | parameters | self.given) - ahead

    @cached_property
    def unfinished(self) -> set[int]:
        """States of an array whose entries the next turn of a statement goes on to set: no step ends with them."""
        return self.tape.unfinished()

    @cached_property
    def without_data(self) -> set[int]:
        """The values of the loss that no data went into, such as a penalty; none where all data is plain numbers."""
        parameters = {final.parameter.node for final in self.finals}
        found: set[int] = set()
        for node in sorted(self.forward):
            constant = self.step_of(node).function is None
            data = constant and self.tape.nodes[node].value.ndim > 0 and node not in parameters
            if not data and self.parents[node] <= found:
                found.add(node)
        return set() if self.truth.loss in found else found

    @cached_property
    def multiplied(self) -> set[int]:
        """What matrix products read, as no mask is meant to be."""
        return {node for step in self.tape.steps if name_of(step.function) in PRODUCTS for node in step.reads}

    @cached_property
    def indices(self) -> set[int]:
        """Whole numbers by which entries are taken or set, and those that these were made of: none is a gradient."""
        nodes, found = self.tape.nodes, set[int]()
        for step in reversed(self.tape.steps):
            read = step.reads if not found.isdisjoint(step.makes) else ()
            if name_of(step.function) in BY_INDEX:
                slots = {ref.slot for ref in refs_in(step.arguments[1])}
                read = (*read, *(node for node in step.reads if nodes[node].slot in slots))
            found.update(node for node in read if nodes[node].value.dtype.kind in "iu")
        return found

    @cached_property
    def smooth(self) -> set[int]:
        """The nodes that were computed from a parameter by numbers with a point alone, as no count or mask is."""
        return smooth_from(self.tape, self.parents, {final.parameter.node for final in self.finals})

    def is_data(self, node: int) -> bool:
        """Whether no parameter went into a value, or only the choice of an index or a label."""
        return node not in self.smooth or self.tape.nodes[node].value.dtype.kind in "iub"

    @cached_property
    def left_as_data(self) -> set[int]:
        """The constants that data which left NumPy was made of, and those that may be what came back of it."""
        leaks = [leak for leak in self.tape.leaks if self.is_data(leak.node)]
        first = min((leak.time for leak in leaks), default=len(self.tape.steps))
        back = {step.makes[0] for step in self.tape.steps[first:] if step.function is None}
        return self.ancestors(leak.node for leak in leaks) | back

    @cached_property
    def alike(self) -> dict[int, int]:
        """Nodes with the value of a forward node: the forward pass run again, copies, the same by another formula.

        Of few numbers, which may be equal by chance, only what the same call made of the same values.
        """
        values: dict[Any, int] = {}
        calls: dict[Any, int] = {}
        found: dict[int, int] = {}
        shapes = set[tuple[int, ...]]()
        for node in sorted(ancestors(self.parents, [self.truth.loss], until=self.given)):  # and of no turn before
            made = signature(self.tape.nodes[node].value)
            shapes.add(made[0])
            values.setdefault(made, node)
            if (call := self._call(node, found)) is not None:
                calls.setdefault((*call, made), node)
        for other in self.tape.nodes:
            if other.number not in self.forward:
                call = self._call(other.number, found)
                known = signature(other.value) if other.value.shape in shapes else None
                twin = values.get(known) if known is not None else None
                if twin is None or not is_telling(other.value):
                    twin = calls.get((*call, known)) if call is not None else None
                if twin is not None:
                    found[other.number] = twin
        return found

    def _call(self, node: int, alike: dict[int, int]) -> tuple[str, tuple[int, ...]] | None:
        """The call that made a value: the same for the same call of values that are alike; none for what is given."""
        step = self.step_of(node)
        if step.function is None or not step.reads:
            return None
        return name_of(step.function), tuple(alike.get(read, read) for read in step.reads)

    @cached_property
    def written_over(self) -> set[int]:
        """What arrays of the forward pass were changed to afterwards, and all that was made of that."""
        first: dict[int, int] = {}
        found: set[int] = set()
        for node in self.tape.nodes:
            before = first.setdefault(node.slot, node.number)
            changed = before in self.forward and before != node.number and self.step_of(before).function is not None
            if node.number not in self.forward and (changed or not found.isdisjoint(self.parents[node.number])):
                found.add(node.number)
        return found

    @cached_property
    def _first(self) -> dict[int, Node]:
        """What each array held when it was first used."""
        return {node.slot: node for node in reversed(self.tape.nodes)}

    def constant_value(self, part: Any) -> Any:
        """A plain number that stands in a call, also where it was recorded."""
        if type(part) is Ref:
            held = self._first.get(part.slot)
            if held is None or self.step_of(held.number).function is not None or held.value.ndim:
                return None
            return float(held.value)
        return float(part) if isinstance(part, float | int) and not isinstance(part, bool) else None

    def is_forward(self, node: int) -> bool:
        return node in self.forward or node in self.alike
