"""Updates that are lost: new values of parameters that nobody keeps, as of `p = p - rate * g` in a loop over them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.causes.region import Finding
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import names_read, statement_at, text_of
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event, claims_gradient
from tinygrad_scratch.verifier.recording.likeness import is_along
from tinygrad_scratch.verifier.recording.steps import ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.rewriting.text import lines_of, source_of

TIMES = 3  # that a line makes what is lost, where nothing else is known


def gone(tape: Tape, first: int) -> set[int]:
    """The sums and differences that calls from one on made, that nothing read, and that nobody has any more."""
    read = {node for step in tape.steps for node in step.reads}
    made = (step.makes for step in tape.steps[first:] if name_of(step.function) in ("add", "subtract"))
    return {nodes[0] for nodes in made if len(nodes) == 1 and nodes[0] not in read and tape.is_gone(nodes[0])}


def said_of_all_lost(tape: Tape, events: list[Event]) -> str:
    """Of a run that moves no parameter: the line that makes new values of what there was, and again, for nobody."""
    parents, gradients = tape.parents(), {event.node for event in events if claims_gradient(event.name)}
    places = Counter[Place]()
    for node in gone(tape, 0):
        step = tape.steps[tape.nodes[node].step]
        given = [read for read in step.reads if tape.steps[tape.nodes[read].step].function is None]
        shape = tape.nodes[node].value.shape
        is_new = shape and any(tape.nodes[read].value.shape == shape for read in given)
        if is_new and step.place is not None and not gradients.isdisjoint(ancestors(parents, [node])):
            places[step.place] += 1
    place, times = next(iter(places.most_common(1)), (None, 0))
    if place is None or times < TIMES:
        return ""
    written = statement_at(place.file, place.line)
    return f"What `{written}` in line {place.line} makes is lost: nobody keeps it. Write into the old array, with `-=`."


def lost_updates(case: Case, nodes: set[int]) -> Iterator[tuple[Repair, Finding]]:
    """What was a parameter less its gradient times a number, of those values, where the parameter stays as it was."""
    for event in case.events:
        step = case.step_of(event.node)
        for before, change in (step.reads, step.reads[::-1]) if event.node in nodes and len(step.reads) == 2 else ():
            truth, moved = case.truth.cotangents.get(before), np.asarray(case.tape.nodes[change].value)
            is_step = truth is not None and truth.size > 2 and truth.shape == moved.shape and np.any(truth)
            stays = case.tape.current[case.tape.nodes[before].slot] == before
            if truth is not None and is_step and stays and is_along(moved, truth):
                held = case.tape.nodes[before].value
                names = [e.name for e in case.events if e.node == before and e.name != event.name]
                said = f"the new value of {names[0]} is lost" if names else "the new value is lost"
                why = f"{event.name} is another array, which nobody else has. Write into the old one, with `-=`"
                place, after = event.place, read_after_loop(event)
                if after is not None:
                    loop, place = after
                    why = f"this line stands after the loop of line {loop}, and is made once. Indent it"
                finding = Finding("stale-or-updated-weights", f"{said}: {why}", place=place)
                yield Repair(event, held - moved, before, None, 1), finding
                return


def read_after_loop(event: Event) -> tuple[int, Place] | None:
    """The line of the loop that gives a name to values, and the place of the statement right after it that reads it."""
    source, line = source_of(text_of(event.place.file)), event.place.line
    loops = [each for each in source.statements if isinstance(each, ast.For) and line in lines_of(each)]
    block = source.block_of(loops[-1]) if loops else []
    after = next((each for each in block if each.lineno > (loops[-1].end_lineno or 0)), None)
    is_read = isinstance(after, ast.Assign | ast.AugAssign | ast.Expr) and event.name in names_read(after)
    return (loops[-1].lineno, replace(event.place, line=after.lineno)) if after is not None and is_read else None
