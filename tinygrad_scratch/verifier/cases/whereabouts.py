"""On which line a mistake is told: that of a call, of the statement around it, or of a helper that is to blame."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.cases.extent import named_all
from tinygrad_scratch.verifier.cases.wording import Wording
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import in_same_function, is_rename, start_of_function, text_of
from tinygrad_scratch.verifier.recording.edits import is_filled, name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.steps import Step, renamed
from tinygrad_scratch.verifier.rewriting.text import source_of

LAID_OUT = ("reshape", "ravel", "transpose", "T", "squeeze", "swapaxes")


def is_in_loop(place: Place) -> bool:
    """Whether a line is in a loop of its function."""
    loops = source_of(text_of(place.file)).loops_over(place.line)
    return any(loop.lineno > start_of_function(place) for loop in loops)


def is_within_reach(event: Event, place: Place) -> bool:
    """Whether a name is one of the function around a line, of its module, or of an attribute of its class."""
    if in_same_function(event.place, place) or (event.place.file, event.place.function) == (place.file, "<module>"):
        return True
    around = [source_of(text_of(each.file)).class_around(each.line) for each in (event.place, place)]
    return event.name.startswith("self.") and around[0] is around[1]


class Whereabouts(Wording):
    """The calls with the lines that may be to blame."""

    def here(self, step: Step | None) -> Place:
        """The line of a call, or the statement's own, where the call is in a helper."""
        place = self.event.place
        if step is None:
            return self.wrong_factor() or self.first_statement()
        if step.place is None:
            return place
        if in_same_function(step.place, place) or (self.is_own_line(step.place) and not self.is_right_elsewhere(step)):
            return step.place
        return place if self.in_statement() is None else self.first_statement()

    def call_with(self, step: Step, read: int, due: int) -> Place | None:
        """Where a helper was called that was handed one value in the place of another that it doesn't know."""
        own = self.event.name.endswith("()")  # what a helper returned is looked at, and not what was made of it
        if step.place is None or (in_same_function(step.place, self.event.place) and not own):
            return None
        given = [e for e in self.case.arguments if in_same_function(e.place, step.place)]
        calls = {event.owner for event in given if event.node == read}
        known = {event.node for event in (*given, *self.case.events) if event.owner in calls}
        place = step.caller or self.event.place
        return place if calls and due not in known and self.made_again(read, due, place) is None else None

    def made_again(self, read: int, due: int, place: Place) -> Event | None:
        """What a function of theirs returned that was given one value, and made another; none where a line has that.

        Nobody can hand it on there: a helper that is given the one has to make the other itself.
        """
        given = {event.owner for event in self.case.arguments if event.node == read}
        made = (event for event in self.case.returned if event.node == due and event.owner in given)
        named = (event for event in (*self.case.arguments, *self.case.events) if event.node == due)
        return None if any(is_within_reach(event, place) for event in named) else next(made, None)

    def is_own_line(self, place: Place) -> bool:
        """Whether a line is no part of the forward pass, though the function around it may be."""
        used = (s.place for node in self.case.forward_alone if (s := self.case.step_of(node)).place)
        return all((place.file, place.line) != (other.file, other.line) for other in used)

    def is_their_own(self, step: Step) -> bool:
        """Whether a helper is to blame, and not what it was given: it is no part of the forward pass."""
        return step.place is not None and self.is_own_place(step.place)

    def is_own_place(self, place: Place) -> bool:
        """Whether the function around a place is no part of the forward pass."""
        used = {s.place.function for node in self.case.forward_alone if (s := self.case.step_of(node)).place}
        return place.function not in used

    def is_to_blame(self, made: Step) -> bool:
        """Whether a helper is to blame for a slope: one that is no part of the forward pass, and is right nowhere else.

        It is right where the same line made a true gradient in another call, or what is multiplied with to make one.
        """
        if not self.is_their_own(made):
            return False
        others = self.made_elsewhere(made)
        if self.is_right_elsewhere(made):
            return False
        for step in self.case.tape.steps if others else ():
            if name_of(step.function) == "multiply" and not others.isdisjoint(map(self.before_renames, step.reads)):
                value = np.asarray(self.case.tape.nodes[step.makes[0]].value)
                if value.size > 1 and self.case.match(value) is not None:
                    return False
        return True

    def made_elsewhere(self, made: Step) -> set[int]:
        """What the same line made in other calls, and not in other turns of a loop around it."""
        others = (s for s in self.case.tape.steps if s.place == made.place and s is not made)
        in_turns = made.place is not None and is_in_loop(made.place)
        return {m for s in others if not (in_turns and s.caller == made.caller) for m in s.makes}

    def is_right_elsewhere(self, made: Step) -> bool:
        """Whether the same line made a true gradient in another call."""
        return any(self.is_multiple_of_true(node) for node in self.made_elsewhere(made))

    def is_multiple_of_true(self, node: int) -> bool:
        """Whether a value is a true gradient, up to a factor."""
        value = np.asarray(self.case.tape.nodes[node].value)
        found = self.case.match_up_to_factor(value) if value.size > 2 else None
        return found is not None and found[0].how == ""

    def before_renames(self, node: int) -> int:
        while self.case.step_of(node).function is renamed:
            (node,) = self.case.step_of(node).reads
        return node

    def in_statement(self) -> Place | None:
        """The statement's own line, where a helper made the value, and the mistake is in what is made of it."""
        making = self.case.step_of(self.node)
        here = making.place is None or in_same_function(making.place, self.event.place)
        return None if here else self.event.place

    def wrong_factor(self) -> Place | None:
        """Where a slope was made by which a right gradient is multiplied, if that is on a line of its own."""
        making = self.case.step_of(self.node)
        if name_of(making.function) not in ("multiply", "divide") or len(making.reads) != 2:
            return None
        for slope, upstream in (making.reads, making.reads[::-1]):
            right = self.case.is_gradient(self.values[upstream])
            by = making.place or self.event.place
            named = [e for e in self.case.events if e.node == slope and e.place.line < by.line]
            here = [e for e in named if in_same_function(e.place, by)]
            own = next((e for e in self.case.events if e.node == slope), None)
            if here and is_gradient_name(here[-1].short) and self.case.match_up_to_factor(self.values[upstream]):
                return here[-1].place
            made = self.case.step_of(slope)
            meant = own is not None and is_gradient_name(own.short)  # the forward value itself, called a derivative
            handed = [e for e in named_all(self.case, slope) if e.name.endswith("()") and self.is_own_place(e.place)]
            if right and handed and not in_same_function(handed[-1].place, by):
                return handed[-1].place  # a helper that returned what it was given
            if not right or (self.case.is_forward(slope) and not meant) or made.function is None or made.place is None:
                continue
            if self.case.match_up_to_factor(np.asarray(self.values[slope])) is not None:
                continue
            if not in_same_function(made.place, self.event.place):
                return made.place if self.is_to_blame(made) else None
            if own is not None and own.place.line < self.event.place.line:
                return own.place
        return None

    def first_statement(self) -> Place:
        """The first of the lines that made the value, after the last one that left something right."""
        own = self.event.place
        making = self.case.step_of(self.node)
        if making.place is None or (is_rename(own.file, own.line) and self.names_before()):
            return own
        if not in_same_function(making.place, own):
            return self.before_layout(making, making.place) if self.is_to_blame(making) else own
        right = [
            e.place.line
            for e in self.case.events
            if e.name == self.event.name
            and e.node < self.node
            and e.place.function == own.function
            and (e.place.line == own.line or self.case.match_up_to_factor(np.asarray(self.values[e.node])) is not None)
        ]
        lines = [
            s.place.line
            for s in self.steps
            if s.place
            and s.place.function == own.function
            and not is_filled(s)
            and s.function is not renamed
            and s.place.line > max(right, default=0)
            and self.is_backward(s)
            and self.is_nameless_or_own(s.place.line)
        ]
        first = min(lines, default=own.line)
        return next((s.place for s in self.steps if s.place and s.place.line == first and first < own.line), own)

    def before_layout(self, made: Step, place: Place) -> Place:
        """Where a helper named what it only laid out otherwise in the end, as `dX` in `return dX.reshape(shape)`."""
        bound = (
            event.place
            for event in self.case.events
            if name_of(made.function) in LAID_OUT and event.node in made.reads and in_same_function(event.place, place)
        )
        return next(bound, place)

    def names_before(self) -> bool:
        """Whether the value had a name before it got the one at which it is told, or a function was given it."""
        given = {(event.node, event.owner) for event in self.case.arguments}
        named = any(event.time < self.event.time for event in named_all(self.case, self.node))
        return named or (self.node, self.event.owner) in given

    def is_nameless_or_own(self, line: int) -> bool:
        """Whether a line gave no name but that of the value: another one stands for something of its own."""
        own = self.event
        names = {e.name for e in self.case.events if e.place.line == line and e.place.file == own.place.file}
        return names <= {own.name}

    def is_backward(self, step: Step) -> bool:
        """Whether a call works on gradients, and not on values of the forward pass alone."""
        before = self.case.ancestors(step.makes) - set(step.makes) - self.case.forward
        return any(
            self.names_of(node)
            and node not in self.case.alike
            and np.size(self.values[node]) > 1
            and self.case.step_of(node).function is not None
            and self.case.match_up_to_factor(np.asarray(self.values[node])) is not None
            for node in before
        )
