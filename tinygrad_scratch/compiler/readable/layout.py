"""Which values of a program get a line of their own, and in which order the lines stand.

A value that has a name gets a line; one that has none and is read once is written where it is read, as long as the
line stays short.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Program, Step, Variable
from tinygrad_scratch.compiler.readable.arguments import Words, written
from tinygrad_scratch.compiler.readable.names import Taken, invented
from tinygrad_scratch.compiler.readable.spelling import SUM, spelled, statements, takes_statements
from tinygrad_scratch.drawing.expressions import Expression
from tinygrad_scratch.rules.indexing import assign, is_basic

LONGEST = 64  # characters of an expression on one line
WORTH = 10  # characters of a part that gets a line of its own to shorten another
MOST_LINES = 500
SHORT = 16  # characters of a sum or difference that is written again where it is read again
AT_HAND = {np.transpose, np.matrix_transpose}  # what costs nothing is written wherever it is read


@dataclass
class Layout:
    """The lines of a derivation in order, and the names of their results and of what is given.

    `called` are names that values should have, `cotangents` says of which value a value is the cotangent; `targets` are
    what the gradients are of.
    """

    program: Program
    taken: Taken
    helper: Callable[[Any], str]
    called: Mapping[Variable, str]
    cotangents: Mapping[Variable, Variable]
    loss: str
    targets: Sequence[Variable] = ()
    names: dict[Variable, str] = field(default_factory=dict)
    forward: list[Step] = field(default_factory=list)
    backward: list[Step] = field(default_factory=list)
    made: dict[Variable, Step] = field(default_factory=dict)
    again: set[Variable] = field(default_factory=set)  # what is written wherever it is read

    # ---- texts -------------------------------------------------------------------------------------------------------

    def expression(self, variable: Variable) -> Expression:
        """The name of a value, or the call that makes it."""
        if variable in self.names:
            return Expression(self.names[variable])
        return self.text(self.made[variable])

    def text(self, step: Step) -> Expression:
        return spelled(step, self.words)

    @property
    def words(self) -> Words:
        return Words(self.expression, self.helper, lambda v: None if v in self.names else self.made.get(v))

    def statements(self, step: Step) -> list[str]:
        """The line of a call, or the lines where it takes several."""
        names = ", ".join(self.names[result] for result in step.results)
        if takes_statements(step):
            return statements(step, names, self.words)
        texts = self.texts(step)
        if len(texts) == 1:
            return [f"{names} = {texts[0]}"]
        return [f"{names} = (", *(f"    {text}" for text in texts), ")"]

    def texts(self, step: Step) -> list[str]:
        """What stands on the right of a line: more than one text where a long sum has a line for each term."""
        if takes_statements(step):
            return statements(step, "", self.words)
        whole = self.text(step).text
        return [whole] if len(whole) <= LONGEST else self.terms(step)

    def terms(self, step: Step, sign: str = "") -> list[str]:
        """The terms of a sum, each with its sign."""
        if step.function not in (np.add, np.subtract) or step.keywords or len(step.arguments) != 2:
            return [sign + self.text(step).within(SUM)]
        left, right = step.arguments
        inner = self.made.get(left) if type(left) is Variable and left not in self.names else None
        first = self.terms(inner, sign) if inner is not None else [sign + written(left, self.words).within(SUM)]
        return [*first, f"{'+' if step.function is np.add else '-'} {written(right, self.words).within(SUM + 1)}"]

    # ---- lines -------------------------------------------------------------------------------------------------------

    def lay_out(self, backward: set[Variable]) -> None:
        """Give a line to each call that needs one; those that make a value of the way back stand apart."""
        self.made = {result: step for step in self.program.steps for result in step.results}
        alone = self.alone()
        alone |= self.alike(alone, backward)
        if len(alone) > MOST_LINES:
            raise ValueError(
                f"This derivation has {len(alone)} lines, and {MOST_LINES} are as many as anybody reads: loops are "
                "unrolled. Derive fewer turns of the loop, or a part of the network; the lines of more repeat these."
            )
        for step in self.program.steps:
            if any(result in alone for result in step.results):
                self.write(step, self.backward if step.results[0] in backward else self.forward)
        self.backward = in_order(self.backward, self.operands_of_line, set(self.program.outputs))

    def write(self, step: Step, lines: list[Step]) -> None:
        """A line for a call. Where it is too long, its longest part goes to a line of its own before it."""
        while any(len(text) > LONGEST for text in self.texts(step)):
            lengths = {v: len(self.expression(v).text) for v in self.within(step, self.again)}
            parts = [v for v, length in lengths.items() if length >= WORTH]
            if not parts:
                break
            longest = max(parts, key=lambda v: (lengths[v] <= LONGEST, lengths[v]))
            self.write(self.made[longest], lines)
        for result in step.results:
            if result not in self.names:
                self.names[result] = self.taken.give(self.name_for(result, step))
        lines.append(step)

    def name_for(self, result: Variable, step: Step) -> str:
        """What a person calls a value, whose cotangent it is, or what makes it."""
        if result in self.called:
            return self.called[result]
        known = self.cotangents.get(result)
        if known is not None and (name := self.names.get(known) or self.called.get(known)):
            return f"d{self.loss}_d{name}"
        return "delta" if known is not None else invented(step, self.names.get, self.made.get)

    def alone(self) -> set[Variable]:
        """The values with a line of their own: with a name, asked for, or read more than once."""
        read = Counter(operand for step in self.program.steps for operand in step.operands)
        found = {*self.program.outputs, *(target for target in self.targets if target in self.made)}
        overwritten = overwritten_in(self.program)
        for step in self.program.steps:
            if len(step.results) > 1 or step.draws or (takes_statements(step) and step.result not in overwritten):
                found.update(step.results)
            for result in step.results:
                of = self.cotangents.get(result)
                if of is not None:
                    if read[result] > 1 or (self.has_name(of) and self.reads_cotangent(step)):
                        found.update((result, of) if of in self.made else (result,))
                elif result in self.called or (read[result] > 1 and not self.is_written_again(step, found)):
                    found.add(result)
                elif read[result] > 1:
                    self.again.add(result)
        return found

    def alike(self, alone: set[Variable], backward: set[Variable]) -> set[Variable]:
        """Where one turn of a loop has a line for a value, and for its cotangent, the other turns have, too."""

        def structure(step: Step) -> Any:
            inner = (None if v in alone else self.made.get(v) for v in step.operands)
            return step.line, step.function, tuple(each and structure(each) for each in inner)

        groups: dict[Any, list[Variable]] = {}
        for step in self.program.steps:
            if type(step.result) is Variable and step.result not in backward and step.result not in self.again:
                groups.setdefault(structure(step), []).append(step.result)
        found = {v for group in groups.values() if not alone.isdisjoint(group) for v in group} - alone
        for step in self.program.steps:
            if self.cotangents.get(step.results[0]) in found and self.reads_cotangent(step):
                found.add(step.results[0])
        return found

    def is_written_again(self, step: Step, alone: set[Variable]) -> bool:
        """Whether a call is so simple that nobody would name what it returns: `a.T`, `y - p`."""
        if step.function in AT_HAND:
            return True
        if step.function is operator.getitem:
            target, place = step.arguments
            return is_basic(place) and target in self.names and len(f"{self.names[target]}{place}") <= SHORT
        named = all(v in alone or v in self.names or v in self.called for v in step.operands)
        if step.function not in (np.add, np.subtract) or not named:
            return False
        return sum(len(self.short_text(a)) for a in step.arguments) + 3 <= SHORT

    def short_text(self, value: Any) -> str:
        """An operand of a call that might be written twice."""
        if type(value) is Variable:
            return self.names.get(value) or self.called.get(value) or "value"
        return written(value, self.words).text

    def has_name(self, variable: Variable) -> bool:
        return variable in self.called or variable in self.names

    def reads_cotangent(self, step: Step) -> bool:
        """Whether a call uses the cotangent of anything: the first of them are written where they are read."""
        waiting, seen = list(step.operands), set[Variable]()
        while waiting:
            variable = waiting.pop()
            if variable in self.cotangents and self.has_name(self.cotangents[variable]):
                return True
            if variable in self.made and variable not in seen:
                seen.add(variable)
                waiting += self.made[variable].operands
        return False

    # ---- what a line reads -------------------------------------------------------------------------------------------

    def within(self, step: Step, apart: Container[Variable] = ()) -> list[Variable]:
        """The values that are written inside of the line of a call, at any depth; not those apart, nor what is in them.

        What is written in several lines stays as it is: a part of it can't get a line after the first of them.
        """
        found: dict[Variable, None] = {}
        waiting = list(step.operands)
        while waiting:
            variable = waiting.pop()
            if variable not in self.names and variable not in found and variable not in apart:
                found[variable] = None
                waiting += self.made[variable].operands
        return list(found)

    def operands_of_line(self, step: Step) -> set[Variable]:
        """The values with a name that a line reads."""
        inner = [step, *(self.made[v] for v in self.within(step))]
        return {operand for each in inner for operand in each.operands if operand in self.names}


def overwritten_in(program: Program) -> set[Variable]:
    """The arrays that are read once, to be written to: they are one with what is written."""
    count = Counter(operand for step in program.steps for operand in step.operands)
    written = [step.arguments[0] for step in program.steps if step.function is assign]
    return {v for v in written if type(v) is Variable and count[v] == 1 and v not in program.outputs}


def in_order(lines: list[Step], operands_of: Callable[[Step], set[Variable]], outputs: set[Variable]) -> list[Step]:
    """The lines with each result that nobody else reads as early as it can be: a gradient right after its delta."""
    reads = {step: operands_of(step) for step in lines}
    read = set().union(*reads.values()) if lines else set()
    waiting, missing = list(lines), {result for step in lines for result in step.results}
    found: list[Step] = []
    while waiting:
        ready = [step for step in waiting if reads[step].isdisjoint(missing)]
        step = next((s for s in ready if s.results[0] in outputs and s.results[0] not in read), ready[0])
        waiting.remove(step)
        missing.difference_update(step.results)
        found.append(step)
    return found
