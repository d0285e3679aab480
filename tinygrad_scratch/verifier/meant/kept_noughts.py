"""Weights of nought that an update leaves so, as those that were pruned: they have no gradient, whatever it were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.truths.truth import Truth


def truths_kept(case: Case, entry: Any) -> Iterator[Truth]:
    """The truth without what such weights would get, where others of the same array are no noughts, and move."""
    found = dict(case.truth.cotangents)
    for final in case.finals:
        node = final.parameter.node
        before, later = case.tape.nodes[node].value, max(entry.updated_values(final.parameter), default=node)
        after = case.tape.nodes[later].value
        if before.shape == after.shape and node in found and np.any(before) and np.any(before != after):
            found[node] = np.where((before == 0) & (after == 0), 0, found[node])
    if any(np.any(found[node] != value) for node, value in case.truth.cotangents.items()):
        note = "Weights that are 0, and stay so, have no gradient: what there would be is left out."
        yield replace(case.truth, cotangents=found, note=note)
