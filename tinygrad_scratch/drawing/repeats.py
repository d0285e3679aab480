"""What is repeated is drawn once: a block of operations that follows itself, as in a loop or a stack of layers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from tinygrad_scratch.drawing.clusters import Frame, common
from tinygrad_scratch.drawing.items import Item, places, users_of
from tinygrad_scratch.graph import Node
from tinygrad_scratch.rules.registry import label

LONGEST_BLOCK = 500  # boxes in a block whose repetition is looked for
LEAST_SAVED = 2  # boxes that a repetition must save
MOST_PASSES = 8  # of looking for repetitions in what is left


@dataclass(frozen=True)
class Run:
    """From `start` on, `rounds` times `length` boxes that are alike."""

    start: int
    length: int
    rounds: int

    @property
    def saved(self) -> int:
        return self.length * (self.rounds - 1)


def without_repeats(items: list[Item]) -> list[Item]:
    """Each block of operations that follows itself, alike in all but its numbers, is drawn once, in a frame."""
    for _ in range(MOST_PASSES):
        operations = [item for item in items if item.last.kind == "operation"]
        run = longest_run(operations)
        if run is None:
            break
        items = rolled_up(items, operations, run)
    return items


def longest_run(operations: list[Item]) -> Run | None:
    """The repetition that saves most, of these the one of the shortest blocks.

    What a block is given comes from the block before it; what the first is given may be a leaf, or come from elsewhere.
    """
    kinds, wired = signatures(operations)
    best: Run | None = None
    for length in range(1, min(LONGEST_BLOCK, len(kinds) // 2) + 1):
        alike = np.concatenate([[False], wired[length:] == wired[:-length], [False]])
        starts, ends = np.flatnonzero(alike[1:] & ~alike[:-1]), np.flatnonzero(~alike[1:] & alike[:-1])
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if end - start + length <= (best.saved if best is not None else 0):
                continue
            earliest = max(0, start - length)
            while start > earliest and kinds[start - 1] == kinds[start - 1 + length]:
                start -= 1
            run = Run(start, length, (end - start) // length + 1)
            if run.saved >= LEAST_SAVED and (best is None or run.saved > best.saved):
                best = whole_calls(operations, run, (end - start) % length)
    return best


def whole_calls(operations: list[Item], run: Run, spare: int) -> Run:
    """The run moved, by as much as there is to spare, to where a block cuts as few calls of modules as can be."""

    def cut(start: int) -> int:
        if start == 0:
            return 0
        return len(common(operations[start - 1].around, operations[start].around))

    start = min(range(run.start, run.start + spare + 1), key=cut)
    return Run(start, run.length, run.rounds)


def signatures(operations: list[Item]) -> tuple[Any, Any]:
    """Two numbers for each box: the first is the same for those that do the same to arrays of the same shapes, the
    second only where the nearest input is as far away, too. Numbers and indices among the arguments may differ.
    """
    position = {node: i for i, item in enumerate(operations) for node in item.everything}
    known: dict[Any, int] = {}
    kinds, wired = [], []
    for i, item in enumerate(operations):
        node = item.last
        shapes = tuple(np.shape(part.value) for part in node.inputs)
        title = item.title.split("(")[0] if item.title else None
        fold = (title, len(item.nodes), len(item.others))
        kind = (*fold, label(node.function), str(node.keywords), node.value.shape, node.value.dtype, shapes)
        far = min((i - position[part] for part in node.inputs if part in position), default=0)
        kinds.append(known.setdefault(kind, len(known)))
        wired.append(known.setdefault((kind, far), len(known)))
    return np.array(kinds, dtype=int), np.array(wired, dtype=int)


def rolled_up(items: list[Item], operations: list[Item], run: Run) -> list[Item]:
    """The blocks after the first go into the boxes of the first, with the leaves that they alone use."""
    starts = range(run.start, run.start + run.rounds * run.length, run.length)
    blocks = [operations[start : start + run.length] for start in starts]
    goal = {item: original for block in blocks for item, original in zip(block, blocks[0], strict=True)}
    goal |= leaves_of_blocks(items, blocks)
    others: dict[Item, list[list[Node]]] = {}
    for item, original in goal.items():
        if item is not original:
            others.setdefault(original, []).extend([item.nodes, *item.others])
    outer = reduce(common, (item.around for block in blocks[:2] for item in block))
    frame = Frame(rounds=run.rounds)
    found = []
    for item in items:
        if goal.get(item) is item:
            around = (*outer, frame, *item.around[len(outer) :])
            item = replace(item, around=around, others=[*item.others, *others.get(item, [])])
        elif item in goal:
            continue
        found.append(item)
    return found


def leaves_of_blocks(items: list[Item], blocks: list[list[Item]]) -> dict[Item, Item]:
    """Of each leaf that one block alone uses, the leaf that stands in its place in the first block."""
    users, where = users_of(items), places(items)
    found: dict[Item, Item] = {}
    for block in blocks:
        mine = set(block)
        for item, original in zip(block, blocks[0], strict=True):
            for part, model in zip(item.last.inputs, original.last.inputs, strict=True):
                leaf, place = where.get(part), where.get(model)
                if leaf is None or place is None or leaf in found or leaf.last.kind != place.last.kind:
                    continue
                if leaf.last.kind != "operation" and set(users[leaf]) <= mine and (leaf is place or place in found):
                    found[leaf] = found.get(place, place)
    times = Counter(found.values())
    return {leaf: place for leaf, place in found.items() if times[place] > 1}
