"""Judging past choices: by a straight-through estimator that all is right by, or of what no choice stands before."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.losses.entry import Entry
from tinygrad_scratch.verifier.meant.conventions import is_right_by_convention
from tinygrad_scratch.verifier.meant.kept_noughts import truths_kept
from tinygrad_scratch.verifier.meant.reversals import reversed_truths, terms_of
from tinygrad_scratch.verifier.meant.semi_gradients import truths_held
from tinygrad_scratch.verifier.meant.straight_through import Choice, choices, passed_by, truths_by_slopes, truths_past
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.truth import Truth, truth_of


class PastChoices:
    """What was recorded, and the gradients of it that are paired with their parameters."""

    tape: Tape
    entry: Entry
    finals: list[Final]
    repairs: list[Repair]
    case: Case
    unsure: list[tuple[list[str], int]]
    missing: list[Parameter]
    notes: list[str]
    problem: str | None
    truth: Truth
    not_judged = ""  # what is said of gradients that a choice stands before

    def _case(self, truth: Truth) -> Case:
        raise NotImplementedError

    def _pair(self) -> None:
        """Pair gradients with their parameters by what is true, past choices where all or more is right by that."""
        self.not_judged = ""
        passed = self._passed()
        is_right = not passed or self._is_right_past(passed)
        self.problem = self.entry.pair(self.truth, close)
        if not is_right:
            self._leave_out_behind(passed)

    def _passed(self) -> list[Choice]:
        """The choices past which their gradients go on; none where all is right by the loss as it is."""
        assert self.entry.loss is not None
        found = choices(self.tape, self.entry.loss, {p.node for p in self.entry.parameters})
        learnt = self._tried(self.truth, self._learnt) if found else None
        found = [choice for choice in found if learnt is None or not learnt.isdisjoint(choice.lost)]
        return passed_by(self.tape, self.entry.loss, found) if found and not self._is_right_by(self.truth) else []

    def _is_right_past(self, found: list[Choice]) -> bool:
        """Whether all is right by what goes on past choices: that, or by which more is right, is taken for true."""
        assert self.entry.loss is not None
        straight = list(truths_past(self.tape, self.entry.loss, found))
        every = (*straight, *truths_by_slopes(self.tape, self.entry.loss, found))
        whole, right = next((truth for truth in every if self._is_right_by(truth)), None), self._right_by(self.truth)
        taken = whole or next((truth for truth in straight if right < self._right_by(truth)), None)
        if taken is not None:
            self.truth = taken
            self.notes.append(taken.note)
        return whole is not None

    def _leave_out_behind(self, found: list[Choice]) -> None:
        """Judge nothing of what a choice stands before, where it is wrong by the loss: another slope may be meant."""
        behind = set[int]().union(*(choice.behind for choice in found))
        case = self._case_of_pairs(self.truth)
        left = [final for final in case.wrong(case.replay()) if final.parameter.node in behind]
        reached = {n for n, gradient in self.truth.cotangents.items() if self.truth.passing and np.any(gradient)}
        lacking = [p for p in self.entry.missing if p.node in behind - reached]
        names = dict.fromkeys(own(p.name) for p in (*lacking, *(final.parameter for final in left)))
        if not names:
            return
        self.entry.finals = [final for final in self.entry.finals if final not in left]
        self.entry.lacking = [p for p in self.entry.lacking if p not in lacking]
        self.entry.missing = [p for p in self.entry.missing if p not in lacking]
        self.not_judged = (
            f"No gradient of the loss goes past {found[0].code} and what goes on in its place is up to you, as in a "
            f"straight-through estimator. So {listed(list(names))} can't be judged."
        )

    def _hold_steps_ahead(self) -> None:
        """Count the steps as given by which weights are moved ahead for the loss, unless more is right otherwise."""
        assert self.entry.loss is not None
        steps = self.entry.steps_ahead(self.entry.loss)
        if not steps:
            return
        held = truth_of(self.tape, self.entry.loss, edits=dict(steps))
        held.ahead = tuple(given.node for given in steps.values())
        more = self._right_by(self.truth) > self._right_by(held)
        if not more and (self._is_right_by(held) or not self._is_right_by(self.truth)):  # one factor may be in all
            self.truth = held

    def _reverse_branches(self) -> None:
        """Take for true what a branch sends back reversed, where it is meant so, unless more is right otherwise."""
        parameters = {parameter.node for parameter in self.entry.parameters if parameter.asked}
        if self.truth.edits or len(terms_of(self.tape, self.truth.loss)) < 2 or self._is_right_by(self.truth):
            return
        found = list(reversed_truths(self.tape, self.truth, parameters))
        best = max(found, key=self._count_right, default=self.truth)
        if best is not self.truth and self._count_right(best) >= self._count_right(self.truth):
            self.truth = best

    def _count_right(self, truth: Truth) -> int:
        """How many gradients are right by what may be true."""

        def right() -> int:
            case = self._case_of_pairs(truth)
            return len(self.entry.finals) - len(case.wrong(case.replay()))

        return self._tried(truth, right) or 0

    def _pair_as_held(self) -> None:
        """Where something is wrong: whether nothing is where targets are given, or noughts kept, in pairs by that.

        Where more is right then, they count as given, too, and the rest is wrong by that.
        """
        wrong = self.problem is None and self.finals and not self.truth.passing and self.case.wrong(self.case.replay())
        held, kept = (list(truths_held(self.case)), truths_kept(self.case, self.entry)) if wrong else ([], ())
        truth = next((truth for truth in chain(held, kept) if self._is_right_by(truth)), None)
        if truth is None and held:
            right = self._right_by(self.truth)
            truth = next((truth for truth in held if right < self._right_by(truth)), None)
        if truth is not None and not is_right_by_convention(self._case(self.truth)):
            self.entry.pair(truth, close)
            self.truth, self.finals, self.missing = truth, self.entry.finals, self.entry.missing
            self.case = self._case(truth)
            self.notes.append(truth.note)

    def _say_what_is_not_judged(self) -> None:
        """Beside a mistake, that is a note; else it is why not all could be judged."""
        if self.repairs and self.not_judged:
            self.notes.append(self.not_judged)
        elif not self.repairs:
            self.problem = self.problem or self.not_judged or None

    def _is_right_by(self, truth: Truth) -> bool:
        """Whether all gradients are right by what may be true, and none is missing."""

        def is_right() -> bool:
            whole = not self.entry.unsure and not self.entry.lacking and bool(self.entry.finals)
            return whole and is_right_by_convention(self._case_of_pairs(truth))

        return bool(self._tried(truth, is_right))

    def _right_by(self, truth: Truth) -> set[str]:
        """The names of the parameters whose gradients are right by what may be true."""

        def right() -> set[str]:
            case = self._case_of_pairs(truth)
            wrong = case.wrong(case.replay())
            return {final.parameter.name for final in self.entry.finals if final not in wrong}

        return self._tried(truth, right) or set()

    def _learnt(self) -> set[int]:
        """The parameters that have a gradient, or should have one: data has none."""
        return {each.node for each in (*self.entry.missing, *(final.parameter for final in self.entry.finals))}

    def _tried(self, truth: Truth, ask: Callable[[], Any]) -> Any:
        """What comes of pairing gradients by what may be true; afterwards all is as it was before."""
        put_back, said = self.entry.kept(), list(self.entry.notes)
        problem = self.entry.pair(truth, close)
        found = None if problem else ask()
        put_back()
        self.entry.notes[:] = said
        return found

    def _case_of_pairs(self, truth: Truth) -> Case:
        """A case of what is paired now."""
        before, self.finals = self.finals, self.entry.finals
        case = self._case(truth)
        self.finals = before
        return case
