"""What in a step is meant as the gradient: without its rate, its decay and its velocity, or the other way round."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import replace

import numpy as np

from tinygrad_scratch.verifier.gathering.opponents import Opponents
from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.gathering.whole_steps import Whole, in_shape_of
from tinygrad_scratch.verifier.pairs.at_one_length import along_sphere
from tinygrad_scratch.verifier.pairs.carried_over import states
from tinygrad_scratch.verifier.pairs.gradients import is_of_another
from tinygrad_scratch.verifier.pairs.in_one_dict import beside_others
from tinygrad_scratch.verifier.pairs.in_parts import parts_between
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.update_steps import (
    factors_of,
    in_update,
    inside,
    is_made_of,
    is_scaled_by_squares,
    is_share_of_loss,
    is_square,
    within,
)
from tinygrad_scratch.verifier.pairs.updates import Updates, lost
from tinygrad_scratch.verifier.pairs.velocities import has_an_odd_one, velocities
from tinygrad_scratch.verifier.pairs.without_rates import true_in
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event, claims_gradient
from tinygrad_scratch.verifier.recording.likeness import (
    NOUGHT,
    close,
    factor_of,
    is_almost,
    is_multiple,
    is_near_number,
    is_one_number,
    nearest_multiple,
)
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.recorded import Recorded, record
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.truths.losses import is_likelihood, is_made_large, is_made_small, is_of_dual
from tinygrad_scratch.verifier.truths.moved import falls_far_out
from tinygrad_scratch.verifier.truths.truth import Truth

KEYS = re.compile(r"\[[^\[\]]*\]")
TINY = 1e-12  # of the largest gradient: what is less is 0


def bound_in(event: Event) -> tuple[str, str, int]:
    """The line that gave something a name, and that name without places and keys: all items of a list have one."""
    return KEYS.sub("[]", event.name), event.place.file, event.place.line


class MeantInSteps(Opponents):
    """The gradients in the updates of a run."""

    def _as_beside_others(
        self, final: Final, is_close: Callable[[Array, Parameter], bool], steps: dict[int, int]
    ) -> Final:
        """A step that is wrong, as what others that are right have in its place, which the same statement takes off."""
        if final.by != "update" or is_close(self._value(final.node), final.parameter):
            return final
        place = self._updated_at(final.parameter)
        right = [other for other in self.finals if is_close(self._value(other.node), other.parameter)]
        beside = [other for other in right if place is not None and self._updated_at(other.parameter) == place]
        made_of = self.all_behind(final.node)
        behind = [event for event in reversed(self.watch.events) if event.node in made_of]
        found = beside_others(final, beside, behind) or self._bound_as(final, right, behind)
        return found or self._of_their_share(final, beside, steps)

    def _bound_as(self, final: Final, right: list[Final], behind: list[Event]) -> Final | None:
        """What got a name where gradients that are right in such steps got it: `dw, db = layer.gradients`.

        So it is in steps that a root scales, and in any where all others got theirs in one line, as items of a list.
        """
        nodes, rest = {other.node for other in right}, len(self.finals) - 1
        named = [event for event in self.watch.events if event.node in nodes and claims_gradient(event.name)]
        bound = [{bound_in(event) for event in named if event.node == node} for node in nodes]
        in_one = set.intersection(*bound) if len(right) == len(nodes) == rest > 1 else set()
        lines = set().union(*bound) if is_scaled_by_squares(self.tape, final.node) else in_one
        alike = (event for event in behind if bound_in(event) in lines and event.node not in nodes)
        shape = self._value(final.node).shape
        found = next((event for event in alike if self._value(event.node).shape == shape), None)
        return None if found is None else replace(final, name=found.name, node=found.node)

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
        within_all = all(final.node in self.all_behind(own.node) - {own.node} for final, own in pairs)
        taken_up = [self._taken_up(own) for own in found]
        return (within_all and has_an_odd_one(self._multiples(self.finals, truth))) or (
            None not in taken_up and has_an_odd_one(self._multiples([f for f in taken_up if f is not None], truth))
        )

    def _taken_up(self, velocity: Final) -> Final | None:
        """What a velocity takes up a share of: `g` of `v = 0.9 * v + 0.1 * g`; None where it has no such share."""
        made, shape = self.tape.steps[self.tape.nodes[velocity.node].step], self._value(velocity.node).shape
        arrays = [read for read in made.reads if self._value(read).shape == shape]
        inner = next(filter(None, (inside(self.tape, read) for read in arrays)), None)
        return None if inner is None else replace(velocity, node=inner[0], direction=velocity.direction * inner[1])

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

        So it is where a penalty is added to each, and its gradient is a part of each, or where one line divides all.
        """
        if not moved or any(self._held_last(final) != self.finals[i].node for i, final in moved.items()):
            return
        places = {self._place_of(self.finals[i].node) for i in moved}
        for i, final in enumerate(self.finals):
            last = self._held_last(final) if i not in moved else None
            if last is None:
                continue
            is_there = len(places) == 1 and self._place_of(last) in places
            is_odd = not is_multiple(self._value(final.node), truth.cotangents[final.parameter.node])
            if is_there or (is_odd and self._is_penalised(final.parameter, truth)):
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

    def _is_to_fall(self) -> bool:
        """Whether the loss is one to make small: a well-known one, or a part or a multiple of what is called one.

        A likelihood is none, though it may be called so, and though a penalty was taken off it; nor is the dual.
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
        names = [event.name for event in (*self.watch.events, *self.watch.returned) if event.node in found]
        return self.is_well_known or (any(map(is_made_small, names)) and not any(map(is_of_dual, names)))

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
        the steps are scaled by, as in Adam's, is meant as the gradient, whatever it is called; and such a step is none.
        """
        meant = {node for _, node in self.given or ()}
        value = self.tape.nodes[final.node].value
        wanted = truth.cotangents[final.parameter.node]
        scaled = value.shape == wanted.shape and np.any(wanted) and close(value, nearest_multiple(value, wanted))
        uphill = scaled and np.vdot(value, wanted) < 0
        along = any(is_multiple(value, part) for part in along_sphere(wanted, self._value(final.parameter.node)))
        adapted = not scaled and is_scaled_by_squares(self.tape, final.node)
        called = self._is_called_gradient(final.node, final.parameter) and not along and not adapted
        if final.by != "update" or final.node in meant or called or uphill or (scaled and whole):
            return final
        if not (scaled or adapted) and self._is_squared_product(final.node):
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


def sign_of(value: Array, truth: Array, by_one_number: bool) -> int:
    """The sign of the factor between a gradient and the true one, but for an epsilon in it; 0 where it is none.

    Of a single number only the truth itself tells, or that all gradients are theirs by one number.
    """
    value, is_nought = in_shape_of(truth, value), not np.any(np.abs(truth) > NOUGHT)
    if value.shape != truth.shape or is_nought or not is_almost(value, nearest_multiple(value, truth)):
        return 0
    sign = 1 if np.vdot(value, truth) > 0 else -1
    return sign if value.size > 1 or by_one_number or close(value, sign * truth) else 0
