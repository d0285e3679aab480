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
from tinygrad_scratch.verifier.truth import played_on_tensors


def held_constant(region: Region) -> Iterator[Finding]:
    """It is the gradient that one gets where a value of the forward pass is taken for a constant."""
    case = region.case
    if region.value.shape != region.truth.shape or case.step_of(region.of) is None:
        return
    loss_step = case.tape.nodes[case.truth.loss].step
    later = [
        n
        for n in sorted(case.forward)
        if n != region.of and n != case.truth.loss and n in case.truth.cotangents and region.of in case.ancestors([n])
    ]
    later = later[:40]
    named = [n for n in later if region.names_of(n)] or later
    choices = [(n,) for n in later] + list(combinations((named if len(named) < 13 else named[:12]), 2))
    if len(case.tape.steps) > 800:
        choices = choices[:20]
    shifts = [n for n in later if name_of(case.step_of(n).function) in ("max", "amax")]
    for cut in choices:
        try:
            run = played_on_tensors(
                case.tape, loss_step, overrides={n: case.tape.nodes[n].value for n in (*cut, *shifts)}
            )
            found = run.gradient(run.values[case.truth.loss], [region.of]).get(region.of)
        except Exception:
            continue
        if found is None:
            continue
        whole = case.truth.cotangents[region.of]
        rest = (whole * region.repair.factor - region.truth) if whole.shape == region.truth.shape else 0.0
        found = found * region.repair.factor - rest
        if found.shape != region.value.shape and found.size == region.value.size:
            found = found.reshape(region.value.shape)
        if np.any(found) and region.is_truth_of(region.value, found):
            names = " and ".join(region.name(n) for n in cut)
            yield Finding("missing-term", f"{names} depends on {region.name(region.of)}, too: the part of the gradient that goes "
                          "through it is missing", None)  # fmt: skip
            return


def diagonal(region: Region) -> Iterator[Finding]:
    """Only the diagonal of a Jacobian: each output's derivative with respect to its own input."""
    case = region.case
    shape = case.tape.nodes[region.of].value.shape
    if region.value.shape != region.truth.shape or not shape or shape[-1] > 64:
        return
    later = [n for n in sorted(case.forward) if n in case.truth.cotangents and case.tape.nodes[n].value.shape == shape and n != region.of
             and region.of in case.ancestors([n])][:8]  # fmt: skip
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
            yield Finding("missing-term", f"only the diagonal of the Jacobian of {region.name(node)} is used: each of its entries "
                          f"depends on all of {region.name(region.of)}", first)  # fmt: skip
            return
