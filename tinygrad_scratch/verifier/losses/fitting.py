"""Which of several losses gradients are the gradients of: the one that fits them best."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice

import numpy as np

from tinygrad_scratch.verifier.gathering.told import UNNAMED
from tinygrad_scratch.verifier.losses.ahead import steps_ahead
from tinygrad_scratch.verifier.losses.computed_losses import one_factor
from tinygrad_scratch.verifier.losses.held_penalties import HeldPenalties
from tinygrad_scratch.verifier.losses.mixes import Fitting
from tinygrad_scratch.verifier.losses.steady_losses import Elsewhere
from tinygrad_scratch.verifier.meant.drawn import noises, sums_measured
from tinygrad_scratch.verifier.meant.self_made_targets import Given
from tinygrad_scratch.verifier.pairs.noise import draws_number
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.penalised import adds_penalty
from tinygrad_scratch.verifier.pairs.update_steps import is_square, literals_of, share_of, within
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import close, is_multiple, is_varied
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.truths.losses import (
    OF_PIECES,
    Candidate,
    Played,
    fit,
    is_made_large,
    keeping_off,
    played,
)
from tinygrad_scratch.verifier.truths.truth import held_constant

MOST_PARTS = 8


class FittingLosses(HeldPenalties):
    """How well losses fit the gradients."""

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

    def _penalises(self, run: Played, whole: Candidate, part: Candidate, nodes: list[int]) -> bool:
        """Whether one loss, or what is to be made large as a likelihood is, is another one with a penalty.

        That is so whatever keeps an output off from 0, and where the other one goes into it times a number.
        """
        if part.function is not None:  # a well-known loss has no such number
            run = self._played_free() or run
        one, other = run.gradients(part, nodes), run.gradients(whole, nodes)
        if part.function is None and one is not None:
            times = self._times_in(run, whole, part)
            one = [times * gradient for gradient in one]
        if other is not None and part.function is not None and is_made_large(whole.name):
            other = [-gradient for gradient in other]
        return one is not None and other is not None and adds_penalty(one, other, [self._value(n) for n in nodes])

    def _times_in(self, run: Played, whole: Candidate, part: Candidate) -> float:
        """How many times a loss holds another one, or what that is the sum of; 1 where that is not known."""
        node, behind = part.node, self.all_behind(whole.node)
        if node not in behind:
            node = next(iter(self.tape.steps[self.tape.nodes[node].step].reads), node)
        mine, held = run.gradients(part, [node]), run.gradients(whole, [node])
        if not mine or not held or not is_multiple(held[0], mine[0]):
            return 1.0
        return float(np.vdot(mine[0], held[0]) / np.vdot(mine[0], mine[0]))

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
        met = [each for each in steady if self._meets_its_target(each)]  # any of one sample fits up to a factor
        found = self._best(run, met if self._is_of_one(known[0]) and met else steady, finals)
        of_many = alike and not self._is_of_one(known[0])
        return known if of_many and (found is None or not found[1]) else found

    def _meets_its_target(self, candidate: Candidate) -> bool:
        """Whether an output is subtracted from its target, or that from it."""
        readers = (self.tape.steps[index] for index in self.tape.readers().get(candidate.node, ()))
        met = (read for step in readers if name_of(step.function) == "subtract" for read in step.reads)
        return any(self._value(read) is candidate.target for read in met)

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

    def _with_draws_held(
        self, run: Played, best: Fitting | None, mine: list[Candidate], finals: list[Final]
    ) -> tuple[Played, Fitting | None]:
        """The run, and the best loss in it, where what is drawn, as a policy's actions are, counts as given.

        It does unless fewer gradients fit then: a mix of losses may need it that none of them alone tells of.
        """
        drawn = self._drawn_before(mine) if (best[1] if best else 0) < len(finals) else []
        if not drawn:
            return run, best
        held = played(self.tape, edits={self.tape.nodes[node].step: held_constant for node in drawn})
        other = self._best_of_theirs(held, mine, finals)
        if best is not None and (other is None or other[1:] < best[1:]):
            return run, best
        return held, other

    def _drawn_before(self, mine: list[Candidate]) -> list[int]:
        """What is drawn around a value of parameters before what they compute, and measured by such a value there."""
        parameters = {parameter.node for parameter in self.parameters}
        noise = list(noises(self.tape, parameters, self._all_names()))
        if not (noise or any(map(draws_number, self.tape.steps))):
            return []
        behind: dict[int, set[int]] = {node: {node} for node in parameters}
        for step in self.tape.steps:
            own = set[int]().union(*(behind.get(read, set()) for read in step.reads))
            behind |= {node: behind.get(node, set()) | own for node in step.makes if own}
        forward = self.all_behind(*(each.node for each in mine))
        return sums_measured(self.tape, noise, set(behind), forward, defaultdict(set, behind))

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
        So is one that goes into a sum, unless that is a multiple of it alone, and any gradient is equal to its own.
        """
        found: tuple[Candidate, tuple[int, int, int, int, tuple[int, ...], int, int, int], list[Array]] | None = None
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
            same, exact, but_for_sign, precise, along = fit(given, true)
            if steps and 0 < same < len(finals) and fit(steps, true)[0] == len(finals):  # some are read with their rate
                same, exact, but_for_sign, precise, along = fit(steps, true)
            if (is_part and same < len(finals)) or (same and self._is_odd_multiple(candidate, given, true)):
                continue
            if candidate.function is None and candidate.name != UNNAMED:
                seen.setdefault(candidate.name, []).append(candidate.node)
                fitting |= {candidate.name} if 0 < same <= along else set()  # and not by chance, at weights near by
            near = fit(given[nearest : nearest + 1], true[nearest : nearest + 1])
            of_all = len(candidate.turns)  # samples: one gradient may be that of the last of them alone, by mistake
            wholes = self._wholes_among(given, finals) if candidate.function is None else len(finals)
            named = self._known_in_steps(finals, true, same) if same and not exact else 0
            key = same, exact + named, wholes, of_all, near[:3], but_for_sign, precise, along
            unfit = not same and found is not None and UNNAMED not in (candidate.name, found[0].name)
            tied = found is not None and key[:2] == found[1][:2] and (0 < exact < len(finals) or unfit)
            better = self._is_likelier((candidate, true), (found[0], found[2])) if found and tied else None
            is_multiple_of = key[1] != found[1][1] and one_factor(true, found[2]) is not None if found else False
            if (
                found
                and same == found[1][0]
                and (wholes != found[1][2] or 0 < same < len(finals))
                and not is_multiple_of
            ):
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
        if not is_sum:
            return None
        return (part if self._is_average_over_turns(whole) else whole) is one

    def _is_average_over_turns(self, candidate: Candidate) -> bool:
        """Whether a number is a share of what had its name before, and a share of a loss: `s = 0.97 * s + 0.03 * e`."""
        step, names = self.tape.steps[self.tape.nodes[candidate.node].step], self._all_names()
        shares = [share_of(self.tape, read) for read in step.reads] if name_of(step.function) == "add" else []
        own = {*names.get(candidate.node, ())}
        is_begun = len(shares) == 1 and shares[0][0] != 1  # beside a share of a plain number
        return is_begun or any(number != 1 and not own.isdisjoint(names.get(of, ())) for number, of in shares)

    def _wholes_among(self, given: list[Array], finals: list[Final]) -> int:
        """How many gradients are read as they are, and not only a part of them."""
        wholes = (final.direction * self._value(final.node) for final in finals)
        return sum(np.array_equal(mine, whole) for mine, whole in zip(given, wholes, strict=True))

    def _known_in_steps(self, finals: list[Final], true: list[Array], same: int) -> int:
        """How many steps hold the true gradient under a name, if as many do as fit by a factor, which is no other's."""
        names, all_steps = self._all_names(), zip(finals, true, strict=True)
        known = sum(f.by == "update" and self._true_within(f.node, of, names) is not None for f, of in all_steps)
        return known if known >= same else 0

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


def is_sum_or_multiple(step: Step) -> bool:
    """Whether a call sums what it reads, or takes it times a number."""
    name = name_of(step.function)
    return name in ("sum", "mean", "divide") or (name != "power" and bool(literals_of(step)))
