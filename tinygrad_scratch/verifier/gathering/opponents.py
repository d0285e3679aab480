"""Parameters that go uphill on purpose while others go down: to a saddle point, or against a constraint or a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.gathering.whole_steps import WholeSteps
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.update_steps import within
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import NOUGHT, close
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.moved import spread
from tinygrad_scratch.verifier.truths.truth import Truth

SIZES = 0.1, 10.0, 1e6  # of steps, in the spread of a parameter: what has a kink is straight only near by
DIRECTIONS = 8
STRAIGHT = 1e-9  # how much of the loss a curve may be where there is none


class Opponents(WholeSteps):
    """The gradients of a run, with those whose parameters are meant to go uphill."""

    def _take_opponents(self, truth: Truth) -> list[Final]:
        """The gradients of opponents, as if they were taken off, too; those of the others are left to be judged."""
        ways = [(f, self._slope(f, truth)) for f in self.finals if f.by == "update"]
        up, down = ([f for f, slope in ways if sign * slope > 0] for sign in (-1, 1))
        if not up or not down or self.loss is None:
            return []
        shape = Landscape(self.tape, self.loss)
        others = [final.parameter.node for final in down]
        if any(shape.is_hill(node) for node in others):  # as a likelihood is to all: then this is the odd way
            return []
        found = [f for f in up if self._is_opponent(shape, f, others)]
        if found:
            self.opponents = {final.parameter.node for final in found}
            names, rest = ([own(final.parameter.name) for final in some] for some in (found, down))
            go = "goes" if len(found) == 1 else "go"
            self.notes.append(f"{listed(names)} {go} uphill on the loss, against {listed(rest)}: that counts as meant.")
            self.finals = [self._true_one(final, truth) for final in self.finals if final not in found]
        return [self._as_meant(self._true_one(final, truth), truth) for final in found]

    def _true_one(self, final: Final, truth: Truth) -> Final:
        """The true gradient where numbers were taken for a part of the rate: each player has a rate of its own."""
        wanted, change = truth.cotangents[final.parameter.node], self._change_of(final)
        inner = [] if change is None else [change[0], *within(self.tape, change[0])]
        around = [node for node in inner if final.node in self.all_behind(node) - {node}]
        true = next((node for node in around if close(self._value(node), wanted)), None)
        if true is None:
            return final
        self._made.setdefault(true, self._made[final.node])
        name = next(iter(self._all_names().get(true, ())), f"the step of {final.parameter.name}")
        return replace(final, name=own(name), node=true, direction=1)

    def _is_opponent(self, shape: Landscape, final: Final, others: list[int]) -> bool:
        """Whether a parameter has a summit to go to, or is a multiplier, a share of a sum, or a change of the data."""
        node = final.parameter.node
        if shape.is_hill(node):
            return True
        if shape.is_straight(node):
            grown = self._made.get(final.node)
            by_share = (
                grown is not None and name_of(self.tape.steps[self.tape.nodes[grown].step].function) == "multiply"
            )
            return by_share or shape.is_multiplier(node, others) or shape.is_game(node, others)
        return is_added_to_data(self.tape, node)

    def _slope(self, final: Final, truth: Truth) -> float:
        """Where an update goes: above 0 where it is downhill, and 0 where that is rounding alone."""
        wanted, value = truth.cotangents[final.parameter.node], self._value(final.node)
        is_any = value.shape == wanted.shape and np.any(np.abs(wanted) > NOUGHT)
        return final.direction * float(np.vdot(value, wanted)) if is_any else 0.0

    def _as_meant(self, final: Final, truth: Truth) -> Final:
        """The gradient of an opponent, as if it were taken off."""
        taken_off = final.direction < 0 or close(self._value(final.node), truth.cotangents[final.parameter.node])
        return replace(final, direction=1) if taken_off else self._negative(final)

    def _change_of(self, final: Final) -> tuple[int, int] | None:
        raise NotImplementedError

    def _negative(self, final: Final) -> Final:
        raise NotImplementedError


@dataclass
class Landscape:
    """A loss at other values of its parameters."""

    tape: Tape
    loss: int

    def at(self, moved: dict[int, Array]) -> float:
        with np.errstate(all="ignore"):
            played = self.tape.replay(moved, until=self.tape.nodes[self.loss].step)
        return float(np.sum(played[self.loss]))

    def curves(self, node: int) -> Iterator[float]:
        """How much the loss bends along some lines through a parameter and beside it, beside its size there."""
        value, rng = self.tape.nodes[node].value, np.random.default_rng(0)
        for size in SIZES:
            for away in range(DIRECTIONS):
                base = value + away / 2 * spread(value) * rng.normal(size=value.shape)
                signs = rng.choice([-1.0, 1.0], size=value.shape)
                step = size * spread(value) * signs * rng.uniform(0.5, 1, value.shape)
                here, there, back = (self.at({node: base + way * step}) for way in (0, 1, -1))
                yield (there + back - 2 * here) / (abs(there) + abs(back) + abs(here) + STRAIGHT)

    def is_hill(self, node: int) -> bool:
        """Whether the loss bends down all over, so that there is a summit."""
        return all(curve < -STRAIGHT for curve in self.curves(node))

    def is_straight(self, node: int) -> bool:
        return all(abs(curve) < STRAIGHT for curve in self.curves(node))

    def is_multiplier(self, node: int, others: list[int]) -> bool:
        """Whether others change the slope of a straight line, and the loss where there is none: as by a constraint."""
        bare, there, slope, slope_there = self.slopes(node, others)
        return self.are_flat([node]) and not np.isclose(bare, there) and not np.isclose(slope, slope_there)

    def is_game(self, node: int, others: list[int]) -> bool:
        """Whether all is made of straight lines whose slopes are the others: nobody has a summit or a valley alone."""
        _, _, slope, slope_there = self.slopes(node, others)
        is_bent = not (self.are_flat([node, *others]) and all(map(self.is_straight, others)))
        return not is_bent and not np.isclose(slope, slope_there)

    def are_flat(self, nodes: list[int]) -> bool:
        """Whether all are numbers or rows of them, and no weights of a layer."""
        return all(self.tape.nodes[node].value.ndim <= 1 for node in nodes)

    def slopes(self, node: int, others: list[int]) -> tuple[float, float, float, float]:
        """The loss without a parameter, here and where others are moved; and what one adds, here and there."""
        value, rng = self.tape.nodes[node].value, np.random.default_rng(1)
        held = {other: self.tape.nodes[other].value for other in others}
        moved = {other: old + spread(old) * rng.uniform(0.5, 1, old.shape) for other, old in held.items()}
        none, one = np.zeros_like(value), np.asarray(rng.uniform(0.5, 1, value.shape))
        bare, there = (self.at({**held, node: none}), self.at({**moved, node: none}))
        slope, slope_there = self.at({**held, node: one}) - bare, self.at({**moved, node: one}) - there
        return bare, there, slope, slope_there


def is_added_to_data(tape: Tape, node: int) -> bool:
    """Whether something is added to an array from outside that has its shape, entry by entry."""
    shape = tape.nodes[node].value.shape
    sums = (step.reads for step in tape.steps if name_of(step.function) == "add" and node in step.reads)
    others = [tape.nodes[other] for reads in sums for other in reads if other != node]
    return any(
        len(shape) > 1 and other.value.shape == shape and tape.steps[other.step].function is None for other in others
    )
