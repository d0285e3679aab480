"""The quick way into a program: a call with plain arrays, where nothing around the function is another than last time.

To look at all that a function can reach takes some microseconds, as long as a small program itself. So the comparisons
are written down as one expression, and compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_scratch.compiler.holders import MISSING, Cell
from tinygrad_scratch.compiler.surroundings import Surroundings
from tinygrad_scratch.compiler.trace import Result, Trace
from tinygrad_scratch.graph import is_recording

if TYPE_CHECKING:
    from tinygrad_scratch.compiler.backends import Runner

ndarray = np.ndarray
Attempt = Callable[..., Any]


def quick_way(
    arguments: tuple[Any, ...], keywords: Any, around: Surroundings, trace: Trace, runner: Runner, outputs: Any
) -> Attempt | None:
    """A function that returns what the program returns, or MISSING where something is another than in the last call.

    None where there is no quick way: for arguments other than plain arrays, for what writes to something, and for what
    reads attributes or Tensors.
    """
    first = around.leaves[: len(arguments)]
    if (
        keywords
        or not around.comparable
        or trace.written
        or trace.left
        or trace.recorded
        or len(first) != len(arguments)
    ):
        return None
    if not all(type(mine) is ndarray and mine is leaf for mine, leaf in zip(arguments, first, strict=True)):
        return None
    if any(type(holder) is not Cell and holder.names is None for holder in around.holders):
        return None
    results = trace.returned if type(trace.returned) is tuple else (trace.returned,)
    if not all(type(each) is Result and each.place >= 0 and not each.tensor for each in results):
        return None
    values: dict[str, Any] = {"ndarray": ndarray, "MISSING": MISSING, "is_recording": is_recording}
    tests = [f"is_recording() is {is_recording()}"]
    for i, each in enumerate(arguments):
        values |= {f"dtype{i}": each.dtype, f"shape{i}": each.shape, f"strides{i}": each.strides}
        tests.append(f"type(a{i}) is ndarray and a{i}.dtype is dtype{i}")
        tests.append(f"a{i}.shape == shape{i} and a{i}.strides == strides{i}")
    for holder in around.holders:
        for key, value in holder.items().items():
            number = len(values)
            values |= {f"holder{number}": holder.holder, f"key{number}": key, f"value{number}": value}
            now = (
                f"holder{number}.cell_contents" if type(holder) is Cell else f"holder{number}.get(key{number}, MISSING)"
            )
            tests.append(f"{now} is value{number}")
    rest = {f"leaf{i}": leaf for i, leaf in enumerate(around.leaves[len(arguments) :])}
    values |= rest | {"run": runner.run, "returned": returns(trace.returned, outputs)}
    given = "".join(f"a{i}, " for i in range(len(arguments)))
    call = f"run({given}{', '.join(rest)})"
    found = call if values["returned"] is None else f"returned({call})"
    text = f"lambda {given.rstrip(', ')}: {found} if {' and '.join(tests)} else MISSING"
    return eval(compile(text, "<the quick way>", "eval"), values)  # type: ignore[no-any-return]  # the text is ours alone


def returns(tree: Any, outputs: tuple[Any, ...]) -> Callable[[Any], Any] | None:
    """What makes the returned value of the outputs; None where they are it."""
    results = tree if type(tree) is tuple else (tree,)
    changed = any(each.number is isinstance(outputs[each.place], ndarray) for each in results)
    if not changed and type(tree) is tuple and [each.place for each in results] == [*range(len(outputs))]:
        return None

    def returned(found: Any) -> Any:
        values = [found[each.place] for each in results]
        if changed:
            values = [as_asked(value, each) for value, each in zip(values, results, strict=True)]
        return tuple(values) if type(tree) is tuple else values[0]

    return returned


def as_asked(value: Any, result: Result) -> Any:
    """A value as Python's number, as NumPy's, or as an array of no axes."""
    if result.python:
        return value.item() if isinstance(value, ndarray | np.generic) else value
    if result.number:
        return value[()] if isinstance(value, ndarray) else value
    return np.asarray(value)
