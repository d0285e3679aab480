"""The text of a native program: a function for each native part, and the loop over the steps of a training.

The text depends on shapes, dtypes and structure alone, so that it can be stored and found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinygrad_scratch.compiler.native.expressions import SUPPORTED
from tinygrad_scratch.compiler.native.kernels import Map, Nest
from tinygrad_scratch.compiler.native.places import Buffer, Place
from tinygrad_scratch.compiler.native.sharing import Group
from tinygrad_scratch.compiler.native.writer import INDICES, OF_MATHEMATICS, Writer

ARRAYS = list(SUPPORTED.values())
ARGUMENTS = ", ".join(ARRAYS)
HEAD = '"""Written by tinygrad_scratch from a traced function: f8, f4 ... are one arena, seen as arrays of that type."""\n'


@dataclass
class Layout:
    """Where buffers lie in the arena, which of them have room for one turn only, and how large it is, in bytes."""

    offsets: dict[Buffer, int]
    private: dict[Buffer, int]
    size: int


def function_text(name: str, groups: Sequence[Group], layout: Layout) -> str:
    """One native part."""
    writer = Writer(layout.offsets, layout.private)
    for group in groups:
        write_group(writer, group)
    lines = writer.lines or ["    pass"]
    if "base" in writer.used:
        lines.insert(0, "    base = b1.ctypes.data")
    return "\n".join([f"def {name}({ARGUMENTS}):", *lines, ""])


def write_group(writer: Writer, group: Group) -> None:
    for kernel in group.kernels:
        if kernel.note:
            for line in kernel.note.split("; "):
                writer.line(f"# {line}")
    for kernel in group.kernels:
        kernel.before(writer, group.depth)
    write_turns(writer, group, 0)


def write_turns(writer: Writer, group: Group, level: int) -> None:
    if level < group.depth:
        with writer.loop(INDICES[level], group.kernels[0].loops[level]):
            write_turns(writer, group, level + 1)
        return
    for kernel in group.kernels:
        kernel.body(writer, group.depth)


def feed_text(pairs: Sequence[tuple[Place, Place]], layout: Layout) -> str:
    """What comes between two steps of a training: outputs become inputs, as far as they don't lie there already."""
    moves = [(new, old) for new, old in pairs if new.buffer.root is not old.buffer.root or new.offset != old.offset]
    groups = [
        Group([Nest(old.shape, maps=[Map(old, "{0}", (new,), (new.dtype,), "")], stored={old.buffer})], 0)
        for new, old in moves
    ]
    return function_text("feed", groups, layout)


def module_text(parts: Sequence[str], feed: str | None) -> str:
    """The whole module; with `feed`, a function `train` that runs many steps."""
    names = ", ".join(OF_MATHEMATICS)
    head = [HEAD, f"from tinygrad_scratch.compiler.native.mathematics import {names}\n"]
    text = "\n".join([*head, *parts])
    if feed is None:
        return text
    calls = [f"        part_{i}({ARGUMENTS})" for i in range(len(parts))]
    train = [
        f"def train(steps, {ARGUMENTS}):",
        "    for step in range(steps):",
        "        if step:",
        f"            feed({ARGUMENTS})",
        *calls,
        "",
    ]
    return "\n".join([text, feed, "\n".join(train)])


def size_of(buffer: Buffer, layout_private: dict[Buffer, int], groups: Sequence[Group]) -> int:
    """The bytes that a buffer takes: those of one turn, if it is private."""
    depth = layout_private.get(buffer)
    if depth is None:
        return buffer.size * buffer.dtype.itemsize
    for group in groups:
        for kernel in group.kernels:
            if any(access.buffer is buffer for access in kernel.accesses()):
                turns = int(np.prod(kernel.loops[:depth]))
                return buffer.size // turns * buffer.dtype.itemsize
    raise AssertionError("a private buffer is touched by some kernel")
