"""Folding: several values drawn as one box, by module, by depth, by name, by a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, TypeAlias

from tinygrad_scratch.drawing.clusters import Around, Frame, common
from tinygrad_scratch.drawing.items import Item, inputs_of, places, users_of
from tinygrad_scratch.drawing.repeats import without_repeats
from tinygrad_scratch.graph import Node

MOST_INSIDE = 12  # calls that are written as one

Rule: TypeAlias = Callable[[Node], Any]
Fold: TypeAlias = "int | str | type | Rule | tuple[Fold, ...] | None"


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
