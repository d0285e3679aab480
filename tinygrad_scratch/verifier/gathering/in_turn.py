"""Parameters that are updated one after the other, each by its own gradient at the new values of those before it.

Of two tables that are fitted, one moves first, and the fit is worked out again before the other one does. From stale
weights it is told by that: nothing of the later gradient was made of what the earlier parameter had been.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.recording.steps import Array, ancestors
from tinygrad_scratch.verifier.truths.moved import spread

DIRECTIONS = 3
SHIFT = 1e-5  # of the spread of a parameter, for slopes of the loss
SAME = 1e-6  # how near to the slope a right gradient is


def by_turns(entry: Any) -> tuple[list[Final], str]:
    """The gradients that are right where their parameters were updated in turn, and not judged again; what is said."""
    turns = Turns(entry)
    late = {final.node: moved for final in entry.finals if (moved := turns.moved_before(final))}
    if not late or len(late) == len(entry.finals):
        return [], ""
    first, then = ([f for f in entry.finals if (f.node in late) == is_late] for is_late in (False, True))
    right = [f for f in entry.finals if turns.is_right(f, late.get(f.node, {}))]
    before = {node for moved in late.values() for node in moved}
    names = listed([own(final.parameter.name) for final in first if final.parameter.node in before])
    whose = listed([own(final.parameter.name) for final in then])
    said = f"{names} was updated first, and the gradient of {whose} was worked out anew of that: "
    is_of_new = any(new in turns.behind for moved in late.values() for new in moved.values())
    if is_of_new and all(final in right for final in first):
        for node in {new for moved in late.values() for new in moved.values()}:
            entry.tape.give(node)  # what made it is another step
        return first, said + "each is judged where it was made."
    if not is_of_new and all(final in right for final in then):
        return then, said + "it is right there."
    return [], ""


@dataclass
class Turns:
    """The gradients of a run, with the values of other parameters that each was made of."""

    entry: Any

    def __post_init__(self) -> None:
        self.tape, self.parents = self.entry.tape, self.entry.tape.parents()
        self.given = {node for step in self.tape.steps if step.function is None for node in step.makes}
        self.behind = ancestors(self.parents, [self.entry.loss])
        self.updated = {
            f.parameter.node: {
                node
                for node in self.entry.updated_values(f.parameter)
                if self.value(node).shape == self.value(f.parameter.node).shape
            }
            for f in self.entry.finals
        }

    def moved_before(self, final: Final) -> dict[int, int]:
        """The new values of other parameters that a gradient was made of; none where it was made of old ones as well.

        What is worked out again of them and of its own parameter is the fit, which stale weights would not be in.
        """
        node = final.parameter.node
        others = {other: values for other, values in self.updated.items() if other != node}
        ends = set[int]().union(*others.values()) | {node} | self.given
        made_of = ancestors(self.parents, [final.node], until=ends)
        new = {other: max(values & made_of) for other, values in others.items() if values & made_of}
        if not new or not made_of.isdisjoint(new) or not self.updated[node].isdisjoint(made_of) or node not in made_of:
            return {}
        return new

    def is_right(self, final: Final, moved: dict[int, int]) -> bool:
        """Whether a gradient is the slope of the loss where some parameters have new values, and others old ones."""
        at = {node: self.value(moved.get(node, node)) for node in self.updated}
        node, rng = final.parameter.node, np.random.default_rng(0)
        value, given = at[node], self.value(final.node)
        after = self.value(max(self.updated[node], default=node))
        if not given.shape == value.shape == after.shape or np.vdot(value - after, final.direction * given) <= 0:
            return False
        for _ in range(DIRECTIONS):
            way = rng.choice([-1.0, 1.0], size=value.shape) * rng.uniform(0.5, 1, value.shape)
            step = SHIFT * spread(value) * way
            there, back = (self.loss({**at, node: value + sign * step}) for sign in (1, -1))
            slope, mine = (there - back) / 2, final.direction * float(np.vdot(given, step))
            if not abs(slope - mine) <= SAME * float(np.linalg.norm(given) * np.linalg.norm(step)):
                return False
        return True

    def loss(self, at: dict[int, Array]) -> float:
        """The loss at some values of the parameters, whichever of their values it was made of."""
        moved = {n: value for node, value in at.items() for n in {node, *(self.updated[node] & self.behind)}}
        with np.errstate(all="ignore"):
            played = self.tape.replay(moved, until=self.tape.nodes[self.entry.loss].step)
        return float(np.sum(played[self.entry.loss]))

    def value(self, node: int) -> Array:
        return np.asarray(self.tape.nodes[node].value)
