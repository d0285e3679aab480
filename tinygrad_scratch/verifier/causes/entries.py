"""Right values at wrong places: parts put together in another order, windows that begin elsewhere, rows for pairs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.causes.windows import other_windows
from tinygrad_scratch.verifier.recording.edits import JOINING, Edit, name_of, with_changed
from tinygrad_scratch.verifier.recording.steps import Step

MOST_PARTS = 5


def places(region: Region) -> Iterator[Finding]:
    for step, turns in region.sites():
        name = name_of(step.function)
        if name in JOINING:
            yield from other_orders(region, step, turns)
        if name == "getitem":
            yield from other_windows(region, step, turns)
        if name in ("getitem", "setitem"):
            yield from pairs(region, step)


def other_orders(region: Region, step: Step, turns: list[Step]) -> Iterator[Finding]:
    """The parts of an array in another order."""
    parts = step.arguments[0] if isinstance(step.arguments, tuple) and step.arguments else None
    if not isinstance(parts, list | tuple) or not 1 < len(parts) <= MOST_PARTS:
        return
    for order in permutations(range(len(parts))):
        changes: dict[int, Edit] = {s.index: with_changed(0, in_order(order)) for s in turns}
        if order != tuple(range(len(parts))) and region.gives_truth(changes):
            code = region.code(step)
            text = parts_in_order(code, order)
            said = f"the parts of `{code}` are in another order than in the forward pass"
            yield Finding("wrong-operand", said, step, region.rewritten(step, text) if text else None, changes)
            return


def in_order(order: tuple[int, ...]) -> Any:
    return lambda parts: [parts[i] for i in order]


def parts_in_order(code: str, order: tuple[int, ...]) -> str | None:
    """A call with the list or tuple that is its first argument in another order.

    >>> parts_in_order("np.hstack([a, 2 * b])", (1, 0))
    'np.hstack([2 * b, a])'
    """
    try:
        call = ast.parse(code, mode="eval").body
    except SyntaxError:
        return None
    given = call.args[0] if isinstance(call, ast.Call) and call.args else None
    if not isinstance(given, ast.List | ast.Tuple) or len(given.elts) != len(order):
        return None
    texts = [ast.get_source_segment(code, part) or "" for part in given.elts]
    first, last = given.elts[0].col_offset, given.elts[-1].end_col_offset
    return code[:first] + ", ".join(texts[i] for i in order) + code[last:]


def pairs(region: Region, step: Step) -> Iterator[Finding]:
    """`a[:, y]` takes the columns of all samples from each row: its own entry of each is due, `a[np.arange(n), y]`."""
    there = [s for s in region.turns if s.place and step.place and s.place.line == step.place.line]
    own = [
        s for s in there if name_of(s.function) in ("getitem", "setitem") and row_for_row(s.arguments[1]) is not None
    ]
    changes: dict[int, Edit] = {s.index: with_changed(1, each_row) for s in own}
    if step in own and region.gives_truth(changes):
        said = f"`{region.code(step)}` takes all rows for each index: one entry of each row is due, with np.arange"
        yield Finding("broadcasting-shape", said, step, None, changes)


def row_for_row(index: Any) -> Any:
    """Where whole rows are taken in an index that lists columns."""
    if not isinstance(index, tuple) or len(index) != 2 or index[0] != slice(None):
        return None
    return None if isinstance(index[1], slice | int | np.integer) or index[1] is None else index[1]


def each_row(index: Any) -> Any:
    return np.arange(len(index[1])), index[1]
