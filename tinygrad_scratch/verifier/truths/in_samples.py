"""Outputs that a loop makes one sample at a time, each with a target of its own: the loss is one of all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.edits import is_literal
from tinygrad_scratch.verifier.recording.references import Ref, map_tree
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.recording.tape import Tape

Meeting = tuple[tuple[int, ...], tuple[int, ...]]  # the outputs of the turns, and their targets


def stacked(parts: Any) -> Any:
    """What the turns made as one array, a row for each; end to end where they differ in shape."""
    if len({np.shape(part) for part in parts}) > 1:
        return np.concatenate([np.reshape(part, -1) for part in parts])
    found = np.stack(parts)
    return found if found.ndim == 1 else np.reshape(found, (len(parts), -1))


def met_in_turns(tape: Tape, outputs: set[int], given: set[int]) -> Iterator[Meeting]:
    """Where in several turns of a loop an output meets a target, in one call, as in `y - output`."""
    for made, targets in met_by_calls(tape, outputs, given):
        shapes = {tuple(tape.nodes[node].value.shape for node in turn) for turn in zip(made, targets, strict=True)}
        sizes = {tape.nodes[node].value.size for node in (*made, *targets)}  # a target may be a plain number
        if len(set(made)) == len(made) > 1 and len(shapes) == len(sizes) == 1 and not are_of_one(tape, made):
            yield made, targets


def met_by_entries(tape: Tape, outputs: set[int], given: set[int]) -> Iterator[tuple[int, int]]:
    """An output and a target of its shape, of which the entries meet in one call of a loop: `y[i] - output[i]`."""
    for made, targets in met_by_calls(tape, outputs, given):
        if len(set(made)) > 1 and are_of_one(tape, made) and are_of_one(tape, targets):
            steps = [tape.steps[tape.nodes[turns[0]].step] for turns in (made, targets)]
            wholes = [step.reads[0] for step in steps if getattr(step.function, "__name__", "") == "getitem"]
            if len(wholes) == 2 and len({tape.nodes[whole].value.shape for whole in wholes}) == 1:
                yield wholes[0], wholes[1]


def met_by_calls(tape: Tape, outputs: set[int], given: set[int]) -> Iterator[Meeting]:
    """The outputs and the targets that meet in each call of a statement, in whatever turn.

    What an output is written into is room for it, and no target.
    """
    found = defaultdict[Any, list[tuple[int, int]]](list)
    for step in tape.steps:
        if getattr(step.function, "__name__", "") == "setitem":
            continue
        mine, other = outputs.intersection(step.reads), given.intersection(step.reads)
        if step.place is not None and len(mine) == len(other) == 1 and len(set(step.reads)) == 2:
            found[step.place, getattr(step.function, "__name__", "")].append((min(mine), min(other)))
    for turns in found.values():
        made, targets = (tuple(each) for each in zip(*turns, strict=True))
        yield made, targets


def rooms_for(tape: Tape, nodes: set[int]) -> set[int]:
    """Arrays of noughts that some values are put into: they are no targets."""
    slots = {tape.nodes[node].slot for node in nodes}
    return {node.number for node in tape.nodes if node.slot in slots and not np.any(node.value)} - nodes


def met_one_by_one(
    tape: Tape, depends: dict[int, set[int]], wanted: set[int]
) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Where single outputs meet their targets in one call each, as those of neurons that are objects of their own.

    Together they depend on all parameters, and each on those of its own neuron and of what is behind it. What is taken
    off 1 each time is a slope, as `s * (1 - s)`, and meets no target.
    """
    found = defaultdict[Any, dict[int, float]](dict)
    for step in tape.steps:
        mine = [read for read in step.reads if depends.get(read)]
        if getattr(step.function, "__name__", "") != "subtract" or len(mine) != 1 or step.place is None:
            continue
        others = [tape.nodes[read].value for read in step.reads if read not in mine]
        others += [np.asarray(part) for part in step.arguments if is_literal(part)]
        is_entry = getattr(tape.steps[tape.nodes[mine[0]].step].function, "__name__", "") == "getitem"
        if len(others) == 1 == others[0].size == tape.nodes[mine[0]].value.size and not is_entry:
            found[step.place].setdefault(mine[0], float(others[0].reshape(-1)[0]))
    for turns in found.values():
        whole = set[int]().union(*(depends[node] for node in turns)) >= wanted
        alike = len({tape.nodes[node].value.shape for node in turns}) == 1
        is_slope = set(turns.values()) == {1.0}
        if len(turns) > 1 and whole and alike and not is_slope and not are_of_one(tape, tuple(turns)):
            yield tuple(turns), np.array(list(turns.values()))


def labelled(tape: Tape, outputs: set[int]) -> Iterator[tuple[tuple[int, ...], int | None, Array]]:
    """Where 1 is taken off the entry of an output that the class of a sample names: `d = p.copy(); d[label] -= 1`.

    In one turn of a loop or more: the outputs, what the last class was read from, and a row of ones and zeros for each.
    """
    found = defaultdict[Any, dict[int, tuple[int | None, Array]]](dict)
    for step in tape.steps:
        index = index_of_one_less(tape, step)
        output = copied(tape, step.reads[0]) if index is not None else -1
        if output in outputs:
            ones = np.zeros(tape.nodes[output].value.shape)
            ones[index] = 1
            of = [read for read in step.reads[1:-1] if tape.nodes[read].value.dtype.kind in "iu"]
            if ones.sum() == 1 and ones.size == max(ones.shape):
                found[step.place].setdefault(output, (of[0] if of else None, ones))
    for turns in found.values():
        targets = [ones for _, ones in turns.values()]
        if len({ones.shape for ones in targets}) == 1 and not (len(turns) > 1 and are_of_one(tape, tuple(turns))):
            name = list(turns.values())[-1][0]
            yield tuple(turns), name, np.asarray(stacked(targets)) if len(turns) > 1 else targets[0]


def index_of_one_less(tape: Tape, step: Step) -> Any:
    """The index of the entry that a call puts one less in than it was; None where it is no such call."""
    if getattr(step.function, "__name__", "") != "setitem" or type(step.arguments[2]) is not Ref:
        return None
    less = tape.steps[tape.nodes[step.reads[-1]].step]
    if getattr(less.function, "__name__", "") != "subtract" or less.arguments[1:] != (1,) or not less.reads:
        return None
    values = {tape.nodes[read].slot: tape.nodes[read].value for read in step.reads}
    index = map_tree(lambda part: values[part.slot].astype(int) if type(part) is Ref else part, step.arguments[1])
    return index if tape.steps[tape.nodes[less.reads[0]].step].reads[:1] == step.reads[:1] else None


def copied(tape: Tape, node: int) -> int:
    """What a value is a copy of; itself where it is none."""
    step = tape.steps[tape.nodes[node].step]
    return step.reads[0] if getattr(step.function, "__name__", "") in ("copy", "array") and step.reads else node


def are_of_one(tape: Tape, nodes: tuple[int, ...]) -> bool:
    """Whether values are entries of one array: that is the output, and the loop may leave out some of them."""
    steps = [tape.steps[tape.nodes[node].step] for node in nodes]
    return len({step.reads for step in steps}) == 1


def stacked_values(tape: Tape, nodes: tuple[int, ...]) -> Array:
    return np.asarray(stacked([np.asarray(tape.nodes[node].value) for node in nodes]))
