"""Which names a person's code gave to which values, and when: seen line by line while it runs."""

from __future__ import annotations

import ast
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from types import FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.names import is_called_after, without_holder
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE, is_bias_of, is_learnt
from tinygrad_scratch.verifier.reading.places import PACKAGE, FileLine, is_theirs, line_in, runs_theirs
from tinygrad_scratch.verifier.reading.source import in_same_function, parsed, statement_at
from tinygrad_scratch.verifier.recording.events import Event, claims_gradient
from tinygrad_scratch.verifier.recording.holders import is_own, parts_of, put, recorded_in, set_local, with_arrays
from tinygrad_scratch.verifier.recording.lines import Line, is_generated, names_on_lines
from tinygrad_scratch.verifier.recording.recorded import ARRAYS, Recorded, from_outside
from tinygrad_scratch.verifier.recording.respelled import Generator
from tinygrad_scratch.verifier.recording.steps import Rename
from tinygrad_scratch.verifier.recording.tape import LimitReached, Tape

OFTEN, EACH = 500, 32  # times that a line is looked at in vain, and which of the later ones that it still is
DEPTH = 4
COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}


@dataclass
class Watch:
    """The events of a run, in order."""

    tape: Tape
    events: list[Event] = field(default_factory=list)
    returned: list[Event] = field(default_factory=list)
    arguments: list[Event] = field(default_factory=list)
    entries: list[Event] = field(default_factory=list)  # of what functions returned: what there was before
    numbers: list[Event] = field(default_factory=list)  # single ones that functions returned, alone or beside others
    dropped: list[Event] = field(default_factory=list)  # those of them of calls whose result goes nowhere
    calls: set[tuple[FileLine, FileLine]] = field(default_factory=set)  # where functions begin, and are called
    given: list[Recorded] = field(default_factory=list)  # what the block itself gave the functions that it called
    passed: list[Event] = field(default_factory=list)  # the same under the names of arguments, with the object called
    handed_back: list[Event] = field(default_factory=list)  # what these returned to the block, with the object called
    deadline: float = float("inf")
    seconds: float = 0.0
    on_names: Callable[[dict[str, Any]], None] = lambda names: None  # sees a namespace before its code runs
    on_line: Callable[[FrameType], None] | None = None
    outer: dict[int, tuple[dict[str, Any], dict[str, Any]]] = field(
        default_factory=dict
    )  # namespaces, and what was in them
    imported: list[dict[str, Any]] = field(default_factory=list)  # namespaces of modules that the run imported
    placed: list[tuple[Any, Any, Any, Any]] = field(default_factory=list)  # holder, key, what was there, what is now
    block: int = 0  # the number of the frame that makes the calls
    in_cells: bool = False  # whether recorded arrays were put where functions keep the variables around them
    own_names: set[int] = field(default_factory=set)  # namespaces, by id, in which recorded arrays may stay
    idle: Counter[tuple[str, int, str]] = field(
        default_factory=Counter
    )  # by loop and name: turns that recorded nothing
    _known: dict[tuple[int, Any], int] = field(default_factory=dict)
    _lines: dict[int, Line] = field(default_factory=dict)  # id of a running frame -> the line that it makes
    _handed: dict[int, dict[int, list[Event]]] = field(default_factory=dict)  # id of a frame -> what it was returned
    _numbers: dict[int, int] = field(default_factory=dict)  # id of a running frame -> its number
    _around: dict[int, dict[str, int]] = field(default_factory=dict)  # id of a frame -> owners of what is around it
    _cells: dict[tuple[str, int], tuple[int, Any]] = field(default_factory=dict)  # name, id of an array -> whose it is
    _frames: int = 0
    _held: dict[int, Any] = field(default_factory=dict)  # so that no id is used twice
    _unused: list[tuple[Recorded, Event]] = field(default_factory=list)  # names of arrays that no call had read yet
    _looked: Counter[FileLine] = field(default_factory=Counter)  # how often a line was, since anything was found on it
    _lifts: int = 0  # plain arrays that were found
    _early: list[tuple[Recorded, Event]] = field(default_factory=list)  # those of them that are `passed`

    @property
    def lists(self) -> tuple[list[Event], ...]:
        """All lists of events, whose nodes have other numbers once a call is put in between others."""
        returned = self.returned, self.entries, self.numbers, self.dropped, self.handed_back
        return self.events, self.arguments, self.passed, *returned

    def trace(self, frame: FrameType, kind: str, argument: Any) -> Any:
        if not is_theirs(frame.f_code.co_filename):  # as of nearly all calls: NumPy's, and those that record
            return None
        if not runs_theirs(frame) or self.tape.closed or is_generated(frame):
            return None
        if time.monotonic() > self.deadline:
            raise LimitReached(f"{self.seconds:g} second{'s' * (self.seconds != 1)}")
        key = id(frame)
        if kind == "call":
            self._frames += 1
            self._numbers[key] = -self._frames
            self._enter(frame)
        elif kind in ("line", "return"):
            line = self._lines.get(key) or Line.of(frame, len(self.tape.steps))
            is_next = kind == "return" or frame.f_lineno == line.place.line  # as of a loop on one line
            line.is_last = is_next or not line.goes_on(frame)
            self._look(frame, line)
            if kind == "return":
                self._return(frame, argument)
                for kept in (self._lines, self._handed, self._numbers, self._around):
                    kept.pop(key, None)  # another frame may get the same id
                return self.trace
            if self.on_line is not None:
                self.on_line(frame)
        self._begin(frame)
        return self.trace

    def _begin(self, frame: FrameType) -> None:
        """The next line of a function; the statement that it belongs to may have begun on another."""
        key, before = id(frame), self._lines.get(id(frame))
        line = self._lines[key] = Line.of(frame, len(self.tape.steps))
        if before is not None and before.goes_on(frame):
            line.began = before.began
        else:
            self._handed.pop(key, None)

    def _owner(self, frame: FrameType) -> int:
        return id(frame.f_globals) if frame.f_code.co_name == "<module>" else self.number_of(frame)

    def number_of(self, frame: FrameType) -> int:
        """A number that a running function alone has; its id where it runs already when the watch begins."""
        return self._numbers.get(id(frame), id(frame))

    def note(self, frame: FrameType, name: str, node: int) -> None:
        """Note that a running function has a value under a name."""
        self.events.append(Event(name, node, line_in(frame), self._owner(frame), len(self.tape.steps)))

    def _owner_of(self, frame: FrameType, name: str) -> int:
        """The owner of a variable: of one from around a function, the call in which that was made.

        A module's only local variables are those of a comprehension that Python 3.12 and newer runs in its place.
        """
        code = frame.f_code
        if code.co_name == "<module>" and name in code.co_varnames:
            return self.number_of(frame)
        return self._around.get(id(frame), {}).get(name, self._owner(frame))

    def _keep_cell(self, frame: FrameType, name: str, value: Any) -> None:
        """Keep which call made a variable that functions in it read: once it has returned, only the array tells."""
        if type(value) is Recorded and name in (*frame.f_code.co_cellvars, *frame.f_code.co_freevars):
            self._cells[name, id(value._array)] = self._owner_of(frame, name), value._array

    def owners_of(self, frame: FrameType | None) -> set[int]:
        """The owners of the variables of a running function, of those that called it, and of what is around others."""
        found = {owner for owner, _ in self._cells.values()}
        while frame is not None:
            found.add(self._owner(frame))
            frame = frame.f_back
        return found

    def _enter(self, frame: FrameType) -> None:
        """Arguments are names of what others named already; those of values without a name are kept apart."""
        place = line_in(frame)
        self.remember(frame)
        if frame.f_code.co_name == "<module>":
            return
        if frame.f_back is not None and runs_theirs(frame.f_back):
            caller = line_in(frame.f_back)
            self.calls.add(((place.file, place.line), (caller.file, caller.line)))
        for name, value in list(frame.f_locals.items()):
            if type(value) is np.random.Generator:
                set_local(frame, name, Generator(value, self.tape))
            if type(value) is float and RATE.match(name):  # so that an update says what was taken off
                value = from_outside(self.tape, value)
                set_local(frame, name, value)
            value = self._recorded(frame, name, value)
            if type(value) is Recorded:
                owner = self._owner(frame)
                if name in frame.f_code.co_freevars:
                    owner, _ = self._cells.get((name, id(value._array)), (owner, None))
                    self._around.setdefault(id(frame), {})[name] = owner
                if self._is_called_by_block(frame):
                    self.given.append(value)
                    passed = Event(name, value.node if value.is_used else -1, place, called_on(frame), 0)
                    self._early += [] if value.is_used else [(value, passed)]
                    self.passed += [passed] if value.is_used else []
                if value.is_used:
                    value = self._handed_over(frame, value)
                    set_local(frame, name, value)
                    self._known[owner, name] = value.node
                    time, number = len(self.tape.steps), value._renamed
                    self.arguments.append(Event(name, value.node, place, owner, time, number))
                else:
                    self._known[owner, name] = -1
                    self._unused.append((value, Event(name, -1, place, owner, 0)))

    def _is_called_by_block(self, frame: FrameType) -> bool:
        """Whether the block itself calls a function, and that is no part of one of its lines."""
        is_part = frame.f_code.co_name in COMPREHENSIONS
        return not is_part and self._numbers.get(id(frame.f_back), self.block) == self.block

    def _handed_over(self, frame: FrameType, value: Recorded) -> Recorded:
        """An argument as it is known by the line that returned it, as in `f(g(x))`, if that made nothing."""
        handed = self._handed.get(id(frame.f_back), {}).get(value.node)
        line = self._lines.get(id(frame.f_back))
        old = line is not None and self.tape.nodes[value.node].step < line.began
        return self._known_by(value, handed[0], False) if handed and old else value

    def remember(self, frame: FrameType) -> None:
        """Keep what a function's module holds, and let the arrays be recorded that the function mentions."""
        self._keep(frame.f_globals)
        for name in frame.f_code.co_names:
            if isinstance(frame.f_globals.get(name), (*ARRAYS, tuple)):
                self._global(frame, name)
        self.remember_modules(frame)

    def remember_modules(self, frame: FrameType) -> None:
        """The same of modules whose arrays a function reads as `model.w`, as none of their own code need run before."""
        own = frame.f_locals
        mentioned = (*frame.f_code.co_names, *frame.f_code.co_varnames, *frame.f_code.co_freevars)
        for holder in (own.get(name, frame.f_globals.get(name)) for name in mentioned):
            if isinstance(holder, ModuleType) and is_theirs(getattr(holder, "__file__", None) or PACKAGE):
                names = vars(holder)
                held = {name: self._lifted(names.get(name), False) for name in frame.f_code.co_names}
                read = {name: value for name, value in held.items() if value is not None}
                if read:
                    self._keep(names)
                names.update(read)

    def _keep(self, names: dict[str, Any]) -> None:
        """What a module holds, until the end."""
        if id(names) not in self.outer:
            self.outer[id(names)] = names, dict(names)
            self.on_names(names)

    def _keep_imported(self, names: dict[str, Any]) -> None:
        """What a module holds that has just been imported: it stays, as it would without a check."""
        if id(names) in self.outer and id(names) not in self.own_names:
            held = {name: value._value().copy() if type(value) is Recorded else value for name, value in names.items()}
            self.outer[id(names)] = names, held
            self.imported.append(names)

    def _look(self, frame: FrameType, line: Line) -> None:
        """Everything that the names on a line lead to, as far as it is new."""
        names, outer = frame.f_locals, frame.f_globals
        here, found = (line.place.file, line.place.line), self._found()
        self._looked[here] += 1
        if self._looked[here] > OFTEN and self._looked[here] % EACH and len(self.tape.steps) == line.began:
            return  # it only counts, or goes over data
        for name in names_on_lines(frame.f_code).get(line.place.line, ()):
            if name in names:
                value = self._recorded(frame, name, names[name])
                self._keep_cell(frame, name, value)
                seen = self._see(self._owner_of(frame, name), name, name, value, line, DEPTH)
                if seen is not value and name not in frame.f_code.co_cellvars + frame.f_code.co_freevars:
                    set_local(frame, name, seen)
            elif name in outer and not isinstance(outer[name], FunctionType | ModuleType | type):
                value = self._global(frame, name)
                self._see(id(outer), name, name, value, line, DEPTH)
        if self._found() != found:
            self._looked[here] = 0

    def _found(self) -> tuple[int, ...]:
        """How much was found so far under the names on lines."""
        return len(self.events), len(self._unused), len(self.placed), len(self.tape.renames), self._lifts

    def _recorded(self, frame: FrameType, name: str, value: Any) -> Any:
        """A plain array under a local name becomes a recorded one, so that its methods are seen; so does a bias.

        So does a rate of a script, so that a change of a weight says what it is a multiple by.
        """
        is_rate = type(value) is float and id(frame.f_locals) in self.own_names and bool(RATE.match(name))
        recorded = None if name.startswith("__") else self._lifted(value, is_rate or is_bias_of(frame, name, value))
        if recorded is None:
            return value
        names = frame.f_locals
        if "__name__" not in names or id(names) in self.own_names:
            set_local(frame, name, recorded)
            self.in_cells = self.in_cells or name in (*frame.f_code.co_freevars, *frame.f_code.co_cellvars)
        return recorded

    def _global(self, frame: FrameType, name: str) -> Any:
        """A plain array under a global name becomes a recorded one, until the end."""
        outer = frame.f_globals
        recorded = self._lifted(outer[name], is_bias_of(frame, name, outer[name]))
        if recorded is not None:
            outer[name] = recorded
        return outer[name]

    def _lifted(self, value: Any, is_number: bool) -> Any:
        """A plain array, or a number that is a bias, as a recorded one, and a tuple with such; None for all else."""
        if isinstance(value, tuple):
            return with_arrays(value, partial(from_outside, self.tape))
        if type(value) not in ARRAYS and not is_number:
            return None
        self._lifts += 1
        return from_outside(self.tape, value)

    def _see(self, owner: int, key: Any, name: str, value: Any, line: Line, depth: int) -> Any:
        """Note what is new under a name; the same value, as the name knows it that a line gave to it."""
        if type(value) is Recorded:
            node = value.node if value.is_used else -1
            is_new = self._known.get((owner, key)) != node
            if node >= 0 and line.is_last and line.statement.gives(name, is_new):
                value = self._renamed(value, name, owner, line)
            if is_new:
                self._known[owner, key] = node
                event = Event(name, node, line.place, owner, len(self.tape.steps), value._renamed)
                if node < 0:
                    self._unused.append((value, event))
                elif not self._is_named_already(value, event):
                    self.events.append(event)
        elif depth and not isinstance(value, str | bytes | type | float | int):
            self._held[id(value)] = value
            for part_key, part_name, part in parts_of(value, name):
                part = self._placed(value, part_key, part)
                seen = self._see(id(value), part_key, part_name, part, line, depth - 1)
                if seen is not part:
                    put(value, part_key, seen)
        return value

    def _renamed(self, value: Recorded, name: str, owner: int, line: Line) -> Recorded:
        """What a name stands for, if the line only gave it to what there was before."""
        handed = self._handed.get(line.frame, {}).get(value.node, [])
        if self.tape.nodes[value.node].step >= line.began and len(handed) < 2:  # what is returned twice is told apart
            return value
        before = self.tape.renames[value._renamed - 1].place if value._renamed else None
        if len(handed) == 1 and before is not None and in_same_function(before, handed[0].place):
            return value  # `return a` after `a = b`
        path = line.statement.path(name)
        event = next((e for e in handed if e.name.endswith(f"){path}")), handed[0] if handed else None)
        claims = claims_gradient(name) or is_called_after(
            without_holder(name), (*line.code.co_varnames, *line.code.co_names)
        )
        return self._known_by(value, event or Event(name, value.node, line.place, owner, 0), claims)

    def _known_by(self, value: Recorded, event: Event, claims: bool) -> Recorded:
        """A value as a new name knows it. What the program begins with stays what it is: people compare it by `is`."""
        tape, node = self.tape, self.tape.nodes[value.node]
        where = event.name, event.place, event.owner
        tape.renames.append(Rename(*where, node.slot, node.number, value._renamed, len(tape.steps), claims))
        return value.renamed(len(tape.renames)) if claims or not tape.is_begun_with(node.number) else value

    def _placed(self, holder: Any, key: Any, part: Any) -> Any:
        """A plain array in a container or an object becomes a recorded one, until the end; so does a bias, a number."""
        recorded = self._lifted(part, is_learnt(holder, key, part))
        if recorded is None or not put(holder, key, recorded):
            return part
        self.placed.append((holder, key, part, recorded))
        return recorded

    def take_back(self) -> None:
        """Plain arrays where recorded ones were put."""
        for holder, key, part, recorded in reversed(self.placed):
            if any(now is recorded for own_key, _, now in parts_of(holder, "") if own_key == key):
                put(holder, key, part)
        self.placed.clear()

    def _is_named_already(self, value: Recorded, event: Event) -> bool:
        """Whether an array from outside got this name before it was used."""
        for other, early in self._unused:
            if other is value and (early.owner, early.name) == (event.owner, event.name):
                return (
                    self.tape.nodes[event.node].step < 0
                    or self.tape.steps[self.tape.nodes[event.node].step].function is None
                )
        return False

    def _return(self, frame: FrameType, value: Any) -> None:
        if frame.f_code.co_name == "<module>":
            self._keep_imported(frame.f_globals)
        place = line_in(frame)
        owner, time = self._owner(frame), len(self.tape.steps)
        inner, handed = self._handed.get(id(frame), {}), self._handed.setdefault(id(frame.f_back), {})
        began = self._lines[id(frame)].began if id(frame) in self._lines else time
        for name, part in recorded_in(value, f"{frame.f_code.co_name}()"):
            event = Event(name, part.node, place, owner, time, part._renamed)
            if self._is_called_by_block(frame):
                self.handed_back.append(replace(event, owner=called_on(frame)))
            if part.size == 1:
                self.numbers.append(event)
                self.dropped += [event] if is_dropped(frame.f_back) else []
            if part is value:
                self.returned.append(event)
            elif self.tape.nodes[part.node].step < began:
                self.entries.append(event)
            handed.setdefault(part.node, []).extend(inner.get(part.node, [event]))

    def handed_on(self) -> list[Event]:
        """What a function was given and returned as it is: there the return is what claims to be something else."""
        given = {(event.owner, event.node) for event in self.arguments}
        own = {(event.owner, event.node) for event in self.events}
        return [e for e in self.returned if (e.owner, e.node) in given and (e.owner, e.node) not in own]

    def name_dropped(self, is_loss: Callable[[str], bool]) -> None:
        """Give a number of which nothing is kept the name of the loss that another call returned in its place."""
        bound: dict[int, list[Event]] = {}
        for event in self.events:
            bound.setdefault(event.node, []).append(event)
        places = [(event.name, event.place) for event in self.numbers]
        named = {
            place: other
            for place, event in zip(places, self.numbers, strict=True)
            for other in bound.get(event.node, ())
            if other.owner != event.owner and is_loss(other.short)
        }
        for event in self.dropped:
            other = named.get((event.name, event.place))
            if other is not None and not any(is_loss(known.short) for known in bound.get(event.node, ())):
                later = (place for place, each in enumerate(self.events) if each.time > event.time)
                self.events.insert(next(later, len(self.events)), replace(event, name=other.name, owner=other.owner))

    def late(self) -> Iterator[tuple[int, Event]]:
        """The names that arrays from outside had before any call read them, with their nodes now."""
        first: dict[int, int] = {}
        for node in self.tape.nodes:
            first.setdefault(node.slot, node.number)
        return ((first[slot], event) for slot, event in self.unused())

    def unused(self) -> Iterator[tuple[int, Event]]:
        """The same with the slots of the arrays."""
        return ((value._slot, event) for value, event in self._unused if value.is_used)

    def finish(self) -> None:
        """The names of arrays from outside, now that it is known which were used."""
        self.events[:0] = [Event(event.name, node, event.place, event.owner, 0) for node, event in self.late()]
        first = {node.slot: node.number for node in reversed(self.tape.nodes)}
        self.passed += [replace(e, node=first[value._slot]) for value, e in self._early if value.is_used]
        self._unused.clear()
        self._early.clear()


def called_on(frame: FrameType) -> int:
    """What a function is called on, by its id: the object of a method, else the module."""
    first = frame.f_locals.get(frame.f_code.co_varnames[0]) if frame.f_code.co_argcount else None
    return id(first) if first is not None and is_own(type(first)) else id(frame.f_globals)


def is_dropped(caller: FrameType | None) -> bool:
    """Whether a line does nothing but make a call, of which it keeps nothing."""
    if caller is None or not runs_theirs(caller):
        return False
    written = parsed(statement_at(caller.f_code.co_filename, caller.f_lineno))
    return isinstance(written, ast.Expr) and isinstance(written.value, ast.Call)


@contextmanager
def watched(watch: Watch, frame: FrameType | None) -> Iterator[None]:
    """Watch every line of the person's code, also in the function that is running already."""
    before, inner = sys.gettrace(), None
    if frame is not None and runs_theirs(frame):
        inner = frame.f_trace
        watch._frames += 1
        watch.block = watch._numbers[id(frame)] = -watch._frames
        watch._begin(frame)
        frame.f_trace = watch.trace
        if frame.f_globals is not frame.f_locals:
            watch.remember(frame)
        else:
            watch.remember_modules(frame)
    sys.settrace(watch.trace)
    try:
        yield
    finally:
        sys.settrace(before)
        if frame is not None:
            frame.f_trace = inner
