"""Windows of an array that begin or end elsewhere: `dx[:-2, :-2]` for `dx[1:-1, 1:-1]`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.recording.edits import Edit, always, with_changed
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import Array, Step

MOST_WINDOWS = 8  # that may equal the gradient where one entry of each does

Bounds = list[tuple[int, int]]  # of a window: where it begins and ends on each axis


def other_windows(region: Region, step: Step, turns: list[Step]) -> Iterator[Finding]:
    """Another window of the same array: as large a one on all cut axes or on one, or any that is the gradient."""
    held, index = np.asarray(region.values[step.reads[0]]), step.arguments[1]
    parts = index if isinstance(index, tuple) else (index,)
    if not all(map(is_plain, parts)) or len(parts) > held.ndim:
        return
    own = [part.indices(size)[:2] for part, size in zip(parts, held.shape, strict=False)]
    of_the_truth = equal_to(region.truth, held) if step.makes == (region.node,) else iter(())
    whole = [(0, size) for size in held.shape[len(own) :]]
    for bounds in (*moved(own, held.shape), *(each for each in of_the_truth if each != own + whole)):
        cut = tuple(slice(start, end) for start, end in bounds)
        changes: dict[int, Edit] = {s.index: with_changed(1, always(cut)) for s in turns}
        if region.gives_truth(changes):
            code = region.code(step)
            text = written(code, own, bounds, held.shape)
            should_be = region.rewritten(step, text) if text else None
            yield Finding("off-by-one", f"`{code}` {said(own, bounds)}", step, should_be, changes)
            return


def is_plain(part: Any) -> bool:
    """Whether a part of an index is a slice of all places between two numbers; other bounds were computed."""
    is_slice = isinstance(part, slice) and part.step in (None, 1)
    return is_slice and all(each is None or isinstance(each, int) for each in (part.start, part.stop))


def moved(own: Bounds, shape: tuple[int, ...]) -> Iterator[Bounds]:
    """Windows as large that begin a little later or earlier, on all axes that are cut or on one."""
    cut = [axis for axis, (start, end) in enumerate(own) if end - start < shape[axis]]
    for axes in dict.fromkeys([tuple(cut), *((axis,) for axis in cut)]):
        for shift in (1, -1, 2, -2, 3, -3):
            if axes and all(own[a][0] + shift >= 0 and own[a][1] + shift <= shape[a] for a in axes):
                yield [(s + shift, e + shift) if a in axes else (s, e) for a, (s, e) in enumerate(own)]


def equal_to(truth: Array, held: Array) -> Iterator[Bounds]:
    """The windows of an array that are a gradient, found by the largest entry of that."""
    if truth.ndim != held.ndim or not np.any(truth) or any(t > h for t, h in zip(truth.shape, held.shape, strict=True)):
        return
    windows = sliding_window_view(held, truth.shape)
    largest: tuple[Any, ...] = np.unravel_index(np.argmax(np.abs(truth)), truth.shape)
    there: tuple[Any, ...] = ..., *largest
    alike = np.isclose(windows[there], truth[largest], rtol=1e-6, atol=0.0)
    for start in np.argwhere(alike)[:MOST_WINDOWS].tolist():
        if close(windows[tuple(start)], truth):
            yield [(s, s + size) for s, size in zip(start, truth.shape, strict=True)]


def said(own: Bounds, bounds: Bounds) -> str:
    """What a window does that should have other bounds."""
    shifts = {start - was for (was, _), (start, _) in zip(own, bounds, strict=False)} - {0}
    sizes = [[end - start for start, end in each] for each in (own, bounds[: len(own)])]
    if len(shifts) == 1 and sizes[0] == sizes[1]:
        shift = shifts.pop()
        return f"begins {abs(shift)} too {'early' if shift > 0 else 'late'}"
    return "cuts out another part of the array than the one that is the gradient"


def written(code: str, own: Bounds, bounds: Bounds, shape: tuple[int, ...]) -> str | None:
    """A subscript with other bounds, counted from the end where its own are; None where these are no plain numbers.

    >>> written("dx[:, :-2]", [(0, 3), (0, 5)], [(0, 3), (1, 6)], (3, 7))
    'dx[:, 1:-1]'
    >>> written("dx[2:9]", [(2, 9)], [(0, 7)], (9,))
    'dx[:7]'
    >>> written("dx[1:-1]", [(1, 6)], [(1, 6), (1, 8)], (7, 9))
    'dx[1:-1, 1:-1]'
    >>> written("dx[p:q]", [(2, 9)], [(0, 7)], (9,))
    """
    try:
        node = ast.parse(code, mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(node, ast.Subscript):
        return None
    texts = [ast.get_source_segment(code, each) or "" for each in parts_of(node)]
    if len(texts) != len(own):
        return None
    for axis, (part, was, due) in enumerate(zip(parts_of(node), own, bounds, strict=False)):
        if was != due:
            if not isinstance(part, ast.Slice):
                return None
            lower = bound(part.lower, was[0], due[0], shape[axis], 0)
            upper = bound(part.upper, was[1], due[1], shape[axis], shape[axis])
            if lower is None or upper is None:
                return None
            texts[axis] = f"{lower}:{upper}"
    for (start, end), size in zip(bounds[len(own) :], shape[len(own) :], strict=False):
        texts.append(f"{start or ''}:{end - size or ''}")
    return f"{ast.get_source_segment(code, node.value)}[{', '.join(texts)}]"


def parts_of(node: ast.Subscript) -> list[ast.expr]:
    return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]


def bound(node: ast.expr | None, was: int, due: int, size: int, left_out: int) -> str | None:
    """One bound of a slice as it should be written; nothing where it may be left out, None where that isn't known."""
    if was == due:
        return ast.unparse(node) if node is not None else ""
    number: Any = None
    if node is not None:
        try:
            number = ast.literal_eval(node)
        except ValueError:
            return None
        if not isinstance(number, int | None):
            return None
    if due == left_out:
        return ""
    from_end = number < 0 if number is not None else left_out > 0
    return str(due - size if from_end else due)
