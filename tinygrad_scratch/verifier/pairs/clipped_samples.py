"""Gradients of single samples that are clipped by the norm of each before they are added up, as for privacy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from tinygrad_scratch.verifier.pairs.clipped import take_off_bounds
from tinygrad_scratch.verifier.pairs.update_steps import is_plain_number
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.references import Ref
from tinygrad_scratch.verifier.recording.steps import Step, ancestors, renamed
from tinygrad_scratch.verifier.recording.tape import Tape

PRODUCTS = {"multiply", "divide", "einsum", "matmul", "dot", "tensordot"}
SHAPES = {"getitem", "reshape", "ravel", "expand_dims", "T", "transpose"}
SUMMING = {"add", "subtract", "sum", "mean", "setitem", "array", "stack", "vstack", "concatenate", *SHAPES}
ROOTS = {"norm", "sqrt"}
ROUNDING = 1e-12


def let_through(tape: Tape, ends: set[int], first: int, losses: set[int]) -> set[int]:
    """Let a run be what it would have been, had nothing bounded the gradients of its samples; what these became.

    `ends` are what updates made, and what is given as a gradient: only what goes there and nowhere else is bounded so,
    in the turn that begins with step `first`. What goes to none of the `losses` is no part of the forward pass.
    """
    roots = of_roots(tape, first)
    found = {f: product for step in tape.steps[first:] if roots for f, product in bounded_in(tape, step, roots)}
    several = {f: product for f, product in found.items() if tape.nodes[f].value.size > 1}
    if len(several) < len(found):
        summed = added_up(tape, set(found.values()), ends) | made_as(tape, several.values(), found.values())
        several |= {factor: product for factor, product in found.items() if product in summed}
    forward = ancestors(tape.parents(), losses)
    clips = [step for step in tape.steps[first:] if losses and forward.isdisjoint(step.makes)]
    clips = [step for step in clips if clips_samples(tape, step)]
    bounded = only_to(tape, several.values(), ends)
    for factor in several if bounded else ():
        tape.give(factor)
        step = tape.steps[tape.nodes[factor].step]
        step.arguments = np.ones_like(step.arguments)
    without_bounds(tape, clips, bool(bounded))
    return bounded | {step.makes[0] for step in clips}


def let_decayed_through(tape: Tape, parameters: set[int], first: int) -> bool:
    """Let a run be what it would have been, had nothing bounded what a multiple of a parameter is added to then."""
    readers = tape.readers()

    def is_decay(node: int) -> bool:
        step = tape.steps[tape.nodes[node].step]
        arrays = [read for read in step.reads if not is_plain_number(tape, read)]
        return name_of(step.function) == "multiply" and len(arrays) == 1 and arrays[0] in parameters

    def is_decayed(step: Step) -> bool:
        added = [tape.steps[index] for index in readers.get(step.makes[0], [])]
        return bool(added) and all(name_of(each.function) == "add" and any(map(is_decay, each.reads)) for each in added)

    clips = [step for step in tape.steps[first:] if moves_entries(tape, step) and is_decayed(step)]
    without_bounds(tape, clips, False)
    return bool(clips)


def without_bounds(tape: Tape, clips: list[Step], is_changed: bool) -> None:
    """Make a run again in which some calls bound nothing, or which is changed in another way."""
    for step in clips:
        take_off_bounds(step)
    if clips or is_changed:
        tape.make_again()


def added_up(tape: Tape, products: set[int], ends: set[int]) -> set[int]:
    """Those of some values of which one line made several that went to one end, as a loop over samples does."""
    parents, found = tape.parents(), set[int]()
    for end in ends:
        mine = products & ancestors(parents, [end])
        lines = Counter(tape.steps[tape.nodes[product].step].place for product in mine)
        found |= {product for product in mine if lines[tape.steps[tape.nodes[product].step].place] > 1}
    return found


def made_as(tape: Tape, some: Iterable[int], products: Iterable[int]) -> set[int]:
    """Those of some values that a line made which made others so, too: of a bias of one entry as of all weights."""
    lines = {tape.steps[tape.nodes[product].step].place for product in some}
    return {product for product in products if tape.steps[tape.nodes[product].step].place in lines}


def of_roots(tape: Tape, first: int) -> dict[int, set[int]]:
    """What is made of norms and numbers alone, from a step on, with these norms."""
    found: dict[int, set[int]] = {}
    for step in tape.steps[first:]:
        roots = [found[read] for read in step.reads if read in found]
        if name_of(step.function) in ROOTS:
            found |= {node: {node} for node in step.makes}
        elif roots and all(read in found or is_plain_number(tape, read) for read in step.reads):
            found |= {node: set[int]().union(*roots) for node in step.makes}
    return found


def bounded_in(tape: Tape, step: Step, roots: dict[int, set[int]]) -> Iterable[tuple[int, int]]:
    """The factor of each sample by which a call bounds what the factor was made of the norms of, with the product."""
    name, arrays = name_of(step.function), [read for read in step.reads if not is_plain_number(tape, read)]
    if name not in PRODUCTS or len(arrays) != 2 or len(step.makes) != 1:
        return
    for factor, inner in ((arrays[1], arrays[0]),) if name == "divide" else (arrays, arrays[::-1]):
        factor = before_shapes(tape, factor)
        made = tape.steps[tape.nodes[factor].step]
        value = np.asarray(tape.nodes[factor].value)
        norms = roots.get(factor, set()) - {inner}
        if not norms or value.dtype.kind != "f" or made.makes != (factor,) or type(made.result) is not Ref:
            continue
        size = 1 / value if name == "divide" and np.all(value) else value
        is_bound = np.all(size > 0) and np.all(size <= 1 + ROUNDING) and np.any(size < 1)
        if is_bound and inner in ancestors(tape.parents(), norms):
            yield factor, step.makes[0]
            return


def clips_samples(tape: Tape, step: Step) -> bool:
    """Whether a call keeps entries within bounds of what is added up, or averaged, afterwards, and moved some."""
    if not moves_entries(tape, step):
        return False
    readers = [tape.steps[index] for index in tape.readers().get(step.makes[0], [])]
    return bool(readers) and all(name_of(reader.function) in ("sum", "mean") for reader in readers)


def moves_entries(tape: Tape, step: Step) -> bool:
    """Whether a call keeps entries within bounds, and some were not."""
    if name_of(step.function) != "clip" or len(step.makes) != 1 or not step.reads or "out" in step.keywords:
        return False
    within, before = tape.nodes[step.makes[0]].value, tape.nodes[step.reads[0]].value
    return all(is_plain_number(tape, read) for read in step.reads[1:]) and not np.array_equal(within, before)


def before_shapes(tape: Tape, node: int) -> int:
    """What a value was before calls gave it other axes."""
    step = tape.steps[tape.nodes[node].step]
    while step.reads and (name_of(step.function) in SHAPES or step.function is renamed):
        node = step.reads[0]
        step = tape.steps[tape.nodes[node].step]
    return node


def only_to(tape: Tape, products: Iterable[int], ends: set[int]) -> set[int]:
    """What some values became on their way to some ends, by sums and by themselves; nothing if that is not all."""
    reached, arrived = set(products), False
    for step in tape.steps if reached else ():
        if reached.isdisjoint(step.reads):
            continue
        if not ends.isdisjoint(step.makes):
            arrived = True
        elif (
            name_of(step.function) in SUMMING
            or step.function is renamed
            or all(read in reached or is_plain_number(tape, read) for read in step.reads)
        ):
            reached.update(step.makes)
        else:
            return set()
    return reached if arrived or not reached.isdisjoint(ends) else set()
