"""Transposes, and the order of the factors of a product."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.extent import node_at
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.causes.state import is_parameter
from tinygrad_scratch.verifier.reading.source import bracketed, replaced, with_operand
from tinygrad_scratch.verifier.recording.edits import (
    PRODUCTS,
    Edit,
    exchanged,
    name_of,
    only,
    places_of,
    swapped_axes,
    then,
    with_changed,
)
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import Step


def layout(region: Region) -> Iterator[Finding]:
    value, truth = region.value, region.truth
    turned = value.ndim >= 2 and region.is_truth(swapped_axes(value)) and not close(value, truth)
    in_update = region.event.name.startswith("the step of")
    if turned and not in_update:
        yield Finding("transpose", "it is transposed", None, f"{bracketed(region.expression)}.T")
    for step, turns in region.sites():
        name = name_of(step.function)
        if name in ("T", "transpose", "swapaxes", "mT"):
            yield from too_much(region, step, turns, f"the transpose in `{region.code(step)}` is too much")
        if name in PRODUCTS and len(places_of(step)) == 2:
            yield from product_layout(region, step, turns)
        if name in ("add", "subtract", "multiply", "divide"):
            yield from operand_layout(region, step, turns)
        if name == "getitem" and places_of(step):
            before, after = (np.asarray(region.values[node]) for node in (step.reads[0], step.makes[0]))
            if before.shape == after.shape and not close(before, after):
                sentence = f"`{region.code(step)}` turns an axis round that should stay"
                yield from too_much(region, step, turns, sentence)
    yield from axes_before(region)  # a product that is turned round may be laid out anew later
    if turned and in_update:  # of a statement there is no transpose to write
        yield Finding("transpose", "it is transposed", None)


SPREAD = "was spread along the columns"


def columns(region: Region) -> Iterator[Finding]:
    """One number per sample that was spread along the other axis of a square, where each row should have its own."""
    for step, turns in region.sites():
        made = np.asarray(region.values[step.makes[0]]) if len(step.makes) == 1 else np.zeros(())
        if made.ndim != 1 or made.size < 2 or not spreads(region, step):
            continue
        changes: dict[int, Edit] = {s.index: then(lambda value: value[:, None]) for s in turns}
        if region.gives_truth(changes):
            code = region.code(step)
            said = f"`{code}` has a number for each row, and {SPREAD}: there are as many of these"
            yield Finding("broadcasting-shape", said, step, region.rewritten(step, f"({code})[:, None]"), changes)


def spreads(region: Region, step: Step) -> bool:
    """Whether what a call makes is all that is read beside a square matrix of as many rows."""
    size = np.size(region.values[step.makes[0]])
    readers = [other for other in region.case.tape.steps if step.makes[0] in other.reads]
    beside = [np.shape(region.values[node]) for other in readers for node in other.reads if node != step.makes[0]]
    return bool(beside) and all(shape == (size, size) for shape in beside)


def axes_before(region: Region) -> Iterator[Finding]:
    """Axes in another order before a reshape, or by a transpose."""
    for step, turns in region.sites():
        if name_of(step.function) in ("reshape", "transpose") and places_of(step):
            yield from in_other_order(region, step, turns)


def in_other_order(region: Region, step: Step, turns: list[Step]) -> Iterator[Finding]:
    """The first other order of the axes of what a call is given with which the step is right."""
    node, name = node_at(region, step, 0), name_of(step.function)
    shape = np.shape(region.values[node]) if node is not None else ()
    code = region.code(step)
    for order in orders(len(shape)):
        changes: dict[int, Edit] = {s.index: with_changed(0, turned_to(order)) for s in turns}
        if not region.gives_truth(changes) or node is None:
            continue
        if name == "transpose":
            said, should = f"`{code}` puts the axes in another order than is due", None
        else:
            said = f"the axes of {region.name(node)} should be in the order {order} before it is laid out anew"
            turned = f"{bracketed(region.name(node))}.transpose{order}"
            text = replaced(code, region.name(node), turned)
            should = region.rewritten(step, text) if text else None
        yield Finding("transpose", said, step, should, changes)
        return


def turned_round(region: Region) -> Iterator[Finding]:
    """An operand of a product that should be turned round along some axes, as the kernel of a convolution is."""
    for step, turns in region.sites():
        held = [(node_at(region, step, place), place) for place, _ in places_of(step)]
        kernels_first = sorted(held, key=lambda each: each[0] is None or not is_parameter(region, each[0]))
        for node, place in kernels_first if name_of(step.function) in PRODUCTS else ():
            sizes = np.shape(region.values[node]) if node is not None and region.names_of(node) else ()
            for axes in some_of([axis for axis, size in enumerate(sizes) if size > 1]):
                changes: dict[int, Edit] = {s.index: with_changed(place, partial(np.flip, axis=axes)) for s in turns}
                if node is not None and region.gives_truth(changes):
                    yield told_round(region, step, node, axes, changes)
                    return


def some_of(axes: list[int]) -> Iterator[tuple[int, ...]]:
    """Each axis, any two, and so on."""
    return (some for count in range(1, len(axes) + 1) for some in combinations(axes, count))


def told_round(region: Region, step: Step, node: int, axes: tuple[int, ...], changes: dict[int, Edit]) -> Finding:
    name = region.name(node)
    turned = f"np.flip({name}, axis={axes[0] if len(axes) == 1 else axes})"
    text = replaced(region.code(step), name, turned)
    should = region.rewritten(step, text) if text else None
    return Finding("transpose", f"{name} is not turned round: {turned} is due", step, should, changes)


def turned_to(order: tuple[int, ...]) -> Callable[[Any], Any]:
    return lambda array: np.transpose(array, order)


def orders(ndim: int) -> Iterator[tuple[int, ...]]:
    """Other orders of axes: all of a few, of many those in which two are exchanged."""
    own = tuple(range(ndim))
    for order in permutations(own) if ndim <= 4 else ():
        if order != own:
            yield order
    for i, j in combinations(own, 2) if ndim > 4 else ():
        yield tuple(j if axis == i else i if axis == j else axis for axis in own)


def too_much(region: Region, step: Step, turns: list[Step], sentence: str) -> Iterator[Finding]:
    """A call that should not be there: with what it was given instead, the step is right."""
    changes = {s.index: only(0) for s in turns}
    if region.gives_truth(changes):
        yield Finding("transpose", sentence, step, region.rewritten(step, region.name(step.reads[0])), changes)


def product_layout(region: Region, step: Step, turns: list[Step]) -> Iterator[Finding]:
    yield from operand_layout(region, step, turns)
    for edit in (
        exchanged,
        lambda s, a, k: swapped_axes(s.function(*a, **k)),
        lambda s, a, k: s.function(swapped_axes(a[1]), swapped_axes(a[0])),
    ):
        changes = {s.index: edit for s in turns}
        if region.gives_truth(changes):
            yield Finding("transpose", f"the product `{region.code(step)}` is the wrong way round", step, None, changes)


def operand_layout(region: Region, step: Step, turns: list[Step]) -> Iterator[Finding]:
    """An operand that should be transposed."""
    for i, _ in places_of(step):
        node = node_at(region, step, i)
        elementwise = name_of(step.function) not in PRODUCTS
        if node is None or np.ndim(region.values[node]) < 2 or (elementwise and not region.names_of(node)):
            continue
        changes = {s.index: with_changed(i, swapped_axes) for s in turns}
        if region.gives_truth(changes):
            name = region.operand(step, i, node)
            turned = name[:-2] if name.endswith(".T") else f"{bracketed(name)}.T"
            text = with_operand(region.code(step), i, name, turned) or replaced(region.code(step), name, turned)
            said, should = f"{name} should be transposed: {turned}", region.rewritten(step, text) if text else None
            most = max(np.size(region.values[read]) for read in step.reads)
            is_spread = elementwise and np.size(region.values[step.makes[0]]) > most  # of a column and a row: a table
            yield Finding("broadcasting-shape" if is_spread else "transpose", said, step, should, changes)
