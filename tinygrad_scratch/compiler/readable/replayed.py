"""A loss that was computed already, computed once more with stand-ins: call by call, as it was recorded.

Constants of the recording are told by what they hold, for operators keep copies of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.backward import output
from tinygrad_scratch.compiler.program import Variable
from tinygrad_scratch.compiler.readable.recording import Recording, content
from tinygrad_scratch.compiler.traced import Traced, Tracer
from tinygrad_scratch.graph import Array, Record, ancestors, get_name, split_record
from tinygrad_scratch.rules.registry import DEFINITIONS, RULES, label
from tinygrad_scratch.tensor import Tensor
from tinygrad_scratch.watching import Names

MOST_LOOKED_AT = 4000  # values in a namespace, the nearest first


def replayed(loss: Tensor, frame: FrameType | None) -> Recording:
    """The same calls with stand-ins for all arrays; names are those of the Tensors, then those of the frame."""
    replay = Replay()
    for record in ancestors(loss._record):
        if record[1] is not None:
            replay.repeat(record)
    recording = Recording(replay.tracer, replay.tensors[loss._record[0]])  # type: ignore[index]
    orders = {order: tensor._record[0] for order, tensor in replay.computed()}
    replay.variables = {order: tensor._value.variable for order, tensor in replay.computed()}
    recording.variables = {orders[order]: variable for order, variable in replay.variables.items()}
    recording.leaves = {order: recording.variables[order] for order in replay.leaves()}
    recording.values = dict(replay.inputs.values())
    parameters = set(recording.leaves.values())
    replay.tracer.inputs.sort(key=lambda variable: variable in parameters)  # data come first
    recording.names = replay.names(frame)
    recording.order_of = lambda tensor: orders.get(tensor._record[0]) if tensor._record is not None else None
    return recording


@dataclass
class Replay:
    """Recorded calls, made again."""

    tracer: Tracer = field(default_factory=Tracer)
    tensors: dict[int, Any] = field(default_factory=dict)  # by the order of the record
    inputs: dict[Any, tuple[Variable, Array]] = field(default_factory=dict)
    constants: dict[Any, Traced] = field(default_factory=dict)
    variables: dict[int, Variable] = field(default_factory=dict)
    said: dict[int, str] = field(default_factory=dict)  # names that Tensors have themselves

    def repeat(self, record: Record) -> None:
        """Make the call of a record with what takes the place of its arguments."""
        order, function, value, keywords = record[:4]
        arguments, parents = split_record(record)
        given = [self.operand(a, p) for a, p in zip(arguments, parents, strict=True)]
        if function is output:
            self.tensors[order] = given[0][given[1]]
            return
        rules = RULES[function]
        for place, a in enumerate(given):
            if isinstance(a, np.ndarray) and a.ndim and rules[place] is not None:
                given[place] = self.constant(a)
        definition = DEFINITIONS.get(function)
        if definition is None:
            raise TypeError(
                f"The loss was recorded with a call of which derive sees no parts, {label(function)}, as checkpoint "
                "makes one. Compute the loss without it."
            )
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

    def computed(self) -> list[tuple[int, Any]]:
        """All Tensors, by the order of the record that they repeat; calls of several outputs have none."""
        return [(order, tensor) for order, tensor in self.tensors.items() if type(tensor) is Tensor]

    def leaves(self) -> list[int]:
        return [tensor._record[0] for _, tensor in self.computed() if tensor._record[1] is None]

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
