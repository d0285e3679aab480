"""Whether gradients are those of a loss by a number of the program: at other parameters it is the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.penalised import without_own_parts
from tinygrad_scratch.verifier.recording.likeness import factor_of, is_varied
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.losses import Candidate, Played, played
from tinygrad_scratch.verifier.truths.moved import SAME, is_times, moved

MOST_INPUTS = 6
SHARES = 1.0, 0.1, 0.01  # of the way to the other parameters, as far as the same branches are taken


class Elsewhere:
    """A run as it was, and with other parameters."""

    def __init__(self, tape: Tape, run: Played, finals: list[Final]) -> None:
        self.tape, self.run, self.finals = tape, run, finals
        self.parameters = [final.parameter.node for final in finals]
        far = moved(tape, self.parameters, every=True)
        for share in SHARES:
            start = {node: (1 - share) * tape.nodes[node].value + share * value for node, value in far.items()}
            self.values = self.played_at(start)
            if all(n in self.values and np.array_equal(self.values[n], tape.nodes[n].value) for n in tape.decided):
                break
        self.there = played(tape, given=start)
        self.given_here, self.given_there = self.without_penalties({}), self.without_penalties(start)

    def played_at(self, start: dict[int, Array]) -> dict[int, Any]:
        """All values with other parameters; none where a call can't be made there."""
        try:
            with np.errstate(all="ignore"):
                return self.tape.replay(start) if start else {}
        except Exception:
            return {}

    def without_penalties(self, start: dict[int, Array]) -> list[Any]:
        """The gradients with some parameters, but for what only the own one of each went into, as into a decay."""
        plain = self.values if start else {node.number: node.value for node in self.tape.nodes}
        pairs = [(final.node, final.parameter.node) for final in self.finals]
        return without_own_parts(self.tape, pairs, plain, lambda parts: self.played_at({**start, **parts}))

    def is_steady(self, candidate: Candidate) -> bool:
        """Whether the gradients that are one number times those of a loss here are so there, too."""
        here, there = (run.gradients(candidate, self.parameters) for run in (self.run, self.there))
        if here is None or there is None or any(value is None for value in (*self.given_here, *self.given_there)):
            return False
        mine = self.given_here
        factors = (factor_of(value, of) for value, of in zip(mine, here, strict=True))
        numbers = list({f"{factor:.6g}": factor for factor in factors if factor}.values())  # each once
        found = [[i for i, value in enumerate(mine) if is_times(number, value, here[i])] for number in numbers]
        most = max(range(len(found)), key=lambda i: len(found[i]), default=None)
        return most is not None and all(is_times(numbers[most], self.given_there[i], there[i]) for i in found[most])


def weighs_samples(tape: Tape, run: Played, fitting: Candidate, theirs: Candidate, finals: list[Final]) -> bool:
    """Whether a loss is another one with a weight for each sample, which no parameter went into."""
    if fitting.turns:
        return False
    runs = run, Elsewhere(tape, run, finals).there
    for node in (fitting.node, *inputs_of(tape, fitting.node)):  # theirs may be one of what the output was made of
        pairs = [[each.gradients(loss, [node]) for loss in (theirs, fitting)] for each in runs]
        if all(found and np.any(found[0]) for pair in pairs for found in pair):
            here, there = (shares_of(one[0], other[0]) for one, other in pairs if one and other)
            alike = here is not None and there is not None and np.allclose(here, there, rtol=SAME)
            return here is not None and is_varied(here) and bool(alike)
    return False


def inputs_of(tape: Tape, node: int) -> Iterator[int]:
    """The values of the shape of an output that it was made of, one after the other, the last one first."""
    shape = tape.nodes[node].value.shape
    for _ in range(MOST_INPUTS):
        step = tape.steps[tape.nodes[node].step]
        alike = [read for read in step.reads if tape.nodes[read].value.shape == shape]
        if len(alike) != 1:
            return
        node = alike[0]
        yield node


def shares_of(weighed: Array, plain: Array) -> Array | None:
    """By which numbers the rows of an array, or else its columns, are those of another one, of which the mean is 1."""
    for one, other in ((weighed, plain), (weighed.T, plain.T)):
        shares = [factor_of(row, of) for row, of in zip(np.atleast_1d(one), np.atleast_1d(other), strict=True)]
        known = [share for share in shares if share]
        if known == shares:
            return np.array(known) / float(np.mean(known))
    return None
