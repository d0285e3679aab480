"""Why each wrong step is wrong: the change of the person's own calls that gives the truth, said in their own names."""

from __future__ import annotations

import ast
import contextlib
import linecache
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair, State
from tinygrad_scratch.verifier.cases.judge import next_repairs
from tinygrad_scratch.verifier.cases.sizes import conventional, sizes_of_the_loss
from tinygrad_scratch.verifier.cases.turns import mend_turns
from tinygrad_scratch.verifier.causes.factors import opposite
from tinygrad_scratch.verifier.causes.lacking import term_in_renames
from tinygrad_scratch.verifier.causes.region import Explanation, Finding, Region
from tinygrad_scratch.verifier.explaining.anywhere import NAMED_ONLY, NOTHING, PUT_IN, likeliest_change, meant, weight
from tinygrad_scratch.verifier.explaining.explanations import EXPLANATIONS, MADE_UP, RIVALLED, RIVALS, SMALLER
from tinygrad_scratch.verifier.explaining.lost_sums import lost_sums
from tinygrad_scratch.verifier.explaining.misgiven import Misgiven
from tinygrad_scratch.verifier.explaining.one_turn import holds_in_one_turn
from tinygrad_scratch.verifier.explaining.whole_rooms import room_too_small, with_any_room
from tinygrad_scratch.verifier.explaining.wrapped import with_any_numbers, wrapped, wraps_behind
from tinygrad_scratch.verifier.losses.slopes import factor_of_all, factors_with_slopes, wrong_slopes
from tinygrad_scratch.verifier.meant.beside_the_gradient import decays_meant
from tinygrad_scratch.verifier.meant.conventions import (
    TINY,
    forward_only,
    is_right_by_convention,
    may_go_uphill,
    scale_begun_with,
    scales,
    small_numbers,
)
from tinygrad_scratch.verifier.meant.referee import disputed
from tinygrad_scratch.verifier.meant.uphill import turning
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import (
    TOKEN,
    bracketed,
    compared,
    in_same_function,
    is_same,
    parsed,
    replaced,
    right_side,
    statement_at,
    text_of,
    with_bare_names,
)
from tinygrad_scratch.verifier.recording.edits import Edit
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close, is_near_number
from tinygrad_scratch.verifier.recording.steps import Step
from tinygrad_scratch.verifier.rewriting.in_place import is_slip_of_place
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.truths.table import PART


@dataclass
class Cause:
    """What is wrong with a step: its kind, a sentence, the place, the expression, what it should be, how sure this is.

    `certainty` is "checked" where the change that is named gives the truth, "fits" where several changes do (the
    others are listed), and "unexplained".
    """

    kind: str
    sentence: str
    name: str
    place: Place
    of: str
    expression: str = ""
    should_be: str | None = None
    certainty: str = "checked"
    others: list[str] = field(default_factory=list)
    changes: dict[int, Edit] = field(default_factory=dict, repr=False)
    weight: int = NOTHING  # how much it asks to believe
    made_up: bool = True  # whether it puts in what isn't there, or names nothing
    meant: str = ""  # the name of the value that is meant, where another one was taken
    part_line: int | None = None  # of what is wrong in a statement over several lines

    @property
    def file(self) -> str:
        return self.place.file

    @property
    def line(self) -> int:
        return self.part_line or self.place.line

    @property
    def is_rename(self) -> bool:
        """Whether the line only gave another name to what there was before it."""
        return self.place.offset < 0

    @property
    def source(self) -> str:
        """The text of the line."""
        return linecache.getline(self.place.file, self.place.line).strip()


def cause_of(case: Case, repair: Repair) -> Cause:
    """The first change that gives the truth, in the order in which mistakes are usual."""
    region = Region(case, repair)
    for each in (Region(case, repair, alone=True), region) if region.is_rename else (region,):
        for loose in (False, True):
            each.loose = loose
            finding = first_of(each, EXPLANATIONS)
            if finding is not None:
                cause = as_cause(each, proven(each, finding))
                if loose and is_of_some(case, finding):  # what is meant may be another change
                    cause.certainty, cause.made_up, cause.weight = "fits", True, NAMED_ONLY
                return cause
    sentence = f"No single change of this step gives the gradient of {region.owner()}"
    return as_cause(region, Finding("unexplained", sentence, certainty="unexplained", made_up=True))


def is_of_some(case: Case, finding: Finding) -> bool:
    """Whether a change leaves gradients with different factors: then what differs by one is no convention."""
    if not finding.changes:
        return False
    try:
        values = case.with_calls(finding.changes)
    except Exception:
        return True
    return factor_of_all(case, values) is None


def first_of(region: Region, explanations: Iterable[Explanation]) -> Finding | None:
    for explanation in explanations:
        found = found_by(region, explanation)
        if found is not None:
            return with_rivals(region, found, explanation) if explanation in RIVALLED else found
    return None


def proven(region: Region, finding: Finding) -> Finding:
    """What is told of a missing term by the parts of a gradient; a rename that lacks it, where a change proves that."""
    if finding.kind != "missing-term" or finding.changes:
        return finding
    return first_of(region, [term_in_renames]) or finding


def found_by(region: Region, explanation: Explanation) -> Finding | None:
    with np.errstate(all="ignore"):
        found = next(explanation(region), None)
    if found is not None:
        found.takes_away |= is_shorter(region, found)
        found.made_up |= explanation in MADE_UP and not found.takes_away
    return found


def is_shorter(region: Region, finding: Finding) -> bool:
    """Whether what should be is less than what was written, there and not in another line."""
    if finding.place is not None and not in_same_statement(finding.place, region.event.place):
        return False
    return 0 < len(TOKEN.findall(finding.should_be or "")) < len(TOKEN.findall(region.expression))


QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
HANDED = ("wrong-operand", "missing-derivative", "derivative-at-wrong-point")  # what a helper may be given wrongly
OF_A_VALUE = ("wrong-operand", "derivative-at-wrong-point")
CLEARLY = 3  # how many words and signs less make a change the better one


def with_rivals(region: Region, finding: Finding, by: Explanation) -> Finding:
    """The smallest of the changes that give the truth; where others of another kind are hardly larger, none is sure."""
    tried = [(search, found_by(region, search)) for search in (*SMALLER, *RIVALS) if search is not by]
    others = [rival for search, rival in tried if rival is not None and (rival.should_be or search in SMALLER)]
    found = sorted([finding, *others], key=lambda each: size_of(region, each))
    best, least = found[0], size_of(region, found[0])
    rivals = [
        each
        for each in found
        if each.kind != best.kind
        and not is_same(each.should_be or "", best.should_be or "")
        and size_of(region, each) < least + CLEARLY
    ]
    if rivals and best.certainty == "checked":
        best.certainty = "fits"
        best.others = [*best.others, *(rival.should_be or rival.sentence for rival in rivals)]
    return best


def size_of(region: Region, finding: Finding) -> int:
    """How much a change alters of the text, in words and signs; 1 where its text isn't known."""
    if not finding.should_be:
        return 1
    return sum(len(TOKEN.findall(part.part)) for part in compared(region.expression, finding.should_be))


OUT = re.compile(r"\bout=([\w.\[\]]+)")


def put_somewhere(should_be: str, expression: str) -> str | None:
    """What should be written for an expression; None where it would be put nowhere, or elsewhere, by `out=`.

    So it is where a value in it has no name, and is only told: then there is nothing that can be written.
    """
    if parsed(should_be) is None:
        return None
    outs, asked = (OUT.findall(text) for text in (expression, should_be))
    same = should_be.partition("(")[0] == expression.partition("(")[0] or not outs
    return should_be if outs == asked and same else None


def as_cause(region: Region, finding: Finding) -> Cause:
    call = only_here(region, finding)
    finding.place = handed_back(region, finding) or finding.place
    place = call or finding.place or writes_over(finding) or line_of(region, finding)
    step = finding.step if call is None else None
    if call is not None:
        finding.should_be = None
    part = step is not None and step.place is place and not finding.should_be  # what should be is all of it
    expression = region.code(step) if step is not None and part else region.expression
    if not in_same_statement(place, region.event.place):
        written = statement_at(place.file, place.line)
        there = place in (call, finding.place) or (step is not None and place is step.place)
        if finding.should_be and not there:
            known = is_known_there(region, place, expression, finding.should_be)
            if not known and is_known_in(region, region.event.place, expression, finding.should_be):
                place = region.event.place  # what is missing is known in this line, and in no helper
            elif not in_same_function(place, region.event.place):
                asked = finding.should_be.replace(bracketed(expression), bracketed(right_side(written)), 1)
                expression = right_side(written)
                finding.should_be = asked if known and asked != finding.should_be else None
        elif finding.should_be and there:
            expression = right_side(written)
            if step is not None and step.place is not None and not in_same_function(step.place, place):
                finding.should_be = with_argument(expression, step.place.function, finding.meant)
        elif place in (call, finding.place):
            expression = written
    if finding.should_be:
        finding.should_be = in_whole(region, finding.step, finding.should_be, expression)
        finding.should_be = in_list(with_bare_names(finding.should_be, expression), expression)
        finding.should_be = put_somewhere(finding.should_be, expression)
    leave_out_one_turn(finding, place)
    cause = Cause(
        finding.kind,
        finding.sentence,
        named_on(region, place),
        place,
        region.owner(),
        expression,
        finding.should_be,
        finding.certainty,
        finding.others,
        finding.changes,
        weight(finding),
        finding.made_up,
        finding.meant,
    )
    return at_call(region, cause)


def line_of(region: Region, finding: Finding) -> Place:
    """Where a change is told: on the line of a call, or that of the whole statement, of which its text is."""
    place, own = region.here(finding.step), region.event.place
    of_whole = finding.step is None and finding.should_be is not None and in_same_function(place, own)
    return own if of_whole else place


def handed_back(region: Region, finding: Finding) -> Place | None:
    """Where a layer's backward pass made what got a name where it was called: `grad = layer.backward(grad)`.

    That is told of what no text and no call is known for.
    """
    made, own = region.case.step_of(region.node), region.event.place
    is_there = finding.place is None or in_same_statement(finding.place, own)
    if not is_there or finding.step is not None or finding.should_be or made.place is None or made.caller is None:
        return None
    is_back = BACKWARD.search(made.place.function) is not None and in_same_statement(made.caller, own)
    return made.place if is_back and not in_same_function(made.place, own) else None


def leave_out_one_turn(finding: Finding, place: Place) -> None:
    """Tell no text that holds in one turn of a loop alone: there it is no text of the statement."""
    finding.others = [other for other in finding.others if not holds_in_one_turn(other, place)]
    if finding.should_be and holds_in_one_turn(finding.should_be, place):
        finding.should_be = None
        if finding.certainty == "checked" and not finding.changes:
            finding.certainty = "fits"


def at_call(region: Region, cause: Cause) -> Cause:
    """A cause where a helper was called, if what is meant has a name there, and none in the helper."""
    caller = region.case.step_of(region.node).caller
    if cause.kind not in HANDED or caller is None or in_same_function(caller, cause.place):
        return cause
    if (caller.file, caller.function) == (cause.place.file, "<module>"):  # what has a name there is known everywhere
        return cause
    asked = QUOTED.sub("", cause.should_be or cause.meant)
    new = {name.partition(".")[0] for name in put_in(cause.expression, asked)}
    own, above = (source_of(text_of(p.file)).words(p.line).text.split() for p in (cause.place, caller))
    roots = [{re.split(r"[.\[]", name)[0] for name in known} for known in (own, above)]
    if new and new.isdisjoint(roots[0]) and new <= roots[1]:
        written = statement_at(caller.file, caller.line)
        cause.place, cause.expression, cause.should_be = caller, right_side(written), None
    return cause


def writes_over(finding: Finding) -> Place | None:
    """Where a value is written over that is read later, in whatever function that is."""
    return finding.step.place if finding.kind == "inplace-corruption" and finding.step is not None else None


def in_whole(region: Region, step: Step | None, right: str, whole: str) -> str:
    """What one call should be, as all of the expression that it is a part of; an expression as it is."""
    written = region.code(step) if step is not None else whole
    head, _, tail = whole.partition(written)
    is_part = written != whole and written in whole and head not in right[: len(head)]
    return f"{head}{right}{tail}" if is_part and written.partition("(")[0] == right.partition("(")[0] else right


def in_list(part: str, whole: str) -> str:
    """What each entry of a list should be, as all of the list; a part of anything else as it is."""
    found = re.fullmatch(r"\[(.+?)(\s+for\s.+)\]", whole, re.DOTALL)
    return f"[{part}{found[2]}]" if found and not part.startswith("[") else part


def with_argument(text: str, function: str, argument: str) -> str | None:
    """An expression in which the one call of a function is given something else; None where there is no such call."""
    try:
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    except SyntaxError:
        return None
    own = [node for node in calls if ast.unparse(node.func).rpartition(".")[2] == function and len(node.args) == 1]
    given = ast.get_source_segment(text, own[0].args[0]) if len(own) == 1 and argument else None
    return replaced(text, given, argument) if given else None


def is_known_there(region: Region, place: Place, written: str, should_be: str) -> bool:
    """Whether a function was given anything of what is to be put in, as a helper that is to blame was."""
    if in_same_function(place, region.event.place):
        return True
    given = (event.node for event in region.case.arguments if in_same_function(event.place, place))
    return any(not put_in(written, should_be).isdisjoint(region.names_of(node)) for node in given)


def is_known_in(region: Region, place: Place, written: str, should_be: str) -> bool:
    """Whether a function has a name for anything of what is to be put in."""
    bound = (*region.case.arguments, *region.case.events)
    return any(event.name in put_in(written, should_be) for event in bound if in_same_function(event.place, place))


def put_in(written: str, should_be: str) -> set[str]:
    """The names in what should stand where something else was written."""
    return {*re.findall(r"[A-Za-z_][\w.]*", compared(written, should_be)[1].part)}


def in_same_statement(one: Place, other: Place) -> bool:
    return one.file == other.file and statement_at(one.file, one.line) == statement_at(other.file, other.line)


def only_here(region: Region, finding: Finding) -> Place | None:
    """Where a function of theirs was called, if a value in it is wrong in that call alone, and right in another."""
    case, own, step = region.case, region.event.place, finding.step
    caller = case.step_of(region.node).caller
    if finding.kind not in OF_A_VALUE or caller is None or step is None or step.place is None:
        return None
    if not in_same_function(step.place, own) or in_same_function(caller, own):
        return None
    others = [e.node for e in case.events if e.place == own and case.step_of(e.node).caller not in (None, caller)]
    found = [case.match(np.asarray(case.tape.nodes[node].value)) for node in others]
    return caller if any(match is not None and not match.how for match in found) else None


def named_on(region: Region, place: Place) -> str:
    """The name that a line gave, or by which it hands on what a helper returned."""
    event = region.event
    if place.line == event.place.line:
        return event.name
    there = [e for e in region.case.events if e.place.line == place.line and e.place.file == place.file]
    own = [e.name for e in there if e.node in region.filled]  # of what a helper returned, among others
    if not own and not in_same_function(event.place, place):
        named = (e for e in region.case.events if e.node == region.node)
        own = [e.name for e in named if in_same_function(e.place, place)]
    names = own or [e.name for e in there if e.place == place] or [e.name for e in there]
    return event.name if event.name in names or not names else names[0]


# ---- all mistakes of a case ------------------------------------------------------------------------------------------


def judged(case: Case) -> tuple[list[Repair], list[Cause]]:
    """The wrong steps in the order in which they were made, with their causes; none where all is right."""
    if is_right_by_convention(case):
        return [], []
    played = case.tape.played
    case.doubt = disputed(case)
    case.tape.played = played  # to prove the truth is no search for a cause
    if case.doubt:
        return [], []
    values = {node.number: node.value for node in case.tape.nodes}
    case.nearly = case.nearly_right(values)
    decays = decays_meant(case, values)
    if decays:
        case.take_decays(decays)
    turned = turning(case) if case.uphill else None
    if turned is not None:
        return [turned[0]], [sign_of_all(case, *turned)]
    lost = lost_sums(case)
    if lost is not None:
        return [lost[0]], [as_cause(Region(case, lost[0]), lost[1])]
    best = best_reading(case)
    small = forward_only(case, small_numbers(case, TINY))
    if small and not case.is_spent() and any(cause.certainty == "unexplained" for _, cause in best):
        case.take_without(small)
        other = best_reading(case)
        if unexplained(other) < unexplained(best):
            best = other
        else:
            case.take_without({})
            best = best_reading(case)
    ordered = sorted(best, key=lambda pair: pair[0].event.node)
    return [repair for repair, _ in ordered], [cause for _, cause in ordered]


def sign_of_all(case: Case, repair: Repair, should_be: str, others: list[str]) -> Cause:
    """All updates go uphill, or downhill on a likelihood: one sign too many, or one too few."""
    region, last = Region(case, repair), case.finals[-1]
    falls = last.direction * np.vdot(case.tape.nodes[last.node].value, case.true_of(last)) > 0
    way = "downhill on what is to be made large" if falls else "uphill on the loss"
    sentence = f"the sign is wrong: every update goes {way}"
    certainty = "fits" if others else "checked"
    finding = Finding("sign", sentence, None, should_be or opposite(region.expression), {}, certainty, others)
    return as_cause(region, finding)


def unexplained(found: list[tuple[Repair, Cause]]) -> int:
    return sum(cause.certainty == "unexplained" for _, cause in found)


def best_reading(case: Case) -> list[tuple[Repair, Cause]]:
    """The mistakes with the factor for all gradients with which they are fewest.

    Of two by which one gradient is only a multiple it is a usual one, such as the 2 of a square, else a size of what
    the loss is averaged over, and the smaller of two that are: a mean is forgotten, and not made up.
    """
    way = -1.0 if all(final.direction < 0 for final in case.finals) else 1.0
    best: tuple[tuple[bool, int, int, int, bool, bool, int, float], float, list[tuple[Repair, Cause]]] | None = None
    usual, sizes = conventional(case), sizes_of_the_loss(case)
    by_updates = all(final.by == "update" for final in case.finals)
    with_slopes = [
        n
        for n in factors_with_slopes(case)
        if (n > 0 or may_go_uphill(case)) and (by_updates or any(is_near_number(abs(n), s) for s in (*usual, 2.0)))
    ]
    unwrapped = with_any_numbers(case, wraps_behind(case)) or with_any_room(case)
    readings = likeliest_first(case, [1.0, *scales(case, case.replay())], way)
    readings = [*(scales(case, unwrapped) if unwrapped else ()), *readings]
    case.reset(1.0)
    begun_with = scale_begun_with(case)
    for scale in dict.fromkeys([*with_slopes, *readings, *([begun_with] if begun_with else [])]):
        case.reset(scale)
        begun = len(case.wrong(case.replay()))
        found = mistakes(case)
        scaled = all(cause.kind in SCALES for _, cause in found)
        known = (any(is_near_number(abs(scale), factor) for factor in each) for each in (usual, sizes))
        rank, by_half = [*known, True].index(True), 1 < len(case.finals) - begun == begun  # as many carry it as not
        unusual = rank if scaled and not (rank == 1 and by_half) else 0
        size = abs(scale) if scaled else 0.0
        wrong = bool(case.wrong(case.replay()))
        vague = begun if unexplained(found) else 0  # then it is likelier by which more is right
        key = wrong, len(found), unexplained(found), vague, scale * way < 0, scale != way, unusual, size
        is_seen_once = scale == begun_with and scale not in readings  # no last gradient carries it: it has to earn that
        if best is None or (key < best[0] and not (is_seen_once and len(found) >= best[0][1])):
            best = key, scale, found
        is_best = key[:6] == (False, 1, 0, 0, False, False) or (
            scale in with_slopes and key[:5] == (False, 1, 0, 0, False)
        )
        if is_best or case.is_spent():  # no reading is better, or there is time for none
            break
    assert best is not None
    if case.scale != best[1]:
        case.reset(best[1])
        best = best[0], best[1], mistakes(case)
    return best[2]


def likeliest_first(case: Case, known: list[float], way: float) -> list[float]:
    """The factors for all gradients: where none is right as it is, the one that most of them carry comes first.

    Where all updates are added, the negatives of gradients are due: the one that most carry with that sign comes first.
    """
    counts: list[int] = []
    for scale in known:
        case.reset(scale)
        counts.append(len(case.finals) - len(case.wrong(case.replay())))
    best = max(range(len(known)), key=lambda i: (counts[i], known[i] * way > 0))
    is_added = way < 0 and known[best] < 0
    if not is_added and (counts[0] or not counts[best]):
        return known
    return [known[best], *(scale for scale in known if scale != known[best])]


def mistakes(case: Case) -> list[tuple[Repair, Cause]]:
    """Repair by repair until the gradients are right; a line that is wrong in each turn of a loop is one mistake."""
    case.begin()
    found = of_slopes(case) | of_whole_numbers(case)
    while len(found) < MOST_MISTAKES and not (found and case.is_spent()):
        candidates = next_repairs(case)
        if not candidates:
            break
        repair, cause = likeliest(case, candidates)
        before = case.state()
        mend_all_turns(case, repair, cause)
        if not found and (other := instead(case, before, cause)) is not None:
            return [other]
        key = repair.event.place.file, repair.event.place.line
        known = found.get(key)
        if known is None or repair.event.node < known[0].event.node or known[1].certainty == "unexplained":
            found[key] = (repair, cause)
    return list(found.values())


def instead(case: Case, before: State, cause: Cause) -> tuple[Repair, Cause] | None:
    """The one change of any call that makes all gradients right, where that is likelier than what was mended just now.

    It is not looked for where a small change of what is written has made all of them right.
    """
    values, after = case.replay(), case.state()
    unfinished = bool(case.wrong(values))
    if not cause.made_up and not unfinished:
        return None
    if cause.kind == "inplace-corruption" and is_slip_of_place(cause.file, cause.line):
        return None  # what is wrong by that may be made up for by chance
    names = meant(case, values)
    case.restore(before)
    change = likeliest_change(case, only_written=not unfinished and cause.weight <= PUT_IN)
    likelier = change is not None and (unfinished or (change.weight < cause.weight and change.meant >= names))
    if change is None or not likelier:
        case.restore(after)
        return None
    other = as_cause(change.region, change.finding)
    if cause.kind in WRITTEN_OVER and (other.file, other.line) == (cause.file, cause.line):
        case.restore(after)  # the same line: that what is read later is written over says more
        return None
    if not unfinished and cause.weight == PUT_IN and cause.kind != other.kind and other.certainty == "checked":
        other.certainty, other.others = "fits", [*other.others, cause.should_be or cause.sentence]
    try:
        case.put_in(change.finding.changes)
    except Exception:  # what comes after can't be made of it
        case.restore(after)
        return None
    return change.repair, other


def of_slopes(case: Case) -> dict[tuple[str, int], tuple[Repair, Cause]]:
    """A function of theirs that returns no derivative, if there is one, or is given the wrong value; that is mended."""
    known = Misgiven(case)
    misgiven = known.found()
    if misgiven is not None:
        case.overrides |= misgiven[1]
        causes = [(repair, as_cause(Region(case, repair), finding)) for repair, finding in misgiven[0]]
        return {(cause.file, cause.line): (repair, cause) for repair, cause in causes}
    slopes = (found for found in wrong_slopes(case) if found[2] or not known.is_right_derivative(found[0].event.place))
    found = next(slopes, None)
    if found is None:
        return {}
    repair, put_in, is_call = found
    cause = cause_of(case, repair)
    if is_call:
        cause.place = repair.event.place
    elif cause.certainty == "unexplained":  # all that is known is that it is another function's, or another value's
        by = Region(case, repair).name(repair.of)
        cause.kind, cause.certainty = "derivative-at-wrong-point", "fits"
        cause.sentence = f"what is returned is not the derivative by {by} of what is made of it"
    case.overrides |= put_in
    return {(cause.file, cause.line): (repair, cause)}


def of_whole_numbers(case: Case) -> dict[tuple[str, int], tuple[Repair, Cause]]:
    """Room for whole numbers that gradients are written into, or a wrap of such, if any is to blame; that is mended."""
    found = room_too_small(case) or wrapped(case)
    if found is None:
        return {}
    cause = as_cause(Region(case, found[0]), found[1])
    return {(cause.file, cause.line): (found[0], cause)}


BACKWARD = re.compile("back|bprop", re.IGNORECASE)
WRITTEN_OVER = ("inplace-corruption", "stale-or-updated-weights")
SCALES = ("scale-factor", "missing-batch-sum-or-mean")
MOST_MISTAKES = 6
MOST_CANDIDATES = 4


def likeliest(case: Case, candidates: list[Repair]) -> tuple[Repair, Cause]:
    """The first of several values whose replacement mends as much that one change explains, else the first.

    That is none which only the forward pass made, if it had to be a part of a gradient, and another is the whole.
    """
    first = candidates[0], cause_of(case, candidates[0])
    if first[1].certainty != "unexplained":
        return first
    others = list[tuple[Repair, Cause]]()
    for repair in candidates[1:MOST_CANDIDATES]:
        if case.is_spent():
            break
        others.append((repair, cause_of(case, repair)))
        if others[-1][1].certainty != "unexplained":
            return others[-1]
    wholes = (other for other in others if other[0].how == "" and other[0].of == first[0].of)
    is_part = first[0].how == PART and is_of_forward_pass(case, first[0].event)
    return next(wholes, first) if is_part else first


def is_of_forward_pass(case: Case, event: Event) -> bool:
    """Whether a call of a function gave a value its name, and else only to the forward pass and on the way to it."""
    others = {e.node for e in case.events if e.owner == event.owner}
    return not others.isdisjoint(case.forward) and others <= case.forward | case.ancestors([event.node])


def mend_all_turns(case: Case, repair: Repair, cause: Cause) -> None:
    """Put the truth in, and in the other turns of a loop what the same change gives, or the truth of their own.

    Of an array that is written over wherever a function is called, each call is given what it held before.
    """
    if cause.kind in WRITTEN_OVER and len(cause.changes) > 1:
        with contextlib.suppress(Exception):  # what comes after can't be made of it
            case.put_in(cause.changes)
    elif cause.changes:
        try:
            played = case.with_calls(cause.changes)
        except Exception:
            played = {}
        for event in same_statement(case, repair.event):
            value = np.asarray(played.get(event.node, case.tape.nodes[event.node].value))
            moved = not close(np.asarray(case.tape.nodes[event.node].value), value)
            if moved and case.match_up_to_factor(value) is not None:
                case.overrides.setdefault(event.node, value)
    case.apply(repair)
    if not repair.mended:
        mend_turns(case, repair)


def same_statement(case: Case, event: Event) -> list[Event]:
    return [e for e in case.events if e.place == event.place and e.node > event.node and e.node not in case.forward]
