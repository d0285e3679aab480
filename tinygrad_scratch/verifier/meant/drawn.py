"""What was drawn around a value of parameters, as an action of a policy is: where its density is taken, it is given."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.pairs.noise import draws_number, is_drawn
from tinygrad_scratch.verifier.pairs.rewarded import GATHERING
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import by_node
from tinygrad_scratch.verifier.recording.steps import Step, shows
from tinygrad_scratch.verifier.recording.tape import Tape


def drawn(case: Case, behind: dict[int, set[int]]) -> list[int]:
    """What was drawn of a case; `behind` are the parameters that went into each value."""
    names = {node: [event.name for event in events] for node, events in by_node(case.events).items()}
    noise = noises(case.tape, {final.parameter.node for final in case.finals}, names)
    return sums_measured(case.tape, noise, case.smooth, case.forward, behind)


def sums_measured(
    tape: Tape,
    noise: Iterable[int],
    smooth: set[int],
    forward: frozenset[int] | set[int],
    behind: Mapping[int, set[int]],
) -> list[int]:
    """The sums of noise and a value of parameters which a value of these is taken from later, as a density does.

    A code that is only decoded, as an autoencoder's, is none. `smooth` are the values that parameters change, and
    `behind` are the parameters that went into each.
    """
    noise, sums = set(noise), dict[int, set[int]]()  # what sums were gathered in which values
    found = set[int]()
    for step in tape.steps:
        name, made = name_of(step.function), smooth.intersection(step.makes)
        by_noise = not noise.isdisjoint(step.reads) or draws_number(step)
        if name in ("add", "subtract") and made and by_noise:
            sums |= {node: {node} for node in made}
        elif name in ("multiply", "divide") and by_noise:
            noise.update(step.makes)
        elif shows(step) or name in GATHERING:
            gathered = set[int]().union(*(sums.get(read, set()) for read in step.reads))
            sums |= {node: gathered for node in made if gathered}
        elif name == "subtract" and forward.issuperset(step.makes):
            found |= measured(step, sums, behind)
    return sorted(found & forward)


def measured(step: Step, sums: dict[int, set[int]], behind: Mapping[int, set[int]]) -> set[int]:
    """The sums from which a difference takes a value of the same parameters, or the other way round."""
    found = set[int]()
    for read in step.reads:
        others = set[int]().union(*(behind[other] for other in step.reads if other not in sums))
        found |= {node for node in sums.get(read, ()) if others and others <= behind[node]}
    return found


def noises(tape: Tape, parameters: Container[int], names: Mapping[int, list[str]]) -> Iterator[int]:
    """The random numbers of a run."""
    seen = set[int]()
    for step in tape.steps:
        for node in set(step.reads) - seen:
            seen.add(node)
            held = tape.nodes[node]
            is_given = tape.steps[held.step].function is None and held.value.dtype.kind == "f"
            if is_given and node not in parameters and is_drawn(step, names.get(node, ())):
                yield node
