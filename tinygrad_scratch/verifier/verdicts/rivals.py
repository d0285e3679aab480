"""Changes of the source that are likelier than the one cause that was found, by where that stands."""

from __future__ import annotations

import ast
import re

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.explaining.explain import OF_A_VALUE, SCALES, Cause
from tinygrad_scratch.verifier.explaining.misgiven import is_of_any
from tinygrad_scratch.verifier.pairs.gradients import JOINING
from tinygrad_scratch.verifier.reading.derivative_names import short
from tinygrad_scratch.verifier.reading.loops import names_in
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.source import call_at, parsed, right_side, statement_at, text_of, without_blanks
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import renamed
from tinygrad_scratch.verifier.rewriting.alike import is_update
from tinygrad_scratch.verifier.rewriting.in_place import is_slip_of_place
from tinygrad_scratch.verifier.rewriting.rewrite import CHANGED
from tinygrad_scratch.verifier.rewriting.text import is_without, source_of
from tinygrad_scratch.verifier.rewriting.textbook import is_slope_of_given
from tinygrad_scratch.verifier.telling.doubt import (
    ALIAS,
    OF_ORDER,
    drops_rate,
    has_term_twice,
    has_unknown,
    is_by_memory,
    is_enough,
    is_gradient_already,
    is_vague,
    likelier,
    may_be_alias,
    puts_in,
)
from tinygrad_scratch.verifier.telling.told_where_bound import choices_for, line_of_binding
from tinygrad_scratch.verifier.trying.hit import Hit
from tinygrad_scratch.verifier.trying.outcome import MOST_TOLD

AT_POINT = "derivative-at-wrong-point"
FACTORS = (*SCALES, "missing-derivative")
ONE_BY_ANOTHER = re.compile(r"d_?[A-Za-z0-9]+_d_?[A-Za-z0-9]+")
MEAN = re.compile(r"/|\b(?:mean|average)\(")
"""What makes a mean of a sum."""


def rivals_of(case: Case, told: tuple[Repair, Cause], hits: list[Hit], names: tuple[int, int]) -> list[Hit]:
    """The changes that are likelier than a cause, with which so many names are gradients; none where it is.

    One of the block that makes the calls never is.
    """
    repair, cause = told
    if cause.kind == "inplace-corruption" and is_slip_of_place(cause.file, cause.line):
        return []
    hits = [hit for hit in hits if not (hit.is_of_block or is_given_to_any(case, cause, hit))]
    hits = [hit for hit in hits if not (undoes_division(cause, hit) or hands_on_made(cause, hit))]
    hits = [hit for hit in hits if hit.rewrite.kind in OF_ORDER or not is_by_memory(cause)]
    hits = [hit for hit in hits if hit.rewrite.kind not in FACTORS or is_behind(case, hit)]
    return (
        moving_step(case, cause, hits)
        or in_brackets(cause, hits)
        or lacking_mean(case, cause, hits)
        or of_all(case, cause, hits)
        or of_readers(case, repair, cause, hits)
        or behind_loss(case, cause, hits)
        or of_second_names(cause, hits)
        or of_sums_begun(cause, hits)
        or of_turns(cause, hits)
        or of_choices(cause, hits)
        or of_same_name(cause, hits)
        or of_entries(case, repair, cause, hits)
        or of_local_slopes(case, cause, hits)
        or of_told_sums(cause, hits)
        or of_added_to(cause, hits)
        or of_unread(cause, hits)
        or likelier(hits, cause, names)
        or at_binding(cause, hits)
    )


def of_unread(cause: Cause, hits: list[Hit]) -> list[Hit]:
    """The changes that read what was made and read nowhere, where a cause puts in something else: it was forgotten."""
    forgotten = [hit for hit in hits if hit.takes_up_made and not hit.convention]
    is_told = any(hit.rewrite.line == cause.line for hit in forgotten)
    return forgotten if puts_in(cause) and not is_told else []


def of_backward(case: Case, hits: list[Hit]) -> list[Hit]:
    """The changes but for those of lines that make again what the forward pass has under that name, if any are left."""
    named = {(event.node, event.short) for event in case.events}
    again = (event for event in case.events if (case.alike.get(event.node), event.short) in named)
    lines = {(event.place.file, event.place.line) for event in again}
    return [hit for hit in hits if (hit.file, hit.rewrite.line) not in lines] or hits


def is_behind(case: Case, hit: Hit) -> bool:
    """Whether gradients were made in a line, or are read off there: no later scale makes named ones right."""
    named = {event.node for event in case.events}
    ends = [final.node for final in case.finals]
    if not named.issuperset(ends):
        return True
    here = hit.file, hit.rewrite.line
    return any(
        place is not None and (place.file, place.line) == here
        for node in case.ancestors(ends)
        for place in (case.step_of(node).place, case.step_of(node).caller)
    )


def is_given_to_any(case: Case, cause: Cause, hit: Hit) -> bool:
    """Whether a change gives something else to whatever function is called there, where one of them is told."""
    if is_slope_of_given(cause.file, cause.line) or has_unknown(cause):
        return False
    own = [e.node for e in case.returned if (e.place.file, e.place.line) == (cause.file, cause.line)]
    callers = {caller for node in own if (caller := case.step_of(node).caller) is not None}
    calls = {
        call
        for place in callers
        if (place.file, place.line) == (hit.file, hit.rewrite.line) and (call := call_at(place))
    }
    called = [call for call in calls if is_of_any(call, short(cause.place.function))]
    return any(
        without_blanks(call) in without_blanks(hit.written) and without_blanks(call) not in without_blanks(hit.right)
        for call in called
    )


def hands_on_made(cause: Cause, hit: Hit) -> bool:
    """Whether a change gives a helper what a function makes, where it is told that the helper has to make that."""
    function = short(cause.place.function)
    calls = re.search(rf"(?<!def )\b{re.escape(function)}\(", hit.written) is not None
    return calls and hit.puts_in and cause.kind == AT_POINT and "is due at what it makes" in cause.sentence


def undoes_division(cause: Cause, hit: Hit) -> bool:
    """Whether a change only takes back the division of a line that is told: `d = d / n`, which each turn does again."""
    match parsed(statement_at(cause.file, cause.line)):
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.BinOp(left=ast.Name(id=same), op=ast.Div(), right=size)):
            again = name == same
        case ast.AugAssign(target=ast.Name(), op=ast.Div(), value=size):
            again = True
        case _:
            return False
    back = re.compile(rf"\* {re.escape(ast.unparse(size))}(?![\w.(\[])")
    return again and len(back.findall(hit.right)) > len(back.findall(hit.written))


def without_needless(hits: list[Hit]) -> list[Hit]:
    """The changes but for those that exchange a part without which the line is right, too: what they put in is 1."""
    less = [hit for hit in hits if hit.only_takes_away]
    return [hit for hit in hits if not any(is_needless_beside(hit, other) for other in less)]


def is_needless_beside(hit: Hit, less: Hit) -> bool:
    """Whether a change leaves all that is right by another one of the same line, and more."""
    same = (hit.file, hit.rewrite.line, hit.convention) == (less.file, less.rewrite.line, less.convention)
    return same and is_without(right_side(hit.right), right_side(less.right))


def admit(cause: Cause, hits: list[Hit]) -> None:
    """Say of a cause that stands which other changes give the right gradients too: then it only fits."""
    told = cause.file, cause.line, cause.kind
    usual = [hit for hit in hits if not (hit.convention or hit.puts_in or hit.is_odd or hit.is_of_block)]
    others = [hit.said for hit in usual if (hit.file, hit.rewrite.line, hit.rewrite.kind) != told]
    if others and cause.certainty == "checked":
        cause.certainty, cause.others = "fits", list(dict.fromkeys(others))[:MOST_TOLD]


def moving_step(case: Case, cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those that make a step later, where it is told: any change by which it does nothing leaves the weights right.

    So does any of what a step adds, as of a velocity. None where one makes the line as the others of its form are.
    """
    stale = [hit for hit in hits if hit.rewrite.kind == "stale-or-updated-weights"]
    as_others = any(hit.is_alike and (hit.file, hit.rewrite.line) == (cause.file, cause.line) for hit in hits)
    is_step = is_of_step(case, cause) or any(adds_what_is_told(cause, hit) for hit in stale)
    return stale if cause.kind not in OF_ORDER and not as_others and is_step else []


def adds_what_is_told(cause: Cause, hit: Hit) -> bool:
    """Whether the step that a change moves is by what a cause is in, and that is no gradient: `w += v`."""
    told = target_of(cause)
    step = statement_at(hit.file, hit.rewrite.line)
    return is_update(step) and not is_gradient_name(told) and told in names_in(parsed(right_side(step)) or ast.Pass())


def target_of(cause: Cause) -> str:
    """The name that the statement of a cause gives a value, without what holds it."""
    return re.split(r"[-+]?=|\[", statement_at(cause.file, cause.line), maxsplit=1)[0].strip().rpartition(".")[2]


def in_brackets(cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those that put brackets in, where a term would stand twice, or a rate be gone from an update."""
    lacking = [hit for hit in hits if hit.rewrite.sentence.startswith("brackets are missing")]
    return lacking if has_term_twice(cause) or drops_rate(cause) else []


def lacking_mean(case: Case, cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those that put a mean in, where others take one away elsewhere: it is forgotten, and not made up.

    So are those that put one in where another gradient takes it in its own line. Where the gradients are in a
    convention either way, one is as good as the other.
    """
    means = [hit for hit in hits if hit.rewrite.kind in SCALES and (abs(case.scale) != 1 or not hit.convention)]
    means = [hit for hit in means if not hit.convention] or means
    batch = [hit for hit in means if hit.rewrite.kind == "missing-batch-sum-or-mean"]
    lacking = [hit for hit in batch if len(MEAN.findall(hit.right)) > len(MEAN.findall(hit.written))]
    as_others = [hit for hit in lacking if hit.sets_apart < 0]
    return (as_others or (lacking if len(lacking) < len(means) else [])) if cause.kind in SCALES else []


def is_of_step(case: Case, cause: Cause) -> bool:
    """Whether a cause is in an update of something that is no gradient, and no gradient is read off there."""
    statement = statement_at(cause.file, cause.line)
    places = (case.step_of(final.node).place for final in case.finals)
    read_off = any(place is not None and (place.file, place.line) == (cause.file, cause.line) for place in places)
    return not read_off and is_update(statement) and not is_gradient_name(target_of(cause))


def of_all(case: Case, cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those that mend all gradients in one convention, where a scale is told that does not."""
    together = bool(hits) and all(hit.convention for hit in hits)
    return hits if together and cause.kind in SCALES and not is_enough(case, cause) else []


def of_readers(case: Case, repair: Repair, cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those of other lines, where a true gradient of something is told."""
    elsewhere = [hit for hit in hits if (hit.file, hit.rewrite.line) != (cause.file, cause.line)]
    unsaid = len(elsewhere) == len(hits) and not cause.should_be and cause.kind != "sign"
    return elsewhere if unsaid and is_gradient_already(case, repair) else []


def behind_loss(case: Case, cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those of the backward pass, where a line of the forward pass is told: the loss is what they meant."""
    named = [event for event in case.events if event.node in case.forward]
    forward = {(event.place.file, event.place.line) for event in named}
    behind = [hit for hit in hits if (hit.file, hit.rewrite.line) not in forward]
    here = cause.file, cause.line
    return behind if here in forward and here not in {(hit.file, hit.rewrite.line) for hit in hits} else []


def of_second_names(cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those by which an array that is written over gets its second name as a copy: `before = w.copy()`."""
    copies = (hit for hit in hits if ALIAS.match(hit.written) and hit.only_copies)
    return list(copies) if may_be_alias(cause) else []


def of_sums_begun(cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those by which a sum begins with 0, and is no second name of another array, where one is told that adds to it."""
    name = re.match(r"(\w+)[^=]*\+=", statement_at(cause.file, cause.line))
    begun = rf"{re.escape(name[1])} = np\.zeros_like\(" if name else "(?!)"
    return [hit for hit in hits if re.match(begun, hit.right)]


def of_turns(cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those by which more turns of a loop count, where only the path is told that is missing then.

    Its head ends too early, or what its turns make is written over, and not added up.
    """
    more = [hit for hit in hits if hit.written.startswith("for ") or hit.rewrite.kind == "overwritten-accumulation"]
    unsaid = cause.kind == "missing-term" and not cause.should_be
    return [hit for hit in more if hit.rewrite.tier == CHANGED] if unsaid else []


def of_choices(cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those by which another value is chosen for what gets a name, where a line is told that alone reads it.

    So `y = z[t]` is wrong, and not `y * (1 - y)`, for which no text is known.
    """
    if not is_vague(cause) or cause.kind not in OF_A_VALUE:
        return []
    lines = choices_for(source_of(text_of(cause.file)), cause.line, cause.expression)
    chosen = [hit for hit in hits if hit.file == cause.file and hit.rewrite.line in lines]
    return [hit for hit in chosen if not (hit.puts_in or hit.convention)]


def of_same_name(cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those of other lines, where another value of the name is due that is read: there it is made, or what it is of."""
    is_said = cause.kind == "wrong-operand" and cause.sentence.endswith(" than this one")
    usual = [hit for hit in hits if not (hit.convention or hit.puts_in)]
    return [hit for hit in usual if hit.rewrite.line != cause.line] if is_said else []


def of_entries(case: Case, repair: Repair, cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those of the line that made all entries of what a told one only puts together: what scales them is due there."""
    step = case.step_of(repair.event.node)
    if cause.kind not in ("scale-factor", "missing-derivative") or name_of(step.function) not in JOINING:
        return []
    made_at = (case.place_of(as_made(case, read)) for read in step.reads)
    made = {(at.file, at.line) for at in made_at if at is not None}
    usual = [hit for hit in hits if not (hit.convention or hit.puts_in)]
    return [hit for hit in usual if {(hit.file, hit.rewrite.line)} == made and hit.rewrite.kind in FACTORS]


def of_local_slopes(case: Case, cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those of the line that made a slope of one value by another, where a factor is told of its product.

    `dvar_dx = 2 * x_mean`, then `dx = dl_dvar * dvar_dx`: what a mean is divided by belongs to the slope.
    """
    read = names_in(parsed(statement_at(cause.file, cause.line)) or ast.Pass()) if cause.kind in FACTORS else set()
    slopes = [
        event.place
        for event in case.events
        if event.place.file == cause.file
        and event.name in read
        and ONE_BY_ANOTHER.fullmatch(event.name)
        and case.match_up_to_factor(np.asarray(case.tape.nodes[event.node].value)) is None
    ]
    lines = {place.line for place in slopes if place.line < cause.line}
    usual = [hit for hit in hits if not (hit.convention or hit.puts_in)]
    return [hit for hit in usual if hit.file == cause.file and hit.rewrite.line in lines]


def as_made(case: Case, node: int) -> int:
    """A value as it was before it got other names, as by `found.append(d)`."""
    step = case.step_of(node)
    return as_made(case, step.reads[0]) if step.function is renamed else node


def of_told_sums(cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those of a sum over other axes than are due, where all else calls another function than the one that it is in."""
    own = [
        hit for hit in hits if (hit.file, hit.rewrite.line, hit.rewrite.kind) == (cause.file, cause.line, cause.kind)
    ]
    called = re.compile(rf"(?<!\w){re.escape(cause.place.function)}\(")
    others = [hit for hit in hits if hit not in own]
    by_others = all(called.search(hit.written) and not called.search(hit.right) for hit in others)
    best = max((hit.meant for hit in own), default=None)
    is_told = cause.kind == "broadcasting-shape" and bool(others) and by_others
    return [hit for hit in own if hit.meant == best] if is_told else []


def of_added_to(cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those of the line that bound what a told one adds to, where only a factor is told, and no text of it."""
    added = parsed(statement_at(cause.file, cause.line))
    if cause.kind not in FACTORS or cause.should_be or not isinstance(added, ast.AugAssign):
        return []
    begun = f"{ast.unparse(added.target)} = "
    earlier = (hit for hit in hits if hit.rewrite.line < cause.line and hit.written.startswith(begun))
    return [hit for hit in earlier if not (hit.convention or hit.puts_in)]


def at_binding(cause: Cause, hits: list[Hit]) -> list[Hit]:
    """Those of the line that made the one value that lacks something where it is read."""
    line = line_of_binding(cause)
    own = [hit for hit in hits if (hit.rewrite.line, hit.rewrite.kind) == (line, cause.kind)]
    return [hit for hit in own if not (hit.spreads_sum or hit.is_of_kept)]
