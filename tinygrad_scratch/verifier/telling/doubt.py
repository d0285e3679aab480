"""How far a lone cause can be doubted: what it makes up, and whether a change of the source is likelier."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.cases.valued import is_mere_number, nodes_named
from tinygrad_scratch.verifier.explaining.anywhere import PUT_IN, both_ways
from tinygrad_scratch.verifier.explaining.explain import SCALES, Cause
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.source import (
    chooses_nothing,
    compared,
    in_same_function,
    start_of_function,
    statement_at,
    text_of,
)
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import close, is_along
from tinygrad_scratch.verifier.rewriting.alike import MUCH_ALIKE, is_update, sets_apart
from tinygrad_scratch.verifier.rewriting.rewrite import CHANGED
from tinygrad_scratch.verifier.rewriting.text import Source, effort, source_of
from tinygrad_scratch.verifier.rewriting.unused import bound_unread, sizes_unread
from tinygrad_scratch.verifier.truths.losses import is_loss_name
from tinygrad_scratch.verifier.trying.hit import Hit

NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
ATTRIBUTE = re.compile(r"(?<![\w.])self\.\w+")
FIRST_NAME = re.compile(r"(?:self\.)?[A-Za-z_]\w*")
TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
NUMBER = re.compile(r"(?<![\w.])\d+\.?\d*(?:e[-+]?\d+)?")
USUAL = {"0", "1", "2", "3", "0.5", "1.0", "2.0"}
OF_VALUES = ("missing-derivative", "missing-term", "wrong-operand")
OF_ORDER = ("stale-or-updated-weights", "inplace-corruption", "overwritten-accumulation", "dtype-or-integer")
"""What no other text of the same expression would mend."""
ALIAS = re.compile(r"^\s*\w[\w.]*\s*=\s*[A-Za-z_][\w.]*(?:\[[^\]]*\])?\s*(?:#.*)?$", re.MULTILINE)
TERM_TWICE = re.compile(r"([-+] [\w.]+)\)? \1(?![\w.(\[])")
OF_A_VALUE = 2  # words and signs: what it takes to name another value, and where it stands
CLEARLY = 3  # words and signs: by how many a change must be smaller than one that says what a cause does
MUCH_PLAINER = 6  # words and signs: than a slope that is written out, and made up
SLOPE = re.compile(r"\b(\w+) \* \(1(?:\.0?)? - \1\)")
UNKNOWN = 100  # words and signs of a change whose text isn't known


def is_doubtful(cause: Cause) -> bool:
    """Whether a cause makes something up: a minus that nobody wrote, or a number, or a value without a name, too.

    Or whether the line would be unlike the others of its form then, or what was made for it is read nowhere even so.
    """
    of_order = cause.kind in OF_ORDER and not cause.should_be and not (may_be_alias(cause) or is_by_bound(cause))
    left_out = " adds the gradient of a penalty" in cause.sentence  # all of the statement should be
    unsaid = is_vague(cause) and not of_order and not left_out
    made_up = (
        puts_in(cause)
        or is_of_another_slope(cause)
        or (cause.kind == "sign" and (cause.made_up or puts_in_minus(cause)))
    )
    exchanged = " should be exchanged in " in cause.sentence  # of two that are given, one alone may be wrong within
    of_sum = "sum" in cause.name and "mean(" in (cause.should_be or "") and "mean(" not in cause.expression
    lacks_size = of_sum or (cause.kind in SCALES and bool(sizes_unread(source_of(text_of(cause.file)))))
    odd = made_up or exchanged or lacks_size or has_term_twice(cause) or is_composed(cause) or drops_rate(cause)
    odd = odd or chooses_nothing(cause.should_be or "") or breaks_slope(cause)
    return odd or unsaid or apart_by(cause) > 0 or leaves_unread(cause)


def breaks_slope(cause: Cause) -> bool:
    """Whether a cause takes one half away from the slope of a sigmoid, `a * (1 - a)`, which nobody writes in vain."""
    return SLOPE.search(cause.expression) is not None and SLOPE.search(cause.should_be or cause.expression) is None


def is_of_another_slope(cause: Cause) -> bool:
    """Whether a cause puts in what is inverse, or an exponential: so the slope of another function often is."""
    return any(odd in (cause.should_be or "") and odd not in cause.expression for odd in ("(1 / ", "np.exp("))


def is_composed(cause: Cause) -> bool:
    """Whether a cause asks for a sum, or a difference, that nobody wrote: a factor that is missing may be as much."""
    new = compared(cause.expression, cause.should_be or "")[1].part
    text = re.sub(r"\s", "", source_of(text_of(cause.file)).text)
    return (
        cause.kind == "wrong-operand"
        and re.search(r"\w\s*[-+]\s*\w", new) is not None
        and re.sub(r"\s", "", new) not in text
    )


def drops_rate(cause: Cause) -> bool:
    """Whether a rate would be gone from an update: sooner brackets are missing, of all that it is due to."""
    words = [{*NAME.findall(text), *ATTRIBUTE.findall(text)} for text in (cause.expression, cause.should_be or "")]
    gone = {name.rpartition(".")[2] for name in words[0] - words[1]} if cause.should_be else set()
    return any(map(RATE.match, gone)) and is_update(statement_at(cause.file, cause.line))


def has_term_twice(cause: Cause) -> bool:
    """Whether a cause asks for a term that stands there already: sooner it stands in no brackets that are due."""
    return cause.kind == "missing-term" and TERM_TWICE.search(cause.should_be or "") is not None


def leaves_unread(cause: Cause) -> bool:
    """Whether a line before it gave a name to something that nothing reads, and that is not what a cause asks for."""
    source = source_of(text_of(cause.file))
    own = source.statement_on(cause.line)
    unread = bound_unread(source, own) if own is not None and cause.kind in OF_VALUES else []
    unread = [name for name in unread if not is_loss_name(name)]
    return any(re.search(rf"(?<![\w.]){re.escape(name)}\b", cause.should_be or "") is None for name in unread)


def puts_in(cause: Cause) -> bool:
    """Whether a cause asks for more than was written, or names only what is wrong."""
    return cause.weight >= PUT_IN


def puts_in_minus(cause: Cause) -> bool:
    """Whether a cause asks for a minus that nobody wrote, and not for one in the place of a plus."""
    one, two = cause.expression, cause.should_be or ""
    return two.count("-") > one.count("-") and two.count("+") == one.count("+")


def may_be_alias(cause: Cause) -> bool:
    """Whether what is written over may be so by another name that the function gave it: there a copy is due."""
    source = source_of(text_of(cause.file))
    around = source.function_around(cause.line)
    text = source.code(around) if around is not None else source.text
    own = {*FIRST_NAME.findall(statement_at(cause.file, cause.line))}
    aliases = ({*FIRST_NAME.findall(alias.group())} for alias in ALIAS.finditer(text))
    return cause.kind == "inplace-corruption" and not all(map(own.isdisjoint, aliases))


def is_by_memory(cause: Cause) -> bool:
    """Whether what an array held before it was written over makes the later step right, with nothing else changed.

    Not where it is a multiple of that, as what reads it may be, nor by a mask with its bound, which may be too wide.
    """
    return cause.kind == "inplace-corruption" and not (cause.should_be or cause.made_up or is_by_bound(cause))


def is_by_bound(cause: Cause) -> bool:
    """Whether what is written over is so by a mask with its bound: that may be one too many, as in `d[d >= 0] = 1`."""
    later = re.search(r"in line (\d+)\.?$", cause.sentence)
    lines = (cause.line, int(later[1])) if later is not None else ()
    return any(re.search(r"\[[^\]]*[<>]=[^\]]*\]", statement_at(cause.file, line)) for line in lines)


def is_vague(cause: Cause) -> bool:
    """Whether a cause says no text that is right, or one with what nobody would have written there.

    That is a number that is not simple, or a name that is unknown in the function.
    """
    if not cause.should_be:
        return True
    if set(NUMBER.findall(cause.should_be)) - set(NUMBER.findall(cause.expression)) - USUAL:
        return True
    return has_unknown(cause)


def has_unknown(cause: Cause) -> bool:
    """Whether a cause asks for a name that is unknown in the function: what it is given is another value."""
    if not cause.should_be:
        return False
    source = source_of(text_of(cause.file))
    own = "np" if source.class_around(cause.line) is None else "np self"
    known = without_texts(f"{source.words(cause.line).text} {cause.expression}")
    said = without_texts(cause.should_be)
    if set(ATTRIBUTE.findall(said)) - set(ATTRIBUTE.findall(cause.expression)) - attributes_at(source, cause.line):
        return True
    return bool(set(NAME.findall(said)) - set(NAME.findall(f"{known} {own}")) - {"T", *dir(np)})


def attributes_at(source: Source, line: int) -> set[str]:
    """What the class around a line has, as its lines say; the classes of a file often share it."""
    return set(ATTRIBUTE.findall(source.words(line, of_class=True).text)) if source.class_around(line) else set()


def without_texts(code: str) -> str:
    return TEXT.sub("", code)


def is_gradient_already(case: Case, repair: Repair) -> bool:
    """Whether what is called wrong is a true gradient as it is: what lacks a factor is a line that reads it, then."""
    value = np.asarray(case.tape.nodes[repair.event.node].value)
    found = case.match_up_to_factor(value) if value.size > 1 else None
    return found is not None and found[0].how == "" and bool(np.isclose(abs(found[1]), abs(case.scale)))


def is_right_elsewhere(case: Case, repair: Repair) -> bool:
    """Whether the same statement made a true gradient in another call of its function: then it is not to blame.

    So it is where the statement only calls what an object has, and that of another one made a true gradient.
    """
    here, ends = repair.event, case.ancestors(final.node for final in case.finals) - case.forward
    same = [e for e in case.events if (e.place, e.name) == (here.place, here.name) and e.node in ends]
    others = [e for e in same if e.owner != here.owner or made_by_others(case, here, e)]
    return any(
        case.match(np.asarray(case.tape.nodes[e.node].value)) is not None and is_changed(case, e) for e in others
    )


def is_changed(case: Case, event: Event) -> bool:
    """Whether a value is another one than what it was made of, as `d * slope` is not where the slope is 1."""
    nodes = case.tape.nodes
    value, reads = nodes[event.node].value, case.step_of(event.node).reads
    return not any(nodes[read].value.shape == value.shape and close(nodes[read].value, value) for read in reads)


def made_by_others(case: Case, one: Event, other: Event) -> bool:
    """Whether two values under one name were made in two functions, neither of which has the name."""
    places = [case.place_of(event.node) for event in (one, other)]
    starts = [
        (place.file, start_of_function(place))
        for place in places
        if place is not None and not in_same_function(place, one.place)
    ]
    return len(starts) == 2 and starts[0] != starts[1]


def size_of_cause(cause: Cause) -> int:
    """How many words and signs a cause would change, and what it makes up; many where nobody would have written it."""
    if cause.should_be and not is_vague(cause):
        return effort(cause.expression, cause.should_be) + cause.made_up
    return OF_A_VALUE if not cause.made_up and names_value(cause) else UNKNOWN


def names_value(cause: Cause) -> bool:
    """Whether a cause says which value is meant, and one that has a name where it stands."""
    name = FIRST_NAME.match(cause.meant)
    known = source_of(text_of(cause.file)).words(cause.line).text
    return name is not None and re.search(rf"(?<![\w.]){re.escape(name[0])}\b", known) is not None


def apart_by(cause: Cause) -> int:
    """What the change that a cause names makes of the form of its statement, as `sets_apart` says."""
    written = statement_at(cause.file, cause.line)
    if not cause.should_be or cause.expression not in written:
        return 0
    return sets_apart(cause.file, cause.line, written, written.replace(cause.expression, cause.should_be, 1))


def names_with(case: Case, cause: Cause) -> tuple[int, int]:
    """How many of the values with a name are gradients with the change of a cause; as the case is left without one."""
    left = both_ways(case, case.replay())
    if not cause.changes or cause.kind not in SCALES:
        return left
    found = changed_by(case, cause, lambda played: None if case.wrong(played) else both_ways(case, played))
    return left if found is None else found


def is_enough(case: Case, cause: Cause) -> bool:
    """Whether all gradients are right with the change of a cause alone."""
    return bool(cause.changes) and changed_by(case, cause, lambda played: not case.wrong(played)) is True


def changed_by(case: Case, cause: Cause, then: Callable[[dict[int, Any]], Any]) -> Any:
    """What comes of the run with the change of a cause; None where that fails. The case is left as it was."""
    before = case.state()
    case.reset(case.scale)
    try:
        return then(case.replay(edits=cause.changes))
    except Exception:  # what comes after the gradients can't be made of it
        return None
    finally:
        case.restore(before)


def kind_with(case: Case, told: tuple[Repair, Cause], cause: Cause) -> str:
    """The kind of a change of the source: where a mere number does as much, a factor in it is of that kind.

    It does not where the change makes no multiple of an array: so a number fits only the entries, one by one.
    """
    repair, change = told
    point = "derivative-at-wrong-point"  # what a function of theirs is given, of which the values tell that it is one
    if (cause.kind, change.kind) == (point, "wrong-operand") and is_sole_argument(change):
        return point
    if cause.kind == "regularisation" and change.kind in SCALES and change.line == cause.line:
        return cause.kind
    was, becomes = np.asarray(case.tape.nodes[repair.event.node].value), np.asarray(repair.truth)
    if was.shape == becomes.shape and was.size > 1 and not is_along(was, becomes):
        return change.kind
    put_in = NAME.findall(change.should_be or "")
    if {*put_in} ^ {*NAME.findall(change.expression)} <= {"sum", "mean"}:
        return change.kind
    held = [node for name in {*put_in} - {*NAME.findall(change.expression)} for node in nodes_named(case, name)]
    if any(not is_mere_number(case, node) for node in held):  # it comes from above, though it may be one number
        return change.kind
    factor = change.kind in ("scale-factor", "missing-derivative", "off-by-one")
    return cause.kind if factor and cause.kind in SCALES else change.kind


def is_sole_argument(cause: Cause) -> bool:
    """Whether the part that should be another is all that a function was given."""
    old = compared(cause.expression, cause.should_be or "")[0]
    name = re.search(r"[\w.\[\]]*$", old.text[: old.start])
    end = re.match(r"[\w.\[\]]*", old.text[old.end :])
    before, after = (name.start() if name else old.start), old.end + (end.end() if end else 0)
    return re.search(r"\w\($", old.text[:before]) is not None and old.text[after : after + 1] == ")"


def likelier(hits: list[Hit], cause: Cause, names: tuple[int, int]) -> list[Hit]:
    """The changes of the source that are likelier than a lone cause, with which so many names are gradients.

    Than a vague one also those that are right in another convention, where there are no others. A change in the same
    line, and of the same kind, makes it as likely as that is, and says in other words what should be.
    """
    usual = [hit for hit in hits if not hit.convention]
    made_up = is_vague(cause) and cause.kind in ("missing-derivative", "missing-term")
    at_point = is_vague(cause) and cause.kind == "derivative-at-wrong-point"
    there = [hit for hit in usual if hit.rewrite.line == cause.line and hit.rewrite.tier == CHANGED]
    if (
        is_vague(cause) and cause.should_be and there and cause.kind not in SCALES
    ):  # what nobody would have written there, and what one would have
        return there
    unsaid = cause.kind == "wrong-operand" and not cause.should_be
    where = [hit for hit in usual if hit.rewrite.line == cause.line or not unsaid]
    simple = [hit for hit in where if not (hit.puts_in or hit.is_odd)]
    if (unsaid or has_unknown(cause)) and simple:  # what can't be written there
        return simple
    if is_vague(cause) and cause.kind in SCALES and usual:
        return [hit for hit in usual if hit.meant[0] >= names[0] or hit.meant[1] >= names[1]]
    if not usual and (made_up or at_point or (is_vague(cause) and cause.kind in SCALES)):
        kinds = {"scale-factor", *(hit.rewrite.kind for hit in hits)}  # a mean that is no mistake by another scale
        unsaid = cause.kind in SCALES and not cause.should_be  # no text of its line would do
        known = [hit for hit in hits if unsaid or hit.meant[0] >= names[0]]
        return [hit for hit in known if made_up or at_point or cause.kind in kinds]
    plain = [hit for hit in usual if hit.effort + MUCH_PLAINER <= size_of_cause(cause)]
    if is_of_another_slope(cause) and plain:
        return plain
    if cause.kind not in SCALES and not (made_up or unsaid):  # a mere number says less than a derivative does
        usual = [hit for hit in usual if hit.rewrite.kind not in SCALES or hit.takes_away or hit.is_alike]
    confirming = [hit for hit in usual if hit.rewrite.line == cause.line and is_alike(hit.rewrite.kind, cause.kind)]
    names = max((hit.meant for hit in confirming if hit.rewrite.kind == cause.kind), default=names)
    apart = max([apart_by(cause), *(hit.sets_apart for hit in confirming)])
    clearly = 0 if cause.kind == "sign" or is_vague(cause) else CLEARLY  # of a sign any place on the way will do
    size = min([size_of_cause(cause), *(hit.effort - clearly for hit in confirming)])
    # as key_of has it for a change:
    near = 0 if cause.kind == "sign" else names[0]
    changed = is_vague(cause) and bool(confirming)  # what was only meant there tells as much as a change elsewhere
    own = False, apart == MUCH_ALIKE, names[1], near, False, False, apart <= 0, -size, False, changed
    slip = [hit for hit in there if hit.exchanges_near_name and cause.weight >= PUT_IN and hit.meant >= names]
    better = slip or [hit for hit in usual if key_of(hit) > own]
    same = [hit for hit in confirming if hit.rewrite.kind == cause.kind]
    vague = is_vague(cause)
    plainer = [hit for hit in same if vague or (hit.effort < size_of_cause(cause) and not hit.puts_in)]
    if vague and plainer and cause.kind != "sign":  # each change that is as likely tells as much then
        best = max(map(key_of, plainer))
        plainer = [hit for hit in usual if hit in plainer or (hit.rewrite.kind == cause.kind and key_of(hit) == best)]
    renames = [hit for hit in usual if not hit.gathers and key_of(hit) in [key_of(other) for other in same]]
    return better or renames or (plainer if cause.made_up or vague else [])


def is_alike(kind: str, other: str) -> bool:
    """Whether two kinds are one, or both are of the order of statements."""
    return kind == other or (kind in OF_ORDER and other in OF_ORDER)


def key_of(hit: Hit) -> tuple[Any, ...]:
    """How likely a change is, beside a lone cause."""
    changed = hit.rewrite.tier == CHANGED
    alike, as_it_was = hit.is_alike, hit.sets_apart <= 0
    effort = hit.effort + CLEARLY * hit.puts_in  # what wasn't there has to be clearly smaller
    form = hit.only_takes_away, hit.takes_up, as_it_was, -effort, hit.exchanges_sign, changed
    near = 0 if hit.rewrite.kind == "sign" else hit.meant[0]  # a sign too many may make a gradient of what is none
    return -hit.hands_on, alike, hit.meant[1], near, *form
