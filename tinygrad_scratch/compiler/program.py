"""A program: calls of NumPy in a straight line, each result bound once and never changed.

It is what a trace writes down, what every pass takes and returns, and what the printers print.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.identifiers import unused
from tinygrad_scratch.compiler.lines import quoted
from tinygrad_scratch.graph import Array
from tinygrad_scratch.rules.registry import label


@dataclass(eq=False, slots=True)
class Variable:
    """A value of a program: an array of a known shape, dtype and memory layout, and what a person would call it.

    `view` says that it lies in the memory of an operand of its step. A generator of random numbers is a variable of
    dtype object.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strides: tuple[int, ...]
    name: str | None = None
    view: bool = False

    @classmethod
    def like(cls, value: Any, name: str | None = None) -> Variable:
        """A variable that can hold this value, an array or a number of NumPy's."""
        array = np.asarray(value)
        return cls(array.shape, array.dtype, array.strides, name)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"{self.name or 'value'}: {self.dtype}{list(self.shape)}"


@dataclass(frozen=True, eq=False)
class Step:
    """One call: `result = function(*arguments, **keywords)`.

    Variables stand anywhere among the arguments and keywords, also in lists and tuples; everything else is static: a
    Python number, an axis, a dtype. `result` is a tuple where the function returns several values. `line` is where the
    person's code made the call, as (file, line number).
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    result: Variable | tuple[Variable, ...]
    line: tuple[str, int] | None = None

    @property
    def results(self) -> tuple[Variable, ...]:
        return self.result if isinstance(self.result, tuple) else (self.result,)

    @cached_property
    def operands(self) -> tuple[Variable, ...]:
        """The variables that the call reads, in order, each as often as it stands there."""
        return tuple(variables_in((self.arguments, tuple(self.keywords.values()))))

    @property
    def draws(self) -> bool:
        """Whether the call draws random numbers: it is then made once, and in its turn, even if nobody reads it."""
        return any(operand.dtype == object for operand in self.operands)

    def replaced(self, new: Mapping[Variable, Any]) -> Step:
        """The same call with other variables, or static values, in place of some that it reads."""
        if new.keys().isdisjoint(self.operands):
            return self
        arguments, keywords = substitute(self.arguments, new), substitute(dict(self.keywords), new)
        return Step(self.function, arguments, keywords, self.result, self.line)

    @property
    def described(self) -> str:
        """The function and the person's line, for messages."""
        return label(self.function) + quoted(self.line)

    def __repr__(self) -> str:
        given = [repr(a) for a in self.arguments] + [f"{name}={value!r}" for name, value in self.keywords.items()]
        return f"{self.result!r} = {label(self.function)}({', '.join(given)})"


@dataclass(frozen=True)
class Program:
    """Inputs, constants, steps, outputs. `constants` are arrays that the traced function found outside of itself."""

    inputs: tuple[Variable, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Variable, ...]
    constants: Mapping[Variable, Array] = field(default_factory=dict)

    def run(self, *values: Any) -> tuple[Any, ...]:
        """What the program says, call by call: the meaning that every pass keeps."""
        known: dict[Variable, Any] = {**self.constants, **dict(zip(self.inputs, values, strict=True))}
        for step in self.steps:
            found = step.function(*substitute(step.arguments, known), **substitute(dict(step.keywords), known))
            known.update(zip(step.results, found if isinstance(step.result, tuple) else (found,), strict=True))
        return tuple(known[output] for output in self.outputs)

    def check(self) -> Program:
        """This program, if it is one: each variable is bound once, and before it is read. Raises AssertionError."""
        bound: set[Variable] = set()
        for variable in (*self.inputs, *self.constants):
            if variable in bound:
                raise AssertionError(f"{variable} is bound twice")
            bound.add(variable)
        for step in self.steps:
            for operand in step.operands:
                if operand not in bound:
                    raise AssertionError(f"{step} reads {operand} before it is bound")
            for result in step.results:
                if result in bound:
                    raise AssertionError(f"{step} binds {result} a second time")
                bound.add(result)
        for output in self.outputs:
            if output not in bound:
                raise AssertionError(f"the output {output} is never bound")
        return self

    def __str__(self) -> str:
        """The steps, a line each, with a name of its own for each value."""
        used: set[str] = set()
        results = (result for step in self.steps for result in step.results)
        named = {each: replace(each, name=unused(each.name, used, "v")) for each in (*self.inputs, *results)}
        named |= {each: replace(each, name=unused(each.name or "constant", used, "v")) for each in self.constants}
        steps = (replace(step.replaced(named), result=substitute(step.result, named)) for step in self.steps)
        return "\n".join(map(repr, steps))


def is_elementwise(step: Step) -> bool:
    """Whether a step is a ufunc that goes element by element, with one result."""
    function = step.function
    return isinstance(function, np.ufunc) and function.nout == 1 and not function.signature and not step.keywords


def in_a_row(variable: Variable) -> bool:
    """Whether the elements lie in C order, one after the other."""
    return without_gaps(variable, reversed([*zip(variable.strides, variable.shape, strict=True)]))


def is_dense(variable: Variable) -> bool:
    """Whether the elements fill their memory, in some order of the axes."""
    return without_gaps(variable, sorted(zip(variable.strides, variable.shape, strict=True)))


def without_gaps(variable: Variable, axes: Iterable[tuple[int, int]]) -> bool:
    """Whether each axis, a stride and a length, begins where the one before it ends."""
    expected = variable.dtype.itemsize
    for stride, n in axes:
        if n > 1 and stride != expected:
            return False
        expected *= n
    return True


def variables_in(tree: Any) -> Iterator[Variable]:
    """All variables in a value and in what its tuples, lists, dicts and slices hold."""
    if type(tree) is Variable:
        yield tree
    else:
        for part in parts_of(tree):
            yield from variables_in(part)


def map_parts(change: Callable[[Any], Any], tree: Any) -> Any:
    """The same tuple, list, dict or slice with each part changed; anything else as it is."""
    if type(tree) in (tuple, list):
        return type(tree)(map(change, tree))
    if type(tree) is dict:
        return {name: change(part) for name, part in tree.items()}
    return slice(*map(change, parts_of(tree))) if type(tree) is slice else tree


def parts_of(tree: Any) -> Iterable[Any]:
    if type(tree) in (tuple, list):
        return tree  # type: ignore[no-any-return]
    if type(tree) is dict:
        return tree.values()
    return (tree.start, tree.stop, tree.step) if type(tree) is slice else ()


def substitute(tree: Any, new: Mapping[Variable, Any]) -> Any:
    """The same tree with something else in place of some variables."""
    if type(tree) is Variable:
        return new.get(tree, tree)
    return map_parts(lambda part: substitute(part, new), tree)


def readers(steps: Sequence[Step]) -> dict[Variable, list[Step]]:
    """For each variable, the steps that read it, in order, each once."""
    found: dict[Variable, list[Step]] = {}
    for step in steps:
        for operand in dict.fromkeys(step.operands):
            found.setdefault(operand, []).append(step)
    return found


def check_shape(value: Any, shape: tuple[int, ...], call: str) -> None:
    """Refuse a result of another shape than in the trace: written to memory that was planned, it might be broadcast."""
    if np.shape(value) != shape:
        raise ValueError(
            f"The result of {call} has shape {np.shape(value)}, and had {shape} when the function was traced: it "
            "depends on values. jit takes shapes for fixed. Write np.where(mask, x, 0) for x[mask], pass a Python "
            "number for an axis or a size, or leave jit out."
        )
