"""A decay of the weights beside the loss: gradients hold that of a penalty, and the loss that was given has none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.losses.finding_loss import FindingLoss
from tinygrad_scratch.verifier.pairs.penalised import penalty_in
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.truths.losses import Candidate, played

FEWEST = 2  # matrices: in a gradient alone it may be a mistake


class Decays(FindingLoss):
    """The loss of a run, with the penalty of which all matrices have the gradient."""

    def _take_decays(self) -> None:
        """Take a decay that all matrices have alike for the gradient of a penalty, if the loss holds none."""
        assert self.loss is not None
        finals = self.owners_by(lambda value, parameter: False)[0]
        nodes = [final.parameter.node for final in finals]
        parts = {f.node: penalty_in(self.tape, self._parents, f.node, f.parameter.node, nodes) for f in finals}
        self._penalty = {node: part for node, part in parts.items() if part is not None}
        matrices = {f.parameter.node for f in finals if sum(n > 1 for n in f.parameter.recorded.shape) > 1}
        in_updates = any(final.by == "update" for final in finals)  # of these the decay is told apart
        if in_updates or len(self._penalty) < FEWEST or len(matrices) < FEWEST or self.has_penalty(self.loss):
            return
        notes = len(self.notes)
        found = self._penalised(Candidate(self.loss_name, self.loss), played(self.tape), finals)
        pulled, much = {node for node, _ in found.penalties}, [much for _, much in found.penalties]
        if matrices <= pulled and is_one_number(much):
            known = self.is_well_known
            self._put(replace(found, function=as_it_is))
            self.is_well_known = known
        else:
            del self.notes[notes:]


def as_it_is(loss: Any, target: Any) -> Any:
    """A loss that was computed, as a function of itself, so that penalties can be added to it."""
    return np.sum(loss)


def is_one_number(arrays: list[Array]) -> bool:
    """Whether all entries of several arrays are one number.

    >>> is_one_number([np.full((2, 3), 0.1), np.full(3, 0.1)]), is_one_number([np.array([1.0, 2.0])])
    (True, False)
    """
    entries = np.concatenate([np.ravel(array) for array in arrays])
    return bool(np.allclose(entries, entries[0], rtol=1e-6, atol=0))
