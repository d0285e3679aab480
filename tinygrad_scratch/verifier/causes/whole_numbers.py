"""Numbers that lose what is behind the point."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.edits import (
    called,
    is_filled,
    name_of,
    then,
    with_number,
)
from tinygrad_scratch.verifier.likeness import is_along
from tinygrad_scratch.verifier.region import Finding, Region
from tinygrad_scratch.verifier.tape import Step


def integers(region: Region) -> Iterator[Finding]:
    for step, turns in region.sites():
        name = name_of(step.function)
        if name == "floor_divide":
            changes = {s.index: called(np.true_divide) for s in turns}
            if region.gives_truth(changes):
                should = region.rewritten(step, region.code(step).replace("//", "/"))
                yield Finding(
                    "dtype-or-integer", "`//` drops what is behind the point: write `/`", step, should, changes
                )
        made = [region.case.tape.nodes[node].value for node in step.makes]
        if (
            name in ("astype", "int64", "int32", "array", "asarray", "trunc", "floor", "rint")
            and made
            and made[0].dtype.kind in "iu"
        ):
            changes = {s.index: lambda s, a, k: a[0] * 1.0 for s in turns}
            if region.gives_truth(changes):
                yield Finding(
                    "dtype-or-integer",
                    f"`{region.code(step)}` makes whole numbers, and drops what is behind the point",
                    step,
                    changes=changes,
                )
        if is_filled(step):
            changes = {s.index: then(lambda value: value.astype(float)) for s in turns}
            if region.gives_truth(changes):
                said = f"`{region.code(step)}` makes room for whole numbers: what is behind the point is dropped"
                yield Finding("dtype-or-integer", said, step, changes=changes)
        yield from quotient_of_numbers(region, step, turns)
    yield from of_constants(region)


def quotient_of_numbers(region: Region, step: Step, turns: list[Step]) -> Iterator[Finding]:
    """`1 // m` of two plain numbers is 0, and was so before NumPy saw it: any number there gives the truth."""
    code = region.code(step)
    for place, part in enumerate(step.arguments if isinstance(step.arguments, tuple) and "//" in code else ()):
        value = region.case.constant_value(part)
        if value is None or name_of(step.function) != "multiply":
            continue
        made = region.tried({s.index: with_number(place, 1.0) for s in turns})
        if made is not None and made.shape == region.truth.shape and np.any(made) and is_along(made, region.truth):
            said = "`//` drops what is behind the point: write `/`"
            yield Finding("dtype-or-integer", said, step, region.rewritten(step, code.replace("//", "/")))


def of_constants(region: Region) -> Iterator[Finding]:
    """Arrays of whole numbers from outside that were written into."""
    buffers = integer_buffers(region)
    if buffers:
        try:
            start = {node: region.case.tape.nodes[node].value.astype(float) for node in buffers}
            value = region.case.replay(start=start, until=region.until)[region.node]
        except Exception:
            return
        if region.is_truth(value):
            step = region.case.step_of(buffers[0])
            yield Finding(
                "dtype-or-integer",
                "the array that it is written into holds whole numbers: what is behind the point is "
                f"dropped. It was made by `{region.code(step)}`",
                step,
            )


def integer_buffers(region: Region) -> list[int]:
    """The constants of integers that a step wrote into."""
    nodes = region.case.ancestors([region.node])
    slots = {region.case.tape.nodes[node].slot for step in region.steps for node in step.makes}
    return [
        node
        for node in sorted(nodes)
        if region.case.step_of(node).function is None
        and region.case.tape.nodes[node].slot in slots
        and region.case.tape.nodes[node].value.dtype.kind in "iu"
    ]
