"""A person's whole script: the checks that it makes, or, of a bare training script, one turn of its loop."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from tinygrad_scratch.verifier.causes.penalties import TIMES_PENALTY
from tinygrad_scratch.verifier.causes.state import ADDED, NOT_SET_BACK
from tinygrad_scratch.verifier.check import verify
from tinygrad_scratch.verifier.explaining.whole_rooms import rooms_for_whole
from tinygrad_scratch.verifier.gathering.later_losses import by_losses_once_more
from tinygrad_scratch.verifier.gathering.steps_apart import NO_LOSS
from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.losses.called_elsewhere import losses_called, with_call
from tinygrad_scratch.verifier.reading.loops import names_in, tree_of
from tinygrad_scratch.verifier.reading.names import is_gradient_name, listed, without_holder
from tinygrad_scratch.verifier.reading.places import PACKAGE, FileLine, is_theirs
from tinygrad_scratch.verifier.reading.source import parsed, statement_at, text_of, without_magics
from tinygrad_scratch.verifier.recording.minimised import MINIMISED
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.stand_ins import their_modules
from tinygrad_scratch.verifier.recording.tape import LimitReached
from tinygrad_scratch.verifier.rewriting.clock import Clock
from tinygrad_scratch.verifier.running.again import Ends, Script
from tinygrad_scratch.verifier.running.elsewhere import MOST_ELSEWHERE, Elsewhere, functions_of, with_ends
from tinygrad_scratch.verifier.telling.told_set_back import tell_call_that_sets_back
from tinygrad_scratch.verifier.telling.told_untouched import tell_untouched
from tinygrad_scratch.verifier.truths.totals import PLACE_IN_LIST
from tinygrad_scratch.verifier.turns.asked import NOTHING, Asked, Names
from tinygrad_scratch.verifier.turns.loss_after import calls_after
from tinygrad_scratch.verifier.turns.ones import masks_of_ones, turn_that_tells
from tinygrad_scratch.verifier.turns.run_later import lines_not_run, turn_that_runs
from tinygrad_scratch.verifier.turns.training_turns import MADE_AND_JUDGED, Loops, TurnDone
from tinygrad_scratch.verifier.verdicts.lost_updates import said_of_all_lost

MOST_SECONDS = 10.0  # for a run to another loop
MOST_PAST = 8  # runs past a loop in which each turn moves something else
MOST_OF_TURN = 5_000  # calls, where a later one is judged, too
MOST_OF_RUN = 20_000  # calls with what is made before the loop, as slopes by differences
LATER = 2  # turns after the one that is judged, until another one is
MOST_OTHERS = 8  # turns with other lines that are judged
NEVER = 10**9  # a turn that no loop comes to
MOST_MINIMA = 5  # functions that minimisers are given
MOST_SILENT = 6  # turns that are passed over, as those with an input of noughts


NOT_JUDGED = "not judged"
NONE: Names = {}


class NothingTold(Exception):  # noqa: N818  # it is no error
    """The training loop has come to its end, and no turn of it told of all parameters."""


def checks_of(path: str, loss: str | None = None, seconds: float = verify.seconds) -> list[Any]:
    """Run a script, and return its checks: those that it makes itself, or one of a turn of its training loop."""
    text = without_magics(Path(path).read_text(encoding="utf-8-sig"))
    file = str(Path(path).resolve())
    code = compile(text, file, "exec", dont_inherit=True)
    made: list[Any] = []
    if makes_checks(text):
        with as_main(path, file) as names:
            run_with_checks(code, names, made, seconds)
        return made
    try:
        return [check_of_script(code, path, loss, seconds, MOST_SILENT)]
    except NothingTold:  # then the first turn that updates anything has to do
        return [check_of_script(code, path, loss, seconds, 0)]


def check_of_script(code: Any, path: str, loss: str | None, seconds: float, most_silent: int) -> Any:
    """The check of a turn of a script: of its first step, or of a later one by a loss of its own that is wrong."""
    check = check_of_steps(code, path, loss, seconds, most_silent)
    with contextlib.redirect_stderr(io.StringIO()):  # what the script prints is read once
        check = check_with_room(path, check, loss, seconds, most_silent)
        check = check_by_loss_of_samples(path, check, seconds, most_silent) if loss is None else check
        check = check_past(path, check, seconds) if loss is None else check
        check = check_by_loss_after(path, check, seconds, most_silent) if loss is None else check
        check = check_further(check, code, path, loss, seconds, most_silent)
    tell_call_that_sets_back(check)
    return check


def check_past(path: str, check: Any, seconds: float) -> Any:
    """The check of another loop, or turn, or of what a minimiser is given, where the first update tells nothing.

    So it is of one that only makes data, or goes on with a state.
    """
    is_judged = bool(check.finals) and check.entry.loss is not None
    if not check.problem or is_judged or not check.loop[1]:
        return check
    states, other, clock = dict[tuple[str, int], frozenset[str]](), check, Clock()
    until = clock.now() + MOST_SECONDS
    try:
        for _ in range(MOST_PAST):
            if clock.now() > until:
                return check
            moved = {parameter.name for parameter in other.entry.updated}
            states[other.loop] = states.get(other.loop, frozenset()) | moved
            other = check_after(path, None, min(seconds, MOST_SECONDS), {}, states)
            is_last = not other.loop[1] or (other.loop == check.loop and other.entry.is_moved_by_data())
            if not other.problem or is_last:
                break
    except (Exception, LimitReached):  # nothing else trains, then
        return check
    names = states[check.loop]
    judged = {without_holder(final.parameter.name) for final in other.finals}
    is_trained = not judged.isdisjoint(map(without_holder, names))  # it is no state, then
    is_trained = is_trained and check.entry.is_moved_by_data()  # and is not only centred before
    if not other.finals or other.problem or is_trained or not (other.ok or are_sure(other)):
        return check
    other.notes.append(f"{listed(sorted(names))}, which the loop at line {check.loop[1]} moves, was {NOT_JUDGED}.")
    return other


def are_sure(check: Any) -> bool:
    """Whether all that is wrong was mended by a change that was tried."""
    return bool(check.causes) and all(cause.certainty == "checked" for cause in check.causes)


def check_further(check: Any, code: Any, path: str, loss: str | None, seconds: float, most_silent: int) -> Any:
    """The check of a turn, or that of what it can't tell: other steps, turns and loops, if something is wrong there."""
    are_judged, known = check.first_wrong is None and loss is None, list[Parameter]()
    for name in list(check.entry.later_losses) if are_judged else ():
        later = check_of_steps(code, path, name, seconds, most_silent)
        if later.first_wrong is not None:
            said = f"{check.entry.step_name} was computed for"
            later.notes[:] = [note for note in later.notes if not note.startswith(said)]
            before = f"; that by {check.entry.loss_name} is right" if check.ok else ""
            later.notes.append(f"This is the step by {name}{before}.")
            return later
        known += [final.parameter for final in later.finals] if later.ok else []
    other = check_once_more(check, code, path, seconds, most_silent) if check.ok and loss is None else None
    if other is not None:
        return other
    if check.ok and loss is None and check.entry.is_well_known:
        found = check_by_own_loss(path, check, seconds, most_silent)
        if found is not None and not found.ok:
            return found
        check = found or check
    check = check_other_turns(path, check, loss, seconds)
    may_be_wrong = check.ok or (check.problem and not check.finals)
    if are_judged and check.first_wrong is None:
        check.leave_open(known)
    other = check_of_others(path, check, seconds) if may_be_wrong and loss is None else None
    return check if other is None else other


def check_other_turns(path: str, check: Any, loss: str | None, seconds: float) -> Any:
    """The check of another turn, or of what a minimiser is given elsewhere, if something is wrong there alone."""
    if check.ok:
        check = check_past_masks(path, check, loss, seconds)
    if check.ok and not check.entry.own_slope:
        check = check_later(path, check, loss, seconds)
    if check.ok:
        check = check_other_lines(path, check, loss, seconds)
    if check.ok and check.entry.is_minimised:
        check = check_other_minima(path, check, loss, seconds)
    return check


def check_once_more(check: Any, code: Any, path: str, seconds: float, most_silent: int) -> Any:
    """The check of a later step of parameters that a turn updates more than once, where something is wrong in it.

    What is right there, or was not judged, is said of the first check.
    """
    for name, finals in by_losses_once_more(check.entry).items():
        later = check_of_steps(code, path, name, seconds, most_silent)
        if are_sure(later):
            later.notes.append(f"This is the step by {name}; that by {check.entry.loss_name}, before it, is right.")
            return later
        begin = f"{listed([own(final.parameter.name) for final in finals])} got an update by {name}, too: "
        check.notes.append(begin + ("judged by itself, it is right." if later.ok else "that was not judged."))
    return None


def check_by_own_loss(path: str, check: Any, seconds: float, most_silent: int) -> Any:
    """The check by a loss with a penalty that they compute elsewhere alone, of weights as those; None where none is.

    What is judged by a well-known loss may lack a penalty, or have a part of it.
    """
    clock = Clock()
    until = clock.now() + MOST_SECONDS
    for found in checks_by_own_losses(path, check, min(seconds, MOST_SECONDS), most_silent):
        if clock.now() > until and not (found is not None and found.ok):
            break
        if found is None or found.problem or found.loop != check.loop or not found.is_by_own_penalties():
            continue
        is_by_share = found.entry.is_of_samples and any(TIMES_PENALTY in cause.sentence for cause in found.causes)
        if found.ok or (are_sure(found) and not is_by_share):  # each step may take the penalty's share of all samples
            return found
    return None


def checks_by_own_losses(path: str, check: Any, seconds: float, most_silent: int) -> Iterator[Any]:
    """The checks by the loss of samples, what is called elsewhere under such a name, and what follows the loop."""
    file, line = str(Path(path).resolve()), check.loop[1]
    if check.loss_of_samples is not None:
        yield check_with(path, None, seconds, most_silent, Asked(of_samples=check.loss_of_samples))
    for call in losses_called(file) if check.loop[0] == file else ():
        yield check_with(path, None, seconds, most_silent, Asked(beside=(line, call)))
    if line and calls_after(*check.loop):
        yield check_with(path, None, seconds, most_silent, Asked(computes_loss=True))


def check_with(path: str, loss: str | None, seconds: float, most_silent: int, asked: Asked) -> Any:
    """The check of a turn of which more is asked; None where that fails, as by what isn't there."""
    file = str(Path(path).resolve())
    make = partial(turn_again, path, loss, seconds, most_silent, asked=asked)
    again = Script(file, make, partial(run_as, path, file))
    with contextlib.suppress(Exception), as_main(path, file) as names:
        code = code_of(file, asked.beside)
        return check_of_turn(code, names, loss, seconds, again=again, most_silent=most_silent, asked=asked)
    return None


def check_with_room(path: str, check: Any, loss: str | None, seconds: float, most_silent: int) -> Any:
    """The check of what is written into room for whole numbers, where all is right with room for any number.

    Where such room cuts all off, nothing is known of what was meant by it, nor of what it moves.
    """
    rooms = rooms_for_whole(check.tape) if not (check.ok or are_sure(check)) else None
    other = check_with(path, loss, seconds, most_silent, Asked(any_number=rooms)) if rooms else None
    if other is None or not other.ok:
        return check
    other.judge_as_written()
    return other if other.causes else check


def check_by_loss_after(path: str, check: Any, seconds: float, most_silent: int) -> Any:
    """The check by what the script computes once its loop is over, where no loss was found in a turn."""
    if not check.problem or check.finals or not check.loop[1] or not calls_after(*check.loop):
        return check
    found = check_with(path, None, seconds, most_silent, Asked(computes_loss=True))
    return found if is_settled_by(found, check) else check


def check_by_loss_of_samples(path: str, check: Any, seconds: float, most_silent: int) -> Any:
    """The check by the loss of the samples that a turn takes, where it is not known what is wrong by another one.

    So it is where a script computes its loss of all samples, and trains by some of them.
    """
    if check.ok or are_sure(check) or check.loss_of_samples is None:
        return check
    found = check_with(path, None, seconds, most_silent, Asked(of_samples=check.loss_of_samples))
    is_by_that = found is not None and found.entry.is_of_samples
    return found if is_by_that and (is_settled_by(found, check) or is_by_another_loss(check)) else check


def is_by_another_loss(check: Any) -> bool:
    """Whether what is wrong is not known, and is so by no loss that the script computes, or one that fits nothing."""
    is_unknown = bool(check.causes) and all(cause.certainty == "unexplained" for cause in check.causes)
    return is_unknown and bool(check.entry.fits_none or check.entry.other_loss)


def is_settled_by(found: Any, check: Any) -> bool:
    """Whether another check of the same loop is right, or knows what is wrong.

    So it does by a loss of samples that no less of the gradients fit than don't, or of which a change that would be
    right is known, where nothing could be said before. More mistakes than there were before settle nothing.
    """
    if found is None or found.problem or found.loop != check.loop:
        return False
    is_first = found.entry.is_of_samples and bool(check.problem)
    fits_half = is_first and 2 * len(found.fitting()) >= len(found.finals)
    is_told = bool(found.causes) and all(cause.certainty != "unexplained" for cause in found.causes)
    is_known = is_first and is_told and bool(found.fitting())
    is_sure = are_sure(found) and (bool(check.problem) or len(found.causes) <= len(check.causes))
    return bool(found.ok or is_sure or fits_half or is_known)


def check_past_masks(path: str, check: Any, loss: str | None, seconds: float) -> Any:
    """The check of a later turn, where masks are all ones in one that is right, and something is wrong past them.

    Where that can't be judged, it is said.
    """
    file, line = str(Path(path).resolve()), check.loop[1]
    masks = masks_of_ones(check) if check.loop[0] == file else []
    run = partial(run_as, path, file, [code_of(file)], {})
    turns = turn_that_tells(run, file, line, masks) if masks else None
    if turns is None:
        return check
    other = None
    with contextlib.suppress(Exception):
        other = check_after(path, loss, seconds, {(file, line): turns})
    if other is not None and other.first_wrong is not None:
        other.notes.append(f"In the first turns {listed(masks)} let everything through, and all was right.")
        return other
    judged = "was judged, too, and is right." if other is not None and other.ok else "was not judged."
    check.notes.append(f"In this turn {listed(masks)} let everything through; a later one, which tells more, {judged}")
    return check


def check_later(path: str, check: Any, loss: str | None, seconds: float) -> Any:
    """The check of a later turn, where that of one is right, and a change of the source is known that mends the later.

    In the first turn much is alike that is not so later: lengths, branches, scales of one, weights as they began.
    """
    make, ends = partial(turn_again, path, loss, seconds, MOST_SILENT), {check.loop: check.turn + LATER}
    with contextlib.suppress(Exception, LimitReached):  # of it nothing is known, then
        calls = len(check.tape.steps)
        is_long = calls - check.begun[-1] > MOST_OF_TURN or calls + check.tape.taken_off > MOST_OF_RUN
        later = make(check.kind_of_rerun(), ends) if check.loop[1] and not is_long else None
        if later is None or not has_more_to_tell(check, later):
            return check
        other = check_after(path, loss, seconds, ends)
        first, is_later = other.first_wrong, (other.loop, other.turn) == (check.loop, check.turn + LATER)
        is_one = len(other.causes) == 1 or all(map(is_not_set_back, other.causes))
        if not is_later or first is None or not is_one or leaves_out_step(first) or is_of_several(first):
            return check
        tells_more = len(other.finals) > len(check.finals)  # as of layers that make their weights in the first turn
        is_mended = bool(first.should_be) or goes_on_by_mistake(other, first)
        is_told = tells_more or (is_mended and are_judged_alike(check, other)) or goes_on_alone(other, first)
        if first.certainty == "checked" and is_told:
            other.notes.append(f"The turn before is right: this is turn {other.turn + 1} of the loop.")
            return other
        if first.should_be:
            check.notes.append(
                f"Turn {other.turn + 1} of the loop is right with `{first.should_be}` in line {first.line}, and with "
                "other changes: look at that line once more."
            )
    return check


def check_other_lines(path: str, check: Any, loss: str | None, seconds: float) -> Any:
    """The check of a later turn that makes gradients in lines which the judged one does not run, if those are wrong.

    So it is where a script trains twice, and the second time by another backward pass. What is not wrong there, or
    could not be judged, is said of the first check.
    """
    file = str(Path(path).resolve())
    lines, turn = lines_not_run(check) if check.loop[1] else set[FileLine](), check.turn
    clock = Clock()
    until = clock.now() + MOST_SECONDS
    for _ in range(MOST_OTHERS):
        run = partial(run_as, path, file, [code_of(file)], {})
        found = turn_that_runs(run, check.loop, turn, lines) if lines else None
        if found is None:
            break
        turn, new = found
        where = said_of_lines(new, check.loop[0])
        other: Any = check_there(path, loss, seconds, check.loop, turn, new) if clock.now() < until else None
        is_told = other is not None and len(other.causes) == 1 and other.causes[0].certainty != "unexplained"
        if is_told and not is_of_several(other.first_wrong):
            said = f"The turns before, which don't run {where}, are right: this is turn {other.turn + 1} of the loop."
            other.notes.append(said)
            return other
        judged = "was judged, too, and is right" if other is not None and other.ok else "was not judged"
        check.notes.append(f"Turn {turn + 1} of the loop makes gradients in {where}, and {judged}.")
        lines = lines - new
    return check


def check_other_minima(path: str, check: Any, loss: str | None, seconds: float) -> Any:
    """The check of another function that a minimiser is given, if something is wrong in it.

    What is right there, or was not judged, is said of the first check.
    """
    clock = Clock()
    until = clock.now() + MOST_SECONDS
    for number in range(1, MOST_MINIMA):
        other = None
        with contextlib.suppress(Exception, LimitReached):
            other = check_after(path, loss, seconds, {MINIMISED: number})
        if other is None or not other.entry.is_minimised or clock.now() > until:
            break
        if other.first_wrong is not None:
            other.notes.append("What a minimiser is given before is right.")
            return other
        made = next(note for note in other.notes if note.endswith(MADE_AND_JUDGED))
        check.notes.append(f"{made.removesuffix('.')}, too: {'it is right' if other.ok else 'nothing is known of it'}.")
    return check


def said_of_lines(lines: set[FileLine], here: str) -> str:
    """The first of some lines, of this file if there are such, and whether there are more."""
    file, line = min(lines, key=lambda each: (each[0] != here, each))
    of_file = "" if file == here else f" of {Path(file).name}"
    return f"line {line}{of_file}{' and others' if len(lines) > 1 else ''}"


def files_beside(file: str) -> set[str]:
    """The files of modules in the folder of a script, or below it."""
    found = (module.get("__file__") for module in their_modules())
    texts = (each for each in found if isinstance(each, str) and each.endswith(".py"))
    return {each for each in texts if Path(file).parent in Path(each).parents}


def lines_of_turn(check: Any) -> set[FileLine]:
    """The lines that made something in the turn that was judged, or called what did."""
    steps = check.tape.steps[check.begun[-1] :] if check.begun else []
    return {(place.file, place.line) for step in steps for place in (step.place, step.caller) if place is not None}


def check_there(
    path: str, loss: str | None, seconds: float, loop: FileLine, turn: int, lines: set[FileLine]
) -> Any:  # fmt: skip
    """The check of one turn of a loop, or of the next that tells something; None where that can't be judged.

    Nor is it of any use where the turn runs none of the lines. Other loops, as that of an optimizer over the
    parameters, are not judged in its place.
    """
    after = {loop: turn}
    with contextlib.suppress(Exception, LimitReached):
        while len(after) <= MOST_ELSEWHERE:
            check = check_after(path, loss, seconds, after)
            if check.loop == loop:
                return check if check.turn >= turn and not lines.isdisjoint(lines_of_turn(check)) else None
            after[check.loop] = NEVER
    return None


def leaves_out_step(first: Any) -> bool:
    """Whether nothing is left of a step where what is told is put right: `w = old` for `w = old - rate * g`."""
    right = parsed(first.should_be or "")
    value = right.value if isinstance(right, ast.Assign | ast.Expr) else None
    is_name = isinstance(value, ast.Name | ast.Attribute | ast.Subscript)
    return first.kind == "stale-or-updated-weights" and is_name


def is_of_several(first: Any) -> bool:
    """Whether what is told of one of several things that are returned would be so in the place of all of them."""
    return "()[" in first.name and isinstance(parsed(statement_at(first.file, first.line)), ast.Return)


def goes_on_by_mistake(other: Any, first: Any) -> bool:
    """Whether gradients are not set back, though each turn takes its step by them."""
    return is_not_set_back(first) and all(f.by == "update" for f in other.finals)


def goes_on_alone(other: Any, first: Any) -> bool:
    """Whether one gradient is not set back where most others are, and so no average over turns is meant."""
    return is_not_set_back(first) and 2 * len(other.fitting()) > len(other.finals)


def is_not_set_back(first: Any) -> bool:
    """Whether what is wrong is added to what it held before.

    A mean that goes on over turns, in which a new gradient takes the place of one that was kept, is meant to.
    """
    written = parsed(statement_at(first.file, first.line))
    value = written.value if isinstance(written, ast.AugAssign) else None
    replaces = any(
        isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub) and isinstance(part.right, ast.Subscript)
        for part in (ast.walk(value) if value is not None else ())
    )
    return not replaces and any(said in first.sentence for said in (NOT_SET_BACK, ADDED))


def has_more_to_tell(check: Any, later: Any) -> bool:
    """Whether a later turn is wrong; of one whose updates move not all that they should, that is told first."""
    if later.finals:
        tell_untouched(check, later)
    return bool(check.ok and not later.right)


def check_after(path: str, loss: str | None, seconds: float, ends: Ends, states: Names = NONE) -> Any:
    """The check of the turn of a loop that comes after so many others."""
    file, asked = str(Path(path).resolve()), Asked(states=states)
    make = partial(turn_again, path, loss, seconds, MOST_SILENT, asked=asked)
    again = Script(file, make, partial(run_as, path, file))
    with as_main(path, file) as names:
        return check_of_turn(
            code_of(file), names, loss, seconds, again=again, most_silent=MOST_SILENT, ends=ends, asked=asked
        )


def are_judged_alike(check: Any, other: Any) -> bool:
    """Whether turns were judged by one loss, which they compute themselves, and what is wrong is called a gradient.

    What has no such name may be an average that goes on over turns.
    """
    losses = {PLACE_IN_LIST.sub("", each.entry.loss_name) for each in (check, other)}  # each turn has its own in a list
    theirs = all(each.assumed is None and not each.entry.is_well_known for each in (check, other))
    wrong = other.repairs[0].event.node
    reached = {f.parameter.name for f in other.finals if wrong in other.case.ancestors([f.node]) | {f.node}}
    finals = [final for each in (check, other) for final in each.finals if final.parameter.name in reached]
    named = [is_gradient_name(final.name.rsplit(".", 1)[-1]) for final in finals]
    return theirs and len(losses) == 1 and bool(named) and all(named)


def code_of(file: str, beside: tuple[int, ast.Call] | None = None) -> Any:
    """The code of a script; a loop that begins in some line may make a call beside, at the end of each turn."""
    tree = with_ends(ast.parse(text_of(file)))
    return compile(with_call(tree, *beside) if beside else tree, file, "exec", dont_inherit=True)


def check_of_others(path: str, check: Any, seconds: float) -> Any:
    """The check of a turn of another loop that trains, and in which something is wrong; None where nothing is.

    What is right there, or was not judged, is said of the first check.
    """
    line, others = check.loop[1], others_run_by(path, check)
    judged = frozenset(final.parameter.name for final in check.finals) if others else frozenset()
    for number, other in enumerate(others):
        begin = f"The loop at {place_of(path, other)} updates {listed(list(other.names))}, too: "
        known = judged if other.around else frozenset()
        found, is_met = check_of_loop(path, other, known, seconds) if number < MOST_ELSEWHERE else (None, True)
        if found is not None and found.first_wrong is not None:
            found.notes.append(
                f"The loop at line {line} was {'judged before, and is right' if check.ok else NOT_JUDGED}."
            )
            return found
        if is_met and found is not None and is_surely_right(found):
            check.notes.append(f"{begin}a turn of that was judged by itself, and is right.")
            check.notes += [note for note in found.notes if note.startswith(NO_LOSS) and note not in check.notes]
        elif is_met:
            check.notes.append(f"{begin}that was not judged.")
    return None


def is_surely_right(check: Any) -> bool:
    """Whether all is right, and as it is where the loss is a well-known one: of one sample many go by some factor."""
    return bool(check.ok and not (check.entry.is_well_known and check.case.convention))


def others_run_by(path: str, check: Any) -> list[Elsewhere]:
    """The other loops that train; of those in functions of an imported file those alone that the script may call."""
    file = str(Path(path).resolve())
    if check.loop[0] == file:
        return list(check.elsewhere)
    called = called_from(names_in(tree_of(file)), functions_of(tree_of(check.loop[0])))
    return [other for other in check.elsewhere if not other.function or other.function in called]


def called_from(words: set[str], functions: list[Any]) -> set[str]:
    """Some words, and all in the functions that are called by one of them, or in those that these call."""
    found, waiting = set(words), {function.name: function for function in functions}
    while names := found & waiting.keys():
        found.update(*(names_in(waiting.pop(name)) for name in names))
    return found


def place_of(path: str, other: Elsewhere) -> str:
    """How the place of a loop is told: by its line, and by its file where that is not the script."""
    is_own = other.file == str(Path(path).resolve())
    return f"line {other.first}" if is_own else f"{Path(other.file).name}:{other.first}"


def check_of_loop(path: str, other: Elsewhere, known: frozenset[str], seconds: float) -> tuple[Any, bool]:
    """The check of a turn of another loop, where that can be judged; and whether the script comes to that loop.

    Those before it are left after a turn. Of what follows them the second turn is judged: in the first one, a penalty
    on what they left may be nothing.
    """
    found, seen = check_beside(path, other, known, seconds, None)
    if found is None or not found.ok:
        return found, seen
    for name in found.entry.later_losses:
        later, _ = check_beside(path, other, known, seconds, name)
        if later is None or not later.ok:
            return later, seen
    return found, seen


def check_beside(
    path: str, other: Elsewhere, known: frozenset[str], seconds: float, loss: str | None
) -> tuple[Any, bool]:
    """The check of a turn of another loop by a loss, and whether the script comes to that loop, or may do so.

    Where what is wrong by it is not known, it is that by the loss of the samples that the turn takes.
    """
    asked = Asked(left=other.left, known=known)
    check, is_met = check_by(path, other, seconds, loss, asked)
    is_open = check is not None and loss is None and not (check.ok or are_sure(check))
    if is_open and check.loss_of_samples is not None:
        found, _ = check_by(path, other, seconds, None, replace(asked, of_samples=check.loss_of_samples))
        check = found if is_settled_by(found, check) else check
    return (None if check is None or check.problem else check), is_met


def check_by(path: str, other: Elsewhere, seconds: float, loss: str | None, asked: Asked) -> tuple[Any, bool]:
    """The same, with what is asked of the turn."""
    file, seconds = str(Path(path).resolve()), min(seconds, MOST_SECONDS)
    make = partial(turn_again, path, loss, seconds, MOST_SILENT, asked=asked)
    again = Script(file, make, partial(run_as, path, file))
    again.left = other.left
    ends = {} if other.around else {(other.file, other.first): 1}
    code, check = code_of(file), None
    with contextlib.suppress(Exception), as_main(path, file) as names:  # of it nothing is known, then
        check = check_of_turn(
            code, names, loss, seconds, again=again, most_silent=MOST_SILENT, ends=ends, asked=asked
        )  # fmt: skip
    is_told = check is not None and other.holds(again.loop, again.line)
    is_apart = check is not None and bool(check.entry.step_name or not other.around)
    is_ended = check is not None and check.error is not None  # as by an assert of what one turn has not reached
    return (check if is_told and is_apart else None), is_ended or (other.file, other.first) in again.seen


def check_of_steps(code: Any, path: str, loss: str | None, seconds: float, most_silent: int) -> Any:
    """The check of a turn, before which so many may be passed over as they tell nothing of something."""
    file = str(Path(path).resolve())
    again = Script(file, partial(turn_again, path, loss, seconds, most_silent), partial(run_as, path, file))
    with as_main(path, file) as names:
        check = check_of_turn(code, names, loss, seconds, again=again, most_silent=most_silent, waits=True)
    if check.ok or not again.until_loss or not (check.problem or check.entry.is_well_known):
        return check
    ends = {(again.loop, again.line): again.turns - 1 + again.until_loss}
    found = again.loop, again.line, again.turns
    with contextlib.suppress(NothingTold), as_main(path, file) as names:  # the turn that computes the loss
        other = check_of_turn(code, names, loss, seconds, again=again, most_silent=most_silent, ends=ends)
        is_of_more = other.entry.fits_none and not check.problem  # some gradients fit the loss of the turn before
        if not other.problem and not is_of_more:
            return other
    again.loop, again.line, again.turns = found
    if not (check.waits_for_loss and check.problem):
        return check
    with as_main(path, file) as names:
        return check_of_turn(code, names, loss, seconds, again=again, most_silent=most_silent)


def turn_again(
    path: str, loss: str | None, seconds: float, most_silent: int, kind: Any, ends: Ends, asked: Asked = NOTHING
) -> Any:
    """The check of the script's turn once more, of a class of checks: of the turn of a loop that was judged."""
    file = str(Path(path).resolve())
    with as_main(path, file) as names:
        code = code_of(file, asked.beside)
        return check_of_turn(code, names, loss, seconds, kind, most_silent=most_silent, ends=ends, asked=asked)


def run_as(path: str, file: str, codes: Iterable[Any], variables: dict[str, Any]) -> None:
    """Run the code of a script; the variables are there from the start, and gathered in the end."""
    with as_main(path, file) as names:
        names.update(variables)
        try:
            for code in codes:
                exec(code, names)
        finally:
            variables.update(names)


def run_with_checks(code: Any, names: dict[str, Any], made: list[Any], seconds: float) -> None:
    """Run a script that makes checks; what it raises later, as `assert check` does, leaves those as they are."""
    before = verify.seconds
    verify.made, verify.seconds = made, seconds
    try:
        with contextlib.redirect_stdout(sys.stderr):
            exec(code, names)
    except (Exception, SystemExit) as error:
        if not made:
            raise
        if not isinstance(error, AssertionError | SystemExit) and error is not made[-1].error:
            made[-1].notes.append(f"After this check the script raised {type(error).__name__}: {error}")
    finally:
        verify.made, verify.seconds = None, before


def makes_checks(text: str) -> bool:
    """Whether a script holds a block of its own."""
    found = ast.walk(ast.parse(text))
    return any(
        (isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "tinygrad_scratch")
        or (isinstance(node, ast.Import) and any(alias.name.startswith("tinygrad_scratch") for alias in node.names))
        for node in found
    )


@contextlib.contextmanager
def as_main(path: str, file: str) -> Iterator[dict[str, Any]]:
    """Let a script be `__main__`, with its folder first where modules are looked for; it can read no input.

    `file` is its whole path, which is worked out once: a script is run many times.
    """
    module = ModuleType("__main__")
    module.__file__ = file
    before = sys.modules["__main__"], sys.argv, list(sys.path), sys.stdin, os.environ.get("MPLBACKEND")
    known = set(sys.modules)
    sys.modules["__main__"], sys.argv, sys.stdin = module, [path], io.StringIO()
    sys.path.insert(0, os.path.dirname(file))
    os.environ["MPLBACKEND"] = "Agg"
    try:
        yield module.__dict__
    finally:
        sys.modules["__main__"], sys.argv, sys.path[:], sys.stdin = before[:4]
        for name in set(sys.modules) - known:  # another script's may be called so, too
            if is_theirs(getattr(sys.modules[name], "__file__", None) or PACKAGE):
                del sys.modules[name]
        if before[4] is None:
            del os.environ["MPLBACKEND"]
        else:
            os.environ["MPLBACKEND"] = before[4]


def check_of_turn(
    code: Any, names: dict[str, Any], loss: str | None, seconds: float, kind: Any = verify, again: Any = None,
    most_silent: int = MOST_SILENT, ends: Ends | None = None, waits: bool = False, asked: Asked = NOTHING,
) -> Any:  # fmt: skip
    """Run a script until one turn of its training loop is made, and judge that.

    If told, no loss is assumed where another turn computes one.
    """
    check = kind()
    check.again = again
    check.seconds = min(seconds, check.seconds) if check.only_that_turn else seconds
    check.tape.any_number = asked.any_number
    check.entry.wanted_loss, check.entry.known = loss, asked.known
    loops = Loops(check, most_silent, ends or {}, asked)
    check.watch.on_line, check.tape.on_minimum = loops.see, loops.end_with
    check.watch.own_names.add(id(names))
    check.begin(None)
    error: BaseException | None = None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            exec(code, names)
    except (Exception, LimitReached, SystemExit) as caught:
        error = caught
    finally:
        if again is not None:
            again.loop, again.line = loops.file, loops.line
            again.turns = loops.silent.get((loops.file, loops.line), 0) + 1
            again.until_loss, again.seen = loops.until_loss, set(loops.seen)
            again.is_minimised = check.entry.is_minimised
        check.loop, check.elsewhere = (loops.file, loops.line), loops.elsewhere
        check.files = {loops.file, *files_beside(str(names["__file__"]))} - {""}
        check.turn = loops.silent.get(check.loop, 0)
        check.begun = loops.begun.get(check.loop, [])
        check.waits_for_loss = waits and bool(loops.until_loss)
        check.watch.on_line = None
        check.entry.updated, check.entry.changed = loops.updated, loops.changed
    if isinstance(error, SystemExit):
        error = None
    check.is_cut_off = isinstance(error, LimitReached) and not isinstance(error, TurnDone)
    if isinstance(error, TurnDone):
        error = None
        check.notes.append(loops.judged or f"One turn of the loop at line {loops.line} was made, and judged.")
    elif error is None and loops.passed_over and most_silent:
        check.end()
        check.tape.closed = True
        raise NothingTold
    is_idle = error is None and bool(loops.seen)  # no turn updated anything
    lost = said_of_all_lost(check.tape, check.watch.events) if is_idle else ""
    check.conclude(error)
    check.notes += [lost] if lost and not check.causes else []
    return check
