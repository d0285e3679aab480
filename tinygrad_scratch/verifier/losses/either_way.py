"""Updates that go one way for some data, and the other way for others: by a reward, or in another branch."""

from __future__ import annotations

import ast

import numpy as np

from tinygrad_scratch.verifier.meant.uphill import other_way
from tinygrad_scratch.verifier.pairs.update_steps import LINEAR, literals_of
from tinygrad_scratch.verifier.reading.source import statement_at, text_of
from tinygrad_scratch.verifier.recording.steps import Step
from tinygrad_scratch.verifier.recording.tape import Tape

MOST = 60


def is_turned_by_data(tape: Tape, change: int, moving: set[int], forward: frozenset[int]) -> bool:
    """Whether a step was made with a number below 0 that is data: nothing of the forward pass, and no minus sign.

    So is the `advantage` of `theta += rate * advantage * (chosen - p)`. `moving` is what parameters change.
    """
    known = {number for step in tape.steps if not forward.isdisjoint(step.makes) for number in literals_of(step)}
    waiting, seen = [change], set[int]()
    while waiting and len(seen) < MOST:
        node = waiting.pop(0)
        step = tape.steps[tape.nodes[node].step]
        if node in seen or getattr(step.function, "__name__", "") not in LINEAR:
            continue
        seen.add(node)
        negative = [number for number in literals_of(step) if number < 0 and number not in known]
        others = [read for read in step.reads if read not in moving | forward and tape.nodes[read].value.size == 1]
        if (negative and not has_minus(step)) or any(np.all(tape.nodes[n].value < 0) for n in others):
            return not any(is_negated(tape, n) for n in others)
        waiting += step.reads
    return False


def is_negated(tape: Tape, node: int) -> bool:
    """Whether a number was made by a minus sign, as that of `-rate`."""
    step = tape.steps[tape.nodes[node].step]
    return getattr(step.function, "__name__", "") == "negative" or has_minus(step)


def has_minus(step: Step) -> bool:
    """Whether a minus sign stands before a factor in the statement of a call."""
    text = statement_at(step.place.file, step.place.line) if step.place is not None else ""
    try:
        return any(isinstance(node, ast.USub) for node in ast.walk(ast.parse(text)))
    except SyntaxError:
        return "-" in text


def is_taken_both_ways(step: Step) -> bool:
    """Whether the statement of an update stands in its file with the other sign, too, as in another branch."""
    if step.place is None:
        return False
    turned = as_written(other_way(statement_at(step.place.file, step.place.line)))
    if not turned:
        return False
    nodes = ast.walk(ast.parse(text_of(step.place.file)))
    return any(ast.unparse(node) == turned for node in nodes if isinstance(node, ast.Assign | ast.AugAssign))


def as_written(statement: str) -> str:
    """A statement as Python writes it; empty for what is none."""
    try:
        return ast.unparse(ast.parse(statement))
    except SyntaxError:
        return ""
