"""Which truths are worth a trial in the place of which values.

One reverse walk for each wrong gradient, over the hand-written backward pass itself, says for every value on the way
and every truth at once what putting that truth in would do: a backward pass is linear in each of its values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.names import is_called_after
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.steps import Array, renamed
from tinygrad_scratch.verifier.truths.table import PART, Entry

MOST_TRIALS = 60


def screened(
    case: Case, by_node: dict[int, list[Event]], values: dict[int, Any], wrong: list[Final]
) -> list[tuple[int, Entry, float]]:
    """Values with the truths that seem to mend, the most promising first."""
    counts: dict[tuple[int, int, float], int] = {}
    entries = {node: case.table.entries(np.shape(values[node])) for node in by_node}
    stacks: dict[tuple[int, ...], Array] = {}
    for final in wrong[:6]:
        slopes = influence(case, final, list(by_node), values)
        if slopes is None:
            return everything(by_node, entries, values)
        direction, gradients = slopes
        target = case.wanted(np.asarray(values[final.node]), final)
        if target.shape != direction.shape:
            return everything(by_node, entries, values)
        missing = float(np.vdot(direction, target - values[final.node]))
        for node, gradient in gradients.items():
            shape = np.shape(values[node])
            if not entries[node] or not np.any(gradient):
                continue
            if shape not in stacks:
                stacks[shape] = np.stack([entry.value.ravel() for entry in entries[node]])
            flat = gradient.ravel()
            now = float(np.vdot(flat, values[node]))
            then = case.scale * (stacks[shape] @ flat)
            room = 1e-6 * (np.abs(stacks[shape]) @ np.abs(flat) + abs(now) + abs(missing))
            for exact in np.flatnonzero(np.abs(then - now - missing) <= room):
                key = node, int(exact), 1.0
                counts[key] = counts.get(key, 0) + 1
            if len(flat) > 2:
                for i, factor in solved_factors(case, now + missing, then):
                    counts[node, i, factor] = counts.get((node, i, factor), 0) + 1
    whole = [
        (node, i, factor)
        for node in by_node
        if np.asarray(values[node]).dtype.kind in "iub" and np.size(values[node]) > 1
        for i, entry in enumerate(entries[node])
        if entry.how != PART
        for factor in usual_factors(case, values)
    ]
    counts.update(dict.fromkeys(whole[:MOST_TRIALS], 1))
    chosen = sorted(counts, key=lambda key: (-counts[key], key[2] != 1, key[0]))[:MOST_TRIALS]
    screened_ones = [(node, entries[node][i], factor) for node, i, factor in chosen]
    return [*screened_ones, *meant_by_name(case, by_node, values)]


def meant_by_name(
    case: Case, by_node: dict[int, list[Event]], values: dict[int, Any]
) -> Iterator[tuple[int, Entry, float]]:
    """What was given the name of a gradient that has another shape: no slope tells of that."""
    truth = case.truth.cotangents
    named = {event.node: event.short for event in case.events if event.node in truth}
    for node, events in by_node.items():
        if case.step_of(node).function is renamed:
            for of, name in named.items():
                if is_called_after(events[0].short, [name]) and truth[of].shape != np.shape(values[node]):
                    yield node, Entry(truth[of], of), 1.0


def usual_factors(case: Case, values: dict[int, Any]) -> set[float]:
    """What the gradients on the way carry."""
    nodes = dict.fromkeys(event.node for event in case.events if event.node not in case.forward)
    found = (case.match_up_to_factor(np.asarray(values[node])) for node in nodes)
    return {1.0, *(match[1] / case.scale for match in found if match is not None)}


def solved_factors(case: Case, wanted: float, given: Array) -> Iterator[tuple[int, float]]:
    """The entries that would mend with one of the natural factors."""
    with np.errstate(all="ignore"):
        solved = wanted / given
    for factor in case.factors:
        for i in np.flatnonzero(np.abs(solved - factor) <= 1e-7 * abs(factor)):
            yield int(i), factor


def everything(
    by_node: dict[int, list[Event]], entries: dict[int, list[Entry]], values: dict[int, Any]
) -> list[tuple[int, Entry, float]]:
    """Where the backward pass itself can't be walked, or its shapes are wrong: everything, within reason.

    What holds whole numbers comes first, as a cast to these ends a walk.
    """
    nodes = sorted(by_node, key=lambda node: np.asarray(values[node]).dtype.kind == "f")
    found = [(node, entry, 1.0) for node in nodes for entry in entries[node] if entry.how != PART]
    return found[: 20 * MOST_TRIALS]


def influence(
    case: Case, final: Final, nodes: list[int], values: dict[int, Any]
) -> tuple[Array, dict[int, Array]] | None:
    """A direction, and how a wrong gradient along it depends on each value that it was made from."""
    direction = np.random.default_rng(1).standard_normal(np.shape(values[final.node]))
    run = case.walked()
    if run is None or final.node not in run.values:  # a cast to integers ends the walk
        return None
    total = np.sum(run.values[final.node] * direction)
    return direction, run.gradient(total, nodes)
