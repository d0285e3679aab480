"""Folding: several values drawn as one box, by module, by depth, by name, by a rule; a repeated block drawn once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from tinygrad_scratch.drawing.clusters import Around, Frame, Frames, common
from tinygrad_scratch.graph import Node
from tinygrad_scratch.rules.registry import label

LONGEST_BLOCK = 500  # boxes in a block whose repetition is looked for
LEAST_SAVED = 2  # boxes that a repetition must save
MOST_INSIDE = 12  # calls that are written as one
MOST_PASSES = 8  # of looking for repetitions in what is left

Rule: TypeAlias = Callable[[Node], Any]
Fold: TypeAlias = "int | str | type | Rule | tuple[Fold, ...] | None"


@dataclass(eq=False)
class Item:
    """One box of a drawing: a value, or several that are folded into one and go by the last of them.

    `title` is that of a fold. `others` are the values of the repetitions that this box also stands for.
    """

    nodes: list[Node]
    around: Around = ()
    title: str | None = None
    path: str = ""
    others: list[list[Node]] = field(default_factory=list)

    @property
    def last(self) -> Node:
        return self.nodes[-1]

    @property
    def is_fold(self) -> bool:
        return self.title is not None

    @property
    def everything(self) -> Iterator[Node]:
        for nodes in self.rounds:
            yield from nodes

    @property
    def rounds(self) -> list[list[Node]]:
        """The values of each repetition, those of the first first."""
        return [self.nodes, *self.others]


def unfolded(nodes: Iterable[Node], around: Frames) -> list[Item]:
    return [Item([node], around.get(node, ())) for node in nodes]


def folded(items: list[Item], fold: Fold, outputs: Iterable[Node]) -> list[Item]:
    """The items with some folded into others. Folds are applied in turn.

    An int is a depth: the calls of modules that deep become boxes. A class folds the calls of its modules. "repeats"
    draws a repeated block once, "names" only what has a name. A function is given each operation's Node; neighbours for
    which it returns the same text become one box of that title, and None leaves a value as it is.
    """
    if isinstance(fold, tuple):
        return reduce(lambda found, each: folded(found, each, outputs), fold, items)
    if fold is None:
        return items
    if isinstance(fold, str):
        if fold == "repeats":
            return without_repeats(items)
        if fold == "names":
            return by_name(items, set(outputs))
    elif isinstance(fold, type):
        return by_call(items, lambda depth, frame: isinstance(frame.module, fold))
    elif isinstance(fold, int) and not isinstance(fold, bool) and fold >= 0:
        return by_call(items, lambda depth, frame: depth >= fold and frame.module is not None)
    elif callable(fold):
        return by_rule(items, fold)
    raise ValueError(
        f"fold={fold!r} is no way to fold a drawing. Pass a depth of modules (0 or more), a class of modules, "
        '"repeats", "names", a function of a Node that returns a title or None, or a tuple of these.'
    )


# ---- into one box ----------------------------------------------------------------------------------------------------


def by_call(items: list[Item], is_box: Callable[[int, Frame], bool]) -> list[Item]:
    """A box for each call that is to be one, by its depth and its frame; of those around a value, the outermost."""
    keys: dict[Item, Frame] = {}
    outside: dict[Frame, Around] = {}
    for item in items:
        for depth, frame in enumerate(item.around):
            if is_box(depth, frame):
                keys[item], outside[frame] = frame, item.around[:depth]
                break
    return merged(items, keys, lambda frame, nodes: Item(nodes, outside[frame], frame.title, frame.path))


def by_rule(items: list[Item], rule: Rule) -> list[Item]:
    """A box for each set of neighbours that the rule calls the same; a leaf goes with the only box that uses it."""
    said = {item: rule(item.last) for item in items if item.last.kind == "operation" and not item.is_fold}
    titles = {item: str(title) for item, title in said.items() if title is not None}
    where, users = places(items), users_of(items)
    near: dict[Item, list[Item]] = {item: [] for item in titles}
    for item in titles:
        for other in inputs_of(item, where):
            if titles.get(other) == titles[item]:
                near[item].append(other)
                near[other].append(item)
    keys: dict[Item, Item] = {}
    for start in titles:
        waiting = [start]
        while waiting:
            item = waiting.pop()
            if item not in keys:
                keys[item] = start
                waiting += near[item]
    for item in items:
        boxes = {keys.get(user) for user in users.get(item, ())}
        if item.last.kind != "operation" and len(boxes) == 1 and (box := boxes.pop()) is not None:
            keys[item] = box
    around = {start: start.around for start in keys.values()}
    for item, start in keys.items():
        around[start] = common(around[start], item.around) if item.around else around[start]
    return merged(items, keys, lambda start, nodes: Item(nodes, around[start], titles[start]))


def by_name(items: list[Item], outputs: set[Node]) -> list[Item]:
    """Calls without a name, whose value is used once, go into the call that uses it, a dozen at most."""
    users = users_of(items)
    keys: dict[Item, Item] = {}
    sizes: Counter[Item] = Counter()
    for item in reversed(items):
        used = users.get(item, [])
        is_part = item.last.kind == "operation" and not (item.is_fold or item.last.name or item.last in outputs)
        inside = is_part and len(used) == 1 and used[0].around == item.around and not used[0].is_fold
        goal = keys[used[0]] if inside else item
        keys[item] = goal if sizes[goal] < MOST_INSIDE else item
        sizes[keys[item]] += 1
    return merged(items, keys, lambda item, nodes: Item(nodes, item.around) if len(nodes) > 1 else item)


def merged(items: list[Item], keys: dict[Item, Any], make: Callable[[Any, list[Node]], Item]) -> list[Item]:
    """The items of one key as one, which stands where the last of them stood."""
    members: dict[Any, list[Item]] = {}
    for item in items:
        members.setdefault(keys.get(item, item), []).append(item)
    last = {parts[-1]: key for key, parts in members.items()}
    found = []
    for item in items:
        if item in last:
            key = last[item]
            nodes = [node for part in members[key] for node in part.nodes]
            nodes.sort(key=lambda node: (node.kind == "operation", -node.order))
            found.append(make(key, nodes) if item in keys else item)
    return found


def places(items: Iterable[Item]) -> dict[Node, Item]:
    """The box that each value is in."""
    return {node: item for item in items for node in item.everything}


def inputs_of(item: Item, where: dict[Node, Item]) -> list[Item]:
    """The other boxes that a box is made from."""
    parts = (where.get(part) for node in item.nodes for part in node.inputs)
    return list(dict.fromkeys(part for part in parts if part is not None and part is not item))


def users_of(items: list[Item]) -> dict[Item, list[Item]]:
    """The boxes that are made from each; one is named as often as it uses it."""
    where = places(items)
    users: dict[Item, list[Item]] = {}
    for item in items:
        for node in item.nodes:
            for part in node.inputs:
                source = where.get(part)
                if source is not None and source is not item:
                    users.setdefault(source, []).append(item)
    return users


# ---- what is repeated is drawn once ----------------------------------------------------------------------------------


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
