"""The truths that mend final gradients, tried out: the one that mends the most, where several do the likeliest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.case import Case, Repair
from tinygrad_scratch.verifier.likeness import close, is_along
from tinygrad_scratch.verifier.pairing import Final
from tinygrad_scratch.verifier.screening import screened
from tinygrad_scratch.verifier.source import is_rename
from tinygrad_scratch.verifier.suspects import names_to_try, suspects
from tinygrad_scratch.verifier.table import PART, SAMPLE, Entry
from tinygrad_scratch.verifier.tape import Array
from tinygrad_scratch.verifier.watch import Event


def mending(case: Case, values: dict[int, Any], wrong: list[Final]) -> list[Repair]:
    """The replacements that mend the most final gradients, each of another value, the likeliest first."""
    events = suspects(case, wrong, values)
    by_node: dict[int, list[Event]] = {}
    for event in events:
        by_node.setdefault(event.node, []).append(event)
    trials = screened(case, by_node, values, wrong)
    still_wrong = case.wrong(values)
    right = [final for final in case.finals if final not in still_wrong]
    best: dict[int, tuple[tuple[float, ...], Repair]] = {}
    for node, entry, factor in trials:
        for event, late in names_to_try(case, by_node[node]):
            found = tried(case, event, late, entry, factor, values, wrong, right)
            if found is not None and (node not in best or found[0] > best[node][0]):
                best[node] = found
    if __import__("os").environ.get("DBG"): print([(k,r.event.name,r.event.place.line,r.of,r.how,r.factor,r.late) for k,r in sorted(best.values(),key=lambda p:p[0],reverse=True)])
    ordered = sorted(best.values(), key=lambda pair: pair[0], reverse=True)
    return [repair for key, repair in ordered if key[0] == ordered[0][0][0]]


def tried(
    case: Case,
    event: Event,
    late: bool,
    entry: Entry,
    factor: float,
    values: dict[int, Any],
    wrong: list[Final],
    right: list[Final],
) -> tuple[tuple[float, ...], Repair] | None:
    factor = factor * case.scale
    truth = entry.value * factor
    try:
        played = played_with(case, event, late, truth)
    except Exception:  # a value of this kind can't stand here
        return None
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
    exact = matched is not None and abs(matched[1] - factor) < 1e-9 * abs(factor)
    part = matched is not None and matched[0].how == PART
    rank = 2 if not exact or late else 1 if part else 0
    whole = {"": 3, PART: 1, SAMPLE: 2}.get(entry.how, 2)
    order = event.node if exact and not part else -event.node
    repair = Repair(event, truth, entry.of, entry.through, mended, late, factor, entry.how)
    value = np.asarray(values[event.node])
    along = float(not exact and value.size > 2 and is_along(value, truth))
    if not late and spoils(case, value, truth):
        score -= 1.5
    named = float(exact == is_rename(event.place.file, event.place.line))
    kind = (
        along,
        float(factor == case.scale or (along and not (matched and case.is_carried(matched[1])))),
        0 if rank == 1 else whole,
    )
    return (score, rank, more, *kind, named, float(not late), order), repair


def spoils(case: Case, value: Array, truth: Array) -> bool:
    """Whether what is right, up to the size of the batch, would be doubled or negated."""
    known = case.match_up_to_factor(value) if value.size > 1 and is_along(value, truth) else None
    if known is None or known[0].how == PART:
        return False
    new = known[1] * float(np.vdot(value, truth) / np.vdot(value, value))
    return case.is_carried(known[1]) and not case.is_carried(new)


def played_with(case: Case, event: Event, late: bool, truth: Array) -> Mapping[int, Any]:
    node = case.tape.nodes[event.node]
    if late:
        return case.replay(late={max(event.time, node.step + 1): (node.slot, truth)})
    return case.with_value(event.node, truth)


def newly(case: Case, node: int, truth: Array, values: dict[int, Any], played: Mapping[int, Any]) -> set[int]:
    """The later values that were no gradients, and are with this repair."""
    found = set()
    for later in later_values(case, node):
        before, after = np.asarray(values[later]), np.asarray(played[later])
        if after.shape == before.shape and np.array_equal(before, after):
            continue
        if case.match_up_to_factor(before) is None and not close(after, truth) and case.match_up_to_factor(after):
            found.add(later)
    return found


def later_values(case: Case, node: int) -> Iterator[int]:
    seen = set()
    for event in case.events:
        if event.node > node and event.node not in seen and event.node not in case.forward:
            seen.add(event.node)
            yield event.node
