"""A program as native code: made once, called often, and, for training, run for many steps in one call."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native import images as images  # it says how convolutions are lowered
from tinygrad_scratch.compiler.native.expressions import SUPPORTED
from tinygrad_scratch.compiler.native.fusion import fused, segments
from tinygrad_scratch.compiler.native.kernels import Kernel, Map, Product
from tinygrad_scratch.compiler.native.lowering import Lowering, NumpyCall, described
from tinygrad_scratch.compiler.native.places import Buffer, Place
from tinygrad_scratch.compiler.native.printing import Layout, module_text, size_of
from tinygrad_scratch.compiler.native.sharing import Group, grouped, private
from tinygrad_scratch.compiler.native.updates import folded, in_place, updates_last
from tinygrad_scratch.compiler.native.workspace import ALIGNED, lives, plan
from tinygrad_scratch.compiler.program import Program, Variable, substitute

MOST_KERNELS = 24
"""Kernels in one native function: the time to compile one grows faster than its length."""


class Plan:
    """What is to be compiled: the parts in order, native text or a call of NumPy's, and where everything lies."""

    def __init__(self, program: Program, feeds: Sequence[tuple[int, int]] = ()) -> None:
        lowering = Lowering(program)
        self.program = program
        self.inputs = [lowering.places.get(v) for v in program.inputs]  # None where the arena can't hold the value
        self.constants = lowering.constants
        places = [place for place in (*self.inputs, *(place for place, _ in self.constants)) if place is not None]
        given = [place.buffer for place in places]
        operations = lowering.operations
        self.outputs: list[Place] = []
        for variable in program.outputs:
            place = lowering.places[variable]
            if feeds and place.buffer in given:  # an input handed on: the next turn must not overwrite it too early
                place = lowering.copied(place)
            self.outputs.append(place)
        pairs = [
            (self.outputs[output], place) for output, input in feeds if (place := self.inputs[input]) is not None
        ]
        kept = {place.buffer for place in self.outputs}
        operations = folded(updates_last(operations, kept), pairs)
        kernels = with_copies(fused(operations, kept), operations, pairs)
        in_place(kernels, pairs)
        kernels = settled(kernels)
        parts = [grouped(part) for part in segments(kernels, MOST_KERNELS)]
        groups = [group for part in parts for group in part]
        always = list(dict.fromkeys(buffer.root for buffer in (*given, *(place.buffer for place in self.outputs))))
        alone = private(groups, set(always))
        needed = lives([group.kernels for group in groups], always, alone)
        sizes = {buffer: size_of(buffer, alone, groups) for buffer in needed}
        offsets, size = plan(needed, sizes)
        self.layout = Layout(offsets, alone, size)
        self.pairs = pairs
        self.calls: list[str | NumpyCall] = []
        native: list[list[Group]] = []
        for part in parts:
            first = part[0].kernels[0]
            if isinstance(first, NumpyCall):
                self.calls.append(first)
            else:
                self.calls.append(f"part_{len(native)}")
                native.append(part)
        self.trains = len(native) == len(parts)
        self.text = module_text(native, pairs, self.layout, self.trains)

    @property
    def functions(self) -> list[str]:
        """The names of the text's functions, each after those that it calls."""
        parts = [call for call in self.calls if isinstance(call, str)]
        if self.trains:
            return ["train"] if len(parts) == 1 else [*parts, "train"]
        return [*parts, "feed"] if self.pairs else parts

    @property
    def source(self) -> str:
        """The text, and which calls are left to NumPy."""
        left = [call.step for call in self.calls if isinstance(call, NumpyCall)]
        if not left:
            return self.text
        lines = "\n".join(f"# {described(step)}" for step in left)
        return f"{self.text}\n# Between these parts, calls that are left to NumPy:\n{lines}\n"


def with_copies(kernels: list[Kernel], operations: Any, pairs: Any) -> list[Kernel]:
    return kernels


def settled(kernels: list[Kernel]) -> list[Kernel]:
    """Products that add to another place than the one they are written to: what they add is copied there first."""
    from tinygrad_scratch.compiler.native.kernels import Nest

    found: list[Kernel] = []
    for kernel in kernels:
        if isinstance(kernel, Product) and kernel.onto is not None:
            if kernel.onto.buffer.root is not kernel.target.buffer.root:
                copy = Map(kernel.target, "{0}", (kernel.onto,), (kernel.onto.dtype,))
                found.append(Nest(kernel.target.shape, maps=[copy], stored={kernel.target.buffer}))
                kernel.onto = kernel.target
        found.append(kernel)
    return found


class Arena:
    """The memory of one run: an array of bytes, seen as arrays of every type, and where inputs and outputs lie."""

    def __init__(self, plan: Plan) -> None:
        memory = np.empty(plan.layout.size + ALIGNED, np.uint8)
        start = -memory.ctypes.data % ALIGNED
        self.memory = memory[start : start + plan.layout.size]
        self.views = tuple(self.memory[: plan.layout.size].view(dtype) for dtype in SUPPORTED)
        self.plan = plan
        self.inputs = [None if place is None else self.array(place) for place in plan.inputs]
        self.outputs = [self.array(place) for place in plan.outputs]
        for place, value in plan.constants:
            if place.buffer.root in plan.layout.offsets:
                self.array(place)[...] = value

    def array(self, place: Place) -> Any:
        """A place as an array over this memory."""
        itemsize = place.dtype.itemsize
        first = self.plan.layout.offsets[place.buffer.root] + place.offset * itemsize
        strides = [stride * itemsize for stride in place.strides]
        return np.ndarray(place.shape, place.dtype, self.memory.data, first, strides) if place.array.size else np.empty(place.shape, place.dtype)


class NativeProgram:
    """A program compiled: called with the values of its inputs, it returns those of its outputs, as new arrays.

    `feeds` says which output becomes which input in the next step of `repeat`. Calls that have no native form are left
    to NumPy; `source` names them.
    """

    def __init__(self, program: Program, feeds: Sequence[tuple[int, int]] = ()) -> None:
        from tinygrad_scratch.compiler.native.storing import compiled

        self.plan = Plan(program, feeds)
        self.functions = compiled(self.plan.text, self.plan.functions)
        self.arenas: list[Arena] = []  # those that no call is using

    @property
    def source(self) -> str:
        return self.plan.source

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        return self.repeat(1, *values)

    def repeat(self, steps: int, *values: Any) -> tuple[Any, ...]:
        """Run so many steps, each fed by the one before; the outputs of the last."""
        if steps < 1:
            raise ValueError(f"repeat({steps}, ...) would run no step: there would be nothing to return.")
        if steps > 1 and not self.plan.pairs:
            raise ValueError("This program was compiled for single steps: no output becomes an input.")
        try:
            arena = self.arenas.pop()
        except IndexError:
            arena = Arena(self.plan)
        objects: dict[Variable, Any] = {}
        for variable, array, value in zip(self.plan.program.inputs, arena.inputs, values, strict=True):
            if array is None:
                objects[variable] = value
            else:
                array[...] = value
        self.run(arena, steps, objects)
        found = tuple(array.copy() for array in arena.outputs)
        self.arenas.append(arena)
        return found

    def run(self, arena: Arena, steps: int, objects: dict[Variable, Any]) -> None:
        if "train" in self.functions:
            self.functions["train"](steps, *arena.views)
            return
        for step in range(steps):
            if step:
                self.functions["feed"](*arena.views)
            for call in self.plan.calls:
                if isinstance(call, str):
                    self.functions[call](*arena.views)
                else:
                    left_to_numpy(call, arena, objects)


def left_to_numpy(call: NumpyCall, arena: Arena, objects: dict[Variable, Any]) -> None:
    """Make one call by NumPy, on arrays over the arena."""
    step = call.step
    known = objects | {variable: arena.array(place) for variable, place in call.given.items()}
    found = step.function(*substitute(step.arguments, known), **substitute(dict(step.keywords), known))
    for variable, value in zip(step.results, found if isinstance(step.result, tuple) else (found,), strict=True):
        if variable in call.made:
            arena.array(call.made[variable])[...] = value
        else:
            objects[variable] = value


__all__ = ["Buffer", "Group", "NativeProgram", "warnings"]
