"""A loss that nobody adds up: the sum of a curve of each term of the one that is watched, as of a sigmoid of it.

So a program may print the sum of its samples' costs, and learn by the sum of their sigmoids.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.gathering.told import Told, own
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.truths.losses import Candidate

SUMMING = ("sum", "mean")
MOST = 12  # curves that are tried


def curved_terms(told: Told, watched: Candidate, behind: frozenset[int]) -> Iterator[Candidate]:
    """The curves of its terms that are among some values, each as a loss to be summed up; none of one number."""
    tape = told.tape
    total = tape.steps[tape.nodes[watched.node].step]
    if name_of(total.function) not in SUMMING or not total.reads:
        return
    terms = tape.nodes[total.reads[0]].value
    same = {n.number for n in tape.nodes if n.value.shape == terms.shape and close(n.value, terms)}
    made, found = set(same), list[int]()
    for step in tape.steps if terms.size > 1 else ():
        apart = [read for read in step.reads if read not in made]
        curved = bool(step.makes) and tape.nodes[step.makes[0]].value.shape == terms.shape
        of_numbers = all(tape.nodes[read].value.size == 1 for read in apart)
        if curved and isinstance(step.function, np.ufunc) and of_numbers and len(apart) < len(step.reads):
            made.update(step.makes)
            found += [node for node in step.makes if node in behind and node not in same]
    names = {event.node: own(event.name) for event in (*told.watch.events, *told.watch.returned)}
    for node in found[:MOST]:
        yield Candidate(f"the sum of {names.get(node, 'a curve of each term')}", node)
