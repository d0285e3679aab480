"""What differs from the gradient and is right all the same: a factor throughout, another layout, uphill, a kink."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.sizes import (
    bases,
    conventional,
    divided_by,
    from_outputs_on,
    given,
    samples,
    sizes_of_the_loss,
    weights_of_samples,
)
from tinygrad_scratch.verifier.meant.beside_the_gradient import decayed, frozen, made_steps, shaken, without_penalties
from tinygrad_scratch.verifier.meant.directions import DOWN, UNKNOWN, UP, are_steps, direction
from tinygrad_scratch.verifier.meant.geometry import before_kernels
from tinygrad_scratch.verifier.meant.kinks import OTHER_KINK, of_other_sides, truths_of_sides
from tinygrad_scratch.verifier.meant.own_rates import rate_named
from tinygrad_scratch.verifier.meant.own_steps import own_steps
from tinygrad_scratch.verifier.meant.referee import slopes_at
from tinygrad_scratch.verifier.meant.rounding import but_for_rounding
from tinygrad_scratch.verifier.meant.semi_gradients import nodes_given, semi, truths_held
from tinygrad_scratch.verifier.meant.steady import is_steady
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.update_steps import is_square, literals_of
from tinygrad_scratch.verifier.reading.names import is_gradient_name, listed
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.source import statement_at
from tinygrad_scratch.verifier.recording.edits import name_of, only
from tinygrad_scratch.verifier.recording.likeness import close, difference, is_near_number
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.truths.losses import SMALL, is_likelihood
from tinygrad_scratch.verifier.truths.table import squeezed
from tinygrad_scratch.verifier.truths.truth import LEFT_OUT, NotOnTensors, Reversed, Truth, played_on_tensors, truth_of

ROUNDING = 1e-14  # no larger factor is one
STRAIGHT = "straight through: the gradient goes on past a choice that has none"


def is_right_by_convention(case: Case) -> bool:
    """Whether all gradients are right, in the plain sense or in one of the others; the case is told which."""
    values: dict[int, Any] = {node.number: node.value for node in case.tape.nodes}  # as they were, not made again
    case.transposed = is_transposed(case, values)
    if not case.wrong(values):
        case.convention = layout_of(case, values) or truth_said(case)
        return True
    if case.uphill:
        return False
    asked, played = all_that_is_asked(case), case.tape.played
    if asked not in case.truth.in_no_convention and is_right_in_some(case, values):
        return True
    case.truth.in_no_convention.add(asked)
    case.tape.played, case.scale = played, 1.0  # it is no search for a cause, which may take so much alone
    return False


def all_that_is_asked(case: Case) -> Any:
    """What a case is judged by beside its truth: a judging asks more than once, and each time takes long."""
    finals = ((f.node, f.parameter.node, f.by, f.direction, f.path) for f in case.finals)
    decays = tuple((node, float(np.sum(share))) for node, share in case.decays.items())
    mended = tuple(case.overrides), case.scale, decays
    return *finals, *mended, tuple(case.uphill), frozenset(case.grown), case.is_assumed, len(case.events)


def is_right_in_some(case: Case, values: dict[int, Any]) -> bool:
    """Whether all gradients are right in a sense that is not the plain one."""
    for convention in (
        throughout,
        each_way,
        averaged_within,
        whole_inputs,
        with_the_rate,
        own_rates,
        made_steps,
        with_decay,
        with_penalty,
        shaken,
        frozen,
        own_steps,
        of_kernels,
        per_sample,
        almost,
        targets_held,
        but_for_rounding,
        at_kinks,
        of_other_sides,
    ):
        said = convention(case, values)
        if said:
            case.convention = said
            return True
    return is_scaled_at_kinks(case, values)


def truth_said(case: Case) -> str:
    """What is right by a truth that is not the loss's own alone."""
    given = nodes_given(case.truth)
    if any(isinstance(edit, Reversed) for edit in case.truth.edits.values()):
        return case.truth.note
    return STRAIGHT if case.truth.passing else semi(case, given) if given else ""


def is_scaled_at_kinks(case: Case, values: dict[int, Any]) -> bool:
    """Whether one factor in all, and another slope at a kink, are all that differs."""
    for scale in list(scales(case, values)):
        case.scale = scale
        said = at_kinks(case, values) if case.wrong(values) else ""
        if said:
            case.convention = f"{factor_said(case, scale)}; and {said}"
            return True
    case.scale = 1.0
    return False


def is_of_layout(convention: str) -> bool:
    """Whether gradients differ by their layout or by a small number alone, which no change of a line makes or mends."""
    return convention.startswith(("transposed:", "of another shape:", "one row of all entries:", "almost right,"))


# ---- layouts ---------------------------------------------------------------------------------------------------------


def is_transposed(case: Case, values: dict[int, Any]) -> bool:
    """Whether every matrix that is not square has the gradient of its transpose's shape."""
    pairs = [(np.shape(values[final.node]), case.true_of(final).shape) for final in case.finals]
    telling = [(one, other) for one, other in pairs if len(other) == 2 and other[0] != other[1]]
    return bool(telling) and all(one == other[::-1] for one, other in telling)


def layout_of(case: Case, values: dict[int, Any]) -> str:
    if case.transposed:
        return "transposed: each gradient is laid out as the transpose of its parameter"
    for final in case.finals:
        value, truth = np.shape(values[final.node]), case.true_of(final).shape
        if value != truth:
            how = "of another shape" if squeezed(value) == squeezed(truth) else "one row of all entries"
            return f"{how}: {final.name or 'the gradient'} has {value} where its parameter has {truth}"
    return ""


def per_sample(case: Case, values: dict[int, Any]) -> str:
    """The gradient of each sample, one after the other along a first axis."""
    ways = {"sum", "mean"}
    for final in case.finals:
        value, truth = np.asarray(values[final.node]), case.true_of(final)
        if value.ndim != truth.ndim + 1 or value.shape[1:] != truth.shape:
            return ""
        ways &= {how for how in ways if close(getattr(value, how)(axis=0), truth)}
    if not ways:
        return ""
    return "per sample: the gradient of each sample along the first axis; their sum or mean is the gradient"


# ---- factors ---------------------------------------------------------------------------------------------------------


def throughout(case: Case, values: dict[int, Any]) -> str:
    """One factor in all of them; also one that is a size of what the loss is made of."""
    telling = [i for i, final in enumerate(case.finals) if not case.is_nothing(values[final.node], final)]
    found = [factor_of(np.asarray(values[case.finals[i].node]), case, i) for i in telling]
    if None in found or not found:
        return ""
    factor = found[0]
    assert factor is not None
    if any(abs(other - factor) > 1e-6 * abs(factor) for other in found if other is not None):
        return ""
    if len({final.direction for final in case.finals if final.by == "update"}) > 1:  # some of them go uphill
        return ""
    return factor_said(case, factor) if allowed(case, factor, everywhere=True) else ""


def is_lost_on_the_way(case: Case, factor: float) -> bool:
    """Whether all gradients carry a factor that no call put in, where what they are made of does not carry it yet.

    So a factor of the slope is missing, which is the length of something by chance.
    """
    behind = [case.ancestors([final.node]) for final in case.finals]
    common = set.intersection(*behind) - case.forward - {final.node for final in case.finals}
    values = ((node, np.asarray(case.tape.nodes[node].value)) for node in common)
    right = [node for node, value in values if value.size > 2 and is_whole_gradient(case, value)]
    if not right:
        return False
    later = [case.step_of(node) for node in set.union(*behind) | {f.node for f in case.finals} if node > max(right)]
    numbers = {abs(number) for step in later for number in given(case, step)}
    puts_in = any(is_near_number(abs(factor), each) for number in numbers if number for each in (number, 1 / number))
    return not puts_in and not any(name_of(step.function) in ("mean", "average") for step in later)


def is_whole_gradient(case: Case, value: Array) -> bool:
    """Whether a value is the gradient of something as it is, without a factor."""
    found = case.match(value)
    return found is not None and not found.how


def each_way(case: Case, values: dict[int, Any]) -> str:
    """Some are taken off, and of the others the negatives are added."""
    if len({final.direction for final in case.finals}) < 2:
        return ""
    turned = all(close(f.direction * np.asarray(values[f.node]), case.true_of(f)) for f in case.finals)
    return "downhill by every update: what is added is the negative of a gradient" if turned else ""


def averaged_within(case: Case, values: dict[int, Any]) -> str:
    """The gradients of parameters are means over the batch, some only where they are taken off: `w -= rate * (dw / n)`.

    Of a layer alone, those of its inputs are whole.
    """
    alone = is_one_layer(case)
    for n in samples(case):
        kept: set[float | None] = set()
        given: set[float | None] = set()
        for i, final in enumerate(case.finals):
            if case.is_nothing(values[final.node], final):
                continue
            factor = factor_of(np.asarray(values[final.node]), case, i)
            side = kept if not alone or final.parameter.name.startswith(("layer.", "layers[")) else given
            side.add(1 / n if is_near_number(factor, 1) and is_divided_later(case, final, values, n) else factor)
        means = all(is_near_number(factor, 1 / n) for factor in kept) and (alone or allowed(case, 1 / n))
        if kept and means and all(is_near_number(factor, 1) for factor in given) and bool(given) == alone:
            where = "averaged in the layer" if alone else "averaged in the updates"
            return f"{where}: the gradients of what it keeps are means over the {n} samples"
    return ""


def whole_inputs(case: Case, values: dict[int, Any]) -> str:
    """The gradients of parameters are averaged where they are made, and that of an input, which is kept, is no mean."""
    asked = replace(case, finals=[final for final in case.finals if final.parameter.asked], _matches={})
    inputs = [(i, final) for i, final in enumerate(case.finals) if not final.parameter.asked]
    if not inputs or not asked.finals or (asked.wrong(values) and not throughout(asked, values)):
        return ""
    factors = [factor_of(np.asarray(values[final.node]), case, i) for i, final in inputs]
    if not all(factor is not None and case.is_carried(factor) for factor in factors):
        return ""
    return f"averaged where the gradients of parameters are made: {inputs[0][1].name} is that of a sum"


def is_divided_later(case: Case, final: Final, values: dict[int, Any], n: int) -> bool:
    """Whether an update takes a gradient off divided by the number of samples."""
    readers = (step for step in case.tape.steps if final.by == "update" and final.node in step.reads)
    return any(
        name_of(step.function) in ("divide", "multiply")
        and (step.place is None or "/" in statement_at(step.place.file, step.place.line))  # `0.1 * g` is no mean of 10
        and is_part(values[step.makes[0]], values[final.node], n)
        for step in readers
    )


def is_part(value: Any, whole: Any, n: int) -> bool:
    return np.shape(value) == np.shape(whole) and close(np.asarray(value) * n, np.asarray(whole))


def with_the_rate(case: Case, values: dict[int, Any]) -> str:
    """Some of them are gradients, and the others steps, which the rate went into."""
    if all(final.by == "update" and final.name.startswith("the step of") for final in case.finals):
        return ""  # all of them are steps
    steps = []
    for i, final in enumerate(case.finals):
        factor = factor_of(np.asarray(values[final.node]), case, i)
        if factor is None:
            return ""
        if not is_near_number(factor, 1):
            name = next((name for name, rate in rates_in(case, final) if is_near_number(factor, rate)), None)
            if name is None:
                return ""
            steps.append(name)
    return f"times {steps[0]}: some of them are gradients, and the others steps" if steps else ""


def own_rates(case: Case, values: dict[int, Any]) -> str:
    """All of them are steps, and each has a rate of its own; of one that is unknown, the list tells that it is in."""
    found = [factor_of(np.asarray(values[final.node]), case, i) for i, final in enumerate(case.finals)]
    factors = [factor for factor in found if factor]
    if len(factors) < len(found) or any(final.by != "update" for final in case.finals):
        return ""
    rates = [rate_named(case, final) for final in case.finals]
    names = [name for name, _ in rates]
    rest = [factor / rate for factor, (_, rate) in zip(factors, rates, strict=True) if rate]
    if not all(names) or len(set(names)) < 2 or not rest or not allowed(case, rest[0]):
        return ""
    of_one_list = len({name.partition("[")[0] for name in names}) == 1 and min(factors) > 0
    same = all(is_near_number(each, rest[0]) for each in rest)
    known = len(rest) == len(rates) or of_one_list
    return f"each times a rate of its own: {listed([*dict.fromkeys(names)])}" if same and known else ""


def rates_in(case: Case, final: Final) -> Iterator[tuple[str, float]]:
    """The rates that a value was made with."""
    return ((name, number) for name, number in numbers_in(case, final) if RATE.match(name))


def is_of_one_line(one: Step, other: Step) -> bool:
    """Whether two calls were made in one line."""
    places = [(step.place.file, step.place.line) for step in (one, other) if step.place is not None]
    return len(places) == 2 and places[0] == places[1]


def numbers_in(case: Case, final: Final) -> Iterator[tuple[str, float]]:
    """The numbers that a value was made with, and no forward pass, by their names; in an update as they are written."""
    before, own = case.ancestors([final.node]) - case.forward, case.step_of(final.node)
    for step in map(case.step_of, before) if only_in_updates(case) else ():
        if is_of_one_line(step, own):
            yield from ((f"{abs(number):g}", abs(number)) for number in literals_of(step))
    for event in (*case.arguments, *case.events):
        value = case.tape.nodes[event.node].value
        if event.node in before and value.size == 1 and case.step_of(event.node).function is None:
            yield event.short, float(value.reshape(-1)[0])


def factor_of(value: Array, case: Case, index: int) -> float | None:
    """The factor between a gradient and the true one."""
    truth = case.wanted(value, case.finals[index]) / case.scale
    if value.shape != truth.shape or not np.any(truth) or value.dtype.kind not in "fiu":
        return None
    factor = float(np.vdot(truth, value) / np.vdot(truth, truth))
    return factor if abs(factor) > ROUNDING and close(value, factor * truth) else None


def allowed(case: Case, factor: float, everywhere: bool = False) -> bool:
    """Whether a factor may be a convention: natural, and downhill unless they add what they found, or on a likelihood.

    Where no update is in sight, nobody can know which way it goes, unless a minimiser does. What is `everywhere` may be
    any size of the loss; of updates it may be any number that does not depend on the parameters.
    """
    known = is_known(case, factor, everywhere)
    is_vague = not is_known(case, factor, everywhere=False) or is_half(case, factor)
    lost = known and is_vague and abs(factor) < 1 and is_lost_on_the_way(case, factor)
    natural = ((known and not lost) or rate_of_all(case, factor)) and not is_one_layer(case)
    uphill = factor > 0 or may_go_uphill(case)
    return uphill and (bool(natural) or (only_in_updates(case) and is_steady(case, factor)))


def may_go_uphill(case: Case) -> bool:
    """Whether negatives of gradients may be meant: by a sign of the update, or as those of a likelihood."""
    return not case.is_minimised and (direction(case) != DOWN or is_likelihood(case.tape, case.truth.loss))


def is_half(case: Case, factor: float) -> bool:
    """Whether gradients, and no steps, are half of what they should be, as without the 2 of a square."""
    return not only_in_updates(case) and is_near_number(abs(factor), 0.5)


def is_known(case: Case, factor: float, everywhere: bool) -> bool:
    """Whether a factor is a size of what the loss is made of, or everywhere one by which all is divided twice.

    So it is by a side of the outputs twice, where the loss is a mean of all their entries.
    """
    sizes = known_sizes(case, everywhere)
    twice = [size**2 for size in sizes if size < 0.5] if everywhere else []
    sides = [m for m in from_outputs_on(case) if m > 1] if everywhere else []
    twice += [n / m**2 for n in divided_by(case) for m in sides if n > m and n % m == 0]
    return any(abs(abs(factor) - known) < 1e-6 * known for known in (*sizes, *twice))


def rate_of_all(case: Case, factor: float) -> str:
    """The name of the number that all steps of updates were made with, if that is the size of a factor: a rate."""
    if any(final.by != "update" for final in case.finals) and not are_steps(case):
        return ""
    sizes = [{name for name, rate in rates_of_steps(case, f) if is_near_number(abs(factor), rate)} for f in case.finals]
    return min(set.intersection(*sizes), default="") if sizes else ""


def rates_of_steps(case: Case, final: Final) -> Iterator[tuple[str, float]]:
    """The numbers that a value was made with; a rate also less the share that a mean with the steps before has."""
    numbers = list(numbers_in(case, final))
    yield from numbers
    shares = [(name, number) for name, number in numbers if not RATE.match(name) and 0 < number < 1]
    for rate, size in ((name, number) for name, number in numbers if RATE.match(name)):
        yield from ((f"{rate} * (1 - {name})", size * (1 - number)) for name, number in shares)


def known_sizes(case: Case, everywhere: bool) -> list[float]:
    return [*conventional(case), *(sizes_of_the_loss(case) if everywhere else ()), *weights_of_samples(case)]


def only_in_updates(case: Case) -> bool:
    """Whether all gradients were read off updates of the weights, where the rate stands as a number among others.

    What is called a gradient is none of these, unless a rate stands in each line that made one.
    """
    in_updates = all(final.by == "update" for final in case.finals)
    named = (final.name.rsplit(".", 1)[-1] for final in case.finals)
    return in_updates and (not any(map(is_gradient_name, named)) or are_steps(case))


def is_one_layer(case: Case) -> bool:
    """Whether the loss is the sum of an output times the gradient that backward is given: no factor is left open."""
    given = given_from_above(case)
    return any(
        not given.isdisjoint(step.reads) and step.makes[0] not in case.forward for step in case.tape.steps if step.makes
    )


def given_from_above(case: Case) -> set[int]:
    """What an output is multiplied by before it is summed up to the loss: backward may be given that as a gradient."""
    total = case.step_of(case.truth.loss)
    product = case.step_of(total.reads[0]) if name_of(total.function) == "sum" and total.reads else None
    if product is None or name_of(product.function) != "multiply":
        return set()
    return {
        node
        for node in product.reads
        if case.step_of(node).function is None and np.any(case.tape.nodes[node].value % 1)
    }


def scales(case: Case, values: dict[int, Any]) -> Iterator[float]:
    """Factors that some gradients carry, or their updates say, and that may be a convention for all."""
    seen: set[float] = set()
    if all(final.direction < 0 for final in case.finals):
        seen.add(-1.0)
        yield -1.0
    factors = [factor_of(np.asarray(values[final.node]), case, i) for i, final in enumerate(case.finals)]
    multiples = [factor for factor in factors if factor is not None]
    for factor in multiples:
        if abs(factor - 1) < 1e-6 or round(factor, 9) in seen:
            continue
        alike = sum(is_near_number(factor, other) for other in multiples)
        # or by half of them, or by all that are right but for a factor
        by_most = 2 * alike > len(factors) or (alike > 1 and (2 * alike == len(factors) or alike == len(multiples)))
        for number in (factor, -factor) if factor < 0 and by_most else (factor,):  # the sign alone may be wrong
            if allowed(case, number, by_most) and round(number, 9) not in seen and abs(number - 1) > 1e-6:
                seen.add(round(number, 9))
                yield exactly(number, known_sizes(case, by_most))


def scale_begun_with(case: Case) -> float | None:
    """The factor that is in the first gradient of which all others are made, as of a sum where the loss is a mean.

    Where each layer lacks something, none of the last gradients tells of it. None where it is no convention.
    """
    behind = set.intersection(*(case.ancestors([final.node]) for final in case.finals)) - case.forward
    values = (case.tape.nodes[event.node].value for event in case.events if event.node in behind)
    found = next((match for value in values if value.size > 2 and (match := case.match_up_to_factor(value))), None)
    return found[1] if found is not None and allowed(case, found[1], everywhere=True) else None


def exactly(factor: float, known: list[float]) -> float:
    """A factor without the rounding in it, where it is a known one."""
    return next((sign * size for size in known for sign in (1, -1) if is_near_number(factor, sign * size)), factor)


WAYS = {
    UP: "in the direction of ascent",
    UNKNOWN: "the negative of the gradient throughout: right if it is added to the parameters, a wrong sign if it is "
    "taken off",
}


def factor_said(case: Case, factor: float) -> str:
    way = WAYS.get(direction(case), WAYS[UP]) if factor < 0 else ""
    size = abs(factor)
    if abs(size - 1) < 1e-6:  # an epsilon may be in the loss
        said = ""
    elif rate := rate_of_all(case, factor):
        said = f"times {rate} throughout: they are steps"
    elif not is_known(case, factor, everywhere=True):
        said = f"{size:.6g} times the gradient throughout, as if it were a part of the rate"
    elif (base := base_of(case, size)) is not None:
        said = (
            f"{size:.6g} times the gradient throughout: of natural logarithms, and not of those to the base of {base}"
        )
    elif abs(size - 2) < 1e-9:
        said = "twice the gradient throughout: the factor is left to the rate"
    elif abs(size - 0.5) < 1e-9 and has_square(case):
        said = "half the gradient throughout: the 2 of the square is left to the rate"
    elif size > 1 and not divided_by(case):
        said = f"{size:.6g} times the gradient throughout: the factor is left to the rate"
    elif size > 1:
        said = f"{size:.6g} times the gradient throughout: of a sum where the loss is a mean, to be averaged later"
    else:
        said = f"scaled by 1/{1 / size:.6g} throughout: of a mean where the loss is a sum"
    return ", ".join(part for part in (way, said) if part)


def has_square(case: Case) -> bool:
    """Whether the loss is made of a square, of which the slope has a 2; a well-known one says so by its name."""
    made = [case.step_of(node) for node in case.forward]
    known = [getattr(step.function, "candidate", None) for step in made]
    return any(map(is_square, made)) or any("square" in each.name for each in known if each is not None)


def base_of(case: Case, size: float) -> int | None:
    """The base of the logarithms in the loss, where gradients are those of natural ones, if also a mean or a sum."""
    sizes = {1.0} | {float(n) for n in samples(case) | divided_by(case)}
    sizes |= {1 / n for n in sizes}
    return next((round(math.exp(base)) for base in bases(case) for n in sizes if is_near_number(size, n * base)), None)


# ---- almost, and kinks -----------------------------------------------------------------------------------------------

TINY = 1e-6  # beside a saturated output even this makes a large difference, and is meant to make none


def almost(case: Case, values: dict[int, Any]) -> str:
    """Right but for a small number, such as an epsilon in the loss, that one side has and the other one lacks."""
    apart = []
    for final in case.finals:
        value, truth = np.asarray(values[final.node]), case.wanted(np.asarray(values[final.node]), final)
        if value.shape != truth.shape:
            return ""
        apart.append(
            float(np.max(np.abs(value - truth), initial=0.0)) / max(float(np.max(np.abs(truth), initial=0.0)), 1e-12)
        )
    for chosen in left_out(case, small_numbers(case, SMALL if max(apart) < 0.05 else TINY)):
        factor = factor_without(case, chosen)
        if factor is not None:
            place = case.tape.steps[next(iter(chosen))].place
            line = f"`{statement_at(place.file, place.line)}`, line {place.line}" if place else "the loss"
            if factor != 1:
                said = factor_said(case, factor) if allowed(case, factor, everywhere=True) else ""
                return f"{said}; and exactly so without the small number in {line}" if said else ""
            if max(apart) > SMALL:
                return f"almost right, but where a small number takes hold: exactly right without that in {line}"
            return f"almost right, to {max(apart):.1e}: exactly right without the small number in {line}"
    return ""


def left_out(case: Case, small: dict[int, Any]) -> Iterator[dict[int, Any]]:
    """All small numbers, and each one alone; one that is written once is one in all turns of a loop."""
    written: dict[Any, dict[int, Any]] = {}
    for index, edit in small.items():
        written.setdefault(case.tape.steps[index].place or index, {})[index] = edit
    if small:
        yield small
    yield from written.values() if len(written) > 1 else ()


def truths_without(case: Case) -> Iterator[Truth]:
    """The truth of the loss without what a gradient may be derived without: a small number in it, or a target's own.

    Nor need it be that of the side of a kink which is taken first.
    """
    yield from truths_left_out(case)
    yield from truths_held(case)
    yield from truths_of_sides(case)


def truths_left_out(case: Case) -> Iterator[Truth]:
    """The truth of the loss without the small numbers in it, or one of them."""
    for chosen in left_out(case, forward_only(case, small_numbers(case, SMALL))):
        with contextlib.suppress(NotOnTensors):
            yield truth_of(case.tape, case.truth.loss, edits=case.truth.passing | chosen, note=LEFT_OUT)


def with_decay(case: Case, values: dict[int, Any]) -> str:
    """With a decay of the weights, also of gradients without the small numbers in the loss."""
    others = (replace(case, truth=truth, _matches={}) for truth in truths_left_out(case))
    return next((said for each in chain((case,), others) if (said := decayed(each, values))), "")


def with_penalty(case: Case, values: dict[int, Any]) -> str:
    """With a penalty of weights beside a loss that has none, as of those that are printed without it."""
    rest = without_penalties(case, values)
    factor = throughout(case, rest) if rest and case.wrong(rest) else ""
    said = "with a penalty of weights, which is no part of the loss"
    return f"{factor}; and {said}" if factor else said if rest and not case.wrong(rest) else ""


def targets_held(case: Case, values: dict[int, Any]) -> str:
    """A target that the network makes itself, as in Q-learning, is taken for a constant: a semi-gradient."""
    for truth in truths_held(case):
        held, said = replace(case, truth=truth, _matches={}), semi(case, nodes_given(truth))
        factor = throughout(held, values) if held.wrong(values) else ""
        if factor or not held.wrong(values):
            case.meant = truth
            return f"{factor}; and {said}" if factor else said
    return ""


def of_kernels(case: Case, values: dict[int, Any]) -> str:
    """Steps of weights of a kernel, each the gradient without the kernel in front."""
    moved, said = before_kernels(case, values)
    factor = throughout(case, moved) if said and case.wrong(moved) else ""
    return f"{factor}; and {said}" if factor else said if said and not case.wrong(moved) else ""


def cases_without(case: Case) -> list[Case]:
    """The same case by these other truths, and with what was mended so far."""
    return [replace(case, truth=truth) for truth in truths_without(case)]


def may_be_meant(case: Case, truth: Truth, only_with_evidence: bool) -> bool:
    """Whether more is right by another truth, or what is right but for a small difference is all the more so.

    Where nothing is right, or all that is right is so to the last digits and stays so, that says nothing.
    """
    both = case, replace(case, truth=truth)
    computed = [(case.tape.nodes[final.node].value, final) for final in case.finals]
    right, by_other = ([(value, final) for value, final in computed if each.is_right(value, final)] for each in both)
    if {f.node for _, f in right} < {f.node for _, f in by_other}:
        return True
    before, after = (max((difference(v, c.wanted(v, f)) for v, f in right), default=0.0) for c in both)
    return after < 0.1 * before if before > 1e-9 else after < 1e-9 and not only_with_evidence


def small_numbers(case: Case, most: float) -> dict[int, Any]:
    """Calls with a small number in them, each with the call without it."""
    found = {}
    for step in case.tape.steps:
        name = getattr(step.function, "__name__", "")
        if name not in ("add", "subtract", "maximum", "clip", "minimum") or not isinstance(step.arguments, tuple):
            continue
        values = [case.constant_value(part) for part in step.arguments]
        if name == "clip" and len(values) > 1 and isinstance(values[1], float) and 0 < values[1] <= most:
            found[step.index] = only(0)
        for i, value in enumerate(values[:2]):
            if isinstance(value, float) and 0 < abs(value) <= most:
                found[step.index] = only(1 - i)
    return found


def forward_only(case: Case, edits: dict[int, Any]) -> dict[int, Any]:
    """Those of some changed calls that belong to the loss."""
    return {index: edit for index, edit in edits.items() if not case.forward.isdisjoint(case.tape.steps[index].makes)}


def factor_without(case: Case, edits: dict[int, Any]) -> float | None:
    """How many times the truth all gradients are when both are computed without small numbers; None if they are not so.

    What the hand-written side reads of the forward pass was made with them, or is made without them, too.
    """
    backward = {index: edit for index, edit in edits.items() if case.tape.steps[index].makes[0] not in case.forward}
    with contextlib.suppress(Exception):  # then it is no explanation
        run = played_on_tensors(case.tape, case.tape.nodes[case.truth.loss].step, edits=edits)
        truth = run.gradient(run.values[case.truth.loss], [final.parameter.node for final in case.finals])
        for values in (case.with_calls(some) for some in (backward, edits)):
            pairs = [(values[f.node], truth[f.parameter.node].reshape(np.shape(values[f.node]))) for f in case.finals]
            value, wanted = max(pairs, key=lambda pair: np.vdot(pair[1], pair[1]))
            factor = float(np.vdot(wanted, value) / np.vdot(wanted, wanted))
            factor = 1.0 if is_near_number(factor, 1.0) else factor
            if all(close(value, factor * wanted) for value, wanted in pairs):
                return factor
    return None


def at_kinks(case: Case, values: dict[int, Any]) -> str:
    """Another slope at a kink: between the slopes on its two sides, wherever it is not the gradient."""
    said = ""
    for final in case.wrong(values):
        value, truth = np.asarray(values[final.node]), case.scale * case.true_of(final)
        if squeezed(value.shape) != squeezed(truth.shape):
            return ""
        if final.node in case.grown:
            return ""
        value = value.reshape(truth.shape)
        scale = float(np.max(np.abs(truth), initial=0.0)) or 1.0
        places = np.argwhere(~(np.abs(value - truth) <= 1e-6 * scale))  # also where one is no number
        order = np.argsort([-abs(value[tuple(p)] - truth[tuple(p)]) for p in places])
        if len(places) > 200:
            return ""
        for place in places[order]:
            slopes = [case.scale * slope for slope in slopes_at(case, final.parameter.node, tuple(place))]
            low, high = min(slopes), max(slopes)
            if high - low < 1e-4 * scale or not low - 1e-4 * scale <= value[tuple(place)] <= high + 1e-4 * scale:
                return ""
        said = OTHER_KINK
    return said


__all__ = ["TINY", "forward_only", "is_right_by_convention", "may_be_meant", "scales", "small_numbers"]
