"""What updates did to the parameters as a whole, beside what of them is judged as gradients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinygrad_scratch.verifier.cases.sizes import is_data
from tinygrad_scratch.verifier.gathering.collecting import Collecting, end_of
from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.pairs.carried_over import carried_over
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.update_steps import in_update
from tinygrad_scratch.verifier.pairs.updates import lost
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import is_near_number, nearest_shares
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.steps import Array, renamed
from tinygrad_scratch.verifier.truths.losses import is_made_large
from tinygrad_scratch.verifier.truths.table import squeezed
from tinygrad_scratch.verifier.truths.truth import Truth

TELLING = 3  # entries, from which a gradient and its parameter can be told apart in a change
MOST_STEPS = 40  # from the loss back to arrays


@dataclass(frozen=True)
class Whole:
    """What a parameter lost in one turn: a number times its gradient, another times itself, or something else."""

    after: int
    factor: float | None = None
    decay: float = 0.0
    is_turned: bool = False  # by the transpose of its gradient, in a square
    rest: Array | None = None  # what it lost beside, as by a velocity of the turns before

    @property
    def is_plain(self) -> bool:
        return self.factor is not None and not self.decay and not self.is_turned


class WholeSteps(Collecting):
    """The gradients of a run, with what its updates made of them."""

    def _last_in_turn(self, parameter: Parameter) -> int | None:
        """What a parameter is after its updates, each made once; None where a loop made several turns."""
        last, places = parameter.node, set()
        read, bound = self._before_loss(), self._under_its_name(parameter)
        for node in sorted({*self._versions(parameter), *bound}):
            place = self._place_of(node)
            if node <= last or node in read or self._value(node).shape != parameter.recorded.shape:
                continue
            if place is None or not self._goes_on_from(last, node):
                continue
            if place in places:
                return None
            places.add(place)
            last = node
        return None if last == parameter.node and (bound or self._bound(parameter)) else last

    def _under_its_name(self, parameter: Parameter) -> set[int]:
        """What stood under the very name that a parameter had in the end; as of a variable, that it has at first.

        An entry of a list may be in another one after the update, under the same name.
        """
        if parameter.name not in self.after and len(end_of(parameter.name)) > 1:
            return set(self._bound(parameter))
        held = self.after.get(parameter.name, parameter.node)
        events = [(self._before_rename(event.node), event) for event in self.watch.events]
        names = {(event.owner, event.name) for node, event in events if node == held}
        found = {node for node, event in events if (event.owner, event.name) in names}
        return found if held != parameter.node or found else set(self._bound(parameter))

    def _before_rename(self, node: int) -> int:
        step = self.tape.steps[self.tape.nodes[node].step]
        return step.reads[0] if step.function is renamed else node

    def _goes_on_from(self, before: int, after: int, depth: int = 4) -> bool:
        """Whether something was added to a value or taken off it, in one sum or several."""
        step = self.tape.steps[self.tape.nodes[after].step]
        if in_update(self.tape, step, after, before) is not None:
            return True
        sums = depth > 0 and getattr(step.function, "__name__", "") in ("add", "subtract", "setitem", "copy", "array")
        return sums and any(read > before and self._goes_on_from(before, read, depth - 1) for read in step.reads)

    def _place_of(self, node: int) -> Place | None:
        return self.tape.steps[self.tape.nodes[node].step].place

    def _wholes(self, truth: Truth) -> list[Whole | None]:
        """For each gradient what its parameter lost; None where that is not known, or nothing."""
        found: list[Whole | None] = []
        lasts = [self._last_in_turn(final.parameter) for final in self.finals]
        pairs = zip(self.finals, lasts, strict=True)
        carried = carried_over(self.tape, [(final, last) for final, last in pairs if last is not None])
        for final, last in zip(self.finals, lasts, strict=True):
            before = self._value(final.parameter.node)
            if last is None or before.dtype != np.float64 or np.array_equal(before, self._value(last)):
                found.append(None)
                continue
            change, wanted = before - self._value(last), truth.cotangents[final.parameter.node]
            rest = carried.get(final.node)
            change = change if rest is None else change - rest
            factor, decay = parts_of(change, wanted, before)
            if factor is None or decay:  # what is almost the true gradient, or holds a decay, tells more of its step
                mine = parts_of(change, final.direction * self._value(final.node), before)
                factor, decay = mine if factor is None or (mine[0] and not mine[1]) else (factor, decay)
            turned = parts_of(change, wanted.T)[0] if factor is None and wanted.ndim == 2 else None
            factor, is_turned = (factor, False) if turned is None else (turned, True)
            found.append(Whole(last, factor, decay, is_turned, rest))
        return found

    def _as_they_step(self, truth: Truth) -> None:
        """The whole of the updates, where the gradients in them are right and what is made of them is a mistake.

        That is one that goes another way than the others, as all do that go uphill on what is to be made small; one
        with the number of samples once more or less than the others; one by the transpose of its gradient; a decay of
        what the loss has no penalty on where it has one on others; and a decay that makes larger what it is of.
        """
        wholes = self._wholes(truth) if self.rate is None and not self.uphill else []
        steps = [(f, whole) for f, whole in zip(self.finals, wholes, strict=False) if whole is not None]
        if not steps or len(steps) < len(self.finals) or not self._is_one_multiple(truth):
            return
        steps = [(f, whole) for f, whole in steps if whole.factor or self._value(f.node).size >= TELLING]
        ways, factors = [self._way_of(f, truth) for f, _ in steps], [whole.factor or 0.0 for _, whole in steps]
        if not steps or not all(factors) or None in ways:
            return
        down = [factor for factor in factors if factor > 0]
        unseen = all(way or factor > 0 for way, factor in zip(ways, factors, strict=True))
        if not down and unseen and all(whole.is_plain for _, whole in steps) and self._is_to_fall():
            self.uphill = [place for _, whole in steps if (place := self._place_of(whole.after)) is not None]
            usual = 1.0
        elif down and unseen and 2 * len(down) >= len(steps):
            usual = self._usual(down)
            if not self._are_odd(steps, usual, truth):
                return
        else:
            return
        meant = not any(self._is_penalised(final.parameter, truth) for final in self.finals)  # a decay by none is
        whole_of = {id(final): whole for final, whole in steps}
        self.finals = [self._step_of(final, whole_of.get(id(final)), usual, meant) for final in self.finals]

    def _way_of(self, final: Final, truth: Truth) -> bool | None:
        """Whether a gradient is taken to go down, as it is judged; None where it is no multiple of the true one."""
        wanted = truth.cotangents[final.parameter.node]
        factor = parts_of(in_shape_of(wanted, self._value(final.node)), wanted)[0]
        return None if factor is None else final.direction * factor > 0

    def _is_one_multiple(self, truth: Truth) -> bool:
        """Whether all gradients are the true ones times one number, so that no mistake is in them."""
        given = ((self._value(f.node), truth.cotangents[f.parameter.node]) for f in self.finals)
        factors = [abs(parts_of(in_shape_of(wanted, value), wanted)[0] or 0.0) for value, wanted in given]
        return all(is_near_number(factor, factors[0]) for factor in factors)

    def _usual(self, factors: list[float]) -> float:
        """The number that most updates take their gradients times; of as many with one as with another, a rate.

        Of two that are the number of samples apart, it is the smaller one: a mean is forgotten sooner than made up.
        """
        counts = Counter(float(f"{factor:.9g}") for factor in factors)
        most = [number for number, count in counts.items() if count == max(counts.values())]
        if len(most) == 2 and any(is_near_number(max(most) / min(most), samples) for samples in self._samples() - {1}):
            return min(most)
        return next((n for n in most if any(is_near_number(n, rate) for rate in self._rates())), max(most))

    def _rates(self) -> Iterator[float]:
        """The numbers under the names of rates."""
        for event in (*self.watch.arguments, *self.watch.events):
            value = self._value(event.node)
            if value.size == 1 and RATE.match(event.short) and value.reshape(-1)[0] > 0:
                yield float(value.reshape(-1)[0])

    def _are_odd(self, steps: list[tuple[Final, Whole]], usual: float, truth: Truth) -> bool:
        """Whether some updates are by another number than most, and by one that tells what is wrong with them."""
        factors = [(whole, (whole.factor or 0.0) / usual) for _, whole in steps]
        if any(whole.is_turned for _, whole in steps):
            return True
        odd = [(whole, ratio) for whole, ratio in factors if not is_near_number(ratio, 1.0)]
        if not odd:
            own_ones = [(whole, much) for f, whole in steps if (much := self._strength(f.parameter, truth))]
            meant = bool(own_ones) and all(whole.is_plain for whole, _ in own_ones)
            grow = any(whole.decay < 0 for _, whole in steps)
            twice = any(is_near_number(whole.decay / (whole.factor or 1.0), much) for whole, much in own_ones)
            return grow or twice or (meant and not all(whole.is_plain for _, whole in steps))
        telling = self._samples() - {1.0}  # other multiples may be rates of their own, or velocities at their start
        known = (
            ratio < 0 or any(is_near_number(r, n) for n in telling for r in (ratio, 1 / ratio)) for _, ratio in odd
        )
        return all(known) and all(whole.is_plain for whole, _ in odd)

    def _is_penalised(self, parameter: Parameter, truth: Truth) -> bool:
        return self._strength(parameter, truth) != 0

    def _strength(self, parameter: Parameter, truth: Truth) -> float:
        """How many times a parameter the gradient of a penalty on it is; 0 where the loss has none.

        A loss that is made again has it on a copy.
        """
        weights, waiting = self._value(parameter.node), [parameter.node]
        while waiting:
            for index, part in truth.parts.get(waiting.pop(), ()):
                if much := parts_of(part, weights)[0]:
                    return much
                step = self.tape.steps[index]
                waiting += step.makes if name_of(step.function) == "copy" else ()
        return 0.0

    def _samples(self) -> set[float]:
        """The lengths that all data has, and those of what the loss is made of that no parameter has.

        Of samples that are taken one by one, how many there are.
        """
        parameters = {final.parameter.node for final in self.finals}
        data = [
            self._value(node)
            for node in self._before_loss() - self.all_behind(*parameters)
            if self.tape.steps[self.tape.nodes[node].step].function is None and is_data(self._value(node))
        ]
        shapes = [set(value.shape) - {1} for value in data]
        times = set(Counter(value.shape for value in data).values())
        widths = {length for node in parameters for length in self._value(node).shape}
        common = set.intersection(*shapes) if shapes else set()
        one_by_one = times if len(times) == 1 else set()
        return set(map(float, common | one_by_one | self._lengths_in_loss() - widths - {1}))

    def _lengths_in_loss(self) -> set[int]:
        """The lengths of the arrays that the loss is computed from as its last, or of how many numbers it is the sum.

        These are read by one call, or added one by one in a line.
        """
        waiting, found = [self.loss] if self.loss is not None else [], set[int]()
        adding = Counter[Place | None]()
        for _ in range(MOST_STEPS):
            if not waiting:
                break
            step = self.tape.steps[self.tape.nodes[waiting.pop(0)].step]
            adding[step.place] += name_of(step.function) == "add"
            found |= {times for times in Counter(self._value(read).shape for read in step.reads).values() if times > 2}
            for read in step.reads:
                found.update(self._value(read).shape)
                waiting += [] if self._value(read).ndim else [read]
        return found | {times for place, times in adding.items() if place is not None and times > 2}

    def _is_to_fall(self) -> bool:
        raise NotImplementedError

    def _step_of(self, final: Final, whole: Whole | None, rate: float, decays: bool) -> Final:
        """What an update took off a parameter by a rate; but for a decay, where there may be one."""
        if whole is None:
            return final
        decay = abs(whole.decay) if decays else 0.0
        step = lost(self.tape, final.parameter.node, whole.after, rate, decay, whole.rest)
        if step is None:
            return final
        self.changes[step.node] = self._made[step.node] = whole.after
        return Final(f"the step of {final.parameter.name}", step.node, final.parameter, "update", 1)

    def said_of_steps(self, truth: Truth) -> Iterator[str]:
        """What of the updates is not judged, where the gradients in them are right."""
        if self.rate is not None:
            return
        wholes = self._wholes(truth)
        known = [
            (own(f.parameter.name), whole)
            for f, whole in zip(self.finals, wholes, strict=True)
            if whole is not None and f.parameter.node not in self.opponents
        ]
        still = [own(f.parameter.name) for f in self.finals if self._last_in_turn(f.parameter) == f.parameter.node]
        if known and still:
            yield f"{listed(still)} got no update, and the others did: is that meant?"
        factors = [whole.factor for _, whole in known if whole.factor is not None]
        is_large = is_made_large(self.loss_name)
        if factors and max(factors) < 0 and not is_large:
            yield "Every update goes uphill on the loss, which is right only if it is to be made large."
        if factors and min(factors) > 0 and is_large:
            yield f"Every update goes downhill on {self.loss_name}, which is right only if it is to be made small."
        if factors and any(not is_near_number(factor, factors[0]) for factor in factors):
            said = [f"{whole.factor:.6g} times for {name}" for name, whole in known if whole.factor is not None]
            yield f"The updates take different multiples of the gradients: {listed(said)}. Is that meant?"
        grown = [name for name, whole in known if whole.decay < 0]
        if grown:
            yield f"The update of {listed(grown)} also makes it larger; if a decay is meant, its sign is wrong."
        elif any(not whole.is_plain or whole.rest is not None for _, whole in known):
            yield (
                "The updates are more than multiples of the gradients, as with a velocity, a decay or a Hessian: "
                "the gradients are judged, and what the updates make of them is not."
            )


def in_shape_of(other: Array, value: Array) -> Array:
    """A value in the shape of another one, from which it differs in axes of length 1 alone: a row for a vector."""
    return value.reshape(other.shape) if squeezed(value.shape) == squeezed(other.shape) else value


def parts_of(change: Array, gradient: Array, weights: Array | None = None) -> tuple[float | None, float]:
    """The numbers that a change is a gradient times, and the weights times; no number where it is another thing."""
    if change.shape != gradient.shape or not np.any(gradient) or not np.all(np.isfinite((change, gradient))):
        return None, 0.0
    held = 0.0 if weights is None else float(np.max(np.abs(weights), initial=0.0))
    for columns in ([gradient], [gradient, weights]):
        used = [column.reshape(-1) for column in columns if column is not None and np.any(column)]
        if len(used) < len(columns) or change.size < (TELLING if len(columns) > 1 else 1):
            break
        found = nearest_shares(np.stack(used, axis=1), change)
        apart = np.max(np.abs(change.reshape(-1) - np.stack(used, axis=1) @ found))
        if found[0] and apart <= 1e-9 * np.max(np.abs(change)) + 1e-15 * held:
            return float(found[0]), float(found[1]) if len(found) > 1 else 0.0
    return None, 0.0
