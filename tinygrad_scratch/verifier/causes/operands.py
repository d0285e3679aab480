"""Another value in the place of an operand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.extent import node_at
from tinygrad_scratch.verifier.cases.whereabouts import LAID_OUT
from tinygrad_scratch.verifier.causes.candidates import candidates, is_made_of
from tinygrad_scratch.verifier.causes.multiplied import exponent_named, is_rest_of_one
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import (
    bracketed,
    in_same_function,
    parsed,
    replaced,
    right_side,
    start_of_function,
    statement_at,
    text_of,
    without_brackets,
)
from tinygrad_scratch.verifier.recording.edits import (
    LINEAR,
    PRODUCTS,
    Edit,
    PlaceOf,
    WithArgument,
    name_of,
    operands_of,
    places_of,
    with_changed,
)
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import Step, renamed
from tinygrad_scratch.verifier.rewriting.text import effort, source_of
from tinygrad_scratch.verifier.rewriting.textbook import is_slope_of_given


def operands(region: Region) -> Iterator[Finding]:
    """Another value of the same shape in the place of an operand."""
    found: list[tuple[int, Finding]] = []
    for step, turns in region.sites():
        for place, _ in operands_of(step):
            for name, nodes, turned in candidates(region, step, turns, place):
                changes: dict[int, Edit] = {
                    s.index: WithArgument(place, region.values, node, turned)
                    for s, node in zip(turns, nodes, strict=True)
                }
                node, read = nodes[turns.index(step)], node_at(region, step, place)
                something = any(np.any(region.values[each]) for each in nodes)
                usable = something and read is not None and not is_base_of(region, read, node)
                if usable and region.gives_truth(changes) and not region.case.is_behind(step.makes[0], node):
                    assert read is not None
                    told = region.call_with(step, read, node)
                    calls = {(s.caller.file, s.caller.line) for s in turns if s.caller is not None}
                    if told is not None and len(calls) > 1:  # what is given in several lines is not to blame
                        continue
                    in_helper = told is None and replaced(region.code(step), region.name(read), "") is not None
                    if not in_helper and is_one_use_of_argument(region, turns, read, told or region.event.place):
                        continue
                    found.append(said(region, step, place, (name, node), changes))
                    found[-1][1].place = told or found[-1][1].place
                    found[-1][1].meant = name
                    if found[-1][0] == 0:
                        break
    found.sort(key=lambda pair: (pair[0], effort(region.expression, pair[1].should_be or region.expression)))
    if found:
        best = found[0][1]
        rivals = [f for rank, f in found if rank == found[0][0]]
        texts = {f.should_be for f in rivals if f.should_be and parsed(f.should_be) is not None}
        best.others = sorted(texts - {best.should_be})
        if best.others:
            best.certainty = "fits"
        yield best


def is_base_of(region: Region, node: int, other: int) -> bool:
    """Whether a value is another one to a power with a name, in the slope of which that power is one less."""
    step = region.case.step_of(node)
    bases = [base for base in step.reads[:1] if np.array_equal(region.values[base], region.values[other])]
    return bool(bases and exponent_named(region, step))


def is_one_use_of_argument(region: Region, turns: list[Step], node: int, told: Place) -> bool:
    """Whether a helper reads what it is given in other calls, too: a change where it is called is one in all."""
    step, own_turns = turns[-1], {turn.index for turn in turns}
    if step.place is None or in_same_function(step.place, told):
        return False
    own = [e for e in region.case.arguments if e.node == node and in_same_function(e.place, step.place)]
    began = max((e.time for e in own if e.time <= step.index), default=region.until)
    others = (s for s in region.case.tape.steps[began : region.until] if node in s.reads and s.index not in own_turns)
    return any(other.place is not None and not in_same_function(other.place, told) for other in others)


def said(
    region: Region, step: Step, place: PlaceOf, new: tuple[str, int], changes: dict[int, Any]
) -> tuple[int, Finding]:
    """How good an explanation a substitution is (less is better), and what it says."""
    read = node_at(region, step, place)
    assert read is not None
    other_name, other = new
    mine = region.name(read)
    new_text = bracketed(other_name)
    text = replaced(region.code(step), mine, new_text)
    should = region.rewritten(step, text) if text else replaced(region.expression, mine, new_text)
    should = without_brackets(should, region.expression) if should else None
    nodes = region.case.tape.nodes
    if mine == other_name and mine in region.names_of(read) and nodes[read].slot == nodes[other].slot:
        where = f"line {step.place.line}" if step.place else "a later line"
        said_so = f"{mine} is written over before its use in {where}"
        return 1, Finding("inplace-corruption", said_so, region.case.step_of(read), None, changes)
    sentence = f"{mine} should be {another(other_name, mine)}"
    neighbour = next((name for name in (mine, *region.names_of(read)) if is_beside(region, name, other_name)), None)
    if neighbour is not None:
        said_so = f"{neighbour} should be {other_name}: the neighbour was taken"
        return 0, Finding("off-by-one", said_so, step, should, changes)
    parameters = {f.parameter.node for f in region.case.finals}
    named = bool(region.names_of(other))
    if is_laid_out_otherwise(region, read, other):
        said_so = f"`{mine}` spreads one of its parts along the wrong axis: it should be {other_name}"
        return 1, Finding("broadcasting-shape", said_so, step, should, changes)
    rest = is_rest_of_one(region, region.case.step_of(other))
    if not named and not rest and is_made_of(region, other, read, ("add", "subtract")):  # then that term is missing
        return 1, Finding("missing-term", f"{mine} lacks a term: it should be {other_name}", step, should, changes)
    if not named and region.gives_truth({step.index: with_changed(place, one_more)}):  # as of an exponential unit
        text = replaced(region.code(step), mine, bracketed(f"{mine} + 1"))
        should = region.rewritten(step, text) if text else None
        return 1, Finding("missing-derivative", f"{mine} lacks a term: it should be {mine} + 1", step, should, changes)
    if wrong_point(region, step, read, other):
        handed = handed_through(region, step, read, other)
        names = mine, another(other_name, mine)
        rank, finding = (1, handed) if handed else at_another_point(step, names, should, changes, named)
        tell_in_helper(region, step, (read, other), finding)
        return rank, finding
    if other in parameters and same_parameter(mine, other_name):
        return 1, Finding(
            "stale-or-updated-weights", f"{sentence}, as it was in the forward pass", step, should, changes
        )
    ways = (way(region, step, read, other) for way in (handed_back, handed_instead, made_otherwise))
    handed = next((finding for finding in ways if finding is not None), None)
    if handed is not None:
        return 1, handed
    if other_name.isidentifier() and not is_known_at(region, other, step) and is_multiplied_in(region, read, other):
        said_so = f"{mine} lacks the factors with which {other_name} is made of it elsewhere"
        return 2, Finding("missing-derivative", said_so, step, None, changes)
    return 2 if named else 4, Finding("wrong-operand", sentence, step, should, changes, made_up=not named)


def at_another_point(
    step: Step, names: tuple[str, str], should: str | None, changes: dict[int, Any], named: bool
) -> tuple[int, Finding]:
    """A derivative that is taken at one value, and is due at another one; in the call of a slope that is right."""
    kind, place = "derivative-at-wrong-point", step.place
    if place is not None and step.caller is not None and is_slope_of_given(place.file, place.line):
        said_so = f"`{place.function}` is the slope at what it is given, and that is not what is due here"
        finding = Finding(kind, said_so, step, None, changes, made_up=not named, place=step.caller)
    else:
        said_so = f"the derivative is taken at {names[0]}; it should be at {names[1]}"
        finding = Finding(kind, said_so, step, should, changes, made_up=not named)
    return 1 if named else 3, finding


def tell_in_helper(region: Region, step: Step, pair: tuple[int, int], finding: Finding) -> None:
    """Tell of a helper that knows only what a function is given, and takes its slope there, where it first reads that.

    So it is of the Jacobian of a softmax that is made of the scores, sample by sample in a loop.
    """
    place, by = first_use(region, step), region.made_again(*pair, step.caller or region.event.place)
    if by is not None and place is not None and finding.place is None:
        function = by.place.function
        finding.place, finding.should_be = place, None
        finding.sentence = f"the derivative of `{function}` is taken at what that is given; it is due at what it makes"


def first_use(region: Region, step: Step) -> Place | None:
    """The first line that reads what a call reads, but for the heads of loops over it."""
    moving = {*step.reads}
    for each in region.case.tape.steps[step.index : region.until]:
        if each.place is not None and not moving.isdisjoint(each.reads):
            if not isinstance(source_of(text_of(each.place.file)).statement_on(each.place.line), ast.For):
                return each.place
            moving.update(each.makes)
    return None


def handed_instead(region: Region, step: Step, read: int, other: int) -> Finding | None:
    """A function was handed one value, and not the other, where it was called: there both have names, and here one."""
    case, place, caller = region.case, step.place, step.caller
    if place is None or caller is None or in_same_function(place, caller) or is_known_here(region, other):
        return None
    handed = [e for e in case.arguments if in_same_function(e.place, place)]
    calls = {e.owner for e in handed if e.node == read}
    if any(e.node == other and e.owner in calls for e in handed):  # both have names here
        return None
    mine, meant = names_at(region, caller, read, other)
    return given_at(caller, mine, meant) if calls and mine and meant else None


def handed_back(region: Region, step: Step, read: int, other: int) -> Finding | None:
    """A function handed back one of two values that have names in it, and the other one nowhere.

    What the forward pass goes on with was rightly handed back.
    """
    case = region.case
    named = [*case.events, *case.arguments]
    for back in (*case.returned, *case.entries):
        if back.node != read or step.place is None or in_same_function(back.place, step.place):
            continue
        alike = (each for each in (*case.returned, *case.entries) if (each.name, each.place) == (back.name, back.place))
        if any(is_gone_on_with(region, each.node, each.time) for each in alike):
            continue
        own = [e for e in named if e.owner == back.owner]
        names = [next((e.name for e in own if e.node == node), "") for node in (read, other)]
        returned = {e.node for e in (*case.returned, *case.entries) if e.owner == back.owner}
        statement = statement_at(back.place.file, back.place.line)
        should = replaced(statement, *names) if all(names) and other not in returned else None
        if should is not None:
            made = is_multiplied_in(region, read, other)
            said_so = f"`{back.place.function}` hands back {names[0]}, and should hand back {names[1]}"
            kind = "missing-derivative" if made else "wrong-operand"
            return Finding(kind, said_so, None, should, place=back.place)
    return None


def is_gone_on_with(region: Region, node: int, first: int) -> bool:
    """Whether the forward pass reads a value in a later call, by whatever name."""
    named = {node}
    while region.case.step_of(node).function is renamed:
        node = region.case.step_of(node).reads[0]
        named.add(node)
    for step in region.case.tape.steps[first:]:
        if not named.isdisjoint(step.reads):
            if step.function is renamed:
                named.update(step.makes)
            elif any(map(region.case.is_forward, step.makes)):
                return True
    return False


def handed_through(region: Region, step: Step, read: int, other: int) -> Finding | None:
    """A helper was handed one value where it was called, and calls what is due there as the helper itself does."""
    case, here = region.case, step.place
    if here is not None and step.caller is not None and is_slope_of_given(here.file, here.line):
        here = step.caller
    for place, caller in calls_around(region, step):
        given = [e.name for e in case.arguments if e.node == read and in_same_function(e.place, place)]
        mine, meant = names_at(region, caller, read, other)
        if here is None or in_same_function(caller, here) or not (mine and meant in given):
            continue
        return given_at(caller, mine, meant)
    return None


def names_at(region: Region, caller: Place, *nodes: int) -> list[str]:
    """What values are called in the function of a line; nothing for those that have no name there."""
    there = [e for e in (*region.case.arguments, *region.case.events) if in_same_function(e.place, caller)]
    return [next((e.name for e in there if e.node == node), "") for node in nodes]


def given_at(caller: Place, mine: str, meant: str) -> Finding | None:
    """What is said of a call that gives one value where another is meant; nothing where its text has no such name."""
    should = replaced(right_side(statement_at(caller.file, caller.line)), mine, meant)
    return Finding("wrong-operand", f"{mine} should be {meant}", None, should, place=caller) if should else None


def calls_around(region: Region, step: Step) -> Iterator[tuple[Place, Place]]:
    """The functions that a call was made in, each by a line of it, with the line that called it; the nearest first."""
    place, caller, seen = step.place, step.caller, set[tuple[str, int]]()
    while place is not None and caller is not None and not in_same_function(place, caller):
        inner = place.file, start_of_function(place)
        if inner in seen:  # functions that call each other
            return
        seen.add(inner)
        yield place, caller
        inside = (s for s in region.case.tape.steps if s.place is not None and in_same_function(s.place, caller))
        nearest = min(inside, key=lambda s: abs(s.index - step.index), default=None)
        place, caller = caller, nearest.caller if nearest is not None else None


def made_otherwise(region: Region, step: Step, read: int, other: int) -> Finding | None:
    """What two functions call alike, and make by statements that differ: told where the value is made that is read."""
    events = region.case.events
    own = [e for e in events if e.node == read and step.place is not None and in_same_function(e.place, step.place)]
    own = [e for e in own if replaced(region.code(step), e.name, "") is not None]  # by which it is read
    if any(e.node == other and in_same_function(e.place, step.place) for e in events if step.place is not None):
        return None  # it has a name of its own there, by which it could have been read
    theirs = [e for e in events if e.node == other and not any(in_same_function(e.place, each.place) for each in own)]
    pairs = ((one, two) for one in own for two in theirs if one.name == two.name)
    for one, two in pairs:
        lines = [statement_at(e.place.file, e.place.line) for e in (one, two)]
        written, right = map(right_side, lines)
        if written and right and written != right and lines[0] != written and lines[1] != right:  # both are made there
            said = f"{one.name} is made otherwise than in line {two.place.line}"
            return Finding("wrong-operand", said, None, right, place=one.place)
    return None


def another(name: str, taken: str) -> str:
    """What is told of the value that is meant: one that has the same name in another function is not that one.

    >>> another("z", "a"), another("y", "y")
    ('z', 'another y than this one')
    """
    return name if name != taken else f"another {name} than this one"


def one_more(value: Any) -> Any:
    return value + 1


def is_known_here(region: Region, node: int) -> bool:
    """Whether a value has a name in the function in which the mistake is, or in the module around it."""
    own = region.event.place
    named = (e.place for e in region.case.events if e.node == node)
    return any(in_same_function(at, own) or (at.file, at.function) == (own.file, "<module>") for at in named)


def is_known_at(region: Region, node: int, step: Step) -> bool:
    """The same, or one where a call is that what is wrong was made by, as in a helper."""
    named = (event.place for event in region.case.events if event.node == node)
    there = step.place
    return is_known_here(region, node) or (there is not None and any(in_same_function(at, there) for at in named))


def is_multiplied_in(region: Region, node: int, product: int) -> bool:
    """Whether a product has what is the same as a value for a factor."""
    step, value = region.case.step_of(product), np.asarray(region.values[node])
    while name_of(step.function) == "multiply" and step.reads:
        factors = [np.asarray(region.values[read]) for read in step.reads]
        if any(factor.shape == value.shape and close(factor, value) for factor in factors):
            return True
        step = region.case.step_of(step.reads[0])
    return False


def is_beside(region: Region, mine: str, other: str) -> bool:
    """Whether two names are those of neighbours in one list, of which the statement takes an entry."""
    stem = mine.split("[")[0]
    return "[" in mine and other.split("[")[0] == stem and stem in region.statement and one_apart(mine, other)


def is_laid_out_otherwise(region: Region, one: int, other: int) -> bool:
    """Whether two values were made of the same parts in the same way, one of them a row here and a column there."""
    made = [region.case.step_of(node) for node in (one, other)]
    parts = [[np.asarray(region.values[node]) for node in step.reads] for step in made]
    alike = len({name_of(step.function) for step in made}) == 1 and len(parts[0]) == len(parts[1]) == 2
    return (
        alike
        and all(close(a.ravel(), b.ravel()) for a, b in zip(*parts, strict=True) if a.size == b.size)
        and any(a.shape != b.shape and a.size == b.size for a, b in zip(*parts, strict=True))
    )


def same_parameter(one: str, other: str) -> bool:
    """Whether two values have the name of one parameter: in two places, or at two times."""
    ends = [name.removesuffix(".T").rsplit(".", 1)[-1] for name in (one, other)]
    return ends[0] == ends[1]


def one_apart(one: str, other: str) -> bool:
    numbers = [re.findall(r"\[(-?\d+)\]", name) for name in (one, other)]
    return all(numbers) and abs(int(numbers[0][-1]) - int(numbers[1][-1])) == 1


def wrong_point(region: Region, step: Step, read: int, other: int) -> bool:
    """Whether a derivative is taken at the operand: it goes through a nonlinear step before it meets the upstream."""
    case = region.case
    twin = case.alike.get(other, other)
    if is_in_matrix_product(region, step) or not case.is_forward(other):
        return False
    plus = name_of(step.function) in ("subtract", "add") and len(places_of(step)) < 2
    nonlinear = name_of(step.function) not in LINEAR or plus or is_comparison(step)
    if not nonlinear and is_other_factor(region, twin):
        return False
    if name_of(case.step_of(read).function) in ("power", "square") and not region.names_of(read):
        return False
    own = case.is_behind(twin, region.of) or case.is_behind(region.of, twin) or twin == region.of
    own = own or same_source(region, twin)
    if not nonlinear and len(places_of(step)) == 2 and not is_beside_slope(region, step, read, twin):
        return False
    if case.is_forward(read) or is_comparison(step):
        made = case.alike.get(read, read)
        related = case.is_behind(twin, made) or case.is_behind(made, twin)
        return own and (nonlinear or related) and (related or nonlinear)
    return own and nonlinear


def is_in_matrix_product(region: Region, step: Step) -> bool:
    """Whether what a step reads is a factor of a matrix product, perhaps laid out otherwise first: of that no slope."""
    if name_of(step.function) not in LAID_OUT:
        return name_of(step.function) in PRODUCTS
    made = {*step.makes}
    readers = [s for s in region.case.tape.steps[step.index + 1 : region.until] if not made.isdisjoint(s.reads)]
    return bool(readers) and all(is_in_matrix_product(region, reader) for reader in readers)


def is_beside_slope(region: Region, step: Step, read: int, twin: int) -> bool:
    """Whether what an operand is multiplied by entry by entry is a gradient, or the rest of a slope."""
    rest = [
        node for node in step.reads if node != read and np.shape(region.values[node]) == np.shape(region.values[read])
    ]
    known = (region.case.match_up_to_factor(np.asarray(region.values[node])) for node in rest)
    return any(found is not None for found in known) or any(region.case.is_behind(twin, node) for node in rest)


def is_other_factor(region: Region, node: int) -> bool:
    """Whether a value is what the forward pass multiplies by that which the gradient is of, or by what is made of it.

    Of such a product the derivative is the other factor, and is taken at no point.
    """
    case = region.case
    apart = not case.is_behind(region.of, node)
    partners = {
        read
        for step in case.tape.steps
        if name_of(step.function) in ("multiply", *PRODUCTS) and node in step.reads and step.makes[0] in case.forward
        for read in step.reads
        if read != node
    }
    return any(
        is_same_gradient(region, read) or (apart and case.is_behind(region.of, read)) for read in sorted(partners)
    )


def is_same_gradient(region: Region, node: int) -> bool:
    """Whether a value has the gradient that is due."""
    truth = region.case.truth.cotangents
    return node == region.of or (node in truth and close(truth[region.of], truth[node]))


def same_source(region: Region, node: int) -> bool:
    """Whether a value is one of the steps of the function whose derivative is due."""
    parts = region.case.truth.cotangents
    return node in parts and np.shape(parts[node]) == region.truth.shape and region.case.is_behind(region.of, node)


def is_comparison(step: Step) -> bool:
    return name_of(step.function) in (
        "greater",
        "greater_equal",
        "less",
        "less_equal",
        "equal",
        "not_equal",
        "where",
        "sign",
    )
