"""Places in a person's source, and which code is their own: not Python's, not a package's, not ours."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where in a person's source a call was made; `offset` tells apart the calls of one line."""

    file: str
    line: int
    function: str
    offset: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


FileLine = tuple[str, int]
PACKAGE = str(Path(__file__).resolve().parents[2])
PYTHON = tuple({str(Path(os.__file__).parent), f"{sys.prefix}/lib/python", f"{sys.base_prefix}/lib/python"})


@cache
def is_theirs(file: str) -> bool:
    """Whether a file is a person's own, and not of Python, of an installed package or of this one."""
    if file.startswith("<"):  # typed in, or run from a string
        return not file.startswith(("<frozen", "<__array_function__"))
    if "site-packages" in file or "dist-packages" in file:
        return False
    return not file.startswith((PACKAGE, *PYTHON))


def runs_theirs(frame: Any) -> bool:
    """Whether a frame runs a person's own code; what a library generated from text is the library's."""
    file = frame.f_code.co_filename
    if file.startswith("<") and str(frame.f_globals.get("__name__")).startswith("namedtuple_"):
        return False  # what makes tuples with names, such as the results of `np.linalg.svd`
    return is_theirs(frame.f_globals.get("__file__") or file if file == "<string>" else file)


def place_of(frame: Any) -> Place | None:
    """The place of the innermost call that a person's code made."""
    return places_of_call(frame)[0]


def places_of_call(frame: Any) -> tuple[Place | None, Place | None]:
    """The place of the innermost call that a person's code made, and that of the call of the function around it."""
    while frame is not None and not (is_theirs(frame.f_code.co_filename) and runs_theirs(frame)):
        frame = frame.f_back
    if frame is None:
        return None, None
    outer = frame.f_back
    return place_in(frame), place_in(outer) if outer is not None and runs_theirs(outer) else None


def place_in(frame: Any) -> Place:
    code = frame.f_code
    return Place(code.co_filename, frame.f_lineno, code.co_name, frame.f_lasti)


def line_in(frame: Any) -> Place:
    """The same for the line as a whole."""
    return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, 0)
