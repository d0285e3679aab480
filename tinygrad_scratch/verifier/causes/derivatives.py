"""Derivatives that are missing, doubled, or another function's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.extent import named_all, node_at
from tinygrad_scratch.verifier.causes.multiplied import kind_of_factor
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.reading.derivative_names import is_derivative_of
from tinygrad_scratch.verifier.reading.names import alike
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import (
    binding_of,
    bracketed,
    in_same_function,
    is_bound_once,
    is_rename,
    next_reading,
    replaced,
)
from tinygrad_scratch.verifier.recording.edits import LINEAR, PRODUCTS, Edit, name_of, places_of, with_slope
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close, is_along
from tinygrad_scratch.verifier.recording.steps import Array, Step, renamed
from tinygrad_scratch.verifier.rewriting.textbook import is_as_named, is_slope_of_given

OF_ANOTHER = "it is the gradient of"  # a value that its line goes on with as if it were that of one before


def missing_derivative(region: Region) -> Iterator[Finding]:
    """It is the true gradient of another forward value, and times a slope of what lies between the one that is due."""
    for found in gradient_of_another(region, only_known=True):
        if found.should_be or (found.place is not None and found.kind == "missing-derivative"):
            yield found


def gradient_of_another(region: Region, only_known: bool = False) -> Iterator[Finding]:
    """It is the true gradient of another forward value: what lies between was not differentiated."""
    case = region.case
    found = case.match_up_to_factor(region.value)
    if found is None or found[0].of == region.of or found[0].how not in ("", "of another shape"):
        return
    later, wanted = found[0].of, region.of
    if not case.is_behind(wanted, later) or (only_known and not is_told(region, later)):
        return
    if region.name(later) == region.name(wanted):  # the same in two turns, or in two parts: one was taken for another
        return
    between = steps_between(region, wanted, later)
    names = list(dict.fromkeys(name_of(s.function) for s in between if name_of(s.function) not in LINEAR))
    nonlinear = names or is_square(between)
    if nonlinear and is_plain_factor(region):
        return
    named = {node for step in between for node in step.makes if region.names_of(node)} | {wanted, later}
    factors = factors_of(region, region.truth, region.value)
    known = next(((text, node) for text, node, _ in factors if not only_known or node in named), None)
    is_change = re.match(r"[^=]*[-+*/]=", region.statement) is not None  # of which the expression is a part alone
    handed = handed_too_far(region, later, between) or read_as_another(region, later)
    should = times(region, *known) if known is not None and not is_change and handed is None else None
    said = f"{OF_ANOTHER} {region.name(later)}, not of {region.owner()}: "
    if nonlinear:
        what = called_by(region, between) or ", ".join(names) or "the square"
        yield Finding("missing-derivative", f"{said}the derivative of {what} is missing", None, should, place=handed)
    elif (term := other_term(case, wanted, later)) is not None:
        place = returned_as(region, later)
        yield Finding("missing-term", f"{said}the part through `{region.code(term)}` is missing", place=place)
    else:
        said += "what lies between is left out" + (f", `{region.code(between[-1])}`" if between else "")
        scaled = region.truth.size > 1 and region.value.shape == region.truth.shape
        scaled = scaled and is_along(region.value, region.truth)
        yield Finding("scale-factor" if scaled else "missing-derivative", said, None, should, place=handed)


def handed_too_far(region: Region, later: int, between: list[Step]) -> Place | None:
    """Where what a helper made is handed on, if it is the gradient of what that was given: then a call is left out.

    The calls of the forward pass that lie between were made outside of the function that was given it. What has a name
    of its own, as `d1 = back(d2)` gives one, lacks it there.
    """
    case, made = region.case, region.case.step_of(region.node)
    given = [event.place for event in case.arguments if event.node == later]
    calls = {step.caller for step in case.tape.steps if later in step.reads}  # of all functions that read it
    here = [step.place for step in between if step.place is not None and step.caller in calls]
    inside = any(in_same_function(place, each) for place in here for each in given)
    if not given or inside or made.place is None or made.caller is None:
        return None
    bound = (e for e in case.events if e.node in region.filled and in_same_function(e.place, made.caller))
    event = next(bound, None)
    if event is None or not event.short.isidentifier():
        return None
    return event.place if is_bound_once(event.place, event.short) else next_reading(event.place, event.short)


def read_as_another(region: Region, node: int) -> Place | None:
    """The one line that reads what is called the gradient of a value, and is that, as if it were another one's."""
    steps = (step for step in region.case.tape.steps if region.node in step.reads and step.function is not renamed)
    readers = {step.place for step in steps}
    place = readers.pop() if len(readers) == 1 else None
    own = region.event.place
    names = (*region.names_of(node), *names_kept_in(region, node))
    is_so_called = any(alike(region.event.name, name) for name in names)
    if place is None or not is_so_called or alike(region.event.name, region.owner()):
        return None
    return place if in_same_function(place, own) and place.line != own.line else None


def names_kept_in(region: Region, node: int) -> Iterator[str]:
    """The names of what a value is written into as an entry: `H[t + 1] = np.tanh(z)`."""
    for step in region.case.tape.steps:
        if name_of(step.function) == "setitem" and node in step.reads[1:]:
            yield from (name for made in step.makes for name in region.names_of(made))


def other_term(case: Case, wanted: int, later: int) -> Step | None:
    """What made the other term where a value is a sum of one and of what comes of that: `x - x.mean()`."""
    step, truth = case.step_of(later), case.truth.cotangents
    if name_of(step.function) not in ("add", "subtract") or len(set(step.reads)) != 2:
        return None
    one, other = step.reads
    same = one in truth and truth[one].shape == truth[wanted].shape and close(truth[one], truth[wanted])
    return case.step_of(other) if same and case.is_behind(one, other) else None


def returned_as(region: Region, node: int) -> Place | None:
    """Where a value is returned, if its name says that it is the gradient of another one, which it is till then."""
    own = (event.place for event in region.case.returned if event.node == region.node)
    place = next((place for place in own if in_same_function(place, region.event.place)), None)
    return place if alike(region.event.name, region.name(node)) else None


def is_told(region: Region, node: int) -> bool:
    """Whether a value is one that people take the gradient of: it has a name, was returned, or goes into a product."""
    if region.names_of(node) or any(event.node == node for event in region.case.returned):
        return True
    return any(name_of(step.function) in PRODUCTS and node in step.reads for step in region.case.tape.steps)


def is_plain_factor(region: Region) -> bool:
    """Whether a value of the forward pass, and no slope of one, is what the value lacks as a factor."""
    lacks = next(factors_of(region, region.truth, region.value), None)
    return lacks is not None and lacks[2] == "{t}" and not part_of_slope(region, lacks[1])


def is_square(between: list[Step]) -> bool:
    return any(name_of(s.function) == "multiply" and len(set(s.reads)) == 1 and len(places_of(s)) == 2 for s in between)


def called_by(region: Region, between: list[Step]) -> str:
    """The helper that all steps between two values are in."""
    functions = {s.place.function for s in between if s.place}
    home = region.event.place.function
    return next(iter(functions)) if len(functions) == 1 and home not in functions and len(between) > 1 else ""


def steps_between(region: Region, early: int, late: int) -> list[Step]:
    case = region.case
    nodes = [n for n in case.ancestors([late]) if n != early and case.is_behind(early, n)]
    return [case.step_of(node) for node in sorted(nodes)]


SLOPES = (
    ("{t} * (1 - {t})", lambda t: t * (1 - t)), ("(1 - {t} ** 2)", lambda t: 1 - t * t),
    ("({t} > 0)", lambda t: (t > 0) * 1.0),
    ("{t}", lambda t: t), ("(1 - {t})", lambda t: 1 - t), ("np.cos({t})", np.cos),
    ("-np.sin({t})", lambda t: -np.sin(t)),
    ("(1 / {t})", lambda t: 1 / t), ("(1 / {t} ** 2)", lambda t: 1 / t**2),
    ("2 * {t}", lambda t: 2 * t), ("np.exp({t})", np.exp),
    ("1 / (1 + np.exp(-{t}))", lambda t: 1 / (1 + np.exp(-t))),
    ("np.where({t} > 0, 1, 0.01)", lambda t: np.where(t > 0, 1, 0.01)),
    ("np.where({t} > 0, 1, 0.1)", lambda t: np.where(t > 0, 1, 0.1)),
)  # fmt: skip


def factors_of(region: Region, product: Array, base: Array) -> Iterator[tuple[str, int, str]]:
    """The slopes and values of the forward pass by which one array is another one times it."""
    if product.shape != base.shape or not product.shape:
        return
    known = [each for each in laid_out(region, base.shape) if each[2].dtype.kind in "fiub"]
    for (node, index, value), likely in zip(known, likely_slopes([v for *_, v in known], product, base), strict=True):
        for text, slope in (SLOPES[i] for i in np.flatnonzero(likely)):
            with np.errstate(all="ignore"):
                factor = slope(value.astype(float))
            if text == "({t} > 0)" and np.array_equal(factor, value):  # a mask is its own sign
                text = "{t}"
            telling = np.ptp(factor) > max(1e-9, HARDLY * float(np.max(np.abs(factor), initial=0.0)))
            if telling and np.all(np.isfinite(factor)) and region.is_truth_of(base * factor, product):
                name = f"{region.name(node)}{index}"
                yield text.format(t=name if text == "{t}" or "({t})" in text else bracketed(name)), node, text


HARDLY = 1e-4  # how much of a factor has to differ between entries: the cosine of a small number tells nothing
MOST_LOOKED_AT = 4  # entries by which most factors are ruled out


def likely_slopes(values: list[Array], product: Array, base: Array) -> Array:
    """Which slope of which value may be the factor, but for a number, by the largest entries of the product alone."""
    places = np.argsort(-np.abs(product), axis=None)[:MOST_LOOKED_AT]
    there, held = np.asarray(product.ravel()[places], float), base.ravel()[places]
    looked_at = np.array([np.broadcast_to(value, base.shape).flat[places] for value in values], float)
    looked_at = looked_at.reshape(len(values), len(places))
    with np.errstate(all="ignore"):
        made = np.stack([held * slope(looked_at) for _, slope in SLOPES], axis=1)
        factor = made @ there / (there @ there)
        apart = np.max(np.abs(made - factor[..., None] * there), axis=-1, initial=0.0)
        near: Array = (apart <= 1e-2 * np.abs(factor) * np.max(np.abs(there), initial=0.0)) & (factor != 0)
        return near


def laid_out(region: Region, shape: tuple[int, ...]) -> Iterator[tuple[int, str, Array]]:
    """Values of the forward pass that a shape can be multiplied by, each with the index that lays it out so.

    One with an entry for each row stands as a column, and one with less axes with all that follow them.
    """
    for node, value in forward_values(region):
        if broadcasts(value.shape, shape):
            yield node, "", value
        elif 0 < value.ndim < len(shape) and value.shape == shape[: value.ndim]:
            laid = (*(":" for _ in value.shape), *("None" for _ in shape[value.ndim :]))
            yield node, f"[{', '.join(laid)}]", value.reshape(value.shape + (1,) * (len(shape) - value.ndim))


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of one shape can stand beside one of another, and change nothing about that."""
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def forward_values(region: Region) -> Iterator[tuple[int, Array]]:
    """Named values of the forward pass, then the others."""
    nodes = sorted(region.case.forward, key=lambda node: (not region.names_of(node), -node))
    for node in nodes:
        if region.case.tape.nodes[node].value.size > 1:
            yield node, np.asarray(region.values[node])


def factor_left_out(region: Region) -> Iterator[Finding]:
    """The truth is the value times a slope or a value of the forward pass."""
    for text, node, pattern in factors_of(region, region.truth, region.value):
        place = handed_back(region, node)
        should = None if place is not None else times(region, text, node)
        if pattern == "(1 / {t})" and stands_for_slope(region, node):
            place = slope_from(region)
            said = f"a value stands where the derivative by {region.name(node)} is due"
            returned = place is not None and is_rename(place.file, place.line)  # as it was given
            kind = "missing-derivative" if returned else "derivative-at-wrong-point"
            yield Finding(kind, said, None, should if place is None else None, place=place)
        elif pattern == "{t}" and not part_of_slope(region, node):
            kind = kind_of_factor(region, node)
            yield Finding(kind, f"the factor {text} is missing", None, should, place=place)
        else:
            place = slope_from(region)
            should = should if place is None else None
            yield Finding(
                "missing-derivative", f"the factor {text} is missing, of a derivative", None, should, place=place
            )
        return


def times(region: Region, factor: str, node: int) -> str | None:
    """What is written, times a factor made of a value; not of a change in single entries.

    Where single entries are written, it is the entry of the value that is read there, or else the one that is written.
    """
    entry, name = re.match(r"\s*[\w.]+(\[.*?\])\s*([-+*/]?)=", region.statement), region.name(node)
    if entry is not None and entry[2]:
        return None
    if entry is not None:
        read = re.search(rf"(?<![\w.]){re.escape(name)}\[[^\]]*\]", region.expression)
        own = f"{name}{entry[1]}" if region.values[node].shape == region.value.shape else name
        factor = factor.replace(name, own if read is None else read.group())
    return f"{bracketed(region.expression)} * {factor}"


def stands_for_slope(region: Region, node: int) -> bool:
    """Whether a product has as a factor what was made of one value alone: where a slope at it is due, it is none."""
    case = region.case
    before = {node, *case.ancestors([node])}
    for step in region.steps if np.ndim(region.values[node]) else ():
        for read in step.reads if name_of(step.function) == "multiply" else ():
            made = case.ancestors([read]) | {read}
            given = [each for each in made - before if case.step_of(each).function is None]
            if node in made and all(np.size(region.values[each]) == 1 for each in given):
                return case.match_up_to_factor(np.asarray(region.values[read])) is None
    return False


def slope_from(region: Region) -> Place | None:
    """The return of a function for slopes, of which the value is a multiple: of one that only backward calls.

    Where another slope from there makes a true gradient, the function is right, and it was called with another value.
    """
    case = region.case
    loss, made = case.tape.nodes[case.truth.loss].step, case.tape.nodes[region.node].step
    forward = {(event.place.file, event.place.function) for event in case.returned if event.time <= loss}
    multiplied = {read for step in region.steps if name_of(step.function) == "multiply" for read in step.reads}
    return next(
        (
            binding_of(event.place)
            for event in reversed(case.returned)
            if event.node in multiplied
            and loss < event.time <= made
            and not in_same_function(event.place, region.event.place)
            and (event.place.file, event.place.function) not in forward
            and not is_true_gradient(region, event.node)
            and (region.is_to_blame(case.step_of(event.node)) or hands_on(case, event))
        ),
        None,
    )


def is_true_gradient(region: Region, node: int) -> bool:
    """Whether a value is the true gradient of another one: no slope is."""
    known = region.case.match(np.asarray(region.values[node]))
    return known is not None and not known.how


def hands_on(case: Case, event: Event) -> bool:
    """Whether a function that is called as derivatives are returned a value of the forward pass."""
    return case.is_forward(event.node) and is_derivative_of(event.name, set())


def handed_back(region: Region, factor: int) -> Place | None:
    """Where a function that knows the factor hands on what a helper made that doesn't: there it was forgotten.

    Of several such functions it is the innermost, the one that was called last.
    """
    case, made = region.case, region.case.place_of(region.node)
    knowing = [event for event in (*case.events, *case.arguments) if event.node == factor and event.owner < 0]
    if made is None or any(in_same_function(made, event.place) for event in knowing):
        return None
    found = [
        (frame, event.place)
        for event in (*named_all(case, region.node), *case.returned)
        if event.node == region.node and (frame := frame_of(event, knowing)) is not None
    ]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def frame_of(event: Event, knowing: list[Event]) -> int | None:
    """The running function in which a value was named or returned, if it is one of those that know another."""
    if event.owner < 0:
        return event.owner if any(event.owner == other.owner for other in knowing) else None
    return min((other.owner for other in knowing if in_same_function(other.place, event.place)), default=None)


def operand_without_slope(region: Region) -> Iterator[Finding]:
    """A product with the gradient of an output, as in `w.T @ error`, where that of what goes into the output is due."""
    for step, turns in region.sites():
        if name_of(step.function) not in PRODUCTS or len(turns) > 1:
            continue
        for place, _ in places_of(step):
            node = node_at(region, step, place)
            upstream = None if node is None else np.asarray(region.values[node])
            if node is None or upstream is None or region.case.match_up_to_factor(upstream) is None:
                continue
            for held, text, edit in slopes_for(region, place, upstream):
                if region.gives_truth({step.index: edit}):
                    name, slope = region.name(node), text.format(t=region.name(held))
                    code = replaced(region.code(step), name, f"({name} * {slope})")
                    said = f"{name} is not multiplied by {slope}, a derivative, before its use"
                    should = region.rewritten(step, code) if code else None
                    yield Finding("missing-derivative", said, step, should, {step.index: edit})
                    return


def slopes_for(region: Region, place: int, upstream: Array) -> Iterator[tuple[int, str, Edit]]:
    """What an operand may lack: the slopes of named values of its shape."""
    for node, value in forward_values(region):
        if value.shape != upstream.shape or value.dtype.kind not in "fiu" or not region.names_of(node):
            continue
        for text, slope in SLOPES:
            with np.errstate(all="ignore"):
                factor = slope(np.asarray(value, float))
            if text != "{t}" and np.all(np.isfinite(factor)) and np.ptp(factor) > 1e-9:
                yield node, text, with_slope(place, region.values, node, slope)


def part_of_slope(region: Region, node: int) -> bool:
    """Whether a value is the output of a nonlinear function of the value that the gradient is of."""
    if not region.case.is_behind(region.of, node):
        return False
    return any(name_of(s.function) not in LINEAR for s in steps_between(region, region.of, node))


def factor_too_many(region: Region) -> Iterator[Finding]:
    for text, _, pattern in factors_of(region, region.value, region.truth):
        if pattern != "({t} > 0)":
            yield Finding("scale-factor", f"the factor {text} is there once too often", None)
            return


def upstream_left_out(region: Region) -> Iterator[Finding]:
    """The truth is the value times a gradient that is known by then: the chain rule's other factor."""
    if region.value.size > 1 and np.all(region.value == region.value.flat[0]):  # a mere number
        return
    for event in reversed(region.case.events):
        upstream = np.asarray(region.values[event.node]) if event.node < region.node else np.zeros(0)
        if upstream.shape != region.truth.shape or not broadcasts(region.value.shape, upstream.shape):
            continue
        if region.case.match_up_to_factor(upstream) is not None and region.is_truth(region.value * upstream):
            name, place = region.name(event.node), handed_back(region, event.node)
            yield Finding(
                "missing-derivative", f"the gradient that comes from above, {name}, is not multiplied in", None,
                f"{bracketed(region.expression)} * {name}" if place is None else None, place=place,
            )  # fmt: skip
            return
    if region.value.shape != region.truth.shape or region.value.size < 3:
        return
    for entry in region.case.table.entries(region.truth.shape):
        of_one_number = not np.ptp(entry.value)  # it is a scale
        if entry.how == "" and not of_one_number and region.is_truth(region.value * entry.value):
            said = f"the gradient that comes from above, of {region.name(entry.of)}, is not multiplied in"
            yield Finding("missing-derivative", said, place=region.event.place)
            return


def nothing_from_above(region: Region) -> Iterator[Finding]:
    """A value of the forward pass alone, where a gradient is due that is one from above times something."""
    case = region.case
    if region.repair.how == "slope" and case.is_forward(region.node):
        said = f"{region.event.name} is what the function itself gives, as in the forward pass, and not its derivative"
        yield Finding("derivative-at-wrong-point", said, None, certainty="fits")
        return
    before = case.ancestors([region.node])
    now = max(region.until, region.event.time)
    after = [e.node for e in case.events if case.tape.nodes[e.node].step < now and e.node not in case.forward]
    known = [node for node in after if case.match_up_to_factor(np.asarray(region.values[node])) is not None]
    if known and case.is_forward(region.node) and before.isdisjoint(known):
        said = f"{region.event.name} is a value of the forward pass: the gradient that comes from above is not in it"
        yield Finding("missing-derivative", said, None, certainty="fits")


def slope_is_another(region: Region) -> Iterator[Finding]:
    """An upstream gradient times a slope is due; the upstream is read, and the slope is another one."""
    if region.value.shape != region.truth.shape:
        return
    for step in reversed(region.steps):
        for read in step.reads:
            upstream = np.asarray(region.values[read])
            found = region.case.match_up_to_factor(upstream) if upstream.shape == region.truth.shape else None
            if found is None or (region.case.is_forward(read) and not region.names_of(read)):
                continue
            text, due, slope = next(factors_of(region, region.truth, upstream), ("", -1, ""))
            if text:
                name, place = region.name(read), helper_of_slope(region, step, read)
                term = term_beside(region, step, read, due) if slope == "{t}" else None
                kind, lacks = "derivative-at-wrong-point", "is not the derivative"
                if term is not None:
                    kind, lacks = "missing-term", f"lacks {term}"
                said = f"the factor of {name} {lacks}: it should be {text}"
                factor = bracketed(text) if slope == "{t}" else text
                should = f"{bracketed(name)} * {factor}" if place is None else None
                yield Finding(kind, said, step, should, place=place)
                return


def term_beside(region: Region, step: Step, upstream: int, due: int) -> str | None:
    """What a sum holds beside the factor that a product has, where that sum is due; None where it is no such sum."""
    made, factors = region.case.step_of(due), [node for node in step.reads if node != upstream]
    if name_of(made.function) != "add" or len(factors) != 1 or len(made.reads) != 2:
        return None
    written = np.asarray(region.values[factors[0]])
    for one, other in (made.reads, made.reads[::-1]):
        value = np.asarray(region.values[one])
        if value.shape == written.shape and close(written, value):
            return region.name(other)
    return None


def helper_of_slope(region: Region, step: Step, upstream: int) -> Place | None:
    """Where a helper of the backward pass made the slope that a gradient is multiplied by; None where none did.

    None where that is the slope that the helper is named after, too: the line that calls it gives it another value.
    """
    slopes = [node for node in step.reads if node != upstream]
    if name_of(step.function) != "multiply" or len(slopes) != 1 or step.place is None:
        return None
    made = region.case.step_of(slopes[0])
    if made.place is None or in_same_function(made.place, step.place) or made.function is renamed:
        return None
    if any(is_named_so(made.place.file, made.place.line) for is_named_so in (is_slope_of_given, is_as_named)):
        return None
    return made.place if region.is_to_blame(made) and not region.case.is_forward(slopes[0]) else None
