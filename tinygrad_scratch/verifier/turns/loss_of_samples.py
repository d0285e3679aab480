"""The loss of the samples that a turn takes, by a call that the script makes of all samples: `net.loss(X, y)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import CodeType, FrameType
from typing import Any

from tinygrad_scratch.verifier.losses.called_elsewhere import is_given_plainly, is_name_of_loss, name_called
from tinygrad_scratch.verifier.pairs.update_steps import handed_over, in_update
from tinygrad_scratch.verifier.reading.loops import names_in, tree_of
from tinygrad_scratch.verifier.reading.places import FileLine, is_theirs
from tinygrad_scratch.verifier.recording.recorded import Recorded, unrecorded
from tinygrad_scratch.verifier.recording.steps import ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.rewriting.text import lines_of
from tinygrad_scratch.verifier.running.again import FEW_VALUES
from tinygrad_scratch.verifier.running.elsewhere import beneath, functions_of
from tinygrad_scratch.verifier.running.state import Draws
from tinygrad_scratch.verifier.turns.loss_after import number_of
from tinygrad_scratch.verifier.turns.samples import taken

MOST_CALLS = 4
Function = tuple[str, str, int]  # the file, the name and the first line


def function_of(frame: FrameType) -> Function:
    """The function that runs: each run of a script has other code of it."""
    return frame.f_code.co_filename, frame.f_code.co_name, frame.f_code.co_firstlineno


@dataclass(frozen=True)
class Call:
    """A call of a loss in a function, and the samples that it is to be given."""

    name: str
    code: CodeType
    function: Function
    samples: dict[str, Any]

    def made(self, frame: FrameType | None) -> Iterator[tuple[str, int]]:
        """What the call gives now, and its name; the random numbers that it draws are there to be drawn again."""
        while frame is not None and function_of(frame) != self.function:
            frame = frame.f_back
        if frame is not None:
            names = frame.f_globals | frame.f_locals
            draws = Draws(names.values(), FEW_VALUES)
            yield from number_of(self.name, self.code, names | self.samples)
            draws.put_back()


@dataclass(frozen=True)
class LossOfSamples:
    """Calls of losses of the samples of one turn of a loop: which of them is what that descends is seen by then."""

    calls: list[Call]
    loop: FileLine
    turn: int


def calls_with_samples(frame: FrameType | None, tape: Tape, first: int, updated: list[int]) -> Iterator[Call]:
    """The calls of losses of all samples, to be made of those that a turn takes, where it takes some of them.

    The turn is that of the steps from the first one on. What is called stands in the functions that run now. What is
    given predictions, which are of the weights of a turn before, is none.
    """
    steps, weights = tape.steps[first:], weights_until(tape, updated)
    made = [tape.nodes[node].value for node in dict.fromkeys(n for s in steps for n in (*s.reads, *s.makes))]
    while frame is not None and is_theirs(frame.f_code.co_filename):
        names = frame.f_globals | frame.f_locals
        for call, code in calls_of_losses(frame.f_code.co_filename, frame.f_code.co_name, frame.f_lineno):
            held = {name: names[name] for name in names_in(call) if name in names and not callable(names[name])}
            samples = taken(held, made)
            if samples and not any(is_made_of(tape, held[name], weights) for name in samples):
                name = f"{ast.unparse(call.func)}() of the samples of a turn"
                yield Call(name, code, function_of(frame), unrecorded(samples))
        frame = frame.f_back


def weights_until(tape: Tape, updated: list[int]) -> set[int]:
    """What is updated, and the values of its shape that updates made it of: those of the turns before."""
    earlier, nodes, found, waiting = tape.earlier(), tape.nodes, set[int](), [*updated]
    while waiting:
        node = waiting.pop()
        if node in found:
            continue
        found.add(node)
        step = tape.steps[nodes[node].step]
        held = {earlier[node][0]} if node in earlier else set[int]()
        alike = [read for read in {*step.reads} - found if nodes[read].value.shape == nodes[node].value.shape]
        waiting += [n for n in alike if n in held or handed_over(step) == n or in_update(tape, step, node, n)]
        waiting += held
    return found


def is_made_of(tape: Tape, value: Any, weights: set[int]) -> bool:
    made = ancestors(tape.parents(), [value.node]) if type(value) is Recorded and value.is_used else set[int]()
    return not weights.isdisjoint(made)


@cache
def calls_of_losses(file: str, function: str, line: int) -> tuple[tuple[ast.Call, CodeType], ...]:
    """The calls under the name of a loss, of names and numbers alone, in the function of a name around a line.

    Where there is none, they are those of the script outside of all functions.
    """
    tree = tree_of(file)
    scope = next((each for each in functions_of(tree) if each.name == function and line in lines_of(each)), tree)
    calls = (node for node in beneath(scope) if isinstance(node, ast.Call) and is_given_plainly(node))
    named = {ast.unparse(call): call for call in calls if is_name_of_loss(name_called(call))}
    return tuple((call, compile(ast.Expression(call), file, "eval")) for call in list(named.values())[:MOST_CALLS])
