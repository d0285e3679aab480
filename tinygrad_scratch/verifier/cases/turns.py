"""Mistakes in loops: no single turn mends a final gradient, but one makes gradients of what follows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.cases.screening import MOST_TRIALS
from tinygrad_scratch.verifier.cases.suspects import suspects
from tinygrad_scratch.verifier.cases.trials import KNOWN, is_carried_on, likelihood, newly, spoils
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.names import alike, is_gradient_name
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import in_same_function, is_rename
from tinygrad_scratch.verifier.recording.edits import name_of as name_of_call
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import cosine, is_along
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.truths.table import SAMPLE
from tinygrad_scratch.verifier.truths.truth import Played

MOST_STRANGE = 60  # values that are no gradients, for the sake of which others are replaced
LIKEST = 30  # replacements that are tried for the sake of one value
MOST_FOR_HELP = 200_000  # calls that are made again to find what makes gradients of what follows
MOST_OF_ONE = 3  # replacements of one value, for the sake of another
MOST_PLAYED = 20_000  # calls that are made again to mend the turns of one statement


def helping(case: Case, values: dict[int, Any], wrong: list[Final], usual: float) -> Iterator[Repair]:
    """The replacements after which something that follows is a gradient and was none; of the first such, the likeliest.

    They carry a factor, where no right value tells another one. Of one value there may be several: in one turn of a
    loop, a part of a gradient and the whole of it both seem to fit.
    """
    events = suspects(case, wrong, values)
    first = {event.node: event for event in reversed(events)}
    named = {node for node in first if node not in case.forward}
    strange = (
        node
        for node in sorted(named)
        if node not in case.alike and values[node].size > 1 and np.any(values[node])
        if not case.was_gradient(values, node)
    )
    helped = ((node, sources) for node in strange if (sources := sorted(sources_of(case, node, named))))
    run = case.walked()
    if run is None:
        return
    factors = factors_at(case, events, values) if len(wrong) < len(case.finals) else {}  # what is right tells of them
    tried: set[tuple[int, int]] = set()
    enough = case.tape.played + MOST_FOR_HELP
    for node, sources in islice(helped, MOST_STRANGE):
        found: list[tuple[tuple[float, ...], Repair]] = []
        seeming = turned(case, run, node, sources, values, {other: factors.get(other, usual) for other in sources})
        for near, other, i in likest(case, values, seeming):
            if (other, i) in tried or len(tried) > 2 * MOST_TRIALS or case.tape.played > enough:
                continue
            tried.add((other, i))
            entry = case.table.entries(np.shape(values[other]))[i]
            factor = factors.get(other, usual)
            truth = factor * entry.value
            if spoils(case, np.asarray(values[other]), truth, factor):
                continue
            played = case.with_value(other, truth)
            changed = len(newly(case, other, truth, values, played))
            whole = {"": 2, SAMPLE: 1}.get(entry.how, 0)
            event = name_of(case, [e for e in events if e.node == other], values[other])
            matched = case.match_up_to_factor(values[other])
            if matched is not None and matched[0].of == entry.of and is_carried_on(case, event, matched):
                continue
            along = is_along(np.asarray(values[other]), truth)
            rank, order = likelihood(case, event, values[other], factor)
            last = order if rank == KNOWN else 0  # of what is right as something else, the last is wrong
            key = (float(rank), float(along), float(last), float(changed), float(whole), float(order), near)
            if changed or along:  # of the first turn, a sum holds but a copy of it
                repair = Repair(event, truth, entry.of, entry.through, 0, factor=factor, how=entry.how)
                found.append((key, repair))
        tries = Counter[int]()
        for _, repair in sorted(found, key=lambda pair: pair[0], reverse=True):
            tries[repair.event.node] += 1
            if tries[repair.event.node] <= MOST_OF_ONE:
                yield repair


def likest(case: Case, values: dict[int, Any], found: Iterator[tuple[int, int]]) -> list[tuple[float, int, int]]:
    """The replacements by what is nearest to what is written, with how near it is: a mistake often changes little."""
    pairs = ((other, i, case.table.entries(np.shape(values[other]))[i].value) for other, i in found)
    near = [(cosine(np.asarray(values[other]), truth), other, i) for other, i, truth in pairs]
    return sorted(near, key=lambda each: each[0], reverse=True)[:LIKEST]


def name_of(case: Case, names: list[Event], value: Any) -> Event:
    """The name at which to look: the first one, but the last new one of what is right as something else.

    A value that was handed to a function is judged by the name that it got there.
    """
    kept = {final.parameter.name for final in case.finals}  # what is called after a parameter only keeps a result
    renamed = [
        e for e in names[1:] if is_rename(e.place.file, e.place.line) and not any(alike(e.name, name) for name in kept)
    ]
    if renamed and case.is_gradient(value):
        return renamed[-1]
    elsewhere = [e for e in renamed if not in_same_function(e.place, names[0].place)]
    meant = [e for e in renamed if is_gradient_name(e.short) and not is_gradient_name(names[0].short)]
    return (elsewhere or meant or names)[0]


def sources_of(case: Case, node: int, named: set[int]) -> set[int]:
    """The named values that a value was made from, without others in between."""
    found: set[int] = set()
    waiting, seen = list(case.parents[node]), set()
    while waiting:
        other = waiting.pop()
        if other in seen or other in case.forward:
            continue
        seen.add(other)
        if other in named and case.tape.nodes[other].value.size > 1:
            found.add(other)
        if other not in named or len(found) < 6:
            waiting += case.parents[other]
    return found


def factors_at(case: Case, events: list[Event], values: dict[int, Any]) -> dict[int, float]:
    """The factor that a right value of the same statement carries, as one to be averaged later does.

    Where none of it is right, it is that which all right ones of the function carry.
    """
    carried: dict[Place, float] = {}
    around = defaultdict[tuple[str, str], set[float]](set)
    for event in events:
        known = case.match_up_to_factor(np.asarray(values[event.node])) if event.place not in carried else None
        if known is not None and case.is_carried(known[1]):
            carried[event.place] = known[1]
            around[event.place.file, event.place.function].add(round(known[1], 9))
    found: dict[int, float] = {}
    for event in reversed(events):
        others = around[event.place.file, event.place.function]
        if event.place in carried or len(others) == 1:
            found[event.node] = carried.get(event.place, next(iter(others), 1.0))
    return found


def turned(
    case: Case, run: Played, node: int, sources: list[int], values: dict[int, Any], factors: dict[int, float]
) -> Iterator[tuple[int, int]]:
    """The replacements of sources by entries of the table that seem to turn a value into a gradient."""
    goals = case.table.entries(np.shape(values[node]))
    if not goals or node not in run.values:
        return
    direction = np.random.default_rng(1).standard_normal(np.shape(values[node]))
    targets = np.array([np.vdot(direction, goal.value) for goal in goals])
    base = float(np.vdot(direction, values[node]))
    for other, gradient in run.gradient(np.sum(run.values[node] * direction), sources).items():
        entries = case.table.entries(np.shape(values[other]))
        if not entries or not np.any(gradient) or other in case.overrides or not np.any(values[other]):
            continue
        now = base - float(np.vdot(gradient, values[other]))
        factor = factors[other]
        then = now + factor * (np.stack([entry.value.ravel() for entry in entries]) @ gradient.ravel())
        rounding = abs(base) + float(np.vdot(np.abs(gradient), np.abs(values[other])))
        room = 1e-6 * np.abs(then) + 1e-9 * rounding  # a truth may be far smaller than what it stands for
        hits = np.any(np.abs(then[:, None] - factor * targets[None, :]) <= room[:, None], axis=1)
        for i in np.flatnonzero(hits):
            yield other, int(i)


def mended_in_all_turns(case: Case, repair: Repair, wrong: list[Final]) -> int:
    """How many gradients are right once a statement is mended in all turns of its loop."""
    before = dict(case.overrides)
    case.apply(repair)
    mend_turns(case, repair)
    count = len(wrong) - len(case.wrong(case.replay()))
    case.overrides = before
    return count


def mend_turns(case: Case, repair: Repair) -> None:
    """The truth of the values that the same call of the forward pass made, for what the same statement made."""
    made_at = case.place_of(repair.event.node)  # of `g = layer.backward(g)`, in the same function of a layer
    same = (event for event in case.events if event.place == repair.event.place)
    there = [event for event in same if case.place_of(event.node) == made_at]
    writes = is_written(case, repair.event)  # in `d = ds[t] = ...`, what is bound, or what is written to
    later = {event.node: event for event in there if is_written(case, event) == writes}
    nodes = [n for n in later if n > repair.event.node and n not in case.overrides and n not in case.forward]
    nodes = [added_up(case, later[node]) for node in nodes]
    before, after = of_other_turns(case, repair)
    orders = [list(zip(nodes, others, strict=False)) for others in (before[::-1], after)]
    if not mend_in_step(case, *orders, by_what_is_read(case, repair, nodes)):
        mend_one_by_one(case, nodes, before + after)


def is_written(case: Case, event: Event) -> bool:
    """Whether entries of an array were written to, and no value was bound."""
    return name_of_call(case.step_of(event.node).function) == "setitem"


def by_what_is_read(case: Case, repair: Repair, nodes: list[int]) -> list[tuple[int, Array]]:
    """Values with the truths of the turns in which the forward pass made what is read there, as of loops in loops."""
    made, first = made_in_turns(case, repair.of), read_at(case, repair.event.node, repair.event.place)
    if repair.through is not None or repair.of not in made:
        return []
    series = [sorted(made_in_turns(case, node)) for node in first]
    aligned = [(own, made.index(repair.of) - own.index(n)) for n, own in zip(first, series, strict=True) if n in own]
    found = []
    for node in nodes:
        read = read_at(case, node, repair.event.place)
        places = [own.index(n) + apart for own, apart in aligned for n in read if n in own]
        known = next((place for place in places if 0 <= place < len(made)), None)
        if known is not None:
            found.append((node, case.truth.cotangents[made[known]] * repair.factor))
    return found


def read_at(case: Case, node: int, place: Place) -> list[int]:
    """What a statement reads of the forward pass to make a value."""
    found, waiting = dict[int, None](), [node]
    while waiting:
        other = waiting.pop()
        step = case.step_of(other)
        if other in case.forward:
            found[other] = None
        elif step.place is not None and (step.place.file, step.place.line) == (place.file, place.line):
            waiting += step.reads
    return list(found)


def mend_in_step(case: Case, *orders: list[tuple[int, Array]]) -> bool:
    """Put in truths of other turns in one of some orders, turn by turn; whether that mends a gradient."""
    for pairs in orders:
        if not pairs or any(truth.shape != case.tape.nodes[node].value.shape for node, truth in pairs):
            continue
        before, wrong = dict(case.overrides), len(case.wrong(case.replay()))
        for node, truth in pairs:
            case.overrides[node] = with_rest(case, node, truth)
        if len(case.wrong(case.replay())) < wrong:
            return True
        case.overrides = before
    return False


def mend_one_by_one(case: Case, nodes: list[int], truths: list[Array]) -> None:
    """Put in for each value the truth after which most of what follows is a gradient, if there is any."""
    enough = case.tape.played + MOST_PLAYED
    for node in nodes:
        values = case.replay()
        if not case.wrong(values) or case.is_spent() or case.tape.played > enough:
            return
        best, most = None, 0
        for truth in truths:
            if truth.shape != np.shape(values[node]):
                continue
            truth = with_rest(case, node, truth)
            played = case.with_value(node, truth)
            mended = len(case.wrong(values)) - len(case.wrong(played))
            changed = len(newly(case, node, truth, values, played)) + 10 * mended
            if changed > most:
                best, most = truth, changed
        if best is not None:
            case.overrides[node] = best


def added_up(case: Case, event: Event) -> int:
    """What a turn ends with of the entries that an event wrote, where later lines of it add to them."""
    last, written = event, entries_written(case, event.node)
    if written is None:
        return event.node
    for other in case.events:
        if other.name != event.name or other.owner != event.owner or other.node <= last.node:
            continue
        if other.place.line <= last.place.line or not in_same_function(other.place, event.place):
            break  # the next turn
        entries = entries_written(case, other.node)
        if entries is not None and np.array_equal(entries, written):
            last = other
    return last.node


def entries_written(case: Case, node: int) -> Array | None:
    """Which entries of an array a call wrote to, where it did so to some, and by an index that is plain."""
    step = case.step_of(node)
    if name_of_call(step.function) != "setitem" or len(step.arguments) != 3:
        return None
    written = np.zeros(np.shape(case.tape.nodes[node].value), bool)
    try:
        written[step.arguments[1]] = True
    except Exception:  # the index was recorded
        return None
    return None if written.all() else written


def with_rest(case: Case, node: int, truth: Array) -> Array:
    """The truth of what a turn writes to an array, and as it is the rest, which other turns write to."""
    written = entries_written(case, node)
    return truth if written is None else np.where(written, truth, np.asarray(case.replay()[node]))


def of_other_turns(case: Case, repair: Repair) -> tuple[list[Array], list[Array]]:
    """The gradients of the same calls of the forward pass, or the same part of them, in the turns before and after.

    A parameter that all turns read is one value with a part for each.
    """
    truth, own = case.truth, (repair.of, repair.through or 0)
    same = made_in_turns(case, repair.of)
    if repair.through is None:
        found = {(node, 0): truth.cotangents[node] for node in same}
    else:
        reader = case.tape.steps[repair.through].place
        parts = [(node, step, part) for node in same for step, part in truth.parts.get(node, [])]
        found = {(node, step): part for node, step, part in parts if case.tape.steps[step].place == reader}
    turns = [(key, found[key] * repair.factor) for key in sorted(found)]
    return [of for key, of in turns if key < own], [of for key, of in turns if key > own]


def made_in_turns(case: Case, node: int) -> list[int]:
    """What the turns of a loop made as they made a value: the same calls, or an array once each had written to it."""
    known, nodes = case.truth.cotangents, case.tape.nodes
    slots = (other for other in sorted(known) if nodes[other].slot == nodes[node].slot)
    written = {other: entries for other in slots if (entries := entries_written(case, other)) is not None}
    own = next((other for other in written if other >= node), None)
    if own is None or not np.array_equal(nodes[own].value, nodes[node].value):
        step = case.step_of(node)
        others = ((other, case.step_of(other)) for other in known)
        return [other for other, each in others if (each.place, each.caller) == (step.place, step.caller)]
    last = {entries.tobytes(): other for other, entries in written.items()}
    return sorted({**last, written[own].tobytes(): node}.values())
