"""A constant factor: a sign, the size of the batch, or another number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.edits import (
    name_of,
)
from tinygrad_scratch.verifier.judge import close
from tinygrad_scratch.verifier.region import Finding, Region, bracketed
from tinygrad_scratch.verifier.tape import Step


def ratio(region: Region) -> Iterator[Finding]:
    if region.value.shape != region.truth.shape or not np.any(region.value):
        return
    place = np.unravel_index(np.argmax(np.abs(region.truth)), region.truth.shape)
    factor = float(region.truth[place] / region.value[place]) if region.value[place] else 0.0
    if not factor or not close(region.value * factor, region.truth):
        return
    if region.case.match(region.value) is not None and region.truth.size < 3:
        return
    yield factor_found(region, factor, None)


def factor_found(region: Region, factor: float, step: Step | None) -> Finding:
    text = bracketed(region.code(step) if step is not None else region.expression)
    if factor < 0 and abs(factor + 1) < 1e-9:
        return Finding(
            "sign", "the sign is wrong: it is the negative of the gradient", step, region.rewritten(step, f"-{text}")
        )
    nice = number(factor)
    should = region.rewritten(step, f"{text} / {number(1 / factor)}" if 0 < factor < 1 else f"{text} * {nice}")
    if factor > 0 and batch_size(region, factor):
        size = batch_size(region, factor)
        said = (
            f"it is divided by {size}, the number of samples, once too often" if factor > 1
            else f"it is not divided by {size}, the number of samples, as the loss is"
        )  # fmt: skip
        return Finding("missing-batch-sum-or-mean", said, step, should)
    kind = "sign" if factor < 0 and abs(factor + 1) < 1e-9 else "scale-factor"
    return Finding(kind, f"it is {number(1 / factor)} times what it should be", step, should)


def number(value: float) -> str:
    return f"{value:.6g}"


def batch_size(region: Region, factor: float) -> int:
    """The number of samples, if a factor is it or one part in as many."""
    for size in batch_sizes(region):
        if abs(factor - size) < 1e-6 * size or abs(factor * size - 1) < 1e-6:
            return size
    return 0


def batch_sizes(region: Region) -> list[int]:
    """How many samples there are: an axis that all data has; else what the loss divides by."""
    case = region.case
    parameters = {f.parameter.node for f in case.finals}
    loss_step = case.tape.nodes[case.truth.loss].step
    data = [
        set(node.value.shape) for node in case.tape.nodes
        if node.number not in parameters and node.value.ndim and node.value.size > 2 and node.step <= loss_step
        and case.step_of(node.number).function is None and np.ptp(node.value) > 0
    ]  # fmt: skip
    common = set.intersection(*data) if data else set()
    divided = {int(v) for node in case.forward for v in divisors(case, case.step_of(node)) if v == int(v) and v > 2}
    means = {
        size for node in case.forward if name_of((step := case.step_of(node)).function) == "mean"
        for read in step.reads for size in (case.tape.nodes[read].value.size, *case.tape.nodes[read].value.shape)
        if case.tape.nodes[node].value.ndim < 2
    }  # fmt: skip
    used = divided | means
    return sorted(
        n
        for n in {*(common & used), *common, *(used & set().union(*data) if data else set())}
        if n > 2 or (n in used and n > 1)
    )


def divisors(case: Any, step: Step) -> list[float]:
    """The plain numbers that a step divides by."""
    if name_of(step.function) not in ("divide", "multiply") or not isinstance(step.arguments, tuple):
        return []
    values = [case.constant_value(part) for part in step.arguments]
    return [round(1 / abs(v), 9) if abs(v) < 1 else abs(v) for v in values if v]
