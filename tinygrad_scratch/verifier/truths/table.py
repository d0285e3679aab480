"""The table of truths: for each shape, all that a hand-written step may rightly hold; and which of them a value is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import combinations
from math import prod
from typing import NamedTuple

import numpy as np

from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.truth import Truth

MOST_SLICES = 24
MOST = 1e100  # what is larger is near nothing
MOST_SAMPLES = 8  # of entries, by which two arrays are compared first
TRANSPOSED, RESHAPED, SAMPLE, PART = "transposed", "of another shape", "of one sample", "one part of it"


class Entry(NamedTuple):
    """A true value, the forward value that it is the gradient of, and which part or layout of that it is."""

    value: Array
    of: int
    through: int | None = None  # the step that a part came through
    how: str = ""


class Table:
    """True cotangents by shape: whole ones first, then other layouts, samples, and parts."""

    def __init__(self, tape: Tape, truth: Truth, moving: set[int]) -> None:
        self.tape = tape
        self.moving = moving  # the values that parameters change
        self.truth = truth
        self._entries: dict[tuple[int, ...], list[Entry]] = {}
        self._projections: dict[tuple[int, ...], tuple[Array, Array, Array]] = {}  # as they are, and in order
        self._samples_of: dict[tuple[int, ...], tuple[Array, Array]] = {}  # some entries of each, and the largest one
        self.usual = usual_size(truth.cotangents.values())

    def entries(self, shape: tuple[int, ...]) -> list[Entry]:
        """What a value of this shape may be, each once."""
        if shape not in self._entries:
            direction = direction_of(shape)
            found: list[Entry] = []
            seen = np.empty(0)
            for entry in self._all(shape):
                size = float(np.sqrt(np.sum(entry.value**2)))
                if size <= 1e-9 * self.usual or not np.isfinite(size):
                    continue
                projection = float(np.vdot(direction, entry.value))
                if np.any(np.abs(seen - projection) <= 1e-11 * size * np.sqrt(entry.value.size)):
                    continue
                seen = np.append(seen, projection)
                found.append(entry)
            self._entries[shape] = found
            self._projections[shape] = direction, seen, np.sort(seen)
            self._samples_of[shape] = some_of([entry.value for entry in found])
        return self._entries[shape]

    def match(
        self, value: Array, tolerance: float = 1e-6, factors: tuple[float, ...] = (1.0,)
    ) -> tuple[Entry, float] | None:
        """The entry that a value is, and the factor that it carries; nothing for zeros."""
        entries = self.entries(value.shape)
        if not entries or value.dtype.kind not in "fiu":
            return None
        size = norm(value)
        if not 0 < size < MOST:
            return None
        direction, projections, in_order = self._projections[value.shape]
        projection = float(np.vdot(direction, value))
        room = tolerance * size * np.sqrt(value.size)
        if not is_any_near(in_order, factors, projection, 3 * room):
            return None
        with np.errstate(over="ignore"):  # of what is too large to be near anything
            near = np.argwhere(np.abs(np.multiply.outer(factors, projections) - projection) <= 3 * room)
        if not near.size:
            return None
        samples, largest = self._samples_of[value.shape]
        times = np.asarray(factors)[near[:, 0]]
        apart = np.abs(some_of([value])[0] - times[:, None] * samples[near[:, 1]])
        alike = np.all(apart <= tolerance * np.abs(times * largest[near[:, 1]])[:, None], axis=1)
        for k, i in near[alike]:
            truth = factors[k] * entries[i].value
            if np.max(np.abs(value - truth)) <= tolerance * np.max(np.abs(truth)):
                return entries[i], factors[k]
        return None

    # ---- what belongs to a shape -------------------------------------------------------------------------------------

    def _all(self, shape: tuple[int, ...]) -> Iterator[Entry]:
        cotangents, size = self._told_by_sign(shape), prod(shape)
        for node, value in cotangents.items():
            if value.shape == shape:
                yield Entry(value, node)
        for node, value in cotangents.items():
            if value.shape != shape and value.size == size:
                if squeezed(value.shape) == squeezed(shape):
                    yield Entry(value.reshape(shape), node, None, RESHAPED)
                elif value.ndim == 2 and value.shape[::-1] == shape:
                    yield Entry(value.T, node, None, TRANSPOSED)
        for node, value in cotangents.items():
            yield from self._samples(node, value, shape)
        for node, parts in self.truth.parts.items():
            if len(parts) > 1 and parts[0][1].shape == shape and is_real(parts[0][1]):
                yield from parts_of(node, parts)

    def _told_by_sign(self, shape: tuple[int, ...]) -> dict[int, Array]:
        """The cotangents without those that another one with the wrong sign would pass for.

        Such are those of a mere negative, and those of data that something was subtracted from, as a target is.
        """
        cotangents = {node: value for node, value in self.truth.cotangents.items() if is_real(value)}
        opposites = [-value for node, value in cotangents.items() if node in self.moving and value.shape == shape]
        samples, _ = some_of(opposites)
        return {
            node: value
            for node, value in cotangents.items()
            if not self._is_negated(node)
            and (node in self.moving or value.shape != shape or not is_among(value, opposites, samples))
        }

    def _is_negated(self, node: int) -> bool:
        return getattr(self.tape.steps[self.tape.nodes[node].step].function, "__name__", "") == "negative"

    def _samples(self, node: int, value: Array, shape: tuple[int, ...]) -> Iterator[Entry]:
        for axis in range(value.ndim):
            if 1 < value.shape[axis] <= MOST_SLICES:
                rest = value.shape[:axis] + value.shape[axis + 1 :]
                kept = (*value.shape[:axis], 1, *value.shape[axis + 1 :])
                if shape in (rest, kept) and len(shape) > 0:
                    for i in range(value.shape[axis]):
                        yield Entry(np.take(value, i, axis).reshape(shape), node, None, SAMPLE)


def norm(value: Array) -> float:
    """The length of a value as a vector, or what is no number where an entry is none."""
    flat = value.ravel().astype(float, copy=False)
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.dot(flat, flat)))


def is_any_near(in_order: Array, factors: tuple[float, ...], number: float, room: float) -> bool:
    """Whether any of some numbers, times any of some factors, may be near a number: the nearest ones tell."""
    times = np.asarray(factors, float)
    with np.errstate(all="ignore"):
        place = in_order.searchsorted(number / times)
    beside = in_order[np.clip([place - 1, place], 0, len(in_order) - 1)]
    return bool(np.any(np.abs(times * beside - number) <= room * (1 + 1e-6) + 1e-12 * abs(number)))


def is_real(value: Array) -> bool:
    """Whether a value may be a gradient, and is none of what a complex step was taken with."""
    return not np.iscomplexobj(value)


def some_of(arrays: list[Array]) -> tuple[Array, Array]:
    """Some entries of each of several arrays of one shape, a row for each; and the largest absolute entry of each."""
    rows = np.array([array.reshape(-1) for array in arrays], float)
    if not rows.size:
        return rows, rows
    return rows[:, :: max(1, rows.shape[1] // MOST_SAMPLES)], np.max(np.abs(rows), axis=1, initial=0.0)


def is_among(value: Array, others: list[Array], samples: Array) -> bool:
    """Whether an array is one of others, of which some entries were taken before."""
    if not others:
        return False
    near = np.all(np.isclose(some_of([value])[0], samples, 1e-9, 0), axis=1)
    return any(np.allclose(value, others[i], 1e-9, 0) for i in np.flatnonzero(near))


def usual_size(values: Iterable[Array]) -> float:
    """The median of the largest entries: single huge ones, as before a logarithm, say nothing about the others."""
    sizes = [size for value in values if (size := float(np.max(np.abs(value), initial=0.0))) and np.isfinite(size)]
    return float(np.median(sizes)) if sizes else 0.0


def parts_of(node: int, parts: list[tuple[int, Array]]) -> Iterator[Entry]:
    """Sums of some of the parts: any of a few; of many, each one and the running sums from either end."""
    if len(parts) <= 4:
        for count in range(1, len(parts)):
            for chosen in combinations(parts, count):
                yield Entry(np.sum([part for _, part in chosen], axis=0), node, chosen[-1][0], PART)
        return
    for step, part in parts:
        yield Entry(part, node, step, PART)
    for ordered in (parts, parts[::-1]):
        total = ordered[0][1]
        for step, part in ordered[1:-1]:
            total = total + part
            yield Entry(total, node, step, PART)


def squeezed(shape: tuple[int, ...]) -> list[int]:
    """A shape without axes of length 1."""
    return [n for n in shape if n != 1]


@lru_cache(maxsize=32)
def direction_of(shape: tuple[int, ...]) -> Array:
    """A fixed direction, along which two arrays are compared before they are looked at entry by entry."""
    direction = np.asarray(np.random.default_rng(0).standard_normal(shape))
    direction.setflags(write=False)
    return direction
