"""Arrays from outside that show one memory, as `self.V = self.W.T` does: a write to one is seen in the other, too."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from tinygrad_scratch.verifier.recording.methods import Method
from tinygrad_scratch.verifier.recording.references import Ref
from tinygrad_scratch.verifier.recording.run import Run
from tinygrad_scratch.verifier.recording.steps import Array, Node

Call = tuple[Method, tuple[object, ...]]  # a method of arrays, and what it is given
MOST_AXES = 4


def tie(run: Run, base: int, arrays: dict[int, Array]) -> None:
    """Let arrays from outside, by slot, that show all of the memory of one that was read before them be views of it."""
    first: dict[int, Node] = {}
    for node in run.nodes:
        if node.slot in arrays:
            first.setdefault(node.slot, node)
    for slot in first.keys() - {base}:
        step = run.steps[first[slot].step]
        read = [node.number for node in run.nodes if node.slot == base and node.step < step.index]
        for method, arguments in views_of(arrays[base], arrays[slot].shape) if read and step.function is None else ():
            if is_same_memory(method(arrays[base], *arguments), arrays[slot]):
                step.function, step.arguments, step.reads = method, (Ref(base), *arguments), (read[-1],)
                run.rewired += 1
                break


def views_of(base: Array, shape: tuple[int, ...]) -> Iterator[Call]:
    """The calls that show all of an array in a shape."""
    if base.ndim == len(shape) <= MOST_AXES:
        yield from ((Method("transpose"), (axes,)) for axes in permutations(range(base.ndim)))
    if base.size == np.prod(shape, dtype=int):
        yield Method("reshape"), (shape,)


def is_same_memory(one: Array, other: Array) -> bool:
    """Whether two arrays show the same memory in the same way."""
    alike = one.shape == other.shape and one.strides == other.strides and one.dtype == other.dtype
    return alike and one.ctypes.data == other.ctypes.data
