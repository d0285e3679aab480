"""The forward pass with something held constant, or only the diagonal of a Jacobian."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.causes.penalties import is_of_parameters, is_penalty
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import in_same_function
from tinygrad_scratch.verifier.recording.edits import PRODUCTS, is_filled, name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close, is_along, is_near_number
from tinygrad_scratch.verifier.recording.steps import Array, shows
from tinygrad_scratch.verifier.truths.table import PART, direction_of
from tinygrad_scratch.verifier.truths.truth import Played, played_on_tensors

MOST_INNER = 40
MULTIPLIED = (*PRODUCTS, "multiply", "divide")
SHAPING = ("reshape", "T", "transpose", "swapaxes", "copy", "asarray", "array", "astype", "ravel", "squeeze")


def held_constant(region: Region) -> Iterator[Finding]:
    """It is the gradient that one gets where a value of the forward pass is taken for a constant."""
    case = region.case
    if region.value.shape != region.truth.shape or case.step_of(region.of) is None:
        return
    later = [
        n
        for n in sorted(case.forward)
        if n != region.of and n != case.truth.loss and n in case.truth.cotangents and case.is_behind(region.of, n)
    ]
    later = later[:40]
    cuts = region.cuts = region.cuts or Cuts(region, later)
    for cut in choices(region, later):
        found = cuts.gradient_without(cut)
        if found is None:
            continue
        if np.any(found) and region.is_truth_of(region.value, found):
            names = " and ".join(dict.fromkeys(region.name(n) for n in (cut if len(cut) < 3 else cut[-1:])))
            penalties = all(is_of_penalty(region, node) for node in cut)
            yield Finding(
                "regularisation" if penalties else "missing-term",
                f"{names} depends on {region.name(region.of)}, too: the part of the gradient that goes "
                "through it is missing",
                place=lacks_first(region, cuts, cut)
                or made_first(region)
                or carried_from(region, region.event, cut)
                or region.first_statement(),
            )
            return


def lacks_first(region: Region, cuts: Cuts, cut: tuple[int, ...]) -> Place | None:
    """Where the first value was made that is the gradient, but for the same part, of what goes into the parts held."""
    case = region.case
    before = case.ancestors(cut) & case.truth.cotangents.keys() - {*cut, region.of}
    inner = [n for n in sorted(before) if case.is_behind(region.of, n) and region.names_of(n)][-MOST_INNER:]
    if not inner:
        return None
    run = cuts.played(cut)
    held = run.gradient(np.sum(run.values[case.truth.loss]), inner)
    lacking = [held[n] for n in inner if held.get(n) is not None and not is_along(held[n], case.truth.cotangents[n])]
    made = case.ancestors([region.node]) - case.forward
    for event in sorted((e for e in case.events if e.node in made), key=lambda e: e.node):
        value = np.asarray(region.values[event.node])
        if value.size < 2 or not any(part.shape == value.shape and is_along(value, part) for part in lacking):
            continue
        known = case.match_up_to_factor(value)
        if known is None or known[0].how == PART:  # else it is all of another gradient
            return carried_from(region, event, cut) or event.place
    return None


def made_first(region: Region) -> Place | None:
    """Where the value was made, if it was only multiplied by numbers since: what it lacks it lacks from there on."""
    case, made = region.case, region.case.ancestors([region.node]) - region.case.forward
    own = [event for event in case.events if event.node in made and in_same_function(event.place, region.event.place)]
    along = (event for event in own if is_along(np.asarray(region.values[event.node]), region.value))
    first = min(along, key=lambda event: event.node, default=region.event)
    return None if first.node == region.node else first.place


def carried_from(region: Region, event: Event, cut: tuple[int, ...]) -> Place | None:
    """Where a later line gave the name by which the turn before left the rest: `dh = up[t] + dh_next` is right.

    It is where what is held constant is a step of the turn before, and not one that is made beside it.
    """
    case, own = region.case, event.place
    reads = set(case.step_of(event.node).reads) - case.forward
    later = [e for e in case.events if e.node in reads and in_same_function(e.place, own) and e.place.line > own.line]
    is_next = all(name_of(case.step_of(node).function) in PRODUCTS for node in cut)
    return later[0].place if len(later) == 1 and is_next else None


def is_of_penalty(region: Region, node: int) -> bool:
    """Whether a value is made of one parameter alone, and goes into the loss without any data or other parameters."""
    case = region.case
    parameters = {final.parameter.node for final in case.finals}
    of = case.ancestors([node]) & parameters
    if name_of(case.step_of(node).function) == "getitem" and is_added_alone(region, node):
        return False
    alone = len(of) == 1 and is_of_parameters(region, node) and not is_multiplied_by(region, node, parameters - of)
    return alone and is_penalty(region, case.tape.nodes[node].step + 1, node)


def is_added_alone(region: Region, node: int) -> bool:
    """Whether an entry that data name is a term of the loss as it is, or of a mean."""
    slope = np.abs(np.asarray(region.case.truth.cotangents[node]))
    return slope.size == 1 and any(is_near_number(float(slope.reshape(-1)[0]), n) for n in (1.0, *region.case.factors))


def is_multiplied_by(region: Region, node: int, others: set[int]) -> bool:
    """Whether a value of the forward pass, or what was made of it, is multiplied by what was made of some others."""
    case, reached = region.case, {node}
    for step in case.tape.steps[case.tape.nodes[node].step + 1 : case.tape.nodes[case.truth.loss].step + 1]:
        makes = case.forward.intersection(step.makes)
        if makes and not reached.isdisjoint(step.reads):
            beside = case.ancestors(set(step.reads) - reached)
            if name_of(step.function) in MULTIPLIED and not beside.isdisjoint(others):
                return True
            reached |= makes
    return False


def choices(region: Region, later: list[int]) -> Iterator[tuple[int, ...]]:
    """One value that is held constant, or two of the named ones."""
    named = [n for n in later if region.names_of(n)] or later
    yield from ((node,) for node in later)
    yield from combinations(named[:12], 2)
    yield from made_in_turns(region)


def made_in_turns(region: Region) -> Iterator[tuple[int, ...]]:
    """What one call read of a value in all turns of a loop, as the state before is read in a recurrence."""
    case, found = region.case, dict[Any, list[int]]()
    for node in sorted(case.forward & case.truth.cotangents.keys()):
        step = case.step_of(node)
        if (
            step.function is not None
            and step.place is not None
            and name_of(step.function) in ("getitem", "dot", "matmul")
        ):
            found.setdefault((step.place, name_of(step.function)), []).append(node)
    yield from [tuple(nodes) for nodes in found.values() if 1 < len(nodes) <= 64][:12]


class Cuts:
    """The gradient of what a step is the gradient of, with values of the forward pass held constant.

    It is the whole gradient without what comes through them, so that one run is enough; the values that only keep a
    softmax in bounds are constants in it.
    """

    def __init__(self, region: Region, later: list[int]) -> None:
        self.region, case = region, region.case
        loss = case.truth.loss
        shifts = [n for n in later if name_of(case.step_of(n).function) in ("max", "amax")]
        self.shifts = shifts
        self.run = self._played(shifts)
        self.all = self.run.gradient(np.sum(self.run.values[loss]), [region.of, *later])
        self.through: dict[int, Array | None] = {}
        self.known: dict[tuple[int, ...], Array | None] = {}

    def gradient_without(self, cut: tuple[int, ...]) -> Array | None:
        """The gradient laid out as the step's value; None where the values depend on each other, or nothing on them."""
        if cut not in self.known:
            self.known[cut] = self._laid_out(cut)
        return self.known[cut]

    def _laid_out(self, cut: tuple[int, ...]) -> Array | None:
        region, whole = self.region, self._without(cut)
        if whole is None:
            return None
        found = whole * region.repair.factor
        truth = region.case.truth.cotangents[region.of]
        if truth.shape == region.truth.shape:
            found = found - (truth * region.repair.factor - region.truth)
        fits = found.size == region.value.size
        return found.reshape(region.value.shape) if fits else found

    def _without(self, cut: tuple[int, ...]) -> Array | None:
        ancestors = self.region.case.ancestors
        if len(cut) > 2:
            run = self.played(cut)
            total = run.values[self.region.case.truth.loss]
            return run.gradient(np.sum(total), [self.region.of]).get(self.region.of)
        whole = self.all.get(self.region.of)
        if whole is None or (len(cut) == 2 and (cut[0] in ancestors(cut[1:]) or cut[1] in ancestors(cut[:1]))):
            return None
        parts = [self._part(node) for node in cut]
        return None if any(part is None for part in parts) else whole - sum(part for part in parts if part is not None)

    def played(self, cut: tuple[int, ...]) -> Played:
        """The forward pass with some values held."""
        return self._played([*self.shifts, *cut])

    def _played(self, constant: list[int]) -> Played:
        """The forward pass with some values taken for constants."""
        case = self.region.case
        overrides = {n: case.tape.nodes[n].value for n in constant}
        until = case.tape.nodes[case.truth.loss].step
        return played_on_tensors(case.tape, until, overrides=overrides, alone=case.forward)

    def _part(self, node: int) -> Array | None:
        """What of the gradient comes through a value."""
        if node not in self.through:
            upstream = self.all.get(node)
            total = None if upstream is None else np.sum(self.run.values[node] * upstream)
            self.through[node] = self.run.gradient(total, [self.region.of]).get(self.region.of)
        return self.through[node]


def diagonal(region: Region) -> Iterator[Finding]:
    """Only the diagonal of a Jacobian that has more: each output's derivative with respect to its own input."""
    case = region.case
    shape = case.tape.nodes[region.of].value.shape
    if region.value.shape != region.truth.shape or not shape or shape[-1] > 64 or not np.any(region.value):
        return
    if region.diagonals is None:
        region.diagonals = list(diagonals(region, shape))
    for node, own in region.diagonals:
        product = case.truth.cotangents[node] * own * region.repair.factor
        if product.shape != region.value.shape and product.size == region.value.size:
            product = product.reshape(region.value.shape)
        samples = [product] if product.shape == region.value.shape else []
        if any(np.any(p) and region.is_truth_of(region.value, p) for p in samples) and not close(product, region.truth):
            lines = {e.place.line for e in case.events if e.node in {m for s in region.steps for m in s.makes}}
            made = [s for s in region.steps if s.place and s.place.line in lines and s.makes and not is_filled(s)]
            made = [s for s in made if name_of(s.function) not in SHAPING and not shows(s)]
            places = region.event.place, case.place_of(region.node)  # a function may return it to where it is named
            by_place = ([s for s in made if s.place and at and in_same_function(s.place, at)] for at in places)
            here = next(filter(None, by_place), [])
            first = next(
                (s for s in here if np.ndim(region.values[s.makes[0]]) > 1 and s.place != made[-1].place), None
            )
            yield Finding(
                "missing-term",
                f"only the diagonal of the Jacobian of {region.name(node)} is used: each of its entries "
                f"depends on all of {region.name(region.of)}",
                first,
            )
            return


def diagonals(region: Region, shape: tuple[int, ...]) -> Iterator[tuple[int, Array]]:
    """The diagonals of the Jacobians of values of the same shape that have more, along the last axis and the first."""
    case = region.case
    later = [
        n
        for n in sorted(case.forward)
        if n in case.truth.cotangents
        and case.tape.nodes[n].value.shape == shape
        and n != region.of
        and case.is_behind(region.of, n)
    ][:8]
    last = max((case.tape.nodes[node].step for node in later), default=0)
    run = played_on_tensors(case.tape, last, alone=case.forward)
    for node, axis in (
        (node, axis) for node in later for axis in dict.fromkeys((len(shape) - 1, 0)) if shape[axis] > 1
    ):
        own = np.zeros(shape)
        for j in range(shape[axis]):
            place = (slice(None),) * axis + (j,)
            seed = np.zeros(shape)
            seed[place] = 1.0
            found = run.gradient(np.sum(run.values[node] * seed), [region.of]).get(region.of)
            if found is None:
                return
            own[place] = found[place]
        along = direction_of(shape)
        whole = run.gradient(np.sum(run.values[node] * along), [region.of]).get(region.of)
        if whole is not None and not close(own * along, whole):
            yield node, own
