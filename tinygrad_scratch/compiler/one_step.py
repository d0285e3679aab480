"""A call that takes branches on values, as one step: the program then makes the whole call, with its branches, anew.

This is for texts of the library: NumPy's functions that are made of others, and derivative rules. Such a step has its
own derivative, by recording the call when it is asked for, and that is one step again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_scratch.backward import output_record
from tinygrad_scratch.compiler.program import map_parts
from tinygrad_scratch.graph import StandIn, enable_grad, is_recording, known, next_order
from tinygrad_scratch.rules.registry import RULES, EveryOperand, Several, label
from tinygrad_scratch.tensor import Tensor, make
from tinygrad_scratch.trees import leaves_of, map_leaves

if TYPE_CHECKING:
    from tinygrad_scratch.compiler.traced import Tracer


class Operand:
    """Where a traced value stood among the arguments, and whether it came as a Tensor."""

    def __init__(self, place: int, tensor: bool) -> None:
        self.place = place
        self.tensor = tensor


class Whole:
    """A call of the operands alone: all else that it is given stands in its place."""

    def __init__(self, function: Callable[..., Any], arguments: Any, keywords: Any) -> None:
        self.function = function
        self.operands: list[Any] = []
        self.arguments = self._taken(tuple(arguments))
        self.keywords = self._taken(dict(keywords))
        self.__name__ = label(function)

    def _taken(self, tree: Any) -> Any:
        if isinstance(tree, Tensor | StandIn):
            self.operands.append(tree)
            return Operand(len(self.operands) - 1, isinstance(tree, Tensor))
        if type(tree) is Several:
            return Several(map(self._taken, tree))
        return map_parts(self._taken, tree)

    def given(self, tree: Any, values: Any) -> Any:
        """The arguments again, with these values."""
        if isinstance(tree, Operand):
            return as_tensor(values[tree.place]) if tree.tensor else values[tree.place]
        if type(tree) is Several:
            return Several(self.given(part, values) for part in tree)
        return map_parts(lambda part: self.given(part, values), tree)

    def of(self, values: Any) -> Any:
        """What the function returns of these values, arrays or Tensors."""
        return self.function(*self.given(self.arguments, values), **self.given(self.keywords, values))

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        """The leaves of the result as arrays and numbers, of arrays and numbers."""
        return apart(self.of(values), values)


def apart(result: Any, values: Sequence[Any]) -> tuple[Any, ...]:
    """The leaves of a result, copied where they lie in the memory of what was given: another branch may return that."""
    leaves = (leaf.numpy() if isinstance(leaf, Tensor) else leaf for leaf in leaves_of(result))
    return tuple(
        leaf.copy()
        if isinstance(leaf, np.ndarray) and any(np.may_share_memory(leaf, each) for each in values)
        else leaf
        for leaf in leaves
    )


def as_tensor(value: Any) -> Tensor:
    """A Tensor of a value: of a view of it, as a Tensor's array is read-only and a buffer must not become so."""
    return value if type(value) is Tensor else make(np.asarray(value).view(), None)


def as_one_step(tracer: Tracer, function: Callable[..., Any], arguments: Any, keywords: Any) -> Any:
    """Make a call with the values, and write it down as one step; Tensors that it returns are recorded as its own."""
    whole = Whole(function, arguments, keywords)
    parents = [each._record if isinstance(each, Tensor) else None for each in whole.operands]
    values = [each._value if isinstance(each, Tensor) else each for each in whole.operands]
    result = whole.of([known(value) for value in values])
    found = tracer.write_down(whole, tuple(values), {}, apart(result, [known(value) for value in values]))
    recorded = is_recording() and any(parent is not None for parent in parents)
    arrays = Several(part.as_array() for part in found)
    record: Any = (next_order(), run_whole, arrays, {"whole": whole}, *values, *parents) if recorded else None
    places = count()

    def made(leaf: Any) -> Any:
        place = next(places)
        if not isinstance(leaf, Tensor):
            return found[place]
        is_float = arrays[place].dtype.kind in "fc"
        return make(arrays[place], output_record(record, place) if recorded and is_float else None)

    return map_leaves(made, result)


def pull_back(whole: Whole, positions: list[int], g: Any, *operands: Any) -> list[Any]:
    """The cotangents of some operands, by recording the call."""
    with enable_grad():
        inputs = {i: variable(operands[i]) for i in positions}
        results = list(leaves_of(whole.of([inputs.get(i, operand) for i, operand in enumerate(operands)])))
        parts = [
            leaf.gradient(*inputs.values(), gradient=part, create_graph=True)
            for leaf, part in zip(results, g, strict=True)
            if isinstance(leaf, Tensor) and leaf._record is not None
        ]
        if not parts:
            return [np.zeros_like(each) for each in inputs.values()]
        return [sum(more, start=first) for first, *more in zip(*parts, strict=True)]


def variable(operand: Any) -> Tensor:
    if isinstance(operand, Tensor) and operand._record is not None:
        return operand
    return Tensor(operand, requires_grad=True)


def parts_of_whole(positions: list[int], g: Any, y: Any, *operands: Any, whole: Whole) -> list[Any]:
    """The rule of a whole call: its pullback, as one step."""
    stand_in = next(known for each in (*g, *operands) if isinstance(known := getattr(each, "_value", each), StandIn))
    parts = as_one_step(stand_in.tracer, pull_back, (whole, positions, [*g], *operands), {})  # type: ignore[attr-defined]
    lifted = any(isinstance(each, Tensor) for each in g)
    return [part if lifted or not isinstance(part, Tensor) else part._value for part in parts]


def run_whole(*operands: Any, whole: Whole) -> Any:
    """The function that a record of a whole call names."""
    return whole(*operands)


RULES[run_whole] = EveryOperand(parts_of_whole)
