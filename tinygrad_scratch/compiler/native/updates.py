"""A training step's new parameters, written over the old ones.

`new = old - rate * (a.T @ b)` is one call of BLAS, which adds a scaled product to what is there. The old value must not
be read afterwards, so what only the caller reads goes to the end of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygrad_scratch.compiler.native.elements import Map
from tinygrad_scratch.compiler.native.kernels import Kernel
from tinygrad_scratch.compiler.native.lowering import Operation
from tinygrad_scratch.compiler.native.matrices import Product
from tinygrad_scratch.compiler.native.nests import Nest
from tinygrad_scratch.compiler.native.places import Buffer, Place

Pair = tuple[Place, Place]
"""Where an output lies, and the input that it becomes in the next turn."""


def updates_last(operations: Sequence[Operation], outputs: set[Buffer]) -> list[Operation]:
    """The operations, those last whose result is an output that no other operation reads."""
    read = {b for operation in operations for b in buffers_read(operation)}
    last = [
        operation
        for operation in operations
        if isinstance(operation, Map) and operation.target.buffer in outputs - read
    ]
    return [operation for operation in operations if operation not in last] + last


def buffers_read(operation: Operation) -> set[Buffer]:
    return {a.buffer for a in as_kernel(operation).accesses() if not a.write}


def as_kernel(operation: Operation) -> Kernel:
    if isinstance(operation, Kernel):
        return operation
    if isinstance(operation, Map):
        return Nest(operation.shape, maps=[operation], stored={operation.target.buffer})
    return Nest(operation.shape, reductions=[operation])


def folded(operations: Sequence[Operation], pairs: Sequence[Pair]) -> list[Operation]:
    """The operations with each update by a product that nobody else reads made part of that product."""
    makers = {operation.target.buffer: operation for operation in operations if isinstance(operation, Map | Product)}
    count: dict[Buffer, int] = {}
    for operation in operations:
        for buffer in buffers_read(operation):
            count[buffer] = count.get(buffer, 0) + 1
    found = list(operations)
    for output, state in pairs:
        update = makers.get(output.buffer)
        if not isinstance(update, Map) or not whole(output) or output.buffer in count:
            continue
        parts = scaled_product(update, state, makers, count)
        if parts is None or not alone(found, update, state):
            continue
        scale, passed, product = parts
        new = Product(update.target, product.left, product.right, scale, onto=state, note=update.note)
        gone: list[Operation] = [*passed, product, update]
        found = [operation for operation in found if operation not in gone] + [new]
    return found


def alone(operations: Sequence[Operation], update: Map, state: Place) -> bool:
    """Whether all that read the old value stand before its update."""
    at = operations.index(update)
    return all(state.buffer not in buffers_read(later) for later in operations[at + 1 :])


def whole(place: Place) -> bool:
    return place.contiguous and place.array.size == place.buffer.size


def scaled_product(
    update: Map, state: Place, makers: dict[Buffer, Map | Product], count: dict[Buffer, int]
) -> tuple[float, list[Operation], Product] | None:
    """The scale and the product of an update, and the maps between, where it is the state and a scaled product."""
    if update.formula not in ("{0} - {1}", "{0} + {1}") or len(update.shape) != 2:
        return None
    for old, change, sign in (
        (update.operands[0], update.operands[1], -1.0 if "-" in update.formula else 1.0),
        *([(update.operands[1], update.operands[0], 1.0)] if "+" in update.formula else []),
    ):
        if not isinstance(old, Place) or not old.same_elements(state) or not isinstance(change, Place):
            continue
        passed: list[Operation] = []
        while True:
            maker = makers.get(change.buffer)
            if maker is None or count.get(change.buffer) != 1 or not change.same_elements(maker.target):
                break
            if isinstance(maker, Product):
                if maker.onto is None and len(maker.target.shape) == 2:
                    return sign * maker.scale, passed, maker
                break
            scaled = scaled_by(maker)
            if scaled is None:
                break
            passed.append(maker)
            sign, change = sign * scaled[0], scaled[1]
    return None


def scaled_by(m: Map) -> tuple[float, Place] | None:
    """The factor of a map that multiplies by one number, and what it multiplies."""
    if m.target.dtype.kind != "f" or any(t != m.target.dtype for t in m.types):
        return None
    numbers = [x for x in m.operands if isinstance(x, int | float)]
    places = [x for x in m.operands if isinstance(x, Place)]
    if m.formula == "{0} * {1}" and len(numbers) == len(places) == 1:
        return float(m.target.dtype.type(numbers[0])), places[0]
    return (-1.0, places[0]) if m.formula == "-{0}" and places else None


def in_place(kernels: Sequence[Kernel], pairs: Sequence[Pair]) -> None:
    """Lay each output upon the input that it becomes, where the old value is not read any more."""
    taken: set[Buffer] = set()
    for output, state in pairs:
        buffer, old = output.buffer, state.buffer
        alike = whole(output) and whole(state) and output.shape == state.shape and output.dtype == state.dtype
        if not alike or buffer is old or buffer in taken or old in taken or buffer.shared is not None:
            continue
        writers = [
            i for i, kernel in enumerate(kernels) if any(a.write and a.buffer is buffer for a in kernel.accesses())
        ]
        if len(writers) != 1 or any(kernel.reads(old) for kernel in kernels[writers[0] + 1 :]):
            continue
        if can_replace(kernels[writers[0]], buffer, old):
            buffer.shared = old
            taken |= {buffer, old}


def can_replace(kernel: Kernel, buffer: Buffer, old: Buffer) -> bool:
    """Whether a kernel reads the old value of an element no later than it writes the new one."""
    if isinstance(kernel, Product):
        return kernel.onto is not None and not {kernel.left.buffer, kernel.right.buffer} & {old}
    if not isinstance(kernel, Nest):
        return False
    written = [a.place for a in kernel.accesses() if a.write and a.buffer is buffer]
    read = [a.place for a in kernel.accesses() if not a.write and a.buffer is old]
    return all(
        np.array_equal(np.array(r.strides)[np.array(r.shape) != 1], np.array(w.strides)[np.array(w.shape) != 1])
        and r.offset == w.offset
        for r in read
        for w in written
    )
