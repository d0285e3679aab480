"""Recomputing: a large array that is cheap to compute is not kept for a step far away, but computed again for it.

What a backward pass reads was often computed long before, in the forward pass, and would lie in memory until then.
"""

from __future__ import annotations

from dataclasses import replace

from tinygrad_scratch.compiler.plan import LARGE
from tinygrad_scratch.compiler.program import Program, Step, Variable, is_elementwise
from tinygrad_scratch.functional import sigmoid

FAR = 40
"""Steps without a reader, from which on an array is let go."""


def recompute(program: Program) -> Program:
    """The program with copies of elementwise steps before the far readers of their results."""
    return Recomputing(program).done()


class Recomputing:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.made = {step.results[0]: step for step in program.steps if is_cheap(step)}
        self.last = {operand: number for number, step in enumerate(program.steps) for operand in step.operands}
        self.last.update(dict.fromkeys(program.outputs, len(program.steps)))
        for step in reversed(program.steps):  # what a view is read for keeps its base
            for result in (each for each in step.results if each.view):
                for operand in step.operands:
                    self.last[operand] = max(self.last[operand], self.last.get(result, -1))
        self.recent: dict[Variable, int] = {}  # when a value was last made or read
        self.current: dict[Variable, Variable] = {}  # the copy that holds a value now
        self.steps: list[Step] = []
        self.number = 0

    def done(self) -> Program:
        for number, step in enumerate(self.program.steps):
            self.number = number
            new = {operand: self.read(operand) for operand in dict.fromkeys(step.operands)}
            self.steps.append(step.replaced(new))
            self.recent.update(dict.fromkeys(step.results, self.number))
        return replace(self.program, steps=tuple(self.steps))

    def read(self, value: Variable) -> Variable:
        """What holds a value for the step at hand, computed again if it was not read for long."""
        step = self.made.get(value)
        is_far = step is not None and self.is_far(value) and value not in self.program.outputs
        if step is not None and is_far and all(self.can_be_had(operand) for operand in step.operands):
            operands = {operand: self.read(operand) for operand in dict.fromkeys(step.operands)}
            copy = Variable(value.shape, value.dtype, value.strides, value.name, value.view)
            again = step.replaced(operands)
            self.steps.append(Step(again.function, again.arguments, again.keywords, copy, again.line))
            self.current[value] = copy
        self.recent[value] = self.number
        return self.current.get(value, value)

    def is_far(self, value: Variable) -> bool:
        return value in self.recent and self.number - self.recent[value] > FAR

    def can_be_had(self, value: Variable) -> bool:
        """Whether a value is at hand, or can be computed from what is: nothing else is to be kept longer for it."""
        if value not in self.recent or not self.is_far(value) or value.nbytes < LARGE:
            return True  # an input, a constant, or small, or read just now
        step = self.made.get(value)
        if step is not None and all(self.can_be_had(operand) for operand in step.operands):
            return True
        return self.last[value] >= self.number  # it is kept anyway


def is_cheap(step: Step) -> bool:
    """Whether a step is elementwise, or a view of what is, and large."""
    result = step.results[0]
    if isinstance(step.result, tuple) or result.nbytes < LARGE or step.draws:
        return False
    return is_elementwise(step) or step.function is sigmoid or (result.view and len(set(step.operands)) == 1)
