"""The turns of a loop in a plain run of a script, seen until one of them tells what is looked for."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar

from tinygrad_scratch.verifier.reading.loops import loops_in
from tinygrad_scratch.verifier.rewriting.clock import Clock

MOST_SECONDS = 5.0


class Seen(Exception):  # noqa: N818  # it is no error
    """What was looked for was seen, or looked for in vain for too long."""


class TurnsSeen:
    """Counts the turns of a loop in all calls of the function that it is in, until one `tells`."""

    most: ClassVar = 100  # turns

    def __init__(self, file: str, line: int) -> None:
        self.file, self.line, self.last = file, line, loops_in(file)[line]
        self.inside: dict[int, bool] = {}  # by the frames that came to the head of the loop
        self.turns, self.clock = 0, Clock()
        self.found: int | None = None
        self.begun = self.clock.now()

    def tells(self, frame: FrameType) -> bool:
        """Whether the turn that ends in a frame is the one that is looked for."""
        raise NotImplementedError

    def in_run(self, run: Callable[[], Any]) -> int | None:
        """How many turns are made in a run until one tells, that one among them; None where none does."""
        before = sys.gettrace()
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                sys.settrace(self.see)
                run()
        except (Exception, SystemExit):  # as its end
            pass
        finally:
            sys.settrace(before)
        return self.found

    def see(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != self.file:
            return None
        if event == "line":
            self.see_line(frame)
        elif event == "return" and self.inside.pop(id(frame), False):
            self.leave()
        return self.see

    def see_line(self, frame: FrameType) -> None:
        line, number = frame.f_lineno, id(frame)
        if line == self.line and self.inside.get(number):
            self.turns += 1
            if self.tells(frame):
                self.found = self.turns
            if self.found or self.turns >= self.most or self.clock.now() - self.begun > MOST_SECONDS:
                raise Seen
        if line == self.line or number in self.inside:  # no frame of what the loop calls
            self.inside[number] = self.line <= line <= self.last

    def leave(self) -> None:
        """A function returned out of the midst of a turn, which is none then."""
