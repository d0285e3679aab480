"""Transposes, and the order of the factors of a product."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.edits import (
    PRODUCTS,
    exchanged,
    name_of,
    only,
    places_of,
    swapped_axes,
    with_changed,
)
from tinygrad_scratch.verifier.likeness import close
from tinygrad_scratch.verifier.region import Finding, Region, bracketed, node_at, replaced
from tinygrad_scratch.verifier.source import with_operand
from tinygrad_scratch.verifier.tape import Step


def layout(region: Region) -> Iterator[Finding]:
    value, truth = region.value, region.truth
    if value.ndim >= 2 and region.is_truth(swapped_axes(value)) and not close(value, truth):
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
            name = region.name(node)
            turned = name[:-2] if name.endswith(".T") else f"{bracketed(name)}.T"
            text = with_operand(region.code(step), i, name, turned) or replaced(region.code(step), name, turned)
            said, should = f"{name} should be transposed: {turned}", region.rewritten(step, text) if text else None
            yield Finding("transpose", said, step, should, changes)
