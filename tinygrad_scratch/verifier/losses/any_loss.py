"""Whether gradients can be those of a loss at all, of an output and of targets: told without knowing which.

With the targets of one sample exchanged, only the slopes of the loss by the outputs of that sample are others. So the
gradients move by a mix of the slopes of these few outputs, whatever the loss is; those of a wrong backward pass don't.
What was made of the parameters alone, such as a penalty, does not move at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.losses.slopes import NOT_BY_ENTRY
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import least_squares
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.losses import Candidate, Played, played

MOST_OUTPUTS = 30  # of one sample
MOST_SAMPLES = 4  # that are tried
MANY_STEPS = 4_000  # of a run of which one sample is enough
CLEARLY = 1e-4  # of how far the gradients move: what no slopes explain is more than rounding


class AnyLoss:
    """The gradients of a run, and an output and targets of which its loss may be."""

    def __init__(self, tape: Tape, finals: list[Any], outputs: list[int], target: int, behind: set[int]) -> None:
        self.tape, self.finals, self.outputs, self.target = tape, finals, outputs, target
        self.behind = sorted(behind)
        self.run: Played = played(tape)

    def is_ruled_out(self) -> bool:
        """Whether no loss has such gradients, be it of samples in rows or in columns."""
        tried = [self.fits_none(output, axis) for output in self.outputs for axis in self.axes(output)]
        return bool(tried) and all(tried)

    def axes(self, output: int) -> list[int]:
        """Along which axes the samples may be: the one whose length no parameter has, if that is one."""
        shape = self.value(output).shape
        of_parameters = {size for final in self.finals for size in self.value(final.parameter.node).shape}
        own = [axis for axis, size in enumerate(shape) if size not in of_parameters]
        return own if len(own) == 1 else list(range(len(shape))) or [0]

    def fits_none(self, output: int, axis: int) -> bool:
        """Whether the gradients move as those of no loss with the targets of some sample exchanged."""
        shape = self.value(output).shape
        targets = self.value(self.target).reshape(shape)
        tried, most = 0, max(1, min(MOST_SAMPLES, MANY_STEPS // len(self.tape.steps)))
        for i, other in self.exchanged(targets, axis):
            here: Any = (slice(None),) * axis + (i,) if shape else ()
            if np.array_equal(other[here], targets[here]):
                continue
            tried += 1
            if tried > most:
                break
            exchanged = targets.copy()
            exchanged[here] = other[here]
            if self.moves_otherwise(output, here, exchanged):
                return True
        return False

    def exchanged(self, targets: Array, axis: int) -> Iterator[tuple[int, Array]]:
        """Each sample, and targets that it may get: those of another one, or where it is the only one its own anew."""
        if targets.size == 1:
            yield 0, 1 - targets
        elif targets.shape[axis] > 1:
            other = np.roll(targets, 1, axis)
            yield from ((i, other) for i in range(targets.shape[axis]))
        else:
            yield from ((0, np.roll(targets, count)) for count in range(1, targets.size))

    def moves_otherwise(self, output: int, here: Any, exchanged: Array) -> bool:
        """Whether the gradients move by no mix of the slopes of the outputs of a sample, and of themselves."""
        slopes = list(self.slopes(output, here))
        before = [self.value(final.node) for final in self.finals]
        values = self.tape.replay({self.target: exchanged.reshape(self.value(self.target).shape)})
        if any(self.moves_beyond(here, values, node) for node in self.laid_out_as(output)):
            return False  # the loss may be of all targets together
        after = [np.asarray(values[final.node]) for final in self.finals]
        if not slopes or any(a.shape != b.shape for a, b in zip(after, before, strict=True)):
            return False
        change, scaled = self.flat([a - b for a, b in zip(after, before, strict=True)]), self.flat(before)
        if change is None or scaled is None or not np.all(np.isfinite(change)) or not np.any(change):
            return False
        alone = self.value(output).size == 1  # then all gradients are one number times its slopes: they move with it
        mix = np.array(slopes if alone else [*slopes, scaled]).T
        if mix.shape[0] <= mix.shape[1] or not np.all(np.isfinite(mix)):
            return False
        sizes = np.linalg.norm(mix, axis=0)
        mix = mix[:, sizes > 0] / sizes[sizes > 0]
        rest = change - mix @ least_squares(mix, change, 1e-10)
        return bool(np.linalg.norm(rest) > CLEARLY * np.linalg.norm(change))

    def laid_out_as(self, output: int) -> list[int]:
        """What was made of an output or of the targets entry by entry: the slope of the loss, and what led to it."""
        found, shape = {output, self.target}, self.value(output).shape
        for step in self.tape.steps[self.tape.nodes[output].step + 1 :]:
            by_entry = name_of(step.function) not in NOT_BY_ENTRY and not found.isdisjoint(step.reads)
            found |= {node for node in step.makes if by_entry and self.value(node).shape == shape}
        return sorted(found.intersection(self.behind) - {output, self.target})

    def moves_beyond(self, here: Any, values: dict[int, Any], node: int) -> bool:
        """Whether a value that is laid out as the output is another one at other samples, too."""
        before, after = self.value(node), np.asarray(values[node])
        if after.shape != before.shape:
            return False
        moved = np.array(after != before)
        moved[here] = False
        return bool(np.any(moved))

    def slopes(self, output: int, here: Any) -> Iterator[Array]:
        """The derivatives of each output of a sample by all parameters that have a gradient."""
        picked = np.zeros(self.value(output).shape)
        picked[here] = 1
        for place in np.argwhere(picked) if picked.sum() <= MOST_OUTPUTS else ():
            single = np.zeros(picked.shape)
            single[tuple(place)] = 1
            one = Candidate("one output", output, entry_of, single)
            found = self.run.gradients(one, [final.parameter.node for final in self.finals])
            if found is not None:
                yield np.concatenate([each.ravel() for each in found])

    def flat(self, values: list[Array]) -> Array | None:
        """All gradients in a row, downhill, each in the layout of its parameter; None where one has another size."""
        parts = []
        for final, value in zip(self.finals, values, strict=True):
            shape = self.value(final.parameter.node).shape
            turned = value.T if value.shape != shape and value.shape == shape[::-1] else value
            if turned.size != np.prod(shape):
                return None
            parts.append(final.direction * turned.ravel())
        return np.concatenate(parts).astype(float)

    def value(self, node: int) -> Array:
        return np.asarray(self.tape.nodes[node].value)


def entry_of(output: Any, picked: Any) -> Any:
    return np.sum(output * picked)
