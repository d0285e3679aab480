"""Which names a person's code gave to which values, and when: seen line by line while it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from tinygrad_scratch.verifier.recorded import Recorded
from tinygrad_scratch.verifier.tape import Place, Tape, is_theirs

DEPTH = 3
WIDTH = 100


@dataclass(frozen=True)
class Event:
    """A name was bound to a value, or the array under that name was written to. `owner` is what holds the name."""

    name: str
    node: int
    place: Place
    owner: int
    time: int  # how many steps had been made

    @property
    def short(self) -> str:
        """The name without what holds it: `dW1` of `self.grads["dW1"]`."""
        text = self.name.rsplit(".", 1)[-1]
        if text.endswith("]") and ("'" in text or '"' in text):
            return text[text.rindex("[") + 1 : -1].strip("'\"")
        return text


@dataclass
class Watch:
    """The events of a run, in order."""

    tape: Tape
    events: list[Event] = field(default_factory=list)
    returned: list[Event] = field(default_factory=list)
    _known: dict[tuple[int, Any], int] = field(default_factory=dict)
    _lines: dict[int, int] = field(default_factory=dict)
    _held: list[Any] = field(default_factory=list)  # so that no id is used twice

    def trace(self, frame: FrameType, kind: str, argument: Any) -> Any:
        if not is_theirs(frame.f_code.co_filename) or "tinygrad_scratch/verifier" in frame.f_code.co_filename:
            return None
        if kind == "call":  # arguments are names of what others named already
            self._held.append(frame)
            for name, value in frame.f_locals.items():
                if type(value) is Recorded:
                    self._known[id(frame), name] = value.node
        else:
            self._look(frame, self._lines.get(id(frame), frame.f_lineno))
            if kind == "return":
                self._return(frame, argument)
        self._lines[id(frame)] = frame.f_lineno
        return self.trace

    def _look(self, frame: FrameType, line: int) -> None:
        """Everything that a frame's names lead to, as far as it is new."""
        place = Place(frame.f_code.co_filename, line, frame.f_code.co_name, 0)
        names = frame.f_locals
        if frame.f_code.co_name == "<module>":
            names = {name: value for name, value in names.items() if not name.startswith("__")}
        for name, value in list(names.items()):
            self._see(id(frame), name, name, value, place, DEPTH)

    def _see(self, owner: int, key: Any, name: str, value: Any, place: Place, depth: int) -> None:
        if type(value) is Recorded:
            node = value.node
            if self._known.get((owner, key)) != node:
                self._known[owner, key] = node
                self.events.append(Event(name, node, place, owner, len(self.tape.steps)))
        elif depth and not isinstance(value, str | bytes | type):
            for part_key, part_name, part in parts_of(value, name):
                self._see(id(value), part_key, part_name, part, place, depth - 1)

    def _return(self, frame: FrameType, value: Any) -> None:
        place = Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, 0)
        for _, name, part in parts_of((value,), ""):
            if type(part) is Recorded:
                text = f"{frame.f_code.co_name}(){name.removeprefix('[0]')}"
                self.returned.append(Event(text, part.node, place, id(frame), len(self.tape.steps)))


def parts_of(value: Any, name: str) -> Iterator[tuple[Any, str, Any]]:
    """What a container or an object of a person's own class holds: key, name, value."""
    if isinstance(value, dict):
        for key, part in list(value.items())[:WIDTH]:
            yield key, f"{name}[{key!r}]", part
    elif isinstance(value, list | tuple):
        for i, part in enumerate(value[:WIDTH]):
            yield i, f"{name}[{i}]", part
    elif hasattr(value, "__dict__") and is_own(type(value)):
        for key, part in list(vars(value).items())[:WIDTH]:
            yield key, f"{name}.{key}", part


def is_own(kind: type) -> bool:
    """Whether a class is a person's own."""
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    return kind.__module__ == "__main__" or (file is not None and is_theirs(file))


@contextmanager
def watched(watch: Watch, frame: FrameType) -> Iterator[None]:
    """Watch every line of the person's code, also in the function that is running already."""
    before, frames = sys.gettrace(), []
    current: FrameType | None = frame
    while current is not None:
        if is_theirs(current.f_code.co_filename):
            frames.append((current, current.f_trace))
            watch.trace(current, "call", None)
            current.f_trace = watch.trace
        current = current.f_back
    sys.settrace(watch.trace)
    try:
        yield
    finally:
        sys.settrace(before)
        for current, old in frames:
            current.f_trace = old
