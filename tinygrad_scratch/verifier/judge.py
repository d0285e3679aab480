"""Which step is the first wrong one: the earliest value whose replacement by the truth mends what comes after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.pairing import Final
from tinygrad_scratch.verifier.tape import Array, Tape
from tinygrad_scratch.verifier.truth import Truth
from tinygrad_scratch.verifier.watch import Event


def tolerance_of(value: Array) -> float:
    return 2e-3 if value.dtype in (np.float32, np.float16) else 1e-6


def difference(value: Array, truth: Array) -> float:
    """The largest difference, relative to the largest true entry; infinite where the shapes differ."""
    if value.shape != truth.shape:
        return np.inf
    scale = float(np.max(np.abs(truth), initial=0.0))
    apart = float(np.max(np.abs(value - truth), initial=0.0))
    return apart / scale if scale > 1e-12 else (0.0 if apart < 1e-9 else np.inf)


def close(value: Any, truth: Array) -> bool:
    value = np.asarray(value)
    return value.dtype.kind in "biufc" and difference(value, truth) < tolerance_of(value)


@dataclass(frozen=True)
class Repair:
    """A value that was wrong, and what it should have been: the cotangent of a forward value, or a part of one."""

    event: Event
    truth: Array
    of: int  # the forward node
    through: int | None  # the step that the part came through, or None for the whole
    mended: int


@dataclass
class Case:
    """All that is known when judging begins."""

    tape: Tape
    truth: Truth
    events: list[Event]
    finals: list[Final]
    overrides: dict[int, Array] = field(default_factory=dict)

    @cached_property
    def parents(self) -> dict[int, set[int]]:
        """What each node was made from: what its step read, and what its array held before."""
        found: dict[int, set[int]] = {}
        last: dict[int, int] = {}
        for step in self.tape.steps:
            for node in step.makes:
                slot = self.tape.nodes[node].slot
                found[node] = set(step.reads) | ({last[slot]} if slot in last else set())
            for node in step.makes:
                last[self.tape.nodes[node].slot] = node
        return found

    def ancestors(self, nodes: Iterable[int]) -> set[int]:
        seen: set[int] = set()
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting += self.parents[node]
        return seen

    @cached_property
    def forward(self) -> set[int]:
        """The nodes that the loss was computed from."""
        return self.ancestors([self.truth.loss])

    @cached_property
    def table(self) -> dict[tuple[int, ...], list[tuple[Array, int, int | None]]]:
        """All true cotangents by shape: whole ones, then parts; each value once."""
        found: dict[tuple[int, ...], list[tuple[Array, int, int | None]]] = {}
        whole = [(value, node, None) for node, value in self.truth.cotangents.items()]
        parts = [
            (value, node, step) for node, parts in self.truth.parts.items() if len(parts) > 1 for step, value in parts
        ]
        for value, node, step in (*whole, *parts):
            known = found.setdefault(value.shape, [])
            if np.any(value) and not any(close(value, other) for other, *_ in known):
                known.append((value, node, step))
        return found

    def match(self, value: Array) -> tuple[Array, int, int | None] | None:
        """The true cotangent that a value is, if it is one."""
        return next((entry for entry in self.table.get(value.shape, []) if close(value, entry[0])), None)

    def true_of(self, final: Final) -> Array:
        return self.truth.cotangents[final.parameter.node]

    def is_right(self, value: Any, final: Final) -> bool:
        wanted = self.true_of(final)
        value = np.asarray(value)
        if value.shape != wanted.shape and value.size == wanted.size and is_squeezed(value.shape, wanted.shape):
            value = value.reshape(wanted.shape)
        return close(value, wanted)

    # ---- the search --------------------------------------------------------------------------------------------------

    def repairs(self) -> list[Repair]:
        """The values to replace so that all finals come out right, in the order in which they were made."""
        found: list[Repair] = []
        values = self.tape.replay()
        while any(not self.is_right(values[final.node], final) for final in self.finals) and len(found) < 6:
            best = self._best(values)
            if best is None:
                break
            found.append(best)
            self.overrides[best.event.node] = best.truth
            values = self.tape.replay(self.overrides)
        return sorted(found, key=lambda repair: repair.event.node)

    def _best(self, values: dict[int, Any]) -> Repair | None:
        wrong = [final for final in self.finals if not self.is_right(values[final.node], final)]
        right = [final for final in self.finals if self.is_right(values[final.node], final)]
        suspects = self.ancestors(final.node for final in wrong) - self.forward
        best, best_score = None, 0.0
        seen: set[int] = set()
        for event in self.events:
            if event.node not in suspects or event.node in seen or event.node in self.overrides:
                continue
            seen.add(event.node)
            value = values[event.node]
            if value.dtype.kind not in "fiu":
                continue
            matched = self.match(value)
            for truth, of, through in self.table.get(value.shape, []):
                if matched is not None and matched[0] is truth:
                    continue
                score = self._score(event.node, truth, values, wrong, right)
                if score is None:
                    continue
                score += 0.0 if through is not None else 0.2
                score += 0.0 if matched is not None else 0.4
                if score > best_score + 1e-9:
                    best, best_score = Repair(event, truth, of, through, int(score)), score
        return best

    def _score(
        self, node: int, truth: Array, values: dict[int, Any], wrong: list[Final], right: list[Final]
    ) -> float | None:
        """How much a replacement mends; None where it mends no final, or spoils one."""
        played = self.tape.replay({**self.overrides, node: truth})
        if any(not self.is_right(played[final.node], final) for final in right):
            return None
        mended = sum(self.is_right(played[final.node], final) for final in wrong)
        if not mended:
            return None
        later = {
            event.node
            for event in self.events
            if event.node > node
            and event.node not in self.forward
            and self.match(values[event.node]) is None
            and not close(played[event.node], truth)
            and self.match(played[event.node]) is not None
        }
        return mended + 0.5 * len(later)


def is_squeezed(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two shapes are the same but for axes of length 1."""
    return [n for n in one if n != 1] == [n for n in other if n != 1]
