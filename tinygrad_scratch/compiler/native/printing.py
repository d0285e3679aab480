"""The text of a native program: a function for each native part, and the loop over the steps of a training.

The text depends on shapes, dtypes and structure alone, so that it can be stored and found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from tinygrad_scratch.compiler.native.elements import Map
from tinygrad_scratch.compiler.native.nests import Nest
from tinygrad_scratch.compiler.native.places import Buffer, Place
from tinygrad_scratch.compiler.native.sharing import Group
from tinygrad_scratch.compiler.native.writer import ARGUMENTS, INDICES, OF_MATHEMATICS, Private, Writer

HEAD = (
    '"""Written by tinygrad_scratch from a traced function: f8, f4 ... are one arena, seen as arrays of that type."""'
)


@dataclass
class Layout:
    """Where buffers lie in the arena, which of them have room for one turn only, and how large it is, in bytes."""

    offsets: dict[Buffer, int]
    private: Private
    size: int


def module_text(
    parts: Sequence[Sequence[Group]], pairs: Sequence[tuple[Place, Place]], layout: Layout, trains: bool
) -> str:
    """The whole module: a function for each part, and `train`, which runs many steps.

    Between two steps outputs become inputs, as far as they do not lie there already. With `trains`, the parts are all
    there is to a step; else NumPy's calls come between, and `feed` is a function of its own.
    """
    functions: list[str] = []
    feed = feeding(pairs)
    if trains and len(parts) == 1:
        functions.append(function_text("train", layout, parts[0], feed, steps=True))
    else:
        functions += [function_text(f"part_{i}", layout, part) for i, part in enumerate(parts)]
        if pairs and not trains:
            functions.append(function_text("feed", layout, feed))
        if trains:
            calls = [f"part_{i}({ARGUMENTS})" for i in range(len(parts))]
            functions.append(function_text("train", layout, [], feed, calls, steps=True))
    names = [name for name in OF_MATHEMATICS if any(f"{name}(" in text for text in functions)]
    imports = [f"from tinygrad_scratch.compiler.native.mathematics import {name}" for name in names]
    return "\n\n\n".join(["\n".join([HEAD, "", *imports]).rstrip(), *functions]) + "\n"


def function_text(
    name: str,
    layout: Layout,
    groups: Sequence[Group],
    feed: Sequence[Group] = (),
    calls: Sequence[str] = (),
    steps: bool = False,
) -> str:
    """One native function, which does what kernels do, and calls others; with `steps`, so many times.

    It returns 0, or, as soon as an index is out of bounds, the size of the axis.
    """
    writer = Writer(layout.offsets, layout.private)
    with writer.block("for step in range(steps):") if steps else nullcontext():
        if feed and steps:
            with writer.block("if step:"):
                write_groups(writer, feed)
        write_groups(writer, groups)
        for call in calls:
            writer.line(f"failed = {call}")
            with writer.block("if failed:"):
                writer.line("return failed")
        if not (groups or calls):
            writer.line("pass")
    writer.line("return 0")
    if "base" in writer.used:
        writer.lines.insert(0, "    base = address(b1)")
    return "\n".join([f"def {name}({'steps, ' * steps}{ARGUMENTS}):", *writer.lines])


def write_groups(writer: Writer, groups: Sequence[Group]) -> None:
    for group in groups:
        write_group(writer, group)


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


def feeding(pairs: Sequence[tuple[Place, Place]]) -> list[Group]:
    """What comes between two steps of a training: outputs become inputs, as far as they don't lie there already."""
    moves = [(new, old) for new, old in pairs if new.buffer.root is not old.buffer.root or new.offset != old.offset]
    return [
        Group([Nest(old.shape, maps=[Map(old, "{0}", (new,), (new.dtype,), "")], stored={old.buffer})], 0)
        for new, old in moves
    ]
