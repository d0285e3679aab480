"""Which value is the loss, where nobody said: one that they compute, or a well-known one of an output and targets."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from tinygrad_scratch.verifier.gathering.owners import is_multiple
from tinygrad_scratch.verifier.gathering.steps_apart import take_one_step
from tinygrad_scratch.verifier.gathering.told import PRINTED, UNNAMED, Gradient, own, told_by_line
from tinygrad_scratch.verifier.gathering.whole_steps import parts_of
from tinygrad_scratch.verifier.losses.ahead import steps_ahead
from tinygrad_scratch.verifier.losses.computed_losses import OF_LOSS, one_factor
from tinygrad_scratch.verifier.losses.drawn_samples import samples_taken
from tinygrad_scratch.verifier.losses.either_way import is_taken_both_ways, is_turned_by_data
from tinygrad_scratch.verifier.losses.from_above import from_above
from tinygrad_scratch.verifier.losses.held_penalties import HeldPenalties
from tinygrad_scratch.verifier.losses.mixes import Fitting
from tinygrad_scratch.verifier.losses.other_weights import looked_ahead, running_copy
from tinygrad_scratch.verifier.losses.own_slopes import OwnSlope, slopes_of_their_own
from tinygrad_scratch.verifier.losses.sizes_watched import squares_watched
from tinygrad_scratch.verifier.losses.steady_losses import Elsewhere, weighs_samples
from tinygrad_scratch.verifier.losses.well_known import DRAWN
from tinygrad_scratch.verifier.meant.self_made_targets import Given
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.penalised import ADDING, adds_penalty, beside_kinks, penalty_in, without_data
from tinygrad_scratch.verifier.pairs.update_steps import is_square, literals_of, shrunk, within
from tinygrad_scratch.verifier.pairs.updates import Decay
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close, is_varied
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.steps import Array, Step, ancestors
from tinygrad_scratch.verifier.recording.tape import copy
from tinygrad_scratch.verifier.truths.losses import (
    LOSSES,
    OF_PIECES,
    Candidate,
    KnownLoss,
    Played,
    fit,
    is_loss_name,
    is_made_large,
    keeping_off,
    known_name,
    played,
)
from tinygrad_scratch.verifier.truths.made_again import made_again
from tinygrad_scratch.verifier.truths.totals import (
    PLACE_IN_LIST,
    average,
    is_averaged,
    never_added_up,
    only_watched,
    total,
    whole,
)

MOST_MADE_AGAIN = 4
MOST_PARTS = 8
MOST_TERMS = 200  # of a sum
WHOLE_SQUARES = "mean squared error", "squared error"  # their slopes have a 2, which no slip puts in
EITHER_WAY = (
    "No loss was found. The updates go uphill on the {}, and the other way for other data: by a number as a reward is, "
    "which belongs to the loss, or in another branch. Set check.loss = ... in the block, to the loss that is meant."
)
ODDLY = (
    "No loss was found: {} is made of the gradients of several calls of one function, by weights that are those of no "
    "sum of their losses. Set check.loss = ... in the block, to the loss that is meant."
)


class FindingLoss(HeldPenalties):
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
        if self.wanted_loss and mine:
            return self._choose(*(best or (mine[0], 0, 0, 0)), len(finals))
        mix = self._mixed(run, mine, finals, best[1] if best else 0)
        if self._squares and best and not (best[2] or OF_LOSS.search(best[0].name.lower())):
            best = None  # any number of one output goes with its gradients by a factor
        best = mix or best
        whole = self._with_penalties_beside(best, finals)
        if whole is not None:
            return self._choose(*whole, len(finals))
        if self._is_from_above(run, best, mine, finals):
            return None
        return self._find_theirs_or_usual(run, best, mix is not None, mine, finals)

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
        named = is_mix or (best is not None and self._is_called_loss(best[0]))
        odd = self._weighed_oddly(run, best[0], mine, finals) if best is not None else ""
        is_theirs = best is not None and (best[2] or (named and not self._is_slope(best)))
        if best is not None and (odd or (best[1] >= max(1, len(finals)) and is_theirs)):
            return ODDLY.format(odd) if odd else self._choose(*best, len(finals))
        usual = self._well_known(nodes, mine, alone=not any(map(self._is_called_loss, mine))) + self._squares
        known = self._best_known(run, usual, finals)
        drawn = next((each for each in usual if self.is_weighed and DRAWN in each.name), None)
        if drawn is not None:
            return self._choose_drawn(run, drawn, known, finals)
        if self._squares and best is None and (known is None or not known[1]):
            self.loss_name = self._squares[0].name
            self.notes.append(f"No loss was named: {self.loss_name} is taken, and no gradient fits it.")
            return self._put(self._squares[0])
        late = self._penalised_later(run, known, usual, finals) if best is None else None
        best = best or late
        held = [final.parameter.node for final in finals if final.node in self._penalty]
        held = nodes if best is not None and self._is_called_loss(best[0]) else held  # a penalty may be missing in all
        if known is not None and best is not None and (late or self._penalises(run, best[0], known[0], held)):
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
            theirs = self._whole_of([c for c in watched if not self.all_behind(c.node).isdisjoint(nodes)])
            is_of_same = theirs is not None and self._is_of_same_data(theirs.node, known[0].outputs)
            self.other_node = theirs.node if theirs and is_of_same else None  # by no other they can be judged
            of_logs = theirs is not None and self.is_made_of_logarithms(theirs.node)
            is_square = of_logs and known[0].name.startswith(WHOLE_SQUARES) and known[2] == len(finals)
            self.is_slip = not is_square and (
                any(self._is_slip(known[0], other) for other in usual)
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

    def _choose_drawn(self, run: Played, drawn: Candidate, known: Fitting | None, finals: list[Final]) -> str | None:
        """The chances of what was drawn as the loss, where each step is by one of them, times a number of its own.

        If these are not said to be rewards, they may be costs: then the steps go uphill on purpose.
        """
        true = run.gradients(drawn, [final.parameter.node for final in finals]) or []
        steps = [final.direction * self._value(final.node) for final in finals]
        uphill = (np.vdot(step, of) < 0 for step, of in zip(steps, true, strict=False) if step.size == of.size)
        if not self.is_rewarded and all(uphill):
            self.goes_either_way = True
            return EITHER_WAY.format(drawn.name)
        if known is not None and known[0] is drawn and known[1]:
            return self._choose(*known, len(finals))
        self.rests_on_little = True  # the steps may be by another score than that of the chances
        self.loss_name = drawn.name
        self.notes.append(f"No loss was named: {self.loss_name} is taken, and no gradient fits it.")
        return self._put(drawn)

    def _is_slope(self, best: Fitting | None) -> bool:
        """Whether the best loss of theirs goes into the gradients, and only so fits them, by its own factor."""
        return best is not None and not best[2] and self._is_in_gradients(best[0])

    def _is_in_gradients(self, candidate: Candidate) -> bool:
        """Whether gradients are made of a number, as of an error or of the slope of a loss that has its name."""
        return candidate.node in self.all_behind(*(node for _, node in self.gradients))

    def _is_square_in_gradients(self, candidate: Candidate) -> bool:
        """Whether a number that is only watched is a square of what gradients are made of, or a sum of such."""
        behind = self.all_behind(*(node for _, node in self.gradients))
        step = self.tape.steps[self.tape.nodes[candidate.node].step]
        while step.reads and is_sum_or_multiple(step):
            step = self.tape.steps[self.tape.nodes[step.reads[0]].step]
        return candidate.node not in behind and is_square(step) and behind.issuperset(step.reads)

    def is_made_of_logarithms(self, loss: int) -> bool:
        """Whether a loss that they compute has a logarithm in it, as a cross-entropy has."""
        behind = ancestors(self.tape.parents(), [loss])  # calls may have been put on the tape since
        made = (self.tape.steps[self.tape.nodes[node].step] for node in behind)
        return any(name_of(step.function).startswith("log") for step in made)

    def _of_own_slope(self, run: Played, theirs: Candidate, finals: list[Final]) -> tuple[Fitting, OwnSlope] | None:
        """A loss that nobody computes, which all gradients fit by the slope that they are made of."""
        nodes = [final.parameter.node for final in finals]
        for slope in slopes_of_their_own(self, theirs.node, nodes, [final.node for final in finals]):
            best = self._best(run, [slope.candidate], finals)
            if best is not None and best[2] == len(finals):
                return best, slope
        return None

    def _choose_own(self, best: Fitting, slope: OwnSlope, theirs: Candidate, count: int) -> str | None:
        """Take a loss that has the slope which they wrote, and say so: the slope itself is judged by nothing."""
        self.own_slope, self.other_node, self.other_loss = slope.event.short, theirs.node, theirs.name
        before, problem = list(self.notes), self._choose(*best, count)
        self.notes[:] = [
            *before,
            f"No loss was named, and no gradient fits your {theirs.name}. They are judged from {slope.event.short} on, "
            f"line {slope.event.place.line}, as the slope of a loss that you don't compute: {slope.alien} is in none "
            f"that you do. If {theirs.name} is the one to judge by, say so: check.loss = ... in a block, or "
            f"--loss {theirs.name} for a script.",
        ]
        return problem

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

    def _put_totals(self, finals: list[Final]) -> None:
        """Put the sum of losses that a loop computes one a turn, and never adds up, on the tape, under their name.

        Of a mean of them that is computed later, it is the mean. So is the sum of several that stand in one array.
        """
        asked = self.wanted_loss
        events = [*self.watch.events, *self.watch.returned]
        named = [e for e in events if (own(e.name) == asked if asked else self.is_named_as_loss(e.name, e.node))]
        made_of = self.all_behind(*(node for _, node in self.gradients))
        losses = [e for e in named if e.node not in made_of]  # an error is a difference, of which gradients are made
        later = {node for final in finals for node in self.updated_values(final.parameter)}
        later |= {node for _, node in self.gradients}
        parameters = {p.node for p in ([final.parameter for final in finals] or self.parameters)}
        found = never_added_up(self.tape, losses, parameters, later)
        while found:
            turns, *found = found
            last, nodes = turns[-1], tuple(event.node for event in turns)
            way, function = ("mean", average) if is_averaged(self.tape, nodes) else ("sum", total)
            node, moved = self.tape.insert(self.tape.nodes[max(nodes)].step, function, nodes)
            self.renumber(moved)
            found = [[replace(event, node=moved(event.node)) for event in others] for others in found]
            name = PLACE_IN_LIST.sub("", last.name)
            self.watch.events.append(replace(last, name=name, node=node))
            self._totals[node] = f"the {way} of {own(name)} in {len(turns)} turns"
        alone = any(self.tape.nodes[event.node].value.size == 1 for event in named)
        if not (asked or alone or self._totals):
            self._put_sum_of_several([event for event in losses if OF_LOSS.search(event.short.lower())], later)

    def _put_sum_of_several(self, losses: list[Event], later: set[int]) -> None:
        """Put the sum of several losses in one array that nothing reads on the tape; of samples, others are tried."""
        watched = only_watched(self.tape, losses)
        if watched is None or not later.isdisjoint(self.all_behind(watched.node)):
            return
        lengths = [{*self._value(node).shape} for node in self._data_behind([watched.node])]
        if lengths and self._value(watched.node).size not in set.intersection(*lengths):
            node, moved = self.tape.insert(self.tape.nodes[watched.node].step, whole, (watched.node,))
            self.renumber(moved)
            self.watch.events.append(replace(watched, node=node))
            self._totals[node] = f"the sum of {own(watched.name)}"

    def _penalised_later(
        self, run: Played, known: Fitting | None, usual: list[Candidate], finals: list[Final]
    ) -> Fitting | None:
        """A loss of theirs, computed after the update, that is a well-known one of the same output with a penalty."""
        nodes = [final.parameter.node for final in finals]
        parts = [part for part in usual if known is not None and part.node == known[0].node]
        late = (each for each in self._late if any(self._penalises(run, each, part, nodes) for part in parts))
        return next(((each, 0, 0, 0) for each in late), None)

    def _is_loss_of_other_data(self, candidate: Candidate) -> bool:
        """Whether a loss was made of no data that any gradient was made of, as that of a validation set."""
        mine, theirs = self._data_behind([candidate.node]), self._data_behind(node for _, node in self.gradients)
        return bool(mine) and bool(theirs) and mine.isdisjoint(theirs)

    def _is_of_same_data(self, loss: int, nodes: Iterable[int]) -> bool:
        """Whether a loss was made of all the data that others were made of, as gradients or an output."""
        return self._data_behind(nodes) <= self._data_behind([loss])

    def _data_behind(self, nodes: Iterable[int]) -> set[int]:
        """The arrays from outside that values were made of, other than by way of the parameters."""
        asked = [parameter for parameter in self.parameters if parameter.asked] or self.parameters
        trained = {parameter.node for parameter in asked}  # others may be data
        behind = ancestors(self._parents, nodes, until=trained) - trained
        steps, held = self.tape.steps, self.tape.nodes
        return {n for n in behind if held[n].value.size > 1 and steps[held[n].step].function is None}

    def _theirs(self, finals: list[Final]) -> tuple[list[Candidate], list[Final], str | None]:
        """What they compute that may be the loss, with the gradients; or why what was named can't be."""
        mine = self._wanted_value() if self.wanted_loss else self._computed()
        if self.wanted_loss and not mine:  # a variable of theirs may be called as a well-known loss is
            self.wanted_loss = known_name(self.wanted_loss)
        if self.wanted_loss and not mine and self.wanted_loss not in LOSSES:
            problem = (
                f"No value called {self.wanted_loss} depends on a parameter. Name the variable that holds "
                f"the loss, or one of: {', '.join(LOSSES)}."
            )
            return [], finals, problem
        mine = mine if self.wanted_loss else self._without_what_is_shrunk(mine, finals)
        wholes = self._penalised_after(mine, finals) if not self.wanted_loss else []
        again: list[Candidate] = []
        if wholes:
            again, finals = self._made_again(wholes, finals)
            mine = self._computed()
        ends = self._ends_of(finals)
        mine = self._of_data(mine, finals) if not self.wanted_loss else mine
        late = [candidate for candidate in mine if finals and ends <= self.all_behind(candidate.node)]
        early = [candidate for candidate in mine if candidate not in late]
        trained = {final.parameter.node for final in finals}
        of_them = [each for each in early if not trained.isdisjoint(self.all_behind(each.node))]
        early = [e for e in early if e.name != UNNAMED or ends.isdisjoint(self.all_behind(e.node))]
        if finals and not self.wanted_loss:  # the others are losses of the weights of turns before
            self._apart = [] if of_them else sorted(early, key=lambda each: not self._is_called_loss(each))
            early = [each for each in early if each in of_them]
        mine = [*again, *early]
        if mine or not late:
            return mine, finals, None
        mine, finals = self._made_again(late, finals)
        problem = (
            f"{self.wanted_loss} was computed from weights that the gradients had already updated, and none fits it "
            "at the weights before. Compute it before the update."
        )
        return mine, finals, problem if self.wanted_loss and not mine else None

    def is_moved_by_data(self) -> bool:
        """Whether an update was made of more than the parameters, and is not only what centres or scales these."""
        return bool(self._data_behind(node for _, node in self.gradients))

    def _without_watched_sizes(self, losses: list[Candidate], finals: list[Final]) -> list[Candidate]:
        """Losses without the sums of sizes of an error that gradients are made of, unless one is called a loss."""
        weak = [each for each in losses if not OF_LOSS.search(each.name.lower())]
        found = list(squares_watched(self, weak, [final.node for final in finals]))
        self._squares = [squares for _, squares in found]
        watched = {sizes.node for sizes, _ in found}
        names = {sizes.name for sizes, _ in found} - {UNNAMED}  # so are those of turns before
        return [each for each in losses if each.node not in watched and each.name not in names]

    def _without_what_is_shrunk(self, losses: list[Candidate], finals: list[Final]) -> list[Candidate]:
        """Losses without the penalties with a kink, where a proximal step goes on from an update: it sees to these."""
        if not self._is_any_shrunk(finals):
            return losses
        free = without_data(self.tape, self._parents, sorted({f.parameter.node for f in finals} | self._after(finals)))
        found: dict[int, Candidate] = {}
        for each in losses:
            node = beside_kinks(self.tape, each.node, free)
            name = next((own(e.name) for e in self.watch.events if e.node == node and is_loss_name(e.name)), each.name)
            found.setdefault(node, each if node == each.node else replace(each, node=node, name=name))
            if node != each.node and not self._without_kinks:
                self._without_kinks = True
                self.notes.append("A proximal step sees to a penalty: the loss is taken without that.")
        return list(found.values())

    def _is_any_shrunk(self, finals: list[Final]) -> bool:
        """Whether a proximal step goes on from the update of a parameter."""
        made = (self.tape.steps[self.tape.nodes[node].step] for node in self._after(finals))
        return any(shrunk(self.tape, step) is not None for step in made)

    def _of_data(self, losses: list[Candidate], finals: list[Final]) -> list[Candidate]:
        """The losses but for mere penalties, of weights before an update or after it; these if there are no others."""
        weights = sorted({f.parameter.node for f in finals} | self._after(finals))
        return self._but_for(without_data(self.tape, self._parents, weights), losses)

    def _but_for(self, free: set[int], losses: list[Candidate]) -> list[Candidate]:
        """The losses but for those without data; all, where what is called one has numbers alone for data."""
        of_data = [each for each in losses if each.node not in free]
        lost = any(map(self._is_called_loss, losses)) and not any(map(self._is_called_loss, of_data))
        return losses if lost or not of_data else of_data

    def _after(self, finals: list[Final]) -> set[int]:
        """What updates made of the parameters."""
        return {node for final in finals for node in self.updated_values(final.parameter)}

    def _ends_of(self, finals: list[Final]) -> set[int]:
        """The gradients; of one that was worked out of an update, what that took off."""
        return {self.changes.get(final.node, final.node) for final in finals}

    def _penalised_after(self, losses: list[Candidate], finals: list[Final]) -> list[Candidate]:
        """Those that are another one, computed before the update, with a penalty of the weights after it.

        Of what was computed before it, only the penalty has to be told apart: the rest may have no name.
        """
        ends = self._ends_of(finals)
        before = {each.node for each in losses if ends.isdisjoint(self.all_behind(each.node))}
        later = [each for each in losses if each.node not in before]
        free = without_data(self.tape, self._parents, sorted(self._after(finals))) if later else set[int]()
        return [
            each
            for each in later
            if not before.isdisjoint(self.all_behind(each.node)) or self._is_sum_with(each.node, free, ends)
        ]

    def _is_sum_with(self, loss: int, penalties: set[int], ends: set[int]) -> bool:
        """Whether a number is a sum of penalties of updated weights, and of what no gradient went into."""
        waiting, found, seen = [loss], set[bool](), set[int]()
        while waiting and len(seen) < MOST_TERMS:
            node = waiting.pop()
            step = self.tape.steps[self.tape.nodes[node].step]
            if node in seen:
                continue
            seen.add(node)
            is_early, is_penalty = ends.isdisjoint(self.all_behind(node)), node in penalties
            if is_early or is_penalty:
                found |= set() if self._value(node).ndim == 0 and is_early and step.function is None else {is_early}
            elif name_of(step.function) in ADDING:
                waiting += step.reads
            else:
                return False
        return not waiting and found == {True, False}

    def _updates_behind(self, parameter: Parameter, losses: list[int], point: int) -> list[tuple[int, int]]:
        """What losses read of a parameter after its update, each with what it was before, or with a `point` ahead.

        A view that was kept, as of the transpose of tied weights, is another array that is updated at once.
        """
        nodes, behind = self.tape.nodes, self.all_behind(*losses)
        updated, shape = self.updated_values(parameter), parameter.recorded.shape
        last = max((node for node in updated & behind if nodes[node].value.shape == shape), default=None)
        found = [] if last is None else [(running_copy(self.tape, last, max(losses)), point)]
        made = {other for node in updated for other in self.tape.steps[nodes[node].step].makes} - updated
        made |= {node for node in updated if nodes[node].value.shape != shape}
        for slot in {nodes[node].slot for node in made & behind}:
            own = [node.number for node in nodes if node.slot == slot]
            now = max(behind.intersection(own))
            before = [node for node in own if nodes[node].step < min(nodes[n].step for n in made.intersection(own))]
            found += [(now, before[-1])] if before else []
        return found

    def _made_again(self, late: list[Candidate], finals: list[Final]) -> tuple[list[Candidate], list[Final]]:
        """A loss that was computed after an update, as it is of the weights before it, and the gradients that fit it.

        None where none do: then it may be one of other data, as where a network is tried out after each step. Of two
        that as many fit it is the whole, and not what goes into it.
        """
        named = ([each for each in late if each.name != UNNAMED] or late)[:MOST_MADE_AGAIN]
        parts = {e.node for e in named for other in named if e.node in self.all_behind(other.node) - {other.node}}
        losses = [candidate.node for candidate in named]
        copies: list[tuple[int, int]] = []
        points = {
            f.parameter: looked_ahead(self.tape, f.node, f.parameter.node, self._made.get(f.node)) for f in finals
        }
        is_ahead = any(point != parameter.node for parameter, point in points.items())
        for final in finals if named else ():
            waiting = self._updates_behind(final.parameter, losses, points[final.parameter])
            while waiting:
                (updated, first), *waiting = waiting
                before, moved = self.tape.insert(self.tape.nodes[first].step, copy, (first,))
                self.renumber(moved)
                losses, waiting = [moved(node) for node in losses], [(moved(old), moved(new)) for old, new in waiting]
                points = {parameter: moved(point) for parameter, point in points.items()}
                copies = [(moved(old), moved(new)) for old, new in copies] + [(moved(updated), before)]
        again = [made_again(self.tape, node, dict(copies)) for node in losses] if copies else []
        if any(node is not None for node in again):  # what leaves later went into no loss
            first = max(self.tape.nodes[node].step for node in losses)
            self.tape.leaks = [leak for leak in self.tape.leaks if leak.time <= first]
        self._parents = self.tape.parents()
        finals = self.owners_by(lambda value, parameter: False)[0]  # their values have other numbers now
        found = [(each, replace(each, node=n)) for each, n in zip(named, again, strict=False) if n is not None]
        made = [late for _, late in found]
        wholes = [late for each, late in found if each.node not in parts]
        run = played(self.tape) if made else None
        best, whole = (self._best(run, each, finals) if run is not None else None for each in (made, wholes))
        if best is not None and whole is not None and whole[1:3] >= best[1:3]:
            best = whole
        if best is None or not (best[1] or self.judged_by):
            self._late = made
            return [], finals
        of = losses[again.index(best[0].node)]
        self.watch.events += [replace(event, node=best[0].node) for event in self.watch.events if event.node == of]
        name = self._name_of(best[0])
        of_which = "that look ahead" if is_ahead else "before"
        self.notes.append(f"{name} was computed after the update, and is taken as it is of the weights {of_which}.")
        return [best[0]], finals

    def _of_samples_taken(self, theirs: Candidate, finals: list[Final]) -> Fitting | None:
        """A loss that is watched on all samples, made again of those alone that the gradients were made of."""
        trained = {final.parameter.node for final in finals}
        ends = self._ends_of(finals)
        behind = [ancestors(self._parents, nodes, until=trained) - trained for nodes in ([theirs.node], ends)]
        taken = samples_taken(self.tape, *behind)
        if not taken:
            return None
        put_back, loss, held = self.kept(), theirs.node, dict[int, int]()
        for parameter in sorted(trained):
            first = parameter + len(held)  # each copy moves the values after it
            before, moved = self.tape.insert(self.tape.nodes[first].step, copy, (first,))
            self.renumber(moved)
            loss, taken = moved(loss), {moved(whole): moved(part) for whole, part in taken.items()}
            held = {moved(old): moved(new) for old, new in held.items()} | {first: before}
        made = None
        with contextlib.suppress(Exception):  # a call that holds for as many samples alone
            made = made_again(self.tape, loss, taken | held)
        if made is None:
            put_back()
            return None
        self._parents = self.tape.parents()
        self.watch.events += [replace(event, node=made) for event in self.watch.events if event.node == loss]
        candidate, run = replace(theirs, node=made), played(self.tape)
        finals = self.owners_by(lambda value, parameter: False)[0]  # their values have other numbers now
        self.notes.append(f"Your {theirs.name} is of all samples: it is taken as it is of those of the gradients.")
        return self._best(run, [candidate], finals) or (candidate, 0, 0, 0)

    def _tell_of_theirs(self, theirs: str | None, fitting: int, count: int) -> None:
        """They compute a loss, and the gradients are those of another one: a mistake, or it is only for the log."""
        if theirs is not None:
            self.other_loss = theirs.removeprefix("the ")
            name = theirs.removesuffix("()")
            how = "give it a name, loss = ..., and say --loss loss" if theirs == PRINTED else f"--loss {name}"
            self.notes.append(
                f"Your {self.other_loss} is another loss: {fitting} of {count} gradients fit it. If it is the one to "
                f"judge by, say so: check.loss = ... in a block, or {how} for a script."
            )

    def _wanted_value(self) -> list[Candidate]:
        """The values under the name that was given for the loss, that of a variable or of the function returning it.

        The last one first, as in `last_first`.
        """
        reached = self.depending_on({p.node for p in self.parameters})
        events = [
            *((e.node, {e.name, e.short, own(e.name), told_by_line(e)}) for e in self.watch.events),
            *((event.node, {event.name, event.name.removesuffix("()")}) for event in self.watch.returned),
        ]
        nodes = [node for node, names in events if self.wanted_loss in names]
        reached -= self._of_others
        return [Candidate(str(self.wanted_loss), node) for node in dict.fromkeys(nodes[::-1]) if node in reached]

    def _put_wanted(self, finals: list[Final]) -> str | None:
        """The named loss, of the output as it was when the gradients fit best; of two, as it was first."""
        assert self._wanted is not None
        name, function, nodes, target = self._wanted
        returned = [event.node for event in self.watch.returned if event.node in nodes]
        nodes = list(dict.fromkeys([*returned[:1], *nodes[::-1]]))
        candidates = [Candidate(name, node, function, target) for node in nodes]
        best = self._best(played(self.tape), candidates, finals) if len(candidates) > 1 else None
        return self._put(best[0] if best is not None else candidates[0])

    def _without_parts(self, run: Played, mine: list[Candidate], finals: list[Final]) -> list[Candidate]:
        """Without penalties alone, and the losses to which another one of theirs adds one.

        That is one that gradients hold, or that goes under the name of the loss, or that makes a whole of what is part
        of nothing else, where nothing but gradients moves the parameters: then it is missing in them.
        """
        nodes = [f.parameter.node for f in finals] or [parameter.node for parameter in self.parameters]
        free = without_data(self.tape, self._parents, nodes)
        mine = mine if self.wanted_loss else self._but_for(free, mine)
        held = [final.parameter.node for final in finals if final.node in self._penalty]
        behind = {whole.node: self.all_behind(whole.node) - {whole.node} for whole in mine}
        times = Counter(candidate.name for candidate in mine)
        called = {w.node for w in mine if self._is_called_loss(w)}
        wholes = {w.node for w in mine if w.node in called and self._is_only_watched(w)} if len(called) > 1 else set()
        wholes = wholes if wholes and self._are_moved_by_gradients(finals) else set()

        def is_meant(whole: Candidate, part: Candidate) -> bool:
            """Whether a penalty is the loss's, though no gradient holds it."""
            same = whole.name == part.name and times[whole.name] > 1 and whole.node in called
            return same or (whole.node in wholes and part.node in called)

        return [
            part
            for part in mine
            if not any(
                part.node in behind[w.node] and self._penalises(run, w, part, nodes if is_meant(w, part) else held)
                for w in mine
                if held or is_meant(w, part)
            )
        ]

    def _are_moved_by_gradients(self, finals: list[Final]) -> bool:
        """Whether each update takes one number times the gradient off its parameter, and nothing else, as a decay.

        Gradients that are handed over, where no update is in sight, are all that can move them.
        """
        gradients = {node for _, node in self.gradients}  # which may be called as their parameters are
        return all(
            any(
                parts_of(self._value(f.parameter.node) - self._value(after), self._value(f.node))[0] is not None
                for after in self.updated_values(f.parameter)
                if self._value(after).shape == self._value(f.parameter.node).shape
            )
            or (self.given is not None and self.updated_values(f.parameter) <= gradients)
            for f in finals
        )

    def _penalises(self, run: Played, whole: Candidate, part: Candidate, nodes: list[int]) -> bool:
        """Whether one loss, or what is to be made large as a likelihood is, is another one with a penalty.

        That is so whatever keeps an output off from 0.
        """
        if part.function is not None:  # a well-known loss has no such number
            run = self._played_free() or run
        one, other = run.gradients(part, nodes), run.gradients(whole, nodes)
        if other is not None and part.function is not None and is_made_large(whole.name):
            other = [-gradient for gradient in other]
        return one is not None and other is not None and adds_penalty(one, other, [self._value(n) for n in nodes])

    def _best_of_theirs(self, run: Played, mine: list[Candidate], finals: list[Final]) -> Fitting | None:
        """The best of what they compute: what is called a loss and only watched, unless gradients fit others alone."""
        watched = [each for each in mine or self._late if self._is_only_watched(each)]
        best = self._best(run, watched, finals) if watched else None
        if best is not None and best[1]:
            return best
        other = self._best(run, mine, finals)
        if other is not None and not other[1] and self._is_in_gradients(other[0]):
            other = self._best(run, [each for each in mine if self._is_square_in_gradients(each)], finals) or other
        if best is None or other is None or not other[1]:
            return other if best is None else best
        is_any = not other[2] and not self._is_called_loss(other[0])  # all numbers on the way to one loss have a factor
        return best if is_any and self._is_called_loss(best[0]) else other

    def _best_known(self, run: Played, usual: list[Candidate], finals: list[Final]) -> Fitting | None:
        """The best of the well-known losses; of those of one number, only those that gradients fit elsewhere, too.

        So of all, where every parameter begins with the same number throughout: there many losses are alike.
        """
        known = self._best(run, usual, finals)
        alike = not any(is_varied(self._value(final.parameter.node)) for final in finals)
        if known is None or not known[1] or not (alike or self._is_of_one(known[0])):
            return known
        elsewhere = Elsewhere(self.tape, run, finals)
        steady = [each for each in usual if not (alike or self._is_of_one(each)) or elsewhere.is_steady(each)]
        found = self._best(run, steady, finals)
        of_many = alike and not self._is_of_one(known[0])
        return known if of_many and (found is None or not found[1]) else found

    def _with_steps_held(
        self, run: Played, best: Fitting | None, mine: list[Candidate], finals: list[Final]
    ) -> tuple[Played, Fitting | None]:
        """The run, and the best loss in it, where steps ahead count as given, if more gradients fit it then."""
        steps = self.steps_ahead() if (best[1] if best else 0) < len(finals) else {}
        if not steps:
            return run, best
        held = played(self.tape, edits=steps)
        other = self._best_of_theirs(held, mine, finals)
        more = other is not None and other[1:] > (best[1:] if best else (0, 0, 0))
        return (held, other) if more else (run, best)

    def steps_ahead(self, loss: int | None = None) -> dict[int, Given]:
        """The sums by which parameters are moved ahead for a loss, as calls that count what is added as given."""
        asked = [parameter for parameter in self.parameters if parameter.asked]
        updates = {parameter.node: self.updated_values(parameter) for parameter in asked}
        return steps_ahead(self.tape, updates, self._all_names(), loss)

    def _with_small_numbers_off(
        self, run: Played, best: Fitting | None, mine: list[Candidate], finals: list[Final]
    ) -> tuple[Played, Fitting | None]:
        """The run, and the best loss in it, where nothing keeps an output off from 0, if more gradients fit it then."""
        free = self._played_free() if (best[1] if best else 0) < len(finals) else None
        if free is None:
            return run, best
        other = self._best_of_theirs(free, mine, finals)
        more = other is not None and other[1:] > (best[1:] if best else (0, 0, 0))
        return (free, other) if more else (run, best)

    def _played_free(self) -> Played | None:
        """The run where nothing keeps an output off from 0; none where nothing does."""
        keeps_off = keeping_off(self.tape)
        return played(self.tape, keeps_off) if any(map(keeps_off, self.tape.steps)) else None

    def _best(self, run: Played, candidates: list[Candidate], finals: list[Final]) -> Fitting | None:
        """The candidate that most gradients fit: up to one factor, as they are, and but for their sign.

        Of two that as many fit it is the one that they compute, or one that fits the whole of them and no part, or one
        of all samples, or a mean sooner than a sum, or the one that the gradient nearest to the loss fits: a mistake
        spoils what comes after.
        Of the values of one name, the last one is meant that any gradient fits: a penalty may be all that is missing.
        One that went into another of its name is a part of it, unless all gradients as a whole say otherwise.
        """
        found: tuple[Candidate, tuple[int, int, int, int, tuple[int, ...], int, int], list[Array]] | None = None
        steps = self._steps_of(finals)
        nearest = max(range(len(finals)), key=lambda i: self._first_read(finals[i].parameter.node), default=0)
        fitting: set[str] = set()
        seen: dict[str, list[int]] = {}
        for candidate in candidates:
            if candidate.name in fitting:
                continue
            true = run.gradients(candidate, [final.parameter.node for final in finals])
            if true is None:
                continue
            is_part = any(candidate.node in self.all_behind(node) for node in seen.get(candidate.name, ()))
            given = [self._meant(final, wanted, is_part) for final, wanted in zip(finals, true, strict=True)]
            same, exact, but_for_sign, precise = fit(given, true)
            if steps and 0 < same < len(finals) and fit(steps, true)[0] == len(finals):  # some are read with their rate
                same, exact, but_for_sign, precise = fit(steps, true)
            if (is_part and same < len(finals)) or (same and self._is_odd_multiple(candidate, given, true)):
                continue
            if candidate.function is None and candidate.name != UNNAMED:
                seen.setdefault(candidate.name, []).append(candidate.node)
                fitting |= {candidate.name} if same else set()
            near = fit(given[nearest : nearest + 1], true[nearest : nearest + 1])
            of_all = len(candidate.turns)  # samples: one gradient may be that of the last of them alone, by mistake
            wholes = self._wholes_among(given, finals) if candidate.function is None else len(finals)
            named = self._known_in_steps(finals, true) if not exact and same == len(finals) else 0
            key = same, exact + named, wholes, of_all, near[:3], but_for_sign, precise
            unfit = not same and found is not None and UNNAMED not in (candidate.name, found[0].name)
            tied = found is not None and key[:2] == found[1][:2] and (0 < exact < len(finals) or unfit)
            better = self._is_likelier((candidate, true), (found[0], found[2])) if found and tied else None
            if found is not None and same == found[1][0] and (wholes != found[1][2] or 0 < same < len(finals)):
                whole = self._is_whole_meant(candidate, found[0], wholes - found[1][2])
                better = better if whole is None else whole
            if found is None or (key > found[1] if better is None else better):
                found = candidate, key, true
                if precise == wholes == len(finals):
                    break
        return (found[0], *found[1][:2], found[1][5]) if found else None

    def _is_whole_meant(self, one: Candidate, other: Candidate, more: int) -> bool | None:
        """Whether one of two losses is a sum that the other is a part of; None where neither is.

        As many gradients fit both, and `more` of the one are whole ones, and not parts: the sum is meant then. So it is
        where others are right by the part, as by the last sample alone.
        """
        is_first = more > 0 or (more == 0 and other.node in self.all_behind(one.node))
        whole, part = (one, other) if is_first else (other, one)
        computed = whole.function is None and part.function is None
        is_sum = computed and part.node in self.all_behind(whole.node) and self._is_only_watched(whole)
        return whole is one if is_sum else None

    def _wholes_among(self, given: list[Array], finals: list[Final]) -> int:
        """How many gradients are read as they are, and not only a part of them."""
        wholes = (final.direction * self._value(final.node) for final in finals)
        return sum(np.array_equal(mine, whole) for mine, whole in zip(given, wholes, strict=True))

    def _known_in_steps(self, finals: list[Final], true: list[Array]) -> int:
        """How many steps hold the true gradient under a name, if all do: then it is no other multiple of a loss."""
        names = self._all_names()
        known = [f.by == "update" and self._true_within(f.node, of, names) for f, of in zip(finals, true, strict=True)]
        return 0 if None in known or False in known else len(known)

    def _is_odd_multiple(self, candidate: Candidate, given: list[Array], true: list[Array]) -> bool:
        """Whether all gradients are one number times those of the samples of a loop, and that is no size and no rate.

        Then it is what the samples are weighted by, as by a reward, and the same for all of them by chance.
        """
        if not candidate.turns or self._updates:
            return False
        factor = one_factor(given, true)
        sizes = (1.0, 2.0, float(len(candidate.turns)), 2.0 * len(candidate.turns))
        known = [*sizes, *(1 / size for size in sizes)]
        return factor is not None and not any(np.isclose(abs(factor), size) for size in known)

    def _meant(self, final: Final, truth: Array, is_whole: bool = False) -> Array:
        """The value of a gradient; of an update that does more, as with a decay, the part that fits if there is one."""
        if is_whole:
            return self._value(final.node) * final.direction
        value = self._value(final.node)
        step = self.tape.steps[self.tape.nodes[final.node].step]
        right = close(value * final.direction, truth)  # a number less a part of it is a multiple of any other, too
        if final.node in self._penalty and not right and is_multiple(value - self._penalty[final.node], truth):
            value = value - self._penalty[final.node]
        elif (decayed := self._decayed(final)) is not None and is_multiple(decayed, truth):
            value = decayed
        elif final.by == "update" and step.reads and not is_multiple(value, truth):
            nodes = list(islice(self._parts_of_turn(final), MOST_PARTS))
            made = Counter(self._place_of(node) for node in nodes)
            parts = (self._value(node) for node in nodes if made[self._place_of(node)] == 1)  # others add up in a loop
            value = next((part for part in parts if part.size > 1 and is_multiple(part, truth)), value)
        return value * final.direction

    def _parts_of_turn(self, final: Final) -> Iterator[int]:
        """What an update was made of since its parameter was there, each once: a velocity is of turns before."""
        steps, nodes = self.tape.steps, self.tape.nodes
        for node in within(self.tape, final.node):
            if node > final.parameter.node and name_of(steps[nodes[node].step].function) != "copy":
                yield node

    def _decayed(self, final: Final) -> Array | None:
        """The gradient in an update with the decay that stands beside it; None where there is none."""
        decay = self._decays.get(final.node) if final.by == "update" else None
        return decay.whole_value(self.tape, final.node) if decay is not None else None

    def _first_read(self, node: int) -> int:
        return next((step.index for step in self.tape.steps if node in step.reads), 0)

    def _choose(self, candidate: Candidate, same: int, exact: int, but_for_sign: int, count: int) -> str | None:
        fits = exact or same
        factor = "" if exact or not same else ", up to one factor"
        few = self._is_of_pieces(candidate) and (not but_for_sign or 2 * same < count)
        if candidate.function is not None and (not same or few):
            return (
                "No loss was found, and none of the well-known ones fits. Set check.loss = ... in the "
                "block, or say which it is: "
                'check.loss_is("mean squared error", output, targets).'
            )
        given = candidate.function is None and self._is_given_with_gradient(candidate)
        named = given or self._is_called_loss(candidate)
        as_much = exact or 1 < but_for_sign > count / 2  # of a number that is to grow, they go the other way
        alone = candidate.name == UNNAMED and not as_much  # some number that gradients go with, as with an output
        doubtful = alone or (2 * fits < count and not named)
        if candidate.function is None and not self.wanted_loss and doubtful and not self._is_sole(candidate):
            fitting = f"only {fits} of {count} gradients fit it" if fits < count else "gradients fit it up to a factor"
            return no_loss(candidate.name, fitting)
        if candidate.function is None and not (self.wanted_loss or fits) and self._is_loss_of_other_data(candidate):
            return no_loss(candidate.name, "it was computed of other data than the gradients")
        is_searched = candidate.node in self._seen().searched
        of_loss = OF_LOSS.search(candidate.name.lower()) or is_searched or self._is_loss_added_to(candidate.node)
        called = given or (candidate.function is None and of_loss)
        weak = candidate.function is None and not self.wanted_loss and not called
        vague = (
            "" if exact or 0 < same < count else "gradients fit it up to a factor" if same else "no gradient fits it"
        )
        self.doubted = no_loss(candidate.name, vague) if weak and vague else ""
        if self.doubted and self._is_in_gradients(candidate):
            return self.doubted  # it is what gradients are made of, as an error in time is
        self.fits_none = candidate.function is None and not fits
        self.fits_few = candidate.function is not None and 2 * fits < count and not self.wanted_loss
        few = 2 * fits - self.fades < count  # of steps that are traces, half of them is few
        is_bonus = own(candidate.name) == "entropy" and fits < count  # of a policy, beside what is rewarded
        is_little = is_bonus or (not called and (few or fits == count))
        self.rests_on_little = is_little and not self.wanted_loss
        self.loss_name = self._name_of(candidate)
        if candidate.node in self._totals:
            self.loss_name = self._totals[candidate.node]
        begin = "As the loss," if self.wanted_loss else "No loss was named:"
        self.notes.append(f"{begin} {self.loss_name} is taken; {fits} of {count} gradients fit it{factor}.")
        return self._put(candidate)

    def _name_of(self, candidate: Candidate) -> str:
        """What a loss is called, under a name that losses don't have, too."""
        if candidate.name != UNNAMED:
            return candidate.name
        return next((event.name for event in self.watch.events if event.node == candidate.node), UNNAMED)

    def _is_sole(self, candidate: Candidate) -> bool:
        """Whether a number that nothing reads, and that is named or returned, is the only one of all parameters.

        Those that gradients were made of, as an error is, don't count.
        """
        named = any(event.node == candidate.node for event in (*self.watch.events, *self.watch.returned))
        nodes = {parameter.node for parameter in self.parameters if parameter.asked}
        of_all = bool(nodes) and nodes <= self.all_behind(candidate.node)
        gradients = {node for _, node in self.gradients}
        early = (each for each in self._computed() if gradients.isdisjoint(self.all_behind(each.node)))
        before = [each.node for each in early if not self._is_in_gradients(each)]
        is_watched = not self._is_in_gradients(candidate)
        return named and of_all and is_watched and before == [candidate.node]

    def _fits_any(self, candidate: Candidate, theirs: Fitting) -> bool:
        """Whether nothing but signs and one factor tells a loss from theirs: of straight lines, or of one number.

        One of a number is steady, and goes before a mere error, of which gradients were made.
        """
        made_of = self.all_behind(*(node for _, node in self.gradients))
        return self._is_of_pieces(candidate) or (self._is_of_one(candidate) and theirs[0].node not in made_of)

    def _is_of_pieces(self, candidate: Candidate) -> bool:
        return self.wanted_loss is None and candidate.name.startswith(OF_PIECES)

    def _is_of_one(self, candidate: Candidate) -> bool:
        """Whether a loss is one of a single output: by one factor, gradients fit any such loss."""
        return self.wanted_loss is None and not candidate.turns and self._value(candidate.node).size == 1

    def _put(self, candidate: Candidate) -> str | None:
        """Make a candidate the loss; a known one is put on the tape right after its output."""
        if candidate.function is None:
            self.loss = candidate.node
            return None
        self.is_well_known = True
        outputs, penalised = self._as_they_were(candidate)
        try:
            with np.errstate(all="ignore"):
                last = max(self.tape.nodes[node].step for node in outputs)  # they may be in the order of another loop
                node, moved = self.tape.insert(last, KnownLoss(candidate), (*outputs, *penalised))
        except (ValueError, IndexError, TypeError) as error:
            shape = self.tape.nodes[candidate.node].value.shape
            return (
                f"{candidate.name} can't be computed of an output of shape {shape} and targets of shape "
                f"{np.shape(candidate.target)}: {error}. "
                "Give both to check.loss_is in the same layout, or set check.loss = ... to a value."
            )
        self.renumber(moved)
        self.loss, self.loss_name = node, self.loss_name or candidate.name
        return None

    def _as_they_were(self, candidate: Candidate) -> tuple[list[int], list[int]]:
        """The outputs and what is penalised; a copy of one that is written to before the last output is made."""
        read = [*candidate.outputs, *(node for node, _ in candidate.penalties)]
        for i in range(len(read)):
            node, last = read[i], max(read[: len(candidate.outputs)])
            slot = self.tape.nodes[node].slot
            if any(other.slot == slot and node < other.number <= last for other in self.tape.nodes):
                before, moved = self.tape.insert(self.tape.nodes[node].step, copy, (node,))
                self.renumber(moved)
                read = [before if j == i else moved(other) for j, other in enumerate(read)]
        return read[: len(candidate.outputs)], read[len(candidate.outputs) :]

    def kept(self) -> Callable[[], None]:
        """What puts all back as it is now: what is known of the run, and the numbers of its calls and values."""
        tape, known = self.tape.state(), dict(vars(self))
        events = [(each, list(each)) for each in self.watch.lists]
        firsts = [(p, p.first) for p in (*self.parameters, *(p for p, _ in self.changed))]

        def put_back() -> None:
            vars(self.tape).update(tape)
            vars(self).update(known)
            for each, before in events:
                each[:] = before
            for parameter, first in firsts:
                parameter.first = first

        return put_back

    def renumber(self, moved: Callable[[int], int]) -> None:
        """Call all values by other numbers."""
        for events in self.watch.lists:
            events[:] = [replace(event, node=moved(event.node)) for event in events]
        every = {id(each): each for each in (*self.parameters, *(p for p, _ in self.changed))}  # each is moved once
        for parameter in every.values():
            parameter.first = moved(parameter.node)
        self.changed = [(parameter, moved(after)) for parameter, after in self.changed]
        self.after = {name: moved(node) for name, node in self.after.items()}
        self.stored = [(path, moved(node)) for path, node in self.stored]
        self.given = None if self.given is None else [(path, moved(node)) for path, node in self.given]
        self.other_node = None if self.other_node is None else moved(self.other_node)
        self.gradients = [(names, moved(node)) for names, node in self.gradients]
        self.changes = {moved(node): moved(change) for node, change in self.changes.items()}
        self._updates = {moved(node): value for node, value in self._updates.items()}
        self._made = {moved(node): moved(after) for node, after in self._made.items()}
        self._totals = {moved(node): count for node, count in self._totals.items()}
        self._of_others = set(map(moved, self._of_others))
        self.moved_apart = set(map(moved, self.moved_apart))
        self._penalty = {moved(node): part for node, part in self._penalty.items()}
        self._decays = {
            moved(node): Decay(moved(d.before), moved(d.after), moved(d.change), d.direction)
            for node, d in self._decays.items()
        }
        self._parents = self.tape.parents()


def is_sum_or_multiple(step: Step) -> bool:
    """Whether a call sums what it reads, or takes it times a number."""
    name = name_of(step.function)
    return name in ("sum", "mean", "divide") or (name != "power" and bool(literals_of(step)))


def no_loss(name: str, fitting: str) -> str:
    """What is said of a number that may be no loss."""
    return (
        f"No loss was found: {name} is a number, and {fitting}. Set "
        "check.loss = ... in the block, to the value that NumPy computed, or say which it is: "
        'check.loss_is("mean squared error", output, targets).'
    )
