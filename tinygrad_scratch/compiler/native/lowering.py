"""From the calls of a program to what a native program is made of: views, maps, reductions, products.

Each call of NumPy is taken as it stands. Functions of views cost nothing: their results are places in what is there.
What has no native form is left to NumPy, and runs between the native parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native.elements import Map, Operand, Reduce
from tinygrad_scratch.compiler.native.expressions import FILLED, SUPPORTED, formula
from tinygrad_scratch.compiler.native.kernels import Access, Kernel
from tinygrad_scratch.compiler.native.places import Place
from tinygrad_scratch.compiler.one_step import Operand as Mark
from tinygrad_scratch.compiler.one_step import Whole
from tinygrad_scratch.compiler.program import Program, Step, Variable, parts_of
from tinygrad_scratch.graph import Array
from tinygrad_scratch.rules.registry import label


class NotNativeError(Exception):
    """This call has no native form here."""


Lower = Callable[["Lowering", Step], bool]
LOWER: dict[Any, Lower] = {}
"""For a function, what writes down a call of it; it returns False where this call has no native form."""


def lowers(*functions: Any) -> Callable[[Lower], Lower]:
    def register(lower: Lower) -> Lower:
        LOWER.update(dict.fromkeys(functions, lower))
        return lower

    return register


@dataclass(eq=False)
class NumpyCall(Kernel):
    """A call that NumPy makes, on arrays over the arena."""

    step: Step
    given: dict[Variable, Place]
    made: dict[Variable, Place]

    @property
    def note(self) -> str:  # type: ignore[override]
        return described(self.step)

    @property
    def loops(self) -> tuple[int, ...]:
        return ()

    def accesses(self) -> Any:
        yield from (Access(place, write=False) for place in self.given.values())
        yield from (Access(place, write=True) for place in self.made.values())

    def body(self, writer: Any, depth: int) -> None:
        raise AssertionError("NumPy's calls stand between the native parts")


Operation = Map | Reduce | Kernel


@dataclass
class Lowering:
    """The places of a program's variables, and the operations that fill them, in order."""

    program: Program
    places: dict[Variable, Place] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.literals = {
            variable: value.flat[0].item()
            for variable, value in self.program.constants.items()
            if value.size and value.dtype in SUPPORTED and (value == value.flat[0]).all()
        }
        self.constants: list[tuple[Place, Array]] = []
        for variable in self.program.inputs:
            if has_place(variable):
                self.new(variable)
        for variable, value in self.program.constants.items():
            self.places[variable] = self.constant(value)
        for step in self.program.steps:
            self.lower(step)

    # ---- places ------------------------------------------------------------------------------------------------------

    def new(self, variable: Variable) -> Place:
        """A place of its own for a variable."""
        self.places[variable] = Place.new(variable.shape, variable.dtype, variable.name)
        return self.places[variable]

    def constant(self, value: Array) -> Place:
        """A place for what is known beforehand."""
        place = Place.new(value.shape, value.dtype)
        self.constants.append((place, value))
        return place

    def is_constant(self, place: Place) -> bool:
        return any(place.buffer is known.buffer for known, _ in self.constants)

    def alias(self, step: Step, operand: Variable, view: Callable[[Any], Any]) -> bool:
        """Let a call's result be a view; where NumPy would copy, the copy is written down."""
        if not isinstance(step.result, Variable) or operand.dtype != step.result.dtype:
            return False
        place = self.places[operand]
        seen = place.seen(view)
        if seen is None:
            flat = self.copied(place)
            seen = flat.seen(view)
        if seen is None or seen.shape != step.result.shape:
            return False
        self.places[step.result] = seen
        return True

    def copied(self, place: Place) -> Place:
        """The same elements in C order, in a place of their own."""
        target = Place.new(place.shape, place.dtype, place.buffer.name)
        self.operations.append(Map(target, "{0}", (place,), (place.dtype,), f"a copy of {place.buffer.name or 'it'}"))
        return target

    def place(self, value: Any) -> Place | None:
        """Where an argument lies: the value of a variable, or an array that is known beforehand."""
        if type(value) is Variable:
            return self.places[value]
        return self.constant(value) if isinstance(value, np.ndarray) and value.dtype in SUPPORTED else None

    def reshaped(self, place: Place, shape: tuple[int, ...]) -> Place:
        """The same elements in another shape, copied where no view can show them so."""
        found = place.reshaped(shape) or self.copied(place).reshaped(shape)
        assert found is not None
        return found

    def operand(self, value: Any) -> Operand | None:
        """What a loop reads for an argument: a number, or the place of a variable."""
        if type(value) is Variable:
            return self.literals[value] if value in self.literals else self.places[value]
        if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 and value.dtype in SUPPORTED:
            return value.item()  # type: ignore[no-any-return]
        return value if isinstance(value, int | float) else None

    # ---- steps -------------------------------------------------------------------------------------------------------

    def lower(self, step: Step) -> None:
        if all(v.dtype in SUPPORTED for v in (*step.operands, *step.results)):
            begun = len(self.operations)
            if self.elementwise(step) or self._lowered(step):
                return
            del self.operations[begun:]
        self.leave_to_numpy(step)

    def _lowered(self, step: Step) -> bool:
        step = unwrapped(step)
        writes = getattr(step.function, "writes", None)
        lower = LOWER.get(step.function if writes is None else ("a new array by", writes))
        try:
            return lower is not None and lower(self, step)
        except NotNativeError:
            return False

    def elementwise(self, step: Step) -> bool:
        if not isinstance(step.result, Variable):
            return False
        if step.function in FILLED and not step.keywords.keys() - {"dtype"}:
            self.map(step.result, "{0}", [FILLED[step.function]], [step.result.dtype], described(step))
            return True
        found = formula(step.function, step.arguments, step.keywords, step.result.dtype)
        if found is None:
            return False
        text, types = found
        operands = [self.operand(value) for value in step.arguments[: len(types)]]
        if any(x is None for x in operands):
            return False
        self.map(step.result, text, operands, types, described(step))
        return True

    def map(self, result: Variable | Place, text: str, operands: Any, types: Any, note: str = "") -> Place:
        """Write down a map into a new place."""
        place = self.new(result) if isinstance(result, Variable) else result
        self.operations.append(Map(place, text, tuple(operands), tuple(types), note))
        return place

    def leave_to_numpy(self, step: Step) -> None:
        given = {v: self.places[v] for v in dict.fromkeys(step.operands) if has_place(v)}
        made = {v: self.new(v) for v in step.results if has_place(v)}
        self.operations.append(NumpyCall(step, given, made))


def unwrapped(step: Step) -> Step:
    """The call of a function that is one step because it takes branches, as a call of that function itself."""
    whole = step.function
    if not isinstance(whole, Whole) or len(step.results) != 1:
        return step
    marks = [part for part in (*whole.arguments, *whole.keywords.values()) if isinstance(part, Mark)]
    if any(mark.tensor for mark in marks) or len(marks) != len(step.arguments):
        return step
    arguments, keywords = whole.given(whole.arguments, step.arguments), whole.given(whole.keywords, step.arguments)
    return Step(whole.function, arguments, keywords, step.results[0], step.line)


def has_place(variable: Variable) -> bool:
    """Whether the arena can hold a value: not a generator of random numbers, and no other object."""
    return not variable.dtype.hasobject


def described(step: Step) -> str:
    """A call as a person would read it, by names alone."""

    def shown(value: Any) -> str:
        if type(value) is Variable:
            return value.name or "t"
        if isinstance(value, bool | int | float | str | type(None)):
            return repr(value)
        return "(" + ", ".join(map(shown, parts_of(value))) + ")" if parts_of(value) else type(value).__name__

    names = ", ".join(shown(v) for v in step.results)
    given = [shown(a) for a in step.arguments] + [f"{name}={shown(value)}" for name, value in step.keywords.items()]
    text = f"{names} = {label(step.function)}({', '.join(given)})"
    return text.encode("ascii", "replace").decode().replace("\n", " ")[:110]


def seen(place: Place, view: Callable[[Any], Any]) -> Place:
    found = place.seen(view)
    assert found is not None
    return found
