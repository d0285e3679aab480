"""What is told of a change of the source that makes all gradients right: the wrong step, and what is right there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.cases.suspects import wrong_name
from tinygrad_scratch.verifier.cases.valued import kind_by_values
from tinygrad_scratch.verifier.causes.region import Region
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.pairs.carried_over import states, was_updated
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import end_of_head, is_same_sum, text_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.rewriting.rewrite import PUT_IN
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.trying.hit import Hit

BREAK = re.compile(r"\s*(?:#[^\n]*|\\)?\n\s*")
MOST_TOLD = 3  # changes beside the likeliest one
Moved = tuple[Event, Any]  # a value with a name, and what it is after the change


def outcome(case: Case, hits: list[Hit]) -> tuple[Repair, Cause] | None:
    """The wrong step and its cause by the likeliest of some changes; all that the change moves is mended.

    By another convention nothing is mended that is a gradient as it stands.
    """
    hits = but_for_other_arrays([hit for hit in hits if not (hit.convention and moves_gradient(case, hit))])
    if not hits:
        return None
    best = min(hits, key=order_of)
    if best.rewrite.kind == "sign" and moves_gradient(case, best):
        rest = [hit for hit in hits if hit.rewrite.kind == "sign" and not moves_gradient(case, hit)]
        best = min(rest, key=order_of, default=best)
    best = at_product(best, hits)
    lines = lines_of(best)
    moved = list(moved_by(case, best))
    returned = [pair for pair in moved_by(case, best, returned=True) if pair[0].place.line in lines]
    repair = repair_by(case, best, [pair for pair in moved if pair[0].place.line in lines] or returned or moved)
    if repair is None:
        return None
    others = told_beside(best, hits)
    event = repair.event
    at_line = event.place.file == best.file and event.place.line in lines
    place = event.place if at_line else Place(best.file, best.rewrite.line, event.place.function, 0)
    sentence = BREAK.sub(" ", best.rewrite.sentence)
    cause = Cause(
        kind_by_values(case, best.rewrite), sentence, event.name, place, Region(case, repair).owner(),
        best.written, best.right or None, "fits" if others else "checked", [hit.said for hit in others],
        weight=min(best.rewrite.tier, PUT_IN), made_up=best.rewrite.tier >= PUT_IN,
    )  # fmt: skip
    case.overrides |= {event.node: value for event, value in moved if case.can_stand(event.node, value)}
    return repair, cause


def but_for_other_arrays(hits: list[Hit]) -> list[Hit]:
    """The changes but for those of a line that a mere copy mends, too: like `a * 2`, they only make another array."""
    copies = {(hit.file, hit.rewrite.line) for hit in hits if hit.only_copies}
    return [hit for hit in hits if (hit.file, hit.rewrite.line) not in copies or hit.only_copies]


def order_of(hit: Hit) -> tuple[Any, ...]:
    """What tells which of some changes is likelier: less is."""
    return hit.likelihood(), hit.turns_number, hit.gathers, hit.lacks_elsewhere, hit.is_unlike_its_name


def moves_gradient(case: Case, hit: Hit) -> bool:
    """Whether a change makes something else of what is a gradient as it stands, as that of `1 - z`.

    In a loop the first turn tells: what is wrong in it may come back to the later ones.
    """
    lines = lines_of(hit)
    own = (e for e, _ in moved_by(case, hit) if e.place.file == hit.file and e.place.line in lines)
    value = next((case.tape.nodes[event.node].value for event in own), None)
    known = case.match(value) if value is not None and value.size > 1 else None
    return known is not None and not known.how


def at_product(best: Hit, hits: list[Hit]) -> Hit:
    """The same change of the line with the product of matrices, where a later one only scales what that made.

    A slope is due there: `d = w @ e`, and then `d *= mask`.
    """
    lacks = best.rewrite.kind == "missing-derivative" and best.lacks_elsewhere and best.right.startswith(best.written)
    if not lacks:
        return best
    put_in, target = best.right[len(best.written) :], re.split(r"\s*[-+*/]?=", best.written, maxsplit=1)[0]
    alike = (hit for hit in hits if hit.file == best.file and hit.right == f"{hit.written}{put_in}")
    own = [hit for hit in alike if not hit.lacks_elsewhere and re.match(rf"{re.escape(target)}\s*=", hit.written)]
    return own[0] if len(own) == 1 and own[0].convention == best.convention else best


def told_beside(best: Hit, hits: list[Hit]) -> list[Hit]:
    """The changes that do as well as the likeliest one: as likely, or another mistake by which as much is right."""
    others = sorted((hit for hit in hits if not is_same_sum(hit.said, best.said)), key=Hit.likelihood)
    as_likely = [hit for hit in others if hit.likelihood() == best.likelihood()]
    told = best.rewrite.line, best.rewrite.kind
    another = [hit for hit in others if (hit.rewrite.line, hit.rewrite.kind) != told and hit.does_as_much_as(best)]
    apart: dict[str, Hit] = {}  # by what they say
    for hit in (*as_likely, *another):
        apart.setdefault(hit.said, hit)
    return [*apart.values()][:MOST_TOLD]


def lines_of(hit: Hit) -> range:
    """The lines of the statement that a change is of."""
    found = [node for node in source_of(text_of(hit.file)).statements if node.lineno == hit.rewrite.line]
    return range(hit.rewrite.line, max(map(end_of_head, found), default=hit.rewrite.line) + 1)


def moved_by(case: Case, hit: Hit, returned: bool = False) -> Iterator[Moved]:
    """The values of the backward pass that are others after a change, in order; if told, those that were returned."""
    before, then = (each.returned if returned else each.events for each in (case, hit.check.case))
    after = dict(numbered(then))
    values = values_after(case, hit, after)
    for known, event in numbered(before):
        if event.node in case.forward or known not in after:
            continue
        value = np.asarray(values[after[known].node])
        if not close(np.asarray(case.tape.nodes[event.node].value), value):
            yield event, value


def values_after(case: Case, hit: Hit, after: dict[Any, Event]) -> dict[int, Any]:
    """What all values are after a change, of the weights and the velocities that there were without it.

    In the turns before the one that is judged, it made others of these.
    """
    tape, changed = case.tape, hit.check.tape
    trained = {final.parameter.name: final.parameter.node for final in case.finals}
    held = {f.parameter.node: trained[f.parameter.name] for f in hit.check.case.finals if f.parameter.name in trained}
    if not any(was_updated(tape, node) for node in held.values()):
        return {node.number: node.value for node in changed.nodes}
    earlier = states(tape, set(trained.values()))
    known = {known: event.node for known, event in numbered(case.events)}
    held |= {event.node: known[each] for each, event in after.items() if known.get(each) in earlier}
    with np.errstate(all="ignore"):
        found: dict[int, Any] = changed.replay({node: tape.nodes[before].value for node, before in held.items()})
    return found


def numbered(events: list[Event]) -> Iterator[tuple[Any, Event]]:
    """Events by name and line, and how often that was before."""
    seen: dict[Any, int] = {}
    for event in events:
        known = event.place.file, event.place.line, event.name
        seen[known] = seen.get(known, 0) + 1
        yield (*known, seen[known]), event


def of_one_sum(moved: list[Moved]) -> list[Any]:
    """The first value that a change moves; of noughts, which a sum begins with, what is under their name later."""
    event, value = moved[0]
    later = [each for other, each in moved if (other.name, other.owner) == (event.name, event.owner) and np.any(each)]
    return [value] if np.any(value) else later


def repair_by(case: Case, hit: Hit, moved: list[Moved]) -> Repair | None:
    """The first of what a change moves, as a step to mend; a wrong gradient itself where that has no name."""
    wrong = case.wrong(case.replay())
    if not moved:
        event = wrong_name(case, wrong[0])
        moved = [] if event is None else [(event, case.true_of(wrong[0]) * case.scale)]
    if not moved:
        return None
    event, value = moved[0]
    matches = (hit.check.case.match_up_to_factor(each) for each in of_one_sum(moved) if each.size > 1)
    match = next((found for found in matches if found is not None), None)
    updated = [final for final in case.finals if hit.updates_parameter and final.parameter.short == event.short]
    owner = next((final for final in updated if final in wrong), (updated or wrong)[0]).parameter.node
    of = match[0].of if match is not None and match[0].of in case.forward else owner
    return Repair(event, value, of, None, len(wrong), factor=case.scale)
