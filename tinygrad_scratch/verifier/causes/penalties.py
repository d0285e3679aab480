"""The gradient of a penalty: absent, with another factor, or another function's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.extent import node_at
from tinygrad_scratch.verifier.cases.sizes import is_data
from tinygrad_scratch.verifier.causes.factors import number
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import in_same_function, statement_at, text_of
from tinygrad_scratch.verifier.recording.edits import PRODUCTS, name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close, is_along, is_near_number
from tinygrad_scratch.verifier.recording.steps import Array, Step, renamed
from tinygrad_scratch.verifier.recording.tape import copy
from tinygrad_scratch.verifier.rewriting.text import source_of

WEIGHTS = re.compile(
    r"[a-z]?w[a-z]{0,2}\d*$|.*weight|.*(?:theta|param|kernel|matrix|emb|gamma|beta)|[UV]\d*$", re.IGNORECASE
)
"""What weights are called, which a penalty is due for, however many rows they have."""

TIMES_PENALTY = "times what it should be"


def penalty(region: Region) -> Iterator[Finding]:
    """The part of the gradient that only the parameters reach: absent, or with another factor."""
    case = region.case
    parts = case.truth.parts.get(region.of, []) if is_of_parameters(region, region.of) else []
    found = ((step, part) for step, part in parts if is_penalty(region, step) and not is_count(region, step, part))
    own = [(step, part * region.repair.factor) for step, part in found]
    if region.value.shape != region.truth.shape or not own or len(own) == len(parts):
        return
    every, single = tuple(range(len(own))), [(i,) for i in range(len(own))]
    for search, order in ((penalty_times, [every, *single]), (penalty_of_another, [*single, every])):
        for chosen in dict.fromkeys(order):  # what is no gradient of all of them may begin with that of one
            part = np.sum([own[i][1] for i in chosen], axis=0)
            line = case.tape.steps[own[chosen[0]][0]].place
            where = f"`{statement_at(line.file, line.line)}`" if line else "the loss"
            told = next(search(region, part, where), None) if part.shape == region.truth.shape else None
            if told is not None:
                place = (where_others_add(region) or taken_beside(region, line)) if told.step is None else None
                if place is not None:
                    told.place = place
                yield told
                return


def is_count(region: Region, step: int, part: Array) -> bool:
    """Whether entries of a parameter are added up as often as data name them: that is no penalty.

    What is a multiple of the parameter, of entries that differ, is one, though its entries be 0.1 and 0.2.
    """
    some, value = np.abs(part[part != 0]), np.asarray(region.values[region.of])
    if name_of(region.case.tape.steps[step].function) != "getitem" or not some.size:
        return False
    times = some / np.min(some)
    grows = part.shape == value.shape and np.ptp(some) > 0 and is_along(part, value * (part != 0))
    return not grows and bool(np.allclose(times, np.round(times), rtol=1e-9))


def taken_beside(region: Region, penalty: Place | None) -> Place | None:
    """Where what a helper made gets a name, in the function, or the class, that adds the penalty: there it is due."""
    made, case = region.case.place_of(region.node), region.case
    if made is None or penalty is None:
        return None
    known = {region.node}
    for step in case.tape.steps:
        known |= {*step.makes} if step.function is renamed and known.intersection(step.reads) else set()
    named = [event.place for event in case.events if event.node in known]
    for is_beside in (in_same_function, in_same_class):
        found = next((p for p in named if is_beside(p, penalty) and not is_beside(p, made)), None)
        if found is not None:
            return found
    return None


def in_same_class(one: Place, other: Place) -> bool:
    """Whether two places are in one class, in whichever of its methods."""
    holder = source_of(text_of(one.file)).class_around(one.line) if one.file == other.file else None
    return holder is not None and source_of(text_of(other.file)).class_around(other.line) is holder


def penalty_times(region: Region, part: Array, where: str) -> Iterator[Finding]:
    """The gradient of one penalty, or of all, times a number; it is told where that is added."""
    apart = region.value - region.truth
    factor = float(np.vdot(part, apart) / np.vdot(part, part))
    if not np.ptp(part) and not is_usual(region, 1 + factor):  # any number is a multiple of one for all entries
        return
    if close(region.value, region.truth + factor * part) and abs(factor) > 1e-9:
        found = penalty_scaled(1 + factor, where)
        terms = (s for s in region.steps if name_of(s.function) in ("add", "subtract"))
        found.step = next((s for s in terms if any(is_along(v, part) for v in read_by(region, s, part))), None)
        if found.step is None:
            found.place = where_whole(region)
        yield found


def is_usual(region: Region, factor: float) -> bool:
    """Whether a number is one by which a penalty is often too large, or too small: a size, twice one, or none of it."""
    return abs(factor) < 1e-6 or any(
        is_near_number(abs(factor), known) for known in (1.0, *region.case.factors) if known > 0
    )


def where_whole(region: Region) -> Place | None:
    """The line on which what is a multiple of a gradient first is it: there a term is added that isn't divided."""
    case, times = region.case, region.case.scale / region.repair.factor
    if times == 1:
        return None
    later = (event for event in case.events if case.is_behind(region.node, event.node))
    return next((e.place for e in later if close(region.values[e.node], times * region.value)), None)


def penalty_of_another(region: Region, part: Array, where: str) -> Iterator[Finding]:
    """What is added is no gradient of a penalty, or in some entries alone."""
    apart, rest = region.value - region.truth, region.truth - part
    large = 1e-9 * np.max(np.abs(region.truth))
    differs = np.abs(apart) > large
    some = np.sum(differs) <= apart.size // 2 and not np.any(differs & (part != 0))
    is_turned = close(region.value[differs], -region.truth[differs])  # a sign is wrong there
    if some and np.any(apart) and not is_turned:
        yield Finding("regularisation", f"some entries are penalised here and not in the loss: {where}", None)
        return
    for step in region.steps:
        if name_of(step.function) == "add" and any(close(v, rest) for v in read_by(region, step, part)):
            if is_number_of(region, step, part):
                name = region.name(region.of)
                should = region.rewritten(step, f"{region.code(step)} * {name}")
                yield Finding("regularisation", f"what is added is not multiplied by {name}", step, should)
                return
            made = made_elsewhere(region, step, rest)
            said = f"what is added is not the gradient of the penalty, {where}"
            yield Finding("regularisation", said, step if made is None else None, place=made)
            return


def made_elsewhere(region: Region, step: Step, rest: Array) -> Place | None:
    """Where another function made what is added to the rest of a gradient, as the one of a regulariser does."""
    added = (node for node in step.reads if not close(np.asarray(region.values[node]), rest))
    places = (region.case.place_of(node) for node in added if node not in region.case.forward)
    return next((p for p in places if p and step.place and not in_same_function(p, step.place)), None)


def where_others_add(region: Region) -> Place | None:
    """Where a gradient is only stored, among others of which such a line adds a penalty: `grads["W1"] = dw`."""
    case = region.case
    stored = {e: e.name.partition("[")[0] for e in case.events if "[" in e.name}
    added = {
        (stored[e], e.place.function)
        for e in stored
        if e.node not in case.forward and name_of(case.step_of(e.node).function) == "add" and is_made_there(case, e)
    }
    own = {final.node for final in case.finals if final.parameter.node == region.of} | {region.node}
    steps = {e.node: case.step_of(e.node) for e in stored}
    own |= {node for node, step in steps.items() if step.function is renamed and step.reads[0] in own}
    mine = (e for e in stored if e.node in own and not is_made_there(case, e))
    return next((e.place for e in mine if (stored[e], e.place.function) in added), None)


def is_made_there(case: Case, event: Event) -> bool:
    """Whether the line that names a value made it, and not only another name of it."""
    step = case.step_of(event.node)
    here = step.place is not None and (step.place.file, step.place.line) == (event.place.file, event.place.line)
    return here and step.function is not renamed


def read_by(region: Region, step: Step, like: Array) -> list[Array]:
    """What a call read of one shape."""
    read = (np.asarray(region.values[node]) for node in step.reads)
    return [value for value in read if value.shape == like.shape]


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
    said = f"the gradient of the penalty is {number(factor)} {TIMES_PENALTY} for {where}"
    return Finding("regularisation", said)


def is_of_parameters(region: Region, node: int) -> bool:
    """Whether a value was made of parameters and numbers alone, and not of what has a row for each sample."""
    case = region.case
    behind, parameters = case.ancestors([node]), {f.parameter.node for f in case.finals}
    given = {n for n in behind & parameters if case.step_of(n).function is None and np.size(region.values[n]) > 1}
    return behind.isdisjoint(case.data) and not any(has_row_for_each_sample(case, n) for n in given)


def has_row_for_each_sample(case: Case, parameter: int) -> bool:
    """Whether a matrix is as long as all data, and is called no weights: a code of each sample is no parameter."""
    value = case.tape.nodes[parameter].value
    held = (case.tape.nodes[n].value for n in case.forward if case.step_of(n).function is None and n != parameter)
    lengths = {len(data) for data in held if is_data(data)}
    names = [event.short for event in case.events if event.node == parameter]
    names += [final.parameter.short for final in case.finals if final.parameter.node == parameter]
    return value.ndim > 1 and lengths == {len(value)} and not any(WEIGHTS.match(name) for name in names)


def is_penalty(region: Region, step: int, start: int | None = None) -> bool:
    """Whether a use of a parameter, or of what was made of one, leads to the loss without any data.

    As data is what it is multiplied by that another parameter makes, such as the other vector of a pair of words.
    """
    case, used = region.case, region.of if start is None else start
    gradients, reads = case.truth.cotangents, case.tape.steps[step].reads
    sisters = (n for n in reads if n in gradients and used in gradients and close(gradients[n], gradients[used]))
    copies = (n for n in reads if case.step_of(n).function is copy and used in case.step_of(n).reads)
    reached = {used} if used in reads else {used, *sisters, *copies}  # a sum and its terms have one gradient
    apart = {f.parameter.node for f in case.finals} - case.ancestors([used]) - {used}
    for later in case.tape.steps[step : case.tape.nodes[case.truth.loss].step + 1]:
        makes = [node for node in later.makes if node in case.forward]
        if not makes or reached.isdisjoint(later.reads):
            continue
        others = set(later.reads) - reached
        by_another = name_of(later.function) in ("multiply", *PRODUCTS) and case.parents.is_any_behind(apart, others)
        if by_another or case.parents.is_any_behind(case.data, others):
            return name_of(later.function) in ("add", "subtract") and case.tape.nodes[makes[0]].value.ndim == 0
        reached |= set(makes)
    return True
