"""From what a person has, a recorded loss or a function that computes one, to a loss recorded with stand-ins.

A loss that was recorded is recorded once more, call by call, with stand-ins for its arrays. A function is run with
stand-ins for what it is given and what it can reach. Either way the names are the person's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import FrameType, FunctionType
from typing import Any

import numpy as np

from tinygrad_scratch.backward import output
from tinygrad_scratch.compiler.program import Variable
from tinygrad_scratch.compiler.readable.names import identifier
from tinygrad_scratch.compiler.surroundings import InTensor, Surroundings, is_data, names_in
from tinygrad_scratch.compiler.trace import look_around, trace_in
from tinygrad_scratch.compiler.traced import Traced, TraceError, Tracer
from tinygrad_scratch.graph import Array, Record, ancestors, get_name, split_record
from tinygrad_scratch.messages import describe
from tinygrad_scratch.rules.registry import DEFINITIONS, RULES, EveryOperand
from tinygrad_scratch.tensor import Tensor
from tinygrad_scratch.trees import map_leaves
from tinygrad_scratch.watching import Names, watch


@dataclass
class Recording:
    """A loss that was recorded with stand-ins: what it was computed from, and what people call that.

    `values` are the arrays that stand-ins stand for, `variables` the values of recorded calls and `leaves` of leaves, by
    the orders of their records. `order_of` finds a person's Tensor among these, `arguments` has those of each argument
    that a function was given.
    """

    tracer: Tracer
    loss: Any
    names: dict[Variable, str] = field(default_factory=dict)
    values: dict[Variable, Array] = field(default_factory=dict)
    leaves: dict[int, Variable] = field(default_factory=dict)
    variables: dict[int, Variable] = field(default_factory=dict)
    order_of: Callable[[Tensor], int | None] = lambda tensor: None
    arguments: list[list[int]] | None = None


MOST_LOOKED_AT = 4000  # values in a namespace, the nearest first

# ---- a loss that was recorded ----------------------------------------------------------------------------------------


def recorded_again(loss: Tensor, frame: FrameType | None) -> Recording:
    """The same calls with stand-ins for all arrays; names are those of the Tensors, then those of the frame."""
    again = Again()
    for record in ancestors(loss._record):
        if record[1] is not None:
            again.repeat(record)
    new = again.tensors[loss._record[0]]  # type: ignore[index]
    recording = Recording(again.tracer, new)
    for order, tensor in again.tensors.items():
        if type(tensor) is Tensor:
            again.variables[order] = tensor._value.variable  # type: ignore[attr-defined]
            if tensor._record[1] is None:  # type: ignore[index]
                recording.leaves[tensor._record[0]] = again.variables[order]  # type: ignore[index]
    recording.values = {variable: value for variable, value in again.inputs.values()}
    again.tracer.inputs.sort(key=lambda variable: variable in recording.leaves.values())  # data before parameters
    recording.names = again.names(frame)
    recording.variables = {again.tensors[order]._record[0]: variable for order, variable in again.variables.items()}
    orders = {order: again.tensors[order]._record[0] for order in again.variables}
    recording.order_of = lambda tensor: orders.get(tensor._record[0]) if tensor._record is not None else None
    return recording


@dataclass
class Again:
    """Recorded calls, made again."""

    tracer: Tracer = field(default_factory=Tracer)
    tensors: dict[int, Any] = field(default_factory=dict)  # by the order of the record
    inputs: dict[Any, tuple[Variable, Array]] = field(default_factory=dict)
    constants: dict[Any, Traced] = field(default_factory=dict)
    variables: dict[int, Variable] = field(default_factory=dict)
    said: dict[int, str] = field(default_factory=dict)  # names that Tensors have themselves

    def repeat(self, record: Record) -> None:
        order, function, value, keywords = record[:4]
        arguments, parents = split_record(record)
        given = [self.operand(a, p) for a, p in zip(arguments, parents, strict=True)]
        if function is output:
            self.tensors[order] = given[0][given[1]]
            return
        rules = RULES[function]
        for place, a in enumerate(given):
            if isinstance(a, np.ndarray) and a.ndim and (type(rules) is EveryOperand or rules[place] is not None):
                given[place] = self.constant(a)
        definition = DEFINITIONS[function]
        called = [given] if definition.sequence else given
        self.tensors[order] = function(*called, **(keywords or {}))
        self.note_name(order, value)

    def operand(self, argument: Any, parent: Record | None) -> Any:
        """The Tensor that an argument is the value of; a constant as it is."""
        if parent is None:
            return argument
        if parent[0] not in self.tensors:
            traced = self.tracer.input(argument)
            self.inputs[parent[0]] = traced.variable, argument
            self.tensors[parent[0]] = Tensor(traced, requires_grad=True)
            self.note_name(parent[0], argument)
            if name := get_name(parent[2]):
                self.said[parent[0]] = name
        return self.tensors[parent[0]]

    def constant(self, value: Array) -> Traced:
        """The stand-in for an array; copies of one array have one."""
        key = content(value)
        if key not in self.constants:
            self.constants[key] = self.tracer.input(value, get_name(value))
            self.inputs[key] = self.constants[key].variable, value
        return self.constants[key]

    def note_name(self, order: int, value: Any) -> None:
        if name := get_name(value):
            self.said[order] = name

    def names(self, frame: FrameType | None) -> dict[Variable, str]:
        """The name of each value: the one that it was given, or where a person keeps it."""
        kept = {content(copy): variable for variable, _, copy in self.tracer.constants.values() if copy.ndim}
        constants = {**kept, **{key: traced.variable for key, traced in self.constants.items()}}
        shapes = {key[:2] for key in constants}

        def standing(value: Any) -> Variable | None:
            if type(value) is Tensor:
                order = value._record[0] if value._record is not None else None
                return self.variables.get(order) if order is not None else standing(value._value)
            if isinstance(value, np.ndarray) and (value.shape, value.dtype.str) in shapes:
                return constants.get(content(value))
            return None

        known = Names(standing)
        if frame is not None:
            known.see(frame.f_locals, MOST_LOOKED_AT)
            known.see(frame.f_globals, MOST_LOOKED_AT)
        found = {v: v.name for v in constants.values() if v.name}
        found |= {v: name for v in (*constants.values(), *self.variables.values()) if (name := known.of(v))}
        for order, name in self.said.items():
            variable = self.variables[order]
            if variable not in found or list(self.said.values()).count(name) == 1:
                found[variable] = name
        return found


def content(value: Array) -> tuple[tuple[int, ...], str, bytes]:
    """What makes two arrays the same."""
    return value.shape, value.dtype.str, value.tobytes()


# ---- a function ------------------------------------------------------------------------------------------------------


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
        self.tensors = [
            (self.around.places.get(id(h.holder._value)), h.holder) for h in self.around.holders if type(h) is InTensor
        ]
        for place, tensor in self.tensors:
            if tensor._record is not None and tensor._record[1] is not None:
                raise TypeError(
                    f"The function reads {describe(tensor)}, which was computed outside of it, so how is not seen. "
                    "Compute it inside, or pass its value: t.numpy() as an argument, or t.detach()."
                )
        self.names = self._names()
        self.unknown: list[str] = []  # what was asked for and is not among these

    def _names(self) -> list[str]:
        known = Names(self.standing)
        known.see(namespace(self.function, self.arguments, self.keywords))
        return [
            known.of(leaf) or name or get_name(leaf) or "constant"
            for leaf, name in zip(self.leaves, self.around.names, strict=True)
        ]

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
        for name in names_in(inner.__code__):
            if is_data(value := inner.__globals__.get(name)):
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
        given, named = map_leaves(self.lift, given), map_leaves(self.lift, named)
        for holder in self.reach.around.holders:
            if type(holder) is not InTensor:
                items = holder.items()
                holder.put({key: self.lift(value) for key, value in items.items()})
            elif self.place(holder.holder._value) in self.chosen and holder.holder._record is None:
                holder.holder.requires_grad = True
        tensors = [holder.holder for holder in self.reach.around.holders if type(holder) is InTensor]
        leaves = {self.place(t._value): t for t in tensors if t._record is not None and t._record[1] is None}
        with watch(Arrays().standing) as watched:
            self.result = self.reach.function(*given, **named)
        if type(self.result) is Tensor and isinstance(self.result._value, Traced):
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
        tracer: Tracer = self.result._value.tracer
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
            if variable not in recording.names and (name := get_name(record[2]) or seen.of(variable)):
                recording.names[variable] = name
        for variable, array, _ in tracer.constants.values():
            if name := seen.of(seen.standing(array)):
                recording.names[variable] = name
        variable = self.result._value.variable
        if variable not in recording.names and (name := seen.of(variable)):
            recording.names[variable] = name
        return recording


def variable_of(value: Any) -> Variable | None:
    value = value._value if type(value) is Tensor else value
    return value.variable if isinstance(value, Traced) else None


MOST_COMPARED = 4096  # elements of an array that a function made, which is told by what it holds


class Arrays:
    """The variables of stand-ins, and for arrays that a function made one of those that hold the same."""

    def __init__(self) -> None:
        self.known: dict[Any, Array] = {}

    def standing(self, value: Any) -> Any:
        if type(value) is np.ndarray:
            return self.known.setdefault(content(value), value) if 0 < value.size <= MOST_COMPARED else value
        return variable_of(value)


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
            f"Nothing that {name} reads and that was asked for requires a gradient. Say what the gradients are of: wrt= "
            f"one or several of {known}."
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
