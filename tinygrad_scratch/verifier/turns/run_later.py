"""Lines that make gradients, and that no turn up to the judged one runs: of a branch, or of another backward pass."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from tinygrad_scratch.verifier.reading.loops import root_of
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.places import FileLine
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.rewriting.text import lines_of, source_of
from tinygrad_scratch.verifier.running.turns_seen import Seen, TurnsSeen


def lines_not_run(check: Any) -> set[FileLine]:
    """The lines of the program that make what is called a gradient, and made nothing in the judged turn.

    So do those that take a step off what has the name of a parameter.
    """
    places = (event.place for event in (*check.watch.events, *check.watch.arguments))
    made = (place for step in check.tape.steps for place in (step.place, step.caller) if place is not None)
    run = {(place.file, place.line) for place in (*places, *made)}
    names = {final.parameter.short for final in check.finals}
    return {
        (file, node.lineno)
        for file in check.files
        for node in source_of(text_of(file)).statements
        if (makes_gradient(node) or takes_step(node, names)) and run.isdisjoint((file, n) for n in lines_of(node))
    }


def makes_gradient(node: ast.stmt) -> bool:
    """Whether a statement computes what its name calls a gradient."""
    if not isinstance(node, ast.Assign | ast.AugAssign):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    computes = any(isinstance(part, ast.BinOp | ast.Call) for part in ast.walk(node.value))
    return computes and any(is_gradient_name(ast.unparse(root_of(target))) for target in targets)


def takes_step(node: ast.stmt, names: set[str]) -> bool:
    """Whether a statement takes something off what has one of some names: `users[u] -= rate * d`."""
    if not isinstance(node, ast.AugAssign) or not isinstance(node.op, ast.Sub):
        return False
    return ast.unparse(root_of(node.target)).rsplit(".", 1)[-1] in names


def turn_that_runs(
    run: Callable[[], Any], loop: FileLine, judged: int, lines: set[FileLine]
) -> tuple[int, set[FileLine]] | None:
    """The first turn of a loop after the judged one that runs some of the lines, counted from 0, and which it runs."""
    turns = Lines(loop, judged, lines)
    made = turns.in_run(run)
    return None if made is None else (made - 1, turns.run)


class Lines(TurnsSeen):
    """Sees the turns of a loop, until one after that which was judged runs one of some lines that none ran before."""

    most = 1_000

    def __init__(self, loop: FileLine, judged: int, lines: set[FileLine]) -> None:
        super().__init__(*loop)
        self.judged, self.lines, self.run = judged, set(lines), set[FileLine]()
        self.wanted: dict[CodeType, bool] = {}  # by code: whether it holds any of the lines

    def see(self, frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file == self.file and self.runs(frame.f_code, {(file, self.line)}):
            return super().see(frame, event, argument)
        if event == "line":
            self.run |= {(file, frame.f_lineno)} & self.lines
        elif frame.f_code not in self.wanted:
            self.wanted[frame.f_code] = self.runs(frame.f_code, self.lines)
        return self.see if self.wanted[frame.f_code] else None

    def runs(self, code: CodeType, lines: set[FileLine]) -> bool:
        return any((code.co_filename, line) in lines for _, _, line in code.co_lines())

    def see_line(self, frame: FrameType) -> None:
        self.run |= {(self.file, frame.f_lineno)} & self.lines
        super().see_line(frame)

    def tells(self, frame: FrameType) -> bool:
        if self.turns <= self.judged + 1:
            self.lines -= self.run
            self.leave()
        if not self.lines:
            raise Seen
        return bool(self.run)

    def leave(self) -> None:
        self.run.clear()
