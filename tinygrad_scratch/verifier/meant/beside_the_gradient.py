"""What is done to right gradients before they are taken off, and is meant: they are made steps, shrunk, or shaken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.valued import is_mere_number, parameter_of
from tinygrad_scratch.verifier.meant.directions import DOWN, direction
from tinygrad_scratch.verifier.meant.steady import is_steady
from tinygrad_scratch.verifier.pairs.noise import DRAWN
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.penalised import ADDING, made_of_alone, own_parts, penalty_in, strength
from tinygrad_scratch.verifier.reading.names import without_holder
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.remarks import remark_on
from tinygrad_scratch.verifier.reading.source import call_at, statement_at
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import close, is_along, is_near_number, nearest_shares
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.rewriting.rewrite import OF_PENALTY
from tinygrad_scratch.verifier.truths.losses import KnownLoss

NAME = re.compile(r"[A-Za-z_][\w.]*")
SUMMING = "sum", "mean", "dot", "vdot", "inner", "matmul", "einsum", "norm", "trace"
NAMED = re.compile(rf"{OF_PENALTY.pattern}|(?:\b|_)l[12](?:\b|_)", re.IGNORECASE)
OF_ENTRY = "power", "square", "multiply", "absolute", "fabs"
SAME = 1e-6  # how near the shares of all weights are that a decay takes off


def made_steps(case: Case, values: dict[int, Any]) -> str:
    """Each is the gradient times a rate, or times a number where it stands, and is taken off as it is then."""
    found = [before_step(case, values, final) for final in case.finals]
    factors = [factor for factor in found if factor is not None]
    same = len(factors) == len(found) and all(is_near_number(factor, factors[0]) for factor in factors)
    return "made steps: each was the gradient, before it was multiplied by a rate" if same else ""


def before_step(case: Case, values: dict[int, Any], final: Final) -> float | None:
    """How many times the gradient a value was until it was multiplied by a number, and taken off its parameter.

    So it is by `dw *= 0.1`, and `dw = rate * gradient(w)`; None where a value was made otherwise, or is read elsewhere.
    """
    tape, step = case.tape, case.step_of(final.node)
    if name_of(step.function) not in ("multiply", "divide") or step.place is None:
        return None
    names = NAME.findall(statement_at(step.place.file, step.place.line))
    of_rate = any(RATE.match(without_holder(name)) for name in names)
    before = [node for node in step.reads if of_rate or tape.nodes[node].slot == tape.nodes[final.node].slot]
    factors = [factor for node in before if (factor := times_gradient(case, values[node], final)) is not None]
    held = {node.number for node in tape.nodes if node.slot == tape.nodes[final.parameter.node].slot}
    readers = [other for other in tape.steps if final.node in other.reads]
    taken_off = all(name_of(o.function) in ("add", "subtract") and not held.isdisjoint(o.reads) for o in readers)
    return factors[0] if factors and readers and taken_off and factors[0] * final.direction > 0 else None


def times_gradient(case: Case, value: Any, final: Final) -> float | None:
    """How many times the true gradient a value is; None where it is no multiple of it."""
    value, truth = np.asarray(value), case.true_of(final)
    if value.shape != truth.shape or not np.any(truth) or not is_along(value, truth):
        return None
    return float(np.vdot(truth, value) / np.vdot(truth, truth))


def decayed(case: Case, values: dict[int, Any]) -> str:
    """All weights are pulled to 0 by one share of theirs, where the loss has no penalty: so a decay of weights is."""
    if has_penalty(case):
        return ""
    finals = [f for f in case.finals if np.any(case.true_of(f)) or not case.is_right(values[f.node], f)]
    single = [f for f in finals if np.count_nonzero(case.true_of(f)) == 1 < case.true_of(f).size]  # share and scale mix
    finals = [final for final in finals if final not in single]
    found = [parts_of(case, values, final) for final in finals]
    if not found or any(part is None for part in found):
        return ""
    scales, shares = zip(*(part for part in found if part is not None), strict=True)
    if len({final.direction for final in finals}) > 1:  # of some, the negative is added
        scales = tuple(final.direction * scale for final, scale in zip(finals, scales, strict=True))
    pulled = [share for share, is_weight in zip(shares, are_weights(case, finals), strict=True) if is_weight]
    others = {round(share, 9) for share in shares} - {0.0, *(round(share, 9) for share in pulled)}
    meant = len(pulled) > 1 or any(is_called_decay(case, f) or has_penalty_computed(case, f) for f in case.finals)
    same = meant and bool(pulled) and pulled[0] > 0 and all(is_near_number(share, pulled[0]) for share in pulled)
    if not same or others or not all(is_near_number(scale, scales[0]) for scale in scales):
        return ""
    if not all(is_mix_of(case, values, final, scales[0], pulled[0]) for final in single):
        return ""
    whole = is_near_number(scales[0], 1) or (is_near_number(scales[0], -1) and direction(case) != DOWN)
    if not whole and not (all(final.by == "update" for final in case.finals) and is_steady(case, scales[0])):
        return ""
    return f"with a decay of {pulled[0]:.6g} times the weights, which is no part of the loss"


def is_mix_of(case: Case, values: dict[int, Any], final: Final, scale: float, share: float) -> bool:
    """Whether a gradient is so many times the true one, with that share of its parameter or without."""
    truth = case.true_of(final)
    weights = np.where(truth == 0, 0, case.tape.nodes[final.parameter.node].value)
    return any(close(values[final.node], scale * (truth + pull * weights)) for pull in (0.0, share))


def are_weights(case: Case, finals: list[Final]) -> list[bool]:
    """Which of the parameters are weights, and no biases: the matrices; where there are none, the rows."""
    ways = [sum(n > 1 for n in case.true_of(final).shape) for final in finals]
    return [0 < count >= min(2, max(ways)) for count in ways]


def without_penalties(case: Case, values: dict[int, Any]) -> dict[int, Any]:
    """The values, with gradients as they are without the penalties that are meant; none where there are none.

    A penalty pulls its parameter to 0, in a line that has a name for how much, and is no part of the loss.
    """
    if has_penalty(case):
        return {}
    wrong = case.wrong(values)
    parts = {final.node: part for final in wrong if (part := penalty_named(case, final)) is not None}
    pulled = (final for final in case.finals if final.node in parts)
    are_pulls = all(pull_of(case, final, parts[final.node]) is not None for final in pulled)
    by_side = ((final.node, pull_by_side(case, values, final)) for final in wrong if final.node not in parts)
    parts |= {node: part for node, part in by_side if part is not None}
    return values | {node: values[node] - part for node, part in parts.items()} if parts and are_pulls else {}


def penalty_named(case: Case, final: Final) -> Array | None:
    """What of a gradient was made of its parameter alone, if its line has a name for how much that is."""
    nodes = [each.parameter.node for each in case.finals]
    called = is_called_decay(case, final)
    return penalty_in(case.tape, case.tape.parents(), final.node, final.parameter.node, nodes) if called else None


def pull_by_side(case: Case, values: dict[int, Any], final: Final) -> Array | None:
    """What is of one size in a gradient, and of its entry's sign, as by `if w > 0:`; at 0 of either, or nothing."""
    value, truth = np.asarray(values[final.node], float), case.true_of(final)
    held = np.asarray(case.tape.nodes[final.parameter.node].value, float)
    if value.shape != truth.shape or value.shape != held.shape or not is_called_decay(case, final):
        return None
    rest: Array = value - truth
    size = np.max(np.abs(rest), initial=0.0)
    is_of_size = np.isclose(np.abs(rest), size, rtol=SAME) | ((held == 0) & (rest == 0))
    is_pull = size > SAME * np.max(np.abs(value)) and is_of_size.all() and not np.any(final.direction * rest * held < 0)
    return rest if is_pull else None


def pull_of(case: Case, final: Final, part: Array) -> Array | None:
    """By how much a part of a gradient pulls each entry of its parameter to 0; None where it is no penalty's.

    That of a penalty pulls none away, and larger entries no less than smaller ones, or all of a row or a column alike.
    """
    weights = case.tape.nodes[final.parameter.node].value
    much = strength(final.direction * part, weights)
    if much is None:
        return None
    pulls = np.abs(part).ravel()[np.argsort(np.abs(weights), axis=None)]
    grows = np.all(np.diff(pulls) >= -SAME * np.max(pulls))
    alike = (np.ptp(much, axis=axis) <= SAME * np.max(much, axis=axis) for axis in range(weights.ndim))
    return much if grows or any(map(np.all, alike)) else None


def decays_meant(case: Case, values: dict[int, Any]) -> dict[int, Any]:
    """The share of the weights that is added to gradients, where others are wrong; of each entry, if that differs.

    It is meant where several matrices have the same one, or where it has a name.
    """
    if has_penalty(case):
        return {}
    found = [(final, parts_of(case, values, final)) for final in case.finals]
    known = {final.parameter.node: part for final, part in found if part is not None and part[1] > 0}
    shares = {round(pull, 9) for _, pull in known.values()}
    scales = {round(scale, 9) for scale, _ in known.values()}
    same = len(known) > 1 and len(shares) == len(scales) == 1 and all(case.tape.nodes[n].value.ndim > 1 for n in known)
    if same:
        return {node: pull for node, (_, pull) in known.items()}
    parts = ((final, penalty_named(case, final)) for final in case.finals)
    return {f.parameter.node: much for f, part in parts if (much := share_named(case, f, part)) is not None}


def share_named(case: Case, final: Final, part: Array | None) -> Any:
    """By how much a named part of a gradient pulls its parameter to 0: one number, if all entries are pulled alike."""
    much = None if part is None else pull_of(case, final, part)
    if much is None:
        return None
    return float(np.mean(much)) if not np.ptp(much) > SAME * np.max(much) else much


def is_called_decay(case: Case, final: Final) -> bool:
    """Whether the line that made a gradient has a name for how much the weights decay, or a comment says so."""
    place = case.place_of(final.node)
    if place is None:
        return False
    others = (case.place_of(other.node) for other in case.finals if other is not final)
    is_shared = any(other is not None and (other.file, other.line) == (place.file, place.line) for other in others)
    part = call_at(place) if is_shared else None  # a statement that makes several of them
    written = part or statement_at(place.file, place.line, final.parameter.short)
    named = bool(NAMED.search(written) or NAMED.search(remark_on(place.file, place.line)))
    return named or any(NAMED.search(statement_at(at.file, at.line)) for at in places_of_own_parts(case, final))


def places_of_own_parts(case: Case, final: Final) -> Iterator[Place]:
    """Where what a gradient adds was made of its parameter alone, if that is another line than the one that adds it."""
    nodes = [each.parameter.node for each in case.finals]
    parts = own_parts(case.tape, case.tape.parents(), final.node, final.parameter.node, nodes)
    own = case.place_of(final.node)
    places = (place for node in parts if (place := case.place_of(node)) is not None)
    yield from (place for place in places if own is None or (place.file, place.line) != (own.file, own.line))


def parts_of(case: Case, values: dict[int, Any], final: Final) -> tuple[float, float] | None:
    """How many times the gradient a value is, and how large a share of the parameter is added to that; or None."""
    value, truth = np.asarray(values[final.node], float), case.true_of(final)
    held = np.asarray(case.tape.nodes[final.parameter.node].value, float)
    if value.shape != truth.shape or value.shape != held.shape or not np.any(truth):
        return None
    reached = np.where(truth == 0, 0, held)  # rows of an embedding that no sample has may decay, or stay
    pulled = [weights_in(weights) for weights in (reached, held) if np.any(weights) and truth.size > 2]
    for each in chain(*pulled) if pulled else [np.zeros(truth.shape)]:
        mix: Array = np.array([truth.ravel(), each.ravel()], float).T
        shares = nearest_shares(mix, value)
        if close((mix @ shares).reshape(value.shape), value) and abs(shares[0]) > SAME:
            pull = float(shares[1] / shares[0])
            return float(shares[0]), pull if abs(pull) > SAME else 0.0
    return None


def weights_in(parameter: Array) -> Iterator[Array]:
    """What of a parameter a decay may shrink: all of it, or all but a first or last row or column, where biases are."""
    yield parameter
    for axis in range(parameter.ndim):
        for place in (0, -1):
            weights = np.moveaxis(parameter.copy(), axis, 0)
            weights[place] = 0
            yield np.moveaxis(weights, 0, axis)


def has_penalty_computed(case: Case, final: Final) -> bool:
    """Whether they compute a number that only this parameter went into, as a penalty is, and no loss with it."""
    alone = made_of_alone(case.tape, case.parents, [final.parameter.node])
    return any(name_of(case.step_of(n).function) in SUMMING and not case.tape.nodes[n].value.ndim for n in alone)


def has_penalty(case: Case) -> bool:
    """Whether a number that only parameters went into is a part of the loss, or a penalty was put to it."""
    tape, parents, loss = case.tape, case.tape.parents(), case.step_of(case.truth.loss).function
    if isinstance(loss, KnownLoss) and loss.candidate.penalties:
        return True
    numbers = {n for n in case.forward if not tape.nodes[n].value.ndim and name_of(case.step_of(n).function) in SUMMING}
    summed = any(numbers & made_of_alone(tape, parents, [final.parameter.node]) for final in case.finals)
    return summed or any(is_of_entry(case, node) for node in added_up(case))


def added_up(case: Case) -> set[int]:
    """What the loss is a sum of, each number scaled or not."""
    waiting, seen = [case.truth.loss], set[int]()
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += case.parents[node] if name_of(case.step_of(node).function) in ADDING else ()
    return seen


def is_of_entry(case: Case, node: int) -> bool:
    """Whether a number is the square or the size of one entry of a parameter, as penalties in a loop have it."""
    step, nodes = case.step_of(node), case.tape.nodes
    read = [each for each in step.reads if not is_mere_number(case, each)]
    alike = len(read) == (2 if name_of(step.function) == "multiply" else 1)
    single = alike and name_of(step.function) in OF_ENTRY and np.size(nodes[node].value) == 1
    return single and len({parameter_of(case, each) for each in read} - {None}) == 1


def frozen(case: Case, values: dict[int, Any]) -> str:
    """The gradients are right but for noughts where weights are 0, as those that were pruned stay."""
    held = [(np.asarray(values[f.node]), case.true_of(f), case.tape.nodes[f.parameter.node].value) for f in case.finals]
    if any(value.shape != truth.shape for value, truth, _ in held):
        return ""
    kept = [np.where((value == 0) & (weights == 0) & np.any(weights), value, truth) for value, truth, weights in held]
    right = all(close(value, each) for (value, _, _), each in zip(held, kept, strict=True))
    return "with weights that stay 0: their gradients are left out" if right else ""


def shaken(case: Case, values: dict[int, Any]) -> str:
    """The gradients are right but for random numbers that were drawn for nothing but to be added to them."""
    wrong = case.wrong(values)
    added = [is_shaken(case, values, final) for final in wrong]
    return "with noise: random numbers are added to what is the gradient before" if added and all(added) else ""


def is_shaken(case: Case, values: dict[int, Any], final: Final) -> bool:
    step = case.step_of(final.node)
    if name_of(step.function) not in ("add", "subtract") or len(step.reads) != 2 or step.place is None:
        return False
    for node, noise in (step.reads, step.reads[::-1]):
        given = case.ancestors([noise])
        behind = {event.node for event in case.events if event.name != final.name} & given
        drawn = DRAWN.search(statement_at(step.place.file, step.place.line)) is not None
        if drawn and not behind and given.isdisjoint(case.forward) and case.is_right(np.asarray(values[node]), final):
            return True
    return False
