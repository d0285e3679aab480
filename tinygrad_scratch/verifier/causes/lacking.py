"""A factor that one operand of a call lacks: a value, the slope of one, or a gradient that comes from above."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.causes.derivatives import SLOPES, broadcasts, part_of_slope
from tinygrad_scratch.verifier.causes.operands import by_name
from tinygrad_scratch.verifier.edits import Edit, WithSlope, places_of, times, with_changed
from tinygrad_scratch.verifier.likeness import close
from tinygrad_scratch.verifier.region import Finding, Region, node_at, replaced
from tinygrad_scratch.verifier.source import with_factor
from tinygrad_scratch.verifier.tape import Array, Step
from tinygrad_scratch.verifier.truth import Played


def itself(value: Any) -> Any:
    return value


PATTERNS: tuple[tuple[str, Callable[[Any], Any]], ...] = (("{t}", itself), *SLOPES)


def operand_without_factor(region: Region) -> Iterator[Finding]:
    """A call of which one operand is to be multiplied by a value, a slope or a gradient that is known by then."""
    lacks = sorted(factors_lacked(region), key=lambda lack: lack.rank)
    for lack in lacks:
        if region.gives_truth(lack.edits):
            yield lack.told(region)
            return
    yield from without_upstream(region)


@dataclass(frozen=True)
class Lack:
    """A factor that one operand of a call seems to lack, in all turns: a number times the slope of a value."""

    rank: int  # whole derivatives before factors of one, a value before them all
    step: Step
    place: int
    operand: int
    factor: int
    text: str
    edits: dict[int, Edit]

    def told(self, region: Region) -> Finding:
        """What is said of it."""
        step, plain, name = self.step, self.rank == 0, region.name(self.operand)
        if plain and close(region.values[self.factor], np.asarray(region.values[self.operand])):
            squared = replaced(region.code(step), name, f"{name} ** 2")
            should = region.rewritten(step, squared) if squared else None
            return Finding("derivative-at-wrong-point", f"{name} is due squared", step, should, self.edits)
        code = with_factor(region.code(step), self.place, self.text)
        code = code or replaced(region.code(step), name, f"({name} * {self.text})")
        should = region.rewritten(step, code) if code else None
        if plain and not part_of_slope(region, self.factor):
            said = f"{name} is not multiplied by {self.text} before its use"
            return Finding("missing-term", said, step, should, self.edits)
        said = f"{name} is not multiplied by {self.text}, of a derivative, before its use"
        return Finding("missing-derivative", said, step, should, self.edits)


def factors_lacked(region: Region) -> Iterator[Lack]:
    """The factors that may give the truth.

    A step is linear in each of its operands, so that one reverse walk tells which products to try.
    """
    influence = slopes_of_operands(region)
    missing = influence.missing
    for step, turns, place in influence.operands:
        nodes = [node for s in turns if (node := node_at(region, s, place)) is not None]
        slopes = [influence.slopes.get((node, s.index)) for node, s in zip(nodes, turns, strict=False)]
        if len(nodes) != len(turns) or any(slope is None for slope in slopes):
            continue
        held = [np.asarray(region.values[node]) for node in nodes]
        before = sum(float(np.vdot(g, h)) for g, h in zip(slopes, held, strict=True))
        for name, chosen in each_once(by_name(region, turns)):
            if not region.case.may_try():
                return
            for rank, (text, slope) in enumerate(PATTERNS):
                with np.errstate(all="ignore"):
                    factors: list[Array] = [slope(np.asarray(region.values[node]) * 1.0) for node in chosen]
                if not all(broadcasts(np.shape(f), h.shape) for f, h in zip(factors, held, strict=True)):
                    break
                if rank and not any(np.ptp(factor) for factor in factors):  # a mere number
                    continue
                after = sum(float(np.vdot(g, h * f)) for g, h, f in zip(slopes, held, factors, strict=True))
                number = next((c for c in NUMBERS if is_near(c * after - before, missing, abs(before))), None)
                if number is not None:
                    new = (WithSlope(place, region.values, node, scaled(slope, number)) for node in chosen)
                    edits: dict[int, Edit] = dict(zip((s.index for s in turns), new, strict=True))
                    text, own = ("" if number == 1 else f"{number:g} * ") + text.format(t=name), turns.index(step)
                    yield Lack(rank, step, place, nodes[own], chosen[own], text, edits)


def each_once(named: Iterable[tuple[str, list[int]]]) -> Iterator[tuple[str, list[int]]]:
    """The same values under their first names alone."""
    seen: set[tuple[int, ...]] = set()
    for name, nodes in named:
        if tuple(nodes) not in seen:
            seen.add(tuple(nodes))
            yield name, nodes


@dataclass(frozen=True)
class Influence:
    """How a number that the wrong value makes depends on each operand of the region, by node and step."""

    missing: float = 0.0  # by how much the number is not what the truth makes
    operands: tuple[tuple[Step, list[Step], int], ...] = ()
    slopes: dict[tuple[int, int], Array] = field(default_factory=dict)


def slopes_of_operands(region: Region) -> Influence:
    run = region.case.walked()
    if run is None or region.node not in run.values or region.value.shape != region.truth.shape:
        return Influence()
    direction = np.random.default_rng(1).standard_normal(region.truth.shape)
    missing = float(np.vdot(direction, region.truth - region.value))
    operands = tuple((step, turns, place) for step, turns in region.sites() for place, _ in places_of(step))
    slopes = slopes_of_reads(run, np.sum(run.values[region.node] * direction), region.turns)
    return Influence(missing, operands, slopes)


NUMBERS = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # that stand in slopes beside a value


def is_near(one: float, other: float, size: float) -> bool:
    return abs(one - other) <= 1e-6 * (abs(one) + abs(other) + size)


def scaled(slope: Callable[[Any], Any], number: float) -> Callable[[Any], Any]:
    return lambda value: number * slope(value)


def slopes_of_reads(run: Played, total: Any, steps: list[Step]) -> dict[tuple[int, int], Array]:
    """How a number depends on what each step read, by node and step."""
    wanted = {step.index for step in steps}
    read = [
        (node, step, tensor)
        for node, step, tensor in run.readers
        if step in wanted and tensor is not None and tensor._record is not None
    ]
    if not read or total._record is None:
        return {}
    found = total.gradient(*(tensor for *_, tensor in read))
    return {(node, step): gradient.numpy() for (node, step, _), gradient in zip(read, found, strict=True)}


def without_upstream(region: Region) -> Iterator[Finding]:
    """The same with a gradient that has no name."""
    influence = slopes_of_operands(region)
    for step, turns, place in influence.operands:
        node = node_at(region, step, place)
        slope = influence.slopes.get((node, step.index)) if node is not None and len(turns) == 1 else None
        held = np.asarray(region.values[node]) if node is not None and slope is not None else np.zeros(0)
        if slope is None or held.size <= 2:
            continue
        for entry in region.case.table.entries(held.shape):
            change = float(np.vdot(slope, held * entry.value - held))
            if entry.how or not np.ptp(entry.value) or not is_near(change, influence.missing, abs(change)):
                continue
            value = region.tried({step.index: with_changed(place, times(entry.value))})
            if value is not None and region.is_truth(value):
                said = f"the gradient that comes from above, of {region.name(entry.of)}, is not multiplied in"
                yield Finding("missing-term", said, step)
                return
