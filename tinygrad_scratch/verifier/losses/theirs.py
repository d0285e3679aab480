"""The losses that a program computes: made again of weights as they were, or summed up, and without what is watched."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace

from tinygrad_scratch.verifier.gathering.told import UNNAMED, own, told_by_line
from tinygrad_scratch.verifier.gathering.whole_steps import parts_of
from tinygrad_scratch.verifier.losses.computed_losses import OF_LOSS
from tinygrad_scratch.verifier.losses.drawn_samples import numbers_taken, samples_taken
from tinygrad_scratch.verifier.losses.mixes import Fitting
from tinygrad_scratch.verifier.losses.other_weights import looked_ahead, running_copy
from tinygrad_scratch.verifier.losses.sizes_watched import is_length, squares_watched
from tinygrad_scratch.verifier.losses.taken import TakenLosses
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.penalised import ADDING, beside_kinks, without_data
from tinygrad_scratch.verifier.pairs.update_steps import shrunk
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.steps import ancestors
from tinygrad_scratch.verifier.recording.tape import copy
from tinygrad_scratch.verifier.truths.losses import LOSSES, Candidate, Played, is_loss_name, known_name, played
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
MOST_TERMS = 200  # of a sum


class TheirLosses(TakenLosses):
    """What a program computes as its losses."""

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

    def _without_watched_sizes(self, losses: list[Candidate], finals: list[Final]) -> list[Candidate]:
        """Losses without the sums of sizes of an error that gradients are made of, unless one is called a loss.

        A length may be called so: it is not what is descended if nothing reads it. Where a loss with a name is made of
        the same error, a size without one is only compared, as in a branch of Huber's.
        """
        behind = self.all_behind(*(final.node for final in finals))
        lengths = {each.node for each in losses if is_length(self.tape, each.node)} - behind
        weak = [each for each in losses if each.node in lengths or not OF_LOSS.search(each.name.lower())]
        found = list(squares_watched(self, weak, [final.node for final in finals]))
        sized = {size.node for size, _ in found}
        named = self.all_behind(*(e.node for e in losses if e.node not in sized and self._is_called_loss(e)))
        found = [(size, of) for size, of in found if size.name != UNNAMED or of.node not in named]
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
            own = self.tape.versions_of(slot)
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
        if best is None or not (best[1] or self._is_judged_by(best[0])):
            self._late = made
            return [], finals
        of = losses[again.index(best[0].node)]
        self.watch.events += [replace(event, node=best[0].node) for event in self.watch.events if event.node == of]
        name = self._name_of(best[0])
        of_which = "that look ahead" if is_ahead else "before"
        self.notes.append(f"{name} was computed after the update, and is taken as it is of the weights {of_which}.")
        return [best[0]], finals

    def _is_judged_by(self, candidate: Candidate) -> bool:
        """Whether it is the loss by which the run was judged that is made again."""
        names = (self.judged_by, self._name_of(candidate), own(candidate.name))
        judged_by, *own_names = (name.removesuffix("()") for name in names)
        return judged_by in own_names

    def _of_samples_taken(self, theirs: Candidate, finals: list[Final]) -> Fitting | None:
        """A loss that is watched on all samples, made again of those alone that the gradients were made of."""
        trained = {final.parameter.node for final in finals}
        ends = self._ends_of(finals)
        behind = [ancestors(self._parents, nodes, until=trained) - trained for nodes in ([theirs.node], ends)]
        taken = samples_taken(self.tape, *behind)
        if not taken or self._is_loss_of_other_data(theirs):
            return None
        put_back, loss, held, sizes = self.kept(), theirs.node, dict[int, int](), numbers_taken(self.tape, taken)
        for parameter in sorted(trained):
            first = parameter + len(held)  # each copy moves the values after it
            before, moved = self.tape.insert(self.tape.nodes[first].step, copy, (first,))
            self.renumber(moved)
            loss, taken = moved(loss), {moved(whole): moved(part) for whole, part in taken.items()}
            held = {moved(old): moved(new) for old, new in held.items()} | {first: before}
        made = None
        with contextlib.suppress(Exception):  # a call that holds for as many samples alone
            made = made_again(self.tape, loss, taken | held, sizes)
        if made is None:
            put_back()
            return None
        self._parents = self.tape.parents()
        self.watch.events += [replace(event, node=made) for event in self.watch.events if event.node == loss]
        candidate, run = replace(theirs, node=made), played(self.tape)
        finals = self.owners_by(lambda value, parameter: False)[0]  # their values have other numbers now
        self.notes.append(f"Your {theirs.name} is of all samples: it is taken as it is of those of the gradients.")
        return self._best(run, [candidate], finals) or (candidate, 0, 0, 0)

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

        def goes_into(part: Candidate, behind: frozenset[int]) -> bool:
            """Whether a loss is part of what is behind another one, or a sum of what is, as a mean has it."""
            step = self.tape.steps[self.tape.nodes[part.node].step]
            return part.node in behind or (name_of(step.function) == "sum" and behind.issuperset(step.reads))

        def is_meant(whole: Candidate, part: Candidate) -> bool:
            """Whether a penalty is the loss's, though no gradient holds it."""
            same = whole.name == part.name and times[whole.name] > 1 and whole.node in called
            return same or (whole.node in wholes and part.node in called)

        return [
            part
            for part in mine
            if not any(
                goes_into(part, behind[w.node]) and self._penalises(run, w, part, nodes if is_meant(w, part) else held)
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
