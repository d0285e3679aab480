"""Numbers that lose what is behind the point."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.reading.loops import root_of, values_given
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import start_of_function, text_of
from tinygrad_scratch.verifier.recording.edits import COMPARISONS, Edit, called, is_filled, name_of, then, with_number
from tinygrad_scratch.verifier.recording.likeness import is_along
from tinygrad_scratch.verifier.recording.steps import Step
from tinygrad_scratch.verifier.rewriting.text import source_of

TO_WHOLE = ("astype", "int64", "int32", "array", "asarray", "trunc", "floor", "rint")
ROUGH = {*TO_WHOLE, *COMPARISONS, "round", "around", "ceil", "fix"}


def integers(region: Region) -> Iterator[Finding]:
    for step, turns in region.sites():
        name = name_of(step.function)
        if name == "floor_divide":
            changes = {s.index: called(np.true_divide) for s in turns}
            if region.gives_truth(changes):
                should = region.rewritten(step, region.code(step).replace("//", "/"))
                yield Finding(
                    "dtype-or-integer", "`//` drops what is behind the point: write `/`", step, should, changes
                )
        if makes_whole(region, step):
            yield from rounded(region, step, turns)
        yield from quotient_of_numbers(region, step, turns)
    yield from rooms(region)
    yield from of_constants(region)


def rounded(region: Region, step: Step, turns: list[Step]) -> Iterator[Finding]:
    """A call that makes whole numbers, alone or with those before it, as in `(p > 0.5).astype(int)`."""
    changes: dict[int, Edit] = {s.index: as_given for s in turns}
    every = changes | {s.index: as_given for turn in turns for s in whole_before(region, turn)}
    alone = [changes] if name_of(step.function) in TO_WHOLE else []
    for tried in alone if every == changes else [*alone, every]:
        if region.gives_truth(tried):
            said = f"`{region.code(step)}` makes whole numbers, and drops what is behind the point"
            yield Finding("dtype-or-integer", said, step, changes=tried)
            return


def makes_whole(region: Region, step: Step) -> bool:
    """Whether a call makes whole numbers of what it is given."""
    return bool(step.makes) and name_of(step.function) in (*TO_WHOLE, "where") and is_whole(region, step)


def whole_before(region: Region, step: Step) -> Iterator[Step]:
    """The calls that made a value whole, or only compared it, before another one made whole numbers of it."""
    while step.reads and name_of((step := region.case.step_of(step.reads[0])).function) in ROUGH:
        yield step


def as_given(step: Step, arguments: Any, keywords: Any) -> Any:
    return arguments[0] * 1.0


def rooms(region: Region) -> Iterator[Finding]:
    """Room for whole numbers; where other room was made of the kind of that, it is to blame for both."""
    made = [step for step in region.turns if is_filled(step) and is_whole(region, step)]
    for turns in ([s for s in made if s.place == place] for place in dict.fromkeys(s.place for s in made)):
        changes: dict[int, Edit] = {s.index: then(lambda value: value.astype(float)) for s in turns}
        later = {s.index: then(lambda value: value.astype(float)) for s in made if s.index > turns[0].index}
        if region.gives_truth(changes) or gives_truth_beside(region, {**changes, **later}):
            said = f"`{region.code(turns[0])}` makes room for whole numbers: what is behind the point is dropped"
            yield Finding("dtype-or-integer", said, turns[0], changes=changes)
            return


def gives_truth_beside(region: Region, changes: dict[int, Edit]) -> bool:
    """Whether calls that give other numbers give the truth if all that is written into holds any number, too."""
    start = {node: region.case.tape.nodes[node].value.astype(float) for node in integer_buffers(region)}
    try:
        value = region.case.replay(start=start, edits=changes, until=region.until)[region.node]
    except Exception:  # a call that makes no sense
        return False
    return region.is_truth(value)


def is_whole(region: Region, step: Step) -> bool:
    return any(np.asarray(region.case.tape.nodes[node].value).dtype.kind in "iu" for node in step.makes)


def quotient_of_numbers(region: Region, step: Step, turns: list[Step]) -> Iterator[Finding]:
    """`1 // m` of two plain numbers is 0, and was so before NumPy saw it: any number there gives the truth."""
    code = region.code(step)
    for place, part in enumerate(step.arguments if isinstance(step.arguments, tuple) and "//" in code else ()):
        value = region.case.constant_value(part)
        if value is None or name_of(step.function) != "multiply":
            continue
        made = region.tried({s.index: with_number(place, 1.0) for s in turns})
        if made is not None and made.shape == region.truth.shape and np.any(made) and is_along(made, region.truth):
            said = "`//` drops what is behind the point: write `/`"
            yield Finding("dtype-or-integer", said, step, region.rewritten(step, code.replace("//", "/")))


def of_constants(region: Region) -> Iterator[Finding]:
    """Arrays of whole numbers from outside that were written into."""
    buffers = integer_buffers(region)
    if buffers and gives_truth_beside(region, {}):
        step = region.case.step_of(buffers[0])
        made = room_made(step.place) if step.place is not None else None
        if made is not None:
            said = f"`{made[1]}` makes room for whole numbers: what is behind the point is dropped"
            yield Finding("dtype-or-integer", said, place=made[0])
            return
        yield Finding(
            "dtype-or-integer",
            "the array that it is written into holds whole numbers: what is behind the point is "
            f"dropped. It was made by `{region.code(step)}`",
            step,
        )


def room_made(place: Place) -> tuple[Place, str] | None:
    """Where an array was made that a statement writes into, by a call of that function, and the call."""
    source = source_of(text_of(place.file))
    own = source.statement_on(place.line)
    target = own.targets[0] if isinstance(own, ast.Assign) else own.target if isinstance(own, ast.AugAssign) else None
    if not isinstance(target, ast.Subscript):
        return None
    name, begins = ast.unparse(root_of(target)), start_of_function(place)
    bound = [
        (node.lineno, value)
        for node in source.statements
        if isinstance(node, ast.Assign) and begins < node.lineno < place.line
        for each, value in values_given(node)
        if ast.unparse(each) == name
    ]
    line, value = max(bound, key=lambda each: each[0], default=(0, None))
    if not isinstance(value, ast.Call | ast.Compare):
        return None
    return replace(place, line=line, offset=0), " ".join(source.code(value).split())


def integer_buffers(region: Region) -> list[int]:
    """The constants of integers that a step wrote into."""
    nodes = region.case.ancestors([region.node])
    slots = {region.case.tape.nodes[node].slot for step in region.steps for node in step.makes}
    return [
        node
        for node in sorted(nodes)
        if region.case.step_of(node).function is None
        and region.case.tape.nodes[node].slot in slots
        and region.case.tape.nodes[node].value.dtype.kind in "iu"
    ]
