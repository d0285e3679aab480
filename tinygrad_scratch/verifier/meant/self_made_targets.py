"""What no gradient goes through by its form: what the loss takes a prediction from, and a network made itself."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.pairs.penalised import without_data
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.references import Ref
from tinygrad_scratch.verifier.recording.steps import Step
from tinygrad_scratch.verifier.truths.truth import Truth, plain_of

OF_ERRORS = {
    "square", "power", "multiply", "divide", "abs", "absolute", "sum", "mean", "dot", "matmul", "add", "sqrt", "where",
    "minimum", "maximum", "negative", "getitem",
}  # fmt: skip
BENDING = {"square", "power", "abs", "absolute", "dot", "matmul", "sqrt", "where", "minimum", "maximum"}


class SelfMadeTargets:
    """The operands of subtractions that a loss may count as given, though parameters went into them."""

    def __init__(self, case: Case, given: Container[int] = ()) -> None:
        """`given` are values into which no parameter counts as gone."""
        self.case = case
        parameters = {final.parameter.node for final in case.finals}
        self.behind: dict[int, set[int]] = {node: {node} for node in parameters}  # the parameters that went into each
        for step in case.tape.steps:
            for node in step.makes:
                reads = step.reads if node in case.smooth and node not in given else ()  # into a choice none goes
                mine = set[int]().union(*(self.behind.get(read, set()) for read in reads))
                self.behind[node] = self.behind.get(node, set()) | mine
        self.parameters = parameters

    def found(self) -> dict[int, Given]:
        """The steps with such an operand, by their numbers, as calls that count it as given."""
        return {step.index: given for step, given in self.each()}

    def with_likenesses(self) -> dict[int, Given]:
        """The same, with the products of a likeness, as a cosine is, in which one side is made by fewer parameters."""
        return self.found() | dict(self.likenesses())

    def likenesses(self) -> Iterator[tuple[int, Given]]:
        """The products of two values of which the one that fewer parameters made is no target without any data."""
        free = without_data(self.case.tape, self.case.parents, [*self.parameters])
        for step in self.case.tape.steps:
            if name_of(step.function) == "multiply" and self.case.forward.issuperset(step.makes):
                nodes = self.operands(step)
                sides = ((i, self.behind[nodes[i]], self.behind[nodes[1 - i]]) for i in (0, 1) if nodes)
                fewer = [i for i, mine, others in sides if mine and mine < others and nodes[i] not in free]
                if fewer and self.goes_on_in_proportion(step.makes[0]):
                    yield step.index, Given(fewer[0], nodes[fewer[0]])

    def uses(self, node: int) -> Iterator[Step]:
        """The steps by which a value goes into the loss, in their order."""
        readers = self.case.readers
        waiting, seen = sorted(readers.get(node, ())), set[int]()
        while waiting:
            step = self.case.tape.steps[heappop(waiting)]
            if step.index not in seen and self.case.forward.issuperset(step.makes):
                yield step
                for reader in (index for made in step.makes for index in readers.get(made, ())):
                    heappush(waiting, reader)
            seen.add(step.index)

    def goes_on_in_proportion(self, node: int) -> bool:
        """Whether a value goes into the loss by sums, numbers and ratios alone, as parts of a cosine do."""
        found = {node}
        for step in self.uses(node):
            others = [read for read in step.reads if read not in found and self.behind[read]]
            name, is_one = name_of(step.function), self.case.tape.nodes[step.makes[0]].value.size == 1
            scales = name == "multiply" and not others and len(found.intersection(step.reads)) == 1
            adds = name in ("add", "subtract") and (is_one or not others)
            if not (name in ("sum", "mean", "negative", "divide") or scales or adds):
                return False
            found.update(step.makes)
        return self.case.truth.loss in found

    def as_weights(self, nodes: list[int]) -> dict[int, Given]:
        """The products of some values, such as advantages, with others that parameters change, as an actor's loss is.

        They are errors in another part of the loss, as a critic's, which moves them.
        """
        found = {}
        for step in self.case.tape.steps:
            if name_of(step.function) == "multiply" and self.case.forward.issuperset(step.makes):
                for place, node in enumerate(operands := self.operands(step)):
                    if node in nodes and self.behind[operands[1 - place]]:
                        found[step.index] = Given(place, node)
        return found

    def as_weights_of_others(self, named: set[int]) -> dict[int, Given]:
        """The same of what is made of such values, with what other parameters change: `weight = adv / adv.std()`."""
        made_of, found = named & self.case.smooth, dict[int, Given]()
        for step in self.case.tape.steps if made_of else ():
            if self.case.forward.isdisjoint(step.makes):
                continue
            operands = self.operands(step) if name_of(step.function) == "multiply" else []
            sides = ((i, self.behind[node], self.behind[operands[1 - i]]) for i, node in enumerate(operands))
            apart = [i for i, own, others in sides if operands[i] in made_of and others and own.isdisjoint(others)]
            if apart:
                found[step.index] = Given(apart[0], operands[apart[0]])
            elif not made_of.isdisjoint(step.reads):
                made_of |= self.case.smooth.intersection(step.makes)
        return found

    def each(self) -> Iterator[tuple[Step, Given]]:
        for step in self.case.tape.steps:
            if name_of(step.function) == "subtract" and self.case.forward.issuperset(step.makes):
                nodes = self.operands(step)
                if len(nodes) == 2 and all(self.behind[node] for node in nodes):
                    given = [i for i in (0, 1) if self.is_given(step, nodes[i], nodes[1 - i])]
                    yield from ((step, Given(i, nodes[i])) for i in given)
                    yield from self.weighed_by(step.makes[0]) if given else ()

    def operands(self, step: Step) -> list[int]:
        """The nodes that a call of two operands was given, in this order; none where one is no array."""
        slots = {self.case.tape.nodes[read].slot: read for read in step.reads}
        given = step.arguments[:2] if isinstance(step.arguments, tuple) else ()
        nodes = [slots[part.slot] for part in given if type(part) is Ref and part.slot in slots]
        return nodes if len(set(nodes)) == 2 and len(step.arguments) == 2 and not step.keywords else []

    def is_given(self, step: Step, node: int, other: int) -> bool:
        """Whether an operand may count as given: as a step of parameters within the loss, or as a target of another.

        A target is something given and a value of the network, as a reward and what is expected later, or what fewer
        parameters went into.
        """
        if other in self.parameters:
            free = without_data(self.case.tape, self.case.parents, [*self.parameters])
            return other in self.behind[node] and node == self.operands(step)[1] and node not in free
        if node in self.parameters or not self.is_error(step.makes[0]):
            return False
        mine, others = self.behind[node], self.behind[other]
        return mine < others or (mine == others and self.is_sum_with_given(node))

    def is_sum_with_given(self, node: int) -> bool:
        """Whether a value, or each entry of a list of them, is something given and a value of the network."""
        made = self.case.step_of(node)
        if name_of(made.function) in ("array", "stack"):
            return all(map(self.is_sum_with_given, made.reads))
        return name_of(made.function) == "add" and sum(bool(self.behind[read]) for read in made.reads) == 1

    def weighed_by(self, error: int) -> Iterator[tuple[Step, Given]]:
        """The products that an error weighs, with that as given: a critic's error is an actor's weight."""
        found = {error}
        for step in self.uses(error):
            if found.isdisjoint(step.reads):
                continue
            place = self.place_of_weight(step, found)
            if place is not None:
                yield step, Given(place, self.operands(step)[place])
            else:
                found.update(step.makes)

    def place_of_weight(self, step: Step, found: set[int]) -> int | None:
        """Which operand of a product is an error, where the other one is something else that parameters change."""
        nodes = self.operands(step) if name_of(step.function) == "multiply" else []
        known = found | self.parameters
        return next((i for i in (0, 1) if nodes and nodes[i] in found and self.is_weighed(nodes[1 - i], known)), None)

    def is_weighed(self, node: int, known: set[int]) -> bool:
        return node not in known and bool(self.behind[node])

    def is_error(self, node: int) -> bool:
        """Whether a difference goes into the loss as an error does: it is bent, beside what it only weighs.

        A difference of two terms of a loss is none.
        """
        found, is_bent = {node}, False
        for step in self.uses(node):
            if found.isdisjoint(step.reads) or self.place_of_weight(step, found) is not None:
                continue
            others = [read for read in step.reads if read not in found and self.behind[read]]
            adds = name_of(step.function) in ("add", "subtract")
            is_sum = adds and self.case.tape.nodes[step.makes[0]].value.size == 1
            if not is_sum and (others or name_of(step.function) not in OF_ERRORS):
                return False
            values = [part for part in step.arguments if type(part) is Ref]  # and no number, which bends nothing
            by_itself = name_of(step.function) == "multiply" and len(values) == 2 and found.issuperset(step.reads)
            is_bent = is_bent or by_itself or name_of(step.function) in BENDING
            found.update(step.makes)
        return is_bent


@dataclass(frozen=True)
class Given:
    """A call that counts one of its operands as given; if told, with the value that this has elsewhere."""

    place: int
    node: int
    value: Any = None

    def __call__(self, step: Step, arguments: Any, keywords: Any) -> Any:
        given = list(arguments)
        given[self.place] = plain_of(given[self.place]) if self.value is None else self.value
        return step.function(*given, **keywords)


def given_in(truth: Truth) -> dict[int, Given]:
    """The calls that count an operand as given in what is taken for true, by their steps."""
    return {index: call for index, call in truth.edits.items() if type(call) is Given}
