"""The judging of a recorded run: by its loss, or by an assumed one, and then again where that leaves room for doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from tinygrad_scratch.verifier.cases.case import MOST_PLAYED
from tinygrad_scratch.verifier.explaining.explain import SCALES, Cause
from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.losses.own_slopes import alien_in
from tinygrad_scratch.verifier.losses.whole_losses import (
    is_judged_by_mix,
    not_reached,
    said_of_others,
    take_whole,
    whole_of_loss,
)
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.steps import ancestors
from tinygrad_scratch.verifier.telling.doubt import (
    is_doubtful,
    is_vague,
)
from tinygrad_scratch.verifier.telling.told_beside_losses import tell_beside_loss
from tinygrad_scratch.verifier.verdicts.assumed import (
    assumable,
    have_no_loss,
    is_no_slope,
    is_slope_elsewhere,
    returns_no_slope,
)
from tinygrad_scratch.verifier.verdicts.by_one_loss import BESIDE, MOST_CAUSES, WRITTEN, JudgingByLoss
from tinygrad_scratch.verifier.verdicts.written_losses import written

MOST_SEARCHED = 3  # losses that are assumed, of which changes of the source are tried
Explained = tuple[tuple[str, int], bool]  # file and line of a step, and whether it is clear what is right there
NO_LOSS = (
    "No loss was found that these are the gradients of. Set check.loss = ... in the block, to the value that NumPy "
    'computed, or say which it is: check.loss_is("mean squared error", output, targets).'
)


class Judging(JudgingByLoss):
    """The judging of a run by the loss that was found, and by others where that leaves room for doubt."""

    def _judge(self) -> None:
        self.problem, before = self.entry.resolve(self.parameters), len(self.notes)
        self.notes += self.entry.notes
        self.parameters = self.entry.parameters
        if not self.problem:
            parameters, is_tried = self.parameters, False
            self._judge_by_loss()
            if self.entry.other_node is not None and (self.causes or self.entry.is_by_mistake()):
                self._try(partial(self._judge_by_theirs, parameters, before))
            elif self.entry.fits_few and not self._is_one_known():
                self._try(partial(self._judge_by_usual, before))
                is_tried = True
            is_known = self._is_one_known() or self._are_all_sums() or self.entry.uphill
            if self.entry.doubted and self.causes and not is_known:
                self._judge_by_usual_or_not(self.entry.doubted, before, is_tried)
            unknown = self.entry.rests_on_little and any(cause.certainty == "unexplained" for cause in self.causes)
            if unknown or self._are_mere_multiples():
                self._judge_by_usual_or_not(NO_LOSS, before, is_tried)
            if self.entry.losses_beside and not self.causes and self.finals and self._is_by_guess():
                self._try(partial(self._judge_by_beside, parameters, before))
            if not (self.causes or self.problem or self.entry.wanted_loss) and self.entry.loss_name:
                self._see_what_is_more(parameters, before)
        elif self.entry.may_assume and not self.waits_for_loss and not self._judge_by_written():
            self._judge_by_assumption()

    def _judge_by_usual_or_not(self, problem: str, notes: int, is_tried: bool) -> None:
        """Accuse of nothing where a loss that nobody named tells too little, unless a usual one tells of one step."""
        if not is_tried:
            self._try(partial(self._judge_by_usual, notes))
        if not self._is_settled() or self._are_mere_multiples():
            del self.notes[notes:]
            self._judge_nothing(problem, self.parameters)

    def _judge_by_written(self) -> bool:
        """Judge by the loss that they wrote and did not call, where no other fits: if one step is wrong by that."""
        problem, parameters, before = self.problem, self.parameters, len(self.notes)
        self.assumed, self.may_rewrite = WRITTEN, True
        self.problem = self._assume(WRITTEN, parameters)
        if not self.problem:
            self.notes.append(f"No loss was named, and none that is known fits: {self.entry.loss_name} is taken.")
            self._judge_by_loss()
        if self._is_one_known() and not self.problem and not self.unsure:
            self._rest_on_loss()
            return True
        del self.notes[before:]
        self.assumed, self.may_rewrite, self.tape.played = None, False, 0
        self._judge_nothing(problem, parameters)
        return False

    def _judge_by_beside(self, parameters: list[Parameter], notes: int) -> None:
        """Where all is right by a loss that is only well-known: by the one that stands beside their slope."""
        self.assumed, self.may_rewrite = BESIDE, True
        self.problem = self._assume(BESIDE, parameters)
        if not self.problem:
            del self.notes[notes:]
            self.notes.append(f"No loss was computed: {self.entry.loss_name} is taken, as it stands beside the slope.")
            self._judge_by_loss()
        if self._is_one_known() and tell_beside_loss(
            self.case, self.repairs[0], self.causes[0], self.entry.losses_beside
        ):
            self._rest_on_loss()
        elif self.causes:
            self.problem = NO_LOSS

    def _rest_on_loss(self) -> None:
        """Say of the one cause that it is so by a loss that nobody named."""
        self.causes = [replace(self.causes[0], certainty="fits", others=["another loss, if you mean one"])]

    def _judge_nothing(self, problem: str | None, parameters: list[Parameter]) -> None:
        """Leave it at a problem that there was before a loss was tried."""
        self.problem, self.parameters, self.repairs, self.causes = problem, parameters, [], []
        self.finals, self.unsure, self.missing = [], [], []

    def _are_mere_multiples(self) -> bool:
        """Whether all that is wrong by a loss that nobody computes are factors of which no text is known.

        Such a loss may fit by chance, as squares do a softmax that begins with noughts.
        """
        odd = (cause.kind in SCALES and not cause.should_be and cause.certainty == "fits" for cause in self.causes)
        return self._is_by_guess() and bool(self.causes) and all(odd)

    def _are_all_sums(self) -> bool:
        """Whether all that is wrong are sums that begin with what they held, whichever loss they are of."""
        known = all(cause.certainty == "checked" for cause in self.causes)
        return known and all(cause.kind == "overwritten-accumulation" for cause in self.causes)

    def _is_settled(self) -> bool:
        """Whether one step is wrong by a loss, or all that was found fits one that is taken on trial."""
        fits = self.assumed is not None and not self.problem and not (self.causes or self.unsure or self.missing)
        return self._is_one_known() or (fits and bool(self.finals) and self._is_right())

    def _try(self, judge: Callable[[], None]) -> None:
        """Judge by another loss, and put all back where it is no one known step that is wrong then.

        Of a loss that gradients are meant to be those of by its name, or its penalty, the step may be unexplained.
        """
        found = {name: value for name, value in vars(self).items() if name not in ("entry", "tape", "watch")}
        put_back, said = self.entry.kept(), list(self.notes)
        self.repairs, self.causes, self.tape.played = [], [], 0
        judge()
        is_one = self._is_settled() or (self.entry.is_derived and len(self.causes) == 1)
        if not is_one or self.problem or self.unsure or tells_less(self.causes, found["causes"]):
            vars(self).update(found)
            put_back()
            self.notes[:] = said

    def _judge_by_theirs(self, parameters: list[Parameter], notes: int) -> None:
        """Where something is wrong by a well-known loss: by the one that they compute.

        So it is where gradients are those of the one by a mistake.
        """
        self.entry.take_theirs(parameters)
        del self.notes[notes:]
        self.notes.append(f"No loss was named: {self.entry.loss_name} is taken.")
        self._judge_by_loss()

    def _see_what_is_more(self, parameters: list[Parameter], notes: int) -> None:
        """Where all is right by a loss that nobody named: judge by the sum that it is a term of; or say what it lacks.

        By a term, or with other weights, what another term adds to a gradient may be missing.
        """
        whole = whole_of_loss(self.entry) if self.finals else None
        if whole is not None:
            self._try(partial(self._judge_by_whole, whole, parameters, notes))
            if not self.causes and self.entry.loss_name != own(whole.name) and is_judged_by_mix(self.entry):
                self._tell_of_whole(own(whole.name))
        left = not_reached(self.entry) if self.finals and not self.causes else []
        if left:
            self.entry.apart += left
            self.notes.append(said_of_others(left, self.entry.loss_name))

    def _tell_of_whole(self, whole: str) -> None:
        """What is right is so by a loss that is not the one that they add up, and no one step makes it that."""
        self.case.convention = self.case.convention or f"of another loss than your {whole}"
        self.notes.append(
            f"Your {whole} adds them up otherwise. If it is the one to judge by, say so: check.loss = ... in a block, "
            f"or --loss {whole} for a script."
        )

    def _judge_by_whole(self, whole: Event, parameters: list[Parameter], notes: int) -> None:
        take_whole(self.entry, whole)
        self._judge_by_theirs(parameters, notes)
        if self._is_one_known():
            self._rest_on_loss()

    def _judge_by_usual(self, notes: int) -> None:
        """Where few gradients fit a well-known loss: by the usual ones, one of which may tell of one wrong step."""
        del self.notes[notes:]
        self.problem, self.entry.may_assume = "Few gradients fit a loss.", True
        self._judge_by_assumption()

    def _judge_by_assumption(self) -> None:
        """Judge by a usual loss by which one step is wrong and the rest is right; not at all where two differ in it.

        Where the step is found, and not what is right there, changes of the source are tried in that line.
        """
        problem, parameters, before = self.problem, self.parameters, len(self.notes)
        losses = list(assumable(self.entry))
        self.has_no_loss = bool(losses) and have_no_loss(self.entry)
        found = self._explained_by(range(len(losses)), parameters)
        if self._is_settled() and not self.causes:
            del self.notes[before:]
            self.notes.append(f"No loss was named: {self.entry.loss_name} is taken; all gradients fit it.")
            return
        if found and not any(sure for _, sure in found.values()):
            self.tape.played, self.may_rewrite = 0, True
            found = self._explained_by(list(found)[:MOST_SEARCHED], parameters, until_sure=True)
        chosen = [number for number, (_, sure) in found.items() if sure]
        agreed = len({found[number][0] for number in chosen}) == 1
        self.tape.played = 0
        if agreed and chosen[0] != self.assumed:
            agreed = self._is_explained_by(chosen[0], parameters) is not None
        if agreed and self.causes[0].certainty != "unexplained" and not self._has_more_to_it():
            del self.notes[before:]
            self.notes.append(
                f"No loss was named, and none fits all of it. As the loss, {self.entry.loss_name} is assumed, and the "
                "verdict rests on that. If another is meant, say so: check.loss = ..., or "
                'check.loss_is("mean squared error", output, targets).'
            )
            self._rest_on_loss()
            return
        del self.notes[before:]
        self._judge_nothing(problem, parameters)

    def _has_more_to_it(self) -> bool:
        """Whether what is wrong by an assumed loss is made of something that this loss has nothing to do with."""
        assert self.entry.loss is not None
        nodes = {final.parameter.node for final in self.finals}
        forward = ancestors(self.tape.parents(), [self.entry.loss], until=nodes) | {self.entry.loss}
        known = getattr(self.tape.steps[self.tape.nodes[self.entry.loss].step].function, "candidate", None)
        target = np.ravel(known.target) if known is not None else np.empty(0)  # it stands in the call alone
        forward |= {node.number for node in self.tape.nodes if np.array_equal(np.ravel(node.value), target)}
        return bool(alien_in(self.entry, self.repairs[0].event, forward, set(self.entry.depending_on(nodes))))

    def _explained_by(
        self, numbers: Iterable[int], parameters: list[Parameter], until_sure: bool = False
    ) -> dict[int, Explained]:
        """The losses by which one step is wrong, those first by which it is known why.

        If told, up to the first by which it is clear what is right there.
        """
        known: dict[int, Explained] = {}  # with a cause
        others: dict[int, Explained] = {}
        for number in numbers:
            if self.tape.played > MOST_PLAYED:  # people wait
                break
            explained = self._is_explained_by(number, parameters)
            if self._is_settled() and not self.causes:  # all of it is right by that
                return {}
            if explained is not None:
                (known if self._is_one_known() else others)[number] = explained
            if until_sure and explained is not None and explained[1]:
                break
        return known | others

    def _assume(self, number: int, parameters: list[Parameter]) -> str | None:
        """Take one of the usual losses on trial."""
        if number in (WRITTEN, BESIDE):
            theirs = written(self.entry, self.entry.losses_written if number == WRITTEN else self.entry.losses_beside)
            return "They wrote none." if theirs is None else self.entry.assume(theirs.candidate, parameters)
        losses = list(assumable(self.entry))  # what is put on the tape gives the rest other numbers
        if number >= len(losses):
            return "The output does not meet the targets."
        return self.entry.assume(losses[number].candidate, parameters)

    def _is_explained_by(self, number: int, parameters: list[Parameter]) -> Explained | None:
        """The line of the one step that is wrong by an assumed loss, and whether it is clear what is right there.

        None where more is wrong, or what was written can be the slope of some loss.
        """
        self.repairs, self.causes, self.assumed = [], [], number
        self.problem = self._assume(number, parameters)
        if self.problem:
            return None
        self._judge_by_loss()
        if self.problem or not self.causes or self.unsure:
            return None
        other, cause = self._on_trial(number), self.causes[0]
        if other is None:
            return None
        if len(self.causes) > 1:  # of samples one by one, a change of the source may be one for all of it
            may_be_one = other.candidate.turns and not self.may_rewrite and len(self.causes) <= MOST_CAUSES
            return ((cause.place.file, cause.place.line), False) if may_be_one else None
        is_known = cause.certainty != "unexplained" and not (cause.kind in SCALES and is_vague(cause))
        if not (self.has_no_loss or returns_no_slope(self.case, cause)):
            if is_known and (is_slope_elsewhere(cause) or is_no_slope(self.case, self.repairs[0], cause, other)):
                return (cause.place.file, cause.place.line), True
            may_be_elsewhere = is_known and not self.may_rewrite and cause.kind == "derivative-at-wrong-point"
            return ((cause.place.file, cause.place.line), False) if may_be_elsewhere else None
        sure = is_known and (self.may_rewrite or not is_doubtful(cause))
        return (cause.place.file, cause.place.line), sure


def tells_less(causes: list[Cause], others: list[Cause]) -> bool:
    """Whether one cause has no text, where one other cause has one that was tried."""
    if len(causes) != 1 or len(others) != 1:
        return False
    return causes[0].should_be is None and bool(others[0].should_be) and others[0].certainty == "checked"
