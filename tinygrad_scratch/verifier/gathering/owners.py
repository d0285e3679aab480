"""Whose gradient each is: which parameter, by the true gradients where names leave it open."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from itertools import combinations, islice
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.gathering.opponents import Opponents
from tinygrad_scratch.verifier.gathering.told import LOSS_AFTER_UPDATE, Gradient, own, shown
from tinygrad_scratch.verifier.gathering.whole_steps import Whole, in_shape_of
from tinygrad_scratch.verifier.pairs.at_one_length import along_sphere
from tinygrad_scratch.verifier.pairs.carried_over import states
from tinygrad_scratch.verifier.pairs.gradients import is_of_another
from tinygrad_scratch.verifier.pairs.in_one_dict import beside_others
from tinygrad_scratch.verifier.pairs.in_parts import parts_between
from tinygrad_scratch.verifier.pairs.pairing import Final, best_name, paired, question
from tinygrad_scratch.verifier.pairs.update_steps import (
    COPIES,
    factors_of,
    in_update,
    inside,
    is_made_of,
    is_plain_number,
    is_share_of_loss,
    is_square,
    within,
)
from tinygrad_scratch.verifier.pairs.updates import Updates, lost
from tinygrad_scratch.verifier.pairs.velocities import has_an_odd_one, velocities
from tinygrad_scratch.verifier.pairs.without_rates import true_in
from tinygrad_scratch.verifier.reading.names import alike, is_gradient_name
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import NOUGHT, close, is_near_number
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.recorded import Recorded, record
from tinygrad_scratch.verifier.recording.steps import Array, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.truths.losses import is_likelihood, is_made_large, is_made_small
from tinygrad_scratch.verifier.truths.moved import falls_far_out
from tinygrad_scratch.verifier.truths.truth import VIEWING, Truth, is_transposed, shows

MOST_PIECES = 6  # of a gradient
MOST_SUMS, MOST_SUMS_OF_NUMBERS = 5000, 100  # that are tried; of more numbers, some come out right by chance
KEEPING = VIEWING | {*COPIES, "multiply", "divide"}  # calls that leave a state a state
TINY = 1e-12  # of the largest gradient: what is less is 0


class Owners(Opponents):
    """The gradients of a run, each with its parameter."""

    def pair(self, truth: Truth, close: Callable[[Any, Array], bool]) -> str | None:
        """Pair gradients with parameters, now that the true ones are known; what is said where nothing is paired."""
        cotangents, self.uphill = truth.cotangents, []

        def is_close(value: Array, parameter: Parameter) -> bool:
            return parameter.node in cotangents and close(value, cotangents[parameter.node])

        reached = [p for p in self.parameters if np.any(cotangents.get(p.node, 0))]
        told = any(p.asked for p in self.parameters) and not self.points_at_none
        if not reached or (told and not any(p.asked for p in reached)):
            return (
                "The loss does not depend on any parameter that was found. Were the parameters copied, "
                "or changed to plain numbers, "
                "before forward used them? Name what forward reads: verify(w=w, ...), and compute the "
                "loss in the block."
            )
        zero = [p for p in self.parameters if p.asked and p not in reached]

        def is_near(value: Array, parameter: Parameter) -> bool:
            return parameter.node in cotangents and value.size > 2 and is_almost(value, cotangents[parameter.node])

        self.finals, self.unsure = self.owners_by(is_close, reached, is_near)
        self.finals += self._stored_beside(reached, is_close) if self.given and self.finals else []
        if self.unsure and zero:
            self._pair_unreached(zero, cotangents)
        self.finals = [self._summed_with_others(f, is_close) for f in self.finals if not self._is_of_own_input(f)]
        if not self._has_an_odd_velocity(truth):
            whole, steps = self._are_right_by_rate(is_close), {f.parameter.node: f.node for f in self.finals}
            self.finals = [self._with_decay(final, truth) for final in self.finals]
            self.finals = [self._within(final, truth, is_close, whole) for final in self.finals]
            self.finals = [self._as_beside_others(final, is_close, steps) for final in self.finals]
        opponents = self._take_opponents(truth)
        self._without_rates_alone(truth)
        self._with_one_rate(truth)
        self._as_whole_changes(truth)
        self._with_the_rate_of_others(truth)
        self._turned_round(truth)
        self._as_they_step(truth)
        self._as_named(truth)
        self.finals += opponents
        self._in_pieces(reached, is_close, truth)
        if self.finals and all(f.node in self.all_behind(f.parameter.node) - {f.parameter.node} for f in self.finals):
            self.finals = []
            return LOSS_AFTER_UPDATE
        done = {id(final.parameter) for final in self.finals}
        asked = [p for p in reached if p.asked and not self._stays_rightly(p, cotangents)]
        self.lacking = self._lacking([p for p in asked if id(p) not in done])
        self.missing = [p for p in asked if id(p) not in done and not self._is_state(p)] if self.all_asked else []
        unjudged = self._changed_without_gradient() if self.finals else []
        unjudged = [p for p in unjudged if not self._stays_rightly(p, cotangents)]
        self.unclaimed = self._like_parameters([p for p in reached if id(p) not in done]) if self.points_at_none else []
        self.lacking += [p for p in unjudged if p not in self.lacking]
        self.missing += [p for p in unjudged if p not in self.missing]
        self.parameters = [p for p in self.parameters if (p.asked and self.all_asked) or id(p) in done]
        if not self.finals and not self.unsure:
            free = ", ".join(f"{p.name} {p.recorded.shape}" for p in asked or reached)
            shapes = ", ".join(
                f"{names[0] or 'unnamed'} {self.tape.nodes[node].value.shape}" for names, node in self.gradients[:8]
            )
            return (
                f"No gradient goes with a parameter. Gradients: {shapes}. Parameters: {free}. Say it with "
                f"a dict: check.gradients = {{name: gradient}}.{self.whole_numbers()}"
            )
        if not self.finals:
            return question(self.tape, self.unsure, self.missing or reached)
        return None

    def _stays_rightly(self, parameter: Parameter, cotangents: dict[int, Array]) -> bool:
        """Whether a parameter's gradient is 0 but for rounding, as where two uses cancel, and no update moves it."""
        sizes = {p.node: float(np.abs(cotangents.get(p.node, 0)).max()) for p in (*self.parameters, parameter)}
        largest = max(sizes.values())
        is_nothing = sizes[parameter.node] <= TINY * largest
        held = self._value(parameter.node)
        room = TINY * (largest + float(np.abs(held).max(initial=0.0)))
        nodes = [*self._versions(parameter), *(after for other, after in self.changed if other.node == parameter.node)]
        later = map(self._value, nodes if is_nothing else ())
        return is_nothing and all(v.shape == held.shape and np.abs(v - held).max() <= room for v in later)

    def _changed_without_gradient(self) -> list[Parameter]:
        """What the loss depends on and a turn of a loop gave another value, that is more than the forward pass made.

        What shows a part of a parameter is changed where that is, or shows a part of its new value.
        """
        assert self.loss is not None
        new = {self._made[final.node] for final in self.finals if final.node in self._made}
        done = {final.parameter.node for final in self.finals}
        forward = ancestors(self._parents, [self.loss], until=done)  # what made these is of a turn before
        steps = {self.tape.nodes[n].step for final in self.finals for n in self._versions(final.parameter)}
        changed = [(p, after) for p, after in self.changed if self.tape.nodes[after].step not in steps]
        changed = [(p, after) for p, after in changed if shown_by(self.tape, after) not in new]
        made = {p.node: self.tape.steps[self.tape.nodes[p.node].step] for p, _ in changed}
        done |= {node for node, step in made.items() if is_transposed(step) and done.issuperset(step.reads)}
        left = ((p, after) for p, after in changed if p.node in forward and p.node not in done)
        behind = ((p, ancestors(self._parents, [after], until=done) - {after}) for p, after in left)
        return [p for p, made_of in behind if p.node in made_of and self._goes_beyond(forward, made_of, p)]

    def _goes_beyond(self, forward: set[int], made_of: set[int], state: Parameter) -> bool:
        """Whether some values are more than those of the forward pass, their parts, copies and multiples.

        So is none that a line of the forward pass made once more, of other things than the state as a whole.
        """
        lines = {self._place_of(node) for node in forward} - {None}
        kept, versions = set(forward), {state.node, *self.updated_values(state)}
        for node in sorted(made_of - forward):
            step = self.tape.steps[self.tape.nodes[node].step]
            reads = {read for read in step.reads if not is_plain_number(self.tape, read)}
            again = versions.isdisjoint(reads) and self._place_of(node) in lines
            if reads and reads <= kept and (again or name_of(step.function) in KEEPING):
                kept.add(node)
        return bool(made_of - kept)

    def _is_state(self, parameter: Parameter) -> bool:
        """Whether a name was given a value of the forward pass that is no update of what it held: a state, kept."""
        after = self.after.get(parameter.name, parameter.node)
        made = after != parameter.node and after in self.depending_on({parameter.node})
        return made and not self._goes_on_from(parameter.node, after)

    def grown(self) -> Iterator[int]:
        """The gradients with which an update spread its parameter to another shape."""
        for final in self.finals:
            after = self._made.get(final.node)
            shape = self._value(final.parameter.node).shape
            if after is not None and self._value(after).shape not in (shape, (1, *shape)):
                yield final.node

    def owners_by(
        self,
        close: Callable[[Array, Parameter], bool],
        parameters: list[Parameter] | None = None,
        near: Callable[[Array, Parameter], bool] = lambda value, parameter: False,
    ) -> tuple[list[Final], list[Gradient]]:
        """By update first: what a parameter is changed by is meant as its gradient."""
        free = list(self.parameters if parameters is None else parameters)
        losses = {node for node in self._before_loss() if not self._value(node).ndim}  # some return it beside them
        left = [
            (names, node)
            for names, node in self.gradients
            if (node in self._updates or node not in losses)
            and (not self._is_of_a_value((names, node)) or any(close(self._value(node), p) for p in free))
        ]
        finals: list[Final] = []
        for gradient in list(left):
            parameter, direction = self._updates.get(gradient[1], (None, 1))
            if parameter in free and parameter is not None:
                names = [name for name in gradient[0] if name]
                best = max(names, key=lambda name: alike(name, parameter.name), default=f"the step of {parameter.name}")
                finals.append(Final(best, gradient[1], parameter, "update", direction))
                left.remove(gradient)
                free.remove(parameter)
        for gradient in list(left):
            owner = self.beside.get(gradient[0][0])
            if owner in free and owner is not None:
                finals.append(Final(best_name(gradient[0], owner), gradient[1], owner, "pair"))
                left.remove(gradient)
                free.remove(owner)
        told = any(parameter.asked for parameter in self.parameters) and not self.points_at_none
        more, unsure = paired(free, left, self.tape, close, near, told, bool(finals))
        done = {final.node for final in (*finals, *more)}
        return [*finals, *more], [gradient for gradient in unsure if gradient[1] not in done] if self.given else []

    def _stored_beside(self, reached: list[Parameter], is_close: Callable[[Any, Parameter], bool]) -> list[Final]:
        """The gradients that objects keep of what no given gradient is of.

        Nobody left them out on purpose: someone gives the one that a call handed back. What went into a given one is
        only a step on its way, unless it has the name and the shape of such a parameter: the `db` that `dW` is made of.
        A gradient from above that the loss was made with is what was handed on, and no parameter.
        """
        done = {id(final.parameter) for final in self.finals}
        given = {node for _, node in self.gradients}
        free = [p for p in reached if id(p) not in done and not is_gradient_name(p.short)]
        behind = self.all_behind(*given)
        kept = [g for g in self._stored_once() if given.isdisjoint(self.all_behind(g[1]))]
        kept = [g for g in kept if g[1] not in behind or any(self._is_called_after(g, each) for each in free)]
        self.gradients, known = kept, self.gradients
        found = self.owners_by(is_close, free)[0] if free and kept else []
        self.gradients = [*known, *(gradient for gradient in kept if gradient[1] in {final.node for final in found})]
        return found

    def _is_called_after(self, gradient: Gradient, parameter: Parameter) -> bool:
        """Whether what is stored has the name of a parameter, and its shape."""
        names, node = gradient
        has_shape = self.tape.nodes[node].value.shape == self.tape.nodes[parameter.node].value.shape
        return has_shape and any(alike(name, parameter.name) for name in names)

    def _is_of_a_value(self, gradient: Gradient) -> bool:
        """Whether what is stored is called after a value, such as an activation, and no parameter, and in no update."""
        (path, *_), node = gradient
        is_kept = path in {stored for stored, _ in self.stored} and node not in self._updates
        if not is_kept or any(alike(path, parameter.name) for parameter in self.parameters):
            return False
        short = path.rsplit(".", 1)[-1]
        return is_of_another(short, {event.short for event in self.watch.events} - {short})

    def _is_of_own_input(self, final: Final) -> bool:
        """Whether a gradient is kept by an object that calls another value so than what nobody pointed at: its own.

        So is one that is the value itself: what the loss was made with was handed on to it.
        """
        meant = {node for _, node in self.given or ()} | self._updates.keys()
        if not final.parameter.asked and final.node == final.parameter.node:
            return True
        if final.parameter.asked or final.node in meant:
            return False
        kept = (e for e in self.watch.events if e.node == final.node and e.name.startswith("self."))
        classes = [class_at(event.place) for event in kept]
        called = [e for e in (*self.watch.arguments, *self.watch.events) if e.short == final.parameter.short]
        own = [e.node for e in called if (around := class_at(e.place)) is not None and around in classes]
        return bool(own) and final.parameter.node not in own

    def _summed_with_others(self, final: Final, is_close: Callable[[Array, Parameter], bool]) -> Final:
        """What a kept gradient of an input is added up to with others, where that is used in several places."""
        meant = {node for _, node in self.given or ()} | self._updates.keys()
        whole = None if final.parameter.asked or final.node in meant else final.node
        while whole is not None and not is_close(self._value(whole), final.parameter):
            reading = (step for step in self.tape.steps if name_of(step.function) in ("add", "subtract"))
            reading = (step for step in reading if not any(map(self._is_by_differences, step.reads)))
            sums = (step.makes[0] for step in reading if whole in step.reads and final.parameter.node not in step.reads)
            whole = next((made for made in sums if self._value(made).shape == self._value(whole).shape), None)
            if whole is not None:
                final = replace(final, name=shown([*self._names("", whole), final.name]), node=whole)
        return final

    def _as_beside_others(
        self, final: Final, is_close: Callable[[Array, Parameter], bool], steps: dict[int, int]
    ) -> Final:
        """A step that is wrong, as what others that are right have in its place, which the same statement takes off."""
        if final.by != "update" or is_close(self._value(final.node), final.parameter):
            return final
        place = self._updated_at(final.parameter)
        right = [other for other in self.finals if is_close(self._value(other.node), other.parameter)]
        right = [other for other in right if place is not None and self._updated_at(other.parameter) == place]
        made_of = self.all_behind(final.node)
        behind = [event for event in self.watch.events if event.node in made_of]
        return beside_others(final, right, reversed(behind)) or self._of_their_share(final, right, steps)

    def _of_their_share(self, final: Final, right: list[Final], steps: dict[int, int]) -> Final:
        """What a step is a share of, as those that are right are: `g` of `w -= rate * g / n`."""
        shares = [factor_of(self._value(steps[f.parameter.node]), self._value(f.node)) for f in right]
        if not is_one_number(shares) or is_near_number(shares[0], 1.0):
            return final
        step = self._value(final.node)
        of = (node for node in within(self.tape, final.node) if self._value(node).shape == step.shape)
        inner = next((n for n in of if is_near_number(factor_of(step, self._value(n)), shares[0] or 0.0)), None)
        if inner is None:
            return final
        if final.node in self._made:
            self._made.setdefault(inner, self._made[final.node])
        name = next(iter(self._all_names().get(inner, ())), final.name)
        return replace(final, name=name, node=inner)

    def _updated_at(self, parameter: Parameter) -> Place | None:
        last = self._last_in_turn(parameter)
        return None if last is None else self._place_of(last)

    def _has_an_odd_velocity(self, truth: Truth) -> bool:
        """Whether one of several velocities is another multiple of its gradient; then they are what is judged."""
        if any(final.by != "update" for final in self.finals):
            return False
        updated = {**self.changes, **self._made}
        found = velocities(self.tape, self.finals, updated)
        if not has_an_odd_one(self._multiples(found, truth)) or self._is_odd_before(found, truth):
            return False
        self._made |= {own.node: updated[f.node] for own, f in zip(found, self.finals, strict=True)}
        self.finals = found
        return True

    def _multiples(self, finals: list[Final], truth: Truth) -> list[float | None]:
        """How many times the true gradients the values are, with the sign by which they are taken off."""
        wanted = (truth.cotangents[final.parameter.node] for final in finals)
        return [factor_of(f.direction * self._value(f.node), of) for f, of in zip(finals, wanted, strict=True)]

    def _is_odd_before(self, found: list[Final], truth: Truth) -> bool:
        """Whether what velocities are made of is another multiple in one of them already."""
        pairs = zip(self.finals, found, strict=True)
        inside = all(final.node in self.all_behind(own.node) - {own.node} for final, own in pairs)
        return inside and has_an_odd_one(self._multiples(self.finals, truth))

    def _with_decay(self, final: Final, truth: Truth) -> Final:
        """The whole of an update that shrinks the weights, where the loss has a penalty on them."""
        decay = self._decays.get(final.node)
        if final.by != "update" or decay is None or decay.before != final.parameter.node:  # a velocity shrinks, too
            return final
        if not self._is_penalised(final.parameter, truth):
            return final
        whole = decay.whole(self.tape, final.node)
        if whole is None:
            return final
        self.changes[whole] = decay.after
        return Final(f"the step of {final.parameter.name}", whole, final.parameter, "update", final.direction)

    def _without_rates_alone(self, truth: Truth) -> None:
        """The true gradients in steps that also divide by a size: of `w -= 0.5 * (g / n)` the mean, and not the sum.

        A whole step is none: that may be one by the size of its rate. The means are taken where they are most of the
        gradients that are right but for a factor.
        """
        found: dict[int, tuple[int, int]] = {}
        multiples, exact, given = 0, 0, list(self.finals)
        for i, final in enumerate(self.finals if self.rate is None else ()):
            wanted, change = truth.cotangents[final.parameter.node], self._change_of(final)
            inner = true_in(self.tape, change, final, wanted)
            multiples += is_multiple(self._value(final.node), wanted)
            exact += close(final.direction * self._value(final.node), wanted)
            if inner is not None and inner != change and wanted.size > 1:
                found[i] = inner
        if 2 * len(found) > multiples or len(found) + exact == len(self.finals):
            for i, (node, sign) in found.items():
                final = self.finals[i]
                self._made.setdefault(node, self._made[final.node])
                self.finals[i] = Final(f"the step of {final.parameter.name}", node, final.parameter, "update", sign)
            self._as_they_end({i: before for i, before in enumerate(given) if i in found}, truth)

    def _as_they_end(self, moved: dict[int, Final], truth: Truth) -> None:
        """What a name held last of a gradient that is wrong, where that is the true one of those that are right.

        So it is where a penalty is added to each, and its gradient is a part of each.
        """
        if not moved or any(self._held_last(final) != self.finals[i].node for i, final in moved.items()):
            return
        for i, final in enumerate(self.finals):
            last = self._held_last(final) if i not in moved and self._is_penalised(final.parameter, truth) else None
            if last is not None and not is_multiple(self._value(final.node), truth.cotangents[final.parameter.node]):
                self._made.setdefault(last, self._made[final.node])
                self.finals[i] = replace(final, node=last)

    def _held_last(self, final: Final) -> int | None:
        """The last value under the name of a gradient that the update of its parameter was made of."""
        names, change = self._all_names(), self._change_of(final)
        own = {*names.get(final.node, ())}
        behind = self.all_behind(change[0]) | {change[0]} if change is not None else set()
        return max((node for node in behind if node > final.node and own & {*names.get(node, ())}), default=None)

    def _with_one_rate(self, truth: Truth) -> None:
        """The whole changes of the parameters, where these are the gradients times one number, and what is in them not.

        Of `w -= 0.1 * x.T @ d / n` and `b -= 0.1 * d.mean()` it is not clear which numbers belong to the rate. Fewer
        than half may go the other way, by mistake.
        """
        wanted = [truth.cotangents[final.parameter.node] for final in self.finals]
        changes = [self._change_of(final) for final in self.finals]
        given = [factor_of(self._value(f.node), of) for f, of in zip(self.finals, wanted, strict=True)]
        if None in changes or len(changes) < 2 or is_one_number(given) or self._is_one_multiple(truth):
            return
        found = [change for change in changes if change is not None]
        steps = [in_shape_of(of, sign * self._value(n)) for (n, sign), of in zip(found, wanted, strict=True)]
        factors = [factor_of(step, of) for step, of in zip(steps, wanted, strict=True)]
        known = [factor for factor in factors if factor]
        most = max(sum(factor > 0 for factor in known), sum(factor < 0 for factor in known))
        if known == factors and 2 * most > len(known) and np.allclose(np.abs(known), abs(known[0]), rtol=1e-6, atol=0):
            for i, (final, (node, sign)) in enumerate(zip(self.finals, found, strict=True)):
                self._made.setdefault(node, self._made[final.node])
                self.finals[i] = Final(f"the step of {final.parameter.name}", node, final.parameter, "update", sign)

    def _as_whole_changes(self, truth: Truth) -> None:
        """All that updates did to each parameter, where that is the gradient times one number for all of them.

        For most of them it is enough where what is in the updates is in several measures, as a velocity that holds its
        rate beside a decay that does not.
        """
        wanted = [truth.cotangents[final.parameter.node] for final in self.finals]
        sizes = [float(np.max(np.abs(value), initial=0.0)) for value in wanted]
        given = [
            factor_of(self._value(final.node), value) if size > TINY * max(sizes) else None  # not of mere rounding
            for final, value, size in zip(self.finals, wanted, sizes, strict=True)
        ]
        last = [self._last_in_turn(final.parameter) for final in self.finals if final.by == "update"]
        in_one_measure = is_one_number([factor for factor in given if factor])
        if self.rate is not None or self._is_one_multiple(truth) or len(last) < max(len(self.finals), 2):
            return
        ends = [(final, after) for final, after in zip(self.finals, last, strict=True) if after is not None]
        if len(ends) < len(self.finals):
            return
        changes = [self._value(final.parameter.node) - self._value(after) for final, after in ends]
        factors = [abs(factor_of(change, of) or 0.0) for change, of in zip(changes, wanted, strict=True)]
        ratios: list[float | None] = [factor / abs(own) for factor, own in zip(factors, given, strict=True) if own]
        exact = any(own is not None and is_near_number(abs(own), 1.0) for own in given)
        exact = exact and all(self._value(final.node).size > 1 for final in self.finals)
        if exact and len(ratios) == len(given) and is_one_number(ratios):  # they are in one measure, as these are
            return
        rate, times = Counter(float(f"{factor:.9g}") for factor in factors or [0.0]).most_common(1)[0]
        enough = len(factors) if in_one_measure else len(factors) // 2 + 1
        if rate and times >= enough:
            self.finals = [self._step_of(final, Whole(after), rate, False) for final, after in ends]

    def _with_the_rate_of_others(self, truth: Truth) -> None:
        """The whole change of a parameter that a mistake is in, where the right ones are taken with their rate, too.

        Of `w -= 0.1 * x.T @ d` the number is a part of the product, and of `v -= 0.1 * g` it is the rate.
        """
        pairs = [(f, f.direction * self._value(f.node), truth.cotangents[f.parameter.node]) for f in self.finals]
        factors = [factor_of(value, wanted) for _, value, wanted in pairs]
        rates = [factor for factor in factors if factor]
        if not rates or len(rates) == len(factors) or not np.allclose(rates, rates[0], rtol=1e-6, atol=0):
            return
        for i, (final, value, _) in enumerate(pairs):
            change = self._change_of(final) if factors[i] is None else None
            rate = factor_of(change[1] * self._value(change[0]), value) if change is not None else None
            if change is not None and rate is not None and is_near_number(rate, rates[0]):
                self._made.setdefault(change[0], self._made[final.node])
                self.finals[i] = Final(
                    f"the step of {final.parameter.name}", change[0], final.parameter, "update", change[1]
                )

    def _as_named(self, truth: Truth) -> None:
        """The true gradients that have names, where all steps are these times one number, as of Nadam at its start."""
        wanted = [truth.cotangents[final.parameter.node] for final in self.finals]
        values = [final.direction * self._value(final.node) for final in self.finals]
        factors = [factor_of(value, of) for value, of in zip(values, wanted, strict=True)]
        in_updates = self.rate is None and all(f.by == "update" and f.node in self._made for f in self.finals)
        if not in_updates or not is_one_number(factors):
            return
        names, steps = self._all_names(), [final.node for final in self.finals]
        found = [self._true_within(node, of, names) for node, of in zip(steps, wanted, strict=True)]
        true = {node for node in found if node is not None}
        if len(true) < len(found) or not all(is_made_of(self.tape, step, true) for step in steps):
            return
        for i, (final, node) in enumerate(zip(self.finals, found, strict=True)):
            if node is not None:
                self._made.setdefault(node, self._made[final.node])
                self.finals[i] = Final(own(names[node][0]), node, final.parameter, "update", final.direction)

    def _true_within(self, step: int, wanted: Array, names: Container[int]) -> int | None:
        """The true gradient, under a name, in a step that is none itself."""
        called = any(is_gradient_name(name.rsplit(".", 1)[-1]) for name in self._all_names().get(step, ()))
        if called or close(self._value(step), wanted):
            return None
        return next((n for n in within(self.tape, step) if n in names and close(self._value(n), wanted)), None)

    def _change_of(self, final: Final) -> tuple[int, int] | None:
        """All that an update took off a parameter, and 1; or what it added, and -1."""
        after = self._made.get(final.node) if final.by == "update" else None
        if after is None:
            return None
        before = final.parameter.node
        change = in_update(self.tape, self.tape.steps[self.tape.nodes[after].step], after, before)
        if change is None and parts_between(self.tape, before, after):
            whole = lost(self.tape, before, after, 1.0)
            self._parents = self.tape.parents()  # what it was worked out with is recorded, too
            return None if whole is None else (whole.node, 1)
        return change

    def _turned_round(self, truth: Truth) -> None:
        """Updates by a gradient that go the other way than most: what they take off is the negative of it.

        So do all that go uphill on what is to be made small: a well-known loss, or what they call one.
        """
        ways: dict[int, int] = {}
        by_one_number = len(self.finals) > 1 and self._is_one_multiple(truth)
        for i, final in enumerate(self.finals):
            if final.by == "update" and final.node in self._made:
                wanted = truth.cotangents[final.parameter.node]
                ways[i] = final.direction * sign_of(self._value(final.node), wanted, by_one_number)
        down, up = (sum(way == sign for way in ways.values()) for sign in (1, -1))
        all_uphill = up == len(self.finals) and self._is_to_fall()
        all_downhill = down == len(self.finals) and self._is_to_rise()
        if all_uphill or all_downhill:
            places = (self.tape.steps[self.tape.nodes[self._made[final.node]].step].place for final in self.finals)
            self.uphill = [place for place in places if place is not None]
        usual = 1 if down and down >= up else -1
        signs = {i: way * self.finals[i].direction for i, way in ways.items()}
        usual_signs = {sign for i, sign in signs.items() if ways[i] == usual}
        for i, way in ways.items():
            turned = way == -usual and signs[i] in usual_signs
            if turned or (way == -1 and all_uphill and signs[i] == 1) or (all_downhill and signs[i] == 1):
                self.finals[i] = self._negative(self.finals[i])
        self._as_taken_off(truth)

    def _as_taken_off(self, truth: Truth) -> None:
        """What is added, as the negative of it, where other updates take something off, and all of that is no gradient.

        What is added may be the step as a whole, with its rate.
        """
        finals = [final for final in self.finals if final.by == "update"]
        each = [(f.direction * self._value(f.node), truth.cotangents[f.parameter.node]) for f in finals]
        added = [final for final in finals if final.direction < 0]
        known = 0 < len(added) < len(finals) and all(final.node in self._made for final in added)
        if known and not all(close(*pair) for pair in each):
            self.finals = [self._negative(final) if final in added else final for final in self.finals]

    def take_without_rates(self, found: dict[int, Final]) -> None:
        """Take gradients for the steps that they were worked out of, by the numbers of these."""
        for step, gradient in found.items():
            self.changes[gradient.node] = step
            if step in self._made:
                self._made[gradient.node] = self._made[step]
        self.finals = [found[final.node] for final in self.finals]

    def owners_of_updated(self) -> set[int]:
        """What holds the names of parameters, where each gradient that is known stands in an update of its own."""
        made = {self._made.get(final.node) if final.by == "update" else None for final in self.finals}
        return set() if None in made else {event.owner for event in self.watch.events if event.node in made}

    def _is_to_fall(self) -> bool:
        """Whether the loss is one to make small: a well-known one, or a part or a multiple of what is called one.

        A likelihood is none, though it may be called so, and though a penalty was taken off it.
        """
        parameters = [final.parameter.node for final in self.finals]
        if self.loss is not None and is_likelihood(self.tape, self.loss):
            return False
        if self.loss is not None and not self.is_well_known and falls_far_out(self.tape, self.loss, parameters):
            return False
        node, found = self.loss, set()
        while node is not None and node not in found:
            found.add(node)
            inner = inside(self.tape, node)
            node = inner[0] if inner is not None and inner[1] > 0 else None
        events = (event for event in (*self.watch.events, *self.watch.returned) if event.node in found)
        return self.is_well_known or any(is_made_small(event.name) for event in events)

    def _is_to_rise(self) -> bool:
        """Whether the loss is the logarithm of a likelihood, by its name and by its sign: a negative one is above 0."""
        negative = self.loss is not None and bool(np.all(self._value(self.loss) < 0))
        return negative and is_made_large(self.loss_name) and not self.is_well_known

    def _negative(self, final: Final) -> Final:
        value = Recorded(self.tape, self._value(final.node), self.tape.nodes[final.node].slot)
        if value.node != final.node:  # written to since
            return final
        turned = record(self.tape, np.negative, (value,), {}).node
        place = self.tape.steps[self.tape.nodes[self._made[final.node]].step].place
        self.tape.steps[-1].place = None if place is None else replace(place, offset=-1)  # the whole right side
        self.changes[turned] = self._made[final.node]
        return Final(f"the step of {final.parameter.name}", turned, final.parameter, "update", -final.direction)

    def _are_right_by_rate(self, is_close: Callable[[Array, Parameter], bool]) -> bool:
        """Whether most steps are gradients by the rate that was told."""
        right = sum(is_close(self._value(final.node), final.parameter) for final in self.finals)
        return self.rate is not None and 2 * right > len(self.finals)

    def _within(self, final: Final, truth: Truth, is_close: Callable[[Array, Parameter], bool], whole: bool) -> Final:
        """Of an update that is no gradient, as with a decay of the weights: what is right in it, if anything is.

        What was given as a gradient, or is called one, is judged as it stands; and what is one times a number, unless
        that was made of what is called one, as a velocity is at its start. Where the steps as a `whole` are gradients
        by the rate, one that is another multiple is not as it is meant. What is called a gradient and is one without
        what would change the length of its weights, kept at 1, is an update of its own, too. A product whose squares
        the steps are scaled by, as in Adam's, is meant as the gradient, whatever it is called.
        """
        meant = {node for _, node in self.given or ()}
        value = self.tape.nodes[final.node].value
        wanted = truth.cotangents[final.parameter.node]
        scaled = value.shape == wanted.shape and np.any(wanted) and close(value, nearest_multiple(value, wanted))
        uphill = scaled and np.vdot(value, wanted) < 0
        along = any(is_multiple(value, part) for part in along_sphere(wanted, self._value(final.parameter.node)))
        called = self._is_called_gradient(final.node, final.parameter) and not along
        if final.by != "update" or final.node in meant or called or uphill or (scaled and whole):
            return final
        if not scaled and self._is_squared_product(final.node):
            return final
        made = Updates(self.tape, self._all_names())
        inner = next(
            (
                node
                for node in within(self.tape, final.node)
                if next(factors_of(self.tape, node, made.is_rate), None) is None
                and is_close(in_shape_of(wanted, self._value(node)), final.parameter)
                and (not scaled or self._is_called_gradient(node, final.parameter))
                and not self._is_of_higher_degree(final.node, node)
                and not self._takes_data_in(final, node, is_close)
            ),
            None,
        )
        inner = self._besides_share_of_loss(final) if inner is None else inner
        if inner is None:
            return final
        sign = self._way_along(final.node, inner)
        if sign < 0 and self.rate is not None:  # the step as a whole says so
            return final
        if final.node in self._made:
            self._made.setdefault(inner, self._made[final.node])
        name = next(iter(self._all_names().get(inner, ())), final.name)
        return Final(name, inner, final.parameter, "update", sign * final.direction)

    def _is_squared_product(self, node: int) -> bool:
        """Whether a value is a product of arrays, and something reads the squares of it."""
        made = self.tape.steps[self.tape.nodes[node].step]
        arrays = [read for read in made.reads if self._value(read).size > 1]
        squares = (step for step in self.tape.steps if node in step.reads and is_square(step))
        return name_of(made.function) in ("multiply", "divide") and len(arrays) > 1 and any(squares)

    def _besides_share_of_loss(self, final: Final) -> int | None:
        """What a step is as many times as it takes to make the loss nothing; None where it is no such step."""
        step = self.tape.steps[self.tape.nodes[final.node].step]
        others = [read for read in step.reads if not is_share_of_loss(self.tape, read, self.loss)]
        is_share = name_of(step.function) == "multiply" and len(step.reads) == 2 and len(others) == 1
        return others[0] if is_share and self._value(others[0]).shape == self._value(final.node).shape else None

    def _way_along(self, step: int, gradient: int) -> int:
        """Whether an update goes the way of a gradient in it, or, as -1, the other way."""
        none, one = (self._played(step, gradient, size * self._value(gradient)) for size in (0.0, 1.0))
        return -1 if np.vdot(one - none, self._value(gradient)) < 0 else 1

    def _is_called_gradient(self, node: int, parameter: Parameter) -> bool:
        names = self._all_names().get(node, ())
        parts = (part for name in names for part in (name.rsplit(".", 1)[-1], name.split("[")[0]))
        return any(is_gradient_name(part) or is_of_another(part, {parameter.short}) for part in parts)

    def _takes_data_in(self, final: Final, gradient: int, is_close: Callable[[Array, Parameter], bool]) -> bool:
        """Whether an update was made of more than its gradient, its parameter, other gradients, numbers and states.

        A decay of another parameter, or another part of the loss, is no part of an update that may be meant. What was
        made in the turn of a loop before is a state, as a velocity is. The size of a step may be made of the loss
        itself, as Polyak's is.
        """
        loss, others = self._before_loss(), [f.parameter for f in self.finals]
        waiting, seen = [final.node], {gradient, final.parameter.node, *states(self.tape, {p.node for p in others})}
        while waiting:
            for read in self.tape.steps[self.tape.nodes[waiting.pop()].step].reads:
                value = self._value(read)
                is_known = read in seen or is_share_of_loss(self.tape, read, self.loss)
                if is_known or any(value.shape == p.recorded.shape and is_close(value, p) for p in others):
                    continue
                if read in loss and value.size > 1:
                    return True
                seen.add(read)
                waiting.append(read)
        return False

    def _is_of_higher_degree(self, step: int, gradient: int) -> bool:
        """Whether an update holds a gradient more than once as a factor, as `rate * g * g` does.

        Of what is kept, such as a decay or a velocity, the update goes up with the gradient; of a root, slower.
        """
        none, one, two = (self._played(step, gradient, size * self._value(gradient)) for size in (1e-6, 1.0, 2.0))
        return bool(np.any(np.abs(two - none) > 2.5 * np.abs(one - none) + 1e-12))

    def _played(self, node: int, given: int, value: Array) -> Array:
        """What a value would be with another one in the place of what it was made of."""
        until = self.tape.nodes[node].step
        with np.errstate(all="ignore"):
            found = self.tape.follow(
                {n.number: n.value for n in self.tape.nodes}, overrides={given: value}, until=until
            )
            played = found if found is not None else self.tape.replay({given: value}, until=until)
        return np.asarray(played.get(node, self._value(node)))

    def _in_pieces(self, reached: list[Parameter], is_close: Callable[[Array, Parameter], bool], truth: Truth) -> None:
        """A gradient for each use of a parameter that is used more than once, to be added up later.

        One of them may be of its transpose, as where an output layer has the weights of an embedding.
        Where the sum is wrong, they are as many as the uses, and kept in as many places of one kind.
        """
        self._pair_nothing(reached, truth)
        for parameter in [p for p in reached if p.asked]:
            final = next((f for f in self.finals if f.parameter is parameter), None)
            if final is not None and is_close(self._value(final.node), parameter):
                continue
            taken = {other.node for other in self.finals if other is not final}
            shape = parameter.recorded.shape
            free = [g for g in self.gradients if g[1] not in taken and self._value(g[1]).shape in (shape, shape[::-1])]
            mine = None if final is None else self._value(final.node)
            if mine is not None and sum(np.array_equal(mine, self._value(node)) for _, node in free) > 1:
                continue  # what is meant as the whole is a copy of one piece
            sums = (chosen for count in range(2, MOST_PIECES + 1) for chosen in combinations(free, count))
            for chosen in islice(sums, MOST_SUMS if parameter.recorded.size > 1 else MOST_SUMS_OF_NUMBERS):
                if final is not None and final.node not in {node for _, node in chosen}:
                    continue  # what is meant as the whole is none of its pieces
                if is_close(np.sum([self._laid_out(node, shape) for _, node in chosen], axis=0), parameter):
                    if not self._is_updated_by_one(parameter, chosen):
                        self._take_sum(chosen, parameter, final)
                    break
            else:
                named = (g for g in free if final is not None and unnumbered(g[0][0]) == unnumbered(final.path))
                kept = tuple(g for g in named if self._value(g[1]).shape == shape)
                tied = tuple(g for g in free if self.tied.get(g[1]) == parameter.node)
                if final is not None and tied:
                    self._take_sum((([final.name], final.node), *tied), parameter, final)
                elif 1 < len(kept) == len(truth.parts.get(parameter.node, ())):
                    self._take_sum(kept, parameter, final)

    def _is_updated_by_one(self, parameter: Parameter, pieces: tuple[Gradient, ...]) -> bool:
        """Whether a parameter was changed by one piece of its gradient alone: the others were forgotten then."""
        before = self._value(parameter.node)
        after = self._value(self.after.get(parameter.name, parameter.node))
        alike = before.shape == after.shape
        return alike and any(is_multiple(before - after, self._laid_out(node, before.shape)) for _, node in pieces)

    def _laid_out(self, node: int, shape: tuple[int, ...]) -> Array:
        """A gradient in the shape of its parameter, of which it may be one of the transpose."""
        value = self._value(node)
        return value if value.shape == shape else value.T

    def _pair_nothing(self, reached: list[Parameter], truth: Truth) -> None:
        """Gradients that are 0 with what has none, as a bias of keys that a softmax takes no notice of, by their names.

        Any of them is right for any of these, and any two are pieces of one.
        """
        sizes = {id(p): np.max(np.abs(truth.cotangents[p.node]), initial=0.0) for p in reached}
        nothing = TINY * max(sizes.values(), default=0.0)
        done = {id(final.parameter) for final in self.finals}
        for parameter in [p for p in reached if sizes[id(p)] <= nothing and id(p) not in done]:
            shape = parameter.recorded.shape
            empty = [g for g in self.unsure if self._value(g[1]).shape == shape and self._is_nothing(g[1], nothing)]
            if empty:
                best = max(empty, key=lambda gradient: max(alike(name, parameter.name) for name in gradient[0]))
                self.unsure.remove(best)
                self.finals.append(Final(shown(best[0]), best[1], parameter, "value"))

    def _is_nothing(self, node: int, bound: float) -> bool:
        return bool(np.max(np.abs(self._value(node)), initial=0.0) <= bound)

    def _take_sum(self, chosen: tuple[Gradient, ...], parameter: Parameter, final: Final | None) -> None:
        """The sum of some gradients as one."""
        pieces = (Recorded(self.tape, self._value(n), self.tape.nodes[n].slot) for _, n in chosen)
        shape = parameter.recorded.shape
        total, *others = (
            each if each.shape == shape else record(self.tape, np.transpose, (each,), {}) for each in pieces
        )
        for other in others:
            total = record(self.tape, np.add, (total, other), {})
        name = " + ".join(shown(names) for names, _ in chosen)
        self.finals = [f for f in self.finals if f is not final] + [Final(name, total.node, parameter, "value")]
        self.unsure = [gradient for gradient in self.unsure if gradient not in chosen]
        self.notes.append(f"{name} is taken as one gradient: {own(parameter.name)} is used more than once.")

    def _lacking(self, missing: list[Parameter]) -> list[Parameter]:
        """What surely is a parameter, and no other data of an object: it was given by name, or is called like one."""
        alike = self._like_parameters(missing)
        return [p for p in missing if self.all_asked and (p.name in self.named or p in alike)]

    def _like_parameters(self, others: list[Parameter]) -> list[Parameter]:
        """What is called like a parameter that has a gradient, or as weights are."""
        kinds = {final.parameter.kind for final in self.finals} | {"w", "b"}
        return [p for p in others if p.kind in kinds]

    def _pair_unreached(self, zero: list[Parameter], cotangents: dict[int, Array]) -> None:
        """Gradients of parameters that the loss does not depend on: their truth is 0."""
        more, self.unsure = paired(zero, self.unsure, self.tape)
        for final in more:
            cotangents.setdefault(final.parameter.node, np.zeros(final.parameter.recorded.shape))
        self.finals += more


def class_at(place: Place) -> ast.ClassDef | None:
    """The class that a line is in."""
    return source_of(text_of(place.file)).class_around(place.line)


def shown_by(tape: Tape, node: int) -> int:
    """What a value shows all or a part of, in the end."""
    while shows(step := tape.steps[tape.nodes[node].step]) and step.reads:
        node = step.reads[0]
    return node


def unnumbered(path: str) -> str:
    """A path without the places in lists: `layers[].grads[]`."""
    return re.sub(r"\d+", "", path)


def sign_of(value: Array, truth: Array, by_one_number: bool) -> int:
    """The sign of the factor between a gradient and the true one, but for an epsilon in it; 0 where it is none.

    Of a single number only the truth itself tells, or that all gradients are theirs by one number.
    """
    value, is_nought = in_shape_of(truth, value), not np.any(np.abs(truth) > NOUGHT)
    if value.shape != truth.shape or is_nought or not is_almost(value, nearest_multiple(value, truth)):
        return 0
    sign = 1 if np.vdot(value, truth) > 0 else -1
    return sign if value.size > 1 or by_one_number or close(value, sign * truth) else 0


def factor_of(value: Array, of: Array) -> float | None:
    """The number that an array is multiplied by in another one; None where that is no multiple."""
    return float(np.vdot(of, value) / np.vdot(of, of)) if is_multiple(value, of) else None


def is_one_number(factors: list[float | None]) -> bool:
    """Whether several factors are known, and one number."""
    known = [factor for factor in factors if factor]
    return 0 < len(known) == len(factors) and bool(np.allclose(known, known[0], rtol=1e-6, atol=0))


def nearest_multiple(value: Array, of: Array) -> Array:
    return np.asarray(np.vdot(of, value) / np.vdot(of, of) * of)


def is_almost(value: Array, truth: Array) -> bool:
    """Whether a gradient is the true one but for what an epsilon makes of it."""
    if value.size != truth.size:
        return False
    apart = np.abs(value.reshape(-1) - truth.reshape(-1))
    return bool(np.max(apart, initial=0.0) < 1e-3 * np.max(np.abs(truth), initial=0.0))


def is_multiple(value: Array, of: Array) -> bool:
    """Whether an array is another one times a number."""
    if value.shape != of.shape or not np.any(of):
        return False
    return bool(np.any(value)) and close(value, nearest_multiple(value, of))
