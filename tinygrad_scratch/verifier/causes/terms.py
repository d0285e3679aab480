"""A factor that one term or factor of a longer expression lacks, such as the `u` of `dy * t + dy * u * (1 - t**2)`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.causes.derivatives import SLOPES, factors_of, part_of_slope
from tinygrad_scratch.verifier.causes.operands import by_name
from tinygrad_scratch.verifier.edits import Edit, WithSlope, name_of, places_of, with_changed, with_number
from tinygrad_scratch.verifier.region import Finding, Region, node_at
from tinygrad_scratch.verifier.source import with_factor
from tinygrad_scratch.verifier.tape import Array, Step

Slope = Callable[[Any], Any]

OF_PATTERN: dict[str, Slope] = dict(SLOPES)
as_it_is = OF_PATTERN["{t}"]
USUAL = list(OF_PATTERN.values())  # the whole derivative of a function before a factor of one


@dataclass(frozen=True)
class Lack:
    """A factor that an operand of a call seems to lack, and the change of the calls that puts it in."""

    step: Step
    place: int
    of: str
    text: str
    kind: str
    slope: Slope
    changes: dict[int, Edit]


def factor_within(region: Region) -> Iterator[Finding]:
    """An operand that is not multiplied by a slope, by a value of the forward pass, or by a gradient from above."""
    found = [lack for step, turns in region.sites() for lack in lacks(region, step, turns)]
    for lack in sorted(found, key=lambda lack: USUAL.index(lack.slope)):
        if region.gives_truth(lack.changes):
            code = with_factor(region.code(lack.step), lack.place, lack.text)
            should = region.rewritten(lack.step, code) if code else None
            said = f"the factor {lack.text} of {lack.of} is missing"
            yield Finding(lack.kind, said, lack.step, should, lack.changes)
            return


def lacks(region: Region, step: Step, turns: list[Step]) -> Iterator[Lack]:
    """What each operand of a call seems to lack."""
    if name_of(step.function) not in ("add", "subtract", "multiply"):
        return
    for place, _ in places_of(step):
        node = node_at(region, step, place)
        parts = None if node is None else rest_and_part(region, step, place)
        if node is None or parts is None:
            continue
        for text, kind, factors, slope in factors_between(region, turns, *parts):
            if factors[-1] == node:  # its square is another slope
                continue
            changes: dict[int, Edit] = {
                s.index: WithSlope(place, region.values, factor, slope)
                for s, factor in zip(turns, factors, strict=True)
            }
            yield Lack(step, place, region.name(node), text, kind, slope, changes)


def rest_and_part(region: Region, step: Step, place: int) -> tuple[Array, Array] | None:
    """What the other terms leave of the truth, and the operand's own term; None where it enters in another way."""
    without = region.tried({step.index: with_number(place, 0.0)})
    doubled = region.tried({step.index: with_changed(place, lambda value: 2 * value)})
    shape = region.truth.shape
    if without is None or doubled is None or not without.shape == doubled.shape == region.value.shape == shape:
        return None
    part = region.value - without
    return (region.truth - without, part) if np.any(part) and np.allclose(doubled - region.value, part) else None


def factors_between(
    region: Region, turns: list[Step], rest: Array, part: Array
) -> Iterator[tuple[str, str, list[int], Slope]]:
    """The factors by which a term is what is left for it: the text, the kind of mistake, and the value in each turn."""
    named = {nodes[-1]: (name, nodes) for name, nodes in by_name(region, turns)}
    for text, node, pattern in factors_of(region, rest, part):
        whole = pattern == "{t}" and not part_of_slope(region, node)
        if len(turns) == 1 or node in named:
            chosen = [node] if len(turns) == 1 else named[node][1]
            yield text, "missing-term" if whole else "missing-derivative", chosen, OF_PATTERN[pattern]
    for node, (name, nodes) in named.items():
        above = np.asarray(region.values[node])
        if above.shape == part.shape and region.is_truth_of(part * above, rest):
            yield name, "missing-term", nodes, as_it_is
