"""Kernels that follow each other share their outer loops, so that what one makes of an image or a row is still near.

Two kernels may share a loop if, at each of its turns, the later one reads only what the earlier one wrote at that turn.
What no kernel outside reads then needs room for one turn only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tinygrad_scratch.compiler.native.kernels import Access, Kernel
from tinygrad_scratch.compiler.native.places import Buffer, Place
from tinygrad_scratch.compiler.native.writer import Private

LEAST_WORK = 8
"""Elements in a turn of shared loops: with fewer, a long loop that becomes vector instructions is worth more."""


@dataclass
class Group:
    """Kernels that share so many loops."""

    kernels: list[Kernel]
    depth: int


def grouped(kernels: Sequence[Kernel]) -> list[Group]:
    """Neighbours that share as many outer loops as they can, where the later reads what the earlier wrote."""
    groups: list[Group] = []
    for kernel in kernels:
        depth = shared_depth(groups[-1], kernel) if groups else 0
        if depth:
            groups[-1].kernels.append(kernel)
            groups[-1].depth = depth
        else:
            groups.append(Group([kernel], 0))
    return groups


def shared_depth(group: Group, kernel: Kernel) -> int:
    """How many loops a kernel can share with all of a group; 0 if it has no use for them."""
    most = group.depth or len(group.kernels[-1].loops)
    common = 0
    for mine, theirs in zip(kernel.loops, group.kernels[-1].loops[:most], strict=False):
        if mine != theirs:
            break
        common += 1
    while common and not all(independent(earlier, kernel, common) for earlier in group.kernels):
        common -= 1
    while common and kernel.loops[common - 1] == 1:
        common -= 1
    flows = any(feeds(earlier, kernel) for earlier in group.kernels)
    inside = max(work_inside(each, common) for each in (*group.kernels, kernel))
    return common if flows and inside >= LEAST_WORK and math.prod(kernel.loops[:common]) > 1 else 0


def work_inside(kernel: Kernel, depth: int) -> int:
    """How many elements a turn of the shared loops goes through."""
    return max(math.prod(access.place.shape[depth:]) for access in kernel.accesses())


def feeds(earlier: Kernel, later: Kernel) -> bool:
    written = {a.buffer for a in earlier.accesses() if a.write}
    return any(not a.write and a.buffer in written for a in later.accesses())


def independent(earlier: Kernel, later: Kernel, depth: int) -> bool:
    """Whether no turn of shared loops touches what another turn of them writes."""
    for a in earlier.accesses():
        for b in later.accesses():
            if a.buffer is b.buffer and (a.write or b.write) and not aligned(a, b, depth):
                return False
    return True


def aligned(a: Access, b: Access, depth: int) -> bool:
    """Whether both touch the same part of a buffer at each turn, and these parts don't overlap."""
    loops = range(depth)
    shape = a.place.shape
    for axis in loops:
        if shape[axis] != 1 and (a.place.strides[axis] != b.place.strides[axis] or a.place.strides[axis] <= 0):
            return False
    (low_a, high_a), (low_b, high_b) = span(a.place, depth), span(b.place, depth)
    reach = max(high_a, high_b) - min(low_a, low_b)
    for axis in sorted((axis for axis in loops if shape[axis] != 1), key=lambda axis: a.place.strides[axis]):
        if a.place.strides[axis] <= reach:
            return False
        reach += a.place.strides[axis] * (shape[axis] - 1)
    return True


def span(place: Place, depth: int) -> tuple[int, int]:
    """The first and the last element of a buffer that one turn of the outer loops touches, at their first turn."""
    low = high = place.offset
    for extent, stride in zip(place.shape[depth:], place.strides[depth:], strict=True):
        low += min(0, stride * (extent - 1))
        high += max(0, stride * (extent - 1))
    return low, high


def private(groups: Sequence[Group], kept: set[Buffer]) -> Private:
    """The buffers that need room for one turn only."""
    touched: dict[Buffer, set[int]] = {}
    for number, group in enumerate(groups):
        for kernel in group.kernels:
            for access in kernel.accesses():
                touched.setdefault(access.buffer, set()).add(number)
    found: Private = {}
    for buffer, numbers in touched.items():
        if buffer in kept or len(numbers) > 1:
            continue
        group = groups[next(iter(numbers))]
        if group.depth and all(
            in_turns(a, group.depth) for k in group.kernels for a in k.accesses() if a.buffer is buffer
        ):
            found[buffer] = group.kernels[0].loops[: group.depth]
    return found


def in_turns(access: Access, depth: int) -> bool:
    """Whether the turns of the outer loops go through the buffer in order, each touching its own part of it."""
    place = access.place
    expected = place.buffer.size
    for extent, stride in zip(place.shape[:depth], place.strides[:depth], strict=True):
        if expected % max(extent, 1) or (extent != 1 and stride != expected // extent):
            return False
        expected //= max(extent, 1)
    low, high = span(place, depth)
    return low >= 0 and high < expected
