"""Paths of the gradient that are left out, counted twice, or written over; the penalty is one of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.causes.factors import number
from tinygrad_scratch.verifier.edits import added, is_filled, name_of
from tinygrad_scratch.verifier.likeness import close
from tinygrad_scratch.verifier.region import Finding, Region, bracketed, node_at
from tinygrad_scratch.verifier.source import statement_at
from tinygrad_scratch.verifier.tape import Array, Step


def penalty(region: Region) -> Iterator[Finding]:
    """The part of the gradient that only the parameters reach: absent, or with another factor."""
    case = region.case
    parts = case.truth.parts.get(region.of, [])
    own = [(step, part * case.scale) for step, part in parts if is_penalty(region, step)]
    if region.value.shape != region.truth.shape or not own or len(own) == len(parts):
        return
    for chosen in dict.fromkeys([tuple(range(len(own))), *((i,) for i in range(len(own)))]):
        part = np.sum([own[i][1] for i in chosen], axis=0)
        line = case.tape.steps[own[chosen[0]][0]].place
        where = f"`{statement_at(line.file, line.line)}`" if line else "the loss"
        found = next(penalty_of(region, part, where), None) if part.shape == region.truth.shape else None
        if found is not None:
            yield found
            return


def penalty_of(region: Region, part: Array, where: str) -> Iterator[Finding]:
    """What is wrong with the gradient of one penalty, or of all."""
    apart = region.value - region.truth
    factor = float(np.vdot(part, apart) / np.vdot(part, part))
    if close(region.value, region.truth + factor * part) and abs(factor) > 1e-9:
        yield penalty_scaled(1 + factor, where)
        return
    rest = region.truth - part
    for step in region.steps:
        reads = [np.asarray(region.values[node]) for node in step.reads]
        if name_of(step.function) == "add" and any(v.shape == rest.shape and close(v, rest) for v in reads):
            if is_number_of(region, step, part):
                name = region.name(region.of)
                should = region.rewritten(step, f"{region.code(step)} * {name}")
                yield Finding("missing-term", f"what is added is not multiplied by {name}", step, should)
                return
            yield Finding("regularisation", f"what is added is not the gradient of the penalty, {where}", step)
            return
    large = 1e-9 * np.max(np.abs(region.truth))
    some = np.sum(np.abs(apart) > large) <= apart.size // 2 and not np.any(apart[part != 0] > large)
    if some and np.any(apart):
        yield Finding("regularisation", f"some entries are penalised here and not in the loss: {where}", None)


def is_number_of(region: Region, step: Step, part: Array) -> bool:
    """Whether the second term of a sum is the number by which a parameter is multiplied in a gradient."""
    node = node_at(region, step, 1)
    number = region.case.constant_value(step.arguments[1]) if node is None else region.values[node]
    return number is not None and not np.ndim(number) and close(number * np.asarray(region.values[region.of]), part)


def penalty_scaled(factor: float, where: str) -> Finding:
    """What is said of the gradient of a penalty with a wrong factor."""
    if abs(factor + 1) < 1e-6:
        return Finding("sign", f"the gradient of the penalty has the wrong sign, for {where}")
    if abs(factor) < 1e-6:
        return Finding("regularisation", f"the gradient of the penalty is missing, which the loss has: {where}")
    said = f"the gradient of the penalty is {number(factor)} times what it should be for {where}"
    return Finding("regularisation", said)


def is_penalty(region: Region, step: int) -> bool:
    """Whether a use of a parameter leads to the loss without any data."""
    case = region.case
    reached = {region.of}
    parameters = {f.parameter.node for f in case.finals}
    for later in case.tape.steps[step : case.tape.nodes[case.truth.loss].step + 1]:
        makes = [node for node in later.makes if node in case.forward]
        if not makes or reached.isdisjoint(later.reads):
            continue
        before = case.ancestors(set(later.reads) - reached) - parameters
        if any(case.step_of(n).function is None and case.tape.nodes[n].value.size > 1 for n in before):
            return name_of(later.function) in ("add", "subtract") and case.tape.nodes[makes[0]].value.ndim == 0
        reached |= set(makes)
    return True


def parts_left_out(region: Region) -> Iterator[Finding]:
    """The gradient is the sum over all that read a value; some of them were left out, or counted twice."""
    parts = region.parts
    if not 1 < len(parts) <= 8 or parts[0][1].shape != region.truth.shape:
        return
    before = [
        np.asarray(region.values[e.node])
        for e in region.case.events
        if e.name == region.event.name and e.node < region.node
    ]
    for count in range(1, len(parts)):
        for chosen in combinations(range(len(parts)), count):
            total = np.sum([parts[i][1] for i in chosen], axis=0) * region.repair.factor
            left = [parts[i][0] for i in range(len(parts)) if i not in chosen]
            if region.is_truth_of(region.value, total) and not in_one_statement(region, [p[0] for p in parts], left):
                rest = region.truth - region.value
                yield missing(region, left, any(close(value, rest) for value in before))
                return
            if close(region.value, region.truth + total):
                step = region.case.tape.steps[parts[chosen[0]][0]]
                yield Finding("missing-term", f"the part through `{region.code(step)}` is counted twice", None)
                return


def in_one_statement(region: Region, steps: list[int], left: list[int]) -> bool:
    """Whether what was left out of several uses is in a statement with one that was not: a slope is wrong then."""
    places = {step: place for step in steps if (place := region.case.tape.steps[step].place) is not None}
    kept = {(place.file, place.line) for step, place in places.items() if step not in left}
    return any((place.file, place.line) in kept for step, place in places.items() if step in left)


def missing(region: Region, steps: list[int], overwritten: bool) -> Finding:
    step = region.case.tape.steps[steps[0]]
    line = f"`{statement_at(step.place.file, step.place.line)}`" if step.place else "another step"
    name = region.event.name
    if region.parts is region.case.truth.parts.get(region.of) and all(is_penalty(region, s) for s in steps):
        return Finding("regularisation", f"the gradient of the penalty is missing, which the loss has: {line}")
    if overwritten:
        return Finding(
            "overwritten-accumulation",
            f"{name} held the part through {line}, and is written over: add to it, with `+=`",
            None,
            f"{name} + {bracketed(region.expression)}",
            place=region.in_statement(),
        )
    return Finding("missing-term", f"{region.name(region.of)} is also used in {line}: the part through it is missing")


def overwritten(region: Region) -> Iterator[Finding]:
    """What the same name held before, added to it, gives the truth."""
    for total in region.case.with_earlier(region.event, region.values):
        if region.is_truth(total):
            name = region.event.name
            yield Finding(
                "overwritten-accumulation",
                f"{name} is written over in each turn: add to it, with `+=` instead of `=`",
                None,
                f"{name} + {bracketed(region.expression)}",
                place=region.in_statement(),
            )
            return


def assigned_entries(region: Region) -> Iterator[Finding]:
    """Entries that are assigned where they should be added to; repeated ones among them."""
    for step, turns in region.sites():
        if name_of(step.function) != "setitem" or len(step.arguments) != 3:
            continue
        if region.gives_truth({s.index: added for s in turns}) and len(turns) == 1 and holds_forward(region, step):
            said = f"what `{region.code(step).partition('=')[0].strip()}` held is no part of it any more: add it"
            yield Finding("missing-term", said, step, changes={s.index: added for s in turns})
        elif region.gives_truth({s.index: added for s in turns}):
            yield Finding(
                "overwritten-accumulation",
                "entries that are written more than once keep only the last part: add to them, with `+=`",
                step,
                changes={s.index: added for s in turns},
            )
        if all(is_added_to(region, s) for s in turns) and region.gives_truth({s.index: each_time for s in turns}):
            yield Finding(
                "overwritten-accumulation",
                "`a[index] += g` counts a repeated index once: write np.add.at(a, index, g)",
                step,
                changes={s.index: each_time for s in turns},
            )


def holds_forward(region: Region, step: Step) -> bool:
    """Whether an array that is written to held a value of the forward pass, and no part of a gradient."""
    return bool(step.reads) and region.case.is_forward(step.reads[0])


def is_added_to(region: Region, step: Step) -> bool:
    """Whether entries get what they held and something more, as by `a[index] += g`."""
    node = node_at(region, step, 2)
    return node is not None and name_of(region.case.step_of(node).function) in ("add", "subtract")


def each_time(step: Step, arguments: Any, keywords: Any) -> Any:
    """The same with what is added to an entry as often as its index is named."""
    array, index, value = arguments
    np.add.at(array, index, value - np.asarray(array)[index])


def never_written(region: Region) -> Iterator[Finding]:
    """Room that was made for a gradient, and that nothing was written to."""
    if is_filled(region.case.step_of(region.node)) and not np.any(region.value) and np.any(region.truth):
        yield Finding("missing-term", f"nothing is added to {region.event.name}: it stays zero")


def skipped(region: Region) -> Iterator[Finding]:
    """Turns of a loop that were never made: what is missing are the parts of the first or the last ones."""
    parts = region.parts
    steps = [region.case.tape.steps[step] for step, _ in parts]
    of_a_loop = len({s.place for s in steps}) == 1 and len({s.index for s in steps}) == len(steps)
    if len(parts) > 2 and of_a_loop and parts[0][1].shape == region.value.shape:
        for k in (1, 2):
            for kept in (parts[k:], parts[:-k]):
                if len(kept) > 1 and close(region.value, np.sum([part for _, part in kept], axis=0)):
                    yield Finding("off-by-one", f"{k} of {len(parts)} turns is left out", None)
    written = any(name_of(step.function) in ("setitem", "at") for step in region.steps)
    if written and region.value.shape == region.truth.shape and region.value.ndim and len(region.value) > 1:
        rows = np.array([close(one, other) for one, other in zip(region.value, region.truth, strict=True)])
        zero = np.array([not np.any(row) for row in region.value])
        if rows.any() and not rows.all() and (rows | zero).all():
            yield Finding(
                "off-by-one",
                f"{int((~rows).sum())} of {len(rows)} rows are never written: the loop ends too early",
                None,
            )
