"""Where in a person's code something was asked for."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType

import numpy as np

PACKAGE, NUMPY = Path(__file__).parents[1], Path(np.__file__).parent
Line = tuple[str, int]


@cache
def is_ours(file: str) -> bool:
    """Whether a file is one of this package or of NumPy."""
    return file.startswith((f"{PACKAGE}/", f"{NUMPY}/", "<__array_function__"))


def frames_of_caller() -> Iterator[FrameType]:
    """The frames of the person's code, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not is_ours(frame.f_code.co_filename):
            yield frame
        frame = frame.f_back


def line_of_caller() -> Line | None:
    """The innermost line of the person's code that is running."""
    frame = next(frames_of_caller(), None)
    return (frame.f_code.co_filename, frame.f_lineno) if frame is not None else None


def quoted(line: Line | None) -> str:
    """A line as a message names it: with its text, where there is one."""
    if line is None:
        return ""
    text = linecache.getline(*line).strip()
    return f" ({Path(line[0]).name}, line {line[1]}{': ' if text else ''}{text})"
