"""The forward pass with something held constant, or only the diagonal of a Jacobian."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from tinygrad_scratch.verifier.edits import (
    name_of,
)
from tinygrad_scratch.verifier.judge import close, is_filled
from tinygrad_scratch.verifier.region import Finding, Region
from tinygrad_scratch.verifier.tape import Array
from tinygrad_scratch.verifier.truth import played_on_tensors


def held_constant(region: Region) -> Iterator[Finding]:
    """It is the gradient that one gets where a value of the forward pass is taken for a constant."""
    case = region.case
    if region.value.shape != region.truth.shape or case.step_of(region.of) is None:
        return
    later = [
        n
        for n in sorted(case.forward)
        if n != region.of and n != case.truth.loss and n in case.truth.cotangents and region.of in case.ancestors([n])
    ]
    later = later[:40]
    cuts = Cuts(region, later)
    for cut in choices(region, later):
        found = cuts.gradient_without(cut)
        if found is None:
            continue
        if np.any(found) and region.is_truth_of(region.value, found):
            names = " and ".join(region.name(n) for n in cut)
            yield Finding(
                "missing-term",
                f"{names} depends on {region.name(region.of)}, too: the part of the gradient that goes "
                "through it is missing",
                None,
            )
            return


def choices(region: Region, later: list[int]) -> Iterator[tuple[int, ...]]:
    """One value that is held constant, or two of the named ones."""
    named = [n for n in later if region.names_of(n)] or later
    yield from ((node,) for node in later)
    yield from combinations(named[:12], 2)


class Cuts:
    """The gradient of what a step is the gradient of, with values of the forward pass held constant.

    It is the whole gradient without what comes through them, so that one run is enough; the values that only keep a
    softmax in bounds are constants in it.
    """

    def __init__(self, region: Region, later: list[int]) -> None:
        self.region, case = region, region.case
        loss = case.truth.loss
        shifts = [n for n in later if name_of(case.step_of(n).function) in ("max", "amax")]
        self.run = played_on_tensors(
            case.tape, case.tape.nodes[loss].step, overrides={n: case.tape.nodes[n].value for n in shifts}
        )
        self.all = self.run.gradient(np.sum(self.run.values[loss]), [region.of, *later])
        self.through: dict[int, Array | None] = {}

    def gradient_without(self, cut: tuple[int, ...]) -> Array | None:
        """The gradient laid out as the step's value; None where the values depend on each other, or nothing on them."""
        region, whole = self.region, self.all.get(self.region.of)
        ancestors = region.case.ancestors
        if whole is None or (len(cut) == 2 and (cut[0] in ancestors(cut[1:]) or cut[1] in ancestors(cut[:1]))):
            return None
        parts = [self._part(node) for node in cut]
        if any(part is None for part in parts):
            return None
        found = (whole - sum(part for part in parts if part is not None)) * region.repair.factor
        truth = region.case.truth.cotangents[region.of]
        if truth.shape == region.truth.shape:
            found = found - (truth * region.repair.factor - region.truth)
        fits = found.size == region.value.size
        return found.reshape(region.value.shape) if fits else found

    def _part(self, node: int) -> Array | None:
        """What of the gradient comes through a value."""
        if node not in self.through:
            upstream = self.all.get(node)
            total = None if upstream is None else np.sum(self.run.values[node] * upstream)
            self.through[node] = self.run.gradient(total, [self.region.of]).get(self.region.of)
        return self.through[node]


def diagonal(region: Region) -> Iterator[Finding]:
    """Only the diagonal of a Jacobian: each output's derivative with respect to its own input."""
    case = region.case
    shape = case.tape.nodes[region.of].value.shape
    if region.value.shape != region.truth.shape or not shape or shape[-1] > 64:
        return
    later = [
        n
        for n in sorted(case.forward)
        if n in case.truth.cotangents
        and case.tape.nodes[n].value.shape == shape
        and n != region.of
        and region.of in case.ancestors([n])
    ][:8]
    for node, axis in (
        (node, axis) for node in later for axis in dict.fromkeys((len(shape) - 1, 0)) if shape[axis] > 1
    ):
        run = played_on_tensors(case.tape, case.tape.nodes[node].step)
        own = np.zeros(shape)
        for j in range(shape[axis]):
            place = (slice(None),) * axis + (j,)
            seed = np.zeros(shape)
            seed[place] = 1.0
            found = run.gradient(np.sum(run.values[node] * seed), [region.of]).get(region.of)
            if found is None:
                return
            own[place] = found[place]
        product = case.truth.cotangents[node] * own * region.repair.factor
        if product.shape != region.value.shape and product.size == region.value.size:
            product = product.reshape(region.value.shape)
        samples = [product] if product.shape == region.value.shape else []
        if any(np.any(p) and region.is_truth_of(region.value, p) for p in samples) and not close(product, region.truth):
            lines = {e.place.line for e in case.events if e.node in {m for s in region.steps for m in s.makes}}
            made = [s for s in region.steps if s.place and s.place.line in lines and s.makes and not is_filled(s)]
            first = next(
                (s for s in made if np.ndim(region.values[s.makes[0]]) > 1 and s.place != made[-1].place), None
            )
            yield Finding(
                "missing-term",
                f"only the diagonal of the Jacobian of {region.name(node)} is used: each of its entries "
                f"depends on all of {region.name(region.of)}",
                first,
            )
            return
