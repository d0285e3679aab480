"""The usual mistakes, each as a search: a change of the calls of a step that undoes it, tried until one gives the truth."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.edits import (
    added, called, exchanged, name_of, only, places_of, reduced, swapped_axes, then, with_argument, with_changed,
)  # fmt: skip
from tinygrad_scratch.verifier.explain import Finding, Region, bracketed, replaced
from tinygrad_scratch.verifier.judge import close
from tinygrad_scratch.verifier.source import statement_at
from tinygrad_scratch.verifier.tape import Array, Step
from tinygrad_scratch.verifier.truth import played_on_tensors

PRODUCTS = ("dot", "matmul", "einsum", "tensordot", "inner", "outer")
SUMS = ("sum", "mean", "add.reduce", "reduce")


# ---- numbers that lose what is behind the point ----------------------------------------------------------------------


def integers(region: Region) -> Iterator[Finding]:
    for step, turns in region.sites():
        name = name_of(step.function)
        if name == "floor_divide":
            changes = {s.index: called(np.true_divide) for s in turns}
            if region.gives_truth(changes):
                should = region.rewritten(step, region.code(step).replace("//", "/"))
                yield Finding("dtype-or-integer", "`//` drops what is behind the point: write `/`", step, should, changes)
        made = [region.case.tape.nodes[node].value for node in step.makes]
        if name in ("astype", "int64", "int32", "array", "asarray", "trunc", "floor", "rint") and made and made[0].dtype.kind in "iu":
            changes = {s.index: lambda s, a, k: a[0] * 1.0 for s in turns}
            if region.gives_truth(changes):
                yield Finding(
                    "dtype-or-integer", f"`{region.code(step)}` makes whole numbers, and drops what is behind the point",
                    step, changes=changes,
                )  # fmt: skip
    buffers = integer_buffers(region)
    if buffers and region.value.dtype.kind in "iu":
        try:
            start = {node: region.case.tape.nodes[node].value.astype(float) for node in buffers}
            value = region.case.replay(start=start, until=region.until)[region.node]
        except Exception:
            return
        if region.is_truth(value):
            step = region.case.step_of(buffers[0])
            yield Finding(
                "dtype-or-integer", "the array that it is written into holds whole numbers: what is behind the point is "
                f"dropped. It was made by `{region.code(step)}`", None,
            )  # fmt: skip


def integer_buffers(region: Region) -> list[int]:
    """The constants of integers that a step wrote into."""
    nodes = region.case.ancestors([region.node])
    slots = {region.case.tape.nodes[node].slot for step in region.steps for node in step.makes}
    return [
        node for node in sorted(nodes)
        if region.case.step_of(node).function is None
        and region.case.tape.nodes[node].slot in slots
        and region.case.tape.nodes[node].value.dtype.kind in "iu"
    ]  # fmt: skip


# ---- values that were changed before they were used ------------------------------------------------------------------


def later_state(region: Region) -> Iterator[Finding]:
    """An operand is what an array was changed to; what it held before gives the truth."""
    tape, case = region.case.tape, region.case
    parameters = {final.parameter.node: final.parameter.name for final in case.finals}
    for step, _ in region.sites():
        for place, slot in places_of(step):
            read = next((node for node in step.reads if tape.nodes[node].slot == slot), None)
            if read is None:
                continue
            for earlier in earlier_states(region, read):
                held = region.values[earlier]
                if np.shape(held) != np.shape(region.values[read]) or not region.gives_truth({step.index: with_argument(place, held)}):
                    continue
                name = region.name(read)
                if earlier in parameters:
                    yield Finding(
                        "stale-or-updated-weights",
                        f"{name} was updated before this line: the gradient needs its value from the forward pass. "
                        "Update it after its last use",
                        step,
                    )
                else:
                    writer = case.step_of(read)
                    where = f"line {step.place.line}" if step.place else "a later line"
                    yield Finding("inplace-corruption", f"{name} is written over before its use in {where}", writer)


def earlier_states(region: Region, read: int) -> Iterator[int]:
    """What the same array held before, and what the same name meant in the forward pass."""
    tape = region.case.tape
    slot = tape.nodes[read].slot
    for node in tape.nodes:
        if node.slot == slot and node.number < read and region.case.step_of(node.number).function != "":
            yield node.number
    ends = {name.rsplit(".", 1)[-1] for name in region.names_of(read)}
    for final in region.case.finals:
        parameter = final.parameter.node
        if parameter != read and any(final.parameter.name.rsplit(".", 1)[-1] == end for end in ends):
            yield parameter
    if not region.names_of(read):  # a transpose or a part of it
        step = region.case.step_of(read)
        for before in step.reads if name_of(step.function) in ("T", "transpose", "getitem", "reshape") else ():
            yield from ()
            _ = before


def through_views(region: Region) -> Iterator[Finding]:
    """The same for what was transposed or sliced between the array and the product."""
    case, tape = region.case, region.case.tape
    parameters = {final.parameter.node for final in case.finals}
    for step, _ in region.sites():
        if name_of(step.function) not in ("T", "transpose", "swapaxes", "getitem", "reshape") or not places_of(step):
            continue
        slot = places_of(step)[0][1]
        read = next((node for node in step.reads if tape.nodes[node].slot == slot), None)
        if read is None:
            continue
        for earlier in earlier_states(region, read):
            if region.gives_truth({step.index: with_argument(0, region.values[earlier])}):
                kind = "stale-or-updated-weights" if earlier in parameters else "inplace-corruption"
                yield Finding(
                    kind, f"{region.name(read)} was changed before this line: its value from before is needed", step
                )


def damaged_value(region: Region) -> Iterator[Finding]:
    """The value was right, and was written over afterwards."""
    tape = region.case.tape
    slot = tape.nodes[region.node].slot
    step = region.case.step_of(region.node)
    earlier = [node.number for node in tape.nodes if node.slot == slot and node.number < region.node]
    name = name_of(step.function)
    if not earlier or name in ("setitem", "at") or not region.is_truth(region.values[earlier[-1]]):
        return
    if region.case.match_up_to_factor(np.asarray(region.values[earlier[-1]])) is None:
        return
    readers = [s for s in tape.steps[step.index + 1 :] if region.node in s.reads]
    if readers:
        yield Finding("inplace-corruption", f"{region.event.name} was right, and `{region.code(step)}` writes over it", step)


# ---- sums over the batch ---------------------------------------------------------------------------------------------


def reductions(region: Region) -> Iterator[Finding]:
    for step, turns in region.sites():
        name = name_of(step.function)
        if name not in SUMS or not places_of(step):
            continue
        operand = np.asarray(region.values[step.reads[0]])
        axis = step.keywords.get("axis", step.arguments[1] if len(step.arguments) > 1 else None)
        for function in (np.sum, np.mean):
            for other in axes_of(operand.ndim):
                for keepdims in (bool(step.keywords.get("keepdims")), not step.keywords.get("keepdims")):
                    changes = {s.index: reduced(function, other, keepdims) for s in turns}
                    if not region.gives_truth(changes):
                        continue
                    written = f"np.{function.__name__}({region.name(step.reads[0])}, axis={other}{', keepdims=True' if keepdims else ''})"
                    should = region.rewritten(step, written)
                    if function.__name__ != name:
                        said = "averages over the batch, where it should be summed" if name == "mean" else "sums, where a mean is due"
                        yield Finding("missing-batch-sum-or-mean", f"`{region.code(step)}` {said}", step, should, changes)
                    else:
                        yield Finding(
                            "broadcasting-shape", f"`{region.code(step)}` sums over axis {axis}; it should be axis {other}",
                            step, should, changes,
                        )  # fmt: skip
    yield from not_reduced(region)


def axes_of(ndim: int) -> list[Any]:
    found: list[Any] = [None, *range(-1, ndim)]
    return [*found, *(pair for pair in combinations(range(ndim), 2)), *(three for three in combinations(range(ndim), 3))]


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
                    f"the {function.__name__} over axis {axis} is missing: it has the shape {value.shape}, and its parameter {truth.shape}",
                    None, f"np.{function.__name__}({region.expression}, axis={axis})",
                )  # fmt: skip


def fewer_entries(region: Region) -> Iterator[Finding]:
    """A part of the axis that should be summed; one sum for all."""
    for step, turns in region.sites():
        if name_of(step.function) == "getitem":
            operand = np.asarray(region.values[step.reads[0]])
            for axis in range(operand.ndim):
                for keep in (True, False):
                    changes = {s.index: lambda s, a, k, x=axis, keep=keep: np.sum(a[0], axis=x, keepdims=keep) for s in turns}
                    if region.gives_truth(changes):
                        yield Finding(
                            "missing-batch-sum-or-mean",
                            f"`{region.code(step)}` takes some entries of an axis that should be summed over",
                            step, region.rewritten(step, f"np.sum({region.name(step.reads[0])}, axis={axis})"), changes,
                        )  # fmt: skip
    for step, _ in region.sites():
        if name_of(step.function) in SUMS and places_of(step):
            operand = np.asarray(region.values[step.reads[0]])
            for axis in axes_of(operand.ndim)[1:]:
                if axis == -1:
                    continue
                made = np.sum(operand, axis=axis)
                if made.size == region.truth.size and made.size > 1 and region.is_truth(made.reshape(region.truth.shape)):
                    written = f"np.sum({region.name(step.reads[0])}, axis={axis})"
                    yield Finding(
                        "broadcasting-shape", f"`{region.code(step)}` goes over the wrong axes: one over axis {axis} is due",
                        step, written,
                    )  # fmt: skip


# ---- a constant factor -----------------------------------------------------------------------------------------------


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
        return Finding("sign", "the sign is wrong: it is the negative of the gradient", step, region.rewritten(step, f"-{text}"))
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
    return sorted(n for n in {*(common & used), *common, *(used & set().union(*data) if data else set())} if n > 2 or n in used and n > 1)


def divisors(case: Any, step: Step) -> list[float]:
    """The plain numbers that a step divides by."""
    if name_of(step.function) not in ("divide", "multiply") or not isinstance(step.arguments, tuple):
        return []
    values = [case.constant_value(part) for part in step.arguments]
    return [round(1 / abs(v), 9) if abs(v) < 1 else abs(v) for v in values if v]


# ---- paths -----------------------------------------------------------------------------------------------------------


def penalty(region: Region) -> Iterator[Finding]:
    """The part of the gradient that only the parameters reach: absent, or with another factor."""
    case = region.case
    parts = case.truth.parts.get(region.of, [])
    if region.value.shape != region.truth.shape:
        return
    own = [part for step, part in parts if is_penalty(region, step)]
    if not own or len(own) == len(parts):
        return
    part = np.sum(own, axis=0) * case.scale
    if part.shape != region.truth.shape:
        return
    apart = region.value - region.truth
    factor = float(np.vdot(part, apart) / np.vdot(part, part))
    line = next(case.tape.steps[step].place for step, _ in parts if is_penalty(region, step))
    where = f"`{statement_at(line.file, line.line)}`" if line else "the loss"
    if close(region.value, region.truth + factor * part) and abs(factor) > 1e-9:
        if abs(factor + 1) < 1e-6:
            said = f"the gradient of the penalty is missing, which the loss has: {where}"
        else:
            said = f"the gradient of the penalty is {number(1 + factor)} times what it should be for {where}"
        yield Finding("regularisation", said, None)
        return
    if np.sum(np.abs(apart) > 1e-9 * np.max(np.abs(region.truth))) <= apart.size // 2 and not np.any(
        apart[part != 0] > 1e-9 * np.max(np.abs(region.truth))
    ):
        ratio_ = np.where(apart != 0, apart, 0)
        if np.any(ratio_):
            yield Finding(
                "regularisation", f"some entries are penalised here and not in the loss: {where}", None
            )


def is_penalty(region: Region, step: int) -> bool:
    """Whether a use of a parameter leads to the loss without any data."""
    case = region.case
    reached = {node for node in case.tape.steps[step].makes}
    frontier = case.tape.steps[step + 1 : case.tape.nodes[case.truth.loss].step + 1]
    parameters = {f.parameter.node for f in case.finals}
    for later in frontier:
        if reached & set(later.reads):
            makes = [node for node in later.makes if node in case.forward]
            if any(case.tape.nodes[node].value.ndim == 0 for node in makes) and makes:
                before = case.ancestors(node for node in later.reads if node in reached)
                arrays = [n for n in before if case.step_of(n).function is None and case.tape.nodes[n].value.size > 1]
                return set(arrays) <= parameters
            reached |= set(makes)
    return False


def parts_left_out(region: Region) -> Iterator[Finding]:
    """The gradient is the sum over all that read a value; some of them were left out, or counted twice."""
    parts = region.case.truth.parts.get(region.of, [])
    if not 1 < len(parts) <= 8 or parts[0][1].shape != region.truth.shape:
        return
    before = [
        np.asarray(region.values[e.node]) for e in region.case.events if e.name == region.event.name and e.node < region.node
    ]  # fmt: skip
    for count in range(1, len(parts)):
        for chosen in combinations(range(len(parts)), count):
            total = np.sum([parts[i][1] for i in chosen], axis=0) * region.repair.factor
            left = [parts[i][0] for i in range(len(parts)) if i not in chosen]
            if region.is_truth_of(region.value, total):
                rest = region.truth - region.value
                yield missing(region, left, any(close(value, rest) for value in before))
                return
            if close(region.value, region.truth + total):
                step = region.case.tape.steps[parts[chosen[0]][0]]
                yield Finding("missing-term", f"the part through `{region.code(step)}` is counted twice", None)
                return


def missing(region: Region, steps: list[int], overwritten: bool) -> Finding:
    step = region.case.tape.steps[steps[0]]
    line = f"`{statement_at(step.place.file, step.place.line)}`" if step.place else "another step"
    name = region.event.name
    if all(is_penalty(region, s) for s in steps):
        return Finding("regularisation", f"the gradient of the penalty is missing, which the loss has: {line}")
    if overwritten:
        return Finding(
            "overwritten-accumulation", f"{name} held the part through {line}, and is written over: add to it, with `+=`",
            None, f"{name} + {bracketed(region.expression)}",
        )  # fmt: skip
    return Finding("missing-term", f"{region.name(region.of)} is also used in {line}: the part through it is missing")


def overwritten(region: Region) -> Iterator[Finding]:
    """What the same name held before, added to it, gives the truth."""
    earlier = [e.node for e in region.case.events if e.name == region.event.name and e.node < region.node]
    values = [np.asarray(region.values[node]) for node in dict.fromkeys(earlier)]
    values = [value for value in values if value.shape == region.value.shape and np.any(value)]
    sums = [values[-1:], values] if values else []
    for chosen in sums:
        if region.is_truth(region.value + np.sum(chosen, axis=0)):
            name = region.event.name
            yield Finding(
                "overwritten-accumulation", f"{name} is written over in each turn: add to it, with `+=` instead of `=`",
                None, f"{name} + {bracketed(region.expression)}",
            )  # fmt: skip
            return


def assigned_entries(region: Region) -> Iterator[Finding]:
    """Entries that are assigned where they should be added to; repeated ones among them."""
    for step, turns in region.sites():
        if name_of(step.function) != "setitem" or len(step.arguments) != 3:
            continue
        if region.gives_truth({s.index: added for s in turns}):
            yield Finding(
                "overwritten-accumulation", "entries that are written more than once keep only the last part: add to them, with `+=`",
                step, changes={s.index: added for s in turns},
            )  # fmt: skip
        sums = {s.index: repeated(region, s) for s in turns}
        if all(sums.values()) and region.gives_truth(sums):  # type: ignore[arg-type]
            yield Finding(
                "overwritten-accumulation", "`a[index] += g` counts a repeated index once: write np.add.at(a, index, g)", step
            )


def repeated(region: Region, step: Step) -> Any:
    """`a[index] += g`, with repeated indices added up: g is what was added to what was taken from there."""
    tape = region.case.tape
    value = step.arguments[2]
    made = next((s for s in tape.steps[: step.index][::-1] if s.result == value and name_of(s.function) == "add"), None)
    if made is None:
        return None
    sums = [region.values[node] for node in made.reads]
    if len(sums) != 2:
        return None
    term = sums[1]

    def edit(s: Step, arguments: Any, keywords: Any) -> Any:
        np.add.at(arguments[0], arguments[1], term)

    return edit


def skipped(region: Region) -> Iterator[Finding]:
    """Turns of a loop that were never made: what is missing are the parts of the first or the last ones."""
    parts = region.case.truth.parts.get(region.of, [])
    steps = [region.case.tape.steps[step] for step, _ in parts]
    of_a_loop = len({s.place for s in steps}) == 1 and len({s.index for s in steps}) == len(steps)
    if len(parts) > 2 and of_a_loop and parts[0][1].shape == region.value.shape:
        for k in (1, 2):
            for kept in (parts[k:], parts[:-k]):
                if len(kept) > 1 and close(region.value, np.sum([part for _, part in kept], axis=0)):
                    yield Finding("off-by-one", f"{k} of {len(parts)} turns is left out", None)
    if region.value.shape == region.truth.shape and region.value.ndim and len(region.value) > 1:
        rows = np.array([close(one, other) for one, other in zip(region.value, region.truth, strict=True)])
        zero = np.array([not np.any(row) for row in region.value])
        if rows.any() and (rows | zero).all():
            yield Finding("off-by-one", f"{int((~rows).sum())} of {len(rows)} rows are never written: the loop ends too early", None)


# ---- derivatives -----------------------------------------------------------------------------------------------------

LINEAR = {
    "add", "subtract", "negative", "positive", "getitem", "reshape", "ravel", "transpose", "T", "sum", "mean", "dot", "matmul",
    "concatenate", "stack", "squeeze", "expand_dims", "copy", "array", "asarray", "astype", "multiply", "divide", "setitem",
    "einsum", "swapaxes", "flatten",
}  # fmt: skip


def missing_derivative(region: Region) -> Iterator[Finding]:
    """It is the true gradient of another forward value: what lies between was not differentiated."""
    case = region.case
    found = case.match_up_to_factor(region.value)
    if found is None or found[0].of == region.of or found[0].how not in ("", "of another shape"):
        return
    later, wanted = found[0].of, region.of
    if wanted not in case.ancestors([later]):
        return
    between = steps_between(region, wanted, later)
    names = list(dict.fromkeys(name_of(s.function) for s in between if name_of(s.function) not in LINEAR))
    nonlinear = names or is_square(between)
    slope = slope_text(region)
    should = f"{bracketed(region.expression)} * {slope}" if slope else None
    if nonlinear:
        what = called_by(region, between) or ", ".join(names) or "the square"
        said = f"it is the gradient of {region.name(later)}, not of {region.name(wanted)}: the derivative of {what} is missing"
        yield Finding("missing-derivative", said, None, should)
    else:
        said = f"it is the gradient of {region.name(later)}, not of {region.name(wanted)}: what lies between is left out"
        if between:
            said += f", `{region.code(between[-1])}`"
        yield Finding("missing-term", said, None, should)


def is_square(between: list[Step]) -> bool:
    return any(name_of(s.function) == "multiply" and len(set(s.reads)) == 1 and len(places_of(s)) == 2 for s in between)


def called_by(region: Region, between: list[Step]) -> str:
    """The helper that all steps between two values are in."""
    functions = {s.place.function for s in between if s.place}
    home = region.event.place.function
    return next(iter(functions)) if len(functions) == 1 and home not in functions and len(between) > 1 else ""


def steps_between(region: Region, early: int, late: int) -> list[Step]:
    case = region.case
    nodes = [n for n in case.ancestors([late]) if n != early and early in case.ancestors([n])]
    return [case.step_of(node) for node in sorted(nodes)]


SLOPES = (
    ("{t} * (1 - {t})", lambda t: t * (1 - t)), ("(1 - {t} ** 2)", lambda t: 1 - t * t), ("({t} > 0)", lambda t: (t > 0) * 1.0),
    ("{t}", lambda t: t), ("(1 - {t})", lambda t: 1 - t), ("np.cos({t})", np.cos), ("-np.sin({t})", lambda t: -np.sin(t)),
    ("(1 / {t})", lambda t: 1 / t), ("2 * {t}", lambda t: 2 * t), ("np.exp({t})", np.exp),
    ("1 / (1 + np.exp(-{t}))", lambda t: 1 / (1 + np.exp(-t))), ("np.where({t} > 0, 1, 0.01)", lambda t: np.where(t > 0, 1, 0.01)),
    ("np.where({t} > 0, 1, 0.1)", lambda t: np.where(t > 0, 1, 0.1)),
)  # fmt: skip


def factors_of(region: Region, product: Array, base: Array) -> Iterator[tuple[str, int, str]]:
    """The slopes and values of the forward pass by which one array is another one times it."""
    if product.shape != base.shape:
        return
    for node, value in forward_values(region):
        if np.broadcast_shapes(value.shape, base.shape) != base.shape if compatible(value.shape, base.shape) else True:
            continue
        if region.case.constant_value(None) is not None or value.dtype.kind not in "fiub":
            continue
        for text, slope in SLOPES:
            with np.errstate(all="ignore"):
                factor = slope(value.astype(float))
            if np.ptp(factor) > 1e-9 and np.all(np.isfinite(factor)) and close(base * factor, product):
                yield text.format(t=region.name(node)), node, text


def compatible(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(one, other)
    except ValueError:
        return False
    return True


def forward_values(region: Region) -> Iterator[tuple[int, Array]]:
    """Named values of the forward pass, then the others."""
    nodes = sorted(region.case.forward, key=lambda node: (not region.names_of(node), -node))
    for node in nodes:
        if region.case.tape.nodes[node].value.size > 1:
            yield node, np.asarray(region.values[node])


def slope_text(region: Region) -> str:
    return next((text for text, _, _ in factors_of(region, region.truth, region.value)), "")


def factor_left_out(region: Region) -> Iterator[Finding]:
    """The truth is the value times a slope or a value of the forward pass."""
    for text, node, pattern in factors_of(region, region.truth, region.value):
        should = f"{bracketed(region.expression)} * {text}"
        if pattern == "{t}" and not part_of_slope(region, node):
            yield Finding("missing-term", f"the factor {text} is missing", None, should)
        else:
            yield Finding("missing-derivative", f"the factor {text} is missing, of a derivative", None, should)
        return


def part_of_slope(region: Region, node: int) -> bool:
    """Whether a value is the output of a nonlinear function of the value that the gradient is of."""
    if region.of not in region.case.ancestors([node]):
        return False
    return any(name_of(s.function) not in LINEAR for s in steps_between(region, region.of, node))


def factor_too_many(region: Region) -> Iterator[Finding]:
    for text, _, pattern in factors_of(region, region.value, region.truth):
        if pattern != "({t} > 0)":
            yield Finding("scale-factor", f"the factor {text} is there once too often", None)
            return


def slope_is_another(region: Region) -> Iterator[Finding]:
    """An upstream gradient times a slope is due; the upstream is read, and the slope is another one."""
    if region.value.shape != region.truth.shape:
        return
    for step in region.steps:
        for read in step.reads:
            upstream = np.asarray(region.values[read])
            found = region.case.match_up_to_factor(upstream) if upstream.shape == region.truth.shape else None
            if found is None or region.case.is_forward(read) and not region.names_of(read):
                continue
            text = next((t for t, _, _ in factors_of(region, region.truth, upstream)), "")
            if text:
                name = region.name(read)
                yield Finding(
                    "derivative-at-wrong-point", f"the factor of {name} is not the derivative: it should be {text}", step,
                    f"{bracketed(name)} * {text}",
                )  # fmt: skip
                return


# ---- layout ----------------------------------------------------------------------------------------------------------


def layout(region: Region) -> Iterator[Finding]:
    value, truth = region.value, region.truth
    if value.ndim >= 2 and region.is_truth(swapped_axes(value)) and not close(value, truth):
        yield Finding("transpose", "it is transposed", None, f"{bracketed(region.expression)}.T")
    for step, turns in region.sites():
        name = name_of(step.function)
        if name in ("T", "transpose", "swapaxes", "mT"):
            changes = {s.index: only(0) for s in turns}
            if region.gives_truth(changes):
                code = region.code(step)
                yield Finding("transpose", f"the transpose in `{code}` is too much", step, region.rewritten(step, region.name(step.reads[0])), changes)
        if name in PRODUCTS and len(places_of(step)) == 2:
            yield from product_layout(region, step, turns)
        if name == "getitem" and places_of(step):
            for axis in range(-min(2, np.ndim(region.values[step.reads[0]])), 0):
                pass
            operand = np.asarray(region.values[step.reads[0]])
            if operand.shape == np.shape(region.values[step.makes[0]]) and not close(operand, np.asarray(region.values[step.makes[0]])):
                changes = {s.index: only(0) for s in turns}
                if region.gives_truth(changes):
                    yield Finding("transpose", f"`{region.code(step)}` turns an axis round that should stay", step,
                                  region.rewritten(step, region.name(step.reads[0])), changes)  # fmt: skip


def product_layout(region: Region, step: Step, turns: list[Step]) -> Iterator[Finding]:
    places = places_of(step)
    for i, _ in places:
        changes = {s.index: with_changed(i, swapped_axes) for s in turns}
        if region.gives_truth(changes):
            node = node_at(region, step, i)
            name = region.name(node) if node is not None else ("first", "second")[min(i, 1)]
            turned = name[:-2] if name.endswith(".T") else f"{bracketed(name)}.T"
            text = replaced(region.code(step), name, turned)
            yield Finding("transpose", f"{name} should be transposed: {turned}", step,
                          region.rewritten(step, text) if text else None, changes)  # fmt: skip
    for edit in (exchanged, lambda s, a, k: swapped_axes(s.function(*a, **k)),
                 lambda s, a, k: s.function(swapped_axes(a[1]), swapped_axes(a[0]))):  # fmt: skip
        changes = {s.index: edit for s in turns}
        if region.gives_truth(changes):
            yield Finding("transpose", f"the product `{region.code(step)}` is the wrong way round", step, None, changes)


def node_at(region: Region, step: Step, place: int) -> int | None:
    slot = dict(places_of(step)).get(place)
    return next((node for node in step.reads if region.case.tape.nodes[node].slot == slot), None)


# ---- operations and operands -----------------------------------------------------------------------------------------

SWAPS: list[tuple[str, Any, str, str]] = [
    ("add", np.subtract, "sign", "`+` should be `-`"),
    ("subtract", np.add, "sign", "`-` should be `+`"),
    ("multiply", np.divide, "wrong-operand", "`*` should be `/`"),
    ("divide", np.multiply, "wrong-operand", "`/` should be `*`"),
    ("multiply", np.matmul, "broadcasting-shape", "`*` multiplies entry by entry; it should be `@`"),
    ("matmul", np.multiply, "broadcasting-shape", "`@` is a matrix product; it should be `*`"),
]


def operations(region: Region) -> Iterator[Finding]:
    for step, turns in region.sites():
        for name, function, kind, sentence in SWAPS:
            if name_of(step.function) == name and region.gives_truth({s.index: called(function) for s in turns}):
                sign = sentence.split("`")
                should = region.code(step).replace(sign[1], sign[3], 1) if region.code(step).count(sign[1]) == 1 else None
                yield Finding(kind, f"{sentence} in `{region.code(step)}`", step, region.rewritten(step, should) if should else None,
                              {s.index: called(function) for s in turns})  # fmt: skip
        if name_of(step.function) == "subtract" and region.gives_truth({s.index: exchanged for s in turns}):
            yield Finding("sign", f"the difference `{region.code(step)}` is the wrong way round", step, changes={s.index: exchanged for s in turns})
        if name_of(step.function) == "negative" and region.gives_truth({s.index: only(0) for s in turns}):
            yield Finding("sign", f"the minus in `{region.code(step)}` is too much", step, changes={s.index: only(0) for s in turns})


def negated(region: Region) -> Iterator[Finding]:
    """A minus that one call lacks."""
    for step, turns in region.sites():
        changes = {s.index: then(np.negative) for s in turns}
        if step.result is not None and region.gives_truth(changes):
            code = region.code(step)
            yield Finding("sign", f"the sign of `{code}` is wrong", step, region.rewritten(step, f"(-{bracketed(code)})"), changes)
        for i, _ in places_of(step):
            if name_of(step.function) in ("setitem", "add", "subtract") and region.gives_truth({s.index: with_changed(i, np.negative) for s in turns}):
                node = node_at(region, step, i)
                name = region.name(node) if node is not None else "a term"
                yield Finding("sign", f"the sign of {name} is wrong", step)


def operands(region: Region) -> Iterator[Finding]:
    """Another value of the same shape in the place of an operand."""
    found: list[tuple[int, Finding]] = []
    for step, turns in region.sites():
        for place, _ in places_of(step):
            for new, values in candidates(region, step, turns, place):
                changes = {s.index: with_argument(place, value) for s, value in zip(turns, values, strict=True)}
                if region.gives_truth(changes):
                    found.append(said(region, step, place, new, changes))
                    if found[-1][0] == 0:
                        break
    found.sort(key=lambda pair: pair[0])
    if found:
        best = found[0][1]
        others = {f.should_be for _, f in found if f.should_be and f.should_be != best.should_be}
        if len(others) > 2:
            best.certainty = "fits"
        yield best


def candidates(region: Region, step: Step, turns: list[Step], place: int) -> Iterator[tuple[tuple[str, int], list[Any]]]:
    """Values for an operand in all turns: of one name, the neighbour in a list or dict, an unnamed one of the forward pass."""
    reads = [node_at(region, s, place) for s in turns]
    if None in reads:
        return
    nodes = [node for node in reads if node is not None]
    shapes = [np.shape(region.values[node]) for node in nodes]
    tried: list[Array] = []
    roles = [*neighbours(region, nodes), *by_name(region, turns), *beside(region, turns, place), *unnamed(region, turns)]
    for name, chosen in roles:
        for turned in (False, True):
            values = [np.asarray(region.values[node]) for node in chosen]
            if turned:
                values = [swapped_axes(v) if v.ndim > 1 else v for v in values]
            if [v.shape for v in values] != shapes:
                continue
            if turned and values[-1].shape == np.shape(region.values[chosen[-1]]) and values[-1].ndim < 2:
                continue
            if close(values[-1], np.asarray(region.values[nodes[-1]])) or any(v is values[-1] for v in tried):
                continue
            tried.append(values[-1])
            yield (f"{name}.T" if turned else name, chosen[-1]), values


def neighbours(region: Region, nodes: list[int]) -> Iterator[tuple[str, list[int]]]:
    """`hs[t - 1]` for `hs[t]`: what the same list or dict holds beside each of the operands."""
    import re

    known = {event.name: event.node for event in region.case.events}
    for shift in (-1, 1):
        chosen, label = [], ""
        for node in nodes:
            for name in region.names_of(node):
                match = re.search(r"\[(-?\d+)\](?!.*\[-?\d+\])", name)
                if match:
                    other = f"{name[: match.start()]}[{int(match[1]) + shift}]{name[match.end() :]}"
                    if other in known:
                        chosen.append(known[other])
                        label = other
                        break
        if len(chosen) == len(nodes):
            yield label, chosen


def by_name(region: Region, turns: list[Step]) -> Iterator[tuple[str, list[int]]]:
    """What each name meant when each of the calls was made."""
    bound: dict[str, list[int]] = {}
    for event in region.case.events:
        useful = region.case.is_forward(event.node) or region.case.match_up_to_factor(np.asarray(region.values[event.node])) is not None
        if event.node < region.node and (useful or region.case.step_of(event.node).function is None):
            bound.setdefault(event.name, []).append(event.node)
    for final in region.case.finals:
        bound.setdefault(final.parameter.name, []).append(final.parameter.node)
    for name, nodes in bound.items():
        chosen = []
        for step in turns:
            before = [node for node in nodes if region.case.tape.nodes[node].step < step.index]
            if not before:
                break
            chosen.append(before[-1])
        if len(chosen) == len(turns):
            yield name, chosen


def beside(region: Region, turns: list[Step], place: int) -> Iterator[tuple[str, list[int]]]:
    """Another operand of the same call, or of the other calls of the statement."""
    for other, _ in places_of(turns[0]):
        chosen = [node for s in turns if (node := node_at(region, s, other)) is not None]
        if other != place and len(chosen) == len(turns):
            yield region.name(chosen[-1]), chosen


def unnamed(region: Region, turns: list[Step]) -> Iterator[tuple[str, list[int]]]:
    """Values of the forward pass without a name: those that one call made, turn by turn."""
    made: dict[Any, list[int]] = {}
    for node in sorted(region.case.forward):
        if not (region.names_of(node) and len(turns) == 1) and region.case.step_of(node).function is not None:
            made.setdefault((region.case.step_of(node).place, name_of(region.case.step_of(node).function)), []).append(node)
    for nodes in made.values():
        if len(turns) == 1:
            for node in nodes:
                yield region.name(node), [node]
        elif len(nodes) == len(turns):
            yield region.name(nodes[-1]), nodes
            yield region.name(nodes[0]), nodes[::-1]


def said(region: Region, step: Step, place: int, new: tuple[str, int], changes: dict[int, Any]) -> tuple[int, Finding]:
    """How good an explanation a substitution is (less is better), and what it says."""
    read = node_at(region, step, place)
    assert read is not None
    other_name, other = new
    mine = region.name(read)
    text = replaced(region.code(step), mine, other_name)
    should = region.rewritten(step, text) if text else replaced(region.expression, mine, other_name)
    sentence = f"{mine} should be {other_name}"
    stem = mine.split("[")[0]
    if "[" in mine and other_name.split("[")[0] == stem and one_apart(mine, other_name):
        return 0, Finding("off-by-one", f"{sentence}: the neighbour was taken", step, should, changes)
    parameters = {f.parameter.node for f in region.case.finals}
    named = bool(region.names_of(other))
    if wrong_point(region, step, read, other):
        return 1 if named else 3, Finding("derivative-at-wrong-point", f"the derivative is taken at {mine}; it should be at {other_name}",
                                          step, should, changes)  # fmt: skip
    if other in parameters and mine.rsplit(".", 1)[-1] == other_name.rsplit(".", 1)[-1]:
        return 1, Finding("stale-or-updated-weights", f"{sentence}, as it was in the forward pass", step, should, changes)
    return 2 if named else 4, Finding("wrong-operand", sentence, step, should, changes)


def one_apart(one: str, other: str) -> bool:
    import re

    numbers = [re.findall(r"\[(-?\d+)\]", name) for name in (one, other)]
    return all(numbers) and abs(int(numbers[0][-1]) - int(numbers[1][-1])) == 1


def wrong_point(region: Region, step: Step, read: int, other: int) -> bool:
    """Whether the operand was to be differentiated at: it is changed by a nonlinear step before it meets the upstream."""
    case = region.case
    if name_of(step.function) in PRODUCTS or not case.is_forward(other):
        return False
    twin = case.alike.get(other, other)
    own = twin in case.ancestors([region.of]) or region.of in case.ancestors([twin]) or twin == region.of
    own = own or same_source(region, twin)
    plus = name_of(step.function) in ("subtract", "add") and len(places_of(step)) < 2
    nonlinear = name_of(step.function) not in LINEAR or plus or is_comparison(step)
    if case.is_forward(read) or is_comparison(step):
        related = twin in case.ancestors([case.alike.get(read, read)]) or case.alike.get(read, read) in case.ancestors([twin])
        return own and (nonlinear or related) and (related or nonlinear)
    return own and nonlinear


def same_source(region: Region, node: int) -> bool:
    """Whether a value is one of the steps of the function whose derivative is due."""
    parts = region.case.truth.cotangents
    return node in parts and np.shape(parts[node]) == region.truth.shape and region.of in region.case.ancestors([node])


def is_comparison(step: Step) -> bool:
    return name_of(step.function) in ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "where", "sign")


def comparisons(region: Region) -> Iterator[Finding]:
    """A mask that lets everything through, or the opposite of what it should."""
    swaps = {"greater": np.less_equal, "less": np.greater_equal, "greater_equal": np.greater, "less_equal": np.less,
             "not_equal": np.equal, "equal": np.not_equal}  # fmt: skip
    signs = {"greater": ">", "less": "<", "greater_equal": ">=", "less_equal": "<=", "equal": "==", "not_equal": "!="}
    for step, turns in region.sites():
        function = swaps.get(name_of(step.function))
        if function is not None and region.gives_truth({s.index: called(function) for s in turns}):
            old, new = signs[name_of(step.function)], signs[function.__name__]
            code = region.code(step)
            should = region.rewritten(step, code.replace(old, new, 1)) if old in code else None
            yield Finding("derivative-at-wrong-point", f"the mask `{code}` should be with `{new}`: here it lets through what "
                          "should be zero", step, should)  # fmt: skip


# ---- single factors --------------------------------------------------------------------------------------------------


def one_factor(region: Region) -> Iterator[Finding]:
    """One call of the step carries a wrong constant: halved, doubled, divided by the batch ..."""
    powers = sorted({*region.case.factors, 2.0, 0.5, 3.0, 4.0, 0.25}, key=lambda f: abs(np.log(f)))
    if region.loose:
        return
    for step, turns in region.sites():
        if step.result is None or name_of(step.function) in ("getitem", "T", "reshape", "transpose", "setitem", "copy"):
            continue
        for factor in powers:
            changes = {s.index: then(lambda value, f=factor: value * f) for s in turns}
            if region.gives_truth(changes):
                found = factor_found(region, factor, step)
                found.changes = changes
                found.sentence = f"`{region.code(step)}`: {found.sentence}"
                yield found
                return


def broadcasting(region: Region) -> Iterator[Finding]:
    """Shapes such as (n,) and (n, 1), which give (n, n): one of them laid out as the other gives the truth."""
    for step, turns in region.sites():
        places = places_of(step)
        if len(places) != 2 or not step.makes or name_of(step.function) in PRODUCTS:
            continue
        shapes = [np.shape(region.values[node]) for i, _ in places if (node := node_at(region, step, i)) is not None]
        made = np.shape(region.values[step.makes[0]])
        if len(shapes) != 2 or made in shapes or np.prod(shapes[0]) != np.prod(shapes[1]):
            continue
        for (i, _), shape in zip(places, reversed(shapes), strict=True):
            changes = {s.index: with_changed(i, lambda value, n=shape: np.reshape(value, n)) for s in turns}
            if region.gives_truth(changes):
                node = node_at(region, step, i)
                name = region.name(node) if node is not None else "an operand"
                written = f"{bracketed(name)}.reshape{shape}"
                text = replaced(region.code(step), name, written)
                yield Finding(
                    "broadcasting-shape", f"the shapes {shapes[0]} and {shapes[1]} give {made}: {name} should have {shape}",
                    step, region.rewritten(step, text) if text else None, changes,
                )  # fmt: skip


def dropped_term(region: Region) -> Iterator[Finding]:
    """One term too many in a sum."""
    for found in dropped(region):
        if found.kind == "missing-term":
            yield found


def dropped(region: Region) -> Iterator[Finding]:
    """One term, factor or call too many."""
    for step, turns in region.sites():
        name = name_of(step.function)
        for place, _ in places_of(step):
            if name in (*PRODUCTS, "getitem", "setitem", "T"):
                continue
            changes = {s.index: only(place) for s in turns}
            if region.gives_truth(changes):
                node = node_at(region, step, place)
                rest = region.name(node) if node is not None else "the rest"
                kind = "missing-term" if name in ("add", "subtract") else "scale-factor"
                if name in ("clip", "round", "around", "sign", "abs", "absolute"):
                    kind = "wrong-operand"
                yield Finding(kind, f"`{region.code(step)}` has one {'term' if kind == 'missing-term' else 'factor'} too many: "
                              f"{rest} alone is right", step, region.rewritten(step, rest), changes)  # fmt: skip


def literal(region: Region) -> Iterator[Finding]:
    """A number in the text that should be another."""
    for step, turns in region.sites():
        if not isinstance(step.arguments, tuple):
            continue
        for place, part in enumerate(step.arguments):
            value = region.case.constant_value(part)
            if value is None:
                continue
            for other in {value + 1, value - 1, -value, value * 2, value / 2, 0.1, 0.01, 1 - value}:
                changes = {s.index: with_argument(place, other) for s in turns}
                if other != value and region.gives_truth(changes):
                    kind = "sign" if other == -value and value else "scale-factor"
                    yield Finding(kind, f"{value:g} in `{region.code(step)}` should be {other:g}", step, None, changes)


# ---- the forward pass with something held constant -------------------------------------------------------------------


def held_constant(region: Region) -> Iterator[Finding]:
    """It is the gradient that one gets where a value of the forward pass is taken for a constant."""
    case = region.case
    if region.value.shape != region.truth.shape or case.step_of(region.of) is None:
        return
    loss_step = case.tape.nodes[case.truth.loss].step
    later = [n for n in sorted(case.forward) if n != region.of and n != case.truth.loss and n in case.truth.cotangents and region.of in case.ancestors([n])]
    later = later[:40]
    named = [n for n in later if region.names_of(n)] or later
    choices = [(n,) for n in later] + list(combinations((named if len(named) < 13 else named[:12]), 2))
    if len(case.tape.steps) > 800:
        choices = choices[:20]
    shifts = [n for n in later if name_of(case.step_of(n).function) in ("max", "amax")]
    for cut in choices:
        try:
            run = played_on_tensors(case.tape, loss_step, overrides={n: case.tape.nodes[n].value for n in (*cut, *shifts)})
            found = run.gradient(run.values[case.truth.loss], [region.of]).get(region.of)
        except Exception:
            continue
        if found is None:
            continue
        found = found * region.repair.factor
        if found.shape != region.value.shape and found.size == region.value.size:
            found = found.reshape(region.value.shape)
        if np.any(found) and region.is_truth_of(region.value, found):
            names = " and ".join(region.name(n) for n in cut)
            yield Finding("missing-term", f"{names} depends on {region.name(region.of)}, too: the part of the gradient that goes "
                          "through it is missing", None)  # fmt: skip
            return


def diagonal(region: Region) -> Iterator[Finding]:
    """Only the diagonal of a Jacobian: each output's derivative with respect to its own input."""
    case = region.case
    shape = case.tape.nodes[region.of].value.shape
    if region.value.shape != region.truth.shape or not shape or shape[-1] > 64:
        return
    later = [n for n in sorted(case.forward) if n in case.truth.cotangents and case.tape.nodes[n].value.shape == shape and n != region.of
             and region.of in case.ancestors([n])][:8]  # fmt: skip
    for node in later:
        run = played_on_tensors(case.tape, case.tape.nodes[node].step)
        own = np.zeros(shape)
        for j in range(shape[-1]):
            seed = np.zeros(shape)
            seed[..., j] = 1.0
            found = run.gradient(np.sum(run.values[node] * seed), [region.of]).get(region.of)
            if found is None:
                return
            own[..., j] = found[..., j]
        product = case.truth.cotangents[node] * own * region.repair.factor
        if product.shape != region.value.shape and product.size == region.value.size:
            product = product.reshape(region.value.shape)
        samples = [product] if product.shape == region.value.shape else []
        if any(np.any(p) and region.is_truth_of(region.value, p) for p in samples) and not close(product, region.truth):
            yield Finding("missing-term", f"only the diagonal of the Jacobian of {region.name(node)} is used: each of its entries "
                          f"depends on all of {region.name(region.of)}", None)  # fmt: skip
            return


EXPLANATIONS = (
    integers, later_state, through_views, damaged_value, reductions, ratio, overwritten, skipped, assigned_entries, penalty,
    parts_left_out, missing_derivative, layout, comparisons, broadcasting, operations, negated, dropped_term, operands, dropped,
    factor_left_out, one_factor, literal, fewer_entries, diagonal, held_constant, slope_is_another, factor_too_many,
)  # fmt: skip
