"""What was drawn around a value of parameters, as an action of a policy is: where its density is taken, it is given."""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.pairs.noise import is_drawn
from tinygrad_scratch.verifier.pairs.rewarded import GATHERING
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import by_node
from tinygrad_scratch.verifier.recording.steps import Step, shows


def drawn(case: Case, behind: dict[int, set[int]]) -> list[int]:
    """The sums of noise and a value of parameters which a value of these is taken from later, as a density does.

    A code that is only decoded, as an autoencoder's, is none. `behind` are the parameters that went into each value.
    """
    noise, sums = set(noises(case)), dict[int, set[int]]()  # what sums were gathered in which values
    found = set[int]()
    for step in case.tape.steps:
        name, made = name_of(step.function), case.smooth.intersection(step.makes)
        if name in ("add", "subtract") and made and not noise.isdisjoint(step.reads):
            sums |= {node: {node} for node in made}
        elif name in ("multiply", "divide") and not noise.isdisjoint(step.reads):
            noise.update(step.makes)
        elif shows(step) or name in GATHERING:
            gathered = set[int]().union(*(sums.get(read, set()) for read in step.reads))
            sums |= {node: gathered for node in made if gathered}
        elif name == "subtract" and case.forward.issuperset(step.makes):
            found |= measured(step, sums, behind)
    return sorted(found & case.forward)


def measured(step: Step, sums: dict[int, set[int]], behind: dict[int, set[int]]) -> set[int]:
    """The sums from which a difference takes a value of the same parameters, or the other way round."""
    found = set[int]()
    for read in step.reads:
        others = set[int]().union(*(behind[other] for other in step.reads if other not in sums))
        found |= {node for node in sums.get(read, ()) if others and others <= behind[node]}
    return found


def noises(case: Case) -> Iterator[int]:
    """The random numbers of a run."""
    named = by_node(case.events)
    parameters, seen = {final.parameter.node for final in case.finals}, set[int]()
    for step in case.tape.steps:
        for node in set(step.reads) - seen - parameters:
            seen.add(node)
            is_given = case.step_of(node).function is None and case.tape.nodes[node].value.dtype.kind == "f"
            if is_given and is_drawn(step, [event.name for event in named.get(node, ())]):
                yield node
