"""The search: which lines may be wrong, which changes of them leave the right gradients, and which is the smallest."""

from __future__ import annotations

import ast
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.explaining.misgiven import Misgiven
from tinygrad_scratch.verifier.meant.conventions import cases_without, factor_said
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.places import FileLine, Place
from tinygrad_scratch.verifier.reading.source import end_of_head, start_of_function_in, text_of
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Step
from tinygrad_scratch.verifier.rewriting.added_at import of_as_many_axes
from tinygrad_scratch.verifier.rewriting.clock import Clock
from tinygrad_scratch.verifier.rewriting.quiet import calls_loudly, loud_names
from tinygrad_scratch.verifier.rewriting.rewrite import PUT_IN, Rewrite
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.text import Source, lines_of, source_of
from tinygrad_scratch.verifier.rewriting.unchecked import Unchecked
from tinygrad_scratch.verifier.running.again import Again, Run
from tinygrad_scratch.verifier.running.functions import Functions, functions_of
from tinygrad_scratch.verifier.running.guard import Guard
from tinygrad_scratch.verifier.running.state import Before, Draws
from tinygrad_scratch.verifier.trying.composed import composed_at
from tinygrad_scratch.verifier.trying.hit import Hit
from tinygrad_scratch.verifier.trying.left import Goal, Left, Spot, goals_of, spots_after, spots_in
from tinygrad_scratch.verifier.trying.lines import Lines
from tinygrad_scratch.verifier.trying.looks import Looked, Looks, is_same, known, looked_at, ranks, updated_by
from tinygrad_scratch.verifier.trying.outlook import LIKELY, RULED_OUT, UNKNOWN, Outlook, factors_of_all

ADDS_EACH_TIME = re.compile(r"(?:np|numpy)\.(?:add|subtract)\.at\(")
T = TypeVar("T")
FAR = 10**9  # lines: in another file
RECORDED = 100  # how much longer a call takes that is recorded
FOR_EACH = 200  # calls: what a change takes beside them
MANY_TIMES, MANY_LINES = 10, 2_000  # a changed run may take this many times the lines of the run as it is, and more
BUSY = 1.5  # how much longer the search may last than it takes, as where others use the machine, too
OF_ONE_NUMBER = 16  # how much shorter a call takes that makes or keeps one number


@dataclass
class Search:
    """A search for the change of the source that makes all gradients of a case right.

    `kind` is the class of the checks by which that is judged, `modules` the globals of the functions that ran.
    """

    case: Case
    again: Again
    kind: Any
    modules: list[dict[str, Any]]
    tiers: tuple[int, ...]  # of changes that are tried
    near: set[tuple[str, int]]  # files and lines that are suspected already
    work_left: int  # in calls of NumPy
    only_near: bool = False  # whether no other lines are looked at
    composes: bool = False  # whether, where no usual change is right, composed values are tried
    repeats: bool | None = None  # whether the calls, made once more, leave the same, where another search saw that

    seconds: ClassVar = 12.0  # after which nothing more is tried
    run_seconds: ClassVar = 5.0  # after which a run is stopped

    def run(self) -> list[Hit]:
        """The changes that leave the right gradients; what puts something in only where there are no others."""
        return self.within(self.found) or []

    def refutes(self, file: str, rewrite: Rewrite) -> bool:
        """Whether the calls can be made once more, and do not leave the right gradients with a change."""
        return self.within(lambda: self.is_refuted(file, rewrite)) or False

    def within(self, work: Callable[[], T]) -> T | None:
        """What comes of some work in which the calls are made again; None where they can't be."""
        self.lines, self.most_lines = lines_of_suspects(self.case), float("inf")
        anew = self.again.makes_anew
        self.own = functions_of(self.modules)  # the functions that a person wrote
        self.unchecked = Unchecked(self.own)  # by what their names mean now: they are gone once a run is put back
        self.functions = {file: Functions(file, [] if anew(file) else self.own) for file in self.lines}
        of_modules = (value for names in self.modules for value in names.values())
        read, every = self.again.read(), [*self.again.variables.values(), *of_modules]
        self.before = Before(read, every, self.modules)
        if not self.before.can_be_put_back:
            return None
        draws, self.clock = Draws(every), Clock()
        self.ends_by = self.clock.now() + self.seconds
        self.deadline = time.monotonic() + BUSY * self.seconds
        try:
            with Guard.harmless():
                if self.repeats is None:
                    self.repeats = self.is_repeatable()
                return work() if self.repeats else None
        finally:
            draws.put_back()

    def is_refuted(self, file: str, rewrite: Rewrite) -> bool:
        """Whether a change makes other wrong gradients, or ends the run; False where it can't be made."""
        self.loud = loud_names(self.own)
        if file not in self.functions or self.unchecked.calls(file, rewrite) or self.calls_loudly(file, rewrite):
            return False
        is_inside = self.again.holds(file, rewrite.line)
        try:
            changed = nullcontext() if is_inside else self.functions[file].changed(rewrite)
            with changed, self.functions[file].shown(rewrite):
                check = self.recorded()
        except (SyntaxError, ValueError):
            return True
        case = getattr(check, "case", None)  # none where the run raised an error
        return check is None or not (check.right or (case is not None and is_like(self.case, case)))

    def found(self) -> list[Hit]:
        self.goals = self.goals_now()
        self.wanted = {goal.name for of_all in self.goals for goals in of_all for goal in goals}
        right = Misgiven(self.case).right_functions
        order = lines_in_order(self.case, self.lines, self.near)
        order = [at for at in order if function_at(at) not in right]
        order = [at for at in order if not self.again.leaves_out(*at) and (at in self.near or not self.only_near)]
        self.loud = loud_names(self.own)
        every = [
            change
            for file, line in order
            for change in (
                (file, rewrite) for rewrite in rewrites_at(source_of(text_of(file)), line, self.beside(file))
            )
            if change[1].tier in self.tiers and not self.unchecked.calls(*change) and not self.calls_loudly(*change)
        ]
        foretold = self.foretold(every)
        every = [each for each in every if foretold(each) != RULED_OUT]
        hits: list[Hit] = []
        rounds = self.rounds(every, foretold)
        for i, (tier, changes) in enumerate(rounds):
            if tier >= PUT_IN and not all(hit.convention for hit in hits):
                break
            share = 2 / (len(rounds) - i + 1)  # all that is left for the last of the rounds
            later, until = self.work_left * (1 - share), self.time_left() * (1 - share)
            for file, rewrite in changes:
                if self.work_left <= later or self.time_left() <= until:
                    break
                hit = self.hit(file, rewrite)
                hits += [hit] if hit is not None else []
        if not hits and self.composes and self.work_left > 0 < self.time_left():
            hits = [hit for change in self.composed() if (hit := self.hit(*change)) is not None]
        return sorted(hits, key=lambda hit: ((hit.file, hit.rewrite.line) not in self.near, hit.rewrite.line))

    def beside(self, file: str) -> list[str]:
        """The texts of the other files of the program."""
        files = {*self.lines, *(function.__code__.co_filename for function in self.own)} - {file}
        return [text_of(other) for other in sorted(files)]

    def calls_loudly(self, file: str, rewrite: Rewrite) -> bool:
        adds = ADDS_EACH_TIME.match(rewrite.text) is not None  # it changes what the statement does already
        return not adds and calls_loudly(text_of(file)[rewrite.start : rewrite.end], rewrite.text, self.loud)

    def composed(self) -> list[tuple[str, Rewrite]]:
        """The changes of the suspected lines by composed values with which the gradients are right."""
        places = [place for place in self.near | self.beside_near() if place in self.calls_of]
        outlook = Outlook(self.case, self.case.replay())
        composed = {
            place: each
            for place in places
            if (each := composed_at(self.case, place, self.calls_of[place], self.loud)) is not None
        }
        run = self.again.plain("", None)
        if not composed or run is None:
            return []
        self.run_plainly(run, Looks(Left(set(self.lines)), self.run_seconds, outlook, composed, self.again.ends()))
        found = [(place[0], change) for place, each in composed.items() for change in each.found(outlook)]
        return [each for each in found if not self.unchecked.calls(*each)]

    def beside_near(self) -> set[tuple[str, int]]:
        """The lines of the functions that the suspected lines call, and those that made what they read."""
        steps = self.case.tape.steps
        called = (step for step in steps if not places_of([step.caller]).isdisjoint(self.near))
        near = (step for step in steps if not places_of([step.place]).isdisjoint(self.near))
        read = {node for step in near for node in step.reads} - self.case.forward
        return places_of(step.place for step in (*called, *map(self.case.step_of, sorted(read))))

    def rounds(
        self, every: list[tuple[str, Rewrite]], foretold: Callable[[tuple[str, Rewrite]], float]
    ) -> list[tuple[int, list[tuple[str, Rewrite]]]]:
        """What is tried one after the other, by tiers; of changes that put nothing in those first that look right.

        A long program leaves time for few changes, so that the likely ones don't wait for the others of their tier.
        """
        early = [each for each in every if foretold(each) == LIKELY and each[1].tier < PUT_IN]
        rounds = [(min(self.tiers), early)]
        for tier in self.tiers:
            own = [each for each in every if each[1].tier == tier and not (foretold(each) == LIKELY and tier < PUT_IN)]
            rounds.append((tier, sorted(own, key=foretold)))
        return rounds

    def time_left(self) -> float:
        """Of the seconds of this program's own: on a busy machine it may take more, though not too many."""
        return min(self.ends_by - self.clock.now(), self.deadline - time.monotonic())

    @cached_property
    def work_of_run(self) -> int:
        """What the calls take once more, unrecorded."""
        nodes = self.case.tape.nodes
        single = sum(
            name_of(step.function) in ("getitem", "setitem") or all(np.size(nodes[n].value) == 1 for n in step.makes)
            for step in self.case.tape.steps
        )
        return len(self.case.tape.steps) - single + single // OF_ONE_NUMBER

    def hit(self, file: str, rewrite: Rewrite) -> Hit | None:
        self.work_left -= FOR_EACH + self.work_of_run
        try:
            is_inside = self.again.holds(file, rewrite.line)  # a block is made anew
            with nullcontext() if is_inside else self.functions[file].changed(rewrite):
                if self.goals and not self.meets_goals(file, rewrite):
                    return None
                self.work_left -= RECORDED * len(self.case.tape.steps)
                with self.functions[file].shown(rewrite):
                    check = self.recorded()
        except (SyntaxError, ValueError):
            return None
        if check is None or not check.right or not self.is_of_the_same(check):
            return None
        usual = factor_said(self.case, self.case.scale) if self.case.scale != 1 else ""
        hit = Hit(file, rewrite, check, is_inside, usual, self.case.scale)
        return None if hit.puts_in_nothing else hit

    # ---- what is told without a run of its own -----------------------------------------------------------------------

    def foretold(self, every: list[tuple[str, Rewrite]]) -> Callable[[tuple[str, Rewrite]], float]:
        """How likely each change is by what its statement would give, with the values that it finds in a plain run."""
        outlook, by_line = Outlook(self.case, self.case.replay()), defaultdict[str, dict[int, list[Rewrite]]](dict)
        for file, rewrite in every:
            by_line[file].setdefault(rewrite.line, []).append(rewrite)
        looked: dict[tuple[str, int], Looked] = {}
        for file, own in by_line.items():
            looked |= looked_at(source_of(text_of(file)), file, own, outlook, self.loud)
        is_seen = self.looks_at(outlook, looked)
        found = ranks(looked, outlook) if is_seen else {}
        self.updated = updated_by(looked) if is_seen else {}
        self.calls_of = {place: each.times for place, each in looked.items() if each.is_known and each.times}
        return lambda each: found.get((each[0], *known(each[1])), UNKNOWN)

    def looks_at(self, outlook: Outlook, looked: dict[tuple[str, int], Looked]) -> bool:
        """Whether a plain run came to its end as it does when nothing else is worked out in it."""
        left, run = Left(set(self.lines)), self.again.plain("", None)
        if run is None:
            return False
        return self.run_plainly(run, Looks(left, self.run_seconds, outlook, looked, self.again.ends())) and all(
            name in left.found and np.array_equal(left.found[name], self.as_it_is[name], equal_nan=True)
            for name in self.wanted
        )

    # ---- recorded runs -----------------------------------------------------------------------------------------------

    def recorded(self) -> Any:
        self.again.draws.put_back()
        try:
            return self.again.recorded(self.kind)
        except KeyboardInterrupt:
            raise
        except BaseException:
            return None
        finally:
            self.before.restore()

    def is_repeatable(self) -> bool:
        """Whether the calls, made once more, leave the same wrong gradients."""
        check = self.recorded()
        if check is None or check.right or getattr(check, "case", None) is None:
            return False
        return is_like(self.case, check.case)

    def is_of_the_same(self, check: Any) -> bool:
        """Whether another run judged the gradients of the same parameters, by the same loss."""
        mine, other = (float(np.sum(case.tape.nodes[case.truth.loss].value)) for case in (self.case, check.case))
        near = self.again.strays() or bool(np.isclose(mine, other))
        return values_of(self.case).keys() <= values_of(check.case).keys() and near

    # ---- plain runs --------------------------------------------------------------------------------------------------

    def goals_now(self) -> list[list[list[Goal]]]:
        """Where each gradient shows up after a plain run and what is right there, by the factor that all may carry."""
        start = Left(set(self.lines))
        start.take("after", self.again.variables)
        left = self.left("", None, None)
        if left is None:
            return []
        self.as_it_is = left
        found = []
        values = self.case.replay()
        first = self.case.scale
        nodes = self.case.tape.nodes
        spots = {
            final.node: [
                *spots_in(left, start.found, nodes[final.parameter.node].value, gradient_now(self.case, final)),
                *spots_after(self.case, final, left),  # what is called a gradient may be that of another one
            ]
            for final in self.case.finals
        }
        wrong = {final.node for final in self.case.wrong(values)}
        odd = {f.node for f in self.case.finals if nodes[f.node].value.size != self.case.true_of(f).size}
        spots = of_their_own(spots, wrong & odd)
        spots = {node: by_known_factors(node, spots, nodes) for node in spots}
        spots = by_rates_of_right(spots, wrong)
        pairs = [(self.case, scale) for scale in factors_of_all(self.case, values)]
        for case, scale in [*pairs, *((other, first) for other in cases_without(self.case))]:
            case.scale = scale
            wanted = [case.wanted(gradient_now(case, final), final) for final in case.finals]
            of_all = [goals_of(spots[final.node], truth) for final, truth in zip(case.finals, wanted, strict=True)]
            wrong = {final.node for final in case.wrong(values)}
            told = all(goals for final, goals in zip(case.finals, of_all, strict=True) if final.node in wrong)
            if told or scale in (first, 1.0):  # of these some are enough: a recorded run tells of the others
                found.append([plainest(goals) for goals in of_all if goals])
        self.case.scale = first
        return found

    def meets_goals(self, file: str, rewrite: Rewrite) -> bool:
        left = self.left_with(file, rewrite)
        return left is not None and any(
            all(any(goal.is_met(left) for goal in goals) for goals in of_all) for of_all in self.goals
        )

    def left_with(self, file: str, rewrite: Rewrite) -> dict[str, Any] | None:
        """What a plain run leaves with a change, made only where that isn't known without it; None where it fails."""
        if not self.is_run(file, rewrite.line):
            return self.as_it_is
        updated = self.updated.get((file, *known(rewrite)), [])
        names = [[name for name in self.wanted if is_same(self.as_it_is[name], was)] for was, _ in updated]
        if updated and all(names):
            return self.as_it_is | {name: now for own, (_, now) in zip(names, updated, strict=True) for name in own}
        return self.left(file, rewrite, self.wanted)

    def is_run(self, file: str, line: int) -> bool:
        """Whether a plain run may come to a line: it enters the function around it, or makes what stands there."""
        return (
            self.again.holds(file, line) or self.again.makes_anew(file) or self.functions[file].has(line, self.entered)
        )

    def left(self, file: str, rewrite: Rewrite | None, wanted: set[str] | None) -> dict[str, Any] | None:
        """What a plain run leaves; None where it fails."""
        left, run = Left(set(self.lines), wanted), self.again.plain(file, rewrite)
        if run is None:
            return None
        lines = Lines(left, self.most_lines, self.run_seconds, self.again.ends())
        with nullcontext() if rewrite is None else of_as_many_axes([rewrite.text, *map(text_of, self.functions)]):
            is_made = self.run_plainly(run, lines)
        if not is_made:
            return None
        if rewrite is None:
            self.most_lines, self.entered = MANY_LINES + MANY_TIMES * lines.count, lines.entered
        return left.found

    def run_plainly(self, run: Run, lines: Lines) -> bool:
        """Make a run, and take what it leaves; False where it fails."""
        self.again.draws.put_back()
        try:
            with np.errstate(all="ignore"):
                with lines.traced():
                    variables = run()
                lines.left.take("after", variables)
        except KeyboardInterrupt:
            raise
        except BaseException:  # theirs may be of any kind
            return False
        finally:
            self.before.restore()
        return True


def by_known_factors(node: int, spots: dict[int, list[Spot]], nodes: list[Any]) -> list[Spot]:
    """Where a gradient shows up; of a single number, which is a multiple of any, by a factor that arrays have."""
    if nodes[node].value.size > 1:
        return spots[node]
    known = [1.0, *(spot.factor for other in spots if nodes[other].value.size > 1 for spot in spots[other])]
    return [spot for spot in spots[node] if np.any(np.isclose(spot.factor, known, rtol=1e-6, atol=0))] or spots[node]


def of_their_own(spots: dict[int, list[Spot]], wrong: set[int]) -> dict[int, list[Spot]]:
    """Where gradients show up; of a wrong one, of another size, not where that of another parameter is."""
    right = {spot.name for node, own in spots.items() if node not in wrong for spot in own}
    return {
        node: [spot for spot in own if node not in wrong or np.ndim(spot.start) or spot.name not in right]
        for node, own in spots.items()
    }


def by_rates_of_right(spots: dict[int, list[Spot]], wrong: set[int]) -> dict[int, list[Spot]]:
    """Where gradients show up; of a wrong one that is taken off its parameter, also by the rate of the right ones."""
    taken = {node: [spot for spot in own if np.ndim(spot.start)] for node, own in spots.items()}
    rates = {float(f"{spot.factor:.9g}") for node, own in taken.items() if node not in wrong for spot in own}
    if len(rates) != 1:  # each has its own
        return spots
    more = {node: [replace(spot, factor=rate) for spot in taken[node] for rate in rates] for node in wrong}
    return {node: [*own, *more.get(node, [])] for node, own in spots.items()}


def plainest(goals: list[Goal]) -> list[Goal]:
    """Those of some goals that are seen after a run, where there are such: no call has to be watched for them."""
    return [goal for goal in goals if goal.name.startswith("after:")] or goals


def gradient_now(case: Case, final: Any) -> Any:
    """A gradient as it was recorded."""
    return np.asarray(case.tape.nodes[final.node].value, float)


def is_like(one: Case, other: Case) -> bool:
    """Whether two runs left the same gradients."""
    mine, others = values_of(one), values_of(other)
    return mine.keys() == others.keys() and all(
        mine[name].shape == others[name].shape and np.allclose(mine[name], others[name], equal_nan=True)
        for name in mine
    )


def values_of(case: Case) -> dict[str, Any]:
    return {final.parameter.name: np.asarray(case.tape.nodes[final.node].value) for final in case.finals}


# ---- where to look ---------------------------------------------------------------------------------------------------


def lines_of_suspects(case: Case) -> dict[str, set[int]]:
    """The statements that may hold the mistake, by file and first line.

    They are those that made the wrong gradients, or all where none is wrong, and not the loss or its data, those of the
    updates by them, and those around these that made nothing of the forward pass, such as the head of a loop.
    """
    wrong = case.wrong(case.replay()) or case.finals
    ahead_of_loss = case.forward | case.ancestors([case.truth.loss])
    made = case.ancestors(final.node for final in wrong) - ahead_of_loss
    steps = [*(case.step_of(node) for node in made), *updates_by(case, wrong)]
    forward = [step for step in case.tape.steps if not ahead_of_loss.isdisjoint(step.makes)]
    ahead, calls_ahead = places_of(s.place for s in forward), places_of(s.caller for s in forward)
    named = places_of(event.place for event in (*case.events, *case.returned, *case.entries) if event.node in made)
    callers = places_of(step.caller for step in steps)
    behind = places_of(step.place for step in steps) | (named | callers) - calls_ahead  # these are given the data, too
    ahead |= calls_ahead
    behind |= callers_of(case, behind) - ahead
    found: dict[str, set[int]] = {}
    for file, line in sorted(behind):
        lines = [n for f, n in behind if f == file]
        begin = max((n + 1 for f, n in ahead if f == file and n < min(lines)), default=min(lines))
        within = range(begin, max(lines) + 1)  # also what only gave a value of the forward pass another name
        around = sorted(statements_around(source_of(text_of(file)), line, within), key=lambda node: node.lineno)
        heads = [{(file, n) for n in range(node.lineno, end_of_head(node) + 1)} for node in around]
        of_forward = [head & ahead and not head & behind for head in heads]
        start = next((i for i, each in enumerate(of_forward) if each), 0)  # before it, data is made ready
        for i, (node, head) in enumerate(zip(around, heads, strict=True)):
            if head & behind or (i >= start and not head & ahead):
                found.setdefault(file, set()).add(node.lineno)
    return found


def callers_of(case: Case, lines: set[FileLine]) -> set[FileLine]:
    """Where functions call those that hold some lines, and so on up: such a line may make nothing of its own."""
    callers = defaultdict[FileLine, set[FileLine]](set)
    for begin, caller in case.calls:
        callers[function_at(begin)].add(caller)
    found, waiting = set[FileLine](), {function_at(line) for line in lines}
    seen = set(waiting)
    while waiting:
        more = {line for line in callers[waiting.pop()] if function_at(line)[1]}  # and no line of a script
        found |= more
        waiting |= {function_at(line) for line in more} - seen
        seen |= waiting
    return found


def function_at(line: FileLine) -> FileLine:
    """Where the function around a line begins; at line 0 where there is none."""
    return line[0], start_of_function_in(text_of(line[0]), line[1])


def updates_by(case: Case, wrong: list[Final]) -> list[Step]:
    """What takes wrong gradients off their parameters: a part of one may be left out there."""
    moved = {final.node for final in wrong if final.by == "update"}
    found = []
    for step in case.tape.steps:
        if not moved.isdisjoint(step.reads) and case.forward.isdisjoint(step.makes):
            found.append(step)
            moved |= {*step.makes} if name_of(step.function) in ("multiply", "divide", "negative") else set()
    return found


def places_of(places: Iterable[Place | None]) -> set[tuple[str, int]]:
    return {(place.file, place.line) for place in places if place is not None}


def lines_in_order(case: Case, lines: dict[str, set[int]], near: set[tuple[str, int]]) -> list[tuple[str, int]]:
    """The likeliest first: those suspected already, then those behind all wrong gradients and few right ones.

    A line that made no value, such as the head of a loop, is behind what its neighbours are behind.
    """
    wrong = {final.node for final in case.wrong(case.replay())}
    behind: dict[tuple[str, int], list[int]] = {}  # how many wrong and right gradients a line is behind
    for final in case.finals:
        made = case.ancestors([final.node]) - case.forward
        steps = [case.step_of(node) for node in made]
        places = places_of(place for step in steps for place in (step.place, step.caller))
        places |= places_of(event.place for event in case.events if event.node in made)
        for place in places:
            behind.setdefault(place, [0, 0])[final.node not in wrong] += 1

    def unlikely(place: tuple[str, int]) -> tuple[bool, int, int, int]:
        bad, good = behind.get(place, (len(wrong), 0))
        away = min((abs(place[1] - line) for file, line in near if file == place[0]), default=FAR)
        return place not in near, -bad, good, away

    return sorted(((file, line) for file, own in lines.items() for line in sorted(own)), key=unlikely)


def only_keeps(node: ast.stmt) -> bool:
    """Whether a statement is a mere text, or keeps an argument under its own name."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Name(id=given)):
            return name.strip("_") == given.strip("_")
    return False


def statements_around(source: Source, line: int, of_script: range) -> Iterator[ast.stmt]:
    """The statements of the function around a line, of a script those in some lines."""
    function = source.function_around(line)
    within = lines_of(function) if function is not None else of_script
    for node in source.statements:
        if (
            node.lineno in within
            and not only_keeps(node)
            and not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.With)
        ):
            yield node
