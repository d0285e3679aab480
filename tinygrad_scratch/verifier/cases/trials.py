"""The truths that mend final gradients, tried out: the one that mends the most, where several do the likeliest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.cases.screening import screened
from tinygrad_scratch.verifier.cases.suspects import name_to_try, suspects
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.penalised import is_mask
from tinygrad_scratch.verifier.reading.names import alike, is_gradient_name
from tinygrad_scratch.verifier.reading.source import in_same_function, is_rename
from tinygrad_scratch.verifier.recording.events import Event, by_node
from tinygrad_scratch.verifier.recording.likeness import close, is_along
from tinygrad_scratch.verifier.recording.steps import Array, renamed
from tinygrad_scratch.verifier.truths.table import PART, SAMPLE, Entry

MOST_PLAYED = 200_000  # calls that are made again for all trials of one mistake


def mending(case: Case, values: dict[int, Any], wrong: list[Final]) -> list[Repair]:
    """The replacements that mend the most final gradients, each of another value, the likeliest first."""
    events = by_node(suspects(case, wrong, values))
    trials = screened(case, events, values, wrong)
    still_wrong = case.wrong(values)
    right = [final for final in case.finals if final not in still_wrong]
    found: list[tuple[tuple[float, ...], Repair]] = []
    enough = case.tape.played + MOST_PLAYED
    for node, entry, factor in trials:
        if case.tape.played > enough:
            break
        trial = tried(case, name_to_try(case, events[node]), entry, factor, values, wrong, right)
        found += [trial] if trial is not None else []
    most = max((key[0] for key, _ in found), default=0.0)
    return [multiple_of(repair, values, found) for repair in one_for_each([t for t in found if t[0][0] == most])]


def one_for_each(found: list[tuple[tuple[float, ...], Repair]]) -> list[Repair]:
    """The best replacement of each value, the best of all first."""
    best: dict[int, Repair] = {}
    for _, repair in sorted(found, key=lambda pair: pair[0], reverse=True):
        best.setdefault(repair.event.node, repair)
    return list(best.values())


def multiple_of(repair: Repair, values: dict[int, Any], found: list[tuple[tuple[float, ...], Repair]]) -> Repair:
    """Of the truths that mend as much in the place of one value, one that is a multiple of it, if there is any."""
    value = np.asarray(values[repair.event.node])
    same = (other for _, other in found if other.event == repair.event and other.mended == repair.mended)
    along = (other for other in same if value.size > 2 and is_along(value, other.truth))
    return repair if is_along(value, repair.truth) else next(along, repair)


def tried(
    case: Case,
    event: Event,
    entry: Entry,
    factor: float,
    values: dict[int, Any],
    wrong: list[Final],
    right: list[Final],
) -> tuple[tuple[float, ...], Repair] | None:
    factor = factor * case.scale
    truth = entry.value * factor
    played = case.with_value(event.node, truth)
    if any(not case.is_right(played[final.node], final) for final in right):
        return None
    mended = sum(case.is_right(played[final.node], final) for final in wrong)
    if not mended:
        return None
    matched = case.match_up_to_factor(values[event.node])
    scaled = matched is not None and matched[0].of == entry.of and factor != case.scale
    less = 1.5 if scaled and mended < len(wrong) else 0.0
    score = mended - less
    more = len(newly(case, event.node, truth, values, played))
    exact, part = is_known(matched, factor)
    rank, order = likelihood(case, event, values[event.node], factor)
    of_the_same = matched is not None and part and matched[0].of == entry.of and entry.how == ""
    again = exact and case.step_of(event.node).function is renamed  # it is right under another name
    rank = KNOWN if is_of_another(matched, factor, entry) and not is_called_after(case, event, entry.of) else rank
    rank = UNKNOWN if (of_the_same and not adds_up(case, event)) or (again and not part) else rank
    may_be_added = part or is_rename(event.place.file, event.place.line)
    if may_be_added and any(close(total, truth) for total in case.with_earlier(event, values)):
        rank = WRITTEN_OVER
    meant = matched is not None and meant_as(case, event, entry.of, matched[1], values[event.node])
    if exact and part and is_gone_on_with(case, event, values, truth):
        rank = RIGHT
    if not meant and is_multiple_of_right(case, matched, truth, np.asarray(values[event.node])):
        rank = RIGHT if is_due(case, event.node, matched) else rank
    if rank == UNKNOWN and matched is not None and matched[0].of == entry.of and is_carried_on(case, event, matched):
        rank = RIGHT
    whole = {"": 3, PART: 1, SAMPLE: 2}.get(entry.how, 2)
    repair = Repair(event, truth, entry.of, entry.through, mended, factor, entry.how)
    value = np.asarray(values[event.node])
    along = float(not exact and value.size > 2 and is_along(value, truth))
    if along and is_mask(value) and np.ptp(value):  # of that no sign and no scale is wrong, but of what it keeps
        return None
    if does_nothing(case, event):
        rank = WRITTEN_OVER
    if not meant and spoils(case, value, truth, factor):
        score -= 1.5
    named = float((exact and not part) == is_rename(event.place.file, event.place.line))
    kind = (
        along,
        float(factor == case.scale or (along and not (matched and case.is_carried(matched[1])))),
        0 if exact and part else whole,
    )
    return (score, rank, more, *kind, named, order, -event.time), repair


def does_nothing(case: Case, event: Event) -> bool:
    """Whether a line gives a value the name that it has, as `dW = dW` does: something is left out there."""
    step = case.step_of(event.node)
    before = {(e.name, e.owner) for e in case.events if e.node in step.reads}
    return step.function is renamed and (event.name, event.owner) in before


def adds_up(case: Case, event: Event) -> bool:
    """Whether a name held another value before, as that of a sum does to which one part after the other is added."""
    return any((e.name, e.owner) == (event.name, event.owner) and e.node < event.node for e in case.events)


def is_gone_on_with(case: Case, event: Event, values: Mapping[int, Any], truth: Array) -> bool:
    """Whether the rest of a gradient, of which a value is one part, is added to that later, with another factor.

    So it is of what has the gradient of the data, where that of a penalty is added in another line.
    """
    part = np.asarray(values[event.node])
    later = [np.asarray(values[end]) for end in case.ends if event.node in case.ancestors([end]) - {end}]
    return any(end.shape == part.shape == truth.shape and is_along(end - part, truth - part) for end in later)


def is_carried_on(case: Case, event: Event, matched: tuple[Entry, float] | None) -> bool:
    """Whether a gradient carries the number of samples as one that it was made of does: it ends where that is due."""
    if matched is None or event.node in case.ends or abs(matched[1] - case.scale) < 1e-9:
        return False
    if not case.is_carried(matched[1]):
        return False
    made_of = case.ancestors([event.node]) - {event.node} - case.forward
    before = (e.node for e in case.events if e.node in made_of)
    found = (case.match_up_to_factor(case.tape.nodes[node].value) for node in before)
    return any(each is not None and abs(each[1] / matched[1] - 1) < 1e-9 for each in found)


def is_multiple_of_right(case: Case, matched: tuple[Entry, float] | None, truth: Array, value: Array) -> bool:
    """Whether a multiple of a gradient is put in the place of that gradient itself, with the factor that is due."""
    if matched is None or matched[0].how != "" or abs(matched[1] - case.scale) > 1e-9 * abs(case.scale):
        return False
    return value.size > 2 and is_along(value, truth) and not close(value, truth)


def is_due(case: Case, node: int, matched: tuple[Entry, float] | None) -> bool:
    """Whether a gradient is that of the parameter that it ends as, if it ends as one."""
    own = {final.parameter.node for final in case.finals if final.node == node}
    return not own or (matched is not None and matched[0].of in own)


RIGHT, OF_THE_PARAMETER, KNOWN, IN_PART, UNKNOWN, WRITTEN_OVER = range(6)


def likelihood(case: Case, event: Event, value: Any, factor: float) -> tuple[int, int]:
    """How likely a value is to be wrong, where several may be, and which of two alike comes first: more is likelier.

    What is no gradient, or not that of what it is called after, comes first, the earliest of it; then a part of one;
    then what is the gradient of something else, the last of it; and in the end the gradient of a parameter, which is
    wrong in any case.
    """
    node, matched = event.node, case.match_up_to_factor(np.asarray(value))
    exact, part = is_known(matched, factor)
    if not exact or matched is None:
        return OF_THE_PARAMETER if node in case.ends else UNKNOWN, -node
    if part:
        whole = is_meant(case, event, value, factor) or not is_read_here(case, event)
        return (IN_PART if whole else UNKNOWN), -node
    return (KNOWN, node) if is_meant(case, event, value, factor) else (UNKNOWN, -node)


def is_read_here(case: Case, event: Event) -> bool:
    """Whether the function that gave a value its name reads it: what it only returns is all that goes through it."""
    reading = (step.place for step in case.tape.steps if event.node in step.reads)
    return any(place is not None and in_same_function(place, event.place) for place in reading)


def is_meant(case: Case, event: Event, value: Any, factor: float) -> bool:
    """Whether a gradient is that of what its name is called after, if it is called after anything but the loss."""
    others = case.truth.cotangents.keys() - {case.truth.loss}  # `dloss` is the slope of that by something else
    values = (e for e in case.events if e.node in others and not is_gradient_name(e.short))
    named = {e.node for e in values if alike(event.short, e.short)}
    return not named or any(close(case.truth.cotangents[n] * factor, np.asarray(value)) for n in named)


def meant_as(case: Case, event: Event, of: int, factor: float, value: Any) -> bool:
    """Whether what is the gradient of one value is called after another one."""
    return is_called_after(case, event, of) and not is_meant(case, event, value, factor)


def is_called_after(case: Case, event: Event, of: int) -> bool:
    return any(e.node == of and alike(event.short, e.short) for e in case.events)


def is_known(matched: tuple[Entry, float] | None, factor: float) -> tuple[bool, bool]:
    """Whether a value is a gradient already, and with a factor that is due; and whether it is only a part of one."""
    exact = matched is not None and abs(matched[1] - factor) < 1e-9 * abs(factor)
    return exact, matched is not None and matched[0].how == PART


def is_of_another(matched: tuple[Entry, float] | None, factor: float, entry: Entry) -> bool:
    """Whether a value is a multiple of the gradient of something else than what it is to be the gradient of."""
    exact, _ = is_known(matched, factor)
    return matched is not None and not exact and matched[0].how == "" and matched[0].of != entry.of


def spoils(case: Case, value: Array, truth: Array, factor: float) -> bool:
    """Whether what is right, up to the size of the batch, would be doubled or negated, also as another gradient."""
    known = case.match_up_to_factor(value) if value.size > 1 else None
    if known is None or known[0].how == PART or not case.is_carried(known[1]):
        return False
    if is_along(value, truth):
        factor = known[1] * float(np.vdot(value, truth) / np.vdot(value, value))
    return not case.is_carried(factor)


def newly(case: Case, node: int, truth: Array, values: dict[int, Any], played: Mapping[int, Any]) -> set[int]:
    """The later values that were no gradients, and are with this repair."""
    found = set()
    for later in later_values(case, node):
        if played[later] is values[later]:  # nothing of it was made again
            continue
        before, after = np.asarray(values[later]), np.asarray(played[later])
        if after.shape == before.shape and np.array_equal(before, after):
            continue
        if not case.was_gradient(values, later) and not close(after, truth) and case.is_gradient(after):
            found.add(later)
    return found


def later_values(case: Case, node: int) -> Iterator[int]:
    seen = set()
    for event in case.events:
        if event.node > node and event.node not in seen and event.node not in case.forward:
            seen.add(event.node)
            yield event.node
