"""From operations in the program's order to kernels: what is computed element by element joins the loop that reads it.

Operations are gone through from the last to the first. When the turn of one comes, all that read its result have their
kernels; it joins the earliest of these if that goes through the same elements in the same way, and otherwise gets a
kernel of its own just before. So every value is computed as late as can be, and lives no longer than it must.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from tinygrad_scratch.compiler.native.elements import Indirect, Map, Reduce
from tinygrad_scratch.compiler.native.kernels import Kernel
from tinygrad_scratch.compiler.native.lowering import NumpyCall, Operation, has_place
from tinygrad_scratch.compiler.native.nests import Nest
from tinygrad_scratch.compiler.native.places import Buffer, Place

MOST = 40
"""So many operations in one loop at most: more would not find registers."""


class Fusion:
    """The kernels so far, the last of the program first."""

    def __init__(self, kept: AbstractSet[Buffer]) -> None:
        self.kept = kept  # what is read when the program is over
        self.kernels: list[Kernel] = []
        self.readers: dict[Buffer, list[int]] = {}  # for each buffer, the numbers of the kernels that read it

    def add(self, operation: Operation) -> None:
        if isinstance(operation, Map):
            self._add_map(operation)
        elif isinstance(operation, Reduce):
            self._add_reduction(operation)
        elif is_needed(operation) or any(
            a.buffer in self.kept or a.buffer in self.readers for a in operation.accesses() if a.write
        ):
            self._append(operation)

    def _append(self, kernel: Kernel) -> None:
        self.kernels.append(kernel)
        self._note_reads(len(self.kernels) - 1)

    def _note_reads(self, number: int) -> None:
        for access in self.kernels[number].accesses():
            if not access.write and number not in self.readers.setdefault(access.buffer, []):
                self.readers[access.buffer].append(number)

    def _add_map(self, m: Map) -> None:
        buffer = m.target.buffer
        readers = self.readers.get(buffer, [])
        if not readers and buffer not in self.kept:
            return
        number = max(readers, default=-1)
        nest = self.kernels[number] if readers else None
        moved = self._fitting(m, nest) if isinstance(nest, Nest) else None
        if moved is None or not isinstance(nest, Nest):
            nest, moved, number = Nest(m.shape), m, len(self.kernels)
            self.kernels.append(nest)
        nest.maps.insert(0, moved)
        self._note_reads(number)

    def _fitting(self, m: Map, nest: Nest) -> Map | None:
        """The map as part of a nest that reads its result, if each element is read where it is made."""
        if len(nest.maps) + len(nest.reductions) >= MOST:
            return None
        moved = m if m.shape == nest.shape else m.reshaped(nest.shape) if m.target.array.size > 1 else None
        if moved is None:
            return None
        return moved if reads_alike(nest, moved.target) else None

    def _add_reduction(self, reduction: Reduce) -> None:
        buffer = reduction.target.buffer
        readers = self.readers.get(buffer, [])
        if not readers and buffer not in self.kept:
            return
        for number in range(len(self.kernels) - 1, max(readers, default=-1), -1):
            nest = self.kernels[number]
            if isinstance(nest, Nest) and nest.shape == reduction.shape and shares_operand(nest, reduction):
                nest.reductions.append(reduction)
                self._note_reads(number)
                return
        self._append(Nest(reduction.shape, reductions=[reduction]))


def is_needed(kernel: Kernel) -> bool:
    """Whether a call does more than fill arrays: it takes or makes objects, such as a generator of random numbers."""
    if not isinstance(kernel, NumpyCall):
        return False
    return any(not has_place(v) for v in (*kernel.step.operands, *kernel.step.results))


def reads_alike(nest: Nest, target: Place) -> bool:
    """Whether a nest reads a buffer only element by element, each at the turn that would make it."""
    for operand in nest.operands():
        if isinstance(operand, Place) and operand.buffer is target.buffer:
            if not operand.broadcast(nest.shape).same_elements(target):
                return False
        elif isinstance(operand, Indirect):
            chosen_by = [index for index, *_ in operand.indices if index.buffer is target.buffer]
            if operand.place.buffer is target.buffer or not all(x.same_elements(target) for x in chosen_by):
                return False
    return True


def shares_operand(nest: Nest, reduction: Reduce) -> bool:
    """Whether a nest reads what a reduction reads, element by element, and makes none of it."""
    made = {r.target.buffer for r in nest.reductions} | {m.target.buffer for m in nest.maps}
    if reduction.operand.buffer in made or reduction.into is not None:
        return False
    reads = [x for x in nest.operands() if isinstance(x, Place)]
    return any(x.broadcast(nest.shape).same_elements(reduction.operand) for x in reads)


def fused(operations: Sequence[Operation], kept: Iterable[Buffer]) -> list[Kernel]:
    """The kernels that do what operations say, in order; what nobody reads is left out."""
    fusion = Fusion(set(kept))
    for operation in reversed(operations):
        fusion.add(operation)
    kernels = neighbours_joined(fusion.kernels[::-1])
    readers: dict[Buffer, set[Kernel]] = {}
    for kernel in kernels:
        for access in kernel.accesses():
            if not access.write:
                readers.setdefault(access.buffer, set()).add(kernel)
    for kernel in kernels:
        if isinstance(kernel, Nest):
            made = [m.target.buffer for m in kernel.maps]
            kernel.stored = {b for b in made if b in fusion.kept or readers.get(b, set()) - {kernel}}
    return kernels


def neighbours_joined(kernels: Sequence[Kernel]) -> list[Kernel]:
    """A nest joins the one before it, if at each turn it reads nothing but what that makes, or made before, there."""
    found: list[Kernel] = []
    for kernel in kernels:
        before = found[-1] if found else None
        if isinstance(kernel, Nest) and isinstance(before, Nest) and can_join(before, kernel):
            before.maps += kernel.maps
            before.reductions += kernel.reductions
        else:
            found.append(kernel)
    return found


def can_join(before: Nest, nest: Nest) -> bool:
    size = sum(len(part) for each in (before, nest) for part in (each.maps, each.reductions))
    results = {reduction.target.buffer for reduction in before.reductions}
    flows = any(nest.reads(m.target.buffer) for m in before.maps)
    return (
        before.shape == nest.shape
        and flows
        and size <= MOST
        and not any(nest.reads(result) for result in results)
        and all(reads_alike(nest, m.target) for m in before.maps)
    )


def segments(kernels: Sequence[Kernel], most: int) -> list[list[Kernel]]:
    """The kernels cut into native parts of a size, and NumPy's calls between them, each alone."""
    found: list[list[Kernel]] = []
    for kernel in kernels:
        native = not isinstance(kernel, NumpyCall)
        if found and native and not isinstance(found[-1][0], NumpyCall) and len(found[-1]) < most:
            found[-1].append(kernel)
        else:
            found.append([kernel])
    return found
