"""Going through a program call by call, and putting something simpler in the place of each where a rule knows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.passes.dead_code import remove_dead_code
from tinygrad_scratch.compiler.program import Program, Step, Variable


@dataclass
class Known:
    """What a rule can look up: the calls that came before, and how often each value is read.

    `fixed` are values that have a name or are asked for: they stay, and a rule does not look through them. `collected`
    are products whose factors are in order already.
    """

    made: dict[Variable, Step] = field(default_factory=dict)
    count: Counter[Any] = field(default_factory=Counter)
    fixed: set[Any] = field(default_factory=set)
    collected: set[Any] = field(default_factory=set)
    added: list[Step] = field(default_factory=list)

    def by(self, value: Any, *functions: Any) -> Step | None:
        """The call of one of these functions that made a value."""
        step = self.made.get(value) if type(value) is Variable else None
        return step if step is not None and step.function in functions else None

    def open(self, value: Any, *functions: Any) -> Step | None:
        """The same, where the value has no name and nobody else reads it."""
        step = self.by(value, *functions)
        return step if step is not None and value not in self.fixed and self.count[value] < 2 else None

    def call(self, function: Any, *arguments: Any) -> Variable:
        """The result of a new call, of a function that works element by element."""
        result = outcome(function, arguments)
        self.made[result] = Step(function, arguments, {}, result)
        self.added.append(self.made[result])
        return result


def outcome(function: Any, arguments: Sequence[Any]) -> Variable:
    """What a function that works element by element returns: NumPy says which dtype."""
    samples = [np.ones((1,) * len(a.shape), a.dtype) if type(a) is Variable else a for a in arguments]
    shape = np.broadcast_shapes(*(a.shape for a in arguments if type(a) is Variable))
    return Variable.like(np.broadcast_to(np.zeros((), function(*samples).dtype), shape))


def anew(step: Step, function: Any, *arguments: Any) -> Step | None:
    """Another call for the result of a step, if it has the same shape and dtype."""
    found = outcome(function, arguments)
    (result,) = step.results
    if found.shape != result.shape or found.dtype != result.dtype:
        return None
    return Step(function, arguments, {}, result, step.line)


# What takes the place of a call: another call for the same result, a value that is there already, or a number, which
# may also stand for an array of no axis. None where the rule does not hold.
Rule = Callable[[Step, Known], Any]


def tidied(
    program: Program, rules: Mapping[Any, Sequence[Rule]], fixed: Iterable[Variable] = (), first: int = 0
) -> tuple[Program, dict[Variable, Any]]:
    """The program with the rules applied to its calls from the first on, and what stands for values that are gone."""
    known = Known(fixed={*fixed, *program.outputs})
    known.count.update(operand for step in program.steps for operand in step.operands)
    instead: dict[Variable, Any] = {}
    steps: list[Step] = []
    place_of = {result: place for place, step in enumerate(program.steps) for result in step.results}
    for place, old in enumerate(program.steps):
        step = old.replaced(instead)
        if place >= first and type(step.result) is Variable:
            found = simplified(step, rules, known)
            steps += known.added
            known.added = []
            if place_of.get(found, first) < first and step.result in known.fixed:
                found = repeated(known.made[found], step) or found
            if not isinstance(found, Step):
                instead[step.result] = found
                known.count[found] += known.count[step.result]
                if step.result in known.fixed:
                    known.fixed.add(found)
                continue
            step = found
        known.made.update(dict.fromkeys(step.results, step))
        steps.append(step)
    outputs = tuple(instead.get(output, output) for output in program.outputs)
    return remove_dead_code(replace(program, steps=tuple(steps), outputs=outputs)), instead


def simplified(step: Step, rules: Mapping[Any, Sequence[Rule]], known: Known) -> Any:
    """A call once no rule changes it any more, or the value that it comes to."""
    while True:
        for rule in rules.get(step.function, ()):
            found = rule(step, known)
            if isinstance(found, Step):
                step = found
                break
            if found is not None and fits(found, step, known):
                return found
        else:
            return step


def repeated(earlier: Step, step: Step) -> Step | None:
    """A sum or difference of the way forward, once more under the name that it has on the way back."""
    if earlier.function not in (np.add, np.subtract):
        return None
    return Step(earlier.function, earlier.arguments, earlier.keywords, step.result, step.line)


def fits(found: Any, step: Step, known: Known) -> bool:
    """Whether a value has the shape and dtype of what it is to replace. What is asked for is never a mere number."""
    (result,) = step.results
    if type(found) is Variable:
        return found.shape == result.shape and found.dtype == result.dtype
    return result.shape == () and result not in known.fixed
