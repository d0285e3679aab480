"""The memory of a run: one array of bytes, seen as arrays of every type."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native.expressions import SUPPORTED
from tinygrad_scratch.compiler.native.lowering import NumpyCall
from tinygrad_scratch.compiler.native.places import Place
from tinygrad_scratch.compiler.native.planning import Plan
from tinygrad_scratch.compiler.native.workspace import ALIGNED
from tinygrad_scratch.compiler.program import Variable, check_shape, substitute
from tinygrad_scratch.graph import Array


class Arena:
    """The memory, its views for native code, and the arrays in it that are inputs and outputs.

    `objects` are the values that it can't hold, such as a generator of random numbers.
    """

    def __init__(self, plan: Plan) -> None:
        memory = np.empty(plan.layout.size + ALIGNED, np.uint8)
        start = -memory.ctypes.data % ALIGNED
        self.plan = plan
        self.memory = memory[start : start + plan.layout.size]
        self.views = tuple(self.memory.view(dtype) for dtype in SUPPORTED)
        self.inputs = [None if place is None else self.array(place) for place in plan.inputs]
        self.outputs = [None if place is None else self.array(place) for place in plan.outputs]
        self.objects: dict[Variable, Any] = {}
        self.known: dict[Place, Array] = {}
        for place, value in plan.constants:
            self.array(place)[...] = value

    def array(self, place: Place) -> Array:
        """A place as an array over this memory."""
        if not place.array.size:
            return np.empty(place.shape, place.dtype)
        first = self.plan.layout.offsets[place.buffer.root] + place.offset * place.dtype.itemsize
        return np.ndarray(place.shape, place.dtype, self.memory.data, first, place.array.strides)

    def known_array(self, place: Place) -> Array:
        if place not in self.known:
            self.known[place] = self.array(place)
        return self.known[place]

    def give(self, values: tuple[Any, ...]) -> None:
        """Copy the values of the inputs in."""
        for variable, array, value in zip(self.plan.program.inputs, self.inputs, values, strict=True):
            if array is None:
                self.objects[variable] = value
            else:
                array[...] = value

    def take(self) -> tuple[Any, ...]:
        """The values of the outputs, as arrays of their own."""
        return tuple(
            self.objects[variable] if array is None else array.copy()
            for variable, array in zip(self.plan.program.outputs, self.outputs, strict=True)
        )

    def leave_to_numpy(self, call: NumpyCall) -> None:
        """Make one call by NumPy, on arrays over this memory."""
        step = call.step
        given = {variable: laid_out(self.known_array(place), variable) for variable, place in call.given.items()}
        known = {**self.objects, **given}
        found = step.function(*substitute(step.arguments, known), **substitute(dict(step.keywords), known))
        for variable, value in zip(step.results, found if isinstance(step.result, tuple) else (found,), strict=True):
            if variable in call.made:
                check_shape(value, call.made[variable].shape, step.described)
                self.known_array(call.made[variable])[...] = value
            else:
                self.objects[variable] = value


def laid_out(array: Array, variable: Variable) -> Array:
    """The array with its axes in memory in the order that they had when it was traced: some functions look at that."""
    mine, theirs = in_memory(array.strides), in_memory(variable.strides)
    if mine == theirs or array.size < 2:
        return array
    return np.ascontiguousarray(array.transpose(theirs)).transpose(np.argsort(theirs))


def in_memory(strides: tuple[int, ...]) -> list[int]:
    """The axes in the order of memory, the longest stride first."""
    return sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))
