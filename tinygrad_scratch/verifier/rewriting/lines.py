"""A run is traced: what functions of theirs have as they return is seen, and a run that would not end is stopped."""

from __future__ import annotations

import dis
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, ClassVar

from tinygrad_scratch.verifier.places import is_theirs
from tinygrad_scratch.verifier.rewriting.endless import has_endless, makes_objects
from tinygrad_scratch.verifier.rewriting.left import Left
from tinygrad_scratch.verifier.tape import LimitReached

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
        self.seeing: dict[CodeType, Trace | None] = {}  # what sees the lines of each code of theirs that was entered

    @contextmanager
    def traced(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self.enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def enter(self, frame: FrameType, event: str, value: Any) -> Any:
        code = frame.f_code
        if not is_theirs(code.co_filename):
            return None
        self.counting(frame, "line", None)
        if code not in self.seeing:
            self.seeing[code] = self.seer(code)
        see = self.seeing[code]
        frame.f_trace_lines = see is not self.counting or has_loop(code)
        return see

    def seer(self, code: CodeType) -> Trace | None:
        """What sees the lines of a function of theirs, or that it returns; None where neither tells anything."""
        if makes_objects(code.co_filename):
            return self.see_objects
        if self.ends is not None or self.sees_more:
            return self.see
        return self.counting if has_loop(code) or self.left.watches(code) else None

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


def has_loop(code: CodeType) -> bool:
    return not BACK.isdisjoint(code.co_code[::2])
