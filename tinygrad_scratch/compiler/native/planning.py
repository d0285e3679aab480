"""What is to be compiled: which parts are native, which calls are left to NumPy, and where everything lies."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_scratch.compiler.native import (  # they register
    choosing,
    images,
    joining,
    losses,
    products,
    reductions,
    views,
)
from tinygrad_scratch.compiler.native.elements import Map
from tinygrad_scratch.compiler.native.fusion import fused, segments
from tinygrad_scratch.compiler.native.kernels import Kernel
from tinygrad_scratch.compiler.native.lowering import Lowering, NumpyCall, described
from tinygrad_scratch.compiler.native.matrices import Product
from tinygrad_scratch.compiler.native.nests import Nest
from tinygrad_scratch.compiler.native.places import Buffer, Place
from tinygrad_scratch.compiler.native.printing import Layout, module_text
from tinygrad_scratch.compiler.native.sharing import Group, grouped, private
from tinygrad_scratch.compiler.native.updates import folded, in_place, updates_last
from tinygrad_scratch.compiler.native.workspace import bytes_of, lives, plan
from tinygrad_scratch.compiler.program import Program

MOST_KERNELS = 24
"""Kernels in one native function: the time to compile one grows faster than its length."""

REGISTERED = (views, choosing, joining, reductions, products, images, losses)

Feeds = Sequence[tuple[int, int]]
"""Which output, by its number, becomes which input in the next step."""


class Plan:
    """The parts of a program in order, each the name of a native function or a call of NumPy's; and the text."""

    def __init__(self, program: Program, feeds: Feeds = ()) -> None:
        lowering = Lowering(program)
        self.program = program
        self.constants = lowering.constants
        self.inputs = [lowering.places.get(v) for v in program.inputs]  # None where the arena can't hold the value
        places = [place for place in (*self.inputs, *(place for place, _ in self.constants)) if place is not None]
        given = [place.buffer for place in places]
        self.outputs: list[Place | None] = []
        for variable in program.outputs:
            place = lowering.places.get(variable)
            if feeds and place is not None and place.buffer in given:
                place = lowering.copied(place)  # what is handed on must not be overwritten by the next step's inputs
            self.outputs.append(place)
        self.pairs = [
            (new, old) for i, j in feeds if (new := self.outputs[i]) is not None and (old := self.inputs[j]) is not None
        ]
        kept = [place.buffer for place in self.outputs if place is not None]
        operations = folded(updates_last(lowering.operations, set(kept)), self.pairs)
        kernels = fused(operations, kept)
        in_place(kernels, self.pairs)
        self._lay_out([grouped(part) for part in segments(with_copies(kernels), MOST_KERNELS)], [*given, *kept])

    def _lay_out(self, parts: list[list[Group]], kept: Sequence[Buffer]) -> None:
        """Give every buffer its place in the arena, and write the text."""
        groups = [group for part in parts for group in part]
        always = list(dict.fromkeys(buffer.root for buffer in kept))
        alone = private(groups, set(always))
        needed = lives([group.kernels for group in groups], always, alone)
        offsets, size = plan(needed, {buffer: bytes_of(buffer, alone) for buffer in needed})
        self.layout = Layout(offsets, alone, size)
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
        self.text = module_text(native, self.pairs, self.layout, self.trains)

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


def with_copies(kernels: Sequence[Kernel]) -> list[Kernel]:
    """Where a product is added to what lies elsewhere, that is copied to the product's place first."""
    found: list[Kernel] = []
    for kernel in kernels:
        onto = kernel.onto if isinstance(kernel, Product) else None
        if isinstance(kernel, Product) and onto is not None and onto.buffer.root is not kernel.target.buffer.root:
            copy = Map(kernel.target, "{0}", (onto,), (onto.dtype,))
            found.append(Nest(kernel.target.shape, maps=[copy], stored={kernel.target.buffer}))
            kernel.onto = kernel.target
        found.append(kernel)
    return found
