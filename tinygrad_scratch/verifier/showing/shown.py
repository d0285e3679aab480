"""How a check shows itself: as text, as JSON, as a page, as a picture, and as the message of a failed assert."""

from __future__ import annotations

import ast
import builtins
import linecache
import sys
from typing import Any

from tinygrad_scratch.drawing.picture import Drawing
from tinygrad_scratch.verifier.showing.data import as_json
from tinygrad_scratch.verifier.showing.findings import Findings, Quantity
from tinygrad_scratch.verifier.showing.page import as_html
from tinygrad_scratch.verifier.showing.picture import picture
from tinygrad_scratch.verifier.showing.report import coloured, report
from tinygrad_scratch.verifier.showing.summary import findings_of


class Shown:
    """What a check inherits, to be read."""

    @property
    def ok(self) -> bool:
        """Whether everything was judged and nothing is wrong."""
        raise NotImplementedError

    @property
    def findings(self) -> Findings:
        """All that was found, as plain data."""
        return findings_of(self)

    @property
    def steps(self) -> list[Quantity]:
        """Every hand-derived quantity in order: its name, its line, what it is the gradient of, its verdict."""
        return self.findings.quantities

    def __str__(self) -> str:
        return report(self.findings)

    __repr__ = __str__

    def __rich__(self) -> Any:
        return coloured(self.findings)

    def print(self) -> None:
        """Print the report, in colour where it goes to a terminal."""
        from rich.console import Console

        Console(highlight=False, soft_wrap=True).print(self)

    def to_json(self) -> str:
        """The findings as JSON. tinygrad_scratch/verifier/showing/data.py documents the keys, which are stable."""
        return as_json(self.findings)

    def to_html(self) -> str:
        """The findings as one page of HTML that needs nothing else."""
        return as_html(self, self.findings)

    def draw(self, values: bool = False) -> Drawing:
        """A picture: every value with a name, painted by its verdict, the guilty edge in red. It has `.save(path)`.

        With `values` it has the numbers, yours beside the true ones where they differ: all of them when they are few,
        else their statistics.
        """
        return picture(self, self.findings, values)

    def __bool__(self) -> bool:
        """Whether all is right. In `assert check` a check that is not raises the report as the assertion's message."""
        __tracebackhide__ = True  # pytest shows the line of the assert, and not this one
        if not self.ok and is_asserted(sys._getframe(1)):
            raise AssertionError(str(self))
        return self.ok


def is_asserted(frame: Any) -> bool:
    """Whether a frame is at a statement `assert x`, where x is a value and no formula."""
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    if not line.startswith("assert"):
        return False
    try:
        (statement,) = ast.parse(line).body
    except (SyntaxError, ValueError):
        return False
    if not isinstance(statement, ast.Assert):
        return False
    test = statement.test
    if isinstance(test, ast.Call):  # any(checks) and bool(check) ask, and decide later
        return not (isinstance(test.func, ast.Name) and hasattr(builtins, test.func.id))
    return isinstance(test, ast.Name | ast.Attribute | ast.Subscript)
