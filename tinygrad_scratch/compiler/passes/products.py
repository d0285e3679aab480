"""Scaling early: a number multiplies, instead of several large results, the one small value that they are linear in.

A step of gradient descent takes rate * gradient off each weight, and all gradients are linear in the first cotangent:
where they are used for nothing else, one product of the rate with that cotangent serves them all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_scratch.compiler.program import Program, Step, Variable, readers


def scale_early(program: Program) -> Program:
    """Each number is moved from the results that it multiplies to a smaller value that all of them come from."""
    return Scaling(program).done()


class Scaling:
    """Which values may be multiplied by a number early, and which are."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.readers = readers(program.steps)
        self.factors: dict[Variable, object] = {}  # by which number all that reads a value multiplies it in the end
        for step in reversed(program.steps):
            factor = self._common(step.results[0]) if not isinstance(step.result, tuple) else None
            if factor is not None:
                self.factors[step.results[0]] = factor
        self.sources: set[Variable] = set()  # the values that are multiplied
        self.scaled: set[Variable] = set()  # they, and all that come from them
        for step in program.steps:
            value = step.results[0]
            if value in self.factors and value not in self.scaled:
                value = self._later(value)
                reached, saved = self._reached(value)
                if value.size < saved and not reached & self.scaled and self._is_proportional(reached):
                    self.sources.add(value)
                    self.scaled |= reached

    def _common(self, value: Variable) -> object | None:
        """The one number by which every reader of a value multiplies it, itself or later."""
        if value in self.program.outputs or value not in self.readers or value.dtype.kind != "f":
            return None
        found: object = None
        for reader in self.readers[value]:
            own = multiplier(reader, value)
            if own is None and is_linear(reader, value):
                own = self.factors.get(reader.results[0])
            if own is None or (found is not None and not same(found, own)):
                return None
            found = own
        return found

    def _reached(self, value: Variable) -> tuple[set[Variable], int]:
        """What is linear in a value, up to where it meets the number; and how many elements that then saves."""
        reached, saved, waiting = {value}, 0, [value]
        while waiting:
            each = waiting.pop()
            for reader in self.readers.get(each, ()):
                result = reader.results[0]
                if multiplier(reader, each) is not None:
                    saved += result.size
                elif result not in reached:
                    reached.add(result)
                    waiting.append(result)
        return reached, saved

    def _later(self, value: Variable) -> Variable:
        """The last value on the way from here that all else goes through, and that is no larger."""
        while len(self.readers[value]) == 1:
            (reader,) = self.readers[value]
            result = reader.results[0]
            if multiplier(reader, value) is not None or result not in self.factors or result.size > value.size:
                break
            value = result
        return value

    def _is_proportional(self, reached: set[Variable]) -> bool:
        """Whether no step multiplies two of them with each other, which would take the number twice."""
        steps = {id(step): step for value in reached for step in self.readers.get(value, ())}
        return all(sum(operand in reached for operand in step.operands) == 1 for step in steps.values())

    def done(self) -> Program:
        steps: list[Step] = []
        new: dict[Variable, Variable] = {}
        for step in self.program.steps:
            result = step.results[0]
            value = next((each for each in step.operands if each in self.scaled), None)
            if value is not None and multiplier(step, value) is not None:
                new[result] = new.get(value, value)
                continue
            steps.append(step.replaced(new))
            if result in self.sources:
                new[result] = Variable(result.shape, result.dtype, result.strides)
                steps.append(Step(np.multiply, (self.factors[result], result), {}, new[result], step.line))
        return replace(self.program, steps=tuple(steps), outputs=tuple(new.get(v, v) for v in self.program.outputs))


def multiplier(step: Step, value: Variable) -> object | None:
    """The number, where a step multiplies a value by one, and that is all it does."""
    if step.function is np.multiply and not step.keywords and step.results[0].dtype == value.dtype:
        for number, other in (step.arguments, step.arguments[::-1]):
            if other is value and (type(number) in (int, float) or isinstance(number, np.generic)):
                return number  # type: ignore[no-any-return]
    return None


def is_linear(step: Step, value: Variable) -> bool:
    """Whether a step's result is proportional to one of its operands."""
    if step.results[0].dtype != value.dtype or step.operands.count(value) != 1 or isinstance(step.result, tuple):
        return False
    if step.function in (np.multiply, np.matmul):
        return not step.keywords
    one = step.function in (np.transpose, np.reshape, np.negative, np.sum) and step.arguments[0] is value
    return one and (step.function is not np.sum or step.keywords.keys() <= {"axis", "keepdims"})


def same(a: object, b: object) -> bool:
    return type(a) is type(b) and a == b
