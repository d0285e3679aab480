"""Lines of a person's functions while they run: where, in which statement, and which names they read or give."""

from __future__ import annotations

import dis
from dataclasses import dataclass
from functools import cache
from types import CodeType, FrameType

from tinygrad_scratch.verifier.reading.bindings import NONE, Statement, assignments
from tinygrad_scratch.verifier.reading.places import Place, line_in


@dataclass
class Line:
    """A line that a running function makes."""

    place: Place
    frame: int  # the id of what runs
    code: CodeType
    statement: Statement
    began: int  # how many steps had been made before the statement
    is_last: bool = True  # of its statement, as long as nothing else is known: before it, that gives no value to a name

    @classmethod
    def of(cls, frame: FrameType, steps: int) -> Line:
        statement = assignments(frame.f_code).get(frame.f_lineno, NONE)
        return cls(line_in(frame), id(frame), frame.f_code, statement, steps)

    def goes_on(self, frame: FrameType) -> bool:
        """Whether the next line of a function, which it comes to, is one of the same statement."""
        return assignments(frame.f_code).get(frame.f_lineno, NONE) == self.statement is not NONE


def is_generated(frame: FrameType) -> bool:
    """Whether nobody wrote a function: Python makes the methods of dataclasses from strings."""
    return frame.f_code.co_filename == "<string>" and frame.f_code.co_name.startswith("__")


@cache
def names_on_lines(code: CodeType) -> dict[int, tuple[str, ...]]:
    """The names that each line of a function reads or binds."""
    found: dict[int, dict[str, None]] = {}
    for instruction in dis.get_instructions(code):
        line = instruction.positions.lineno if instruction.positions else None
        if line is None or not instruction.opname.startswith(("LOAD_", "STORE_")) or "ATTR" in instruction.opname:
            continue
        if "CONST" in instruction.opname or "METHOD" in instruction.opname:
            continue
        values = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
        for value in values:
            if isinstance(value, str):
                found.setdefault(line, {})[value] = None
    return {line: tuple(names) for line, names in found.items()}
