"""One call, term or number too many, or with a wrong constant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.extent import node_at
from tinygrad_scratch.verifier.causes.factors import batch_size, factor_found
from tinygrad_scratch.verifier.causes.multiplied import exponent_named, is_power_of_array, kind_of_power
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.causes.state import is_of_penalty, is_parameter, updates_parameter
from tinygrad_scratch.verifier.causes.whole_numbers import makes_whole
from tinygrad_scratch.verifier.pairs.penalised import is_mask
from tinygrad_scratch.verifier.reading.source import bracketed, replaced, text_of, with_operand
from tinygrad_scratch.verifier.recording.edits import (
    COMPARISONS,
    PRODUCTS,
    SUMS,
    is_filled,
    name_of,
    only,
    places_of,
    then,
    times,
    with_changed,
    with_number,
)
from tinygrad_scratch.verifier.recording.likeness import is_along
from tinygrad_scratch.verifier.recording.steps import Step
from tinygrad_scratch.verifier.rewriting.calls import TURNS
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.truths.losses import COMPARING

ROUGH = {*COMPARING, "round", "around"}
OF_ONE = "exp", "log", "sqrt", "square", "tanh", "abs", "absolute", "sin", "cos", "sign", "reciprocal", "clip"
SHAPED = "ravel", "reshape", "flatten", "squeeze", "expand_dims"
LAID_OUT = "getitem", "T", "reshape", "transpose", "setitem", "copy"
TERM_TOO_MANY = "has one term too many"


def one_factor(region: Region) -> Iterator[Finding]:
    """One call of the step carries a wrong constant: halved, doubled, divided by the batch ..."""
    powers = sorted({*region.case.factors, 2.0, 0.5, 3.0, 4.0, 0.25}, key=lambda f: abs(np.log(abs(f))))
    if region.loose:
        return
    for step, turns in region.sites():
        if step.result is None or is_filled(step) or name_of(step.function) in LAID_OUT:
            continue
        for factor in fitting(region, turns, powers):
            changes = {s.index: then(times(factor)) for s in turns}
            if region.gives_truth(changes):
                found = factor_found(region, factor, step)
                found.changes = changes
                found.sentence = f"`{region.code(step)}`: {found.sentence}"
                yield found
                return


def fitting(region: Region, turns: list[Step], factors: list[float]) -> Iterator[float]:
    """The factors of one call that may give the truth: a step is nearly always linear in it, and one probe tells which.

    In a loop a factor may enter more than once; there the usual ones are tried.
    """
    probe = region.tried({s.index: then(times(2.0)) for s in turns})
    if probe is None or probe.shape != region.truth.shape or region.value.shape != region.truth.shape:
        return
    slope, wanted = probe - region.value, region.truth - region.value
    if not np.any(slope):
        return
    found = 1 + float(np.vdot(slope, wanted) / np.vdot(slope, slope))
    nearest = min(factors, key=lambda factor: abs(factor - found))
    if abs(nearest - found) < 1e-6 * abs(nearest):
        yield nearest
    elif len(turns) > 1:
        yield from (2.0, 0.5)


def laid_out(shape: tuple[int, ...]) -> Callable[[Any], Any]:
    return lambda value: np.reshape(value, shape)


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
            changes = {s.index: with_changed(i, laid_out(shape)) for s in turns}
            if region.gives_truth(changes):
                node = node_at(region, step, i)
                name = region.name(node) if node is not None else "an operand"
                written = f"{bracketed(name)}.reshape{shape}"
                text = replaced(region.code(step), name, written)
                yield Finding(
                    "broadcasting-shape",
                    f"the shapes {shapes[0]} and {shapes[1]} give {made}: {name} should have {shape}",
                    step,
                    region.rewritten(step, text) if text else None,
                    changes,
                )


def dropped_term(region: Region) -> Iterator[Finding]:
    """One term too many in a sum."""
    for found in dropped(region):
        if found.kind == "missing-term":
            yield found


def dropped(region: Region) -> Iterator[Finding]:
    """One term, factor or call too many."""
    for step, turns in region.sites():
        for place, _ in places_of(step):
            found = too_many(region, step, turns, place)
            if found is not None:
                yield found


def doubled(region: Region) -> Iterator[Finding]:
    """A factor that stands in a product twice."""
    for step, turns in region.sites():
        for place, kept in places_of(step) if name_of(step.function) == "multiply" else ():
            other = node_at(region, step, 1 - place)
            node = node_at(region, step, place) if other is not None else None
            inner = region.case.step_of(node) if node is not None and kept is not None else None
            if inner is None or other is None or name_of(inner.function) != "multiply":
                continue
            if any(np.array_equal(region.values[read], region.values[other]) for read in inner.reads):
                found = too_many(region, step, turns, place)
                if found is not None:
                    yield found


def too_many(region: Region, step: Step, turns: list[Step], place: int) -> Finding | None:
    """What is said of a call that should be one of its operands alone; None where that does not mend it."""
    name = name_of(step.function)
    if name in (*PRODUCTS, "getitem", "setitem", "T") or (name == "power" and exponent_named(region, step)):
        return None  # an exponent with a name is one less in the slope of a power, and never 1
    if makes_whole(region, step):
        return None  # that it does is what is told of it
    if place == 1 and goes_on_in_turns(region, turns):
        return None  # each turn of a loop would throw away what those before it made
    changes = {s.index: only(place) for s in turns}
    if not region.gives_truth(changes):
        return None
    node = node_at(region, step, place)
    rest = region.operand(step, place, node) if node is not None else "the rest"
    if is_filled(step):
        return without_values(region, step, rest, changes)
    if (name in SUMS and is_needless_factor(region, step)) or (
        name in ("add", "subtract") and not is_term(region, step, place)
    ):
        return None
    kind, what = told_of(region, step, place)
    parts = region.case.truth.parts.get(region.of, [])
    held = "no such penalty" if len(parts) < 2 else "no other penalty"
    why = f", as the loss has {held}" if kind == "regularisation" else ""
    said = f"`{region.code(step)}` {what}: {rest} alone is right{why}"
    return Finding(kind, said, step, region.rewritten(step, rest), changes, takes_away=True)


def goes_on_in_turns(region: Region, turns: list[Step]) -> bool:
    """Whether the turns of a loop write what they make to what the turn before made."""
    nodes = region.case.tape.nodes
    after = (s for s in turns[1:] if s.reads and len(s.makes) == 1)
    return any(nodes[s.makes[0]].slot == nodes[s.reads[0]].slot for s in after)


def is_term(region: Region, step: Step, place: int) -> bool:
    """Whether the other side of a sum is what is too many in it."""
    node, left, value_of = node_at(region, step, place), node_at(region, step, 1 - place), region.case.constant_value
    if node is not None and updates_parameter(region, step, node):
        return False  # what reads it is too late, or its update too early
    if value_of(step.arguments[place]) == 1 and is_factor(region, step):
        return False  # all of it is one factor too many
    nothing = value_of(step.arguments[1 - place]) == 0 if left is None else not np.any(region.values[left])
    return not nothing  # a velocity that begins at nothing, or a target that is 0: what changes is the sign


def told_of(region: Region, step: Step, place: int) -> tuple[str, str]:
    """The kind of a call of which one operand alone is right, and what is said of it."""
    name, node = name_of(step.function), node_at(region, step, place)
    kind, what = kind_of_too_many(region, step, place), "has one factor too many"
    if name in ("add", "subtract"):
        what = "is the mask turned round" if kind == "wrong-operand" else TERM_TOO_MANY
    made = np.asarray(region.values[step.makes[0]])
    if name in SUMS:
        is_gradient = node is not None and region.case.match_up_to_factor(np.asarray(region.values[node])) is not None
        said = "is one number for all of them" if made.size == 1 else "is the same for all along an axis"
        return "broadcasting-shape" if is_gradient else "wrong-operand", said
    if name in SHAPED:
        return "broadcasting-shape", "has another shape than is due"
    if name in TURNS:
        return "transpose", "has its axes exchanged"
    if name in ROUGH:
        scaled = node is not None and made.size > 1 and is_along(made, np.asarray(region.values[node]))
        return "scale-factor" if scaled else "wrong-operand", "is not what is due"
    return kind, "is one call too many" if name in OF_ONE else what


def is_factor(region: Region, step: Step) -> bool:
    """Whether what a call makes is a factor of a product in the statement, as `1 - s` is in `d * s * (1 - s)`."""
    return any(name_of(s.function) == "multiply" and step.makes[0] in s.reads for s, _ in region.sites())


def kind_of_too_many(region: Region, step: Step, place: int) -> str:
    """The kind of a term or a factor too many, by what it is."""
    name, left = name_of(step.function), node_at(region, step, 1 - place)
    if name in ("add", "subtract"):
        if leaves_out(region, step, place):
            return "wrong-operand"
        if is_one_beside(region, step, 1 - place):
            return "off-by-one"
        return "regularisation" if left is not None and is_of_penalty(region, left) else "missing-term"
    kept = node_at(region, step, place)
    if name in OF_ONE:
        of_slope = step.place is not None and source_of(text_of(step.place.file)).is_in_derivative(step.place.line)
        return "derivative-at-wrong-point" if of_slope else "wrong-operand"
    if name == "multiply" and kept is not None and is_parameter(region, kept) and is_in_step_of(region, step):
        return "regularisation"  # a decay
    number = region.case.constant_value(step.arguments[1 - place]) if name in ("multiply", "divide") else None
    if number is not None and abs(number) == 1:
        return "sign"
    of_batch = number and number > 0 and batch_size(region, number if name == "divide" else 1 / number)
    return "missing-batch-sum-or-mean" if of_batch else "scale-factor"


def is_needless_factor(region: Region, step: Step) -> bool:
    """Whether a product is right without what a call makes for it: then all of that is too many."""
    made = step.makes[0]
    products = (other for other, _ in region.sites() if name_of(other.function) == "multiply" and made in other.reads)
    for other in products:
        kept = next((place for place, _ in places_of(other) if node_at(region, other, place) != made), None)
        if kept is not None and region.gives_truth({other.index: only(kept)}):
            return True
    return False


def without_values(region: Region, step: Step, rest: str, changes: dict[int, Any]) -> Finding:
    """What is said of an array of zeros or ones that was made in the shape of another one, which is due itself."""
    if np.asarray(region.values[step.makes[0]]).dtype.kind in "iu":
        said = f"`{region.code(step)}` is of whole numbers, and drops what is behind the point"
        return Finding("dtype-or-integer", said, step, None, changes, takes_away=True)
    said = f"`{region.code(step)}` has the shape of {rest}, and not its values"
    from_above = "ones" in name_of(step.function)  # which is not in it then
    kind = "missing-derivative" if from_above else "missing-term"
    return Finding(kind, said, step, region.rewritten(step, rest), changes, takes_away=True)


def is_in_step_of(region: Region, step: Step) -> bool:
    """Whether a product is what a step is taken off, or added to: that of an update."""
    later = (s for s, _ in region.sites() if not set(step.makes).isdisjoint(s.reads))
    return any(name_of(s.function) in ("add", "subtract") for s in later)


def leaves_out(region: Region, step: Step, place: int) -> bool:
    """Whether a call is `1 - m` of a mask, which is what the mask leaves out."""
    node = node_at(region, step, place)
    if node is None or name_of(step.function) != "subtract" or place != 1:
        return False
    return region.case.constant_value(step.arguments[0]) == 1 and is_mask(np.asarray(region.values[node]))


def is_one_beside(region: Region, step: Step, place: int) -> bool:
    """Whether a term is 1 beside whole numbers, as in an index."""
    one = region.case.constant_value(step.arguments[place])
    return one is not None and abs(one) == 1 and np.asarray(region.values[step.makes[0]]).dtype.kind in "iu"


def exponent(region: Region) -> Iterator[Finding]:
    """A number to the power of which something is taken, that should be another: its slope has one that is one less."""
    yield from other_numbers(region, powers=True)


def literal(region: Region) -> Iterator[Finding]:
    """A number in the text that should be another, and is no exponent."""
    yield from other_numbers(region, powers=False)


def other_numbers(region: Region, powers: bool) -> Iterator[Finding]:
    """Numbers with which others are right in their place: of powers alone, or of all other calls."""
    for step, turns in region.sites():
        if not isinstance(step.arguments, tuple) or (name_of(step.function) == "power") != powers:
            continue
        for place, part in enumerate(step.arguments):
            value = region.case.constant_value(part)
            if value is None:
                continue
            is_bound = name_of(step.function) in COMPARISONS  # where a slope changes
            others = [*{value + 1, value - 1, -value, value * 2, value / 2, 0.1, 0.01, 1 - value}]
            for other in [0.0, *others] if is_bound else others:
                changes = {s.index: with_number(place, other) for s in turns}
                if other != value and region.gives_truth(changes):
                    kind = "sign" if other == -value and value else "scale-factor" if value else "missing-derivative"
                    if kind == "scale-factor" and is_power_of_array(region, step, place):
                        kind = kind_of_power(region, step, low=other > value > 0)
                    code = region.code(step)
                    named = exponent_named(region, step) if place and other == value - 1 else ""
                    old, new = (named, f"({named} - 1)") if named else (f"{value:g}", f"{other:g}")
                    text = with_operand(code, place, old, new)
                    should = region.rewritten(step, text) if text else None
                    kind = "derivative-at-wrong-point" if is_bound else "off-by-one" if named else kind
                    said = f"{old} in `{code}` should be {new.strip('()')}"
                    yield Finding(kind, said, step, should, changes, made_up=not powers)


USUAL = 0.5, 1, 2, 3, 4
