"""Targets that the network makes itself, as in Q-learning: no gradient goes through them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.meant.drawn import drawn
from tinygrad_scratch.verifier.meant.power_iterations import turned_vectors
from tinygrad_scratch.verifier.meant.self_made_targets import SelfMadeTargets, given_in
from tinygrad_scratch.verifier.pairs.update_steps import is_mix
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import statement_at
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import close, is_telling
from tinygrad_scratch.verifier.recording.steps import shows
from tinygrad_scratch.verifier.truths.truth import NotOnTensors, Truth, held_constant, truth_of

TARGET = re.compile(r"(?:.*_)?(?:targets?|advantages?|adv|baselines?|bootstrap|returns?)(?:_.*)?", re.IGNORECASE)


def truths_held(case: Case) -> Iterator[Truth]:
    """The truth where moving averages are constants, and what is called a target and met by what parameters change.

    So is what was drawn, where a density of it is taken, and so are the vectors of a power iteration.
    """
    if case.truth.edits:
        return
    actions = drawn(case, SelfMadeTargets(case).behind)
    every = targets_given(case, SelfMadeTargets(case, actions))
    drawings = {case.step_of(node).index: held_constant for node in actions}
    every += [({**edits, **drawings}, [*nodes, *actions]) for edits, nodes in (({}, []), *every) if actions]
    for edits, nodes in every:
        if edits:
            with contextlib.suppress(NotOnTensors):
                truth = replace(truth_of(case.tape, case.truth.loss, edits=edits), held=tuple(nodes))
                parameters = [final.parameter.node for final in case.finals]
                if any(is_cut_off(case, truth, p) or is_rest_made(case, truth, p) for p in parameters):
                    continue
                yield replace(truth, note=f"The true gradients are {semi(case, nodes_given(truth))}.")


def targets_given(case: Case, made: SelfMadeTargets) -> list[tuple[dict[int, Any], list[int]]]:
    """The ways in which targets may count as given: calls that are others then, and values that are constants."""
    named = {e.node for e in (*case.events, *case.arguments) if TARGET.fullmatch(e.short)}
    targets = {node for node in named & case.smooth & case.forward if meets_another(case, node)}
    own = (averages(case) & case.smooth & case.forward) | turned_vectors(case)
    held = sorted((targets | own) - {case.truth.loss})
    constant = {case.step_of(node).index: held_constant for node in held}
    given, weighed = made.found(), made.as_weights(held) | made.as_weights_of_others(named)
    alone: list[tuple[dict[int, Any], list[int]]] = [(constant, held), (weighed, [])]
    both = [(edits | given, nodes) for edits, nodes in alone if edits and given]
    every = [*alone, (given, []), (made.with_likenesses(), []), *both]
    weighs = any(name_of(case.tape.steps[index].function) == "multiply" for index in given)
    return [(given, []), *every] if weighs else every  # an error that weighs as well tells more than its name


def is_cut_off(case: Case, truth: Truth, parameter: int) -> bool:
    """Whether nothing goes to a parameter any more, as through the state of a leaky unit: that is no target, then."""
    before, after = (np.any(each.cotangents.get(parameter, 0)) for each in (case.truth, truth))
    return bool(before and not after)


def is_rest_made(case: Case, truth: Truth, parameter: int) -> bool:
    """Whether the program derived the part that a constant would take from a gradient, too, and nothing reads that.

    So it is with all of that gradient, as by `g = g + part` in a loop over gradients, which binds a name alone.
    """
    whole = case.truth.cotangents.get(parameter, np.zeros(()))
    rest = whole - truth.cotangents.get(parameter, 0)
    if not is_telling(rest):
        return False
    used = {node for step in case.tape.steps for node in step.reads} | case.forward
    lost = (node.value for node in case.tape.nodes if node.number not in used and node.value.shape == rest.shape)
    return any(close(sign * case.scale * value, part) for value in lost for part in (rest, whole) for sign in (1, -1))


def nodes_given(truth: Truth) -> list[int]:
    """The values that are constants in what is taken for true, or are so where a call reads them."""
    return [*truth.held, *(call.node for call in given_in(truth).values())]


def semi(case: Case, held: Iterable[int]) -> str:
    """What is said of values that are held constant, by their names."""
    names = names_of(case, set(held)) or names_of(case, {n for node in held for n in case.parents[node]} & case.smooth)
    names = names or [f"a part of `{statement_at(place.file, place.line)}`" for place in places(case, held)]
    return f"semi-gradients: none goes through {listed(list(dict.fromkeys(names)))}, though parameters do"


def names_of(case: Case, nodes: set[int]) -> list[str]:
    """The names of some values, those of targets alone where there are such."""
    named = [event.short for event in (*case.events, *case.arguments) if event.node in nodes]
    whole = [name for name in named if not name.endswith("]")]  # and no entry of a list of them
    return [name for name in named if TARGET.fullmatch(name)] or whole or named


def places(case: Case, nodes: Iterable[int]) -> Iterator[Place]:
    """Where some values were made."""
    yield from (place for node in nodes if (place := case.place_of(node)) is not None)


def averages(case: Case) -> set[int]:
    """What is a mix of what was under its name before, and of another: `slow = m * slow + (1 - m) * w`."""
    before: dict[tuple[int, str], int] = {}
    found = set[int]()
    for event in case.events:
        last = before.get((event.owner, event.name))
        if last is not None and is_mix(case.tape, event.node, last):
            found.add(event.node)
        before[event.owner, event.name] = event.node
    return found


def meets_another(case: Case, node: int) -> bool:
    """Whether something else that parameters change is subtracted from a value, or multiplied by it, or by a part."""
    own = {node}
    for step in case.tape.steps:
        if own.isdisjoint(step.reads) or case.forward.isdisjoint(step.makes):
            continue
        if shows(step):
            own.update(step.makes)
        elif name_of(step.function) in ("subtract", "multiply") and not case.smooth.isdisjoint(set(step.reads) - own):
            return True
    return False
