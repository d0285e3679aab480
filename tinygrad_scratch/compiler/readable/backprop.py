"""The program of a loss and its gradients, tidied: what is read of it is left, and what each value is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.passes.dead_code import remove_dead_code
from tinygrad_scratch.compiler.passes.repeated import shared
from tinygrad_scratch.compiler.program import Program, Step, Variable
from tinygrad_scratch.compiler.readable.algebra import FORWARD, RULES, STRETCHES
from tinygrad_scratch.compiler.readable.arguments import counts_up
from tinygrad_scratch.compiler.readable.recording import Recording, variable_of
from tinygrad_scratch.compiler.readable.tidy import outcome, tidied
from tinygrad_scratch.compiler.readable.walk import Walk, walk_back
from tinygrad_scratch.compiler.traced import Traced
from tinygrad_scratch.graph import Array, Record, ancestors

SHORT = 24  # characters of an array without a name that is written out


@dataclass
class Backprop:
    """A program whose outputs are a loss and its gradients.

    `targets` are what the gradients are of. `names` are what a person calls values, `cotangents` says of which value a
    value is the cotangent, `backward` are the results of the way back, `values` the arrays that inputs stood for, and
    `parameters` the inputs that require a gradient.
    """

    program: Program
    names: dict[Variable, str]
    cotangents: dict[Variable, Variable]
    backward: set[Variable]
    values: dict[Variable, Array]
    parameters: set[Variable]
    targets: list[Variable] = field(default_factory=list)

    def moved(self, program: Program, instead: Mapping[Variable, Any]) -> Backprop:
        """The same with another program, in which some values stand for others."""

        def now(variable: Variable) -> Any:
            return instead.get(variable, variable)

        forward = {result for step in self.program.steps for result in step.results} - self.backward
        backward = {result for step in program.steps for result in step.results} - forward
        names: dict[Variable, str] = {}
        for variable, name in self.names.items():
            if type(now(variable)) is Variable:
                names.setdefault(now(variable), name)
        cotangents: dict[Variable, Variable] = {}
        for g, of in self.cotangents.items():
            if now(g) in backward and type(now(of)) is Variable:
                cotangents.setdefault(now(g), now(of))
        targets = [now(target) for target in self.targets]
        return Backprop(program, names, cotangents, backward, self.values, self.parameters, targets)


def pulled_back(recording: Recording, shortcut: bool) -> tuple[Walk, Backprop]:
    """The way back, from a cotangent of 1; the program has no outputs yet."""
    tracer, loss = recording.tracer, recording.loss
    same = same_records(recording)
    before = {result for step in tracer.steps for result in step.results}
    one = np.ones_like(loss._value.value)
    seed = Traced(tracer, one, Variable.like(one))
    kind = {} if one.dtype == np.float64 else {"dtype": one.dtype}
    tracer.steps.append(Step(np.full, (one.shape, 1.0), kind, seed.variable))
    walk = walk_back(loss._record, seed, shortcut, same)
    cotangents: dict[Variable, Variable] = {}
    for record in walk.records:
        g = variable_of(walk.cotangents[record[0]])
        of = recording.leaves.get(record[0]) if record[1] is None else variable_of(record[2])
        if g is None or of is None or record[0] == loss._record[0]:
            continue
        if g not in cotangents or (cotangents[g] not in recording.names and of in recording.names):
            cotangents[g] = of
    backward = {result for step in tracer.steps for result in step.results} - before
    parameters = set(recording.leaves.values())
    names = dict(recording.names)
    return walk, Backprop(Program((), (), ()), names, cotangents, backward, recording.values, parameters)


def same_records(recording: Recording) -> dict[int, Record]:
    """For the record of a call that was made before, the earlier one: both values have one cotangent."""
    program = recording.tracer.program([*recording.variables.values()])
    _, instead = shared(program)
    first: dict[Variable, Record] = {}
    found: dict[int, Record] = {}
    for record in ancestors(recording.loss._record):
        variable = variable_of(record[2])
        if record[1] is not None and variable is not None:
            found[record[0]] = first.setdefault(instead.get(variable, variable), record)
    return found


def finished(backprop: Backprop, recording: Recording, targets: Mapping[Variable, Variable]) -> Backprop:
    """The program of the loss and of these gradients, by what they are of; tidied."""
    program = recording.tracer.program([recording.loss._value.variable, *targets.values()])
    backprop = replace(backprop, program=program, targets=[*targets])
    if {np.dot} == functions_of(recording) & {np.dot, np.matmul}:
        backprop.program = with_dot(program)
    backprop = without_constants(backprop)
    backprop = backprop.moved(*needed(*shared(backprop.program)))
    backprop = backprop.moved(numbers(backprop.program), {})
    backprop = backprop.moved(*tidied(backprop.program, FORWARD, {*backprop.names, *backprop.targets}))
    named = {g for g, of in backprop.cotangents.items() if of in backprop.names}
    steps = backprop.program.steps
    first = next((i for i, step in enumerate(steps) if step.results[0] in backprop.backward), len(steps))
    backprop = backprop.moved(*tidied(backprop.program, RULES, named.union(backprop.names, backprop.targets), first))

    def named_alone(step: Step, earlier: Step, _: Any) -> bool:
        return step.result in named and earlier.result not in named

    backprop = backprop.moved(*needed(*shared(backprop.program, named_alone)))
    read = {operand for step in backprop.program.steps for operand in step.operands}
    read.update(backprop.program.outputs, backprop.targets)
    inputs = tuple(variable for variable in backprop.program.inputs if variable in read)
    backprop.program = replace(backprop.program, inputs=inputs).check()
    return backprop


def needed(program: Program, instead: Mapping[Variable, Variable]) -> tuple[Program, Mapping[Variable, Variable]]:
    return remove_dead_code(program), instead


def functions_of(recording: Recording) -> set[Any]:
    return {record[1] for record in ancestors(recording.loss._record)}


def with_dot(program: Program) -> Program:
    """Products of matrices by np.dot, for who writes them so."""
    steps = [
        Step(np.dot, step.arguments, {}, step.result, step.line)
        if step.function is np.matmul and not step.keywords and all(len(v.shape) in (1, 2) for v in step.operands)
        else step
        for step in program.steps
    ]
    return replace(program, steps=tuple(steps))


def without_constants(backprop: Backprop) -> Backprop:
    """Arrays from outside as inputs; numbers, zeros, and small arrays that nobody has named, as they are written."""
    program = backprop.program
    values = {**program.constants, **backprop.values}
    written: dict[Variable, Any] = {}
    inputs: list[Variable] = []
    made: list[Step] = []
    for variable in (*program.inputs, *program.constants):
        if variable.dtype == object:  # a generator of random numbers
            inputs.append(variable)
            continue
        value = np.asarray(values[variable])
        is_parameter = variable in backprop.parameters
        own = variable in program.constants or not (is_parameter or variable in backprop.names)
        if own and is_full(value):
            keywords = {} if value.dtype == np.float64 else {"dtype": value.dtype}
            made.append(Step(np.full, (value.shape, value.flat[0].item() if value.size else 0), keywords, variable))
        elif variable in program.outputs and variable in program.constants:
            made.append(Step(np.array, (value.tolist(),), {"dtype": value.dtype}, variable))
        elif (
            own
            and variable not in program.outputs
            and (value.ndim == 0 or len(repr(value.tolist())) <= SHORT or counts_up(value))
        ):
            written[variable] = value if value.ndim else value[()]
        else:
            inputs.append(variable)
    steps = (*made, *(step.replaced(written) for step in program.steps))
    new = Program(tuple(inputs), steps, program.outputs)
    return replace(backprop, program=new, values=values)


def is_full(value: Any) -> bool:
    """Whether an array holds nothing, or one float everywhere, such as the state that a recurrence begins with."""
    if not value.size:
        return True
    return value.size > 1 and value.dtype.kind == "f" and bool((value == value.flat[0]).all())


def numbers(program: Program) -> Program:
    """NumPy's numbers as Python's, where the result is of the same dtype."""
    return replace(program, steps=tuple(map(plain, program.steps)))


def plain(step: Step) -> Step:
    if step.function not in STRETCHES or step.keywords or not any(isinstance(a, np.generic) for a in step.arguments):
        return step
    arguments = tuple(a.item() if isinstance(a, np.floating | np.integer) else a for a in step.arguments)
    if not any(type(a) is Variable for a in arguments):
        return step
    same = outcome(step.function, arguments).dtype == step.results[0].dtype
    return Step(step.function, arguments, {}, step.result, step.line) if same else step
