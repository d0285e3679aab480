"""Lines that make gradients, and that no turn up to the judged one runs: of a branch, or of another backward pass."""

from __future__ import annotations

import ast
import contextlib
import io
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from tinygrad_scratch.verifier.loops import loops_in, root_of
from tinygrad_scratch.verifier.names import is_gradient_name
from tinygrad_scratch.verifier.ones import Seen
from tinygrad_scratch.verifier.rewriting.clock import Clock
from tinygrad_scratch.verifier.rewriting.text import lines_of, source_of
from tinygrad_scratch.verifier.source import text_of

MOST_TURNS = 200
MOST_SECONDS = 5.0


def lines_not_run(check: Any) -> set[int]:
    """The lines of the judged loop's file that make what is called a gradient, and made nothing in the judged turn."""
    file = check.loop[0]
    source = source_of(text_of(file))
    places = (e.place for e in (*check.watch.events, *check.watch.arguments) if e.place.file == file)
    run = {place.line for place in places} | {
        s.place.line for s in check.tape.steps if s.place and s.place.file == file
    }
    return {node.lineno for node in source.statements if makes_gradient(node) and run.isdisjoint(lines_of(node))}


def makes_gradient(node: ast.stmt) -> bool:
    """Whether a statement computes what its name calls a gradient."""
    if not isinstance(node, ast.Assign | ast.AugAssign):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    computes = any(isinstance(part, ast.BinOp | ast.Call) for part in ast.walk(node.value))
    return computes and any(is_gradient_name(ast.unparse(root_of(target))) for target in targets)


def turn_that_runs(
    run: Callable[[], Any], loop: tuple[str, int], judged: int, lines: set[int]
) -> tuple[int, set[int]] | None:
    """The first turn of a loop after the judged one that runs some of the lines, counted from 0, and which it runs."""
    turns = Lines(loop, judged, lines)
    before = sys.gettrace()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            sys.settrace(turns.see)
            run()
    except (Exception, SystemExit):  # as its end
        pass
    finally:
        sys.settrace(before)
    return (turns.found, turns.run) if turns.found is not None else None


class Lines:
    """Sees the turns of a loop, until one after that which was judged runs one of some lines that none ran before."""

    def __init__(self, loop: tuple[str, int], judged: int, lines: set[int]) -> None:
        self.file, self.line = loop
        self.last, self.judged, self.lines = loops_in(self.file)[self.line], judged, set(lines)
        self.inside: dict[int, bool] = {}
        self.turns, self.clock = 0, Clock()
        self.run = set[int]()
        self.found: int | None = None
        self.begun = self.clock.now()

    def see(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != self.file:
            return None
        if event == "line":
            self.see_line(frame)
        elif event == "return" and self.inside.pop(id(frame), False):  # out of the midst of a turn, which is none
            self.run.clear()
        return self.see

    def see_line(self, frame: FrameType) -> None:
        line, number = frame.f_lineno, id(frame)
        if line in self.lines:
            self.run.add(line)
        if line == self.line and self.inside.get(number):
            self.end_turn()
        if line == self.line or number in self.inside:  # no frame of what the loop calls
            self.inside[number] = self.line <= line <= self.last

    def end_turn(self) -> None:
        if self.turns <= self.judged:
            self.lines -= self.run
            self.run.clear()
        elif self.run:
            self.found = self.turns
        self.turns += 1
        if self.found is not None or not self.lines or self.turns >= MOST_TURNS or self.is_late():
            raise Seen

    def is_late(self) -> bool:
        return self.clock.now() - self.begun > MOST_SECONDS
