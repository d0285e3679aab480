"""The loss where nobody named one and none fits: the one by which a single step is wrong, and all the rest is right.

Any function of the output and the targets may be the slope of a loss of somebody's own. So a loss is only assumed where
what was written can't be one: it does not vanish where the output is as it should be, or has one factor twice.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.losses.any_loss import AnyLoss
from tinygrad_scratch.verifier.losses.met_numbers import met_in
from tinygrad_scratch.verifier.losses.slopes import Result, Slopes
from tinygrad_scratch.verifier.pairs.update_steps import is_only_added_to
from tinygrad_scratch.verifier.reading.derivative_names import OF_RESULT, is_derivative_of, short
from tinygrad_scratch.verifier.reading.source import right_side, start_of_function, statement_at
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.rewriting.alike import form
from tinygrad_scratch.verifier.rewriting.text import is_without
from tinygrad_scratch.verifier.telling.told_difference import difference
from tinygrad_scratch.verifier.telling.told_slopes import is_given_to_slope
from tinygrad_scratch.verifier.truths.in_samples import met_in_turns, rooms_for, stacked_values
from tinygrad_scratch.verifier.truths.losses import LOSSES, Candidate, is_probabilities

SQUARES = ("half squared error", "squared error", "mean squared error", "half mean squared error")
SQUARES_PER_SAMPLE = ("squared error per sample", "half squared error per sample")
BINARY = ("summed binary cross-entropy", "binary cross-entropy", "binary cross-entropy per sample")
OF_CLASSES = ("summed cross-entropy", "cross-entropy")
PLAINEST = ("half squared error", "summed binary cross-entropy", "summed cross-entropy")
MOST_STEPS = 5_000
OF_LOGISTIC = re.compile(r"([\w.\[\]]+)[*,]\(?\(1\.?0?-\1\)")


@dataclass(frozen=True)
class Assumed:
    """A loss that might be meant, of an output and of targets from outside."""

    candidate: Candidate
    output: int
    target: int | None  # none where it is a plain number


@dataclass(frozen=True)
class Meeting:
    """Where an output meets the targets: these, all outputs that it may be, the last one last, and what is made."""

    outputs: list[int]
    target: int
    mixed: int
    names: dict[int, str]


def assumable(entry: Any) -> Iterator[Assumed]:
    """The usual losses of the output that meets the targets first; none where it isn't clear which values these are.

    Where a loop takes one sample after the other, those of all of them.
    """
    in_turns = list(assumable_in_turns(entry))
    yield from in_turns
    meeting = meeting_in(entry) if not in_turns else None
    plain = list(of_number(entry)) if not in_turns and (meeting is None or is_of_numbers(entry, meeting)) else []
    yield from plain
    if meeting is None or plain:
        return
    output, target, names = meeting.outputs[-1], meeting.target, meeting.names
    for loss in usual(entry.tape.nodes[output].value):
        value = entry.tape.nodes[target].value.copy()
        name = f"{loss} of {names[output]} and {names[target]}"
        yield Assumed(Candidate(name, output, LOSSES[loss], value), output, target)


def assumable_in_turns(entry: Any) -> Iterator[Assumed]:
    """The plainest of the usual losses of outputs that meet their targets in turns."""
    outputs, given = between(entry)
    turns = next(met_in_turns(entry.tape, outputs, given), None) if len(entry.tape.steps) <= MOST_STEPS else None
    if turns is None:
        return
    made, targets = turns
    output, target = (stacked_values(entry.tape, nodes) for nodes in turns)
    for loss in [each for each in usual(output) if each in PLAINEST]:
        name = f"{loss} of all {len(made)} outputs and their targets"
        candidate = Candidate(name, made[-1], LOSSES[loss], target, (), made)
        yield Assumed(candidate, made[-1], targets[-1])


def of_number(entry: Any) -> Iterator[Assumed]:
    """The plainest losses of an output that is a number and meets a plain number, where there is one such meeting."""
    outputs, _ = between(entry)
    behind = entry.all_behind(*(node for _, node in entry.gradients))
    names = {event.node: event.name for event in reversed(entry.watch.events)}
    met = {pair for step in entry.tape.steps if (pair := met_in(entry.tape, step)) and step.makes[0] in behind}
    found = {pair for pair in met if pair[0] in outputs and pair[0] in names}
    for output, target in found if len(found) == 1 else ():
        value = entry.tape.nodes[output].value
        for loss in [each for each in usual(value) if each in PLAINEST]:
            name = f"{loss} of {names[output]} and {target:g}"
            yield Assumed(Candidate(name, output, LOSSES[loss], np.full(value.shape, target)), output, None)


def between(entry: Any) -> tuple[set[int], set[int]]:
    """What depends on all parameters, and what gradients were made of and depends on none."""
    updated = {final.parameter.node for final in entry.owners_by(lambda value, parameter: False)[0]}
    wanted = {node for node in updated if not is_only_added_to(entry.tape, node)} or {
        p.node for p in entry.parameters if p.asked
    }
    reached = [entry.depending_on({node}) for node in wanted]
    behind = entry.all_behind(*(node for _, node in entry.gradients))
    outputs = set.intersection(*reached) - entry.parts_of_parameters() if reached else set()
    depending = set.union(set(), *reached)
    return outputs, behind - depending - rooms_for(entry.tape, depending)


def have_no_loss(entry: Any) -> bool:
    """Whether the gradients can be those of no loss of the output and the targets, so that a mistake is in them."""
    meeting = meeting_in(entry)
    if meeting is None or meeting.mixed == len(entry.tape.nodes):
        return False
    read = set(entry.tape.steps[entry.tape.nodes[meeting.mixed].step].reads) & set(meeting.outputs)
    outputs = sorted({meeting.outputs[-1], *read})
    finals = entry.owners_by(lambda value, parameter: False)[0]
    behind = entry.all_behind(*(final.node for final in finals))
    return bool(finals) and AnyLoss(entry.tape, finals, outputs, meeting.target, behind).is_ruled_out()


def meeting_in(entry: Any) -> Meeting | None:
    """Where an output meets the targets, of several arrays those that it meets first; None where it isn't clear.

    Where it meets no array that has a name, it may be a number that meets another.
    """
    if len(entry.tape.steps) > MOST_STEPS:
        return None
    return next(filter(None, (first_meeting(entry, of_arrays) for of_arrays in (True, False))), None)


def is_of_numbers(entry: Any, meeting: Meeting) -> bool:
    return bool(entry.tape.nodes[meeting.target].value.size == 1)


def first_meeting(entry: Any, of_arrays: bool) -> Meeting | None:
    tape = entry.tape
    outputs, free = between(entry)
    behind = entry.all_behind(*(node for _, node in entry.gradients))
    names = {event.node: event.name for event in reversed([*entry.watch.returned, *entry.watch.events])}
    names |= {node: f"{names[of]}[...]" for node, of in parts_of_named(entry, free, names)}
    found: list[Meeting] = []
    for target in targets_of(entry, free, names, of_arrays):
        depending = entry.depending_on({target})
        mixed = min(outputs & depending & behind, default=len(tape.nodes))
        sizes = tape.nodes[target].value.size
        if not of_arrays and mixed < len(tape.nodes) and is_factor(tape, target, mixed):
            continue
        before = [n for n in sorted(outputs - depending) if n < mixed and tape.nodes[n].value.size == sizes]
        named = [node for node in before if node in names]
        if named:
            others = [node for node in before if node != named[-1]]
            found.append(Meeting([*others, named[-1]], target, mixed, names))
    first = min(found, key=lambda meeting: meeting.mixed, default=None)
    if first is None or is_one_of_turns(entry, first, outputs):
        return None
    is_met = first.mixed == len(tape.nodes) or first.outputs[-1] in entry.all_behind(first.mixed)
    return first if is_met else None


def is_factor(tape: Tape, number: int, made: int) -> bool:
    """Whether a number multiplies what it meets, as a rate and a discount do: no target does."""
    step = tape.steps[tape.nodes[made].step]
    return name_of(step.function) == "multiply" and number in step.reads


def is_one_of_turns(entry: Any, meeting: Meeting, outputs: set[int]) -> bool:
    """Whether an output is one of those that turns kept beside each other, as `ps[t]`: a loss would be one of all."""
    output, names = meeting.outputs[-1], meeting.names
    kept, _, place = names[output].rpartition("[")
    others = (n for n in outputs if n in names and names[n] != names[output] and names[n].rpartition("[")[0] == kept)
    value, behind = entry.tape.nodes[output].value, entry.all_behind(output)
    same = (n for n in others if entry.tape.nodes[n].value.shape == value.shape)
    apart = (n for n in same if n not in behind and output not in entry.all_behind(n))
    return bool(kept) and place[:-1].isdigit() and next(apart, None) is not None


def parts_of_named(entry: Any, given: set[int], names: dict[int, str]) -> Iterator[tuple[int, int]]:
    """What was taken out of named arrays, and laid out otherwise, where it is used: `targets[i][:, None].T`."""
    of: dict[int, int] = {}
    for step in entry.tape.steps:
        if getattr(step.function, "__name__", "") in ("getitem", "T", "transpose", "reshape") and step.reads:
            node, whole = step.makes[0], of.get(step.reads[0], step.reads[0])
            if node in given and node not in names and whole in names:
                of[node] = whole
    return iter(of.items())


def targets_of(entry: Any, given: set[int], names: dict[int, str], of_arrays: bool) -> list[int]:
    """The named arrays, or the single numbers, among what no parameter went into, the last read first."""
    first: dict[int, int] = {}
    for step in entry.tape.steps:
        for node in step.reads:
            first.setdefault(node, step.index)
    sized = (node for node in given if (entry.tape.nodes[node].value.size > 1) == of_arrays)
    found = [node for node in sized if node in names and node in first]
    return sorted(found, key=lambda node: -first[node])


def usual(output: Array) -> Iterator[str]:
    """The losses that go with an output: by its values it is one of probabilities, of chances, or of any numbers."""
    if is_probabilities(output):
        yield from OF_CLASSES
    elif np.all((output > 0) & (output < 1)):
        yield from BINARY if output.ndim > 1 and output.shape[-1] > 1 else BINARY[:2]
    yield from SQUARES
    if output.ndim > 1 and output.shape[-1] > 1:
        yield from SQUARES_PER_SAMPLE


def may_be_no_slope(case: Case, assumed: Assumed) -> bool:
    """Whether `is_no_slope` or `returns_no_slope` may say so of any cause: what is told before one is looked for."""
    if any(has_double(statement_at(*line)) or has_slope(statement_at(*line)) for line in lines_behind(case)):
        return True
    if any(no_slopes(case)):
        return True
    values = where_none_is_due(case, assumed)
    return values is not None and any(np.any(values[final.node]) for final in case.finals)


def lines_behind(case: Case) -> set[tuple[str, int]]:
    """The lines on which something was made or named that is not of the forward pass."""
    steps = [step for step in case.tape.steps if not any(map(case.is_forward, step.makes))]
    named = (event.place for event in case.events if not case.is_forward(event.node))
    places = [*named, *(step.place for step in steps), *(step.caller for step in steps)]
    return {(place.file, place.line) for place in places if place is not None}


def where_none_is_due(case: Case, assumed: Assumed) -> Any:
    """The values where the output is the target, at which the slope of a loss is 0; None where there are none."""
    output, target = assumed.output, assumed.target
    if target is None:
        return case.tape.replay({output: assumed.candidate.target})
    drawn = np.asarray(np.random.default_rng(0).uniform(0.2, 0.8, case.tape.nodes[output].value.shape))
    there = drawn.reshape(case.tape.nodes[target].value.shape)
    try:
        return case.tape.replay({output: drawn, target: there})
    except Exception:  # targets of whole numbers, that index
        return None


def is_no_slope(case: Case, repair: Repair, cause: Cause, assumed: Assumed) -> bool:
    """Whether what was written can't be the slope of a loss: it is not 0 where the output is the target."""
    values = where_none_is_due(case, assumed)
    if values is None:
        return False
    value = np.asarray(values[repair.event.node])
    if not any(np.any(values[final.node]) for final in case.finals):  # what was made of the slope is 0 there
        value = np.zeros(())
    scale = np.max(np.abs(case.tape.nodes[repair.event.node].value), initial=0.0)
    written = cause.expression, right_side(statement_at(cause.place.file, cause.place.line))
    doubled = any(drops_double(code, cause.should_be) for code in written)
    return bool(np.max(np.abs(value), initial=0.0) > 1e-9 * scale) or doubled


def is_slope_elsewhere(cause: Cause) -> bool:
    """Whether a slope only has to be taken at another value, or to be left out: no other loss explains that as well."""
    written, right = (re.sub(r"\s", "", text) for text in (cause.expression, cause.should_be or ""))
    if cause.kind != "derivative-at-wrong-point" or not right:
        return False
    if not OF_RESULT.search(written):
        found = difference(cause)
        return found is not None and is_given_to_slope(found) and form(written) == form(right)
    return form(written) == form(right) or (is_without(written, right) and OF_LOGISTIC.search(written) is not None)


def returns_no_slope(case: Case, cause: Cause) -> bool:
    """Whether a cause is a derivative, by its name one of a function that they have, too, that is no slope of anything.

    No loss is needed to tell that. It may be right elsewhere, and be given the wrong value in the line of the cause.
    """
    for results in no_slopes(case):
        place = results[0].event.place
        if any(result.is_right for result in results):  # it is given the wrong value, or should not be called
            said = cause.should_be or statement_at(cause.place.file, cause.place.line)
            found = f"{short(place.function)}(" in said
        else:
            found = cause.place.file == place.file and start_of_function(cause.place) == start_of_function(place)
        if found:
            return True
    return False


def no_slopes(case: Case) -> Iterator[list[Result]]:
    """The results of each function that is called after a derivative and returns what is none."""
    known = {event.place.function for event in case.returned if case.is_forward(event.node)}
    for results in Slopes(case).by_function():
        named = is_derivative_of(results[0].event.place.function, known)
        if named and not all(result.is_right for result in results):
            yield results


def drops_double(code: str, should_be: str | None) -> bool:
    """Whether a product that has one factor twice is right with that factor once.

    >>> drops_double("e * a * (1 - a) * (1 - a)", "e * a * (1 - a)"), drops_double("a * (1 - a)", "a")
    (True, False)
    """
    written, right = factors_of(code), factors_of(should_be or "")
    more = written - right
    return bool(right) and right <= written and more.total() == 1 and all(written[factor] > 1 for factor in more)


def has_double(code: str) -> bool:
    """Whether a statement has a product with one factor twice.

    >>> has_double("d = e * (a * (1 - a) * (1 - a))"), has_double("d = e * a * (1 - a)")
    (True, False)
    """
    try:
        tree = ast.parse(f"{code.strip()} pass" if code.rstrip().endswith(":") else code.strip())
    except SyntaxError:  # nothing is known of it
        return True
    products = (node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult))
    return any(count > 1 for node in products for count in Counter(map(ast.dump, factors_in(node))).values())


def has_slope(code: str) -> bool:
    """Whether a statement multiplies by the slope of a result: of that too, the value may be another one."""
    return OF_RESULT.search(re.sub(r"\s", "", code)) is not None


def factors_of(code: str) -> Counter[str]:
    """The factors of a product, with how often each stands in it; none where it is no expression."""
    try:
        tree = ast.parse(code.strip(), mode="eval").body
    except SyntaxError:
        return Counter()
    return Counter(ast.dump(part) for part in factors_in(tree) if not isinstance(part, ast.Constant))


def factors_in(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield from factors_in(node.left)
        yield from factors_in(node.right)
    else:
        yield node
