"""Lists, tuples and dicts of values, as the transforms take them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any


def map_leaves(change: Callable[[Any], Any], tree: Any) -> Any:
    """The same lists, tuples and dicts, each of its own class, with every leaf changed."""
    if isinstance(tree, dict):
        changed = copy(tree)
        changed.update({key: map_leaves(change, part) for key, part in tree.items()})
        return changed
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(map_leaves(change, part) for part in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(map_leaves(change, part) for part in tree)
    return change(tree)


def leaves_of(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict | list | tuple):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves_of(part)
    else:
        yield tree
