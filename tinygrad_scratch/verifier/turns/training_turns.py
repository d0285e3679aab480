"""The loops of a script, turn by turn: which one updates parameters, and when the run has made enough of them."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from inspect import CO_GENERATOR
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.losses.computed_losses import OF_LOSS
from tinygrad_scratch.verifier.pairs.in_parts import Part, parts_between
from tinygrad_scratch.verifier.pairs.over_turns import (
    MOST_RECORDED,
    Update,
    begun_at,
    give,
    give_updated,
    is_added_up,
    is_before,
    is_late,
)
from tinygrad_scratch.verifier.pairs.rewarded import updates_in_turns
from tinygrad_scratch.verifier.pairs.update_steps import (
    beside_decay,
    drawn_to,
    handed_over,
    in_update,
    inside,
    is_average,
    is_mix,
    is_square,
    projected,
    share_of,
)
from tinygrad_scratch.verifier.reading.loops import (
    Turn,
    bound_between,
    handed_round_in,
    loops_in,
    moves_only,
    stepped_in,
    trained_in,
)
from tinygrad_scratch.verifier.reading.numbers_by_name import is_bias_of, is_number
from tinygrad_scratch.verifier.reading.places import place_of
from tinygrad_scratch.verifier.reading.source import is_rename
from tinygrad_scratch.verifier.recording.events import Event, claims_gradient
from tinygrad_scratch.verifier.recording.holders import put, set_local
from tinygrad_scratch.verifier.recording.minimised import MINIMISED, Objectives
from tinygrad_scratch.verifier.recording.parameters import Parameter, arrays_below, held_by, is_data
from tinygrad_scratch.verifier.recording.recorded import Recorded, from_outside
from tinygrad_scratch.verifier.recording.steps import Array, Step, ancestors, is_behind
from tinygrad_scratch.verifier.recording.tape import LimitReached, Tape
from tinygrad_scratch.verifier.running.again import Ends
from tinygrad_scratch.verifier.running.elsewhere import Elsewhere, leave, trained_elsewhere
from tinygrad_scratch.verifier.truths.losses import is_loss_name
from tinygrad_scratch.verifier.turns.after_loops import gone_on_with
from tinygrad_scratch.verifier.turns.asked import NOTHING, Asked
from tinygrad_scratch.verifier.turns.forward_before import forward_before, is_read_before, loss_before
from tinygrad_scratch.verifier.turns.forward_values import arguments_of, is_added, made_between, take_apart
from tinygrad_scratch.verifier.turns.logged import turns_until_loss
from tinygrad_scratch.verifier.turns.loss_after import losses_after
from tinygrad_scratch.verifier.turns.loss_of_samples import LossOfSamples, calls_with_samples
from tinygrad_scratch.verifier.turns.moved_first import begun_after_moves
from tinygrad_scratch.verifier.turns.named_before import Met, NamedBefore, is_same_name
from tinygrad_scratch.verifier.turns.over_entries import goes_over_entries
from tinygrad_scratch.verifier.turns.prepared import without_preparation
from tinygrad_scratch.verifier.turns.states import States
from tinygrad_scratch.verifier.turns.telling_turns import tells_of_all
from tinygrad_scratch.verifier.verdicts.lost_updates import gone

OF_AN_UPDATE = 3  # calls: as those of a decay, of a step, and of what keeps it within bounds
MADE_AND_JUDGED = "was made, and judged."
MOST_IDLE = 16  # turns in a row that updated nothing, or had nothing to record: no later one of these lines does


class TurnDone(LimitReached):
    """One turn of the training loop was made."""


@dataclass
class Loops:
    """Sees the loops of a script turn, and ends the run after the first turn that updated parameters."""

    check: Any
    most_silent: int
    ends: Ends = field(default_factory=dict)
    asked: Asked = NOTHING
    computed: list[tuple[str, int]] = field(default_factory=list)  # losses of samples, each with its name and its node
    running: dict[int, list[Turn]] = field(default_factory=dict)  # by the number of the running function
    generators: dict[int, FrameType] = field(default_factory=dict)  # by id, so that no other one gets it
    updated: list[Parameter] = field(default_factory=list)
    changed: list[tuple[Parameter, int]] = field(default_factory=list)  # what holds another value after the turn
    file: str = ""
    line: int = 0
    until_loss: int = 0  # turns after the one that is judged until one computes a loss, where not all do
    judged: str = ""  # what was judged, where it is no turn
    passed_over: bool = False  # whether some turn updated parameters, and told nothing of some
    waited: set[int] = field(default_factory=set)  # what a first update changed, which was passed over for the next one
    silent: dict[tuple[str, int], int] = field(default_factory=dict)  # by loop: turns that told nothing of some, or all
    elsewhere: list[Elsewhere] = field(default_factory=list)  # other loops that train, too
    seen: set[tuple[str, int]] = field(default_factory=set)  # the loops that a run came to
    carried: set[int] = field(default_factory=set)  # what an inner loop only went on from, on the way to the loss
    begun: dict[tuple[str, int], list[int]] = field(default_factory=dict)  # by loop: the steps at which turns began

    def __post_init__(self) -> None:
        self.met = Met(self.check.watch)
        self.objectives = Objectives(self.ends.get(MINIMISED, 0))

    def see(self, frame: FrameType) -> None:
        turns = self.running.setdefault(self._number(frame), [])
        file, line = frame.f_code.co_filename, frame.f_lineno
        while turns and not turns[-1].first <= line <= turns[-1].last:
            turns.pop()
        last = loops_in(file).get(line)
        if last is None or (moves_only(file, line) and not any(self.running.values())):
            return  # around all moves that a script makes once there is no turn
        self.seen.add((file, line))
        watch = self.check.watch
        begun = len(watch.tape.steps)
        following = Turn(file, line, last, begun, len(watch.events), begun)
        if turns and turns[-1].first == line:
            if leave(frame, self.asked.left):
                self.see(frame)
                return
            turns[-1] = begun_after_moves(self.met, turns[-1])
            following = self._after(turns[-1], frame, following)
            turns.pop()
        lift_numbers(frame, line, watch)
        turns.append(following)
        self.begun.setdefault((file, line), []).append(begun)
        self._compute_losses_of_samples(frame)

    def _compute_losses_of_samples(self, frame: FrameType) -> None:
        """Compute the losses of the samples that a turn takes before it is made."""
        wanted = self.asked.of_samples
        if wanted is None or (frame.f_code.co_filename, frame.f_lineno) != wanted.loop:
            return
        if self.silent.get(wanted.loop, 0) == wanted.turn:
            self.computed = [found for call in wanted.calls for found in call.made(frame)]

    def _judge_by_samples(self, frame: FrameType) -> None:
        """Judge by the first of these that is made of what the turn updates."""
        parents, updated = self.check.tape.parents(), {parameter.node for parameter in self.updated}
        for name, node in self.computed:
            if not updated.isdisjoint(ancestors(parents, [node])):
                self.check.watch.note(frame, name, node)
                self.check.entry.wanted_loss, self.check.entry.is_of_samples = name, True
                return

    def _after(self, turn: Turn, frame: FrameType, following: Turn) -> Turn:
        """The next turn of a loop, if the run goes on after the one that was made."""
        loop = (turn.file, turn.first)
        if self.silent.get(loop, 0) < self.ends.get(loop, 0) - 1:  # a later one is wanted, whatever this one updated
            self.passed_over = True
            self.silent[loop] = self.silent.get(loop, 0) + 1
            return replace(following, begun=turn.begun)
        lines = self._lines(turn)
        is_idle = turn.idle > MOST_IDLE and lines == turn.lines
        updated = [] if is_idle else self._trained(turn, self._updates(turn, self._outermost(frame, turn), frame))
        is_passed_over = (
            self._begin_anew(updated, frame, turn)
            or self._is_forward(updated, frame)
            or self._is_part_of_step(updated, frame, turn)
        )
        found = [] if is_passed_over else updated
        updates = [(parameter.node, after) for parameter, after in found]
        silent = self.silent.get(loop, 0)
        is_last = silent == self.ends.get(loop, self.most_silent) or not self.most_silent
        tells = found and (is_last or tells_of_all(self.check.tape, updates, turn.steps, silent > 0))
        is_early = silent < self.ends.get(loop, 0) or self._is_passed(turn) or self._is_around_the_end(turn)
        if tells and not self._goes_on(updates, turn.steps) and not is_early:
            self._end(turn, frame, found)
        if self.check.only_that_turn and silent > self.ends.get(loop, silent):
            raise TurnDone("nothing was updated")
        self.passed_over |= bool(found)
        self.silent[loop] = silent + 1
        idle = turn.idle + 1 if not updated and lines == turn.lines else 0
        return replace(following, begun=turn.begun, lines=lines, idle=idle)

    def _lines(self, turn: Turn) -> frozenset[tuple[str, int]]:
        """The lines that a turn made, by what they named or called."""
        tape, events = self.check.tape, self.check.watch.events
        named = {(event.short, event.place.line) for event in events[turn.events :]}
        called = {(step.place.file, step.place.line) for step in tape.steps[turn.steps :] if step.place is not None}
        return frozenset(named | called)

    def _is_passed(self, turn: Turn) -> bool:
        return any(left.file == turn.file and left.first <= turn.first <= left.last for left in self.asked.left)

    def _is_around_the_end(self, turn: Turn) -> bool:
        """Whether a loop that a turn ran has yet to make the turn that is to be judged."""
        ran = [loop for loop in self.ends if self.begun.get(loop, [-1])[-1] >= turn.steps]
        return any(self.silent.get(loop, 0) <= self.ends[loop] for loop in ran if loop != (turn.file, turn.first))

    def _number(self, frame: FrameType) -> int:
        """The number of a running function: another one may get the id of one that returned out of its loop.

        A generator that goes on is the same one, though it was called again.
        """
        is_generator = bool(frame.f_code.co_flags & CO_GENERATOR)
        if is_generator:
            self.generators[id(frame)] = frame
        return id(frame) if is_generator else self.check.watch.number_of(frame)

    def _end(self, turn: Turn, frame: FrameType, found: list[tuple[Parameter, int]]) -> None:
        """End the run after the turn that is judged, with what it updated."""
        watch, updates = self.check.watch, [(parameter.node, after) for parameter, after in found]
        self.updated, self.file, self.line = [parameter for parameter, _ in found], turn.file, turn.first
        loop, before = (turn.file, turn.first), {parameter.name: parameter.recorded for parameter in self.updated}
        calls = list(calls_with_samples(frame, watch.tape, turn.steps, [node for node, _ in updates]))
        self.check.loss_of_samples = LossOfSamples(calls, loop, self.silent.get(loop, 0)) if calls else None
        self._judge_by_samples(frame)
        for name, node in losses_after(frame, turn.first, before) if self.asked.computes_loss else ():
            watch.note(frame, name, node)
        forward = forward_before(self.met, updates, turn.steps) or loss_before(self.met, updates, turn.steps)
        self.changed = list(self._changed(turn, found, frame))
        if forward:  # what it made is no parameter
            parents = watch.tape.parents()
            self.changed = [
                each for each in self.changed if not any(is_behind(parents, b, each[0].node) for b, _ in updates)
            ]
        moved_on = self.asked.states.get((turn.file, turn.first), frozenset())
        self.changed = [each for each in self.changed if each[0].name not in moved_on]
        known = {parameter.node for parameter, _ in self.changed}
        self.changed += [each for each in found if each[0].node not in known]  # as under another object's name
        self.check.entry.gone = gone(watch.tape, turn.steps)
        self.until_loss = turns_until_loss(frame, turn.first)
        self.elsewhere = trained_elsewhere(turn.file, turn.first, frame, self.seen)
        outermost = self._outermost(frame, turn)
        if any(self.met.is_made_between(after, before, outermost, turn.begun) for before, after in updates):
            outermost = turn.steps  # another step was made of it before, as that of an opponent is
        first = begun_at(watch.tape, updates, outermost)
        give(watch.tape, first, {before for before, _ in updates}, forward)
        give_updated(watch.tape, turn.steps if first == outermost else first, {before for before, _ in updates})
        if is_late(watch.tape, updates, turn.steps):  # nothing that this turn made went into them
            after = {node for _, node in updates}
            for events in (watch.events, watch.returned):
                events[:] = [e for e in events if e.node in after or is_before(watch.tape, e, turn.steps)]
        self._take_off(min([turn.begun, *(other.begun for _, other in self._around(frame, turn))]))
        raise TurnDone("one turn")

    def _take_off(self, first: int) -> None:
        """Take the calls by which data was prepared before the loops off the tape, where they are many."""
        every = {id(p): p for p in (*self.check.parameters, *self.updated, *(p for p, _ in self.changed))}.values()
        used = [parameter for parameter in every if parameter.recorded.is_used]
        after = [node for _, node in self.changed]
        found = without_preparation(self.check.watch, first, [*(p.node for p in used), *after])
        if found is not None:
            moved, later = found
            for parameter in used:
                parameter.first = moved[parameter.node]
            self.changed = [(parameter, moved[node]) for parameter, node in self.changed]
            self.check.entry.gone = {moved[node] for node in self.check.entry.gone}
            self.begun = {loop: [later[step] for step in begun] for loop, begun in self.begun.items()}

    def end_with(self, minimiser: str, objective: Any, begin: Callable[[], tuple[Any, Any, Any]]) -> None:
        """End the run with one call of what a minimiser of SciPy's is given: its loss, and the gradient of that.

        Of several such functions those that were judged before are passed over, wherever they are met.
        """
        if self.objectives.are_passed(objective):
            return
        start, self.check.loss, gradient = begin()
        self.file, self.line = MINIMISED
        self.silent[MINIMISED] = self.objectives.passed
        self.updated, self.check.gradients = [Parameter("x0", start, None)], [gradient]
        self.check.entry.is_minimised = True
        place = place_of(sys._getframe(1)) if self.objectives.passed else None
        where = f" at {Path(place.file).name}:{place.line}" if place is not None else ""
        self.judged = f"One call of the function that {minimiser} is given{where} {MADE_AND_JUDGED}"
        raise TurnDone("one call")

    def _goes_on(self, updates: list[Update], first: int) -> bool:
        """Whether the next update is waited for: what is never set back to nothing is right in the first one."""
        tape, parameters = self.check.tape, {before for before, _ in updates}
        if self.waited or not self.most_silent or len(tape.steps) > MOST_RECORDED:
            return not self.waited.isdisjoint(parameters)
        events = self.check.watch.events
        if is_added_up(tape, events, updates, first) or forward_before(self.met, updates, first):
            self.waited = parameters
        return bool(self.waited)

    def _around(self, frame: FrameType | None, turn: Turn) -> Iterator[tuple[FrameType, Turn]]:
        """The turns of loops that a turn is made in, the nearest first, with the functions that run them."""
        while frame is not None:
            turns = self.running.get(self._number(frame), [])
            yield from ((frame, other) for other in reversed(turns) if other is not turn)
            frame = frame.f_back

    def _outermost(self, frame: FrameType, turn: Turn) -> int:
        """The step at which the outermost loop around a turn began its own; the turn itself where there is none."""
        return min([turn.steps, *(other.steps for _, other in self._around(frame, turn))])

    def _is_forward(self, found: list[tuple[Parameter, int]], frame: FrameType) -> bool:
        """Whether a turn only adds to what the loops around it, or the function, begin anew, by what else is trained.

        So does a residual network, layer by layer or step by step, and what is handed back through it, by segments too.
        Where no other loop trains anything, this one does.
        """
        tape, turn = self.check.tape, self.running[self._number(frame)][-1]
        outer = list(self._around(frame, turn))[-1:]
        if not outer or not found or not self.most_silent:
            return False
        is_own = outer[0][0] is frame
        begun = outer[0][1].first if is_own else frame.f_code.co_firstlineno
        anew = bound_between(turn.file, begun, turn.first) | (set() if is_own else arguments_of(frame))
        if not all(parameter.name in anew for parameter, _ in found):
            return False
        states = States(self.check.watch, turn)
        if all(states.moves_alone(parameter.node, after) for parameter, after in found):
            self.passed_over = True
            return True
        if not any(is_added(tape, *each) for each in found):
            return False
        read = {node for step in tape.steps[turn.steps :] for node in step.reads} - {p.node for p, _ in found}
        named, since = self._names(turn), self._outermost(frame, turn)
        read |= made_between(tape, read, since, turn.begun)
        events = [event for node in read for event in named.get(node)]
        names = {word for event in events for word in re.findall(r"\w+", event.name)}
        files = {turn.file, *(event.place.file for event in events)}  # an optimizer may be beside the layers
        if all(names.isdisjoint(trained_in(file)) for file in files):
            return False
        self.passed_over = True
        self.carried |= {parameter.node for parameter, _ in found}
        return True

    def _is_part_of_step(self, found: list[tuple[Parameter, int]], frame: FrameType, turn: Turn) -> bool:
        """Whether a turn of an outer loop goes on with what this one updated: `for n in ns: v[n] -= g; v[c] -= h`."""
        rest = gone_on_with(turn.file, turn.first) if found and self.most_silent else frozenset[str]()
        is_part = any(p.name in rest for p, _ in found) and next(self._around(frame, turn), None) is not None
        self.passed_over |= is_part
        return is_part

    def _trained(self, turn: Turn, found: list[tuple[Parameter, int]]) -> list[tuple[Parameter, int]]:
        """Updates without data under a lent name that a loop in the turn carried on to the loss, as `h = X` begins.

        If nothing else is updated, that is trained.
        """
        named = self._names(turn) if self.carried else None
        known = named.get if named is not None else lambda node: list[Event]()
        rest = [each for each in found if not self._is_carried(turn, *each, known(each[0].node))]
        return rest or found

    def _is_carried(self, turn: Turn, parameter: Parameter, after: int, known: list[Event]) -> bool:
        """Whether an inner loop carried a value on that was there before all turns, by a name that these lent it."""
        node, nodes = parameter.node, self.check.tape.nodes
        step = self.check.tape.steps[nodes[node].step]
        lines = {e.place.line for e in known if e.short == parameter.short and e.place.file == turn.file}
        is_lent = any(turn.first < line <= turn.last for line in lines)
        is_old = step.function is None or step.index < turn.begun
        return node in self.carried and is_lent and is_old and nodes[node].slot != nodes[after].slot

    def _begin_anew(self, found: list[tuple[Parameter, int]], frame: FrameType, turn: Turn) -> bool:
        """Whether an outer loop makes something anew in each turn of what it updates itself, and that is no copy.

        So begins what an equation hands on backwards in time, and not what is trained.
        """
        tape, around = self.check.tape, list(self._around(frame, turn)) if found else []
        updated = {name for by, other in around for name in stepped_in(by.f_code.co_filename, other.first)}
        if not updated:
            return False
        outer, parents = min(other.steps for _, other in around), tape.parents()
        named = self._names(turn)
        for parameter, _ in found:
            made = tape.steps[tape.nodes[parameter.node].step]
            if made.index >= outer and made.function is not None and handed_over(made) is None:
                behind = ancestors(parents, [parameter.node]) - {parameter.node}
                steps = {node: tape.steps[tape.nodes[node].step] for node in behind}
                before = [node for node, step in steps.items() if step.index < outer or step.function is None]
                own = {event.short for node in before for event in named.get(node)}
                if parameter.short not in own and not updated.isdisjoint(own):
                    return True
        return False

    def _updates(self, turn: Turn, outermost: int, frame: FrameType) -> list[tuple[Parameter, int]]:
        """The values that were there before the turn, were used in it, and then changed under their own name.

        What is updated by what an outer loop made of it before is so by a part of that loop's turn only, such as the
        loop over the layers, unless the turn makes a loss of it; one that was only watched before says nothing. What
        only a function that has ended called so was no update, as a sum that begins with a bias, unless it wrote to the
        array itself; nor is such a sum in the turn itself, which begins as another name of the bias, and of which other
        updates are made.
        """
        tape, events = self.check.tape, self.check.watch.events
        running = self.check.watch.owners_of(frame)
        held = held_by(frame) if any(is_in_container(event) for event in events[turn.events :]) else set()
        steps = tape.steps[turn.steps :]
        reads = Counter(node for step in steps for node in step.reads)
        first_reads: dict[int, int] = {}  # by array: the earliest of its values that the turn read
        for read in reads:
            first_reads[tape.nodes[read].slot] = min(read, first_reads.get(tape.nodes[read].slot, read))
        named = self._names(turn)
        found: dict[int, tuple[Parameter, int]] = {}
        begun = [turn.begun, *(other.begun for _, other in self._around(frame, turn))]  # also entry by entry of a row
        goes_over = cache(
            lambda node: any(goes_over_entries(self.met, node, outermost, first, turn.steps) for first in begun)
        )
        parts_since = cache(lambda node: parts_between(tape, node, tape.current[tape.nodes[node].slot]))
        is_read = cache(
            lambda before, after: (
                is_read_in_parts(self.met, first_reads, before, after)
                or (tape.nodes[after].step >= turn.steps and is_read_before(self.met, before, after, turn.steps))
            )
        )
        new = set(events[turn.events :])  # objects that are made in a turn hold what is made in it, too
        there = cache(lambda: {node for node, _ in named.items() if tape.nodes[node].step < turn.steps})
        by_outer: dict[int, int] = {}  # what is updated by what an outer loop made of it
        apart: dict[int, tuple[Parameter, int]] = {}  # the same under a name that was lent, where itself it stays
        for event in events[turn.events :]:
            has_ended = event.owner < 0 and event.owner not in running
            step = tape.steps[tape.nodes[event.node].step]
            earlier = named.last_of(tape.nodes[event.node].slot)
            inner = projected(tape, step)
            near = tape.near(step if inner is None else tape.steps[tape.nodes[inner].step], OF_AN_UPDATE)
            alias = {event.node} if is_rename(event.place.file, event.place.line) else set()  # that changes nothing
            for before in sorted((near | earlier) - alias, reverse=True):
                node = tape.nodes[before]
                if has_ended and node.slot != tape.nodes[event.node].slot:  # else it wrote to what outlives it
                    continue
                known = (
                    e
                    for e in (*named.get(before), *self.met.arguments_of(before, running))
                    if (is_same_name(e, event) and not are_in_two_new(e, event, new))
                    or is_in_new_object(e, event, new)
                    or (e.name, event.node) in held
                )
                old = next(known, None)
                if (
                    old is None
                    or before in found
                    or (before in apart and named.is_lent(before, old))
                    or (reads[before] < 2 and not is_read(before, event.node))
                    or node.value.dtype.kind != "f"
                    or is_logged(event.name, node.value)
                    or (event.short == "grad" and old.short == "grad")  # it is added up
                    or goes_over(before)
                    or self.met.is_gone_by(before, turn.steps)
                ):
                    continue
                if self._is_made_before(event.node, before, outermost, turn):
                    by_outer[before] = event.node
                    continue
                last = event.node
                parts = [] if claims_gradient(event.name) else parts_since(before)
                now = tape.current[node.slot]
                if parts and (
                    is_read_elsewhere(steps, before, parts) or is_read_before(self.met, before, now, turn.steps)
                ):
                    last = now
                    if self._is_made_before(now, before, outermost, turn):
                        by_outer[before] = now
                        continue
                else:
                    change = in_update(tape, step, event.node, before) or last_of_several(
                        tape, before, event.node, turn.steps
                    )
                    is_mean = change is not None and is_average(tape, change, before, there)
                    if change is None or step.index < turn.steps or is_mean or is_mix(tape, event.node, before):
                        continue
                stand = Recorded(tape, node.value, node.slot)
                into = apart if named.is_lent(before, old) and tape.nodes[last].slot != node.slot else found
                into[before] = Parameter(old.name.removeprefix("self."), stand, None, first=before), last
        take_apart(tape, apart, found)
        name_apart(
            [each for each in found.values() if tape.nodes[each[1]].slot == tape.nodes[each[0].node].slot], named
        )
        every = [*found.values()]
        found = {before: each for before, each in found.items() if not follows(tape, before, each[1], every)} or found
        found = {before: each for before, each in found.items() if not sums_squares(tape, before, each[1])}
        updates = by_outer | {before: last for before, (_, last) in found.items()}
        trained = {before: each for before, each in found.items() if not self._is_velocity(before, each[1], updates)}
        states = States(self.check.watch, turn).among(trained)
        rest = [each for before, each in trained.items() if before not in states]
        self.passed_over |= bool(states) and not rest
        moved_on = self.asked.states.get((turn.file, turn.first), frozenset())
        rest = [each for each in rest if each[0].name not in moved_on]
        return rest if rest or self.most_silent else list(trained.values())

    def _is_made_before(self, node: int, before: int, outermost: int, turn: Turn) -> bool:
        """Whether an outer loop made of a value what a turn puts into another one, by no loss of its own."""
        is_made = self.met.is_made_between(node, before, outermost, turn.begun)
        return is_made and not self._is_by_own_loss(node, before, outermost, turn)

    def _is_by_own_loss(self, node: int, before: int, outermost: int, turn: Turn) -> bool:
        """Whether what was made of a value before a turn, and went into another one, did so by losses of the turn.

        An error may be one that a loop hands back, as `err += dout[k] * w[j, k]` does.
        """
        events, tape = self.check.watch.events[turn.events :], self.check.tape
        numbers = (event for event in events if tape.nodes[event.node].value.size == 1)
        named, count = [event.node for event in numbers if OF_LOSS.search(event.short.lower())], len(tape.steps)
        losses = [loss for loss in named if self.met.is_made_between(loss, before, turn.steps, count)]
        return bool(losses) and self.met.goes_by(losses, node, before, outermost, turn.begun)

    def _is_velocity(self, before: int, last: int, updates: dict[int, int]) -> bool:
        """Whether another value was updated by one: by what it was, or by what became of it as a velocity does."""
        tape = self.check.tape
        reads = tape.steps[tape.nodes[last].step].reads
        goes_on = not np.any(tape.nodes[before].value) or any(
            share_of(tape, read)[1] == before != read for read in reads
        )
        by = {before, last} if goes_on else {before}
        for node, after in ((node, after) for node, after in updates.items() if after != last):
            if any(part.change in by for part in parts_between(tape, node, after)):  # `param[...] += v`
                return True
            change = in_update(tape, tape.steps[tape.nodes[after].step], after, node)
            while change is not None:
                if change[0] in by:
                    return True
                change = inside(tape, change[0]) or beside_decay(tape, change[0], node)
        return False

    def _changed(
        self, turn: Turn, found: list[tuple[Parameter, int]], frame: FrameType
    ) -> Iterator[tuple[Parameter, int]]:
        """What a turn read of before it, and under whose name another value is now, in whatever way it came there.

        What only follows a parameter, as an average or a copy of it does, or is its velocity, has no gradient. Nor has
        what was handed to a function, or put into a new container, that called something else so since.
        """
        tape, events = self.check.tape, self.check.watch.events
        updated, states = {each[0].node: each for each in found}, States(self.check.watch, turn)
        running, new = self.check.watch.owners_of(frame), set(events[turn.events :])
        updates = {node: after for node, (_, after) in updated.items()}
        read = {node for step in tape.steps[turn.steps :] for node in step.reads}
        held: dict[tuple[int, str], tuple[int, Event]] = {}
        for node, names in self._names(turn).items():
            step = tape.steps[tape.nodes[node].step]
            if step.index < turn.steps or step.function is None:  # what is given is known by the line that reads it
                own = (event for event in names if not gives_other_name(turn, event))
                held |= {(event.owner, event.short): (node, event) for event in own}
        for node, event in held.values():
            before = tape.nodes[node]
            if node not in read or claims_gradient(event.name) or is_logged(event.name, before.value):
                continue
            last = next((e for e in reversed(events[turn.events :]) if is_same_name(event, e)), event)
            is_ended = event.owner < 0 and event.owner not in running
            is_new = last is not event and (is_ended or are_in_two_new(event, last, new))
            after = tape.current[before.slot] if last is event or is_new else last.node
            copied = handed_over(tape.steps[tape.nodes[after].step])
            is_copy = copied in [last for _, last in found] or is_mix(tape, after, node)
            if (
                is_copy
                or follows(tape, node, after, found)
                or (node not in updated and self._is_velocity(node, after, updates))
            ):
                continue
            if states.is_filled(node) or (node not in updated and states.is_apart(node, after, updated)):
                continue
            if node in self.carried and node not in updated:
                continue
            if after != node and before.value.dtype.kind == "f" and tape.nodes[after].value.shape == before.value.shape:
                stand = Recorded(tape, before.value, before.slot)
                yield Parameter(event.name.removeprefix("self."), stand, None, first=node), after

    def _names(self, turn: Turn) -> NamedBefore:
        """The names of what was there before a turn."""
        return NamedBefore(self.met, turn)


def gives_other_name(turn: Turn, event: Event) -> bool:
    """Whether a line of a turn, or of what that calls, gives what there was before another name: `out = x`."""
    return turn.holds(event.place, event.time) and is_rename(event.place.file, event.place.line)


def name_apart(updated: list[tuple[Parameter, int]], named: NamedBefore) -> None:
    """Call parameters that are updated in place under one name, as by `for p, g in zip(...)`, by names of their own.

    That is the first one that no other has, or else the first.
    """
    times = Counter(parameter.name for parameter, _ in updated)
    alike = [parameter for parameter, _ in updated if times[parameter.name] > 1]
    known = {parameter.node: [event.name for event in named.get(parameter.node)] for parameter in alike}
    owners = Counter(name for names in known.values() for name in dict.fromkeys(names))
    for parameter in alike:
        names = known[parameter.node]
        own = next((name for name in names if owners[name] == 1), next(iter(names), parameter.name))
        parameter.name = own.removeprefix("self.")


def follows(tape: Tape, before: int, after: int, updated: list[tuple[Parameter, int]]) -> bool:
    """Whether a value was moved part of the way to another one that is updated: `slow += 0.01 * (w - slow)`."""
    changes = changes_between(tape, before, after)
    others = [(parameter.node, last) for parameter, last in updated if parameter.node != before]
    held = {tape.nodes[node].slot for each in others for node in each} - {tape.nodes[before].slot}
    found = [drawn_to(tape, change, held_before, by_distance=True) for held_before, change in changes]
    return bool(found) and all(other is not None and tape.nodes[other].slot in held for other in found)


def sums_squares(tape: Tape, before: int, after: int) -> bool:
    """Whether squares are added to a value, as to what AdaGrad divides by: such a sum is no parameter."""
    changes = [change for _, change in changes_between(tape, before, after)]
    return bool(changes) and all(sign < 0 and is_square(tape.steps[tape.nodes[node].step]) for node, sign in changes)


def changes_between(tape: Tape, before: int, after: int) -> list[tuple[int, tuple[int, int]]]:
    """What was taken off a value, with the sign by which it was, beside what it was taken off: the whole, or parts."""
    whole = in_update(tape, tape.steps[tape.nodes[after].step], after, before)
    if whole is not None:
        return [(before, whole)]
    is_held = tape.nodes[after].slot == tape.nodes[before].slot
    parts = parts_between(tape, before, after) if is_held else []
    return [(part.before, (part.change, part.sign)) for part in parts]


def last_of_several(tape: Tape, before: int, after: int, first: int) -> tuple[int, int] | None:
    """What the last of several updates of one line took off a value, with the sign; None of a single one.

    All are made since a step: those of turns before are no part of this one's.
    """
    is_held = tape.nodes[after].slot == tape.nodes[before].slot
    updates = updates_in_turns(tape, before, after) if is_held else []
    is_here = bool(updates) and all(tape.nodes[update.change].step >= first for update in updates)
    return (updates[-1].change, updates[-1].sign) if is_here else None


def is_read_in_parts(met: Met, first_reads: dict[int, int], before: int, after: int) -> bool:
    """Whether something reads another array that shows what one held, as a layer may be a view of all weights."""
    tape = met.watch.tape
    beside = tape.slots_beside(tape.nodes[before].slot) | {tape.nodes[node].slot for node in met.views_of(before)}
    return any(first_reads.get(slot, after) < after for slot in beside)


def is_read_elsewhere(steps: list[Step], node: int, parts: list[Part]) -> bool:
    """Whether something reads a value but the lines that update parts of it, as those of a sum that begins with 0."""
    reading = {str(step.place) for step in steps if node in step.reads}
    return not reading <= {str(part.place) for part in parts}


def is_logged(name: str, value: Array) -> bool:
    """Whether a number is a loss that is only written down: `smooth_loss += 0.001 * (loss - smooth_loss)`.

    A letter may be a parameter, as the e after a, b, c and d, and so may the bias e2 of weights D2.
    """
    return value.size == 1 and is_loss_name(name) and len(name.rpartition(".")[2].rstrip("0123456789")) > 1


def is_in_container(event: Event) -> bool:
    """Whether a name says a place in a list, a dict or a tuple, or of a field, as of a named tuple."""
    return event.name.endswith("]") or ("." in event.name and not event.name.startswith("self."))


def is_in_new_object(one: Event, other: Event, new: set[Event]) -> bool:
    """Whether a value has the place in an object that was made anew which another one had in that before a turn."""
    return one not in new and other.name.startswith("self.") and (one.name, one.place) == (other.name, other.place)


def are_in_two_new(one: Event, other: Event, new: set[Event]) -> bool:
    """Whether two values have one place in two containers, each made in the turn: calls return several values so."""
    return one in new and one.owner != other.owner and one.name == other.name and one.name.endswith("]")


def lift_numbers(frame: FrameType, line: int, watch: Any) -> None:
    """Before a loop begins: numbers of Python's with a point, and whole ones that the loop steps, become recorded.

    A bias that begins as a number is known by its name from then on, and so is what the loop gives another value, or
    hands to a function and takes back: a function may update it, and return it.
    """
    names, tape, file = frame.f_locals, watch.tape, frame.f_code.co_filename
    stepped, handed = stepped_in(file, line), handed_round_in(file, line)
    bound = bound_between(file, line, loops_in(file)[line] + 1)
    for name, value in list(names.items()):
        is_learnt = is_bias_of(frame, name, value) or (name in handed and is_number(value))
        if type(value) in (float, np.float64) or (type(value) is int and (name in stepped or is_learnt)):
            number = from_outside(tape, value)
            set_local(frame, name, number)
            if is_learnt or (value and name in bound):  # a velocity begins as 0
                watch.note(frame, name, number.node)
        elif is_data(name, value) and watch.idle[file, line, name] < MOST_IDLE:
            watch.idle[file, line, name] += 1
            for holder, key, _, part in list(arrays_below(value, name, set())):
                recorded = from_outside(tape, part) if type(part) is not Recorded else None
                if recorded is not None:
                    watch.idle[file, line, name] = 0
                    put(holder, key, recorded)
