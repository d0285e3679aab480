"""Programs as files of their own, as a person's are."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from tinygrad_scratch import verify


def module_of(file: Path, source: str) -> Any:
    """The module that a text makes, written to a file and imported under its name; it stays in sys.modules."""
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def edited(file: Path, program: str, right: str, wrong: str) -> tuple[Any, int]:
    """The check of a program with one text in the place of another, and the line of that."""
    assert program.count(right) == 1
    check = module_of(file, program.replace(right, wrong)).check(verify)
    return check, program[: program.index(right)].count("\n") + 1
