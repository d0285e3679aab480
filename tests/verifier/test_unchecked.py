"""No change calls compiled code that does not check what it is given: it could kill the process."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.verifier.files import module_of
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite
from tinygrad_scratch.verifier.rewriting.unchecked import Unchecked
from tinygrad_scratch.verifier.running.functions import functions_of

PROGRAM = """
import math

import numpy as np
import rough_tables


def marks(rows):
    return rough_tables.spread(rows)


def more_marks(rows):
    return 2 * marks(rows)


def bent(v):
    return np.tanh(v) + math.pi


def slope(g, rows):
    d = g * bent(g)
    e = g * more_marks(rows)
    return d + e
"""


@pytest.fixture
def rough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package that is installed, and knows nothing of what it is given."""
    package = tmp_path / "site-packages" / "rough_tables.py"
    package.parent.mkdir()
    package.write_text("def spread(rows):\n    return rows\n")
    monkeypatch.syspath_prepend(str(package.parent))
    module: ModuleType = module_of(tmp_path / "uses_rough_tables.py", PROGRAM)
    return module


def test_what_leads_there_is_known(rough: ModuleType) -> None:
    names = Unchecked(functions_of([vars(rough)])).names
    assert {"rough_tables", "marks", "more_marks", "slope"} <= names
    assert names.isdisjoint({"bent", "np", "math"})


def test_changes_of_such_statements_are_refused(rough: ModuleType) -> None:
    file, unchecked = str(rough.__file__), Unchecked(functions_of([vars(rough)]))
    line_of = {name: PROGRAM[: PROGRAM.index(name)].count("\n") + 1 for name in ("d = g", "e = g")}
    assert not unchecked.calls(file, Rewrite(line_of["d = g"], 0, 0, "bent(g) * g", "wrong-operand", ""))
    assert unchecked.calls(file, Rewrite(line_of["d = g"], 0, 0, "marks(g)", "wrong-operand", ""))
    assert unchecked.calls(file, Rewrite(line_of["e = g"], 0, 0, "d", "wrong-operand", ""))


def test_of_other_programs_the_names_say_nothing(rough: ModuleType, tmp_path: Path) -> None:
    other = module_of(tmp_path / "smooth.py", "def slope(v):\n    return v\n")
    assert not Unchecked(functions_of([vars(other)])).names
    assert "slope" in Unchecked(functions_of([vars(rough)])).names


def test_what_a_script_imported_is_known_once_its_names_are_gone(rough: ModuleType) -> None:
    own = functions_of([vars(rough)])
    del vars(rough)["rough_tables"], vars(rough)["np"]
    assert {"rough_tables", "marks", "more_marks", "slope"} <= Unchecked(own).names
