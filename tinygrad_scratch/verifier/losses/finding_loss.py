"""Which value is the loss, where nobody said: one that they compute, or a well-known one of an output and targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_scratch.verifier.gathering.steps_apart import take_one_step
from tinygrad_scratch.verifier.gathering.told import Gradient
from tinygrad_scratch.verifier.losses.added_up import has_slopes_of_others, terms_of
from tinygrad_scratch.verifier.losses.computed_losses import OF_LOSS
from tinygrad_scratch.verifier.losses.curved_terms import curved_terms
from tinygrad_scratch.verifier.losses.either_way import is_taken_both_ways, is_turned_by_data
from tinygrad_scratch.verifier.losses.from_above import from_above
from tinygrad_scratch.verifier.losses.mixes import Fitting
from tinygrad_scratch.verifier.losses.own_slopes import OwnSlope, slopes_of_their_own
from tinygrad_scratch.verifier.losses.steady_losses import weighs_samples
from tinygrad_scratch.verifier.losses.theirs import TheirLosses
from tinygrad_scratch.verifier.losses.well_known import DRAWN, NOISE
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.penalised import penalty_in
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.truths.losses import Candidate, Played, played

WHOLE_SQUARES = "mean squared error", "squared error"  # their slopes have a 2, which no slip puts in
FEWEST = 3  # entries, of which most tell
LAST_DIGITS = 1e-9
EITHER_WAY = (
    "No loss was found. The updates go uphill on the {}, and the other way for other data: by a number as a reward is, "
    "which belongs to the loss, or in another branch. Set check.loss = ... in the block, to the loss that is meant."
)
ODDLY = (
    "No loss was found: {} is made of the gradients of several calls of one function, by weights that are those of no "
    "sum of their losses. Set check.loss = ... in the block, to the loss that is meant."
)


class FindingLoss(TheirLosses):
    """The loss of a run, by the gradients that fit it."""

    def _find_loss(self) -> str | None:
        """The loss that fits the gradients, if nobody said which it is."""
        finals = self.owners_by(lambda value, parameter: False)[0]
        if self._wanted is not None:
            return self._put_wanted(finals)
        self._take_one_step(finals)
        self._put_totals(self.owners_by(lambda value, parameter: False)[0])
        finals = self.owners_by(lambda value, parameter: False)[0]  # their values have other numbers now
        mine, finals, problem = self._theirs(finals)
        if problem:
            return problem
        if not self.wanted_loss:
            mine = self._without_watched_sizes(mine, finals)
        nodes = sorted({final.parameter.node for final in finals} or {p.node for p in self.parameters})
        self._parents = self.tape.parents()  # gradients may have been worked out of updates meanwhile
        parts = {f.node: penalty_in(self.tape, self._parents, f.node, f.parameter.node, nodes) for f in finals}
        self._penalty = {} if self.wanted_loss else {node: part for node, part in parts.items() if part is not None}
        run = played(self.tape)
        mine = self._without_parts(run, mine, finals)
        run, best = self._with_steps_held(run, self._best_of_theirs(run, mine, finals), mine, finals)
        run, best = self._with_small_numbers_off(run, best, mine, finals)
        run, best = self._with_draws_held(run, best, mine, finals)
        whole = self._of_all_turns(run, mine, finals)
        if whole is not None or (self.wanted_loss and mine):
            return self._choose(*(whole or best or (mine[0], 0, 0, 0)), len(finals))
        mix = self._mixed(run, mine, finals, best[1] if best else 0)
        if self._squares and best and not (best[2] or OF_LOSS.search(best[0].name.lower())):
            best = None  # any number of one output goes with its gradients by a factor
        best = mix or best
        whole = self._with_penalties_beside(best, finals)
        if whole is not None:
            return self._choose(*whole, len(finals))
        if self._is_from_above(run, best, mine, finals):
            return None
        curved = self._of_curved_terms(run, best, mine, finals)
        if curved is not None:
            return self._choose(*curved, len(finals))
        problem = self._find_theirs_or_usual(run, best, mix is not None, mine, finals)
        found = self._fitting_in_entries(run, mine, finals) if problem and not self.goes_either_way else None
        if found is None:
            return problem
        self.loss_name = found.name
        self.notes.append(f"No loss was named: {found.name} is taken; most entries of the gradients fit it.")
        return self._put(found)

    def _of_all_turns(self, run: Played, mine: list[Candidate], finals: list[Final]) -> Fitting | None:
        """The loss to which turns of a loop add, if gradients are of one term, and the slopes of others are made."""
        moving = self.depending_on({final.parameter.node for final in finals})
        for whole in filter(self._is_called_loss, mine if finals else []):
            terms = terms_of(self.tape, whole.node)
            of_backward = [e.node for e in self.watch.events if e.node not in self.all_behind(whole.node)]
            for meant in terms[:1] + terms[-1:]:  # where each turn's gradients take the place of those before
                best = self._best(run, [replace(whole, node=meant.term)], finals)
                others = [added.term for added in terms if added != meant]
                fits_all = best is not None and best[1] == len(finals)
                if fits_all and has_slopes_of_others(run, self.tape, others, moving, of_backward):
                    return self._best(run, [whole], finals) or (whole, 0, 0, 0)
        return None

    def _of_curved_terms(
        self, run: Played, best: Fitting | None, mine: list[Candidate], finals: list[Final]
    ) -> Fitting | None:
        """The sum of a curve of each term of what they call a loss, if all gradients fit that as they are."""
        if not finals or (best is not None and best[2] == len(finals)):
            return None
        behind = self.all_behind(*(final.node for final in finals))
        called = [each for each in mine if self._is_called_loss(each)]
        found = self._best(run, [curve for each in called for curve in curved_terms(self, each, behind)], finals)
        return found if found is not None and found[2] == len(finals) else None

    def _is_from_above(self, run: Played, best: Fitting | None, mine: list[Candidate], finals: list[Final]) -> bool:
        """Whether a gradient from above tells of a layer, where no loss is computed that any gradient fits: take it."""
        if self.wanted_loss or (best is not None and best[1]) or any(map(self._is_called_loss, mine)):
            return False
        known = from_above(self)
        found = self._best(run, [candidate for _, candidate in known], finals)
        named = [(candidate, 0) for told, candidate in known if told]  # where no gradient fits any
        fitting = [(found[0], found[1])] if found is not None and found[1] else named
        if not fitting:
            return False
        taken, fits = fitting[0]
        self.loss_name = taken.name
        self.notes.append(f"No loss was named: {self.loss_name} is taken; {fits} of {len(finals)} gradients fit it.")
        return self._put(taken) is None

    def _find_theirs_or_usual(
        self, run: Played, best: Fitting | None, is_mix: bool, mine: list[Candidate], finals: list[Final]
    ) -> str | None:
        """The best loss of theirs, or a well-known one if more gradients fit that."""
        nodes = sorted({final.parameter.node for final in finals} or {p.node for p in self.parameters})
        named = is_mix or (best is not None and self._is_called_loss(best[0]) and not self._is_only_error(best))
        odd = self._weighed_oddly(run, best[0], mine, finals) if best is not None else ""
        is_theirs = best is not None and (best[2] or (named and not self._is_slope(best)))
        if best is not None and (odd or (best[1] >= max(1, len(finals)) and is_theirs)):
            return ODDLY.format(odd) if odd else self._choose(*best, len(finals))
        usual = self._well_known(nodes, mine, alone=not any(map(self._is_called_loss, mine))) + self._squares
        known = self._best_known(run, usual, finals)
        best = self._but_for_an_error(best, known)
        drawn = next((each for each in usual if self.is_weighed and DRAWN in each.name), None)
        if drawn is not None:
            return self._choose_drawn(run, drawn, known, finals)
        plain = [*(each for each in usual if f" {NOISE} " in each.name), *self._squares]
        if plain and best is None and (known is None or not known[1]):
            return self._choose_unfit(plain[0])
        late = self._penalised_later(run, known, usual, finals) if best is None else None
        best = best or late
        held = [final.parameter.node for final in finals if final.node in self._penalty]
        held = nodes if best is not None and self._is_called_loss(best[0]) else held  # a penalty may be missing in all
        penalises = known is not None and best is not None and self._penalises(run, best[0], known[0], held)
        if late or (penalises and best is not None and not self._is_loss_of_other_data(best[0])):
            known = None
        is_game = best is not None and best[2] > 0 and best[3] == len(finals)  # all fit it as they are, but for signs
        unnamed = best is not None and not named and not is_game
        by_chance = known is not None and not known[3] and best is not None and self._fits_any(known[0], best)
        all_fit = known is not None and known[1] in (known[2], len(finals))
        fits = known[1] + (unnamed or (self._is_slope(best) and all_fit)) if known is not None and known[1] else 0
        is_theirs = best is not None and (best[1] > 0 or named)
        if known is not None and not is_theirs and self._goes_either_way(run, known[0], finals):
            self.goes_either_way = True
            return EITHER_WAY.format(known[0].name)
        if known is not None and not by_chance and fits > (best[1] if best else 0):
            watched = [each for each in mine or self._late if self._is_only_watched(each)]
            watched = [each for each in watched if not self._is_difference(each.node)]
            theirs = self._whole_of([c for c in watched if not self.all_behind(c.node).isdisjoint(nodes)])
            is_of_same = (
                theirs is not None
                and self._is_of_same_data(theirs.node, known[0].outputs)
                and not self._is_loss_of_other_data(theirs)
            )
            self.other_node = theirs.node if theirs and is_of_same else None  # by no other they can be judged
            of_logs = theirs is not None and self.is_made_of_logarithms(theirs.node)
            is_square = of_logs and known[0].name.startswith(WHOLE_SQUARES) and known[2] == len(finals)
            self.is_slip = not is_square and (
                any(self._is_slip(known[0], other) for other in usual)
                or (theirs is not None and self._is_of_another_entry(known[0], theirs))
                or (theirs is not None and weighs_samples(self.tape, run, known[0], theirs, finals))
            )
            self.is_derived = theirs is not None and is_of_same and self._is_derived_from(theirs, known[0])
            problem = self._choose(self._penalised(known[0], run, finals), *known[1:], len(finals))
            self._tell_of_theirs(theirs.name if theirs else None, best[1] if best else 0, len(finals))
            return problem
        if best is not None:
            own = self._of_own_slope(run, best[0], finals) if not best[1] else None
            if own is None and not best[1]:
                best = self._of_samples_taken(best[0], finals) or best
            return self._choose(*best, len(finals)) if own is None else self._choose_own(*own, best[0], len(finals))
        if self.wanted_loss:
            return (
                f"No gradient fits the {self.wanted_loss} of an output and targets of yours, so it is not clear which "
                "of them are meant. Give the value a name, loss = ..., and name that one: --loss loss."
            )
        return self._last_resort(finals)

    def _fitting_in_entries(self, run: Played, mine: list[Candidate], finals: list[Final]) -> Candidate | None:
        """The well-known loss that most entries of each row of weights are the gradient of, as all but the intercept's.

        Where it is few entries, a penalty may be what the others are right by.
        """
        nodes = [final.parameter.node for final in finals]
        if not nodes or self.wanted_loss or any(self._value(node).ndim != 1 for node in nodes):
            return None
        for candidate in self._well_known(nodes, mine, alone=True):
            true = run.gradients(candidate, nodes) or []
            pairs = zip(finals, true, strict=False)
            if true and all(are_mostly_right(f.direction * self._value(f.node), wanted) for f, wanted in pairs):
                return candidate
        return None

    def _but_for_an_error(self, best: Fitting | None, known: Fitting | None) -> Fitting | None:
        """The best loss of theirs: no mere error, though gradients are multiples of its own, where no other fits."""
        is_error = best is not None and not (known and known[1]) and self._is_only_error(best)
        return None if is_error else best

    def _is_only_error(self, best: Fitting) -> bool:
        """Whether what is called a loss is the error of one output, of which gradients are multiples, as of a slope."""
        candidate, _, exact, _ = best
        return candidate.function is None and not exact and self._is_difference(candidate.node)

    def _is_slope(self, best: Fitting | None) -> bool:
        """Whether the best loss of theirs goes into the gradients, and only so fits them, by its own factor."""
        return best is not None and not best[2] and self._is_in_gradients(best[0])

    def _of_own_slope(self, run: Played, theirs: Candidate, finals: list[Final]) -> tuple[Fitting, OwnSlope] | None:
        """A loss that nobody computes, which all gradients fit by the slope that they are made of."""
        nodes = [final.parameter.node for final in finals]
        for slope in slopes_of_their_own(self, theirs.node, nodes, [final.node for final in finals]):
            best = self._best(run, [slope.candidate], finals)
            if best is not None and best[2] == len(finals):
                return best, slope
        return None

    def _before_clipping(self, gradients: list[Gradient]) -> list[Gradient]:
        raise NotImplementedError

    def _take_one_step(self, finals: list[Final]) -> None:
        """Leave one step to be judged, where there are several by losses of their own."""
        self._of_others = take_one_step(self, finals)
        self._parents = self.tape.parents()
        if self._of_others and not self.given:
            self._read_updates_again()

    def _read_updates_again(self) -> None:
        """Read the gradients of one step: each step has a rate of its own, which all its updates take."""
        known, before = dict(vars(self)), list(self.notes)
        self._updates = {}
        gradients = self._before_clipping(self._gradients())
        if {p.node for p, _ in self._updates.values()} == {p.node for p, _ in known["_updates"].values()}:
            self.gradients = gradients
        else:
            vars(self).update(known)
        self.notes[:] = before
        self._parents = self.tape.parents()

    def _last_resort(self, finals: list[Final]) -> str | None:
        """What is called a loss and was computed after the update, where no gradient fits any; else what is asked."""
        if self._apart:  # it will be told that these don't depend on the parameters
            return self._choose(self._apart[0], 0, 0, 0, len(finals))
        nodes = [final.node for final in finals]
        late = [each for each in self._late if self._is_called_loss(each)] if self._data_behind(nodes) else []
        alone = next((each for each in late if self._is_of_same_data(each.node, nodes)), None)
        if alone is not None:
            return self._choose(alone, 0, 0, 0, len(finals))
        return (
            "No loss was found. Set check.loss = ... in the block, to the value that NumPy computed, or "
            "say which it is: "
            'check.loss_is("mean squared error", output, targets).'
        )

    def _goes_either_way(self, run: Played, candidate: Candidate, finals: list[Final]) -> bool:
        """Whether all updates go uphill on a loss that nobody computed, and would not for other data."""
        true = run.gradients(candidate, [final.parameter.node for final in finals])
        changes = [self._change_of(final) for final in finals]
        if true is None or None in changes or not changes:
            return False
        steps = [(change, final) for change, final in zip(changes, finals, strict=True) if change is not None]
        pairs = [(sign * self._value(n), of) for ((n, sign), _), of in zip(steps, true, strict=True)]
        if not all(np.size(step) == np.size(of) and np.vdot(step, of) < 0 for step, of in pairs):
            return False
        forward = self.all_behind(*candidate.outputs)
        return any(
            is_turned_by_data(self.tape, node, self.depending_on({final.parameter.node}), forward)
            or is_taken_both_ways(self.tape.steps[self.tape.nodes[self._made[final.node]].step])
            for (node, _), final in steps
        )

    def _penalised_later(
        self, run: Played, known: Fitting | None, usual: list[Candidate], finals: list[Final]
    ) -> Fitting | None:
        """A loss of theirs, computed after the update, that is a well-known one of the same output with a penalty."""
        nodes = [final.parameter.node for final in finals]
        parts = [part for part in usual if known is not None and part.node == known[0].node]
        late = (each for each in self._late if any(self._penalises(run, each, part, nodes) for part in parts))
        return next(((each, 0, 0, 0) for each in late), None)

    def is_moved_by_data(self) -> bool:
        """Whether an update was made of more than the parameters, and is not only what centres or scales these."""
        return bool(self._data_behind(node for _, node in self.gradients))


def are_mostly_right(mine: Array, wanted: Array) -> bool:
    """Whether more than half of the entries of a row are right to the last digits, and not by being nought."""
    if mine.shape != wanted.shape or mine.size < FEWEST or not np.all(np.isfinite(wanted)):
        return False
    is_right = (np.abs(mine - wanted) <= LAST_DIGITS * np.max(np.abs(wanted))) & (wanted != 0)
    return 2 * int(is_right.sum()) > mine.size
