"""The quick way into a program: a call with plain arrays, where nothing around the function is another than last time.

To look at all that a function can reach takes some microseconds, as long as a small program itself. So the comparisons
are written down as one function, together with what `Runner.run` does, and compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_scratch.compiler.holders import MISSING, Cell, Holder
from tinygrad_scratch.compiler.surroundings import Surroundings
from tinygrad_scratch.compiler.trace import Result, Trace
from tinygrad_scratch.graph import is_recording

if TYPE_CHECKING:
    from tinygrad_scratch.compiler.backends import Runner

ndarray = np.ndarray
Attempt = Callable[[tuple[Any, ...]], Any]


def quick_way(
    arguments: tuple[Any, ...], keywords: Any, around: Surroundings, trace: Trace, runner: Runner, outputs: Any
) -> Attempt | None:
    """A function of the arguments that returns what the program returns, or MISSING where something is another now.

    None where there is no quick way: for arguments other than plain arrays, for what writes to something, and for what
    reads attributes or Tensors.
    """
    if keywords or not around.comparable or not around.has_plain(arguments):
        return None
    if trace.written or trace.left or trace.recorded:
        return None
    if not all(type(holder) is Cell or holder.names or type(holder.holder) is dict for holder in around.holders):
        return None
    results = trace.returned if type(trace.returned) is tuple else (trace.returned,)
    if not all(type(each) is Result and each.place >= 0 and not each.tensor for each in results):
        return None
    values: dict[str, Any] = {"ndarray": ndarray, "MISSING": MISSING, "is_recording": is_recording}
    cells: dict[str, CellType] = {}
    tests = [f"is_recording() is {is_recording()}"]
    for i, each in enumerate(arguments):
        values |= {f"dtype{i}": each.dtype, f"shape{i}": each.shape, f"strides{i}": each.strides}
        tests.append(f"type(a{i}) is ndarray and a{i}.dtype is dtype{i}")
        tests.append(f"a{i}.shape == shape{i} and a{i}.strides == strides{i}")
    for holder in around.holders:
        tests += unchanged(holder, values, cells)
    rest = {f"leaf{i}": leaf for i, leaf in enumerate(around.leaves[len(arguments) :])}
    for name, leaf in rest.items():
        if type(leaf) is ndarray:
            values[f"shape_of_{name}"] = leaf.shape
            tests.append(f"{name}.shape == shape_of_{name}")
    given = "".join(f"a{i}, " for i in range(len(arguments)))
    returned = returns(trace.returned, outputs)
    values |= rest | {"returned": returned, "pop": runner.idle.pop, "make": runner.make, "append": runner.idle.append}
    text = TEXT.format(
        cells=", ".join(cells),
        count=len(arguments),
        unpack=f"{given}= arguments" if given else "pass",
        tests=" and ".join(tests),
        leaves=given + ", ".join(rest),
        found="found" if returned is None else "returned(found)",
    )
    exec(compile(text, "<the quick way>", "exec"), values)  # the text is ours alone
    code = values["with_cells"](*cells).__code__
    return FunctionType(code, values, closure=tuple(cells[name] for name in code.co_freevars))


def unchanged(holder: Holder, values: dict[str, Any], cells: dict[str, CellType]) -> Iterator[str]:
    """Tests that the same objects lie in a holder; what their names stand for goes among the values and cells.

    A variable of an enclosing function is one of the quick way, too: Python reads it ten times as fast as from outside.
    """
    if type(holder) is Cell:
        name = f"cell{len(cells)}"
        cells[name] = holder.holder
        for value in holder.items().values():
            values[f"value_of_{name}"] = value
            yield f"{name} is value_of_{name}"
        return
    space = f"holder{len(values)}"
    values[space] = holder.holder
    if not holder.names:
        yield f"len({space}) == {len(holder.holder)}" if holder.holder else f"not {space}"
    for key, value in holder.items().items():
        number = len(values)
        values |= {f"key{number}": key, f"value{number}": value}
        is_dict = type(holder.holder) is dict
        if type(owner := getattr(holder.holder, "owner", None)) is FunctionType and key in OF_FUNCTIONS:
            values[f"function{number}"] = owner
            yield f"function{number}.{key} is value{number}"
        elif is_dict and value is MISSING:
            yield f"key{number} not in {space}"
        elif is_dict:
            yield f"{space}[key{number}] is value{number}"
        else:
            yield f"{space}.get(key{number}, MISSING) is value{number}"


OF_FUNCTIONS = ("__code__", "__defaults__")
"""What every function has, and what is read from it without a call."""

TEXT = """
def with_cells({cells}):
    def quick(arguments):
        if len(arguments) == {count}:
            {unpack}
            try:
                if not ({tests}):
                    return MISSING
            except (KeyError, NameError):  # a global, or a variable of an enclosing function (NameError), is gone
                return MISSING
            try:
                run = pop()
            except IndexError:
                run = make()
            found = run({leaves})
            append(run)
            return {found}
        return MISSING
    return quick
"""


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
