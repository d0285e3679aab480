"""A function that computes a loss, run once with stand-ins for all arrays that it can reach.

Arrays that a gradient is asked for become Tensors while it runs. The names are those of its parameters and variables.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.holders import InTensor
from tinygrad_scratch.compiler.mentions import names_in
from tinygrad_scratch.compiler.one_step import Whole
from tinygrad_scratch.compiler.program import Variable
from tinygrad_scratch.compiler.readable.names import identifier
from tinygrad_scratch.compiler.readable.recording import Recording, content, variable_of
from tinygrad_scratch.compiler.surroundings import Surroundings
from tinygrad_scratch.compiler.trace import exchanged, look_around, trace_in
from tinygrad_scratch.compiler.traced import Traced, TraceError
from tinygrad_scratch.graph import Array, ancestors, get_name
from tinygrad_scratch.messages import describe
from tinygrad_scratch.tensor import Tensor
from tinygrad_scratch.watching import Names, watch

MOST_COMPARED = 4096  # elements of an array that a function made, which is told by what it holds


def recorded_call(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    wanted: Callable[[Reach], Iterable[int]],
) -> Recording:
    """One call of a function with stand-ins for all arrays that it can reach.

    `wanted` says, of what it can reach, which leaves the loss is to be differentiated with respect to.
    """
    reach = Reach(function, arguments, keywords)
    return Call(reach, set(wanted(reach))).record()


class Reach:
    """The arrays and Tensors that a call can reach, by their names."""

    def __init__(self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self.function = function
        self.arguments = arguments
        self.keywords = keywords
        self.around: Surroundings = look_around(function, list(arguments), keywords)
        self.leaves = self.around.leaves
        self.inside = [self.within(argument) for argument in (*arguments, *keywords.values())]
        tensors = [holder.holder for holder in self.around.holders if type(holder) is InTensor]
        self.tensors = [(self.around.places[id(tensor._value)], tensor) for tensor in tensors]
        for _, tensor in self.tensors:
            if tensor._record is not None and tensor._record[1] is not None:
                raise TypeError(
                    f"The function reads {describe(tensor)}, which was computed outside of it, so how is not seen. "
                    "Compute it inside, or pass its value: t.numpy() as an argument, or t.detach()."
                )
        known = Names(self.standing)
        known.see(namespace(function, arguments, keywords))
        self.names = [
            known.of(leaf) or name or get_name(leaf) or "constant"
            for leaf, name in zip(self.leaves, self.around.names, strict=True)
        ]
        self.unknown: list[str] = []  # what was asked for and is not among these

    def standing(self, value: Any) -> Any:
        """The leaf that a value is or holds."""
        value = value._value if type(value) is Tensor else value
        place = self.around.places.get(id(value))
        return self.leaves[place] if place is not None else None

    def within(self, tree: Any) -> list[int]:
        """The leaves that an argument leads to."""
        inner = Surroundings()
        inner.add(tree)
        return [self.around.places[id(leaf)] for leaf in inner.leaves if id(leaf) in self.around.places]

    def given(self) -> set[int]:
        """The leaves in the arguments of the call."""
        return {place for places in self.inside for place in places}


def namespace(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
    """What the names in a function stand for when it is called."""
    try:
        found = dict(inspect.signature(function).bind(*arguments, **keywords).arguments)
    except ValueError:  # written in C
        found = {f"x{i}": argument for i, argument in enumerate(arguments, 1)} | keywords
    except TypeError:  # the call itself will say what is wrong
        found = dict(keywords)
    inner = getattr(function, "__func__", function)
    if inner is not function:
        found["self"] = function.__self__
    if isinstance(inner, FunctionType):
        for name, cell in zip(inner.__code__.co_freevars, inner.__closure__ or (), strict=True):
            try:
                found.setdefault(name, cell.cell_contents)
            except ValueError:  # it has no value yet
                continue
        for name in names_in(inner.__code__).globals:
            value = inner.__globals__.get(name)
            if not isinstance(value, ModuleType | type | BuiltinFunctionType | np.ufunc):
                found.setdefault(name, value)
    elif not hasattr(function, "__code__"):
        found.setdefault("self", function)
    return found


class Call:
    """A call while it is traced."""

    def __init__(self, reach: Reach, chosen: set[int]) -> None:
        self.reach = reach
        self.chosen = chosen
        self.lifted: dict[int, Tensor] = {}  # by the place of the leaf
        self.places: dict[Variable, int] = {}
        self.result: Any = None
        self.recording: Recording | None = None

    def record(self) -> Recording:
        """Run the function. What it wrote to is put back."""
        try:
            trace_in(self.reach.around, self.run, list(self.reach.arguments), self.reach.keywords)
        except TraceError as error:
            error.add_note("A loss that was recorded can be derived, too, as it was computed: derive(f(...), wrt=...).")
            raise
        if self.recording is None:
            raise TypeError(not_computed(self))
        return self.recording

    def run(self, *given: Any, **named: Any) -> None:
        """What is traced. Lists, dicts and objects hold the stand-ins already."""
        lift = partial(exchanged, self.lift)
        given, named = tuple(map(lift, given)), {name: lift(value) for name, value in named.items()}
        for holder in self.reach.around.holders:
            if type(holder) is not InTensor:
                holder.put({key: lift(value) for key, value in holder.items().items()})
        leaves = {}
        for place, tensor in self.reach.tensors:
            if place in self.chosen and tensor._record is None:
                tensor.requires_grad = True
            if tensor._record is not None:
                leaves[place] = tensor
        with watch(Arrays().standing) as watched:
            self.result = self.reach.function(*given, **named)
        if type(self.result) is Tensor and variable_of(self.result) is not None:
            self.recording = self.found({**leaves, **self.lifted}, watched.names)

    def place(self, value: Any) -> int | None:
        """Which leaf a stand-in stands for."""
        if not isinstance(value, Traced):
            return None
        if not self.places:
            self.places = {variable: place for place, variable in enumerate(value.tracer.inputs)}
        return self.places.get(value.variable)

    def lift(self, value: Any) -> Any:
        """A Tensor that requires a gradient in place of an array that one is asked for."""
        place = self.place(value)
        if place is None or place not in self.chosen:
            return value
        if place not in self.lifted:
            self.lifted[place] = Tensor(value, requires_grad=True)
        return self.lifted[place]

    def found(self, leaves: dict[Any, Tensor], seen: Names) -> Recording:
        """What was recorded, with the names that were seen on the way."""
        tracer = self.result._value.tracer
        for step in tracer.steps:
            if isinstance(step.function, Whole):
                raise TraceError(
                    f"{step.function.__name__} takes branches on values, so what it does with other ones is not seen."
                )
        recording = Recording(tracer, self.result)
        order_of = {place: t._record[0] for place, t in leaves.items()}  # type: ignore[index]
        orders = [(t, order_of[p]) for p, t in self.reach.tensors if p in order_of]
        recording.values = dict(zip(tracer.inputs, self.reach.leaves, strict=True))
        recording.leaves = {t._record[0]: tracer.inputs[place] for place, t in leaves.items()}  # type: ignore[index]
        recording.arguments = [[order_of[p] for p in places if p in order_of] for places in self.reach.inside]
        recording.order_of = lambda tensor: next((o for t, o in orders if t is tensor), None)
        recording.names = dict(zip(tracer.inputs, self.reach.names, strict=True))
        given = {tracer.inputs[place] for place in self.reach.given()}
        wanted = set(recording.leaves.values())
        tracer.inputs.sort(key=lambda v: 0 if v in given else 2 if v in wanted else 1)
        recording.variables = dict(recording.leaves)
        for record in ancestors(self.result._record):
            variable = variable_of(record[2])
            if record[1] is None or variable is None:
                continue
            recording.variables[record[0]] = variable
            if name := get_name(record[2]):
                recording.names[variable] = name
        for variable, array, _ in tracer.constants.values():
            if name := seen.of(seen.standing(array)):
                recording.names[variable] = name
        for variable in (result for step in tracer.steps for result in step.results):
            if name := seen.of(variable):
                recording.names.setdefault(variable, name)
        return recording


class Arrays:
    """The variables of stand-ins, and for arrays that a function made one of those that hold the same."""

    def __init__(self) -> None:
        self.known: dict[Any, Array] = {}

    def standing(self, value: Any) -> Any:
        if type(value) is np.ndarray:
            return self.known.setdefault(content(value), value) if 0 < value.size <= MOST_COMPARED else value
        return variable_of(value)


# ---- what can be wrong -----------------------------------------------------------------------------------------------


def not_computed(call: Call) -> str:
    """What is wrong where a function returned no Tensor that was recorded."""
    reach, result = call.reach, call.result
    name = getattr(reach.function, "__name__", type(reach.function).__name__)
    known = ", ".join(
        dict.fromkeys(identifier(n) for n, x in zip(reach.names, reach.leaves, strict=True) if is_real(x))
    )
    if isinstance(result, Traced) and not call.chosen:
        if reach.unknown:
            return f"wrt={reach.unknown[0]!r}: nothing that {name} reads is called so. There is a gradient of {known}."
        return (
            f"Nothing that {name} reads and that was asked for requires a gradient. Say what the gradients are of: "
            f"wrt= one or several of {known}."
        )
    asked = ", ".join(repr(reach.names[place]) for place in sorted(call.chosen)) or "any parameter"
    if isinstance(result, Traced):
        return f"The loss that {name} returns does not depend on {asked}, so there is nothing to derive."
    shown = describe(result) if isinstance(result, Tensor | np.ndarray) else f"{result!r}, a {type(result).__name__}"
    return (
        f"{name} returned {shown}, which was not computed from {asked}. A loss is a number that NumPy's functions "
        "compute from the parameters: is it returned?"
    )


def is_real(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind in "fc"
