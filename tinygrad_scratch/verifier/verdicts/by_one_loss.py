"""The judging of a recorded run by one loss: what is wrong by it, and why."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import MOST_AT_FIRST, Case, Repair
from tinygrad_scratch.verifier.causes.region import Region
from tinygrad_scratch.verifier.explaining.anywhere import NAMED_ONLY
from tinygrad_scratch.verifier.explaining.explain import SCALES, Cause, as_cause, judged
from tinygrad_scratch.verifier.explaining.one_turn import change_in_turns
from tinygrad_scratch.verifier.gathering.given_inputs import GivenInputs
from tinygrad_scratch.verifier.gathering.in_turn import by_turns
from tinygrad_scratch.verifier.gathering.later_losses import by_later_losses, give_earlier_steps
from tinygrad_scratch.verifier.gathering.moved_shares import give_moved_shares
from tinygrad_scratch.verifier.gathering.pulled import by_own_pull
from tinygrad_scratch.verifier.losses.entry import Entry
from tinygrad_scratch.verifier.losses.past_choices import PastChoices
from tinygrad_scratch.verifier.meant.conventions import is_right_by_convention, may_be_meant, truths_without
from tinygrad_scratch.verifier.meant.leaks import left, unseen
from tinygrad_scratch.verifier.meant.own_rates import without_own_rates
from tinygrad_scratch.verifier.meant.self_made_targets import given_in
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.names import alike, listed, without_holder
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.recording.edits import PRODUCTS, name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close, difference
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.recording.watch import Watch
from tinygrad_scratch.verifier.rewriting.rewrite import CHANGED, MADE, NAMED, PUT_IN
from tinygrad_scratch.verifier.rewriting.textbook import is_as_named, is_misnamed
from tinygrad_scratch.verifier.running.again import Again
from tinygrad_scratch.verifier.running.elsewhere import Elsewhere
from tinygrad_scratch.verifier.showing.mistakes import is_as_written, tell_lines
from tinygrad_scratch.verifier.telling.doubt import (
    is_doubtful,
    is_gradient_already,
    is_of_another_slope,
    is_right_elsewhere,
    is_vague,
    kind_with,
    names_with,
    puts_in,
)
from tinygrad_scratch.verifier.telling.told_as_given import tell_as_given
from tinygrad_scratch.verifier.telling.told_before_scaling import tell_before_scaling
from tinygrad_scratch.verifier.telling.told_beside import tell_beside
from tinygrad_scratch.verifier.telling.told_divided_late import tell_divided_late
from tinygrad_scratch.verifier.telling.told_exchanged import tell_exchanged
from tinygrad_scratch.verifier.telling.told_in_other_places import tell_in_other_places
from tinygrad_scratch.verifier.telling.told_kinds import name_kind
from tinygrad_scratch.verifier.telling.told_not_begun import tell_not_begun
from tinygrad_scratch.verifier.telling.told_passed_through import tell_passed_through
from tinygrad_scratch.verifier.telling.told_read_early import tell_where_read_early
from tinygrad_scratch.verifier.telling.told_where_bound import tell_where_bound
from tinygrad_scratch.verifier.telling.told_where_spread import tell_where_spread
from tinygrad_scratch.verifier.truths.finite import not_finite
from tinygrad_scratch.verifier.truths.truth import NotOnTensors, Truth, truth_of
from tinygrad_scratch.verifier.trying.hit import Hit
from tinygrad_scratch.verifier.trying.left_out import LeftOut, told_of_loop, without_gradients
from tinygrad_scratch.verifier.trying.outcome import outcome
from tinygrad_scratch.verifier.trying.search import RECORDED, Search
from tinygrad_scratch.verifier.verdicts.adapting import in_adapting_step, lacks_rate_alone
from tinygrad_scratch.verifier.verdicts.assumed import (
    Assumed,
    assumable,
    may_be_no_slope,
)
from tinygrad_scratch.verifier.verdicts.begun_alike import moved_apart, moved_to, parameters_given, said_of
from tinygrad_scratch.verifier.verdicts.corrupted import corrupted
from tinygrad_scratch.verifier.verdicts.cut_off import whole_numbers_in_data, whole_numbers_in_updates
from tinygrad_scratch.verifier.verdicts.helpers import tell_where_added, told_once
from tinygrad_scratch.verifier.verdicts.lost_updates import lost_updates
from tinygrad_scratch.verifier.verdicts.renames import with_renames
from tinygrad_scratch.verifier.verdicts.replaced import replaced
from tinygrad_scratch.verifier.verdicts.rivals import admit, is_of_step, of_backward, rivals_of, without_needless
from tinygrad_scratch.verifier.verdicts.terms_of_others import said_of_penalty, said_of_term, tell_push

FEW, SOME, MANY = 500_000, 1_200_000, 8_000_000  # calls of NumPy, for changes of the source that are tried
MOST_CAUSES = 2  # that may be one change of the source
WRITTEN, BESIDE = -1, -2  # the loss that they wrote, among those that are assumed; and the one beside its slope
NONE_FITS = re.compile(r"; 0 of \d+ gradients fit it\.$")


class JudgingByLoss(PastChoices):
    """What was recorded, and what came of judging it."""

    tape: Tape
    watch: Watch
    entry: Entry
    parameters: list[Parameter]
    finals: list[Final]
    repairs: list[Repair]
    causes: list[Cause]
    unsure: list[tuple[list[str], int]]
    missing: list[Parameter]
    notes: list[str]
    problem: str | None
    again: Again | None
    truth: Truth
    case: Case
    assumed: int | None = None  # which of the usual losses is taken on trial
    may_rewrite = False
    repeats: bool | None = None  # whether the calls, made once more, leave the same wrong gradients
    in_double = False  # whether what was made in float32 was made again
    is_cut_off = False  # whether a script took too long to come to the end of a turn
    has_no_loss = False  # whether the gradients can be those of none
    waits_for_loss = False  # whether another turn computes a loss, so that none is assumed in this one
    loss_of_samples: Any = None  # what would compute that, where the script computes the loss of more than a turn takes
    loop = "", 0  # the file and the line of the loop of which a turn is judged
    begun: Sequence[int] = ()  # the steps at which its turns began
    elsewhere: Sequence[Elsewhere] = ()  # other loops that train
    has_renames = False  # whether lines that only gave values other names are steps already

    def kind_of_rerun(self) -> Any:
        """The class of the checks that say whether a run with a change of the source is right."""
        raise NotImplementedError

    @property
    def events(self) -> list[Event]:
        return self.watch.events

    def _is_by_guess(self) -> bool:
        """Whether the loss is a well-known one that nobody named."""
        entry = self.entry
        return bool(entry.is_well_known and not (entry.wanted_loss or entry.judged_by or entry.is_loss_given))

    def _is_penalty_by_guess(self) -> bool:
        """Whether all that is wrong is the gradient of a penalty, where nobody said the loss: it may have it."""
        return self._is_by_guess() and all(cause.kind == "regularisation" for cause in self.causes)

    def _is_one_known(self) -> bool:
        return len(self.causes) == 1 and self.causes[0].certainty != "unexplained"

    def _is_right(self) -> bool:
        """Whether what was found is right as it is, or in a convention: what may not be told was not judged."""
        return bool(self.case.convention) or not self.case.wrong(self.case.replay())

    def _on_trial(self, number: int) -> Assumed | None:
        """A usual loss that was put on the tape; None where with it there it isn't clear any more what meets what."""
        return next(islice(assumable(self.entry), number, None), None)

    def _judge_by_loss(self) -> None:
        assert self.entry.loss is not None
        self._give_other_steps()
        try:
            self.truth: Truth = truth_of(self.tape, self.entry.loss)
        except NotOnTensors as error:
            cut = whole_numbers_in_updates(self.entry) | whole_numbers_in_data(self.entry, error.step)
            if cut := cut - self.tape.whole_numbers:
                self.tape.whole_numbers |= cut
                self._judge_by_loss()
                return
            self.problem = (
                f"The loss can't be differentiated: no derivative is known for "
                f"{getattr(error.step.function, '__name__', 'a call')} at {error.step.place} ({error}). "
                "Write this step with other calls of NumPy's."
            )
            return
        owners = *self.entry.parameters, *self.entry.updated, *(final.parameter for final in self.entry.finals)
        moving = self.entry.depending_on({parameter.node for parameter in owners})
        self.problem = not_finite(self.tape, self.truth, moving)
        if not self.problem:
            self._hold_steps_ahead()
            self._reverse_branches()
            self._judge_by_truth()

    def _judge_by_truth(self) -> None:
        assert self.entry.loss is not None
        known = len(self.entry.notes)
        self._pair()
        self.notes += self.entry.notes[known:]
        before = [leak for leak in self.tape.leaks if leak.time <= self.tape.nodes[self.entry.loss].step]
        if self.problem and before and not self.entry.finals:
            self.problem += f" {left(before[0])}."
        self._leave_out_other_steps()
        self.finals, self.unsure, self.missing = self.entry.finals, self.entry.unsure, self.entry.missing
        self.parameters = self.entry.parameters
        self.case = self._case(self.truth)
        if self.finals and not self.problem and not self.entry.may_assume:
            self._see_renames()
            self._see_rates()
            self._pair_as_held()
            self._take_inputs()
        if self.assumed is not None and not self._may_tell() and not self._is_right_by_convention():
            self.finals = []  # something is wrong, and what it is could not be told
            return
        if self.finals and not self.problem:
            self.repairs, self.causes = self._replaced() or self._judged()
            doubtful = any(cause.weight >= NAMED_ONLY for cause in self.causes) or len(self.causes) > 1
            if doubtful and self.case.is_spent():
                self.notes.append("The search ended early, as the run is long: what is said is what was found by then.")
            elif doubtful:
                self._judge_without_small_numbers()
            if self.causes:
                self._rewrite()
                self._name_kinds()
            else:
                self._see_what_a_loop_leaves_out()
                self._see_what_is_lost()
                self._see_what_began_alike()
            if not self.repairs and self.entry.other_loss and not self.case.convention:
                self.case.convention = f"of another loss than your {self.entry.other_loss}"
            self.problem = self.case.doubt or unseen(self.case, self.repairs) or self._may_be_right()
            self._end()
            if self.causes and self.case.decays:
                share = next(iter(self.case.decays.values()))
                what = f"decay of {share:.6g} times the weights" if np.ndim(share) == 0 else "penalty of weights"
                self.notes.append(f"A {what} is no part of the loss, and counts as meant.")
        self._say_what_is_not_judged()
        self._say_what_is_given_alone()

    def fitting(self) -> list[Final]:
        """The gradients that are right as they were made."""
        values = {final.node: self.tape.nodes[final.node].value for final in self.finals}
        wrong = self.case.wrong(values)
        return [final for final in self.finals if final not in wrong]

    def judge_as_written(self) -> None:
        """Judge what room for whole numbers leaves, of gradients that were found with room for any number."""
        for slot, given in self.tape.as_written.items():
            step = self.tape.steps[self.tape.first_of(slot).step]
            step.arguments, step.keywords = given
        values = self.tape.replay()
        for node in self.tape.nodes:
            node.value = np.asarray(values[node.number])
        self.case = self._case(self.truth)
        self.repairs, self.causes = judged(self.case)
        self._name_kinds()

    def _say_what_is_given_alone(self) -> None:
        """Name what they gave as a gradient, and is that of nothing, where all that was judged is right.

        Where a parameter has none, whose it is is asked.
        """
        if self.repairs or self.problem or not self.finals or self.unsure:
            return
        free = [*self.missing, *self.entry.unclaimed]
        alone = [path for path, node in self.entry.given or () if self._is_alone(path, node, bool(free))]
        if alone:
            one, several = "given as a gradient, goes with no parameter", "given as gradients, go with no parameters"
            whole = self.entry.whole_numbers({without_holder(path) for path in alone})
            is_open = bool(whole or free)
            self.unsure = [([path], node) for path, node in self.entry.given or () if path in alone] if is_open else []
            self.missing = free if is_open else self.missing
            self.notes.append(f"{listed(alone)}, {one if len(alone) == 1 else several}: not judged.{whole}")

    def _is_alone(self, path: str, node: int, may_be_meant: bool) -> bool:
        """Whether what was given is no gradient that is known.

        Where it `may_be_meant` as another one, that of a value on the way is known if it is called after that.
        """
        value = np.asarray(self.tape.nodes[node].value)
        is_judged = any(final.node == node or final.path == path for final in self.finals)
        if value.dtype.kind != "f" or is_judged or self.case.is_forward(node):
            return False
        found = self.case.match_up_to_factor(value)
        if not may_be_meant:
            return bool(np.any(value)) and found is None
        names = [path, *(event.name for event in self.case.events if event.node == node)]
        owners = (event.node for event in self.case.events if any(alike(name, event.name) for name in names))
        true = (self.truth.cotangents[owner] for owner in owners if owner in self.truth.cotangents)
        return found is None or not any(close(value, found[1] * slope) for slope in true)

    def _may_be_right(self) -> str | None:
        """Why nothing is told of what is wrong, where that may be so for what is not known."""
        adapting = in_adapting_step(self.case, self.repairs, self.causes)
        return self._may_be_of_another_loss() or adapting or lacks_rate_alone(self.causes) or self._may_be_sums()

    def _may_be_sums(self) -> str | None:
        """Why nothing is told where all that is updated is added to, no gradient fits, and nothing is known of why.

        What gradients are added up in may be what weights are worked out from, as by rules that follow a leader: then
        no product reads it.
        """
        are_unknown = bool(self.causes) and all(cause.certainty == "unexplained" for cause in self.causes)
        added = all(final.by == "update" and final.direction < 0 for final in self.finals)
        if not (self.entry.fits_none and are_unknown and added) or self._are_multiplied():
            return None
        names = listed([final.parameter.name for final in self.finals])
        return (
            f"No gradient fits {self.entry.loss_name}. Something is added to {names}, and nothing taken off: weights "
            "may be worked out from that. Give the gradients: check.gradients = ... in a block."
        )

    def _are_multiplied(self) -> bool:
        """Whether a product of the forward pass reads a parameter, or entries that were taken of it."""
        read = {final.parameter.node for final in self.finals}
        for step in self.tape.steps:
            if name_of(step.function) == "getitem" and not read.isdisjoint(step.reads[:1]):
                read.update(step.makes)
        forward = (step for step in self.tape.steps if not self.case.forward.isdisjoint(step.makes))
        return any(name_of(step.function) in PRODUCTS and not read.isdisjoint(step.reads) for step in forward)

    def _may_be_of_another_loss(self) -> str | None:
        """Why the one cause is not told: it is a term of more than the loss that was taken for theirs."""
        entry = self.entry
        if not self._is_one_known() or entry.is_well_known or entry.wanted_loss or not entry.loss_name:
            return None
        cause, loss = self.causes[0], entry.loss_name
        return said_of_term(self.case, cause, loss) or said_of_penalty(self._case(self.truth), cause, loss)

    def _see_what_is_lost(self) -> None:
        """New values of parameters that nobody has after the turn: their gradients may be right, and move nothing."""
        for repair, finding in lost_updates(self.case, self.entry.gone) if not self.causes else ():
            self.repairs, self.causes = [repair], [as_cause(Region(self.case, repair), finding)]

    def _see_what_began_alike(self) -> None:
        """Judge at other values of parameters that hold noughts or ones, where some gradients would be wrong there."""
        if self.causes or self.case.doubt or self.unsure:
            return
        with contextlib.ExitStack() as moved:
            moved.callback(parameters_given(self.case))
            found = moved_apart(self.case)
            if found is None:
                return
            said, before = said_of(self.case), (self.truth, self.case)
            moved.callback(moved_to(self.case, found[0]))
            self.truth = found[1]
            self.case = self._case(self.truth)
            self.repairs, self.causes = judged(self.case)
            may_tell = self._is_one_known() or (len(self.causes) == 1 and not self._is_by_guess())
            if may_tell and not self.case.doubt and not self._is_penalty_by_guess():
                self._name_kinds()
                self.notes.append(said)
                moved.pop_all()  # all that is told is of there
                return
            self.truth, self.case = before
            self.repairs, self.causes = [], []

    def _give_other_steps(self) -> None:
        """Take for given what was moved by a loss, or a rule, of its own before the loss that is judged."""
        give_earlier_steps(self.entry)
        self.notes += give_moved_shares(self.entry)

    def _leave_out_other_steps(self) -> None:
        """Leave out the gradients of later losses, what is right where one parameter moved after another, and centres.

        All that is told.
        """
        later, said = by_later_losses(self.entry)
        self.entry.finals = [final for final in self.entry.finals if final not in later]
        self.notes += [said] if said else []
        is_other = self.truth.edits or self.truth.held or self.truth.ahead
        if self.problem or self.entry.unsure or not self.entry.finals or is_other:
            return
        for left_out in (partial(by_own_pull, truth=self.truth), by_turns):
            found, said = left_out(self.entry)
            if found:
                self.entry.finals = [final for final in self.entry.finals if final not in found]
                self.truth = truth_of(self.tape, self.truth.loss)
                self.notes.append(said)

    def _may_tell(self) -> bool:
        """Whether a cause by an assumed loss could be told at all: it is not looked for in vain."""
        assert self.assumed is not None
        if self.has_no_loss or not self.finals or self.problem or self.assumed in (WRITTEN, BESIDE):
            return True
        tried = self._on_trial(self.assumed)
        return tried is not None and may_be_no_slope(self.case, tried)

    def _end(self) -> None:
        """Take back what is in doubt, and say what of the updates was not judged."""
        if self.problem:
            self.repairs, self.causes = [], []
        elif not self.repairs:
            self.notes[:] = [NONE_FITS.sub(".", note) for note in self.notes]  # what is in the updates is right, then
            self.notes += [*self.entry.said_of_steps(self.case.meant or self.truth), *corrupted(self.case)]
        tell_lines(self.repairs, self.causes)

    def _leave_out_false_text(self) -> bool:
        """Tell no text of the one cause with which the calls, made once more, do not leave the right gradients.

        Only a text for a line that is made in turns is looked at: that may be right in one of them, and in no other.
        """
        repair, cause = self.repairs[0], self.causes[0]
        change = change_in_turns(self.case, repair, cause)
        is_long = 2 * RECORDED * len(self.tape.steps) > MANY
        if change is None or self.again is None or is_long or (self.assumed is not None and not self.may_rewrite):
            return False
        before = self.case.state()
        self.case.reset(self.case.scale)
        modules = [names for names, _ in self.watch.outer.values()]
        try:
            search = Search(self.case, self.again, self.kind_of_rerun(), modules, (CHANGED,), set(), FEW)
            refuted = search.refutes(cause.file, change)
            self.repeats = search.repeats
        except Exception:  # nothing is known of it, then
            refuted = False
        self.case.restore(before)
        if refuted:
            cause.should_be = None
            cause.certainty = "fits" if cause.certainty == "checked" else cause.certainty
        return refuted

    def _see_what_a_loop_leaves_out(self) -> None:
        """Tell the head of a loop, where it alone keeps some of a list of parameters from their gradients."""
        lacking = without_gradients(self.case, self.entry.lacking)
        if not lacking or self.again is None or self.unsure or self.assumed is not None:
            return
        names, hits = tuple(lacking), list[Hit]()
        modules = [known for known, _ in self.watch.outer.values()]
        tried = self.case, self.again, self.kind_of_rerun(), modules, (CHANGED, NAMED), set[tuple[str, int]](), FEW
        with contextlib.suppress(Exception):  # nothing is known of it, then
            hits = LeftOut(*tried, names=names).run()
        if hits:
            repair, cause = told_of_loop(self.case, hits, list(names), lacking[names[0]])
            self.repairs, self.causes = [repair], [cause]
            self.missing = [parameter for parameter in self.missing if parameter.name not in lacking]
            self.entry.lacking = [parameter for parameter in self.entry.lacking if parameter.name not in lacking]
            self.case = self._case(self.truth)  # with the value that stands for none
        elif not {parameter.name for parameter in self.missing} & lacking.keys():
            self.notes.append(f"No gradient of {listed(list(names))} was made, and none is judged.")

    def _rewrite(self) -> None:
        """Look for a small change of the source that makes all gradients right, where the causes leave room for one."""
        alone = self._is_one_known() and not is_as_named(self.causes[0].file, self.causes[0].line)
        if self.assumed is not None and not self.may_rewrite:
            return
        self.repeats = None
        refuted = alone and self._leave_out_false_text()
        may_be_no_loss = self.entry.doubted and len(self.causes) > MOST_CAUSES
        if self.again is None or may_be_no_loss or (alone and not refuted and not self._is_in_doubt()):
            return
        found, values = self.case.state(), self.case.replay()
        unfinished, names = bool(self.case.wrong(values)), names_with(self.case, self.causes[0])
        self.case.reset(self.case.scale)
        near = {(cause.file, cause.line) for cause in self.causes} | self._lines_of_scale()
        few = alone and not unfinished
        vague, every = is_vague(self.causes[0]), (CHANGED, NAMED, PUT_IN, MADE)
        tiers = every if vague or not few else every[:3] if puts_in(self.causes[0]) else every[:2]
        work = MANY if not few else SOME if vague else FEW
        modules = [names for names, _ in self.watch.outer.values()]
        only_near = self.assumed not in (None, WRITTEN)
        told = None
        try:
            doubted = self.case, self.again, self.kind_of_rerun(), modules
            unknown = any(cause.certainty == "unexplained" or is_of_another_slope(cause) for cause in self.causes)
            misnamed = {(place.file, place.line) for place in self._misnamed()}
            hits = Search(*doubted, every, misnamed, work, True, unknown, self.repeats).run() if misnamed else []
            hits = every_hit = [hit for hit in hits if hit.makes_name]
            if not hits:
                every_hit = Search(*doubted, tiers, near, work, only_near, unknown, self.repeats).run()
                named_so = [hit for hit in every_hit if not hit.spoils_name]
                every_hit = without_needless(of_backward(self.case, named_so if named_so or alone else every_hit))
                own = self.repairs[0], self.causes[0]
                hits = [hit for hit in every_hit if hit.makes_name]
                hits = hits or (rivals_of(self.case, own, every_hit, names) if alone else every_hit)
            told = outcome(self.case, hits) if hits else None
            if alone and told is None:
                admit(self.causes[0], every_hit)
        except Exception as error:  # what was found without it is told all the same
            self.notes.append(f"The search for a change of the source ended early ({type(error).__name__}: {error}).")
        if told is None:
            self.case.restore(found)
        else:
            if alone:
                told[1].kind = kind_with(self.case, told, self.causes[0])
            moves = told[1].kind == "stale-or-updated-weights"  # a whole statement, of which no value in it tells
            if refuted and told[1].line == self.causes[0].line and not moves:
                told[1].kind = self.causes[0].kind  # of one turn the values tell it, though no text
            self.repairs, self.causes = [told[0]], [told[1]]

    def _is_in_doubt(self) -> bool:
        """Whether the one cause can be doubted, by what it says or by what it is said of."""
        cause = self.causes[0]
        scaled = abs(self.case.scale) != 1 or is_gradient_already(self.case, self.repairs[0])
        elsewhere = is_right_elsewhere(self.case, self.repairs[0])
        unsaid = is_as_written(self.repairs[0], cause)
        odd = is_doubtful(cause) or elsewhere or unsaid or bool(self._misnamed())
        return odd or is_of_step(self.case, cause) or (cause.kind in SCALES and scaled)

    def _misnamed(self) -> list[Place]:
        """Where a function that is called as a slope is, and is none, made what is wrong."""
        made = self.case.place_of(self.repairs[0].event.node)
        return [made] if made is not None and is_misnamed(made.file, made.line) else []

    def _lines_of_scale(self) -> set[tuple[str, int]]:
        """Where the gradients end, if some are said to be a number times others: the others may be wrong."""
        if not any(cause.kind in SCALES for cause in self.causes):
            return set()
        steps = (self.case.step_of(final.node) for final in self.finals)
        return {(step.place.file, step.place.line) for step in steps if step.place is not None}

    def _name_kinds(self) -> None:
        """Name the kinds of the causes by the text of their changes, whichever search found them."""
        told = told_once(self.case, list(zip(self.repairs, self.causes, strict=True)))
        self.repairs, self.causes = [repair for repair, _ in told], [cause for _, cause in told]
        for cause, mended in zip(self.causes, self.repairs, strict=True):
            name_kind(self.case, cause)
            tell_where_added(cause)
            tell_in_other_places(self.case, cause, mended)
            tell_push(self.case, cause)
            tell_where_read_early(self.case, cause)
            tell_divided_late(cause)
            tell_where_spread(cause)
            tell_not_begun(cause)
            tell_passed_through(self.case, cause, mended)
            tell_exchanged(self.case, cause, mended)
        if len(self.causes) == 1 and not tell_as_given(self.case, self.causes[0]):
            alone = self._case(self.truth)
            alone.scale, alone.transposed = self.case.scale, self.case.transposed
            repair = tell_before_scaling(alone, self.causes[0], self.repairs[0])
            repair = repair or tell_where_bound(alone, self.causes[0], self.repairs[0].event)
            if repair is not None:
                self.repairs = [repair]
                self.case.apply(repair)
            tell_beside(self.causes[0])

    def _see_renames(self) -> None:
        """Where a gradient is wrong: take lines that only gave values other names for steps, too."""
        known = self.has_renames or self.truth.passing
        truth = with_renames(self.entry, self.case) if not known and self.case.wrong(self.case.replay()) else None
        if truth is not None:
            self.has_renames = True
            self.finals = self.entry.finals
            self.truth = truth
            self.case = self._case(self.truth)

    def _see_rates(self) -> None:
        """Where a gradient is wrong: take steps that each have a rate of their own without it."""
        if self.case.wrong(self.case.replay()) and not self._is_right_by_convention():
            self._take_without_rates()

    def _take_inputs(self) -> None:
        """Where all else is right: judge the gradients of what the block gave to forward, too."""
        if not self.watch.handed_back:
            return
        case, notes = self._case(self.truth), list[str]()
        if is_right_by_convention(case):
            self.finals = [*self.finals, *GivenInputs(case, self.entry, notes).finals()]
            judged = {final.node for final in self.finals}
            self.unsure = [gradient for gradient in self.unsure if gradient[1] not in judged]
            self.notes += notes
            self.case = self._case(self.truth)

    def _take_without_rates(self) -> None:
        found = without_own_rates(self.case)
        if found:
            self.entry.take_without_rates(found)
            self.finals = self.entry.finals
            self.case = self._case(self.truth)

    def _judged(self) -> tuple[list[Repair], list[Cause]]:
        """What is wrong; of a run in float32 the same run in float64 tells, as rounding hides what a step is."""
        if self.tape.is_short() and not self._is_right_by_convention():
            self._make_in_double()
        if self.case.wrong(self.case.replay()) and not self._is_right_by_convention():
            self._leave_out_small_numbers()
        return judged(self.case)

    def _make_in_double(self) -> None:
        assert self.entry.loss is not None
        self.in_double = self.tape.in_double()
        if self.in_double:
            self.notes.append(
                "Your arrays of float32 were computed again in float64, so that no rounding is in the way."
            )
            edits = self.truth.passing or given_in(self.truth)
            truth = truth_of(self.tape, self.entry.loss, edits=edits, note=self.truth.note)
            self.truth = replace(truth, ahead=self.truth.ahead)
            self.case = self._case(self.truth)

    def _is_right_by_convention(self) -> bool:
        """Whether all is right in some convention; the case itself is left as it is."""
        return is_right_by_convention(self._case(self.truth))

    def _leave_out_small_numbers(self) -> None:
        """Judge by the loss without an epsilon in it, where all is right then, or some of it to more digits."""
        truths = list(truths_without(self.case))
        right = next((truth for truth in truths if is_right_by_convention(self._case(truth))), None)
        found = [truth for truth in truths if may_be_meant(self.case, truth, True)] if right is None else [right]
        if found:
            truth = max(found, key=lambda truth: -len(self._case(truth).wrong(self.case.replay())))
            self.truth, self.case = truth, self._case(truth)
            self.notes.append(truth.note)

    def _judge_without_small_numbers(self) -> None:
        """Judge against the loss without an epsilon in it, where that explains what the loss as it is does not."""
        sure = len(self.causes) == 1 and self.causes[0].certainty != "unexplained"
        for truth in truths_without(self.case):
            if not may_be_meant(self.case, truth, sure):
                continue
            case = self._case(truth)
            repairs, causes = judged(case)
            if causes and not case.doubt and difficulty(causes) < difficulty(self.causes):
                self.truth, self.case, self.repairs, self.causes = truth, case, repairs, causes
                self.notes.append(truth.note)
                return

    def _replaced(self) -> tuple[list[Repair], list[Cause]] | None:
        """The parameters that were given their step as their value; none where there are none."""
        found = list(replaced(self.case, self.parameters, self.entry.owners_of_updated()))
        if not found:
            return None
        done = {repair.of for repair, _ in found}
        self.missing = [parameter for parameter in self.missing if parameter.node not in done]
        self.entry.lacking = [parameter for parameter in self.entry.lacking if parameter.node not in done]
        return [repair for repair, _ in found], [as_cause(Region(self.case, r), finding) for r, finding in found]

    def _case(self, truth: Truth) -> Case:
        case = Case(self.tape, truth, self.finals, self._named(), self.watch.arguments, self.watch.returned)
        case.entries, case.calls = self.watch.entries, self.watch.calls
        case.uphill, case.is_assumed = self.entry.uphill, self.assumed is not None
        case.is_minimised = self.entry.is_minimised
        case.grown, case.moved_apart = set(self.entry.grown()), self.entry.moved_apart
        if self.again is not None:
            case.most_played = MOST_AT_FIRST
        return case

    def _named(self) -> list[Event]:
        """The names that values got, and the returns that only hand one on."""
        return [*self.events, *self.watch.handed_on()]

    def difference(self, final: Final) -> float:
        value = self.tape.nodes[final.node].value
        return difference(value, self.truth.cotangents[final.parameter.node])


def difficulty(causes: list[Cause]) -> tuple[int, int, int]:
    """How much a reading of what is wrong asks for: what it leaves unexplained, how many mistakes, which changes."""
    unexplained = sum(cause.certainty == "unexplained" for cause in causes)
    return unexplained, len(causes), sum(cause.weight for cause in causes)
