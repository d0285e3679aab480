"""A factor or a term that one operand of a call lacks: a value, the slope of one, or a gradient from above."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.extent import node_at
from tinygrad_scratch.verifier.causes.candidates import by_name, turn_by_turn
from tinygrad_scratch.verifier.causes.derivatives import SLOPES, broadcasts, part_of_slope
from tinygrad_scratch.verifier.causes.foreseen import Along
from tinygrad_scratch.verifier.causes.multiplied import is_mere_number, is_rest_of_one, kind_of_factor
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.causes.state import is_own_penalty
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import (
    bracketed,
    is_sum,
    parsed,
    replaced,
    right_side,
    statement_at,
    with_factor,
    with_operand,
)
from tinygrad_scratch.verifier.recording.edits import (
    PRODUCTS,
    Edit,
    PlaceOf,
    WithOther,
    name_of,
    operands_of,
    times,
    with_changed,
)
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import Array, Step, renamed
from tinygrad_scratch.verifier.truths.truth import Played


def is_made_ahead(region: Region, *factors: int) -> bool:
    """Whether the forward pass multiplies some values, so that their product is what a gradient is made of."""
    alike, nodes = region.case.alike, region.case.tape.nodes
    mine = {alike.get(node, node) for node in factors}
    readers = (region.case.tape.steps[index] for node in mine for index in region.case.readers.get(node, ()))
    return any(
        name_of(step.function) == "multiply" and mine <= set(step.reads) and region.case.is_forward(step.makes[0])
        for step in readers
        if step.makes and nodes[step.makes[0]].value.size > 1
    )


def itself(value: Any) -> Any:
    return value


PATTERNS: tuple[tuple[str, Callable[[Any], Any]], ...] = (("{t}", itself), *SLOPES)
FACTOR, SLOPE, TERM = range(3)  # what may be lacking, the likelier first


def operand_without_factor(region: Region) -> Iterator[Finding]:
    """A call of which one operand is to be multiplied by a value, a slope or a gradient that is known by then."""
    yield from first_of(region, FACTOR, SLOPE)
    yield from without_upstream(region)


def operand_without_term(region: Region) -> Iterator[Finding]:
    """A call to one operand of which a value that is known by then is to be added, or from which it is to be taken."""
    yield from first_of(region, TERM)


def rename_without(region: Region) -> Iterator[Finding]:
    """A line that gave another name to what lacks a factor or a term, if the wrong value is what it named."""
    if region.is_rename:
        yield from (lack.told(region) for lack in lacks_in_renames(region, FACTOR, SLOPE, TERM))


def term_in_renames(region: Region) -> Iterator[Finding]:
    """A value that one of the renames on the way to the wrong value lacks as a term, without a number beside it."""
    yield from (lack.told(region) for lack in lacks_in_renames(region, TERM) if not re.search(r"\d \* ", lack.text))


def lacks_in_renames(region: Region, *kinds: int) -> Iterator[Lack]:
    if not any(step.function is renamed for step in region.steps):
        return
    lacks = [lack for lack in lacking(region) if lack.step.function is renamed and lack.rank[1] in kinds]
    yield from (lack for lack in sorted(lacks, key=lambda lack: lack.rank) if region.gives_truth(lack.edits))


def first_of(region: Region, *kinds: int) -> Iterator[Finding]:
    if region.lacks is None:
        region.lacks = sorted(lacking(region), key=lambda lack: lack.rank)
    for lack in region.lacks:
        if lack.rank[1] not in kinds or (lack.step.function is renamed and not region.is_rename):
            continue
        if region.gives_truth(lack.edits):
            yield turned(region, lack) or lack.told(region)
            return


def turned(region: Region, lack: Lack) -> Finding | None:
    """The minus that an operand lacks, where something less it is found to be due and makes no difference there."""
    if lack.rank[1] != TERM or not lack.text.endswith(" - "):
        return None
    changes: dict[int, Edit] = {index: with_changed(lack.place, np.negative) for index in lack.edits}
    name, code = region.name(lack.operand), region.code(lack.step)
    text = with_operand(code, lack.place, name, f"-{bracketed(name)}") if isinstance(lack.place, int) else None
    should = region.rewritten(lack.step, text) if text else None
    if not region.gives_truth(changes):
        return None
    return Finding("sign", f"the sign of {name} is wrong in `{code}`", lack.step, should, changes)


@dataclass(frozen=True)
class Lack:
    """What one operand of a call seems to lack, in all turns: a number times a value or a slope of one."""

    # what has a name before what has none; whole derivatives before factors of one; of what was computed before of data
    rank: tuple[bool, int, int, bool, bool]
    step: Step
    place: PlaceOf
    operand: int
    other: int
    text: str
    edits: dict[int, Edit]

    def told(self, region: Region) -> Finding:
        """What is said of it."""
        name, what = region.name(self.operand), self.rank[1]
        if what == TERM:
            return self.told_as_term(region, name)
        if what == FACTOR and close(region.values[self.other], np.asarray(region.values[self.operand])):
            in_sum, number = is_of_sum(region, self.step, self.place), self.text.partition(" * ")
            if in_sum and number[0] == "2" and number[1]:  # the same once more, of what is noughts and ones
                return self.found(region, "missing-term", f"{name} is due twice", f"2 * {name}")
            kind = "wrong-operand" if in_sum else "missing-derivative"
            return self.found(region, kind, f"{name} is due squared", f"{name} ** 2")
        if what == SLOPE and self.text == f"(1 / {name})":
            return Finding("wrong-operand", f"1 should stand where {name} does", self.step, None, self.edits)
        is_slope = what == SLOPE or part_of_slope(region, self.other)
        kind = "missing-derivative" if is_slope else kind_of_factor(region, self.other)
        if name_of(self.step.function) in (*PRODUCTS, "T", "transpose") and is_made_ahead(
            region, self.operand, self.other
        ):
            is_slope, kind = False, "wrong-operand"
        if is_own_penalty(region, self.other) and is_mere_number(region, self.operand):
            kind = "regularisation"
        made = self.made_before_addition(region)
        if made is not None:  # to what has its name already something is added here
            said = f"{name} is not multiplied by {self.text}{', of a derivative' if is_slope else ''}"
            written = right_side(statement_at(made.file, made.line))
            return Finding(kind, said, None, f"{factor_of_all(written)} * {self.text}", self.edits, place=made)
        said = f"{name} is not multiplied by {self.text}{', of a derivative,' if is_slope else ''} before its use"
        code = with_factor(region.code(self.step), self.place, self.text) if isinstance(self.place, int) else None
        return self.found(region, kind, said, f"({bracketed(name)} * {self.text})", code)

    def made_before_addition(self, region: Region) -> Place | None:
        """Where the one line that gave it its name made what lacks something, where a statement adds to that."""
        here = self.step.place
        own = parsed(statement_at(here.file, here.line)) if here is not None and self.place == 0 else None
        target = ast.unparse(own.target) if isinstance(own, ast.AugAssign) else ""
        bound = {event.place for event in region.case.events if event.node == self.operand and event.name == target}
        made = bound.pop() if len(bound) == 1 else None
        if made is None or str(made) == str(here) or str(made) != str(region.case.step_of(self.operand).place):
            return None
        return made if isinstance(parsed(statement_at(made.file, made.line)), ast.Assign) else None

    def told_as_term(self, region: Region, name: str) -> Finding:
        sum_ = f"({name}{self.text})" if self.text[0] == " " else f"({self.text}{bracketed(name)})"
        kind = "regularisation" if is_own_penalty(region, self.other) else "missing-term"
        return self.found(region, kind, f"{name} lacks a term: it should be {sum_[1:-1]}", sum_)

    def found(self, region: Region, kind: str, said: str, new: str, code: str | None = None) -> Finding:
        code = code or replaced(region.code(self.step), region.name(self.operand), new)
        return Finding(kind, said, self.step, region.rewritten(self.step, code) if code else None, self.edits)


def factor_of_all(code: str) -> str:
    """An expression as a factor: a sum in brackets."""
    made = parsed(code)
    return f"({code})" if isinstance(made, ast.Expr) and is_sum(made.value) else code


def is_of_sum(region: Region, step: Step, place: PlaceOf) -> bool:
    """Whether an operand is a term, and no part of a slope as in `1 - t`."""
    return name_of(step.function) in ("add", "subtract") and not (place == 1 and is_rest_of_one(region, step))


def lacking(region: Region) -> Iterator[Lack]:
    """The factors and terms that may give the truth.

    A step is linear in each of its operands, so that one reverse walk tells which of them to try.
    """
    influence = slopes_of_operands(region)
    for step, turns, place in influence.operands:
        position = Position.of(region, influence, turns, place)
        named = each_once((name, nodes, True) for name, nodes in by_name(region, turns, any_value=True))
        made = ((name, nodes, False) for name, nodes in turn_by_turn(region, turns))
        for name, chosen, is_named in each_once(chain(named, made)) if position else ():
            if position is None:
                return
            for what, rank, text, together in position.lacks(region, chosen, is_named):
                if any(region.case.is_behind(made, node) for node in chosen for made in step.makes):
                    continue  # made of what it would change
                edits: dict[int, Edit] = {
                    s.index: WithOther(place, region.values, node, together)
                    for s, node in zip(turns, chosen, strict=True)
                }
                own = turns.index(step)
                is_data = region.case.is_data(position.nodes[own])
                key = (not is_named, what, rank, is_data, name_of(step.function) == "setitem")
                yield Lack(key, step, place, position.nodes[own], chosen[own], text.format(t=bracketed(name)), edits)


@dataclass(frozen=True)
class Position:
    """One operand of a call, in all turns of a loop: what it held, and how the wrong value depends on it."""

    nodes: list[int]
    held: list[Array]
    slopes: list[Array]
    missing: float
    factors: dict[int, Array]  # what each value gives by each of the patterns, a row each
    _weights: dict[tuple[int, tuple[int, ...], bool], Array] = field(default_factory=dict)

    @classmethod
    def of(cls, region: Region, influence: Influence, turns: list[Step], place: PlaceOf) -> Position | None:
        nodes = [node for s in turns if (node := node_at(region, s, place)) is not None]
        held = [np.asarray(region.values[node]) for node in nodes]
        slopes = []
        for node, value, s in zip(nodes, held, turns, strict=False):
            slope = influence.slopes.get((node, s.index))
            if slope is None and s.index > region.until:  # a turn that comes after the value
                slope = np.zeros(value.shape)
            slopes += [slope] if slope is not None else []
        return (
            cls(nodes, held, slopes, influence.missing, influence.factors)
            if len(nodes) == len(turns) == len(slopes)
            else None
        )

    def lacks(
        self, region: Region, chosen: list[int], is_named: bool
    ) -> Iterator[tuple[int, int, str, Callable[[Any, Any], Any]]]:
        """What of some values seems to be lacking, with its text and how it is put together with the operand."""
        shapes = [np.shape(region.values[node]) for node in chosen]
        if not all(broadcasts(shape, h.shape) for shape, h in zip(shapes, self.held, strict=True)):
            if all(are_wider_together(shape, h.shape) for shape, h in zip(shapes, self.held, strict=True)):
                yield FACTOR, len(PATTERNS), "{t}", product_with(itself, 1.0)  # what only a trial tells
            return
        before = self.before
        factors = [self.factors_of(region, node)[: None if is_named else 1] for node in chosen]
        is_of_counts = any(np.asarray(region.values[node]).dtype.kind in "biu" for node in chosen)
        with np.errstate(all="ignore"):  # a slope such as 1 / 0
            after = self.along(factors, shapes, times_held=True)
            near = is_near(np.multiply.outer(after, NUMBERS_IN_A_ROW) - before, self.missing, self.size_of(before))
            instead = self.along([factor[:1] for factor in factors], shapes, times_held=False)
        for rank in np.flatnonzero(near.any(axis=1)):
            text, slope = PATTERNS[rank]
            if is_of_counts and (rank or np.all(factors[0][0] == 2)):  # of a count no slope, and 2 is of a square
                continue
            same = not any(np.ptp(factor[rank]) for factor in factors)  # a mere number
            if same and all(h.ndim for h in self.held) and (rank or any(shapes)):
                continue
            number = self.number(float(after[rank]), before)
            if number is not None and not (same and number != 1):
                by = "" if number == 1 else f"{number:g} * "
                yield (SLOPE if rank else FACTOR), int(rank), by + text, product_with(slope, number)
        if chosen == self.nodes:
            return
        term = float(instead[0])
        number = self.number(term, 0.0)
        if number is not None:
            by = "" if abs(number) == 1 else f"{abs(number):g} * "
            yield TERM, 0, f" {'-' if number < 0 else '+'} {by}{{t}}", sum_with(number)
        nothing = not any(np.any(region.values[node]) for node in chosen)  # what is taken off 0 has the wrong sign
        turned = self.number_is_one(term - 2 * before)
        if turned and not nothing:
            yield TERM, 1, "{t} - ", lambda held, value: value - held

    @cached_property
    def before(self) -> float:
        """The number that the wrong value makes through the operand."""
        return sum(float(np.vdot(g, h)) for g, h in zip(self.slopes, self.held, strict=True))

    def factors_of(self, region: Region, node: int) -> Array:
        if node not in self.factors:
            value = np.asarray(region.values[node]).ravel() * 1.0
            with np.errstate(all="ignore"):
                self.factors[node] = np.stack([slope(value) for _, slope in PATTERNS])
        return self.factors[node]

    def along(self, factors: list[Array], shapes: list[tuple[int, ...]], times_held: bool) -> Array:
        """The number that the wrong value makes with some factors, or with other values, in the operand's place."""
        turns = enumerate(zip(factors, shapes, strict=True))
        parts = [factor @ self.weight(turn, shape, times_held) for turn, (factor, shape) in turns]
        return parts[0] if len(parts) == 1 else np.asarray(np.sum(parts, axis=0))

    def weight(self, turn: int, shape: tuple[int, ...], times_held: bool) -> Array:
        """How that number depends on what stands beside the operand in one turn, in a shape that it is spread from."""
        key = turn, shape, times_held
        if key not in self._weights:
            slope = np.reshape(self.slopes[turn], self.held[turn].shape)
            whole = slope * self.held[turn] if times_held else slope
            axes = tuple(range(whole.ndim - len(shape)))
            axes += tuple(len(axes) + i for i, n in enumerate(shape) if n == 1)
            self._weights[key] = np.sum(whole, axis=axes).ravel()
        return self._weights[key]

    def size_of(self, before: float) -> float:
        return abs(before) + abs(self.missing)

    def number(self, after: float, before: float) -> float | None:
        """By which what would be there is to be multiplied, if it is one of those that are written in such places."""
        size = self.size_of(before)
        return next((c for c in NUMBERS if is_near(c * after - before, self.missing, size)), None)

    def number_is_one(self, change: float) -> bool:
        return bool(is_near(change, self.missing, abs(change)))


def are_wider_together(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two arrays with as many axes have a product of another shape, as columns and rows have."""
    pairs = list(zip(one, other, strict=False))
    return len(one) == len(other) > 1 and all(1 in pair or pair[0] == pair[1] for pair in pairs)


def product_with(slope: Callable[[Any], Any], number: float) -> Callable[[Any, Any], Any]:
    return lambda held, value: held * (number * slope(np.asarray(value, float)))


def sum_with(number: float) -> Callable[[Any, Any], Any]:
    return lambda held, value: held + number * value


def each_once(named: Iterable[tuple[str, list[int], bool]]) -> Iterator[tuple[str, list[int], bool]]:
    """The same values under their first names alone."""
    seen: set[tuple[int, ...]] = set()
    for name, nodes, is_named in named:
        if tuple(nodes) not in seen:
            seen.add(tuple(nodes))
            yield name, nodes, is_named


@dataclass(frozen=True)
class Influence:
    """How a number that the wrong value makes depends on each operand of the region, by node and step."""

    missing: float = 0.0  # by how much the number is not what the truth makes
    operands: tuple[tuple[Step, list[Step], PlaceOf], ...] = ()
    slopes: dict[tuple[int, int], Array] = field(default_factory=dict)
    factors: dict[int, Array] = field(default_factory=dict)  # what each value gives by each of the patterns


def slopes_of_operands(region: Region) -> Influence:
    along = region.along
    if along is None:
        return Influence()
    operands = tuple((step, turns, place) for step, turns in region.sites() for place, _ in operands_of(step))
    slopes = {**slopes_of_views(along, region.turns), **slopes_of_reads(along.run, along.total, region.turns)}
    return Influence(along.missing, operands, {**slopes_of_only_reads(region), **slopes})


def slopes_of_views(along: Along, steps: list[Step]) -> dict[tuple[int, int], Array]:
    """The same for what one step alone reads as a view: what the other readers leave of the whole."""
    own = {step.index for step in steps}
    views: dict[int, list[int]] = {}
    for node, step, tensor in along.run.readers:
        if tensor is None:
            views.setdefault(node, []).append(step)
    single = {node: found[0] for node, found in views.items() if len(found) == 1 and found[0] in own}
    whole = along.run.gradient(along.total, sorted(single))
    reading = {step for node, step, tensor in along.run.readers if node in whole and tensor is not None}
    others = slopes_by_index(along.run, along.total, reading) if reading else {}
    of_node: dict[int, list[Array]] = {}
    for (read, _), other in others.items():
        of_node.setdefault(read, []).append(other)
    return {(node, single[node]): np.asarray(slope - sum(of_node.get(node, ()))) for node, slope in whole.items()}


def slopes_of_only_reads(region: Region) -> dict[tuple[int, int], Array]:
    """The same for what one step alone reads, as a step that writes to an array does."""
    readers: dict[int, list[int]] = {}
    for step in region.case.tape.steps:
        for node in step.reads:
            readers.setdefault(node, []).append(step.index)
    slopes = region.foreseen.slopes
    alone = {(node, steps[0]): slopes[node] for node, steps in readers.items() if len(steps) == 1 and node in slopes}
    for step in region.turns:
        if step.function is renamed:  # it shows what it reads, and a later turn has no influence
            none = np.zeros(np.shape(region.values[step.makes[0]]))
            alone[step.reads[0], step.index] = slopes.get(step.makes[0], none)
    return alone


NUMBERS = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # that stand in slopes beside a value
NUMBERS_IN_A_ROW = np.array(NUMBERS)


def is_near(one: Any, other: float, size: float) -> Any:
    """Whether a number, or which of several, is another one but for rounding."""
    return abs(one - other) <= 1e-6 * (abs(one) + abs(other) + size)


def slopes_of_reads(run: Played, total: Any, steps: list[Step]) -> dict[tuple[int, int], Array]:
    """How a number depends on what each step read, by node and step."""
    return slopes_by_index(run, total, {step.index for step in steps})


def slopes_by_index(run: Played, total: Any, wanted: set[int]) -> dict[tuple[int, int], Array]:
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
                yield Finding("missing-derivative", said, step)
                return
