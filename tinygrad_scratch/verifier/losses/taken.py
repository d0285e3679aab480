"""The loss that was found, as a value of the run, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from tinygrad_scratch.verifier.gathering.told import PRINTED, UNNAMED, own
from tinygrad_scratch.verifier.losses.computed_losses import OF_LOSS
from tinygrad_scratch.verifier.losses.drawn_samples import are_of_other_parts, is_of_fewer_parts
from tinygrad_scratch.verifier.losses.fitting import FittingLosses
from tinygrad_scratch.verifier.losses.mixes import Fitting
from tinygrad_scratch.verifier.losses.own_slopes import OwnSlope
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.updates import Decay
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import ancestors
from tinygrad_scratch.verifier.recording.tape import copy
from tinygrad_scratch.verifier.truths.losses import Candidate, KnownLoss, Played, played

EITHER_WAY = (
    "No loss was found. The updates go uphill on the {}, and the other way for other data: by a number as a reward is, "
    "which belongs to the loss, or in another branch. Set check.loss = ... in the block, to the loss that is meant."
)


class TakenLosses(FittingLosses):
    """The loss that is taken, once one was found."""

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
        return self._choose_unfit(drawn)

    def _choose_unfit(self, candidate: Candidate) -> str | None:
        """Take a loss that is told by what an output meets, and not by gradients that fit it."""
        self.loss_name = candidate.name
        self.notes.append(f"No loss was named: {self.loss_name} is taken, and no gradient fits it.")
        return self._put(candidate)

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

    def _is_loss_of_other_data(self, candidate: Candidate) -> bool:
        """Whether a loss was made of no data that any gradient was made of, as that of a validation set."""
        mine, theirs = self._data_behind([candidate.node]), self._data_behind(node for _, node in self.gradients)
        if not mine or not theirs or mine.isdisjoint(theirs):
            return bool(mine and theirs)
        return are_of_other_parts(self.tape, *self._made_of([candidate.node]))

    def _is_loss_of_fewer_samples(self, candidate: Candidate) -> bool:
        """Whether a loss was made of a part of the samples of the gradients, as of the last one of a loop.

        What is computed in each turn of a loop is made of the samples of all of these.
        """
        events = [*self.watch.events, *self.watch.returned]
        lines = {(event.name, event.place) for event in events if event.node == candidate.node}
        again = {event.node for event in events if (event.name, event.place) in lines}
        return is_of_fewer_parts(self.tape, *self._made_of([candidate.node, *again]))

    def _made_of(self, losses: Iterable[int]) -> tuple[set[int], set[int]]:
        """What losses, and what the gradients, were made of, other than by way of the parameters."""
        asked = [parameter for parameter in self.parameters if parameter.asked] or self.parameters
        weights = {p.node for p in asked}.union(*map(self.updated_values, asked))
        ends = losses, [node for _, node in self.gradients]
        of_loss, of_gradients = (ancestors(self._parents, nodes, until=weights) - weights for nodes in ends)
        return of_loss, of_gradients

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
        few_fit = candidate.function is None and not self.wanted_loss and 2 * fits < count
        if few_fit and self._is_loss_of_fewer_samples(candidate):
            return no_loss(candidate.name, "it was computed of fewer samples than the gradients")
        is_searched = candidate.node in self._seen().searched
        of_loss = OF_LOSS.search(candidate.name.lower()) or is_searched or self._is_loss_added_to(candidate.node)
        is_watched = bool(exact) and self._is_called_loss(candidate) and self.is_made_of_logarithms(candidate.node)
        called = given or (candidate.function is None and (of_loss or is_watched))
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

    def is_made_of_logarithms(self, loss: int) -> bool:
        """Whether a loss that they compute has a logarithm in it, as a cross-entropy has."""
        behind = ancestors(self.tape.parents(), [loss])  # calls may have been put on the tape since
        made = (self.tape.steps[self.tape.nodes[node].step] for node in behind)
        return any(name_of(step.function).startswith("log") for step in made)

    def _name_of(self, candidate: Candidate) -> str:
        """What a loss is called, under a name that losses don't have, too."""
        if candidate.name != UNNAMED:
            return candidate.name
        return next((event.name for event in self.watch.events if event.node == candidate.node), UNNAMED)

    def _is_sole(self, candidate: Candidate) -> bool:
        """Whether a number that nothing reads, and that is named or returned, is the only one of all parameters.

        Those that gradients were made of, as an error is, don't count, nor do those that depend on no parameter but by
        choices, as how many are right, nor what has the same name in other turns.
        """
        events = [*self.watch.events, *self.watch.returned]
        named = {(event.name, event.place) for event in events if event.node == candidate.node}
        again = {event.node for event in events if (event.name, event.place) in named} - {candidate.node}
        nodes = {parameter.node for parameter in self.parameters if parameter.asked}
        of_all = bool(nodes) and nodes <= self.all_behind(candidate.node)
        gradients = {node for _, node in self.gradients}
        early = (each for each in self._computed() if gradients.isdisjoint(self.all_behind(each.node)))
        before = [each for each in early if not self._is_in_gradients(each) and each.node not in again]
        run = played(self.tape) if len(before) > 1 else None
        sloping = [each.node for each in before if run is None or run.gradients(each, sorted(nodes)) is not None]
        return bool(named) and of_all and not self._is_in_gradients(candidate) and sloping == [candidate.node]

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
            if any(node < other <= last for other in self.tape.versions_of(slot)):
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


def no_loss(name: str, fitting: str) -> str:
    """What is said of a number that may be no loss."""
    return (
        f"No loss was found: {name} is a number, and {fitting}. Set "
        "check.loss = ... in the block, to the value that NumPy computed, or say which it is: "
        'check.loss_is("mean squared error", output, targets).'
    )
