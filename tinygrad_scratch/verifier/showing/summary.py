"""What a check found, gathered: the verdict, the mistakes, every quantity, and what to ask and to mention beside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.pairs.gradients import plain_numbers_in
from tinygrad_scratch.verifier.reading.names import is_name_of_data, listed
from tinygrad_scratch.verifier.reading.source import statement_at
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import is_varied
from tinygrad_scratch.verifier.recording.steps import Step, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.showing.called import own_name
from tinygrad_scratch.verifier.showing.findings import (
    CONVENTION,
    NOT_CHECKABLE,
    RIGHT,
    UNDECIDED,
    WRONG,
    Findings,
    Leak,
    Where,
)
from tinygrad_scratch.verifier.showing.mistakes import mistakes_of
from tinygrad_scratch.verifier.showing.quantities import Quantities, depending, without_earlier_states


def findings_of(check: Any) -> Findings:
    """What a check found; it may have judged nothing."""
    leaks = list(dict.fromkeys(leaks_of(check)))
    notes = list(dict.fromkeys(getattr(check, "notes", ())))
    if check.problem or getattr(check, "case", None) is None:
        verdict = UNDECIDED if check.unsure else NOT_CHECKABLE
        return Findings(verdict, check.problem or "The block has not ended yet.", None, 0, leaks=leaks, notes=notes)
    entry, loss = getattr(check, "entry", None), check.tape.nodes[check.truth.loss].value
    is_unknown = entry is not None and bool(entry.own_slope)  # what stands for it has its slope alone
    quantities = without_earlier_states(Quantities(check).all(), check.tape)
    return Findings(
        verdict_of(check),
        None,
        float(np.sum(loss)) if loss.dtype.kind in "biuf" and not is_unknown else None,
        len(check.finals),
        mistakes_of(check),
        quantities,
        questions_of(check),
        sizes_of(check),
        leaks,
        check.case.convention,
        notes,
        getattr(entry, "loss_name", ""),
    )


def verdict_of(check: Any) -> str:
    """One verdict for all."""
    if check.repairs:
        return WRONG
    if check.ok:
        return CONVENTION if check.case.convention else RIGHT
    is_open = check.unsure or check.entry.lacking or check.is_cut_off or check.open_steps or not check.finals
    return UNDECIDED if is_open else NOT_CHECKABLE


# ---- asides ----------------------------------------------------------------------------------------------------------


def questions_of(check: Any) -> list[str]:
    """What only the person can tell: which parameter a gradient belongs to, and where a missing one is."""
    free, tape = check.missing, check.tape
    found = []
    for names, node in check.unsure:
        shape = tape.nodes[node].value.shape
        fitting = [own_name(p.name) for p in free if tape.nodes[p.node].value.size == tape.nodes[node].value.size]
        among = f"One of these? {', '.join(fitting)}." if fitting else f"No parameter left has a shape such as {shape}."
        found.append(f"Which parameter is {shown_name(names)}, of shape {shape}, the gradient of? {among}")
    asked_for = [p for p in free if p in check.entry.lacking or not is_name_of_data(p.name)]
    named = [*dict.fromkeys(f"{own_name(p.name)} {tape.nodes[p.node].value.shape}" for p in asked_for)]
    if named:
        plain = plain_numbers_in(check.gradients)
        told = f" For {listed(plain)} it holds a plain number, which nothing recorded went into." if plain else ""
        asked = f"Where is the gradient of {listed(named)}? If backward makes it, put it into check.gradients."
        found.append(asked + told)
    if check.open_steps:
        found.append(
            f"Is the update of {listed(check.open_steps)} right? It is a step of its own, and was not judged: make it "
            "alone, in a block."
        )
    if check.is_cut_off:
        found.append(
            "What does the rest of the turn do? It took too long: make one of less data, or a smaller network."
        )
    return found


def shown_name(names: list[str]) -> str:
    name = names[0]
    if name.isdigit():
        own = next((other for other in names[1:] if not other.isdigit()), None)
        return own or f"number {name} of what was given"
    return name or next((other for other in names[1:] if other), "the gradient that was given")


def sizes_of(check: Any) -> list[str]:
    """Where there are as many samples as something is wide: a factor or an axis of that length could be either."""
    tape, forward = check.tape, check.case.forward
    parameters = {p.node: (own_name(p.name), tape.nodes[p.node].value.shape) for p in check.parameters}
    moving = depending(tape, set(parameters))
    # what no parameter changes, where it meets what one does, and no room for what is to come
    meeting = [
        (step, node)
        for step in tape.steps
        if not moving.isdisjoint(step.reads) and not forward.isdisjoint(step.makes)
        for node in dict.fromkeys(step.reads)
        if node not in moving and is_varied(tape.nodes[node].value)
    ]
    given = [shape for step, node in meeting if is_product(step) and (shape := not_summed_over(tape, step, node))]
    data = [*given, *(tape.nodes[node].value.shape for step, node in meeting if not is_product(step))] if given else []
    rows = {shape[0] for shape in data}
    every = rows if len(rows) == 1 else set.intersection(*map(set, data)) if data else set()
    common = every if len(data) > 1 else set()  # the axis that all data has: the samples, rows sooner than columns
    found = []
    for samples in sorted(common - {1}):
        same = [f"{name} {shape}" for node, (name, shape) in parameters.items() if node in forward and samples in shape]
        if same:
            found.append(
                f"There are {samples} samples, and {listed(same)} {'is' if len(same) == 1 else 'are'} {samples} wide: "
                f"a factor or an axis of {samples} could be either. Check once more with another number of samples."
            )
    return found


def is_product(step: Step) -> bool:
    return name_of(step.function) in ("dot", "matmul") and len(step.reads) == 2


def not_summed_over(tape: Tape, step: Step, node: int) -> tuple[int, ...]:
    """The axes of an operand that a matrix product leaves: of data and weights those are of samples."""
    shape = tape.nodes[node].value.shape
    inner = len(shape) - 1 if node == step.reads[0] else max(len(shape) - 2, 0)
    return (*shape[:inner], *shape[inner + 1 :])


def leaks_of(check: Any) -> Iterator[Leak]:
    """The values that left the recording, but for what was only printed: nothing is made of that.

    Nor is anything told of what no parameter went into, as data that is drawn: it is given anyhow.
    """
    parents = check.tape.parents() if check.tape.leaks and check.finals else {}
    moved = {parameter.node for parameter in (*(final.parameter for final in check.finals), *check.missing)}
    for leak in check.tape.leaks:
        where = Where(leak.place.file, leak.place.line, leak.place.function) if leak.place else None
        statement = statement_at(where.file, where.line) if where else ""
        is_of_data = bool(moved) and ancestors(parents, [leak.node]).isdisjoint(moved)
        if not statement.startswith("print(") and not is_of_data:
            yield Leak(leak.kind, where, statement)
