"""References: what stands for recorded arrays in the arguments and the results of a call that is written down."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Ref:
    """Stands for an array in the arguments of a step, as it was read by the name that a rename gave it, if one did."""

    slot: int
    renamed: int = field(default=0, compare=False)


def map_tree(change: Callable[[Any], Any], tree: Any) -> Any:
    """The same tuples, lists, dicts and slices with every leaf changed."""
    if type(tree) in (tuple, list):
        return type(tree)([map_tree(change, part) if type(part) in HOLDING else change(part) for part in tree])
    if type(tree) is dict:
        return {key: map_tree(change, part) for key, part in tree.items()}
    if type(tree) is slice:
        return slice(map_tree(change, tree.start), map_tree(change, tree.stop), map_tree(change, tree.step))
    return change(tree)


def refs_in(tree: Any) -> Iterator[Ref]:
    if type(tree) is Ref:
        yield tree
    elif type(tree) in (tuple, list):
        for part in tree:
            yield from refs_in(part)
    elif type(tree) is dict:
        for part in tree.values():
            yield from refs_in(part)
    elif type(tree) is slice:
        yield from refs_in((tree.start, tree.stop, tree.step))


HOLDING = {Ref, tuple, list, dict, slice}
NUMBERS = {int, type(None)}


def with_arrays(tree: Any, playing: dict[int, Any]) -> Any:
    """The arguments of a step with arrays for their references."""
    kind = type(tree)
    if kind is Ref:
        return playing[tree.slot]
    if kind is tuple or kind is list:  # written out, as all that is tried out goes through here
        return kind(
            [
                playing[part.slot]
                if type(part) is Ref
                else with_arrays(part, playing)
                if type(part) in HOLDING
                else part
                for part in tree
            ]
        )
    if kind is slice and type(tree.start) in NUMBERS and type(tree.stop) in NUMBERS and type(tree.step) in NUMBERS:
        return tree
    return map_tree(lambda part: playing[part.slot] if type(part) is Ref else part, tree) if kind in HOLDING else tree


def call_with_arrays(step: Any, playing: dict[int, Any]) -> tuple[Any, Any]:
    """The arguments of a step, and those that it is given by name, with arrays for their references."""
    arguments = with_whole_numbers(step, with_arrays(step.arguments, playing))
    return arguments, with_arrays(step.keywords, playing) if step.keywords else {}


def with_whole_numbers(step: Any, arguments: Any) -> Any:
    """The arguments of a step with numbers for indices of no dimensions.

    By such an array NumPy takes a copy of a row, and by a number the row itself.
    """
    if step.function not in (operator.getitem, operator.setitem) or type(step.arguments[1]) not in (Ref, tuple):
        return arguments
    index = arguments[1]
    index = tuple([whole(part) for part in index]) if type(index) is tuple else whole(index)
    return (arguments[0], index, *arguments[2:])


def whole(index: Any) -> Any:
    """An array or a Tensor of one whole number as that; anything else as it is."""
    return int(index) if getattr(index, "ndim", -1) == 0 and index.dtype.kind in "iu" else index


def bind(result: Any, value: Any, playing: dict[int, Any]) -> None:
    """Say what stands for the results of a step now."""
    if type(result) is Ref:
        is_array = type(value) is np.ndarray or (hasattr(value, "shape") and not isinstance(value, np.generic))
        playing[result.slot] = value if is_array else np.asarray(value)
    elif isinstance(result, tuple | list):
        for part, own in zip(result, value, strict=True):
            bind(part, own, playing)


WRITING = {
    "setitem", "setattr", "copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis", "fill", "sort",
    "partition", "itemset",
    "resize", "at", "setfield", "shuffle", "nan_to_num",
}  # fmt: skip


def may_write(function: Any, arguments: Any, keywords: Any) -> bool:
    """Whether a call may change one of its arguments."""
    if isinstance(function, np.ufunc) and len(arguments) > function.nin:
        return True
    return "out" in keywords or getattr(function, "__name__", "setitem") in WRITING


PLACE_OF_TYPE = {
    **dict.fromkeys(("zeros", "ones", "empty", "zeros_like", "ones_like", "empty_like", "array"), 1),
    **dict.fromkeys(("full", "full_like"), 2),
}


def makes_room(function: Any) -> bool:
    """Whether a call makes an array of a type that it can be told."""
    return getattr(function, "__name__", "") in PLACE_OF_TYPE


def for_any_number(function: Any, arguments: Any, keywords: Any) -> tuple[Any, Any]:
    """What a call is given that makes room, for room that holds any number.

    >>> for_any_number(np.zeros, ((2, 3), int), {})
    (((2, 3),), {'dtype': <class 'float'>})
    """
    return arguments[: PLACE_OF_TYPE[function.__name__]], {**keywords, "dtype": float}


def target_of(function: Any, arguments: Any, keywords: Any) -> int | None:
    """The slot of the array that a call is told to write to."""
    target = keywords.get("out")
    if isinstance(target, tuple):
        target = target[0] if target else None
    if target is None and getattr(function, "__name__", "") in WRITING and arguments:
        target = arguments[0]
    return target.slot if type(target) is Ref else None
