"""What is told of parameters that no turn moves: the line that loses their updates, or which they are, as a note."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Repair
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.explaining.explain import as_cause
from tinygrad_scratch.verifier.reading.loops import names_in, root_of
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event, by_node, claims_gradient
from tinygrad_scratch.verifier.recording.likeness import is_along
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.telling.untouched import TURNS, Untouched, files_of, in_turn, same_before, untouched

Told = tuple[Event, Untouched, str]  # an update that moves nothing, or something else, of what it is, and what is said


def tell_untouched(check: Any, later: Any) -> None:
    """Tell the line that loses the updates of parameters, where it is seen, or else note which no turn moves.

    Of a check in which all is right, by one of a later turn.
    """
    found = untouched(check, later)
    for event, of, sentence in (*led_elsewhere(later, found), *after_a_loop(later, found), *led_apart(later, found)):
        here = [each for each in check.case.events if (each.name, each.place) == (event.name, event.place)]
        node = same_before(check, later.tape.nodes[of.node].value, of.names)
        if here and node is not None:
            value = np.asarray(check.tape.nodes[here[-1].node].value)
            repair = Repair(here[-1], value, node, None, 1)
            finding = Finding("stale-or-updated-weights", sentence, place=event.place)
            check.repairs, check.causes = [repair], [as_cause(Region(check.case, repair), finding)]
            return
    if found:
        check.notes.append(said_of(later, found))


# ---- lines that lose updates -----------------------------------------------------------------------------------------


def led_elsewhere(later: Any, found: list[Untouched]) -> Iterator[Told]:
    """Where the new value of a parameter gets a name that nothing reads: `self.bias1 = self.b1 - rate * self.db1`."""
    tape, texts = later.tape, [text_of(file) for file in files_of(later)]
    read = {node for step in tape.steps for node in step.reads}
    for each in found:
        for event in in_turn(later):
            step = later.case.step_of(event.node)
            is_sum = name_of(step.function) in ("add", "subtract") and each.node in step.reads
            is_unread = event.node not in read and not claims_gradient(event.name)
            is_new = is_sum and is_unread and tape.nodes[event.node].slot != tape.nodes[each.node].slot
            if is_new and each.gradient.node in later.case.ancestors([event.node]) and times(event.short, texts) == 1:
                yield event, each, f"the new value of {each.name} is lost: nothing reads {event.name}"


def times(word: str, texts: list[str]) -> int:
    """How often a word stands in texts."""
    whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    return sum(len(whole.findall(text)) for text in texts)


def after_a_loop(later: Any, found: list[Untouched]) -> Iterator[Told]:
    """Where what should move each parameter of a loop stands after that loop: it moves the last one alone."""
    events, kept = in_turn(later), {each.node for each in found}
    for event in events if found else ():
        file, line = event.place.file, event.place.line
        target = written_on(file, line)
        loop = loop_before(file, line) if target is not None and event.node not in kept else None
        if target is None or loop is None or names_in(target).isdisjoint(names := names_in(loop.target)):
            continue
        bound = {e.node for e in events if e.short in names and (e.place.file, e.place.line) == (file, loop.lineno)}
        entry = f"{ast.unparse(root_of(target))}["
        left = [each for each in found if each.node in bound or any(name.startswith(entry) for name in each.names)]
        if left:
            kept_names = listed([each.name for each in left])
            said = f"this line stands after the loop of line {loop.lineno}, and moves what comes last in that alone"
            yield event, left[0], f"{said}: nothing moves {kept_names}. Indent it"
            return


def written_on(file: str, line: int) -> ast.expr | None:
    """What a statement writes to in place: `p` of `p -= step`, and `net[key]` of `net[key] = new`."""
    match source_of(text_of(file)).statement_on(line):
        case ast.AugAssign(target=target):
            return target
        case ast.Assign(targets=[ast.Subscript() as target]):
            return target
    return None


def loop_before(file: str, line: int) -> ast.For | None:
    """The loop that the statement of a line follows in its block, if what it ran over last is what is read then.

    A loop that is left by a `break`, or runs over what is sorted, has looked for what is last.
    """
    source = source_of(text_of(file))
    statement = source.statement_on(line)
    block = [each for each in (source.block_of(statement) if statement is not None else []) if each.lineno < line]
    loop = next((each for each in reversed(block) if isinstance(each, ast.For)), None)
    if loop is None or "sort" in ast.unparse(loop.iter) or any(isinstance(n, ast.Break) for n in ast.walk(loop)):
        return None
    between = (part for each in block if each.lineno > loop.lineno for part in ast.walk(each))
    given = {part.id for part in between if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return loop if given.isdisjoint(names_in(loop.target)) else None


def led_apart(later: Any, found: list[Untouched]) -> Iterator[Told]:
    """Where a parameter's update makes a new array, and what the loss is made of goes on to hold the one before.

    So it is of `params["W"] = params["W"] - rate * dW` beside a layer that was given the array once.
    """
    for each in found:
        event = moved_instead(later, each)
        if event is not None and begins_as(later, event, each.node):
            said = f"this line gives {event.short} a new array, and {each.name}, of which the loss is made, stays"
            yield event, each, f"{said} the old one. Write into that, as by `-=` or `[...] =`"


def begins_as(later: Any, event: Event, node: int) -> bool:
    """Whether an array that updates move goes on by its name from turn to turn, and began as some other one."""
    named, at, updates = by_node(later.case.events), event.node, 0
    while at != node and name_of((step := later.case.step_of(at)).function) in ("add", "subtract"):
        before = [r for r in step.reads if r == node or event.name in (other.name for other in named.get(r, ()))]
        if not before:
            return False
        at, updates = before[0], updates + 1
    return at == node and updates > 1


# ---- what is noted ---------------------------------------------------------------------------------------------------


def said_of(later: Any, found: list[Untouched]) -> str:
    """Which gradients are right and move nothing; with what is moved by them instead, where that is seen."""
    gradients = list(dict.fromkeys(each.gradient.name.removeprefix("self.") for each in found))
    names, one = listed([each.name for each in found]), len(found) == 1
    whose = f"{listed(gradients)} {'is' if len(gradients) == 1 else 'are'} right"
    said = f"In {TURNS} turns nothing moves {names}, whose {'gradient' if one else 'gradients'} {whose}. That is as it "
    said += f"should be where {'it is' if one else 'they are'} to stay so; or else the update is lost"
    other = next((event for each in found if (event := moved_instead(later, each)) is not None), None)
    instead = "" if other is None else f": line {other.place.line} moves {other.name}, which the loss is not made of"
    return f"{said}{instead}."


def moved_instead(later: Any, each: Untouched) -> Event | None:
    """The name of another array that an update takes a gradient off, and that the loss does not depend on."""
    tape, slope = later.tape, later.truth.cotangents[each.node]
    for event in in_turn(later):
        step, value = later.case.step_of(event.node), tape.nodes[event.node].value
        if claims_gradient(event.name) or name_of(step.function) not in ("add", "subtract"):
            continue
        for before in step.reads:
            held = tape.nodes[before].value
            is_other = not np.any(later.truth.cotangents.get(before, 0)) and held.shape == value.shape == slope.shape
            if is_other and each.gradient.node in later.case.ancestors([event.node]) and is_along(held - value, slope):
                return max((e for e in in_turn(later) if e.node == event.node), key=lambda e: len(e.name))
    return None
