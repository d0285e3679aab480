"""The gradients that stand only in the updates of the weights, and what these took off."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tinygrad_scratch.verifier.pairs.gradients_in_steps import first_on_way, in_products
from tinygrad_scratch.verifier.pairs.in_parts import Part, again_and_again, parts_between, rate_in
from tinygrad_scratch.verifier.pairs.inputs_by_name import Inputs, inputs_of, is_by_input
from tinygrad_scratch.verifier.pairs.preconditioned import by_matrix
from tinygrad_scratch.verifier.pairs.update_steps import (
    behind_matrix,
    beside_decay,
    direction_of,
    drawn_to,
    factors_of,
    first_direction,
    first_number,
    in_update,
    inside,
    is_grown,
    is_nothing,
    is_plain_number,
    is_root,
    is_scaled_by_own_squares,
    is_shrunk,
    is_written,
    literals_of,
    scaled_by_root,
    stands_for,
    stored_there,
    uncopied,
    way_of_rates,
)
from tinygrad_scratch.verifier.pairs.ways import Way, at_end, way_to
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.recording.edits import PRODUCTS, name_of
from tinygrad_scratch.verifier.recording.methods import Method
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.recorded import Recorded, record
from tinygrad_scratch.verifier.recording.steps import Array, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.losses import is_loss_name


@dataclass(frozen=True)
class Decay:
    """An update that also shrinks its parameter: `w = (1 - rate * decay) * w - rate * g`."""

    before: int
    after: int
    change: int
    direction: int

    def whole(self, tape: Tape, gradient: int) -> int | None:
        """All that the update did, in the measure of the gradient in it, as calls on the tape."""
        rate = self.rate(tape, gradient)
        whole = lost(tape, self.before, self.after, rate) if rate else None
        return whole.node if whole is not None else None

    def whole_value(self, tape: Tape, gradient: int) -> Array | None:
        """The same as an array alone."""
        rate = self.rate(tape, gradient)
        return (tape.nodes[self.before].value - tape.nodes[self.after].value) / rate if rate else None

    def rate(self, tape: Tape, gradient: int) -> float:
        """The number that the gradient is taken off times; 0 where that is not known."""
        change, alone = tape.nodes[self.change].value, tape.nodes[gradient].value
        if change.shape != alone.shape or not np.any(alone):
            return 0.0
        return float(np.vdot(change, alone) / np.vdot(alone, alone)) * self.direction


def is_field_of(one: str, other: str) -> bool:
    """Whether a path is the end of another one, with the field that it is of.

    >>> is_field_of("mu.w1", "state.mu.w1"), is_field_of("w1", "state.w1")
    (True, False)
    """
    return "." in one and other.endswith(f".{one}")


def lost(
    tape: Tape, before: int, after: int, rate: float, decay: float = 0.0, rest: Array | None = None
) -> Recorded | None:
    """What an update took off a value but for a decay and another `rest`, by a rate: (before - after) / rate.

    None if that was written to since. The calls for it are nobody's mistake, and stand where the update does.
    """
    live = Recorded(tape, tape.nodes[after].value, tape.nodes[after].slot)
    if live.node != after:
        return None
    first = len(tape.steps)
    held = as_it_was(tape, before)
    change: Recorded = held - live - decay * held if decay else held - live
    whole: Recorded = (change if rest is None else change - rest) / rate
    for step in tape.steps[first:]:
        step.place = tape.steps[tape.nodes[after].step].place
        tape.worked_out.add(step.index)
    return whole


def as_it_was(tape: Tape, node: int) -> Recorded:
    """What a value was, whatever was written to its array since."""
    live = Recorded(tape, tape.nodes[node].value, tape.nodes[node].slot)
    if live.node == node:
        return live
    held = tape.nodes[node].value.copy()
    kept = Recorded(tape, held, tape.constant(held))
    tape.copies[kept.node] = node
    return kept


@dataclass
class Updates:
    """The statements of a run that updated parameters; `names` are those of all values."""

    tape: Tape
    names: dict[int, list[str]]
    changes: dict[int, int] = field(default_factory=dict)  # a gradient that was worked out of an update -> the change
    decays: dict[int, Decay] = field(default_factory=dict)  # a gradient in an update that shrinks the parameter, too
    made: dict[int, int] = field(default_factory=dict)  # a gradient in an update -> what the update made
    ways: list[tuple[Way, int]] = field(default_factory=list)  # from a change to what is called a gradient, and signs
    called: set[str] = field(default_factory=set)  # the names of gradients that are called after parameters
    inputs: Inputs = field(default_factory=dict)  # the numbers that single parameters are multiplied by
    turned: dict[int, tuple[int, int]] = field(default_factory=dict)  # what is added -> its named negative, and a sign
    rates: dict[int, float] = field(default_factory=dict)  # of gradients that are taken off part by part
    put: set[int] = field(default_factory=set)  # gradients that were put together of those of some entries
    parameter: int = -1  # the one of which an update is looked at
    several: list[int] = field(default_factory=list)  # parameters with several steps, each by a loss of its own

    def of_all(
        self, parameters: list[Parameter], bound: Callable[[Parameter], list[int]], read: frozenset[int]
    ) -> Iterator[tuple[Parameter, int, int]]:
        """The gradient in the first update of each parameter, and its sign.

        Where only the others tell what in such an update is the gradient, as beside a velocity that is one number, it
        stands where theirs do.
        """
        self.called = {f"{letter}{parameter.short}" for parameter in parameters for letter in "dg"}
        self.inputs = inputs_of(self.tape, [parameter.node for parameter in parameters])
        found = [(p, of) for p in parameters if (of := self.of(p, [n for n in bound(p) if n not in read], read))]
        found = [(p, of) for p, of in found if not self.is_velocity(of, [other for _, other in found])]
        if any(sign < 0 for _, (_, sign, _) in found):  # where others are added, it is, too
            found = [(p, (*self.turned.get(of[0], of[:2]), of[2])) for p, of in found]
            self.made |= {gradient: after for _, (gradient, _, after) in found}
        times = Counter(gradient for _, (gradient, _, _) in found)
        own = [(p.node, of) for p, of in found if times[of[0]] == 1 and self.is_gradient(of[0])]
        shared = [(p.node, of) for p, of in found] if all(count > 1 for count in times.values()) else []
        rate = self.rate_of(own or shared)  # all share theirs with another one, as where two lists are one
        own_numbers = ((p, gradient, after) for p, (gradient, _, after) in found if gradient not in self.put)
        written = {self.rates.get(gradient) or self.number_before(p.node, after) for p, gradient, after in own_numbers}
        number = written.pop() if len(written) == 1 < len(found) else None  # of one alone it may be a part of the slope
        for parameter, (gradient, sign, after) in found:
            named = None if self.is_gradient(gradient) else self.where_others_have(after, parameter.node)
            if times[gradient] > 1:  # each has its own in what is taken off it
                yield parameter, *self.of_its_own(parameter.node, after, rate or 1.0)
            elif named is not None:
                self.made[named[0]] = after
                yield parameter, *named
            elif number and (gradient, sign) == self.change_in(after, parameter.node):
                yield parameter, *self.of_its_own(parameter.node, after, number)
            else:
                yield parameter, gradient, sign

    def where_others_have(self, after: int, before: int) -> tuple[int, int] | None:
        """What is called a gradient and stands in an update where the gradients of others do, and its sign."""
        change = self.change_in(after, before)
        for way, turned in self.ways if change is not None else ():
            inner = at_end(self.tape, change[0], way) if change is not None else None
            if change is not None and inner is not None and self.is_gradient(inner):
                return inner, turned * change[1]
        return None

    def is_velocity(self, of: tuple[int, int, int], others: list[tuple[int, int, int]]) -> bool:
        """Whether what an update made went into another one by the same gradient, as a velocity does."""
        same = [after for gradient, _, after in others if gradient == of[0] and after != of[2]]
        return bool(same) and of[2] in ancestors(self.tape.parents(), same)

    def rate_of(self, found: list[tuple[int, tuple[int, int, int]]]) -> float | None:
        """The number that all of some gradients are taken off times; None where that is not one number."""
        shares = set[float]()
        for before, (gradient, sign, after) in found:
            change, value = self.change_in(after, before), sign * np.asarray(self.tape.nodes[gradient].value)
            if change is not None and np.any(value):
                whole = change[1] * np.asarray(self.tape.nodes[change[0]].value)
                spread = np.broadcast_to(whole, value.shape) if whole.size == 1 else whole  # as of a wrong axis
                share = float(np.vdot(spread, value) / np.vdot(value, value)) if spread.size == value.size else 0.0
                shares.add(float(f"{share:.9g}") if share and np.allclose(spread, share * value) else 0.0)
        return shares.pop() if len(shares) == 1 and 0.0 not in shares else None

    def of_its_own(self, before: int, after: int, rate: float) -> tuple[int, int]:
        """What an update takes off a parameter alone, without the rate of all others."""
        change = self.change_in(after, before)
        assert change is not None  # it was one before
        node, sign = change
        value = Recorded(self.tape, self.tape.nodes[node].value, self.tape.nodes[node].slot)
        if value.node == node and (rate != 1.0 or node in self.made):
            node = record(self.tape, np.divide, (value, rate), {}).node
            self.changes[node] = change[0]
            self.tape.steps[-1].place = self.tape.steps[self.tape.nodes[after].step].place
        self.made[node] = after
        return node, sign

    def number_before(self, before: int, after: int) -> float | None:
        """The number that what an update takes off is written to be multiplied by first: 0.1 of `w -= 0.1 * d * x`."""
        change = self.change_in(after, before)
        return None if change is None else first_number(self.tape, change[0])

    def change_in(self, after: int, before: int) -> tuple[int, int] | None:
        return in_update(self.tape, self.tape.steps[self.tape.nodes[after].step], after, before)

    def of(self, parameter: Parameter, bound: list[int], read: frozenset[int]) -> tuple[int, int, int] | None:
        """The gradient in the first update of a parameter, its sign, and what that made: `w -= rate * g` gives (g, 1).

        What the loss was `read` from is no update: it is a part of the forward pass. Nor is a step by what was there
        before, as weights are looked at ahead, by the velocity of the last step.
        """
        tape, first = self.tape, parameter.node
        self.parameter = first
        slot = tape.nodes[first].slot
        later = [node for node in tape.versions_of(slot) if node not in {first, *read}]
        parts = again_and_again(tape, first, sorted({*later, *bound}), self.change_in)
        if parts:
            return self.whole_of(*parts)
        back = self.put_back(first, [*later, *bound])
        for after in (*later, *bound):
            if after not in (first, *back) and is_grown(tape, first, after):
                change = self.change_in(after, first)
                if change is not None and (self.is_share(change[0], first) or not is_nothing(tape, change[0])):
                    gradient, sign = self.without_rate(change[0], after)
                    named = self.as_named(change[0])
                    if named is not None and named[1] == change[1]:
                        gradient, sign = named
                    elif named is not None:
                        self.turned[gradient] = named[0], named[1] * change[1]
                    if tape.steps[tape.nodes[gradient].step].function is None and after in bound:
                        continue
                    gradient = self.as_row(gradient, first, change[0])
                    self.made[gradient] = after
                    way = way_to(tape, change[0], gradient) if self.is_gradient(gradient) else None
                    if way:
                        self.ways.append((way, sign))
                    reads = tape.steps[tape.nodes[after].step].reads
                    if any(read != first and is_shrunk(tape, read, first) for read in reads):
                        self.decays[gradient] = Decay(first, after, *change)
                    return gradient, sign * change[1], after
        return self.in_parts(first, [node for node in later if node > first])

    def is_share(self, change: int, before: int) -> bool:
        """Whether an update takes off what is called a gradient and is a share of the parameter, as of a penalty."""
        node = self.way_into(change)[0][-1][0]
        return self.is_gradient(node) and is_shrunk(self.tape, node, before)

    def put_back(self, before: int, later: list[int]) -> set[int]:
        """What a parameter was until it was given again what it was before, as where weights are looked at ahead."""
        same = [node for node in later if node != before and stands_for(self.tape, node, before)]
        steps = {node: self.change_in(node, before) for node in same}
        by_share = {node for node, step in steps.items() if step is not None and self.is_share(step[0], before)}
        until = max((node for node in same if node not in by_share), default=before)
        return {node for node in later if before < node <= until}

    def as_row(self, gradient: int, before: int, change: int) -> int:
        """A gradient that is a matrix of one row, of a parameter that is a row of entries, in the shape of that."""
        tape, shape = self.tape, self.tape.nodes[before].value.shape
        held = Recorded(tape, tape.nodes[gradient].value, tape.nodes[gradient].slot)
        if held.node != gradient or len(shape) != 1 or held.shape != (1, *shape):
            return gradient
        row: int = record(tape, Method("reshape"), (held, shape), {}).node
        tape.steps[-1].place = tape.steps[tape.nodes[change].step].place
        self.changes[row] = change
        return row

    def in_parts(self, before: int, later: list[int]) -> tuple[int, int, int] | None:
        """The same of a parameter of which some entries were updated after the others, as a whole."""
        parts = parts_between(self.tape, before, later[-1]) if later else []
        readers, places = self.tape.readers() if parts else {}, set[Place | None]()
        for part in parts:
            if part.place in places and self.goes_into_loss(part.before, readers):
                self.several.append(before)
                return None
            places.add(part.place)
        return self.whole_of(parts, later[-1]) if parts else None

    def goes_into_loss(self, node: int, readers: dict[int, list[int]]) -> bool:
        """Whether what is called a loss was made of a value, and not of what was written then to an array."""
        tape, first = self.tape, self.tape.nodes[node].step
        earlier, found, waiting = tape.earlier(), {node}, [node]
        while waiting:
            for step in (tape.steps[index] for index in readers.get(waiting.pop(), ()) if index > first):
                befores = (earlier[made][0] for made in step.makes if made in earlier)
                if all(tape.nodes[before].step < first for before in befores):
                    waiting += {*step.makes} - found
                    found.update(step.makes)
        single = (each for each in found if tape.nodes[each].value.size == 1)
        return any(is_loss_name(name) for each in single for name in self.names.get(each, ()))

    def whole_of(self, parts: list[Part], after: int) -> tuple[int, int, int] | None:
        """What all parts of an update took off a parameter, by their rate; or the gradients in steps that adapt."""
        found = self.of_adapting(parts, after)
        if found is not None:
            return found
        rate = rate_in(self.tape, parts, self.is_rate)
        whole = lost(self.tape, parts[0].before, after, rate)
        if whole is None:
            return None
        self.changes[whole.node] = self.made[whole.node] = after
        self.rates[whole.node] = abs(rate)
        return whole.node, 1 if rate > 0 else -1, after

    def of_adapting(self, parts: list[Part], after: int) -> tuple[int, int, int] | None:
        """The gradients in steps for some entries that adapt to them, as rows of Adam's, put where the entries are."""
        tape, first = self.tape, len(self.tape.steps)
        ways = [self.way_into(part.change) for part in parts]
        if not all(adapts for _, adapts in ways) or any(part.index is None for part in parts):
            return None
        inner = [way[-1] for way, _ in ways]
        gradients = [Recorded(tape, tape.nodes[node].value, tape.nodes[node].slot) for node, _ in inner]
        if any(held.node != node for held, (node, _) in zip(gradients, inner, strict=True)):  # written to since
            return None
        whole: Recorded = record(tape, np.zeros, (tape.nodes[parts[0].before].value.shape,), {})
        for part, gradient, (_, sign) in zip(parts, gradients, inner, strict=True):
            whole[part.index] = whole[part.index] + sign * part.sign * gradient
        for step in tape.steps[first:]:
            step.place = tape.steps[tape.nodes[after].step].place
            tape.worked_out.add(step.index)
        self.changes[whole.node] = self.made[whole.node] = after
        self.put.add(whole.node)
        return whole.node, 1, after

    def way_into(self, change: int) -> tuple[list[tuple[int, int]], bool]:
        """What a step is a multiple of, one in the other, with the signs, and whether it adapts on the way."""
        way, adapts = [(change, 1)], False
        while (inner := self.next_in(way[-1][0])) is not None:
            adapts = adapts or self.adapts(way[-1][0])
            way.append((inner[0], way[-1][1] * inner[1]))
        return way, adapts

    def without_rate(self, change: int, after: int) -> tuple[int, int]:
        """The gradient in `rate * g` or `g / n`, or in a step of momentum or Adam that starts from 0, and its sign.

        What has the name of a gradient is one, else what has any name. Without one, only what is called a rate is taken
        off.
        """
        way, adapts = self.way_into(change)
        depth = len(way) - 1
        if not adapts and not self.is_gradient(way[-1][0]):
            depth = next((i for i, (each, _) in enumerate(way) if i and each in self.names), depth)
        node, sign = way[depth]
        if (inner := self.behind_rate(node)) is not None:
            return inner[0], sign * inner[1]
        if not adapts and (number := self.number_in_matrix(node)) is not None:
            return self.divided(node, number, after), sign
        rate = None if self.is_gradient(node) else next(iter(factors_of(self.tape, change, self.is_rate)), None)
        beside = self.tape.steps[self.tape.nodes[change].step].reads
        if rate is None or adapts or (depth == 1 and any(map(self.is_rate_as_written, beside))):
            return node, sign
        given = [Recorded(self.tape, self.tape.nodes[n].value, self.tape.nodes[n].slot) for n in (change, rate)]
        if any(part.node != n for part, n in zip(given, (change, rate), strict=True)):  # written to since
            return node, sign
        made, update = (self.tape.steps[self.tape.nodes[node].step] for node in (change, after))
        first, place = len(self.tape.steps), (update if made.function is None else made).place  # `b -= rate`
        if sign < 0:  # `w += -rate * g`
            given[1] = record(self.tape, np.negative, (given[1],), {})
        quotient = record(self.tape, np.divide, tuple(given), {}).node
        self.changes[quotient] = change
        for step in self.tape.steps[first:]:
            step.place = place
        return quotient, sign

    def number_in_matrix(self, node: int) -> float | None:
        """The number that a product of matrices is written to begin with: 0.1 of `0.1 * x.T @ d`, which is a rate."""
        name = name_of(self.tape.steps[self.tape.nodes[node].step].function)
        return first_number(self.tape, node) if name in PRODUCTS and not self.is_gradient(node) else None

    def divided(self, node: int, number: float, after: int) -> int:
        """What a value in an update is without a number that it was multiplied by."""
        held = Recorded(self.tape, self.tape.nodes[node].value, self.tape.nodes[node].slot)
        if held.node != node:  # written to since
            return node
        quotient: int = record(self.tape, np.divide, (held, number), {}).node
        self.tape.steps[-1].place = self.tape.steps[self.tape.nodes[after].step].place
        self.changes[quotient] = node
        return quotient

    def as_named(self, change: int) -> tuple[int, int] | None:
        """What has a name and is the negative of something, as `gb = -e.sum(axis=0)` is in `rate * gb`, and its sign.

        The minus is a part of what is named, as long as that is taken off; of a step that is added, it is the update's.
        """
        node, sign, named = change, 1, None
        while not self.is_gradient(node):
            velocity = self.in_velocity(node)
            inner = velocity or self.inside(node)
            if inner is None:
                break
            name = name_of(self.tape.steps[self.tape.nodes[node].step].function)
            named = (node, sign) if node in self.names else named
            if name == "negative":
                return named
            named = None if velocity or name in ("multiply", "divide") else named  # it would be a step, with its rate
            node, sign = inner[0], sign * inner[1]
        return None

    def next_in(self, node: int) -> tuple[int, int] | None:
        """What a step is a multiple of, or goes on from; nothing once it is called a gradient, and is no velocity."""
        if (velocity := self.in_velocity(node)) is not None or self.is_gradient(node):
            return velocity or self.before_gains(node)
        inner = self.inside(node) or beside_decay(self.tape, node, self.parameter) or self.of_one(node)
        return inner or first_direction(self.tape, node) or self.in_mix(node) or self.of_sign(node)

    def of_sign(self, node: int) -> tuple[int, int] | None:
        """The gradient in a step by its sign alone, as Rprop's are (Riedmiller and Braun 1993), and its sign."""
        step = self.tape.steps[self.tape.nodes[node].step]
        parts = step.reads if name_of(step.function) == "multiply" else (node,)
        made = (self.tape.steps[self.tape.nodes[part].step] for part in parts)
        signs = [each.reads[0] for each in made if name_of(each.function) == "sign"]
        return next(((read, 1) for read in signs if self.is_gradient(read)), None)

    def before_gains(self, node: int) -> tuple[int, int] | None:
        """A gradient that was multiplied by gains of its entries, in place: unlike masks, nothing before it read these.

        So learn t-SNE (van der Maaten and Hinton 2008) and others by the delta-bar-delta rule of Jacobs 1988.
        """
        tape, step = self.tape, self.tape.steps[self.tape.nodes[node].step]
        if name_of(step.function) != "multiply" or len(step.reads) != 2 or is_plain_number(tape, step.reads[1]):
            return None
        gradient, gains = step.reads
        in_place = tape.nodes[gradient].slot == tape.nodes[node].slot and self.is_gradient(gradient)
        return (gradient, 1) if in_place and gains not in ancestors(tape.parents(), [gradient]) else None

    def in_mix(self, node: int) -> tuple[int, int] | None:
        """The gradient in a step that goes by several of them, or by products of matrices of it."""
        found = in_products(self.tape, node, self.is_gradient)
        if found is not None:
            return found, 1
        return first_on_way(self.tape, node, self.parameter) or by_matrix(self.tape, node, self.is_gradient)

    def of_one(self, node: int) -> tuple[int, int] | None:
        """The one value that both terms of a sum are multiples of, as in Nadam's first step: `a * m + b * g`.

        So it is in a step of Nesterov's, `mu * v - rate * g`, after `v = mu * v - rate * g`, in any turn.
        """
        step = self.tape.steps[self.tape.nodes[node].step]
        name = name_of(step.function)
        if name not in ("add", "subtract") or len(step.reads) != 2:
            return None
        (one, sign), (other, turned) = (self.end_of(read) for read in step.reads)
        return (one, sign) if one == other and sign == (turned if name == "add" else -turned) else None

    def end_of(self, node: int) -> tuple[int, int]:
        """What a value is a multiple of in the end, and the sign of the factor."""
        sign = 1
        while (inner := self.in_velocity(node) or (None if self.is_gradient(node) else self.inside(node))) is not None:
            node, sign = inner[0], sign * inner[1]
        return node, sign

    def in_velocity(self, node: int) -> tuple[int, int] | None:
        """What is added to the rest of a velocity, whatever that is called: g, and -1, of `dw = 0.9 * dw - g`.

        A velocity is what goes on under its name, or what moved the parameter before, as conjugate directions do.
        """
        called, node = list(self.names.get(node, ())), uncopied(self.tape, node)
        own = {*called, *self.names.get(node, ())}
        step = self.tape.steps[self.tape.nodes[node].step]
        name, reads = getattr(step.function, "__name__", ""), step.reads
        if name not in ("add", "subtract") or len(reads) != 2:
            return None
        if not own.isdisjoint(self.names.get(reads[0], ())):
            change = reads[1], -1 if name == "add" else 1
            inner = drawn_to(self.tape, change, reads[0], by_distance=True)  # `m += 0.1 * (g - m)`
            if inner is not None:
                return inner, 1
        moved_it = self.moved_before()
        for kept, moved in (reads, reads[::-1]) if name == "add" else (reads,):
            made = self.tape.steps[self.tape.nodes[kept].step]
            decayed = made.reads if getattr(made.function, "__name__", "") == "multiply" else ()
            read = self.tape.steps[self.tape.nodes[moved].step].reads  # a polynomial of matrices is no velocity
            before = [n for n in decayed if n not in read and not is_plain_number(self.tape, n)]
            named = {name for n in before for name in self.names.get(n, ())}
            goes_on = not own.isdisjoint(named) or any(is_field_of(one, other) for one in own for other in named)
            shares = own & {*self.names.get(kept, ())}  # a sum that has another name first is no velocity by that
            goes_on = goes_on and (not shares or (self.names.get(node) or called)[0] in shares)
            if goes_on or (direction_of(self.tape, kept) in moved_it and before):
                return moved, -1 if name == "subtract" else 1
        return None

    def moved_before(self) -> set[int]:
        """What the parameter was moved along by the update that made it, in the turn before."""
        step = self.tape.steps[self.tape.nodes[self.parameter].step] if self.parameter >= 0 else None
        if step is None or name_of(step.function) in ("multiply", "divide"):  # as in `w = rng.normal() * 0.5`
            return set()
        return {direction_of(self.tape, read) for read in step.reads}

    def behind_rate(self, node: int) -> tuple[int, int] | None:
        """The gradient in a step that is called one, too: `dw = rate * grad_w`."""
        sign, rated = 1, False
        while (inner := self.inside(node)) is not None:
            rated = rated or any(self.is_rate(read) for read in self.tape.steps[self.tape.nodes[node].step].reads)
            node, sign = inner[0], sign * inner[1]
            if rated and self.is_gradient(node):
                return node, sign
        return None

    def inside(self, node: int) -> tuple[int, int] | None:
        """What a value is a multiple of. Of a number a rate is taken off, or a literal: other numbers may be data."""
        if self.tape.nodes[node].value.ndim:
            return inside(self.tape, node) or self.by_rates_of_entries(node) or self.by_rate(node)
        step = self.tape.steps[self.tape.nodes[node].step]
        name, reads = getattr(step.function, "__name__", ""), step.reads
        if name == "negative":
            return reads[0], -1
        if name == "getitem" and (moved := behind_matrix(self.tape, step)) is not None:
            return moved
        if name == "multiply" and len(reads) == 1 and (literals := literals_of(step)):
            if is_by_input(step, self.inputs):
                return None
            return reads[0], 1 if literals[0] > 0 else -1
        if (scaled := scaled_by_root(self.tape, step)) is not None:
            return scaled[0], way_of_rates(self.tape, step, scaled[0])
        rates = [read for read in reads if self.is_multiple_of_rate(read)]
        if name == "multiply" and len(reads) == 2 and len(rates) == 1:
            return next(read for read in reads if read not in rates), 1
        return None

    def by_rate(self, node: int) -> tuple[int, int] | None:
        """What is multiplied by a number that is called a rate and was worked out, as a search of a line does."""
        step = self.tape.steps[self.tape.nodes[node].step]
        parts = {read: self.tape.nodes[read].value for read in step.reads}
        rates = [read for read, value in parts.items() if value.size == 1 and self.is_rate(read)]
        if name_of(step.function) != "multiply" or len(parts) != 2 or len(rates) != 1:
            return None
        moved = next(read for read in parts if read not in rates)
        sign = -1 if parts[rates[0]].reshape(-1)[0] < 0 else 1
        return (moved, sign) if parts[moved].shape == self.tape.nodes[node].value.shape else None

    def by_rates_of_entries(self, node: int) -> tuple[int, int] | None:
        """What is multiplied by a positive rate for each entry, which goes on over turns, as t-SNE's gains do."""
        step = self.tape.steps[self.tape.nodes[node].step]
        if name_of(step.function) != "multiply" or len(step.reads) != 2:
            return None
        for rates, moved in (step.reads, step.reads[::-1]):
            value, kept = self.tape.nodes[rates].value, self.end_of(rates)[0]
            is_rates = value.shape == self.tape.nodes[moved].value.shape and bool(np.all(value > 0))
            names = self.names.get(kept, ()) if is_rates and not self.is_gradient(kept) else ()
            before = ancestors(self.tape.parents(), [kept]) - {kept} if names else ()
            if any(not set(names).isdisjoint(self.names.get(node, ())) for node in before):
                return moved, 1
        return None

    def adapts(self, node: int) -> bool:
        """Whether a value in an update is more than a multiple: a velocity, or divided by a root, or by a matrix."""
        step = self.tape.steps[self.tape.nodes[uncopied(self.tape, node)].step]
        name = getattr(step.function, "__name__", "")
        by_root = name == "divide" and is_root(self.tape, step.reads[-1])
        by_root = by_root or scaled_by_root(self.tape, step) is not None
        goes_on = name == "getitem" and stored_there(self.tape, step) is not None
        by_array = behind_matrix(self.tape, step) is not None or self.by_rates_of_entries(node) is not None
        return (
            name in ("add", "subtract")
            or goes_on
            or by_root
            or by_array
            or self.of_sign(node) is not None
            or in_products(self.tape, node, self.is_gradient) is not None
            or by_matrix(self.tape, node, self.is_gradient) is not None
        )

    def is_gradient(self, node: int) -> bool:
        short = [name.rsplit(".", 1)[-1] for name in self.names.get(node, ())]
        held = [name.partition("[")[0] for name in short]  # `g["w"]`, and no `velocity["dw"]`
        is_named = any(map(is_gradient_name, (*short, *held))) or not self.called.isdisjoint(short)
        return is_named and not is_scaled_by_own_squares(self.tape, node)  # `delta = eta / np.sqrt(s) * g` is a step

    def is_multiple_of_rate(self, node: int) -> bool:
        """Whether a number is a rate, or so many times one, as in `5 * rate * g`."""
        step = self.tape.steps[self.tape.nodes[node].step]
        scaled = name_of(step.function) in ("multiply", "divide") and len(step.reads) == 1 and bool(literals_of(step))
        return self.is_rate(node) or (scaled and self.is_rate(step.reads[0]))

    def is_rate_as_written(self, node: int) -> bool:
        """Whether a number is a rate, or one times a number that is written there: `eta / 20`, and not `eta / n`."""
        step = self.tape.steps[self.tape.nodes[node].step]
        written = all(is_written(number, step) for number in literals_of(step))
        return self.is_rate(node) or (written and self.is_multiple_of_rate(node))

    def is_rate(self, node: int) -> bool:
        short = [name.rsplit(".", 1)[-1] for name in self.names.get(node, ())]
        return any(RATE.match(name) or re.search(r"(?:^|_)(?:lr|eta)(?:_|$)|^rate_", name) for name in short)
