"""Paths of the gradient that are left out, counted twice, or written over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.extent import node_at
from tinygrad_scratch.verifier.causes.derivatives import returned_as, slope_from
from tinygrad_scratch.verifier.causes.penalties import is_of_parameters, is_penalty, where_others_add
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.pairs.penalised import own_parts
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import (
    bracketed,
    end_of_turns,
    in_same_function,
    is_rename,
    right_side,
    statement_at,
)
from tinygrad_scratch.verifier.recording.edits import Edit, WithArgument, WithMore, added, is_filled, name_of, places_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import Step, renamed
from tinygrad_scratch.verifier.truths.losses import KnownLoss
from tinygrad_scratch.verifier.truths.table import PART


def parts_left_out(region: Region) -> Iterator[Finding]:
    """The gradient is the sum over all that read a value; some of them were left out, or counted twice."""
    parts = region.parts
    if not 1 < len(parts) <= 8 or parts[0][1].shape != region.truth.shape:
        return
    before = [e for e in region.case.events if e.name == region.event.name and e.node < region.node]
    for count in range(1, len(parts)):
        for chosen in combinations(range(len(parts)), count):
            total = np.sum([parts[i][1] for i in chosen], axis=0) * region.repair.factor
            left = [parts[i][0] for i in range(len(parts)) if i not in chosen]
            if region.is_truth_of(region.value, total) and not in_one_statement(region, [p[0] for p in parts], left):
                rest = region.truth - region.value
                held = [e for e in before if close(region.values[e.node], rest)]
                yield in_a_row(region, left) or put_over(region, rest, left) or missing(region, left, held)
                return
            if close(region.value, region.truth + total):
                step = region.case.tape.steps[parts[chosen[0]][0]]
                yield Finding("missing-term", f"the part through `{region.code(step)}` is counted twice", None)
                return


def put_over(region: Region, rest: Any, left: list[int]) -> Finding | None:
    """What is said where a part takes the place of the rest, which an attribute or an entry held: `w.grad = more`."""
    case = region.case
    again = {n for s in case.tape.steps if s.function is renamed and region.node in s.reads for n in s.makes}
    names = [e for e in case.events if e.node in {region.node, *again} and e.name != region.event.name]
    for event in (e for e in names if not e.name.isidentifier() and is_rename(e.place.file, e.place.line)):
        before = (e for e in case.events if e.short == event.short and e.node < region.node)
        if any(np.shape(region.values[e.node]) == rest.shape and close(region.values[e.node], rest) for e in before):
            line = line_of(region, left[0])
            said = f"{event.name} held the part through {line}, and is written over: add to it, with `+=`"
            expression = right_side(statement_at(event.place.file, event.place.line))
            should = f"{event.name} + {bracketed(expression)}"
            return Finding("overwritten-accumulation", said, None, should, place=event.place)
    return None


def in_a_row(region: Region, left: list[int]) -> Finding | None:
    """What is said where later lines add more parts to a name, and one is never added: told where it has its turn.

    A backward pass takes the uses of a value in the reverse of their order, or in this order. The row begins with the
    noughts or with a part, and may end with what the function returns.
    """
    event, whole = region.event, np.sum([part for _, part in region.parts], axis=0) * region.repair.factor
    named = (e for e in region.case.events if (e.name, e.owner) == (event.name, event.owner))
    row = [e for e in named if in_same_function(e.place, event.place)]
    last = (e for e in region.case.returned if row[-1].node in region.case.step_of(e.node).reads) if row else ()
    row += [e for e in last if in_same_function(e.place, event.place)][:1]
    values = [np.asarray(region.values[e.node]) for e in row]
    if len(row) < 3 or any(value.shape != whole.shape for value in values):
        return None
    parts = {step: part * region.repair.factor for step, part in region.parts}
    added = [*([values[0]] if np.any(values[0]) else []), *(later - before for before, later in pairwise(values))]
    found = [next((step for step, part in parts.items() if close(each, part)), None) for each in added]
    known = [step for step in found if step is not None]
    lacks = [step for step in left if step not in known]
    if len(known) < len(found) or len(lacks) != 1 or not close(values[-1] + parts[lacks[0]], whole):
        return None
    in_order = known == sorted(known) and len(known) > 1
    before = sum((step < lacks[0]) == in_order for step in known)
    place = row[max(0, before - (len(added) == len(row)))].place
    if are_penalties(region, lacks):
        return Finding("regularisation", penalty_missing(region, lacks[0]), place=place)
    return Finding("missing-term", also_used(region, line_of(region, lacks[0])), place=place)


def are_penalties(region: Region, steps: list[int]) -> bool:
    """Whether a parameter goes into some calls as a penalty of it takes it."""
    return is_of_parameters(region, region.of) and all(is_penalty(region, step) for step in steps)


def penalty_missing(region: Region, step: int) -> str:
    return f"the gradient of the penalty is missing, which the loss has: {line_of(region, step)}"


def in_one_statement(region: Region, steps: list[int], left: list[int]) -> bool:
    """Whether what was left out of several uses is in a statement with one that was not: a slope is wrong then."""
    places = {step: place for step in steps if (place := region.case.tape.steps[step].place) is not None}
    kept = {(place.file, place.line) for step, place in places.items() if step not in left}
    return any((place.file, place.line) in kept for step, place in places.items() if step in left)


def missing(region: Region, steps: list[int], held: list[Event]) -> Finding:
    """What is said of parts that were left out; `held` is where the name of the value stood for them before.

    A name that a function has for what it was given is another one than that of the same spelling around its call.
    """
    line, name = line_of(region, steps[0]), region.event.name
    if are_penalties(region, steps):
        return Finding("regularisation", penalty_missing(region, steps[0]), place=where_others_add(region))
    own = any(event.owner == region.event.owner for event in held)
    around = any(in_same_function(event.place, region.event.place) for event in held)
    if (own or around) and not reads_itself(region):
        said = "written over: add to it, with `+=`" if own else "not added"
        return Finding(
            "overwritten-accumulation" if own else "missing-term",
            f"{name} held the part through {line}, and is {said}",
            None,
            f"{name} + {bracketed(region.expression)}",
            place=region.in_statement(),
        )
    said = also_used(region, line)
    unread = part_unread(region)
    if unread is not None:
        part, alias = unread
        return Finding("missing-term", f"{said}. It is {part}", None, f"{name} + {part}", place=alias)
    place = slope_from(region) or handed_on(region, steps) or carried_without(region, steps[0])
    place = place or named_after_another(region) or lacking_since(region, steps[0])
    return Finding("missing-term", said, place=place)


def line_of(region: Region, step: int) -> str:
    """The statement that a call stands in, as it is told."""
    place = region.case.tape.steps[step].place
    return f"`{statement_at(place.file, place.line)}`" if place else "another step"


def also_used(region: Region, line: str) -> str:
    return f"{region.name(region.of)} is also used in {line}: the part through it is missing"


def part_unread(region: Region) -> tuple[str, Place] | None:
    """What the function made later, is all that the value lacks, and goes nowhere; where that is another name since."""
    case, own = region.case, region.event.place
    read, rest = {node for step in case.tape.steps for node in step.reads}, region.truth - region.value
    for event in case.events:
        lost = event.node > region.node and event.node not in read and in_same_function(event.place, own)
        if lost and event.name.isidentifier() and close(region.values[event.node], rest):
            later = (step for step in case.tape.steps if step.function is renamed and region.node in step.reads)
            alias = next((step.place for step in later if min(step.makes) > event.node), None)
            if alias is not None and right_side(statement_at(alias.file, alias.line)) == region.event.name:
                return event.name, alias
    return None


def reads_itself(region: Region) -> bool:
    """Whether a statement reads the name that it gives: then it does not write over what that held."""
    return re.search(rf"(?<![\w.]){re.escape(region.event.name)}(?!\w)", region.expression) is not None


def handed_on(region: Region, left: list[int]) -> Place | None:
    """Where all that a helper made was taken as if it were all, if no part is missing that belongs to the helper."""
    case, made = region.case, region.case.place_of(region.node)
    own = [event.place for event in (*reversed(case.returned), *case.events) if event.node == region.node]
    last = next((place for place in own if made is not None and not in_same_function(made, place)), None)
    if last is None:
        return None
    steps = {step: case.tape.steps[step].place for step, _ in region.parts}
    kept, missing_ = ([p for s, p in steps.items() if p is not None and (s in left) == out] for out in (False, True))
    return None if any(in_same_function(one, other) for one in kept for other in missing_) else last


def named_after_another(region: Region) -> Place | None:
    """Where a value is returned that is the gradient of another one, as its name says, and right till then."""
    found = region.case.match(region.value)
    return None if found is None or found.how or found.of == region.of else returned_as(region, found.of)


def lacking_since(region: Region, left: int) -> Place | None:
    """Where the first value was made that is no gradient, and would be a part of one with what is missing.

    A part that comes through the function in which the missing one begins is to hold that, too.
    """
    case, rest = region.case, region.truth - region.value
    made = case.ancestors([region.node]) - case.forward
    helper = case.tape.steps[left].place
    for event in case.events:
        value = np.asarray(region.values[event.node])
        if event.node not in made - {region.node} or value.shape != rest.shape or not np.any(value):
            continue
        known, found = case.match(value), case.match(value + rest)
        if known is not None and not (is_used_in(region, known.through, helper) and known.how == PART):
            continue
        if found is not None and close(case.truth.cotangents[found.of], case.truth.cotangents[region.of]):
            made_by = case.step_of(event.node)
            in_helper = made_by.place is not None and not in_same_function(made_by.place, event.place)
            return made_by.place if in_helper and region.is_to_blame(made_by) else event.place
    return None


def carried_without(region: Region, left: int) -> Place | None:
    """Where a turn of a loop made what it left to the next one: a part that comes through the turn of the missing one.

    What else is a part of the gradient comes through another turn.
    """
    case, truth = region.case, region.case.truth
    alike = {step for step, _ in region.parts if is_in_one_turn(region, step, left)}
    if len(alike) < 2 or len(alike) == len(region.parts):
        return None
    before, own = case.ancestors([region.node]) - case.forward - {region.node}, region.event.place
    later = (e for e in case.events if in_same_function(e.place, own) and e.place.line >= own.line)
    for event in (e for e in later if e.node in before):
        known = case.match(np.asarray(region.values[event.node]))
        is_part = known is not None and known.how == PART and known.through in alike
        if known is not None and is_part and close(truth.cotangents[known.of], truth.cotangents[region.of]):
            return event.place
    return None


def is_in_one_turn(region: Region, step: int, other: int) -> bool:
    """Whether two calls of one function were made in one turn of a loop: no line came before one that was made."""
    first, last = sorted((step, other))
    places = [s.place for s in region.case.tape.steps[first : last + 1] if s.place is not None]
    here = [place.line for place in places if in_same_function(place, places[0])]
    return in_same_function(places[0], places[-1]) and here == sorted(here)


def is_used_in(region: Region, step: int | None, place: Place | None) -> bool:
    """Whether a use of a value is in a function that not all of its uses are in."""
    if step is None or place is None:
        return False
    places = (region.case.tape.steps[each].place for each, _ in region.parts)
    own, here = region.case.tape.steps[step].place, [p for p in places if p is not None]
    return own is not None and in_same_function(own, place) and not all(in_same_function(p, place) for p in here)


def overwritten(region: Region) -> Iterator[Finding]:
    """What the same name held before, added to it, gives the truth; or another name that a later line gave it."""
    yield from lost_by_another_name(region)
    name = region.event.name
    for total in region.case.with_earlier(region.event, region.values) if not reads_itself(region) else ():
        if region.is_truth(total):
            yield Finding(
                "overwritten-accumulation",
                f"{name} is written over in each turn: add to it, with `+=` instead of `=`",
                None,
                f"{name} + {bracketed(region.expression)}",
                place=region.in_statement(),
            )
            return


def lost_by_another_name(region: Region) -> Iterator[Finding]:
    """Where a value gets a name that held a part, which nothing has read: `total = part` after `part = f(x)`."""
    case = region.case
    for event, held in lost_values(case):
        step, before = case.step_of(event.node), np.asarray(region.values[held])
        of_it = step.function is renamed and region.node in step.reads
        if of_it and before.shape == region.value.shape and region.is_truth(region.value + before):
            yield written_over(event, None)
            return


def written_over(event: Event, step: Step | None, changes: dict[int, Edit] | None = None) -> Finding:
    """A name that held a part of a gradient is given the rest of it."""
    name, place = event.name, event.place
    said = f"{name} held a part of it, and is written over: add to it, with `+=` instead of `=`"
    should = f"{name} + {bracketed(right_side(statement_at(place.file, place.line)))}"
    return Finding("overwritten-accumulation", said, step, should, changes or {}, place=place)


def overwritten_on_the_way(region: Region) -> Iterator[Finding]:
    """What a name held before another value was made that has it now, and that nothing ever read, added to that."""
    lost, made = lost_values(region.case), region.case.ancestors([region.node])
    for place in dict.fromkeys(event.place for event, _ in lost if event.node in made):
        own = [(event, held) for event, held in lost if event.place == place]
        changes: dict[int, Edit] = {
            region.case.tape.nodes[event.node].step: WithMore(region.values, held) for event, held in own
        }
        if region.gives_truth(changes):
            yield written_over(own[0][0], region.case.step_of(own[0][0].node), changes)
            return


def lost_values(case: Case) -> list[tuple[Event, int]]:
    """Where a name got another value than it had, of the same shape, and nothing had read that one."""
    read = {node for step in case.tape.steps for node in step.reads} | case.forward
    held: dict[tuple[str, int], int] = {}
    found = []
    for event in sorted(case.events, key=lambda e: (e.time, e.node)):
        before = held.get((event.name, event.owner))
        shapes = [case.tape.nodes[node].value.shape for node in (event.node, before) if node is not None]
        if before is not None and before not in read and before < event.node and len(set(shapes)) == 1:
            found.append((event, before))
        held[event.name, event.owner] = event.node
    return found


def assigned_entries(region: Region) -> Iterator[Finding]:
    """Entries that are assigned where they should be added to; repeated ones among them."""
    for step, turns in region.sites():
        if name_of(step.function) != "setitem" or len(step.arguments) != 3:
            continue
        if region.case.constant_value(step.arguments[2]) is not None:  # a number, as of what a mask leaves out
            continue
        adds = all(is_added_to(region, s) for s in turns)
        if adds and region.gives_truth({s.index: each_time for s in turns}):
            yield Finding(
                "overwritten-accumulation",
                "`a[index] += g` counts a repeated index once: write np.add.at(a, index, g)",
                step,
                changes={s.index: each_time for s in turns},
            )
            continue
        changes: dict[int, Edit] = {s.index: added for s in turns}
        if region.gives_truth(changes) or is_right_but_for_penalty(region, changes):
            yield of_entries(region, step, turns)


def is_right_but_for_penalty(region: Region, changes: dict[int, Edit]) -> bool:
    """Whether a change gives the truth but for a penalty's part: how much that is was read off from what is wrong."""
    case, loss = region.case, region.case.step_of(region.case.truth.loss).function
    is_one = region.node in region.values  # and not all gradients at once
    if not is_one or not isinstance(loss, KnownLoss) or region.of not in dict(loss.candidate.penalties):
        return False
    others = [final.parameter.node for final in case.finals]
    parts = own_parts(case.tape, case.parents, region.node, region.of, others)
    if not parts or region.tried(changes) is None:
        return False
    now, then = (case.replay(parts, edits=edits)[region.node] for edits in ({}, changes))
    return region.is_truth_of(then, region.truth - (region.value - now))


def of_entries(region: Region, step: Step, turns: list[Step]) -> Finding:
    """What is said of entries that are to be added to."""
    changes: dict[int, Edit] = {s.index: added for s in turns}
    if len(turns) == 1 and holds_forward(region, step):
        said = f"what `{region.code(step).partition('=')[0].strip()}` held is no part of it any more: add it"
        return Finding("missing-term", said, step, changes=changes)
    said = "entries that are written more than once keep only the last part: add to them, with `+=`"
    return Finding("overwritten-accumulation", said, step, changes=changes)


def holds_forward(region: Region, step: Step) -> bool:
    """Whether an array that is written to held a value of the forward pass, and no part of a gradient."""
    return bool(step.reads) and region.case.is_forward(step.reads[0])


def is_added_to(region: Region, step: Step) -> bool:
    """Whether entries get what they held and something more, as by `a[index] += g`."""
    node = node_at(region, step, 2)
    return node is not None and name_of(region.case.step_of(node).function) in ("add", "subtract")


def each_time(step: Step, arguments: Any, keywords: Any) -> Any:
    """The same with what is added to an entry as often as its index is named."""
    array, index, value = arguments
    np.add.at(array, index, value - np.asarray(array)[index])


def never_renewed(region: Region) -> Iterator[Finding]:
    """A gradient from before a loop that each turn reads as it is, where that of another value is due in each."""
    case, tape = region.case, region.case.tape
    for step in region.steps:
        for place, slot in places_of(step):
            node = next((read for read in step.reads if tape.nodes[read].slot == slot), None)
            if node is None or node in case.forward or not region.names_of(node):
                continue
            readers = (tape.steps[index] for index in case.readers.get(node, ()) if index < step.index)
            is_read_before = any(reader.place == step.place for reader in readers)
            known = case.match(np.asarray(region.values[node])) if is_read_before else None
            if known is None or known.through is not None:
                continue
            wholes = [entry for entry in case.table.entries(np.shape(region.values[node])) if not entry.how]
            for entry in (each for each in wholes if each.of != known.of):
                if case.is_spent():
                    return
                due = WithArgument(place, {0: case.scale * entry.value}, 0)
                played = case.replay(edits={step.index: due})
                if not close(np.asarray(played[region.node]), region.truth):
                    continue
                name, of, other = region.name(node), region.name(known.of), region.name(entry.of)
                said = f"{name} is the gradient of {of} in each turn: nothing makes it that of {other} for the next one"
                yield Finding("missing-term", said, step)
                return


def never_written(region: Region) -> Iterator[Finding]:
    """Room that was made for a gradient, and that nothing was written to."""
    if is_filled(region.case.step_of(region.node)) and not np.any(region.value) and np.any(region.truth):
        yield Finding("missing-term", f"nothing is added to {region.event.name}: it stays zero")


def skipped(region: Region) -> Iterator[Finding]:
    """Turns of a loop that were never made: what is missing are the parts of the first or the last ones."""
    parts = region.parts
    steps = [region.case.tape.steps[step] for step, _ in parts]
    of_a_loop = len({s.place for s in steps}) == 1 and len({s.index for s in steps}) == len(steps)
    if len(parts) > 2 and of_a_loop and parts[0][1].shape == region.value.shape:
        for k in (1, 2):
            for kept in (parts[k:], parts[:-k]):
                if len(kept) > 1 and close(region.value, np.sum([part for _, part in kept], axis=0)):
                    said = f"{k} of {len(parts)} turns is left out"
                    yield Finding("off-by-one", said, None, place=end_of_turns(region.event.place))
    written = any(name_of(step.function) in ("setitem", "at") for step in region.steps)
    if written and region.value.shape == region.truth.shape and region.value.ndim and len(region.value) > 1:
        rows = np.array([close(one, other) for one, other in zip(region.value, region.truth, strict=True)])
        zero = np.array([not np.any(row) for row in region.value])
        if rows.any() and not rows.all() and (rows | zero).all():
            at_one_end = np.count_nonzero(np.diff(rows)) == 1
            why = "the loop ends too early" if at_one_end else "each turn leaves some of its own out"
            yield Finding(
                "off-by-one",
                f"{int((~rows).sum())} of {len(rows)} rows are never written: {why}",
                place=end_of_turns(region.event.place) if at_one_end else region.event.place,
            )
