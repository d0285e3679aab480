"""A run is traced: what functions of theirs have as they return is seen, and a run that would not end is stopped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tinygrad_scratch.verifier.places import is_theirs
from tinygrad_scratch.verifier.rewriting.endless import has_endless, makes_objects
from tinygrad_scratch.verifier.rewriting.left import Left
from tinygrad_scratch.verifier.tape import LimitReached

LOOK = 64  # lines from one look at the clock to the next


class Lines:
    """The lines of theirs that a run makes; LimitReached is raised in it where it takes too long."""

    def __init__(
        self, left: Left, most: float, seconds: float, ends: Callable[[FrameType], None] | None = None
    ) -> None:
        self.left, self.most, self.count, self.ends = left, most, 0, ends
        self.deadline = time.monotonic() + seconds
        self.theirs: dict[str, bool] = {}  # by file
        self.of_objects: set[str] = set()  # the files that make arrays of objects

    @contextmanager
    def traced(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self.enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def enter(self, frame: FrameType, event: str, value: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in self.theirs:
            self.theirs[file] = is_theirs(file)
            self.of_objects |= {file} if self.theirs[file] and makes_objects(file) else set()
        return self.see if self.theirs[file] else None

    def see(self, frame: FrameType, event: str, value: Any) -> Any:
        if event == "line":
            self.count += 1
            if self.count > self.most or (not self.count % LOOK and time.monotonic() > self.deadline):
                raise LimitReached(f"{self.count} lines")
            if frame.f_code.co_filename in self.of_objects and has_endless(frame):
                raise LimitReached("an array that holds itself")
            if self.ends is not None:
                self.ends(frame)
        elif event == "return":
            self.left.see(frame, value)
        return self.see
