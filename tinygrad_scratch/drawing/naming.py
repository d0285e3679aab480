"""What a person calls the values of a graph: the names that they gave, else those of their variables."""

from __future__ import annotations

from types import FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.drawing.expressions import is_number
from tinygrad_scratch.graph import Node
from tinygrad_scratch.tensor import Tensor
from tinygrad_scratch.watching import Names, Watched, variables


def standing(value: Any) -> Any:
    """The array that a Tensor has recorded, or a plain array, which a constant of the graph may be a copy of."""
    if type(value) is Tensor:
        record = value._record
        return record[2] if record is not None and record[1] is not None else value._value
    return value if type(value) is np.ndarray else None


def names_for(nodes: list[Node], frame: FrameType) -> Names:
    """The names under which these values can be reached from a running function."""
    values = {id(node.value) for node in nodes}
    constants = {(node.value.shape, node.value.dtype) for node in nodes if node.kind == "constant"}

    def of_these(value: Any) -> Any:
        array = standing(value)
        if array is None or id(array) in values:
            return array
        return array if array is value and (array.shape, array.dtype) in constants else None

    names = Names(of_these)
    names.see(variables(frame))
    names.see(frame.f_globals)
    return names


def name_values(nodes: list[Node], watched: Watched | None, *frames: FrameType) -> None:
    """Name values as they were called while they were watched, else by the variables of these running functions."""
    if watched is not None:
        give_names(nodes, watched.names)
    for frame in frames:
        give_names(nodes, names_for(nodes, frame))


def give_names(nodes: list[Node], names: Names) -> None:
    """Name the values that have no name; a constant also after a plain array that it equals."""
    own = {id(node.value) for node in nodes}
    plain = [thing for thing in names.held if id(thing) not in own]
    for node in nodes:
        if node.name is None and not is_number(node):
            node.name = names.of(node.value, lent=node.kind != "operation")
        if node.name is None and node.kind == "constant":
            same = (thing for thing in plain if is_same(thing, node.value))
            node.name = next((names.of(thing) for thing in same), None)


def is_same(one: Any, other: Any) -> bool:
    return bool(one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes())
