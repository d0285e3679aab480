"""A run is traced: what functions of theirs have as they return is seen, and a run that would not end is stopped."""

from __future__ import annotations

import dis
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType, FrameType
from typing import Any, ClassVar

from tinygrad_scratch.verifier.reading.places import is_theirs
from tinygrad_scratch.verifier.recording.tape import LimitReached
from tinygrad_scratch.verifier.rewriting.endless import has_endless, makes_objects
from tinygrad_scratch.verifier.trying.left import Left

LOOK = 64  # lines from one look at their number and at the clock to the next
BACK = {number for name, number in dis.opmap.items() if "BACKWARD" in name}  # the jumps of a loop

Trace = Callable[[FrameType, str, Any], Any]


class Lines:
    """The lines of theirs that a run makes; LimitReached is raised in it where it takes too long.

    Of a function without a loop the call is counted, and its lines only where they are seen anyway.
    """

    sees_more: ClassVar = False  # than how many lines there are, and what returns

    def __init__(
        self, left: Left, most: float, seconds: float, ends: Callable[[FrameType], None] | None = None
    ) -> None:
        self.left, self.most, self.count, self.ends = left, most, 0, ends
        self.deadline = time.monotonic() + seconds
        self.counting = self.counter()
        self.makes_objects = cache(makes_objects)
        self.entered: set[tuple[str, int]] = set()  # the files and first lines of the functions that were entered

    @contextmanager
    def traced(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self.enterer())
        try:
            yield
        finally:
            sys.settrace(before)

    def enterer(self) -> Trace:
        """What counts the calls of functions of theirs, and says what sees them run; it has to be quick, too."""
        calls, known = 0, dict[str, dict[str, tuple[int, Trace | None, bool]] | None]()  # by file and name

        def enter(frame: FrameType, event: str, value: Any) -> Any:
            nonlocal calls
            if frame.f_trace is not None:  # a generator that goes on
                return frame.f_trace
            code = frame.f_code
            if code.co_filename not in known:
                known[code.co_filename] = {} if is_theirs(code.co_filename) else None
            functions = known[code.co_filename]
            if functions is None:
                return None
            calls += 1
            if not calls % LOOK:
                self.look()
            found = functions.get(code.co_qualname)
            if found is None or found[0] != code.co_firstlineno:
                found = functions[code.co_qualname] = self.seer(code)
            _, see, frame.f_trace_lines = found
            return see

        return enter

    def seer(self, code: CodeType) -> tuple[int, Trace | None, bool]:
        """Where a function of theirs begins, what sees it run, if anything is to be seen, and whether by its lines."""
        first = code.co_firstlineno
        self.entered.add((code.co_filename, first))
        if self.makes_objects(code.co_filename):
            return first, self.see_objects, True
        if self.ends is not None or self.sees_more:
            return first, self.see, True
        has_loop = not BACK.isdisjoint(code.co_code[::2])
        return first, self.counting if has_loop or self.left.watches(code) else None, has_loop

    def counter(self) -> Trace:
        """What counts lines and sees what returns, and no more: it is called for each line, and has to be quick."""
        lines, see_returned = 0, self.left.see

        def see(frame: FrameType, event: str, value: Any) -> Any:
            nonlocal lines
            if event == "line":
                lines += 1
                if not lines % LOOK:
                    self.look()
            elif event == "return":
                see_returned(frame, value)
            return see

        return see

    def look(self) -> None:
        """Whether to go on, after so many lines more."""
        self.count += LOOK
        if self.count > self.most or time.monotonic() > self.deadline:
            raise LimitReached(f"{self.count} lines")

    def see(self, frame: FrameType, event: str, value: Any) -> Any:
        self.counting(frame, event, value)
        if event == "line" and self.ends is not None:
            self.ends(frame)
        return self.see

    def see_objects(self, frame: FrameType, event: str, value: Any) -> Any:
        """The same in a file that makes arrays of objects."""
        if event == "line" and has_endless(frame):
            raise LimitReached("an array that holds itself")
        self.see(frame, event, value)
        return self.see_objects
