"""One arena for all arrays of a program: where each lies is a constant, and room is used again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tinygrad_scratch.compiler.native.kernels import Kernel
from tinygrad_scratch.compiler.native.places import Buffer
from tinygrad_scratch.compiler.native.writer import Private

ALIGNED = 64
"""Bytes: a line of the cache, and the widest vector."""


@dataclass
class Life:
    """The first and the last kernel that a buffer is needed at, counted in the program's order."""

    first: int
    last: int


def lives(groups: Sequence[Sequence[Kernel]], always: Sequence[Buffer], private: Private) -> dict[Buffer, Life]:
    """When each buffer is needed: from the first turn of a group that touches it to the last turn of one."""
    count = sum(len(group) for group in groups)
    found = {buffer.root: Life(-1, count) for buffer in always}
    number = 0
    for group in groups:
        for at, kernel in enumerate(group, number):
            for access in kernel.accesses():
                buffer = access.buffer
                first, last = (at, at) if buffer in private else (number, number + len(group) - 1)
                life = found.setdefault(buffer, Life(first, last))
                life.first, life.last = min(life.first, first), max(life.last, last)
        number += len(group)
    return found


def plan(needed: dict[Buffer, Life], sizes: dict[Buffer, int]) -> tuple[dict[Buffer, int], int]:
    """An offset in bytes for each buffer, and the size of the arena.

    The largest are placed first, each in the lowest gap between those that live at the same time.
    """
    offsets: dict[Buffer, int] = {}
    for buffer in sorted(needed, key=lambda b: (-sizes[b], needed[b].first)):
        life = needed[buffer]
        others = [b for b in offsets if needed[b].first <= life.last and needed[b].last >= life.first]
        spans = sorted((offsets[b], offsets[b] + rounded(sizes[b])) for b in others)
        offset = 0
        for begin, end in spans:
            if offset + rounded(sizes[buffer]) <= begin:
                break
            offset = max(offset, end)
        offsets[buffer] = offset
    return offsets, max((offsets[b] + rounded(sizes[b]) for b in offsets), default=0)


def bytes_of(buffer: Buffer, private: Private) -> int:
    """The room that a buffer takes: that of one turn, if it is private."""
    return buffer.size // math.prod(private.get(buffer, ())) * buffer.dtype.itemsize


def rounded(size: int) -> int:
    return max(-(-size // ALIGNED), 1) * ALIGNED
