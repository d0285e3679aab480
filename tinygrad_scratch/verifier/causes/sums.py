"""Sums over the batch that are missing, averaged, or over other axes; shapes that broadcast by accident."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.recording.edits import SUMS, name_of, places_of, reduced


def reductions(region: Region) -> Iterator[Finding]:
    for step, turns in region.sites():
        name = name_of(step.function)
        if name not in SUMS or not places_of(step):
            continue
        operand = np.asarray(region.values[step.reads[0]])
        axis = step.keywords.get("axis", step.arguments[1] if len(step.arguments) > 1 else None)
        for function in (np.sum, np.mean):
            for other in sorted(axes_of(operand.ndim), key=lambda other: bool(other != axis)):  # as written first
                for keepdims in (bool(step.keywords.get("keepdims")), not step.keywords.get("keepdims")):
                    changes = {s.index: reduced(function, other, keepdims) for s in turns}
                    if not region.gives_truth(changes):
                        continue
                    kept = ", keepdims=True" if keepdims else ""
                    written = f"np.{function.__name__}({region.name(step.reads[0])}, axis={other}{kept})"
                    should = region.rewritten(step, written)
                    if function.__name__ != name:
                        said = (
                            "averages over the batch, where it should be summed"
                            if name == "mean"
                            else "sums, where a mean is due"
                        )
                        yield Finding(
                            "missing-batch-sum-or-mean", f"`{region.code(step)}` {said}", step, should, changes
                        )
                    else:
                        said = f"`{region.code(step)}` sums over axis {axis}; it should be axis {other}"
                        kind = "missing-batch-sum-or-mean" if leaves_out_samples(axis, other) else "broadcasting-shape"
                        yield Finding(kind, said, step, should, changes)
    yield from not_reduced(region)


def leaves_out_samples(axis: Any, other: Any) -> bool:
    """Whether a call goes over all axes that are due but the first one, which is that of the samples."""
    written = {axis} if isinstance(axis, int) else set(axis or ())
    return isinstance(other, tuple) and written == {*other} - {0} != {*other}


def axes_of(ndim: int) -> list[Any]:
    found: list[Any] = [None, *range(-1, ndim)]
    return [
        *found,
        *(pair for pair in combinations(range(ndim), 2)),
        *(three for three in combinations(range(ndim), 3)),
    ]


def not_reduced(region: Region) -> Iterator[Finding]:
    """A sum that is missing altogether; an outer product by accident."""
    value, truth = region.value, region.truth
    if value.ndim < 1 or value.shape == truth.shape:
        return
    for axis in axes_of(value.ndim):
        if axis in (None, -1):
            continue
        for function in (np.sum, np.mean):
            made = function(value, axis=axis)
            if made.size == truth.size and region.is_truth(made.reshape(truth.shape)):
                yield Finding(
                    "missing-batch-sum-or-mean",
                    f"the {function.__name__} over axis {axis} is missing: it has the shape {value.shape}, "
                    f"and its parameter {truth.shape}",
                    None,
                    f"np.{function.__name__}({region.expression}, axis={axis})",
                    place=first_of_name(region),
                )


def first_of_name(region: Region) -> Place | None:
    """Where the name first held what has this shape, before it was scaled in place."""
    own = [e for e in region.case.events if e.name == region.event.name and e.owner == region.event.owner]
    alike = [e for e in own if e.node <= region.node and np.shape(region.values[e.node]) == region.value.shape]
    return alike[0].place if len(alike) > 1 else region.event.place


def fewer_entries(region: Region) -> Iterator[Finding]:
    """A part of the axis that should be summed."""
    for step, turns in region.sites():
        if name_of(step.function) == "getitem":
            operand = np.asarray(region.values[step.reads[0]])
            for axis in range(operand.ndim):
                for keep in (True, False):
                    changes = {s.index: reduced(np.sum, axis, keep) for s in turns}
                    if region.gives_truth(changes):
                        yield Finding(
                            "missing-batch-sum-or-mean",
                            f"`{region.code(step)}` takes some entries of an axis that should be summed over",
                            step,
                            region.rewritten(step, f"np.sum({region.name(step.reads[0])}, axis={axis})"),
                            changes,
                        )


def other_axes(region: Region) -> Iterator[Finding]:
    """One sum for all where a sum for each is due."""
    for step, _ in region.sites():
        if name_of(step.function) in SUMS and places_of(step):
            operand = np.asarray(region.values[step.reads[0]])
            for axis in axes_of(operand.ndim)[1:]:
                if axis == -1:
                    continue
                made = np.sum(operand, axis=axis)
                if (
                    made.size == region.truth.size
                    and made.size > 1
                    and region.is_truth(made.reshape(region.truth.shape))
                ):
                    written = f"np.sum({region.name(step.reads[0])}, axis={axis})"
                    yield Finding(
                        "broadcasting-shape",
                        f"`{region.code(step)}` goes over the wrong axes: one over axis {axis} is due",
                        step,
                        written,
                    )
