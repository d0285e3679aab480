"""The region of a mistake: changes of the calls between a wrong value and what is right are tried out in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.whereabouts import Whereabouts
from tinygrad_scratch.verifier.causes.foreseen import Along, Foreseen
from tinygrad_scratch.verifier.losses.slopes import factor_of_all
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.recording.edits import Edit, WithArgument
from tinygrad_scratch.verifier.recording.likeness import close, difference, is_along
from tinygrad_scratch.verifier.recording.steps import Array, Step


@dataclass
class Finding:
    """A change that gives the truth: what kind of mistake it undoes, where, and what was to be written."""

    kind: str
    sentence: str
    step: Step | None = None
    should_be: str | None = None
    changes: dict[int, Edit] = field(default_factory=dict)
    certainty: str = "checked"
    others: list[str] = field(default_factory=list)
    place: Place | None = None  # where the search knows it better than by the call
    made_up: bool = False  # whether it puts in what isn't there
    takes_away: bool = False  # whether it only takes away what is there
    meant: str = ""  # the name of the value that is meant, where it exchanges one for another


MOST_CALLS = 100_000  # that are played again for one explanation
Explanation = Callable[["Region"], Iterator[Finding]]


class Region(Whereabouts):
    """The calls between a wrong value and what is right, in which changes are tried out."""

    @cached_property
    def parts(self) -> list[tuple[int, Array]]:
        """What came of the gradient through each reader, of a value with several where others have the same gradient.

        So has a term the gradient of its sum.
        """
        truth = self.case.truth
        whole = truth.cotangents[self.of]
        alike = (node for node in truth.parts if close(truth.cotangents[node], whole))
        found = max((truth.parts[node] for node in (self.of, *alike) if node in truth.parts), key=len, default=[])
        own = truth.parts.get(self.of, [])
        return own if len(own) > 1 else found

    def tried(self, edits: dict[int, Edit]) -> Array | None:
        """What the value becomes with other calls; None where they make no sense."""
        if self.calls > MOST_CALLS or not self.case.may_try():
            return None
        try:
            followed = self._followed(edits)
            if followed is None or self.is_truth(followed):
                self.calls += len(self.case.tape.steps)
                return np.asarray(self.case.replay(edits=edits, until=self.until)[self.node])
            return followed
        except Exception:
            return None

    def _followed(self, edits: dict[int, Edit]) -> Array | None:
        """The same by the calls on the way alone, where that can be told; what gives the truth is played in whole."""
        with np.errstate(all="ignore"):
            found = self.case.tape.follow(self.values, edits, until=self.until, held=self.case.overrides)
        self.calls += len(found or ())
        return None if found is None else np.asarray(found.get(self.node, self.value))

    calls = 0  # that were made for explanations
    lacks: list[Any] | None = None  # what operands seem to lack, once it was looked for
    cuts: Any = None  # the gradient with values of the forward pass held constant, once it was looked at
    diagonals: list[tuple[int, Array]] | None = None  # of the Jacobians of forward values, once these were looked at

    def gives_truth(self, edits: dict[int, Edit]) -> bool:
        self.calls += len(edits)
        if self.foreseen.rules_out(edits):
            return False
        value = self.tried(edits)
        return value is not None and self.is_truth(value) and self.holds_elsewhere(edits)

    @cached_property
    def along(self) -> Along | None:
        """What the value makes along a direction; None where the backward pass can't be walked."""
        run = self.case.walked() if self.value.shape == self.truth.shape else None
        if run is None or self.node not in run.values or self.value.dtype.kind != "f":
            return None
        direction = np.asarray(np.random.default_rng(1).standard_normal(self.truth.shape))
        return Along(run, 0.0).and_of(self.node, self.value, self.truth, direction)

    @cached_property
    def foreseen(self) -> Foreseen:
        return Foreseen(self)

    def holds_elsewhere(self, edits: dict[int, Edit], times: float = 1.0) -> bool:
        """Whether a change gives the truth at other parameters and data, too, so that no coincidence decides.

        So may the value times a number.
        """
        if self.case.overrides or self.repair.how or not self.case.compares_elsewhere:
            return True
        start, truth = self.case.elsewhere
        wanted = truth.cotangents.get(self.of)
        if wanted is None or not np.any(wanted) or wanted.shape != self.truth.shape or not np.all(np.isfinite(wanted)):
            return True
        try:
            value = times * np.asarray(self.played_from(start, edits)[self.node])
        except Exception:
            return True
        factors = self.case.factors if self.loose else (1.0,)
        return any(difference(value, factor * self.repair.factor * wanted) < 1e-4 for factor in factors)

    def played_from(self, start: dict[int, Array], edits: dict[int, Edit]) -> dict[int, Any]:
        """A run with other calls, of other parameters and data; what a call is given of the run is that of this one."""
        values = self.case.replay(until=self.until, start=fresh(start))
        there = {i: edit.at(values) if isinstance(edit, WithArgument) else edit for i, edit in edits.items()}
        return self.case.replay(edits=there, until=self.until, start=fresh(start))

    def is_truth(self, value: Any) -> bool:
        """Whether a value is what the step should have given, but for a factor where all is in such a convention."""
        value = np.asarray(value)
        return self.is_truth_of(value, self.truth)

    loose = False

    def is_truth_of(self, value: Array, other: Array) -> bool:
        """Whether a value is another one, but for a factor where all is in such a convention."""
        if close(value, other):
            return True
        if not self.loose or np.shape(value) != other.shape or not np.any(value) or not is_along(value, other):
            return False
        factor = float(np.vdot(other, value) / np.vdot(other, other))
        known = next((known for known in self.case.factors if abs(factor - known) < 1e-6 * abs(known)), None)
        return known is not None and self.is_carried_by_all(known)

    def is_carried_by_all(self, factor: float) -> bool:
        """Whether the truth times a factor leaves all gradients with one, as the truth does: then it may be carried.

        So may what an update takes off, of which a later factor may be in the rate.
        """
        if any(final.node == self.node and final.by == "update" for final in self.case.finals):
            return True
        return self.factor_left(factor) is not None or self.factor_left(1.0) is None

    def factor_left(self, times: float) -> float | None:
        """The factor of all gradients where the truth stands in, times a number; None where they have several."""
        if times not in self._factors_left:
            turns = {**self.repair.turns, self.node: self.truth}
            try:
                played = self.case.replay({node: times * truth for node, truth in turns.items()})
                self._factors_left[times] = factor_of_all(self.case, played)
            except Exception:  # what reads it can't take it
                self._factors_left[times] = None
        return self._factors_left[times]

    @cached_property
    def _factors_left(self) -> dict[float, float | None]:
        return {}


def fresh(arrays: dict[int, Array]) -> dict[int, Array]:
    """Copies, as a run may write to its arrays."""
    return {node: array.copy() for node, array in arrays.items()}
